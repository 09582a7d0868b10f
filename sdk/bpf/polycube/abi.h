/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * What the fast paths and the engine share: the constants of a cube's wiring, its counters, and the codes in them.
 *
 * Compiled by both compilers. A cube's wiring is in frozen read-only data: the verifier knows every value, so it removes
 * the code of ports that lead nowhere and turns tail calls with these slots into direct jumps.
 */
#ifndef POLYCUBE_ABI_H
#define POLYCUBE_ABI_H

#include <linux/types.h>
/** Refuses to compile when a struct is not laid out as its author thinks. */
#ifdef __cplusplus
#define PCN_ASSERT(condition, text) static_assert(condition, text)
#else
#define PCN_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#define PCN_MAX_PORTS 128      /**< ports of a cube */
#define PCN_MAX_DIRECT 12      /* cube peers reached by a direct jump; more are reached by indirect ones */
#define PCN_OWN_EXITS 4 /* ports with code of their own, which need no direct jump besides */
#define PCN_PANEL_SLOTS 8192 /* cubes, devices for each hook they are used on, and programs that cubes have besides */
#define PCN_CACHE_LINE 64 /**< bytes */
/** Programs of a cube in each direction: 0 is the master, which packets enter, the others are slaves. */
#define PCN_MAX_PROGRAMS 64

/* Kinds of a wire. From PCN_WIRE_DIRECT on, kind - PCN_WIRE_DIRECT is the number of the direct jump. */
#define PCN_WIRE_NONE 0
#define PCN_WIRE_DEVICE 1
#define PCN_WIRE_CUBE 2
#define PCN_WIRE_PASS 3 /* on into the host, or out of the device that the packet is on; target 0: not possible */
#define PCN_WIRE_DIRECT 4

/* Directions. */
#define PCN_INGRESS 0 /**< what arrived: handle_rx */
#define PCN_EGRESS 1 /**< what leaves: handle_tx */

/* Where a port leads. */
struct pcn_wire {
	__u32 target; /* interface index, or panel slot of a cube */
	__u16 kind;
	/* Port index in the cube that it leads to; of a device on XDP its index in pcn_devices; of PCN_WIRE_PASS the direction. */
	__u16 port;
};
PCN_ASSERT(sizeof(struct pcn_wire) == 8, "no padding");

/*
 * Constants of a program. An object has up to three of them: pcn_config for what arrives, pcn_egress_config for what passes
 * handle_tx, pcn_out_config for what the slow path sends out.
 */
struct pcn_config {
	__u16 ports; /* highest port index + 1 */
	__u16 direct; /* number of direct jumps */
	__u16 log_level; /* enum order of the YANG leaf: TRACE 0 .. OFF 6 */
	__u16 entry; /* input port + 1 of packets that come from a device; 0: the port comes with the packet */
	__u16 slots[PCN_MAX_DIRECT]; /* panel slots of the direct jumps */
	struct pcn_wire wires[PCN_MAX_PORTS];
	__u32 injector; /* interface index of the device that brings copies to cubes (flood.h) */
	__u16 flood_slot; /* XDP: of the program pcn_flood, in the TC panel */
	__u16 counted_later; /* not 0: what leaves is counted behind handle_tx */
	__u16 trace; /* PCN_TRACE_: whether packets are followed, by programs NAME_traced */
	__u16 cube; /* by which traces name it */
};

/* Why a packet ended in a cube. */
enum pcn_drop {
	PCN_DROP_POLICY, /* the cube decided so */
	PCN_DROP_UNWIRED, /* sent out of a port that leads nowhere */
	PCN_DROP_NO_PORT, /* sent out of a port that does not exist */
	PCN_DROP_JUMP, /* the next cube could not be entered: 33 tail calls used up, or being deleted */
	PCN_DROP_ERROR, /* the cube failed */
	PCN_DROP_HEADROOM, /* no room in front of the packet, or it could not be copied */
	PCN_DROP_CONTROLLER, /* the slow path did not keep up */
	PCN_DROP_HOST, /* the slow path cannot bring a packet to the host here: behind generic XDP */
	PCN_DROP_OWN = 16, /* this one and those behind it: the cube decided so and says why, with pcn_pkt_drop_for */
	PCN_DROP_REASONS = 32,
};

/* Counters of a port. */
struct pcn_port_stats {
	__u64 rx_packets;
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 tx_bytes;
};

/* Counters of a cube, one copy a CPU. */
struct pcn_stats {
	struct pcn_port_stats port[PCN_MAX_PORTS];
	__u64 drops[PCN_DROP_REASONS];
	__u64 lost_log_lines; /* there was no room for them in the cube's log */
};
PCN_ASSERT(sizeof(struct pcn_stats) == 32 * PCN_MAX_PORTS + 8 * PCN_DROP_REASONS + 8, "no padding");

/* What travels with a packet from cube to cube on the XDP hooks, in a per-CPU word; on TC it is in skb->cb and skb->mark. */
struct pcn_scratch {
	__u32 in_port;
	__u32 traffic_class;
	__u32 trace; /* number of a packet that is followed, else 0; TC: skb->cb[4], with PCN_TRACE_MAGIC in skb->cb[3] */
	__u32 reserved;
};
PCN_ASSERT(sizeof(struct pcn_scratch) % 8 == 0, "as user space sees the values of a per-CPU map");

/* Constants of a slave besides those of its cube's wiring. */
struct pcn_program {
	__u16 index; /* in the array of its direction */
	__u8 transparent; /* not 0: of a transparent cube */
	__u8 direction; /* 0 ingress, 1 egress */
};

/* Constants of a root program. */
struct pcn_root_config {
	__u16 slot; /* of the device: what its packets enter */
};

/* Constants of an entry program. */
struct pcn_entry_config {
	__u16 slot; /* of the cube */
	__u16 port; /* input port */
};

/*
 * What the slow path gets, in the ring `pcn_controller` of its cube; the packet follows. Everything about a packet travels
 * with it, so that a lost one cannot put others out of step.
 */
struct pcn_packet_in {
	__u32 length; /* bytes that follow */
	__u32 packet_length; /* bytes of the packet: more when it was too long for a record */
	__u16 port; /* input port */
	__u16 reason;
	__u32 traffic_class;
	__u32 metadata[3];
	__u16 direction; /* PCN_INGRESS, or PCN_EGRESS: of handle_tx; then the port is that by which it was to leave */
	__u16 trace; /* number of a packet that is followed, else 0 */
};
PCN_ASSERT(sizeof(struct pcn_packet_in) == 32, "no padding");

/* Room for a packet in a record: reservations have constant sizes, the smallest that fits is taken. */
#define PCN_RECORD_SMALL (256 - 32)
#define PCN_RECORD_FRAME (2048 - 32)
#define PCN_RECORD_JUMBO (16384 - 32)
#define PCN_RECORD_LARGEST (65536 - 32)
#define PCN_CONTROLLER_RING (256 * 1024)
#define PCN_HEADERS_RING (16 * 1024)

/*
 * Behind a packet that the slow path sends to a TC cube, on its way through the injector; to an XDP cube a pcn_frame goes
 * in front instead. (Neither hook can do what the other does: TC takes bytes off the end of any packet only, and generic
 * XDP off the end of linear ones only.)
 */
struct pcn_trailer {
	__u32 magic; /* PCN_FRAME_MAGIC */
	__u16 slot;
	__u16 port;
	__u32 traffic_class;
	__u32 trace; /* number of a packet that is followed, else 0 */
};
PCN_ASSERT(sizeof(struct pcn_trailer) == 16, "no padding");

/*
 * In front of a packet of an XDP cube while it is on its way through the injector (flood.h). It begins like an Ethernet
 * header so that every device carries it.
 */
struct pcn_frame {
	__u8 destination[6];
	__u8 source[4];
	__u16 trace; /* number of a packet that is followed, else 0 */
	__be16 protocol; /* PCN_FRAME_PROTOCOL */
	__u16 stage; /* PCN_STAGE_ */
	__u16 slot;
	__u16 port;
	__u32 traffic_class;
	__u16 group; /* of the copies that are to be made (flood.h); with PCN_TAG_PUSH the tag's control information */
	__u16 tag; /* enum pcn_tag_change; before the copies are made: whether the packet has its group's tag */
};
PCN_ASSERT(sizeof(struct pcn_frame) == 28, "a multiple of four, no padding");
/* What happens to the VLAN tag of a copy when it enters its cube. */
enum pcn_tag_change {
	PCN_TAG_KEEP,
	PCN_TAG_POP,
	PCN_TAG_PUSH,
};

#define PCN_FRAME_PROTOCOL 0x88b5 /* IEEE Std 802, local experimental EtherType 1 */
#define PCN_FRAME_MAGIC 0x70636e21 /* in skb->cb[2] of a copy of a TC cube on its way through the injector */

/* In skb->cb[2]: the packet has passed the cubes of the device that it is redirected to. */
#define PCN_LET_GO 0x70636e22

#define PCN_STAGE_ENTER 0 /* slot: of the cube to enter; port: on which */
#define PCN_STAGE_CUBES 1 /* slot: of the program that makes the copies for cubes; port: input port */
#define PCN_STAGE_DEVICES 2 /* the same, for devices */
#define PCN_STAGE_HOST \
	3 /* in pcn_frame_meta only: traffic_class holds the interface as received by which the host gets it */

/* The same in the metadata of a packet, from the injector's XDP program to its TC program. */
struct pcn_frame_meta {
	__u16 stage;
	__u16 slot;
	__u16 port;
	__u16 group;
	__u32 traffic_class;
	__u16 tag;
	__u16 reserved;
};
PCN_ASSERT(sizeof(struct pcn_frame_meta) == 16, "a multiple of four");

/*
 * A line of a fast path's log, in the ring `pcn_log_ring` of its cube. The arguments, 64 bits each, and then the format follow:
 * with the format in it a record can be understood whatever became of the program that wrote it.
 */
struct pcn_log_record {
	__u64 time; /* CLOCK_MONOTONIC, ns */
	__u16 level; /* as log_level in struct pcn_config */
	__u16 format; /* bytes of the format, its final 0 included */
	__u8 arguments;
	__u8 direction; /* of a slave: 0 ingress, 1 egress */
	__u16 program; /* of those of the cube in this direction; 0: the one that packets enter */
};
PCN_ASSERT(sizeof(struct pcn_log_record) == 16, "no padding");

/* Whether packets are followed (trace.h). */
#define PCN_TRACE_OFF 0
#define PCN_TRACE_ON 1
#define PCN_TRACE_SIMULATE 2 /* programs that nothing is attached to: what they would send as copies is only told */

#define PCN_TRACE_MAGIC 0x70636e23 /* in skb->cb[3]: skb->cb[4] is the packet's number */

/* What happens to a packet that is followed. */
enum pcn_trace_kind {
	PCN_TRACE_GATE, /* it is at a device: `cube` is the gate's number */
	PCN_TRACE_ENTER, /* it enters a program, on `port` */
	PCN_TRACE_LEAVE, /* it leaves by `port`, which leads where `wire` says */
	PCN_TRACE_HOST, /* the cube gives it to the host's stack */
	PCN_TRACE_DROP, /* it ends, for `reason`: enum pcn_drop */
	PCN_TRACE_CONTROLLER, /* a copy goes to the slow path, with `reason`; `wire.kind` is 1 when that was full */
	PCN_TRACE_FLOOD, /* copies leave by `ports` */
	PCN_TRACE_SENT, /* the slow path sends it */
};

/* Bytes of a packet in an event. */
#define PCN_TRACE_BYTES 168
/* Bytes of the ring with events: those of as many packets as may be followed at a time. */
#define PCN_TRACE_RING (1024 * 1024)

/* One event, in the ring `pcn_trace_ring`. */
struct pcn_trace_event {
	__u64 time; /* CLOCK_MONOTONIC, ns */
	__u64 ports[2]; /* PCN_TRACE_FLOOD: bit port % 64 of word port / 64 */
	__u64 tagged[2]; /* those among them that leave with a VLAN tag */
	struct pcn_wire wire;
	__u32 packet_length; /* bytes of the packet; more than PCN_TRACE_BYTES when it is cut */
	__u32 traffic_class;
	__u16 id; /* number of the packet */
	__u16 kind; /* enum pcn_trace_kind */
	__u16 cube; /* pcn_config.cube */
	__u16 program; /* of those of the cube in this direction; 0: the master */
	__u16 port;
	__u16 reason;
	__u16 tci; /* PCN_TRACE_FLOOD: of the tag */
	__u8 direction; /* PCN_INGRESS, PCN_EGRESS */
	__u8 has_tag; /* PCN_TRACE_FLOOD: whether the packet has the tag now */
	__u8 packet[PCN_TRACE_BYTES];
};
PCN_ASSERT(sizeof(struct pcn_trace_event) == 72 + PCN_TRACE_BYTES, "no padding");

/* Elements of the array `pcn_trace_counts`. */
enum pcn_trace_count {
	PCN_TRACE_ALLOWED, /* packets that may be followed in all, written by the daemon */
	PCN_TRACE_BEGUN, /* those that are or were */
	PCN_TRACE_MISSED, /* those that the filter let through when no more were allowed */
	PCN_TRACE_LOST, /* events that found no room in the ring */
	PCN_TRACE_COUNTS
};

/* Constants of a program that decides whether a packet is followed. */
struct pcn_tracer_config {
	__u32 device; /* interface index */
	__u16 gate; /* by which traces name it */
	__u16 slot; /* what its packets enter */
	__u16 direction; /* PCN_EGRESS: also packets that are followed already */
	__u16 reserved;
};

/* A filter, in the one element of the array `pcn_trace_filter`: instructions of the classic BPF. */
#define PCN_TRACE_INSTRUCTIONS 1024
struct pcn_filter_instruction {
	__u16 code;
	__u8 jt;
	__u8 jf;
	__u32 k;
};
struct pcn_filter {
	__u32 count; /* 0: everything */
	struct pcn_filter_instruction code[PCN_TRACE_INSTRUCTIONS];
};

#define PCN_LOG_ARGUMENTS 8
#define PCN_LOG_FORMAT 256
#define PCN_LOG_RING (64 * 1024)

#endif
