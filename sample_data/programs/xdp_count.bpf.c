// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counts packets and needs nothing but XDP and an array map: any kernel here will do. */
/* EXPECT count_packets: x86_64=OK arm64=OK s390x=OK ppc64le=OK riscv64=OK -- one helper and one map type, both in every
 *     kernel */
#include "kernel.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} packets SEC(".maps");

SEC("xdp")
int count_packets(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&packets, &key);

	if (value)
		count(*value);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
