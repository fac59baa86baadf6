# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Members that moved to another struct, and names followed through several pairs of levels."""

from __future__ import annotations

from typing import Any

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge import names
from kfuncscope.knowledge.common import common_table
from kfuncscope.remedy.replacements.elsewhere import elsewhere, reached
from kfuncscope.remedy.replacements.fields import replaced_fields
from kfuncscope.rules.core.spec import Accessor, Spec
from support.kernels import KernelBuilder


def known(monkeypatch: pytest.MonkeyPatch, **kinds: dict[str, list[list[Any]]]) -> None:
    """A table of renames with these rows, and nothing written by hand."""
    tables(monkeypatch, {"renames": kinds, "known_renames": {}})


def tables(monkeypatch: pytest.MonkeyPatch, made: dict[str, Any]) -> None:
    """These in place of the packaged tables of their names."""
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


def test_a_name_that_several_pairs_of_levels_tell_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason of the first row; also where a chain comes to it by two ways."""
    known(monkeypatch, function={
        "a": [row("b", "5.10", "6.1"), row("b", "6.1", "6.12"), row("c", "5.10", "6.1")],
        "b": [row("d", "6.12", "7.3")], "c": [row("d", "6.12", "7.2")],
    })  # fmt: skip
    found = names.renamed("function", "a")
    assert [name for name, _ in found] == ["b", "c", "d"]
    assert ["Linux 5.10 and 6.1" in why for _, why in found] == [True, True, False] and "and 7.3" in found[2][1]


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


def by_hand(monkeypatch: pytest.MonkeyPatch, new: dict[str, list[str]], **made: dict[str, list[list[Any]]]) -> None:
    """Rows written by hand of fields, beside a table made from sources."""
    rows = {old: {"new": names, "seen": ["6.1", "6.12"], "why": "W.", "do": "D."} for old, names in new.items()}
    tables(monkeypatch, {"renames": made, "known_renames": {"field": rows}})


def _disks(kb: KernelBuilder) -> Blob:
    disk = kb.btf.struct("disk", [("flags", kb.s32)])
    device = kb.btf.struct("device", [("disk", kb.btf.ptr(disk)), ("held", disk)])
    kb.btf.struct("bio", [("device", kb.btf.ptr(device))])
    return Blob(kb.build(), "new")


@pytest.mark.parametrize(
    ("path", "struct", "member"),
    [
        ("device->disk", "device", "disk"), ("device->disk->flags", "disk", "flags"),
        ("device->held.flags", "disk", "flags"), ("device->held->flags", "", ""), ("device.disk->flags", "", ""),
        ("device->disk->flags->x", "", ""), ("device->other", "", ""), ("other->disk", "", ""),
    ],
)  # fmt: skip
def test_a_path_through_pointers_is_followed(path: str, struct: str, member: str) -> None:
    blob = _disks(KernelBuilder("6.12", enums=False))
    end = reached(blob, blob.find("bio", Kind.STRUCT)[0], path)
    assert end == ((blob.find(struct, Kind.STRUCT)[0], member) if struct else None)


def test_what_is_written_by_hand_wins_and_is_named_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand(monkeypatch, {"bio.disk": ["gone->disk", "device->disk"]}, field={
        "bio.disk": [row("struct disk.flags", "6.1", "6.12")]})  # fmt: skip
    blob = _disks(KernelBuilder("6.12", enums=False))
    found = elsewhere("bio.disk", blob)
    device = blob.find("device", Kind.STRUCT)[0]
    assert found == (device, "disk", "moved between Linux 6.1 and 6.12", "bio.device->disk")


def _kernels(gone: bool) -> tuple[Kernel, Kernel]:
    """One with bio.disk and one where the device has it; bio itself is there, or gone."""
    old, new = KernelBuilder("6.1", enums=False), KernelBuilder("6.12", enums=False)
    old.btf.struct("bio", [("pad", old.u64), ("disk", old.s32)])
    device = new.btf.struct("device", [("disk", new.s32)])
    if not gone:
        new.btf.struct("bio", [("pad", new.u64), ("device", new.btf.ptr(device)), ("discs", new.s32)])
    return old.kernel(), new.kernel()


def _places(old: Kernel, new: Kernel) -> list[str]:
    blob = old.vmlinux
    assert blob is not None
    struct = blob.find("bio", Kind.STRUCT)[0]
    spec = Spec(blob, struct, (Accessor(struct, 0, ""), Accessor(struct, 1, "disk")), 64)
    return [place.name for place in replaced_fields(spec, old, new)]


@pytest.mark.parametrize(
    ("new", "gone", "named"),
    [
        (["device->disk"], False, ["struct bio.device->disk"]), (["struct device.disk"], False, ["struct device.disk"]),
        (["struct device.disk"], True, ["struct device.disk"]), (["device->disk"], True, []),
        ([], False, []), ([], True, []),
    ],
)  # fmt: skip
def test_fields_that_the_list_sends_elsewhere_are_named(
    new: list[str], gone: bool, named: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is guessed in its place: not ``discs``, which stands where it was."""
    by_hand(monkeypatch, {"bio.disk": new})
    assert _places(*_kernels(gone)) == named
