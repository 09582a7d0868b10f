// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Drops every packet, or passes it from either of its two ports (indexes 0 and 1) to the other. */
#include <polycube/cube.h>
#include "abi/helloworld.h"

PCN_ARRAY(settings, struct settings, 1);

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 zero = 0;
	struct settings *config = bpf_map_lookup_elem(&settings, &zero);

	if (!config || config->action != ACTION_FORWARD)
		return RX_DROP;
	return pcn_pkt_redirect(ctx, md, !md->in_port);
}
