# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Proofs of findings as Markdown and JSON: what ``explain --format md|json`` prints, and the evidence of the report."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from typing import Any

from kfuncscope.model.analysis import ArchResult
from kfuncscope.model.verdict import ObjectVerdict, ProgramVerdict
from kfuncscope.report.chain import MOST_SITES, Chain, chains, columns, place
from kfuncscope.report.formats.markdown import block, plain, span, table
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
        yield from steps(proof, names)
        yield ""
    yield from (f"- could not check: {plain(text, 1000)}" for text in program.unchecked)


def steps(proof: Chain, names: tuple[str, str]) -> Iterator[str]:
    """One proof as Markdown: places, rules in words, both kernels in two columns, verdict, life, remedy."""
    for site in proof.sites[:MOST_SITES]:
        yield f"- at {span(place(site), 200)}" + (f": {span(site.text, 200)}" if site.text else "")
        if site.guard:
            yield f"- guarded at {span(site.guard, 200)}"
    if len(proof.sites) > MOST_SITES:
        yield f"- and at {len(proof.sites) - MOST_SITES} more places"
    for known in proof.rules:
        said = f" {plain(known.statement, 1000)}" if known.statement and known is proof.rules[0] else ""
        yield f"- rule {plain(known.id)}, {plain(known.title)}.{said}"
    yield from two_columns(proof, names)
    if proof.source:
        yield f"- fact about the new kernel from {plain(proof.source)}"
    yield f"- verdict {proof.verdict}, confidence {proof.confidence}" + (f", {proof.reach}" if proof.reach else "")
    if proof.life:
        yield f"- life: {plain(proof.life, 600)}"
    if proof.remedy is not None:
        yield from ("", f"Remedy: {plain(proof.remedy.text, 1000)}")
        for caption, code in proof.remedy.snippets:
            yield from ("", f"{plain(caption, 200)}:", "", block(code))


def two_columns(proof: Chain, names: tuple[str, str]) -> Iterator[str]:
    """Both kernels side by side, what differs first; a declaration that is the same on both stands once."""
    listed = [
        [mark, plain(label), span(old) if old else "–", span(new) if new else "–"]
        for mark, label, old, new in columns(proof)
    ]
    if listed:
        yield ""
        yield from table(["", "", plain(names[0]), plain(names[1])], listed)
        yield ""
    if proof.declarations:
        return
    if proof.old and proof.old == proof.new:
        yield from ("", "Declaration, the same on both kernels:", "", block(proof.old), "")
        return
    for label, text in (("Old kernel", proof.old), ("New kernel", proof.new)):
        if text:
            yield from ("", f"{label}:", "", block(text), "")
