# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The report as one HTML file that needs nothing else: no network, no server, works from a mail attachment."""

from __future__ import annotations

import base64
import functools
import hashlib
from typing import Any

import jinja2
from markupsafe import Markup, escape

from kfuncscope.decision.policy import now
from kfuncscope.model import catalogue
from kfuncscope.model.looks import CONFIDENCES, LOOKS, REACHES, SHORT_REACH
from kfuncscope.model.unchecked import by_arches, by_reason
from kfuncscope.model.verdict import SEVERITY, Evidence, Verdict
from kfuncscope.report import diff, proof, rulebook
from kfuncscope.report.chain import chain, columns
from kfuncscope.report.formats import svg
from kfuncscope.report.safe import code, visible
from kfuncscope.report.summary import Report
from kfuncscope.report.words import STATE_WORDS, plural, size
from kfuncscope.resources import resource

_SCALE = (Verdict.BREAKS, Verdict.SILENT, Verdict.RISK, Verdict.DEGRADES, Verdict.UNKNOWN)


def render(report: Report) -> bytes:
    """The whole page as UTF-8."""
    style = resource("report", "report.css").read_text(encoding="utf-8") + _colours()
    script = resource("report", "report.js").read_text(encoding="utf-8")
    template = environment().get_template("report.html.j2")
    drawings = [(a.result.arch, svg.draw(report.analysis, a.result.arch, alone=False)) for a in report.arches]
    page = template.render(
        r=report,
        style=Markup(style),
        script=Markup(script),
        policy=_content_policy(style, script),
        drawings=[(arch, Markup(d.svg), d) for arch, d in drawings if d.drawn],
        verdicts=[v for v in Verdict if any(g.finding.verdict is v for g in report.findings)],
        made=now().strftime("%Y-%m-%d"),
        worst_arch=svg.worst_arch(report.analysis),
        cited=rulebook.of_findings(report.findings),
    )
    return page.encode("utf-8")


@functools.cache
def environment() -> jinja2.Environment:
    """The templates with the filters that all of them use."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource("report")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(v=visible, code=code, plural=plural, bytes=size, sign=_sign, css=_css, bar=_bar, prose=prose)
    made.globals.update(
        looks=LOOKS,
        reaches=REACHES,
        short_reach=SHORT_REACH,
        confidences=CONFIDENCES,
        severity=SEVERITY,
        marked=_marked,
        cell=_cell,
        chain=chain,
        columns=columns,
        state_words=STATE_WORDS,
        proof=proof,
        by_reason=by_reason,
        by_arches=by_arches,
        rule_title=catalogue.title,
        finding_title=catalogue.finding_title,
        rule_verdicts=rulebook.verdicts,
        V=Verdict,
    )
    return made


def _content_policy(style: str, script: str) -> str:
    """A content security policy that lets this page's own style and script run, and nothing be fetched."""

    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        f"default-src 'none'; style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def prose(text: str) -> Markup:
    """Text of the catalogue, in which words between backticks are code."""
    parts = text.split("`")
    made = [Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(parts)]
    return Markup("").join(made)


def _css(verdict: Verdict) -> str:
    return verdict.value.lower().replace("_", "-")


def _sign(verdict: Verdict) -> Markup:
    """The glyph of a verdict as a small picture that reads as its word."""
    look = LOOKS[verdict]
    shape = svg.glyph(verdict, 0, 0)
    return Markup(
        f'<svg class="sign n {_css(verdict)}" viewBox="-7 -7 14 14" role="img" aria-label="{look.word}">{shape}</svg>'
    )


def _bar(counts: dict[Verdict, int]) -> Markup:
    """Shares of the verdicts as one thin bar."""
    total = sum(counts.values()) or 1
    x = 0.0
    parts = []
    for verdict in Verdict:
        share = 100 * counts.get(verdict, 0) / total
        if share:
            width = max(share, 1.2)
            parts.append(f'<rect class="b {_css(verdict)}" x="{x:.2f}" width="{width:.2f}" height="6"/>')
            x += width
    return Markup(
        f'<svg class="bar" viewBox="0 0 {max(x, 1):.2f} 6" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )


def _cell(old: str, new: str) -> tuple[Markup, Markup]:
    """One part of two declarations with the changed words marked."""
    made = _marked(Evidence(old, new))
    return made["old"] or Markup(), made["new"] or Markup()


def _marked(evidence: Evidence) -> dict[str, Any]:
    """Old and new declaration with the changed words in <del> and <ins>; None where a side is absent."""
    before, after = diff.words(code(evidence.old), code(evidence.new))

    def tagged(runs: diff.Marked, tag: str) -> Markup | None:
        if not runs:
            return None
        parts = [Markup(f"<{tag}>{{}}</{tag}>").format(t) if c else escape(t) for t, c in runs]
        return Markup("").join(parts)

    return {"old": tagged(before, "del"), "new": tagged(after, "ins")}


def _colours() -> str:
    """The severity colours as style rules, light and dark, from the one table that all formats share."""
    light = "".join(f".{_css(v)}{{--c:{x.light[0]};--t:{x.light[1]}}}" for v, x in LOOKS.items())
    dark = "".join(f".{_css(v)}{{--c:{x.dark[0]};--t:{x.dark[1]}}}" for v, x in LOOKS.items())
    return f"{light}@media screen and (prefers-color-scheme: dark){{{dark}}}"
