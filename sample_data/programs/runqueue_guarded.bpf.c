// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Watches how long the run queues are. cfs_rq.nr_running became nr_queued in 7.x; the program asks whether the
 * field exists, and does without it.
 */
/* EXPECT queue_if_there: x86_64=DEGRADES arm64=DEGRADES s390x=DEGRADES ppc64le=DEGRADES riscv64=DEGRADES -- the test
 *     turns from 1 to 0 and the poisoned read is dead (R-3.5, R-3.8b, R-3.11) */
#include "kernel.h"

u64 longest;
u64 unread;

SEC("tp_btf/sched_switch")
int BPF_PROG(queue_if_there, bool preempt, struct task_struct *prev)
{
	struct cfs_rq *queue = BPF_CORE_READ(prev, se.cfs_rq);
	unsigned int running;

	if (!bpf_core_field_exists(queue->nr_running)) {
		count(unread);
		return 0;
	}
	running = BPF_CORE_READ(queue, nr_running);
	if (running > longest)
		longest = running;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
