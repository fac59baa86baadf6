# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The life of one thing that kernels offer, in one sentence: since when, what changed, where it went, what is promised.

Everything comes from the tables of levels; a change is dated by the first level that has it, so that "changed by 6.18"
means after the level before it. What the tables do not know is left out. Reports, ``explain``, the detail of the window
and the list of what kernels provide all take the sentence from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import pairwise

from kfuncscope.knowledge import knowledge
from kfuncscope.knowledge import names as names_known
from kfuncscope.knowledge.flags import flag_names
from kfuncscope.model.causes import key_of
from kfuncscope.model.verdict import Finding

_LEVELS = 12  # changes that a sentence names


def life_of(finding: Finding, section: str = "") -> str:
    """The sentence about the thing that a finding is about, empty where the tables know nothing of it."""
    kind, name, _ = key_of(finding, section)
    return life_of_cause(kind, name)


def life_of_cause(kind: str, name: str) -> str:
    """The sentence about a thing by the kind and name of a cause (``model.causes.CauseKey``)."""
    if kind == "kfunc":
        return kfunc_life(name)
    if kind == "helper":
        return helper_life(name)
    if kind == "LSM hook":
        return lsm_life(name.removeprefix("bpf_lsm_"))
    if kind == "tracepoint":
        return tracepoint_life(name.removeprefix("btf_trace_"))
    if kind == "function":
        return _function_life(name)
    return _internal_life(kind, name) if kind in ("field", "enumerator", "type") else ""


@cache
def kfunc_life(name: str) -> str:
    """``kfunc bpf_x: since 6.3, prototype changed once (by 6.18), flags the same, KF_RCU; no stability promise``."""
    levels = _levels()
    protos: list[tuple[str, str]] = []
    flags: list[tuple[str, tuple[str, ...]]] = []
    there: list[bool] = []
    for tables in levels:
        fact = tables.kfuncs.get(name)
        there.append(fact is not None)
        if fact is not None:
            protos.append((tables.release, " ".join(fact.proto.split())))
            flags.append((tables.release, tuple(flag_names(fact.flags or 0, tables))))
    if not any(there):
        return ""
    parts = [_since(names_known.first_release("kfunc", name), there)]
    parts += _changed("prototype", ((r, p) for r, p in protos if p))
    parts += _changed("flags", flags)
    parts.append(", ".join(flags[-1][1]))
    parts += _gone(there, names_known.renames().get(name, ""))
    return f"kfunc {name}: {', '.join(p for p in parts if p)}; no stability promise"


@cache
def helper_life(name: str) -> str:
    """Helpers are part of the stable interface: number and meaning stay, which programs may call them may grow."""
    short = name.removeprefix("bpf_")
    since = names_known.first_release("helper", f"bpf_{short}")
    there = [short in tables.helpers for tables in _levels()]
    if not any(there) and not since:
        return ""
    return f"helper bpf_{short}: {_since(since, there)}; stable interface: its number and meaning stay"


@cache
def tracepoint_life(name: str) -> str:
    """A tracepoint over the levels, with its arguments where the tables have them."""
    facts = [tables.tracepoints.get(name) for tables in _levels()]
    there = [fact is not None for fact in facts]
    if not any(there):
        return ""
    protos = [
        (tables.release, str(getattr(fact, "proto", "") or getattr(fact, "args", "")))
        for tables, fact in zip(_levels(), facts, strict=True)
        if fact is not None
    ]
    parts = [_since(None, there), *_changed("arguments", protos), *_gone(there, _went("tracepoint", name))]
    return f"tracepoint {name}: {', '.join(p for p in parts if p)}; no stability promise"


@cache
def lsm_life(name: str) -> str:
    """An LSM hook over the levels, with its arguments."""
    facts = [tables.lsm_hooks.get(name) for tables in _levels()]
    there = [fact is not None for fact in facts]
    if not any(there):
        return ""
    protos = [
        (tables.release, f"{fact.ret}({', '.join(fact.args)})")
        for tables, fact in zip(_levels(), facts, strict=True)
        if fact is not None
    ]
    parts = [_since(None, there), *_changed("arguments", protos), *_gone(there, _went("lsm", name))]
    return f"LSM hook {name}: {', '.join(p for p in parts if p)}; no stability promise"


def _function_life(name: str) -> str:
    went = _went("function", name)
    more = f"replaced by {went}, " if went else ""
    return f"function {name}: {more}internal to the kernel; no stability promise, the compiler may inline or clone it"


def _internal_life(kind: str, name: str) -> str:
    went = _went(kind, name) if kind != "type" else ""
    more = f"replaced by {went}, " if went else ""
    return f"{kind} {name}: {more}internal to the kernel; no stability promise, CO-RE follows moves only"


@cache
def _levels() -> tuple[knowledge.Knowledge, ...]:
    """The last level of each series, oldest first."""
    return tuple(knowledge.for_release(level) for level in names_known.landmarks())


def _since(first: str | None, there: list[bool]) -> str:
    if first:
        return f"since {first}"
    at = there.index(True) if any(there) else -1
    levels = _levels()
    if at <= 0:
        return f"in {levels[0].release} already" if at == 0 else ""
    return f"since a release after {levels[at - 1].release}, in {levels[at].release}"


def _changed(what: str, seen: Iterable[tuple[str, object]]) -> list[str]:
    """``prototype changed 2 times (by 6.18.8, 7.3.4)``: the first level with each other form.

    Where it never did, from which level to which it is known to be the same; empty where fewer than two levels know.
    """
    listed = list(seen)
    at = [release for (_, before), (release, value) in pairwise(listed) if value != before]
    if at:
        often = "once" if len(at) == 1 else f"{len(at)} times"
        return [f"{what} changed {often} (by {', '.join(at[:_LEVELS])})"]
    return [f"{what} the same from {listed[0][0]} to {listed[-1][0]}"] if len(listed) > 1 else []


def _gone(there: list[bool], instead: str) -> list[str]:
    levels = _levels()
    made = []
    if any(there) and not there[-1]:
        last = len(there) - 1 - there[::-1].index(True)
        made.append(f"gone by {levels[last + 1].release}")
    if instead:
        made.append(f"replaced by {instead}")
    return made


def _went(kind: str, name: str) -> str:
    found = names_known.renamed(kind, name)
    return found[0][0] if found else ""
