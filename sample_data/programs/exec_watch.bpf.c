// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Holds on to a task with two kfuncs that every kernel here lists. To call any kfunc takes a JIT; Debian builds
 * s390x without one, although its BTF tags them as everywhere.
 */
/* EXPECT hold_task: x86_64=OK arm64=OK s390x=ALREADY_BROKEN ppc64le=OK riscv64=OK -- unchanged kfuncs;
 *     s390x has CONFIG_BPF_JIT unset on both sides */
#include "kernel.h"

extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

int last_tgid;

SEC("tp_btf/sched_process_exec")
int BPF_PROG(hold_task, struct task_struct *p)
{
	struct task_struct *held = bpf_task_acquire(p);

	if (!held)
		return 0;
	last_tgid = held->tgid;
	bpf_task_release(held);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
