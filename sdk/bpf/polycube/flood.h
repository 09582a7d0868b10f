/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One packet out of all ports but the one it came in on, without leaving the kernel.
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
 * Included after cube.h by the cubes that need it.
 */
#ifndef POLYCUBE_FLOOD_H
#define POLYCUBE_FLOOD_H

#include <polycube/cube.h>

static __always_inline void pcn_count_flood(struct pcn_stats *stats, __u32 in_port, __u32 length)
{
	if (pcn_config.counted_later)
		return;
	for (__u32 port = 0; port < PCN_MAX_PORTS; port++) {
		if (port >= pcn_config.ports)
			break;
		if (port == in_port || pcn_config.wires[port].kind == PCN_WIRE_NONE)
			continue;
		stats->port[port].tx_packets++;
		stats->port[port].tx_bytes += length;
	}
}

#ifdef POLYCUBE_XDP

/* One element: the injector. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} pcn_injector SEC(".maps");

/* Send the packet out of all other ports. Its value must be returned by handle_rx. */
static __always_inline int pcn_pkt_flood(struct xdp_md *ctx, struct pkt_metadata *md)
{
	__u32 zero = 0;
	struct pcn_stats *stats = bpf_map_lookup_elem(&pcn_stats, &zero);
	struct pcn_frame *frame;

	if (!stats)
		return RX_ERROR;
	md->verdict = PCN_VERDICT_DROP;
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
	pcn_count_flood(stats, md->in_port, md->packet_len);
	md->verdict = bpf_redirect_map(&pcn_injector, 0, PCN_VERDICT_DROP);
	return RX_DONE;
}

static __always_inline int pcn_flood_devices(struct __sk_buff *ctx, struct pcn_stats *stats, __u32 in_port)
{
	for (__u32 port = 0; port < PCN_MAX_PORTS; port++) {
		const volatile struct pcn_wire *wire = &pcn_config.wires[port];

		if (port >= pcn_config.ports)
			break;
		if (port != in_port && wire->kind == PCN_WIRE_DEVICE && bpf_clone_redirect(ctx, wire->target, 0))
			stats->drops[PCN_DROP_HEADROOM]++;
	}
	return TC_ACT_SHOT;
}

/* Where a copy goes: the middle of a pcn_frame. */
struct pcn_way {
	__u16 stage;
	__u16 slot;
	__u16 port;
};

static __always_inline long pcn_set_way(struct __sk_buff *ctx, __u16 stage, __u16 slot, __u16 port)
{
	struct pcn_way way = {.stage = stage, .slot = slot, .port = port};

	return bpf_skb_store_bytes(ctx, __builtin_offsetof(struct pcn_frame, stage), &way, sizeof(way), 0);
}

static __always_inline int pcn_flood_cubes(struct __sk_buff *ctx, struct pcn_stats *stats, __u32 in_port)
{
	for (__u32 port = 0; port < PCN_MAX_PORTS; port++) {
		const volatile struct pcn_wire *wire = &pcn_config.wires[port];

		if (port >= pcn_config.ports)
			break;
		if (port == in_port || wire->kind == PCN_WIRE_NONE || wire->kind == PCN_WIRE_DEVICE)
			continue;
		if (pcn_set_way(ctx, PCN_STAGE_ENTER, wire->target, wire->port) ||
		    bpf_clone_redirect(ctx, pcn_config.injector, BPF_F_INGRESS))
			stats->drops[PCN_DROP_HEADROOM]++;
	}
	if (pcn_set_way(ctx, PCN_STAGE_DEVICES, pcn_config.flood_slot, in_port))
		return TC_ACT_SHOT;
	return bpf_redirect(pcn_config.injector, BPF_F_INGRESS);
}

/* Called by the injector's TC program with the stage in cb[1] and the input port in cb[0]. */
SEC("tc")
int pcn_flood(struct __sk_buff *ctx)
{
	__u32 zero = 0;
	struct pcn_stats *stats = bpf_map_lookup_elem(&pcn_stats, &zero);

	if (!stats)
		return TC_ACT_SHOT;
	if (ctx->cb[1] == PCN_STAGE_DEVICES)
		return pcn_flood_devices(ctx, stats, ctx->cb[0]);
	return pcn_flood_cubes(ctx, stats, ctx->cb[0]);
}

#else

/* Send the packet out of all other ports. Its value must be returned by handle_rx. */
static __always_inline int pcn_pkt_flood(struct __sk_buff *ctx, struct pkt_metadata *md)
{
	__u32 zero = 0;
	struct pcn_stats *stats = bpf_map_lookup_elem(&pcn_stats, &zero);
	__u32 in_port = md->in_port;

	if (!stats)
		return RX_ERROR;
	pcn_count_flood(stats, in_port, md->packet_len);
	ctx->mark = md->traffic_class;
	ctx->cb[2] = PCN_FRAME_MAGIC;
	for (__u32 port = 0; port < PCN_MAX_PORTS; port++) {
		const volatile struct pcn_wire *wire = &pcn_config.wires[port];
		long error = 0;

		if (port >= pcn_config.ports)
			break;
		if (port == in_port)
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
	md->verdict = PCN_VERDICT_DROP;
	return RX_DONE;
}

#endif
#endif
