// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counts the timers that are set up. hrtimer_init became hrtimer_setup in 7.x. The program still loads, since
 * nobody looks at the name before it is attached. The second program keeps what a timer is given when it expires:
 * the address of the time in 6.12, the time itself in 7.x.
 */
/* EXPECT on_hrtimer_init: x86_64=BREAKS arm64=BREAKS s390x=BREAKS ppc64le=BREAKS riscv64=ALREADY_BROKEN -- the function
 *     is gone: attach fails; riscv64 is built without KPROBES_ON_FTRACE and refuses a kprobe on the
 *     entry of any function that ftrace patches (-EINVAL, seen on the real 6.12) */
/* EXPECT on_expire: x86_64=RISK arm64=RISK s390x=RISK ppc64le=RISK riscv64=RISK -- argument 2 changed from ktime_t * to
 *     ktime_t */
#include "kernel.h"

u64 timers;
u64 last;

SEC("kprobe/hrtimer_init")
int on_hrtimer_init(void *ctx)
{
	count(timers);
	return 0;
}

SEC("tp_btf/hrtimer_expire_entry")
int on_expire(u64 *ctx)
{
	last = ctx[1];
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
