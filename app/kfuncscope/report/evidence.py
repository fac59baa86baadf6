# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Evidence of use from a census: a table, and a page that a distribution can publish to kernel maintainers.

The page says how the numbers came about and what they cannot show, so that they can be cited. It names no host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from kfuncscope import __version__
from kfuncscope.census import names
from kfuncscope.census.count import Row, Use, summary
from kfuncscope.census.records import Census, Join
from kfuncscope.decision.risk import known_since
from kfuncscope.model.verdict import NeedKind
from kfuncscope.report.formats import markdown
from kfuncscope.report.formats.html import environment
from kfuncscope.report.tables import render
from kfuncscope.resources import resource

Cell = str | int | float
HEAD = ("kind", "name", "since", "hosts", "running", "programs", "exact", "likely", "kernel only", "used by")
MOST_USERS = 12
METHOD = (
    "A collector ran as root on each host and listed the loaded BPF programs. A program counts as exact where the "
    "kernel's tag, a hash of its instructions, is that of a program of a known object; as likely where name, type, "
    "target and functions are those of one; else as kernel only.",
    "Kfuncs are counted by the calls that are left after verification, so dead code does not count. "
    f"{' and '.join(names.NOT_VISIBLE)} leave no call and are counted only where the object is known.",
    "Helpers are those of the object where it is known. For programs seen in the kernel only they are a lower bound: "
    "the verifier inlines some helpers and replaces others.",
    "A host counts once however many of its programs use a thing; running programs are counted on each host.",
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the head of the page says: hosts, days, kernels and distributions with how many hosts have each."""

    hosts: int
    first: str
    last: str
    kernels: tuple[tuple[str, int], ...]
    distributions: tuple[tuple[str, int], ...]
    joins: tuple[tuple[str, int], ...]
    running: int
    partly: int
    unread: int
    version: str = __version__


def facts(census: Census, listed: Sequence[Row]) -> Facts:
    """The head of the page."""
    days = sorted(_day(h.time) for h in census.hosts)
    kernels = Counter(f"{h.kernel.release} {h.kernel.arch}" for h in census.hosts)
    distributions = Counter(h.distribution or "unknown" for h in census.hosts)
    counts = summary(listed)
    return Facts(
        len(census.hosts), days[0] if days else "", days[-1] if days else "",
        tuple(sorted(kernels.items(), key=lambda k: (-k[1], k[0]))),
        tuple(sorted(distributions.items(), key=lambda d: (-d[1], d[0]))),
        tuple((kind.value, counts[kind]) for kind in Join), sum(counts.values()),
        sum(r.running for r in listed if r.partly), len(census.problems),
    )  # fmt: skip


def _day(time: int) -> str:
    try:
        return datetime.fromtimestamp(time, UTC).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return "unknown"


def lines(uses: Sequence[Use], most: int = 0) -> list[list[Cell]]:
    """Rows of the table; ``most`` bounds how many programs each names (0: all)."""
    body: list[list[Cell]] = []
    for use in uses:
        users = sorted(use.users)
        shown = users[:most] + (["…"] if len(users) > most else []) if most else users
        counts = [use.programs[kind] for kind in Join]
        since = known_since(use.kind, use.name) or ""
        body.append(
            [use.kind.value, use.name, since, len(use.hosts), use.running, sum(counts), *counts, " ".join(shown)]
        )
    return body


def table(uses: Sequence[Use], kind: str) -> bytes:
    """The table as Markdown (with at most ``MOST_USERS`` programs each), CSV or JSON."""
    body = lines(uses, MOST_USERS if kind in ("md", "table") else 0)
    return render(kind, "Who uses what on the hosts of the census", HEAD, body, frozenset({1}))


def page(census: Census, listed: Sequence[Row], uses: Sequence[Use], kind: str) -> bytes:
    """The page as ``md`` or ``html``."""
    told = facts(census, listed)
    groups = [(k, [line[1:] for line in lines([u for u in uses if u.kind is k], MOST_USERS)]) for k in NeedKind]
    groups = [(k, body) for k, body in groups if body]
    if kind == "html":
        style = resource("report", "report.css").read_text(encoding="utf-8")
        template = environment().get_template("evidence.html.j2")
        made = template.render(f=told, groups=groups, head=HEAD[1:], method=METHOD, style=Markup(style))
        return made.encode("utf-8")
    return _markdown(told, groups)


def _markdown(told: Facts, groups: Sequence[tuple[NeedKind, list[list[Cell]]]]) -> bytes:
    text = [
        "# Use of kernel interfaces by running BPF programs",
        "",
        f"{told.hosts} hosts, {told.first} to {told.last}, {told.running} running programs: "
        + ", ".join(f"{number} {kind}" for kind, number in told.joins)
        + f"; {told.partly} seen in part, {told.unread} remarks about files. kfuncscope {told.version}.",
        "",
        "Kernels: " + ", ".join(f"{markdown.plain(k)} on {n}" for k, n in told.kernels[:20]) + ".",
        "",
        "Distributions: " + ", ".join(f"{markdown.plain(d)} on {n}" for d, n in told.distributions[:20]) + ".",
        "",
        "## How it was counted",
        "",
        *(f"- {markdown.plain(line, 600)}" for line in METHOD),
    ]
    for kind, body in groups:
        cells = ([_cell(value, at == 0) for at, value in enumerate(line)] for line in body)
        text += ["", f"## {kind.value}", "", *markdown.table(HEAD[1:], cells)]
    return ("\n".join(text) + "\n").encode("utf-8")


def _cell(value: Cell, code: bool) -> str:
    if not isinstance(value, str):
        return str(value)
    return markdown.span(value, 200) if code else markdown.plain(value)
