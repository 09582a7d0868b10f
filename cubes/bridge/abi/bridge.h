/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Elements of the tables `fdb`, which the model binds, and `ports` and `vlans`, which the control plane computes. */
#ifndef BRIDGE_ABI_H
#define BRIDGE_ABI_H

#include <polycube/abi.h>

#define FDB_ENTRIES 131072
#define VLANS 4096
#define PORT_WORDS (PCN_MAX_PORTS / 64)

#define REASON_BPDU 0 /* to the slow path; metadata[0]: VLAN; names are in bridge.yang */

/* Why packets are dropped; names are in bridge.yang. */
enum drop {
	DROP_VLAN, /* a tag that the port does not take, or none where it needs one */
	DROP_NOT_FORWARDING, /* the port, or the one it should leave by, is not in the VLAN, or its spanning tree keeps it */
	DROP_RESERVED, /* an address that no bridge forwards (IEEE 802.1Q, 8.6.3) */
	DROP_SAME_PORT, /* the destination is behind the port on which it came */
};

struct fdb_key {
	__u16 vlan;
	__u8 mac[6];
};
PCN_ASSERT(sizeof(struct fdb_key) == 8, "no padding");

enum {
	FDB_STATIC = 0,
	FDB_DYNAMIC = 1,
};

struct fdb_entry {
	__u64 last_seen; /* CLOCK_MONOTONIC, nanoseconds; 0: static */
	__u32 port; /* port index */
	__u32 type;
};
PCN_ASSERT(sizeof(struct fdb_entry) == 16, "no padding");

struct port {
	__u16 pvid; /* VLAN of untagged frames; 0: they are dropped */
	__u16 trunk; /* not 0: tagged frames are accepted */
};
PCN_ASSERT(sizeof(struct port) == 4, "no padding");

/* Sets of ports: bit port % 64 of word port / 64. */
struct vlan {
	__u64 learning[PORT_WORDS]; /* members in the state learning or forwarding */
	__u64 forwarding[PORT_WORDS];
	__u64 tagged[PORT_WORDS]; /* send frames of this VLAN with its tag */
	__u64 aging; /* nanoseconds after which a dynamic entry is not used */
	__u32 stp; /* not 0: BPDUs are for the slow path */
	__u32 root_port; /* index + 1 of the port towards the root, 0: none; for the next control plane */
};
PCN_ASSERT(sizeof(struct vlan) == PCN_CACHE_LINE, "one cache line");

#endif
