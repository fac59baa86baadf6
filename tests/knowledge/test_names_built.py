# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables about names across all levels, made from the tables of each: first releases and renames (R-4.8)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.knowledge import names, tables
from kfuncscope.knowledge.build.csource.tree import Tree
from kfuncscope.knowledge.build.names import first_releases, kfunc_renames, notices_table
from kfuncscope.knowledge.build.pack import pack
from kfuncscope.knowledge.history import LEVELS, at_level, history
from kfuncscope.knowledge.knowledge import releases
from kfuncscope.resources import resource
from support.levels import one_level
from support.linuxtree import write_tree


def kfuncs(**sets: dict[str, str]) -> dict[str, Any]:
    """A table of kfuncs: set → kfunc → prototype."""
    return {
        "sets": [{"set": name, "kfuncs": [[one, 0, []] for one in members]} for name, members in sets.items()],
        "protos": {one: proto for members in sets.values() for one, proto in members.items()},
    }


def uapi(*maps: str) -> dict[str, list[str]]:
    return {"helpers": ["unspec"], "bpf_map_type": ["BPF_MAP_TYPE_UNSPEC", *maps, "__MAX_BPF_MAP_TYPE"]}


def dated(levels: dict[str, list[str]], **told: str) -> tuple[dict[str, str], list[str]]:
    """First releases of map types, by the levels that have them."""
    found, doubts = first_releases({}, {level: uapi(*maps) for level, maps in levels.items()}, {"map_type": told})
    return found["map_type"], doubts


@pytest.mark.parametrize(
    ("levels", "told", "first"),
    [
        ({"6.1.4": [], "6.2.3": ["M"]}, "", "6.2"),
        ({"6.19.3": [], "7.0.2": ["M"]}, "", "7.0"),
        ({"6.18.3": [], "7.0.2": ["M"]}, "", "6.19 to 7.0"),
        ({"6.1.4": [], "6.12.8": ["M"]}, "", "6.2 to 6.12"),
        ({"6.1.4": ["M"]}, "", "6.1 or earlier"),
        ({"6.1.4": ["M"]}, "4.9", "4.9"),
        ({"6.1.4": [], "6.12.8": ["M"]}, "6.2", "6.2"),
        ({"6.1.4": [], "6.12.8": ["M"]}, "6.12", "6.12"),
        ({"6.12.8": [], "6.12.107": ["M"], "7.1.3": ["M"]}, "", "6.13 to 7.1"),  # stable releases add names
        ({"6.12.8": [], "6.12.107": ["M"], "6.17.3": []}, "", "6.12"),
        ({"6.12.8": []}, "6.13", "6.13"),  # came and went
    ],
)
def test_the_first_release_of_a_name(levels: dict[str, list[str]], told: str, first: str) -> None:
    found, doubts = dated(levels, **({"M": told} if told else {}))
    assert found == {"M": first} and not doubts


@pytest.mark.parametrize("told", ["6.1", "6.13"])
def test_a_record_that_the_sources_contradict(told: str) -> None:
    found, doubts = dated({"6.1.4": [], "6.12.8": ["M"]}, M=told)
    assert found == {"M": "6.2 to 6.12"}
    assert doubts == [f"map_type M: recorded as of {told}, but in Linux 6.12.8 and not in 6.1.4"]


PROTO = "int {}(struct toy *toy)"


def renamed(old: dict[str, str], new: dict[str, str], **notices: list[str]) -> dict[str, Any]:
    contents = {"7.1.3": kfuncs(s=old), "7.2.6": kfuncs(s=new)}
    told = {"7.1.3": {"notices": notices}}
    found: dict[str, Any] = kfunc_renames(contents, told)["renames"]
    return found


def proto(name: str) -> dict[str, str]:
    return {name: PROTO.format(name)}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (proto("consume"), proto("move_to_local"), "move_to_local"),  # the prototype alone
        (proto("consume"), {"move_to_local": "int move_to_local(void)"}, ""),
        (proto("rstat_flush_cgroup"), {"rstat_flush_css": "int rstat_flush_css(void)"}, "rstat_flush_css"),
        (proto("run"), {**proto("walk_far"), **proto("run_fast")}, "run_fast"),  # of two, the one like it
        (proto("run"), {**proto("run"), **proto("run_fast")}, ""),  # it is still there
        (proto("run"), {}, ""),
    ],
)
def test_one_name_for_another_in_a_set(old: dict[str, str], new: dict[str, str], expected: str) -> None:
    (name,) = old
    assert renamed(old, new) == ({name: [expected, "7.1.3", "7.2.6"]} if expected else {})


def test_a_kfunc_of_another_set_takes_no_place() -> None:
    contents = {"7.1.3": kfuncs(s=proto("run"), t={}), "7.2.6": kfuncs(s={}, t=proto("run_fast"))}
    assert kfunc_renames(contents, {})["renames"] == {}
    contents = {"7.1.3": kfuncs(s=proto("run"), t=proto("run_fast")), "7.2.6": kfuncs(s=proto("run_fast"))}
    assert kfunc_renames(contents, {})["renames"] == {}  # it was there before


def test_the_kernels_own_warning_names_what_to_use() -> None:
    found = renamed({**proto("run"), **proto("walk")}, proto("walk"), run=["walk", "crawl"])
    assert found == {"run": ["walk / crawl", "7.1.3", "7.1.3"]}


def test_warnings_in_the_source(tmp_path: Path) -> None:
    table = {"sets": [{"file": "kernel/bpf/helpers.c", "kfuncs": [["bpf_toy_get"], ["bpf_toy_put"]]}]}
    assert notices_table(Tree(write_tree(tmp_path)), table) == {"notices": {"bpf_toy_put": ["bpf_toy_get"]}}


def test_the_shipped_tables_are_what_the_builder_makes() -> None:
    """No row of these is written by hand."""
    root = resource("knowledge")
    record = json.loads((root / "documented.json").read_text())
    assert record.pop("provenance")["source"]
    of = {table: {level: at_level(root, table, level) for level in releases()} for table in ("kfuncs", "uapi")}
    notices = {level: at_level(root, "notices", level) for level in history(root, "notices")[LEVELS]}
    dates, _ = first_releases(of["kfuncs"], of["uapi"], record)
    shipped = json.loads((root / "first_release.json").read_text())
    assert shipped.pop("provenance")["made"] == "kfuncscope knowledge pack" and shipped == dates
    renames = json.loads((root / "kfunc_renames.json").read_text())
    assert renames.pop("provenance")["made"] == "kfuncscope knowledge pack"
    assert renames == kfunc_renames(of["kfuncs"], notices)


def test_reasons_of_renames() -> None:
    assert names.renamed("kfunc", "scx_bpf_consume") == [
        ("scx_bpf_dsq_move_to_local", "it took its place in its set between Linux 6.12.118 and 6.17.8")
    ]
    told = names.renamed("kfunc", "scx_bpf_cpu_rq")
    assert [new for new, _ in told] == ["scx_bpf_locked_rq", "scx_bpf_cpu_curr"]
    assert all("the kernel's own warning" in reason for _, reason in told)


def test_fewer_levels_than_are_shipped_make_no_tables_of_names(tmp_path: Path) -> None:
    """Rows of a user's own win, and what few levels tell of a name is less."""
    lines = list(pack([one_level(tmp_path / "7.3.4", "7.3.4")], tmp_path / "out"))
    assert lines[-1] == "first_release, kfunc_renames: not made, as levels that are shipped were not given"
    assert not tables.exists(tmp_path / "out", "first_release")
