/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Elements of the tables `fdb` and `settings`. */
#ifndef SIMPLEBRIDGE_ABI_H
#define SIMPLEBRIDGE_ABI_H

#include <polycube/abi.h>

#define FDB_ENTRIES 65536

struct fdb_key {
	__u8 address[6];
};
PCN_ASSERT(sizeof(struct fdb_key) == 6, "as in the Ethernet header");

struct fdb_entry {
	__u64 last_seen; /* CLOCK_MONOTONIC, nanoseconds; 0: added by configuration, does not age and is not relearned */
	__u32 port; /* port index */
	__u32 reserved;
};
PCN_ASSERT(sizeof(struct fdb_entry) == 16, "no padding");

struct settings {
	__u32 aging_time; /* seconds */
};
PCN_ASSERT(sizeof(struct settings) == 4, "no padding");

#define DROP_SAME_PORT 0 /* the destination is behind the port on which it came; names are in simplebridge.yang */

#endif
