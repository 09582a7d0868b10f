// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counts packets, and lets them go on. */
#include <polycube/slave.h>
#include <polycube/egress_slave.h>
#include "abi.h"

PCN_ARRAY(steps, struct count, 1);
PCN_ARRAY(total, struct count, 1) PCN_SHARED;
PCN_ARRAY(everybody, struct count, 1) PCN_PUBLIC;

static __always_inline void add_one(void *table)
{
	__u32 zero = 0;
	struct count *count = bpf_map_lookup_elem(table, &zero);

	if (count)
		__sync_fetch_and_add(&count->packets, 1);
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	add_one(&steps);
	add_one(&total);
	add_one(&everybody);
	return pcn_pkt_redirect(ctx, md, md->in_port ^ 1);
}

static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	add_one(&steps);
	add_one(&everybody);
	return RX_OK;
}
