/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * What programs of one hook flavour have in common: the hook's codes, the panel of cubes, and the jump into it.
 * The same source is compiled for the TC hook (PCN_HOOK_TC) and for the XDP hooks (PCN_HOOK_XDP).
 */
#ifndef POLYCUBE_HOOK_H
#define POLYCUBE_HOOK_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <polycube/abi.h>

#if defined(PCN_HOOK_XDP)
#define POLYCUBE_XDP 1
#define CTXTYPE xdp_md
#define PCN_SECTION "xdp"
#define PCN_VERDICT_DROP XDP_DROP
#define PCN_VERDICT_STACK XDP_PASS
#elif defined(PCN_HOOK_TC)
#define CTXTYPE __sk_buff
#define PCN_SECTION "tc"
#define PCN_VERDICT_DROP TC_ACT_SHOT
#define PCN_VERDICT_STACK TC_ACT_UNSPEC /* programs that others attached behind ours run as well */
#else
#error "define PCN_HOOK_TC or PCN_HOOK_XDP"
#endif

/* What is rare is kept out of the way of what is not. */
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* All programs of the daemon, one slot a cube; shared by every program. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, PCN_PANEL_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} pcn_panel SEC(".maps");

#ifdef POLYCUBE_XDP
/* What travels from cube to cube; shared by every program. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pcn_scratch);
} pcn_scratch SEC(".maps");

/* The devices that packets are sent to, by the slot of their root; shared by every program. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, PCN_PANEL_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} pcn_devices SEC(".maps");
#endif

/*
 * Jump to the program in a panel slot; comes back only when that failed. Each use has a call instruction of its own
 * (the index of a shared one is not constant, and the jump then indirect), which is why this is assembly.
 */
#define PCN_JUMP(ctx, slot_)                                                                   \
	asm volatile("r1 = %[context]\n\tr2 = %[panel] ll\n\tr3 = %[slot]\n\tcall 12"          \
		     :                                                                         \
		     : [context] "r"(ctx), [panel] "i"(&pcn_panel), [slot] "r"((__u64)(slot_)) \
		     : "r0", "r1", "r2", "r3", "r4", "r5", "memory")

char pcn_license[] SEC("license") = "Dual BSD/GPL";

#endif
