// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Asks for fresh cgroup statistics when a cgroup is made, where the kernel offers that. cgroup_rstat_updated is
 * gone in 7.x (css_rstat_updated takes another argument); the extern is weak and tested, so the program loads on
 * and only loses the feature.
 */
/* EXPECT rstat_if_there: x86_64=DEGRADES arm64=DEGRADES s390x=FIXED ppc64le=DEGRADES riscv64=DEGRADES -- weak and
 *     guarded, absent in 7.x: the call is dead code; on s390x without BPF JIT the call of a kfunc
 *     that exists is refused on 6.12, and where the name is gone nothing is left to refuse */
#include "kernel.h"

extern void cgroup_rstat_updated(struct cgroup *cgrp, int cpu) __ksym __weak;

u64 updated;
u64 missed;

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(rstat_if_there, struct cgroup *cgrp, const char *path)
{
	if (kfunc_exists(cgroup_rstat_updated)) {
		cgroup_rstat_updated(cgrp, bpf_get_smp_processor_id());
		count(updated);
	} else {
		count(missed);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
