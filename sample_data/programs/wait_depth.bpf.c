// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How deep in PID namespaces a process waits. The prototype of the tracepoint did not change, but 7.x knows that
 * its argument may be NULL and makes the verifier ask for a test.
 */
/* EXPECT wait_level: x86_64=BREAKS arm64=BREAKS s390x=BREAKS ppc64le=BREAKS riscv64=BREAKS -- argument 0 of
 *     sched_process_wait is nullable in 7.x and read without a test */
#include "kernel.h"

u64 deepest;

SEC("tp_btf/sched_process_wait")
int BPF_PROG(wait_level, struct pid *pid)
{
	if (pid->level > deepest)
		deepest = pid->level;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
