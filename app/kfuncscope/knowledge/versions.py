# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Since which release the kernel, or a loader, does what the rules ask about: ``versions.json`` and ``loaders.json``.

A new release, or a better known one, is a row there and no comparison in code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from kfuncscope.errors import KnowledgeError
from kfuncscope.knowledge.common import common_table

Version = tuple[int, ...]
"""A release by its numbers, as exactly as it is known: ``(6, 12)`` or ``(6, 12, 107)``; zeros where it is not."""


class Fact(StrEnum):
    """What the table tells about; ``what`` and ``rule`` of its row say more."""

    KFUNC_ADDRESS = "kfunc_address"
    KFUNC_TAGS = "kfunc_tags"
    BPF_COOKIE = "bpf_cookie"
    LAZY_GLOBALS = "lazy_globals"
    GPL_READS = "gpl_reads"
    RAW_TP_NULL = "raw_tp_null"
    NORETURN_DENY = "noreturn_deny"
    FMODRET_FLAGS = "fmodret_flags"
    SYSCALLS_OPEN = "syscalls_open"
    SLEEPABLE_TRACEPOINTS = "sleepable_tracepoints"
    OTHER_POINTERS = "other_pointers"
    INTEGER_POINTERS = "integer_pointers"
    CONST_VOID_POINTERS = "const_void_pointers"
    UNION_ARGS = "union_args"
    STRUCT_ARGS = "struct_args"
    GLOBAL_POINTERS = "global_pointers"
    GLOBAL_CALLS = "global_calls"
    LOCKED_CALLS = "locked_calls"
    XDP_FRAGS = "xdp_frags"
    NESTED_SCHEDULERS = "nested_schedulers"
    SLEEPABLE_UPROBES = "sleepable_uprobes"
    ARGUMENT_TAGS = "argument_tags"
    TRUSTED_TAGS = "trusted_tags"
    UNTRUSTED_TAG = "untrusted_tag"
    NULL_PASSED = "null_passed"
    GLOBAL_VOID = "global_void"
    TRACING_TIMERS = "tracing_timers"
    DATA_FIELDS = "data_fields"
    LATE_ALLOCATION = "late_allocation"
    UNION_READS = "union_reads"
    QUIET_PROTECTS = "quiet_protects"


@dataclass(frozen=True, slots=True)
class Since:
    """A row: the first release known to have it, the first that is not known to lack it, its rule, and what it is."""

    first: Version
    unknown_from: Version
    rule: str
    what: str


def version_of(text: str) -> Version:
    """``(6, 12, 107)`` of ``6.12.107``. Raises ValueError where the text is not a release."""
    return tuple(int(part) for part in text.split("."))


@cache
def facts() -> dict[Fact, Since]:
    """Every row of the table; KnowledgeError where one is missing or is not of its form."""
    rows = common_table("versions")["facts"]
    try:
        return {fact: _row(rows[fact.value]) for fact in Fact}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise KnowledgeError("versions.json", f"is not of its form: {error!r}") from None


def _row(row: dict[str, Any]) -> Since:
    first = version_of(row["since"])
    unknown_from = version_of(row.get("absent_below", row["since"]))
    if unknown_from > first:
        raise ValueError(f"absent below {row['absent_below']}, but there since {row['since']}")
    return Since(first, unknown_from, row["rule"], row["what"])


@cache
def since(fact: Fact, version: Version) -> bool | None:
    """Whether a release has it; None where the release is not known, or is one of which that is not known.

    Of a version that is known to its minor number alone, the first of that series is meant.
    """
    if not any(version):
        return None
    row = facts()[fact]
    if version >= row.first:
        return True
    return False if version < row.unknown_from else None


@cache
def sleepers_use(map_type: str, version: Version) -> bool | None:
    """Whether sleepable programs of a release may use maps of a type (R-12.25); None where that is not known."""
    if not any(version):
        return None
    row = common_table("versions")["sleepable_maps"].get(map_type)
    if row is None or version < version_of(row["absent_below"]):
        return False
    return True if version >= version_of(row["since"]) else None


@cache
def first_with_instruction(name: str) -> Version:
    """The first release whose verifier knows an instruction, by the names of bpf.instructions (R-11.14)."""
    return version_of(common_table("versions")["instructions"][name])


@dataclass(frozen=True, slots=True)
class LoaderFacts:
    """What a loader can read since which of its versions (R-12.20), by its releases such as ``(0, 8)``.

    ``kinds``: kinds of BTF; ``sections``: patterns of section names, as libbpf's table has them; ``bare``: sections of
    a kind that may have a target, without it. ``marks``: messages that a version and all later ones have in their code.
    ``header`` and ``layout``: a BTF header of more than 24 bytes, and kinds described by a layout section; None = any.
    ``forms``: what else it learned to read, by the words of rules.checks.loader. ``own_btf``: it reads the object's BTF
    always, and not only where maps or externs are declared in it. ``skips``: it leaves programs out whose section it
    does not know, and loads the others.
    ``last_of_so``: the last release of each number of the shared library.
    """

    title: str
    kinds: Mapping[str, Version]
    sections: Mapping[str, Version]
    marks: Mapping[Version, tuple[str, ...]]
    forms: Mapping[str, Version]
    own_btf: bool
    skips: bool
    last_of_so: Mapping[str, Version]
    bare: Version | None
    header: Version | None
    layout: Version | None


@cache
def loaders() -> dict[str, LoaderFacts]:
    """Facts by loader: ``libbpf`` and ``cilium``."""
    rows = {name: row for name, row in common_table("loaders").items() if name != "provenance"}
    try:
        return {name: _loader(row) for name, row in rows.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise KnowledgeError("loaders.json", f"is not of its form: {error!r}") from None


def _loader(row: dict[str, Any]) -> LoaderFacts:
    def dated(part: str) -> dict[str, Version]:
        return {name: version_of(text) for name, text in row[part].items()}

    bare, header, layout = (version_of(row[part]) if row[part] else None for part in ("bare", "header", "layout"))
    marks = {version_of(version): tuple(texts) for version, texts in row["marks"].items()}
    return LoaderFacts(
        row["title"],
        dated("kinds"),
        dated("sections"),
        marks,
        dated("forms"),
        row["own_btf"],
        row["skips"],
        dated("last_of_so"),
        bare,
        header,
        layout,
    )


@cache
def release_marks() -> tuple[tuple[str, str], ...]:
    """(release, enumerator of the UAPI first seen in a Debian kernel of it), the newest first.

    Stable updates do not add such names, as they do LSM hooks and members of structs.
    """
    return tuple((release, name) for release, name in common_table("versions")["enumerators"])
