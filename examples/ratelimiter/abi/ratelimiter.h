/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Elements of the tables, as the fast path and the control plane have them. */
#ifndef RATELIMITER_ABI_H
#define RATELIMITER_ABI_H

#include <polycube/abi.h>

#define SOURCES 65536 /* that are told apart at one time; the least recently seen are forgotten */
#define OWN_RATES 4096
#define OFFENDERS 1024

struct settings {
	__u32 rate; /* packets/s */
	__u32 burst; /* packets */
};
PCN_ASSERT(sizeof(struct settings) == 8, "no padding");

struct source {
	__be32 address;
};
PCN_ASSERT(sizeof(struct source) == 4, "as in the IPv4 header");

struct own_rate {
	__u32 rate; /* packets/s */
};
PCN_ASSERT(sizeof(struct own_rate) == 4, "no padding");

struct bucket {
	__u64 due; /* CLOCK_MONOTONIC, nanoseconds: when a source that keeps to its rate would send the next packet */
};
PCN_ASSERT(sizeof(struct bucket) == 8, "one word, which is exchanged at once");

struct drops {
	__u64 packets;
};
PCN_ASSERT(sizeof(struct drops) == 8, "no padding");

#endif
