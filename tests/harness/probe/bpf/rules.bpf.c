// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A slave with a table of RULES rules, which say where packets leave. */
#include <polycube/slave.h>
#include <polycube/rules.h>
#include "abi/programs.h"

static __always_inline int accepts(const struct port_rule *rule, const struct port_match *packet)
{
	return 1;
}
PCN_RULES(rules, struct port_rule, struct port_match, RULES, accepts);

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	struct pcn_rule_search search = {};
	const struct port_rule *rule;

	rules_packet(&search)->in_port = md->in_port;
	rule = rules_find(&search);
	return rule ? pcn_pkt_redirect(ctx, md, rule->out_port) : pcn_pkt_drop(ctx, md);
}
