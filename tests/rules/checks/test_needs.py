# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Helpers, instructions, maps and struct_ops on a kernel (R-0.5, R-6, R-7.1..7.3, R-11.2..11.6, R-11.14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Reach, Tri
from kfuncscope.rules.checks.options import left_out
from kfuncscope.rules.judge import judge
from kfuncscope.storage.files import Loader
from support import libbpf
from support.bpfwriter import (
    Insn,
    ObjectBuilder,
    Reg,
    alu,
    alu32,
    atomic,
    call,
    exit_,
    ja,
    jmp,
    kfunc,
    ld_sym,
    ldsx,
    mov,
)
from support.btfwriter import BtfWriter
from support.kernels import CONFIG, KernelBuilder, classes, judged, only, rules

END = [mov(0, 0), exit_()]
SETSOCKOPT, TCP_SEND_ACK, PROBE_WRITE_USER, SKB_LOAD_BYTES, KTIME, TASK_STORAGE_GET = 49, 116, 36, 26, 5, 156
COPY_FROM_USER, GET_TASK_STACK, D_PATH, SK_STORAGE_GET = 148, 141, 147, 107


def kernel(release: str = "7.3", arch: str = "x86_64", **given: Any) -> Kernel:
    return KernelBuilder(release, arch).kernel(**given)


def helper(number: int, section: str, k: Kernel, *, license: str = "GPL") -> list[str]:
    """Classes of the problems of a program that calls a helper; hooks are not looked at."""
    ob = ObjectBuilder(k.endian, license=license).program(section, "prog", [call(number), *END])
    return [p.failure for p in only(ob, k).problems if p.kind == "helper"]


# -- helpers

NO = ["helper_not_available"]


def test_r_6_1_numbers() -> None:
    """A number that the kernel's enum lacks; 0 is never a helper."""
    assert helper(211, "xdp", kernel("6.1")) == NO
    assert helper(999, "xdp", kernel()) == NO
    assert helper(0, "xdp", kernel()) == NO
    assert helper(KTIME, "xdp", kernel()) == []


def test_r_6_2_lists_by_program_type() -> None:
    """skb_load_bytes is for sk_buffs."""
    assert helper(SKB_LOAD_BYTES, "tc", kernel()) == []
    assert helper(SKB_LOAD_BYTES, "xdp", kernel()) == NO
    assert helper(SKB_LOAD_BYTES, "kprobe/f", kernel()) == NO


def test_r_6_4_gpl_only_helpers() -> None:
    """A helper for GPL programs only, in dead code no matter."""
    assert helper(113, "kprobe/f", kernel(), license="Proprietary") == ["licence"]
    assert helper(113, "kprobe/f", kernel()) == []
    ob = ObjectBuilder(license="Proprietary")
    ob.program("kprobe/f", "prog", [mov(2, 0), jmp("==", 2, 0, "out"), call(113), "out:", *END])
    assert only(ob, kernel()).loads == Tri.YES


@pytest.mark.parametrize(
    ("section", "allowed"),
    [
        ("cgroup/setsockopt", True),
        ("cgroup/getsockopt", False),
        ("iter/tcp", True),
        ("iter/unix", True),
        ("iter/task", False),
        ("cgroup/connect4", True),
        ("sockops", True),
    ],
)
def test_r_11_3_and_11_4_by_attach_type(section: str, allowed: bool) -> None:
    """setsockopt by expected attach type and iterator."""
    assert helper(SETSOCKOPT, section, kernel()) == ([] if allowed else NO)


@pytest.mark.parametrize(
    ("number", "section", "allowed"),
    [
        (D_PATH, "fentry/vfs_getattr", True),
        (D_PATH, "fentry/do_unlinkat", False),
        (D_PATH, "iter/task", True),
        (D_PATH, "syscall", False),
        (D_PATH, "lsm/file_open", True),
        (D_PATH, "lsm_cgroup/sk_alloc_security", False),
        (D_PATH, "fentry", True),  # what it hangs on is set at run time: no reason to call it broken
        (SK_STORAGE_GET, "fentry/do_unlinkat", True),
        (SK_STORAGE_GET, "fexit/bpf_sk_storage_free", False),
        (SK_STORAGE_GET, "fmod_ret/security_file_open", False),
        (SK_STORAGE_GET, "tp_btf/sys_enter", True),
    ],
)
@pytest.mark.parametrize("release", ["6.1", "6.12", "6.18", "7.3"])
def test_r_6_2_what_a_proto_allows(number: int, section: str, allowed: bool, release: str) -> None:
    """``allowed`` of the helper's proto: "helper call is not allowed in probe"."""
    assert helper(number, section, KernelBuilder(release).kernel(config=CONFIG)) == ([] if allowed else NO)


def ops_program(
    ops: str,
    member: str,
    code: Any,
    release: str,
    *,
    section: str = "struct_ops",
    license: str = "GPL",
    table: str = ".struct_ops",
) -> tuple[ObjectBuilder, Kernel]:
    """A program on a member of a struct_ops type, and a kernel that has the type."""
    kb = KernelBuilder(release)
    kb.ops(ops, [("pad", kb.u64), (member, kb.callback())])
    ob = ObjectBuilder(license=license)
    made = ob.btf.struct(ops, [(member, ob.btf.ptr(ob.btf.proto(ob.s32)))])
    ob.struct_ops("table", made, 8, {0: "prog"}, section=table).program(f"{section}/prog", "prog", [*code, *END])
    return ob, kb.kernel()


@pytest.mark.parametrize(
    ("ops", "member", "number", "release", "allowed"),
    [
        ("tcp_congestion_ops", "init", SETSOCKOPT, "7.3", True),
        ("tcp_congestion_ops", "release", SETSOCKOPT, "7.3", False),
        ("tcp_congestion_ops", "init", TCP_SEND_ACK, "6.12", True),
        ("sched_ext_ops", "init", TCP_SEND_ACK, "7.3", False),
        ("bpf_dummy_ops", "test_1", KTIME, "7.3", False),
        ("sched_ext_ops", "running", KTIME, "7.3", True),
        ("sched_ext_ops", "running", TASK_STORAGE_GET, "6.12", True),
        ("Qdisc_ops", "enqueue", SETSOCKOPT, "7.3", False),
        ("hid_bpf_ops", "hid_device_event", KTIME, "7.3", True),
        ("Qdisc_ops", "enqueue", GET_TASK_STACK, "7.3", True),  # two protos; the one for programs that sleep is another
        ("Qdisc_ops", "enqueue", COPY_FROM_USER, "7.3", False),
    ],
)
def test_r_11_2_helpers_of_struct_ops(ops: str, member: str, number: int, release: str, allowed: bool) -> None:
    """The base list, what the type adds, and what a member is denied."""
    ob, k = ops_program(ops, member, [call(number)], release)
    assert [p.failure for p in only(ob, k).problems if p.kind == "helper"] == ([] if allowed else NO)


# -- instructions


@pytest.mark.parametrize(
    ("insn", "since"),
    [
        (ldsx(4, 2, 10, -8), (6, 12)),
        (alu("=", 2, Reg(1), off=8), (6, 12)),
        (alu32("=", 2, Reg(1), off=16), (6, 12)),
        (alu("/", 2, 3, off=1), (6, 12)),
        (alu("%", 2, 3, off=1), (6, 12)),
        (alu("end", 2, 32), (6, 12)),
        (Insn(0x06, imm=0), (6, 12)),
        (Insn(0xE5), (6, 12)),
        (alu("=", 2, Reg(1), off=1), (6, 12)),
        (atomic(8, 10, -8, 1, 0x100), (7, 2)),
        (atomic(4, 10, -8, 1, 0x110), (7, 2)),
        (atomic(1, 10, -8, 1, 0x110), (7, 2)),
        (atomic(8, 10, -8, 1, 0x01), (6, 1)),
        (mov(2, 5), (6, 1)),
        (Insn(0xD4, 2, 0, 0, 32), (6, 1)),
    ],
)
def test_r_11_14_instructions_by_release(insn: Insn, since: tuple[int, int]) -> None:
    """Instructions newer than the kernel, dead or not."""
    for release in ("6.1", "6.12", "7.2"):
        version = tuple(map(int, release.split(".")))
        code = [mov(2, 7), mov(3, 0), jmp("==", 3, 0, "out"), insn, "out:", *END]
        found = only(ObjectBuilder().program("xdp", "prog", code), kernel(release))
        assert classes(found) == ([] if version >= since else ["insn_unsupported"]), release


@pytest.mark.parametrize(
    ("insn", "name", "before", "first"),
    [
        (ldsx(4, 2, 10, -8), "sign-extending load", "6.5", "6.6"),
        (alu("=", 2, Reg(1), off=8), "sign-extending move", "6.5", "6.6"),
        (alu("/", 2, 3, off=1), "signed division", "6.5", "6.6"),
        (alu("end", 2, 32), "bswap", "6.5", "6.6"),
        (Insn(0x06, imm=0), "gotol", "6.5", "6.6"),
        (Insn(0xE5), "may_goto", "6.8", "6.9"),
        (alu("=", 2, Reg(1), off=1), "addr_space_cast", "6.8", "6.9"),
        (atomic(8, 10, -8, 1, 0x100), "load-acquire or store-release", "6.14", "6.15"),
        (atomic(8, 10, -8, 3, 0x01), "atomic", "5.11", "5.12"),
        (atomic(4, 10, -8, 3, 0xF1), "atomic", "5.11", "5.12"),
        (atomic(1, 10, -8, 1, 0x110), "byte or half-word atomic or load-acquire", "6.14", "6.15"),
        (atomic(2, 10, -8, 1, 0x110), "byte or half-word atomic or load-acquire", "6.14", "6.15"),
    ],
)
def test_r_11_14_both_sides_of_each_release(insn: Insn, name: str, before: str, first: str) -> None:
    """Refused by the release before, taken by the first; stable updates of either change nothing."""
    code = [mov(2, 7), mov(3, 0), jmp("==", 3, 0, "out"), insn, "out:", *END]
    for release, refused in ((before, True), (f"{before}.9", True), (first, False), (f"{first}.1", False)):
        found = only(ObjectBuilder().program("xdp", "prog", code), kernel(release))
        assert [p.name for p in found.problems if p.rules == ("R-11.14",)] == [name] * refused, release


def test_r_12_23_what_5_10_does_not_know() -> None:
    """Adding is the only atomic of 5.10; it knows no fragments of XDP, no uprobes that sleep, no LSM by cgroup."""
    add = [mov(3, 0), atomic(8, 10, -8, 3, 0), *END]
    assert classes(only(ObjectBuilder().program("socket", "p", add), kernel("5.10.223"))) == []
    for section in ("xdp.frags", "uprobe.s"):
        told = [only(ObjectBuilder().program(section, "p", END), kernel(r)).loads for r in ("5.10.223", "5.15", "6.1")]
        assert told == [Tri.NO, Tri.UNKNOWN, Tri.YES], section
    for release, loads in (("5.10.223", Tri.NO), ("6.1.192", Tri.YES)):
        kb = KernelBuilder(release)
        kb.lsm("socket_create")
        ob = ObjectBuilder().program("lsm_cgroup/socket_create", "p", END)
        assert only(ob, kb.kernel()).loads == loads, release


def test_r_5_1_load_acquire_by_architecture() -> None:
    """In 7.3 the JIT of s390x knows load-acquire, that of arm 32 does not."""
    code = [atomic(8, 10, -8, 1, 0x110), *END]
    assert classes(only(ObjectBuilder(">").program("xdp", "p", code), kernel("7.3", "s390x"))) == []


# -- maps


def mapped(kind: int, section: str = "xdp") -> ObjectBuilder:
    ob = ObjectBuilder()
    ob.map("m", type=kind, key=ob.s32, value=ob.s32, max_entries=1)
    return ob.program(section, "user", [ld_sym(1, "m"), *END]).program("xdp", "other", END)


def test_r_0_5_unknown_map_types() -> None:
    """The object fails; of the programs those that use the map where it is reached."""
    found = judged(mapped(37), kernel("6.1"))
    assert [(p.failure, p.reach) for p in found.problems] == [("map_not_created", Reach.OBJECT)]
    assert [p.loads for p in found.programs] == [Tri.NO, Tri.YES]
    assert found.loads == Tri.NO
    assert judged(mapped(1), kernel("6.1")).loads == Tri.YES
    ob = ObjectBuilder()
    ob.map("m", type=37, max_entries=1)
    ob.program("xdp", "user", [mov(2, 0), jmp("==", 2, 0, "out"), ld_sym(1, "m"), "out:", *END])
    (guarded,) = judged(ob, kernel("6.1")).programs
    assert guarded.loads == Tri.YES


def test_r_7_15_enumerators_of_map_types() -> None:
    """What the enum lacks, the kernel lacks."""
    without = KernelBuilder("7.3").without("BPF_MAP_TYPE_ARENA").kernel()
    assert judged(mapped(33), without).loads == Tri.NO
    assert judged(mapped(33), kernel()).loads == Tri.YES


@pytest.mark.parametrize(("release", "flags", "loads"), [("6.12", 1, True), ("6.12", 1 << 19, False),
                                                         ("7.3", 1 << 19, True), ("6.1", 1 << 12, True),
                                                         ("6.1", 1 << 18 | 1, False)])  # fmt: skip
def test_r_7_15_map_flags(release: str, flags: int, loads: bool) -> None:
    """A flag that the kernel's enum lacks is refused for maps of every type (BPF_F_RB_OVERWRITE came in 7.x)."""
    ob = ObjectBuilder().map("m", type=27, max_entries=4096, map_flags=flags)
    found = judged(ob.program("xdp", "user", [ld_sym(1, "m"), *END]), kernel(release))
    assert (found.loads == Tri.YES) == loads
    assert [p.failure for p in found.problems] == ([] if loads else ["map_not_created"])


def test_r_7_15_a_kernel_whose_types_do_not_list_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the enum of flags is missing, a late flag is not refused: nobody knows."""
    ob = ObjectBuilder().map("m", type=27, max_entries=4096, map_flags=1 << 19)
    ob.program("xdp", "user", [ld_sym(1, "m"), *END])
    assert judged(ob, kernel("6.12")).loads == Tri.NO
    monkeypatch.setattr("support.kernels.MAP_FLAGS", {"BPF_OTHER": 0})
    unlisted = kernel("6.12")
    assert unlisted.map_flags == 0 and unlisted.map_types
    assert judged(ob, unlisted).loads == Tri.YES


@pytest.mark.parametrize("sizes", [{"key_size": 4}, {"value_size": 8}, {"value": 1}, {}])
@pytest.mark.parametrize(("number", "empty"), [(27, True), (31, True), (1, False)])
def test_r_7_15_ring_buffers_have_no_keys_and_no_values(sizes: dict[str, int], number: int, empty: bool) -> None:
    """libbpf hands sizes on as they are, and the kernel refuses them; cilium/ebpf and aya leave them out."""
    ob = ObjectBuilder().map("m", type=number, max_entries=4096, **sizes)
    data = ob.program("xdp", "user", [ld_sym(1, "m"), *END]).build()
    refused = empty and bool(sizes)
    for loader, no in (("", refused), ("libbpf", refused), ("cilium", False), ("aya", False)):
        found = judge(read_object(data, "o", None, Loader(loader)), kernel())
        assert (found.loads, found.programs[0].loads) == ((Tri.NO, Tri.NO) if no else (Tri.YES, Tri.YES)), loader


def test_r_0_5_tables_for_a_link() -> None:
    """libbpf creates the tables of ``.struct_ops.link`` with BPF_F_LINK, which 6.1 refuses (-EINVAL)."""
    for section, loads in ((".struct_ops.link", Tri.NO), (".struct_ops", Tri.YES)):
        ob, k = ops_program("tcp_congestion_ops", "init", [], "6.1", table=section)
        found = judged(ob, k)
        assert (found.loads, found.programs[0].loads) == (loads, loads)
    ob, k = ops_program("tcp_congestion_ops", "init", [], "6.12", table=".struct_ops.link")
    assert judged(ob, k).loads == Tri.YES


def test_r_5_1_arenas_need_the_jit() -> None:
    """s390x of 6.12 has the map type and no JIT built in."""
    assert judged(mapped(33), kernel(config={**CONFIG, "BPF_JIT": "n"})).loads == Tri.NO


def test_r_11_5_arena_globals() -> None:
    """Variables of ``.addr_space.1`` live in the arena map, though no instruction names it."""
    ob = ObjectBuilder()
    ob.map("arena", type=33, max_entries=10)
    ob.variable(".addr_space.1", "counter", bytes(8))
    ob.program("xdp", "user", [ld_sym(1, "counter"), *END])
    found = judged(ob, KernelBuilder("7.3").without("BPF_MAP_TYPE_ARENA").kernel())
    assert classes(found.programs[0]) == ["map_not_created"]


def test_r_2_15_legacy_maps() -> None:
    """libbpf 1.0 and later refuses them: refused where it was chosen as the loader."""
    ob = ObjectBuilder().legacy_map("m", type=1, key_size=4, value_size=4, max_entries=1).program("xdp", "prog", END)
    assert judged(ob, kernel()).programs[0].loads == Tri.YES
    found = judge(read_object(ob.build(), "x", None, Loader("libbpf", chosen=True)), kernel()).programs[0]
    assert found.loads == Tri.NO
    assert classes(found) == ["object_refused"]


@pytest.mark.parametrize("btf", [True, False])
def test_r_2_7_objects_that_are_not_linked(btf: bool) -> None:
    """A function of another object is no extern of the kernel: libbpf does not open half of a program."""
    ob = ObjectBuilder(btf=btf).program("xdp", "prog", [kfunc("of_another_object"), *END])
    found = judged(ob, kernel())
    assert found.programs[0].loads == Tri.UNKNOWN
    assert classes(found.programs[0]) == ["object_refused"]
    assert libbpf.ask([(KernelBuilder("7.3").build(), ob.build())])[0].code != 0


# -- struct_ops

Members = Callable[[BtfWriter, Callable[[], int]], list[tuple[str, int]]]


def callback(w: BtfWriter) -> int:
    number = w.once("int_", "int", 4, signed=True)
    return w.ptr(w.proto(number, [("x", number)]))


def tables(
    mine: list[str], theirs: list[str], *, values: dict[int, bytes] | None = None, **how: Any
) -> tuple[ObjectBuilder, KernelBuilder]:
    """An object with table ``my_ops`` on a kernel's; members are words: ``init`` a callback, ``flags:4`` a number.

    The first member holds the program.
    """
    ob, kb = ObjectBuilder(), KernelBuilder("7.3")

    def made(w: BtfWriter, words: list[str]) -> list[tuple[str, int]]:
        rows = []
        for word in words:
            name, _, size = word.partition(":")
            rows.append((name, w.once("int_", f"u{size}", int(size)) if size else callback(w)))
        return rows

    if theirs:
        kb.ops("my_ops", made(kb.btf, theirs))
    table = ob.btf.struct(how.get("local", "my_ops"), made(ob.btf, mine))
    size = ob.btf.size_of(table)[0]
    ob.struct_ops("table", table, size, {0: "prog"}, values, section=how.get("section", ".struct_ops.link"))
    ob.program("struct_ops/prog", "prog", END)
    return ob, kb


OPS: dict[str, tuple[list[str], list[str], dict[int, bytes] | None, bool]] = {
    "same": (["init", "flags:4"], ["init", "flags:4"], None, True),
    "reordered_and_more": (["init", "flags:4"], ["exit", "flags:4", "x:8", "init"], None, True),
    "zero_member_gone": (["init", "old:4", "old_cb"], ["init"], None, True),
    "non_zero_member_gone": (["init", "old:4"], ["init"], {8: b"\1\0\0\0"}, False),
    "callback_gone": (["init"], ["exit"], None, False),
    "type_gone": (["init"], [], None, False),
    "size_differs": (["init", "flags:4"], ["init", "flags:8"], {8: b"\1\0\0\0"}, False),
    "size_differs_though_zero": (["init", "flags:4"], ["init", "flags:8"], None, False),
    "kind_differs": (["init", "flags:8"], ["init", "flags"], None, False),
    "callback_is_a_number": (["init"], ["init:8"], None, False),
}


@pytest.mark.parametrize("name", OPS)
def test_r_7_2_members(name: str) -> None:
    """By name, kind and size; zero members that the kernel lacks are skipped; the object fails as a whole."""
    mine, theirs, values, loads = OPS[name]
    ob, kb = tables(mine, theirs, values=values)
    found = judged(ob, kb.kernel())
    assert (found.loads == Tri.YES) == loads
    if not loads:
        assert all(p.reach == Reach.OBJECT for p in found.problems)
        assert rules(found.programs[0]) <= {"R-7.1", "R-7.2"}


def test_libbpf_agrees_on_struct_ops() -> None:
    """The same tables, answered by libbpf."""
    pairs = []
    for mine, theirs, values, _ in OPS.values():
        ob, kb = tables(mine, theirs, values=values, section=".struct_ops")
        pairs.append((kb.build(), ob.build()))
    answers = libbpf.ask(pairs)
    got = {name: a.code == 0 for name, a in zip(OPS, answers, strict=True)}
    want = {name: loads for name, (_, _, _, loads) in OPS.items()}
    if libbpf.version() < (1, 4):
        # Older ones skip no member that the kernel lacks.
        del got["zero_member_gone"], want["zero_member_gone"]
    assert got == want


def test_r_7_1_flavours_and_optional_tables() -> None:
    """``my_ops___v1`` is my_ops; a ``?`` section is left out where the type is missing."""
    ob, kb = tables(["init"], ["init"], local="my_ops___v1")
    assert judged(ob, kb.kernel()).loads == Tri.YES
    ob, kb = tables(["init"], [], section="?.struct_ops.link")
    found = judged(ob, kb.kernel())
    assert found.problems == []
    assert found.programs[0].loads == Tri.NO


@pytest.mark.parametrize(("section", "table", "loads"), [("struct_ops/prog", "?.struct_ops", Tri.YES),
                                                        ("?struct_ops/prog", ".struct_ops", Tri.NO),
                                                        ("struct_ops/prog", ".struct_ops", Tri.NO)])  # fmt: skip
def test_programs_are_switched_on_with_their_tables(section: str, table: str, loads: Tri) -> None:
    """A program of optional tables alone is off, one of another is on: the object loads without the first (§0)."""
    ob, kb = ObjectBuilder(), KernelBuilder("7.3")
    kb.ops("my_ops", [("pad", kb.u64), ("init", kb.callback())])
    made = ob.btf.struct("my_ops", [("init", callback(ob.btf))])
    ob.struct_ops("table", made, 8, {0: "prog"}, section=table).program(section, "prog", [call(999), *END])
    found = judged(ob, kb.kernel())
    assert (found.programs[0].loads, found.loads) == (Tri.NO, loads)


def test_r_11_17_programs_of_several_tables_and_of_none() -> None:
    """A program may serve two tables, of which one kernel knows one; without a table libbpf refuses it."""
    ob, kb = tables(["init"], ["init"])
    other = ob.btf.struct("other_ops", [("init", callback(ob.btf))])
    ob.struct_ops("second", other, 8, {0: "prog"}, section=".struct_ops.link")
    found = judged(ob, kb.kernel())
    assert found.programs[0].loads == Tri.YES
    assert [p.name for p in found.problems] == ["other_ops"]
    lonely = ObjectBuilder().program("struct_ops/x", "prog", END)
    assert rules(only(lonely, kernel())) == {"R-11.17"}


@pytest.mark.parametrize(
    ("ops", "member", "release", "section", "loads"),
    [
        ("tcp_congestion_ops", "get_info", "6.12", "struct_ops", False),
        ("tcp_congestion_ops", "init", "6.12", "struct_ops", True),
        ("tcp_congestion_ops", "init", "6.1", "struct_ops", True),
        ("tcp_congestion_ops", "ssthresh", "6.1", "struct_ops", True),
        ("tcp_congestion_ops", "get_info", "6.1", "struct_ops", False),
        ("bpf_dummy_ops", "test_2", "6.12", "struct_ops.s", False),
        ("bpf_dummy_ops", "test_sleepable", "6.12", "struct_ops.s", True),
        ("sched_ext_ops", "init", "7.3", "struct_ops.s", True),
        ("sched_ext_ops", "enqueue", "7.3", "struct_ops.s", False),
        ("Qdisc_ops", "change", "7.3", "struct_ops", False),
        ("Qdisc_ops", "enqueue", "7.3", "struct_ops", True),
        ("hid_bpf_ops", "hid_hw_request", "7.3", "struct_ops.s", True),
    ],
)
def test_r_11_6_members_that_are_closed(ops: str, member: str, release: str, section: str, loads: bool) -> None:
    """Members without a stub, and those on which a program may not sleep."""
    ob, k = ops_program(ops, member, [], release, section=section)
    assert (only(ob, k).loads == Tri.YES) == loads


def test_r_11_6_licence() -> None:
    """struct_ops programs need a GPL compatible licence."""
    ob, k = ops_program("sched_ext_ops", "init", [], "7.3", license="MIT")
    assert classes(only(ob, k)) == ["licence"]


def test_r_5_1_struct_ops_without_a_trampoline() -> None:
    """Where the JIT has no trampoline a table cannot be registered."""
    ob, kb = tables(["init"], ["init"])
    found = judged(ob, kb.kernel(config={**CONFIG, "BPF_JIT": "n"})).programs[0]
    assert found.attaches == Tri.NO


# -- objects


def test_r_1_14_byte_order() -> None:
    """A little-endian object on a big-endian kernel, and the other way round."""
    for endian, arch in (("<", "s390x"), (">", "x86_64")):
        found = judged(ObjectBuilder(endian).program("xdp", "prog", END), kernel("7.3", arch))
        assert classes(found.programs[0]) == ["endianness"]
        assert found.loads == Tri.NO


def test_r_2_1_static_programs() -> None:
    """A static function outside .text: libbpf does not open the object, other loaders do."""
    ob = ObjectBuilder().program("xdp", "prog", [mov(0, 0), ja(0), exit_()], linkage=0)
    assert only(ob, kernel()).loads == Tri.YES
    chosen = judge(read_object(ob.build(), "x", None, Loader("libbpf", chosen=True)), kernel()).programs[0]
    assert classes(chosen) == ["object_refused"]


@pytest.mark.parametrize(("options", "told"), [(499, ""), (500, "CONFIG_NET")])
def test_r_5_2_an_excerpt_of_a_config_says_nothing_of_what_it_lacks(options: int, told: str) -> None:
    """A config of 500 options and more is a whole one: what it does not set is off."""
    k = KernelBuilder("7.3").kernel(config={f"OPTION_{number}": "y" for number in range(options)})
    assert left_out(k, ("NET",)) == told
