// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Bridge with VLANs (IEEE Std 802.1D-1998, 7.7 to 7.12, and 802.1Q-2022, 8.6).
 *
 * A frame belongs to the VLAN of its tag or of its port. What is to know about the VLAN - who its members are, in which
 * spanning tree state, who of them sends it tagged - is one cache line of `vlans`.
 */
#define PCN_FLOOD_GROUPS 1
#include "abi/bridge.h"
#include <polycube/controller.h>
#include <polycube/flood.h>

#define NSEC_PER_SEC 1000000000ULL
#define PRIORITY_MASK 0xe000

PCN_HASH(fdb, struct fdb_key, struct fdb_entry, FDB_ENTRIES);
PCN_ARRAY(ports, struct port, PCN_MAX_PORTS);
PCN_ARRAY(vlans, struct vlan, VLANS);

/* A group is a tag: the VLAN, and the priority of the frame. */
static __always_inline int pcn_flood_group(__u32 group, struct pcn_copies *copies)
{
	__u32 id = group & PCN_VLAN_ID_MASK;
	struct vlan *vlan = bpf_map_lookup_elem(&vlans, &id);

	if (!vlan)
		return -1;
	__builtin_memcpy(copies->ports, vlan->forwarding, sizeof(copies->ports));
	__builtin_memcpy(copies->tagged, vlan->tagged, sizeof(copies->tagged));
	copies->tci = group;
	return 0;
}

/* Refreshing at most once a second keeps the entry's cache line shared between CPUs. */
static __always_inline void learn(const struct fdb_key *source, __u32 port, __u64 now)
{
	struct fdb_entry *known = bpf_map_lookup_elem(&fdb, source);

	if (!known) {
		struct fdb_entry entry = {.last_seen = now, .port = port, .type = FDB_DYNAMIC};

		bpf_map_update_elem(&fdb, source, &entry, BPF_NOEXIST);
	} else if (known->last_seen && (known->port != port || now - known->last_seen > NSEC_PER_SEC)) {
		known->port = port;
		known->last_seen = now;
	}
}

/* Addresses that concern the link, not the VLAN: 01:80:c2:00:00:00 to 0f (802.1D, 7.12.6). */
static __always_inline int is_reserved(const __u8 *address)
{
	return address[0] == 0x01 && address[1] == 0x80 && address[2] == 0xc2 && !address[3] && !address[4] &&
	       address[5] < 0x10;
}

static __always_inline int is_pvst(const __u8 *address)
{
	return address[0] == 0x01 && !address[1] && address[2] == 0x0c && address[3] == 0xcc && address[4] == 0xcc &&
	       address[5] == 0xcd;
}

/* The tag of a frame as it is in its VLAN; negative: the port does not accept it. *tagged: the frame carries it. */
static __always_inline int classify(struct CTXTYPE *ctx, __u32 in_port, int *tagged)
{
	struct port *port = bpf_map_lookup_elem(&ports, &in_port);
	__u16 tci = 0, pvid;
	__be16 protocol;

	*tagged = 0;
	if (!port)
		return -1;
	pvid = port->pvid;
  /* To a bridge of customers' VLANs, a service provider's tag is content. */
	if (pcn_vlan_tag(ctx, &protocol, &tci) || protocol != bpf_htons(ETH_P_8021Q))
		return pvid ? pvid : -1;
	if (tci & PCN_VLAN_ID_MASK) {
		*tagged = 1;
		return port->trunk ? tci & (PRIORITY_MASK | PCN_VLAN_ID_MASK) : -1;
	}
  /* A tag without a VLAN is only a priority. */
	if (!pvid || pcn_vlan_pop_tag(ctx))
		return -1;
	return pvid | (tci & PRIORITY_MASK);
}

static __always_inline int forward(struct CTXTYPE *ctx, struct pkt_metadata *md, const struct vlan *vlan, __u32 out,
				   int tci, int tagged)
{
	int to_be_tagged;

	if (out == md->in_port)
		return pcn_pkt_drop_for(ctx, md, DROP_SAME_PORT);
	if (out >= PCN_MAX_PORTS || !pcn_has_port(vlan->forwarding, out))
		return pcn_pkt_drop_for(ctx, md, DROP_NOT_FORWARDING);
	to_be_tagged = pcn_has_port(vlan->tagged, out);
	if (tagged && !to_be_tagged && pcn_vlan_pop_tag(ctx))
		return RX_ERROR;
	if (!tagged && to_be_tagged && pcn_vlan_push_tag(ctx, bpf_htons(ETH_P_8021Q), tci))
		return RX_ERROR;
	return pcn_pkt_redirect(ctx, md, out);
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	struct fdb_entry *entry;
	struct ethhdr *ethernet;
	struct fdb_key key;
	struct vlan *vlan;
	int tci, tagged;
	__u32 id;
	__u64 now;

	tci = classify(ctx, md->in_port, &tagged);
	if (tci < 0)
		return pcn_pkt_drop_for(ctx, md, DROP_VLAN);
	id = tci & PCN_VLAN_ID_MASK;
	vlan = bpf_map_lookup_elem(&vlans, &id);
	ethernet = pcn_ethernet(ctx);
	if (!vlan || !ethernet)
		return pcn_pkt_drop_for(ctx, md, DROP_VLAN);
	if (ethernet->h_dest[0] & 1) {
		int reserved = is_reserved(ethernet->h_dest), bpdu = reserved && !ethernet->h_dest[5];
		const __u32 metadata[3] = {id};

		if (vlan->stp && (bpdu || is_pvst(ethernet->h_dest)))
			return pcn_pkt_controller_md(ctx, md, REASON_BPDU, metadata);
		if (reserved && !bpdu)
			return pcn_pkt_drop_for(ctx, md, DROP_RESERVED);
	}
	if (!pcn_has_port(vlan->learning, md->in_port))
		return pcn_pkt_drop_for(ctx, md, DROP_NOT_FORWARDING);
	now = bpf_ktime_get_coarse_ns();
	key.vlan = id;
	if (!(ethernet->h_source[0] & 1)) {
		__builtin_memcpy(key.mac, ethernet->h_source, ETH_ALEN);
		learn(&key, md->in_port, now);
	}
	if (!pcn_has_port(vlan->forwarding, md->in_port))
		return pcn_pkt_drop_for(ctx, md, DROP_NOT_FORWARDING);
	if (ethernet->h_dest[0] & 1)
		return pcn_pkt_flood_group(ctx, md, tci, tagged);
	__builtin_memcpy(key.mac, ethernet->h_dest, ETH_ALEN);
	entry = bpf_map_lookup_elem(&fdb, &key);
	if (!entry || (entry->last_seen && now > entry->last_seen + vlan->aging))
		return pcn_pkt_flood_group(ctx, md, tci, tagged);
	return forward(ctx, md, vlan, entry->port, tci, tagged);
}
