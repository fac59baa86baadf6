# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Remedies of fields whose successor has another type, and what the list says beside the new name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge import common
from kfuncscope.model.verdict import Remedy
from support.bpfwriter import ENUMVAL_VALUE, FIELD_BYTE_OFFSET, ObjectBuilder, core, exit_, ldx, mov
from support.kernels import KernelBuilder, compared

END = [mov(0, 0), exit_()]


def kernel(member: str, kind: str) -> Kernel:
    kb = KernelBuilder()
    types = {"chan": kb.btf.ptr(kb.btf.struct("chan", [("a", kb.u64)])), "void": kb.btf.ptr(0), "number": kb.u64}
    types["mount"] = kb.btf.ptr(kb.btf.struct("mount", [("a", kb.u64)]))
    kb.btf.struct("thing_req", [("count", kb.u64), (member, types[kind])])
    kb.hook("f")
    return kb.kernel()


@pytest.fixture(autouse=True)
def _packaged_rows_after() -> Iterator[None]:
    yield
    common.common_table.cache_clear()


def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: object) -> None:
    """Rows of a user's own list."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "kfuncscope" / "knowledge"
    folder.mkdir(parents=True)
    (folder / "known_renames.json").write_text(json.dumps(rows))
    common.common_table.cache_clear()


def remedy(old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, do: str = "") -> Remedy:
    """Of a program that reads ``thing_req.fm``, which the new kernel has as ``held`` with another type."""
    row = {"thing_req.fm": {"new": ["held"], "seen": ["6.12", "7.3"], "why": "It was renamed.", "do": do}}
    listed(tmp_path, monkeypatch, {"field": row})
    ob = ObjectBuilder()
    member = ob.u64 if old == "number" else ob.btf.ptr(ob.btf.struct("mount", []))
    struct = ob.btf.struct("thing_req", [("fm", member)], 8)
    ob.program("kprobe/f", "prog", [core(ldx(8, 2, 1, 0), struct, "0:0", FIELD_BYTE_OFFSET), *END])
    found = compared(ob, kernel("fm", old), kernel("held", new)).programs[0]
    (one,) = [f.remedy for f in found.findings if f.remedy is not None]
    return one


@pytest.mark.parametrize(("there", "named"), [("PGTY_x", ["enum kinds.PGTY_x"]), ("other", [])])
def test_an_enumerator_of_another_enum(
    there: str, named: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named where the new kernel has it, whether or not it still has the old enum."""
    row = {"flags.PG_x": {"new": ["struct kinds.PGTY_x"], "seen": ["6.12", "7.3"], "why": "It is a kind."}}
    listed(tmp_path, monkeypatch, {"enumerator": row})
    ob = ObjectBuilder()
    enum = ob.btf.enum("flags", {"PG_x": 3})
    ob.program("kprobe/f", "prog", [core(mov(1, 3), enum, "0", ENUMVAL_VALUE), *END])
    sides = [KernelBuilder("6.12"), KernelBuilder("7.3")]
    sides[0].btf.enum("flags", {"PG_x": 3})
    sides[1].btf.enum("flags", {"PG_y": 4})
    sides[1].btf.enum("kinds", {there: 1})
    for kb in sides:
        kb.hook("f")
    found = compared(ob, sides[0].kernel(), sides[1].kernel()).programs[0]
    (one,) = [f.remedy for f in found.findings if f.remedy is not None]
    assert [c.name for c in one.candidates] == named


@pytest.mark.parametrize(
    ("old", "new", "read"),
    [("mount", "mount", True), ("number", "number", True), ("mount", "chan", False), ("mount", "number", False),
     ("number", "mount", False), ("mount", "void", False)],
)  # fmt: skip
def test_no_cast_makes_a_pointer_of_something_else(
    old: str, new: str, read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = remedy(old, new, tmp_path, monkeypatch)
    assert [one.name for one in made.candidates][:1] == ["struct thing_req.held"]
    assert ("bpf_core_field_exists(new->held)" in made.code) == read
    assert ("struct thing_req.held is there, of another type" in made.code) != read


def test_what_to_do_beside_reading_the_new_name_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = remedy("number", "number", tmp_path, monkeypatch, "Shift it by 3.")
    assert made.text.endswith("Shift it by 3.") and "thing_req.held replaces" in made.text
