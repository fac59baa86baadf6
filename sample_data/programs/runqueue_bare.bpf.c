// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The twin of runqueue_guarded that does not ask first. */
/* EXPECT queue_always: x86_64=BREAKS arm64=BREAKS s390x=BREAKS ppc64le=BREAKS riscv64=BREAKS -- cfs_rq.nr_running is
 *     gone and its read is reached (R-3.5, R-3.8b) */
#include "kernel.h"

u64 longest;

SEC("tp_btf/sched_switch")
int BPF_PROG(queue_always, bool preempt, struct task_struct *prev)
{
	struct cfs_rq *queue = BPF_CORE_READ(prev, se.cfs_rq);
	unsigned int running = BPF_CORE_READ(queue, nr_running);

	if (running > longest)
		longest = running;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
