// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Looks at the Ethernet type through a dynptr. bpf_dynptr_slice takes 64-bit offset and size in 7.x where 6.12 took
 * 32: compatible for libbpf and for the verifier, and constants as these mean the same.
 */
/* EXPECT peek: x86_64=OK arm64=OK s390x=ALREADY_BROKEN ppc64le=OK riscv64=OK -- u32 -> u64; s390x: no
 *     JIT */
#include "kernel.h"

struct ethernet {
	__u8 to[6];
	__u8 from[6];
	__be16 type;
};

extern int bpf_dynptr_from_xdp(struct xdp_md *xdp, __u64 flags, struct bpf_dynptr *ptr__uninit) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, u32 offset, void *buffer__opt, u32 buffer__szk) __ksym;

u64 arp;

SEC("xdp")
int peek(struct xdp_md *ctx)
{
	struct ethernet buffer = {};
	struct ethernet *ethernet;
	struct bpf_dynptr ptr;

	if (bpf_dynptr_from_xdp(ctx, 0, &ptr))
		return XDP_PASS;
	ethernet = bpf_dynptr_slice(&ptr, 0, &buffer, sizeof(buffer));
	if (ethernet && ethernet->type == bpf_htons(0x0806))
		count(arp);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
