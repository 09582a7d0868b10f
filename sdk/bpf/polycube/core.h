/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * What the fast paths of all cubes have in common: where a packet came from, where it goes, counters. Authors include
 * cube.h, or transparent.h for a transparent cube.
 *
 * What lives where: md is on the stack and vanishes when inlined; the input port comes from another cube in skb->cb[0]
 * (TC) or in a per-CPU word (XDP), since nothing else survives a tail call, and is a constant of the program for packets
 * that come from a device; the traffic class is skb->mark (TC) or beside the input port.
 */
#ifndef POLYCUBE_CORE_H
#define POLYCUBE_CORE_H

#include <linux/if_ether.h>
#include <polycube/hook.h>

/** What handle_rx and handle_tx return. */
enum {
	RX_OK = 0, /**< handle_rx of a cube with ports: give the packet to the host's stack; otherwise: let it go on */
	RX_REDIRECT = 1, /**< from pcn_pkt_redirect */
	RX_DROP = 2, /**< counted as policy among the cube's drops */
	RX_ERROR = 4, /**< drop, counted as an error of the cube */
	RX_DONE = 5, /**< from pcn_pkt_flood: the packet is taken care of */
	RX_DROP_FOR = 256, /**< this one and those behind it: from pcn_pkt_drop_for */
};

/** What is known about a packet besides what is in it. */
struct pkt_metadata {
	__u16 in_port; /**< index of the port on which the packet came in; in handle_tx by which it leaves */
	__u32 out_port; /**< set by pcn_pkt_redirect */
	__u32 packet_len; /**< bytes */
	__u32 traffic_class; /**< carried along from cube to cube */
	int verdict; /**< code of the hook, with RX_DONE */
	__u16 direction; /**< PCN_INGRESS, or PCN_EGRESS in handle_tx */
	__u16 trace; /**< number of a packet that is followed (trace.h), else 0 */
	__u16 ended; /**< why the packet goes no further: enum pcn_drop + 1, or PCN_ENDED_AT_HOST */
};

/** An array table of `count` elements of `type`. */
#define PCN_ARRAY(name, type_, count)             \
	struct {                                  \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(max_entries, count);       \
		__type(key, __u32);               \
		__type(value, type_);             \
	} name SEC(".maps")

/** A hash table. Elements are allocated as they come. */
#define PCN_HASH(name, key_, value_, count)           \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_HASH);      \
		__uint(max_entries, count);           \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__type(key, key_);                    \
		__type(value, value_);                \
	} name SEC(".maps")

/** A ring buffer of so many bytes, a power of two and of pages: what is output to it comes to the control plane's record(). */
#define PCN_RING(name, bytes)                       \
	struct {                                    \
		__uint(type, BPF_MAP_TYPE_RINGBUF); \
		__uint(max_entries, bytes);         \
	} name SEC(".maps")

/**
 * Who shares a table, said behind its declaration:
 *
 *	PCN_HASH(flows, struct flow_key, struct flow, 1024) PCN_SHARED;
 *
 * Without, a table belongs to the program that declares it, and stays when the program is replaced by one that declares it
 * alike. A table that is shared is made for the first program that declares it and goes with the last one. All must declare
 * it alike: type, sizes, number of elements, flags, and the names of the structs in it.
 */
#define PCN_SCOPE(scope) __attribute__((btf_decl_tag("pcn:scope=" scope)))
#define PCN_SHARED PCN_SCOPE("cube") /**< all programs of the cube */
#define PCN_SHARED_IN(namespace) PCN_SCOPE("namespace:" namespace) /**< all of this machine that name the namespace */
#define PCN_PUBLIC PCN_SCOPE("public") /**< all of this machine */

const volatile struct pcn_config pcn_config __attribute__((aligned(PCN_CACHE_LINE)));

#ifdef PCN_SLAVE
const volatile struct pcn_program pcn_program;
#endif

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pcn_stats);
} pcn_stats SEC(".maps");

#define PCN_ENDED_AT_HOST 0xffff

#include <polycube/trace.h>

/* Bytes of the packet; of a VLAN tag that a device took out, without that. */
static __always_inline __u32 pcn_packet_length(struct CTXTYPE *ctx)
{
#ifdef POLYCUBE_XDP
	return pcn_wire_length(ctx);
#else
	return ctx->len;
#endif
}

/**
 * Send the packet out of a port; one that the cube does not have is counted as such, and drops it. Its value must be returned
 * by handle_rx of a cube with ports.
 */
static __always_inline int pcn_pkt_redirect(struct CTXTYPE *ctx, struct pkt_metadata *md, __u32 port)
{
	md->out_port = port;
	return RX_REDIRECT;
}

/** Drop the packet. Its value must be returned. */
static __always_inline int pcn_pkt_drop(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	return RX_DROP;
}

/**
 * Drop the packet and say why: `reason` is a constant below 16, which pcn:drop-reasons in the model gives a name. Traces show
 * it, and it is counted for itself. Its value must be returned.
 */
static __always_inline int pcn_pkt_drop_for(struct CTXTYPE *ctx, struct pkt_metadata *md, __u16 reason)
{
	return RX_DROP_FOR + reason;
}

static __always_inline int pcn_drop(struct pcn_stats *stats, struct pkt_metadata *md, enum pcn_drop reason)
{
	stats->drops[reason]++;
	md->ended = reason + 1;
	return PCN_VERDICT_DROP;
}

#define PCN_JUMP_IF(number)                                        \
	if (direct > number && kind == PCN_WIRE_DIRECT + number) { \
		PCN_JUMP(ctx, config->slots[number]);              \
		return;                                            \
	}

/* Enter the cube that a wire leads to; comes back only when that failed. */
static __always_inline void pcn_enter(struct CTXTYPE *ctx, const volatile struct pcn_config *config, __u16 kind,
				      __u32 slot)
{
	__u16 direct = config->direct;

	PCN_JUMP_IF(0)
	PCN_JUMP_IF(1)
	PCN_JUMP_IF(2)
	PCN_JUMP_IF(3)
	PCN_JUMP_IF(4)
	PCN_JUMP_IF(5)
	PCN_JUMP_IF(6)
	PCN_JUMP_IF(7)
	PCN_JUMP_IF(8)
	PCN_JUMP_IF(9)
	PCN_JUMP_IF(10)
	PCN_JUMP_IF(11)
	if (kind == PCN_WIRE_CUBE)
		bpf_tail_call(ctx, &pcn_panel, slot);
}

static __always_inline int pcn_transmit(const volatile struct pcn_wire *wire)
{
#ifdef POLYCUBE_XDP
	/* A device map holds the device itself, where an interface index has to be looked up for every packet. */
	return bpf_redirect_map(&pcn_devices, wire->port, PCN_VERDICT_DROP);
#else
	return bpf_redirect(wire->target, 0);
#endif
}

/* The packet has passed all cubes of its device: it goes on into the host, or out of the device. */
static __always_inline int pcn_let_go(struct CTXTYPE *ctx, const volatile struct pcn_wire *wire)
{
#ifdef POLYCUBE_XDP
	struct pcn_frame_meta *meta;

	if (ctx->ingress_ifindex == wire->target)
		return XDP_PASS;
	/* From the slow path: the program behind the injector's brings it to where the device's packets enter the host. */
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return XDP_DROP;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return XDP_DROP;
	__builtin_memset(meta, 0, sizeof(*meta));
	meta->stage = PCN_STAGE_HOST;
	meta->traffic_class = wire->target;
	return XDP_PASS;
#else
	if (ctx->ifindex == wire->target)
		return TC_ACT_UNSPEC;
	ctx->cb[2] = PCN_LET_GO;
	return bpf_redirect(wire->target, wire->port == PCN_EGRESS ? 0 : BPF_F_INGRESS);
#endif
}

/* What came with the packet from where it was sent to this cube. */
struct pcn_arrival {
	__u32 in_port;
	__u32 traffic_class;
	struct pcn_scratch *scratch; /* XDP: not NULL when it was looked up */
};

/* `entry`: pcn_config.entry of the program, which is read once: it differs between programs of an object. */
static __always_inline int pcn_arrive(struct CTXTYPE *ctx, __u16 entry, struct pcn_arrival *arrival)
{
#ifdef POLYCUBE_XDP
	__u32 zero = 0;

	if (!entry) {
		arrival->scratch = bpf_map_lookup_elem(&pcn_scratch, &zero);
		if (!arrival->scratch)
			return -1;
		arrival->in_port = arrival->scratch->in_port % PCN_MAX_PORTS;
		arrival->traffic_class = arrival->scratch->traffic_class;
		return 0;
	}
#else
	arrival->traffic_class = ctx->mark;
	if (!entry) {
		arrival->in_port = ctx->cb[0] % PCN_MAX_PORTS;
		return 0;
	}
#endif
	arrival->in_port = (entry - 1U) % PCN_MAX_PORTS;
	return 0;
}

/* Lay down what the next cube is to know. */
static __always_inline int pcn_send_along(struct CTXTYPE *ctx, const struct pkt_metadata *md,
					  const struct pcn_arrival *arrival, __u16 port)
{
#ifdef POLYCUBE_XDP
	struct pcn_scratch *scratch = arrival->scratch;
	__u32 zero = 0;

	if (!scratch) {
		scratch = bpf_map_lookup_elem(&pcn_scratch, &zero);
		if (!scratch)
			return -1;
		scratch->traffic_class = md->traffic_class;
	} else if (md->traffic_class != arrival->traffic_class) {
		scratch->traffic_class = md->traffic_class;
	}
	scratch->in_port = port;
#else
	ctx->cb[0] = port;
#endif
	return 0;
}

enum pcn_exit {
	PCN_OWN_EXIT,
	PCN_SHARED_EXIT,
	PCN_CHAIN_EXIT /* may be the last one before the host or the device */
};

/* Send the packet out of a port. With an own exit the port is a constant. */
static __always_inline int pcn_leave(struct CTXTYPE *ctx, const volatile struct pcn_config *config,
				     struct pcn_stats *stats, struct pkt_metadata *md,
				     const struct pcn_arrival *arrival, __u64 port, enum pcn_exit exit)
{
	const volatile struct pcn_wire *wire = &config->wires[port];
	__u16 kind;

	if (unlikely(port >= PCN_MAX_PORTS))
		return pcn_drop(stats, md, PCN_DROP_NO_PORT);
	kind = wire->kind;
	if (unlikely(kind == PCN_WIRE_NONE))
		return pcn_drop(stats, md, port >= config->ports ? PCN_DROP_NO_PORT : PCN_DROP_UNWIRED);
	if (!config->counted_later) {
		stats->port[port].tx_packets++;
		stats->port[port].tx_bytes += pcn_packet_length(ctx);
	}
	pcn_trace_leave(ctx, config, md, port, wire);
#ifndef POLYCUBE_XDP
	/* Most cubes never touch it, and then neither does this. */
	if (md->traffic_class != arrival->traffic_class)
		ctx->mark = md->traffic_class;
#endif
	if (kind == PCN_WIRE_DEVICE)
		return pcn_transmit(wire);
	if (exit == PCN_CHAIN_EXIT && kind == PCN_WIRE_PASS)
		return wire->target ? pcn_let_go(ctx, wire) : pcn_drop(stats, md, PCN_DROP_HOST);
	if (pcn_send_along(ctx, md, arrival, wire->port))
		return pcn_drop(stats, md, PCN_DROP_ERROR);
	if (exit == PCN_OWN_EXIT)
		PCN_JUMP(ctx, wire->target);
	else
		pcn_enter(ctx, config, kind, wire->target);
	return pcn_drop(stats, md, PCN_DROP_JUMP);
}

/* What becomes of a packet that is not sent out of a port. */
static __always_inline int pcn_end(struct pcn_stats *stats, struct pkt_metadata *md, int verdict)
{
	__u64 own = (__u64)verdict - RX_DROP_FOR;

	switch (verdict) {
	case RX_OK:
		md->ended = PCN_ENDED_AT_HOST;
		return PCN_VERDICT_STACK;
	case RX_DONE:
		return md->verdict;
	case RX_DROP:
		return pcn_drop(stats, md, PCN_DROP_POLICY);
	default:
		if (own < PCN_DROP_REASONS - PCN_DROP_OWN) {
			/* Else the compiler may use a copy of it of which the kernel knows no bounds. */
			asm volatile("" : "+r"(own));
			return pcn_drop(stats, md, PCN_DROP_OWN + (own & (PCN_DROP_REASONS - PCN_DROP_OWN - 1)));
		}
		return pcn_drop(stats, md, PCN_DROP_ERROR);
	}
}

#endif
