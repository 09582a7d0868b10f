// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counts, times and drops what arrives on a device. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "abi/sink.h"

struct sink_memory sink_memory;

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	__u64 frames = ++sink_memory.counters[bpf_get_smp_processor_id() % SINK_CPUS].frames;

	if (frames % SINK_SLICE == 0)
		sink_memory.stamps[frames / SINK_SLICE % SINK_STAMPS] = bpf_ktime_get_ns();
	if (sink_memory.armed) {
		sink_memory.first = bpf_ktime_get_ns();
		sink_memory.armed = 0;
	}
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
