// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Between a root and a cube that has many devices: says on which port the packet arrives and enters the cube. A cube with
 * few devices has a program of its own for each of them instead, in which the port is a constant.
 */
#include <polycube/hook.h>

const volatile struct pcn_entry_config pcn_entry_config;

SEC(PCN_SECTION)
int pcn_entry(struct CTXTYPE *ctx)
{
#ifdef POLYCUBE_XDP
	__u32 zero = 0;
	struct pcn_scratch *scratch = bpf_map_lookup_elem(&pcn_scratch, &zero);

	if (!scratch)
		return PCN_VERDICT_DROP;
	scratch->in_port = pcn_entry_config.port;
	scratch->traffic_class = 0;
#else
	if (ctx->cb[2] == PCN_LET_GO) {
		ctx->cb[2] = 0;
		return PCN_VERDICT_STACK;
	}
	ctx->cb[0] = pcn_entry_config.port;
#endif
	PCN_JUMP(ctx, pcn_entry_config.slot);
	return PCN_VERDICT_DROP;
}
