# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The knowledge builder on a small tree that holds one of each shape (R-4.1, R-6.2, R-7.7, R-7.12, R-11.1..6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kfuncscope.cli.main import main
from kfuncscope.errors import KnowledgeError
from kfuncscope.knowledge import knowledge as knowledge_module
from kfuncscope.knowledge.build.build import build
from kfuncscope.knowledge.facts import ArchCaps
from kfuncscope.knowledge.kfunc_filters import Caller
from kfuncscope.knowledge.knowledge import Knowledge, for_release
from support.linuxtree import write_tree


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knowledge]:
    root = tmp_path_factory.mktemp("linux")
    out = tmp_path_factory.mktemp("tables")
    report = build(write_tree(root), out, source="toy source 9.4.2-1")
    assert report.release == "9.4.2" and report.version == "9.4.2"
    assert report.problems == ()
    assert dict(report.counts)["helpers"] == 8
    yield for_release("9.4.2-toy", out)
    knowledge_module._for_release.cache_clear()


def test_provenance_names_the_source(built: Knowledge) -> None:
    assert built.release == "9.4.2" and built.borrowed_for is None
    assert built.provenance.source == "toy source 9.4.2-1"


def test_kfuncs_with_flags_registrations_gates_and_prototypes(built: Knowledge) -> None:
    got = built.kfuncs["bpf_toy_get"]
    assert got.flags == 0x21
    assert got.prog_types == {"STRUCT_OPS", "LSM"}  # LSM through a function that passes its parameters on
    assert got.filters == ("toy_filter",)
    assert got.config == ("CONFIG_BPF_SYSCALL", "CONFIG_BPF")
    assert got.proto == "struct toy *bpf_toy_get(struct toy *toy__nullable)"
    assert built.kfuncs["bpf_toy_put"].config == ("CONFIG_BPF_SYSCALL", "CONFIG_BPF", "CONFIG_TOY_BOX")
    count = built.kfuncs["bpf_toy_count"]  # listed by a macro, registered from an array of types
    assert count.prog_types == {"XDP", "SYSCALL", "TRACING"} and count.flags == 0
    # One call stands behind a test of an option; the other type is registered without it, too.
    assert count.types_in({"CONFIG_BPF": "y"}) == {"XDP", "SYSCALL"}
    assert count.types_in({"CONFIG_TOY_OPS": "y"}) == count.types_in(None) == count.prog_types
    assert got.types_in({"CONFIG_BPF": "y"}) == {"STRUCT_OPS", "LSM"}
    assert count.proto == "u32 bpf_toy_count(const struct toy *toy, u32 flags)"
    assert built.fmodret == {"bpf_fentry_toy": 0x20}
    assert "bpf_fentry_toy" not in built.kfuncs
    assert built.flag_bits["KF_BOTH"] == 3
    assert built.kfunc_hooks == {"UNSPEC": "COMMON", "XDP": "XDP", "TRACING": "TRACING", "LSM": "TRACING"}
    assert built.arg_suffixes == ("__nullable",)


def test_functions_that_ftrace_cannot_patch(built: Knowledge) -> None:
    """R-7.9: by their marks and by their Makefile; not where two files disagree, nor what a header stands in for."""
    places = {
        "toy_account": "kernel/toybox.c", "toy_clock": "kernel/toybox.c", "toy_broken": "include/linux/toybox.h",
        "ring_turn": "kernel/trace/ring.c", "toy_x86": "arch/x86/kernel/toy.c",
    }  # fmt: skip
    assert {name: built.notrace(name, "x86_64") for name in places} == places
    assert built.notrace("toy_x86", "s390x") == "" and built.notrace("toy_clock", "s390x") == "kernel/toybox.c"
    for name in ("toy_open", "toy_twice", "toy_close", "toy_driver", "ring_test", "game_x86", "no_such"):
        assert built.notrace(name, "x86_64") == ""


def test_filter_becomes_rules(built: Knowledge) -> None:
    rule = built.kfunc_filters["toy_filter"]
    assert rule.governs == {"bpf_toy_get", "bpf_toy_put"}
    assert rule.passes("bpf_toy_get", Caller("SYSCALL")) == "yes"
    assert rule.passes("bpf_toy_get", Caller("XDP")) == "no"
    assert rule.passes("bpf_toy_count", Caller("XDP")) == "yes"  # not one of its own
    assert rule.passes("bpf_toy_get", Caller("LSM", hook="file_open")) == "no"
    assert rule.passes("bpf_toy_get", Caller("LSM", hook="task_free")) == "yes"
    assert rule.passes("bpf_toy_get", Caller("LSM")) == "unknown"
    ops = Caller("STRUCT_OPS", struct_ops="toy_ops", member="start")
    assert rule.passes("bpf_toy_get", ops) == "yes"
    assert rule.passes("bpf_toy_get", Caller("STRUCT_OPS", struct_ops="toy_ops", member="stop")) == "no"
    assert rule.passes("bpf_toy_get", Caller("STRUCT_OPS", struct_ops="other_ops", member="start")) == "no"


def test_helpers_by_running_get_func_proto(built: Knowledge) -> None:
    allowed = built.helper_allowed
    assert allowed("bpf_look", "BPF_PROG_TYPE_XDP").allowed == "yes"
    peek = allowed("peek_kernel", "XDP")  # behind a capability and lockdown: given to a privileged loader
    assert peek.allowed == "yes" and peek.gpl_only
    assert allowed("retval", "XDP").allowed == "no"
    assert allowed("retval", "LSM", attach_type="BPF_LSM_CGROUP").allowed == "yes"
    assert allowed("retval", "LSM", attach_type="LSM_MAC").allowed == "no"
    setopt = {"attach_type": "LSM_CGROUP", "config": {"CONFIG_NET": "y"}}
    assert allowed("setopt", "LSM", hook="sock_graft", **setopt).allowed == "yes"
    assert allowed("setopt", "LSM", hook="file_open", **setopt).allowed == "no"
    assert allowed("setopt", "LSM", **setopt).allowed == "unknown"
    assert (
        allowed("setopt", "LSM", hook="sock_graft", attach_type="LSM_CGROUP", config={"CONFIG_X": "y"}).allowed == "no"
    )
    assert allowed("sleepy", "LSM", sleepable=True).allowed == "yes"
    assert allowed("sleepy", "LSM", sleepable=False).allowed == "no"
    assert allowed("sleepy", "LSM").allowed == "unknown"
    assert allowed("lonely", "XDP").allowed == "no"  # the weak function gives nothing
    assert allowed("never_heard_of", "XDP").allowed == "unknown"
    assert set(built.base_helpers) == {"look", "peek_kernel"}
    assert built.iter_helpers == {"toy": ("setopt",)}


def test_what_a_proto_allows(built: Knowledge) -> None:
    """``allowed`` of a proto is part of the way to a helper: by what the program hangs on, if on anything."""

    def answer(helper: str, prog_type: str, attach_type: str = "", hook: str = "") -> str:
        return built.helper_allowed(helper, prog_type, attach_type=attach_type, hook=hook).allowed

    assert answer("path", "LSM", "LSM_MAC", "file_open") == "yes"
    assert answer("path", "LSM", "LSM_MAC", "task_free") == "no"
    assert answer("path", "TRACING", "TRACE_FENTRY", "vfs_toy") == "yes"
    assert answer("path", "TRACING", "TRACE_FENTRY", "do_toy") == "no"
    assert answer("path", "TRACING", "TRACE_FENTRY") == "unknown"
    assert answer("path", "SYSCALL") == "no"
    assert answer("store", "TRACING", "TRACE_FENTRY", "do_toy") == "yes"
    assert answer("store", "TRACING", "TRACE_FENTRY", "toy_store_get") == "no"
    assert answer("store", "TRACING", "TRACE_FENTRY") == "unknown"
    assert answer("store", "TRACING", "TRACE_RAW_TP", "toy_wound") == "yes"
    assert answer("store", "TRACING", "MODIFY_RETURN", "do_toy") == answer("store", "SYSCALL") == "no"


def test_struct_ops_members_and_helpers(built: Knowledge) -> None:
    ops = built.struct_ops["toy_ops"]
    assert list(ops.members) == ["start", "stop", "weird", "a", "b", "name"]
    assert ops.sleepable == {"start"}
    assert ops.unsupported == {"weird"}  # no stub
    assert ops.config == ("CONFIG_NET",)
    answer = built.helper_allowed("setopt", "STRUCT_OPS", struct_ops_type="toy_ops", member="stop")
    assert answer.allowed == "no" and answer.rule == "R-11.2"
    assert built.helper_allowed("setopt", "STRUCT_OPS", struct_ops_type="toy_ops", member="start").allowed == "yes"
    assert built.helper_allowed("look", "STRUCT_OPS", struct_ops_type="toy_ops", member="stop").allowed == "yes"


def test_tracepoints_through_local_macros(built: Knowledge) -> None:
    wound = built.tracepoints["toy_wound"]
    assert (wound.system, wound.event_class, wound.event) == ("toybox", "toy_class", True)
    assert wound.proto == ("struct toy *toy", "int n")
    assert wound.fields == ("__field(int, n)", "__string(name, toy->name)")
    assert built.tracepoints["toy_sold"].event_class == "toy_sold"
    bare = built.tracepoints["toy_bare_tp"]  # DECLARE_TRACE adds _tp where the tree's macro does
    assert not bare.event and bare.proto == ("u64 when",)
    assert "toy_class" not in built.tracepoints


def test_lists_of_the_verifier_and_lsm(built: Knowledge) -> None:
    null = built.raw_tp_null_args
    assert null["toy_wound"].nullable == {0}
    assert null["toy_sold"].nullable == {1} and null["toy_sold"].is_err == {2}
    assert built.noreturn_deny == {"do_exit"}
    assert built.makes("throw_in_subprogram") is True and built.makes("never_heard_of") is None
    assert built.injectable == {"toy_may_fail"}  # what a macro makes has no name of its own
    assert built.deny_config["migrate_disable"] == ("CONFIG_SMP",)
    assert built.deny_config["preempt_count_add"] == ("?",)
    hooks = built.lsm_hooks
    assert hooks["file_open"].sleepable and not hooks["task_free"].sleepable
    assert hooks["secret"].bpf_disabled and hooks["secret"].args == ()
    assert hooks["sock_graft"].config == ("CONFIG_SECURITY_NETWORK",)


def test_jit_capabilities(built: Knowledge) -> None:
    caps = built.caps("x86_64")
    assert caps.kfunc_call and caps.trampoline and caps.fentry_on_kernel_functions and not caps.arena
    assert caps.exceptions and caps.needs["exceptions"] == ("CONFIG_UNWINDER_ORC",)
    assert "ARCH_HAS_NON_OVERLAPPING_ADDRESS_SPACE" in caps.selects
    small = built.caps("i386")
    assert small.kfunc_call and not small.trampoline and not small.exceptions
    assert built.caps("sparc64").jit == "none"
    assert built.caps("pdp11") == ArchCaps("pdp11", "none")


def test_system_calls_of_each_architecture(built: Knowledge) -> None:
    assert built.syscalls("amd64") == {"read", "newstat"}
    assert built.syscalls("arm64") == {"read", "newfstat", "futex"}  # from asm-generic/unistd.h
    assert built.syscalls("riscv64") == {"read", "fcntl", "getrlimit"}  # from scripts/syscall.tbl
    assert built.syscalls("s390x") is None


def test_user_interface_enums(built: Knowledge) -> None:
    assert built.uapi["bpf_map_type"] == ("BPF_MAP_TYPE_UNSPEC", "BPF_MAP_TYPE_HASH")
    helpers = ("unspec", "look", "peek_kernel", "setopt", "retval", "sleepy", "lonely", "path", "store")
    assert built.uapi["helpers"] == helpers


def test_the_first_set_of_sleepable_hooks_is_the_verifiers(tmp_path: Path) -> None:
    """5.10 keeps it in verifier.c, with one hook in it."""
    name = "btf_sleepable_lsm_hooks"
    older = f"BTF_SET_START({name})\nBTF_ID(func, bpf_lsm_task_free)\nBTF_SET_END({name})\n"
    tree = write_tree(tmp_path / "linux")
    path = tree / "kernel/bpf/verifier.c"
    path.write_text(path.read_text() + older)
    build(tree, tmp_path / "out", "9.6.1")
    assert for_release("9.6.1", tmp_path / "out").lsm_hooks["task_free"].sleepable
    knowledge_module._for_release.cache_clear()


def test_the_command_builds_without_more_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = write_tree(tmp_path / "linux")
    assert main(["knowledge", "build", str(tree), "--out", str(tmp_path / "out")]) == 0
    assert "Linux 9.4.2" in capsys.readouterr().out
    provenance = json.loads((tmp_path / "out/9.4.2/lsm.json").read_text())["provenance"]
    assert provenance["source"] == "Linux 9.4.2"


def test_same_tree_same_bytes(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "linux")
    one, two = build(tree, tmp_path / "a").folder, build(tree, tmp_path / "b").folder
    for file in sorted(one.iterdir()):
        assert file.read_bytes() == (two / file.name).read_bytes(), file.name


def test_filter_that_is_not_understood_is_said(tmp_path: Path) -> None:
    text = (Path(write_tree(tmp_path / "a")) / "kernel/bpf/helpers.c").read_text()
    looping = text.replace("if (is_free(prog))", "while (is_free(prog))")
    report = build(write_tree(tmp_path / "b", {"kernel/bpf/helpers.c": looping}), tmp_path / "out", "9.5")
    assert any("toy_filter" in problem for problem in report.problems)
    rule = for_release("9.5", tmp_path / "out").kfunc_filters["toy_filter"]
    assert rule.passes("bpf_toy_get", Caller("XDP")) == "unknown"
    knowledge_module._for_release.cache_clear()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("include/net/toyop.h", "struct toy_ops {" + "struct {" * 3000 + "int a;" + "};" * 3001),
        ("include/trace/events/toy.h", "TRACE_EVENT(" * 50_000),
        ("kernel/bpf/helpers.c", "BTF_KFUNCS_START(toy_kfunc_ids)\n" * 5000 + "\x00\xff" * 5000),
    ],
)
def test_absurd_source_ends_in_tables_or_one_error(tmp_path: Path, path: str, text: str) -> None:
    tree = write_tree(tmp_path / "linux", {path: text})
    try:
        assert build(tree, tmp_path / "out").release == "9.4.2"
    except KnowledgeError as error:
        assert "nested too deeply" in error.reason


def test_no_source_tree(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="not a Linux source tree"):
        build(tmp_path, tmp_path / "out")
    tree = write_tree(tmp_path / "linux")
    with pytest.raises(KnowledgeError, match="is not the name of a release"):
        build(tree, tmp_path / "out", "../elsewhere")
