/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * One packet out of all ports but the one it came in on, or out of a group of them, without leaving the kernel.
 *
 * A program can send a packet out of one port only, so copies are made, which only TC programs can do as they like: the
 * packet is cloned to each device, and a copy for a cube goes through the injector, a device whose own root enters the cube
 * that the copy names.
 *
 * An XDP cube puts a pcn_frame in front of the packet and sends it, once, to the injector, whose TC program calls the
 * cube's pcn_flood below: it makes the copies for cubes, each with its own frame, and sends the packet through the injector
 * once more, which takes the frame off; then the copies for devices are made. A device map with one program per port would
 * be shorter, but native XDP queues frames per device and runs the program of the first of them on all, and every device's
 * MTU would have to have room for the frame.
 *
 * A cube whose packets are not for all ports, or have a VLAN tag at some of them and at others not, defines
 * PCN_FLOOD_GROUPS before it includes this, then
 *
 *	static __always_inline int pcn_flood_group(__u32 group, struct pcn_copies *copies)
 *
 * which says of a group of ports, a number of 16 bits that means what the cube likes, what becomes of a packet for it, and
 * calls pcn_pkt_flood_group() instead of pcn_pkt_flood(). The tag is changed once, between the copies that go out as the
 * packet came and the others.
 *
 * Included after cube.h by the cubes that need it.
 */
#ifndef POLYCUBE_FLOOD_H
#define POLYCUBE_FLOOD_H

#include <polycube/cube.h>
#include <polycube/vlan.h>

#define PCN_PORT_WORDS (PCN_MAX_PORTS / 64)

/** Sets of ports: bit port % 64 of word port / 64. */
struct pcn_copies {
	__u64 ports[PCN_PORT_WORDS]; /**< get a copy, except for the input port */
	__u64 tagged[PCN_PORT_WORDS]; /**< those among them get it with the tag, the others without */
	__u16 tci; /**< the tag: IEEE Std 802.1Q, id in bits 0 to 11, priority in bits 13 to 15 */
};

/** Whether a set of ports has this one. */
static __always_inline int pcn_has_port(const __u64 *ports, __u32 port)
{
	return ports[port / 64 % PCN_PORT_WORDS] >> (port % 64) & 1;
}

/**
 * The author's function, of cubes that define PCN_FLOOD_GROUPS: what becomes of a packet for this group. Not 0: no copies are
 * to be made.
 */
#ifdef PCN_FLOOD_GROUPS

static __always_inline int pcn_flood_group(__u32 group, struct pcn_copies *copies);

static __always_inline int pcn_is_copied(const struct pcn_copies *copies, __u32 port)
{
	return pcn_has_port(copies->ports, port);
}

/* What the copy for a port needs, when the packet has the tag or not. */
static __always_inline enum pcn_tag_change pcn_tag_change(const struct pcn_copies *copies, __u32 port, int tagged)
{
	if (pcn_has_port(copies->tagged, port) == !!tagged)
		return PCN_TAG_KEEP;
	return tagged ? PCN_TAG_POP : PCN_TAG_PUSH;
}

/* Whether there are copies of both kinds, or of the other one. */
static __always_inline int pcn_needs_change(const struct pcn_copies *copies, int tagged)
{
	__u64 others = 0;

	for (__u32 word = 0; word < PCN_PORT_WORDS; word++)
		others |= copies->ports[word] & (tagged ? ~copies->tagged[word] : copies->tagged[word]);
	return others != 0;
}

static __always_inline long pcn_change_tag(struct __sk_buff *ctx, const struct pcn_copies *copies, int tagged)
{
	return tagged ? bpf_skb_vlan_pop(ctx) : bpf_skb_vlan_push(ctx, bpf_htons(ETH_P_8021Q), copies->tci);
}

#else

static __always_inline int pcn_flood_group(__u32 group, struct pcn_copies *copies)
{
	return 0;
}

static __always_inline int pcn_is_copied(const struct pcn_copies *copies, __u32 port)
{
	return 1;
}

static __always_inline enum pcn_tag_change pcn_tag_change(const struct pcn_copies *copies, __u32 port, int tagged)
{
	return PCN_TAG_KEEP;
}

static __always_inline int pcn_needs_change(const struct pcn_copies *copies, int tagged)
{
	return 0;
}

static __always_inline long pcn_change_tag(struct __sk_buff *ctx, const struct pcn_copies *copies, int tagged)
{
	return 0;
}

#endif

static __always_inline void pcn_count_flood(struct pcn_stats *stats, const struct pcn_copies *copies, __u32 in_port,
					    __u32 length)
{
	if (pcn_config.counted_later)
		return;
	for (__u32 port = 0; port < PCN_MAX_PORTS; port++) {
		if (port >= pcn_config.ports)
			break;
		if (port == in_port || pcn_config.wires[port].kind == PCN_WIRE_NONE || !pcn_is_copied(copies, port))
			continue;
		stats->port[port].tx_packets++;
		stats->port[port].tx_bytes += length;
	}
}

/* Returns whether that is all that is to happen. */
static __always_inline int pcn_trace_flood(struct CTXTYPE *ctx, const struct pkt_metadata *md,
					   const struct pcn_copies *copies, int tagged)
{
	struct pcn_trace_event *event = pcn_trace(ctx, &pcn_config, md, PCN_TRACE_FLOOD);

	if (!md->trace)
		return 0;
	if (event) {
#ifdef PCN_FLOOD_GROUPS
		__builtin_memcpy(event->ports, copies->ports, sizeof(event->ports));
		__builtin_memcpy(event->tagged, copies->tagged, sizeof(event->tagged));
		event->tci = copies->tci;
		event->has_tag = tagged;
#else
		__builtin_memset(event->ports, 0xff, sizeof(event->ports));
#endif
		pcn_trace_end(ctx, event);
	}
	return pcn_config.trace == PCN_TRACE_SIMULATE;
}

#ifdef POLYCUBE_XDP

/* One element: the injector. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} pcn_injector SEC(".maps");

/**
 * Send the packet out of the other ports of a group; `tagged` is whether it has the group's tag now. Its value must be
 * returned by handle_rx.
 */
static __always_inline int pcn_pkt_flood_group(struct xdp_md *ctx, struct pkt_metadata *md, __u32 group, int tagged)
{
	__u32 zero = 0;
	struct pcn_stats *stats = bpf_map_lookup_elem(&pcn_stats, &zero);
	struct pcn_copies copies = {};
	struct pcn_frame *frame;

	if (!stats)
		return RX_ERROR;
	if (pcn_flood_group(group, &copies))
		return RX_DROP;
	md->verdict = PCN_VERDICT_DROP;
	if (pcn_trace_flood(ctx, md, &copies, tagged))
		return RX_DONE;
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*frame))) {
		stats->drops[PCN_DROP_HEADROOM]++;
		return RX_DONE;
	}
	frame = (void *)(long)ctx->data;
	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return RX_ERROR;
	__builtin_memset(frame, 0, sizeof(*frame));
	frame->protocol = bpf_htons(PCN_FRAME_PROTOCOL);
	frame->stage = PCN_STAGE_CUBES;
	frame->slot = pcn_config.flood_slot;
	frame->port = md->in_port;
	frame->traffic_class = md->traffic_class;
	if (md->trace)
		frame->trace = md->trace;
	frame->group = group;
	frame->tag = tagged;
	pcn_count_flood(stats, &copies, md->in_port, md->packet_len);
	md->verdict = bpf_redirect_map(&pcn_injector, 0, PCN_VERDICT_DROP);
	return RX_DONE;
}

/* Copies for the devices that get the packet as it is. */
static __always_inline void pcn_copy_to_devices(struct __sk_buff *ctx, struct pcn_stats *stats,
						const struct pcn_copies *copies, __u32 in_port, int tagged)
{
	for (__u32 port = 0; port < PCN_MAX_PORTS; port++) {
		const volatile struct pcn_wire *wire = &pcn_config.wires[port];

		if (port >= pcn_config.ports)
			break;
		if (port == in_port || wire->kind != PCN_WIRE_DEVICE || !pcn_is_copied(copies, port) ||
		    pcn_tag_change(copies, port, tagged) != PCN_TAG_KEEP)
			continue;
		if (bpf_clone_redirect(ctx, wire->target, 0))
			stats->drops[PCN_DROP_HEADROOM]++;
	}
}

static __always_inline int pcn_flood_devices(struct __sk_buff *ctx, struct pcn_stats *stats,
					     const struct pcn_copies *copies, __u32 in_port, int tagged)
{
	pcn_copy_to_devices(ctx, stats, copies, in_port, tagged);
	if (!pcn_needs_change(copies, tagged))
		return TC_ACT_SHOT;
	if (pcn_change_tag(ctx, copies, tagged))
		stats->drops[PCN_DROP_HEADROOM]++;
	else
		pcn_copy_to_devices(ctx, stats, copies, in_port, !tagged);
	return TC_ACT_SHOT;
}

/* Where a copy goes: the middle of a pcn_frame. */
struct pcn_way {
	__u16 stage;
	__u16 slot;
	__u16 port;
};

/* What is done to its tag there: the end of a pcn_frame. */
struct pcn_way_tag {
	__u16 group;
	__u16 tag;
};

static __always_inline long pcn_set_way(struct __sk_buff *ctx, const struct pcn_way *way, const struct pcn_way_tag *tag)
{
	if (bpf_skb_store_bytes(ctx, __builtin_offsetof(struct pcn_frame, stage), way, sizeof(*way), 0))
		return -1;
#ifdef PCN_FLOOD_GROUPS
	return bpf_skb_store_bytes(ctx, __builtin_offsetof(struct pcn_frame, group), tag, sizeof(*tag), 0);
#else
	return 0;
#endif
}

static __always_inline int pcn_flood_cubes(struct __sk_buff *ctx, struct pcn_stats *stats,
					   const struct pcn_copies *copies, __u32 in_port, __u32 group, int tagged)
{
	struct pcn_way devices = {.stage = PCN_STAGE_DEVICES, .slot = pcn_config.flood_slot, .port = in_port};
	struct pcn_way_tag unchanged = {.group = group, .tag = tagged};

	for (__u32 port = 0; port < PCN_MAX_PORTS; port++) {
		const volatile struct pcn_wire *wire = &pcn_config.wires[port];

		if (port >= pcn_config.ports)
			break;
		if (port == in_port || wire->kind == PCN_WIRE_NONE || wire->kind == PCN_WIRE_DEVICE ||
		    !pcn_is_copied(copies, port))
			continue;

		struct pcn_way way = {.stage = PCN_STAGE_ENTER, .slot = wire->target, .port = wire->port};
		struct pcn_way_tag tag = {.group = copies->tci, .tag = pcn_tag_change(copies, port, tagged)};

		if (pcn_set_way(ctx, &way, &tag) || bpf_clone_redirect(ctx, pcn_config.injector, BPF_F_INGRESS))
			stats->drops[PCN_DROP_HEADROOM]++;
	}
	if (pcn_set_way(ctx, &devices, &unchanged))
		return TC_ACT_SHOT;
	return bpf_redirect(pcn_config.injector, BPF_F_INGRESS);
}

/* Called by the injector's TC program with the input port in cb[0], the stage in cb[1], and the frame's end in cb[3], cb[4]. */
SEC("tc")
int pcn_flood(struct __sk_buff *ctx)
{
	__u32 zero = 0, in_port = ctx->cb[0], stage = ctx->cb[1], group = ctx->cb[3], tagged = ctx->cb[4];
	struct pcn_stats *stats = bpf_map_lookup_elem(&pcn_stats, &zero);
	struct pcn_copies copies = {};

	if (!stats || pcn_flood_group(group, &copies))
		return TC_ACT_SHOT;
	if (stage == PCN_STAGE_DEVICES)
		return pcn_flood_devices(ctx, stats, &copies, in_port, tagged);
	return pcn_flood_cubes(ctx, stats, &copies, in_port, group, tagged);
}

#else

/* Copies for the ports that get the packet as it is. */
static __always_inline void pcn_copy_to_ports(struct __sk_buff *ctx, struct pcn_stats *stats,
					      const struct pcn_copies *copies, __u32 in_port, int tagged)
{
	for (__u32 port = 0; port < PCN_MAX_PORTS; port++) {
		const volatile struct pcn_wire *wire = &pcn_config.wires[port];
		long error = 0;

		if (port >= pcn_config.ports)
			break;
		if (port == in_port || !pcn_is_copied(copies, port) ||
		    pcn_tag_change(copies, port, tagged) != PCN_TAG_KEEP)
			continue;
		if (wire->kind == PCN_WIRE_DEVICE) {
			error = bpf_clone_redirect(ctx, wire->target, 0);
		} else if (wire->kind != PCN_WIRE_NONE) {
			ctx->cb[0] = wire->port;
			ctx->cb[1] = wire->target;
			error = bpf_clone_redirect(ctx, pcn_config.injector, BPF_F_INGRESS);
		}
		if (error)
			stats->drops[PCN_DROP_HEADROOM]++;
	}
}

/*
 * Send the packet out of the other ports of a group; `tagged` is whether it has the group's tag now. Its value must be
 * returned by handle_rx.
 */
static __always_inline int pcn_pkt_flood_group(struct __sk_buff *ctx, struct pkt_metadata *md, __u32 group, int tagged)
{
	__u32 zero = 0;
	struct pcn_stats *stats = bpf_map_lookup_elem(&pcn_stats, &zero);
	struct pcn_copies copies = {};
	__u32 in_port = md->in_port;

	if (!stats)
		return RX_ERROR;
	if (pcn_flood_group(group, &copies))
		return RX_DROP;
	md->verdict = PCN_VERDICT_DROP;
	if (pcn_trace_flood(ctx, md, &copies, tagged))
		return RX_DONE;
	pcn_count_flood(stats, &copies, in_port, md->packet_len);
	ctx->mark = md->traffic_class;
	ctx->cb[2] = PCN_FRAME_MAGIC;
	pcn_copy_to_ports(ctx, stats, &copies, in_port, tagged);
	if (!pcn_needs_change(&copies, tagged))
		return RX_DONE;
	if (pcn_change_tag(ctx, &copies, tagged))
		stats->drops[PCN_DROP_HEADROOM]++;
	else
		pcn_copy_to_ports(ctx, stats, &copies, in_port, !tagged);
	return RX_DONE;
}

#endif

#ifndef PCN_FLOOD_GROUPS
/** Send the packet out of all other ports. Its value must be returned by handle_rx. */
static __always_inline int pcn_pkt_flood(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	return pcn_pkt_flood_group(ctx, md, 0, 0);
}
#endif
#endif
