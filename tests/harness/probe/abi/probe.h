/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Elements of the tables of the probe. */
#ifndef PROBE_ABI_H
#define PROBE_ABI_H

#include <polycube/abi.h>

#define PROBE_NOTES 64

enum probe_action { PROBE_DROP, PROBE_HOST, PROBE_FORWARD, PROBE_FLOOD, PROBE_FAIL, PROBE_SLOW_PATH, PROBE_REFUSE };

#define PROBE_REASON 7 /* with which packets go to the slow path */

/* Lines that the logger knows (bpf/logger.bpf.c). */
enum probe_line {
  PROBE_LINE_INTEGERS,
  PROBE_LINE_SIZES,
  PROBE_LINE_FLAGS,
  PROBE_LINE_WRONG,
  PROBE_LINE_LONGEST,
  PROBE_LINE_IPV4,
  PROBE_LINE_IPV6,
  PROBE_LINE_LEVELS
};
#define PROBE_LONGEST_PART "0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXY" /* 63 characters */
#define PROBE_LONGEST PROBE_LONGEST_PART ";" PROBE_LONGEST_PART ";" PROBE_LONGEST_PART ";" PROBE_LONGEST_PART

/* What to do with what comes in on a port. */
struct rule {
  __u16 action;
  __u16 outport;       /* port index, unchecked */
  __u32 traffic_class; /* what the packet carries from here on; 0 leaves it */
};
PCN_ASSERT(sizeof(struct rule) == 8, "no padding");

/* Element of the hash `notes`, whose key only counts: a table that overflows. */
struct note {
  __u32 text;
};

/* What the probe saw of the last packet. */
struct seen {
  __u32 in_port;
  __u32 length;
  __u32 traffic_class;
  __u32 packets;
};
PCN_ASSERT(sizeof(struct seen) == 16, "no padding");

#endif
