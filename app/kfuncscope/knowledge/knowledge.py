# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is known about kernels beyond their BTF: registrations, flags, helper lists, hooks, JITs, level by level.

Every table is read when it is first asked for. ``for_release`` finds the level of a release. Where no table is of that
very level, ``Knowledge`` is that of a neighbour, and ``others`` are those whose word is needed too: a fact is certain
only where all agree (R-12.22).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from kfuncscope.arch import arch_named, arch_record
from kfuncscope.errors import KnowledgeError
from kfuncscope.knowledge.facts import (
    ArchCaps,
    HelperAllow,
    HelperAnswer,
    HelperFact,
    KfuncFact,
    KfuncReg,
    LsmHookFact,
    NullArgs,
    Provenance,
    StructOpsFact,
    TracepointFact,
)
from kfuncscope.knowledge.helpers import HelperCaller, helper_allowed
from kfuncscope.knowledge.kfunc_filters import KfuncFilter, filters_from
from kfuncscope.knowledge.levels import neighbours
from kfuncscope.knowledge.rows import Helpers, HelperWays, NotTraced, Tracepoints, kfunc_fact, struct_ops_fact
from kfuncscope.knowledge.sources import Source, sources
from kfuncscope.resources import resource


class Knowledge:
    """The tables of one level, ``release``. Mappings are read lazily, one table each, and kept.

    ``borrowed_for`` is the release that a level was asked for which has no tables of its own, else None; ``others``
    are then the levels that it may as well be like. ``beyond`` tells that it is newer than every level with tables.
    """

    def __init__(
        self,
        release: str,
        source: Source,
        borrowed_for: str | None = None,
        others: tuple[Knowledge, ...] = (),
        beyond: bool = False,
    ) -> None:
        self.release = release
        self.borrowed_for = borrowed_for
        self.others = others
        self.beyond = beyond
        self._source = source
        self._caps: dict[str, ArchCaps] = {}

    @property
    def told_by(self) -> str:
        """The levels whose tables speak, in words."""
        return " and ".join((self.release, *(other.release for other in self.others)))

    def agreed(self, what: Callable[[Knowledge], object]) -> bool:
        """Whether all levels that speak for this kernel say the same, and there is more than a guess."""
        if self.borrowed_for is None:
            return True
        told = what(self)
        return bool(self.others) and all(what(other) == told for other in self.others)

    def _read(self, table: str) -> dict[str, Any]:
        return self._source.read(table)

    @cached_property
    def _kfunc_table(self) -> dict[str, Any]:
        return self._read("kfuncs")

    @cached_property
    def provenance(self) -> Provenance:
        """Where the tables of this release come from."""
        row = self._kfunc_table["provenance"]
        return Provenance(row["source"], row["made"])

    @cached_property
    def kfuncs(self) -> Mapping[str, KfuncFact]:
        """kfunc name → fact (R-4.1, R-4.4)."""
        registrations: dict[str, list[KfuncReg]] = {}
        for row in self._kfunc_table["sets"]:
            types, filters = frozenset(row["prog_types"]), tuple(row["filters"])
            only = tuple((name, tuple(gates)) for name, gates in sorted(row.get("only_with", {}).items()))
            for name, flags, config in row["kfuncs"]:
                gates = tuple(dict.fromkeys((*row["config"], *config)))
                reg = KfuncReg(row["set"], flags, types, filters, gates, row["file"], only)
                registrations.setdefault(name, []).append(reg)
        protos = self._kfunc_table["protos"]
        return {
            name: kfunc_fact(name, tuple(regs), protos.get(name, "")) for name, regs in sorted(registrations.items())
        }

    @cached_property
    def kfunc_hooks(self) -> Mapping[str, str]:
        """Program type → the hook whose sets it may call; UNSPEC → COMMON serves every type (R-4.1)."""
        return dict(self._kfunc_table["hooks"])

    @cached_property
    def flag_bits(self) -> Mapping[str, int]:
        """KF_* name → value (R-4.4)."""
        return dict(self._kfunc_table["flags"])

    @cached_property
    def arg_suffixes(self) -> tuple[str, ...]:
        """Argument-name suffixes that mean something to the verifier, longest first (R-4.6)."""
        return tuple(sorted(self._kfunc_table["arg_suffixes"], key=lambda s: (-len(s), s)))

    @cached_property
    def fmodret(self) -> Mapping[str, int]:
        """Functions of the fmod_ret id sets → KF flags (R-7.11, R-11.7)."""
        return dict(self._kfunc_table["fmodret"])

    @cached_property
    def kfunc_filters(self) -> Mapping[str, KfuncFilter]:
        """Filter name → filter as data (R-11.1)."""
        return filters_from(self._read("filters"))

    @cached_property
    def _helper_table(self) -> dict[str, Any]:
        return self._read("helpers")

    @cached_property
    def _helper_ways(self) -> HelperWays:
        return HelperWays(self._helper_table)

    @cached_property
    def helpers(self) -> Mapping[str, HelperFact]:
        """Helper name without ``bpf_`` → fact (R-6.2)."""
        return Helpers(self._helper_table, self._helper_ways)

    @cached_property
    def helper_prog_types(self) -> frozenset[str]:
        """Program types for which the tables hold a helper list."""
        return frozenset(self._helper_table["types"])

    @cached_property
    def base_helpers(self) -> Mapping[str, HelperAllow]:
        """Helpers of bpf_base_func_proto, given to (nearly) every program type, and how (R-11.2)."""
        return {name: self._helper_ways[number] for name, number in self._helper_table["base"].items()}

    @cached_property
    def iter_helpers(self) -> Mapping[str, tuple[str, ...]]:
        """Iterator target → helpers it gives beside those of its program type (R-11.3)."""
        return {target: tuple(names) for target, names in self._helper_table["iter"].items()}

    @cached_property
    def tracepoints(self) -> Mapping[str, TracepointFact]:
        """Tracepoint name → fact. Modules outside the tree may have more; BTF has the typedefs of all."""
        return Tracepoints(self._read("tracepoints"))

    @cached_property
    def lsm_hooks(self) -> Mapping[str, LsmHookFact]:
        """LSM hook → fact (R-7.12)."""
        return {
            name: LsmHookFact(name, ret, tuple(args), bool(sleepable), bool(disabled), tuple(config))
            for name, (ret, args, sleepable, disabled, config) in self._read("lsm")["hooks"].items()
        }

    @cached_property
    def raw_tp_null_args(self) -> Mapping[str, NullArgs]:
        """Tracepoint → arguments that tp_btf programs must check for NULL (R-7.7); empty where no level lists any."""
        rows = self._raw_tp_null["events"]
        return {name: NullArgs(frozenset(null), frozenset(err)) for name, (null, err) in rows.items()}

    @cached_property
    def _raw_tp_null(self) -> dict[str, Any]:
        return self._read("raw_tp_null")

    @property
    def lists_null_args(self) -> bool:
        """Whether this level's verifier has such a list; then every argument of a module's tracepoint may be NULL."""
        return bool(self._raw_tp_null["known"])

    @cached_property
    def struct_ops(self) -> Mapping[str, StructOpsFact]:
        """struct_ops type → fact (R-11.2, R-11.6)."""
        return {name: struct_ops_fact(name, row) for name, row in self._read("struct_ops")["types"].items()}

    @cached_property
    def _deny(self) -> dict[str, Any]:
        return self._read("deny")

    @cached_property
    def noreturn_deny(self) -> frozenset[str]:
        """Functions on which fexit and fmod_ret are refused (R-11.16), whatever the config; see ``deny_config``."""
        return frozenset(self._deny["noreturn"])

    @cached_property
    def btf_id_deny(self) -> frozenset[str]:
        """Functions on which no tracing program may hang (R-7.11)."""
        return frozenset(self._deny["btf_id_deny"])

    @cached_property
    def deny_config(self) -> Mapping[str, tuple[str, ...]]:
        """Denied function → config options without which it is not on its list; ``?`` = the source says more."""
        return {
            name: tuple(options) for key in ("noreturn", "btf_id_deny") for name, options in self._deny[key].items()
        }

    def makes(self, check: str) -> bool | None:
        """Whether this level's verifier makes one of ``build.verifier_lists.CHECKS``; None: its tables do not tell."""
        told = self._checks.get(check)
        return None if told is None else bool(told)

    @cached_property
    def _checks(self) -> dict[str, int]:
        return dict(self._read("checks")["checks"]) if self._source.has("checks") else {}

    @cached_property
    def injectable(self) -> frozenset[str] | None:
        """Functions on the error injection list, whatever the config, without system calls (R-11.7); None: no table."""
        if not self._source.has("injection"):
            return None
        return frozenset(self._read("injection")["functions"])

    @cached_property
    def uapi(self) -> Mapping[str, tuple[str, ...]]:
        """uapi enum name → enumerators in order."""
        table = self._read("uapi")
        return {name: tuple(rows) for name, rows in table.items() if name != "provenance"}

    def numbered(self, enum: str) -> dict[int, str]:
        """A uapi enum by number, as its entries count (``NAME``, ``NAME = OTHER`` or a number); of several names of a
        number the first. The kernel's own ends of enums (``__MAX_…``) are left out."""
        found: dict[int, str] = {}
        values: dict[str, int] = {}
        number = 0
        for entry in self.uapi[enum]:
            name, _, value = (part.strip() for part in entry.partition("="))
            number = values.get(value, _c_number(value, number))
            values[name] = number
            if not name.startswith("__"):
                found.setdefault(number, name)
            number += 1
        return found

    @cached_property
    def sec_defs(self) -> tuple[tuple[str, str, str, frozenset[str]], ...]:
        """libbpf's section table in its order (R-2.3): pattern, program type, attach type, flags."""
        return tuple((p, t, a, frozenset(f)) for p, t, a, f, _ in self._read("sec_defs")["rows"])

    @cached_property
    def _archs(self) -> dict[str, Any]:
        return dict(self._read("arch")["archs"])

    @property
    def architectures(self) -> tuple[str, ...]:
        """Architectures of the JIT table."""
        return tuple(sorted(self._archs))

    def caps(self, arch: str) -> ArchCaps:
        """Capabilities of one architecture's JIT (R-5); one without a table can do nothing."""
        known = self._caps.get(arch)
        if known is not None:
            return known
        row = self._archs.get(_in_tables(arch))
        if row is None:
            return ArchCaps(arch, "none")
        # Tables of a user's own may be older and name capabilities that no rule reads any more.
        known_caps = [cap for cap in row["caps"] if cap in ArchCaps.__struct_fields__]
        made = ArchCaps(
            arch, row["jit"], **dict.fromkeys(known_caps, True), selects=frozenset(row["selects"]),
            selects_if=dict(row["selects_if"]), needs={cap: tuple(o) for cap, o in row["needs"].items()},
        )  # fmt: skip
        self._caps[arch] = made
        return made

    @cached_property
    def _syscalls(self) -> dict[str, list[str]]:
        if not self._source.has("syscalls"):
            return {}
        return dict(self._read("syscalls")["archs"])

    def syscalls(self, arch: str) -> frozenset[str] | None:
        """System calls in the architecture's table, without ``sys_``; None where no table tells.

        Only these have trace events ``syscalls/sys_enter_X`` and ``sys_exit_X`` (R-7.8).
        """
        names = self._syscalls.get(_in_tables(arch))
        return None if names is None else frozenset(names)

    @cached_property
    def not_traced(self) -> NotTraced:
        """Functions that ftrace cannot patch, with the source files that define them so."""
        return NotTraced(self._source.not_traced())

    def notrace(self, function: str, arch: str) -> str:
        """The source file that defines the function without tracing (R-7.9); empty where it can be traced, as far as
        is known. ``inline`` functions are such, and files that the kernel's Makefiles compile without ftrace."""
        own = f"arch/{arch_record(arch_named(arch) or arch).folder}/"
        places = self.not_traced.files(function)
        return next((path for path in places if path.startswith(own) or not path.startswith("arch/")), "")

    def helper_allowed(
        self,
        helper: str,
        prog_type: str,
        *,
        attach_type: str = "",
        config: Mapping[str, str] | None = None,
        arch: str = "",
        hook: str = "",
        sleepable: bool | None = None,
        struct_ops_type: str = "",
        member: str = "",
    ) -> HelperAnswer:
        """Whether the program may call the helper; names with or without the kernel's prefixes."""
        caller = HelperCaller(
            prog_type.removeprefix("BPF_PROG_TYPE_"), attach_type.removeprefix("BPF_"), hook, sleepable,
            struct_ops_type, member, config, arch,
        )  # fmt: skip
        return helper_allowed(self, helper.removeprefix("bpf_").removeprefix("BPF_FUNC_"), caller)


def _in_tables(arch: str) -> str:
    return arch_record(arch_named(arch) or arch).in_tables


def releases(extra: Path | None = None) -> tuple[str, ...]:
    """Levels that have tables, oldest first."""
    return tuple(sources(extra))


def for_release(release: str | None, extra: Path | None = None) -> Knowledge:
    """The tables for a release: those of its own level, else of a neighbour with the others beside it (R-12.22).

    A table under the release's very name comes first. None, and what is not a release: the newest level. Kept for the
    process.
    """
    return _for_release(release, extra)


@cache
def for_backport(bpf_release: str, named: str, extra: Path | None = None) -> Knowledge:
    """The tables for a kernel that is ``named`` after one release and has the BPF of a later one (R-12.23).

    Nothing is certain by the tables of one level alone: beside the oldest of the later release or above stands the one
    before it, as a backport need not be whole.
    """
    found = sources(extra)
    names = list(found)
    near = neighbours(bpf_release, names)
    others = [*near.others, *names[max(0, names.index(near.level) - 1) : names.index(near.level)]]
    tables = tuple(Knowledge(name, found[name]) for name in dict.fromkeys(others) if name != near.level)
    return Knowledge(near.level, found[near.level], named, tables, near.beyond)


@cache
def _for_release(release: str | None, extra: Path | None) -> Knowledge:
    found = sources(extra)
    if not found:
        raise KnowledgeError(str(resource("knowledge")), "no knowledge tables found")
    names = list(found)
    if release is None:
        return Knowledge(names[-1], found[names[-1]])
    near = neighbours(release, names)
    others = tuple(Knowledge(name, found[name]) for name in near.others)
    return Knowledge(near.level, found[near.level], None if near.exact else release, others, near.beyond)


def _c_number(text: str, otherwise: int) -> int:
    """A number as C writes it, also shifted; ``otherwise`` where it is something else."""
    found = re.fullmatch(r"(\d+)(?:U?L*)?(?:\s*<<\s*(\d+))?", text)
    return int(found[1]) << int(found[2] or 0) if found else otherwise
