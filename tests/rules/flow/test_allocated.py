# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Objects from bpf_obj_new(): what lies past the size of their type, in the array at the end (R-12.30)."""

from __future__ import annotations

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Tri, Verdict
from support.bpfwriter import (
    TYPE_ID_LOCAL,
    Code,
    ObjectBuilder,
    Reg,
    alu,
    core,
    exit_,
    ja,
    jmp,
    kfunc,
    ld_imm64,
    ldx,
    mov,
    st,
    stx,
)  # fmt: skip
from support.kernels import KernelBuilder, compared, judged

END = ["out:", mov(0, 0), exit_()]
TAGS = "bpf_obj_new_impl", "bpf_obj_new"


def kernel(*, keeps: bool) -> Kernel:
    """With or without the parameter that tells that the kernel keeps to the size."""
    kb = KernelBuilder("7.2")
    names = ["log", "btf", "id", "off", "need_btf", "need_type_id", "strict", *["walk_flex_arrays"] * keeps]
    kb.hook("btf_struct_ids_match", [(name, kb.u32) for name in names])
    for allocator in TAGS:
        kb.btf.kfunc(
            allocator, kb.btf.once("ptr", 0), [("local_type_id__k", kb.u64), ("meta__ign", kb.btf.once("ptr", 0))]
        )
    return kb.kernel()


def using(
    *access: Code, nelems: int = 0, allocator: str = TAGS[0], inner: bool = False, number: bool = True
) -> ObjectBuilder:
    """``tc`` allocates a struct of 8 bytes with an array of ``nelems`` behind them, and uses it, in R6."""
    ob = ObjectBuilder()
    pointer, long_ = ob.btf.once("ptr", 0), ob.btf.once("int_", "unsigned long", 8)
    element = ob.btf.struct("pair", [("a", ob.s32), ("b", ob.s32)]) if inner else ob.s32 if number else pointer
    flex = ob.btf.struct("flex", [("n", long_), ("cells", ob.btf.array(element, nelems, ob.s32))])
    ob.extern_func(allocator, ob.btf.proto(pointer, [("id", long_), ("meta", pointer)]))
    asked = [core(ld_imm64(1, 0), flex, "0", TYPE_ID_LOCAL), mov(2, 0), kfunc(allocator)]
    made = [*asked, jmp("==", 0, 0, "out"), alu("=", 6, Reg(0))]
    return ob.program("tc", "prog", [*made, *access, *END])


@pytest.mark.parametrize(
    ("access", "refused"),
    [
        ([st(4, 6, 8, 42)], True), ([st(4, 6, 4, 42)], False), ([ldx(8, 2, 6, 0)], False),
        ([ldx(4, 2, 6, 8)], True), ([mov(3, 1), stx(4, 6, 24, 3)], True), ([alu("+", 6, 8), ldx(1, 2, 6, 0)], True),
        ([alu("+", 6, 8), ldx(1, 2, 6, -8)], False),
        ([jmp("!=", 6, 0, "out"), st(4, 6, 8, 42)], True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("allocator", TAGS)
def test_accesses_past_the_size_of_an_allocated_object_r_12_30(access: Code, refused: bool, allocator: str) -> None:
    ob = using(access, allocator=allocator)
    found = judged(ob, kernel(keeps=True))
    assert found.programs[0].loads == (Tri.NO if refused else Tri.YES)
    assert {r for p in found.programs[0].problems for r in p.rules} == ({"R-12.30"} if refused else set())
    assert judged(ob, kernel(keeps=False)).programs[0].loads == Tri.YES
    told = compared(ob, kernel(keeps=False), kernel(keeps=True))
    assert told.verdict == (Verdict.BREAKS if refused else Verdict.OK)


@pytest.mark.parametrize(
    ("ob", "refused"),
    [(using([st(4, 6, 8, 1)], inner=True), True), (using([st(4, 6, 8, 1)], nelems=1), False),
     (using([st(8, 6, 8, 1)], number=False), False), (using([ja("out"), st(4, 6, 8, 1)]), False)],
)  # fmt: skip
def test_what_the_array_is_of_and_where_it_is_reached_r_12_30(ob: ObjectBuilder, refused: bool) -> None:
    """Of structs and numbers, as the walk took them; one of known length is no part of it."""
    found = judged(ob, kernel(keeps=True)).programs[0]
    assert ("R-12.30" in {r for p in found.problems for r in p.rules}) == refused
