# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a frame passes to the C of a remedy: contexts, typed pointers from the hook, values of maps, callbacks."""

from __future__ import annotations

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.rules.judge import judge
from support.bpfwriter import ObjectBuilder, exit_, mov
from support.frameargs import argument, preamble, typed_slots
from support.kernels import KernelBuilder


@pytest.mark.parametrize(
    ("parameter", "passed"),
    [
        ("void *ctx", "ctx"), ("struct sock *sk", "(void *)((unsigned long long *)ctx)[2]"), ("int cpu", "0"),
        ("struct cgroup *cgrp", "(void *)bpf_get_current_task()"), ("struct bpf_wq *wq", "&frame_held->held"),
        ("int (*callback)(void *, int *)", "frame_callback"), ("void *dst", "bytes"), ("__u32 size", "sizeof(bytes)"),
    ],
)  # fmt: skip
def test_what_is_passed_for_a_parameter(parameter: str, passed: str) -> None:
    assert argument(parameter, "", {"sock": 2}, "") == passed


def test_a_struct_that_is_the_first_member_of_what_the_hook_gives() -> None:
    assert (
        argument("struct cgroup_subsys_state *css", "", {"cgroup": 0}, "") == "(void *)((unsigned long long *)ctx)[0]"
    )
    assert argument("const void *obj", "struct trace_event_raw_x___old {};", {}, "") == "ctx"


def test_a_map_and_a_callback_stand_before_the_frame() -> None:
    before, inside = preamble(["struct bpf_wq *wq", "int (*callback)(void *, int *)"])
    assert "struct bpf_wq held;" in before and "frame_callback(void * a0, int * a1)" in before
    assert "if (!frame_held)" in inside
    assert preamble(["struct sock *sk", "int cpu"]) == ("", "")


def test_slots_are_those_of_the_hooks_pointers() -> None:
    kb = KernelBuilder("7.3")
    sock = kb.btf.struct("sock", [("family", kb.s32)])
    kb.hook("f", [("cpu", kb.s32), ("sk", kb.btf.ptr(sock)), ("other", kb.btf.ptr(sock))])
    data = ObjectBuilder().program("fentry/f", "prog", [mov(0, 0), exit_()]).build()
    context = judge(read_object(data, "o.bpf.o"), kb.kernel()).context
    assert typed_slots(context, "prog") == {"sock": 1}
    assert typed_slots(context, "another") == {}
