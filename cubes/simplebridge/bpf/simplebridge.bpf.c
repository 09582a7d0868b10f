// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Learning bridge without VLANs (IEEE Std 802.1D-2004, 7.7 to 7.9).
 *
 * The source address of each packet is learned with its port, its destination looked up; group and unknown addresses are
 * flooded. Entries that are older than the aging time are not used; the engine's sweep takes them away (pcn:max-age).
 */
#include <polycube/flood.h>
#include "abi/simplebridge.h"

#define NSEC_PER_SEC 1000000000ULL

PCN_HASH(fdb, struct fdb_key, struct fdb_entry, FDB_ENTRIES);
PCN_ARRAY(settings, struct settings, 1);

/* Refreshing at most once a second keeps the entry's cache line shared between CPUs. */
static __always_inline void learn(const struct fdb_key *source, __u32 port, __u64 now)
{
	struct fdb_entry *known = bpf_map_lookup_elem(&fdb, source);

	if (!known) {
		struct fdb_entry entry = {.last_seen = now, .port = port};

		bpf_map_update_elem(&fdb, source, &entry, BPF_NOEXIST);
	} else if (known->last_seen && (known->port != port || now - known->last_seen > NSEC_PER_SEC)) {
		known->port = port;
		known->last_seen = now;
	}
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	struct ethhdr *ethernet = (void *)(long)ctx->data;
	struct settings *config;
	struct fdb_entry *entry;
	struct fdb_key key;
	__u32 zero = 0;
	__u64 now;

	if ((void *)(ethernet + 1) > (void *)(long)ctx->data_end)
		return RX_DROP;
	now = bpf_ktime_get_coarse_ns();
	if (!(ethernet->h_source[0] & 1)) {
		__builtin_memcpy(key.address, ethernet->h_source, ETH_ALEN);
		learn(&key, md->in_port, now);
	}
	if (ethernet->h_dest[0] & 1)
		return pcn_pkt_flood(ctx, md);
	__builtin_memcpy(key.address, ethernet->h_dest, ETH_ALEN);
	entry = bpf_map_lookup_elem(&fdb, &key);
	config = bpf_map_lookup_elem(&settings, &zero);
	if (!entry || !config)
		return pcn_pkt_flood(ctx, md);
	if (entry->last_seen && now > entry->last_seen + config->aging_time * NSEC_PER_SEC)
		return pcn_pkt_flood(ctx, md);
	if (entry->port == md->in_port)
		return pcn_pkt_drop_for(ctx, md, DROP_SAME_PORT);
	return pcn_pkt_redirect(ctx, md, entry->port);
}
