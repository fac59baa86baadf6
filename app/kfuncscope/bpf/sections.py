# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""SEC names → program type, attach type and target, by libbpf's own table (R-2.2..R-2.5)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from kfuncscope.knowledge.knowledge import for_release
from kfuncscope.knowledge.names import landmarks


@dataclass(frozen=True, slots=True)
class SecDef:
    """A row of libbpf's table. ``pattern`` ends in ``+`` (exactly, or with ``/…``), in ``/`` (prefix), or is exact."""

    pattern: str
    prog_type: str
    attach_type: str
    flags: frozenset[str]

    def matches(self, section: str) -> bool:
        """libbpf's sec_def_matches."""
        if self.pattern.endswith("+"):
            stem = self.pattern[:-1]
            return section == stem or section.startswith(stem + "/")
        if self.pattern.endswith("/"):
            return section.startswith(self.pattern)
        return section == self.pattern


@cache
def sec_defs(release: str | None = None) -> tuple[SecDef, ...]:
    """libbpf's table as a kernel release has it, in its order: the first hit wins.

    Where no release is named: the newest, then what others have beside it, as tables of a user's own may.
    """
    found: dict[str, SecDef] = {}
    for name in [release] if release else reversed(landmarks()):
        for row in for_release(name).sec_defs:
            found.setdefault(row[0], SecDef(*row))
    return tuple(found.values())


@cache
def program_types() -> tuple[str, ...]:
    """Every program type of libbpf's table (``XDP``, ``SCHED_CLS`` ...), sorted."""
    return tuple(sorted({row.prog_type for row in sec_defs()} - {""}))


def program_type(word: str) -> str | None:
    """The program type that a person means by ``xdp``, ``XDP`` or ``BPF_PROG_TYPE_XDP``; None where there is none."""
    name = word.strip().upper().removeprefix("BPF_PROG_TYPE_")
    return name if name in program_types() else None


@cache
def _by_head() -> dict[str, list[SecDef]]:
    """The rows by the part of their pattern before the first ``/``, which every section that fits shares."""
    found: dict[str, list[SecDef]] = {}
    for row in sec_defs():
        found.setdefault(row.pattern.removesuffix("+").partition("/")[0], []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class Section:
    """What a section name means. ``prog_type`` without its prefix (``TRACING``), empty when libbpf knows no such name.

    ``kind`` is the name before the first ``/`` (``fentry.s``), ``target`` what stands after it; ``module`` the part
    before ``:`` in the target of an ATTACH_BTF section (R-2.6).
    """

    name: str
    kind: str
    prog_type: str
    attach_type: str
    target: str
    module: str
    sleepable: bool
    autoload: bool
    attach_btf: bool
    flags: frozenset[str]


def _section(bare: str, autoload: bool, row: SecDef, target: str) -> Section:
    attach_btf = "ATTACH_BTF" in row.flags
    module, colon, function = target.partition(":")
    split = attach_btf and bool(colon)
    return Section(
        bare, bare.partition("/")[0], row.prog_type, row.attach_type, function if split else target,
        module if split else "", "SLEEPABLE" in row.flags, autoload, attach_btf, row.flags,
    )  # fmt: skip


def prefix_section(name: str) -> Section | None:
    """The meaning of a SEC name to loaders that take libbpf's table by prefixes (R-12.20); None where there is none.

    Rows that end in neither ``+`` nor ``/`` fit any name that begins so; what follows is not a target.
    """
    bare = name.removeprefix("?")
    for row in sec_defs():
        if row.pattern[-1] not in "+/" and bare.startswith(row.pattern):
            return _section(bare, not name.startswith("?"), row, "")
    return None


def row_of(section: str) -> SecDef | None:
    """The row of libbpf's table that a section name fits, without its ``?``; None where there is none."""
    return next((row for row in _by_head().get(section.partition("/")[0], ()) if row.matches(section)), None)


def read_section(name: str, types: dict[str, str] | None = None) -> Section:
    """The meaning of a SEC name; ``types`` gives program types to names that libbpf does not know (R-2.2)."""
    autoload = not name.startswith("?")
    bare = name.removeprefix("?")
    kind, _, target = bare.partition("/")
    if (row := row_of(bare)) is not None:
        return _section(bare, autoload, row, target)
    given = (types or {}).get(bare, "")
    return Section(bare, kind, given, "", target, "", False, autoload, False, frozenset())
