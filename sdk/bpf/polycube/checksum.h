/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * Keeping checksums right while headers are rewritten, from what changed alone (RFC 1624, equation 3).
 *
 * Arguments mean what they mean to the kernel's helpers bpf_l3_csum_replace and bpf_l4_csum_replace, on both hooks:
 * `offset` is that of the checksum in the packet, `old` and `new` are values as they are in the packet (network byte
 * order), and the low four bits of `flags` say how many bytes they are: 2 or 4, or 0 when `old` is 0 and `new` is a
 * difference from pcn_csum_diff. What is replaced begins at an even offset of what is summed.
 *
 * Flags for the transport checksum besides the size:
 *	BPF_F_PSEUDO_HDR      the value is in the pseudo-header, too: an IP address
 *	BPF_F_MARK_MANGLED_0  UDP: a checksum of 0 says that there is none and stays 0; a computed 0 becomes 0xffff
 *	BPF_F_MARK_ENFORCE    with the former: one of 0 is computed nevertheless
 *
 * They return 0 or a negative error, and on TC end the life of all pointers into the packet.
 *
 * Included after cube.h or transparent.h by the cubes that need it.
 */
#ifndef POLYCUBE_CHECKSUM_H
#define POLYCUBE_CHECKSUM_H

#include <linux/errno.h>
#include <polycube/parse.h>

/** Difference of the sums over two blocks, whose sizes are multiples of 4; either may be empty (NULL, 0). */
static __always_inline __wsum pcn_csum_diff(__be32 *from, __u32 from_size, __be32 *to, __u32 to_size, __wsum seed)
{
	return bpf_csum_diff(from, from_size, to, to_size, seed);
}

#ifdef POLYCUBE_XDP

static __always_inline __u16 pcn_csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline int pcn_csum_update(__sum16 *checksum, __u32 old, __u32 new, __u32 size)
{
	if (size == 0 && old == 0)
		*checksum = ~pcn_csum_fold((__u64)(__u16) ~*checksum + new);
	else if (size == 2)
		*checksum = ~pcn_csum_fold((__u64)(__u16) ~*checksum + (__u16)~old + (__u16) new);
	else if (size == 4)
		*checksum = ~pcn_csum_fold((__u64)(__u16) ~*checksum + (__u32)~old + new);
	else
		return -EINVAL;
	return 0;
}

/** Correct the checksum of an IPv4 header. */
static __always_inline int pcn_l3_csum_replace(struct xdp_md *ctx, __u32 offset, __u32 old, __u32 new, __u32 flags)
{
	__sum16 *checksum = pcn_at(ctx, offset, sizeof(*checksum));

	return checksum ? pcn_csum_update(checksum, old, new, flags) : -EFAULT;
}

/** Correct the checksum of TCP, UDP or ICMP. */
static __always_inline int pcn_l4_csum_replace(struct xdp_md *ctx, __u32 offset, __u32 old, __u32 new, __u32 flags)
{
	__sum16 *checksum = pcn_at(ctx, offset, sizeof(*checksum));
	int failed;

	if (!checksum)
		return -EFAULT;
	if ((flags & BPF_F_MARK_MANGLED_0) && !(flags & BPF_F_MARK_ENFORCE) && !*checksum)
		return 0;
	failed = pcn_csum_update(checksum, old, new, flags & BPF_F_HDR_FIELD_MASK);
	if (!failed && (flags & BPF_F_MARK_MANGLED_0) && !*checksum)
		*checksum = 0xffff;
	return failed;
}

#else

static __always_inline int pcn_l3_csum_replace(struct __sk_buff *ctx, __u32 offset, __u32 old, __u32 new, __u32 flags)
{
	return bpf_l3_csum_replace(ctx, offset, old, new, flags);
}

static __always_inline int pcn_l4_csum_replace(struct __sk_buff *ctx, __u32 offset, __u32 old, __u32 new, __u32 flags)
{
	return bpf_l4_csum_replace(ctx, offset, old, new, flags);
}

#endif
#endif
