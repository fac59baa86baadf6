# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables beside the report itself: usage, comparisons, promises, paths; as Markdown, CSV or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from kfuncscope.decision.compare import Comparison
from kfuncscope.model.looks import LOOKS
from kfuncscope.promise.promise import Kept, Promise
from kfuncscope.report.formats import csvrows, markdown
from kfuncscope.report.safe import visible
from kfuncscope.study import tabular
from kfuncscope.study.path import Journey
from kfuncscope.study.tabular import Cell, Table
from kfuncscope.study.usage import Use

KINDS = ("table", "md", "csv", "json", "jsonl")


def render(kind: str, title: str, head: Sequence[str], body: Sequence[Sequence[Cell]], code: frozenset[int]) -> bytes:
    """A table in one of ``KINDS``. Columns ``code`` hold names, which Markdown shows as such; JSON keeps text exact."""
    if kind == "csv":
        return csvrows.table(head, body)
    if kind == "json":
        listed = [dict(zip(head, line, strict=True)) for line in body]
        return (json.dumps({"title": title, "rows": listed}, indent=1) + "\n").encode("ascii")
    if kind == "jsonl":
        return "".join(json.dumps(dict(zip(head, line, strict=True))) + "\n" for line in body).encode("ascii")
    if kind == "table":
        return _aligned([head, *([visible(str(cell), 200) for cell in line] for line in body)])
    lines = [f"# {markdown.plain(title)}", ""]
    cells = ([_cell(value, i in code) for i, value in enumerate(line)] for line in body)
    lines += markdown.table(head, cells) if body else ["Nothing."]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _aligned(rows: Sequence[Sequence[str]]) -> bytes:
    """Columns side by side; the last one is free to run on."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = ["  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]).rstrip() for row in rows]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _cell(value: Cell, code: bool) -> str:
    if not isinstance(value, str):
        return str(value)
    return markdown.span(value, 200) if code and value else markdown.plain(value)


def made(table: Table, kind: str) -> bytes:
    """A table of ``study.tabular`` in one of ``KINDS``."""
    return render(kind, table.title, table.head, table.body, table.names)


def usage(uses: Sequence[Use], kind: str, most: int = 12) -> bytes:
    """Usage evidence; Markdown names at most ``most`` programs of each, the other formats all."""
    return made(tabular.usage(uses, most if kind in ("md", "table") else None), kind)


def comparison(found: Comparison, kind: str) -> bytes:
    """What is new, worse, better, gone; ``unchanged`` findings are counted in Markdown and listed elsewhere."""
    return made(tabular.comparison(found, with_unchanged=kind not in ("md", "table")), kind)


def path(journeys: Sequence[Journey], kind: str) -> bytes:
    """The step at which each program breaks first; each step is a verdict with its glyph."""
    table = tabular.path(journeys)
    glyphs = {verdict.value: f"{look.glyph}{verdict.value}" for verdict, look in LOOKS.items()}
    body = [(*line[:-1], " ".join(glyphs[word] for word in str(line[-1]).split())) for line in table.body]
    return render(kind, table.title, table.head, body, table.names)


def relied_on(made: Promise, kind: str) -> bytes:
    """What the objects of a promise rely on: the readable part of its file."""
    head = ("kind", "name", "via", "declaration", "flags", "guarded", "used by")
    body: list[list[Cell]] = [
        [i.kind.value, i.name, i.via, i.declaration, i.flags, "yes" if i.guarded else "", " ".join(i.used_by)]
        for i in made.items
    ]
    return render(kind, f"Promise of {made.kernel}", head, body, frozenset({1, 3}))


def promise(found: Kept, kind: str) -> bytes:
    """What a kernel breaks of a promise, what it leaves unsettled, and what it only changed."""
    head = ("state", "kind", "name", "class", "rules", "message", "before", "now", "users")
    body: list[list[Cell]] = []
    for state, listed in (("broken", found.broken), ("unknown", found.unknown)):
        for one in listed:
            users = " ".join(one.users)
            body.append([state, one.kind.value, one.name, one.failure, " ".join(one.rules), one.message, "", "", users])
    for other in found.changed:
        users = " ".join(other.users)
        body.append(["changed", other.kind.value, other.name, "", "", "", other.before, other.after, users])
    title = f"{found.kernel}: {len(found.broken)} broken, {len(found.changed)} changed, {found.kept} kept"
    return render(kind, title, head, body, frozenset({2, 3, 6, 7}))
