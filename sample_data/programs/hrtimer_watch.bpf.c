// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counts the timers that are set up. hrtimer_init became hrtimer_setup in 7.x. The program still loads, since
 * nobody looks at the name before it is attached.
 */
/* EXPECT on_hrtimer_init: x86_64=BREAKS arm64=BREAKS s390x=BREAKS ppc64le=BREAKS riscv64=ALREADY_BROKEN -- the function
 *     is gone: attach fails; riscv64 is built without KPROBES_ON_FTRACE and refuses a kprobe on the
 *     entry of any function that ftrace patches (-EINVAL, seen on the real 6.12) */
#include "kernel.h"

u64 timers;

SEC("kprobe/hrtimer_init")
int on_hrtimer_init(void *ctx)
{
	count(timers);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
