# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kernel configuration: option → value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property

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

# The BTF of old kernels (5.10 among them) leaves out functions that ftrace cannot trace, such as its own: where this
# one of kernel/trace is not there, others of that folder tell nothing by their absence.
OF_TRACE = frozenset({"BPF_EVENTS", "DYNAMIC_FTRACE", "DYNAMIC_FTRACE_WITH_DIRECT_CALLS", "FPROBE", "FTRACE_SYSCALLS",
                      "BPF_KPROBE_OVERRIDE"})  # fmt: skip
WITNESS = "ring_buffer_write"


class Config(Mapping[str, str]):
    """Options that are set, by full name: ``y``, ``m``, a number, or text in its quotes; absent ones are not set.

    The text of 10,000 options is searched for the few that programs ask about; it is taken apart where all are.
    """

    def __init__(self, text: str) -> None:
        self._text = "\n" + text
        self._known: dict[str, str | None] = {}

    @cached_property
    def _all(self) -> dict[str, str]:
        return {name: value.strip() for name, value in _SETTING.findall(self._text)}

    def __getitem__(self, name: str) -> str:
        if name not in self._known:
            self._known[name] = self._search(name)
        found = self._known[name]
        if found is None:
            raise KeyError(name)
        return found

    def denies(self, name: str) -> bool:
        """Whether a line says that the option is not set, as a whole config does; one cut short says nothing."""
        return f"\n# {name} is not set" in self._text and name not in self

    def _search(self, name: str) -> str | None:
        """The value of the last line that sets the option."""
        if not name.startswith("CONFIG_") or "=" in name or "\n" in name:
            return None
        # From the front until there is no more: far quicker than from the back, and there is hardly ever a second.
        line = f"\n{name}="
        found = self._text.find(line)
        if found < 0:
            return None
        while found >= 0:
            at, found = found, self._text.find(line, found + 1)
        start, end = at + len(name) + 2, self._text.find("\n", at + 1)
        return self._text[start : end if end >= 0 else None].strip()

    def __bool__(self) -> bool:
        return _SETTING.search(self._text) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def parse_config(data: bytes, source: str = "config") -> Config:
    """The options of a kernel's config. KernelError where no line is a setting."""
    if len(data) > MAX_CONFIG:
        raise KernelError(source, f"a kernel config of {len(data)} bytes is not plausible")
    options = Config(data.decode("utf-8", "replace"))
    if not options:
        raise KernelError(source, "not a kernel config: no line sets an option")
    return options
