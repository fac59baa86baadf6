# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Levels, spans and histories: what is stored of many levels is what was put in, and between levels both count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kfuncscope.errors import KnowledgeError
from kfuncscope.knowledge import history, tables
from kfuncscope.knowledge.build.pack import pack
from kfuncscope.knowledge.knowledge import for_release
from kfuncscope.knowledge.levels import holds, in_order, level_key, linux_version, neighbours, span_of
from support.levels import one_level

LEVELS = ["5.10.223", "6.1.4", "6.1.192", "6.12.107", "6.12.117", "7.2.6"]


@given(st.sets(st.sampled_from(LEVELS), min_size=1))
def test_a_span_holds_just_the_levels_that_it_was_made_of(true_at: set[str]) -> None:
    span = span_of(true_at, LEVELS)
    assert {name for name in LEVELS if holds(span, level_key(name) or ())} == true_at
    assert (span == "") == (len(true_at) == len(LEVELS))


def test_spans_as_they_are_written() -> None:
    assert span_of(LEVELS[:2], LEVELS) == "-6.1.4"
    assert span_of(LEVELS[2:], LEVELS) == "6.1.192-"
    assert span_of([LEVELS[1], LEVELS[3], LEVELS[4]], LEVELS) == "6.1.4,6.12.107-6.12.117"
    assert holds("6.12.107-6.12.117", (6, 12, 107)) and not holds("6.12.107-6.12.117", (6, 12, 106))
    assert holds("6.12.107-6.12.117", (6, 12, 117)) and not holds("6.12.107-6.12.117", (6, 12, 118))


@pytest.mark.parametrize(
    ("release", "version"),
    [("5.10.0-32-amd64", None), ("6.1.0-0.deb11.48-amd64", None), ("6.8.0-31-generic", None),
     ("5.14.0-427.el9.x86_64", None), ("6.12.107+deb13-amd64", "6.12.107"), ("7.3.4", "7.3.4"), ("6.12", None),
     ("5.10.223", "5.10.223"), ("linux", None)],
)  # fmt: skip
def test_versions_and_names_of_an_abi_r_12_21(release: str, version: str | None) -> None:
    assert linux_version(release) == version


def test_neighbours_of_a_release_r_12_22() -> None:
    assert neighbours("6.12.107+deb13-amd64", LEVELS) == ("6.12.107", (), True, False)
    assert neighbours("6.12.110", LEVELS) == ("6.12.107", ("6.12.117",), False, False)
    assert neighbours("6.12.118", LEVELS) == ("6.12.117", ("7.2.6",), False, False)
    assert neighbours("6.17.13", LEVELS) == ("7.2.6", ("6.12.117",), False, False)
    assert neighbours("6.12", LEVELS) == ("6.12.117", ("6.12.107",), False, False)
    assert neighbours("5.10.0-32-amd64", LEVELS) == ("5.10.223", (), True, False)
    assert neighbours("7.2.7", LEVELS) == ("7.2.6", (), False, True)
    assert neighbours("4.19.1", LEVELS) == ("5.10.223", (), False, False)


ROWS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2))


@given(st.dictionaries(st.sampled_from(LEVELS), st.tuples(ROWS, st.sets(st.sampled_from("xyz"))), min_size=1))
def test_every_level_reads_back_from_a_history(levels: dict[str, tuple[dict[str, int], set[str]]]) -> None:
    contents: dict[str, dict[str, Any]] = {
        name: {"provenance": {"source": name}, "files": {"f.c": sorted(names)}, "rest": rows}
        for name, (rows, names) in levels.items()
    }
    made = history.merge("notrace", contents)
    assert list(made["levels"]) == in_order(levels)
    for name, (rows, names) in levels.items():
        key = level_key(name) or ()
        assert history._rows_at(made["rest"], key) == rows
        assert history._names_at(made["files"], key).get("f.c", []) == sorted(names)


def test_levels_packed_and_unpacked_say_the_same(tmp_path: Path) -> None:
    names = ("6.1.4", "6.12.107", "7.3.4")
    folders = [one_level(tmp_path / "in" / name, name) for name in names]
    told = list(pack(folders, tmp_path / "out"))
    assert told[0].startswith("kfuncs: 3 levels, ")
    for name in names:
        one, shipped = for_release(name, tmp_path / "out"), for_release(name)
        assert one is not shipped and one.provenance.source == shipped.provenance.source
        assert one.kfuncs == shipped.kfuncs and one.helpers == shipped.helpers
        assert dict(one.tracepoints) == dict(shipped.tracepoints)
        assert one.kfunc_filters == shipped.kfunc_filters and one.struct_ops == shipped.struct_ops
        assert one.notrace("preempt_count_add", "x86_64") == shipped.notrace("preempt_count_add", "x86_64")
        assert one.syscalls("arm64") == shipped.syscalls("arm64") != frozenset()


def test_what_is_not_the_tables_of_a_level_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "6.1.4").mkdir()
    with pytest.raises(KnowledgeError, match="does not hold the tables of a level"):
        list(pack([tmp_path / "6.1.4"], tmp_path / "out"))


@pytest.mark.parametrize("broken", ['{"a": 1}', "[]", '{"a": []}'])
def test_damaged_rows_are_one_clear_error(tmp_path: Path, broken: str) -> None:
    made = {"provenance": {}, "levels": {"9.1.1": "x"}, "hooks": json.loads(broken)}
    tables.write(tmp_path, "lsm", made)
    with pytest.raises(KnowledgeError, match=r"lsm\.json.*not of the form"):
        history.at_level(tmp_path, "lsm", "9.1.1")
    with pytest.raises(KnowledgeError, match=r"does not know level 9\.1\.2"):
        history.at_level(tmp_path, "lsm", "9.1.2")


def test_a_point_release_changes_facts_r_12_22() -> None:
    """What the sources of 6.12.107 and 6.12.117 differ in, and nothing else: helpers, NULL arguments, LSM hooks."""
    old, new = for_release("6.12.107"), for_release("6.12.117")
    attach = [row.split(" ")[0].removeprefix("BPF_") for row in old.uapi["bpf_attach_type"]]
    asked = [(h, t, a) for h in old.helpers for t in old.helper_prog_types for a in attach]
    differ = {
        (helper, prog_type) + ((kind,) if prog_type == "CGROUP_SOCK_ADDR" else ())
        for helper, prog_type, kind in asked
        if old.helper_allowed(helper, prog_type, attach_type=kind).allowed
        != new.helper_allowed(helper, prog_type, attach_type=kind).allowed
    }
    names = ("CGROUP_UNIX_GETPEERNAME", "CGROUP_UNIX_GETSOCKNAME")
    changed = {(h, "CGROUP_SOCK_ADDR", n) for h in ("setsockopt", "getsockopt") for n in names}
    assert differ == changed | {("skb_pull_data", "LWT_SEG6LOCAL")}
    came = {name: fact for name, fact in new.raw_tp_null_args.items() if old.raw_tp_null_args.get(name) != fact}
    assert {name: (fact.nullable, fact.is_err) for name, fact in came.items()} == {
        "sched_process_wait": ({0}, set()), "signal_deliver": (set(), {1}), "signal_generate": (set(), {1}),
    }  # fmt: skip
    assert old.raw_tp_null_args.keys() <= new.raw_tp_null_args.keys()
    lists = [{n: (f.sleepable, f.bpf_disabled) for n, f in k.lsm_hooks.items()} for k in (old, new)]
    assert [n for n in lists[1] if lists[1][n] != lists[0][n]] == ["bpf_prog_free"]
    assert old.lsm_hooks["bpf_prog_free"].sleepable and not new.lsm_hooks["bpf_prog_free"].sleepable
    later = for_release("7.1.13")  # which still takes what 6.12.117 refuses
    assert later.helper_allowed("setsockopt", "CGROUP_SOCK_ADDR", attach_type=names[0]).allowed == "yes"


def test_what_neighbours_do_not_agree_about_is_not_certain() -> None:
    between = for_release("6.12.112")
    assert between.agreed(lambda tables: tables.kfunc_hooks)
    assert for_release("7.0.13").agreed(lambda tables: "bpf_session_filter" in tables.kfunc_filters) is False
    assert not for_release("9.9").agreed(lambda tables: 1)  # nothing on the other side: a guess
