// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Root of the injector device: enters the cube that the packet itself names. Copies of flooded packets come this way
 * (sdk/bpf/polycube/flood.h), and what slow paths send; anything else that arrives here is dropped.
 */
#include <polycube/hook.h>
#include <polycube/vlan.h>

#ifdef POLYCUBE_XDP

/* For the TC program behind this one: copies are to be made. */
static __always_inline int pass_to_flood(struct xdp_md *ctx, const struct pcn_frame_meta *meta)
{
	struct pcn_frame_meta *room;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*room)))
		return PCN_VERDICT_DROP;
	room = (void *)(long)ctx->data_meta;
	if ((void *)(room + 1) > (void *)(long)ctx->data)
		return PCN_VERDICT_DROP;
	*room = *meta;
	return XDP_PASS;
}

SEC(PCN_SECTION)
int pcn_inject(struct xdp_md *ctx)
{
	struct pcn_frame *frame = (void *)(long)ctx->data;
	__u32 zero = 0, trace;
	struct pcn_scratch *scratch = bpf_map_lookup_elem(&pcn_scratch, &zero);
	struct pcn_frame_meta meta = {};

	if (!scratch || (void *)(frame + 1) > (void *)(long)ctx->data_end)
		return PCN_VERDICT_DROP;
	if (frame->protocol != bpf_htons(PCN_FRAME_PROTOCOL))
		return PCN_VERDICT_DROP;
	meta.stage = frame->stage;
	meta.slot = frame->slot;
	meta.port = frame->port;
	meta.group = frame->group;
	meta.traffic_class = frame->traffic_class;
	meta.tag = frame->tag;
	trace = frame->trace;
	if (meta.stage == PCN_STAGE_CUBES)
		return pass_to_flood(ctx, &meta);
	if (bpf_xdp_adjust_head(ctx, sizeof(*frame)))
		return PCN_VERDICT_DROP;
	if (meta.stage == PCN_STAGE_DEVICES)
		return pass_to_flood(ctx, &meta);
	if (meta.tag == PCN_TAG_POP && pcn_vlan_pop_tag(ctx))
		return PCN_VERDICT_DROP;
	if (meta.tag == PCN_TAG_PUSH && pcn_vlan_push_tag(ctx, bpf_htons(ETH_P_8021Q), meta.group))
		return PCN_VERDICT_DROP;
	scratch->in_port = meta.port;
	scratch->trace = trace;
	scratch->traffic_class = meta.traffic_class;
	bpf_tail_call(ctx, &pcn_panel, meta.slot);
	return PCN_VERDICT_DROP;
}

#else

SEC(PCN_SECTION)
int pcn_inject(struct __sk_buff *ctx)
{
	struct pcn_trailer trailer;

	if (ctx->cb[2] == PCN_FRAME_MAGIC) {
		bpf_tail_call(ctx, &pcn_panel, ctx->cb[1]);
		return PCN_VERDICT_DROP;
	}
	if (bpf_skb_load_bytes(ctx, ctx->len - sizeof(trailer), &trailer, sizeof(trailer)) ||
	    trailer.magic != PCN_FRAME_MAGIC || bpf_skb_change_tail(ctx, ctx->len - sizeof(trailer), 0))
		return PCN_VERDICT_DROP;
	ctx->cb[0] = trailer.port;
	ctx->mark = trailer.traffic_class;
	ctx->cb[3] = trailer.trace ? PCN_TRACE_MAGIC : 0;
	ctx->cb[4] = trailer.trace;
	bpf_tail_call(ctx, &pcn_panel, trailer.slot);
	return PCN_VERDICT_DROP;
}

#endif
