# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Alternatives: programs of one object that do the same job by different hooks, of which a loader switches one on.

Real tools carry fentry and kprobe of one function, ``…_page`` and ``…_folio``, ``x`` and ``__x``, and choose when they
run. A program that a working alternative replaces breaks nothing for its user; where nothing shows that the loader
chooses, bpf_object__load() fails with the first program that is refused (R-12.15).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kfuncscope.model.verdict import ProgramVerdict, Tri

if TYPE_CHECKING:
    from kfuncscope.bpf.object import Program

_ENTRY = {"fentry": "entry", "kprobe": "entry", "kprobe.multi": "entry", "fentry.multi": "entry", "ksyscall": "entry"}
_EXIT = {"fexit": "exit", "kretprobe": "exit", "kretprobe.multi": "exit", "fexit.multi": "exit", "kretsyscall": "exit"}
_TRACE = {"tp_btf": "trace", "raw_tp": "trace", "raw_tracepoint": "trace", "tracepoint": "trace", "tp": "trace"}
_SIDE = _ENTRY | _EXIT | _TRACE
MOST_ALTERNATIVES = 100  # candidates of one kind that are looked at


def _stem(target: str) -> str:
    """A target without what its successors usually change: prefix underscores, page/folio, clones, nested variants."""
    name = target.rpartition("/")[2].rpartition(":")[2].partition("+")[0].strip("_")
    name = re.sub(r"\.(isra|constprop|part|cold)\.?\d*", "", name)
    name = re.sub(r"_(nested|noprof|compat)(?=_|$)", "", name)
    return re.sub(r"folio|page", "page", name)


def same_job(one: Program, other: Program) -> bool:
    """Whether two programs look like alternatives of each other."""
    a, b = one.section, other.section
    if not a.target or not b.target or a.target.startswith("dummy_") or b.target.startswith("dummy_"):
        return False
    side, its = _SIDE.get(a.kind.removesuffix(".s")), _SIDE.get(b.kind.removesuffix(".s"))
    if a.prog_type == b.prog_type == "LSM":
        return a.target == b.target
    if side is None or its is None:
        return a.prog_type == b.prog_type and a.name == b.name and _name_stem(one.name) == _name_stem(other.name)
    if side == its:
        return _stem(a.target) == _stem(b.target)
    # A tracepoint and a probe of the function around it: known from the programs' own names only.
    return "trace" in (side, its) and _name_stem(one.name) == _name_stem(other.name)


def _name_stem(name: str) -> str:
    name = re.sub(
        r"(^|_)(kprobe|kretprobe|fentry|fexit|tp|btf|raw|raw_tp|tracepoint|compat|legacy|old|new|v\d)(?=_|$)", "", name
    )
    return re.sub(r"folio|page", "page", name).strip("_")


class Alternatives:
    """The programs of an object that work on the new kernel, found by what makes another one their alternative."""

    def __init__(self, programs: tuple[ProgramVerdict, ...], known: dict[str, Program]) -> None:
        self._known = known
        self._verdicts = {one.program: one for one in programs}
        self._places: dict[str, int] = {}
        self._by_key: dict[tuple[str, str], list[str]] = {}
        for place, one in enumerate(programs):
            if one.new.loads != Tri.YES or one.new.attaches == Tri.NO:
                continue
            self._places[one.program] = place
            for key in _keys(known[one.program]):
                self._by_key.setdefault(key, []).append(one.program)

    def of(self, broken: ProgramVerdict, chooses: bool) -> str | None:
        """The first program that does the same job, works, and that the loader can take instead; None without one.

        ``chooses`` tells that the loader picks programs at run time: the object as it stands did not load before.
        """
        me = self._known[broken.program]
        names = {n for key in _keys(me) for n in self._by_key.get(key, ())[:MOST_ALTERNATIVES]} - {broken.program}
        for name in sorted(names, key=lambda n: self._places[n]):
            if same_job(me, self._known[name]) and (chooses or self._choice(broken, self._verdicts[name])):
                return name
        return None

    @staticmethod
    def _choice(broken: ProgramVerdict, other: ProgramVerdict) -> bool:
        """Whether a loader must choose between two programs: one is off by default, or one did not attach before.

        Two programs that both worked, each on its own, are two jobs on one hook (R-12.15).
        """
        return not (broken.autoload and other.autoload) or (other.old is not None and other.old.attaches == Tri.NO)


def _keys(program: Program) -> tuple[tuple[str, str], ...]:
    """What two programs must share one of, to do the same job."""
    section = program.section
    return ("target", _stem(section.target)), ("name", _name_stem(program.name)), ("section", section.name)


_VARIANT = re.compile(r"[._-](legacy|nobtf|modern|v\d+|old|new|compat)(?=[._-]|$)|\.\d+(?=\.)|^\d{4}-", re.IGNORECASE)


def variant_key(name: str) -> str:
    """What several builds of one object have in common: its path without build words and numbers."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/{_VARIANT.sub('', file)}"
