// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Somebody else's program: counts packets and lets them pass. */
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} packets SEC(".maps");

static __always_inline void count(void)
{
	__u32 zero = 0;
	__u64 *counter = bpf_map_lookup_elem(&packets, &zero);

	if (counter)
		__sync_fetch_and_add(counter, 1);
}

#ifdef HOOK_XDP
SEC("xdp")
int count_xdp(struct xdp_md *ctx)
{
	count();
	return XDP_PASS;
}
#else
SEC("tc")
int count_tc(struct __sk_buff *skb)
{
	count();
	return -1; /* TCX_NEXT, TC_ACT_UNSPEC: the next program decides */
}
#endif

char _license[] SEC("license") = "Dual BSD/GPL";
