// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A slave for both directions, with a table of each scope: it counts packets and does what its table says. Compiled
 * four times: STEP_LATER is another version of it, STEP_OTHER declares its tables otherwise, STEP_RENAMED has another name
 * for a struct.
 */
#ifdef STEP_RENAMED
#define step walk
#endif
#include <polycube/slave.h>
#include <polycube/egress_slave.h>
#include <polycube/programs.h>
#include "abi/probe.h"
#include "abi/programs.h"

#ifdef STEP_OTHER
#define TEAM_COUNT wide_count
#define STEPS 4
#else
#define TEAM_COUNT count
#define STEPS 2
#endif
#ifdef STEP_LATER
#define WORTH 100
#else
#define WORTH 1
#endif

PCN_ARRAY(steps, struct step, STEPS);
PCN_ARRAY(total, struct count, 1) PCN_SHARED;
PCN_ARRAY(team, struct TEAM_COUNT, 1) PCN_SHARED_IN("team");
PCN_ARRAY(everybody, struct count, 1) PCN_PUBLIC;

static __always_inline struct step *count(struct pkt_metadata *md, __u32 key)
{
	__u32 zero = 0;
	struct step *step = bpf_map_lookup_elem(&steps, &key);
	struct count *all = bpf_map_lookup_elem(&total, &zero);
	struct TEAM_COUNT *ours = bpf_map_lookup_elem(&team, &zero);
	struct count *theirs = bpf_map_lookup_elem(&everybody, &zero);

	if (!step || !all || !ours || !theirs)
		return NULL;
	step->packets += WORTH;
	step->in_port = md->in_port;
	step->seen_class = md->traffic_class;
	__sync_fetch_and_add(&all->packets, 1);
	__sync_fetch_and_add(&ours->packets, 1);
	__sync_fetch_and_add(&theirs->packets, 1);
	return step;
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	struct step *step = count(md, 0);

	if (!step)
		return RX_ERROR;
	if (step->next && step->traffic_class) {
		md->traffic_class = step->traffic_class;
		call_ingress_program_with_metadata(ctx, md, step->next);
		return RX_ERROR;
	}
	if (step->next) {
		call_ingress_program(ctx, step->next);
		return RX_ERROR;
	}
	if (step->action == PROBE_FORWARD)
		return pcn_pkt_redirect(ctx, md, md->in_port ^ 1);
	return step->action == PROBE_HOST ? RX_OK : pcn_pkt_drop(ctx, md);
}

static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	struct step *step = count(md, 1);

	if (!step)
		return RX_ERROR;
	if (step->next) {
		call_egress_program(ctx, step->next);
		return RX_ERROR;
	}
	return step->action == PROBE_DROP ? pcn_pkt_drop(ctx, md) : RX_OK;
}
