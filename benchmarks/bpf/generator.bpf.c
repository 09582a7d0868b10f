// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sends the frames of a live-frames test-run out of a device. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 generator_device; /* interface index */

SEC("xdp")
int generator(struct xdp_md *ctx)
{
	return bpf_redirect(generator_device, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
