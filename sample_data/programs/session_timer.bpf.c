// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How long vfs_read takes, with one program on both sides of the call. Both session kfuncs took no argument in
 * 6.12; in 7.x they take the context. The extern is strong, so libbpf refuses the whole object.
 */
/* EXPECT time_read: x86_64=BREAKS arm64=BREAKS s390x=ALREADY_BROKEN ppc64le=BREAKS riscv64=BREAKS -- prototype (void)
 *     -> (void *ctx) (R-2.10, R-3.9, R-4.7); on arm64 and riscv64 6.12 has no FPROBE, so there it only loaded and
 *     could not attach, now it does not even load; s390x is built without BPF JIT */
#include "kernel.h"

extern __u64 *bpf_session_cookie(void) __ksym;
extern bool bpf_session_is_return(void) __ksym;

u64 calls;
u64 nanoseconds;

SEC("kprobe.session/vfs_read")
int time_read(void *ctx)
{
	__u64 *started = bpf_session_cookie();

	if (!bpf_session_is_return()) {
		*started = bpf_ktime_get_ns();
		return 0;
	}
	count(calls);
	__sync_fetch_and_add(&nanoseconds, bpf_ktime_get_ns() - *started);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
