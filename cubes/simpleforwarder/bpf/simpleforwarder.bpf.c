// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Forwards by input port only: one lookup in the table that the model's list `actions` is bound to. */
#define PCN_HEADERS_ONLY 1
#include <polycube/cube.h>
#include <polycube/controller.h>
#include "abi/simpleforwarder.h"

PCN_ARRAY(actions, struct action, PCN_MAX_PORTS);

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 port = md->in_port;
	struct action *entry = bpf_map_lookup_elem(&actions, &port);

	if (entry && entry->action == ACTION_FORWARD)
		return pcn_pkt_redirect(ctx, md, entry->outport);
	if (entry && entry->action == ACTION_SLOWPATH)
		return pcn_pkt_controller(ctx, md, 0);
	return RX_DROP;
}
