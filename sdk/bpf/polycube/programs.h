/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * Jumps between the programs of a cube:
 *
 *	call_ingress_program(ctx, 3);
 *	return RX_DROP;
 *
 * The other program goes on with the packet as it is, and nothing comes back. When there is no such program (any more), or
 * the packet has used up its 33 tail calls, the function returns, and it is the author's to say what becomes of the packet.
 * An index that is a constant makes a direct jump. Programs 1 to 63 are slaves (slave.h); the master, 0, cannot be called.
 *
 * handle_rx jumps to ingress programs and handle_tx to egress programs. Those with metadata keep what was changed in
 * md->traffic_class; without, the packet carries what it came with.
 *
 * Included after cube.h, transparent.h or slave.h, and after egress.h or egress_slave.h, by the programs that need it.
 */
#ifndef POLYCUBE_PROGRAMS_H
#define POLYCUBE_PROGRAMS_H

#include <polycube/core.h>

/* Of this cube alone. */
#define PCN_PROGRAMS(name)                             \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY); \
		__uint(max_entries, PCN_MAX_PROGRAMS); \
		__type(key, __u32);                    \
		__type(value, __u32);                  \
	} name SEC(".maps")

/* Lay down what the program is to know, where a cube lays it for the next one. */
static __always_inline void pcn_hand_over(struct CTXTYPE *ctx, __u32 in_port, __u32 traffic_class)
{
#ifdef POLYCUBE_XDP
	__u32 zero = 0;
	struct pcn_scratch *scratch = bpf_map_lookup_elem(&pcn_scratch, &zero);

	if (!scratch)
		return;
	scratch->in_port = in_port;
	scratch->traffic_class = traffic_class;
#else
	ctx->cb[0] = in_port;
	ctx->mark = traffic_class;
#endif
}

/* Of a packet that came from a device, nothing is laid down yet. */
static __always_inline void pcn_hand_over_arrival(struct CTXTYPE *ctx, __u16 entry)
{
	if (!entry)
		return;
#ifdef POLYCUBE_XDP
	pcn_hand_over(ctx, entry - 1, 0);
#else
	ctx->cb[0] = entry - 1;
#endif
}

#define PCN_CALL_PROGRAM(ctx, programs, index)                      \
	do {                                                        \
		if (__builtin_constant_p(index))                    \
			bpf_tail_call_static(ctx, programs, index); \
		else                                                \
			bpf_tail_call(ctx, programs, index);        \
	} while (0)

#if !defined(PCN_SLAVE) || defined(POLYCUBE_SLAVE_H)

PCN_PROGRAMS(pcn_ingress_programs);

/** Go on in an ingress program, as the packet came. Returns only when that failed. */
static __always_inline void call_ingress_program(struct CTXTYPE *ctx, __u32 index)
{
	pcn_hand_over_arrival(ctx, pcn_config.entry);
	PCN_CALL_PROGRAM(ctx, &pcn_ingress_programs, index);
}

/** The same; md->traffic_class, which may have been changed, goes along. */
static __always_inline void call_ingress_program_with_metadata(struct CTXTYPE *ctx, const struct pkt_metadata *md,
							       __u32 index)
{
	pcn_hand_over(ctx, md->in_port, md->traffic_class);
	PCN_CALL_PROGRAM(ctx, &pcn_ingress_programs, index);
}

#endif

#if defined(POLYCUBE_EGRESS_H) || defined(DOXYGEN)

PCN_PROGRAMS(pcn_egress_programs);

/** Go on in an egress program, as the packet came. Returns only when that failed. */
static __always_inline void call_egress_program(struct CTXTYPE *ctx, __u32 index)
{
	pcn_hand_over_arrival(ctx, pcn_egress_config.entry);
	PCN_CALL_PROGRAM(ctx, &pcn_egress_programs, index);
}

/** The same; md->traffic_class, which may have been changed, goes along. */
static __always_inline void call_egress_program_with_metadata(struct CTXTYPE *ctx, const struct pkt_metadata *md,
							      __u32 index)
{
	pcn_hand_over(ctx, md->in_port, md->traffic_class);
	PCN_CALL_PROGRAM(ctx, &pcn_egress_programs, index);
}

#endif

#endif
