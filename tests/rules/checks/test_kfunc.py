# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""kfuncs and ksym variables on a kernel: how they resolve, what a call needs (R-2.8..R-2.12, R-4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Confidence, Reach, Tri
from kfuncscope.rules.context import Context
from support import libbpf
from support.bpfwriter import ObjectBuilder, exit_, jmp, kfunc, ld_sym, ldx, mov
from support.btfwriter import BtfWriter
from support.kernels import CONFIG, KernelBuilder, classes, judged, only, rules

END = [mov(0, 0), exit_()]
Type = Callable[[BtfWriter], int]


def s32(w: BtfWriter) -> int:
    return w.once("int_", "int", 4, signed=True)


def void(w: BtfWriter) -> int:
    return 0


def struct_ptr(name: str) -> Type:
    return lambda w: w.ptr(w.once("struct", name, [("x", s32(w))]))


def caller(
    name: str, section: str = "xdp", *, weak: bool = False, guarded: bool = False, proto: tuple[Type, ...] = (void,),
    license: str | None = "GPL",
) -> ObjectBuilder:  # fmt: skip
    """A program that calls a kfunc; ``proto`` is what it returns and takes."""
    ob = ObjectBuilder(license=license)
    returns, *params = (of(ob.btf) for of in proto)
    ob.extern_func(name, ob.btf.proto(returns, [(f"a{i}", p) for i, p in enumerate(params)]), weak=weak)
    guard: list[Any] = [ld_sym(2, name), jmp("==", 2, 0, "out")] if guarded else []
    return ob.program(section, "prog", [*guard, kfunc(name), "out:", *END])


def kernel_with(
    name: str, *, release: str = "7.3", tagged: bool = True, proto: tuple[Type, ...] = (void,), **given: Any
) -> Kernel:
    """A kernel with one function, and another kfunc so that it carries tags."""
    kb = KernelBuilder(release)
    kb.btf.kfunc("bpf_other_kfunc", 0)
    returns, *params = (of(kb.btf) for of in proto)
    args = [(f"k{i}", p) for i, p in enumerate(params)]
    (kb.btf.kfunc if tagged else kb.btf.func)(name, returns, args)
    return kb.kernel(**given)


LOCK = "bpf_rcu_read_lock"  # registered for every program type


# -- resolution


def test_r_2_8_strong_kfunc_that_exists() -> None:
    """A registered kfunc with a fitting prototype."""
    found = judged(caller(LOCK), kernel_with(LOCK))
    assert (found.programs[0].loads, found.loads, found.problems) == (Tri.YES, Tri.YES, [])


def test_r_0_1_strong_kfunc_that_is_gone_takes_the_object_along() -> None:
    """Even where only a program uses it that is switched off."""
    found = judged(caller("bpf_gone"), KernelBuilder("7.3").kernel())
    assert classes(found.programs[0]) == ["kfunc_not_found"]
    assert found.programs[0].problems[0].reach == Reach.OBJECT
    assert [(p.failure, p.reach) for p in found.problems] == [("kfunc_not_found", Reach.OBJECT)]
    found = judged(caller("bpf_gone", "?xdp").program("xdp", "fine", END), KernelBuilder("7.3").kernel())
    assert [p.loads for p in found.programs] == [Tri.NO, Tri.YES]
    assert found.loads == Tri.NO


def test_r_2_11_weak_kfunc_that_is_gone() -> None:
    """Guarded it is no matter, unguarded only this program fails."""
    kernel = KernelBuilder("7.3").kernel()
    found = judged(caller("bpf_gone", weak=True, guarded=True), kernel)
    assert (found.loads, len(found.programs[0].guarded)) == (Tri.YES, 1)
    found = judged(caller("bpf_gone", weak=True), kernel)
    assert classes(found.programs[0]) == ["kfunc_not_found"]
    assert found.programs[0].problems[0].reach == Reach.PROGRAM
    assert found.problems == []


COMPAT: dict[str, tuple[tuple[Type, ...], tuple[Type, ...], bool]] = {
    "same": ((s32, s32), (s32, s32), True),
    "int_width": ((s32, s32), (s32, lambda w: w.once("int_", "unsigned long", 8)), True),
    "other_struct": ((s32, struct_ptr("a")), (s32, struct_ptr("b")), True),
    "modifiers": ((s32, lambda w: w.ptr(w.const(s32(w)))), (s32, lambda w: w.typedef("t", w.ptr(s32(w)))), True),
    "count": ((s32,), (s32, s32), False),
    "void_pointer": ((s32, lambda w: w.ptr(0)), (s32, struct_ptr("a")), False),
    "int_pointer": ((s32, s32), (s32, struct_ptr("a")), False),
    "int_enum": ((s32, s32), (s32, lambda w: w.enum("e", {"A": 0})), False),
    "struct_fwd": ((s32, struct_ptr("a")), (s32, lambda w: w.ptr(w.fwd("a"))), False),
    "struct_union": ((s32, struct_ptr("a")), (s32, lambda w: w.ptr(w.union("a", [("x", s32(w))]))), False),
    "return_void": ((s32, s32), (void, s32), False),
    "return_struct": ((struct_ptr("a"), s32), (struct_ptr("b"), s32), True),
    "enum_enum64": ((s32, lambda w: w.enum("e", {"A": 0})), (s32, lambda w: w.enum64("f", {"B": 0})), True),
    "float": ((s32, lambda w: w.float_("float", 4)), (s32, lambda w: w.float_("float", 4)), False),
    "pointer_pointer": ((s32, lambda w: w.ptr(w.ptr(s32(w)))), (s32, lambda w: w.ptr(w.ptr(0))), False),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPAT)
def test_r_2_10_prototypes(name: str) -> None:
    """R-3.9: strong and incompatible fails the object, weak and incompatible counts as absent."""
    mine, theirs, fits = COMPAT[name]
    kernel = kernel_with(LOCK, proto=theirs)
    found = judged(caller(LOCK, proto=mine), kernel)
    assert found.loads == (Tri.YES if fits else Tri.NO)
    if not fits:
        assert rules(found.programs[0]) >= {"R-2.10", "R-3.9"}
        guarded = judged(caller(LOCK, proto=mine, weak=True, guarded=True), kernel)
        assert guarded.loads == Tri.YES
        assert classes(only(caller(LOCK, proto=mine, weak=True), kernel)) == ["kfunc_not_found"]


def test_libbpf_agrees_on_prototypes() -> None:
    """The same pairs, answered by libbpf."""
    pairs = []
    for mine, theirs, _ in COMPAT.values():
        kb = KernelBuilder("7.3")
        returns, *params = (of(kb.btf) for of in theirs)
        kb.btf.kfunc(LOCK, returns, [(f"k{i}", p) for i, p in enumerate(params)])
        pairs.append((kb.build(), caller(LOCK, proto=mine).build()))
    answers = libbpf.ask(pairs)
    assert [a.code == 0 for a in answers] == [fits for _, _, fits in COMPAT.values()]


@pytest.mark.parametrize(
    ("name", "lookup"),
    [
        ("bpf_x___v2___compat", "bpf_x___v2"),
        ("bpf_x___v1", "bpf_x"),
        ("bpf_x__v1", "bpf_x__v1"),
        ("___v1", "___v1"),
        ("bpf_x____y", "bpf_x____y"),
        ("bpf_x", "bpf_x"),
    ],
)
def test_r_2_9_essential_names(name: str, lookup: str) -> None:
    """Only the last ``___suffix`` goes."""
    obj = read_object(caller(name).build(), "t")
    assert obj.externs[name].lookup == lookup


def test_r_2_9_kfunc_whose_real_name_has_a_suffix() -> None:
    """``scx_bpf_dsq_insert___v2`` is found by ``…___v2___compat`` alone."""
    kernel = kernel_with("bpf_x___v2")
    assert (
        Context(read_object(caller("bpf_x___v2___compat").build(), "t"), kernel).extern("bpf_x___v2___compat").status
        == "found"
    )  # type: ignore[union-attr]
    assert classes(only(caller("bpf_x___v2"), kernel)) == ["kfunc_not_found"]


def test_r_2_8_module_kfuncs() -> None:
    """vmlinux first, then modules; a kfunc known to live in a module that was not given is not called missing."""
    kb = KernelBuilder("7.3")
    s32(kb.btf)
    kb.build()
    module = BtfWriter(base=kb.btf)
    module.kfunc("bpf_ct_change_timeout", s32(kb.btf), [("a", s32(kb.btf)), ("b", s32(kb.btf))])
    ob = caller("bpf_ct_change_timeout", proto=(s32, s32, s32))
    kernel = kb.kernel(modules={"nf_conntrack": module})
    assert only(ob, kernel).loads == Tri.YES
    without = kb.kernel(modules={}, config={**CONFIG, "NF_CONNTRACK": "m"})
    assert only(caller("bpf_ct_change_timeout", proto=(s32, s32, s32)), without).loads == Tri.UNKNOWN
    assert only(caller("bpf_some_dkms_kfunc"), kb.kernel(modules={})).loads == Tri.UNKNOWN
    assert only(caller("scx_bpf_dispatch"), kb.kernel(modules={})).loads == Tri.NO


def test_r_1_12_names_that_a_module_shares_with_the_kernel() -> None:
    """Split BTF refers to strings of its base; its own first string follows the types without a NUL between."""
    kb = KernelBuilder("7.3")
    kb.btf.struct("holder", [("hid_hw_request", kb.s32), ("widget", kb.s32)])
    kb.build()
    module = BtfWriter(base=kb.btf)
    module.func("hid_hw_request", kb.s32)
    module.func("first_of_module", kb.s32)
    module.struct("widget", [("of_module", kb.s32)])
    module.decl_tag("a_tag", module.start_id)
    kernel = kb.kernel(modules={"hid": module})
    for name in ("hid_hw_request", "first_of_module"):
        assert [m for m, _, _ in kernel.functions(name)] == ["hid"], name
        ob = ObjectBuilder().program(f"fentry/{name}", "prog", END)
        assert only(ob, kernel).loads == Tri.YES
    assert [b.name(b.start_id) for b in kernel.modules.holding("widget")] != []
    assert kernel.functions("holder") == []


# -- what a call needs


def test_r_4_3_a_function_is_no_kfunc() -> None:
    """FUNC of the name, but not tagged in a BTF that carries tags."""
    found = only(caller("bpf_plain"), kernel_with("bpf_plain", tagged=False))
    assert classes(found) == ["kfunc_not_registered"]
    assert "R-4.3" in rules(found)


def test_r_4_3_registration_counts_where_the_call_is_reached() -> None:
    """Dead calls of a function that is no kfunc are no matter; a guard on its own existence does not help."""
    kernel = kernel_with("bpf_plain", tagged=False, proto=(s32,))
    ob = ObjectBuilder().extern_func("bpf_absent", weak=True)
    ob.extern_func("bpf_plain", ob.btf.proto(ob.s32), weak=True)
    ob.program("xdp", "p", [ld_sym(2, "bpf_absent"), jmp("==", 2, 0, "out"), kfunc("bpf_plain"), "out:", *END])
    assert only(ob, kernel).loads == Tri.YES
    guarded = only(caller("bpf_plain", weak=True, guarded=True, proto=(s32,)), kernel)
    assert classes(guarded) == ["kfunc_not_registered"]


def test_r_3_12_no_address_fails_dead_code_too() -> None:
    """An untagged `_impl` twin has no address: descriptors are added before anything is pruned."""
    kb = KernelBuilder("7.3")
    kb.btf.kfunc("bpf_thing", s32(kb.btf))
    kb.btf.func("bpf_thing_impl", s32(kb.btf))
    ob = caller("bpf_thing_impl", weak=True, proto=(s32,))
    found = only(ob, kb.kernel(symbols=["bpf_thing"]))
    assert found.loads == Tri.NO
    assert "R-1.18" in rules(found)
    ob = ObjectBuilder().extern_func("bpf_absent", weak=True)
    ob.extern_func("bpf_thing_impl", ob.btf.proto(s32(ob.btf)), weak=True)
    ob.program("xdp", "p", [ld_sym(2, "bpf_absent"), jmp("==", 2, 0, "out"), kfunc("bpf_thing_impl"), "out:", *END])
    assert only(ob, kb.kernel(symbols=["bpf_thing"])).loads == Tri.NO
    assert only(ob, kb.kernel(symbols=["bpf_thing", "bpf_thing_impl"])).loads == Tri.YES


def test_r_11_9_twin_with_another_prototype_stays_unresolved() -> None:
    """``void *`` against ``struct bpf_prog_aux *``: weak and guarded loads."""
    aux = struct_ptr("bpf_prog_aux")
    kb = KernelBuilder("7.3")
    kb.btf.kfunc("bpf_wq_set_callback", s32(kb.btf))
    kb.btf.func("bpf_wq_set_callback_impl", s32(kb.btf), [("aux", aux(kb.btf))])
    kernel = kb.kernel(symbols=["bpf_wq_set_callback"])
    ob = caller("bpf_wq_set_callback_impl", weak=True, guarded=True, proto=(s32, lambda w: w.ptr(0)))
    assert only(ob, kernel).loads == Tri.YES


@pytest.mark.parametrize("guarded", [False, True])
def test_r_4_2_jit_and_licence_count_in_dead_code(guarded: bool) -> None:
    """Any resolved kfunc call needs a JIT that supports it and a GPL compatible licence."""

    def dead(license: str | None) -> ObjectBuilder:
        ob = caller(LOCK, weak=True, license=license) if not guarded else ObjectBuilder(license=license)
        if guarded:
            ob.extern_func("bpf_absent", weak=True).extern_func(LOCK, ob.btf.proto(0), weak=True)
            ob.program("xdp", "p", [ld_sym(2, "bpf_absent"), jmp("==", 2, 0, "out"), kfunc(LOCK), "out:", *END])
        return ob

    assert classes(only(dead("GPL"), kernel_with(LOCK, config={**CONFIG, "BPF_JIT": "n"}))) == ["jit_no_kfunc"]
    assert classes(only(dead("Proprietary"), kernel_with(LOCK))) == ["licence"]
    assert classes(only(dead(None), kernel_with(LOCK))) == ["licence"]
    assert classes(only(dead("Dual BSD/GPL"), kernel_with(LOCK))) == []


def test_r_4_2_s390x_without_a_jit() -> None:
    """s390x as Debian builds 6.12: the kfuncs are listed and no program can call them."""
    kb = KernelBuilder("6.12", "s390x")
    kb.btf.kfunc(LOCK, 0)
    ob = ObjectBuilder(">")
    ob.extern_func(LOCK, ob.btf.proto(0)).program("xdp", "p", [kfunc(LOCK), *END])
    assert classes(only(ob, kb.kernel(config={**CONFIG, "BPF_JIT": "n"}))) == ["jit_no_kfunc"]
    assert only(ob, kb.kernel()).loads == Tri.YES


def test_r_4_2_an_absent_weak_kfunc_asks_for_no_jit() -> None:
    """R-3.12: an unresolved call becomes an invalid helper call and needs nothing."""
    kernel = KernelBuilder("7.3").kernel(config={**CONFIG, "BPF_JIT": "n"})
    assert only(caller("bpf_absent", weak=True, guarded=True), kernel).loads == Tri.YES


@pytest.mark.parametrize(
    ("kfunc_name", "section", "release", "allowed"),
    [
        ("bpf_xdp_metadata_rx_hash", "xdp", "7.3", True),
        ("bpf_xdp_metadata_rx_hash", "tc", "7.3", False),
        (LOCK, "xdp", "7.3", True),
        (LOCK, "sk_msg", "7.3", True),
        ("bpf_cpumask_create", "sk_msg", "7.3", False),
        ("crash_kexec", "fentry/f", "6.1", True),
        ("crash_kexec", "xdp", "6.1", False),
    ],
)
def test_r_4_1_registration_without_filter(kfunc_name: str, section: str, release: str, allowed: bool) -> None:
    """A set registered for one type of a hook serves the hook; COMMON serves every type."""
    kb = KernelBuilder(release)
    kb.btf.kfunc(kfunc_name, 0)
    kb.hook("f")
    found = only(caller(kfunc_name, section), kb.kernel())
    assert classes(found) == ([] if allowed else ["kfunc_not_allowed"])


FILTERS: list[tuple[str, str, str, bool]] = [
    ("bpf_get_task_exe_file", "lsm/file_open", "6.12", True),
    ("bpf_get_task_exe_file", "tp_btf/t", "6.12", False),
    ("bpf_get_task_exe_file", "tp_btf/t", "7.3", False),
    ("bpf_get_task_exe_file", "lsm/file_open", "7.3", True),
    ("bpf_sock_destroy", "iter/tcp", "6.12", True),
    ("bpf_sock_destroy", "fentry/f", "6.12", False),
    ("bpf_session_cookie", "kprobe.session/f", "6.12", True),
    ("bpf_session_cookie", "kprobe/f", "6.12", False),
    ("bpf_session_cookie", "kprobe.session/f", "7.3", True),
    ("bpf_session_cookie", "uprobe.session//bin/x:f", "7.3", True),
    ("bpf_session_cookie", "fsession/f", "7.3", True),
    ("bpf_session_cookie", "fentry/f", "7.3", False),
    ("bpf_get_fsverity_digest", "lsm/file_open", "7.3", True),
    ("bpf_get_fsverity_digest", "fentry/f", "7.3", False),
    ("bpf_ksock_acquire", "syscall", "7.3", True),
    ("bpf_ksock_acquire", "lsm/file_open", "7.3", True),
    ("bpf_ksock_acquire", "lsm/socket_sendmsg", "7.3", False),
    ("bpf_dynptr_from_skb", "tc", "7.3", True),
    ("scx_bpf_dsq_nr_queued", "syscall", "7.3", True),
    ("scx_bpf_dsq_insert", "syscall", "7.3", False),
    ("scx_bpf_create_dsq", "syscall", "7.3", True),
]


@pytest.mark.parametrize(("name", "section", "release", "allowed"), FILTERS)
def test_r_11_1_filters(name: str, section: str, release: str, allowed: bool) -> None:
    """Filters of kfunc sets: by program type, attach type and LSM hook."""
    kb = KernelBuilder(release)
    kb.btf.kfunc(name, 0)
    kb.hook("f")
    kb.tracepoint("t")
    kb.lsm("file_open")
    kb.lsm("socket_sendmsg")
    kb.hook("bpf_iter_tcp")
    kb.btf.struct("bpf_iter__tcp", [("meta", kb.u64)])
    kernel = kb.kernel()
    found = only(caller(name, section), kernel)
    assert [p.failure for p in found.problems if p.failure.startswith("kfunc")] == (
        [] if allowed else ["kfunc_not_allowed"]
    )


SCX: list[tuple[str, str, str, bool]] = [
    ("sched_ext_ops", "select_cpu", "scx_bpf_dsq_insert", True),
    ("sched_ext_ops", "enqueue", "scx_bpf_dsq_insert", True),
    ("sched_ext_ops", "running", "scx_bpf_dsq_insert", False),
    ("sched_ext_ops", "dispatch", "scx_bpf_dsq_move_to_local", True),
    ("sched_ext_ops", "enqueue", "scx_bpf_dsq_move_to_local", False),
    ("sched_ext_ops", "running", "scx_bpf_now", True),
    ("Qdisc_ops", "enqueue", "bpf_qdisc_skb_drop", True),
    ("Qdisc_ops", "dequeue", "bpf_qdisc_skb_drop", False),
    ("Qdisc_ops", "dequeue", "bpf_qdisc_bstats_update", True),
    ("Qdisc_ops", "enqueue", "bpf_qdisc_bstats_update", False),
    ("Qdisc_ops", "enqueue", "bpf_kfree_skb", True),
    ("tcp_congestion_ops", "init", "bpf_qdisc_skb_drop", False),
]


@pytest.mark.parametrize(("ops", "member", "name", "allowed"), SCX)
def test_r_11_1_filters_by_struct_ops_member(ops: str, member: str, name: str, allowed: bool) -> None:
    """Filters that look at the struct_ops type and its member."""
    kb = KernelBuilder("7.3")
    kb.btf.kfunc(name, 0)
    kb.ops(ops, [(member, kb.callback())])
    ob = ObjectBuilder()
    ob.extern_func(name, ob.btf.proto(0))
    table = ob.btf.struct(ops, [(member, ob.btf.ptr(ob.btf.proto(ob.s32)))])
    ob.struct_ops("table", table, 8, {0: "prog"}).program("struct_ops/prog", "prog", [kfunc(name), *END])
    found = only(ob, kb.kernel())
    assert [p.failure for p in found.problems if p.failure.startswith("kfunc")] == (
        [] if allowed else ["kfunc_not_allowed"]
    )


@pytest.mark.parametrize(("release", "refused"), [("6.1", True), ("6.12", False), ("7.3", False)])
def test_r_11_11_address_of_a_kfunc_that_exists(release: str, refused: bool) -> None:
    """Before 6.12 the test whether a kfunc exists fails where it does."""
    found = only(caller("crash_kexec", "fentry/f", weak=True, guarded=True), _with_hook("crash_kexec", release))
    assert ("kfunc_address" in classes(found)) == refused


def _with_hook(name: str, release: str) -> Kernel:
    kb = KernelBuilder(release)
    kb.hook("f")
    kb.btf.kfunc(name, 0)
    return kb.kernel()


def test_r_1_17_without_tags_knowledge_tells() -> None:
    """A BTF without tags: registered is what the release is known to register."""
    kb = KernelBuilder("6.12")
    kb.btf.func(LOCK, 0)
    kb.btf.func("bpf_unheard_of", 0)
    kernel = kb.kernel()
    assert only(caller(LOCK), kernel).loads == Tri.YES
    found = only(caller("bpf_unheard_of"), kernel)
    assert (found.loads, found.problems[0].confidence) == (Tri.UNKNOWN, Confidence.LOW)


# -- variables


def variable(name: str, of: Type, *, weak: bool = False) -> ObjectBuilder:
    """A program that takes the address of a typed ksym."""
    ob = ObjectBuilder()
    ob.extern_var(name, of(ob.btf), weak=weak)
    return ob.program("xdp", "prog", [ld_sym(1, name), ldx(4, 2, 1, 0), *END])


def test_r_2_12_typed_variables() -> None:
    """Found by full name; incompatible fails even if weak; const and typedefs do not matter (R-11.10)."""
    kb = KernelBuilder("7.3")
    rq = kb.btf.struct("rq", [("nr", kb.s32)])
    kb.btf.var("runqueues", rq)
    kernel = kb.kernel()
    struct: Type = lambda w: w.struct("rq", [("nr", s32(w))])  # noqa: E731
    assert judged(variable("runqueues", struct), kernel).loads == Tri.YES
    assert judged(variable("runqueues", lambda w: w.typedef("rq_t", struct(w))), kernel).loads == Tri.YES
    assert judged(variable("gone", struct), kernel).loads == Tri.NO
    assert judged(variable("runqueues___new", struct), kernel).loads == Tri.NO
    weak = judged(variable("gone", struct, weak=True), kernel)
    assert weak.loads == Tri.YES
    for is_weak in (False, True):
        found = judged(variable("runqueues", lambda w: w.ptr(0), weak=is_weak), kernel)
        assert found.loads == Tri.NO
        assert rules(found.programs[0]) == {"R-2.12"}


def test_libbpf_agrees_on_variables() -> None:
    """The same, answered by libbpf."""
    struct: Type = lambda w: w.struct("rq", [("nr", s32(w))])  # noqa: E731
    asked = [
        (variable("runqueues", struct), True), (variable("runqueues", lambda w: w.typedef("t", struct(w))), True),
        (variable("gone", struct), False), (variable("runqueues___new", struct), False),
        (variable("gone", struct, weak=True), True), (variable("runqueues", lambda w: w.ptr(0), weak=True), False),
    ]  # fmt: skip
    pairs = []
    for ob, _ in asked:
        kb = KernelBuilder("7.3")
        kb.btf.var("runqueues", kb.btf.struct("rq", [("nr", kb.s32)]))
        pairs.append((kb.build(), ob.build()))
    assert [a.code == 0 for a in libbpf.ask(pairs)] == [fits for _, fits in asked]


def test_r_11_10_variables_need_kallsyms_all() -> None:
    """A typed variable without an address: the kernel lists no data symbols."""
    kb = KernelBuilder("6.1")
    kb.btf.var("runqueues", kb.btf.struct("rq", [("nr", kb.s32)]))
    struct: Type = lambda w: w.struct("rq", [("nr", s32(w))])  # noqa: E731
    kernel = kb.kernel(config={**CONFIG, "KALLSYMS_ALL": "n"})
    assert classes(only(variable("runqueues", struct), kernel)) == ["ksym_no_address"]
    listed = kb.kernel(config={**CONFIG, "KALLSYMS_ALL": "n"}, symbols=["D runqueues"])
    assert only(variable("runqueues", struct), listed).loads == Tri.YES


def test_r_2_12_typeless_variables_are_looked_up_in_kallsyms() -> None:
    """A void variable: the symbols decide; without them it is not known."""
    kb = KernelBuilder("7.3")
    ob = ObjectBuilder()
    ob.extern_var("init_net")
    ob.program("xdp", "prog", [ld_sym(1, "init_net"), *END])
    assert judged(ob, kb.kernel(symbols=["D init_net"])).loads == Tri.YES
    assert judged(ob, kb.kernel(symbols=["D other"])).loads == Tri.NO
    assert judged(ob, kb.kernel()).loads == Tri.UNKNOWN


def test_r_2_13_kconfig_externs() -> None:
    """Missing and strong fails the object where the config is given; weak is 0."""

    def asks(name: str, weak: bool) -> ObjectBuilder:
        ob = ObjectBuilder().extern_kconfig(name, weak=weak)
        return ob.program("xdp", "prog", [ld_sym(1, name), ldx(4, 2, 1, 0), *END])

    kb = KernelBuilder("7.3")
    kernel = kb.kernel(config={**CONFIG, "HZ": "250"})
    assert judged(asks("CONFIG_HZ", False), kernel).loads == Tri.YES
    missing = judged(asks("CONFIG_NOT_SET", False), kernel)
    assert missing.loads == Tri.NO
    assert {r for p in missing.problems for r in p.rules} == {"R-0.1", "R-2.13", "R-12.14"}
    assert judged(asks("CONFIG_NOT_SET", True), kernel).loads == Tri.YES
    assert judged(asks("CONFIG_NOT_SET", False), kb.kernel(config=None)).loads == Tri.UNKNOWN
    assert judged(asks("LINUX_UNHEARD_OF", False), kernel).loads == Tri.NO


@pytest.mark.parametrize("value", ["16", "y", "", "Debian"])
def test_r_2_13_texts_go_into_char_arrays_whatever_they_say(value: str) -> None:
    kernel = KernelBuilder("7.3").kernel(config={**CONFIG, "TEXT": f'"{value}"'})
    for text in (True, False):
        ob = ObjectBuilder()
        of = ob.btf.array(ob.btf.int_("char", 1, signed=True), ob.s32, 8) if text else ob.s32
        ob.extern_kconfig("CONFIG_TEXT", of).program("xdp", "prog", [ld_sym(1, "CONFIG_TEXT"), *END])
        assert judged(ob, kernel).loads == (Tri.YES if text else Tri.NO)
