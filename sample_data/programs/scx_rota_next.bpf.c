// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * scx_rota made ready for 7.x: the new kfuncs where the kernel has them, the old ones where not, both weak and
 * tested. This is what the remedy for scx_rota looks like.
 */
/* EXPECT next_enqueue: x86_64=FIXED arm64=FIXED s390x=ALREADY_BROKEN ppc64le=FIXED riscv64=FIXED -- 6.12 has no
 *     sched_ext_ops; on 7.x the weak new name resolves, the old one is dead code;
 *     s390x never has the type */
/* EXPECT next_dispatch: x86_64=FIXED arm64=FIXED s390x=ALREADY_BROKEN ppc64le=FIXED riscv64=FIXED -- as next_enqueue */
/* EXPECT next_init: x86_64=FIXED arm64=FIXED s390x=ALREADY_BROKEN ppc64le=FIXED riscv64=FIXED -- as next_enqueue */
#include "kernel.h"

#define SHARED_QUEUE 1
#define SLICE_NS 20000000ULL

struct sched_ext_ops {
	void (*enqueue)(struct task_struct *p, u64 enq_flags);
	void (*dispatch)(s32 cpu, struct task_struct *prev);
	s32 (*init)(void);
	char name[128];
};

extern void scx_bpf_dsq_insert(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags) __ksym __weak;
extern void scx_bpf_dispatch(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags) __ksym __weak;
extern bool scx_bpf_dsq_move_to_local(u64 dsq_id) __ksym __weak;
extern bool scx_bpf_consume(u64 dsq_id) __ksym __weak;
extern s32 scx_bpf_create_dsq(u64 dsq_id, s32 node) __ksym;

SEC("struct_ops/next_enqueue")
void BPF_PROG(next_enqueue, struct task_struct *p, u64 enq_flags)
{
	if (kfunc_exists(scx_bpf_dsq_insert))
		scx_bpf_dsq_insert(p, SHARED_QUEUE, SLICE_NS, enq_flags);
	else
		scx_bpf_dispatch(p, SHARED_QUEUE, SLICE_NS, enq_flags);
}

SEC("struct_ops/next_dispatch")
void BPF_PROG(next_dispatch, s32 cpu, struct task_struct *prev)
{
	if (kfunc_exists(scx_bpf_dsq_move_to_local))
		scx_bpf_dsq_move_to_local(SHARED_QUEUE);
	else
		scx_bpf_consume(SHARED_QUEUE);
}

SEC("struct_ops.s/next_init")
s32 BPF_PROG(next_init)
{
	return scx_bpf_create_dsq(SHARED_QUEUE, -1);
}

SEC(".struct_ops.link")
struct sched_ext_ops next_ops = {
	.enqueue = (void *)next_enqueue,
	.dispatch = (void *)next_dispatch,
	.init = (void *)next_init,
	.name = "rota_next",
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
