/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * The way out. Include this after cube.h, then define
 *
 *	static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
 *
 * which is called for every packet that leaves by a port (md->in_port) of the cube, and returns RX_OK to let it go on, or
 * RX_DROP and the like. Where the port is wired to a device, that is also what the host sends out of the device.
 *
 * On TC packets to a device meet it at the device's egress hook, whoever sent them. On XDP those that the cube forwards
 * meet it before they are sent, and those of the host at the egress hook, in the object for TC, which shares the tables.
 */
#ifndef POLYCUBE_EGRESS_H
#define POLYCUBE_EGRESS_H

#if defined(PCN_TRANSPARENT) || defined(PCN_SLAVE)
#include <polycube/core.h>
#else
#include <polycube/cube.h>
#endif

const volatile struct pcn_config pcn_egress_config __attribute__((aligned(PCN_CACHE_LINE)));

/** The author's function on the way out: RX_OK lets the packet go on. */
static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md);

/* Whether the packet has passed the cubes of this device before: the slow path sent it on from the last one. */
static __always_inline int pcn_is_let_go(struct CTXTYPE *ctx)
{
#ifdef POLYCUBE_XDP
	return 0;
#else
	if (ctx->cb[2] != PCN_LET_GO)
		return 0;
	ctx->cb[2] = 0;
	return 1;
#endif
}

static __always_inline int pcn_send(struct CTXTYPE *ctx, const int traced)
{
	__u16 entry = pcn_egress_config.entry;
	__u32 zero = 0;
	struct pcn_stats *stats = bpf_map_lookup_elem(&pcn_stats, &zero);
	struct pcn_arrival arrival = {};
	struct pkt_metadata md = {.direction = PCN_EGRESS};

	if (unlikely(!stats))
		return PCN_VERDICT_DROP;
	if (entry && pcn_is_let_go(ctx))
		return PCN_VERDICT_STACK;
	if (unlikely(pcn_arrive(ctx, entry, &arrival)))
		return pcn_drop(stats, &md, PCN_DROP_ERROR);
	md.in_port = arrival.in_port;
	md.traffic_class = arrival.traffic_class;
	md.packet_len = pcn_packet_length(ctx);
	pcn_trace_enter(ctx, &pcn_egress_config, &md, traced, PCN_TRACE_ENTER);
#ifdef PCN_TRANSPARENT
	stats->port[arrival.in_port].rx_packets++;
	stats->port[arrival.in_port].rx_bytes += md.packet_len;
#endif

	int verdict = handle_tx(ctx, &md);

	if (unlikely(verdict != RX_OK))
		verdict = pcn_end(stats, &md, verdict);
	else
		verdict = pcn_leave(ctx, &pcn_egress_config, stats, &md, &arrival, arrival.in_port, PCN_CHAIN_EXIT);
	return pcn_trace_verdict(ctx, &pcn_egress_config, &md, verdict);
}

PCN_PROGRAM(pcn_egress, pcn_send)

#endif
