// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counts redirects through maps, at a tracepoint that 7.x no longer has (xdp_redirect serves all of them there). */
/* EXPECT on_redirect_map: x86_64=BREAKS arm64=BREAKS s390x=BREAKS ppc64le=BREAKS riscv64=BREAKS -- no
 *     btf_trace_xdp_redirect_map in 7.x; tp_btf needs neither JIT nor trampoline, so s390x and
 *     ppc64le ran it before */
/* EXPECT on_redirect: x86_64=OK arm64=OK s390x=OK ppc64le=OK riscv64=OK -- the tracepoint stays */
#include "kernel.h"

u64 through_map;
u64 redirects;

SEC("tp_btf/xdp_redirect_map")
int on_redirect_map(void *ctx)
{
	count(through_map);
	return 0;
}

SEC("tp_btf/xdp_redirect")
int on_redirect(void *ctx)
{
	count(redirects);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
