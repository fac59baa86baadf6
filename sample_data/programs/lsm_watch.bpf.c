// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Three LSM hooks, three fates: one is gone, one got another argument so that the verdict of the others moved one
 * slot up, one did not change.
 */
/* EXPECT watch_secid: x86_64=BREAKS arm64=BREAKS s390x=ALREADY_BROKEN ppc64le=BREAKS riscv64=BREAKS -- hook gone in
 *     7.x: also ppc64le, where 6.12 loads it although it cannot attach it, loads it no more; s390x
 *     has no BPF LSM */
/* EXPECT watch_map: x86_64=SILENT arm64=SILENT s390x=ALREADY_BROKEN ppc64le=SILENT riscv64=SILENT -- 7.x adds bool
 *     kernel, which is now where the program reads the earlier verdict */
/* EXPECT watch_open: x86_64=OK arm64=OK s390x=ALREADY_BROKEN ppc64le=FIXED riscv64=OK -- file_open stays;
 *     ppc64le 6.12: no trampoline to attach with; s390x: no BPF LSM */
#include "kernel.h"

union bpf_attr;
struct bpf_map;
struct bpf_token;

#define O_DIRECTORY 0200000

u64 secids;
u64 maps_allowed;
u64 maps_denied;
u64 directories;

SEC("lsm/current_getsecid_subj")
int BPF_PROG(watch_secid, u32 *secid)
{
	count(secids);
	return 0;
}

SEC("lsm/bpf_map_create")
int BPF_PROG(watch_map, struct bpf_map *map, union bpf_attr *attr, struct bpf_token *token, int ret)
{
	if (ret)
		count(maps_denied);
	else
		count(maps_allowed);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(watch_open, struct file *file)
{
	if (file->f_flags & O_DIRECTORY)
		count(directories);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
