# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Everything that the kernels of a session offer by name, used or not: kfuncs, helpers, hooks and their lives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kfuncscope.btf.declare import prototype
from kfuncscope.kernel import knowledge
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.kernel.kfuncs import Kfunc
from kfuncscope.rules.evidence import flag_words
from kfuncscope.rules.verdict import NeedKind
from kfuncscope.upgrade.analysis import Analysis
from kfuncscope.upgrade.diff import helpers, lsm_hooks, tracepoints
from kfuncscope.upgrade.lifecycle import OfferRow, Seen, State, from_analysis


def from_kernels(kernels: Iterable[Kernel], analysis: Analysis) -> list[OfferRow]:
    """One row for each kfunc, helper, tracepoint and LSM hook of any kernel, with its users in the analysis."""
    opened = [k for k in kernels if k.vmlinux is not None]
    used = {(r.kind, r.name): r for r in from_analysis(analysis)}
    rows = {(r.kind, r.name): r for r in [*_kfuncs(opened), *_named(opened)]}
    for key, row in rows.items():
        if key in used:
            rows[key] = replace(row, users=used[key].users, verdict=used[key].verdict)
    for key, row in used.items():
        rows.setdefault(key, row)
    return [rows[key] for key in sorted(rows, key=lambda k: (k[0].value, k[1]))]


def _registered(kernel: Kernel) -> dict[str, Kfunc]:
    registries = [kernel.kfuncs, *(kernel.module_kfuncs(m) for m in kernel.modules.names if _small(kernel))]
    return {name: kfunc for r in reversed(registries) if r is not None for name, kfunc in r.kfuncs.items()}


def _small(kernel: Kernel) -> bool:
    """Few enough modules to look into each; of thousands only those that a need names are opened."""
    return len(kernel.modules) <= 64


def _kfuncs(kernels: list[Kernel]) -> list[OfferRow]:
    registered = [(k, _registered(k)) for k in kernels]
    names = sorted({name for _, found in registered for name in found})
    return [_kfunc_row(name, registered) for name in names]


def _kfunc_row(name: str, registered: list[tuple[Kernel, dict[str, Kfunc]]]) -> OfferRow:
    seen: list[Seen] = [Seen(r, r, State.PRESENT) for r in knowledge.presence(name)]
    newest: Kfunc | None = None
    texts, flags = [], []
    for kernel, found in sorted(registered, key=lambda p: (p[0].version, p[0].arch)):
        label = f"{kernel.arch} {kernel.release}"
        kfunc = found.get(name)
        if kfunc is not None:
            newest = kfunc
            text, words = prototype(kfunc.blob, kfunc.proto), _flag_list(kfunc)
            texts.append(text)
            flags.append(words)
            seen.append(Seen(label, kernel.release, State.PRESENT, text, words, True, kernel.arch))
        else:
            state = State.UNREGISTERED if kernel.functions(name) else State.ABSENT
            seen.append(Seen(label, kernel.release, state, loaded=True, arch=kernel.arch))
    assert newest is not None
    first = knowledge.first_release("kfunc", name) or ""
    return OfferRow(
        NeedKind.KFUNC, name, newest.sets, _flag_list(newest), tuple(sorted(newest.prog_types or ())), newest.module,
        prototype(newest.blob, newest.proto), first, tuple(seen), replaced_by=knowledge.renames().get(name, ""),
        stability=_stability(first, texts, flags, seen),
    )  # fmt: skip


def _flag_list(kfunc: Kfunc) -> tuple[str, ...]:
    words = flag_words(kfunc.flags)
    return tuple(words.split(" | ")) if words not in ("-", "?") else ()


def _stability(first: str, texts: list[str], flags: list[tuple[str, ...]], seen: list[Seen]) -> str:
    """A sentence: since when, and how often the kernels at hand disagree about it."""
    parts = [f"in mainline since {first}" if first else "first release not known"]
    parts.append(_times(len(set(texts)) - 1, "prototype"))
    parts.append(_times(len(set(flags)) - 1, "flags"))
    if any(s.state != State.PRESENT for s in seen):
        parts.append("not in every kernel loaded")
    return "; ".join(parts)


def _times(changes: int, what: str) -> str:
    return (
        f"one {what} in all kernels loaded" if changes < 1 else f"{changes + 1} different {what}s in the kernels loaded"
    )


def _named(kernels: list[Kernel]) -> list[OfferRow]:
    """Helpers, tracepoints and LSM hooks."""
    made = []
    for kind, texts_of in ((NeedKind.HELPER, helpers), (NeedKind.HOOK, tracepoints), (NeedKind.HOOK, lsm_hooks)):
        tables = [(k, texts_of(k)) for k in sorted(kernels, key=lambda k: (k.version, k.arch))]
        for name in sorted({n for _, t in tables for n in t}):
            seen, text = [], ""
            for kernel, table in tables:
                state = State.PRESENT if name in table else State.ABSENT
                said = table[name][0] if name in table else ""
                text = said or text
                label = f"{kernel.arch} {kernel.release}"
                seen.append(Seen(label, kernel.release, state, said, loaded=True, arch=kernel.arch))
            helper = kind == NeedKind.HELPER
            first = (knowledge.first_release("helper", f"bpf_{name}") or "") if helper else ""
            made.append(OfferRow(kind, f"bpf_{name}" if helper else name, sets=() if helper else (texts_of.__name__,),
                                 prototype=text, first_release=first, seen=tuple(seen)))  # fmt: skip
    return made
