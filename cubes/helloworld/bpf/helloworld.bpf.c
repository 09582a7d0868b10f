// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Drops every packet, passes it from either of its two ports (indexes 0 and 1) to the other, or shows it to the slow path. */
#include <polycube/egress.h>
#include <polycube/controller.h>
#include <polycube/log.h>
#include "abi/helloworld.h"

PCN_ARRAY(settings, struct settings, 1);

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 zero = 0;
	struct settings *config = bpf_map_lookup_elem(&settings, &zero);

	if (!config)
		return RX_ERROR;
	pcn_log(ctx, LOG_DEBUG, "packet of %u bytes on port %u", md->packet_len, md->in_port);
	switch (config->action) {
	case ACTION_FORWARD:
		pcn_log(ctx, LOG_TRACE, "it leaves by port %u", !md->in_port);
		return pcn_pkt_redirect(ctx, md, !md->in_port);
	case ACTION_SLOWPATH:
		pcn_log(ctx, LOG_TRACE, "it goes to the slow path");
		return pcn_pkt_controller(ctx, md, 0);
	default:
		pcn_log(ctx, LOG_TRACE, "it is dropped");
		return RX_DROP;
	}
}

/* What leaves, and what the host sends out of the devices behind the ports, passes. */
static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	pcn_log(ctx, LOG_DEBUG, "packet of %u bytes leaves by port %u", md->packet_len, md->in_port);
	return RX_OK;
}
