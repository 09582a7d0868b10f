// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A slave for both directions that logs what it does; its master logs nothing. */
#include <polycube/slave.h>
#include <polycube/egress_slave.h>
#include <polycube/log.h>

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	pcn_log(ctx, LOG_DEBUG, "it came by port %u", md->in_port);
	pcn_log(ctx, LOG_WARN, "%u bytes", md->packet_len);
	return pcn_pkt_redirect(ctx, md, md->in_port ^ 1);
}

static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	pcn_log(ctx, LOG_INFO, "it leaves by port %u", md->in_port);
	return RX_OK;
}
