# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Facts that begin with a release, KF_ flags, and tables of a user's own: each from one place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.bpf import instructions, sections
from kfuncscope.bpf.instructions import Insn, later_instruction
from kfuncscope.bpf.sections import read_section
from kfuncscope.errors import KnowledgeError
from kfuncscope.knowledge import common, flags, knowledge, names, sources, tables, versions
from kfuncscope.knowledge.flags import flag_meaning, flag_names, flag_set, flag_words, risky_flags
from kfuncscope.knowledge.knowledge import for_release
from kfuncscope.knowledge.versions import Fact, facts, first_with_instruction, release_marks, since, version_of
from support.levels import one_level

CACHED: tuple[Callable[..., Any], ...] = (
    common.common_table, versions.facts, versions.since, versions.first_with_instruction, versions.release_marks,
    sections.sec_defs, sections._by_head, knowledge._for_release, flags._of_all_releases, flags.risky_flags,
    sources.sources_in, names._last_levels,
)  # fmt: skip


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the user's own tables, in a process that has read none yet."""

    def forget() -> None:
        for function in CACHED:
            function.cache_clear()  # type: ignore[attr-defined]

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    forget()
    yield tables.user_tables()
    forget()


# -- since


@pytest.mark.parametrize("fact", Fact)
def test_both_sides_of_every_row(fact: Fact) -> None:
    """Known to be there from the first release on, to lack before; a release that is not known tells nothing."""
    row = facts()[fact]
    major, minor = row.first
    assert since(fact, row.first) is since(fact, (major, minor, 4)) is since(fact, (major + 1, 0)) is True
    before = (
        (row.unknown_from[0] - 1, 99, 9)
        if not row.unknown_from[1]
        else (row.unknown_from[0], row.unknown_from[1] - 1, 9)
    )
    assert since(fact, before) is since(fact, (4, 19)) is False
    assert since(fact, (0, 0)) is since(fact, ()) is None
    if row.unknown_from != row.first:
        assert since(fact, row.unknown_from) is since(fact, (*row.unknown_from, 8)) is None
    assert re.fullmatch(r"R-\d+\.\d+[a-z]?", row.rule) and len(row.what) > 10


def test_what_is_not_known_lies_between() -> None:
    assert [since(Fact.UNION_ARGS, v) for v in ((6, 16, 12), (6, 17), (6, 17, 9), (6, 18))] == [False, None, None, True]


def test_no_row_is_without_a_name_in_code() -> None:
    table = common.common_table("versions")
    assert set(table["facts"]) == {fact.value for fact in Fact}


def test_every_late_instruction_has_its_release() -> None:
    """Names that the decoder gives and rows of the table are the same."""
    found = {
        later_instruction(Insn(op, 0, src, off, imm))
        for op in range(256) for src in (0, 1, 11) for off in (0, 1, 8) for imm in (0, 1, 0x100, 0x110)
    }  # fmt: skip
    rows = common.common_table("versions")["instructions"]
    assert found - {None} == set(rows)
    assert all(first_with_instruction(name) > (5, 10) for name in rows)
    assert {op for op in range(256) if any(later_instruction(Insn(op, 0, 0, off, 0x100)) for off in (0, 1))} == set(
        instructions.LATER_OPS
    )


def test_enumerators_are_dated_newest_first() -> None:
    dates = [version_of(release) for release, _ in release_marks()]
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize(
    "rows",
    [{"lazy_globals": {"since": "six"}}, {"lazy_globals": {}}, {"lazy_globals": 7},
     {"lazy_globals": {"since": "6.8", "absent_below": "6.9", "rule": "R-1.1", "what": ""}}],
)  # fmt: skip
def test_damaged_rows_are_one_clear_error(own: Path, rows: dict[str, Any]) -> None:
    tables.write(own, "versions", {"facts": rows})
    with pytest.raises(KnowledgeError, match=r"versions\.json: is not of its form"):
        since(Fact.LAZY_GLOBALS, (6, 8))


# -- flags


def test_every_flag_of_every_release_has_a_meaning() -> None:
    named = {pair for release in knowledge.releases() for pair in for_release(release).flag_bits.items()}
    rows = common.common_table("kfunc_flags")["flags"]
    assert named == {(name, row["bit"]) for name, row in rows.items()}
    assert all(flag_meaning(name) for name in rows)
    assert flag_meaning("KF_NEVER") == ""


def test_names_come_from_the_release() -> None:
    old, new = for_release("6.1"), for_release("7.3")
    assert flag_words(0b101101, old) == "KF_ACQUIRE | KF_RET_NULL | KF_KPTR_GET | KF_SLEEPABLE"
    assert flag_words(1 << 17, new) == "KF_SPINLOCK_SAFE"
    assert flag_words(0, new) == "-" and flag_words(None, new) == "?"
    # What a release's own table lacks, another may name: tables can be borrowed.
    assert flag_names(1 << 18 | 1 << 3 | 1 << 30, old) == ["KF_KPTR_GET", "KF_PERFMON", "bit 30"]
    assert flag_names(1 << 3) == ["KF_KPTR_GET"]
    assert flag_set(0x20, "KF_SLEEPABLE", new) and not flag_set(0x40, "KF_SLEEPABLE", new)
    assert not flag_set(-1, "KF_PERFMON", old)


def test_changes_that_are_a_risk_r_4_5() -> None:
    assert risky_flags("gained") == {"KF_ACQUIRE", "KF_RELEASE", "KF_RET_NULL", "KF_SLEEPABLE", "KF_RCU_PROTECTED"}
    assert risky_flags("lost") == {"KF_ACQUIRE", "KF_RELEASE", "KF_ITER_NEW", "KF_ITER_NEXT", "KF_ITER_DESTROY"}


# -- tables of a user's own


def test_a_release_of_ones_own_brings_its_section_names(own: Path) -> None:
    """SEC names were read from the packaged folder alone."""
    one_level(own / "9.9", "7.3.4")
    table = tables.read(own / "9.9", "sec_defs")
    table["rows"].append(["newhook+", "XDP", "XDP", ["ATTACHABLE"], ""])
    tables.write(own / "9.9", "sec_defs", dict(table))
    assert read_section("newhook/x").prog_type == "XDP"
    assert read_section("xdp").prog_type == "XDP"


def test_an_older_release_of_ones_own_adds_names_and_changes_none(own: Path) -> None:
    one_level(own / "6.0", "6.1.4")
    rows = [["xdp+", "KPROBE", "", [], ""], ["newhook+", "XDP", "XDP", [], ""]]
    tables.write(own / "6.0", "sec_defs", {"provenance": {}, "rows": rows})
    assert read_section("newhook").prog_type == "XDP"
    assert read_section("xdp").prog_type == "XDP"
    assert sections.sec_defs("6.0")[0].prog_type == "KPROBE"


def test_common_tables_of_ones_own(own: Path) -> None:
    """Renames, flags, versions and first releases: rows of one's own beside the packaged ones, or in their place."""
    assert since(Fact.LAZY_GLOBALS, (6, 7)) is False
    row = {"since": "6.7", "rule": "R-3.12b", "what": "as a vendor's kernel has it"}
    for function in CACHED:
        function.cache_clear()  # type: ignore[attr-defined]
    tables.write(own, "versions", {"facts": {"lazy_globals": row}})
    tables.write(own, "kfunc_renames", {"renames": {"my_old": "my_new"}})
    tables.write(own, "kfunc_flags", {"flags": {"KF_MINE": {"means": "a vendor's own", "risk": ["gained"]}}})
    assert since(Fact.LAZY_GLOBALS, (6, 7)) is True
    assert since(Fact.UNION_ARGS, (6, 18)) is True
    assert names.renames()["my_old"] == "my_new"
    assert "scx_bpf_consume" in names.renames()
    assert flag_meaning("KF_MINE") == "a vendor's own"
    assert "KF_MINE" in risky_flags("gained") and "KF_ACQUIRE" in risky_flags("gained")


def test_a_common_table_that_is_nowhere(own: Path) -> None:
    with pytest.raises(KnowledgeError, match="cannot be read"):
        common.common_table("nothing")
