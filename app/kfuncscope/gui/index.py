# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An analysis as numpy columns: every view asks this index, so that filtering 100,000 findings stays instant.

A *lane* is one upgrade on one architecture (one ArchResult). Objects, programs and needs are numbered over all lanes;
verdicts are small integers in which the worst is the largest, ABSENT where a thing does not occur in a lane.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from kfuncscope.gui.flows.hits import Hits, HitTable
from kfuncscope.gui.graph.proofs import Seals, seals_of
from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.model.causes import CauseKey, key_of
from kfuncscope.model.inferred import inferred_line
from kfuncscope.model.proof import Proof
from kfuncscope.model.rows import own_findings
from kfuncscope.model.unchecked import Unchecked, stopped, unchecked
from kfuncscope.model.verdict import (
    Confidence,
    Finding,
    NeedKind,
    ObjectVerdict,
    ProgramVerdict,
    Verdict,
    call_verdict,
)

Ints = NDArray[np.int32]
Codes = NDArray[np.int8]
Mask = NDArray[np.bool_]

SCALE: tuple[Verdict, ...] = (
    Verdict.OK,
    Verdict.FIXED,
    Verdict.ALREADY_BROKEN,
    Verdict.UNKNOWN,
    Verdict.DEGRADES,
    Verdict.RISK,
    Verdict.SILENT,
    Verdict.BREAKS,
)
CODE: dict[Verdict, int] = {v: i for i, v in enumerate(SCALE)}
ABSENT = -1
AFFECTED = CODE[Verdict.UNKNOWN]
_CONFIDENCE = {Confidence.HIGH: 0, Confidence.MEDIUM: 1, Confidence.LOW: 2}


class Names:
    """Strings seen so far, numbered in order of appearance."""

    def __init__(self) -> None:
        self.list: list[str] = []
        self._ids: dict[str, int] = {}

    def id(self, name: str) -> int:
        """The number of a string, a new one at first sight."""
        found = self._ids.get(name)
        if found is None:
            found = self._ids[name] = len(self.list)
            self.list.append(name)
        return found


@dataclass(slots=True)
class Edges:
    """Which program uses which need in one lane, and what the upgrade does to that use."""

    program: Ints
    need: Ints
    verdict: Codes


@dataclass(slots=True)
class Calls:
    """Which program tail-calls which other one in one lane, and what the upgrade does to that call."""

    caller: Ints
    callee: Ints
    verdict: Codes


@dataclass(slots=True)
class FindingTable:
    """The findings of all lanes, one number per column and row; ``refs`` holds the findings themselves."""

    lane: Ints
    object: Ints
    program: Ints
    need: Ints
    verdict: Codes
    message: Ints
    rules: Ints
    confidence: Ints
    where: Ints
    messages: list[str]
    rule_texts: list[str]
    wheres: list[str]
    refs: list[Finding]

    def __len__(self) -> int:
        return len(self.refs)


@dataclass(frozen=True, slots=True)
class Program:
    """One program of an object: its object's number, name, section and type."""

    object: int
    name: str
    section: str
    prog_type: str


@dataclass(slots=True)
class _Rows:
    """The finding rows while they are collected."""

    cols: list[tuple[int, int, int, int, int, int, int, int, int]] = field(default_factory=list)
    refs: list[Finding] = field(default_factory=list)
    messages: Names = field(default_factory=Names)
    rules: Names = field(default_factory=Names)
    wheres: Names = field(default_factory=Names)


def site_text(finding: Finding) -> str:
    """The first call site of a finding as ``file:line`` (or ``function+insn``), empty where it has none."""
    if not finding.sites:
        return ""
    site = finding.sites[0]
    text = f"{site.file.rsplit('/', 1)[-1]}:{site.line}" if site.file else f"{site.function}+{site.insn}"
    more = len(finding.sites) - 1
    return f"{text} (+{more})" if more else text


class Index:
    """Everything the views look up in one analysis. Build it off the GUI thread: large sessions take a moment.

    ``steps`` are the upgrades between the kernels of a longer path, one lane each after those of the analysis: they
    stand in the matrix and can be chosen, but the whole upgrade alone (the first ``overall`` lanes) decides.
    Architectures that were only inferred are not lanes: ``inferred`` says all of them in one line, ``whole`` has them.
    """

    def __init__(self, analysis: Analysis, steps: tuple[ArchResult, ...] = ()) -> None:
        self.whole = analysis
        self.inferred = inferred_line(analysis)
        analysis = replace(analysis, arches=tuple(arch for arch in analysis.arches if not arch.inferred))
        self.analysis = analysis
        self.steps = steps
        self.before: Index | None = None  # of a result under assumptions: the real one
        self.arches: tuple[ArchResult, ...] = (*analysis.arches, *steps)
        self.overall = len(analysis.arches)
        self.unchecked: list[Unchecked] = list(unchecked(analysis))
        self.lanes: tuple[str, ...] = (*lane_labels(analysis.arches), *(step_label(s) for s in steps))
        self.objects: list[str] = []
        self.packages: list[str] = []
        self.folders: set[str] = set()
        self.programs: list[Program] = []
        self.needs: list[tuple[NeedKind, str]] = []
        self.object_at: dict[tuple[int, int], ObjectVerdict] = {}
        self.program_at: dict[tuple[int, int], ProgramVerdict] = {}
        self._object_ids: dict[str, int] = {}
        self._program_ids: dict[tuple[int, str, str], int] = {}
        self._callees: dict[tuple[int, str], int] = {}  # programs by object and name
        self._need_ids: dict[tuple[NeedKind, str], int] = {}
        rows = _Rows()
        self.edges: list[Edges] = [
            self._edges(self._read_lane(lane, arch, rows)) for lane, arch in enumerate(self.arches)
        ]
        self.hits = HitTable()
        for arch in self.arches:
            self.hits.add(arch, self._named, self._need, CODE)
        self.prog_object: Ints = np.array([p.object for p in self.programs], dtype=np.int32)
        self._calls: list[Calls] = [self._calls_in(lane) for lane in range(len(self.arches))]
        self._fill_verdicts()
        self.hosts: Ints = self._hosts()
        self.findings = self._table(rows)
        self.seals: Seals = seals_of(self, analysis.proof)
        self._all_edges = self._union()

    # --- building ---
    def _read_lane(self, lane: int, arch: ArchResult, rows: _Rows) -> array[int]:
        """Take in one lane; its edges, three numbers each, as tuples would take ten times the room."""
        edges = array("i")
        for obj in arch.objects:
            oid = self._object(obj)
            self.object_at[lane, oid] = obj
            for finding in own_findings(obj):
                self._add(rows, lane, oid, -1, finding)
            for prog in obj.programs:
                pid = self._program(oid, prog)
                self.program_at[lane, pid] = prog
                for use in prog.needs:
                    edges.extend((pid, self._need(use.kind, use.name), CODE[use.verdict]))
                for finding in prog.findings:
                    self._add(rows, lane, oid, pid, finding)
        return edges

    def _named(self, object_: str, program: str) -> int | None:
        return self._callees.get((self._object_ids[object_], program))

    def _calls_in(self, lane: int) -> Calls:
        """The tail calls between different programs of each object in a lane."""
        found: dict[tuple[int, int], int] = {}
        for (at, caller), prog in self.program_at.items():
            if at != lane or not prog.calls:
                continue
            for call in prog.calls:
                callee = self._callees.get((self.programs[caller].object, call.program))
                if callee is not None and callee != caller:
                    found[caller, callee] = CODE[call_verdict(prog, self.program_at[lane, callee])]
        table = np.array([(*ends, code) for ends, code in found.items()], dtype=np.int32).reshape(-1, 3)
        return Calls(table[:, 0].copy(), table[:, 1].copy(), table[:, 2].astype(np.int8))

    def _object(self, obj: ObjectVerdict) -> int:
        oid = self._object_ids.get(obj.object)
        if oid is None:
            oid = self._object_ids[obj.object] = len(self.objects)
            self.objects.append(obj.object)
            folder = obj.object.rpartition("/")[0]
            self.packages.append(obj.package or folder)
            if folder and not obj.package:
                self.folders.add(folder)
        return oid

    def _program(self, oid: int, prog: ProgramVerdict) -> int:
        key = (oid, prog.program, prog.section)
        pid = self._program_ids.get(key)
        if pid is None:
            pid = self._program_ids[key] = len(self.programs)
            self.programs.append(Program(oid, prog.program, prog.section, prog.prog_type))
            self._callees[oid, prog.program] = pid
        return pid

    def _need(self, kind: NeedKind, name: str) -> int:
        key = (kind, name)
        nid = self._need_ids.get(key)
        if nid is None:
            nid = self._need_ids[key] = len(self.needs)
            self.needs.append(key)
        return nid

    def _add(self, rows: _Rows, lane: int, oid: int, pid: int, finding: Finding) -> None:
        rows.refs.append(finding)
        rows.cols.append(
            (
                lane,
                oid,
                pid,
                self._need(finding.kind, finding.name),
                CODE[finding.verdict],
                rows.messages.id(finding.message),
                rows.rules.id(", ".join(finding.rules)),
                _CONFIDENCE[finding.confidence],
                rows.wheres.id(site_text(finding)),
            )
        )

    @staticmethod
    def _edges(flat: array[int]) -> Edges:
        table = np.array(flat, dtype=np.int32).reshape(-1, 3)
        return Edges(table[:, 0].copy(), table[:, 1].copy(), table[:, 2].astype(np.int8))

    def _fill_verdicts(self) -> None:
        lanes = len(self.lanes)
        self.obj_verdict: Codes = np.full((len(self.objects), lanes), ABSENT, dtype=np.int8)
        self.prog_verdict: Codes = np.full((len(self.programs), lanes), ABSENT, dtype=np.int8)
        self.need_verdict: Codes = np.full((len(self.needs), lanes), ABSENT, dtype=np.int8)
        for (lane, oid), obj in self.object_at.items():
            self.obj_verdict[oid, lane] = CODE[obj.verdict]
        for (lane, pid), prog in self.program_at.items():
            self.prog_verdict[pid, lane] = CODE[prog.verdict]
        for lane, edges in enumerate(self.edges):
            np.maximum.at(self.need_verdict[:, lane], edges.need, edges.verdict)

    def _hosts(self) -> Ints:
        """On how many hosts of the census each program runs, 0 where none is known."""
        info = self.analysis.census
        found: Counter[tuple[str, str]] = Counter()
        for one in info.programs if info is not None else ():
            found[one.object, one.program] = max(found[one.object, one.program], one.hosts)
        return np.array([found[self.objects[p.object], p.name] for p in self.programs], dtype=np.int32)

    @staticmethod
    def _table(rows: _Rows) -> FindingTable:
        cols = np.array(rows.cols, dtype=np.int32).reshape(-1, 9)
        c = [np.ascontiguousarray(cols[:, i]) for i in range(9)]
        return FindingTable(
            c[0], c[1], c[2], c[3], c[4].astype(np.int8), c[5], c[6], c[7], c[8],
            rows.messages.list, rows.rules.list, rows.wheres.list, rows.refs,
        )  # fmt: skip

    def stopped(self) -> list[str]:
        """Say in a part of a result that what it lacks is no longer analysed; returns these architectures."""
        self.whole, missing = stopped(self.whole)
        self.analysis, _ = stopped(self.analysis)
        self.unchecked = list(unchecked(self.analysis))
        return missing

    def prove(self, proofs: tuple[Proof, ...]) -> None:
        """Take in what booted kernels answered, in place of what was known of it."""
        self.whole = replace(self.whole, proof=proofs)
        self.analysis = replace(self.analysis, proof=proofs)
        self.seals = seals_of(self, proofs)

    # --- asking ---
    def object_id(self, name: str) -> int | None:
        """The number of an object, None when there is no such object."""
        return self._object_ids.get(name)

    def need_id(self, kind: NeedKind, name: str) -> int | None:
        """The number of a need, None when nothing needs it."""
        return self._need_ids.get((kind, name))

    def program_id(self, object_name: str, program: str) -> int | None:
        """The number of a program by the names of its object and its function."""
        oid = self._object_ids.get(object_name)
        return next((i for i, p in enumerate(self.programs) if p.object == oid and p.name == program), None)

    def worst(self, table: Codes, lane: int) -> Codes:
        """The verdict column of one lane, for lane -1 the worst of the whole upgrade (ABSENT where there is none)."""
        if lane >= 0:
            return table[:, lane]
        decides = table[:, : self.overall]
        return decides.max(axis=1) if decides.shape[1] else np.full(len(table), ABSENT, dtype=np.int8)

    def edges_of(self, lane: int) -> Edges:
        """The edges of one lane; for lane -1 those of all lanes, each once, with the worst verdict."""
        if lane >= 0:
            return self.edges[lane]
        return self._all_edges

    def hits_of(self, lane: int) -> Hits:
        """What causes hit in one lane; for lane -1 in all lanes of the upgrade."""
        return self.hits.of([lane] if lane >= 0 else range(self.overall))

    def cause_of(self, row: int) -> CauseKey:
        """The cause of a row of the finding table."""
        program = int(self.findings.program[row])
        return key_of(self.findings.refs[row], self.programs[program].section if program >= 0 else "")

    def calls_of(self, lane: int) -> Calls:
        """The tail calls of one lane; for lane -1 those of all lanes, each with the worst verdict."""
        if lane >= 0:
            return self._calls[lane]
        worst: dict[tuple[int, int], int] = {}
        for calls in self._calls[: self.overall]:
            for caller, callee, code in zip(
                calls.caller.tolist(), calls.callee.tolist(), calls.verdict.tolist(), strict=True
            ):
                worst[caller, callee] = max(code, worst.get((caller, callee), ABSENT))
        table = np.array([(*ends, code) for ends, code in worst.items()], dtype=np.int32).reshape(-1, 3)
        return Calls(table[:, 0].copy(), table[:, 1].copy(), table[:, 2].astype(np.int8))

    def _union(self) -> Edges:
        edges = self.edges[: self.overall]
        prog = np.concatenate([e.program for e in edges] or [np.empty(0, np.int32)])
        need = np.concatenate([e.need for e in edges] or [np.empty(0, np.int32)])
        verdict = np.concatenate([e.verdict for e in edges] or [np.empty(0, np.int8)])
        order = np.lexsort((-verdict, need, prog))
        prog, need, verdict = prog[order], need[order], verdict[order]
        first = np.ones(len(prog), dtype=bool)
        first[1:] = (prog[1:] != prog[:-1]) | (need[1:] != need[:-1])
        return Edges(prog[first], need[first], verdict[first])

    def counts(self, lane: int) -> Counter[Verdict]:
        """How many programs have each verdict in a lane (worst over all lanes for -1)."""
        return _counted(self.worst(self.prog_verdict, lane))

    def decisive(self) -> Counter[Verdict]:
        """How many programs have each verdict, worst over the architectures of the upgrade."""
        return _counted(self.prog_verdict[:, : self.overall].max(axis=1, initial=ABSENT))

    def findings_of_object(self, oid: int) -> Ints:
        """Finding rows of an object, in the order of the table."""
        return np.flatnonzero(self.findings.object == oid).astype(np.int32)

    def findings_of_program(self, pid: int) -> Ints:
        """Finding rows of a program, in the order of the table."""
        return np.flatnonzero(self.findings.program == pid).astype(np.int32)

    def findings_of_need(self, nid: int) -> Ints:
        """Finding rows of a need, in the order of the table."""
        return np.flatnonzero(self.findings.need == nid).astype(np.int32)


def _counted(column: Codes) -> Counter[Verdict]:
    numbers = np.bincount(column[column >= 0], minlength=len(SCALE))
    return Counter({SCALE[i]: int(n) for i, n in enumerate(numbers) if n})


def step_label(step: ArchResult) -> str:
    """The label of a step of the path: architecture and the two series."""
    old, new = (".".join(k.release.split(".")[:2]) or k.label for k in (step.old, step.new))
    return f"{step.arch} {old}→{new}"


def lane_labels(arches: Iterable[ArchResult]) -> tuple[str, ...]:
    """A unique label per lane: the architecture, with the releases where it occurs more than once."""
    arches = tuple(arches)
    times = Counter(a.arch for a in arches)
    return tuple(a.arch if times[a.arch] == 1 else f"{a.arch} {a.old.release}→{a.new.release}" for a in arches)
