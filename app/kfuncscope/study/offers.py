# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every kfunc, helper and hook that kernels offer, with its life over the releases known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import prototype
from kfuncscope.btf.layout import Kind
from kfuncscope.errors import InputError
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.kernel.kfuncs import Kfunc, told_by
from kfuncscope.knowledge import knowledge
from kfuncscope.knowledge import names as names_known
from kfuncscope.knowledge.flags import flag_names
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import NeedKind
from kfuncscope.study.life import helper_life, kfunc_life, life_of_cause
from kfuncscope.study.lifecycle import OfferRow, Seen, State, release_key, with_users

MODULES = 40  # a kernel with more module BTFs than this shows only the kfuncs of vmlinux


def lifecycle(kernels: Sequence[Kernel], analysis: Analysis | None = None) -> list[OfferRow]:
    """Every kfunc, helper, tracepoint and LSM hook of the kernels, with its life and its users in the analysis."""
    rows = offers(kernels)
    return rows if analysis is None else with_users(rows, analysis)


def offers(kernels: Sequence[Kernel]) -> list[OfferRow]:
    """What the kernels offer, without users."""
    found = [*_kfunc_rows(kernels), *_helper_rows(kernels), *_hook_rows(kernels)]
    return sorted(found, key=lambda r: (r.kind.value, r.name))


@dataclass(slots=True)
class _Life:
    """What is gathered about one kfunc."""

    seen: list[Seen] = field(default_factory=list)
    newest: Kfunc | None = None
    types_from: str = ""


def _kfuncs_of(kernel: Kernel) -> Iterator[Kfunc]:
    if kernel.kfuncs is not None:
        yield from kernel.kfuncs.kfuncs.values()
    if len(kernel.modules) <= MODULES:
        for module in kernel.modules.names:
            try:
                registry = kernel.module_kfuncs(module)
            except InputError:
                continue  # told as a problem when the kernel is opened
            if registry is not None:
                yield from registry.kfuncs.values()


def _kfunc_rows(kernels: Sequence[Kernel]) -> Iterator[OfferRow]:
    ordered = sorted(kernels, key=lambda k: (release_key(k.release), k.arch))
    here: list[dict[str, Kfunc]] = [{f.name: f for f in _kfuncs_of(k)} for k in ordered]
    known = [knowledge.for_release(level) for level in names_known.landmarks()]
    names = set().union(*here) if here else set()
    for name in sorted(names | {n for k in known for n in k.kfuncs}):
        life = _Life(_known_releases(name, known))
        for kernel, kfuncs in zip(ordered, here, strict=True):
            life.seen.append(_kfunc_seen(kernel, kfuncs.get(name), name))
            if (kfunc := kfuncs.get(name)) is not None:
                life.newest = kfunc
                source = told_by(kfunc.types_source, kernel.knowledge)
                life.types_from = f"{source} ({kernel.arch} {kernel.release})"
        life.seen.sort(key=lambda s: (release_key(s.release), s.loaded, s.arch))
        yield _kfunc_row(name, life)


def _known_releases(name: str, known: Iterable[knowledge.Knowledge]) -> list[Seen]:
    """What the knowledge tables say of each level."""
    made = []
    for tables in known:
        fact = tables.kfuncs.get(name)
        state = State.PRESENT if fact is not None else State.ABSENT
        flags = _flags(fact.flags, tables) if fact is not None else ()
        made.append(Seen(tables.release, tables.release, state, fact.proto if fact is not None else "", flags))
    return made


def _kfunc_seen(kernel: Kernel, kfunc: Kfunc | None, name: str) -> Seen:
    label = f"{kernel.arch} {kernel.release}"
    if kfunc is not None:
        text = prototype(kfunc.blob, kfunc.proto)
        return Seen(
            label, kernel.release, State.PRESENT, text, _flags(kfunc.flags, kernel.knowledge), True, kernel.arch
        )
    if kernel.vmlinux is None:
        return Seen(label, kernel.release, State.UNKNOWN, loaded=True, arch=kernel.arch)
    state = State.UNREGISTERED if kernel.vmlinux.own(name, Kind.FUNC) else State.ABSENT
    return Seen(label, kernel.release, state, loaded=True, arch=kernel.arch)


def _kfunc_row(name: str, life: _Life) -> OfferRow:
    newest = life.newest
    facts = knowledge.for_release(None).kfuncs.get(name)
    types = newest.prog_types if newest is not None else facts.prog_types if facts is not None else None
    types_from = life.types_from if newest is not None else f"knowledge of {knowledge.for_release(None).release}"
    latest = next((s for s in reversed(life.seen) if s.state is State.PRESENT), None)
    return OfferRow(
        NeedKind.KFUNC,
        name,
        sets=tuple(newest.sets) if newest is not None and newest.sets else facts.sets if facts is not None else (),
        flags=latest.flags if latest is not None else (),
        prog_types=tuple(sorted(types or ())),
        types_from=types_from if types else "",
        module=newest.module if newest is not None else "",
        prototype=latest.prototype if latest is not None else "",
        first_release=names_known.first_release("kfunc", name) or "",
        seen=tuple(life.seen),
        life=kfunc_life(name),
    )


def _flags(flags: int | None, tables: knowledge.Knowledge) -> tuple[str, ...]:
    return tuple(flag_names(flags or 0, tables))


def _helper_rows(kernels: Sequence[Kernel]) -> Iterator[OfferRow]:
    ordered = sorted(kernels, key=lambda k: (release_key(k.release), k.arch))
    here = [set(k.helpers.values()) for k in ordered]
    facts = knowledge.for_release(None).helpers
    for short in sorted(set().union(*here) if here else set()):
        if short == "unspec":
            continue
        fact = facts.get(short)
        yield OfferRow(
            NeedKind.HELPER,
            f"bpf_{short}",
            prog_types=tuple(sorted(fact.prog_types)) if fact is not None else (),
            first_release=names_known.first_release("helper", f"bpf_{short}") or "",
            seen=_presence(ordered, [short in names for names in here]),
            life=helper_life(short),
        )


def _presence(kernels: Sequence[Kernel], there: list[bool]) -> tuple[Seen, ...]:
    return tuple(
        Seen(f"{k.arch} {k.release}", k.release, State.PRESENT if is_ else State.ABSENT, loaded=True, arch=k.arch)
        for k, is_ in zip(kernels, there, strict=True)
    )


def _hook_rows(kernels: Sequence[Kernel]) -> Iterator[OfferRow]:
    """Tracepoints and LSM hooks; rows of the same presence share one tuple, for there are thousands."""
    ordered = [k for k in sorted(kernels, key=lambda k: (release_key(k.release), k.arch)) if k.vmlinux is not None]
    here = [_hooks(k.vmlinux) for k in ordered if k.vmlinux is not None]
    shared: dict[tuple[bool, ...], tuple[Seen, ...]] = {}
    for name in sorted(set().union(*here) if here else set()):
        there = tuple(name in names for names in here)
        seen = shared.setdefault(there, _presence(ordered, list(there)))
        what = next(names[name] for names in here if name in names)
        yield OfferRow(NeedKind.HOOK, name, sets=(what,), seen=seen, life=life_of_cause(what, name))


def _hooks(blob: Blob) -> dict[str, str]:
    found: dict[str, str] = {}
    for typedef in blob.own_ids(Kind.TYPEDEF):
        name = blob.name(typedef)
        if name.startswith("btf_trace_"):
            found[name.removeprefix("btf_trace_")] = "tracepoint"
    for func in blob.own_ids(Kind.FUNC):
        name = blob.name(func)
        if name.startswith("bpf_lsm_"):
            found.setdefault(name.removeprefix("bpf_lsm_"), "LSM hook")
    return found
