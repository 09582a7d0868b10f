// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reads behind the end of the packet while its first port leads nowhere; otherwise shaped like the probe. */
#include <polycube/cube.h>
#include "abi/probe.h"

PCN_ARRAY(rules, struct rule, PCN_MAX_PORTS);
PCN_HASH(notes, __u32, struct note, PROBE_NOTES);

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	if (pcn_config.wires[0].kind == PCN_WIRE_NONE)
		return *(volatile __u32 *)(long)ctx->data;
	return RX_DROP;
}
