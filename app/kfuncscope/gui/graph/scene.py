# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The graph as numpy arrays: which nodes and edges the filters leave, where they stand, who is next to whom. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kfuncscope.gui import filters as flt
from kfuncscope.gui.filters import Filters
from kfuncscope.gui.flows.blast import fresh_edges
from kfuncscope.gui.index import AFFECTED, CODE, SCALE, Calls, Codes, Index, Ints, Mask
from kfuncscope.model.catalogue import finding_title
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Finding, NeedKind, Verdict
from kfuncscope.study import layout

Floats = NDArray[np.float64]
WIDTHS = (176.0, 226.0, 246.0)
NODE_H = 38.0
PITCH = 46.0
MARGIN = 16.0
MIN_GAP = 64.0
BASE = sum(WIDTHS) + 2 * MIN_GAP + 2 * MARGIN
LEAST, LEAST_NEAR = 0.37, 0.7  # of BASE: how far columns shrink in narrow views; less far where they are enlarged
CONTEXT_LIMIT = 70
_PLAIN = frozenset({NeedKind.PROG_TYPE, NeedKind.MAP_TYPE, NeedKind.JIT, NeedKind.INSN})  # shown only when affected

_CODE_WORDS = {
    Failure.KFUNC_NOT_FOUND: "not found",
    Failure.KFUNC_NOT_REGISTERED: "no longer registered",
    Failure.KFUNC_NOT_ALLOWED: "not allowed",
    Failure.ATTACH_BTF_NOT_FOUND: "not in BTF",
    Failure.ATTACH_TARGET_REJECTED: "target rejected",
    Failure.ATTACH_FAILED: "cannot attach",
    Failure.HELPER_NOT_AVAILABLE: "not available",
    Failure.CORE_RELOC_POISONED: "not found",
    Failure.CORE_RELOC_ERROR: "relocation fails",
    Failure.KSYM_NOT_FOUND: "not found",
    Failure.STRUCT_OPS_MISMATCH: "does not fit",
    Failure.MAP_NOT_CREATED: "not created",
    Failure.NULL_CHECK_MISSING: "may be NULL",
    Failure.CTX_ACCESS_REJECTED: "argument missing",
}
_VERDICT_WORDS = {
    Verdict.BREAKS: "breaks",
    Verdict.SILENT: "silently different",
    Verdict.RISK: "changed",
    Verdict.DEGRADES: "feature lost",
    Verdict.UNKNOWN: "unknown",
    Verdict.ALREADY_BROKEN: "broken before",
    Verdict.FIXED: "fixed",
}


@dataclass(slots=True)
class Scene:
    """Nodes (columns 0 object, 1 program, 2 need) and edges between node numbers, placed in scene units.

    An edge within the column of programs is a tail call, from caller to callee; it leaves and enters on the right.
    """

    column: Codes
    ids: Ints
    verdict: Codes
    x: Floats
    y: Floats
    w: Floats
    labels: list[str]
    subs: list[str]
    details: list[str]
    src: Ints
    dst: Ints
    edge_verdict: Codes
    counts: tuple[int, int, int]
    node_at: dict[tuple[int, int], int]
    hit: Mask
    home: Floats
    seal: Codes
    fresh: Mask = field(default_factory=lambda: np.zeros(0, dtype=bool))
    width: float = 0.0
    height: float = 0.0
    _out: tuple[Ints, Ints] | None = field(default=None, repr=False)
    _in: tuple[Ints, Ints] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    def stretch(self, pixels: float, zoom: float = 1.0) -> None:
        """Set the columns' places and widths for a view that many pixels wide.

        All three are in view: zooming out narrows rows, not columns, which keep their width on the screen; a narrow
        view narrows the columns, as far as a few letters of a name need.
        """
        room = (pixels if zoom <= 1.0 else pixels / zoom) if pixels > 0 else BASE
        shrink = min(1.0, max(room / BASE, LEAST if zoom <= 1.0 else LEAST_NEAR))
        spare = max(room - BASE, 0.0)
        grow = min(spare * 0.16, 90.0)
        widths = np.array([w * shrink + grow for w in WIDTHS])
        gap = MIN_GAP * shrink + min(max(spare - 3 * grow, 0.0) / 2, 260.0)
        margin = MARGIN * shrink
        starts = np.array([margin, margin + widths[0] + gap, margin + widths[0] + widths[1] + 2 * gap])
        wide = max(1.0, 1.0 / zoom)
        self.x = (starts * wide)[self.column]
        self.w = (widths * wide)[self.column]
        self.width = float(starts[2] + widths[2] + margin) * wide

    def at(self, x: float, y: float) -> int:
        """The node at a point, -1 for none."""
        inside = (self.x <= x) & (x <= self.x + self.w) & (self.y <= y) & (y <= self.y + NODE_H)
        found = np.flatnonzero(inside)
        return int(found[0]) if len(found) else -1

    def settle(self) -> None:
        """Put every node back to its place in the layout."""
        self.y = self.home

    def follow(self, top: float, bottom: float, keep: frozenset[int] = frozenset()) -> None:
        """Bring the needs of the programs in view into view, each next to its users, the worst where room is short.

        In a tall graph a need stands far from most of its users; without this the third column would be empty.
        ``keep`` are nodes that go first. Needs that find no room stand below the view.
        """
        y = self.home.copy()
        seen = (self.column == 1) & (y + NODE_H > top) & (y < bottom)
        out = (self.column[self.src] == 1) & (self.column[self.dst] == 2)
        edges = np.flatnonzero(out & seen[self.src])
        total = np.bincount(self.dst[edges], weights=y[self.src[edges]], minlength=len(self))
        times = np.bincount(self.dst[edges], minlength=len(self))
        at_home = (self.column == 2) & (y + NODE_H > top) & (y < bottom)
        needs = np.flatnonzero((times > 0) | at_home)
        if not len(needs):
            self.y = y
            return
        wanted = np.where(times[needs] > 0, total[needs] / np.maximum(times[needs], 1), y[needs])
        room = max(1, int((bottom - top - 6) // PITCH))
        first = np.isin(needs, list(keep)).astype(np.int8)
        rank = np.lexsort((-times[needs], -self.verdict[needs], -(times[needs] > 0).astype(np.int8), -first))
        inside, outside = rank[:room], rank[room:]
        inside = inside[np.argsort(wanted[inside], kind="stable")]
        n = len(inside)
        steps = np.arange(n) * PITCH
        place = layout.spread(np.clip(wanted[inside], top, bottom - PITCH), np.full(n, PITCH))
        place = np.maximum(np.minimum(place, bottom - PITCH - steps[::-1]), top + 4 + steps)
        y[needs[inside]] = place
        y[needs[outside]] = bottom + PITCH * (1 + np.arange(len(outside)))
        self.y = y

    def find(self, text: str) -> None:
        """Mark the nodes whose name a search finds; none for the empty text."""
        self.hit = flt.matches(self.labels, text) if text else np.zeros(len(self), dtype=bool)

    def edges_from(self, node: int) -> Ints:
        """Numbers of the edges that leave a node to the right."""
        if self._out is None:
            self._out = _csr(self.src, len(self))
        start, order = self._out
        return order[start[node] : start[node + 1]]

    def edges_to(self, node: int) -> Ints:
        """Numbers of the edges that come to a node from the left."""
        if self._in is None:
            self._in = _csr(self.dst, len(self))
        start, order = self._in
        return order[start[node] : start[node + 1]]

    def ends_at(self, edges: Ints) -> Floats:
        """Where edges end, across: at the left side of what they lead to, tail calls at its right side."""
        dst = self.dst[edges]
        return self.x[dst] + np.where(self.is_call(edges), self.w[dst], 0.0)

    def is_call(self, edges: Ints) -> Mask:
        """Which edges are tail calls."""
        call: Mask = self.column[self.src[edges]] == self.column[self.dst[edges]]
        return call

    def chain(self, node: int) -> tuple[Ints, Ints]:
        """Nodes and edges of the chain through a node: objects to the left, needs to the right."""
        nodes, edges = [np.array([node], np.int32)], []
        for step, end in ((self.edges_from, self.dst), (self.edges_to, self.src)):
            front = np.array([node], np.int32)
            for _ in range(2):
                found = np.concatenate([step(int(n)) for n in front] or [np.empty(0, np.int32)])
                edges.append(found)
                front = np.unique(end[found])
                nodes.append(front)
                if not len(front):
                    break
        return np.unique(np.concatenate(nodes)), np.unique(np.concatenate(edges))

    def neighbour(self, node: int, dx: int, dy: int) -> int:
        """The node that an arrow key goes to: along an edge sideways (worst first), within the column up and down."""
        if dy:
            same = np.flatnonzero(self.column == self.column[node])
            same = same[np.argsort(self.y[same], kind="stable")]
            place = int(np.flatnonzero(same == node)[0]) + dy
            return int(same[place]) if 0 <= place < len(same) else node
        edges = self.edges_from(node) if dx > 0 else self.edges_to(node)
        edges = edges[~self.is_call(edges)]
        if not len(edges):
            return node
        ends = self.dst if dx > 0 else self.src
        order = np.lexsort((np.abs(self.y[ends[edges]] - self.y[node]), -self.edge_verdict[edges]))
        return int(ends[edges[order[0]]])


def _csr(keys: Ints, size: int) -> tuple[Ints, Ints]:
    order = np.argsort(keys, kind="stable").astype(np.int32)
    start = np.zeros(size + 1, dtype=np.int32)
    np.cumsum(np.bincount(keys, minlength=size), out=start[1:])
    return start, order


def build(
    index: Index, filters: Filters, context: bool | None = None, cancelled: Callable[[], bool] | None = None
) -> Scene:
    """The scene that the filters leave. ``context`` keeps unaffected needs; None keeps them where there is room."""
    lane = flt.lane_of(index, filters)
    mask = flt.program_mask(index, filters)
    edges = index.edges_of(lane)
    keep = mask[edges.program] if len(edges.program) else np.zeros(0, dtype=bool)
    keep &= _need_filter(index, filters, edges.need)
    if not flt.has(filters, "isolate") and not flt.has(filters, "kind"):
        plain = np.array([k in _PLAIN for k, _ in index.needs], dtype=bool)
        keep &= ~plain[edges.need] | (edges.verdict >= AFFECTED)
    if flt.has(filters, "affected"):
        bad = keep & (edges.verdict >= AFFECTED)
        if context is None:
            context = int(mask.sum()) + len(np.unique(edges.need[keep])) <= CONTEXT_LIMIT
        keep = keep if context else bad
    progs = np.flatnonzero(mask).astype(np.int32)
    ep, en, ev = edges.program[keep], edges.need[keep], edges.verdict[keep]
    needs = np.unique(en).astype(np.int32)
    objects = np.unique(index.prog_object[progs]).astype(np.int32) if len(progs) else np.empty(0, np.int32)
    owner = np.searchsorted(objects, index.prog_object[progs]).astype(np.int32) if len(progs) else progs
    lp, ln = np.searchsorted(progs, ep).astype(np.int32), np.searchsorted(needs, en).astype(np.int32)
    ov = index.worst(index.obj_verdict, lane)[objects]
    placed = layout.layered(
        owner, lp, ln, (len(objects), len(needs)), (CODE[Verdict.BREAKS] - ov).astype(np.int32), 24, cancelled
    )
    pv = index.worst(index.prog_verdict, lane)[progs]
    nv = np.full(len(needs), 0, dtype=np.int8)
    np.maximum.at(nv, ln, ev)
    scene = _assemble(index, lane, (objects, progs, needs), (ov, pv, nv), placed, owner, lp, ln, ev)
    _mark_fresh(scene, index, lane, (ep, en, ev))
    _add_calls(scene, index.calls_of(lane), progs)
    texts = flt.values(filters, "text")
    if texts:
        scene.find(texts[0])
    return scene


def _mark_fresh(scene: Scene, index: Index, lane: int, edges: tuple[Ints, Ints, Codes]) -> None:
    """Under assumptions: the edges that are worse than in the real result, and the programs that break newly."""
    scene.fresh = np.zeros(len(scene.src), dtype=bool)
    if index.before is None:
        return
    first = int((scene.column == 1).sum())  # an edge from an object to each program stands before those to needs
    scene.fresh[first : first + len(edges[0])] = fresh_edges(index.before, index, lane, edges)
    before = index.before.worst(index.before.prog_verdict, lane)
    for node in np.flatnonzero((scene.column == 1) & (scene.verdict == CODE[Verdict.BREAKS])).tolist():
        if before[scene.ids[node]] != CODE[Verdict.BREAKS]:
            scene.subs[node] = f"breaks newly · {scene.subs[node]}"


def _seals(index: Index, lane: int, objects: Ints, progs: Ints, needs: int) -> Codes:
    """The seals of proof of all nodes; over all lanes the one that wants most to be looked at."""
    lanes = [lane] if lane >= 0 else list(range(index.overall))
    worst = [t[ids][:, lanes].max(axis=1, initial=0) for t, ids in
             ((index.seals.objects, objects), (index.seals.programs, progs))]  # fmt: skip
    return np.concatenate([*worst, np.zeros(needs, np.int8)]).astype(np.int8)


def reseal(scene: Scene, index: Index, lane: int) -> None:
    """Put other answers of booted kernels on the nodes of a scene."""
    objects, progs = (scene.ids[scene.column == c] for c in (0, 1))
    scene.seal = _seals(index, lane, objects, progs, scene.counts[2])


def _add_calls(scene: Scene, calls: Calls, progs: Ints) -> None:
    """Add the tail calls between the programs of a scene; ``progs`` are their numbers, sorted."""
    seen = np.isin(calls.caller, progs) & np.isin(calls.callee, progs)
    first = scene.counts[0]
    src, dst = (np.searchsorted(progs, ends[seen]).astype(np.int32) + first for ends in (calls.caller, calls.callee))
    scene.src = np.concatenate([scene.src, src]).astype(np.int32)
    scene.dst = np.concatenate([scene.dst, dst]).astype(np.int32)
    scene.edge_verdict = np.concatenate([scene.edge_verdict, calls.verdict[seen]]).astype(np.int8)


def _need_filter(index: Index, filters: Filters, need: Ints) -> Mask:
    """Edges that an isolated need or a filter on kinds leaves."""
    keep: Mask = np.ones(len(need), dtype=bool)
    isolated = [v.partition(":")[2] for v in flt.values(filters, "isolate") if v.startswith("need:")]
    if isolated:
        keep &= np.isin(need, flt.need_ids(index, isolated))
    if kinds := flt.values(filters, "kind"):
        keep &= np.array([k.value in kinds for k, _ in index.needs], dtype=bool)[need]
    return keep


def _assemble(
    index: Index,
    lane: int,
    ids: tuple[Ints, Ints, Ints],
    verdicts: tuple[Codes, Codes, Codes],
    placed: layout.Placed,
    owner: Ints,
    lp: Ints,
    ln: Ints,
    ev: Codes,
) -> Scene:
    objects, progs, needs = ids
    n_o, n_p = len(objects), len(progs)
    column = np.repeat(np.arange(3, dtype=np.int8), [n_o, n_p, len(needs)])
    rows = np.concatenate([placed.objects, placed.programs, placed.needs])
    labels, subs, details = _texts(index, lane, ids, verdicts)
    src = np.concatenate([owner, lp + n_o]).astype(np.int32)
    dst = np.concatenate([np.arange(n_p, dtype=np.int32) + n_o, ln + n_o + n_p]).astype(np.int32)
    every = np.concatenate(ids)
    keys = zip(column.tolist(), every.tolist(), strict=True)
    scene = Scene(
        column, every, np.concatenate(verdicts).astype(np.int8), np.zeros(len(every)), MARGIN + rows * PITCH,
        np.zeros(len(every)), labels, subs, details, src, dst, np.concatenate([verdicts[1], ev]).astype(np.int8),
        (n_o, n_p, len(needs)), {k: i for i, k in enumerate(keys)}, np.zeros(len(every), dtype=bool),
        MARGIN + rows * PITCH, _seals(index, lane, objects, progs, len(needs)),
    )  # fmt: skip
    scene.height = 2 * MARGIN + placed.height * PITCH if len(every) else 0.0
    scene.stretch(0.0)
    return scene


def _texts(
    index: Index, lane: int, ids: tuple[Ints, Ints, Ints], verdicts: tuple[Codes, Codes, Codes]
) -> tuple[list[str], list[str], list[str]]:
    objects, progs, needs = ids
    first = first_findings(index, lane)
    labels = [_short(index.objects[i]) for i in objects] + [index.programs[i].name for i in progs]
    labels += [index.needs[i][1] for i in needs]
    subs = [index.packages[i] or _programs_of(index, int(i)) for i in objects] + [
        _program_sub(index, int(i)) for i in progs
    ]
    details = [index.packages[i] for i in objects] + [index.programs[i].section for i in progs]
    for i, code in zip(needs.tolist(), verdicts[2].tolist(), strict=True):
        found = first.get(i)
        subs.append(need_sub(index.needs[i][0].value, SCALE[code], found))
        details.append(_one_line(found.evidence.old or found.evidence.new) if found else "")
    return labels, subs, [d or s for d, s in zip(details, subs, strict=True)]


def _short(name: str) -> str:
    """An object's name without its folder (the line below tells it) and the ending that all of them have."""
    name = name.rsplit("/", 1)[-1] or name
    return name.removesuffix(".o").removesuffix(".bpf") or name


def _programs_of(index: Index, oid: int) -> str:
    number = int((index.prog_object == oid).sum())
    return "1 program" if number == 1 else f"{number} programs"


def _program_sub(index: Index, pid: int) -> str:
    program = index.programs[pid]
    kind = program.prog_type if program.prog_type and program.prog_type != "unspec" else program.section
    hosts = int(index.hosts[pid])
    return f"{kind} · runs on {hosts:,} {'host' if hosts == 1 else 'hosts'}" if hosts else kind


def need_sub(kind: str, verdict: Verdict, found: Finding | None) -> str:
    """The second line of a need: what kind of thing it is, and in two words what happens to it."""
    if verdict is Verdict.OK:
        return kind
    told = found is not None and found.verdict is verdict and verdict is not Verdict.FIXED
    word = _CODE_WORDS.get(found.failure, "") if found is not None and told else ""
    if word and found is not None and found.failure is Failure.KFUNC_NOT_FOUND and found.evidence.new:
        word = finding_title(found)  # libbpf does not find one that fits, though the name is there
    return f"{kind} · {word or _VERDICT_WORDS[verdict]}"


def first_findings(index: Index, lane: int) -> dict[int, Finding]:
    """The worst finding of each need in a lane."""
    table = index.findings
    rows = np.flatnonzero(table.lane == lane) if lane >= 0 else np.arange(len(table))
    rows = rows[np.argsort(-table.verdict[rows], kind="stable")]
    needs, first = np.unique(table.need[rows], return_index=True)
    return {int(n): table.refs[int(rows[i])] for n, i in zip(needs, first, strict=True)}


def _one_line(declaration: str) -> str:
    return " ".join(declaration.split())
