/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Elements of the tables of the parser. */
#ifndef PARSER_ABI_H
#define PARSER_ABI_H

#include <polycube/abi.h>

/* What to do with a packet before it is parsed. */
enum parser_operation {
  PARSER_NOTHING,
  PARSER_CUT,      /* to `value` bytes */
  PARSER_PUSH_TAG, /* protocol, value */
  PARSER_POP_TAG,
  PARSER_L3_CHECKSUM, /* offset, old, value, flags */
  PARSER_L4_CHECKSUM,
  PARSER_DIFFERENCE, /* the same with a difference made from old and value */
};

/* The one element of `order`. */
struct order {
  __u32 operation;
  __u32 offset;
  __u32 old;
  __u32 value;
  __u32 flags;
  __u16 protocol; /* as in the packet */
  __u16 outport;
};
PCN_ASSERT(sizeof(struct order) == 24, "no padding");

/* Pointers that the accessors gave, as bits. */
enum parser_header {
  PARSER_ARP = 1,
  PARSER_IPV4 = 2,
  PARSER_IPV6 = 4,
  PARSER_TCP = 8,
  PARSER_UDP = 16,
  PARSER_ICMP = 32,
  PARSER_ICMPV6 = 64,
  PARSER_SCTP = 128,
  PARSER_PORTS = 256,
};

/* The one element of `parsed`: what was found in the last packet. */
struct parsed {
  __s32 done;    /* what the operation returned */
  __s32 vlan_id; /* before the operation, as by vlan.h */
  __s32 vlan_protocol;
  __u32 layers; /* that were parsed, 0 to 3: the next one was malformed */
  __u32 end;
  __u32 headers; /* enum parser_header */
  __u32 sampled; /* sum of first bytes, read through the pointers */
  __u16 ethertype;
  __u16 l3;
  __u16 tag_ids[2];
  __u16 l4;
  __u16 source_port;
  __u16 destination_port;
  __u8 tags;
  __u8 fragment;
  __u8 protocol;
  __u8 tagged;
  __u16 reserved;
};
PCN_ASSERT(sizeof(struct parsed) == 48, "no padding");

#endif
