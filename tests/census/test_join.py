# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Running programs joined to objects: by tag, by names, not at all; and what they use, counted on hosts."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.census import names
from kfuncscope.census.count import keys, rows, uses
from kfuncscope.census.join import Joiner, Objects, TagIndex
from kfuncscope.census.reader import read_census
from kfuncscope.census.records import Join
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.model.verdict import NeedKind
from support import listedimage
from support.bpfwriter import (
    FIELD_BYTE_OFFSET,
    ObjectBuilder,
    call,
    core,
    encode,
    exit_,
    kfunc,
    ld_imm64,
    ld_sym,
    ldx,
    mov,
)
from support.census import CensusFile, objects, tag_of
from support.kernels import KernelBuilder

XDP, KPROBE, TRACING = 6, 2, 26


def passing(name: str = "pass", section: str = "xdp", value: int = 2) -> ObjectBuilder:
    """An object with one program that asks nothing of a kernel."""
    ob = ObjectBuilder()
    ob.program(section, name, [mov(0, value), exit_()])
    return ob


def joined(path: Path, file: CensusFile, found: Objects, *kernels: Kernel) -> tuple[Joiner, Any]:
    """The joiner of one host, and how its first program was joined."""
    census = read_census([file.write(path / "host.jsonl")])
    joiner = Joiner(census, TagIndex(found, kernels))
    return joiner, joiner.join(0, census.hosts[0].kernel.arch)


@pytest.mark.parametrize("modern", [False, True])
def test_exact_by_either_hash(tmp_path: Path, modern: bool) -> None:
    ob = passing()
    file = CensusFile().program("pass", tag=tag_of(ob, "pass", modern=modern))
    _, one = joined(tmp_path, file, objects(a=ob))
    assert one.join == Join.EXACT


def field_reader(offset_in_kernel: int) -> tuple[ObjectBuilder, Kernel]:
    """A program that reads task_struct.pid, and a kernel that has it at an offset."""
    ob = ObjectBuilder()
    task = ob.btf.struct("task_struct", [("pid", ob.s32)])
    ob.program("kprobe/do_exit", "on_exit", [core(ldx(4, 0, 1, 0), task, "0:0", FIELD_BYTE_OFFSET), exit_()])
    kb = KernelBuilder("7.3")
    padding = [(f"m{i}", kb.s32) for i in range(offset_in_kernel // 4)]
    kb.btf.struct("task_struct", [*padding, ("pid", kb.s32)])
    return ob, kb.kernel()


def test_relocated_programs_are_exact_only_on_their_kernel(tmp_path: Path) -> None:
    ob, kernel = field_reader(8)
    _, other = field_reader(16)
    file = CensusFile().program("on_exit", type=KPROBE, tag=tag_of(ob, "on_exit", kernel))
    assert joined(tmp_path, file, objects(a=ob), kernel)[1].join == Join.EXACT
    assert joined(tmp_path, file, objects(a=ob), other, kernel)[1].join == Join.EXACT
    assert joined(tmp_path, file, objects(a=ob), other)[1].join == Join.LIKELY
    assert joined(tmp_path, file, objects(a=ob))[1].join == Join.LIKELY


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (0, Join.EXACT), (0x200000, Join.EXACT), ((1 << 30) - 0x200000, Join.EXACT), (0x100000, Join.LIKELY),
        (-0x200000, Join.LIKELY), (1 << 30, Join.LIKELY),
    ],
)  # fmt: skip
def test_a_variables_address_is_exact_wherever_the_boot_put_the_kernel(
    tmp_path: Path, distance: int, expected: Join
) -> None:
    """In an x86_64 image whose symbol fn_6 lies at a known place; the hash is made from the instructions here."""
    ob = ObjectBuilder()
    ob.extern_var("fn_6", 0)
    ob.program("kprobe/do_exit", "on_exit", [ld_sym(1, "fn_6"), mov(0, 0), exit_()])
    code = encode([*ld_imm64(1, listedimage.BASE + 6 * listedimage.STEP + distance), mov(0, 0), exit_()])
    plain = KernelBuilder("7.3").kernel(symbols=["D fn_6"])
    imaged = open_kernel(replace(plain.files, image=lambda: listedimage.image("behind", [])))
    for tag in (hashlib.sha1(code).hexdigest()[:16], hashlib.sha256(code).hexdigest()[:16]):
        file = CensusFile().program("on_exit", type=KPROBE, tag=tag)
        assert joined(tmp_path, file, objects(a=ob), imaged)[1].join == expected
        assert joined(tmp_path, file, objects(a=ob), plain)[1].join == Join.LIKELY
        other = CensusFile().program("on_exit", type=XDP, tag=tag)
        assert joined(tmp_path, other, objects(a=ob), imaged)[1].join == Join.KERNEL_ONLY


def test_equal_instructions_alone_are_no_exact_join(tmp_path: Path) -> None:
    """`return 2` is in many objects: type and name have to fit too."""
    ob = passing()
    tag = tag_of(ob, "pass")
    other_name = joined(tmp_path, CensusFile().program("drop", tag=tag), objects(a=ob))[1]
    assert (other_name.join, other_name.why) == (Join.LIKELY, "the same instructions under another name")
    other_type = joined(tmp_path, CensusFile().program("pass", type=KPROBE, tag=tag), objects(a=ob))[1]
    assert other_type.join == Join.KERNEL_ONLY


def test_names_are_compared_as_far_as_the_kernel_keeps_them(tmp_path: Path) -> None:
    ob = passing("a_name_of_20_letters")
    tag = tag_of(ob, "a_name_of_20_letters")
    assert joined(tmp_path, CensusFile().program("a_name_of_20_le", tag=tag), objects(a=ob))[1].join == Join.EXACT
    assert joined(tmp_path, CensusFile().program("a_name_of_20_l", tag=tag), objects(a=ob))[1].join == Join.LIKELY


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, Join.LIKELY),
        ({"attach": [{"event": 2, "target": "do_exit"}]}, Join.LIKELY),
        ({"attach": [{"event": 2, "target": "do_fork"}]}, Join.KERNEL_ONLY),
        ({"functions": ["helped"]}, Join.KERNEL_ONLY),
        ({"type": XDP}, Join.KERNEL_ONLY),
    ],
)
def test_likely_needs_name_type_target_and_functions(tmp_path: Path, more: dict[str, Any], expected: Join) -> None:
    ob = passing("on_exit", "kprobe/do_exit")
    file = CensusFile().program("on_exit", **{"type": KPROBE, "tag": "f" * 16, **more})
    assert joined(tmp_path, file, objects(a=ob))[1].join == expected


def test_of_equal_programs_the_one_whose_companions_run_too(tmp_path: Path) -> None:
    alone, pair = passing(), passing()
    pair.program("tc", "second", [mov(0, 7), exit_()])
    found = objects(a_alone=alone, b_pair=pair)
    file = CensusFile().program("pass", tag=tag_of(alone, "pass"), btf=5)
    first = joined(tmp_path, file, found)[1].candidates[0]
    assert found.files[first.object].name == "a_alone.bpf.o"
    file.program("second", type=3, tag=tag_of(pair, "second"), btf=5)
    first = joined(tmp_path, file, found)[1].candidates[0]
    assert found.files[first.object].name == "b_pair.bpf.o"


def test_of_equal_programs_the_one_with_the_same_target(tmp_path: Path) -> None:
    one, other = passing("probe", "kprobe/a_first"), passing("probe", "kprobe/b_second")
    found = objects(a=one, b=other)
    file = CensusFile().program(
        "probe", type=KPROBE, tag=tag_of(one, "probe"), attach=[{"event": 2, "target": "b_second"}]
    )
    candidates = joined(tmp_path, file, found)[1].candidates
    assert [found.files[c.object].name for c in candidates] == ["b.bpf.o"]


def test_kfuncs_are_counted_by_their_calls_and_casts_by_the_object(tmp_path: Path) -> None:
    ob = ObjectBuilder()
    for name in ("bpf_rdonly_cast", "bpf_task_acquire", "bpf_task_release"):
        ob.extern_func(name, ob.btf.proto(ob.s32, []))
    ob.program("tc", "main", [kfunc("bpf_rdonly_cast"), kfunc("bpf_task_acquire"), kfunc("bpf_task_release"), call(5),
                              exit_()])  # fmt: skip
    file = CensusFile().program("main", type=3, kfuncs={"bpf_task_acquire": 1}, helpers={"bpf_ktime_get_ns": 1})
    joiner, one = joined(tmp_path, file, objects(a=ob))
    assert one.join == Join.LIKELY
    (row,) = rows(joiner.census, joiner)
    kfuncs = {name for kind, name in keys(row, joiner) if kind is NeedKind.KFUNC}
    assert kfuncs == {"bpf_rdonly_cast", "bpf_task_acquire"}  # the release is dead code on this host
    assert (NeedKind.HELPER, "bpf_ktime_get_ns") in keys(row, joiner)


def test_hosts_and_running_programs_are_counted_apart(tmp_path: Path) -> None:
    for name, count in (("a", 2), ("b", 1)):
        file = CensusFile(host=name)
        for _ in range(count):
            file.program("one", type=TRACING, kfuncs={"bpf_task_acquire": 1}, owners=["agentd"],
                         attach=[{"btf": "vmlinux", "target": "btf_trace_sched_switch"}])  # fmt: skip
        file.write(tmp_path / f"{name}.jsonl")
    census = read_census([tmp_path])
    joiner = Joiner(census, TagIndex(Objects([], []), []))
    listed = rows(census, joiner)
    found = {u.name: u for u in uses(listed, joiner)}
    one = found["bpf_task_acquire"]
    assert (len(one.hosts), one.running, one.programs[Join.KERNEL_ONLY]) == (2, 3, 1)
    assert one.users == {"agentd/one#0000000000000000"}
    assert found["sched_switch"].kind is NeedKind.HOOK


@pytest.mark.parametrize(
    ("symbol", "helper"),
    [
        ("bpf_ktime_get_ns", "bpf_ktime_get_ns"), ("__htab_map_lookup_elem", "bpf_map_lookup_elem"),
        ("bpf_perf_event_output_tp", "bpf_perf_event_output"), ("bpf_sock_ops_setsockopt", "bpf_setsockopt"),
        ("xsk_map_redirect", "bpf_redirect_map"), ("bpf_get_socket_ptr_cookie", "bpf_get_socket_cookie"),
        ("trie_update_elem", "bpf_map_update_elem"), ("vfs_read", ""), ("?", ""),
    ],
)  # fmt: skip
def test_functions_that_stand_for_helpers(symbol: str, helper: str) -> None:
    assert names.helper(symbol) == helper


def test_special_builds_of_kfuncs_count_as_the_kfunc() -> None:
    assert names.kfunc("bpf_dynptr_from_skb_rdonly") == ("bpf_dynptr_from_skb", "")
    assert names.kfunc("bpf_ct_release [nf_conntrack]") == ("bpf_ct_release", "nf_conntrack")
    assert names.kfunc("mine_locked") == ("mine_locked", "")


def test_numbers_of_the_uapi_are_those_of_the_headers() -> None:
    """Values of include/uapi/linux/bpf.h after an alias, where counting entries goes wrong."""
    assert [names.map_type(n) for n in (19, 20, 22, 27, 33)] == [
        "BPF_MAP_TYPE_CGROUP_STORAGE_DEPRECATED", "BPF_MAP_TYPE_REUSEPORT_SOCKARRAY", "BPF_MAP_TYPE_QUEUE",
        "BPF_MAP_TYPE_RINGBUF", "BPF_MAP_TYPE_ARENA",
    ]  # fmt: skip
    assert (names.prog_type(26), names.prog_type(999)) == ("TRACING", "999")
    assert names.attach_type(24) == "BPF_TRACE_FENTRY"
