# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The BTF reader: every kind, both byte orders, both headers, layout section, wide info, split BTF, names."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from kfuncscope.btf.blob import Array, Blob, Enumerator, Member, Param, SecVar, essential_name
from kfuncscope.btf.layout import Kind
from kfuncscope.btf.summary import is_sorted, summarize
from kfuncscope.errors import BtfError
from support.btfwriter import BOOL, EXTERN, GLOBAL, SIGNED, BtfWriter

ENDIANS = pytest.mark.parametrize("endian", ["<", ">"], ids=["little", "big"])


def every_kind(endian: str = "<", **options: object) -> BtfWriter:
    """One type of every kind, and what their details can be."""
    w = BtfWriter(endian, **options)  # type: ignore[arg-type]
    integer = w.int_("int", 4, signed=True)  # 1
    w.int_("_Bool", 1, encoding=BOOL)  # 2
    pointer = w.ptr(integer)  # 3
    array = w.array(integer, 7, index=integer)  # 4
    plain = w.struct("plain", [("a", integer), ("p", pointer), ("v", array)])  # 5
    w.struct("bits", [("lo", integer, 0, 3), ("hi", integer, 3, 29), ("whole", integer, 32, 0)])  # 6
    w.union("either", [("a", integer), ("s", plain)])  # 7
    w.enum("small", {"A": 0, "B": 0xFFFFFFFF})  # 8
    w.enum("negative", {"C": -1, "D": -(1 << 31)}, signed=True)  # 9
    w.fwd("some_struct")  # 10
    w.fwd("some_union", union=True)  # 11
    typedef = w.typedef("int_t", integer)  # 12
    w.volatile(typedef)  # 13
    w.const(typedef)  # 14
    w.restrict(pointer)  # 15
    proto = w.proto(integer, [("p", pointer), ("", typedef)], variadic=True)  # 16
    function = w.func("do_it", proto=proto, linkage=GLOBAL)  # 17
    variable = w.var("jiffies", integer, EXTERN)  # 18
    w.datasec(".data", [(variable, 8, 4)], 64)  # 19
    w.float_("double", 8)  # 20
    w.decl_tag("bpf_kfunc", function)  # 21
    w.decl_tag("on_a", plain, 1)  # 22
    w.type_tag("rcu", plain)  # 23
    w.type_tag("address_space(1)", 0, attribute=True)  # 24
    w.enum64("wide", {"E": 1 << 40, "F": (1 << 64) - 1})  # 25
    w.enum64("wide_negative", {"G": -1, "H": -(1 << 63)}, signed=True)  # 26
    return w


def test_every_kind_occurs_in_the_twins() -> None:
    blob = every_kind().blob()
    assert {blob.kind(i) for i in blob} == set(Kind) - {Kind.VOID}


@ENDIANS
@pytest.mark.parametrize("header", [24, 27, 32, 40, 46])
def test_every_kind_is_read(endian: str, header: int) -> None:
    blob = every_kind(endian, header=header).blob()
    assert (blob.endian, blob.header.hdr_len, len(blob), blob.own_count) == (endian, header, 27, 26)
    integer = blob.int_(1)
    assert (integer.bits, integer.offset, integer.signed, integer.char, integer.bool_) == (32, 0, True, False, False)
    assert integer.encoding == SIGNED
    assert blob.int_(2).encoding == BOOL
    assert blob.ref(3) == 1
    assert blob.array(4) == Array(1, 1, 7)
    assert blob.members(5) == (Member("a", 1, 0, 0), Member("p", 3, 64, 0), Member("v", 4, 128, 0))
    assert blob.ref(5) == blob.size(5) == 48
    assert blob.members(6) == (Member("lo", 1, 0, 3), Member("hi", 1, 3, 29), Member("whole", 1, 32, 0))
    assert blob.members(7) == (Member("a", 1, 0, 0), Member("s", 5, 0, 0))
    assert blob.enumerators(8) == (Enumerator("A", 0), Enumerator("B", 0xFFFFFFFF))
    assert blob.enumerators(9) == (Enumerator("C", -1), Enumerator("D", -(1 << 31)))
    assert [blob.kind_flag(i) for i in (10, 11)] == [False, True]
    assert [(blob.name(i), blob.ref(i)) for i in range(12, 16)] == [("int_t", 1), ("", 12), ("", 12), ("", 3)]
    assert blob.params(16) == blob.params(17) == (Param("p", 3), Param("", 12), Param("", 0))
    assert (blob.name(17), blob.ref(17), blob.linkage(17)) == ("do_it", 16, GLOBAL)
    assert (blob.name(18), blob.ref(18), blob.linkage(18)) == ("jiffies", 1, EXTERN)
    assert blob.secvars(19) == (SecVar(18, 8, 4),)
    assert (blob.name(20), blob.ref(20)) == ("double", 8)
    assert [(blob.name(i), blob.ref(i), blob.component(i)) for i in (21, 22)] == [("bpf_kfunc", 17, -1), ("on_a", 5, 1)]
    assert [(blob.name(i), blob.ref(i), blob.kind_flag(i)) for i in (23, 24)] == [
        ("rcu", 5, False), ("address_space(1)", 0, True),
    ]  # fmt: skip
    assert blob.enumerators(25) == (Enumerator("E", 1 << 40), Enumerator("F", (1 << 64) - 1))
    assert blob.enumerators(26) == (Enumerator("G", -1), Enumerator("H", -(1 << 63)))


def test_void_belongs_to_no_blob() -> None:
    blob = every_kind().blob()
    assert (blob.kind(0), blob.name(0), blob.size(0)) == (Kind.VOID, "", 0)


@pytest.mark.parametrize("ask", [Blob.kind, Blob.ref, Blob.name, Blob.members, Blob.vlen, Blob.size, Blob.params])
@pytest.mark.parametrize("type_id", [27, 1 << 31, -1])
def test_ids_that_do_not_exist_are_refused(ask: Callable[[Blob, int], object], type_id: int) -> None:
    with pytest.raises(BtfError, match="does not exist"):
        ask(every_kind().blob(), type_id)


def test_details_of_another_kind_are_empty() -> None:
    blob = every_kind().blob()
    assert (blob.members(1), blob.params(1), blob.enumerators(1)) == ((), (), ())


@pytest.mark.parametrize("ask", [Blob.array, Blob.int_, Blob.linkage, Blob.secvars, Blob.component])
def test_details_that_a_kind_has_not_are_refused(ask: Callable[[Blob, int], object]) -> None:
    w = BtfWriter()
    w.ptr(0)
    with pytest.raises(BtfError, match="type 1 is not a "):
        ask(w.blob(), 1)


def test_sizes_follow_references() -> None:
    w = BtfWriter()
    short = w.int_("short", 2, signed=True)
    grid = w.array(w.array(short, 3), 5)
    wrapped = w.const(w.typedef("grid_t", w.volatile(grid)))
    blob = w.blob()
    assert blob.size(wrapped) == 30
    assert blob.skip(wrapped) == grid


def test_wide_counts_are_read() -> None:
    """R-1.5: 7.x has 24 bits of vlen, where 16 were."""
    w = BtfWriter()
    w.enum("big", {f"V{i}": i for i in range(70_000)})
    after = w.int_("int", 4)
    blob = w.blob()
    assert blob.vlen(1) == len(blob.enumerators(1)) == 70_000
    assert blob.enumerators(1)[-1] == Enumerator("V69999", 69_999)
    assert blob.name(after) == "int"


@ENDIANS
def test_layout_section_skips_unknown_kinds(endian: str) -> None:
    """R-1.4: size of a record of unknown kind = 12 + info_sz + vlen * elem_sz."""
    w = BtfWriter(endian, layout={20: (4, 8), 99: (0, 0)})
    w.raw(20, "novelty", 5, [1, 2, 3, 4, 5, 6, 7], vlen=3)
    w.raw(99, "bare", 0)
    integer = w.int_("int", 4)
    blob = w.blob()
    assert [blob.kind(i) for i in blob] == [20, 99, Kind.INT]
    assert [blob.name(i) for i in blob] == ["novelty", "bare", "int"]
    assert blob.first("int", Kind.INT) == integer
    assert summarize(blob).kinds == {"kind 20": 1, "kind 99": 1, "INT": 1}


def test_unknown_kind_without_layout_is_refused_with_its_place() -> None:
    w = BtfWriter()
    w.int_("int", 4)
    w.raw(20, "novelty")
    with pytest.raises(BtfError, match="unknown kind 20, and no layout section") as caught:
        w.blob()
    assert caught.value.offset == 24 + 16


# -- names


def test_names_occur_more_than_once() -> None:
    """R-1.8, R-1.11: every lookup gives a list, ascending."""
    w = BtfWriter()
    integer = w.int_("int", 4)
    first = w.struct("console", [("a", integer)])
    between = w.func("console", integer)
    second = w.struct("console", [("b", integer)])
    blob = w.blob()
    assert blob.find("console") == [first, between, second]
    assert blob.find("console", Kind.STRUCT) == [first, second]
    assert blob.first("console", Kind.STRUCT) == first
    assert blob.first("console", Kind.UNION) == 0
    assert blob.find("absent") == blob.find("") == blob.find("a\0b") == []
    assert blob.own_names(Kind.STRUCT) == ["console", "console"]


def test_a_found_list_is_the_callers_own() -> None:
    blob = every_kind().blob()
    blob.find("plain").append(99)
    blob.own("plain").append(99)
    assert blob.find("plain") == blob.own("plain") == [5]


def test_names_that_share_bytes_are_found() -> None:
    """A file may hold a string twice, or use the tail of one string as another."""
    w = BtfWriter()
    w.string("task_struct")
    integer = w.int_("int", 4)
    w._strings += b"int\0"  # a second int, which the next type is named by
    twin = w.raw(Kind.FLOAT, "", 4)
    tail = w.fwd("")
    data = bytearray(w.build())
    names = {twin: w._strings.rindex(b"int\0"), tail: w._strings.index(b"struct")}
    for type_id, offset in names.items():
        at = 24 + (16 if type_id == twin else 28)
        data[at : at + 4] = offset.to_bytes(4, "little")
    blob = Blob(bytes(data))
    assert blob.find("int") == [integer, twin]
    assert blob.find("struct") == [tail]
    assert blob.name(tail) == "struct"


def test_names_alike_at_both_ends_are_told_apart() -> None:
    """The index compares lengths and ends first; a crowd of such names is still found one by one."""
    w = BtfWriter()
    names = [f"same_start_{i:04d}_same_end" for i in range(500)]
    ids = {name: w.fwd(name) for name in names}
    blob = w.blob()
    assert all(blob.find(name) == [type_id] for name, type_id in ids.items())
    assert blob.find("same_start_9999_same_end") == []


@pytest.mark.parametrize("length", [1, 7, 8, 9, 16, 17, 300])
def test_names_of_any_length_are_found(length: int) -> None:
    w = BtfWriter()
    names = ["x" * length, "x" * (length + 1), "x" * (length - 1) + "y", "y" + "x" * (length - 1)]
    ids: dict[str, list[int]] = {}
    for name in names:
        ids.setdefault(name, []).append(w.fwd(name))
    blob = w.blob()
    assert {name: blob.find(name) for name in ids} == ids


def test_flavours() -> None:
    """R-2.9."""
    w = BtfWriter()
    for name in ("nf_conn", "nf_conn___init", "nf_conn___old___er", "a___b"):
        w.struct(name, [])
    blob = w.blob()
    assert sorted(blob.essential("nf_conn")) == ["nf_conn", "nf_conn___init"]
    assert blob.essential("nf_conn___old") == ["nf_conn___old", "nf_conn___old___er"]
    cases = {"a___b": "a", "a____b": "a____b", "a___": "a___", "___b": "___b", "a___b___c": "a___b", "a__b": "a__b",
             "scx_bpf_dsq_insert___v2___compat": "scx_bpf_dsq_insert___v2"}  # fmt: skip
    assert {name: essential_name(name) for name in cases} == cases


def test_tags() -> None:
    """R-1.17: a tag on the function as a whole counts, one on a parameter does not."""
    w = BtfWriter()
    integer = w.int_("int", 4)
    late, early = w.func("late", integer), w.func("early", integer, [("x", integer)])
    w.decl_tag("bpf_kfunc", early)
    w.decl_tag("bpf_kfunc", late)
    w.decl_tag("bpf_kfunc", w.func("param_only", integer, [("x", integer)]), 0)
    assert w.blob().tags("bpf_kfunc") == sorted([late, early])


def test_sorted_is_told() -> None:
    """R-1.10."""
    w = BtfWriter()
    w.ptr(0)
    w.fwd("Zeta")
    w.fwd("alpha")
    w.fwd("alpha")
    assert is_sorted(w.blob())
    w.ptr(0)
    assert not is_sorted(w.blob())


# -- split


@ENDIANS
def test_split_btf_goes_on_counting(endian: str) -> None:
    """R-1.12: ids and string offsets continue after the base's."""
    base_writer = BtfWriter(endian)
    integer = base_writer.int_("int", 4, signed=True)
    shared = base_writer.struct("shared", [("a", integer)])
    w = BtfWriter(endian, base=base_writer)
    pointer = w.ptr(shared)
    again = w.struct("shared", [("a", integer), ("b", pointer)])
    function = w.func("module_func", integer, [("a", pointer)])
    base = base_writer.blob()
    blob = w.blob(base=base)
    assert (blob.start_id, len(blob), blob.own_count) == (3, 7, 4)
    assert blob.name(integer) == "int"
    assert blob.members(again) == (Member("a", integer, 0, 0), Member("b", pointer, 64, 0))
    assert blob.members(shared) is base.members(shared)
    assert blob.params(function) == (Param("a", pointer),)
    assert blob.find("shared") == [shared, again]
    assert blob.own("shared") == [again]
    assert blob.first("shared", Kind.STRUCT) == shared
    assert blob.find("module_func", Kind.FUNC) == [function]
    assert list(blob) == blob.own_ids() == [3, 4, 5, 6]


@pytest.mark.parametrize("name", ["int", "own", ""])
def test_split_btf_without_its_base_says_so(name: str) -> None:
    base = BtfWriter()
    integer = base.int_("int", 4)
    w = BtfWriter(base=base)
    w.typedef(name, integer)
    w.typedef("\0", integer)  # strings that begin with NUL
    with pytest.raises(BtfError, match="split BTF is read on its base"):
        Blob(w.build(), "module")


def test_split_and_base_of_different_byte_order_are_refused() -> None:
    w = BtfWriter(">", base=BtfWriter("<"))
    w.ptr(0)
    with pytest.raises(BtfError, match="byte order differs"):
        w.blob()


def test_a_split_blob_crosses_a_process_boundary() -> None:
    base = BtfWriter()
    integer = base.int_("int", 4)
    w = BtfWriter(base=base)
    w.struct("s", [("a", integer)])
    again = pickle.loads(pickle.dumps(w.blob("module")))
    assert (again.source, again.name(2), again.name(1)) == ("module", "s", "int")


@ENDIANS
def test_summary_counts(endian: str) -> None:
    w = BtfWriter(endian)
    integer = w.int_("int", 4)
    w.kfunc("bpf_a", integer, [], "bpf_fastcall")
    for name in ("bpf_lsm_file_open", "bpf_iter_task", "twice", "twice"):
        w.func(name, integer)
    w.typedef("btf_trace_sched_switch", w.ptr(w.proto(0)))
    w.struct("bpf_iter__task", [])
    w.enum("bpf_func_id", {"BPF_FUNC_unspec": 0, "BPF_FUNC_x": 211, "__BPF_FUNC_MAX_ID": 212})
    found = summarize(w.blob())
    assert (found.kfunc_tags, found.fastcall_tags, found.tracepoints, found.lsm_functions) == (1, 1, 1, 1)
    assert (found.iter_functions, found.iter_structs, found.helper_max, found.repeated_functions) == (1, 1, 211, 1)
    assert (found.big_endian, found.sorted, found.header, found.size) == (endian == ">", False, 24, len(w.build()))
