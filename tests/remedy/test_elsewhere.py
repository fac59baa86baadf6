# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Members that moved to another struct, and names followed through several pairs of levels."""

from __future__ import annotations

from typing import Any

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.knowledge import names
from kfuncscope.knowledge.common import common_table
from kfuncscope.remedy.replacements.elsewhere import elsewhere
from support.kernels import KernelBuilder


def known(monkeypatch: pytest.MonkeyPatch, **kinds: dict[str, list[list[Any]]]) -> None:
    """A table of renames with these rows."""
    made = {"renames": kinds, "known_renames": {}}
    monkeypatch.setattr(names, "common_table", lambda table: made[table] if table in made else common_table(table))


def row(name: str, old: str, new: str) -> list[Any]:
    return [name, old, new, 3, 4, 0, 0]


def test_a_name_is_followed_through_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, function={
        "a": [row("b", "5.10", "6.1")], "b": [row("c", "6.1", "6.12")], "c": [row("d", "6.12", "7.3")],
    })  # fmt: skip
    assert [name for name, _ in names.renamed("function", "a")] == ["b", "c", "d"]


@pytest.mark.parametrize(("links", "last"), [(names.MOST_LINKS + 1, True), (names.MOST_LINKS + 2, False)])
def test_no_further_than_that(links: int, last: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, function={f"f{i}": [row(f"f{i + 1}", "6.1", "6.12")] for i in range(links)})
    assert (f"f{links}" in dict(names.renamed("function", "f0"))) == last


def test_a_circle_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, function={"a": [row("b", "5.10", "6.1")], "b": [row("a", "6.1", "6.12")]})
    assert [name for name, _ in names.renamed("function", "a")] == ["b"]


def test_a_member_is_followed_into_another_struct(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, field={
        "page.a": [row("struct slab.a", "5.10", "6.1")], "slab.a": [row("b", "6.1", "6.12")],
    })  # fmt: skip
    found = names.renamed("field", "page.a")
    assert [name for name, _ in found] == ["struct slab.a", "struct slab.b"]
    assert "3 of its 4 uses stayed" in found[0][1]


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("points", "`task.other` points at it"), ("has", "`task.other` is it"),
        ("back", "its `task` points at `struct task`"), ("none", "no member of `struct task` leads to it"),
    ],
)  # fmt: skip
def test_how_the_other_struct_is_reached(way: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, field={"task.pid": [row("struct other.pid", "6.1", "6.12")]})
    kb = KernelBuilder("6.12", enums=False)
    task = kb.btf.struct("task", [("a", kb.s32)]) if way == "back" else 0
    back = [("task", kb.btf.ptr(task))] if task else []
    other = kb.btf.struct("other", [("pid", kb.s32), *back])
    leads = {"points": [("other", kb.btf.ptr(other))], "has": [("other", other)]}.get(way, [])
    if not task:
        kb.btf.struct("task", [("a", kb.s32), *leads])
    blob = Blob(kb.build(), "new")
    found = elsewhere("task.pid", blob)
    assert found is not None and found[:2] == (blob.find("other", Kind.STRUCT)[0], "pid")
    assert found[2].startswith(words)


def test_what_the_kernel_has_not_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, field={"task.pid": [row("struct other.pid", "6.1", "6.12")]})
    kb = KernelBuilder("6.12", enums=False)
    kb.btf.struct("other", [("tgid", kb.s32)])
    assert elsewhere("task.pid", Blob(kb.build(), "new")) is None
