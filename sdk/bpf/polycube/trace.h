/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * What programs tell of packets that are followed: `polycubectl trace` and `simulate`.
 *
 * An object has each program twice, without any of this and with it, NAME and NAME_traced; the second is loaded while packets
 * are followed. Which packets are is decided before they enter the first cube (src/engine/bpf/tracer.bpf.c), by a number that
 * goes along with them: on XDP in a per-CPU word, on TC in skb->cb. Authors have nothing to do with it.
 *
 * Included by core.h.
 */
#ifndef POLYCUBE_TRACE_H
#define POLYCUBE_TRACE_H

#include <linux/if_ether.h>
#include <polycube/hook.h>

/* Shared by every program. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, PCN_TRACE_RING);
} pcn_trace_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PCN_TRACE_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} pcn_trace_counts SEC(".maps");

static __always_inline __u64 *pcn_trace_counter(__u32 which)
{
	return bpf_map_lookup_elem(&pcn_trace_counts, &which);
}

static __always_inline void pcn_trace_add(__u32 which)
{
	__u64 *count = pcn_trace_counter(which);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/* Bytes of the packet as it was on the wire, a VLAN tag included that a device took out. */
static __always_inline __u32 pcn_wire_length(struct CTXTYPE *ctx)
{
#ifdef POLYCUBE_XDP
	__u64 begin = ctx->data, end = ctx->data_end;

	/* Else the compiler may lay a pointer down in 32 bits, which the kernel refuses. */
	asm volatile("" : "+r"(begin), "+r"(end));
	return end - begin;
#else
	return ctx->vlan_present ? ctx->len + 4 : ctx->len;
#endif
}

/* Copies the packet as it was on the wire: a VLAN tag that a device took out is put back. */
static __always_inline long pcn_copy_packet(struct CTXTYPE *ctx, __u8 *to, __u64 length, __u32 room)
{
	/* The verifier is to see a check of all 64 bits beside the copy; the compiler would do without. */
	asm volatile("" : "+r"(length));
	if (length < ETH_HLEN || length > room)
		return -1;
#ifdef POLYCUBE_XDP
	return bpf_xdp_load_bytes(ctx, 0, to, length);
#else
	const __u32 tag_offset = 2 * ETH_ALEN;
	__u64 rest = length - tag_offset - 4;
	__be16 tag[2];

	if (!ctx->vlan_present)
		return bpf_skb_load_bytes(ctx, 0, to, length);
	if (rest == 0 || rest > room - tag_offset - 4)
		return -1;
	tag[0] = ctx->vlan_proto;
	tag[1] = bpf_htons(ctx->vlan_tci);
	__builtin_memcpy(to + tag_offset, tag, sizeof(tag));
	return bpf_skb_load_bytes(ctx, 0, to, tag_offset) ||
	       bpf_skb_load_bytes(ctx, tag_offset, to + tag_offset + 4, rest);
#endif
}

/* Room for an event, with all of it set but for what its kind needs besides; NULL: there was none, which is counted. */
static __always_inline struct pcn_trace_event *pcn_trace_begin(struct CTXTYPE *ctx, __u16 id, __u16 kind)
{
	struct pcn_trace_event *event = bpf_ringbuf_reserve(&pcn_trace_ring, sizeof(*event), 0);

	if (!event) {
		pcn_trace_add(PCN_TRACE_LOST);
		return event;
	}
	__builtin_memset(event, 0, __builtin_offsetof(struct pcn_trace_event, packet));
	event->time = bpf_ktime_get_ns();
	event->id = id;
	event->kind = kind;
	return event;
}

/* Tell it, with the packet as it is now. */
static __always_inline void pcn_trace_end(struct CTXTYPE *ctx, struct pcn_trace_event *event)
{
	__u32 length = pcn_wire_length(ctx);

	event->packet_length = length;
	if (length > PCN_TRACE_BYTES)
		length = PCN_TRACE_BYTES;
	if (pcn_copy_packet(ctx, event->packet, length, PCN_TRACE_BYTES))
		event->packet_length = 0;
	bpf_ringbuf_submit(event, 0);
}

/* The number that the packet carries; 0: it is not followed. */
static __always_inline __u16 pcn_trace_number(struct CTXTYPE *ctx)
{
#ifdef POLYCUBE_XDP
	__u32 zero = 0;
	struct pcn_scratch *scratch = bpf_map_lookup_elem(&pcn_scratch, &zero);

	return scratch ? scratch->trace : 0;
#else
	return ctx->cb[3] == PCN_TRACE_MAGIC ? ctx->cb[4] : 0;
#endif
}

static __always_inline void pcn_trace_set_number(struct CTXTYPE *ctx, __u16 id)
{
#ifdef POLYCUBE_XDP
	__u32 zero = 0;
	struct pcn_scratch *scratch = bpf_map_lookup_elem(&pcn_scratch, &zero);

	if (scratch)
		scratch->trace = id;
#else
	ctx->cb[3] = id ? PCN_TRACE_MAGIC : 0;
	ctx->cb[4] = id;
#endif
}

#ifdef PCN_SLAVE
#define PCN_TRACE_PROGRAM pcn_program.index
#else
#define PCN_TRACE_PROGRAM 0
#endif

/* Both programs made of a function with the arguments ctx and traced. */
#define PCN_PROGRAM(name, function)            \
	SEC(PCN_SECTION)                       \
	int name(struct CTXTYPE *ctx)          \
	{                                      \
		return function(ctx, 0);       \
	}                                      \
	SEC(PCN_SECTION)                       \
	int name##_traced(struct CTXTYPE *ctx) \
	{                                      \
		return function(ctx, 1);       \
	}

#ifdef POLYCUBE_CORE_H

/* An event of a cube; NULL when the packet is not followed. */
static __always_inline struct pcn_trace_event *pcn_trace(struct CTXTYPE *ctx, const volatile struct pcn_config *config,
							 const struct pkt_metadata *md, __u16 kind)
{
	struct pcn_trace_event *event;

	if (!md->trace)
		return NULL;
	event = pcn_trace_begin(ctx, md->trace, kind);
	if (!event)
		return event;
	event->cube = config->cube;
	event->program = PCN_TRACE_PROGRAM;
	event->direction = md->direction;
	event->port = md->in_port;
	event->traffic_class = md->traffic_class;
	return event;
}

static __always_inline void pcn_trace_enter(struct CTXTYPE *ctx, const volatile struct pcn_config *config,
					    struct pkt_metadata *md, int traced, __u16 kind)
{
	struct pcn_trace_event *event;

	if (!traced)
		return;
	md->trace = pcn_trace_number(ctx);
	event = pcn_trace(ctx, config, md, kind);
	if (event)
		pcn_trace_end(ctx, event);
}

static __always_inline void pcn_trace_leave(struct CTXTYPE *ctx, const volatile struct pcn_config *config,
					    const struct pkt_metadata *md, __u16 port,
					    const volatile struct pcn_wire *wire)
{
	struct pcn_trace_event *event = pcn_trace(ctx, config, md, PCN_TRACE_LEAVE);

	if (!event)
		return;
	event->port = port;
	event->wire.target = wire->target;
	event->wire.kind = wire->kind;
	event->wire.port = wire->port;
	pcn_trace_end(ctx, event);
}

/* Why the packet goes no further; nothing to tell when it went to the slow path or was copied. */
static __always_inline int pcn_trace_verdict(struct CTXTYPE *ctx, const volatile struct pcn_config *config,
					     const struct pkt_metadata *md, int verdict)
{
	struct pcn_trace_event *event;

	if (!md->trace || !md->ended)
		return verdict;
	event = pcn_trace(ctx, config, md, md->ended == PCN_ENDED_AT_HOST ? PCN_TRACE_HOST : PCN_TRACE_DROP);
	if (!event)
		return verdict;
	event->reason = md->ended - 1;
	pcn_trace_end(ctx, event);
	return verdict;
}

static __always_inline void pcn_trace_controller(struct CTXTYPE *ctx, const volatile struct pcn_config *config,
						 const struct pkt_metadata *md, __u16 reason, int failed)
{
	struct pcn_trace_event *event = pcn_trace(ctx, config, md, PCN_TRACE_CONTROLLER);

	if (!event)
		return;
	event->reason = reason;
	event->wire.kind = failed ? 1 : 0;
	pcn_trace_end(ctx, event);
}

#endif

#endif
