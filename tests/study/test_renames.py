# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Renames between two source trees: what lines must show, and what BTF must confirm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kfuncscope.study.renames import main, swapped, table
from support.kernels import KernelBuilder


def trees(folder: Path, old: str, new: str, file: str = "kernel/a.c") -> tuple[Path, Path]:
    """Two source trees with one file each."""
    for side, text in (("old", old), ("new", new)):
        (folder / side / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / side / file).write_text(text)
    return folder / "old", folder / "new"


def kernel(
    function: str, *, field: str = "pid", value: str = "ONE", event: str = "started", hook: str = "open"
) -> bytes:
    """BTF with one thing of each kind."""
    kb = KernelBuilder("7.3", enums=False)
    kb.hook(function)
    kb.btf.struct("task", [(field, kb.s32)])
    kb.btf.enum("words", {value: 1, "TWO": 2})
    kb.tracepoint(event)
    kb.lsm(hook)
    return kb.build()


def blobs(old: bytes, new: bytes):  # type: ignore[no-untyped-def]
    from kfuncscope.btf.blob import Blob

    return Blob(old, "old"), Blob(new, "new")


def calls(name: str, count: int) -> str:
    """Lines that differ in nothing but the number of an argument, each with a name."""
    return "".join(f"\tx{i} = {name}(a, {i});\n\n" for i in range(count))


@pytest.mark.parametrize(
    ("gone", "came", "lines", "found"),
    [
        ("do_thing", "do_things", 2, True), ("do_thing", "do_things", 1, False),  # names that are alike: two lines
        ("do_thing", "perform", 4, True), ("do_thing", "perform", 3, False),  # others: four
    ],
)  # fmt: skip
def test_functions_by_the_lines_that_call_them(gone: str, came: str, lines: int, found: bool, tmp_path: Path) -> None:
    pair = trees(tmp_path, calls(gone, lines), calls(came, lines))
    made = table(swapped(*pair), *blobs(kernel(gone), kernel(came)))
    assert made["function"] == ({gone: (came, lines, "kernel/a.c")} if found else {})
    assert made["field"] == made["enumerator"] == made["tracepoint"] == made["lsm"] == {}


def test_what_btf_does_not_confirm_is_not_a_rename(tmp_path: Path) -> None:
    """The old name must have gone and the new one must be new."""
    lines = swapped(*trees(tmp_path, calls("do_thing", 9), calls("do_things", 9)))
    assert table(lines, *blobs(kernel("do_thing"), kernel("do_thing")))["function"] == {}
    assert table(lines, *blobs(kernel("other"), kernel("do_things")))["function"] == {}


@pytest.mark.parametrize(("agree", "other", "found"), [(6, 2, True), (5, 2, False)])
def test_three_quarters_of_the_lines_must_agree(agree: int, other: int, found: bool, tmp_path: Path) -> None:
    old = calls("do_thing", agree) + calls("do_thing", other).replace("\tx", "\ty")
    new = calls("do_things", agree) + calls("do_else", other).replace("\tx", "\ty")
    made = table(swapped(*trees(tmp_path, old, new)), *blobs(kernel("do_thing"), kernel("do_things")))
    assert bool(made["function"]) == found


def test_fields_enumerators_tracepoints_and_hooks(tmp_path: Path) -> None:
    """Two lines for what is used in many places; one, with the prefix of its call, for what a header declares."""
    forms = ("\tx{0} = p->{1} + {0};\n\n", "\tif (y == {2} || {0})\n\n")
    old = "".join(f.format(i, "pid", "ONE") for f in forms for i in range(2))
    new = "".join(f.format(i, "pids", "ONES") for f in forms for i in range(2))
    old += "\ttrace_started(p, 1);\n\n\tret = security_open(file, 2);\n"
    new += "\ttrace_starting(p, 1);\n\n\tret = security_opened(file, 2);\n"
    lines = swapped(*trees(tmp_path, old, new, "fs/b.h"))
    later = kernel("f", field="pids", value="ONES", event="starting", hook="opened")
    made = table(lines, *blobs(kernel("f"), later))
    assert made["field"] == {"task.pid": ("pids", 2, "fs/b.h")}
    assert made["enumerator"] == {"words.ONE": ("ONES", 2, "fs/b.h")}
    assert made["tracepoint"] == {"started": ("starting", 1, "fs/b.h")}
    assert made["lsm"] == {"open": ("opened", 1, "fs/b.h")}


def test_lines_that_show_nothing(tmp_path: Path) -> None:
    """Two names that differ, short lines, short names, other folders, files of other kinds."""
    for number, (old, new, file) in enumerate(
        [
            ("a = do_thing(one_x);\n", "a = do_things(two_x);\n", "kernel/a.c"),
            ("do_thing;\n", "do_things;\n", "kernel/a.c"),
            ("a = b + ab;\n", "a = b + cd;\n", "kernel/a.c"),
            (calls("do_thing", 9), calls("do_things", 9), "Documentation/a.c"),
            (calls("do_thing", 9), calls("do_things", 9), "kernel/a.txt"),
        ]
    ):
        assert swapped(*trees(tmp_path / str(number), old, new, file)) == {}


def test_the_table_as_it_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = trees(tmp_path, calls("do_thing", 3), calls("do_things", 3))
    (tmp_path / "old.btf").write_bytes(kernel("do_thing"))
    (tmp_path / "new.btf").write_bytes(kernel("do_things"))
    main(str(old), str(tmp_path / "old.btf"), str(new), str(tmp_path / "new.btf"), "6.12", "7.3")
    made = json.loads(capsys.readouterr().out)
    assert made["function"] == {"do_thing": ["do_things", "6.12", "7.3", 3]} and made["field"] == {}
