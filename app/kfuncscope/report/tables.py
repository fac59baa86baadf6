# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables beside the report itself: usage, comparisons, promises, paths; as Markdown, CSV or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from kfuncscope.decision.compare import Comparison
from kfuncscope.model.rows import Row
from kfuncscope.promise.promise import Kept
from kfuncscope.report import csvrows, markdown
from kfuncscope.report.words import LOOKS
from kfuncscope.study.path import Journey, worst_first
from kfuncscope.study.usage import Use

Cell = str | int | float
KINDS = ("md", "csv", "json")


def render(kind: str, title: str, head: Sequence[str], body: Sequence[Sequence[Cell]], code: frozenset[int]) -> bytes:
    """A table in one of ``KINDS``. Columns ``code`` hold names, which Markdown shows as such; JSON keeps text exact."""
    if kind == "csv":
        return csvrows.table(head, body)
    if kind == "json":
        listed = [dict(zip(head, line, strict=True)) for line in body]
        return (json.dumps({"title": title, "rows": listed}, indent=1) + "\n").encode("ascii")
    lines = [f"# {markdown.plain(title)}", ""]
    cells = ([_cell(value, i in code) for i, value in enumerate(line)] for line in body)
    lines += markdown.table(head, cells) if body else ["Nothing."]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _cell(value: Cell, code: bool) -> str:
    if not isinstance(value, str):
        return str(value)
    return markdown.span(value, 200) if code and value else markdown.plain(value)


def usage(uses: Sequence[Use], kind: str, most: int = 12) -> bytes:
    """Usage evidence; Markdown names at most ``most`` programs of each, the other formats all."""
    head = ("kind", "name", "since", "packages", "objects", "programs", "call sites", "strong", "used by")
    body: list[list[Cell]] = []
    for use in uses:
        listed = [f"{object_}/{program}" for object_, program in use.programs]
        shown = listed if kind != "md" else listed[:most] + (["…"] if len(listed) > most else [])
        strong: Cell = "" if use.strong is None else use.strong
        counts = (len(use.packages), len(use.objects), len(use.programs), use.places)
        body.append([use.kind.value, use.name, use.since, *counts, strong, " ".join(shown)])
    return render(kind, "Who uses what", head, body, frozenset({1}))


def comparison(found: Comparison, kind: str) -> bytes:
    """What is new, worse, better, gone; ``unchanged`` findings are counted in Markdown and listed elsewhere."""
    head = ("change", "before", "verdict", "arch", "object", "program", "kind", "name", "message", "key")
    listed: list[tuple[str, str, Row]] = [("new", "", row) for row in found.new]
    listed += [("worse", before.verdict.value, row) for before, row in found.worse]
    listed += [("better", before.verdict.value, row) for before, row in found.better]
    listed += [("gone", row.verdict.value, row) for row in found.gone]
    if kind != "md":
        listed += [("unchanged", row.verdict.value, row) for row in found.unchanged]
    body: list[list[Cell]] = []
    for change, before, row in listed:
        f = row.finding
        after = "" if change == "gone" else f.verdict.value
        place = (row.arch, row.object, row.program)
        body.append([change, before, after, *place, f.kind.value, f.name, f.message, row.key])
    counts = (
        f"{len(found.new)} new, {len(found.worse)} worse, {len(found.better)} better, {len(found.gone)} gone, "
        f"{len(found.unchanged)} unchanged"
    )
    return render(kind, counts, head, body, frozenset({4, 5, 7, 9}))


def path(journeys: Sequence[Journey], kind: str) -> bytes:
    """The step at which each program breaks first; programs that never break come last."""
    head = ("arch", "object", "program", "breaks at", "because of", "steps")
    body: list[list[Cell]] = []
    for one in worst_first(journeys):
        step = one.breaking
        at = f"{step.old} → {step.new}" if step else ""
        why = "; ".join(dict.fromkeys(f"{f.kind.value} {f.name}" for f in one.findings))
        steps = " ".join(f"{LOOKS[s.verdict].glyph}{s.verdict.value}" for s in one.steps)
        body.append([one.arch, one.object, one.program, at, why, steps])
    return render(kind, "Where each program breaks first", head, body, frozenset({1, 2}))


def promise(found: Kept, kind: str) -> bytes:
    """What a kernel breaks of a promise, what it leaves unsettled, and what it only changed."""
    head = ("state", "kind", "name", "class", "rules", "message", "before", "now", "users")
    body: list[list[Cell]] = []
    for state, listed in (("broken", found.broken), ("unknown", found.unknown)):
        for one in listed:
            users = " ".join(one.users)
            body.append([state, one.kind.value, one.name, one.cls, " ".join(one.rules), one.message, "", "", users])
    for other in found.changed:
        users = " ".join(other.users)
        body.append(["changed", other.kind.value, other.name, "", "", "", other.before, other.after, users])
    title = f"{found.kernel}: {len(found.broken)} broken, {len(found.changed)} changed, {found.kept} kept"
    return render(kind, title, head, body, frozenset({2, 3, 6, 7}))
