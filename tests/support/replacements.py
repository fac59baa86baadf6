# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Lists of what was renamed and removed between two levels, and how many of them the engine names rightly.

    cd tests && python -m support.replacements [--btf] LIST.csv...

A list has the columns kind, old_level, new_level, old and new (or label): OWNER.NAME of a field or enumerator stands
in ``old``, or the owner in a column of its own. ``new`` has every right answer, with ``|`` between them; it is empty,
or ``none``, ``removed`` or ``-``, where nothing took the place. Kernels are read from ``KFUNCSCOPE_CORPUS`` and, for
levels that it has not, from ``KFUNCSCOPE_MORE_KERNELS``; rows of others are left out and counted.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from kfuncscope.btf.layout import ENUMS, Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.names import ELSEWHERE, known
from kfuncscope.remedy.replacements import enumerators, fields, functions
from kfuncscope.remedy.replacements.enumerators import enumerators_elsewhere, replaced_enumerators
from kfuncscope.remedy.replacements.fields import replaced_fields
from kfuncscope.remedy.replacements.functions import replaced
from kfuncscope.remedy.replacements.members import find
from kfuncscope.rules.core.spec import Accessor, Spec
from support.corpus import opened

NOTHING = frozenset({"", "-", "none", "removed", "no successor", "nothing"})


class Listed(NamedTuple):
    """A thing that is gone at the new level, and what may be named for it; ``right`` is empty where nothing may."""

    kind: str
    old_level: str
    new_level: str
    old: str
    right: frozenset[str]

    @property
    def half(self) -> str:
        """A by the lowest bit of SHA-256 of KIND:OLD, which what is named may be fitted to; or B, which it may not."""
        return "AB"[hashlib.sha256(f"{self.kind}:{self.old}".encode()).digest()[0] & 1]


def read_list(path: Path) -> list[Listed]:
    """The rows of a list."""
    lines = (line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#"))
    made = []
    for raw in csv.DictReader(lines):
        row = {(key or "").strip().lower().replace(" ", "_"): (value or "").strip() for key, value in raw.items()}
        owner, old, new = row.get("owner", ""), row["old"], row["new"] if "new" in row else row["label"]
        right = {one.strip() for one in new.replace(";", "|").split("|")}
        right = {one.removeprefix(f"{owner}.") if owner else one for one in right if one.lower() not in NOTHING}
        whole = f"{owner}.{old}" if owner and not old.startswith(f"{owner}.") else old
        made.append(Listed(row["kind"], row["old_level"], row["new_level"], whole, frozenset(right)))
    return made


@cache
def kernel(level: str) -> Kernel | None:
    """The amd64 kernel of a level, or of its series."""
    for name in (level, ".".join(level.split(".")[:2])):
        for root in (Path(os.environ["KFUNCSCOPE_CORPUS"], "kernels"), _more()):
            if (root / f"{name}-amd64").is_dir():
                return opened(root / f"{name}-amd64")
    return None


def _more() -> Path:
    return Path(os.environ.get("KFUNCSCOPE_MORE_KERNELS", "/nonexistent"))


def first(row: Listed, old: Kernel, new: Kernel) -> str:
    """The first candidate, a field by its path in the struct that it is in, or through pointers; empty for none."""
    if row.kind not in ("field", "enumerator"):
        named = replaced(row.kind, row.old, old, new)
        return named[0].name if named else ""
    owner, _, name = row.old.partition(".")
    before, after = old.vmlinux, new.vmlinux
    assert before is not None and after is not None
    if row.kind == "enumerator":
        sides = [[i for kind in ENUMS for i in blob.find(owner, Kind(kind))] for blob in (before, after)]
        if not all(sides):
            away = enumerators_elsewhere(owner, name, new)
            return away[0].name.rpartition(".")[2] if away else ""
        one = next((i for i in sides[0] if any(e.name == name for e in before.enumerators(i))), sides[0][0])
        named = replaced_enumerators((before, one), (after, sides[1][0]), name)
        named = named or enumerators_elsewhere(owner, name, new)
        return named[0].name.rpartition(".")[2] if named else ""
    for struct in (i for kind in (Kind.STRUCT, Kind.UNION) for i in before.find(owner, kind)):
        here = find(before, struct, name)
        if here is not None:
            steps = (Accessor(struct, 0, ""), Accessor(here[0], here[1], name))
            places = replaced_fields(Spec(before, struct, steps, here[2].bit_offset), old, new)
            if places and places[0].path:
                return places[0].path.removeprefix(f"{owner}.")
            return ".".join(s.name for s in places[0].spec.steps[1:] if s.name) if places else ""
    return ""


class Score(NamedTuple):
    """What came of the rows of a list: each row with the first candidate, right, none or wrong."""

    answers: list[tuple[Listed, str, str]]
    left_out: int

    def shares(self) -> tuple[float, float, float]:
        """Right first and wrong first, of what was renamed; invented, of what was removed."""
        counts = Counter((bool(row.right), came) for row, _, came in self.answers)
        renamed, removed = (sum(n for (is_one, _), n in counts.items() if is_one == one) for one in (True, False))
        parts = (counts[True, "right"], renamed), (counts[True, "wrong"], renamed), (counts[False, "wrong"], removed)
        return tuple(n / whole if whole else 0.0 for n, whole in parts)  # type: ignore[return-value]

    def helped(self) -> float:
        """Of what was renamed: right first, or told in words where nothing is named."""
        renamed = [(row, came) for row, _, came in self.answers if row.right]
        good = sum(came == "right" or (came == "none" and in_words(row)) for row, came in renamed)
        return good / len(renamed) if renamed else 0.0

    def of(self, keep: Iterable[str], half: str = "AB") -> Score:
        """Only rows of these kinds and halves."""
        kinds = frozenset(keep)
        return Score([a for a in self.answers if a[0].kind in kinds and a[0].half in half], self.left_out)


def last_of(name: str) -> str:
    """The last member of a path or the name itself: what a reader looks for, whatever leads to it."""
    return re.split(r"->|\.", name.removeprefix(ELSEWHERE))[-1]


def in_words(row: Listed) -> bool:
    """Whether the sentences that are said where nothing is named have a right answer."""
    told = known(row.kind, row.old)
    said = re.findall(r"\w+", f"{told.why} {told.do}") if told is not None else []
    return any(last_of(one) in said for one in row.right)


def score(rows: Iterable[Listed]) -> Score:
    """Ask the engine for each row."""
    answers, left_out = [], 0
    for row in rows:
        old, new = kernel(row.old_level), kernel(row.new_level)
        if old is None or new is None:
            left_out += 1
            continue
        got = first(row, old, new)
        answers.append((row, got, "none" if not got else "right" if got in row.right else "wrong"))
    return Score(answers, left_out)


def told(whole: Score) -> Iterator[str]:
    """The score in lines: by half, by kind, and each wrong or invented answer by its name."""
    everything = sorted({row.kind for row, _, _ in whole.answers})
    for name, kinds, half in [("all", everything, "AB"), ("half A", everything, "A"), ("half B", everything, "B"),
                              *((kind, [kind], "AB") for kind in everything)]:  # fmt: skip
        part = whole.of(kinds, half)
        renamed = sum(bool(row.right) for row, _, _ in part.answers)
        right, wrong, invented = (f"{100 * share:.1f} %" for share in part.shares())
        yield (
            f"{name}: {renamed} renamed, {len(part.answers) - renamed} removed: right {right}, wrong {wrong}, "
            f"invented {invented}; right or told in words {100 * part.helped():.1f} %"
        )
    if whole.left_out:
        yield f"{whole.left_out} rows left out: no kernel of their levels"
    for row, got, came in whole.answers:
        if came == "wrong":
            right = " or ".join(sorted(row.right))
            yield f"{'wrong' if right else 'invented'}: {row.kind} {row.old} {row.old_level} {row.new_level}: {got}" + (
                f" instead of {right}" if right else ""
            )


def by_btf_alone() -> None:
    """Ask as for levels that no table knows."""
    for module in (functions, fields, enumerators):
        setattr(module, "renamed", lambda *_: [])  # noqa: B010
    setattr(functions, "successions", lambda *_: iter(()))  # noqa: B010
    setattr(functions, "compared", lambda *_: False)  # noqa: B010


def main(arguments: list[str]) -> None:
    """Print the score of each list."""
    if "--btf" in arguments:
        by_btf_alone()
    for path in (a for a in arguments if not a.startswith("--")):
        print(path)
        for line in told(score(read_list(Path(path)))):
            print(" ", line)


if __name__ == "__main__":
    main(sys.argv[1:])
