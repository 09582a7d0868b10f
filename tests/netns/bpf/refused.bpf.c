// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A fast path that the verifier must refuse: it reads the packet without looking where it ends. */
#include <polycube/cube.h>

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u8 *data = (__u8 *)(long)ctx->data;

	return data[100] == 7 ? RX_DROP : RX_OK;
}
