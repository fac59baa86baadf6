// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reads three fields of task_struct that all moved: CO-RE writes the new offsets in, and nothing else happens. */
/* EXPECT age_of_next: x86_64=OK arm64=OK s390x=OK ppc64le=OK riscv64=OK -- relocated */
#include "kernel.h"

u64 oldest;
u64 threads;

SEC("tp_btf/sched_switch")
int BPF_PROG(age_of_next, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u64 age = bpf_ktime_get_ns() - next->start_time;

	if (next->pid != next->tgid)
		count(threads);
	if (age > oldest)
		oldest = age;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
