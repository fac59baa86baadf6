// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The twin of rstat_guarded without the test. The extern is weak, as vmlinux.h declares every kfunc, but nothing
 * keeps the call from being reached: weak is not optional.
 */
/* EXPECT rstat_always: x86_64=BREAKS arm64=BREAKS s390x=ALREADY_BROKEN ppc64le=BREAKS riscv64=BREAKS -- weak, absent
 *     in 7.x and reached: the verifier meets call 2002000000+n; s390x: no JIT on 6.12 */
#include "kernel.h"

extern void cgroup_rstat_updated(struct cgroup *cgrp, int cpu) __ksym __weak;

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(rstat_always, struct cgroup *cgrp, const char *path)
{
	cgroup_rstat_updated(cgrp, bpf_get_smp_processor_id());
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
