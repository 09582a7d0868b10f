// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The own work of a chain of simpleforwarders in one program: one lookup for each of them, in a table of its own, and
 * the decision on it; then the packet leaves, as from the last cube of the chain.
 */
#include <polycube/hook.h>
#include "abi/simpleforwarder.h"

#define TABLE(number)                               \
	struct {                                    \
		__uint(type, BPF_MAP_TYPE_ARRAY);   \
		__uint(max_entries, PCN_MAX_PORTS); \
		__type(key, __u32);                 \
		__type(value, struct action);       \
	} actions##number SEC(".maps")

TABLE(0);
TABLE(1);
TABLE(2);
TABLE(3);
TABLE(4);
TABLE(5);
TABLE(6);
TABLE(7);
TABLE(8);
TABLE(9);
TABLE(10);
TABLE(11);
TABLE(12);
TABLE(13);
TABLE(14);
TABLE(15);

const volatile __u32 stages;
const volatile __u32 redirect_to; /* interface index */

/* Port 1 of a stage leads to port 0 of the next one. */
#define STAGE(number)                                                                        \
	do {                                                                                 \
		if (stages > number) {                                                       \
			struct action *entry = bpf_map_lookup_elem(&actions##number, &port); \
			if (!entry || entry->action != ACTION_FORWARD)                       \
				return PCN_VERDICT_DROP;                                     \
			port = entry->outport ^ 1;                                           \
		}                                                                            \
	} while (0)

SEC(PCN_SECTION)
int own_work(struct CTXTYPE *ctx)
{
	__u32 port = 0;

	STAGE(0);
	STAGE(1);
	STAGE(2);
	STAGE(3);
	STAGE(4);
	STAGE(5);
	STAGE(6);
	STAGE(7);
	STAGE(8);
	STAGE(9);
	STAGE(10);
	STAGE(11);
	STAGE(12);
	STAGE(13);
	STAGE(14);
	STAGE(15);
	if (port)
		return PCN_VERDICT_DROP;
	return bpf_redirect(redirect_to, 0);
}
