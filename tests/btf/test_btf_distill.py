# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Split BTF with a distilled base, put on a vmlinux (R-1.13)."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import declare, prototype
from kfuncscope.btf.distill import relocate
from kfuncscope.btf.layout import Kind
from kfuncscope.errors import BtfError
from support.btfwriter import BtfWriter, distill

ENDIANS = pytest.mark.parametrize("endian", ["<", ">"], ids=["little", "big"])


def vmlinux(endian: str = "<", *, order: int = 1) -> Blob:
    """A kernel; ``order`` -1 gives another build with every id elsewhere."""
    w = BtfWriter(endian)
    if order < 0:
        for i in range(10):
            w.fwd(f"filler_{i}")
    integer = w.int_("int", 4, signed=True)
    w.float_("double", 8)
    w.enum("colour", {"RED": 1})
    w.enum64("wide", {"HUGE": 1 << 40})
    parts = [lambda: w.struct("task_struct", [("pid", integer)]), lambda: w.union("value", [("i", integer)]),
             lambda: w.struct("list_head", [("next", integer), ("prev", integer)])]  # fmt: skip
    for part in parts[::order]:
        part()
    return w.blob("vmlinux")


Make = Callable[[BtfWriter], object]


def module(base: Make, own: Make, endian: str = "<") -> tuple[bytes, bytes]:
    """Split BTF and its distilled base."""
    distilled = BtfWriter(endian)
    base(distilled)
    split = BtfWriter(endian, base=distilled)
    own(split)
    return split.build(), distilled.build()


def whole_base(w: BtfWriter) -> None:
    w.int_("int", 4, signed=True)  # 1
    w.struct("task_struct", [], 4)  # 2
    w.float_("double", 8)  # 3
    w.enum("colour", {})  # 4
    w.enum("wide", {}, 8)  # 5
    w.union("value", [], 4)  # 6
    w.fwd("list_head")  # 7


def whole_own(w: BtfWriter) -> None:
    task = w.ptr(2)  # 8
    array = w.array(4, 3, index=1)  # 9
    w.struct("own", [("t", task, 0), ("colours", array, 64), ("w", 5, 192), ("task_struct", 6, 256)], 36)  # 10
    function = w.func("bpf_own", 1, [("t", task), ("int", 3), ("l", w.ptr(7))])  # 11 .. 13
    w.decl_tag("bpf_kfunc", function)
    w.datasec(".data", [(w.var("v", 10), 0, 36)], 36)
    w.enum("own_enum", {"task_struct": 1, "OWN": 2})
    w.typedef("int", w.const(1))


@ENDIANS
@pytest.mark.parametrize("order", [1, -1], ids=["same build", "other build"])
def test_types_find_their_equals(endian: str, order: int) -> None:
    kernel = vmlinux(endian, order=order)
    blob = relocate(*module(whole_base, whole_own, endian), kernel, "mod")
    assert (blob.base, blob.start_id) == (kernel, len(kernel))
    own = blob.own("own", Kind.STRUCT)[0]
    assert declare(blob, own) == (
        "struct own {\n\tstruct task_struct *t;\n\tenum colour colours[3];\n"
        "\tenum wide w;\n\tunion value task_struct;\n};"
    )
    function = blob.own("bpf_own", Kind.FUNC)[0]
    assert prototype(blob, function) == "int bpf_own(struct task_struct *t, double int, struct list_head *l)"
    assert blob.tags("bpf_kfunc") == [function]
    assert blob.members(blob.ref(blob.members(own)[0].type)) == kernel.members(kernel.first("task_struct", Kind.STRUCT))
    assert declare(blob, blob.own(".data")[0], offsets=True).endswith("struct own v; /* 0x0: 36 bytes */")
    assert [e.name for e in blob.enumerators(blob.own("own_enum")[0])] == ["task_struct", "OWN"]
    assert blob.find("int", Kind.INT) == [kernel.first("int", Kind.INT)]
    assert len(blob.own("int", Kind.TYPEDEF)) == 1


def accepted(base: Make, kernel: Blob, own: Make = lambda w: w.ptr(1)) -> bool:
    try:
        relocate(*module(base, own), kernel, "mod")
    except BtfError as error:
        assert error.source == "mod"
        assert "vmlinux" in error.reason
        return False
    return True


@pytest.mark.parametrize(
    ("base", "fits"),
    [
        (lambda w: w.int_("int", 4, signed=True), True),
        (lambda w: w.int_("int", 8, signed=True), False),
        (lambda w: w.int_("int", 4), False),  # other encoding
        (lambda w: w.float_("int", 4), False),
        (lambda w: w.float_("double", 8), True),
        (lambda w: w.float_("double", 4), False),
        (lambda w: w.enum("colour", {}), True),
        (lambda w: w.enum("colour", {}, 8), False),
        (lambda w: w.enum("wide", {}, 8), True),  # an ENUM64 there
        (lambda w: w.struct("task_struct", [], 4), True),
        (lambda w: w.struct("task_struct", [], 400), True),  # grown, but not embedded
        (lambda w: w.union("task_struct", [], 4), True),  # as the kernel does: kinds of composites are not compared
        (lambda w: w.struct("absent", [], 4), False),
        (lambda w: w.fwd("task_struct"), True),
        (lambda w: w.fwd("absent"), False),
        (lambda w: w.fwd("double"), False),
    ],
)
def test_what_is_an_equal(base: Make, fits: bool) -> None:
    assert accepted(base, vmlinux()) is fits


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize(
    ("own", "embedded"),
    [
        (lambda w: w.struct("s", [("p", w.ptr(1), 0)], 8), False),
        (lambda w: w.struct("s", [("t", 1, 0)], 8), True),
        (lambda w: w.union("s", [("t", w.typedef("t", w.const(1)), 0)], 8), True),
        (lambda w: w.struct("s", [("t", w.array(w.array(1, 2, index=1), 2, index=1), 0)], 16), True),
        (lambda w: w.func("f", 0, [("t", 1)]), False),
    ],
)
def test_embedded_structs_need_their_size(own: Make, embedded: bool, size: int) -> None:
    fits = accepted(lambda w: w.struct("task_struct", [], size), vmlinux(), own)
    assert fits is (size == 4 or not embedded)


def test_structs_of_one_name_are_told_apart_by_size() -> None:
    w = BtfWriter()
    integer = w.int_("int", 4, signed=True)
    w.struct("console", [("a", integer)])
    other = w.struct("console", [("a", integer), ("b", integer)])
    w.struct("twin", [("a", integer)])
    w.struct("twin", [("b", integer)])
    kernel = w.blob()
    blob = relocate(*module(lambda w: w.struct("console", [], 8), lambda w: w.ptr(1)), kernel, "mod")
    assert blob.ref(blob.start_id) == other
    assert not accepted(lambda w: w.struct("console", [], 12), kernel)
    assert not accepted(lambda w: w.struct("twin", [], 4), kernel)


@pytest.mark.parametrize("union", [False, True])
@pytest.mark.parametrize("there", ["fwd", "fwd union", "struct", "struct bitfields", "union", "union bitfields"])
def test_forward_declarations_as_the_kernel_takes_them(there: str, union: bool) -> None:
    """Up to 7.3 the kernel takes the flag that says "has bitfields" for the one that tells union from struct."""
    w = BtfWriter()
    integer = w.int_("int", 4)
    members = [("a", integer, 0, 3 if "bitfields" in there else 0)]
    if there.startswith("fwd"):
        w.fwd("x", union="union" in there)
    else:
        w.struct("x", members, 4, kind=Kind.UNION if "union" in there else Kind.STRUCT)
    fits = {"fwd": not union, "fwd union": union, "struct": True, "union bitfields": True}.get(there, False)
    assert accepted(lambda w: w.fwd("x", union=union), w.blob()) is fits


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        (lambda w: w.ptr(0), "is not allowed in a distilled base"),
        (lambda w: w.typedef("t", 0), "is not allowed in a distilled base"),
        (lambda w: w.struct("", [], 4), "is anonymous"),
    ],
)
def test_a_base_that_is_not_distilled_is_refused(base: Make, reason: str) -> None:
    with pytest.raises(BtfError, match=reason):
        relocate(*module(base, lambda w: w.ptr(1)), vmlinux(), "mod")


def test_names_from_the_base_that_name_no_type_are_refused() -> None:
    def base(w: BtfWriter) -> None:
        w.int_("int", 4, signed=True)
        w.string("stray")

    with pytest.raises(BtfError, match="belongs to no type there") as caught:
        relocate(*module(base, lambda w: w.typedef("stray", 1)), vmlinux(), "mod")
    assert caught.value.offset == 24


def test_mixed_byte_orders_are_refused() -> None:
    with pytest.raises(BtfError, match="byte order"):
        relocate(*module(whole_base, whole_own, ">"), vmlinux("<"), "mod")


def test_broken_parts_are_refused() -> None:
    split, base = module(whole_base, whole_own)
    for bad in ((split[:-3], base), (split, base[:-3]), (split, b""), (b"", base), (base, split)):
        with pytest.raises(BtfError):
            relocate(*bad, vmlinux(), "mod")


def test_unknown_kinds_cannot_be_moved() -> None:
    distilled = BtfWriter()
    distilled.int_("int", 4, signed=True)
    w = BtfWriter(base=distilled, layout={20: (4, 0)})
    w.raw(20, "", 0, [1])
    with pytest.raises(BtfError, match="unknown kinds"):
        relocate(w.build(), distilled.build(), vmlinux(), "mod")


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["nf_conntrack", "hid"])
def test_real_modules_distilled_and_put_back_are_the_same(corpus: Path, name: str) -> None:
    def read(kernel: str, file: str) -> bytes:
        return lzma.decompress((corpus / "kernels" / kernel / file).read_bytes())

    base = Blob(read("7.3-amd64", "vmlinux.btf.xz"), "vmlinux")
    original = Blob(read("7.3-amd64", f"modules/{name}.btf.xz"), name, base)
    again = relocate(*distill(original), base, name)
    functions = original.own_ids(Kind.FUNC)
    assert len(functions) > 100
    for kind in (Kind.FUNC, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.VAR):
        theirs = [declare(original, i, offsets=True) for i in original.own_ids(kind)]
        ours = {declare(again, i, offsets=True) for i in again.own_ids(kind)}
        assert set(theirs) <= ours
    assert {again.name(i) for i in again.tags("bpf_kfunc")} == {original.name(i) for i in original.tags("bpf_kfunc")}
