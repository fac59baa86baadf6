# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Census files: what is read, what is refused with one error, and that the other files go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.census import reader
from kfuncscope.census.reader import read_census
from kfuncscope.census.records import Attachment, RunningMap
from support.census import CensusFile


def test_a_program_with_everything(tmp_path: Path) -> None:
    file = CensusFile().program(
        "watch", type=26, tag="0123456789abcdef", functions=["inner"], maps=[[27, 0, 0, 4096, 0]], btf=9,
        attach=[{"btf": "vmlinux", "target": "do_exit"}, {"link": 2, "attach_type": 24},
                {"link": 8, "count": 3, "targets": ["a", "b"]}],
        kfuncs={"bpf_task_acquire": 2}, helpers={"bpf_get_current_task": 1}, kfunc_ids=[[7, 1]], owners=["agentd"],
        later_key={"unknown": True},
    )  # fmt: skip
    census = read_census([file.write(tmp_path / "a.jsonl")])
    assert not census.problems
    (one,), (host,) = census.programs, census.hosts
    assert host.kernel.arch == "x86_64"
    assert one.attach == (
        Attachment("btf", owner="vmlinux", target="do_exit"), Attachment("link", 2, 24),
        Attachment("link", 8, targets=("a", "b"), places=3),
    )  # fmt: skip
    assert one.maps == (RunningMap(27, 0, 0, 4096, 0),)
    assert (one.kfuncs, one.kfunc_ids, one.functions) == ((("bpf_task_acquire", 2),), ((7, 1),), ("inner",))
    assert (host.programs[0].group, host.programs[0].owners) == (9, ("agentd",))


@pytest.mark.parametrize("values", [
    {"attach": [{"btf": "vmlinux", "target": "\ud800"}]}, {"owners": ["\udfff"]}, {"kfuncs": {"\ud800": 1}},
    {"kfuncs": {"\udc80": 1}},
])  # fmt: skip
def test_halves_of_surrogate_pairs_are_no_text(tmp_path: Path, values: dict[str, Any]) -> None:
    """JSON can write them; what looks a name up would stumble over them."""
    census = read_census([CensusFile().program("one", **values).write(tmp_path / "a.jsonl")])
    assert not census.hosts and "expected" in census.problems[0].reason


def test_bytes_that_are_not_utf_8_are_escapes(tmp_path: Path) -> None:
    """The collector writes the name of a process as Python gives it."""
    census = read_census([CensusFile().program("one", owners=["a\udcffb"]).write(tmp_path / "a.jsonl")])
    assert not census.problems and census.hosts[0].programs[0].owners == ("a\\xffb",)


def test_equal_programs_of_many_hosts_are_kept_once(tmp_path: Path) -> None:
    for name in "abc":
        CensusFile(host=name).program("one").program("one").write(tmp_path / f"{name}.jsonl")
    census = read_census([tmp_path])
    assert (len(census.hosts), len(census.programs), census.instances) == (3, 1, 6)


def test_a_host_counts_once_as_it_was_last(tmp_path: Path) -> None:
    new, old = CensusFile().program("new"), CensusFile().program("old")
    new.head["time"] += 1
    census = read_census([new.write(tmp_path / "1.jsonl"), old.write(tmp_path / "2.jsonl")])
    assert [p.name for p in census.programs] == ["new"]
    assert len(census.hosts) == 1
    assert "the same host" in census.notes[0] and not census.problems


def test_hosts_without_an_id_count_each(tmp_path: Path) -> None:
    for name in "ab":
        file = CensusFile().program("one")
        file.head["host_id"] = ""
        file.write(tmp_path / f"{name}.jsonl")
    assert [h.label for h in read_census([tmp_path]).hosts] == ["a.jsonl", "b.jsonl"]


def test_a_cut_file_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = CensusFile().program("one").program("two").build()
    for cut, count in ((whole.rindex(b"\n", 0, -1) + 1, 2), (len(whole) - 40, 2), (whole.index(b'"two"'), 1)):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(whole[:cut])
        census = read_census([path])
        assert census.instances == count and census.hosts[0].cut
        (problem,) = census.problems
        assert f"cut off after {count} programs" in problem.reason


def test_a_wrong_count_is_said(tmp_path: Path) -> None:
    file = CensusFile().program("one")
    file.end = {"line": "end", "programs": 2}
    census = read_census([file.write(tmp_path / "a.jsonl")])
    assert census.instances == 1
    assert "says 2 programs, but there are 1" in census.problems[0].reason


def _change(**values: Any) -> Callable[[CensusFile], None]:
    return lambda file: file.programs[0].update(values)


def _head(**values: Any) -> Callable[[CensusFile], None]:
    return lambda file: file.head.update(values)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_head(version=2), "version 2; this program reads version 1"),
        (_head(version=True), "version True"),
        (_head(format="other"), "not a census"),
        (_head(machine=""), "machine"),
        (_head(btf_sha256="12"), "btf_sha256"),
        (_head(release="x" * 513), "release"),
        (_change(tag="xyz"), "tag"),
        (_change(name=7), "name"),
        (_change(name="n" * 513), "name"),
        (_change(type="26"), "type"),
        (_change(type=True), "type"),
        (_change(type=1 << 64), "type"),
        (_change(maps=[[1, 2, 3]]), "maps"),
        (_change(maps=[[1, 2, 3, 4, 5.0]]), "maps"),
        (_change(kfuncs={"x": 0}), "kfuncs"),
        (_change(kfuncs={"x": -1}), "kfuncs"),
        (_change(kfuncs=["x"]), "kfuncs"),
        (_change(kfuncs={str(i): 1 for i in range(reader.MOST_ITEMS + 1)}), "kfuncs"),
        (_change(attach=[7]), "attach"),
        (_change(attach=[{}]), "attach"),
        (_change(attach=[{"link": "7"}]), "link"),
        (_change(functions=[None]), "functions"),
        (_change(owners="agentd"), "owners"),
        (_change(owners=["x"] * (reader.MOST_ITEMS + 1)), "owners"),
    ],
)
def test_a_damaged_file_is_left_out_with_one_error(
    tmp_path: Path, change: Callable[[CensusFile], None], told: str
) -> None:
    good, bad = CensusFile(host="good").program("one"), CensusFile(host="bad").program("two")
    change(bad)
    census = read_census([bad.write(tmp_path / "bad.jsonl"), good.write(tmp_path / "good.jsonl")])
    assert [p.name for p in census.programs] == ["one"]
    (problem,) = census.problems
    assert problem.path.endswith("bad.jsonl") and told in problem.reason


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n", b"\x00\xff\n", b"[]\n", b"[" * 100_000 + b"\n", b'{"format": "kfuncscope-census"', b"null\n",
        CensusFile().build() + b"{}\n", CensusFile().build().replace(b'"end"', b'"end", "x": NaN'),
    ],
)  # fmt: skip
def test_no_bytes_stop_the_rest(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad.jsonl").write_bytes(data)
    CensusFile(host="good").program("one").write(tmp_path / "good.jsonl")
    census = read_census([tmp_path])
    assert "one" in [p.name for p in census.programs]


def test_long_lines_and_many_programs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_PROGRAMS", 2)
    fine, many = CensusFile(host="a").program("1").program("2"), CensusFile(host="b").program("1").program("2")
    many.program("3")
    census = read_census([fine.write(tmp_path / "a.jsonl"), many.write(tmp_path / "b.jsonl")])
    assert len(census.hosts) == 1 and "more than 2 programs" in census.problems[0].reason
    line = json.dumps({"line": "program", "name": "x" * reader.LARGEST_LINE}).encode()
    (tmp_path / "c.jsonl").write_bytes(json.dumps(CensusFile().head).encode() + b"\n" + line + b"\n")
    assert "longer than" in read_census([tmp_path / "c.jsonl"]).problems[0].reason


def test_what_is_as_large_as_allowed_is_read(tmp_path: Path) -> None:
    owners, kfuncs = ["x"] * reader.MOST_ITEMS, {str(i): 1 for i in range(reader.MOST_ITEMS)}
    file = CensusFile().program("n" * reader.MOST_TEXT, owners=owners, kfuncs=kfuncs)
    census = read_census([file.write(tmp_path / "a.jsonl")])
    assert not census.problems and len(census.programs[0].kfuncs) == reader.MOST_ITEMS


def test_missing_files_and_empty_folders_are_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    census = read_census([tmp_path / "empty", tmp_path / "none.jsonl"])
    assert len(census.problems) == 2 and not census.hosts
