// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A round-robin scheduler (sched_ext) written against Linux 6.12: one shared queue, twenty milliseconds each.
 * Its kfuncs were renamed in 6.13 (scx_bpf_dispatch -> scx_bpf_dsq_insert, scx_bpf_consume ->
 * scx_bpf_dsq_move_to_local) and the old names are gone from 7.x. Debian builds sched_ext only from 6.17 on, so no
 * Debian kernel ever ran this object: on 6.12 the type is missing, on 7.x the kfuncs are.
 */
/* EXPECT rota_enqueue: x86_64=ALREADY_BROKEN arm64=ALREADY_BROKEN s390x=ALREADY_BROKEN ppc64le=ALREADY_BROKEN
 *     riscv64=ALREADY_BROKEN -- 6.12 has no struct bpf_struct_ops_sched_ext_ops; 7.x has no scx_bpf_dispatch
 *     s390x is built without BPF JIT and never has the type */
/* EXPECT rota_dispatch: x86_64=ALREADY_BROKEN arm64=ALREADY_BROKEN s390x=ALREADY_BROKEN ppc64le=ALREADY_BROKEN
 *     riscv64=ALREADY_BROKEN -- as rota_enqueue, the kfunc is scx_bpf_consume */
/* EXPECT rota_init: x86_64=FIXED arm64=FIXED s390x=ALREADY_BROKEN ppc64le=FIXED riscv64=FIXED -- alone it would load
 *     on 7.x: scx_bpf_create_dsq kept its name; in its object the strong externs still stop it */
#include "kernel.h"

#define SHARED_QUEUE 1
#define SLICE_NS 20000000ULL

struct sched_ext_ops {
	void (*enqueue)(struct task_struct *p, u64 enq_flags);
	void (*dispatch)(s32 cpu, struct task_struct *prev);
	s32 (*init)(void);
	char name[128];
};

extern void scx_bpf_dispatch(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags) __ksym;
extern bool scx_bpf_consume(u64 dsq_id) __ksym;
extern s32 scx_bpf_create_dsq(u64 dsq_id, s32 node) __ksym;

SEC("struct_ops/rota_enqueue")
void BPF_PROG(rota_enqueue, struct task_struct *p, u64 enq_flags)
{
	scx_bpf_dispatch(p, SHARED_QUEUE, SLICE_NS, enq_flags);
}

SEC("struct_ops/rota_dispatch")
void BPF_PROG(rota_dispatch, s32 cpu, struct task_struct *prev)
{
	scx_bpf_consume(SHARED_QUEUE);
}

SEC("struct_ops.s/rota_init")
s32 BPF_PROG(rota_init)
{
	return scx_bpf_create_dsq(SHARED_QUEUE, -1);
}

SEC(".struct_ops.link")
struct sched_ext_ops rota_ops = {
	.enqueue = (void *)rota_enqueue,
	.dispatch = (void *)rota_dispatch,
	.init = (void *)rota_init,
	.name = "rota",
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
