// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Says what it does. Compiled twice: with PROBE_SILENT as if it had no log at all, for comparison. It is so small that the
 * compiler has registers enough with and without.
 */
#include <polycube/cube.h>
#ifdef PROBE_SILENT
#define pcn_log(...)
#else
#include <polycube/log.h>
#endif
#include "abi/probe.h"

PCN_ARRAY(rules, struct rule, PCN_MAX_PORTS);
PCN_HASH(notes, __u32, struct note, PROBE_NOTES);

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 port = md->in_port;
	struct rule *rule = bpf_map_lookup_elem(&rules, &port);

	pcn_log(ctx, LOG_TRACE, "a packet");
	pcn_log(ctx, LOG_DEBUG, "a packet at debug level");
	pcn_log(ctx, LOG_INFO, "a packet at info level");
	pcn_log(ctx, LOG_ERR, "a packet at error level");
	if (!rule)
		return RX_ERROR;
	return rule->action == PROBE_HOST ? RX_OK : pcn_pkt_drop(ctx, md);
}
