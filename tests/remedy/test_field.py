# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Remedies of fields whose successor has another type, and what the list says beside the new name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge import common
from kfuncscope.model.verdict import Remedy
from support.bpfwriter import FIELD_BYTE_OFFSET, ObjectBuilder, core, exit_, ldx, mov
from support.kernels import KernelBuilder, compared

END = [mov(0, 0), exit_()]


def kernel(member: str, kind: str) -> Kernel:
    kb = KernelBuilder()
    types = {"chan": kb.btf.ptr(kb.btf.struct("chan", [("a", kb.u64)])), "void": kb.btf.ptr(0), "number": kb.u64}
    types["mount"] = kb.btf.ptr(kb.btf.struct("mount", [("a", kb.u64)]))
    kb.btf.struct("thing_req", [("count", kb.u64), (member, types[kind])])
    kb.hook("f")
    return kb.kernel()


def remedy(old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, do: str = "") -> Remedy:
    """Of a program that reads ``thing_req.fm``, which the new kernel has as ``held`` with another type."""
    row = {"thing_req.fm": {"new": ["held"], "seen": ["6.12", "7.3"], "why": "It was renamed.", "do": do}}
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "kfuncscope" / "knowledge"
    folder.mkdir(parents=True)
    (folder / "known_renames.json").write_text(json.dumps({"field": row}))
    common.common_table.cache_clear()
    ob = ObjectBuilder()
    member = ob.u64 if old == "number" else ob.btf.ptr(ob.btf.struct("mount", []))
    struct = ob.btf.struct("thing_req", [("fm", member)], 8)
    ob.program("kprobe/f", "prog", [core(ldx(8, 2, 1, 0), struct, "0:0", FIELD_BYTE_OFFSET), *END])
    found = compared(ob, kernel("fm", old), kernel("held", new)).programs[0]
    common.common_table.cache_clear()
    (one,) = [f.remedy for f in found.findings if f.remedy is not None]
    return one


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
