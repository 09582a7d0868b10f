/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables of the caller and its slaves. */
#ifndef PROBE_PROGRAMS_H
#define PROBE_PROGRAMS_H

#include <linux/types.h>

/* To which program the master jumps; element 0 in handle_rx, 1 in handle_tx. */
struct call {
  __u32 index;         /* 0: to none, it forwards by itself */
  __u32 traffic_class; /* not 0: given along */
};

/* What a slave does, and what it saw; elements as above. */
struct step {
  __u32 next;          /* program to jump to; 0: none */
  __u32 action;        /* enum probe_action */
  __u32 traffic_class; /* not 0: given along to the next */
  __u32 packets;
  __u32 in_port;
  __u32 seen_class;
};

/* Rules over the port that a packet comes from; other bytes are left open. */
struct port_match {
  __u32 in_port;
  __u32 other[15];
};

struct port_rule {
  struct port_match value;
  struct port_match mask;
  __u16 out_port;
  __u16 unused[3];
};

struct count {
  __u64 packets;
};

struct wide_count {
  __u64 packets;
  __u64 bytes;
};

#endif
