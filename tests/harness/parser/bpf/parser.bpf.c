// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Says what the SDK's headers find in a packet, after it was changed with them as its table orders. */
#include <polycube/cube.h>
#include <polycube/parse.h>
#include <polycube/checksum.h>
#include <polycube/vlan.h>
#include "abi/parser.h"

PCN_ARRAY(order, struct order, 1);
PCN_ARRAY(parsed, struct parsed, 1);

static __always_inline int cut(struct CTXTYPE *ctx, __u32 length)
{
#ifdef POLYCUBE_XDP
	return bpf_xdp_adjust_tail(ctx, (int)(length - pcn_frame_length(ctx)));
#else
	return bpf_skb_change_tail(ctx, length, 0);
#endif
}

static __always_inline int obey(struct CTXTYPE *ctx, const struct order *order)
{
	__u32 offset = order->offset, flags = order->flags;
	__be32 old = order->old, value = order->value;

	switch (order->operation) {
	case PARSER_CUT:
		return cut(ctx, value);
	case PARSER_PUSH_TAG:
		return pcn_vlan_push_tag(ctx, order->protocol, value);
	case PARSER_POP_TAG:
		return pcn_vlan_pop_tag(ctx);
	case PARSER_L3_CHECKSUM:
		return pcn_l3_csum_replace(ctx, offset, old, value, flags);
	case PARSER_L4_CHECKSUM:
		return pcn_l4_csum_replace(ctx, offset, old, value, flags);
	case PARSER_DIFFERENCE:
		return pcn_l4_csum_replace(ctx, offset, 0, pcn_csum_diff(&old, sizeof(old), &value, sizeof(value), 0),
					   flags);
	default:
		return 0;
	}
}

#define SAMPLE(name, bit)                                        \
	do {                                                     \
		__u8 *header = (__u8 *)pcn_##name(ctx, &packet); \
		if (header) {                                    \
			out->headers |= PARSER_##bit;            \
			out->sampled += *header;                 \
		}                                                \
	} while (0)

static __always_inline void note_packet(struct CTXTYPE *ctx, struct parsed *out)
{
	struct pcn_packet packet;

	out->layers = 0;
	if (!pcn_parse_l2(ctx, &packet)) {
		out->layers = 1;
		if (!pcn_parse_l3(ctx, &packet)) {
			out->layers = 2;
			if (!pcn_parse_l4(ctx, &packet))
				out->layers = 3;
		}
	}
	out->ethertype = packet.ethertype;
	out->l3 = packet.l3;
	out->tag_ids[0] = packet.vlan_id[0];
	out->tag_ids[1] = packet.vlan_id[1];
	out->tags = packet.tags;
	out->fragment = packet.fragment;
	out->protocol = packet.protocol;
	out->end = packet.end;
	out->l4 = packet.l4;
	out->source_port = packet.source_port;
	out->destination_port = packet.destination_port;
	if (out->layers > 1) {
		SAMPLE(arp, ARP);
		SAMPLE(ipv4, IPV4);
		SAMPLE(ipv6, IPV6);
	}
	if (out->layers > 2) {
		SAMPLE(tcp, TCP);
		SAMPLE(udp, UDP);
		SAMPLE(icmp, ICMP);
		SAMPLE(icmpv6, ICMPV6);
		SAMPLE(sctp, SCTP);
		if (pcn_has_ports(&packet))
			out->headers |= PARSER_PORTS;
	}
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 zero = 0;
	struct order *what = bpf_map_lookup_elem(&order, &zero);
	struct parsed *out = bpf_map_lookup_elem(&parsed, &zero);

	if (!what || !out)
		return RX_ERROR;
	__builtin_memset(out, 0, sizeof(*out));
	out->tagged = pcn_is_vlan_present(ctx);
	out->vlan_id = pcn_get_vlan_id(ctx);
	out->vlan_protocol = pcn_get_vlan_proto(ctx);
	out->done = obey(ctx, what);
	note_packet(ctx, out);
	return pcn_pkt_redirect(ctx, md, what->outport);
}
