# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The report as Markdown, for merge requests and bug trackers: decision, reasons, findings, what was not checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain as joined
from typing import NamedTuple

from kfuncscope.decision.compare import Comparison
from kfuncscope.model.analysis import ObjectInfo
from kfuncscope.model.catalogue import finding_title
from kfuncscope.model.causes import key_of
from kfuncscope.model.looks import LOOKS, REACHES
from kfuncscope.model.rows import Group
from kfuncscope.model.unchecked import by_arches, by_reason
from kfuncscope.model.verdict import Verdict
from kfuncscope.report import proof as booted
from kfuncscope.report import rulebook
from kfuncscope.report.chain import MOST_SITES, Chain, chain, columns, place
from kfuncscope.report.safe import code, visible
from kfuncscope.report.summary import Report
from kfuncscope.report.words import STATE_WORDS, plural

_SPECIAL = re.compile(r"([\\`*\[\]<>|~@&$]|(?<![^\W_])_|_(?![^\W_])|(?<=:)/(?=/)|(?<=www)\.|^[-+#=])", re.IGNORECASE)
_NUMBER = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_TICKS = re.compile(r"`+")
_MOST = 500


def render(report: Report) -> bytes:
    """The whole report as UTF-8."""
    return ("\n".join(_lines(report)) + "\n").encode("utf-8")


def plain(text: str, limit: int = 400) -> str:
    """Text that Markdown takes as it is: no links, marks, HTML, mentions or table cells come out of it."""
    shown = _SPECIAL.sub(r"\\\1", visible(text, limit).strip())
    return _NUMBER.sub(r"\1\\\2", shown)


def span(text: str, limit: int = 120) -> str:
    """Text as inline code, also within a table: the fence is longer than any run of backticks in it."""
    shown = visible(text, limit) or " "
    longest = max((len(run) for run in _TICKS.findall(shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}".replace("|", "\\|")


def block(text: str, language: str = "c") -> str:
    """Text as a fenced block."""
    shown = code(text)
    longest = max((len(run) for run in _TICKS.findall(shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def table(head: Iterable[str], body: Iterable[Iterable[str]]) -> Iterator[str]:
    """A table of cells that are Markdown already."""
    cells = list(head)
    yield f"| {' | '.join(cells)} |"
    yield f"|{'|'.join(' --- ' for _ in cells)}|"
    for line in body:
        yield f"| {' | '.join(line)} |"


def word(verdict: Verdict) -> str:
    """A verdict as glyph and word."""
    return f"{LOOKS[verdict].glyph} {LOOKS[verdict].word}"


def _lines(report: Report) -> Iterator[str]:
    yield f"# {LOOKS[report.state].glyph} {report.headline}: {plain(report.title, 120)}"
    yield ""
    yield from (f"{plain(s, 500)}  " for s in report.sentences)
    decision = report.decision
    words = f", replaced by {plain('--fail-on ' + ','.join(decision.fail_on))}" if decision.fail_on else ""
    yield f"Policy: {plain(decision.policy)}{words}, {decision.today}. Exit status: {decision.exit.value}."
    if report.analysis.whatif:
        yield ""
        yield "**Hypothetical:** this result holds only with these changes:"
        yield from (f"- {plain(change)}" for change in report.analysis.whatif)
    yield ""
    yield from _arches(report)
    yield from _reasons(report)
    if report.comparison is not None:
        yield from _comparison(report.comparison)
    yield from _findings(report)
    yield from _proof(report)
    yield from _unchecked(report)
    yield from _waivers(report)
    yield from _rules(report)
    yield from _inputs(report)


def _arches(report: Report) -> Iterator[str]:
    head = ["Architecture", "Upgrade", "Decision", *(word(v) for v in Verdict)]
    body = (
        [
            span(a.result.arch),
            plain(a.pair),
            STATE_WORDS[a.decision.state],
            *(str(a.counts[v]) for v in Verdict),
        ]
        for a in report.arches
    )
    yield from table(head, body)
    if report.inferred:
        yield ""
        yield plain(report.inferred, 600)
    yield ""


def _reasons(report: Report) -> Iterator[str]:
    if not report.reasons:
        return
    yield f"## Causes ({len(report.reasons)})"
    yield ""
    yield "What changed in the kernel, the worst and widest first."
    yield ""
    head = ["Verdict", "What changed", "What happened, and what to do", "Programs", "Architectures", "Risk"]
    body = (
        [
            word(r.finding.verdict),
            f"{span(r.name)} ({plain(r.detail)})",
            plain(r.finding.message)
            + (f" → {plain(r.finding.remedy.text)}" if r.finding.remedy else "")
            + (f" · {plain(r.origin.words, 800)}" if r.origin else ""),
            str(len(r.programs)),
            plain(", ".join(r.arches)),
            f"{r.score:.0f}",
        ]
        for r in report.reasons[:30]
    )
    yield from table(head, body)
    yield ""


def _comparison(found: Comparison) -> Iterator[str]:
    yield "## Against the baseline"
    yield ""
    pairs = ((row, f"{LOOKS[before.verdict].word} before") for before, row in (*found.worse, *found.better))
    listed = [*((row, "new") for row in found.new), *pairs, *((row, "gone") for row in found.gone)]
    if not listed:
        yield "Nothing new, nothing removed."
        yield ""
        return
    body = (
        [said, word(r.verdict), span(r.arch), f"{span(r.object)} {span(r.program)}", span(r.finding.name)]
        for r, said in listed[:_MOST]
    )
    yield from table(["Change", "Verdict", "Architecture", "Program", "Need"], body)
    yield ""


def _findings(report: Report) -> Iterator[str]:
    yield f"## Findings ({len(report.findings)})"
    yield ""
    for members in _alike(report, report.findings[:_MOST]):
        yield from _told_once(report, members)
    if len(report.findings) > _MOST:
        yield f"{len(report.findings) - _MOST} more findings are in the JSON, CSV and HTML reports."
        yield ""


class _Told(NamedTuple):
    """A finding in pieces of Markdown: what others may share (message, facts, columns, remedy, C), and what is its own.

    A piece that is empty is not said.
    """

    group: Group
    shared: tuple[tuple[str, ...], ...]
    own: tuple[str, ...]


def _alike(report: Report, listed: Iterable[Group]) -> Iterator[list[_Told]]:
    """Findings of one verdict and cause with the same evidence, in reading order of their first."""
    together: dict[tuple[object, ...], list[_Told]] = {}
    for group in listed:
        told = _told(report, group)
        key = group.finding.verdict, key_of(group.finding, group.row.section), told.shared[2]
        together.setdefault(key, []).append(told)
    yield from together.values()


def _told_once(report: Report, members: list[_Told]) -> Iterator[str]:
    """A finding by itself; or several, with what they share said once before them."""
    first = members[0]
    if len(members) == 1:
        yield f"### {word(first.group.finding.verdict)}: {_where(first.group)} needs {span(first.group.finding.name)}"
        yield from ("", *first.shared[0], *first.own, *(line for piece in first.shared[1:] for line in piece), "")
        return
    key = key_of(first.group.finding, first.group.row.section)
    same = [all(m.shared[i] == piece for m in members) for i, piece in enumerate(first.shared)]
    yield f"### {word(first.group.finding.verdict)}: {plain(key.words)}, {span(key.name)} ({len(members)} findings)"
    yield ""
    yield from (line for piece, common in zip(first.shared, same, strict=True) if common for line in piece)
    yield ""
    for told in members:
        yield f"#### {_where(told.group)}"
        yield ""
        yield from (line for piece, common in zip(told.shared[:1], same, strict=False) if not common for line in piece)
        yield from told.own
        yield from (
            line for piece, common in zip(told.shared[1:], same[1:], strict=True) if not common for line in piece
        )
        yield ""


def _where(group: Group) -> str:
    return span(group.row.object) + (f" · {span(group.row.program)}" if group.row.program else "")


def _told(report: Report, group: Group) -> _Told:
    finding, row = group.finding, group.row
    facts = [f"confidence {finding.confidence.value}"]
    if finding.rules:
        facts.insert(0, f"{'rule' if len(finding.rules) == 1 else 'rules'} {plain(', '.join(finding.rules))}")
    if finding.failure:
        facts.append(plain(finding_title(finding) or finding.failure))
    if finding.reach.value != "none":
        facts.append(REACHES[finding.reach])
    proof = chain(finding, row.section, report.kernel(group))
    places = [f"on {plain(', '.join(group.arches))}", *([f"from {plain(row.package)}"] if row.package else [])]
    own = [f"- {'; '.join(places)}", *_sites(proof)]
    for arch, waiver in report.waivers(group):
        said = f"{plain(arch)} until {waiver.expires} by {plain(waiver.owner)}: {plain(waiver.reason)}"
        own.append(f"- Tolerated on {said}")
    shared = (
        (plain(finding.message, 1000), ""),
        (f"- {'; '.join(facts)}", *_background(proof)),
        tuple(_two_columns(proof, report.names(group))),
        *_remedy(proof),
    )
    return _Told(group, shared, tuple(own))


def evidence(proof: Chain, names: tuple[str, str]) -> Iterator[str]:
    """One proof as Markdown: places, both kernels in two columns, the source of the fact, life, remedy."""
    yield from _sites(proof)
    yield from _background(proof)
    yield from _two_columns(proof, names)
    for piece in _remedy(proof):
        yield from piece


def _sites(proof: Chain) -> Iterator[str]:
    for site in proof.sites[:MOST_SITES]:
        yield f"- at {span(place(site), 200)}" + (f": {span(site.text, 200)}" if site.text else "")
        if site.guard:
            yield f"- guarded at {span(site.guard, 200)}"
    if len(proof.sites) > MOST_SITES:
        yield f"- and at {len(proof.sites) - MOST_SITES} more places"


def _background(proof: Chain) -> Iterator[str]:
    if proof.source:
        yield f"- fact about the new kernel from {plain(proof.source)}"
    if proof.life:
        yield f"- {plain(proof.life, 600)}"


def _remedy(proof: Chain) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The remedy in words, and its C."""
    if proof.remedy is None:
        return (), ()
    snippets = (("", f"{plain(caption, 200)}:", "", block(code), "") for caption, code in proof.remedy.snippets)
    return ("", f"Remedy: {plain(proof.remedy.text, 1000)}"), tuple(joined.from_iterable(snippets))


def _two_columns(proof: Chain, names: tuple[str, str]) -> Iterator[str]:
    """Both kernels side by side, what differs first; a declaration that is the same on both stands once."""
    listed = [
        [mark, plain(label), span(old) if old else "–", span(new) if new else "–"]
        for mark, label, old, new in columns(proof)
    ]
    if listed:
        yield from ("", *table(["", "", *map(plain, names)], listed))
    if proof.declarations:
        return
    if proof.old and proof.old == proof.new:
        yield from ("", "Declaration, the same on both kernels:", "", block(proof.old))
        return
    for label, text in (("Old kernel", proof.old), ("New kernel", proof.new)):
        if text:
            yield from ("", f"{label}:", "", block(text))


def _proof(report: Report) -> Iterator[str]:
    for one in report.analysis.proof:
        yield f"## Proof by booting: {plain(one.arch)}, {plain(one.release)}"
        yield ""
        yield f"{plain(booted.totals(one))}.  "
        yield f"{plain(booted.facts(one), 500)}"
        yield from (f"- {plain(note)}" for note in one.notes)
        yield ""
        listed = booted.proof_rows(one)
        if listed:
            body = ([r.agreement.value, span(r.object), span(r.program) if r.program else "whole object",
                     r.predicted, r.seen, plain(r.line)] for r in listed[:_MOST])  # fmt: skip
            yield from table(["Agreement", "Object", "Program", "Predicted", "Seen", "The kernel's own line"], body)
        if len(listed) > _MOST:
            yield f"and {len(listed) - _MOST} more in the JSON report"
        yield ""


def _unchecked(report: Report) -> Iterator[str]:
    yield f"## Could not check ({len(report.unchecked)})"
    yield ""
    reasons = by_reason(report.unchecked)
    for why, members in reasons[:_MOST]:
        named = [one.place for i, one in enumerate(members) if one.given or i < 12]
        on = dict.fromkeys(arch for one in members for arch in one.arches)
        more = f" and {len(members) - len(named)} more" if len(members) > len(named) else ""
        arches = f" ({plain(', '.join(on))})" if on else ""
        yield f"- {plain(why)}{arches}: {', '.join(span(w, 300) for w in named)}{more}"
    if len(reasons) > _MOST:
        yield f"- and {len(reasons) - _MOST} more reasons in the JSON report"
    if not report.unchecked:
        yield "All inputs were read and judged."
    yield ""
    if report.elsewhere:
        yield f"## Of another architecture ({len(report.elsewhere)})"
        yield ""
        for arches_, names in by_arches(report.elsewhere):
            yield f"- not on {plain(', '.join(arches_))}: {', '.join(span(name) for name in names)}"
        yield ""


def _waivers(report: Report) -> Iterator[str]:
    decision = report.decision
    lines = [(f"applied, {plural(n, 'finding')}", w) for w, n in report.applied()]
    lines += [("expired", w) for w in decision.expired] + [("matches nothing", w) for w in decision.unused]
    if not lines:
        return
    yield "## Waivers"
    yield ""
    body = ([said, span(w.scope.words(), 200), plain(w.owner), plain(w.reason), str(w.expires)] for said, w in lines)
    yield from table(["State", "Scope", "Owner", "Reason", "Until"], body)
    yield ""


def _rules(report: Report) -> Iterator[str]:
    """The text of the rules that the findings above cite."""
    cited = rulebook.of_findings(report.findings[:_MOST])
    if not cited:
        return
    yield "## Rules"
    yield ""
    for rule in cited:
        yield from rulebook.markdown(rule, 3)


def _inputs(report: Report) -> Iterator[str]:
    yield "## Inputs"
    yield ""
    yield from table(["Kernel file", "SHA-256"], ([span(i.path, 200), span(i.sha256)] for i in report.inputs))
    yield ""
    objects = report.analysis.objects
    body = ([span(o.name), _places(o), span(o.sha256)] for o in objects[:_MOST])
    yield from table(["Object", "Found in", "SHA-256"], body)
    if len(objects) > _MOST:
        yield ""
        yield f"{len(objects) - _MOST} more objects are in the JSON report."
    yield ""
    yield f"Made by kfuncscope {plain(report.analysis.version)} from files alone: no kernel was run."


def _places(info: ObjectInfo) -> str:
    """Where an object was found; every place where it is in several."""
    if len(info.places) == 1:
        return plain(info.places[0].package)
    return "; ".join(f"{plain(p.package)} {span(p.path, 200)}".strip() for p in info.places)
