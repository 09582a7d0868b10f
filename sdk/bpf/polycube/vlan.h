/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * The outermost VLAN tag (IEEE Std 802.1Q-2022, 9): asking for it, taking it off, putting one on.
 *
 * Devices and the kernel take the tag of a received packet out and keep it beside the packet on TC, on XDP it is in the
 * packet; here both look alike. Tag protocols are in network byte order, as in the packet and in the kernel's helpers.
 * Pushing and popping end the life of all pointers into the packet, and of what parse.h has found.
 *
 * Included after cube.h by the cubes that need it.
 */
#ifndef POLYCUBE_VLAN_H
#define POLYCUBE_VLAN_H

#include <linux/errno.h>
#include <polycube/parse.h>

/** The tag of the packet: network byte order. Returns 0, or -ENOENT when there is none. */
static __always_inline int pcn_vlan_tag(struct CTXTYPE *ctx, __be16 *protocol, __u16 *tci)
{
	struct pcn_tag_word {
		__be16 protocol;
		__be16 tci;
	};

#ifdef POLYCUBE_XDP
	struct pcn_tag_word *tag = pcn_at(ctx, 2 * ETH_ALEN, sizeof(*tag));

	if (!tag || !pcn_is_tag(bpf_ntohs(tag->protocol)))
		return -ENOENT;
	*protocol = tag->protocol;
	*tci = bpf_ntohs(tag->tci);
#else
	struct pcn_tag_word tag;

	if (ctx->vlan_present) {
		*protocol = ctx->vlan_proto;
		*tci = ctx->vlan_tci;
		return 0;
	}
	if (!pcn_is_tag(bpf_ntohs(ctx->protocol)))
		return -ENOENT;
	if (pcn_load(ctx, 2 * ETH_ALEN, &tag, sizeof(tag)) || !pcn_is_tag(bpf_ntohs(tag.protocol)))
		return -ENOENT;
	*protocol = tag.protocol;
	*tci = bpf_ntohs(tag.tci);
#endif
	return 0;
}

/** Whether the packet has a VLAN tag. */
static __always_inline _Bool pcn_is_vlan_present(struct CTXTYPE *ctx)
{
	__be16 protocol;
	__u16 tci;

	return !pcn_vlan_tag(ctx, &protocol, &tci);
}

/** The VLAN's id, 0 for a priority tag; negative when there is no tag. */
static __always_inline int pcn_get_vlan_id(struct CTXTYPE *ctx)
{
	__be16 protocol;
	__u16 tci;

	return pcn_vlan_tag(ctx, &protocol, &tci) ?: tci & PCN_VLAN_ID_MASK;
}

/** The tag's protocol in network byte order: 802.1Q or 802.1AD; negative when there is no tag. */
static __always_inline int pcn_get_vlan_proto(struct CTXTYPE *ctx)
{
	__be16 protocol;
	__u16 tci;

	return pcn_vlan_tag(ctx, &protocol, &tci) ?: protocol;
}

#ifdef POLYCUBE_XDP

/* Both addresses of an Ethernet header. */
struct pcn_addresses {
	__u32 words[2 * ETH_ALEN / 4];
};

struct pcn_tagged {
	struct pcn_addresses addresses;
	__be16 protocol;
	__be16 tci;
};

/** Takes the tag off. Negative when there is none, or when it could not be done. */
static __always_inline int pcn_vlan_pop_tag(struct xdp_md *ctx)
{
	struct pcn_tagged *tagged = pcn_at(ctx, 0, sizeof(*tagged) + sizeof(__be16));
	struct pcn_addresses addresses;

	if (!tagged || !pcn_is_tag(bpf_ntohs(tagged->protocol)))
		return -ENOENT;
	addresses = tagged->addresses;
	*(struct pcn_addresses *)((void *)tagged + sizeof(struct pcn_vlan_tag)) = addresses;
	return bpf_xdp_adjust_head(ctx, sizeof(struct pcn_vlan_tag));
}

/**
 * Puts a tag in front of those that are there: its protocol in network byte order, and the id (bits 0 to 11) with the
 * priority (bits 13 to 15). Negative when the packet has no room.
 */
static __always_inline int pcn_vlan_push_tag(struct xdp_md *ctx, __be16 eth_proto, __u32 vlan_id)
{
	struct pcn_addresses addresses;
	struct pcn_tagged *tagged;
	int failed;

	if (!pcn_at(ctx, 0, ETH_HLEN) || !pcn_is_tag(bpf_ntohs(eth_proto)))
		return -EINVAL;
	failed = bpf_xdp_adjust_head(ctx, -(int)sizeof(struct pcn_vlan_tag));
	if (failed)
		return failed;
	tagged = pcn_at(ctx, 0, sizeof(*tagged) + sizeof(__be16));
	if (!tagged)
		return -EINVAL;
	addresses = *(struct pcn_addresses *)((void *)tagged + sizeof(struct pcn_vlan_tag));
	tagged->addresses = addresses;
	tagged->protocol = eth_proto;
	tagged->tci = bpf_htons(vlan_id);
	return 0;
}

#else

static __always_inline int pcn_vlan_pop_tag(struct __sk_buff *ctx)
{
	return pcn_is_vlan_present(ctx) ? bpf_skb_vlan_pop(ctx) : -ENOENT;
}

static __always_inline int pcn_vlan_push_tag(struct __sk_buff *ctx, __be16 eth_proto, __u32 vlan_id)
{
	return pcn_is_tag(bpf_ntohs(eth_proto)) ? bpf_skb_vlan_push(ctx, eth_proto, vlan_id) : -EINVAL;
}

#endif
#endif
