// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Does with each packet what its table says, and remembers what it saw: the cube that framework tests are made of.
 * Compiled three times: with PROBE_FLOODS it can flood as well, with PROBE_CONTROLLER it has a slow path and a way out.
 */
#if defined(PROBE_FLOODS)
#include <polycube/flood.h>
#elif defined(PROBE_CONTROLLER)
#include <polycube/controller.h>
#include <polycube/egress.h>
#else
#include <polycube/cube.h>
#endif
#include "abi/probe.h"

#ifdef PROBE_SHARED
PCN_ARRAY(rules, struct rule, PCN_MAX_PORTS) PCN_SHARED;
#else
PCN_ARRAY(rules, struct rule, PCN_MAX_PORTS);
#endif
PCN_ARRAY(seen, struct seen, 1);
PCN_HASH(notes, __u32, struct note, PROBE_NOTES);

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 port = md->in_port, zero = 0;
	struct rule *rule = bpf_map_lookup_elem(&rules, &port);
	struct seen *last = bpf_map_lookup_elem(&seen, &zero);

	if (!rule || !last)
		return RX_ERROR;
	last->in_port = md->in_port;
	last->length = md->packet_len;
	last->traffic_class = md->traffic_class;
	last->packets++;
	if (rule->traffic_class)
		md->traffic_class = rule->traffic_class;
	switch (rule->action) {
	case PROBE_HOST:
		return RX_OK;
	case PROBE_FORWARD:
		return pcn_pkt_redirect(ctx, md, rule->outport);
#ifdef PROBE_FLOODS
	case PROBE_FLOOD:
		return pcn_pkt_flood(ctx, md);
#endif
#ifdef PROBE_CONTROLLER
	case PROBE_SLOW_PATH: {
		const __u32 metadata[3] = {last->packets, md->packet_len, rule->outport};

		return pcn_pkt_controller_md(ctx, md, PROBE_REASON, metadata);
	}
#endif
	case PROBE_FAIL:
		return RX_ERROR;
	case PROBE_REFUSE:
		return pcn_pkt_drop_for(ctx, md, rule->outport);
	default:
		return pcn_pkt_drop(ctx, md);
	}
}

#ifdef PROBE_CONTROLLER
PCN_ARRAY(outs, struct rule, PCN_MAX_PORTS); /* which of what leaves by a port goes to the slow path */

static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 port = md->in_port;
	struct rule *rule = bpf_map_lookup_elem(&outs, &port);
	__u32 metadata[3] = {0, md->packet_len, 0};

	if (!rule)
		return RX_ERROR;
	if (rule->action != PROBE_SLOW_PATH)
		return RX_OK;
	metadata[2] = rule->outport;
	return pcn_pkt_controller_md(ctx, md, PROBE_REASON, metadata);
}
#endif
