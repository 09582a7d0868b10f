// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sends the frames of a live-frames test-run out of a device. The kernel uses their memory again, with what the programs
 * under test wrote into it, so the headers are written anew.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 generator_device; /* interface index */
const volatile __u64 generator_headers[5]; /* Ethernet, IPv4 and the ports */

SEC("xdp")
int generator(struct xdp_md *ctx)
{
	__u64 *headers = (void *)(long)ctx->data;

	if ((void *)headers + sizeof(generator_headers) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	for (int i = 0; i < 5; i++)
		headers[i] = generator_headers[i];
	return bpf_redirect(generator_device, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
