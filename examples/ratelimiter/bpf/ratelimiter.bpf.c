// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Limits what each IPv4 source sends: the generic cell rate algorithm (ITU-T I.371, annex A), which needs one word for a
 * source. Packets that are not IPv4, and those of the other direction, pass.
 */
#include <polycube/transparent.h>
#include <polycube/parse.h>
#include "abi/ratelimiter.h"

#define NSEC_PER_SEC 1000000000ULL

PCN_ARRAY(settings, struct settings, 1);
PCN_HASH(sources, struct source, struct own_rate, OWN_RATES);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SOURCES);
	__type(key, struct source);
	__type(value, struct bucket);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, OFFENDERS);
	__type(key, struct source);
	__type(value, struct drops);
} dropped SEC(".maps");

/*
 * Several CPUs may have packets of one source: who comes second tries again with what the first one left. A time that no
 * packet of this rate can have led to is that of a lower rate, which was changed meanwhile.
 */
static __always_inline int conforms(struct bucket *bucket, __u64 now, __u64 interval, __u64 tolerance)
{
#pragma unroll
	for (int attempt = 0; attempt < 4; attempt++) {
		__u64 due = *(volatile __u64 *)&bucket->due;
		__u64 start = due > now && due - now <= tolerance + interval ? due : now;

		if (start - now > tolerance)
			return 0;
		if (__sync_val_compare_and_swap(&bucket->due, due, start + interval) == due)
			return 1;
	}
	return 0;
}

static __always_inline int drop(const struct source *source)
{
	struct drops *known = bpf_map_lookup_elem(&dropped, source);
	struct drops first = {.packets = 1};

	if (known)
		__sync_fetch_and_add(&known->packets, 1);
	else
		bpf_map_update_elem(&dropped, source, &first, BPF_NOEXIST);
	return RX_DROP;
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	struct pcn_packet packet = {};
	struct settings *config;
	struct own_rate *own;
	struct bucket *bucket;
	struct source source;
	struct iphdr *ip;
	__u32 rate, zero = 0;
	__u64 now, interval;

	if (pcn_parse_l2(ctx, &packet) || pcn_parse_l3(ctx, &packet))
		return RX_DROP; /* malformed */
	ip = pcn_ipv4(ctx, &packet);
	config = bpf_map_lookup_elem(&settings, &zero);
	if (!ip || !config)
		return RX_OK;
	source.address = ip->saddr;
	own = bpf_map_lookup_elem(&sources, &source);
	rate = own ? own->rate : config->rate;
	if (!rate)
		return drop(&source);
	interval = NSEC_PER_SEC / rate;
	now = bpf_ktime_get_ns();
	bucket = bpf_map_lookup_elem(&buckets, &source);
	if (!bucket) {
		struct bucket first = {.due = now + interval};

		bpf_map_update_elem(&buckets, &source, &first, BPF_ANY);
		return RX_OK;
	}
	return conforms(bucket, now, interval, interval * (config->burst - 1)) ? RX_OK : drop(&source);
}

static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	return RX_OK;
}
