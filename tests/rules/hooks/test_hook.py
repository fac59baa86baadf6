# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Hooks on a kernel: do targets exist, do programs load and attach there (R-2.4..2.6, R-7.5..7.13, R-11)."""

from __future__ import annotations

from typing import Any

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Confidence, Tri
from kfuncscope.rules.judge import ProgramJudgement
from support import libbpf
from support.bpfwriter import ObjectBuilder, call, exit_, jmp, ldx, mov
from support.btfwriter import BtfWriter
from support.kernels import CONFIG, KernelBuilder, classes, judged, only, rules

END = [mov(0, 0), exit_()]


def kernel(release: str = "7.3", arch: str = "x86_64", **given: Any) -> Kernel:
    """A kernel with one hook of each kind; ``f`` takes (int a, struct task *b)."""
    return builder(release, arch).kernel(**given)


def builder(release: str = "7.3", arch: str = "x86_64") -> KernelBuilder:
    kb = KernelBuilder(release, arch)
    task = kb.btf.struct("task", [("pid", kb.s32)])
    args = [("a", kb.s32), ("b", kb.btf.ptr(task))]
    kb.hook("f", args)
    kb.tracepoint("t", args)
    kb.lsm("file_open", args)
    kb.hook("bpf_iter_task", args)
    kb.btf.struct("bpf_iter__task", [("meta", kb.u64)])
    kb.hook("bpf_iter_helper", args)
    kb.btf.struct("trace_event_raw_t", [("ent", kb.u64), ("x", kb.s32)])
    return kb


def prog(section: str, code: Any = (), **options: Any) -> ObjectBuilder:
    """A program of a section."""
    return ObjectBuilder(**options).program(section, "prog", [*code, *END])


def told(section: str, k: Kernel, code: Any = ()) -> ProgramJudgement:
    return only(prog(section, code, endian=k.endian), k)


# -- targets


@pytest.mark.parametrize(
    ("section", "rule"),
    [
        ("fentry", "R-7.10"),
        ("fexit", "R-7.10"),
        ("fsession", "R-7.10"),
        ("tp_btf", "R-7.5"),
        ("lsm", "R-7.12"),
        ("iter", "R-7.13"),
        ("lsm_cgroup", "R-7.12"),
    ],
)
def test_r_2_5_targets_that_exist_and_that_do_not(section: str, rule: str) -> None:
    """Each kind looks for its own prefix; a missing target keeps the program from loading."""
    target = {"tp_btf": "t", "lsm": "file_open", "lsm_cgroup": "file_open", "iter": "task"}.get(section, "f")
    assert told(f"{section}/{target}", kernel()).loads == Tri.YES
    gone = told(f"{section}/{target}_gone", kernel())
    assert classes(gone)[0] == "attach_btf_not_found"
    assert rule in rules(gone)


@pytest.mark.parametrize(
    ("section", "said"),
    [("tp_btf/gone", "tracepoint gone does not exist in this kernel (btf_trace_gone is not in its BTF)"),
     ("lsm/gone", "LSM hook gone does not exist in this kernel (bpf_lsm_gone is not in its BTF)"),
     ("lsm_cgroup/gone", "LSM hook gone does not exist in this kernel (bpf_lsm_gone is not in its BTF)"),
     ("iter/gone", "iterator gone does not exist in this kernel (bpf_iter_gone is not in its BTF)"),
     ("fentry/gone", "gone is not in the BTF of this kernel")],
)  # fmt: skip
def test_r_2_5_an_absent_target_is_named_as_its_author_knows_it(section: str, said: str) -> None:
    """The tracepoint, hook or iterator first, then the name that libbpf looks for; functions have one name only."""
    (problem,) = [p for p in told(section, kernel()).problems if p.failure == "attach_btf_not_found"]
    assert (problem.message, problem.certain) == (said, True)


def test_r_2_6_a_tracepoint_that_a_module_may_have_is_not_called_gone() -> None:
    """nfs_fsync_enter is a tracepoint of a module, which was not given."""
    (doubt,) = told("tp_btf/nfs_fsync_enter", builder().kernel(modules={})).problems
    assert doubt.message == (
        "tracepoint nfs_fsync_enter is not in the BTF of this kernel (as btf_trace_nfs_fsync_enter); "
        "it may be in a module that was not given"
    )
    assert not doubt.certain


def test_r_12_13_a_kernel_built_without_modules_has_none_to_ask() -> None:
    """Its config says so; one cut short, which does not name the option, says nothing."""
    said = {**CONFIG, "MODULES": "n"}
    (gone,) = told("tp_btf/nfs_fsync_enter", builder().kernel(modules={}, config=said)).problems
    assert gone.certain and "module" not in gone.message
    for config in ({**CONFIG, "MODULES": "y"}, CONFIG, None):
        (doubt,) = told("tp_btf/nfs_fsync_enter", builder().kernel(modules={}, config=config)).problems
        assert not doubt.certain, config


def test_libbpf_agrees_on_targets() -> None:
    """The same targets, answered by libbpf."""
    sections = {"fentry/f": True, "fentry/f_gone": False, "tp_btf/t": True, "tp_btf/f": False, "lsm/file_open": True,
                "lsm/t": False, "iter/task": True, "fexit/task": False, "fentry/vmlinux:f": True}  # fmt: skip
    pairs = [(builder().build(), prog(s).build()) for s in sections]
    answers = libbpf.ask(pairs)
    if libbpf.version() < (1, 4):
        del sections["fentry/vmlinux:f"], answers[-1]  # older ones read the whole as a name
    assert [a.code == 0 for a in answers] == list(sections.values())
    for section, exists in sections.items():
        assert (told(section, kernel()).loads == Tri.YES) == exists, section


def test_r_2_4_target_set_at_run_time() -> None:
    """No name after the slash: unknown, and no fault of the kernel."""
    for section in ("fentry", "lsm", "tp_btf"):
        assert told(section, kernel()).loads == Tri.UNKNOWN
    for section in ("kprobe", "raw_tp", "tp", "kprobe.multi"):
        found = told(section, kernel())
        assert (found.loads, found.attaches) == (Tri.YES, Tri.NO)
        assert classes(found) == ["runtime_target"]
    assert told("freplace/x", kernel()).loads == Tri.UNKNOWN


def test_r_2_6_modules() -> None:
    """Unqualified names: vmlinux, then modules; ``mod:func`` only that module, by a prefix of its name."""
    kb = builder()
    kb.build()
    module = BtfWriter(base=kb.btf)
    module.func("g", kb.s32)
    k = kb.kernel(modules={"nf_tables": module})
    assert told("fentry/g", k).loads == Tri.YES
    assert told("fentry/nf_tables:g", k).loads == Tri.YES
    assert told("fentry/nf_ta:g", k).loads == Tri.YES
    assert told("fentry/other:g", k).loads == Tri.NO
    assert told("fentry/nf_tables:f", k).loads == Tri.NO
    assert told("fentry/vmlinux:f", k).loads == Tri.YES
    assert told("fentry/vmlinux:g", k).loads == Tri.NO
    assert told("fentry/nf_tables:g", kb.kernel(modules={})).loads == Tri.UNKNOWN


def test_r_7_13_iterators_need_their_context() -> None:
    """``bpf_iter_X`` without ``struct bpf_iter__X`` is no target."""
    found = told("iter/helper", kernel())
    assert classes(found) == ["attach_target_rejected"]
    assert rules(found) == {"R-7.13"}


def test_r_11_13_types_unknown_to_the_kernel() -> None:
    """Program and attach types that the enums lack; not asked for where the kernel does not look at load."""
    old = kernel("6.1")
    assert classes(told("netfilter", old)) == ["type_unsupported"]
    assert classes(told("cgroup/connect_unix", old)) == ["type_unsupported"]
    assert classes(told("fsession/f", old)) == ["type_unsupported"]
    assert told("tcx/ingress", old).loads == Tri.YES
    assert told("tcx/ingress", old).attaches == Tri.NO
    assert told("netkit/primary", kernel("7.3")).attaches == Tri.YES
    assert told("netfilter", kernel("6.12")).loads == Tri.YES


def test_r_5_2_lsm_needs_its_config() -> None:
    """Without CONFIG_BPF_LSM no LSM program loads."""
    assert classes(told("lsm/file_open", kernel(config={**CONFIG, "BPF_LSM": "n"})))[0] == "attach_btf_not_found"


# -- arguments


def test_r_7_10_arguments_beyond_the_last() -> None:
    """Reading slot nargs of fentry fails; of fexit it is the return value; unused or dead reads are no matter."""
    read = [ldx(8, 2, 1, 16)]
    assert rules(told("fentry/f", kernel(), read)) == {"R-7.10"}
    assert told("fexit/f", kernel(), read).loads == Tri.YES
    assert told("fexit/f", kernel(), [ldx(8, 2, 1, 24)]).loads == Tri.NO
    assert told("lsm/file_open", kernel(), read).loads == Tri.YES
    assert told("tp_btf/t", kernel(), read).loads == Tri.NO
    assert told("fentry/f", kernel(), [mov(2, 0), jmp("==", 2, 0, 1), ldx(8, 2, 1, 16)]).loads == Tri.YES
    assert told("fentry/f", kernel(), [mov(6, 1)._replace(code=0xBF, src=1, imm=0), ldx(8, 2, 6, 8)]).loads == Tri.YES


@pytest.mark.parametrize("release", ["6.1", "6.12", "7.3"])
def test_r_11_15_pointers_that_are_not_handed_out(release: str) -> None:
    """Up to 6.12 a used ``const void *``, or a pointer to a pointer, is refused; ``void *`` and ``int *`` are not."""
    kb = KernelBuilder(release)
    w = kb.btf
    args = [("cv", w.ptr(w.const(0))), ("v", w.ptr(0)), ("pp", w.ptr(w.ptr(kb.s32))), ("ip", w.ptr(w.const(kb.s32)))]
    kb.hook("g", args)
    k = kb.kernel()
    refused = {i for i in range(4) if told("fentry/g", k, [ldx(8, 2, 1, 8 * i)]).loads == Tri.NO}
    assert refused == (set() if release == "7.3" else {0, 2})


def test_r_7_10_prototypes_that_no_trampoline_takes() -> None:
    """Variable arguments, more than 12, structs of more than 16 bytes by value."""
    kb = KernelBuilder("7.3")
    w = kb.btf
    big = w.struct("big", [("a", kb.u64), ("b", kb.u64), ("c", kb.u64)])
    fits = w.struct("fits", [("a", kb.u64), ("b", kb.u64)])
    kb.hook("wide", [("s", big)])
    kb.hook("pair", [("s", fits), ("x", kb.s32)])
    kb.hook("many", [(f"a{i}", kb.s32) for i in range(13)])
    w.func("printk", proto=w.proto(kb.s32, [("fmt", w.ptr(kb.s32))], variadic=True))
    k = kb.kernel()
    for name in ("wide", "many", "printk"):
        assert classes(told(f"fentry/{name}", k)) == ["attach_target_rejected"], name
    # A struct of 16 bytes takes two slots: the int is slot 2, and there is no slot 3.
    assert told("fentry/pair", k, [ldx(8, 2, 1, 16)]).loads == Tri.YES
    assert told("fentry/pair", k, [ldx(8, 2, 1, 24)]).loads == Tri.NO


# -- what the kernel denies


def test_r_7_11_deny_lists() -> None:
    """``migrate_disable`` for every trampoline program; functions that never return for fexit from 6.12 on."""
    for release in ("6.1", "6.12", "7.3"):
        kb = KernelBuilder(release)
        kb.hook("migrate_disable")
        kb.hook("do_exit")
        k = kb.kernel()
        assert rules(told("fentry/migrate_disable", k)) == {"R-7.11"}
        assert (told("fexit/do_exit", k).loads == Tri.NO) == (release != "6.1")
        assert told("fentry/do_exit", k).loads == Tri.YES


def test_r_11_8_functions_without_a_symbol() -> None:
    """fentry needs the name in kallsyms; kprobe does not attach without it; clones are named."""
    k = kernel(symbols=["f.isra.0", "other"])
    found = told("fentry/f", k)
    assert (found.loads, rules(found)) == (Tri.NO, {"R-11.8"})
    assert "f.isra.0" in found.problems[0].message
    probe = told("kprobe/f", k)
    assert (probe.loads, probe.attaches, rules(probe)) == (Tri.YES, Tri.NO, {"R-7.9"})
    assert told("fentry/f", kernel(symbols=["f"])).attaches == Tri.YES
    assert told("fentry/f", kernel()).loads == Tri.YES


@pytest.mark.parametrize(
    ("release", "section", "loads"),
    [
        ("6.1", "fentry.s/__x64_sys_open", "no"),
        ("6.12", "fentry.s/__x64_sys_open", "no"),
        ("7.3", "fentry.s/__x64_sys_open", "yes"),
        ("7.3", "fentry.s/f", "no"),
        ("7.3", "fexit.s/f", "no"),
        ("7.3", "fmod_ret/__x64_sys_open", "yes"),
        ("6.12", "fmod_ret/__x64_sys_open", "no"),
        ("6.12", "fmod_ret/security_open", "yes"),
        ("7.3", "fmod_ret/f", "no"),
        ("6.12", "fentry.s/bpf_fentry_test1", "yes"),
        ("6.12", "fmod_ret/update_socket_protocol", "yes"),
        ("6.1", "fmod_ret/update_socket_protocol", "no"),
        ("7.3", "fmod_ret.s/f", "no"),
    ],
)
def test_r_11_7_sleepable_and_modifiable(release: str, section: str, loads: str) -> None:
    """With error injection off: nothing sleeps up to 6.12, system calls do from 7.2 on; fmod_ret likewise."""
    kb = builder(release)
    for name in ("__x64_sys_open", "security_open", "bpf_fentry_test1", "update_socket_protocol"):
        kb.hook(name)
    assert told(section, kb.kernel()).loads == Tri(loads)


@pytest.mark.parametrize(
    ("config", "loads"),
    [({**CONFIG, "FUNCTION_ERROR_INJECTION": "y"}, Tri.YES), (CONFIG, Tri.NO), (None, Tri.UNKNOWN)],
)
def test_r_11_7_the_list_of_the_sources(config: dict[str, str] | None, loads: Tri) -> None:
    """It holds with the option alone; a function that is not on it is refused with any config."""
    kb = builder("7.3")
    for name in ("should_fail_bio", "vfs_read"):
        kb.hook(name)
    k = kb.kernel(config=config)
    assert told("fentry.s/should_fail_bio", k).loads == told("fmod_ret/should_fail_bio", k).loads == loads
    assert told("fentry.s/vfs_read", k).loads == told("fmod_ret/vfs_read", k).loads == Tri.NO


def test_r_11_7_prefixes_by_architecture() -> None:
    """System calls of each architecture."""
    prefixes = {"arm64": "__arm64_", "s390x": "__s390x_", "riscv64": "__riscv_", "ppc64le": ""}
    names = {arch: f"{prefix}sys_open" for arch, prefix in prefixes.items()}
    for arch, name in names.items():
        kb = builder("7.3", arch)
        kb.hook(name)
        kb.hook("__x64_sys_open")
        k = kb.kernel()
        assert told(f"fentry.s/{name}", k).loads == Tri.YES, arch
        assert told("fentry.s/__x64_sys_open", k).loads == Tri.NO, arch


def test_r_7_12_lsm_hooks_that_are_closed_or_do_not_sleep() -> None:
    """From the kernel's own sets."""
    kb = builder("7.3")
    for name in ("file_alloc_security", "bpf_prog_free", "bprm_committed_creds"):
        kb.lsm(name)
    k = kb.kernel()
    assert classes(told("lsm/file_alloc_security", k)) == ["attach_target_rejected"]
    assert told("lsm.s/bpf_prog_free", k).loads == Tri.NO
    assert told("lsm.s/file_open", k).loads == Tri.YES


# -- attaching


@pytest.mark.parametrize(
    ("arch", "release", "config", "attaches"),
    [
        ("x86_64", "6.1", {}, "yes"),
        ("arm64", "6.1", {"DYNAMIC_FTRACE_WITH_DIRECT_CALLS": "n"}, "no"),
        ("ppc64le", "6.12", {"DYNAMIC_FTRACE_WITH_DIRECT_CALLS": "n"}, "no"),
        ("s390x", "6.12", {"BPF_JIT": "n"}, "no"),
        ("x86_64", "7.3", {}, "yes"),
        ("riscv64", "7.3", {}, "yes"),
    ],
)
def test_r_5_1_trampolines(arch: str, release: str, config: dict[str, str], attaches: str) -> None:
    """Programs load, and attach only with a trampoline and direct calls."""
    k = kernel(release, arch, config={**CONFIG, **config})
    found = told("fentry/f", k)
    assert (found.loads, found.attaches) == (Tri.YES, Tri(attaches))


@pytest.mark.parametrize(
    ("arch", "release", "count", "attaches"),
    [
        ("x86_64", "6.4", 6, "yes"), ("x86_64", "6.5", 7, "no"), ("x86_64", "6.6", 7, "yes"),
        ("arm64", "6.12", 8, "yes"), ("arm64", "6.15", 9, "no"), ("arm64", "6.16", 9, "yes"),
        ("riscv64", "6.10", 8, "yes"), ("riscv64", "6.10", 9, "no"), ("riscv64", "6.11", 9, "yes"),
        ("loongarch64", "6.19", 8, "yes"), ("loongarch64", "6.19", 9, "no"), ("loongarch64", "7.1", 9, "yes"),
        ("ppc64le", "7.1", 12, "yes"),
    ],
)  # fmt: skip
def test_r_7_10_arguments_that_a_trampoline_passes(arch: str, release: str, count: int, attaches: str) -> None:
    """A function with more arguments than the trampoline of its architecture passes loads as a target, no more."""
    kb = KernelBuilder(release, arch)
    kb.hook("many", [(f"a{i}", kb.s32) for i in range(count)])
    found = told("fentry/many", kb.kernel())
    assert (found.loads, found.attaches) == (Tri.YES, Tri(attaches))


def test_r_5_1_without_a_config_the_architecture_tells() -> None:
    """arm64 6.1 has no direct calls at all, whatever its config."""
    assert told("fentry/f", kernel("6.1", "arm64", config=None)).attaches == Tri.NO
    assert told("fentry/f", kernel("7.3", "arm64", config=None)).attaches == Tri.YES


def test_r_7_9_kprobes() -> None:
    """In the BTF: attaches; nowhere: does not; behind an offset: not known; through a module."""
    assert told("kprobe/f", kernel()).attaches == Tri.YES
    assert told("kretprobe/gone", kernel()).attaches == Tri.NO
    assert told("kprobe/f+0x10", kernel()).attaches == Tri.UNKNOWN
    assert told("kprobe/f", kernel(config={**CONFIG, "KPROBES": "n"})).attaches == Tri.NO
    assert told("kprobe/static_one", kernel(symbols=["static_one"])).attaches == Tri.YES
    assert told("kprobe/skb-1", kernel()).problems[0].failure == "runtime_target"


def test_r_7_9_functions_compiled_without_tracing() -> None:
    """``inline`` means notrace: what was emitted of such a function loads as a target, and nothing attaches to it."""
    kb, name = builder(), "blk_account_io_start"
    kb.hook(name, [("rq", kb.btf.ptr(kb.s32))])
    for section in ("fentry", "fexit", "kprobe", "kretprobe", "kprobe.multi"):
        found = told(f"{section}/{name}", kb.kernel())
        assert (found.loads, found.attaches) == (Tri.YES, Tri.NO)
        assert "R-7.9" in rules(found) and "block/blk-mq.c" in found.problems[0].message
    for option, value in (("KPROBE_EVENTS_ON_NOTRACE", "y"), ("DYNAMIC_FTRACE", "n")):
        lenient = kb.kernel(config={**CONFIG, option: value})
        assert told(f"kprobe/{name}", lenient).attaches == Tri.YES
        assert told(f"fentry/{name}", lenient).attaches == Tri.NO


def test_r_5_2_kprobe_multi_needs_fprobe() -> None:
    """And its attach type."""
    assert told("kprobe.multi/f", kernel()).attaches == Tri.YES
    assert told("kprobe.multi/f*", kernel()).attaches == Tri.YES
    assert told("kprobe.multi/f", kernel(config={**CONFIG, "FPROBE": "n"})).attaches == Tri.NO
    assert told("kprobe.session/f", kernel("6.1")).attaches == Tri.NO


@pytest.mark.parametrize(("pattern", "attaches"), [("do_*", "yes"), ("do_exi?", "yes"), ("d*x*", "yes"), ("*", "yes"),
                                                   ("do_exit?", "no"), ("gone_*", "no"), ("exit*", "no")])  # fmt: skip
def test_r_7_9_patterns_of_kprobe_multi(pattern: str, attaches: str) -> None:
    """libbpf takes every function that fits, and says -ENOENT where none does; symbols tell, else the BTF."""
    kb = builder()
    kb.hook("do_exit")
    for given in ({"symbols": ["do_exit", "D gone_data"]}, {}):
        assert told(f"kprobe.multi/{pattern}", kb.kernel(**given)).attaches == Tri(attaches)


def test_r_7_9_patterns_for_functions_of_modules() -> None:
    """They are searched too, as long as they are few."""
    kb = builder()
    module = BtfWriter(base=kb.btf)
    module.func("nf_nat_x", 0)
    assert told("kprobe.multi/nf_nat*", kb.kernel(modules={"nf_nat": module}, symbols=["f"])).attaches == Tri.YES
    many = {f"m{i}": module for i in range(65)}
    assert told("kprobe.multi/nf_gone*", kb.kernel(modules=many)).attaches == Tri.UNKNOWN


def test_r_7_6_raw_tracepoints() -> None:
    """They load always and attach where the tracepoint exists and has as many arguments as are read."""
    assert told("raw_tp/t", kernel(), [ldx(8, 2, 1, 8)]).attaches == Tri.YES
    found = told("raw_tp/t", kernel(), [ldx(8, 2, 1, 16)])
    assert (found.loads, found.attaches) == (Tri.YES, Tri.NO)
    assert told("raw_tracepoint/gone", kernel()).attaches == Tri.NO


def test_r_7_8_tracepoints() -> None:
    """The event must exist; system calls by the architecture's functions."""
    kb = builder()
    kb.hook("__x64_sys_openat")
    k = kb.kernel(symbols=["f", "__x64_sys_openat"])
    assert told("tracepoint/group/t", k).attaches == Tri.YES
    assert told("tp/group/gone", k).attaches == Tri.NO
    assert told("tp/syscalls/sys_enter_openat", k).attaches == Tri.YES
    assert told("tp/syscalls/sys_enter_gone", k).attaches == Tri.NO
    assert told("tp/syscalls/sys_enter_openat", kb.kernel(config={**CONFIG, "FTRACE_SYSCALLS": "n"})).attaches == Tri.NO


@pytest.mark.parametrize(
    ("symbols", "attaches"),
    [
        (["event_enter__openat"], Tri.YES), (["__x64_sys_openat"], Tri.YES), (["event_enter__other"], Tri.NO),
        (None, Tri.UNKNOWN),
    ],
)  # fmt: skip
def test_r_7_8_a_system_call_of_an_architecture_without_a_table(symbols: list[str] | None, attaches: Tri) -> None:
    """Its wrapper's or its event's symbol says that it is there; without symbols nobody knows."""
    kb = builder(release="9.9")
    found = told("tp/syscalls/sys_enter_openat", kb.kernel(symbols=symbols))
    assert found.attaches == attaches


@pytest.mark.parametrize("config", [CONFIG, None])
def test_tracepoints_of_modules_that_were_not_given(config: dict[str, str] | None) -> None:
    """A tracepoint that the release has and vmlinux lacks may be a module's; where modules were given, it is gone."""
    for section in ("raw_tp/xfs_ilock", "tp_btf/xfs_ilock", "tracepoint/xfs/xfs_ilock"):
        assert told(section, kernel(modules={}, config=config)).attaches == Tri.UNKNOWN
        assert told(section, kernel(config=config)).attaches == Tri.NO
    for section in ("raw_tp/no_such_event", "tp_btf/no_such_event", "tracepoint/xfs/no_such_event"):
        assert told(section, kernel(modules={}, config=config)).attaches == Tri.NO


def test_r_7_9_ksyscall() -> None:
    """The wrapper's prefix."""
    kb = builder()
    kb.hook("__x64_sys_openat")
    assert told("ksyscall/openat", kb.kernel()).attaches == Tri.YES
    assert told("ksyscall/gone", kb.kernel()).attaches == Tri.NO


def test_r_2_1_question_mark_sections() -> None:
    """``?``: off by default; the object loads although the program would not."""
    ob = prog("?fentry/gone").program("xdp", "fine", END)
    found = judged(ob, kernel())
    assert [p.loads for p in found.programs] == [Tri.NO, Tri.YES]
    assert found.loads == Tri.YES


def test_r_2_2_unknown_sections() -> None:
    """No program type: not judged, unless the user names one."""
    ob = prog("odd_sock", [call(7)])
    assert classes(only(ob, kernel())) == ["unknown_section"]
    (found,) = judged(ob, kernel(), odd_sock="XDP").programs
    assert found.loads == Tri.YES


def test_a_kernel_without_btf() -> None:
    """R-2.5: nothing to look a target up in."""
    from kfuncscope.kernel.kernel import open_kernel
    from kfuncscope.storage.files import KernelFiles

    bare = open_kernel(KernelFiles("old", "x86_64", "4.19", None, b"CONFIG_X=y\n"))
    assert told("fentry/f", bare).loads == Tri.NO
    assert told("kprobe/f", bare).loads == Tri.YES


@pytest.mark.parametrize(
    ("release", "arguments", "attaches"),
    [("6.1", 6, Tri.YES), ("6.1", 7, Tri.NO), ("6.5", 7, Tri.NO), ("6.6", 7, Tri.YES), ("6.6", 12, Tri.YES)],
)
def test_r_7_10_argument_slots_of_a_trampoline(release: str, arguments: int, attaches: Tri) -> None:
    """x86_64 passed six before 6.6 and passes twelve since."""
    kb = KernelBuilder(release)
    kb.hook("many", [(f"a{number}", kb.s64) for number in range(arguments)])
    found = told("fentry/many", kb.kernel(symbols=["many"]))
    assert found.attaches == attaches
    assert ("R-7.10" in rules(found)) == (attaches == Tri.NO)


@pytest.mark.parametrize(
    ("release", "section", "loads"),
    [
        ("5.10", "xdp.frags", Tri.NO), ("6.12", "xdp.frags", Tri.YES), ("5.10", "xdp", Tri.YES),
        ("5.10", "uprobe.s//bin/sh:main", Tri.NO), ("6.12", "uprobe.s//bin/sh:main", Tri.YES),
        ("5.10", "uprobe//bin/sh:main", Tri.YES),
    ],
)  # fmt: skip
def test_r_12_23_flags_of_sections_that_came_later(release: str, section: str, loads: Tri) -> None:
    """XDP in fragments and sleepable uprobes: refused by 5.10, and only where the section asks for them."""
    found = told(section, kernel(release))
    assert found.loads == loads
    assert ("R-12.23" in rules(found)) == (loads == Tri.NO)


def test_a_target_of_a_module_that_was_not_given_is_doubted() -> None:
    """R-2.6: of a kernel without modules the answer is a doubt; of one with modules it is certain."""
    ob = prog("fentry/nf:gone")
    without = builder().kernel(modules={})
    (doubt,) = [p for p in only(ob, without).problems if p.failure == "attach_btf_not_found"]
    (sure,) = [p for p in only(prog("fentry/gone"), kernel()).problems if p.failure == "attach_btf_not_found"]
    assert (doubt.certain, doubt.confidence) == (False, Confidence.LOW)
    assert (sure.certain, sure.confidence) == (True, Confidence.HIGH)
    assert "is not in the BTF of" in sure.message and "not given" not in sure.message
