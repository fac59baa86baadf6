// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sorts direct reclaim by the order that was asked for. 7.x swapped the two arguments of the tracepoint: the
 * program loads, and sorts by allocation flags.
 */
/* EXPECT reclaim_by_order: x86_64=SILENT arm64=SILENT s390x=SILENT ppc64le=SILENT riscv64=SILENT -- (int order, gfp_t)
 *     became (gfp_t, int order, ...): both are read as integers */
#include "kernel.h"

u64 single_pages;
u64 higher_orders;

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int BPF_PROG(reclaim_by_order, int order, gfp_t gfp_flags)
{
	if (order)
		count(higher_orders);
	else
		count(single_pages);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
