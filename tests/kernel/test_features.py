# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``bpftool -j feature probe`` as an input that stands above image and tables (R-6.5)."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.errors import InputError, KernelError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.fact_sources import fact_sources
from kfuncscope.kernel.features import LARGEST, read_features
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.model.verdict import Tri
from support.bpfwriter import ObjectBuilder, call, exit_, ld_sym, mov
from support.kernels import KernelBuilder, only, rules

END: list[Any] = [mov(0, 0), exit_()]
FORM: dict[str, Any] = {
    "system_config": {"bpf_jit_enable": 1},
    "program_types": {"have_xdp_prog_type": True, "have_netfilter_prog_type": False},
    "map_types": {"have_hash_map_type": True, "have_array_map_type": False},
    "helpers": {
        "xdp_available_helpers": ["bpf_ktime_get_ns", "bpf_redirect"],
        "socket_filter_available_helpers": ["bpf_get_current_comm", "bpf_ktime_get_ns"],
        "tracing_available_helpers": [],
    },
}
KTIME, REDIRECT, COMM, TRACE_PRINTK = 5, 23, 16, 6


def probed(form: Any = FORM, release: str = "6.12") -> Kernel:
    kernel = KernelBuilder(release).kernel()
    kernel.files.probe = json.dumps(form).encode()
    return kernel


def program(section: str, *code: Any) -> ObjectBuilder:
    return ObjectBuilder().program(section, "p", [*code, *END])


@pytest.mark.parametrize(
    ("section", "helper", "plain", "loads"),
    [
        ("xdp", KTIME, Tri.YES, Tri.YES),
        ("xdp", COMM, Tri.NO, Tri.NO),  # bpftool knows the helper, and XDP programs do not get it
        ("socket", COMM, Tri.NO, Tri.YES),  # the kernel gives more than the tables tell
        ("socket", REDIRECT, Tri.NO, Tri.NO),
        ("xdp", TRACE_PRINTK, Tri.YES, Tri.YES),  # left out without `full`
        ("xdp", 7, Tri.YES, Tri.YES),  # a helper that no list names: bpftool may be older than it
        ("tc", KTIME, Tri.YES, Tri.YES),  # the probe says nothing of the type
    ],
)
def test_helpers_by_program_type(section: str, helper: int, plain: Tri, loads: Tri) -> None:
    assert only(program(section, call(helper)), KernelBuilder("6.12").kernel()).loads == plain
    assert only(program(section, call(helper)), probed()).loads == loads


def test_a_helper_that_the_kernel_withholds_is_refused() -> None:
    form = {**FORM, "helpers": {**FORM["helpers"], "xdp_available_helpers": ["bpf_redirect"]}}
    found = only(program("xdp", call(KTIME)), probed(form))
    assert found.loads == Tri.NO and "R-6.2" in rules(found)


def test_types_that_depend_on_their_attach_type_are_not_decided() -> None:
    form = {**FORM, "helpers": {"cgroup_sock_addr_available_helpers": ["bpf_redirect"],
                                "kprobe_available_helpers": ["bpf_ktime_get_ns"]}}  # fmt: skip
    assert only(program("cgroup/bind4", call(KTIME)), probed(form)).loads == Tri.YES
    assert only(program("cgroup/bind4", call(REDIRECT)), probed(form)).loads == Tri.NO


def test_program_and_map_types() -> None:
    kernel = probed()
    assert kernel.offers_program("XDP") is True and kernel.offers_program("NETFILTER") is False
    assert kernel.offers_program("SCHED_CLS") is None
    assert kernel.offers_map(1) is True and kernel.offers_map(2) is False and kernel.offers_map(3) is None
    for kind, loads in ((1, Tri.YES), (2, Tri.NO)):
        ob = ObjectBuilder()
        ob.map("kept", type=kind, key=ob.u32, value=ob.u32, max_entries=1)
        assert only(ob.program("xdp", "p", [ld_sym(1, "kept"), *END]), kernel).loads == loads
    assert only(program("netfilter"), kernel).loads == Tri.NO


def test_the_source_is_shown() -> None:
    told = fact_sources(probed())
    assert {told[k] for k in ("helpers by program type", "map types", "program types")} == {"bpftool feature probe"}
    told = fact_sources(probed({"program_types": {"have_xdp_prog_type": True}}))
    assert told["program types"] == "bpftool feature probe"
    assert "bpftool feature probe" not in (told["map types"], told["helpers by program type"])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "not JSON"), (b"[]", "not the output"), (b"{}", "not the output"), (b"\xff", "not JSON"),
        (b'{"helpers": []}', "helpers is not an object"), (b'{"map_types": {"have_hash_map_type": 1}}', "neither true"),
        (b'{"helpers": {"xdp_available_helpers": {"a": 1}}}', "not a list"),
        (b'{"helpers": {"xdp_available_helpers": [1]}}', "not a list"), (b" " * (LARGEST + 1), "too large"),
        (b"[" * 100_000, "not JSON"),
    ],
)  # fmt: skip
def test_what_bpftool_does_not_write_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(KernelError, match=reason):
        read_features(data, "probe.json")


def test_a_damaged_probe_is_a_problem_of_the_kernel_and_nothing_more() -> None:
    kernel = KernelBuilder("6.12").kernel()
    kernel.files.probe = b"{"
    assert only(program("xdp", call(KTIME)), kernel).loads == Tri.YES
    assert [p.path for p in kernel.problems] == ["test probe"]


@pytest.mark.parametrize("beside", [True, False])
def test_it_lies_beside_the_btf_or_is_named(tmp_path: Path, beside: bool) -> None:
    made = KernelBuilder("6.12").kernel()
    (tmp_path / "vmlinux.btf").write_bytes(made.files.btf or b"")
    given = str(tmp_path / "vmlinux.btf")
    if beside:
        (tmp_path / "probe.json.xz").write_bytes(lzma.compress(json.dumps(FORM).encode()))
    else:
        (tmp_path / "other").write_text(json.dumps(FORM))
        given = f"btf={given},probe={tmp_path / 'other'}"
    (files,) = kernel_files([given])
    kernel = open_kernel(files, "x86_64", "6.12")
    assert kernel.features is not None and kernel.features.maps == {"HASH": True, "ARRAY": False}
    assert len(files.inputs) == 2 and files.part_digest("probe")


def test_a_probe_that_is_not_there_is_named(tmp_path: Path) -> None:
    made = KernelBuilder("6.12").kernel()
    (tmp_path / "vmlinux.btf").write_bytes(made.files.btf or b"")
    (files,) = kernel_files([f"btf={tmp_path / 'vmlinux.btf'},probe={tmp_path / 'absent'}"])
    assert [p.path for p in files.problems] == [str(tmp_path / "absent")]
    with pytest.raises(InputError, match="not a part of a kernel"):
        kernel_files([f"btf={tmp_path / 'vmlinux.btf'},prob={tmp_path / 'absent'}"])
