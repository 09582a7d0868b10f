/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * What is in a packet: where its headers are and what they say about each other, found once, layer by layer.
 *
 *	struct pcn_packet packet;
 *	struct iphdr *ip;
 *
 *	if (pcn_parse(ctx, &packet))
 *		return RX_DROP;
 *	ip = pcn_ipv4(ctx, &packet);
 *	if (ip && ip->ttl > 1 && packet.destination_port == 53)
 *		...
 *
 * pcn_parse() does all layers; a cube that decides earlier calls pcn_parse_l2(), pcn_parse_l3() and pcn_parse_l4() one
 * after the other, as far as it needs. Everything is inlined, so what is not used costs nothing. A packet that contradicts
 * itself is PCN_MALFORMED, and then nothing about the layer that said so may be used.
 *
 * The accessors give checked pointers into the packet, or NULL where the packet has no such header. On TC the parse
 * functions make the headers that they find linear, which ends the life of pointers from before; accessors never do, so
 * several of their pointers can be used side by side.
 *
 * Not looked at: checksums, IP options, and what is behind the third VLAN tag or inside of tunnels and ESP.
 *
 * Sources: IEEE Std 802.1Q-2022, 9; RFC 826 (ARP), 791 (IPv4), 1858 (fragments that cut the transport header off),
 * 8200 (IPv6), 2675 (jumbograms), 6946 (atomic fragments), 7112 (first fragments have all headers), 4302 (AH).
 *
 * Included after cube.h or transparent.h by the cubes that need it.
 */
#ifndef POLYCUBE_PARSE_H
#define POLYCUBE_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <polycube/hook.h>

/** VLAN tags that are looked at. */
#define PCN_MAX_TAGS 2
#define PCN_MAX_EXTENSIONS \
	8 /* IPv6 extension headers; a packet with more is malformed (RFC 8504, 5.3 allows a limit) */
#define PCN_MAX_OFFSET 0x7fff /* beyond what that many headers can reach; bounds offsets for the verifier */

/** The id in the control information of a tag. */
#define PCN_VLAN_ID_MASK 0x0fff
#define PCN_FRAGMENT_OFFSET 0x1fff /* in iphdr.frag_off */
#define PCN_MORE_FRAGMENTS 0x2000
#define PCN_IPV6_FRAGMENT_OFFSET 0xfff8 /* in pcn_ipv6_fragment.offset */
#define PCN_IPV6_MORE_FRAGMENTS 0x0001

/** What the parse functions return. */
enum pcn_parsed {
	PCN_PARSED = 0, /**< so far as it was looked at */
	PCN_MALFORMED = -1, /**< it contradicts itself */
};

/** Which part of an IP packet a packet is. */
enum pcn_fragment {
	PCN_WHOLE = 0, /**< of a packet that is not fragmented */
	PCN_FIRST_FRAGMENT = 1, /**< has the transport header */
	PCN_LATER_FRAGMENT = 2, /**< has none */
};

/** Numbers are in host byte order; offsets count from the Ethernet header. */
struct pcn_packet {
	/* pcn_parse_l2 */
	__u16 ethertype; /**< behind the tags; below 0x600: the length of an IEEE 802.3 frame */
	__u16 l3; /**< offset of what the tags and the type are in front of */
	__u16 vlan_id[PCN_MAX_TAGS]; /**< outermost first; 0 is a priority tag */
	__u8 tags; /**< how many, with the one that a device took out (TC) */
	/* pcn_parse_l3, IP only */
	__u8 fragment; /**< enum pcn_fragment; of IPv6 after pcn_parse_l4 */
	__u8 protocol; /**< IPPROTO_ behind the IP header; after pcn_parse_l4: behind IPv6 extension headers, too */
	__u32 end; /**< offset of the first byte behind the IP packet: a frame may be padded */
	/* pcn_parse_l4 */
	__u16 l4; /**< offset of the transport header, 0: there is none */
	__u16 source_port; /**< TCP, UDP and SCTP, else 0 */
	__u16 destination_port; /**< the same */
};

/** A VLAN tag, behind the type that announces it. */
struct pcn_vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

/** ARP between Ethernet and IPv4. */
struct pcn_arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_size;
	__u8 protocol_size;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender_ip[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target_ip[4];
};
PCN_ASSERT(sizeof(struct pcn_arp) == 28, "as on the wire");

/** Common header of SCTP. */
struct pcn_sctp {
	__be16 source;
	__be16 dest;
	__be32 verification_tag;
	__be32 checksum;
};

/** ICMP and ICMPv6. (linux/icmp.h needs a C library for the target.) */
struct pcn_icmp {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	union {
		__be32 rest;
		struct {
			__be16 identifier;
			__be16 sequence;
		};
	};
};

/* What all IPv6 extension headers begin with; `offset` is of the fragment header. */
struct pcn_ipv6_extension {
	__u8 next;
	__u8 length;
	__be16 offset;
};

/** Pointer to `size` bytes of the packet that can be accessed directly, or NULL. `size` is constant. */
static __always_inline void *pcn_at(struct CTXTYPE *ctx, __u32 offset, __u32 size)
{
	void *header = (void *)(long)ctx->data;
	__u64 distance = offset;

	/* Assembly, because the compiler would drop a bound that it can prove, and compare another pointer than it returns. */
	asm volatile("" : "+r"(distance));
	if (unlikely(distance > PCN_MAX_OFFSET))
		return NULL;
	asm volatile("%[header] += %[distance]" : [header] "+r"(header) : [distance] "r"(distance));
	return header + size > (void *)(long)ctx->data_end ? NULL : header;
}

/** The same; on TC, bytes that the packet has elsewhere are fetched, and all pointers from before are void. */
static __always_inline void *pcn_fetch(struct CTXTYPE *ctx, __u32 offset, __u32 size)
{
	void *header = pcn_at(ctx, offset, size);

#ifndef POLYCUBE_XDP
	if (unlikely(!header) && offset + size <= ctx->len && !bpf_skb_pull_data(ctx, offset + size))
		header = pcn_at(ctx, offset, size);
#endif
	return header;
}

/** Copies bytes out of the packet, wherever they are. Negative when there are not that many. */
static __always_inline long pcn_load(struct CTXTYPE *ctx, __u32 offset, void *to, __u32 size)
{
#ifdef POLYCUBE_XDP
	return bpf_xdp_load_bytes(ctx, offset, to, size);
#else
	return bpf_skb_load_bytes(ctx, offset, to, size);
#endif
}

/** Bytes of the frame. 64 bits wide, since the verifier wants that of a difference of pointers. */
static __always_inline __u64 pcn_frame_length(struct CTXTYPE *ctx)
{
	__u64 length;

#ifdef POLYCUBE_XDP
	length = (void *)(long)ctx->data_end - (void *)(long)ctx->data;
	asm volatile("" : "+r"(length));
#else
	length = ctx->len;
#endif
	return length;
}

/*
 * The same number, of which the verifier knows nothing any more, so that it goes once through what follows and not once for
 * each value that can come here. It keeps no account of what is stored off the eight byte boundaries of the stack.
 */
static __always_inline __u32 pcn_forget(__u32 number)
{
	volatile __u32 pair[2] __attribute__((aligned(8)));

	asm volatile("" : : "r"(pair));
	pair[1] = number;
	return pair[1];
}

static __always_inline int pcn_is_tag(__u16 ethertype)
{
	return ethertype == ETH_P_8021Q || ethertype == ETH_P_8021AD;
}

static __always_inline enum pcn_parsed pcn_parse_tag(struct CTXTYPE *ctx, struct pcn_packet *packet, __u32 number)
{
	struct pcn_vlan_tag *tag;

	if (!pcn_is_tag(packet->ethertype))
		return PCN_PARSED;
	tag = pcn_fetch(ctx, packet->l3, sizeof(*tag));
	if (unlikely(!tag))
		return PCN_MALFORMED;
	packet->vlan_id[number] = bpf_ntohs(tag->tci) & PCN_VLAN_ID_MASK;
	packet->ethertype = bpf_ntohs(tag->ethertype);
	packet->l3 = pcn_forget(packet->l3 + sizeof(*tag));
	packet->tags = number + 1;
	return PCN_PARSED;
}

/** Ethernet and VLAN tags. */
static __always_inline enum pcn_parsed pcn_parse_l2(struct CTXTYPE *ctx, struct pcn_packet *packet)
{
	struct ethhdr *ethernet;

	__builtin_memset(packet, 0, sizeof(*packet));
	ethernet = pcn_fetch(ctx, 0, sizeof(*ethernet));
	if (unlikely(!ethernet))
		return PCN_MALFORMED;
	packet->ethertype = bpf_ntohs(ethernet->h_proto);
	packet->l3 = sizeof(*ethernet);
#ifndef POLYCUBE_XDP
	if (ctx->vlan_present) {
		packet->vlan_id[0] = ctx->vlan_tci & PCN_VLAN_ID_MASK;
		packet->tags = 1;
		return pcn_parse_tag(ctx, packet, 1);
	}
#endif
	if (pcn_parse_tag(ctx, packet, 0))
		return PCN_MALFORMED;
	return packet->tags ? pcn_parse_tag(ctx, packet, 1) : PCN_PARSED;
}

static __always_inline enum pcn_parsed pcn_parse_ipv4(struct CTXTYPE *ctx, struct pcn_packet *packet)
{
	struct iphdr *ip = pcn_fetch(ctx, packet->l3, sizeof(*ip));
	__u64 header, total, room = pcn_frame_length(ctx) - packet->l3;
	__u16 fragment;

	if (unlikely(!ip || ip->version != 4))
		return PCN_MALFORMED;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
#ifndef POLYCUBE_XDP
	/* A batch of TCP segments that the kernel has merged to more than the field can say. */
	if (unlikely(!total && ctx->gso_size))
		total = room;
#endif
	if (unlikely(header < sizeof(*ip) || total < header || total > room))
		return PCN_MALFORMED;
	fragment = bpf_ntohs(ip->frag_off);
	if (unlikely(fragment & PCN_FRAGMENT_OFFSET))
		packet->fragment = PCN_LATER_FRAGMENT;
	else if (unlikely(fragment & PCN_MORE_FRAGMENTS))
		packet->fragment = PCN_FIRST_FRAGMENT;
	packet->protocol = ip->protocol;
	packet->l4 = packet->l3 + header;
	packet->end = packet->l3 + total;
	return PCN_PARSED;
}

static __always_inline enum pcn_parsed pcn_parse_ipv6(struct CTXTYPE *ctx, struct pcn_packet *packet)
{
	struct ipv6hdr *ip = pcn_fetch(ctx, packet->l3, sizeof(*ip));
	__u64 payload, room = pcn_frame_length(ctx) - packet->l3 - sizeof(*ip);

	if (unlikely(!ip || ip->version != 6))
		return PCN_MALFORMED;
	payload = bpf_ntohs(ip->payload_len);
	/* A jumbogram has its length in a hop-by-hop option, which is not read: the frame's says the same. */
	if (unlikely(!payload && ip->nexthdr == IPPROTO_HOPOPTS))
		payload = room;
	if (unlikely(payload > room))
		return PCN_MALFORMED;
	packet->protocol = ip->nexthdr;
	packet->l4 = packet->l3 + sizeof(*ip);
	packet->end = packet->l4 + payload;
	return PCN_PARSED;
}

static __always_inline int pcn_is_arp_for_ipv4(const struct pcn_arp *arp)
{
	return arp->hardware == bpf_htons(1) && arp->protocol == bpf_htons(ETH_P_IP) &&
	       arp->hardware_size == ETH_ALEN && arp->protocol_size == 4;
}

static __always_inline enum pcn_parsed pcn_parse_arp(struct CTXTYPE *ctx, struct pcn_packet *packet)
{
	struct pcn_arp *arp = pcn_fetch(ctx, packet->l3, __builtin_offsetof(struct pcn_arp, sender_mac));

	if (unlikely(!arp))
		return PCN_MALFORMED;
	if (pcn_is_arp_for_ipv4(arp) && unlikely(!pcn_fetch(ctx, packet->l3, sizeof(*arp))))
		return PCN_MALFORMED;
	return PCN_PARSED;
}

/** ARP, IPv4 and the fixed header of IPv6, after pcn_parse_l2; of other protocols nothing is looked at. */
static __always_inline enum pcn_parsed pcn_parse_l3(struct CTXTYPE *ctx, struct pcn_packet *packet)
{
	switch (packet->ethertype) {
	case ETH_P_IP:
		return pcn_parse_ipv4(ctx, packet);
	case ETH_P_IPV6:
		return pcn_parse_ipv6(ctx, packet);
	case ETH_P_ARP:
		return pcn_parse_arp(ctx, packet);
	default:
		return PCN_PARSED;
	}
}

static __always_inline int pcn_is_extension(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
	       protocol == IPPROTO_AH || protocol == IPPROTO_DSTOPTS;
}

/*
 * To the first header that is no extension, or into a later fragment. The headers are copied out by a helper: they are
 * rare, and the verifier would follow packet pointers through every combination of them.
 */
static __always_inline enum pcn_parsed pcn_skip_extensions(struct CTXTYPE *ctx, struct pcn_packet *packet)
{
	__u32 count = 0;

	if (!pcn_is_extension(packet->protocol))
		return PCN_PARSED;
	while (pcn_is_extension(packet->protocol)) {
		struct pcn_ipv6_extension extension;
		__u32 size;

		if (count++ == PCN_MAX_EXTENSIONS || pcn_load(ctx, packet->l4, &extension, sizeof(extension)))
			return PCN_MALFORMED;
		size = (extension.length + 1) * 8;
		if (packet->protocol == IPPROTO_AH) {
			size = (extension.length + 2) * 4;
		} else if (packet->protocol == IPPROTO_FRAGMENT) {
			size = 8;
			extension.offset = bpf_ntohs(extension.offset);
			if (extension.offset & PCN_IPV6_FRAGMENT_OFFSET)
				packet->fragment = PCN_LATER_FRAGMENT;
			else if (extension.offset & PCN_IPV6_MORE_FRAGMENTS)
				packet->fragment = PCN_FIRST_FRAGMENT;
		}
		packet->protocol = extension.next;
		packet->l4 += size;
		if (packet->l4 > packet->end)
			return PCN_MALFORMED;
		if (packet->fragment == PCN_LATER_FRAGMENT)
			break;
	}
	packet->l4 = pcn_forget(packet->l4);
	return PCN_PARSED;
}

/* A transport header of at least `size` bytes, which is constant, or NULL. */
static __always_inline void *pcn_fetch_l4(struct CTXTYPE *ctx, struct pcn_packet *packet, __u32 size)
{
	return packet->l4 + size > packet->end ? NULL : pcn_fetch(ctx, packet->l4, size);
}

static __always_inline enum pcn_parsed pcn_parse_tcp(struct CTXTYPE *ctx, struct pcn_packet *packet)
{
	struct tcphdr *tcp = pcn_fetch_l4(ctx, packet, sizeof(*tcp));
	__u32 header;

	if (unlikely(!tcp))
		return PCN_MALFORMED;
	header = tcp->doff * 4;
	if (unlikely(header < sizeof(*tcp) || packet->l4 + header > packet->end))
		return PCN_MALFORMED;
	packet->source_port = bpf_ntohs(tcp->source);
	packet->destination_port = bpf_ntohs(tcp->dest);
	return PCN_PARSED;
}

static __always_inline enum pcn_parsed pcn_parse_udp(struct CTXTYPE *ctx, struct pcn_packet *packet)
{
	struct udphdr *udp = pcn_fetch_l4(ctx, packet, sizeof(*udp));
	__u32 length;

	if (unlikely(!udp))
		return PCN_MALFORMED;
	length = bpf_ntohs(udp->len);
	/* The length is that of all fragments. A jumbogram has 0 (RFC 2675, 4). */
	if (unlikely(length < sizeof(*udp) && (length || packet->end - packet->l4 <= 0xffff)))
		return PCN_MALFORMED;
	if (unlikely(packet->l4 + length > packet->end && packet->fragment == PCN_WHOLE))
		return PCN_MALFORMED;
	packet->source_port = bpf_ntohs(udp->source);
	packet->destination_port = bpf_ntohs(udp->dest);
	return PCN_PARSED;
}

static __always_inline enum pcn_parsed pcn_parse_sctp(struct CTXTYPE *ctx, struct pcn_packet *packet)
{
	struct pcn_sctp *sctp = pcn_fetch_l4(ctx, packet, sizeof(*sctp));

	if (unlikely(!sctp))
		return PCN_MALFORMED;
	packet->source_port = bpf_ntohs(sctp->source);
	packet->destination_port = bpf_ntohs(sctp->dest);
	return PCN_PARSED;
}

/** IPv6 extension headers and the transport header, after pcn_parse_l3. */
static __always_inline enum pcn_parsed pcn_parse_l4(struct CTXTYPE *ctx, struct pcn_packet *packet)
{
	if (packet->ethertype == ETH_P_IPV6 && unlikely(pcn_skip_extensions(ctx, packet)))
		return PCN_MALFORMED;
	if (unlikely(packet->fragment == PCN_LATER_FRAGMENT))
		packet->l4 = 0;
	if (!packet->l4)
		return PCN_PARSED;
	switch (packet->protocol) {
	case IPPROTO_TCP:
		return pcn_parse_tcp(ctx, packet);
	case IPPROTO_UDP:
		return pcn_parse_udp(ctx, packet);
	case IPPROTO_SCTP:
		return pcn_parse_sctp(ctx, packet);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return pcn_fetch_l4(ctx, packet, sizeof(struct pcn_icmp)) ? PCN_PARSED : PCN_MALFORMED;
	default:
		return PCN_PARSED;
	}
}

/** All layers. */
static __always_inline enum pcn_parsed pcn_parse(struct CTXTYPE *ctx, struct pcn_packet *packet)
{
	if (pcn_parse_l2(ctx, packet) || pcn_parse_l3(ctx, packet) || pcn_parse_l4(ctx, packet))
		return PCN_MALFORMED;
	return PCN_PARSED;
}

/** After pcn_parse_l2. */
static __always_inline struct ethhdr *pcn_ethernet(struct CTXTYPE *ctx)
{
	return pcn_at(ctx, 0, sizeof(struct ethhdr));
}

/** After pcn_parse_l3. */
static __always_inline struct pcn_arp *pcn_arp(struct CTXTYPE *ctx, const struct pcn_packet *packet)
{
	struct pcn_arp *arp = packet->ethertype == ETH_P_ARP ? pcn_at(ctx, packet->l3, sizeof(*arp)) : NULL;

	return arp && pcn_is_arp_for_ipv4(arp) ? arp : NULL;
}

/** After pcn_parse_l3; NULL when the packet is not IPv4. */
static __always_inline struct iphdr *pcn_ipv4(struct CTXTYPE *ctx, const struct pcn_packet *packet)
{
	return packet->ethertype == ETH_P_IP ? pcn_at(ctx, packet->l3, sizeof(struct iphdr)) : NULL;
}

/** After pcn_parse_l3; NULL when the packet is not IPv6. */
static __always_inline struct ipv6hdr *pcn_ipv6(struct CTXTYPE *ctx, const struct pcn_packet *packet)
{
	return packet->ethertype == ETH_P_IPV6 ? pcn_at(ctx, packet->l3, sizeof(struct ipv6hdr)) : NULL;
}

/* After pcn_parse_l4. */
static __always_inline void *pcn_transport(struct CTXTYPE *ctx, const struct pcn_packet *packet, __u8 protocol,
					   __u32 size)
{
	return packet->l4 && packet->protocol == protocol ? pcn_at(ctx, packet->l4, size) : NULL;
}

/** After pcn_parse_l4, as its likes below: NULL when the packet has no such header. */
static __always_inline struct tcphdr *pcn_tcp(struct CTXTYPE *ctx, const struct pcn_packet *packet)
{
	return pcn_transport(ctx, packet, IPPROTO_TCP, sizeof(struct tcphdr));
}

/** See pcn_tcp. */
static __always_inline struct udphdr *pcn_udp(struct CTXTYPE *ctx, const struct pcn_packet *packet)
{
	return pcn_transport(ctx, packet, IPPROTO_UDP, sizeof(struct udphdr));
}

/** See pcn_tcp. */
static __always_inline struct pcn_sctp *pcn_sctp(struct CTXTYPE *ctx, const struct pcn_packet *packet)
{
	return pcn_transport(ctx, packet, IPPROTO_SCTP, sizeof(struct pcn_sctp));
}

/** See pcn_tcp; for IPv4. */
static __always_inline struct pcn_icmp *pcn_icmp(struct CTXTYPE *ctx, const struct pcn_packet *packet)
{
	return pcn_transport(ctx, packet, IPPROTO_ICMP, sizeof(struct pcn_icmp));
}

/** See pcn_tcp; for IPv6. */
static __always_inline struct pcn_icmp *pcn_icmpv6(struct CTXTYPE *ctx, const struct pcn_packet *packet)
{
	return pcn_transport(ctx, packet, IPPROTO_ICMPV6, sizeof(struct pcn_icmp));
}

/** Whether the packet says from and to which port it is: later fragments do not. */
static __always_inline int pcn_has_ports(const struct pcn_packet *packet)
{
	return packet->l4 &&
	       (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_SCTP);
}

#endif
