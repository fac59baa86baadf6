# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which programs a hook is open to: sleepable ones, ones that override its return value, BPF LSM programs at all.

Each answer comes with its source, for findings show both kernels' answers beside each other (R-7.11, R-7.12, R-11.7).
"""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.arch import arch_record
from kfuncscope.kernel.fact_sources import table_words
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.flags import SLEEPABLE, flag_set
from kfuncscope.knowledge.versions import Fact, since

SYMBOLS = "the list of symbols"


class Answer(NamedTuple):
    """``yes`` is None where no file tells."""

    yes: bool | None
    source: str


def config_source(kernel: Kernel) -> str:
    """Where an option of a kernel is known from."""
    return "the configuration" if kernel.config is not None else "BTF"


def to_errors(kernel: Kernel, name: str) -> Answer:
    """Whether a function may sleep, or be overridden, for its name or for the kernel's list.

    With error injection every system call is on the list, and the other entries leave a symbol ``_eil_addr_NAME``;
    without symbols the sources of its level tell. Without it newer kernels go by the prefix of the architecture's own
    system calls, not of its 32-bit ones.
    """
    injection, own = kernel.option("FUNCTION_ERROR_INJECTION"), name.startswith(kernel.syscall_prefix or "sys_")
    compat = arch_record(kernel.arch).compat_syscall_prefix
    if own and since(Fact.SYSCALLS_OPEN, kernel.version):
        return Answer(True, "the release")
    if injection == "y" and (own or (bool(compat) and name.startswith(compat))):
        return Answer(True, config_source(kernel))
    if injection == "n":
        return Answer(False, config_source(kernel))
    of_module = any(module for module, _, _ in kernel.functions(name))
    if not of_module and kernel.symbols is not None and kernel.symbols.has_prefix("_eil_addr_"):
        return Answer(bool(kernel.symbols.types(f"_eil_addr_{name}")), SYMBOLS)
    tables = (kernel.knowledge, *kernel.knowledge.others)
    listed = {None if one.injectable is None else name in one.injectable for one in tables}
    if len(listed) > 1 or (kernel.outdated and listed != {True}):
        return Answer(None, table_words(kernel))
    told = listed.pop()
    return Answer(None if told and injection is None else told, table_words(kernel))


def to_overriding(kernel: Kernel, name: str) -> Answer:
    """Whether fmod_ret may change what a function returns (R-7.11, R-11.7)."""
    if name.startswith("security_"):
        return Answer(True, "its name")
    if name in kernel.knowledge.fmodret:
        return Answer(True, table_words(kernel))
    return to_errors(kernel, name)


def to_sleepers(kernel: Kernel, name: str) -> Answer:
    """Whether sleepable programs may be attached to a function (R-7.11, R-11.7)."""
    flags = kernel.knowledge.fmodret.get(name, 0)
    if since(Fact.FMODRET_FLAGS, kernel.version) and flag_set(flags, SLEEPABLE, kernel.knowledge):
        return Answer(True, table_words(kernel))
    return to_errors(kernel, name)


def lsm_to_programs(kernel: Kernel, hook: str) -> Answer:
    """Whether BPF programs may be attached to an LSM hook (R-7.12)."""
    return _not(kernel, *kernel.lsm_hooks.closed_by(hook))


def lsm_to_sleepers(kernel: Kernel, hook: str) -> Answer:
    """Whether sleepable programs may be attached to an LSM hook (R-7.12)."""
    return _not(kernel, *kernel.lsm_hooks.awake_by(hook))


def _not(kernel: Kernel, refused: bool | None, source: str) -> Answer:
    return Answer(None if refused is None else not refused, source or table_words(kernel))
