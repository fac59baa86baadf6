// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Lets through what connection tracking knows, with kfuncs that live in the module nf_conntrack. Where the BTF of
 * the module is at hand on both sides it can be judged; where the new one is not, nobody can tell.
 */
/* EXPECT known_only: x86_64=OK arm64=OK s390x=ALREADY_BROKEN ppc64le=UNKNOWN riscv64=UNKNOWN -- same prototypes in
 *     both modules; the 7.2 samples carry no module BTF, so absence from vmlinux proves nothing
 *     s390x: no JIT, whatever the module says */
#include "kernel.h"

struct bpf_sock_tuple {
	union {
		struct {
			__be32 saddr;
			__be32 daddr;
			__be16 sport;
			__be16 dport;
		} ipv4;
		struct {
			__be32 saddr[4];
			__be32 daddr[4];
			__be16 sport;
			__be16 dport;
		} ipv6;
	};
};

struct bpf_ct_opts {
	s32 netns_id;
	s32 error;
	u8 l4proto;
	u8 dir;
	u8 reserved[2];
};

struct nf_conn {
	u32 mark;
} __attribute__((preserve_access_index));

extern struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *xdp_ctx, struct bpf_sock_tuple *bpf_tuple, u32 tuple__sz,
					 struct bpf_ct_opts *opts, u32 opts__sz) __ksym;
extern void bpf_ct_release(struct nf_conn *nfct) __ksym;

u64 known;
u64 unknown;

SEC("xdp")
int known_only(struct xdp_md *ctx)
{
	struct bpf_ct_opts opts = { .netns_id = -1, .l4proto = 6 };
	struct bpf_sock_tuple tuple = {};
	struct nf_conn *conn;

	tuple.ipv4.saddr = bpf_htonl(0x7f000001);
	tuple.ipv4.daddr = bpf_htonl(0x7f000001);
	tuple.ipv4.dport = bpf_htons(22);
	conn = bpf_xdp_ct_lookup(ctx, &tuple, sizeof(tuple.ipv4), &opts, sizeof(opts));
	if (!conn) {
		count(unknown);
		return XDP_DROP;
	}
	count(known);
	bpf_ct_release(conn);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
