# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Put predicted beside seen: agree, DISAGREE, beyond the files, or not seen."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from kfuncscope.bpf.object import Program
from kfuncscope.model.proof import Agreement, ObjectProof, ProgramProof
from kfuncscope.model.verdict import Tri
from kfuncscope.prove.seen import ObjectSeen, ProgramSeen
from kfuncscope.resources import resource
from kfuncscope.rules.judge import ObjectJudgement

_LINE = 300


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refusal means: its code, whether files can show it, and the line that told."""

    code: str
    decidable: bool
    line: str


@cache
def _rows() -> tuple[tuple[tuple[re.Pattern[str], str, bool], ...], Mapping[str, tuple[str, bool]], frozenset[int]]:
    table = json.loads(resource("prove", "failures.json").read_text())
    rows = tuple((re.compile(pattern), cls, decidable) for pattern, cls, decidable in table["rows"])
    return rows, {k: (v[0], v[1]) for k, v in table["errno"].items()}, frozenset(table["attach_beyond"])


def refusal_of(lines: Sequence[str], error: int, log: bool = False) -> Refusal:
    """The failure that the lines of libbpf or, with ``log``, of the verifier tell; ``error`` is a negative errno.

    A verifier's text that no row knows is its own search, which files do not show (``verifier_refused``).
    """
    rows, numbers, _ = _rows()
    for pattern, cls, decidable in rows:
        for line in lines:
            if pattern.search(line):
                return Refusal(cls, decidable, _read(line)[:_LINE])
    last = lines[-1][:_LINE] if lines else f"errno {-error}"
    if log:
        return Refusal("verifier_refused", False, last)
    cls, decidable = numbers.get(str(-error), ("refused_without_text", False))
    return Refusal(cls, decidable, last)


@cache
def _marks() -> dict[str, str]:
    found: dict[str, str] = json.loads(resource("prove", "failures.json").read_text())["marks"]
    return found


def _read(line: str) -> str:
    """A line with what libbpf's marks in it mean: it puts numbers that no helper has where something was not found."""
    return next((f"{line} ({meaning})" for mark, meaning in _marks().items() if mark in line), line)


def compared(predicted: Tri, seen: Tri, failure: Refusal | None = None) -> Agreement:
    """One answer beside its prediction; ``failure`` says why the kernel refused."""
    if seen == Tri.UNKNOWN:
        return Agreement.NOT_SEEN
    if predicted == Tri.UNKNOWN:
        return Agreement.BEYOND
    if predicted == seen:
        return Agreement.AGREE
    if seen == Tri.NO and failure is not None and not failure.decidable:
        return Agreement.BEYOND
    return Agreement.DISAGREE


def compare(
    judged: ObjectJudgement, seen: ObjectSeen | None, sha256: str, cached: bool = False, old_loader: bool = False
) -> ObjectProof:
    """One object: what ``judge`` says of it on this kernel beside what the kernel did.

    With ``old_loader`` libbpf is older than the rules model: what it refuses by itself is beyond the files.
    """
    seen = seen or ObjectSeen()
    programs = tuple(_program(one.program, one.loads, one.attaches, seen, old_loader) for one in judged.programs)
    obj = judged.context.obj
    whole = Tri.UNKNOWN if seen.load is None else Tri.YES if seen.load == 0 else Tri.NO
    failure = _whole_refusal(seen, old_loader) if whole == Tri.NO else None
    agreement = compared(judged.loads, whole, failure)
    if agreement == Agreement.DISAGREE and whole == Tri.NO and _explained(programs, failure):
        agreement = Agreement.BEYOND
    line = failure.line if failure else seen.broken[:_LINE]
    return ObjectProof(
        obj.name, sha256, agreement, judged.loads, whole, programs, failure.code if failure else "", line, cached
    )


def _whole_refusal(seen: ObjectSeen, old_loader: bool) -> Refusal:
    """Why the whole object was refused. The verifier's text stands in the answer for the program that failed."""
    assert seen.load is not None
    failure = _by_loader(refusal_of(seen.lines, seen.load), old_loader)
    blamed = re.search(r"prog '([^']*)': (?:BPF program load failed|failed to load)", "\n".join(seen.lines))
    one = seen.programs.get(blamed[1]) if blamed else None
    if one is None or not one.load:
        return failure
    return _by_loader(refusal_of(one.lines, one.load, one.log), old_loader and not one.log)


def _by_loader(failure: Refusal, old_loader: bool) -> Refusal:
    """The same failure, not for the files to show where an old libbpf refused before the kernel was asked."""
    return replace(failure, decidable=False) if old_loader else failure


def _explained(programs: Sequence[ProgramProof], failure: Refusal | None) -> bool:
    """Whether an object was refused for a program of which that is beyond the files."""
    return failure is not None and not failure.decidable and any(p.agreement == Agreement.BEYOND for p in programs)


def _program(program: Program, loads: Tri, attaches: Tri, seen: ObjectSeen, old_loader: bool) -> ProgramProof:
    name, section = program.name, program.section.name
    one = seen.programs.get(name)
    if one is None:
        return ProgramProof(name, section, Agreement.NOT_SEEN, loads, Tri.UNKNOWN, attaches, line=seen.broken[:_LINE])
    lacking = _lacking(program, seen)
    failure = _load_failure(one, lacking)
    if failure is not None:
        failure = _by_loader(failure, old_loader and not one.log)
    seen_loads = Tri.NO if failure else Tri.YES
    agreement = compared(loads, seen_loads, failure)
    if failure is not None or one.attach is None:
        return ProgramProof(
            name, section, agreement, loads, seen_loads, attaches, Tri.NO if failure else Tri.UNKNOWN,
            failure.code if failure else "", failure.line if failure else "",
        )  # fmt: skip
    seen_attaches = Tri.YES if one.attach == 0 else Tri.NO
    refused = None if one.attach == 0 else _attach_failure(one)
    if agreement == Agreement.AGREE:
        agreement = compared(attaches, seen_attaches, refused)
    return ProgramProof(
        name, section, agreement, loads, seen_loads, attaches, seen_attaches,
        refused.code if refused else "", refused.line if refused else "",
    )  # fmt: skip


def _lacking(program: Program, seen: ObjectSeen) -> str:
    """A strong variable that the kernel lacks and this program uses: libbpf refuses it, though it was asked without."""
    used = {ref.name for f in program.functions for ref in f.refs.values() if ref.kind in ("ksym", "kconfig")}
    return next((name for name in seen.weak if name in used), "")


def _load_failure(one: ProgramSeen, lacking: str) -> Refusal | None:
    if lacking:
        return Refusal("extern_not_resolved", True, f"extern '{lacking}' (strong): not resolved")
    return refusal_of(one.lines, one.load, one.log) if one.load else None


def _attach_failure(one: ProgramSeen) -> Refusal:
    assert one.attach is not None
    line = one.lines[-1][:_LINE] if one.lines else f"errno {-one.attach}"
    return Refusal("attach_failed", -one.attach not in _rows()[2], line)
