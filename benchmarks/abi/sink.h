/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a sink (bpf/sink.bpf.c) knows; its memory is mapped by the benchmark. */
#ifndef BENCHMARKS_SINK_H
#define BENCHMARKS_SINK_H

#include <linux/types.h>

#define SINK_CPUS 256
#define SINK_SLICE 4096 /* frames of one CPU between two time stamps */
#define SINK_STAMPS 4096

struct sink_counter {
  __u64 frames;
  __u64 unused[7]; /* a cache line */
};

struct sink_memory {
  struct sink_counter counters[SINK_CPUS];
  __u64 stamps[SINK_STAMPS]; /* time of every SINK_SLICE-th frame, a ring; times are CLOCK_MONOTONIC in ns */
  __u64 armed;               /* set by the benchmark, cleared by the first frame after that, */
  __u64 first;               /* which leaves its time here */
};

#endif
