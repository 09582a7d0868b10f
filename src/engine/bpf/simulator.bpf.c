// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * In front of what a simulated packet enters on TC, which cb[1] names; the rest of cb is what that is to find there. A VLAN tag
 * is beside the packet there, as devices and the kernel bring it, and not in it. (On XDP the injector's program does all that
 * is needed.)
 */
#include <linux/if_ether.h>
#include <polycube/hook.h>

SEC("tc")
int pcn_simulate(struct __sk_buff *ctx)
{
	__be16 tag[2];

	if (ctx->protocol == bpf_htons(ETH_P_8021Q) || ctx->protocol == bpf_htons(ETH_P_8021AD)) {
		if (bpf_skb_load_bytes(ctx, 2 * ETH_ALEN, tag, sizeof(tag)) || bpf_skb_vlan_pop(ctx) ||
		    bpf_skb_vlan_push(ctx, tag[0], bpf_ntohs(tag[1])))
			return TC_ACT_SHOT;
	}
	bpf_tail_call(ctx, &pcn_panel, ctx->cb[1]);
	return TC_ACT_SHOT;
}
