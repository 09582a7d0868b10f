/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * The way to the cube's slow path, and from there back out of its ports.
 *
 * A packet for the slow path is copied into a ring buffer of the cube together with everything that is known about it. Each
 * cube has a ring of its own, so one that floods its slow path loses its own packets only, which are counted; the fast path
 * never waits. What the slow path sends enters the cube again: pcn_ingress as if it had been received on a port, or pcn_out
 * below to leave by a port (behind handle_tx, where there is one) or, of a transparent cube, to go on in a direction.
 *
 * Included after cube.h or transparent.h by the cubes that need it, and after slave.h by slaves of these cubes.
 *
 * A cube whose slow path only wants to know of packets defines PCN_HEADERS_ONLY before: it gets the first PCN_RECORD_SMALL
 * bytes of each and sends none, and the ring is small. A thousand of such cubes cost 16 MB instead of 256.
 */
#ifndef POLYCUBE_CONTROLLER_H
#define POLYCUBE_CONTROLLER_H

#if defined(PCN_TRANSPARENT) || defined(PCN_SLAVE)
#include <polycube/core.h>
#else
#include <polycube/cube.h>
#endif

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
#ifdef PCN_HEADERS_ONLY
	__uint(max_entries, PCN_HEADERS_RING);
#else
	__uint(max_entries, PCN_CONTROLLER_RING);
#endif
} pcn_controller SEC(".maps");

static __always_inline int pcn_submit(struct CTXTYPE *ctx, const struct pcn_packet_in *head, __u32 room)
{
	struct pcn_packet_in *record = bpf_ringbuf_reserve(&pcn_controller, sizeof(*record) + room, 0);

	if (!record)
		return -1;
	*record = *head;
	if (pcn_copy_packet(ctx, (__u8 *)(record + 1), head->length, room)) {
		bpf_ringbuf_discard(record, 0);
		return -1;
	}
	bpf_ringbuf_submit(record, 0);
	return 0;
}

/**
 * Copy the packet to the slow path, with a reason, which pcn:slow-path-reasons in the model gives a name, and three words that
 * mean what the cube likes. When the value is returned by handle_rx or handle_tx, the packet itself ends here. Without that the
 * packet goes on, and the slow path has its copy.
 */
static __always_inline int pcn_pkt_controller_md(struct CTXTYPE *ctx, struct pkt_metadata *md, __u16 reason,
						 const __u32 metadata[3])
{
	__u32 zero = 0;
	struct pcn_stats *stats = bpf_map_lookup_elem(&pcn_stats, &zero);
	struct pcn_packet_in head = {
		.port = md->in_port,
		.reason = reason,
		.traffic_class = md->traffic_class,
		.direction = md->direction,
		.trace = md->trace,
	};
	int failed;

	if (!stats)
		return RX_ERROR;
	head.metadata[0] = metadata[0];
	head.metadata[1] = metadata[1];
	head.metadata[2] = metadata[2];
	head.packet_length = pcn_wire_length(ctx);
	head.length = head.packet_length;
#ifdef PCN_HEADERS_ONLY
	if (head.length > PCN_RECORD_SMALL)
		head.length = PCN_RECORD_SMALL;
	failed = pcn_submit(ctx, &head, PCN_RECORD_SMALL);
#else
	if (head.length <= PCN_RECORD_SMALL) {
		failed = pcn_submit(ctx, &head, PCN_RECORD_SMALL);
	} else if (head.length <= PCN_RECORD_FRAME) {
		failed = pcn_submit(ctx, &head, PCN_RECORD_FRAME);
	} else if (head.length <= PCN_RECORD_JUMBO) {
		failed = pcn_submit(ctx, &head, PCN_RECORD_JUMBO);
	} else {
		if (head.length > PCN_RECORD_LARGEST)
			head.length = PCN_RECORD_LARGEST;
		failed = pcn_submit(ctx, &head, PCN_RECORD_LARGEST);
	}
#endif
	if (failed)
		stats->drops[PCN_DROP_CONTROLLER]++;
	pcn_trace_controller(ctx, &pcn_config, md, reason, failed);
	md->verdict = PCN_VERDICT_DROP;
	return RX_DONE;
}

/** Copy the packet to the slow path, with a reason; as pcn_pkt_controller_md. */
static __always_inline int pcn_pkt_controller(struct CTXTYPE *ctx, struct pkt_metadata *md, __u16 reason)
{
	const __u32 none[3] = {};

	return pcn_pkt_controller_md(ctx, md, reason, none);
}

#if !defined(PCN_SLAVE) && !defined(PCN_HEADERS_ONLY)

const volatile struct pcn_config pcn_out_config __attribute__((aligned(PCN_CACHE_LINE)));

/* Entered by what the slow path sends out of a port. */
static __always_inline int pcn_send_out(struct CTXTYPE *ctx, const int traced)
{
	__u32 zero = 0;
	struct pcn_stats *stats = bpf_map_lookup_elem(&pcn_stats, &zero);
	struct pcn_arrival arrival = {};
	struct pkt_metadata md = {};

	if (!stats)
		return PCN_VERDICT_DROP;
	if (pcn_arrive(ctx, pcn_out_config.entry, &arrival))
		return pcn_drop(stats, &md, PCN_DROP_ERROR);
	md.in_port = arrival.in_port;
	md.traffic_class = arrival.traffic_class;
	pcn_trace_enter(ctx, &pcn_out_config, &md, traced, PCN_TRACE_SENT);

	int verdict = pcn_leave(ctx, &pcn_out_config, stats, &md, &arrival, arrival.in_port, PCN_CHAIN_EXIT);

	return pcn_trace_verdict(ctx, &pcn_out_config, &md, verdict);
}

PCN_PROGRAM(pcn_out, pcn_send_out)

#endif

#endif
