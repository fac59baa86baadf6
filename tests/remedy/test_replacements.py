# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What took the place of what: known renames of Linux, found again; and what went without a successor."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge import names
from kfuncscope.knowledge.names import compared
from kfuncscope.remedy.replacements import fields, functions
from kfuncscope.remedy.replacements.fields import replaced_fields
from kfuncscope.remedy.replacements.functions import replaced
from kfuncscope.remedy.replacements.likeness import alike
from kfuncscope.remedy.replacements.members import find
from kfuncscope.rules.core.spec import Accessor, Spec
from support.corpus import kernel
from support.kernels import KernelBuilder

# Removed, and nothing does the same under another name.
GONE = {
    "tracepoint": ("xdp_redirect_map", "xdp_redirect_map_err"),
    "function": ("fib6_age", "blk_account_io_merge_bio"),
}


class Rename(NamedTuple):
    kind: str
    old_kernel: str
    new_kernel: str
    old: str
    new: str
    lines: str
    file: str


def known() -> list[Rename]:
    text = Path(__file__).with_name("renames.csv").read_text()
    rows = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    next(rows)
    return [Rename(*row) for row in rows]


def first(one: Rename) -> str:
    """The first candidate; empty for none."""
    old, new = kernel(one.old_kernel), kernel(one.new_kernel)
    if one.kind != "field":
        found = replaced(one.kind, one.old, old, new)
        return found[0].name if found else ""
    struct, _, member = one.old.partition(".")
    blob = old.vmlinux
    assert blob is not None
    for at in blob.find(struct, Kind.STRUCT):
        here = find(blob, at, member)
        if here is not None:
            spec = Spec(blob, at, (Accessor(at, 0, ""), Accessor(here[0], here[1], member)), here[2].bit_offset)
            places = replaced_fields(spec, old, new)
            return places[0].spec.steps[-1].name if places else ""
    return ""


def rates() -> tuple[int, int, int]:
    """(all, right, wrong) first candidates."""
    answers = [(one.new, first(one)) for one in known()]
    return len(answers), sum(a == b for a, b in answers), sum(bool(b) and a != b for a, b in answers)


def test_the_list_is_long_enough_and_has_provenance() -> None:
    listed = known()
    assert len(listed) >= 60
    assert all(one.file.endswith((".c", ".h")) and int(one.lines) >= 1 for one in listed)


@pytest.mark.corpus
def test_known_renames_come_first() -> None:
    total, right, wrong = rates()
    assert right >= 0.9 * total
    assert wrong <= 0.02 * total


@pytest.mark.corpus
def test_without_the_table_few_are_named_and_hardly_any_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """BTF alone: a level that no table knows."""
    for module in (functions, fields):
        monkeypatch.setattr(module, "renamed", lambda kind, name: [])
        monkeypatch.setattr(module, "known", lambda kind, name: None)
    monkeypatch.setattr(functions, "successions", lambda kind, name: iter(()))
    monkeypatch.setattr(functions, "compared", lambda old, new: False)
    total, right, wrong = rates()
    assert right >= 0.45 * total
    assert wrong <= 0.02 * total


@pytest.mark.corpus
@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, names in GONE.items() for n in names])
def test_none_is_invented(kind: str, name: str) -> None:
    assert replaced(kind, name, kernel("6.12-amd64"), kernel("7.3-amd64")) == []


def _function(names: dict[str, int], release: str = "7.3") -> Kernel:
    kb = KernelBuilder(release)
    for name, parameters in names.items():
        kb.hook(name, [(f"a{i}", kb.u64) for i in range(parameters)])
    return kb.kernel()


def test_a_function_of_another_shape_or_a_second_as_like_is_none() -> None:
    old = _function({"zap_my_range_now": 2})
    assert [n.name for n in replaced("function", "zap_my_range_now", old, _function({"zap_my_ranges_now": 2}))] == [
        "zap_my_ranges_now"
    ]
    assert replaced("function", "zap_my_range_now", old, _function({"zap_my_ranges_now": 3})) == []
    both = _function({"zap_my_rangea_now": 2, "zap_my_rangeb_now": 2})
    assert replaced("function", "zap_my_range_now", old, both) == []
    assert replaced("function", "zap_my_range_now", old, _function({"open_the_door_later": 2})) == []


def test_between_levels_whose_sources_were_compared_only_the_table_tells() -> None:
    one, other = {"zap_my_range_now": 2}, {"zap_my_ranges_now": 2}
    assert replaced("function", "zap_my_range_now", _function(one, "6.12"), _function(other, "7.3")) == []
    assert replaced("function", "zap_my_range_now", _function(one, "6.12"), _function(other, "6.12")) != []
    assert compared("6.1.5", "6.12.200-generic") and compared("5.10", "7.3")
    assert not compared("6.12", "6.12.9") and not compared("7.3", "6.12") and not compared("5.4", "6.1")
    assert not compared("7.2", "7.4") and not compared("", "7.3") and not compared("6.12", "kernel")


def test_pairs_of_levels_that_show_another_each_name_none(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = _function({"gone_one": 1}), _function({"first_one": 1, "second_one": 1})
    later = [["absent_one"], ["first_one"], ["second_one"]]  # what the name became, and what that became
    for told, found in (([["first_one"]], ["first_one"]), ([["first_one", "second_one"]], []), (later, ["first_one"])):
        steps = [dict.fromkeys(step, "why") for step in told]
        monkeypatch.setattr(functions, "successions", lambda kind, name, steps=steps: iter(steps))
        assert [n.name for n in replaced("function", "gone_one", old, new)] == found


BOTH = ", in the sources of Linux 6.1 and 6.12"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ([3, 4, 91, 0], f"3 of 4 changed uses became it, 91 % of the body is the same{BOTH}"),
        ([0, 4, 0, 1], f"the name is a macro or inline function in Linux 6.12 that calls it{BOTH}"),
        ([0, 0, 0, 0], f"it has its place in the declaration{BOTH}"),
        ([1], "renamed in 1 line of the source between Linux 6.1 and 6.12"),
        ([2], "renamed in 2 lines of the source between Linux 6.1 and 6.12"),
    ],
)  # fmt: skip
def test_what_a_row_says(row: list[int], reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what the new name became later; a row of four is a user's own."""
    later = ["third", "6.12", "7.3", 5, 5, 0, 0]
    made = ["second", "6.1", "6.12", *row]
    table = {"function": {"first": made if len(row) == 1 else [made], "second": [later]}}
    monkeypatch.setattr(names, "common_table", lambda name: table if name == "renames" else {})
    found = names.renamed("function", "first")
    assert found[0] == ("second", reason) and [name for name, _ in found] == ["second", "third"]


def _struct(*names: str, odd: str = "") -> Kernel:
    kb = KernelBuilder()
    kb.btf.struct("thing_rq", [(n, kb.u64 if n == odd else kb.u32) for n in names])
    return kb.kernel()


def _paths(old: Kernel, new: Kernel, member: str) -> list[str]:
    blob = old.vmlinux
    assert blob is not None
    (at,) = blob.find("thing_rq", Kind.STRUCT)
    here = find(blob, at, member)
    assert here is not None
    spec = Spec(blob, at, (Accessor(at, 0, ""), Accessor(here[0], here[1], member)), here[2].bit_offset)
    found = replaced_fields(spec, old, new)
    assert all(p.spec.steps[1:] for p in found)
    return [".".join(s.name for s in p.spec.steps[1:] if s.name) for p in found]


def _field(old: Kernel, new: Kernel, member: str) -> list[str]:
    return [path.rpartition(".")[2] for path in _paths(old, new, member)]


def test_a_field_between_the_same_neighbours_of_the_same_type() -> None:
    old = _struct("load", "nr_running", "clock")
    assert _field(old, _struct("load", "nr_queued", "clock"), "nr_running") == ["nr_queued"]
    assert _field(old, _struct("load", "nr_queued", "clock", odd="nr_queued"), "nr_running") == []  # another size
    assert _field(old, _struct("load", "nr_queued", "more", "clock"), "nr_running") == []  # two came
    assert _field(old, _struct("load", "clock"), "nr_running") == []
    assert _field(old, _struct("load", "zz", "clock"), "nr_running") == []  # no word in common


def test_names_that_share_words_are_alike() -> None:
    assert alike("do_filp_open", "do_file_open") > alike("do_filp_open", "do_close")
    assert alike("", "x") == 0.0


def _outer(members: Callable[[KernelBuilder], list[tuple[str, int]]]) -> Kernel:
    kb = KernelBuilder()
    kb.btf.struct("thing_rq", members(kb))
    return kb.kernel()


def _core(kb: KernelBuilder, *names: str, name: str = "core") -> int:
    return kb.btf.struct(name, [(n, kb.u64) for n in names])


def test_a_member_that_moved_into_a_struct_in_its_struct() -> None:
    old = _outer(lambda kb: [("load", kb.u64), ("fl_owner", kb.u64)])
    assert _paths(old, _outer(lambda kb: [("load", kb.u64), ("c", _core(kb, "x", "flc_owner"))]), "fl_owner") == [
        "c.flc_owner"
    ]
    assert _paths(old, _outer(lambda kb: [("load", kb.u64), ("c", _core(kb, "fl_owner"))]), "fl_owner") == [
        "c.fl_owner"
    ]
    assert _paths(old, _outer(lambda kb: [("load", kb.u64), ("c", _core(kb, "other"))]), "fl_owner") == []
    two = _outer(lambda kb: [("c", _core(kb, "fl_owner")), ("d", _core(kb, "fl_owner", name="more"))])
    assert _paths(old, two, "fl_owner") == []
    was = _outer(lambda kb: [("c", _core(kb, "fl_owner")), ("fl_owner", kb.u64)])
    assert _paths(was, _outer(lambda kb: [("c", _core(kb, "fl_owner"))]), "fl_owner") == []  # it was there before


def test_a_struct_that_was_split_into_numbers() -> None:
    old = _outer(lambda kb: [("load", kb.u64), ("i_ctime", _core(kb, "sec", "nsec"))])
    parts = [("i_ctime_sec", "u64"), ("i_ctime_nsec", "u32")]
    new = _outer(lambda kb: [("load", kb.u64), *((n, getattr(kb, t)) for n, t in parts)])
    assert _paths(old, new, "i_ctime") == ["i_ctime_sec", "i_ctime_nsec"]
    assert _paths(old, _outer(lambda kb: [("load", kb.u64), ("i_ctime_sec", kb.u64)]), "i_ctime") == []


def test_what_is_known_for_certain_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of the list written by hand that names nothing stops a guess; of several names the first that is there."""
    row = names.Known((), ("6.1", "6.12"), "It went.", "")
    one, other = _function({"zap_my_range_now": 2}), _function({"zap_my_ranges_now": 2})
    assert replaced("function", "zap_my_range_now", one, other) != []
    monkeypatch.setattr(functions, "known", lambda kind, name: row)
    assert replaced("function", "zap_my_range_now", one, other) == []
    told = dict.fromkeys(("absent_one", "zap_my_ranges_now", "later_one"), "why")
    monkeypatch.setattr(functions, "successions", lambda kind, name: iter([told]))
    both = _function({"zap_my_ranges_now": 2, "later_one": 1})
    assert [n.name for n in replaced("function", "zap_my_range_now", one, both)] == ["zap_my_ranges_now", "later_one"]


def test_a_row_may_name_a_member_of_a_member(monkeypatch: pytest.MonkeyPatch) -> None:
    old = _outer(lambda kb: [("owner", kb.u64)])
    new = _outer(lambda kb: [("base", _core(kb, "holder"))])
    for told, found in (("base.holder", ["base.holder"]), ("base.absent", []), ("absent.holder", [])):
        monkeypatch.setattr(fields, "renamed", lambda kind, name, told=told: [(told, "why")])
        assert _paths(old, new, "owner") == found


@settings(deadline=None)
@given(
    st.text("ab_", max_size=12), st.text("ab_", max_size=12), st.sampled_from((0.0, 0.5, functions.NAME_AND_SHAPE, 1.0))
)
def test_what_is_as_like_as_asked_is_found_so(one: str, other: str, least: float) -> None:
    """Letters are only counted where they can tell; the answer is that of counting them always."""
    whole, quick = alike(one, other), alike(one, other, least)
    assert quick == whole if whole >= least else quick < least


def test_only_names_that_share_a_word_are_looked_at() -> None:
    listed = functions._Names(["do_one", "__one_more", "two", "do"])
    assert listed.sharing("one_thing") == {"do_one", "__one_more"} and listed.sharing("") == set()
