// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A slave that wants more stack than there is, in two functions that each do with what there is. */
#include <polycube/slave.h>

static __noinline int inner(__u32 value)
{
	volatile char buffer[300];

	for (int i = 0; i < 300; i++)
		buffer[i] = value;
	return buffer[17];
}

static __noinline int outer(__u32 value)
{
	volatile char buffer[300];

	for (int i = 0; i < 300; i++)
		buffer[i] = value;
	return inner(buffer[17]);
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	return outer(md->packet_len) ? RX_DROP : RX_OK;
}
