# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A bpftrace script with what makes reading its probes hard: comments, strings, filters, paths."""

SCRIPT = b"""#!/usr/bin/env bpftrace
#include <linux/sched.h>
BEGIN { printf("{%s}", "tracing // not a comment"); }
kprobe:vfs_read, kprobe:vfs_write /pid == 1/ { @[comm] = count(); } // one
tracepoint:sched:sched_switch { if (1) { @a = 1; } } /* two */
uprobe:/bin/bash:readline { } fentry:vmlinux:vfs_open { } interval:s:1 { exit(); }
"""
