/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The trace that drives test-runs: headers of packets, one after the other, round and round. */
#ifndef BENCHMARKS_TRACE_H
#define BENCHMARKS_TRACE_H

#include <linux/types.h>

#define TRACE_LENGTH 65536
struct trace_header {
  __u8 bytes[48]; /* Ethernet, IPv4, UDP and six bytes of payload */
};

/* Memory of a driver (bpf/driver.bpf.c), mapped by the benchmark. */
#define DRIVER_SLICE 4096 /* packets between two time stamps */
#define DRIVER_STAMPS 1024

struct driver_memory {
  __u64 packets;               /* driven so far */
  __u64 stamps[DRIVER_STAMPS]; /* time of every DRIVER_SLICE-th packet, a ring; CLOCK_MONOTONIC in ns */
};

#endif
