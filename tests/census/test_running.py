# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What runs on hosts against a new kernel: with objects, without, with targets set by a loader, on real kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kfuncscope.census import running
from kfuncscope.census.join import Objects, read_objects
from kfuncscope.census.reader import read_census
from kfuncscope.census.records import Attachment, Running
from kfuncscope.census.seen import PARTLY, section_name
from kfuncscope.decision.risk import assess
from kfuncscope.errors import SessionError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.intake.objects import object_files
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import NeedKind, ProgramVerdict, Verdict
from kfuncscope.resources import sample
from support.bpfwriter import ObjectBuilder, exit_, kfunc, mov
from support.census import CensusFile, objects, tag_of
from support.kernels import KernelBuilder

NONE = Objects([], [])
KPROBE, TRACING, STRUCT_OPS = 2, 26, 27


def kernel(*kfuncs: str, hooks: tuple[str, ...] = (), release: str = "7.3") -> Kernel:
    """A kernel with kfuncs and functions to hook."""
    kb = KernelBuilder(release)
    for name in kfuncs:
        kb.btf.kfunc(name, kb.s32, [("x", kb.s32)])
    for name in hooks:
        kb.hook(name)
    return kb.kernel(symbols=[*kfuncs, *hooks])


def checked(path: Path, file: CensusFile, new: Kernel, old: Kernel | None = None, found: Objects = NONE) -> Analysis:
    """The analysis of one host."""
    census = read_census([file.write(path / "host.jsonl")])
    return running.check(census, found, [old] if old else [], [new])


def only(analysis: Analysis) -> ProgramVerdict:
    """The one program of an analysis."""
    (obj,) = analysis.arches[0].objects
    (program,) = obj.programs
    return program


def of_kind(program: ProgramVerdict, kind: NeedKind) -> list[Verdict]:
    """Verdicts of the findings of a kind."""
    return [f.verdict for f in program.findings if f.kind is kind]


# -- without objects


@pytest.mark.parametrize(("there", "verdict"), [(True, Verdict.UNKNOWN), (False, Verdict.BREAKS)])
def test_kfuncs_of_a_program_without_an_object(tmp_path: Path, there: bool, verdict: Verdict) -> None:
    file = CensusFile().program("x", type=3, kfuncs={"bpf_task_from_pid": 1}, owners=["agentd"])
    new = kernel("bpf_task_from_pid") if there else kernel()
    program = only(checked(tmp_path, file, new))
    assert program.verdict == verdict
    assert of_kind(program, NeedKind.FIELD) == [Verdict.UNKNOWN]  # once
    assert [f.message for f in program.findings].count(PARTLY) == 1


@pytest.mark.parametrize(("there", "verdict"), [(True, Verdict.UNKNOWN), (False, Verdict.BREAKS)])
def test_hooks_of_a_program_without_an_object(tmp_path: Path, there: bool, verdict: Verdict) -> None:
    attach = [{"link": 7, "perf": 3, "target": "do_exit"}]
    file = CensusFile().program("x", type=KPROBE, attach=attach)
    new = kernel(hooks=("do_exit",) if there else ())
    assert only(checked(tmp_path, file, new)).verdict == verdict


def test_a_module_that_the_kernel_given_lacks(tmp_path: Path) -> None:
    """The host has it and the package does not: that its kfunc is not found is the answer."""
    file = CensusFile().program("watch", type=3, kfuncs={"cubictcp_cwnd_event [tcp_cubic]": 1})
    program = only(checked(tmp_path, file, kernel("bpf_task_acquire")))
    assert {f.name for f in program.findings if f.kind is NeedKind.KFUNC} == {"cubictcp_cwnd_event"}


def test_map_types_of_a_program_without_an_object(tmp_path: Path) -> None:
    file = CensusFile().program("x", type=3, maps=[[33, 0, 0, 64, 0]])
    kb = KernelBuilder("7.3").without("BPF_MAP_TYPE_ARENA")
    assert only(checked(tmp_path, file, kb.kernel())).verdict == Verdict.BREAKS
    assert only(checked(tmp_path, file, KernelBuilder("7.3").kernel())).verdict == Verdict.UNKNOWN


def test_a_struct_ops_program_needs_its_type_and_no_more_is_said(tmp_path: Path) -> None:
    attach = [{"btf": "vmlinux", "target": "tcp_congestion_ops"}]
    file = CensusFile().program("mine", type=STRUCT_OPS, attach=attach)
    kb = KernelBuilder("7.3")
    kb.ops("tcp_congestion_ops", [("cong_avoid", kb.callback())])
    assert only(checked(tmp_path, file, kb.kernel())).verdict == Verdict.UNKNOWN


def test_who_may_call_is_doubted_where_the_attach_type_is_not_told(tmp_path: Path) -> None:
    """bpf_session_cookie is for sessions alone, which the type of a program does not say."""
    kb = KernelBuilder("7.3")
    kb.btf.kfunc("bpf_session_cookie", kb.s32, [])
    file = CensusFile().program("x", type=KPROBE, kfuncs={"bpf_session_cookie": 1})
    assert of_kind(only(checked(tmp_path, file, kb.kernel())), NeedKind.KFUNC) == [Verdict.UNKNOWN]
    file.programs[0]["attach"] = [{"link": 7, "perf": 3, "attach_type": 41, "target": "pt_regs"}]
    assert of_kind(only(checked(tmp_path, file, kb.kernel())), NeedKind.KFUNC) == [Verdict.BREAKS]


@pytest.mark.parametrize(
    ("kind", "attach", "section"),
    [
        (26, [Attachment("link", 1, target="sched_switch"),
              Attachment("btf", owner="vmlinux", target="btf_trace_sched_switch")], "tp_btf/sched_switch"),
        (26, [Attachment("link", 2, 25), Attachment("btf", owner="vmlinux", target="do_exit")], "fexit/do_exit"),
        (26, [Attachment("btf", owner="nf", target="nf_hook")], "fentry/nf:nf_hook"),
        (26, [Attachment("btf", owner="vmlinux", target="bpf_iter_task")], "iter/task"),
        (29, [Attachment("btf", owner="vmlinux", target="bpf_lsm_file_open")], "lsm/file_open"),
        (2, [Attachment("event", 2, target="do_exit")], "kprobe/do_exit"),
        (2, [Attachment("link", 8, targets=("a",), places=1)], "kprobe.multi/a"),
        (2, [Attachment("link", 8, targets=("a", "b"), places=2)], "kprobe.multi"),
        (5, [Attachment("link", 7, perf=5, target="sched_switch")], "tp/sched/sched_switch"),
        (5, [Attachment("event", 1, target="sys_enter_openat")], "tp/syscalls/sys_enter_openat"),
        (17, [Attachment("link", 1, target="sched_switch")], "raw_tp/sched_switch"),
        (8, [Attachment("link", 3, 0)], "cgroup_skb/ingress"),
        (6, [], "xdp.frags/devmap"),
    ],
)  # fmt: skip
def test_section_names_of_what_runs(kind: int, attach: list[Attachment], section: str) -> None:
    assert section_name(Running(kind, "x", "0" * 16, True, 1, attach=tuple(attach))) == section


# -- with objects


def user_of(name: str, section: str = "tc") -> ObjectBuilder:
    """A program that calls a kfunc."""
    ob = ObjectBuilder()
    ob.extern_func(name, ob.btf.proto(ob.s32, [("x", ob.s32)]))
    ob.program(section, "main", [kfunc(name), mov(0, 0), exit_()])
    ob.program(section, "idle", [mov(0, 7), exit_()])
    return ob


def test_only_what_runs_is_judged_and_the_object_breaks_with_it(tmp_path: Path) -> None:
    old, new = kernel("bpf_gone"), kernel()
    ob = user_of("bpf_gone")
    file = CensusFile().program("main", type=3, tag=tag_of(ob, "main", old))
    analysis = checked(tmp_path, file, new, old, objects(a=ob))
    program = only(analysis)
    assert (program.program, program.verdict) == ("main", Verdict.BREAKS)
    info = analysis.census
    assert info is not None and (info.exact, info.likely, info.kernel_only) == (1, 0, 0)


def test_without_the_old_kernel_a_program_that_runs_breaks(tmp_path: Path) -> None:
    """Judged on the new kernel alone, it would be called broken before."""
    ob = user_of("bpf_gone")
    program = only(checked(tmp_path, CensusFile().program("main", type=3), kernel(), None, objects(a=ob)))
    assert (program.verdict, program.old) == (Verdict.BREAKS, None)


@pytest.mark.parametrize(("same", "verdict"), [(True, Verdict.UNKNOWN), (False, Verdict.BREAKS)])
def test_that_it_runs_counts_more_than_what_the_files_say(tmp_path: Path, same: bool, verdict: Verdict) -> None:
    """The old kernel lacks the kfunc, says its file; the program runs there all the same."""
    kb = KernelBuilder("7.3")
    old = kb.kernel()
    file = CensusFile(btf=kb.build() if same else b"another").program("main", type=3)
    ob = user_of("bpf_gone")
    assert only(checked(tmp_path, file, kernel(), old, objects(a=ob))).verdict == verdict


def test_the_target_on_the_host_counts_not_that_of_the_section(tmp_path: Path) -> None:
    ob = ObjectBuilder()
    ob.program("kprobe/placeholder", "probe", [mov(0, 0), exit_()])
    new = kernel(hooks=("ext4_open",))
    for target, verdict in (("ext4_open", Verdict.OK), ("xfs_open", Verdict.BREAKS)):
        attach = [{"link": 7, "perf": 3, "target": target}]
        file = CensusFile().program("probe", type=KPROBE, tag=tag_of(ob, "probe"), attach=attach)
        assert only(checked(tmp_path, file, new, None, objects(a=ob))).verdict == verdict


def test_of_several_targets_the_worst_counts(tmp_path: Path) -> None:
    ob = ObjectBuilder()
    ob.program("kprobe/placeholder", "probe", [mov(0, 0), exit_()])
    tag = tag_of(ob, "probe")
    file = CensusFile()
    for target in ("ext4_open", "xfs_open"):
        file.program("probe", type=KPROBE, tag=tag, attach=[{"event": 2, "target": target}])
    assert only(checked(tmp_path, file, kernel(hooks=("ext4_open",)), None, objects(a=ob))).verdict == Verdict.BREAKS


def test_what_is_not_attached_does_not_break_for_its_hook(tmp_path: Path) -> None:
    ob = ObjectBuilder()
    ob.program("kprobe/placeholder", "probe", [mov(0, 0), exit_()])
    file = CensusFile().program("probe", type=KPROBE, tag=tag_of(ob, "probe"))
    program = only(checked(tmp_path, file, kernel(), None, objects(a=ob)))
    assert program.verdict == Verdict.OK
    assert any("not attached" in text for text in program.unchecked)


def test_hosts_of_other_architectures_are_said(tmp_path: Path) -> None:
    file = CensusFile(machine="s390x").program("x")
    with pytest.raises(SessionError):
        checked(tmp_path, file, kernel())


def test_risk_counts_hosts_where_a_census_is_loaded(tmp_path: Path) -> None:
    old, new = kernel("bpf_gone"), kernel()
    ob = user_of("bpf_gone")
    tag = tag_of(ob, "main", old)
    for name in "abc":
        file = CensusFile(host=name)
        file.program("main", type=3, tag=tag, kfuncs={"bpf_gone": 1}) if name != "c" else file.program("other")
        file.write(tmp_path / f"{name}.jsonl")
    analysis = running.check(read_census([tmp_path]), objects(a=ob), [old], [new])
    said = {f.said for s in assess(analysis).findings.values() for f in s.factors if f.name == "usage"}
    assert "used on 2 of 3 hosts of the census, by 2 running programs" in said


# -- on real kernels


def _of_sample(release: str) -> tuple[Any, Objects, Kernel]:
    census = read_census([sample("census", f"{release}.jsonl")])
    files, _ = object_files([sample("objects")])
    found, _ = read_objects(files)
    return census, found, open_kernel(kernel_files([str(sample("kernels", release))])[0])


@pytest.mark.parametrize("release", ["6.12-x86_64", "7.3-x86_64"])
def test_programs_of_booted_kernels_are_joined_exactly(release: str) -> None:
    census, found, made = _of_sample(release)
    _, listed = running.joined(census, found, [made])
    assert not census.problems and len(listed) >= 20
    for row in listed:
        best = row.joined.candidates[0]
        assert (row.joined.join, found.program(best).name) == ("exact", row.program.name)


def test_the_verdicts_of_what_ran_on_6_12() -> None:
    census, found, old = _of_sample("6.12-x86_64")
    new = open_kernel(kernel_files([str(sample("kernels", "7.3-x86_64"))])[0])
    (arch,) = running.check(census, found, [old], [new]).arches
    by_name = {p.program: p.verdict for o in arch.objects for p in o.programs}
    assert by_name["rstat_always"] == Verdict.BREAKS
    assert by_name["rstat_if_there"] == Verdict.DEGRADES
    assert by_name["sockname_result"] == Verdict.SILENT
    assert by_name["steady_avoid"] == Verdict.OK
    # The same without objects: what breaks by kfunc or hook is seen, nothing else is called OK.
    (arch,) = running.check(census, NONE, [old], [new]).arches
    by_name = {p.program: p.verdict for o in arch.objects for p in o.programs}
    assert by_name["rstat_always"] == by_name["on_hrtimer_init"] == Verdict.BREAKS
    assert set(by_name.values()) <= {Verdict.BREAKS, Verdict.UNKNOWN, Verdict.RISK, Verdict.SILENT}
