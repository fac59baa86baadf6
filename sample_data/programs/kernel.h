/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few kernel types that the sample programs touch, written by hand, so that no vmlinux.h (of one kernel, on one
 * architecture) decides what they need. Kernel structs carry preserve_access_index: every access to a member
 * becomes a CO-RE record, and members that are not named here do not matter. Structs that a kfunc takes must be
 * complete: libbpf holds a forward declaration incompatible with the struct of the kernel.
 */
#ifndef SAMPLE_KERNEL_H
#define SAMPLE_KERNEL_H

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
typedef unsigned int gfp_t;
typedef int pid_t;
typedef __u64 size_t;

#define true 1
#define false 0

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
};

enum {
	XDP_DROP = 1,
	XDP_PASS = 2,
};

#define TC_ACT_OK 0

/* Contexts: UAPI, the same everywhere, never relocated. */
struct xdp_md {
	__u32 data;
	__u32 data_end;
	__u32 data_meta;
	__u32 ingress_ifindex;
	__u32 rx_queue_index;
	__u32 egress_ifindex;
};

struct __sk_buff {
	__u32 len;
	__u32 pkt_type;
	__u32 mark;
};

struct bpf_dynptr {
	__u64 __opaque[2];
} __attribute__((aligned(8)));

struct bpf_wq {
	__u64 __opaque[2];
} __attribute__((aligned(8)));

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cfs_rq {
	unsigned int nr_running;
};

struct sched_entity {
	struct cfs_rq *cfs_rq;
};

struct task_struct {
	pid_t pid;
	pid_t tgid;
	u64 start_time;
	struct task_struct *real_parent;
	struct sched_entity se;
};

struct pid {
	unsigned int level;
};

struct cgroup {
	int level;
};

struct file {
	unsigned int f_flags;
};

struct sock {
	int sk_err;
};

#pragma clang attribute pop

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

/* Is there such a kfunc in the kernel that loads this? Only sensible for a weak extern. */
#define kfunc_exists(kfunc) (!!(kfunc))

#define count(counter) __sync_fetch_and_add(&(counter), 1)

#endif
