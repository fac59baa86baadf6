# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How verdicts are shown everywhere: in the window, in reports, on a terminal. Words, glyphs and colours, once.

A verdict is never shown by its colour alone. Colours of text and lines have 4.5:1 or better on their grounds.
"""

from __future__ import annotations

from dataclasses import dataclass

from kfuncscope.model.verdict import Confidence, Reach, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Word (and a shorter one for cells of a table), glyph, and colours of a verdict.

    ``light`` and ``dark`` are (line or text, tint of a ground) for a light and a dark ground, ``ansi`` the colour of a
    terminal (SGR parameter); ``meaning`` says in a few words what the verdict means for the program.
    """

    word: str
    short: str = ""
    glyph: str
    light: tuple[str, str]
    dark: tuple[str, str]
    ansi: str
    meaning: str


LOOKS: dict[Verdict, Look] = {
    Verdict.BREAKS: Look(
        word="Breaks", glyph="■", light=("#c6321c", "#fdeae6"), dark=("#ff7d66", "#3a211d"), ansi="31",
        meaning="no longer loads or attaches",
    ),
    Verdict.SILENT: Look(
        word="Silent", glyph="✖", light=("#8e2a8b", "#f6e8f6"), dark=("#e08be0", "#352235"), ansi="35",
        meaning="loads, but reads or does the wrong thing",
    ),
    Verdict.RISK: Look(
        word="Risk", glyph="▲", light=("#a85400", "#fdf1e0"), dark=("#ffb45c", "#3a2b17"), ansi="33",
        meaning="meaning changed: may be rejected, or behave differently",
    ),
    Verdict.DEGRADES: Look(
        word="Degrades", glyph="◆", light=("#1f6fb2", "#e5f1fb"), dark=("#6db7f2", "#1b2f40"), ansi="34",
        meaning="loads, but a guarded feature is lost",
    ),
    Verdict.UNKNOWN: Look(
        word="Unknown", glyph="?", light=("#626b76", "#eef0f2"), dark=("#9aa3ae", "#272d35"), ansi="90",
        meaning="cannot be decided from these files",
    ),
    Verdict.OK: Look(
        word="OK", glyph="●", light=("#1a7558", "#e6f5ef"), dark=("#5fd0a6", "#1a322a"), ansi="32",
        meaning="works as before",
    ),
    Verdict.ALREADY_BROKEN: Look(
        word="Already broken", short="Already", glyph="□", light=("#7a5230", "#f5efe8"), dark=("#d3ab84", "#332a20"),
        ansi="90", meaning="fails on the old kernel too",
    ),
    Verdict.FIXED: Look(
        word="Fixed", glyph="✔", light=("#1a7558", "#e6f5ef"), dark=("#5fd0a6", "#1a322a"), ansi="32",
        meaning="failed on the old kernel, works on the new one",
    ),
}  # fmt: skip
"""In the order in which legends and counts show them."""

REACHES: dict[Reach, str] = {
    Reach.OBJECT: "the whole object does not load",
    Reach.PROGRAM: "the program does not load, and with it the object unless the program is switched off",
    Reach.ATTACH: "the program loads but cannot be attached",
    Reach.NONE: "nothing fails to load",
}
"""How far a failure reaches, as a sentence."""

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
