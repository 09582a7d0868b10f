/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tables of the test service hold. */
#ifndef PROGRAMS_ABI_H
#define PROGRAMS_ABI_H

#include <polycube/abi.h>

struct settings {
  __u32 first;
  __u32 last;
};

struct count {
  __u64 packets;
};

#endif
