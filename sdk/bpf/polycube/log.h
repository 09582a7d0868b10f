/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * Lines in the daemon's log, from a fast path:
 *
 *	pcn_log(ctx, LOG_DEBUG, "%I:%P is new, %u known", ip->saddr, udp->source, count);
 *
 * A line below the cube's loglevel costs nothing: the level is a constant when the program is loaded, and the code is taken
 * out, that of the arguments included. Other lines are copied into a ring of the cube, with their time, and written to the log in user space. A cube that logs
 * more than is good for a log loses lines, its own only, and the log says how many.
 *
 * Conversions are those of printf for integers: d i u x X o c p, with h, hh, l and ll, flags, width and precision; values are
 * in host byte order. In network byte order, as they are in packets, are
 *
 *	%I	IPv4 address, __be32
 *	%J	IPv6 address, by PCN_LOG_IPV6(address); counts as two arguments
 *	%M	MAC address, the first six bytes of a __u64: PCN_LOG_MAC(address)
 *	%P	TCP or UDP port, __be16
 *
 * A conversion that does not exist, or has no argument, is shown as it is written. There are at most 8 arguments (pointers
 * have to be cast to integers) and 255 characters. The format must be a string literal.
 *
 * Included after cube.h or transparent.h by the cubes that need it.
 */
#ifndef POLYCUBE_LOG_H
#define POLYCUBE_LOG_H

#include <linux/in6.h>
#include <polycube/core.h>

/** Levels of a line, those of the model's leaf loglevel. */
enum {
	LOG_TRACE,
	LOG_DEBUG,
	LOG_INFO,
	LOG_WARN,
	LOG_ERR,
	LOG_CRITICAL,
	LOG_OFF, /**< a loglevel, and no line has it */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, PCN_LOG_RING);
} pcn_log_ring SEC(".maps");

#ifdef PCN_SLAVE
#define PCN_LOG_PROGRAM pcn_program.index
#define PCN_LOG_DIRECTION pcn_program.direction
#else
#define PCN_LOG_PROGRAM 0
#define PCN_LOG_DIRECTION 0
#endif

static __always_inline __u64 pcn_log_half(const struct in6_addr *address, int half)
{
	__u64 word;

	__builtin_memcpy(&word, &address->s6_addr32[2 * half], sizeof(word));
	return word;
}

/** The two arguments for a %J. */
#define PCN_LOG_IPV6(address) pcn_log_half(address, 0), pcn_log_half(address, 1)

/** The argument for a %M. */
#define PCN_LOG_MAC(address)                            \
	({                                              \
		__u64 pcn_mac = 0;                      \
		__builtin_memcpy(&pcn_mac, address, 6); \
		pcn_mac;                                \
	})

static __always_inline void pcn_log_lost(void)
{
	__u32 zero = 0;
	struct pcn_stats *stats = bpf_map_lookup_elem(&pcn_stats, &zero);

	if (stats)
		stats->lost_log_lines++;
}

/*
 * The cube's loglevel. Each use has an address of its own, which the loader takes out with the load; the compiler would keep one
 * in a register for all of them.
 */
static __always_inline __u64 pcn_log_level(void)
{
	__u64 level;

	asm volatile("%[level] = %[config] ll\n\t%[level] = *(u16 *)(%[level] + %[offset])"
		     : [level] "=r"(level)
		     : [config] "i"(&pcn_config), [offset] "i"(__builtin_offsetof(struct pcn_config, log_level)));
	return level;
}

/* By stores of constants; what the compiler makes of memcpy() may need a section of the object that nobody else does. */
static __always_inline void pcn_log_copy(volatile __u64 *to, const __u64 *from, __u32 words)
{
#pragma unroll
	for (__u32 i = 0; i < words; i++)
		to[i] = from[i];
}

/**
 * Write a line into the log: context, level, format (a string literal) and its arguments; conversions are described above.
 */
#define pcn_log(ctx, level_, format_, ...)                                                                   \
	do {                                                                                                 \
		const __u64 pcn_level = (level_);                                                            \
		if (unlikely(pcn_level >= pcn_log_level() && pcn_level < LOG_OFF)) {                         \
			/* Copied in words, which are immediates. */                                         \
			static const union {                                                                 \
				char text[(sizeof("" format_) + 7) / 8 * 8];                                 \
				__u64 words[(sizeof("" format_) + 7) / 8];                                   \
			} pcn_format = {.text = format_};                                                    \
			const __u64 pcn_arguments[] = {__VA_ARGS__};                                         \
			struct {                                                                             \
				struct pcn_log_record head;                                                  \
				__u64 arguments[sizeof(pcn_arguments) / 8];                                  \
				__u64 format[sizeof(pcn_format) / 8];                                        \
			} *pcn_line = bpf_ringbuf_reserve(&pcn_log_ring, sizeof(*pcn_line), 0);              \
                                                                                                             \
			PCN_ASSERT(sizeof(pcn_arguments) <= 8 * PCN_LOG_ARGUMENTS,                           \
				   "pcn_log takes at most 8 arguments");                                     \
			PCN_ASSERT(sizeof(pcn_format) <= PCN_LOG_FORMAT, "the format is too long");          \
			(void)(ctx);                                                                         \
			if (pcn_line) {                                                                      \
				pcn_line->head = (struct pcn_log_record){                                    \
					.time = bpf_ktime_get_ns(),                                          \
					.level = pcn_level,                                                  \
					.format = sizeof(pcn_format),                                        \
					.arguments = sizeof(pcn_arguments) / 8,                              \
					.direction = PCN_LOG_DIRECTION,                                      \
					.program = PCN_LOG_PROGRAM,                                          \
				};                                                                           \
				pcn_log_copy(pcn_line->arguments, pcn_arguments, sizeof(pcn_arguments) / 8); \
				pcn_log_copy(pcn_line->format, pcn_format.words, sizeof(pcn_format) / 8);    \
				bpf_ringbuf_submit(pcn_line, 0);                                             \
			} else {                                                                             \
				pcn_log_lost();                                                              \
			}                                                                                    \
		}                                                                                            \
	} while (0)

#endif
