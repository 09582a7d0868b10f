// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Between the root of a device and what its packets enter, while packets are followed (sdk/bpf/polycube/trace.h): packets that
 * the filter lets through get a number. The filter is a program of the classic BPF, as pcap_compile() makes it, which is run
 * here over the first bytes of the packet. Source: The BSD Packet Filter (McCanne, Jacobson 1993); bpf_filter() of libpcap.
 */
#include <polycube/hook.h>
#include <polycube/trace.h>
#include <linux/filter.h>

const volatile struct pcn_tracer_config pcn_tracer_config;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pcn_filter);
} pcn_trace_filter SEC(".maps");

#define FILTER_BYTES 256 /* of the packet, a power of two */
#define FILTER_WORDS 16 /* of memory: BPF_MEMWORDS */

/* What a run of the filter works on. */
struct run {
	__u8 packet[FILTER_BYTES + 8]; /* what lies behind is never looked at: loads are checked against `captured` */
	__u32 memory[FILTER_WORDS];
	__u32 captured; /* bytes in `packet` */
	__u32 length; /* of the packet */
	__u32 a;
	__u32 x;
	__u32 next; /* instruction */
	__u32 result;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct run);
} pcn_trace_run SEC(".maps");

/* Not 0: the load is outside of what there is, and the filter ends without letting the packet through. */
static __always_inline int load(const struct run *run, __u64 offset, __u16 size, __u32 *value)
{
	const __u8 *from;
	__u32 bytes = size == BPF_W ? 4 : size == BPF_H ? 2 : 1;

	if (offset + bytes > run->captured || offset >= FILTER_BYTES)
		return -1;
	from = run->packet + (offset & (FILTER_BYTES - 1));
	if (size == BPF_W)
		*value = (__u32)from[0] << 24 | (__u32)from[1] << 16 | (__u32)from[2] << 8 | from[3];
	else if (size == BPF_H)
		*value = (__u32)from[0] << 8 | from[1];
	else
		*value = from[0];
	return 0;
}

static __always_inline int load_a(struct run *run, __u16 code, __u32 k)
{
	switch (BPF_MODE(code)) {
	case BPF_IMM:
		run->a = k;
		return 0;
	case BPF_ABS:
		return load(run, k, BPF_SIZE(code), &run->a);
	case BPF_IND:
		return load(run, (__u64)run->x + k, BPF_SIZE(code), &run->a);
	case BPF_MEM:
		run->a = run->memory[k & (FILTER_WORDS - 1)];
		return 0;
	case BPF_LEN:
		run->a = run->length;
		return 0;
	default:
		return -1;
	}
}

static __always_inline int load_x(struct run *run, __u16 code, __u32 k)
{
	switch (BPF_MODE(code)) {
	case BPF_IMM:
		run->x = k;
		return 0;
	case BPF_MEM:
		run->x = run->memory[k & (FILTER_WORDS - 1)];
		return 0;
	case BPF_LEN:
		run->x = run->length;
		return 0;
	case BPF_MSH: { /* four times the length in the first byte of an IPv4 header */
		__u32 byte;

		if (load(run, k, BPF_B, &byte))
			return -1;
		run->x = (byte & 0xf) * 4;
		return 0;
	}
	default:
		return -1;
	}
}

static __always_inline int calculate(struct run *run, __u16 code, __u32 operand)
{
	switch (BPF_OP(code)) {
	case BPF_ADD:
		run->a += operand;
		return 0;
	case BPF_SUB:
		run->a -= operand;
		return 0;
	case BPF_MUL:
		run->a *= operand;
		return 0;
	case BPF_DIV:
		if (!operand)
			return -1;
		run->a /= operand;
		return 0;
	case BPF_MOD:
		if (!operand)
			return -1;
		run->a %= operand;
		return 0;
	case BPF_OR:
		run->a |= operand;
		return 0;
	case BPF_AND:
		run->a &= operand;
		return 0;
	case BPF_XOR:
		run->a ^= operand;
		return 0;
	case BPF_LSH:
		run->a = operand < 32 ? run->a << operand : 0;
		return 0;
	case BPF_RSH:
		run->a = operand < 32 ? run->a >> operand : 0;
		return 0;
	case BPF_NEG:
		run->a = -run->a;
		return 0;
	default:
		return -1;
	}
}

static __always_inline int compare(const struct run *run, __u16 code, __u32 operand)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return run->a == operand;
	case BPF_JGT:
		return run->a > operand;
	case BPF_JGE:
		return run->a >= operand;
	default: /* BPF_JSET */
		return (run->a & operand) != 0;
	}
}

/* One instruction; 1: the filter has ended. */
static long step(__u32 index, void *context)
{
	__u32 zero = 0, operand;
	const struct pcn_filter *filter = bpf_map_lookup_elem(&pcn_trace_filter, &zero);
	struct run *run = bpf_map_lookup_elem(&pcn_trace_run, &zero);
	struct pcn_filter_instruction now;

	if (!filter || !run || run->next >= filter->count)
		return 1;
	now = filter->code[run->next & (PCN_TRACE_INSTRUCTIONS - 1)];
	run->next++;
	operand = BPF_SRC(now.code) == BPF_X ? run->x : now.k;
	switch (BPF_CLASS(now.code)) {
	case BPF_LD:
		return load_a(run, now.code, now.k) ? 1 : 0;
	case BPF_LDX:
		return load_x(run, now.code, now.k) ? 1 : 0;
	case BPF_ST:
		run->memory[now.k & (FILTER_WORDS - 1)] = run->a;
		return 0;
	case BPF_STX:
		run->memory[now.k & (FILTER_WORDS - 1)] = run->x;
		return 0;
	case BPF_ALU:
		return calculate(run, now.code, operand) ? 1 : 0;
	case BPF_JMP:
		if (BPF_OP(now.code) == BPF_JA)
			run->next += now.k;
		else
			run->next += compare(run, now.code, operand) ? now.jt : now.jf;
		return 0;
	case BPF_RET:
		run->result = BPF_RVAL(now.code) == BPF_A ? run->a : now.k;
		return 1;
	default: /* BPF_MISC */
		if (BPF_MISCOP(now.code) == BPF_TAX)
			run->x = run->a;
		else
			run->a = run->x;
		return 0;
	}
}

static __always_inline int matches(struct CTXTYPE *ctx)
{
	__u32 zero = 0, length = pcn_wire_length(ctx);
	const struct pcn_filter *filter = bpf_map_lookup_elem(&pcn_trace_filter, &zero);
	struct run *run = bpf_map_lookup_elem(&pcn_trace_run, &zero);

	if (!filter || !run)
		return 0;
	if (!filter->count)
		return 1;
	run->length = length;
	run->captured = length > FILTER_BYTES ? FILTER_BYTES : length;
	run->a = run->x = run->next = run->result = 0;
	__builtin_memset(run->memory, 0, sizeof(run->memory));
	if (pcn_copy_packet(ctx, run->packet, run->captured, FILTER_BYTES))
		return 0;
	bpf_loop(PCN_TRACE_INSTRUCTIONS, step, NULL, 0);
	return run->result != 0;
}

/* A number for a packet, unless enough are followed. */
static __always_inline __u16 begin(void)
{
	const __u64 *allowed = pcn_trace_counter(PCN_TRACE_ALLOWED);
	__u64 *begun = pcn_trace_counter(PCN_TRACE_BEGUN);
	__u64 number;

	if (!allowed || !begun)
		return 0;
	if (*begun >= *allowed) {
		pcn_trace_add(PCN_TRACE_MISSED);
		return 0;
	}
	number = __sync_fetch_and_add(begun, 1);
	return number % 0xffff + 1;
}

SEC(PCN_SECTION)
int pcn_tracer(struct CTXTYPE *ctx)
{
	__u16 id = pcn_tracer_config.direction == PCN_EGRESS ? pcn_trace_number(ctx) : 0;
	struct pcn_trace_event *event;

	if (!id && matches(ctx))
		id = begin();
	pcn_trace_set_number(ctx, id);
	if (id) {
		event = pcn_trace_begin(ctx, id, PCN_TRACE_GATE);
		if (event) {
			event->cube = pcn_tracer_config.gate;
			event->wire.target = pcn_tracer_config.device;
			event->direction = pcn_tracer_config.direction;
			pcn_trace_end(ctx, event);
		}
	}
	PCN_JUMP(ctx, pcn_tracer_config.slot);
	return PCN_VERDICT_STACK;
}
