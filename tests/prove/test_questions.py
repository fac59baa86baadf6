# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a kernel is asked, and what its answers become."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.errors import KernelError, KnowledgeError
from kfuncscope.knowledge import probed
from kfuncscope.knowledge.probed import Probed
from kfuncscope.prove import agent_probe, questions
from kfuncscope.prove.questions import Questions
from support.kernels import KernelBuilder


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
    "ab12", "7.3", "x86_64", {"XDP": ["redirect"]}, {"XDP": []}, ["EXT"], ["bpf"], [], {"t": [1]}, {"x": True},
    {"XDP": ["BPF_XDP"]}, {"o": ["m"]}, {"HASH": [1], "ARENA": None}, [], "booted from x.deb",
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


def test_facts_are_found_by_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = probed.user_folder_of_facts()
    folder.mkdir(parents=True)
    (folder / "ab12.json").write_bytes(probed.dumps(FACTS))
    assert probed.for_image("ab12") == FACTS
    assert probed.for_image("ab13") is None and probed.for_image(None) is None and probed.for_image("../ab12") is None
