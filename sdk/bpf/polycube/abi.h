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
	PCN_DROP_REASONS = 16,
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
};

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
	__u16 reserved;
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
};
PCN_ASSERT(sizeof(struct pcn_trailer) == 12, "no padding");

/*
 * In front of a packet of an XDP cube while it is on its way through the injector (flood.h). It begins like an Ethernet
 * header so that every device carries it.
 */
struct pcn_frame {
	__u8 destination[6];
	__u8 source[6];
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

#define PCN_LOG_ARGUMENTS 8
#define PCN_LOG_FORMAT 256
#define PCN_LOG_RING (64 * 1024)

#endif
