// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counts failed getsockname calls. A program at the exit of a function finds the result behind the arguments; the
 * function took three in 6.12 and takes four in 7.x, so that the same instruction now reads the fourth argument.
 * It loads, it attaches, and it counts something else.
 */
/* EXPECT sockname_result: x86_64=SILENT arm64=SILENT s390x=ALREADY_BROKEN ppc64le=SILENT riscv64=SILENT -- the result
 *     moved from slot 3 to slot 4; s390x has no trampoline without BPF JIT; ppc64le could
 *     not attach it on 6.12, and on 7.2 it reads the wrong slot like the others */
/* EXPECT open_entry: x86_64=OK arm64=OK s390x=ALREADY_BROKEN ppc64le=FIXED riscv64=OK -- unchanged function;
 *     ppc64le: DYNAMIC_FTRACE_WITH_DIRECT_CALLS only in 7.2 */
#include "kernel.h"

struct sockaddr;

u64 failed;
u64 opened;

SEC("fexit/__sys_getsockname")
int BPF_PROG(sockname_result, int fd, struct sockaddr *addr, int *addr_len, int ret)
{
	if (ret)
		count(failed);
	return 0;
}

SEC("fentry/security_file_open")
int BPF_PROG(open_entry, struct file *file)
{
	count(opened);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
