# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Proofs of findings as Markdown and JSON: what ``explain --format md|json`` prints, and the evidence of the report."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from typing import Any

from kfuncscope.model.analysis import ArchResult
from kfuncscope.model.verdict import ObjectVerdict, ProgramVerdict
from kfuncscope.report.chain import Chain, chains
from kfuncscope.report.formats.markdown import evidence, plain, span
from kfuncscope.report.summary import upgrade_names

Chosen = tuple[ArchResult, ObjectVerdict, ProgramVerdict]


def proof_document(kind: str, chosen: Iterable[Chosen]) -> bytes:
    """The proofs of some programs as ``json`` or ``md``."""
    if kind == "json":
        return (json.dumps([_record(one) for one in chosen], indent=2, ensure_ascii=True) + "\n").encode("ascii")
    return ("\n".join(line for one in chosen for line in _markdown(one)) + "\n").encode("utf-8")


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
