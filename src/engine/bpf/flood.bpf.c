// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Behind the XDP root of the injector device: calls the program that makes the copies of a packet that an XDP cube floods
 * (sdk/bpf/polycube/flood.h).
 */
#include <polycube/hook.h>

SEC("tc")
int pcn_call_flood(struct __sk_buff *ctx)
{
	struct pcn_frame_meta *meta = (void *)(long)ctx->data_meta;

	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return TC_ACT_SHOT;
	ctx->cb[0] = meta->port;
	ctx->cb[1] = meta->stage;
	ctx->mark = meta->traffic_class;
	bpf_tail_call(ctx, &pcn_panel, meta->slot);
	return TC_ACT_SHOT;
}
