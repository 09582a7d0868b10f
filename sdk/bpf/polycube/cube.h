/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * The fast path of a cube with ports.
 *
 * Include this first, then define
 *
 *	static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
 *
 * which is called for every packet that arrives on a port of the cube, and returns one of the RX_ codes. Everything
 * around it - where the packet came from, where ports lead, counters - is done in core.h, once. A cube whose packets are to
 * pass code of its own on their way out of a port includes egress.h as well.
 */
#ifndef POLYCUBE_CUBE_H
#define POLYCUBE_CUBE_H

#include <polycube/core.h>

/**
 * The author's function: what happens to a packet that arrived. Returns an RX_ code, or what pcn_pkt_redirect and its
 * like return.
 */
static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md);

/*
 * The first ports have code of their own, in which the wire is known: the verifier removes what it does not need. The empty
 * assembly keeps the compiler from making one piece of them again.
 */
#define PCN_EXIT(port)                                                                           \
	case port:                                                                               \
		asm volatile("" : : "i"(port));                                                  \
		verdict = pcn_leave(ctx, &pcn_config, stats, &md, &arrival, port, PCN_OWN_EXIT); \
		asm volatile("" : : "i"(port));                                                  \
		return verdict;

static __always_inline int pcn_receive(struct CTXTYPE *ctx, const int traced)
{
	__u32 zero = 0;
	struct pcn_stats *stats = bpf_map_lookup_elem(&pcn_stats, &zero);
	struct pcn_arrival arrival = {};
	struct pkt_metadata md = {};

	if (unlikely(!stats))
		return PCN_VERDICT_DROP;
	if (unlikely(pcn_arrive(ctx, pcn_config.entry, &arrival)))
		return pcn_drop(stats, &md, PCN_DROP_ERROR);
	md.in_port = arrival.in_port;
	md.traffic_class = arrival.traffic_class;
	md.packet_len = pcn_packet_length(ctx);
	pcn_trace_enter(ctx, &pcn_config, &md, traced, PCN_TRACE_ENTER);
#ifndef PCN_SLAVE
	stats->port[arrival.in_port].rx_packets++;
	stats->port[arrival.in_port].rx_bytes += md.packet_len;
#endif

	int verdict = handle_rx(ctx, &md);

#ifdef PCN_SLAVE
	if (pcn_program.transparent && verdict == RX_OK) {
		verdict = pcn_leave(ctx, &pcn_config, stats, &md, &arrival, arrival.in_port, PCN_CHAIN_EXIT);
		return pcn_trace_verdict(ctx, &pcn_config, &md, verdict);
	}
	if (pcn_program.transparent && verdict == RX_REDIRECT)
		verdict = RX_ERROR;
#endif
	if (unlikely(verdict != RX_REDIRECT)) {
		verdict = pcn_end(stats, &md, verdict);
		return pcn_trace_verdict(ctx, &pcn_config, &md, verdict);
	}

	/* One exit is enough for packets that are followed. */
	switch (traced ? PCN_MAX_PORTS : md.out_port) {
		PCN_EXIT(0)
		PCN_EXIT(1)
		PCN_EXIT(2)
		PCN_EXIT(3)
	default: {
		__u64 port = md.out_port;

		/* Else the compiler may check one copy of it and use another, of which the kernel knows no bounds. */
		asm volatile("" : "+r"(port));
		verdict = pcn_leave(ctx, &pcn_config, stats, &md, &arrival, port, PCN_SHARED_EXIT);
		return pcn_trace_verdict(ctx, &pcn_config, &md, verdict);
	}
	}
}

PCN_PROGRAM(pcn_ingress, pcn_receive)

#endif
