// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Logs the line that the port's rule names by `outport`, and drops the packet; or forwards it, and logs that when it leaves.
 * Otherwise shaped like the probe.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <polycube/cube.h>
#include <polycube/egress.h>
#include <polycube/log.h>
#include "abi/probe.h"

PCN_ARRAY(rules, struct rule, PCN_MAX_PORTS);
PCN_HASH(notes, __u32, struct note, PROBE_NOTES);

static __always_inline void log_ipv4(struct CTXTYPE *ctx)
{
	struct ethhdr *ethernet = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(ethernet + 1);
	struct udphdr *udp = (void *)(ip + 1);

	if ((void *)(udp + 1) <= (void *)(long)ctx->data_end)
		pcn_log(ctx, LOG_INFO, "%M %M %I:%P %I:%P %x", PCN_LOG_MAC(ethernet->h_source),
			PCN_LOG_MAC(ethernet->h_dest), ip->saddr, udp->source, ip->daddr, udp->dest,
			bpf_ntohs(ethernet->h_proto));
}

static __always_inline void log_ipv6(struct CTXTYPE *ctx)
{
	struct ipv6hdr *ip = (void *)(long)ctx->data + ETH_HLEN;

	if ((void *)(ip + 1) <= (void *)(long)ctx->data_end)
		pcn_log(ctx, LOG_INFO, "%J > %J", PCN_LOG_IPV6(&ip->saddr), PCN_LOG_IPV6(&ip->daddr));
}

static __always_inline void log_levels(struct CTXTYPE *ctx)
{
	pcn_log(ctx, LOG_TRACE, "trace");
	pcn_log(ctx, LOG_DEBUG, "debug");
	pcn_log(ctx, LOG_INFO, "info");
	pcn_log(ctx, LOG_WARN, "warn");
	pcn_log(ctx, LOG_ERR, "err");
	pcn_log(ctx, LOG_CRITICAL, "critical");
	pcn_log(ctx, LOG_OFF, "no line has this level");
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 port = md->in_port;
	struct rule *rule = bpf_map_lookup_elem(&rules, &port);
	__s8 tiny = -3;
	__u16 small = 65533;

	if (!rule)
		return RX_ERROR;
	if (rule->action == PROBE_FORWARD)
		return pcn_pkt_redirect(ctx, md, rule->outport);
	switch (rule->outport) {
	case PROBE_LINE_INTEGERS:
		pcn_log(ctx, LOG_INFO, "%d %i %u %x %X %o %c%c", -1, tiny, -1, 0xbeef, 0xbeef, 8, 'o', 'k');
		break;
	case PROBE_LINE_SIZES:
		pcn_log(ctx, LOG_INFO, "%ld %lu %lx %lld %llu %hd %hhu %p", -5L, ~0UL, 0x123456789abcL, -5LL, 5ULL,
			small, 0x1ff, (long)0xffff1234);
		break;
	case PROBE_LINE_FLAGS:
		pcn_log(ctx, LOG_INFO, "[%5u|%-5u|%05u|%+d|%#x|%.3d]", md->packet_len, md->packet_len, md->packet_len,
			7, 255, 8);
		break;
	case PROBE_LINE_WRONG:
		pcn_log(ctx, LOG_INFO, "%s %d %d\n", 1, 2);
		break;
	case PROBE_LINE_LONGEST:
		pcn_log(ctx, LOG_INFO, PROBE_LONGEST);
		break;
	case PROBE_LINE_IPV4:
		log_ipv4(ctx);
		break;
	case PROBE_LINE_IPV6:
		log_ipv6(ctx);
		break;
	case PROBE_LINE_LEVELS:
		log_levels(ctx);
		break;
	default:
		pcn_log(ctx, LOG_INFO, "no such line");
	}
	return pcn_pkt_drop(ctx, md);
}

static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	pcn_log(ctx, LOG_INFO, "on its way out of port %u", md->in_port);
	return RX_OK;
}
