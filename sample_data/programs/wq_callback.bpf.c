// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Puts work off with a workqueue, through the names of 6.12's bpf_experimental.h. In 7.x bpf_wq_set_callback_impl
 * is still a function in BTF, so that a look for the name finds it; but it is registered as a kfunc no more, its
 * last argument has another type, and the kernel offers bpf_wq_set_callback instead.
 */
/* EXPECT put_off: x86_64=BREAKS arm64=BREAKS s390x=ALREADY_BROKEN ppc64le=BREAKS riscv64=BREAKS -- the name is there,
 *     untagged, with struct bpf_prog_aux * for void * (R-1.18, R-3.9, R-11.9; if the prototype fitted);
 *     s390x: no JIT */
#include "kernel.h"

struct job {
	struct bpf_wq work;
	u64 runs;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct job);
} jobs SEC(".maps");

extern int bpf_wq_init(struct bpf_wq *wq, void *p__map, unsigned int flags) __ksym;
extern int bpf_wq_set_callback_impl(struct bpf_wq *wq, int (callback_fn)(void *map, int *key, void *value),
				    unsigned int flags, void *aux__ign) __ksym;
extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym;

static int run(void *map, int *key, void *value)
{
	struct job *job = value;

	count(job->runs);
	return 0;
}

SEC("tc")
int put_off(struct __sk_buff *skb)
{
	int key = 0;
	struct job *job = bpf_map_lookup_elem(&jobs, &key);

	if (!job)
		return TC_ACT_OK;
	if (bpf_wq_init(&job->work, &jobs, 0))
		return TC_ACT_OK;
	if (bpf_wq_set_callback_impl(&job->work, run, 0, (void *)0))
		return TC_ACT_OK;
	bpf_wq_start(&job->work, 0);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
