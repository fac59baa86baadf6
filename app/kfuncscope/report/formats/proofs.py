# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Proofs of findings as Markdown, JSON, JSON Lines and CSV: what ``explain --format`` prints."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from typing import Any

from kfuncscope.model.analysis import ArchResult
from kfuncscope.model.verdict import ObjectVerdict, ProgramVerdict
from kfuncscope.report.chain import Chain, chains, columns
from kfuncscope.report.formats import csvrows
from kfuncscope.report.formats.markdown import evidence, plain, span
from kfuncscope.report.summary import upgrade_names

Chosen = tuple[ArchResult, ObjectVerdict, ProgramVerdict]


HEAD = ("arch", "old", "new", "object", "program", "verdict", "need", "message", "rules", "confidence", "old fact",
        "new fact", "remedy")  # fmt: skip
"""Columns of CSV. ``old`` and ``new`` are releases; facts are what differs between both kernels, a line each."""


def proof_document(kind: str, chosen: Iterable[Chosen]) -> bytes:
    """The proofs of some programs as ``json``, ``jsonl`` (a program a line), ``csv`` (a finding a row) or ``md``."""
    if kind == "json":
        return (json.dumps([_record(one) for one in chosen], indent=2, ensure_ascii=True) + "\n").encode("ascii")
    if kind == "jsonl":
        return "".join(json.dumps(_record(one), ensure_ascii=True) + "\n" for one in chosen).encode("ascii")
    if kind == "csv":
        return csvrows.table(HEAD, (row for one in chosen for row in _rows(one)))
    return ("\n".join(line for one in chosen for line in _markdown(one)) + "\n").encode("utf-8")


def _rows(one: Chosen) -> Iterator[list[str]]:
    """A row for each finding; what could not be checked has ``not checked`` for its verdict, as in reports."""
    arch, obj, program = one
    where = [arch.arch, arch.old.release, arch.new.release, obj.object, program.program]
    for proof in chains(program, obj.findings, arch.new):
        rules = " ".join(known.id for known in proof.rules)
        remedy = proof.remedy.text if proof.remedy is not None else ""
        said = [proof.verdict, proof.need, proof.message, rules, proof.confidence]
        yield [*where, *said, *_facts(proof), remedy]
    for text in program.unchecked:
        yield [*where, csvrows.NOT_CHECKED, "", text, *[""] * (len(HEAD) - len(where) - 3)]


def _facts(proof: Chain) -> tuple[str, str]:
    """What differs, as both kernels have it; whole declarations where they are not aligned."""
    differing = [(label, old, new) for mark, label, old, new in columns(proof) if mark]
    sides: tuple[list[str], list[str]] = [], []
    if not proof.declarations and proof.old != proof.new:
        sides[0].append(proof.old or "absent")
        sides[1].append(proof.new or "absent")
    for label, *both in differing:
        for side, fact in zip(sides, both, strict=True):
            side.append(f"{label}: {fact or '–'}" if label else fact)
    return "\n".join(sides[0]), "\n".join(sides[1])


def _record(one: Chosen) -> dict[str, Any]:
    arch, obj, program = one
    return {
        "arch": arch.arch,
        "old": arch.old.release,
        "new": arch.new.release,
        "object": obj.object,
        "program": program.program,
        "section": program.section,
        "verdict": program.verdict.value,
        "proofs": [dataclasses.asdict(c) for c in chains(program, obj.findings, arch.new)],
        "unchecked": list(program.unchecked),
    }


def _markdown(one: Chosen) -> Iterator[str]:
    arch, obj, program = one
    names = upgrade_names(arch.old, arch.new)
    yield f"## {plain(arch.arch)}: {span(obj.object)} · {span(program.program)}: {program.verdict.value}"
    yield ""
    yield f"{span(program.section)}, {plain(names[0])} → {plain(names[1])}"
    yield ""
    for proof in chains(program, obj.findings, arch.new):
        yield f"### {proof.verdict}: {span(proof.need)}"
        yield ""
        yield plain(proof.message, 1000)
        yield ""
        yield from _steps(proof, names)
        yield ""
    yield from (f"- could not check: {plain(text, 1000)}" for text in program.unchecked)


def _steps(proof: Chain, names: tuple[str, str]) -> Iterator[str]:
    """One proof: the rules in words and the verdict before the evidence."""
    for known in proof.rules:
        said = f" {plain(known.statement, 1000)}" if known.statement and known is proof.rules[0] else ""
        yield f"- rule {plain(known.id)}, {plain(known.title)}.{said}"
    yield f"- verdict {proof.verdict}, confidence {proof.confidence}" + (f", {proof.reach}" if proof.reach else "")
    yield from evidence(proof, names)
