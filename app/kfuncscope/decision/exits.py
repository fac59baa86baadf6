# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The exit statuses of every command, and the one order in which they win over each other."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command ends with. A process that ends by a signal has 128 and its number."""

    CLEAR = 0
    FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    DEFECT = 4


MEANINGS: dict[Exit, str] = {
    Exit.CLEAR: "clear: everything given was read, judged and compared, and nothing is blocked or needs work",
    Exit.FAILED: "blocked or needs work, by the policy or by what --fail-on names; wins over 3",
    Exit.USAGE: "wrong usage: the command line cannot be carried out",
    Exit.INCOMPLETE: "something given could not be read, judged or compared, or an output could not be written",
    Exit.DEFECT: "a defect of kfuncscope itself: no verdict was reached",
}


def status(failed: bool, incomplete: bool) -> Exit:
    """The exit status of a command that came to its end: FAILED before INCOMPLETE before CLEAR."""
    if failed:
        return Exit.FAILED
    return Exit.INCOMPLETE if incomplete else Exit.CLEAR


def epilog() -> str:
    """The statuses as one paragraph for ``--help``."""
    return "exit status: " + "; ".join(f"{code.value} {text}" for code, text in MEANINGS.items())
