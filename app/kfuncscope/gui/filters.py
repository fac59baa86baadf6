# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Filters as tokens: each is a removable chip, a word in the session file and one step to undo.

Tokens of one kind widen (either of two verdicts), tokens of different kinds narrow. No Qt in here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from kfuncscope.arch import arch_named
from kfuncscope.gui.index import AFFECTED, CODE, Index, Ints, Mask
from kfuncscope.model.verdict import NeedKind, Verdict

SINGLE = frozenset({"affected", "arch", "text", "isolate", "runs", "proof"})
KINDS = (
    "affected",
    "arch",
    "verdict",
    "package",
    "object",
    "program",
    "kind",
    "need",
    "text",
    "isolate",
    "runs",
    "proof",
)


@dataclass(frozen=True, slots=True)
class Token:
    """One filter, written ``kind:value`` in sessions."""

    kind: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.value else self.kind

    @classmethod
    def parse(cls, text: str) -> Token | None:
        """A token from its text, None for a kind this version does not know."""
        kind, _, value = text.partition(":")
        return cls(kind, value) if kind in KINDS else None


Filters = tuple[Token, ...]
DEFAULT: Filters = (Token("affected"),)
DISAGREES = Token("proof", "disagree")  # only programs that a booted kernel treats otherwise than predicted
RUNS = Token("runs")  # only programs that run on a host of the census


def with_token(filters: Filters, token: Token) -> Filters:
    """The filters and one more; a kind that can hold only one value is replaced."""
    if token in filters:
        return filters
    kept = filters if token.kind not in SINGLE else tuple(t for t in filters if t.kind != token.kind)
    return (*kept, token)


def without(filters: Filters, token: Token) -> Filters:
    """The filters without one of them."""
    return tuple(t for t in filters if t != token)


def without_kind(filters: Filters, kind: str) -> Filters:
    """The filters without those of a kind."""
    return tuple(t for t in filters if t.kind != kind)


def values(filters: Filters, kind: str) -> list[str]:
    """The values given for a kind."""
    return [t.value for t in filters if t.kind == kind]


def has(filters: Filters, kind: str) -> bool:
    """Whether a filter of that kind is set."""
    return any(t.kind == kind for t in filters)


def lane_of(index: Index, filters: Filters) -> int:
    """The lane that the arch filter names, -1 for all of them."""
    for given in values(filters, "arch"):
        value = given if given in index.lanes else arch_named(given)
        if value in index.lanes:
            return index.lanes.index(value)
    return -1


def pattern(text: str) -> re.Pattern[str]:
    """A search as a regular expression, or as plain text where it is none; case does not matter."""
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error:
        return re.compile(re.escape(text), re.IGNORECASE)


def matches(names: list[str], text: str) -> Mask:
    """Which names a search finds."""
    search = pattern(text).search
    return np.fromiter((search(n) is not None for n in names), dtype=bool, count=len(names))


def need_from(value: str) -> tuple[NeedKind, str] | None:
    """``kfunc:bpf_x`` as a need; None for a kind that does not exist."""
    kind, _, name = value.partition(":")
    try:
        return NeedKind(kind), name
    except ValueError:
        return None


def need_ids(index: Index, given: list[str]) -> Ints:
    """The numbers of needs written ``kind:name``; unknown ones are left out."""
    keys = [need_from(v) for v in given]
    ids = [index.need_id(*k) for k in keys if k is not None]
    return np.array([i for i in ids if i is not None], dtype=np.int32)


def text_programs(index: Index, lane: int, text: str) -> Mask:
    """Programs found by a search: by their own name, their object, their package or something they need."""
    by_object = matches(index.objects, text) | matches(index.packages, text)
    mask = matches([f"{p.name} {p.section}" for p in index.programs], text)
    if len(index.programs):
        mask |= by_object[index.prog_object]
    edges = index.edges_of(lane)
    by_need = matches([n for _, n in index.needs], text)
    mask[edges.program[by_need[edges.need]]] = True
    return mask


def program_mask(index: Index, filters: Filters) -> Mask:
    """Which programs pass all filters (isolation included)."""
    lane = lane_of(index, filters)
    verdict = index.worst(index.prog_verdict, lane)
    mask: Mask = verdict >= 0
    if has(filters, "affected"):
        mask &= verdict >= AFFECTED
    if wanted := values(filters, "verdict"):
        mask &= np.isin(verdict, [CODE[Verdict(v)] for v in wanted if v in Verdict.__members__])
    if wanted := values(filters, "object"):
        mask &= np.isin(index.prog_object, [i for i in map(index.object_id, wanted) if i is not None])
    if wanted := values(filters, "package"):
        ids = [i for i, p in enumerate(index.packages) if p in wanted]
        mask &= np.isin(index.prog_object, ids)
    if wanted := values(filters, "program"):
        mask &= np.array([f"{index.objects[p.object]}/{p.name}" in wanted for p in index.programs], dtype=bool)
    if has(filters, "runs"):
        mask &= running(index)
    if has(filters, "proof"):
        mask &= index.seals.disagreeing(index, lane)
    edges = index.edges_of(lane)
    if wanted := values(filters, "kind"):
        kinds = np.array([k.value in wanted for k, _ in index.needs], dtype=bool)
        mask &= _users(index, edges.program[kinds[edges.need] & (edges.verdict >= AFFECTED)])
    if wanted := values(filters, "need"):
        mask &= _users(index, edges.program[np.isin(edges.need, need_ids(index, wanted))])
    for text in values(filters, "text"):
        mask &= text_programs(index, lane, text)
    for value in values(filters, "isolate"):
        mask &= isolated(index, lane, value)
    return mask


_HIDING = (
    "affected",
    "text",
    "isolate",
    "runs",
    "proof",
    "verdict",
    "kind",
    "need",
    "program",
    "object",
    "package",
    "arch",
)


def passes(index: Index, filters: Filters, programs: Ints) -> bool:
    """Whether any of some programs passes; True where there are none to hide."""
    return not len(programs) or bool(program_mask(index, filters)[programs].any())


def revealing(index: Index, filters: Filters, programs: Ints) -> Filters:
    """The filters with as few kinds left out as it takes for one of these programs to pass."""
    if passes(index, filters, programs):
        return filters
    for kind in _HIDING:
        less = without_kind(filters, kind)
        if less != filters and passes(index, less, programs):
            return less
    for kind in _HIDING:
        filters = without_kind(filters, kind)
        if passes(index, filters, programs):
            break
    return filters


def running(index: Index) -> Mask:
    """Programs that run on a host of the census; none without one."""
    info = index.analysis.census
    found = {(one.object, one.program) for one in info.programs} if info is not None else set()
    return np.array([(index.objects[p.object], p.name) in found for p in index.programs], dtype=bool)


def _users(index: Index, programs: Ints) -> Mask:
    mask: Mask = np.zeros(len(index.programs), dtype=bool)
    mask[programs] = True
    return mask


def isolated(index: Index, lane: int, value: str) -> Mask:
    """Programs in the neighbourhood of a node written ``object:o``, ``program:o/p`` or ``need:kind:name``."""
    what, _, name = value.partition(":")
    mask: Mask = np.zeros(len(index.programs), dtype=bool)
    if what == "object":
        oid = index.object_id(name)
        mask |= index.prog_object == (-1 if oid is None else oid)
    elif what == "program":
        mask |= np.array([f"{index.objects[p.object]}/{p.name}" == name for p in index.programs], dtype=bool)
    elif what == "need":
        edges = index.edges_of(lane)
        mask |= _users(index, edges.program[np.isin(edges.need, need_ids(index, [name]))])
    return mask


def finding_rows(index: Index, filters: Filters) -> Ints:
    """Finding rows that pass the filters, in table order.

    A finding passes when its lane does, its own verdict does, and its program (or, for a finding of the whole object,
    any program of the object) does.
    """
    table = index.findings
    programs = program_mask(index, tuple(t for t in filters if t.kind not in ("verdict", "text", "affected")))
    objects = np.zeros(len(index.objects), dtype=bool)
    objects[index.prog_object[programs]] = True
    if len(programs):
        mask = np.where(table.program >= 0, programs[table.program], objects[table.object])
    else:
        mask = np.zeros(len(table), dtype=bool)
    lane = lane_of(index, filters)
    mask &= table.lane == lane if lane >= 0 else table.lane < index.overall
    if has(filters, "affected"):
        mask &= table.verdict >= AFFECTED
    if wanted := values(filters, "verdict"):
        mask &= np.isin(table.verdict, [CODE[Verdict(v)] for v in wanted if v in Verdict.__members__])
    if wanted := values(filters, "need"):
        mask &= np.isin(table.need, need_ids(index, wanted))
    if wanted := values(filters, "kind"):
        kinds = np.array([k.value in wanted for k, _ in index.needs], dtype=bool)
        mask &= kinds[table.need]
    for text in values(filters, "text"):
        mask &= _text_findings(index, text)
    return np.flatnonzero(mask).astype(np.int32)


def _text_findings(index: Index, text: str) -> Mask:
    table = index.findings
    mask: Mask = matches(index.objects, text)[table.object] | matches(table.messages, text)[table.message]
    mask |= matches([n for _, n in index.needs], text)[table.need]
    mask |= matches(table.rule_texts, text)[table.rules]
    if index.programs:
        mask |= (table.program >= 0) & matches([p.name for p in index.programs], text)[table.program]
    return mask
