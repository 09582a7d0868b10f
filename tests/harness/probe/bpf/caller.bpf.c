// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A master that jumps to the slave that its table names, in both directions; transparent with CALLER_TRANSPARENT.
 * With CALLER_TRAP the verifier refuses it at the log level TRACE. */
#ifdef CALLER_TRANSPARENT
#include <polycube/transparent.h>
#else
#include <polycube/cube.h>
#include <polycube/egress.h>
#endif
#include <polycube/programs.h>
#include "abi/programs.h"

PCN_ARRAY(calls, struct call, 2);
PCN_ARRAY(total, struct count, 1) PCN_SHARED;
PCN_ARRAY(own, struct count, 1);

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 key = 0;
	struct call *call = bpf_map_lookup_elem(&calls, &key);
	struct count *seen = bpf_map_lookup_elem(&own, &key);

#ifdef CALLER_TRAP
	if (pcn_config.log_level == 0)
		return *(char *)(long)ctx->data;
#endif
	if (!call || !seen)
		return RX_ERROR;
	__sync_fetch_and_add(&seen->packets, 1);
#ifdef CALLER_TRANSPARENT
	if (!call->index)
		return RX_OK;
#else
	if (!call->index)
		return pcn_pkt_redirect(ctx, md, md->in_port ^ 1);
#endif
	if (call->traffic_class) {
		md->traffic_class = call->traffic_class;
		call_ingress_program_with_metadata(ctx, md, call->index);
	} else if (call->index == 1) {
		call_ingress_program(ctx, 1);
	} else {
		call_ingress_program(ctx, call->index);
	}
	return RX_ERROR;
}

static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 key = 1;
	struct call *call = bpf_map_lookup_elem(&calls, &key);

	if (!call)
		return RX_ERROR;
	if (!call->index)
		return RX_OK;
	if (call->traffic_class) {
		md->traffic_class = call->traffic_class;
		call_egress_program_with_metadata(ctx, md, call->index);
	} else if (call->index == 1) {
		call_egress_program(ctx, 1);
	} else {
		call_egress_program(ctx, call->index);
	}
	return RX_ERROR;
}
