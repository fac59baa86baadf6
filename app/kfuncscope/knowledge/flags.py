# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""KF_* flags of kfuncs: their bits come from the tables of a release, what they mean from ``kfunc_flags.json``.

A flag that a new release brings is in its tables already; its meaning is one row more. Rows have the bits too, for
flags that the tables of a release do not name; a test holds them to every table.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

from kfuncscope.knowledge.common import common_table
from kfuncscope.knowledge.knowledge import Knowledge

SLEEPABLE = "KF_SLEEPABLE"


def flag_set(flags: int, name: str, tables: Knowledge) -> bool:
    """Whether a flag is set, by its bit in the release of the tables."""
    return bool(flags & tables.flag_bits.get(name, 0))


def flag_names(flags: int, tables: Knowledge | None = None) -> list[str]:
    """Names of the bits that are set, the lowest first.

    A bit that the tables do not name (they may be borrowed) has the name that other releases give it, else ``bit N``.
    """
    own: Mapping[str, int] = tables.flag_bits if tables is not None else {}
    names = _by_bit(own)
    if flags & ~sum(names):
        names = {**_of_all_releases(), **names}
    return [names.get(1 << at, f"bit {at}") for at in range(flags.bit_length()) if flags >> at & 1]


def _by_bit(bits: Mapping[str, int]) -> dict[int, str]:
    return {bit: name for name, bit in bits.items() if bit & (bit - 1) == 0}


@cache
def _of_all_releases() -> dict[int, str]:
    return {row["bit"]: name for name, row in common_table("kfunc_flags")["flags"].items() if "bit" in row}


def flag_words(flags: int | None, tables: Knowledge | None = None) -> str:
    """Flags by name, ``-`` for none, ``?`` where they are not known."""
    if flags is None:
        return "?"
    return " | ".join(flag_names(flags, tables)) or "-"


def flag_meaning(name: str) -> str:
    """What a flag asks of a caller; empty where no row tells."""
    row = common_table("kfunc_flags")["flags"].get(name, {})
    return str(row.get("means", ""))


def remedy_of(change: Literal["gained", "lost"], flag: str) -> str:
    """What a caller does about a flag that its kfunc, ``{name}``, gained or lost; empty where nothing is known."""
    return str(common_table("kfunc_flags")["flags"].get(flag, {}).get("remedy", {}).get(change, ""))


@cache
def risky_flags(change: Literal["gained", "lost"]) -> frozenset[str]:
    """Flags whose appearance or disappearance can make the verifier refuse an unchanged caller (R-4.5)."""
    rows = common_table("kfunc_flags")["flags"]
    return frozenset(name for name, row in rows.items() if change in row.get("risk", ()))
