# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The graph as SVG in three columns: objects, programs, what they need. Drawn without a display or a toolkit."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from kfuncscope.model.analysis import Analysis
from kfuncscope.model.looks import LOOKS
from kfuncscope.model.verdict import SEVERITY, Verdict
from kfuncscope.report.safe import visible
from kfuncscope.study.graph import TAIL_CALL, Node, affected, build

if TYPE_CHECKING:
    from kfuncscope.study.graph import Graph

_WIDTHS = (240.0, 300.0, 320.0)
_LEFT = (24.0, 384.0, 804.0)
_LOOP = 44.0  # how far the line of a tail call goes out to the right
_TOTAL = 1148.0
_BOX, _STEP, _TOP, _GAP = 38.0, 46.0, 56.0, 10.0
_CHAR = 7.3
_MOST = 80
_TITLES = ("OBJECTS", "PROGRAMS", "WHAT THEY NEED")


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG element as text, with how many programs are drawn and how many were left out."""

    svg: str
    drawn: int
    left_out: int


def draw(analysis: Analysis, arch: str, *, everything: bool = False, most: int = _MOST, alone: bool = True) -> Drawing:
    """Draw the graph of one architecture: what is affected, or ``everything``, at most ``most`` programs, worst first.

    ``alone`` adds what a file of its own needs: the name space, and colours for dark viewers.
    """
    graph = build(analysis, arch)
    shown = graph if everything else affected(graph)
    programs = sorted((n for n in shown if n[0] == "program"), key=lambda n: _worst_first(shown, n))
    kept = set(programs[:most])
    objects = {n for n in shown if n[0] == "object"}
    with_programs = {o for p in kept for o in shown.predecessors(p) if o[0] == "object"}
    bare = {o for o in objects if not any(s[0] == "program" for s in shown.successors(o)) and o not in with_programs}
    kept |= with_programs | set(sorted(bare)[:most])
    needs = {s for n in kept for s in shown.successors(n) if s[0] == "need"}
    part = shown.subgraph(kept | needs)
    body = _body(part, f"{analysis.version}", arch, alone)
    return Drawing(body, min(len(programs), most), max(0, len(programs) - most))


def _worst_first(graph: Graph, node: Node) -> tuple[object, ...]:
    return (-SEVERITY[_verdict(graph, node)], node)


def _verdict(graph: Graph, node: Node) -> Verdict:
    verdict: Verdict = graph.nodes[node]["verdict"]
    return verdict


def _places(graph: Graph) -> dict[Node, float]:
    """The height of every node: programs below each other by object, the others next to what they connect."""
    objects = sorted((n for n in graph if n[0] == "object"), key=lambda n: _worst_first(graph, n))
    places: dict[Node, float] = {}
    y = 0.0
    for obj in objects:
        own = sorted((s for s in graph.successors(obj) if s[0] == "program"), key=lambda n: _worst_first(graph, n))
        for program in own:
            places[program] = y
            y += _STEP
        middle = [places[p] for p in own] or [y]
        places[obj] = sum(middle) / len(middle)
        y += _GAP if own else _STEP + _GAP
    needs = [n for n in graph if n[0] == "need"]
    wish = {need: _mean(places[user] for user in graph.predecessors(need)) for need in needs}
    ordered = sorted(needs, key=lambda n: (wish[n], _worst_first(graph, n)))
    last = -_STEP
    for need in ordered:
        last = max(wish[need], last + _STEP)
        places[need] = last
    # Pushed down past the end, the column is moved up again as far as its neighbours allow.
    end = max(y - _STEP, (len(ordered) - 1) * _STEP)
    for need in reversed(ordered):
        places[need] = min(places[need], end)
        end = places[need] - _STEP
    return places


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def _column(node: Node) -> int:
    return {"object": 0, "program": 1}.get(node[0], 2)


def _body(graph: Graph, version: str, arch: str, alone: bool) -> str:
    places = _places(graph)
    height = max(places.values(), default=0.0) + _TOP + _BOX + 52
    space = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    width = f'width="{_TOTAL:g}" height="{height:g}" ' if alone else ""
    label = escape(f"Graph of {visible(arch)}: objects, programs and what they need", {'"': "&quot;"})
    out = [f'<svg{space} class="graph" {width}viewBox="0 0 {_TOTAL:g} {height:g}" role="img" aria-label="{label}">']
    if alone:
        out.append(f"<style>{_style()}</style>")
        out.append(f'<rect class="ground" width="{_TOTAL:g}" height="{height:g}" fill="#ffffff"/>')
    for left, title in zip(_LEFT, _TITLES, strict=True):
        out.append(f'<text class="head" x="{left:g}" y="28" {_FONT_HEAD}>{title}</text>')
    edges = sorted((e for e in graph.edges if e[0] != e[1]), key=lambda e: (SEVERITY[_edge_verdict(graph, e)], e))
    out += [_edge(graph, edge, places) for edge in edges]
    out += [_node(graph, node, places[node]) for node in sorted(graph)]
    out.append(_legend(height - 24))
    out.append("</svg>")
    return "\n".join(out)


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a drawing: where its baseline begins (or, ``middle``, has its middle), in units of the drawing."""

    text: str
    x: float
    y: float
    family: str
    size: float
    weight: int
    colour: str
    middle: bool


def shapes_and_texts(drawing: str) -> tuple[bytes, list[Text]]:
    """A drawing without its texts, and the texts, for painters that draw letters better than an SVG renderer does."""
    root = ElementTree.fromstring(drawing)
    texts = []
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag == f"{_SVG}text"]:
            has = child.attrib
            texts.append(
                Text(
                    child.text or "", float(has["x"]), float(has["y"]), has["font-family"], float(has["font-size"]),
                    int(has.get("font-weight", "400")), has["fill"], has.get("text-anchor") == "middle",
                )
            )  # fmt: skip
            parent.remove(child)
    return ElementTree.tostring(root), texts


_SVG = "{http://www.w3.org/2000/svg}"
_FONT_HEAD = 'font-family="sans-serif" font-size="11" font-weight="600" fill="#5d6b7d"'
_FONT_NAME = 'font-family="monospace" font-size="12" fill="#1c2430"'
_FONT_SMALL = 'font-family="sans-serif" font-size="10.5" fill="#5d6b7d"'


def _edge_verdict(graph: Graph, edge: tuple[Node, Node]) -> Verdict:
    verdict: Verdict = graph.edges[edge]["verdict"]
    return verdict


def _edge(graph: Graph, edge: tuple[Node, Node], places: dict[Node, float]) -> str:
    start, end = edge
    verdict = _edge_verdict(graph, edge)
    x1 = _LEFT[_column(start)] + _WIDTHS[_column(start)]
    call = graph.edges[edge]["kind"] == TAIL_CALL  # within the column of programs: out and back in on its right
    x2 = x1 if call else _LEFT[_column(end)]
    y1, y2 = (places[n] + _TOP + _BOX / 2 - 10 for n in edge)
    bend, back = (_LOOP, -_LOOP) if call else ((x2 - x1) / 2, (x2 - x1) / 2)
    look = LOOKS[verdict]
    fine = verdict is Verdict.OK
    line = "#c3cad3" if fine else look.light[0]
    path = f"M{x1:g},{y1:g} C{x1 + bend:g},{y1:g} {x2 - back:g},{y2:g} {x2:g},{y2:g}"
    dashes = ' stroke-dasharray="4 3"' if call else ""
    width = 1 if fine else 1.6
    return f'<path class="e {_css(verdict)}" d="{path}" fill="none" stroke="{line}" stroke-width="{width}"{dashes}/>'


def _node(graph: Graph, node: Node, y: float) -> str:
    data = graph.nodes[node]
    verdict = _verdict(graph, node)
    look = LOOKS[verdict]
    column = _column(node)
    x, top, width = _LEFT[column], y + _TOP - 10, _WIDTHS[column]
    line, tint = look.light
    name, detail = visible(str(data["label"])), visible(str(data["detail"]) or str(data["kind"]))
    title = escape(f"{look.word}: {name} ({detail})")
    room = int((width - 40) / _CHAR)
    small = int((width - 40) / 7.0)
    return (
        f'<g class="n {_css(verdict)}"><title>{title}</title>'
        f'<rect x="{x:g}" y="{top:g}" width="{width:g}" height="{_BOX:g}" rx="6" fill="{tint}" stroke="{line}"/>'
        f"{glyph(verdict, x + 16, top + 14)}"
        f'<text class="name" x="{x + 30:g}" y="{top + 17:g}" {_FONT_NAME}>{escape(fit(name, room))}</text>'
        f'<text class="small" x="{x + 30:g}" y="{top + 30:g}" {_FONT_SMALL}>{escape(fit(detail, small))}</text></g>'
    )


def fit(text: str, room: int) -> str:
    """The text in at most ``room`` columns, cut in the middle: both ends of a kernel name tell something."""
    widths = [2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text]
    if sum(widths) <= room:
        return text
    head: list[str] = []
    tail: list[str] = []
    left = room - 1
    front = True
    start, end = 0, len(text) - 1
    while start <= end:
        at = start if front else end
        if widths[at] > left:
            break
        left -= widths[at]
        if front:
            head.append(text[at])
            start += 1
        else:
            tail.append(text[at])
            end -= 1
        front = not front
    return "".join(head) + "…" + "".join(reversed(tail))


def glyph(verdict: Verdict, x: float, y: float) -> str:
    """The sign of a verdict as a shape around (x, y): it does not depend on any font."""
    colour = LOOKS[verdict].light[0]
    shapes = {
        Verdict.BREAKS: "M-4.5,-4.5h9v9h-9z",
        Verdict.SILENT: "M-4.5,-3 -3,-4.5 0,-1.5 3,-4.5 4.5,-3 1.5,0 4.5,3 3,4.5 0,1.5 -3,4.5 -4.5,3 -1.5,0z",
        Verdict.RISK: "M0,-5 5.2,4.2 -5.2,4.2z",
        Verdict.DEGRADES: "M0,-5.4 5.4,0 0,5.4 -5.4,0z",
        Verdict.ALREADY_BROKEN: "M-4.5,-4.5h9v9h-9z M-2.8,-2.8v5.6h5.6v-5.6z",
        Verdict.FIXED: "M-5,0 -3.5,-1.6 -1.4,0.6 3.6,-4.6 5,-3 -1.4,3.8z",
    }
    at = f' transform="translate({x:g},{y:g})"' if x or y else ""  # a report has ten thousand of them
    if verdict is Verdict.OK:
        return f'<circle class="g" cx="{x:g}" cy="{y:g}" r="4.4" fill="{colour}"/>'
    if verdict is Verdict.UNKNOWN:
        font = 'font-family="sans-serif" font-size="13" font-weight="700" text-anchor="middle"'
        return f'<text class="g" x="{x:g}" y="{y + 4.6:g}" {font} fill="{colour}">?</text>'
    return f'<path class="g"{at} d="{shapes[verdict]}" fill="{colour}"/>'


def _legend(y: float) -> str:
    parts = ['<g class="legend">']
    x = _LEFT[0] + 6
    for verdict, look in LOOKS.items():
        parts.append(f'<g class="n {_css(verdict)}">{glyph(verdict, x, y)}</g>')
        parts.append(f'<text class="small" x="{x + 11:g}" y="{y + 4:g}" {_FONT_SMALL}>{look.word}</text>')
        x += 46 + 6.4 * len(look.word)
    parts.append("</g>")
    return "".join(parts)


def _css(verdict: Verdict) -> str:
    return verdict.value.lower().replace("_", "-")


def _style() -> str:
    """Colours for viewers that ask for a dark ground; without it the attributes of the shapes stand."""
    rules = [".ground{fill:#171b21}.name{fill:#e6eaf0}.small,.head{fill:#9aa7b8}.e.ok{stroke:#4a5563}"]
    for verdict, look in LOOKS.items():
        line, tint = look.dark
        name = _css(verdict)
        rules.append(f".n.{name} rect{{fill:{tint};stroke:{line}}}.n.{name} .g{{fill:{line}}}")
        if verdict is not Verdict.OK:
            rules.append(f".e.{name}{{stroke:{line}}}")
    return f"@media (prefers-color-scheme: dark){{{''.join(rules)}}}"


def document(analysis: Analysis, arch: str | None = None) -> bytes:
    """A file of its own: the affected part of one architecture (the worst one where none is named), all of it."""
    chosen = arch or worst_arch(analysis)
    return (draw(analysis, chosen, most=2000).svg + "\n").encode()


def worst_arch(analysis: Analysis) -> str:
    """The architecture with most breaking programs; the first of those that tie, "" where there is none."""
    if not analysis.arches:
        return ""
    return max(analysis.arches, key=lambda a: [a.counts()[v] for v in Verdict]).arch
