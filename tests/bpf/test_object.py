# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reading objects as libbpf does (R-2.1..R-2.16): programs, sections, externs, maps, call forms, struct_ops, damage."""

from __future__ import annotations

import struct

import pytest

from kfuncscope.bpf.instructions import decode, later_instruction
from kfuncscope.bpf.needs import program_needs
from kfuncscope.bpf.object import BpfObject, read_object
from kfuncscope.bpf.sections import read_section
from kfuncscope.errors import BtfError, InputError, ObjectError
from kfuncscope.storage.files import UNKNOWN_LOADER, Loader
from support import elfwriter as elf
from support.bpfwriter import (
    FIELD_BYTE_OFFSET,
    ObjectBuilder,
    call,
    call_rel,
    core,
    encode,
    exit_,
    jmp,
    kfunc,
    ld_sym,
    ldx,
    line,
    mov,
    object_bytes,
    subprog,
)
from support.btfwriter import STATIC
from support.elfwriter import ElfWriter

END = [mov(0, 0), exit_()]


def read(ob: ObjectBuilder) -> BpfObject:
    return read_object(ob.build(), "test.bpf.o")


@pytest.mark.parametrize(
    ("section", "prog_type", "attach_type", "target", "module", "sleepable", "autoload"),
    [
        ("xdp", "XDP", "XDP", "", "", False, True),
        ("xdp.frags", "XDP", "XDP", "", "", False, True),
        ("?fentry.s/vmlinux:foo", "TRACING", "TRACE_FENTRY", "foo", "vmlinux", True, False),
        ("fexit/nf:foo", "TRACING", "TRACE_FEXIT", "foo", "nf", False, True),
        ("fmod_ret/foo", "TRACING", "MODIFY_RETURN", "foo", "", False, True),
        ("tp_btf/sched_switch", "TRACING", "TRACE_RAW_TP", "sched_switch", "", False, True),
        ("lsm/file_open", "LSM", "LSM_MAC", "file_open", "", False, True),
        ("lsm_cgroup/file_open", "LSM", "LSM_CGROUP", "file_open", "", False, True),
        ("iter/task", "TRACING", "TRACE_ITER", "task", "", False, True),
        ("kprobe/foo+0x10", "KPROBE", "", "foo+0x10", "", False, True),
        ("kprobe.multi/foo*", "KPROBE", "TRACE_KPROBE_MULTI", "foo*", "", False, True),
        ("kprobe.session/foo", "KPROBE", "TRACE_KPROBE_SESSION", "foo", "", False, True),
        ("uprobe/./x:main", "KPROBE", "", "./x:main", "", False, True),
        ("tracepoint/sched/sched_switch", "TRACEPOINT", "", "sched/sched_switch", "", False, True),
        ("raw_tp/sched_switch", "RAW_TRACEPOINT", "", "sched_switch", "", False, True),
        ("struct_ops.s/init", "STRUCT_OPS", "", "init", "", True, True),
        ("cgroup/connect4", "CGROUP_SOCK_ADDR", "CGROUP_INET4_CONNECT", "connect4", "", False, True),
        ("cgroup_skb/egress", "CGROUP_SKB", "CGROUP_INET_EGRESS", "egress", "", False, True),
        ("tc/ingress", "SCHED_CLS", "TCX_INGRESS", "ingress", "", False, True),
        ("syscall", "SYSCALL", "", "", "", True, True),
        ("netfilter", "NETFILTER", "NETFILTER", "", "", False, True),
        ("fsession/foo", "TRACING", "TRACE_FSESSION", "foo", "", False, True),
        ("freplace/foo", "EXT", "", "foo", "", False, True),
        ("xdp_sock", "", "", "", "", False, True),
        ("kprobes/foo", "", "", "foo", "", False, True),
    ],
)
def test_r_2_2_section_names(
    section: str, prog_type: str, attach_type: str, target: str, module: str, sleepable: bool, autoload: bool
) -> None:
    """libbpf's table: first hit wins, exact, prefix or ``x+``."""
    found = read_section(section)
    assert (found.prog_type, found.attach_type, found.target) == (prog_type, attach_type, target)
    assert (found.module, found.sleepable, found.autoload) == (module, sleepable, autoload)


def test_r_2_1_programs_and_subprograms() -> None:
    """Programs in the order of the file, each with the subprograms that it may run."""
    ob = ObjectBuilder()
    ob.subprogram("deep", END).subprogram("sub", [subprog("deep"), *END], linkage=STATIC)
    ob.program("xdp", "first", [subprog("sub", static=True), *END]).program("?tc", "second", END)
    obj = read(ob)
    assert [(p.name, p.autoload) for p in obj.programs] == [("first", True), ("second", False)]
    assert [f.name for f in obj.programs[0].functions] == ["first", "sub", "deep"]
    assert [f.static for f in obj.programs[0].functions] == [False, True, False]


def test_r_2_1_hidden_functions_are_static() -> None:
    """Hidden visibility: verified like a static function."""
    ob = ObjectBuilder().subprogram("sub", END, hidden=True).program("xdp", "prog", [subprog("sub"), *END])
    assert read(ob).programs[0].functions[1].static


def test_only_text() -> None:
    """Functions in .text are subprograms, one alone too: libbpf loads such an object and finds no program in it."""
    one = read_object(ObjectBuilder().subprogram("entry", END).build(), "t")
    two = read_object(ObjectBuilder().subprogram("a", END).subprogram("b", END).build(), "t")
    for obj in (one, two):
        assert obj.programs == []
        assert any("only .text" in note for note in obj.notes)


@pytest.mark.parametrize("endian", ["<", ">"])
def test_call_forms(endian: str) -> None:
    """R-2.16: helpers, kfuncs, subprograms by symbol, by section and by distance, callbacks."""
    ob = ObjectBuilder(endian)
    ob.extern_func("bpf_x", weak=True)
    ob.map("m", type=1, key=ob.s32, value=ob.s32, max_entries=1)
    ob.variable(".rodata", "ro", bytes(8))
    ob.subprogram("pad", END).subprogram("sub", END, linkage=STATIC)
    ob.program("xdp", "prog", [call(5), kfunc("bpf_x"), subprog("sub", static=True), subprog("pad"),
                               ld_sym(1, "sub", static=True), ld_sym(1, "m"), ld_sym(1, "ro", add=4),
                               ld_sym(2, "bpf_x"), call_rel(2), *END])  # fmt: skip
    ob.program("xdp", "local", END, linkage=STATIC)
    obj = read(ob)
    prog = obj.programs[0]
    kinds = [(r.kind, r.name) for _, r in sorted(prog.function.refs.items())]
    assert kinds == [("kfunc", "bpf_x"), ("func", ".text"), ("func", ".text"), ("func", ".text"), ("map", "m"),
                     ("data", ".rodata"), ("kfunc", "bpf_x")]  # fmt: skip
    assert {f.name for f in prog.functions} == {"prog", "sub", "pad", "local"}
    assert list(prog.helper_calls) == [5]
    assert prog.function.refs[8].offset == 4


def test_r_2_7_externs() -> None:
    """kfuncs, typed and typeless variables, kconfig; strength from the symbol; hidden halves of a link are none."""
    ob = ObjectBuilder()
    ob.extern_func("bpf_a___v1", weak=True).extern_func("bpf_b").extern_var("init_net").extern_var("runqueues", ob.s32)
    ob.extern_kconfig("CONFIG_HZ", weak=True)
    ob.program("xdp", "prog", [kfunc("bpf_b"), kfunc("not_declared"), *END])
    obj = read(ob)
    told = {e.name: (e.kind, e.weak, e.typed, e.lookup) for e in obj.externs.values()}
    assert told == {
        "bpf_a___v1": ("kfunc", True, True, "bpf_a"),
        "bpf_b": ("kfunc", False, True, "bpf_b"),
        "init_net": ("ksym", False, False, "init_net"),
        "runqueues": ("ksym", False, True, "runqueues"),
        "CONFIG_HZ": ("kconfig", True, True, "CONFIG_HZ"),
    }
    assert obj.programs[0].function.refs[1].kind == "unknown"


def test_r_2_15_maps() -> None:
    """Numbers, key and value sizes; data sections; legacy ones are refused by libbpf and said so."""
    ob = ObjectBuilder()
    value = ob.btf.struct("v", [("a", ob.u64), ("b", ob.u64)])
    ob.map("counts", type=5, key=ob.s32, value=value, max_entries=77, map_flags=1)
    ob.variable(".bss", "zero", bytes(16)).variable(".rodata.str", "s", b"text\0")
    ob.program("xdp", "prog", END)
    obj = read(ob)
    one = obj.maps["counts"]
    assert (one.type, one.key_size, one.value_size, one.max_entries, one.flags) == (5, 4, 16, 77, 1)
    assert (obj.maps[".bss"].type, obj.maps[".bss"].max_entries) == (2, 1)  # BPF_MAP_TYPE_ARRAY
    assert (obj.maps[".bss"].value_size, obj.maps[".rodata.str"].value_size) == (16, 5)
    assert obj.data_of(".bss") == bytes(16)
    made = ObjectBuilder().legacy_map("old", type=1, key_size=4, value_size=8, max_entries=3).program("xdp", "p", END)
    for loader, refused in ((UNKNOWN_LOADER, False), (Loader("libbpf", chosen=True), True), (Loader("cilium"), False)):
        legacy = read_object(made.build(), "x", None, loader)
        assert (legacy.maps["old"].value_size, bool(legacy.loader_issue)) == (8, refused)
        assert any("legacy map definitions" in note for note in legacy.notes) == (loader.name != "cilium")


def test_struct_ops_tables() -> None:
    """R-7.2: members with their bytes and programs; zero is zero; several tables."""
    ob = ObjectBuilder()
    callback = ob.btf.ptr(ob.btf.proto(ob.s32))
    table = ob.btf.struct("my_ops___v1", [("init", callback), ("flags", ob.u32), ("name", ob.btf.array(ob.s32, 2))])
    ob.struct_ops("one", table, 24, {0: "prog"}, {8: b"\5\0\0\0"}, section=".struct_ops.link")
    ob.struct_ops("two", table, 24, {0: "prog"}, section="?.struct_ops.link")
    ob.program("struct_ops/init", "prog", END)
    first, second = read(ob).struct_ops
    assert (first.kernel_type, first.optional, second.optional) == ("my_ops", False, True)
    assert [(m.member.name, m.program, m.zero) for m in first.members] == [
        ("init", "prog", False), ("flags", "", False), ("name", "", True),
    ]  # fmt: skip


def test_several_struct_ops_tables_of_one_section() -> None:
    """Each has its own place, which its symbol tells: the offsets of the DATASEC are all 0."""
    ob = ObjectBuilder()
    callback = ob.btf.ptr(ob.btf.proto(ob.s32))
    table = ob.btf.struct("my_ops", [("init", callback), ("exit", callback)])
    ob.struct_ops("one", table, 16, {0: "first"}).struct_ops("two", table, 16, {0: "first", 8: "second"})
    ob.program("struct_ops", "first", END).program("struct_ops", "second", END)
    tables = [[m.program for m in ops.members] for ops in read(ob).struct_ops]
    assert tables == [["first", ""], ["first", "second"]]


def test_source_lines_and_records() -> None:
    """.BTF.ext by function: lines at or before an instruction, records numbered within their section."""
    ob = ObjectBuilder()
    task = ob.btf.struct("task", [("a", ob.s32), ("b", ob.s32)])
    ob.program("xdp", "one", [line(mov(1, 0), 10, "first"), core(mov(2, 0), task, "0:0", FIELD_BYTE_OFFSET), *END])
    ob.program("xdp", "two", [core(mov(2, 4), task, "0:1", FIELD_BYTE_OFFSET), line(mov(0, 0), 20, "last"), exit_()])
    one, two = read(ob).programs
    assert [one.function.line_at(i).line for i in range(4)] == [10] * 4  # type: ignore[union-attr]
    assert two.function.line_at(0) is None
    assert [(n, r.access) for n, r in two.function.relos] == [(1, "0:1")]
    assert list(two.function.core) == [0]


def test_needs_in_order_with_places() -> None:
    """What a program needs, each with strength, test and places."""
    ob = ObjectBuilder()
    ob.extern_func("bpf_x___v2", weak=True)
    ob.map("m", type=1, key=ob.s32, value=ob.s32, max_entries=1)
    code = [ld_sym(2, "bpf_x___v2"), jmp("==", 2, 0, "out"), kfunc("bpf_x___v2"), "out:", ld_sym(1, "m"), call(1), *END]
    ob.program("fentry/foo", "prog", code)
    obj = read(ob)
    needs = {(n.kind, n.name): n for n in program_needs(obj, obj.programs[0], {1: "map_lookup_elem"})}
    assert list(needs) == [("program type", "TRACING"), ("hook", "foo"), ("kfunc", "bpf_x"),
                           ("helper", "bpf_map_lookup_elem"), ("map type", "1")]  # fmt: skip
    one = needs["kfunc", "bpf_x"]
    assert (one.strong, one.tested, [i for _, i in one.places]) == (False, True, [0, 3])


def test_objects_without_btf_are_read_for_what_they_have() -> None:
    """Sections, helpers, licence; and it is said what cannot be judged."""
    obj = read_object(object_bytes("lirc_mode2", [call(6), *END], btf=False, license="GPL"), "t")
    assert (obj.programs[0].section.prog_type, list(obj.programs[0].helper_calls)) == ("LIRC_MODE2", [6])
    assert any("no BTF" in note for note in obj.notes)
    fixed = ObjectBuilder()
    fixed.btf.struct("task_struct", [("pid", fixed.s32)])
    reads = [ldx(8, 1, 1, 112), call(113), *END]
    assert any("no CO-RE" in n for n in read(fixed.program("kprobe/x", "p", reads)).notes)


@pytest.mark.parametrize("licence", ["GPL", "GPL v2", "Dual MIT/GPL", "Dual BSD/GPL", "MIT", None])
def test_licences(licence: str | None) -> None:
    """What the kernel calls GPL compatible."""
    obj = read(ObjectBuilder(license=licence).program("xdp", "p", END))
    assert (obj.license, obj.gpl) == (licence, licence not in ("MIT", None))


def test_both_byte_orders_decode_alike() -> None:
    """Registers are nibbles that swap with the byte order."""
    insns = [ldx(8, 3, 7, -8), mov(2, -1), call(5), exit_()]
    little, big = (decode(encode(insns, e), e) for e in "<>")
    assert little == big
    assert (little[0].dst, little[0].src, little[0].off, little[1].imm) == (3, 7, -8, -1)
    assert decode(b"\0" * 11, "<") == decode(b"\0" * 8, "<")


def test_instructions_by_release() -> None:
    """R-11.14: plain instructions ask for nothing."""
    assert all(later_instruction(i) is None for i in decode(encode([mov(1, 2), ldx(8, 1, 2), call(1), exit_()]), "<"))


# -- damage


def damaged(change: bytes | None = None, at: int = 0, cut: int | None = None) -> bytes:
    data = bytearray(object_bytes("xdp", END))
    if change is not None:
        data[at : at + len(change)] = change
    return bytes(data[:cut])


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "not an ELF"),
        (b"\x7fELF", "damaged"),
        (damaged(b"\1", 4), ""),
        (damaged(struct.pack("<H", 62), 18), "not a BPF object"),
        (damaged(cut=100), ""),
        (damaged(b"\xff" * 8, 40), ""),
    ],
)
def test_what_is_no_object(data: bytes, word: str) -> None:
    """One InputError with a reason."""
    with pytest.raises(InputError) as told:
        read_object(data, "bad.bpf.o")
    assert word in told.value.reason
    assert told.value.source.startswith("bad.bpf.o")


def with_hook(change: object) -> bytes:
    ob = ObjectBuilder().program("xdp", "prog", END)
    ob.elf_hook = change  # type: ignore[assignment]
    return ob.build()


def test_functions_outside_their_section() -> None:
    """A symbol longer than the section."""
    with pytest.raises(ObjectError, match="outside its section"):
        read_object(with_hook(lambda w: w.symbol("far", 1, 8, 800, kind=elf.FUNC)), "bad")
    with pytest.raises(ObjectError, match="outside its section"):
        read_object(with_hook(lambda w: w.symbol("odd", 1, 3, 8, kind=elf.FUNC)), "bad")


def test_relocations_outside_their_section() -> None:
    """An offset behind the last instruction, or within one."""
    for at in (800, 4):
        with pytest.raises(ObjectError, match="relocation outside"):
            read_object(with_hook(lambda w, at=at: w.rel(1, at, "prog", elf.R_BPF_64_64)), "bad")


def test_damaged_btf_is_one_error() -> None:
    """.BTF that is none."""

    def change(w: ElfWriter) -> None:
        next(s for s in w.sections if s.name == ".BTF").data = b"\x9f\xeb\1\0" + b"\xff" * 40

    with pytest.raises(BtfError):
        read_object(with_hook(change), "bad")


def test_struct_ops_beyond_their_section() -> None:
    """A table whose BTF is larger than its bytes is read as far as it goes."""
    ob = ObjectBuilder()
    table = ob.btf.struct("my_ops", [("a", ob.u64), ("b", ob.u64)])
    ob.struct_ops("one", table, 8, {}).program("xdp", "prog", END)
    (one,) = read(ob).struct_ops
    assert [m.data for m in one.members] == [bytes(8), b""]


def test_calls_to_nowhere_are_no_crash() -> None:
    """A call beyond the section, and a relocated call into a section without functions."""
    obj = read_object(object_bytes("xdp", [call_rel(500), call_rel(-500), *END]), "t")
    assert [f.name for f in obj.programs[0].functions] == ["prog"]
