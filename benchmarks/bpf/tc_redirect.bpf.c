// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What one writes by hand to send all packets of a device out of another one, counted: the TC hook. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 redirect_to; /* interface index */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} rx_packets SEC(".maps");

SEC("tc")
int redirect(struct __sk_buff *ctx)
{
	__u32 zero = 0;
	__u64 *packets = bpf_map_lookup_elem(&rx_packets, &zero);

	if (!packets)
		return TC_ACT_SHOT;
	(*packets)++;
	return bpf_redirect(redirect_to, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
