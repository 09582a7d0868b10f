/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Element of the table `rules`, whose key is the rule's number. */
#ifndef PBFORWARDER_ABI_H
#define PBFORWARDER_ABI_H

#include <polycube/rules_abi.h>

#define RULES 8192

enum {
	ACTION_DROP = 0,
	ACTION_SLOWPATH = 1,
	ACTION_FORWARD = 2
}; /* as in the model */

/* An IPv4 address is at the beginning; 0 is the version of what is not IP. */
struct ip_match {
	__u8 address[16];
	__u8 version;
};

#define NO_VLAN 0xffff /* of an untagged packet; no VLAN has this id */
#define NO_PORT 0xffffffff /* of a packet without ports */

/* What of a packet is compared. */
struct match {
	__u32 src_port; /* host byte order */
	__u32 dst_port;
	__u16 vlan; /* host byte order */
	__u16 in_port;
	__u8 src_mac[6];
	__u8 dst_mac[6];
	struct ip_match src_ip;
	struct ip_match dst_ip;
	__u8 l4_proto; /* 0 of what is not IP; no rule has this one */
	__u8 reserved[5];
};
PCN_ASSERT(sizeof(struct match) == PCN_MATCH_SIZE, "as all matches");
PCN_ASSERT(__builtin_offsetof(struct match, src_ip) == 24, "no padding in front");
PCN_ASSERT(__builtin_offsetof(struct match, l4_proto) == 58, "no padding in between");

struct port_range {
	__u32 first;
	__u32 last;
};

struct rule {
	struct match value;
	struct match mask;
	struct port_range src_port;
	struct port_range dst_port;
	__u16 action;
	__u16 out_port; /* port index */
	__u32 reserved;
};
PCN_ASSERT(sizeof(struct rule) == 2 * PCN_MATCH_SIZE + 24, "no padding");

/* Why packets are dropped when no rule says so; names are in pbforwarder.yang. */
enum drop {
	DROP_MALFORMED, /* headers are cut off */
	DROP_NO_RULE,
};

#endif
