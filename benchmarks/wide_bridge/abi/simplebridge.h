/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* That of cubes/simplebridge as a later version might have it: the same names at other offsets, and one more. */
#ifndef SIMPLEBRIDGE_ABI_H
#define SIMPLEBRIDGE_ABI_H

#include <polycube/abi.h>

#define FDB_ENTRIES 32768

struct fdb_key {
  __u8 address[6];
};
PCN_ASSERT(sizeof(struct fdb_key) == 6, "as in the Ethernet header");

struct fdb_entry {
  __u32 port;
  __u32 reserved;
  __u64 packets;
  __u64 last_seen;
};
PCN_ASSERT(sizeof(struct fdb_entry) == 24, "no padding");

struct settings {
  __u32 aging_time; /* seconds */
};
PCN_ASSERT(sizeof(struct settings) == 4, "no padding");

#define DROP_SAME_PORT 0

#endif
