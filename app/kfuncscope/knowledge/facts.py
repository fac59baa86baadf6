# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the knowledge tables say, one small record per thing: kfuncs, helpers, tracepoints, LSM hooks, struct_ops, JITs.

Program types are written short (``XDP``, ``TRACING``; ``UNSPEC`` stands for every type), attach types as the kernel
enumerates them without ``BPF_`` (``TRACE_ITER``, ``CGROUP_INET4_BIND``), config options with ``CONFIG_``.

The records are msgspec's: such a class is made in a thirtieth of the time that a dataclass takes, and every run makes
all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

Answer = Literal["yes", "no", "unknown"]


class Provenance(Struct, frozen=True):
    """Where a table comes from: source package and version, and how it was made."""

    source: str
    made: str


def is_set(config: Mapping[str, str], option: str) -> bool:
    """Whether a config has ``CONFIG_X`` as y or m, or ``CONFIG_X=value`` as it says."""
    name, _, value = option.partition("=")
    found = config.get(name, "n")
    return found == value if value else found in ("y", "m")


class KfuncReg(Struct, frozen=True):
    """One kfunc in one id set: the set's program types (empty = the set is never registered) and filters (R-4.1).

    ``only_with`` holds the types for which the set is registered only with some options, and these.
    """

    set: str
    flags: int
    prog_types: frozenset[str]
    filters: tuple[str, ...]
    config: tuple[str, ...]
    file: str
    only_with: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def types_in(self, config: Mapping[str, str] | None) -> frozenset[str]:
        """The program types in a kernel of this config; all where that is not known."""
        if not config:
            return self.prog_types
        return self.prog_types - {t for t, gates in self.only_with if not all(is_set(config, gate) for gate in gates)}


class KfuncFact(Struct, frozen=True):
    """One kfunc of a release; ``flags``, ``prog_types``, ``filters`` and ``config`` are unions over registrations."""

    name: str
    flags: int
    prog_types: frozenset[str]
    sets: tuple[str, ...]
    filters: tuple[str, ...]
    config: tuple[str, ...]
    file: str
    proto: str
    registrations: tuple[KfuncReg, ...]

    def types_in(self, config: Mapping[str, str] | None) -> frozenset[str]:
        """The program types in a kernel of this config; all where that is not known."""
        return frozenset().union(*(reg.types_in(config) for reg in self.registrations))


class Alternative(Struct, frozen=True):
    """One way in which a helper is given out: the ``bpf_func_proto`` and what must hold for it.

    Each condition is ``(kind, negated, words)``: kinds ``attach`` (expected attach type), ``config``, ``cap``,
    ``lockdown``, ``sleepable``, ``hook`` (LSM hook or traced function), ``unlike`` (its name begins otherwise),
    ``member`` and ``text`` (source that was not understood). They include those of the proto's ``allowed``.
    ``gpl_only`` and ``might_sleep`` belong to the ``proto``: one helper may have several.
    """

    proto: str
    conditions: tuple[tuple[str, bool, tuple[str, ...]], ...] = ()
    gpl_only: bool = False
    might_sleep: bool = False


class HelperAllow(Struct, frozen=True):
    """How one program type gets a helper: the function of the kernel that gives it, and under which conditions."""

    via: str
    alternatives: tuple[Alternative, ...]

    @property
    def conditional(self) -> bool:
        """True where anything but a capability or a config option decides."""
        return any(kind not in ("cap", "config", "lockdown") for a in self.alternatives for kind, _, _ in a.conditions)

    @property
    def cap(self) -> str:
        """The capability that is asked for (``base`` where none)."""
        caps = [w for a in self.alternatives for kind, _, words in a.conditions if kind == "cap" for w in words]
        return caps[0] if caps else "base"


class HelperFact(Struct, frozen=True):
    """One helper and for each program type how it is given (R-6.2, R-6.4).

    ``gpl_only`` and ``might_sleep`` are true where any of its protos is; the alternatives tell exactly.
    """

    name: str
    gpl_only: bool
    might_sleep: bool
    prog_types: Mapping[str, HelperAllow]


class HelperAnswer(Struct, frozen=True):
    """Whether a program may call a helper, and why: a sentence and the rule it follows from.

    ``gpl_only`` tells for a "yes" whether the program's licence must be GPL compatible, ``might_sleep`` whether the
    call must be where the program may sleep.
    """

    allowed: Answer
    reason: str
    rule: str = "R-6.2"
    gpl_only: bool = False
    might_sleep: bool = False


class TracepointFact(Struct, frozen=True):
    """One tracepoint: its system, event class (own name for TRACE_EVENT), C arguments, and trace event fields.

    ``event`` is False for bare tracepoints (DECLARE_TRACE), which have no format and no ``tracepoint/`` hook.
    """

    name: str
    system: str
    event_class: str
    proto: tuple[str, ...]
    fields: tuple[str, ...]
    event: bool
    file: str


class LsmHookFact(Struct, frozen=True):
    """One LSM hook (R-7.12): return type, C arguments, may BPF sleep there, is BPF shut out; options it exists with."""

    name: str
    ret: str
    args: tuple[str, ...]
    sleepable: bool
    bpf_disabled: bool
    config: tuple[str, ...] = ()


class StructOpsFact(Struct, frozen=True):
    """One struct_ops type (R-11.2, R-11.6).

    ``members`` maps each member to its C declaration; ``sleepable`` are those on which a sleepable program may run,
    ``must_sleep`` those on which only such a one may; ``unsupported`` those no program may implement. ``helpers``:
    None = no helper at all; else the names given beside the base list, each with the members in which they are *not*
    given; a name of the base list that some member lacks is here too.
    """

    name: str
    members: Mapping[str, str]
    sleepable: frozenset[str]
    must_sleep: frozenset[str]
    unsupported: frozenset[str]
    helpers: Mapping[str, frozenset[str]] | None
    base_helpers: bool = True
    config: tuple[str, ...] = ()


class NullArgs(Struct, frozen=True):
    """Arguments of a tracepoint that may be NULL or an error pointer, counted from 0 (R-7.7)."""

    nullable: frozenset[int]
    is_err: frozenset[int]


class ArchCaps(Struct, frozen=True):
    """What the JIT and the tracing code of one architecture can do in one release (R-5).

    ``jit`` is ``ebpf``, ``cbpf`` or ``none``. ``selects`` are the Kconfig symbols that the architecture selects
    outright; ``selects_if`` those it selects under a condition. ``needs`` maps a capability to the config options
    it asks for beside the JIT. Features that it asks of the processor are in no file.
    """

    arch: str
    jit: Literal["ebpf", "cbpf", "none"]
    kfunc_call: bool = False
    trampoline: bool = False
    fentry_on_kernel_functions: bool = False
    subprog_tailcalls: bool = False
    arena: bool = False
    exceptions: bool = False
    private_stack: bool = False
    fsession: bool = False
    cpuv4: bool = False
    load_acquire_store_release: bool = False
    atomic64: bool = False
    atomic_fetch: bool = False
    stack_args: bool = False
    arena_args: bool = False
    indirect_jump: bool = False
    selects: frozenset[str] = frozenset()
    selects_if: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
