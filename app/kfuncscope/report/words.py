# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How reports show decisions, counts and sizes; how verdicts are shown is in model.looks."""

from __future__ import annotations

from kfuncscope.decision.gate import State
from kfuncscope.model.analysis import CensusInfo
from kfuncscope.model.verdict import Verdict

STATES: dict[State, Verdict] = {
    State.BLOCKED: Verdict.BREAKS,
    State.NEEDS_WORK: Verdict.RISK,
    State.INCOMPLETE: Verdict.UNKNOWN,
    State.CLEAR: Verdict.OK,
}
"""The verdict whose colour and glyph stand for a decision; its words are ``decision.gate.HEADLINES``."""

STATE_WORDS: dict[State, str] = {
    State.BLOCKED: "Blocked",
    State.NEEDS_WORK: "Needs work",
    State.INCOMPLETE: "Not fully checked",
    State.CLEAR: "Clear",
}


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def census_words(info: CensusInfo) -> str:
    """What a census says, in one line: hosts, running programs by the kind of their join, and what was seen in part."""
    partly = f"; {info.partly:,} could be seen only in part" if info.partly else ""
    joins = f"{info.exact:,} exact, {info.likely:,} likely, {info.kernel_only:,} kernel only"
    return f"{plural(info.hosts, 'host')}, {plural(info.running, 'running program')}: {joins}{partly}"


def size(count: int) -> str:
    """A size in bytes as people read it."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
