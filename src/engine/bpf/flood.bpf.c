// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Behind the XDP root of the injector device: calls the program that makes the copies of a packet that an XDP cube floods
 * (sdk/bpf/polycube/flood.h), and brings what slow paths of XDP cubes send on to the host in by the device they serve.
 */
#include <polycube/hook.h>

SEC("tc")
int pcn_call_flood(struct __sk_buff *ctx)
{
	struct pcn_frame_meta *meta = (void *)(long)ctx->data_meta;

	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return TC_ACT_SHOT;
	if (meta->stage == PCN_STAGE_HOST) {
		ctx->cb[2] = PCN_LET_GO;
		return bpf_redirect(meta->traffic_class, BPF_F_INGRESS);
	}
	ctx->cb[0] = meta->port;
	ctx->cb[1] = meta->stage;
	ctx->cb[3] = meta->group;
	ctx->cb[4] = meta->tag;
	ctx->mark = meta->traffic_class;
	bpf_tail_call(ctx, &pcn_panel, meta->slot);
	return TC_ACT_SHOT;
}
