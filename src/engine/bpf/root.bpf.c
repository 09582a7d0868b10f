// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Attached once to a device and hook: enters what is in the device's panel slot, which is replaced while packets flow. A
 * device whose slot is empty is left to the host.
 */
#include <polycube/hook.h>

const volatile struct pcn_root_config pcn_root_config;

SEC(PCN_SECTION)
int pcn_root(struct CTXTYPE *ctx)
{
	PCN_JUMP(ctx, pcn_root_config.slot);
	return PCN_VERDICT_STACK;
}
