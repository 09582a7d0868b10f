// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A table of each kind; every packet is reported in the ring, and goes to the slow path. */
#include <polycube/controller.h>
#include "abi.h"

#define TABLE(name_, type_, flags_, key_, value_) \
	struct {                                  \
		__uint(type, type_);              \
		__uint(max_entries, 4);           \
		__uint(map_flags, flags_);        \
		__type(key, key_);                \
		__type(value, value_);            \
	} name_ SEC(".maps")
#define KEYLESS(name_, type_)                 \
	struct {                              \
		__uint(type, type_);          \
		__uint(max_entries, 4);       \
		__type(value, struct number); \
	} name_ SEC(".maps")

PCN_ARRAY(settings, struct settings, 1);
TABLE(array, BPF_MAP_TYPE_ARRAY, 0, __u32, struct number);
TABLE(hash, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, struct id, struct number);
TABLE(lru, BPF_MAP_TYPE_LRU_HASH, 0, struct id, struct number);
TABLE(lpm, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, struct prefix, struct number);
TABLE(percpu, BPF_MAP_TYPE_PERCPU_HASH, BPF_F_NO_PREALLOC, struct id, struct number);
KEYLESS(queue, BPF_MAP_TYPE_QUEUE);
KEYLESS(stack, BPF_MAP_TYPE_STACK);
KEYLESS(bloom, BPF_MAP_TYPE_BLOOM_FILTER);

PCN_RING(events, 4096);

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	struct event event = {.port = md->in_port, .length = md->packet_len};

	bpf_ringbuf_output(&events, &event, sizeof(event), 0);
	return pcn_pkt_controller(ctx, md, 0);
}
