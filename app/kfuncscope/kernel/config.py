# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kernel configuration: option → value."""

from __future__ import annotations

import re

from kfuncscope.errors import KernelError

MAX_CONFIG = 8 << 20
_SETTING = re.compile(r"^(CONFIG_[^=\n]*)=(.*)", re.MULTILINE)

# Options that the kernel's own functions tell: each function is built exactly where its option is set.
TOLD_BY_FUNCTION = {
    "BPF_JIT": "bpf_jit_charge_modmem", "BPF_LSM": "bpf_lsm_verify_prog", "BPF_EVENTS": "perf_event_attach_bpf_prog",
    "DYNAMIC_FTRACE": "ftrace_location", "DYNAMIC_FTRACE_WITH_DIRECT_CALLS": "register_ftrace_direct",
    "FPROBE": "register_fprobe", "FTRACE_SYSCALLS": "perf_syscall_enter", "KPROBES": "register_kprobe",
    "KPROBES_ON_FTRACE": "kprobe_ftrace_handler", "FUNCTION_ERROR_INJECTION": "within_error_injection_list",
    "BPF_KPROBE_OVERRIDE": "bpf_override_return", "BPF_LIRC_MODE2": "lirc_bpf_run",
    "NET_SCH_BPF": "bpf_qdisc_init_prologue", "SCHED_CLASS_EXT": "scx_bpf_dsq_insert",
}  # fmt: skip


def parse_config(data: bytes, source: str = "config") -> dict[str, str]:
    """Options that are set, by full name: ``y``, ``m``, a number, or text in its quotes.

    An option that is absent is not set. KernelError where no line is a setting.
    """
    if len(data) > MAX_CONFIG:
        raise KernelError(source, f"a kernel config of {len(data)} bytes is not plausible")
    options = {name: value.strip() for name, value in _SETTING.findall(data.decode("utf-8", "replace"))}
    if not options:
        raise KernelError(source, "not a kernel config: no line sets an option")
    return options
