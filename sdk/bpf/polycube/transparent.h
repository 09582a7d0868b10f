/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * The fast path of a transparent cube, which has no ports: it is attached in front of a port of another cube or of a device,
 * and sees what comes from there and what goes there.
 *
 * Include this first, then define
 *
 *	static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
 *	static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
 *
 * handle_rx is called for packets towards the cube or, on a device, the host; handle_tx for packets the other way (egress.h).
 * Both return RX_OK to let the packet go on, or RX_DROP and the like. md->in_port is 0 in handle_rx and 1 in handle_tx.
 */
#ifndef POLYCUBE_TRANSPARENT_H
#define POLYCUBE_TRANSPARENT_H

#define PCN_TRANSPARENT 1
#include <polycube/egress.h>

/* Says in the object what it is. */
const volatile __u8 pcn_transparent = 1;

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md);

static __always_inline int pcn_receive(struct CTXTYPE *ctx, const int traced)
{
	__u16 entry = pcn_config.entry;
	__u32 zero = 0;
	struct pcn_stats *stats = bpf_map_lookup_elem(&pcn_stats, &zero);
	struct pcn_arrival arrival = {};
	struct pkt_metadata md = {};

	if (unlikely(!stats))
		return PCN_VERDICT_DROP;
	if (entry && pcn_is_let_go(ctx))
		return PCN_VERDICT_STACK;
	if (unlikely(pcn_arrive(ctx, entry, &arrival)))
		return pcn_drop(stats, &md, PCN_DROP_ERROR);
	md.in_port = arrival.in_port;
	md.traffic_class = arrival.traffic_class;
	md.packet_len = pcn_packet_length(ctx);
	pcn_trace_enter(ctx, &pcn_config, &md, traced, PCN_TRACE_ENTER);
	stats->port[arrival.in_port].rx_packets++;
	stats->port[arrival.in_port].rx_bytes += md.packet_len;

	int verdict = handle_rx(ctx, &md);

	if (unlikely(verdict != RX_OK))
		verdict = pcn_end(stats, &md, verdict);
	else
		verdict = pcn_leave(ctx, &pcn_config, stats, &md, &arrival, arrival.in_port, PCN_CHAIN_EXIT);
	return pcn_trace_verdict(ctx, &pcn_config, &md, verdict);
}

PCN_PROGRAM(pcn_ingress, pcn_receive)

#endif
