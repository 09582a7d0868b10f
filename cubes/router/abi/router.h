/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Elements of the router's tables, and what its fast path says with packets for the slow path.
 *
 * The tables are written by the control plane. An IPv4 address among IPv6 addresses is mapped: ::ffff:10.0.0.1.
 */
#ifndef ROUTER_ABI_H
#define ROUTER_ABI_H

#include <polycube/abi.h>

#define MAX_PREFIXES 131072 /* of each family: 100,000 routes and what the ports' addresses make */
#define MAX_GROUPS 4096 /* different sets of next hops */
#define MAX_HOPS 8 /* next hops of equal cost to one network */
#define MAX_NEIGHBOURS 16384
#define NO_GROUP 0xffffffff
#define ND_ANSWERED 1

struct prefix4 {
	__u32 length;
	__u8 address[4];
};
PCN_ASSERT(sizeof(struct prefix4) == 8, "no padding");

struct prefix6 {
	__u32 length;
	__u8 address[16];
};
PCN_ASSERT(sizeof(struct prefix6) == 20, "no padding");

enum route_kind {
	ROUTE_OWN, /* an address of this router, on `port` */
	ROUTE_BROADCAST, /* the addresses of an IPv4 network that are no station's */
	ROUTE_CONNECTED, /* a network of `port`: the destination is a neighbour */
	ROUTE_GATEWAY, /* by one of the next hops in `group` */
};

struct route {
	__u16 kind; /* enum route_kind */
	__u16 port; /* port index */
	__u32 group; /* index in `groups` */
};
PCN_ASSERT(sizeof(struct route) == 8, "no padding");

/* A neighbour on a port's link: a next hop, and the key of `neighbours`. */
struct hop {
	__u8 address[16];
	__u32 port;
};
PCN_ASSERT(sizeof(struct hop) == 20, "no padding");

struct group {
	__u32 count; /* 1 to MAX_HOPS */
	struct hop hops[MAX_HOPS];
};
PCN_ASSERT(sizeof(struct group) == 4 + 20 * MAX_HOPS, "no padding");

struct neighbour {
	__u8 mac[6];
	__u16 used; /* 1: a packet was sent to it since the control plane looked */
};
PCN_ASSERT(sizeof(struct neighbour) == 8, "no padding");

struct interface {
	__u8 mac[6];
	__u16 mtu; /* bytes of an IP packet */
	__u8 link_local[16]; /* IPv6 address fe80::/64 of the port */
};
PCN_ASSERT(sizeof(struct interface) == 24, "no padding");

/* Reasons of packets for the slow path, and their three words of metadata. Their names are in router.yang. */
enum reason {
	REASON_ARP, /* what a neighbour says about itself */
	REASON_ND, /* the same for IPv6: ND_ANSWERED when the fast path has answered */
	REASON_UNRESOLVED, /* no MAC address: port; group or NO_GROUP (the destination is the neighbour); place in the group */
	REASON_EXPIRED, /* TTL or hop limit used up */
	REASON_NO_ROUTE,
	REASON_TOO_BIG, /* for the port it should leave by: MTU */
	REASON_FRAGMENT, /* the same, but may be cut: MTU */
	REASON_LOCAL, /* for this router, which does not serve this protocol or port */
};

/* Why packets are dropped. Their names are in router.yang. */
enum drop {
	DROP_MALFORMED, /* headers or checksums are wrong */
	DROP_VLAN, /* with a tag: a router's ports have no VLANs */
	DROP_OTHER_MAC, /* for another station */
	DROP_BROADCAST, /* IP to a broadcast or group address, of the link or of a network: not forwarded (RFC 2644) */
	DROP_MARTIAN, /* source or destination that nobody may have (RFC 1812, 5.3.7) */
	DROP_LINK_LOCAL, /* from or to another link (RFC 4291, 2.5.6) */
	DROP_NOT_ASKED, /* ARP or neighbour solicitation for an address that is not this router's */
	DROP_FRAGMENT, /* for this router, which puts nothing together */
	DROP_UNSUPPORTED, /* a protocol or kind of message that nobody here handles */
};

#endif
