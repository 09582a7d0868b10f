/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * Tables of rules: the first one, by number, that a packet matches.
 *
 *	struct match { ... };        what of a packet is compared, PCN_MATCH_SIZE bytes
 *	struct rule {
 *		struct match value;  first of all, and in this order
 *		struct match mask;
 *		...
 *	};
 *
 *	static __always_inline int accepts(const struct rule *rule, const struct match *packet);
 *	PCN_RULES(rules, struct rule, struct match, 8192, accepts);
 *
 *	struct pcn_rule_search search = {};
 *	struct match *packet = rules_packet(&search);
 *	...
 *	const struct rule *rule = rules_find(&search);
 *
 * A list of the model whose key is the rule's number, any 32 bits, is bound to the table `rules`; leaves that are not given
 * leave it open. What a mask cannot say, such as ranges, is for accepts().
 *
 * Packets are not compared with the table, but with a set that the engine makes of it when it has changed (rules_abi.h), and
 * puts in place of the one before: a packet sees all of a request's changes or none, and what rules_find() returns stays as
 * it is until the program ends. It is compared with few rules whatever their number, and the cost is that of a word of bits
 * for each 64 rules, as long as values and masks tell the rules apart. Those that differ only in what accepts() compares, such
 * as ranges whose numbers have no prefix in common, are gone through one by one, some 8 ns each.
 *
 * Included after cube.h or transparent.h by the cubes that need it.
 */
#ifndef POLYCUBE_RULES_H
#define POLYCUBE_RULES_H

#include <polycube/core.h>
#include <polycube/rules_abi.h>

/** A packet on its way through a table of rules; starts as zero. */
struct pcn_rule_search {
	__u64 packet[PCN_MATCH_SIZE / 8];
	const void *set;
	__u64 left; /**< rules of the last word that are to be compared */
	__u32 words; /**< of the set that have been looked at */
	__u32 found;
	__u8 nibbles[PCN_NIBBLES_USED]; /**< of the packet, those that the set looks at */
};

#define PCN_NO_RULE 0xffffffff

static __always_inline void pcn_take_nibbles(struct pcn_rule_search *search, const struct pcn_rule_set *set)
{
	for (__u32 i = 0; i < PCN_NIBBLES_USED; i++) {
		__u32 nibble = set->nibbles[i] % PCN_NIBBLES;
		__u8 byte = ((__u8 *)search->packet)[nibble / 2];

		search->nibbles[i] = nibble & 1 ? byte >> 4 : byte & 0xf;
	}
}

/* The rules of a word that are in all rows of the packet. */
static __always_inline __u64 pcn_rules_left(const struct pcn_rule_search *search, const __u64 *rows, __u32 word,
					    __u32 words)
{
	__u64 left = ~0ULL;

	for (__u32 i = 0; i < PCN_NIBBLES_USED && left; i++)
		left &= rows[(i * PCN_NIBBLE_VALUES + search->nibbles[i] % PCN_NIBBLE_VALUES) * words + word % words];
	return left;
}

/* The bits below it, counted in parallel: of branches, the verifier would follow each way. */
static __always_inline __u32 pcn_lowest_bit(__u64 bits)
{
	__u64 below = (bits & -bits) - 1;

	below -= below >> 1 & 0x5555555555555555;
	below = (below & 0x3333333333333333) + (below >> 2 & 0x3333333333333333);
	below = (below + (below >> 4)) & 0x0f0f0f0f0f0f0f0f;
	below = below * 0x0101010101010101 >> 56;
	/* The compiler knows that this is below 64 and would leave later bounds out, the verifier knows 255. */
	asm volatile("" : "+r"(below));
	return below & (PCN_WORD_RULES - 1);
}

static __always_inline int pcn_rule_covers(const __u64 *value, const __u64 *mask, const __u64 *packet)
{
	for (__u32 i = 0; i < PCN_MATCH_SIZE / 8; i++)
		if ((packet[i] ^ value[i]) & mask[i])
			return 0;
	return 1;
}

/**
 * A table `name` of rules of type `rule_`, which begin with two of `match_`, and the functions name_packet() and name_find().
 * `count`: a power of two, at least 64. `accepts(rule, packet)` says whether a rule whose value and mask fit applies.
 */
#define PCN_RULES(name, rule_, match_, count, accepts)                                                            \
	_Static_assert(sizeof(match_) == PCN_MATCH_SIZE, "a match has this size");                                \
	_Static_assert(__builtin_offsetof(rule_, mask) == PCN_MATCH_SIZE, "a rule begins with value and mask");   \
	_Static_assert(sizeof(rule_) % 8 == 0, "rules are whole words");                                          \
	struct name##_pcn_set {                                                                                   \
		struct pcn_rule_set head;                                                                         \
		__u64 rows[PCN_RULE_ROWS * PCN_RULE_WORDS(count)];                                                \
		rule_ rules[count];                                                                               \
	};                                                                                                        \
	_Static_assert(sizeof(struct name##_pcn_set) == PCN_RULE_SET_SIZE(count, sizeof(rule_)),                  \
		       "as the engine has it");                                                                   \
	PCN_HASH(name, __u32, rule_, count);                                                                      \
	struct {                                                                                                  \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                                         \
		__uint(max_entries, 1);                                                                           \
		__type(key, __u32);                                                                               \
		__array(                                                                                          \
			values, struct {                                                                          \
				__uint(type, BPF_MAP_TYPE_ARRAY);                                                 \
				__uint(max_entries, 1);                                                           \
				__uint(map_flags, BPF_F_MMAPABLE);                                                \
				__uint(key_size, sizeof(__u32));                                                  \
				__uint(value_size, sizeof(struct name##_pcn_set));                                \
			});                                                                                       \
	} name##_pcn_set SEC(".maps");                                                                            \
                                                                                                                  \
	/* A word, or one rule of it. */                                                                          \
	static long name##_step(__u32 step, struct pcn_rule_search *search)                                       \
	{                                                                                                         \
		const struct name##_pcn_set *set = search->set;                                                   \
		const rule_ *rule;                                                                                \
		__u32 number;                                                                                     \
                                                                                                                  \
		if (!search->left) {                                                                              \
			if (search->words >= set->head.words)                                                     \
				return 1;                                                                         \
			search->left = pcn_rules_left(search, set->rows, search->words++, PCN_RULE_WORDS(count)); \
			if (!search->left)                                                                        \
				return 0;                                                                         \
		}                                                                                                 \
		number = ((search->words - 1) * PCN_WORD_RULES + pcn_lowest_bit(search->left)) % (count);         \
		search->left &= search->left - 1;                                                                 \
		rule = &set->rules[number];                                                                       \
		if (!pcn_rule_covers((const __u64 *)&rule->value, (const __u64 *)&rule->mask, search->packet) ||  \
		    !accepts(rule, (const match_ *)search->packet))                                               \
			return 0;                                                                                 \
		search->found = number;                                                                           \
		return 1;                                                                                         \
	}                                                                                                         \
                                                                                                                  \
	static __always_inline match_ *name##_packet(struct pcn_rule_search *search)                              \
	{                                                                                                         \
		return (match_ *)search->packet;                                                                  \
	}                                                                                                         \
                                                                                                                  \
	static __always_inline const rule_ *name##_find(struct pcn_rule_search *search)                           \
	{                                                                                                         \
		__u32 zero = 0;                                                                                   \
		void *current = bpf_map_lookup_elem(&name##_pcn_set, &zero);                                      \
		const struct name##_pcn_set *set = current ? bpf_map_lookup_elem(current, &zero) : NULL;          \
                                                                                                                  \
		if (!set)                                                                                         \
			return NULL;                                                                              \
		search->set = set;                                                                                \
		search->found = PCN_NO_RULE;                                                                      \
		pcn_take_nibbles(search, &set->head);                                                             \
		bpf_loop((count) + PCN_RULE_WORDS(count), name##_step, search, 0);                                \
		return search->found < (count) ? &set->rules[search->found] : NULL;                               \
	}

#endif
