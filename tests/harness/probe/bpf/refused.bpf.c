// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reads behind the end of the packet, which the verifier refuses; otherwise shaped like the probe. */
#include <polycube/cube.h>
#include "abi/probe.h"

PCN_ARRAY(rules, struct rule, PCN_MAX_PORTS);
PCN_HASH(notes, __u32, struct note, PROBE_NOTES);

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	return *(volatile __u32 *)(long)ctx->data;
}
