// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Router for IPv4 (RFC 1812) and IPv6 (RFC 8200, 4443, 4861): longest prefix, next hop, MAC addresses, in one pass.
 *
 * Requests of neighbours for the router's own addresses are answered in place. What needs time or a packet of another size -
 * resolving a neighbour, ICMP errors, fragments - goes to the slow path unchanged; it sends back in what is to be forwarded.
 */
#include <stddef.h>
/* The verifier allows accesses to the context by constant offsets only: the compiler is not to fold them into pointers. */
#pragma clang attribute push(__attribute__((preserve_static_offset)), apply_to = record)
#include <linux/bpf.h>
#pragma clang attribute pop
#include <polycube/checksum.h>
#include <polycube/controller.h>
#include <polycube/parse.h>
#include "abi/router.h"

#define DEFAULT_TTL 64
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define IP_DONT_FRAGMENT 0x4000
#define ICMP_ECHO_REQUEST 8
#define ICMP_ECHO_REPLY 0
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129
#define ICMPV6_SOLICITATION 135
#define ICMPV6_ADVERTISEMENT 136
#define ND_HOP_LIMIT 255
#define ND_OF_ROUTER_SOLICITED_OVERRIDE bpf_htonl(0xe0000000)

#define LPM_TABLE(name, key_)                         \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);  \
		__uint(max_entries, MAX_PREFIXES);    \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__type(key, key_);                    \
		__type(value, struct route);          \
	} name SEC(".maps")

LPM_TABLE(routes4, struct prefix4);
LPM_TABLE(routes6, struct prefix6);
PCN_ARRAY(groups, struct group, MAX_GROUPS);
PCN_HASH(neighbours, struct hop, struct neighbour, MAX_NEIGHBOURS);
PCN_ARRAY(interfaces, struct interface, PCN_MAX_PORTS);

static __always_inline int same_mac(const __u8 *a, const __u8 *b)
{
	return *(__u16 *)a == *(__u16 *)b && *(__u16 *)(a + 2) == *(__u16 *)(b + 2) &&
	       *(__u16 *)(a + 4) == *(__u16 *)(b + 4);
}

static __always_inline void copy_mac(__u8 *to, const __u8 *from)
{
	*(__u16 *)to = *(__u16 *)from;
	*(__u16 *)(to + 2) = *(__u16 *)(from + 2);
	*(__u16 *)(to + 4) = *(__u16 *)(from + 4);
}

static __always_inline void map_ipv4(__u8 *to, const void *from)
{
	__u32 *words = (__u32 *)to;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	__builtin_memcpy(&words[3], from, 4);
}

static __always_inline struct interface *interface_of(__u32 port)
{
	return bpf_map_lookup_elem(&interfaces, &port);
}

static __always_inline struct route *find_route4(const void *address)
{
	struct prefix4 key = {.length = 32};

	__builtin_memcpy(key.address, address, sizeof(key.address));
	return bpf_map_lookup_elem(&routes4, &key);
}

static __always_inline struct route *find_route6(const void *address)
{
	struct prefix6 key = {.length = 128};

	__builtin_memcpy(key.address, address, sizeof(key.address));
	return bpf_map_lookup_elem(&routes6, &key);
}

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* Back to the station that it came from, with the port's address as source. */
static __always_inline int answer(struct CTXTYPE *ctx, struct pkt_metadata *md, const struct interface *in)
{
	struct ethhdr *ethernet = pcn_ethernet(ctx);

	if (!ethernet)
		return RX_ERROR;
	copy_mac(ethernet->h_dest, ethernet->h_source);
	copy_mac(ethernet->h_source, in->mac);
	return pcn_pkt_redirect(ctx, md, md->in_port);
}

/* ---- ARP (RFC 826) ------------------------------------------------------------------------------------------------ */

static __always_inline int handle_arp(struct CTXTYPE *ctx, struct pkt_metadata *md, struct pcn_packet *packet,
				      const struct interface *in)
{
	struct pcn_arp *arp = pcn_arp(ctx, packet);
	struct hop sender = {.port = md->in_port};
	struct neighbour *known;
	struct route *target;
	__u32 sender_ip, is_own, is_known;

	if (!arp || (arp->sender_mac[0] & 1))
		return pcn_pkt_drop_for(ctx, md, DROP_MALFORMED);
	if (arp->operation == bpf_htons(ARP_REPLY))
		return pcn_pkt_controller(ctx, md, REASON_ARP);
	if (arp->operation != bpf_htons(ARP_REQUEST))
		return pcn_pkt_drop_for(ctx, md, DROP_UNSUPPORTED);
	__builtin_memcpy(&sender_ip, arp->sender_ip, 4);
	map_ipv4(sender.address, arp->sender_ip);
	known = bpf_map_lookup_elem(&neighbours, &sender);
	is_known = known && same_mac(known->mac, arp->sender_mac);
	target = find_route4(arp->target_ip);
	is_own = target && target->kind == ROUTE_OWN && target->port == md->in_port;
	if (!is_own)
		return known && !is_known ? pcn_pkt_controller(ctx, md, REASON_ARP)
					  : pcn_pkt_drop_for(ctx, md, DROP_NOT_ASKED);
	/* A sender of 0.0.0.0 asks whether the address is taken (RFC 5227). */
	if (!is_known && sender_ip)
		pcn_pkt_controller(ctx, md, REASON_ARP);
	arp = pcn_arp(ctx, packet);
	if (!arp)
		return RX_ERROR;
	arp->operation = bpf_htons(ARP_REPLY);
	copy_mac(arp->target_mac, arp->sender_mac);
	copy_mac(arp->sender_mac, in->mac);
	__builtin_memcpy(&sender_ip, arp->sender_ip, 4);
	__builtin_memcpy(arp->sender_ip, arp->target_ip, 4);
	__builtin_memcpy(arp->target_ip, &sender_ip, 4);
	return answer(ctx, md, in);
}

/* ---- forwarding --------------------------------------------------------------------------------------------------- */

/* Spreads the bits of a sum of the flow's fields (the end of MurmurHash3). */
static __always_inline __u32 spread(__u32 hash)
{
	hash ^= hash >> 16;
	hash *= 0x85ebca6b;
	hash ^= hash >> 13;
	hash *= 0xc2b2ae35;
	return hash ^ (hash >> 16);
}

/* Which next hop of a group: packets of a flow take one. Later fragments have no ports, so fragments are told by addresses. */
static __always_inline __u32 choose(struct CTXTYPE *ctx, struct pcn_packet *packet, const struct group *group,
				    __u32 addresses)
{
	__u64 hash = addresses;

	if (group->count == 1)
		return 0;
	if (!pcn_parse_l4(ctx, packet) && packet->fragment == PCN_WHOLE && pcn_has_ports(packet))
		hash ^= ((__u32)packet->source_port << 16 | packet->destination_port) * 0x9e3779b1U;
	return spread(hash ^ packet->protocol) * (__u64)group->count >> 32;
}

/* Length of the largest IP packet that a frame holds: of a batch of segments, that of one. */
static __always_inline __u32 largest(struct CTXTYPE *ctx, struct pcn_packet *packet)
{
#ifndef POLYCUBE_XDP
	if (unlikely(ctx->gso_size)) {
		struct tcphdr *tcp;

		if (pcn_parse_l4(ctx, packet))
			return packet->end - packet->l3;
		tcp = pcn_tcp(ctx, packet);
		return packet->l4 - packet->l3 + (tcp ? tcp->doff * 4 : sizeof(struct udphdr)) + ctx->gso_size;
	}
#endif
	return packet->end - packet->l3;
}

static __always_inline int explain(struct CTXTYPE *ctx, struct pkt_metadata *md, __u16 reason, __u32 word)
{
	const __u32 metadata[3] = {word};

	return pcn_pkt_controller_md(ctx, md, reason, metadata);
}

/* One hop less to live, in the header. */
static __always_inline void age_ipv4(struct iphdr *ip)
{
	__u32 checksum = ip->check;

	/* RFC 1624: the field is the high byte of its word. */
	checksum += bpf_htons(0x0100);
	ip->check = checksum + (checksum >= 0xffff);
	ip->ttl--;
}

static __always_inline void age_ipv6(struct CTXTYPE *ctx, struct ipv6hdr *ip)
{
	__u32 *word = (__u32 *)&ip->payload_len;
	__u32 before = *word, after;

	ip->hop_limit--;
	after = *word;
#ifndef POLYCUBE_XDP
	/* A sum over the packet that a device made: IPv6 has none in its header that would keep it the same. */
	bpf_csum_update(ctx, pcn_csum_diff(&before, 4, &after, 4, 0));
#else
	(void)before, (void)after;
#endif
}

/*
 * `hop` holds the destination's address; `addresses` is a sum of source and destination. Inlined once for each family,
 * which is constant.
 */
static __always_inline int forward(struct CTXTYPE *ctx, struct pkt_metadata *md, struct pcn_packet *packet,
				   const struct route *route, struct hop *hop, __u32 addresses, __u32 may_cut,
				   int is_ipv4)
{
	__u32 index = route->group, place = 0, length;
	const struct hop *next = hop;
	struct neighbour *neighbour;
	struct interface *out;
	struct ethhdr *ethernet;
	struct group *group;
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (route->kind == ROUTE_GATEWAY) {
		group = bpf_map_lookup_elem(&groups, &index);
		if (unlikely(!group))
			return RX_ERROR;
		place = choose(ctx, packet, group, addresses) % MAX_HOPS;
		next = &group->hops[place];
	} else {
		index = NO_GROUP;
		hop->port = route->port;
	}
	out = interface_of(next->port);
	if (unlikely(!out))
		return RX_ERROR;
	length = largest(ctx, packet);
	if (unlikely(length > out->mtu))
		return explain(ctx, md, may_cut ? REASON_FRAGMENT : REASON_TOO_BIG, out->mtu);
	neighbour = bpf_map_lookup_elem(&neighbours, next);
	if (unlikely(!neighbour)) {
		const __u32 metadata[3] = {next->port, index, place};

		return pcn_pkt_controller_md(ctx, md, REASON_UNRESOLVED, metadata);
	}
	if (unlikely(!neighbour->used))
		neighbour->used = 1;
	ethernet = pcn_ethernet(ctx);
	if (!ethernet)
		return RX_ERROR;
	copy_mac(ethernet->h_dest, neighbour->mac);
	copy_mac(ethernet->h_source, out->mac);
	if (is_ipv4) {
		ip = pcn_ipv4(ctx, packet);
		if (!ip)
			return RX_ERROR;
		age_ipv4(ip);
	} else {
		ip6 = pcn_ipv6(ctx, packet);
		if (!ip6)
			return RX_ERROR;
		age_ipv6(ctx, ip6);
	}
	/* The control plane writes ports that there are; the verifier does not know. */
	return pcn_pkt_redirect(ctx, md, next->port % PCN_MAX_PORTS);
}

/* ---- IPv4 --------------------------------------------------------------------------------------------------------- */

/* Whether the header adds up (RFC 1812, 5.2.2). */
static __always_inline int is_sound(struct CTXTYPE *ctx, struct pcn_packet *packet, struct iphdr *ip)
{
	__u32 options[10] = {}, *words = (__u32 *)ip;
	__u64 sum = (__u64)words[0] + words[1] + words[2] + words[3] + words[4];

	if (unlikely(ip->ihl > 5)) {
		__u32 size = (ip->ihl * 4U - 20) & 63;

		asm volatile("" : "+r"(size));
		if (size < 1 || size > sizeof(options) || pcn_load(ctx, packet->l3 + 20, options, size))
			return 0;
		for (int i = 0; i < 10; i++)
			sum += options[i];
	}
	return fold(sum) == 0xffff;
}

/* Sources that nobody may have, and destinations that are not routed (RFC 1812, 5.3.7 and 5.3.4; RFC 6890). */
static __always_inline int is_martian4(__u32 source, __u32 destination)
{
	__u8 from = source >> 24, to = destination >> 24;

	return from == 0 || from == 127 || from >= 224 || to == 0 || to == 127 || to >= 224;
}

static __always_inline int echo4(struct CTXTYPE *ctx, struct pkt_metadata *md, struct pcn_packet *packet,
				 const struct interface *in)
{
	struct iphdr *ip = pcn_ipv4(ctx, packet);
	struct pcn_icmp *icmp = pcn_icmp(ctx, packet);
	__u32 old, new, source;

	if (!ip || !icmp || icmp->type != ICMP_ECHO_REQUEST || icmp->code)
		return pcn_pkt_drop_for(ctx, md, DROP_UNSUPPORTED);
	icmp->type = ICMP_ECHO_REPLY;
	source = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = source;
	old = *(__u16 *)&ip->ttl;
	ip->ttl = DEFAULT_TTL;
	new = *(__u16 *)&ip->ttl;
	if (pcn_l3_csum_replace(ctx, packet->l3 + offsetof(struct iphdr, check), old, new, 2) ||
	    pcn_l4_csum_replace(ctx, packet->l4 + offsetof(struct pcn_icmp, checksum),
				bpf_htons(ICMP_ECHO_REQUEST << 8), bpf_htons(ICMP_ECHO_REPLY << 8), 2))
		return RX_ERROR;
	return answer(ctx, md, in);
}

static __always_inline int local4(struct CTXTYPE *ctx, struct pkt_metadata *md, struct pcn_packet *packet,
				  const struct interface *in)
{
	/* Nothing is put together here: what was cut is not for this router. */
	if (packet->fragment != PCN_WHOLE)
		return pcn_pkt_drop_for(ctx, md, DROP_FRAGMENT);
	if (pcn_parse_l4(ctx, packet))
		return pcn_pkt_drop_for(ctx, md, DROP_MALFORMED);
	if (packet->protocol == IPPROTO_ICMP)
		return echo4(ctx, md, packet, in);
	return pcn_pkt_controller(ctx, md, REASON_LOCAL);
}

static __always_inline int handle_ipv4(struct CTXTYPE *ctx, struct pkt_metadata *md, struct pcn_packet *packet,
				       const struct interface *in)
{
	struct iphdr *ip = pcn_ipv4(ctx, packet);
	struct ethhdr *ethernet = pcn_ethernet(ctx);
	__u32 addresses, may_cut;
	struct route *route;
	struct hop hop;
	__u8 ttl;

	if (!ip || !ethernet || !is_sound(ctx, packet, ip))
		return pcn_pkt_drop_for(ctx, md, DROP_MALFORMED);
	if (ethernet->h_dest[0] & 1)
		return pcn_pkt_drop_for(ctx, md, DROP_BROADCAST);
	if (is_martian4(bpf_ntohl(ip->saddr), bpf_ntohl(ip->daddr)))
		return pcn_pkt_drop_for(ctx, md, DROP_MARTIAN);
	ttl = ip->ttl;
	may_cut = !(ip->frag_off & bpf_htons(IP_DONT_FRAGMENT));
	addresses = ip->saddr * 31 + ip->daddr;
	map_ipv4(hop.address, &ip->daddr);
	route = find_route4(&ip->daddr);
	if (unlikely(!route))
		return pcn_pkt_controller(ctx, md, REASON_NO_ROUTE);
	if (route->kind == ROUTE_OWN)
		return local4(ctx, md, packet, in);
	if (unlikely(route->kind == ROUTE_BROADCAST))
		return pcn_pkt_drop_for(ctx, md, DROP_BROADCAST);
	if (unlikely(ttl <= 1))
		return pcn_pkt_controller(ctx, md, REASON_EXPIRED);
	return forward(ctx, md, packet, route, &hop, addresses, may_cut, 1);
}

/* ---- IPv6 --------------------------------------------------------------------------------------------------------- */

/* A neighbour solicitation or advertisement with the one option that they have as a rule (RFC 4861, 4.3 and 4.4). */
struct nd_message {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 flags;
	__u8 target[16];
	__u8 option;
	__u8 option_length; /* in units of 8 bytes */
	__u8 mac[6];
};
#define ND_SOURCE_OPTION 1
#define ND_TARGET_OPTION 2

struct nd_packet {
	struct ipv6hdr ip;
	struct nd_message nd;
};
PCN_ASSERT(sizeof(struct nd_packet) == 72, "as on the wire");

static __always_inline int is_link_local(const struct in6_addr *address)
{
	return address->s6_addr[0] == 0xfe && (address->s6_addr[1] & 0xc0) == 0x80;
}

/* Unspecified or loopback. */
static __always_inline int is_nowhere(const struct in6_addr *address)
{
	const __be32 *words = address->s6_addr32;

	return !(words[0] | words[1] | words[2] | (words[3] & ~bpf_htonl(1)));
}

static __always_inline int same_address(const void *a, const void *b)
{
	const __u32 *left = a, *right = b;

	return left[0] == right[0] && left[1] == right[1] && left[2] == right[2] && left[3] == right[3];
}

static __always_inline __u16 nd_sum(struct nd_packet *packet)
{
	return fold(pcn_csum_diff(NULL, 0, (__be32 *)&packet->ip.saddr, 32 + sizeof(packet->nd),
				  bpf_htonl(sizeof(packet->nd)) + bpf_htonl(IPPROTO_ICMPV6)));
}

static __always_inline int is_own6(const struct interface *in, __u32 port, const void *address)
{
	struct route *route;

	if (same_address(address, in->link_local))
		return 1;
	route = find_route6(address);
	return route && route->kind == ROUTE_OWN && route->port == port;
}

/* Plain solicitations are answered here; what else is said about neighbours is for the slow path. */
static __always_inline int neighbour_discovery(struct CTXTYPE *ctx, struct pkt_metadata *md, struct pcn_packet *packet,
					       const struct interface *in)
{
	struct nd_packet *all = pcn_at(ctx, packet->l3, sizeof(*all));
	struct hop sender = {.port = md->in_port};
	struct neighbour *known;

	if (!all || all->nd.type != ICMPV6_SOLICITATION || packet->end - packet->l3 != sizeof(*all) ||
	    packet->l4 - packet->l3 != sizeof(struct ipv6hdr) || all->nd.option != ND_SOURCE_OPTION ||
	    all->nd.option_length != 1)
		return pcn_pkt_controller(ctx, md, REASON_ND);
	if ((all->nd.mac[0] & 1) || is_nowhere(&all->ip.saddr) || nd_sum(all) != 0xffff)
		return pcn_pkt_drop_for(ctx, md, DROP_MALFORMED);
	if (!is_own6(in, md->in_port, all->nd.target))
		return pcn_pkt_drop_for(ctx, md, DROP_NOT_ASKED);
	__builtin_memcpy(sender.address, &all->ip.saddr, 16);
	known = bpf_map_lookup_elem(&neighbours, &sender);
	if (!known || !same_mac(known->mac, all->nd.mac))
		explain(ctx, md, REASON_ND, ND_ANSWERED);
	all = pcn_at(ctx, packet->l3, sizeof(*all));
	if (!all)
		return RX_ERROR;
	all->ip.daddr = all->ip.saddr;
	__builtin_memcpy(&all->ip.saddr, all->nd.target, 16);
	all->nd.type = ICMPV6_ADVERTISEMENT;
	all->nd.flags = ND_OF_ROUTER_SOLICITED_OVERRIDE;
	all->nd.option = ND_TARGET_OPTION;
	copy_mac(all->nd.mac, in->mac);
	all->nd.checksum = 0;
	all->nd.checksum = ~nd_sum(all);
	return answer(ctx, md, in);
}

static __always_inline int echo6(struct CTXTYPE *ctx, struct pkt_metadata *md, struct pcn_packet *packet,
				 const struct interface *in)
{
	struct pcn_icmp *icmp = pcn_icmpv6(ctx, packet);
	struct ipv6hdr *ip = pcn_ipv6(ctx, packet);
	struct in6_addr source;

	if (!ip || !icmp || icmp->code || ip->daddr.s6_addr[0] == 0xff)
		return pcn_pkt_drop_for(ctx, md, DROP_UNSUPPORTED);
	icmp->type = ICMPV6_ECHO_REPLY;
	source = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = source;
	ip->hop_limit = DEFAULT_TTL;
	if (pcn_l4_csum_replace(ctx, packet->l4 + offsetof(struct pcn_icmp, checksum),
				bpf_htons(ICMPV6_ECHO_REQUEST << 8), bpf_htons(ICMPV6_ECHO_REPLY << 8), 2))
		return RX_ERROR;
	return answer(ctx, md, in);
}

static __always_inline int local6(struct CTXTYPE *ctx, struct pkt_metadata *md, struct pcn_packet *packet,
				  const struct interface *in, __u8 hop_limit, __u32 is_group)
{
	struct pcn_icmp *icmp;

	if (pcn_parse_l4(ctx, packet))
		return pcn_pkt_drop_for(ctx, md, DROP_MALFORMED);
	if (packet->fragment != PCN_WHOLE)
		return pcn_pkt_drop_for(ctx, md, DROP_FRAGMENT);
	icmp = pcn_icmpv6(ctx, packet);
	if (!icmp)
		return is_group || packet->protocol == IPPROTO_ICMPV6 ? pcn_pkt_drop_for(ctx, md, DROP_UNSUPPORTED)
								      : pcn_pkt_controller(ctx, md, REASON_LOCAL);
	if (icmp->type == ICMPV6_ECHO_REQUEST)
		return echo6(ctx, md, packet, in);
	/* From this link alone, as no router has counted it down. */
	if ((icmp->type != ICMPV6_SOLICITATION && icmp->type != ICMPV6_ADVERTISEMENT) || icmp->code ||
	    hop_limit != ND_HOP_LIMIT)
		return pcn_pkt_drop_for(ctx, md, DROP_UNSUPPORTED);
	return neighbour_discovery(ctx, md, packet, in);
}

static __always_inline int handle_ipv6(struct CTXTYPE *ctx, struct pkt_metadata *md, struct pcn_packet *packet,
				       const struct interface *in)
{
	struct ethhdr *ethernet = pcn_ethernet(ctx);
	struct ipv6hdr *ip = pcn_ipv6(ctx, packet);
	__u32 addresses = 0, from_link;
	struct route *route;
	struct hop hop;
	__u8 hop_limit;

	if (!ip || !ethernet)
		return pcn_pkt_drop_for(ctx, md, DROP_MALFORMED);
	if (ip->saddr.s6_addr[0] == 0xff)
		return pcn_pkt_drop_for(ctx, md, DROP_MARTIAN);
	hop_limit = ip->hop_limit;
	if (ip->daddr.s6_addr[0] == 0xff)
		return local6(ctx, md, packet, in, hop_limit, 1);
	if (ethernet->h_dest[0] & 1)
		return pcn_pkt_drop_for(ctx, md, DROP_BROADCAST);
	if (is_nowhere(&ip->saddr) || is_nowhere(&ip->daddr))
		return pcn_pkt_drop_for(ctx, md, DROP_MARTIAN);
	if (is_link_local(&ip->daddr))
		return same_address(&ip->daddr, in->link_local) ? local6(ctx, md, packet, in, hop_limit, 0)
								: pcn_pkt_drop_for(ctx, md, DROP_LINK_LOCAL);
	from_link = is_link_local(&ip->saddr);
	for (int i = 0; i < 4; i++)
		addresses = addresses * 31 + ip->saddr.s6_addr32[i] + ip->daddr.s6_addr32[i] * 7;
	__builtin_memcpy(hop.address, &ip->daddr, sizeof(hop.address));
	route = find_route6(&ip->daddr);
	if (unlikely(!route))
		return from_link ? pcn_pkt_drop_for(ctx, md, DROP_LINK_LOCAL)
				 : pcn_pkt_controller(ctx, md, REASON_NO_ROUTE);
	if (route->kind == ROUTE_OWN)
		return local6(ctx, md, packet, in, hop_limit, 0);
	if (unlikely(from_link))
		return pcn_pkt_drop_for(ctx, md, DROP_LINK_LOCAL);
	if (unlikely(hop_limit <= 1))
		return pcn_pkt_controller(ctx, md, REASON_EXPIRED);
	return forward(ctx, md, packet, route, &hop, addresses, 0, 0);
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	struct interface *in = interface_of(md->in_port);
	struct pcn_packet packet;
	struct ethhdr *ethernet;

	if (!in)
		return RX_ERROR;
	if (pcn_parse_l2(ctx, &packet))
		return pcn_pkt_drop_for(ctx, md, DROP_MALFORMED);
	if (packet.tags)
		return pcn_pkt_drop_for(ctx, md, DROP_VLAN);
	if (pcn_parse_l3(ctx, &packet))
		return pcn_pkt_drop_for(ctx, md, DROP_MALFORMED);
	ethernet = pcn_ethernet(ctx);
	if (!ethernet)
		return RX_ERROR;
	if (!(ethernet->h_dest[0] & 1) && !same_mac(ethernet->h_dest, in->mac))
		return pcn_pkt_drop_for(ctx, md, DROP_OTHER_MAC);
	switch (packet.ethertype) {
	case ETH_P_IP:
		return handle_ipv4(ctx, md, &packet, in);
	case ETH_P_IPV6:
		return handle_ipv6(ctx, md, &packet, in);
	case ETH_P_ARP:
		return handle_arp(ctx, md, &packet, in);
	default:
		return pcn_pkt_drop_for(ctx, md, DROP_UNSUPPORTED);
	}
}
