// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Attached once to a device and hook: says on which port of which cube the packet arrives and jumps there.
 *
 * The cube's program is in one of two panel slots of the device. To lead the device elsewhere, the engine fills the slot
 * that is not in use and then replaces `target` by one store, so that no packet meets the new cube with the old port. A
 * device that leads nowhere is left to the host.
 */
#include <polycube/hook.h>

const volatile struct pcn_root_config pcn_root_config;
volatile __u64 pcn_root_target; /* struct pcn_root_target */

SEC(PCN_SECTION)
int pcn_root(struct CTXTYPE *ctx)
{
	__u64 word = pcn_root_target;
	struct pcn_root_target target;

	__builtin_memcpy(&target, &word, sizeof(target));
	if (!target.active)
		return PCN_VERDICT_STACK;
#ifdef POLYCUBE_XDP
	__u32 zero = 0;
	struct pcn_scratch *scratch = bpf_map_lookup_elem(&pcn_scratch, &zero);

	if (!scratch)
		return PCN_VERDICT_STACK;
	scratch->in_port = target.in_port;
	scratch->traffic_class = 0;
#else
	ctx->cb[0] = target.in_port;
#endif
	if (target.entry)
		PCN_JUMP(ctx, pcn_root_config.slots[1]);
	else
		PCN_JUMP(ctx, pcn_root_config.slots[0]);
	return PCN_VERDICT_STACK;
}
