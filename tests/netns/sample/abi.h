/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tables of the sample hold. */
#ifndef SAMPLE_ABI_H
#define SAMPLE_ABI_H

#include <polycube/abi.h>

struct id {
  __u32 id;
};

struct number {
  __u32 number;
};

struct prefix {
  __u32 length;
  __be32 address;
};

struct settings {
  __u32 level;
};

/* A record of the ring `events`. */
struct event {
  __u32 port;
  __u32 length;
};

#endif
