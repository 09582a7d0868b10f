/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * What the engine and fast paths share of a table of rules (rules.h): the set that packets are compared with.
 *
 * A rule begins with a value and a mask of PCN_MATCH_SIZE bytes, 128 nibbles. A set has all rules in their order, and a
 * matrix of bits in front of them: for each nibble that is looked at, a row for each of its values, with a bit for each rule
 * that a packet with this value there can match. So the rules that are left for a packet are those in all rows that its
 * nibbles select; what is left is compared with the rule itself, so any choice of nibbles is right.
 */
#ifndef POLYCUBE_RULES_ABI_H
#define POLYCUBE_RULES_ABI_H

#include <polycube/abi.h>

/** Of a rule's value, and of its mask, in bytes. */
#define PCN_MATCH_SIZE 64
#define PCN_NIBBLES (2 * PCN_MATCH_SIZE) /* the lower half of a byte first */
#define PCN_NIBBLE_VALUES 16
#define PCN_NIBBLES_USED 12
#define PCN_RULE_ROWS (PCN_NIBBLES_USED * PCN_NIBBLE_VALUES)
#define PCN_WORD_RULES 64 /* rules of a word of bits, from the lowest one */

/* The beginning of a set. */
struct pcn_rule_set {
	__u32 words; /* of bits that are in use */
	__u8 nibbles[PCN_NIBBLES_USED]; /* those that leave the fewest rules */
};
PCN_ASSERT(sizeof(struct pcn_rule_set) == 16, "two words");

/* Then the rows, PCN_RULE_WORDS words each, by nibble and by value, and then the rules. */
#define PCN_RULE_WORDS(rules) ((rules) / PCN_WORD_RULES)
#define PCN_RULE_SET_SIZE(rules, rule_size)                                          \
	(sizeof(struct pcn_rule_set) + 8UL * PCN_RULE_ROWS * PCN_RULE_WORDS(rules) + \
	 (unsigned long)(rules) * (rule_size))

#endif
