# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tags of programs: our own relocation gives the instructions that libbpf gives, and they hash as the kernel hashes."""

from __future__ import annotations

import hashlib
import lzma

import pytest

from kfuncscope.bpf.instructions import Insn, decode
from kfuncscope.bpf.object import BpfObject, read_object
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.resources import sample
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.tag import UndecidedError, exception_handler, map_references_zeroed, program_code
from support import libbpf
from support.bpfwriter import (
    ENUMVAL_VALUE,
    FIELD_BYTE_OFFSET,
    FIELD_EXISTS,
    TYPE_ID_LOCAL,
    ObjectBuilder,
    call,
    call_rel,
    core,
    encode,
    exit_,
    jmp,
    kfunc,
    ld_imm64,
    ld_sym,
    ldx,
    mov,
    st,
    stx,
    subprog,
)  # fmt: skip
from support.btfwriter import BtfWriter
from support.kernels import KernelBuilder

OLD = libbpf.version() < (1, 2)


def kernel() -> tuple[KernelBuilder, Kernel]:
    """A kernel with a task_struct whose pid lies at 4, an enum and two kfuncs."""
    kb = KernelBuilder("7.3")
    kb.btf.struct("task_struct", [("flags", kb.u32), ("pid", kb.s32)])
    kb.btf.enum("word", {"WORD_A": 7})
    kb.btf.kfunc("bpf_here", kb.s32, [("x", kb.s32)])
    kb.btf.kfunc("bpf_other", kb.s32, [("x", kb.s64)])
    return kb, kb.kernel()


def everything() -> ObjectBuilder:
    """An object with each kind of relocation: records, externs weak and strong, maps, data, calls and callbacks."""
    ob = ObjectBuilder()
    task = ob.btf.struct("task_struct", [("pid", ob.s32), ("gone", ob.s32)])
    word = ob.btf.enum("word", {"WORD_A": 3})
    proto = ob.btf.proto(ob.s32, [("x", ob.s32)])
    ob.extern_func("bpf_here", proto)
    ob.extern_func("bpf_absent", proto, weak=True)
    ob.map("counts", type=1, key=ob.s32, value=ob.s32, max_entries=16)
    ob.variable(".bss", "total", bytes(8), ob.u64)
    ob.program("tc", "main", [
        mov(6, 1), core(ldx(4, 1, 6, 0), task, "0:0", FIELD_BYTE_OFFSET), kfunc("bpf_here"),
        ld_sym(2, "bpf_absent"), jmp("==", 2, 0, "out"), kfunc("bpf_absent"), "out:",
        core(ldx(4, 1, 6, 4), task, "0:1", FIELD_BYTE_OFFSET), core(mov(3, 1), task, "0:1", FIELD_EXISTS),
        core(ld_imm64(4, 3), word, "0", ENUMVAL_VALUE), core(mov(5, task), task, "0", TYPE_ID_LOCAL),
        ld_sym(1, "counts"), ld_sym(2, "total"), subprog("outer"), subprog("helped"),
        ld_sym(2, "callback", static=True), call(164), subprog("outer"), exit_(),
    ])  # fmt: skip
    ob.program("tc", "plain", [ld_sym(1, "counts"), call(1), subprog("helped"), mov(0, 0), exit_()])
    ob.subprogram("helped", [mov(0, 1), exit_()])
    ob.subprogram("outer", [subprog("inner"), subprog("helped"), mov(0, 2), exit_()])
    ob.subprogram("callback", [ld_sym(1, "total"), subprog("inner"), mov(0, 0), exit_()], linkage=0)
    ob.subprogram("inner", [core(ldx(4, 1, 1, 0), task, "0:0", FIELD_BYTE_OFFSET), mov(0, 3), exit_()])
    return ob


def ours(obj: BpfObject, kernel: Kernel | None, old: bool = OLD) -> dict[str, list[Insn]]:
    """Our instructions by program."""
    ctx = Context(obj, kernel) if kernel is not None else None
    return {p.name: decode(program_code(obj, p, ctx, old).data, obj.endian) for p in obj.programs}


def test_instructions_are_those_of_libbpf() -> None:
    kb, made = kernel()
    data = everything().build()
    (answer,) = libbpf.ask([(kb.build(), data)])
    assert answer.code == 0, answer.log
    found = ours(read_object(data, "test.bpf.o"), made)
    for name in ("main", "plain"):
        assert found[name] == map_references_zeroed(answer.programs[name]), name


@pytest.mark.parametrize("release", ["6.12-x86_64", "7.3-x86_64"])
def test_instructions_of_the_sample_objects_are_those_of_libbpf(release: str) -> None:
    from kfuncscope.intake.kernels import kernel_files
    from kfuncscope.kernel.kernel import open_kernel

    btf = lzma.decompress(sample("kernels", release, "vmlinux.btf.xz").read_bytes())
    made = open_kernel(kernel_files([str(sample("kernels", release, "vmlinux.btf.xz"))])[0])
    made.modules = type(made.modules)({}, made.vmlinux)  # the probe has no modules
    paths = sorted(sample("objects").glob("*.bpf.o"))
    answers = libbpf.ask([(btf, path.read_bytes()) for path in paths])
    compared = 0
    for path, answer in zip(paths, answers, strict=True):
        obj = read_object(path.read_bytes(), path.name)
        ctx = Context(obj, made)
        for program in obj.programs:
            theirs = answer.programs.get(program.name)
            if answer.code or not theirs:
                continue  # libbpf rejects the object on this kernel
            try:
                code = program_code(obj, program, ctx, OLD)
            except UndecidedError:
                continue
            assert decode(code.data, "<") == map_references_zeroed(theirs), f"{path.name}/{program.name}"
            compared += 1
    assert compared >= 15


def test_the_tag_is_the_head_of_either_hash() -> None:
    ob = ObjectBuilder()
    code = [mov(0, 2), exit_()]
    ob.program("xdp", "pass", code)
    obj = read_object(ob.build(), "test.bpf.o")
    raw = encode(code)
    assert program_code(obj, obj.programs[0], None).tags == (
        hashlib.sha1(raw).hexdigest()[:16],
        hashlib.sha256(raw).hexdigest()[:16],
    )


def test_a_tag_that_a_kernel_gave() -> None:
    # r0 = 0; exit: seen on Debian's 6.12.107 (SHA-1) and on a 6.18.44 (SHA-256).
    ob = ObjectBuilder()
    ob.program("socket", "nothing", [mov(0, 0), exit_()])
    obj = read_object(ob.build(), "test.bpf.o")
    assert program_code(obj, obj.programs[0], None).tags == ("a04f5eef06a7f555", "59f4a931744dcdc6")


def test_both_immediates_of_a_map_reference_count_as_zero() -> None:
    first = [Insn(0x18, 1, 2, 0, 77), Insn(0, 0, 0, 0, 5), Insn(0xB7, 0, 0, 0, 1)]
    assert map_references_zeroed(first) == [Insn(0x18, 1, 2, 0, 0), Insn(0, 0, 0, 0, 0), Insn(0xB7, 0, 0, 0, 1)]
    plain = [Insn(0x18, 1, 0, 0, 77), Insn(0, 0, 0, 0, 5)]
    assert map_references_zeroed(plain) == plain
    types = [Insn(0x18, 1, 3, 0, 77), Insn(0, 0, 0, 0, 5)]
    assert map_references_zeroed(types) == types


def test_big_endian_instructions_keep_their_order() -> None:
    ob = ObjectBuilder(">")
    code = [mov(3, 0x12345), exit_()]
    ob.program("xdp", "pass", code)
    obj = read_object(ob.build(), "test.bpf.o")
    assert program_code(obj, obj.programs[0], None).data == encode(code, ">")


def test_an_absent_weak_kfunc_by_old_and_new_libbpf() -> None:
    _, made = kernel()
    obj = read_object(everything().build(), "test.bpf.o")
    new, old = ours(obj, made, False)["main"], ours(obj, made, True)["main"]
    (at,) = [i for i, (a, b) in enumerate(zip(new, old, strict=True)) if a != b]
    assert new[at] == Insn(0x85, 0, 0, 0, 2002000000)
    assert old[at] == Insn(0x85, 0, 2, 0, 0)


def test_without_a_kernel_only_what_asks_none() -> None:
    obj = read_object(everything().build(), "test.bpf.o")
    main, plain = obj.programs
    with pytest.raises(UndecidedError):
        program_code(obj, main, None)
    assert program_code(obj, plain, None).tags == program_code(obj, plain, Context(obj, kernel()[1])).tags


def test_the_address_of_a_symbol_cannot_be_known() -> None:
    ob = ObjectBuilder()
    ob.extern_var("jiffies", 0)
    ob.program("xdp", "pass", [ld_sym(1, "jiffies"), mov(0, 0), exit_()])
    obj = read_object(ob.build(), "test.bpf.o")
    kb = KernelBuilder("7.3")
    with pytest.raises(UndecidedError, match="address of jiffies"):
        program_code(obj, obj.programs[0], Context(obj, kb.kernel(symbols=["D jiffies"])))


@pytest.mark.parametrize(("endian", "arch"), [("<", "x86_64"), (">", "s390x")])
def test_an_address_that_is_told_moves_with_the_kernel(endian: str, arch: str) -> None:
    """Both immediates change where the lower one overflows; nothing else does."""
    address, distance = 0xFFFFFFFE_FFF00000, 0x200000

    def code(at: int) -> list[Insn]:
        return [*ld_imm64(7, 5), *ld_imm64(1, at), mov(0, 0), exit_()]

    ob = ObjectBuilder(endian)
    ob.extern_var("jiffies", 0)
    ob.program("tc", "main", [ld_imm64(7, 5), ld_sym(1, "jiffies"), mov(0, 0), exit_()])
    obj = read_object(ob.build(), "test.bpf.o")
    ctx = Context(obj, KernelBuilder("7.3", arch).kernel(symbols=["D jiffies"]))
    made = program_code(obj, obj.programs[0], ctx, linked={"jiffies": address}.get)
    assert (made.data, made.addresses) == (encode(code(address), endian), (2,))
    assert made.moved(distance, endian).data == encode(code(address + distance), endian)
    with pytest.raises(UndecidedError):
        program_code(obj, obj.programs[0], ctx, linked={}.get)


def test_an_exception_callback_is_appended_too() -> None:
    ob = ObjectBuilder()
    ob.program("tc", "main", [mov(0, 0), exit_()])
    ob.subprogram("handler", [mov(0, 5), exit_()])
    proto = read_object(ob.build(), "test.bpf.o").programs[0].function.proto
    ob.btf.decl_tag("exception_callback:handler", proto)
    obj = read_object(ob.build(), "test.bpf.o")
    handler = exception_handler(obj, obj.programs[0])
    assert handler is not None and handler.name == "handler"
    assert len(program_code(obj, obj.programs[0], None).data) == 8 * 4


def test_calls_within_a_section_lead_to_where_the_callee_lies_now() -> None:
    ob = ObjectBuilder()
    ob.program("tc", "main", [subprog("second"), exit_()])
    ob.subprogram("first", [mov(0, 1), exit_()])
    ob.subprogram("second", [call_rel(-3), mov(0, 2), exit_()])  # calls first by its distance
    obj = read_object(ob.build(), "test.bpf.o")
    code = decode(program_code(obj, obj.programs[0], None).data, "<")
    assert [(i.imm if i.op == 0x85 else i.op) for i in code] == [1, 0x95, 2, 0xB7, 0x95, 0xB7, 0x95]


def test_accesses_of_every_size_are_those_of_libbpf() -> None:
    """R-3.8: loads, stores of registers and of numbers get the size of the field; the other bits of the opcode stay."""
    ob, kb = ObjectBuilder(), KernelBuilder("7.3")
    sizes = (1, 2, 4, 8)
    words = {size: (ob.btf.int_(f"u{size}", size), kb.btf.int_(f"u{size}", size)) for size in sizes}
    code: list[object] = []
    for was in sizes:
        for now in sizes:
            name = f"s{was}{now}"
            local = ob.btf.struct(name, [("x", words[was][0])])
            kb.btf.struct(name, [("pad", words[8][1]), ("x", words[now][1])])
            insns = (ldx(was, 1, 6, 0), st(was, 6, 0, 3), stx(was, 6, 0, 2), mov(3, 0))
            code += [core(insn, local, "0:0", FIELD_BYTE_OFFSET) for insn in insns]
    ob.program("tc", "main", [mov(6, 1), *code, mov(0, 0), exit_()])  # type: ignore[list-item]
    data, made = ob.build(), kb.kernel()
    (answer,) = libbpf.ask([(kb.build(), data)])
    assert answer.code == 0, answer.log
    found = ours(read_object(data, "test.bpf.o"), made)["main"]
    assert found == map_references_zeroed(answer.programs["main"])
    assert {i.op for i in found if i.op & 7 in (1, 2, 3) and i.off == 8} == {
        base | size for base in (0x61, 0x62, 0x63) for size in (0x00, 0x08, 0x10, 0x18)
    }


def test_a_call_into_a_module_names_its_place() -> None:
    """Modules count in the order in which libbpf meets them, from 1; what lies in vmlinux has 0."""
    kb = KernelBuilder("7.3")
    kb.btf.kfunc("bpf_here", kb.s32)
    kb.build()
    modules = {}
    for name in ("alpha", "beta"):
        writer = BtfWriter(base=kb.btf)
        writer.kfunc(f"bpf_{name}", kb.btf.once("int_", "int", 4, signed=True))
        modules[name] = writer
    ob = ObjectBuilder()
    for name in ("bpf_beta", "bpf_here", "bpf_alpha"):
        ob.extern_func(name, ob.btf.proto(ob.s32))
    calls = [kfunc("bpf_beta"), kfunc("bpf_here"), kfunc("bpf_alpha"), kfunc("bpf_beta")]
    ob.program("tc", "main", [*calls, exit_()])
    obj = read_object(ob.build(), "test.bpf.o")
    made = kb.kernel(modules=modules)
    code = program_code(obj, obj.programs[0], Context(obj, made))
    assert [i.off for i in decode(code.data, "<")] == [2, 0, 1, 2, 0] and code.modules
    only = ObjectBuilder()
    only.extern_func("bpf_here", only.btf.proto(only.s32))
    only.program("tc", "main", [kfunc("bpf_here"), exit_()])
    obj = read_object(only.build(), "test.bpf.o")
    assert not program_code(obj, obj.programs[0], Context(obj, made)).modules


def test_only_the_second_half_of_a_map_reference_is_zeroed() -> None:
    """An instruction that is no second half ends the reference."""
    for after in (
        Insn(0, 1, 0, 0, 5),
        Insn(0, 0, 1, 0, 5),
        Insn(0, 0, 0, 1, 5),
        Insn(0, 0, 0, -1, 5),
        Insn(0xB7, 0, 0, 0, 5),
    ):
        code = [Insn(0x18, 1, 1, 0, 77), after, Insn(0, 0, 0, 0, 5)]
        assert map_references_zeroed(code) == [Insn(0x18, 1, 1, 0, 0), after, Insn(0, 0, 0, 0, 5)]
    for src, zeroed in ((0, False), (1, True), (2, True), (3, False), (4, False), (5, False)):
        code = [Insn(0x18, 1, src, 0, 77), Insn(0, 0, 0, 0, 5)]
        assert (map_references_zeroed(code)[1].imm == 0) == zeroed
    assert map_references_zeroed([Insn(0x17, 1, 1, 0, 77)])[0].imm == 77
