// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Lets all packets pass. */
#include <polycube/transparent.h>

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	return RX_OK;
}

static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	return RX_OK;
}
