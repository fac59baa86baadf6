// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A congestion control that stays with Reno, from kfuncs that did not change. The members of tcp_congestion_ops
 * moved; libbpf copies them by name.
 */
/* EXPECT steady_ssthresh: x86_64=OK arm64=OK s390x=ALREADY_BROKEN ppc64le=FIXED riscv64=OK -- members by name;
 *     s390x without BPF JIT has no struct_ops; 6.12 on ppc64le loads it, but its JIT has no trampoline to
 *     attach it with */
/* EXPECT steady_avoid: x86_64=OK arm64=OK s390x=ALREADY_BROKEN ppc64le=FIXED riscv64=OK -- as steady_ssthresh */
/* EXPECT steady_undo: x86_64=OK arm64=OK s390x=ALREADY_BROKEN ppc64le=FIXED riscv64=OK -- as steady_ssthresh */
#include "kernel.h"

struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
	u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
};

extern u32 tcp_reno_ssthresh(struct sock *sk) __ksym;
extern void tcp_reno_cong_avoid(struct sock *sk, u32 ack, u32 acked) __ksym;
extern u32 tcp_reno_undo_cwnd(struct sock *sk) __ksym;

SEC("struct_ops/steady_ssthresh")
u32 BPF_PROG(steady_ssthresh, struct sock *sk)
{
	return tcp_reno_ssthresh(sk);
}

SEC("struct_ops/steady_avoid")
void BPF_PROG(steady_avoid, struct sock *sk, u32 ack, u32 acked)
{
	tcp_reno_cong_avoid(sk, ack, acked);
}

SEC("struct_ops/steady_undo")
u32 BPF_PROG(steady_undo, struct sock *sk)
{
	return tcp_reno_undo_cwnd(sk);
}

SEC(".struct_ops.link")
struct tcp_congestion_ops steady = {
	.ssthresh = (void *)steady_ssthresh,
	.cong_avoid = (void *)steady_avoid,
	.undo_cwnd = (void *)steady_undo,
	.name = "steady",
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
