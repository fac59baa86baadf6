// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * CUBIC from the kernel's own functions, with one of them gone: cubictcp_cwnd_event became
 * cubictcp_cwnd_event_tx_start in 7.x. One strong extern, and the whole congestion control is refused.
 */
/* EXPECT tuned_ssthresh: x86_64=OK arm64=OK s390x=ALREADY_BROKEN ppc64le=FIXED riscv64=OK -- its own kfunc stays
 *     (the object is refused all the same, R-0.1); s390x: no struct_ops without JIT; ppc64le 6.12: no
 *     trampoline to attach with */
/* EXPECT tuned_avoid: x86_64=OK arm64=OK s390x=ALREADY_BROKEN ppc64le=FIXED riscv64=OK -- as tuned_ssthresh */
/* EXPECT tuned_undo: x86_64=OK arm64=OK s390x=ALREADY_BROKEN ppc64le=FIXED riscv64=OK -- as tuned_ssthresh */
/* EXPECT tuned_event: x86_64=BREAKS arm64=BREAKS s390x=ALREADY_BROKEN ppc64le=BREAKS riscv64=BREAKS --
 *     cubictcp_cwnd_event is gone; ppc64le loaded it before, s390x never did */
#include "kernel.h"

enum tcp_ca_event {
	CA_EVENT_TX_START,
	CA_EVENT_CWND_RESTART,
	CA_EVENT_COMPLETE_CWR,
	CA_EVENT_LOSS,
};

struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
	void (*cwnd_event)(struct sock *sk, enum tcp_ca_event ev);
	u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
};

extern u32 cubictcp_recalc_ssthresh(struct sock *sk) __ksym;
extern void cubictcp_cong_avoid(struct sock *sk, u32 ack, u32 acked) __ksym;
extern void cubictcp_cwnd_event(struct sock *sk, enum tcp_ca_event event) __ksym;
extern u32 tcp_reno_undo_cwnd(struct sock *sk) __ksym;

u64 losses;

SEC("struct_ops/tuned_ssthresh")
u32 BPF_PROG(tuned_ssthresh, struct sock *sk)
{
	return cubictcp_recalc_ssthresh(sk);
}

SEC("struct_ops/tuned_avoid")
void BPF_PROG(tuned_avoid, struct sock *sk, u32 ack, u32 acked)
{
	cubictcp_cong_avoid(sk, ack, acked);
}

SEC("struct_ops/tuned_event")
void BPF_PROG(tuned_event, struct sock *sk, enum tcp_ca_event event)
{
	if (event == CA_EVENT_LOSS)
		count(losses);
	cubictcp_cwnd_event(sk, event);
}

SEC("struct_ops/tuned_undo")
u32 BPF_PROG(tuned_undo, struct sock *sk)
{
	return tcp_reno_undo_cwnd(sk);
}

SEC(".struct_ops.link")
struct tcp_congestion_ops cubic_tuned = {
	.ssthresh = (void *)tuned_ssthresh,
	.cong_avoid = (void *)tuned_avoid,
	.cwnd_event = (void *)tuned_event,
	.undo_cwnd = (void *)tuned_undo,
	.name = "cubic_tuned",
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
