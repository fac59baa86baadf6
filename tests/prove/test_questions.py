# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a kernel is asked, and what its answers become."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.errors import KernelError, KnowledgeError
from kfuncscope.knowledge import probed
from kfuncscope.knowledge.probed import Probed
from kfuncscope.model.verdict import Tri
from kfuncscope.prove import questions
from kfuncscope.prove.guest import agent_probe
from kfuncscope.prove.questions import Questions
from support.bpfwriter import ObjectBuilder, call, exit_, kfunc, mov
from support.kernels import CONFIG, KernelBuilder, judged, only


def asked(kb: KernelBuilder | None = None) -> tuple[Questions, object]:
    kb = kb or kernel()
    made = kb.kernel()
    return questions.questions(made), made


def kernel(arch: str = "x86_64") -> KernelBuilder:
    kb = KernelBuilder("7.3", arch)
    kb.btf.kfunc("bpf_b", 0)
    kb.btf.kfunc("bpf_a", 0)
    kb.lsm("file_open")
    kb.lsm("bpf")
    kb.hook("bpf_fentry_test1", [("a", kb.s32)])
    task = kb.btf.struct("task_struct", [("pid", kb.s32)])
    kb.tracepoint("sched_switch", [("preempt", kb.s32), ("prev", kb.btf.ptr(task)), ("next", kb.btf.ptr(task))])
    kb.tracepoint("numbers", [("a", kb.s32)])
    kb.ops("my_ops", [("init", kb.callback()), ("flags", kb.u32), ("done", kb.callback())])
    return kb


def test_questions_come_from_the_kernels_own_types() -> None:
    found, _ = asked()
    assert found.kfuncs == ["bpf_a", "bpf_b"] and found.hooks == ["bpf", "file_open"]
    assert found.members == {"my_ops": ["init", "done"]}
    assert [(name, places) for name, _, places in found.plan["tracepoints"]] == [("sched_switch", [1, 2])]
    ops = found.plan["struct_ops"][0]
    assert ops[0] == "my_ops" and ops[2] == [0, 2]
    callers = {name for name, _ in found.plan["callers"]}
    assert {"XDP", "SYSCALL", "TRACING/fentry", "TRACING/tp_btf", "LSM/lsm.s", "STRUCT_OPS/my_ops"} <= callers
    assert "CGROUP_SOCK/CGROUP_INET4_POST_BIND" in callers
    assert not any(c.startswith("CGROUP_SOCK_ADDR") and "POST_BIND" in c for c in callers)


def test_each_caller_has_the_numbers_of_this_kernel() -> None:
    found, made = asked()
    numbers = dict(found.plan["callers"])
    types = questions._enum(made.vmlinux, "bpf_prog_type", "BPF_PROG_TYPE_")  # type: ignore[attr-defined]
    assert numbers["XDP"] == [types["XDP"], 0, 0, 0]
    assert numbers["SYSCALL"][3] == questions.SLEEPABLE
    assert numbers["TRACING/fentry"][2] == made.vmlinux.own("bpf_fentry_test1")[0]  # type: ignore[attr-defined]


def test_a_kernel_without_lsm_programs_is_not_asked_about_hooks() -> None:
    found, _ = asked(kernel().without("BPF_PROG_TYPE_LSM"))
    assert found.plan["hooks"] == []
    assert not any(name.startswith("LSM") for name, _ in found.plan["callers"])


def test_big_endian_kernels_get_swapped_instructions() -> None:
    found, _ = asked(kernel("s390x"))
    code = bytes.fromhex(dict(found.plan["instructions"])["subprogram"])
    assert code[:8] == agent_probe.insn(">", 0x85, src=1, imm=1)
    assert Blob(bytes.fromhex(found.plan["map_btf"]), "map").endian == ">"


def test_the_types_of_the_local_storages_are_readable_btf() -> None:
    blob = Blob(bytes.fromhex(asked()[0].plan["map_btf"]), "map")
    assert [blob.name(i) for i in blob.own_ids()] == ["int"] and blob.size(1) == 4


@pytest.mark.parametrize("name", questions.INSTRUCTIONS)
def test_every_trial_ends_with_exit(name: str) -> None:
    code = questions.INSTRUCTIONS[name]
    assert len(code) % 8 == 0 and code[-8:] == struct.pack("<BBhi", 0x95, 0, 0, 0)


def test_without_btf_there_is_nothing_to_ask() -> None:
    made = kernel().kernel()
    made.vmlinux = None
    with pytest.raises(KernelError, match="no BTF"):
        questions.questions(made)


def test_answers_become_facts() -> None:
    found, made = asked()
    facts = [
        ("helpers", "XDP", agent_probe.bitmap([True, False, True])),
        ("helpers", "NOT_ASKED", "ff"),
        ("kfuncs", "XDP", "02"),
        ("kfuncs_unclear", "", "01"),
        ("caller_refused", "LIRC_MODE2", ""),
        ("lsm", "0", "02"), ("lsm_sleepable", "0", "00"), ("lsm", "x", "ff"),
        ("null", "sched_switch", "02"), ("null", "unknown", "01"),
        ("instruction", "gotol", "-22"), ("instruction", "plain", "0"), ("instruction", "odd", "0"),
        ("struct_ops", "my_ops", "01"),
        ("map", "HASH", "0 05"), ("map", "ARENA", "-22 00"), ("map", "odd", "0 00"),
        ("attach_types", "XDP", "zz"),
        ("failed", "maps", "OSError: x"),
    ]  # fmt: skip
    got = questions.answers(found, facts, made, "ab")  # type: ignore[arg-type]
    assert got.helpers == {"XDP": ["map_lookup_elem", "map_delete_elem"]} and got.kfuncs == {"XDP": ["bpf_b"]}
    assert got.asked_kfuncs == ["bpf_b"] and got.asked_hooks == ["bpf", "file_open"]
    assert got.refused == ["LIRC_MODE2"] and got.lsm == ["file_open"] and got.lsm_sleepable == []
    assert got.null_arguments == {"sched_switch": [1]}
    assert got.instructions == {"gotol": False, "plain": True} and got.struct_ops == {"my_ops": ["init"]}
    assert got.maps == {"HASH": [0, 2], "ARENA": None} and got.attach_types == {"XDP": []}
    assert got.failed == ["maps: OSError: x"]


def test_bits_without_a_name_are_dropped() -> None:
    assert questions.names_of("ff", ["a", "b"]) == ["a", "b"]
    assert questions.names_of("0", ["a"]) == []


# -- the file


FACTS = Probed(
    "cd34", "ab12", "7.3", "x86_64",
    {"XDP": ["redirect"], "TRACING/fentry": ["d_path", "probe_read"], "CGROUP_SOCK_ADDR/CGROUP_INET4_BIND": ["bind"]},
    {"XDP": ["bpf_a"]}, ["EXT"], ["bpf"], [], {"t": [1]}, {"x": True},
    {"XDP": ["BPF_XDP"]}, {"o": ["m"]}, {"HASH": [1], "ARENA": None}, [], ["bpf_a", "bpf_b"], ["bpf", "file_open"],
    "booted from x.deb",
)  # fmt: skip


def test_facts_survive_their_file() -> None:
    assert probed.loads(probed.dumps(FACTS), "x") == FACTS
    assert probed.dumps(probed.loads(probed.dumps(FACTS), "x")) == probed.dumps(FACTS)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"format": "kfuncscope-probed"', '"format": "other"', "not facts of a probed kernel"),
        ('"format_version": 1', '"format_version": 2', "not facts of a probed kernel"),
        ('"release": "7.3"', '"release": 7', "release is not as documented"),
        ('"redirect"', "5", "helpers is not as documented"),
        ('"ARENA": null', '"ARENA": [null]', "maps is not as documented"),
        ('"x": true', '"x": 1', "instructions is not as documented"),
        ('"arch": "x86_64",', "", "an entry is missing"),
        ("{", "[", "not JSON"),
    ],
)
def test_a_file_of_another_form_is_refused(before: str, after: str, told: str) -> None:
    text = probed.dumps(FACTS).decode()
    assert before in text
    with pytest.raises(KnowledgeError, match=told):
        probed.loads(text.replace(before, after, 1).encode(), "x")


def keep(btf: bytes, facts: Probed) -> None:
    folder = probed.user_folder_of_facts()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{hashlib.sha256(btf).hexdigest()}.json").write_bytes(probed.dumps(facts))


@pytest.fixture
def own_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


@pytest.mark.usefixtures("own_facts")
def test_facts_are_found_by_the_btf() -> None:
    keep(b"some BTF", FACTS)
    assert probed.for_btf(hashlib.sha256(b"some BTF").hexdigest()) == FACTS
    assert probed.for_btf(hashlib.sha256(b"other BTF").hexdigest()) is None


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (("redirect", "XDP", "", False), True), (("map_lookup_elem", "XDP", "", False), False),
        (("redirect", "SCHED_CLS", "", False), None), (("redirect", "LSM", "LSM_MAC", False), None),
        (("probe_read", "TRACING", "TRACE_FENTRY", False), True),
        (("probe_read", "TRACING", "TRACE_ITER", False), None),
        (("probe_read", "TRACING", "TRACE_FENTRY", True), None), (("d_path", "TRACING", "TRACE_FENTRY", False), None),
        (("bind", "CGROUP_SOCK_ADDR", "CGROUP_INET4_BIND", False), True),
        (("bind", "CGROUP_SOCK_ADDR", "CGROUP_INET6_BIND", False), None),
    ],
)  # fmt: skip
def test_only_just_what_was_asked_is_answered(question: tuple[str, str, str, bool], answer: bool | None) -> None:
    assert FACTS.may_call_helper(*question) is answer


def test_kprobes_of_several_functions_stay_with_the_tables() -> None:
    """bpf_session_cookie() is for kprobe.session alone; the kernel was asked with plain kprobes."""
    facts = replace(FACTS, helpers={"KPROBE": []}, kfuncs={"KPROBE": []})
    assert facts.may_call_kfunc("bpf_a", "KPROBE", "") is False
    assert facts.may_call_kfunc("bpf_a", "KPROBE", "TRACE_KPROBE_SESSION") is None
    assert facts.may_call_helper("x", "KPROBE", "TRACE_KPROBE_MULTI", False) is None


def test_kfuncs_and_hooks_that_were_not_asked_have_no_answer() -> None:
    assert [FACTS.may_call_kfunc(n, "XDP", "") for n in ("bpf_a", "bpf_b", "bpf_ct")] == [True, False, None]
    assert FACTS.may_call_kfunc("bpf_a", "SCHED_CLS", "") is None
    assert [FACTS.hook_closed(n) for n in ("bpf", "file_open", "new_hook")] == [False, True, None]
    assert [FACTS.hook_awake(n) for n in ("bpf", "new_hook")] == [True, None]


@pytest.mark.usefixtures("own_facts")
@pytest.mark.parametrize(("helper", "loads"), [(23, Tri.NO), (24, Tri.YES)])
def test_verdicts_follow_the_kernel_against_the_tables(helper: int, loads: Tri) -> None:
    """By the tables XDP may call bpf_redirect (23) and not bpf_get_route_realm (24); this kernel says otherwise."""
    kb = KernelBuilder("7.3")
    by_tables = kb.kernel()
    builder = ObjectBuilder().program("xdp", "p", [call(helper), mov(0, 0), exit_()])
    assert only(builder, by_tables).loads != loads
    keep(kb.build(), replace(FACTS, helpers={"XDP": ["get_route_realm"]}))
    assert only(builder, kb.kernel()).loads == loads


@pytest.mark.usefixtures("own_facts")
@pytest.mark.parametrize("seen", [True, False])
def test_kfuncs_follow_the_kernel(seen: bool) -> None:
    kb = KernelBuilder("7.3")
    kb.btf.kfunc("bpf_a", kb.s32)
    keep(kb.build(), replace(FACTS, kfuncs={"XDP": ["bpf_a"] if seen else []}))
    builder = ObjectBuilder()
    builder.extern_func("bpf_a", builder.btf.proto(builder.s32))
    found = only(builder.program("xdp", "p", [kfunc("bpf_a"), mov(0, 0), exit_()]), kb.kernel())
    assert found.loads == (Tri.YES if seen else Tri.NO)


@pytest.mark.usefixtures("own_facts")
def test_lsm_hooks_follow_the_kernel() -> None:
    kb = KernelBuilder("7.3")
    for hook in ("bpf", "file_open"):
        kb.lsm(hook)
    keep(kb.build(), FACTS)
    builder = ObjectBuilder().program("lsm/file_open", "closed", [mov(0, 0), exit_()])
    builder.program("lsm/bpf", "open", [mov(0, 0), exit_()]).program("lsm.s/bpf", "awake", [mov(0, 0), exit_()])
    kernel = kb.kernel(config={**CONFIG, "BPF_LSM": "y"})
    loads = {p.program.name: p.loads for p in judged(builder, kernel).programs}
    assert loads == {"closed": Tri.NO, "open": Tri.YES, "awake": Tri.NO}


@pytest.mark.usefixtures("own_facts")
def test_a_damaged_file_is_a_problem_and_the_tables_serve() -> None:
    kb = KernelBuilder("7.3")
    keep(kb.build(), FACTS)
    (path,) = probed.user_folder_of_facts().iterdir()
    path.write_text("{}")
    kernel = kb.kernel()
    assert kernel.probed is None and "not facts of a probed kernel" in kernel.problems[-1].reason
