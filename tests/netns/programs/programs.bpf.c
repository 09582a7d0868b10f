// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Gives packets to the slave that the settings name, or out of the other of two ports. */
#include <polycube/cube.h>
#include <polycube/egress.h>
#include <polycube/programs.h>
#include "abi.h"

PCN_ARRAY(settings, struct settings, 1);
PCN_ARRAY(own, struct count, 1);
PCN_ARRAY(total, struct count, 1) PCN_SHARED;

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 zero = 0;
	struct settings *now = bpf_map_lookup_elem(&settings, &zero);
	struct count *count = bpf_map_lookup_elem(&own, &zero);

	if (!now || !count)
		return RX_ERROR;
	__sync_fetch_and_add(&count->packets, 1);
	if (!now->first)
		return pcn_pkt_redirect(ctx, md, md->in_port ^ 1);
	call_ingress_program(ctx, now->first);
	return RX_DROP;
}

static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 zero = 0;
	struct settings *now = bpf_map_lookup_elem(&settings, &zero);

	if (!now)
		return RX_ERROR;
	if (!now->last)
		return RX_OK;
	call_egress_program(ctx, now->last);
	return RX_DROP;
}
