# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Findings as annotations of a merge request: GitHub workflow commands, GitLab code quality."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kfuncscope.model.rows import Group
from kfuncscope.model.verdict import SEVERITY, Verdict
from kfuncscope.report.safe import visible
from kfuncscope.report.summary import Report

_GITHUB = {Verdict.BREAKS: "error", Verdict.SILENT: "error", Verdict.RISK: "warning"}
_GITLAB = {
    Verdict.BREAKS: "critical",
    Verdict.SILENT: "critical",
    Verdict.RISK: "major",
    Verdict.DEGRADES: "minor",
    Verdict.UNKNOWN: "info",
}


def _open(report: Report) -> Iterator[Group]:
    """The groups worth an annotation: on the scale, and not wholly tolerated by waivers."""
    for group in report.findings:
        if SEVERITY[group.finding.verdict] and not all(row.key in report.waived for row in group.rows):
            yield group


def _place(report: Report, group: Group) -> tuple[str, int]:
    """The source line where one is known, else the object's file."""
    site = next((s for s in group.finding.sites if s.file), None)
    if site:
        return site.file, site.line
    return report.paths.get(group.row.object, group.row.object), 0


def _says(group: Group) -> str:
    finding, row = group.finding, group.row
    remedy = f" Remedy: {finding.remedy.text}" if finding.remedy else ""
    program = f" {row.program}" if row.program else ""
    return visible(f"{row.object}{program} on {', '.join(group.arches)}: {finding.message}{remedy}", 2000)


def github(report: Report) -> bytes:
    """Workflow commands, one line a finding: to be printed by a step of a job."""
    lines = []
    for group in _open(report):
        finding = group.finding
        path, line = _place(report, group)
        level = _GITHUB.get(finding.verdict, "notice")
        title = f"{finding.verdict.value} {finding.kind.value} {finding.name}"
        where = f"file={_property(path)}" + (f",line={line}" if line > 0 else "")
        lines.append(f"::{level} {where},title={_property(title)}::{_data(_says(group))}\n")
    return "".join(lines).encode("utf-8")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text, 200)).replace(":", "%3A").replace(",", "%2C")


def gitlab(report: Report) -> bytes:
    """A code quality report, to be given as ``artifacts:reports:codequality``."""
    made: list[dict[str, Any]] = []
    for group in _open(report):
        path, line = _place(report, group)
        finding = group.finding
        made.append(
            {
                "type": "issue",
                "check_name": visible(f"{finding.kind.value}/{finding.failure or finding.verdict.value}", 120),
                "description": f"{finding.verdict.value}: {_says(group)}",
                "categories": ["Compatibility"],
                "severity": _GITLAB[finding.verdict],
                "fingerprint": group.row.key,
                "location": {"path": visible(path, 500).lstrip("/") or "unknown", "lines": {"begin": max(1, line)}},
            }
        )
    return (json.dumps(made, indent=1, ensure_ascii=True) + "\n").encode("ascii")
