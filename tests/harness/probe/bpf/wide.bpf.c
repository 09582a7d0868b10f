// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sends packets out of ports that come from numbers of 64 bits, which compilers keep in registers as they are. */
#include <polycube/cube.h>

PCN_ARRAY(targets, __u64, 1);

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	__u32 zero = 0;
	__u64 *target = bpf_map_lookup_elem(&targets, &zero);

	if (!target)
		return RX_ERROR;
#if defined(WIDE_FIELD)
	return pcn_pkt_redirect(ctx, md, *target);
#elif defined(WIDE_COUNTER)
	return pcn_pkt_redirect(ctx, md, __sync_fetch_and_add(target, 1));
#elif defined(WIDE_REMAINDER)
	return pcn_pkt_redirect(ctx, md, *target % 100);
#endif
}
