# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What releases between the ones with tables of their own accept (R-2.3, R-3.12b, R-11.7, R-11.11, R-11.15)."""

from __future__ import annotations

from typing import Any

import pytest

from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.model.verdict import Tri
from kfuncscope.rules.judge import ProgramJudgement
from kfuncscope.storage.files import KernelFiles
from support.bpfwriter import ObjectBuilder, exit_, jmp, kfunc, ld_sym, ldx, mov, subprog
from support.kernels import CONFIG, KernelBuilder, classes, only, rules

END = [mov(0, 0), exit_()]
ERRORS = {**CONFIG, "FUNCTION_ERROR_INJECTION": "y"}
MORE = ("PERF_EVENTS", "XDP_SOCKETS", "NETFILTER_BPF_LINK", "BPF_LIRC_MODE2", *(f"DRIVER_{i}" for i in range(500)))
WHOLE = CONFIG | dict.fromkeys(MORE, "y")


def tracer(section: str, code: Any = (), *, license: str | None = "GPL") -> ObjectBuilder:
    return ObjectBuilder(license=license).program(section, "prog", [*code, *END])


def kernel(release: str, **given: Any) -> Kernel:
    kb = KernelBuilder(release)
    task = kb.btf.ptr(kb.btf.struct("task_struct", [("pid", kb.s32)]))
    args = [("cv", kb.btf.ptr(kb.btf.const(0))), ("pp", kb.btf.ptr(kb.btf.ptr(kb.s32))), ("task", task)]
    for name in ("__x64_sys_open", "should_fail_bio", "f"):
        kb.hook(name, args)
    kb.lsm("file_open", args)
    kb.tracepoint("t", args)
    kb.btf.kfunc("bpf_rcu_read_lock", 0)
    kb.btf.kfunc("bpf_other", 0)
    return kb.kernel(**given)


def told(section: str, k: Kernel, code: Any = (), **options: Any) -> ProgramJudgement:
    return only(tracer(section, code, **options), k)


@pytest.mark.parametrize(("release", "refused"), [("6.1", True), ("6.3", True), ("6.4", False), ("6.6", False)])
def test_r_11_11_address_of_a_kfunc(release: str, refused: bool) -> None:
    """bpf_ksym_exists() of a kfunc that exists: refused before 6.4, and known to be true from then on."""
    ob = ObjectBuilder()
    for name in ("bpf_rcu_read_lock", "bpf_gone"):
        ob.extern_func(name, ob.btf.proto(0), weak=True)
    choice: list[Any] = [ld_sym(2, "bpf_rcu_read_lock"), jmp("!=", 2, 0, "out"), kfunc("bpf_gone"), "out:", *END]
    found = only(ob.program("xdp", "prog", choice), kernel(release))
    assert ("kfunc_address" in classes(found)) == refused
    assert ("kfunc_not_found" in classes(found)) == refused  # the call of what is gone is kept away by the test


@pytest.mark.parametrize(("release", "counts"), [("6.1", True), ("6.7", True), ("6.8", False), ("6.17", False)])
def test_r_3_12b_global_subprograms(release: str, counts: bool) -> None:
    """A global subprogram that is never called is verified all the same before 6.8."""
    ob = ObjectBuilder().subprogram("sub", [ldx(8, 0, 0), kfunc("bpf_gone"), *END])
    ob.extern_func("bpf_gone", ob.btf.proto(0), weak=True)
    code: list[Any] = [mov(2, 1), jmp("!=", 2, 0, "out"), subprog("sub"), "out:", *END]
    assert ("kfunc_not_found" in classes(only(ob.program("xdp", "prog", code), kernel(release)))) == counts


@pytest.mark.parametrize(
    ("release", "void", "pointer"),
    [
        ("6.6", "no", "no"),
        ("6.15", "no", "no"),
        ("6.17", "yes", "no"),
        ("7.0", "yes", "no"),
        ("7.1", "yes", "yes"),
        ("7.2", "yes", "yes"),
    ],
)
def test_r_11_15_pointers_by_release(release: str, void: str, pointer: str) -> None:
    """``const void *`` is handed out from 6.16 on, pointers to pointers from 7.1 on."""
    k = kernel(release)
    assert told("fentry/f", k, [ldx(8, 2, 1, 0)]).loads == Tri(void)
    assert told("fentry/f", k, [ldx(8, 2, 1, 8)]).loads == Tri(pointer)


@pytest.mark.parametrize(
    ("release", "section", "loads"),
    [
        ("6.6", "fentry.s/__x64_sys_open", "no"), ("6.17", "fentry.s/__x64_sys_open", "no"),
        ("7.0", "fentry.s/__x64_sys_open", "no"), ("7.1", "fentry.s/__x64_sys_open", "yes"),
        ("6.17", "fentry.s/f", "no"), ("7.0", "fentry.s/f", "no"), ("7.0", "fmod_ret/f", "no"),
        ("6.18", "fmod_ret/__x64_sys_open", "no"), ("7.0", "fmod_ret/__x64_sys_open", "no"),
    ],
)  # fmt: skip
def test_r_11_7_without_error_injection(release: str, section: str, loads: str) -> None:
    """System calls are open from 7.1 on; nothing else may sleep in any release."""
    assert told(section, kernel(release)).loads == Tri(loads)


@pytest.mark.parametrize("release", ["6.1", "6.6", "6.17", "7.3"])
def test_r_11_7_with_error_injection(release: str) -> None:
    """Every system call is on the list; the other entries are told by their symbols, else by the sources."""
    k = kernel(release, config=ERRORS)
    assert told("fentry.s/__x64_sys_open", k).loads == Tri.YES
    assert told("fmod_ret/__x64_sys_open", k).loads == Tri.YES
    assert told("fentry.s/f", k).loads == Tri.NO
    assert told("fentry.s/should_fail_bio", k).loads == Tri.YES
    listed = kernel(release, config=ERRORS, symbols=["f", "should_fail_bio", "d _eil_addr_should_fail_bio"])
    assert told("fmod_ret/should_fail_bio", listed).loads == Tri.YES
    assert told("fmod_ret/f", listed).loads == Tri.NO
    assert told("fentry.s/f", listed).loads == Tri.NO


def test_a_btf_that_was_not_given_is_not_one_that_is_missing() -> None:
    """A config alone: whether the kernel has BTF stands in it."""
    for text, loads in ((b"CONFIG_DEBUG_INFO_BTF=y\n", Tri.UNKNOWN), (b"CONFIG_BPF=y\n", Tri.NO)):
        bare = open_kernel(KernelFiles("config only", "x86_64", "6.6", None, text))
        assert told("fentry/f", bare).loads == loads
        assert told("kprobe/f", bare).loads == Tri.YES
    listed = open_kernel(KernelFiles("symbols only", "x86_64", "6.6", symbols=b"T do_exit\n"))
    assert told("fentry/do_exit", listed).loads == Tri.UNKNOWN
    assert told("kprobe/do_exit", listed).attaches == Tri.YES
    image = open_kernel(KernelFiles("image without BTF", "x86_64", "6.6", image=lambda: b"no BTF in it"))
    assert told("fentry/do_exit", image).loads == Tri.NO
    assert open_kernel(KernelFiles("config only", "mips64", "6.6", None, b"CONFIG_BPF=y\n")).endian == ">"


def test_r_11_13_links_of_user_probes() -> None:
    """Loaded by any kernel, linked only by those that know the attach type."""
    for section in ("uprobe.multi//bin/true:main", "uprobe.session.s//bin/true:main", "tcx/ingress"):
        assert [told(section, kernel(r)).attaches for r in ("6.1", "7.3")] == [Tri.NO, Tri.YES], section


def test_r_2_3_tracepoint_programs_that_sleep() -> None:
    for section in ("tp_btf.s/t", "raw_tp.s/t", "tp.s/sched/t"):
        seen = [told(section, kernel(release)).loads for release in ("6.1", "6.17", "7.0", "7.3")]
        assert seen == [Tri.NO, Tri.NO, Tri.UNKNOWN, Tri.YES], section


def test_r_11_17_licence() -> None:
    """LSM programs, and reads of kernel structs through typed arguments, are for GPL compatible programs only."""
    k = kernel("7.3")
    assert classes(told("lsm/file_open", k, license="Proprietary")) == ["licence"]
    read = [ldx(8, 2, 1, 16), ldx(4, 3, 2, 0)]
    found = told("tp_btf/t", k, read, license=None)
    assert (found.loads, rules(found)) == (Tri.NO, {"R-11.17"})
    assert told("tp_btf/t", k, [ldx(8, 2, 1, 16)], license=None).loads == Tri.YES
    assert told("tp_btf/t", k, read).loads == Tri.YES


@pytest.mark.parametrize(
    ("section", "option"),
    [("kprobe/f", "BPF_EVENTS"), ("xdp", "NET"), ("cgroup/getsockopt", "CGROUP_BPF"), ("xdp", "BPF_SYSCALL"),
     ("netfilter", "NETFILTER_BPF_LINK"), ("lirc_mode2", "BPF_LIRC_MODE2"), ("sk_lookup", "INET")],
)  # fmt: skip
def test_r_5_2_program_types_by_config(section: str, option: str) -> None:
    """The enumerator is there, what it stands for is not compiled in."""
    assert told(section, kernel("7.3", config=WHOLE)).loads == Tri.YES
    found = told(section, kernel("7.3", config={k: v for k, v in WHOLE.items() if k != option}))
    assert found.loads == Tri.NO
    assert option in found.problems[0].message
    for part in (None, {"BPF": "y"}):  # an excerpt says nothing of what it leaves out
        assert told(section, kernel("7.3", config=part)).loads == Tri.YES


@pytest.mark.parametrize(
    ("number", "option"), [(7, "PERF_EVENTS"), (17, "XDP_SOCKETS"), (28, "BPF_LSM"), (15, "INET"), (14, "NET"), (1, "")]
)
def test_r_7_15_map_types_by_config(number: int, option: str) -> None:
    ob = ObjectBuilder().map("m", type=number, max_entries=1).program("xdp", "prog", [ld_sym(1, "m"), *END])
    config = {k: v for k, v in WHOLE.items() if k != option}
    assert only(ob, kernel("7.3", config=WHOLE)).loads == Tri.YES
    assert (only(ob, kernel("7.3", config=config)).loads == Tri.NO) == bool(option)


@pytest.mark.parametrize(
    ("without", "release"),
    [
        ("BPF_MAP_TYPE_ARENA", "6.7"),
        ("BPF_NETKIT_PRIMARY", "6.6"),
        ("BPF_TCX_INGRESS", "6.4"),
        ("BPF_NETFILTER", "6.2"),
    ],
)
def test_a_release_that_nothing_tells_is_told_by_its_types(without: str, release: str) -> None:
    """What a later release changed must not be asked of the rules of 6.1."""
    kb = KernelBuilder("6.12").without("BPF_MAP_TYPE_ARENA").without(without)
    found = open_kernel(KernelFiles("unnamed", "x86_64", "", kb.build(), None))
    assert found.release == release
