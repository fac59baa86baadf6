// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A driver for a knob that reports its turns upside down. HID-BPF is off in Debian's 6.12 configuration and on from
 * 6.17, so this driver begins to work with the upgrade.
 */
/* EXPECT knob_event: x86_64=FIXED arm64=FIXED s390x=ALREADY_BROKEN ppc64le=FIXED riscv64=FIXED -- hid_bpf_ops and
 *     hid_bpf_get_data are absent in 6.12 and present in 7.x; s390x has neither */
#include "kernel.h"

enum hid_report_type {
	HID_INPUT_REPORT = 0,
};

struct hid_bpf_ctx {
	__u32 allocated_size;
	union {
		__s32 retval;
		__s32 size;
	};
} __attribute__((preserve_access_index));

struct hid_bpf_ops {
	int hid_id;
	u32 flags;
	int (*hid_device_event)(struct hid_bpf_ctx *ctx, enum hid_report_type report_type, u64 source);
};

extern __u8 *hid_bpf_get_data(struct hid_bpf_ctx *ctx, unsigned int offset, const size_t rdwr_buf_size) __ksym;

SEC("struct_ops/knob_event")
int BPF_PROG(knob_event, struct hid_bpf_ctx *hctx, enum hid_report_type type)
{
	__u8 *data = hid_bpf_get_data(hctx, 0, 4);

	if (!data)
		return 0;
	data[2] = -data[2];
	return 0;
}

SEC(".struct_ops.link")
struct hid_bpf_ops knob = {
	.hid_device_event = (void *)knob_event,
};

char LICENSE[] SEC("license") = "GPL";
