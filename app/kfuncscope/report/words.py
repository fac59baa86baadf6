# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How verdicts and decisions are shown everywhere: a word, a glyph and a colour, never the colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from kfuncscope.decision.gate import State
from kfuncscope.model.verdict import Confidence, Reach, Verdict


@dataclass(frozen=True, slots=True)
class Look:
    """Word, glyph and colours of a verdict: (line or text, tint) on a light and on a dark ground."""

    word: str
    glyph: str
    light: tuple[str, str]
    dark: tuple[str, str]
    meaning: str


LOOKS: dict[Verdict, Look] = {
    Verdict.BREAKS: Look(
        "Breaks", "■", ("#c6321c", "#fdeae6"), ("#ff7d66", "#3a211d"), "does not load or attach any more"
    ),
    Verdict.SILENT: Look(
        "Silent", "✖", ("#8e2a8b", "#f6e8f6"), ("#e08be0", "#352235"), "loads, but reads or does the wrong thing"
    ),
    Verdict.RISK: Look(
        "Risk", "▲", ("#a85400", "#fdf1e0"), ("#ffb45c", "#3a2b17"), "meaning changed; may be refused or differ"
    ),
    Verdict.DEGRADES: Look(
        "Degrades", "◆", ("#1f6fb2", "#e5f1fb"), ("#6db7f2", "#1b2f40"), "loads, but a guarded feature is lost"
    ),
    Verdict.UNKNOWN: Look(
        "Unknown", "?", ("#626b76", "#eef0f2"), ("#9aa3ae", "#272d35"), "cannot be told from these files"
    ),
    Verdict.OK: Look("OK", "●", ("#1a7558", "#e6f5ef"), ("#5fd0a6", "#1a322a"), "works as before"),
    Verdict.ALREADY_BROKEN: Look(
        "Already broken", "□", ("#626b76", "#eef0f2"), ("#9aa3ae", "#272d35"), "fails on the old kernel too"
    ),
    Verdict.FIXED: Look(
        "Fixed", "✔", ("#1a7558", "#e6f5ef"), ("#5fd0a6", "#1a322a"), "failed on the old kernel, works on the new one"
    ),
}

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

REACHES: dict[Reach, str] = {
    Reach.OBJECT: "the whole object does not load",
    Reach.PROGRAM: "the program does not load, and with it the object unless the program is switched off",
    Reach.ATTACH: "the program loads but cannot be attached",
    Reach.NONE: "nothing fails to load",
}

SHORT_REACH: dict[Reach, str] = {
    Reach.OBJECT: "whole object",
    Reach.PROGRAM: "program",
    Reach.ATTACH: "attach only",
    Reach.NONE: "",
}

CONFIDENCES: dict[Confidence, str] = {
    Confidence.HIGH: "follows from the rules and the files",
    Confidence.MEDIUM: "a heuristic in between",
    Confidence.LOW: "depends on data that was not given",
}


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def size(count: int) -> str:
    """A size in bytes as people read it."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
