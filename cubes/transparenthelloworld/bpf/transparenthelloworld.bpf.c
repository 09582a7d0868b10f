// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Lets packets pass, drops them, or has the slow path send them on: in each direction what its action says. */
#include <polycube/transparent.h>
#include <polycube/controller.h>
#include "abi/transparenthelloworld.h"

PCN_ARRAY(settings, struct settings, 1);

static __always_inline int act(struct CTXTYPE *ctx, struct pkt_metadata *md, __u32 action)
{
	switch (action) {
	case ACTION_PASS:
		return RX_OK;
	case ACTION_SLOWPATH:
		return pcn_pkt_controller(ctx, md, 0);
	default:
		return RX_DROP;
	}
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 zero = 0;
	struct settings *config = bpf_map_lookup_elem(&settings, &zero);

	return config ? act(ctx, md, config->ingress_action) : RX_ERROR;
}

static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 zero = 0;
	struct settings *config = bpf_map_lookup_elem(&settings, &zero);

	return config ? act(ctx, md, config->egress_action) : RX_ERROR;
}
