// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Does with each packet what the first rule that it matches says, and drops those that match none. */
#include <polycube/cube.h>
#include <polycube/controller.h>
#include <polycube/parse.h>
#include <polycube/rules.h>
#include "abi/pbforwarder.h"

static __always_inline int accepts(const struct rule *rule, const struct match *packet)
{
	return packet->src_port >= rule->src_port.first && packet->src_port <= rule->src_port.last &&
	       packet->dst_port >= rule->dst_port.first && packet->dst_port <= rule->dst_port.last;
}

PCN_RULES(rules, struct rule, struct match, RULES, accepts);

static __always_inline void describe_ip(struct CTXTYPE *ctx, const struct pcn_packet *packet, struct match *match)
{
	struct ipv6hdr *ip6 = pcn_ipv6(ctx, packet);
	struct iphdr *ip = pcn_ipv4(ctx, packet);

	if (ip) {
		match->src_ip.version = match->dst_ip.version = 4;
		__builtin_memcpy(match->src_ip.address, &ip->saddr, sizeof(ip->saddr));
		__builtin_memcpy(match->dst_ip.address, &ip->daddr, sizeof(ip->daddr));
		match->l4_proto = packet->protocol;
	} else if (ip6) {
		match->src_ip.version = match->dst_ip.version = 6;
		__builtin_memcpy(match->src_ip.address, &ip6->saddr, sizeof(ip6->saddr));
		__builtin_memcpy(match->dst_ip.address, &ip6->daddr, sizeof(ip6->daddr));
		match->l4_proto = packet->protocol;
	}
}

static __always_inline int describe(struct CTXTYPE *ctx, const struct pkt_metadata *md, struct match *match)
{
	struct pcn_packet packet;
	struct ethhdr *ethernet;

	if (pcn_parse(ctx, &packet))
		return -1;
	ethernet = pcn_ethernet(ctx);
	if (!ethernet)
		return -1;
	__builtin_memcpy(match->src_mac, ethernet->h_source, ETH_ALEN);
	__builtin_memcpy(match->dst_mac, ethernet->h_dest, ETH_ALEN);
	match->in_port = md->in_port;
	match->vlan = packet.tags ? packet.vlan_id[0] : NO_VLAN;
	match->src_port = pcn_has_ports(&packet) ? packet.source_port : NO_PORT;
	match->dst_port = pcn_has_ports(&packet) ? packet.destination_port : NO_PORT;
	describe_ip(ctx, &packet, match);
	return 0;
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	struct pcn_rule_search search = {};
	const struct rule *rule;

	if (describe(ctx, md, rules_packet(&search)))
		return pcn_pkt_drop_for(ctx, md, DROP_MALFORMED);
	rule = rules_find(&search);
	if (!rule)
		return pcn_pkt_drop_for(ctx, md, DROP_NO_RULE);
	switch (rule->action) {
	case ACTION_FORWARD:
		return pcn_pkt_redirect(ctx, md, rule->out_port);
	case ACTION_SLOWPATH:
		return pcn_pkt_controller(ctx, md, 0);
	default:
		return RX_DROP;
	}
}
