// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Two ports, each leads to the other; what a third one receives is the host's. The table `notes` does nothing but be full
 * soon.
 */
#include <polycube/cube.h>

#define NOTES 4

struct note {
	__u32 text;
};

PCN_HASH(notes, __u32, struct note, NOTES);

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 key = md->in_port;

	if (md->in_port > 1)
		return RX_OK;
	return pcn_pkt_redirect(ctx, md, bpf_map_lookup_elem(&notes, &key) ? 2 : !md->in_port);
}
