// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Drives a program under test: writes the next header of the trace into the packet and jumps to the program, which is in
 * slot 0 of the driver's own panel. A plain test-run shows one packet again and again, which no branch predictor and no
 * cache gets to see in practice. The packet arrives on port 0 each time.
 */
#include <polycube/hook.h>
#include "abi/trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TRACE_LENGTH);
	__type(key, __u32);
	__type(value, struct trace_header);
} trace SEC(".maps");

struct driver_memory driver_memory;

SEC(PCN_SECTION)
int driver(struct CTXTYPE *ctx)
{
	__u64 packets = ++driver_memory.packets;
	__u32 index = packets % TRACE_LENGTH;
	struct trace_header *header = bpf_map_lookup_elem(&trace, &index);
	void *packet = (void *)(long)ctx->data;

	if (packets % DRIVER_SLICE == 0)
		driver_memory.stamps[packets / DRIVER_SLICE % DRIVER_STAMPS] = bpf_ktime_get_ns();
	if (!header || packet + sizeof(*header) > (void *)(long)ctx->data_end)
		return PCN_VERDICT_STACK;
	__builtin_memcpy(packet, header, sizeof(*header));
#ifdef POLYCUBE_XDP
	__u32 zero = 0;
	struct pcn_scratch *scratch = bpf_map_lookup_elem(&pcn_scratch, &zero);

	if (!scratch)
		return PCN_VERDICT_STACK;
	scratch->in_port = 0;
#else
	ctx->cb[0] = 0;
#endif
	PCN_JUMP(ctx, 0);
	return PCN_VERDICT_STACK;
}
