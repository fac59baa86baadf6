# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Renames between two source trees by more than uses: members in another struct, places in a file, calls passed on."""

from __future__ import annotations

from pathlib import Path

import pytest

from kfuncscope.study.renames.calls import inner
from kfuncscope.study.renames.chunks import Chunk, chunks
from kfuncscope.study.renames.decide import Candidate, Gone, successor
from kfuncscope.study.renames.elsewhere import Moved, moved
from kfuncscope.study.renames.evidence import gathered
from kfuncscope.study.renames.order import placed
from kfuncscope.study.renames.table import with_moved
from support.kernels import KernelBuilder
from support.twotrees import sides, trees


def moved_kernel(fields: dict[str, list[str]], points: tuple[str, str] = ("", "")) -> bytes:
    """BTF with structs of numbers; the first of ``points`` has a pointer to the second."""
    kb = KernelBuilder("7.3", enums=False)
    made = {}
    for name, members in fields.items():
        more = [("there", kb.btf.ptr(made[points[1]]))] if name == points[0] else []
        made[name] = kb.btf.struct(name, [*((member, kb.s32) for member in members), *more])
    return kb.build()


def went(pair: tuple[Path, Path], old: bytes, new: bytes) -> dict[str, str]:
    """STRUCT.MEMBER → STRUCT.MEMBER that the sources and BTF show it moved to."""
    both = sides(old, new)
    read = gathered(*pair, *both).pieces
    return {full: f"{one.struct}.{one.member}" for full, one in moved(*both, read.old, read.new).items()}


def reads(member: str, kept: int, of: int) -> tuple[str, str]:
    """A function that reads a member often, and what it is later, when some of the reads went."""
    old = "".join(f"\tsum(x->{member}, {i});\n" for i in range(of))
    new = "".join(f"\tsum(y->{member}, {i});\n" for i in range(kept))
    return tuple(f"int reads(void)\n{{\n{body}}}\n" for body in (old, new))  # type: ignore[return-value]


@pytest.mark.parametrize(("kept", "found"), [(1, False), (2, True)])
def test_a_member_that_moved_to_a_struct_that_the_old_one_points_at(kept: int, found: bool, tmp_path: Path) -> None:
    """Two tenths of the uses must be there still."""
    old = moved_kernel({"there": ["b"], "task": ["a", "reading"]}, ("task", "there"))
    new = moved_kernel({"there": ["b", "reading"], "task": ["a"]}, ("task", "there"))
    pair = trees(tmp_path, *reads("reading", kept, 10))
    assert went(pair, old, new) == ({"task.reading": "there.reading"} if found else {})


@pytest.mark.parametrize(("kept", "found"), [(4, False), (5, True)])
def test_a_member_that_moved_to_a_struct_with_a_like_name(kept: int, found: bool, tmp_path: Path) -> None:
    """Where neither reaches the other, half of the uses must be there still."""
    old = moved_kernel({"slow_task": ["b"], "task": ["a", "reading"]})
    new = moved_kernel({"slow_task": ["b", "reading"], "task": ["a"]})
    pair = trees(tmp_path, *reads("reading", kept, 10))
    assert went(pair, old, new) == ({"task.reading": "slow_task.reading"} if found else {})


def test_members_that_did_not_move(tmp_path: Path) -> None:
    """The structs have nothing to do with each other; or the source has the member still, under an option."""
    old, new = reads("reading", 9, 10)
    pair = trees(tmp_path / "a", old, new)
    apart = ({"other": ["b"], "task": ["a", "reading"]}, {"other": ["b", "reading"], "task": ["a"]})
    assert went(pair, *map(moved_kernel, apart)) == {}
    near = ({"my_task": ["b"], "task": ["a", "reading"]}, {"my_task": ["b", "reading"], "task": ["a"]})
    assert went(pair, *map(moved_kernel, near)) == {"task.reading": "my_task.reading"}
    option = "struct task {\n\tint a;\n#ifdef CONFIG_READING\n\tint reading;\n#endif\n};\n"
    pair = trees(tmp_path / "b", old, new + option)
    assert went(pair, *map(moved_kernel, near)) == {}


@pytest.mark.parametrize(("together", "found"), [(2, False), (3, True)])
def test_members_that_moved_together(together: int, found: bool, tmp_path: Path) -> None:
    """Three that went to one struct need no uses."""
    names = [f"reading{i}" for i in range(together)]
    old = moved_kernel({"other": ["b"], "task": ["a", *names]})
    new = moved_kernel({"other": ["b", *names], "task": ["a"]})
    shown = went(trees(tmp_path, *reads("nothing", 0, 1)), old, new)
    assert shown == ({f"task.{n}": f"other.{n}" for n in names} if found else {})


def test_a_moved_member_gets_a_row_only_where_its_own_struct_has_no_successor() -> None:
    there = {"task.a": Moved("other", "a", 3, 4), "task.b": Moved("other", "b", 3, 4)}
    made = with_moved({"field": {"task.a": [["c", "6.1", "6.12", 1, 1, 0, 0]]}}, there, "6.1", "6.12")
    assert made["field"]["task.a"][0][0] == "c"
    assert made["field"]["task.b"] == [["struct other.b", "6.1", "6.12", 3, 4, 0, 0]]


HOOKS = "LSM_HOOK(int, 0, first, int a)\n{}LSM_HOOK(int, 0, last, int a)\n"


@pytest.mark.parametrize(
    ("gone", "came", "found"),
    [
        ("task_made", ["task_created"], [("task_made", "task_created", True)]),
        ("task_made", ["task_make", "inode_open"], [("task_made", "task_make", False)]),
        ("task_made", ["task_make", "task_mage"], []), ("task_made", ["inode_open", "inode_shut"], []),
    ],
)  # fmt: skip
def test_names_by_their_place_in_a_file(gone: str, came: list[str], found: list[tuple[str, str, bool]]) -> None:
    """The only two of a place; of more, the nearest by name that no other comes near."""
    before, after = (
        list(chunks("hooks.h", HOOKS.format("".join(f"LSM_HOOK(int, 0, {name}, int a)\n" for name in names))))
        for names in ([gone], came)
    )
    shown = placed(before, after, [("lsm", gone)], [("lsm", name) for name in came])
    assert [(one.gone, one.fresh, one.alone) for one in shown] == found


@pytest.mark.parametrize(
    ("name", "place", "found"),
    [("made_by_task", 2, "made_by_task"), ("inode_open", 2, None), ("made_by_task", 0, None)],
)  # fmt: skip
def test_a_place_counts_where_the_names_are_alike(name: str, place: int, found: str | None) -> None:
    like = 0.5 if name == "made_by_task" else 0.1
    gone = Gone("lsm", "task_made", 1, 0, False, {name: Candidate(placed=place, like=like)})
    assert successor(gone) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("\treturn folio_lock(page_folio(page));\n", ("folio_lock", 2)), ("\treturn lock_it(page);\n", ("lock_it", 1)),
        ("\tstruct folio *folio = page_folio(page);\n\n\tfolio_lock(folio);\n", ("folio_lock", 2)),
        ("\treturn lock_it(&table);\n", None), ("\treturn lock_it(page, 1);\n", None),
        ("\tif (page)\n\t\tlock_it(page);\n", None), ("\tlock_it(page);\n\tcount_it(page);\n", None),
    ],
)  # fmt: skip
def test_functions_that_only_call_another(body: str, found: tuple[str, int] | None) -> None:
    assert inner([Chunk("function", "lock", "a.c", f"int lock(struct page *page)\n{{\n{body}}}")]) == found


@pytest.mark.parametrize(("more", "found"), [(0, ("lock_it", 1)), (1, None)])
def test_a_longer_body_does_more(more: int, found: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kfuncscope.study.renames.calls.LONGEST", 9)
    body = f"\n\tlock_it(page);\n{';' * (3 + more)}}}"
    assert inner([Chunk("function", "lock", "a.c", f"int lock(struct page *page)\n{{{body}")]) == found


@pytest.mark.parametrize(("name", "found"), [("CPU_RISC_UP", "CPU_RISC_UP"), ("CPU_EIOINTC_UP", None)])
def test_an_enumerator_that_nobody_uses_needs_a_word_spelled_alike(name: str, found: str | None) -> None:
    one = Candidate(declared=2, same=1.0, like=0.8, strange=name == "CPU_EIOINTC_UP")
    assert successor(Gone("enumerator", "CPU_RISCV_UP", 0, 0, False, {name: one})) == found
