# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Analyses made by hand for the tests of reports and policies: a small upgrade that has one of everything."""

from __future__ import annotations

from dataclasses import replace

from kfuncscope.model.analysis import Analysis, ArchResult, ObjectInfo
from kfuncscope.model.verdict import (
    Confidence,
    Evidence,
    Finding,
    NeedKind,
    ObjectVerdict,
    Reach,
    Remedy,
    Site,
    Verdict,
)
from kfuncscope.storage.files import Input, Place, Problem
from support.handmade import ARCHES, DISPATCH, FIELD, WQ, fine, infos, kernel, obj, program, sha, use

V = Verdict

ARGUMENT = Finding(
    kind=NeedKind.HOOK,
    name="block_rq_complete",
    verdict=V.SILENT,
    message="Argument 2 of the raw tracepoint is another type now; the program reads it without a check.",
    rules=("R-7.10",),
    cls="hook_args",
    reach=Reach.NONE,
    confidence=Confidence.LOW,
    evidence=Evidence(
        old="void block_rq_complete(struct request *rq, int error, unsigned int nr_bytes)",
        new="void block_rq_complete(struct request *rq, blk_status_t error, unsigned int nr_bytes)",
    ),
)
FLAGS = Finding(
    kind=NeedKind.KFUNC,
    name="bpf_task_acquire",
    verdict=V.RISK,
    message="The kfunc may return NULL now: a use without a test is refused.",
    rules=("R-4.5",),
    confidence=Confidence.MEDIUM,
    evidence=Evidence(old="struct task_struct *bpf_task_acquire(struct task_struct *p)", new="", facts=()),
)
JIT = Finding(
    kind=NeedKind.JIT,
    name="kfunc calls",
    verdict=V.BREAKS,
    message="This kernel is built without CONFIG_BPF_JIT: no program can call a kfunc.",
    rules=("R-5.3",),
    cls="kfunc_no_jit",
    reach=Reach.PROGRAM,
    evidence=Evidence(facts=(("CONFIG_BPF_JIT", "y", "n"),)),
)
KPROBE = Finding(
    kind=NeedKind.HOOK,
    name="blk_account_io_done",
    verdict=V.UNKNOWN,
    message="The function is in neither BTF, and no symbols were given.",
    rules=("R-7.9",),
    confidence=Confidence.LOW,
)
OLD_TROUBLE = Finding(
    kind=NeedKind.HELPER,
    name="bpf_probe_read",
    verdict=V.ALREADY_BROKEN,
    message="The old kernel refuses this helper on this architecture as well.",
    rules=("R-6.2",),
    cls="helper_unknown_or_not_allowed",
)


def objects(arch: str) -> tuple[ObjectVerdict, ...]:
    """The objects of the small upgrade as one architecture sees them."""
    has_scx = arch in ("x86_64", "arm64")
    jitless = (JIT,) if arch == "s390x" else ()
    lookup = fine(NeedKind.HELPER, "bpf_map_lookup_elem")
    create = fine(NeedKind.KFUNC, "scx_bpf_create_dsq")
    dispatch = (DISPATCH,) if has_scx else jitless
    return (
        obj("ksnoop", "bpftool 7.7.0", program("on_entry", "kprobe", needs=(lookup,))),
        obj(
            "runqlen",
            "libbpf-tools 0.37.0",
            program("do_sample", "perf_event", FIELD, needs=(lookup,)),
        ),
        obj(
            "biolatency",
            "libbpf-tools 0.37.0",
            program("block_rq_complete", "raw_tp/block_rq_complete", ARGUMENT, needs=(lookup,)),
            program("blk_account", "kprobe/blk_account_io_done", KPROBE, unchecked=("no symbols of the new kernel",)),
            program("block_rq_insert", "raw_tp/block_rq_insert", needs=(lookup,)),
        ),
        obj(
            "scx_simple",
            "scx-schedulers 1.0",
            program("simple_enqueue", "struct_ops/simple_enqueue", *dispatch, needs=(use(DISPATCH), create)),
            program("simple_init", "struct_ops.s/simple_init", *jitless, needs=(create,)),
        ),
        obj("tasks", "own 1.0", program("acquire", "tp_btf/task_newtask", FLAGS, *jitless, needs=(lookup,))),
        obj("old_tool", "legacy 0.1", program("main", "kprobe/do_exit", OLD_TROUBLE)),
        obj(
            "XPPen__ACK05",
            "udev-hid-bpf 2.3.0",
            program("hid_events", "struct_ops/hid_device_event", WQ),
            program("probe", "syscall"),
        ),
    )


def analysis(arches: tuple[str, ...] = ARCHES) -> Analysis:
    """The small upgrade on several architectures; the last one is inferred."""
    results = []
    for arch in arches:
        old, new = kernel(arch, "6.12.107", 132), kernel(arch, "7.3.4", 319)
        listed = tuple(sorted(objects(arch), key=lambda o: o.object))
        results.append(ArchResult(arch, old, new, listed, inferred=arch == "riscv64"))
    problems = (
        Problem("broken.bpf.o", "Truncated: .BTF says 18,244 bytes of types, the file ends after 9,112.", 0x40),
        Problem("suricata_8.0.7.deb/lb.bpf", 'Section "loadbalancer" names no program type.'),
    )
    return Analysis("0.1.0", tuple(results), infos(results[0].objects), problems)


HOSTILE = (
    "<script>alert(1)</script>",
    "\"'`><img src=x onerror=alert(2)>",
    "line one\nline two\r\n::error::injected",
    "\u202egnp.exe\u200f\u2066rtl",
    "A" * 4096,
    '=HYPERLINK("http://x","y")',
    "+cmd|' /C calc'!A0",
    "@SUM(1)\t",
    "-2+3",
    "]]>&amp;&#0;\x00\x1b[31m",
    "]]></testcase>",
    "| a | b |\n| --- |",
    "[x](javascript:alert(3)) `` ``` ![](http://x)",
    "\ud800 lone",
    "{{ 7*7 }}{% raw %}",
    "--><!-- %0A::warning::",
    '\\" ] ; node [',
)


def hostile() -> Analysis:
    """The small upgrade with an evil string in every place that an input can name."""
    results = []
    listed_infos = []
    base = analysis(("x86_64",)).arches[0]
    listed = []
    for i, evil in enumerate(HOSTILE):
        finding = replace(
            DISPATCH,
            name=evil,
            message=evil,
            rules=(evil,) if i % 2 else DISPATCH.rules,
            cls=evil,
            evidence=Evidence(evil, evil, ((evil, evil, evil),)),
            sites=(Site(evil, i, evil, i, evil, True, evil),),
            remedy=Remedy(evil, evil),
        )
        made = program(f"{evil}{i}", evil, finding, prog_type=evil, unchecked=(evil,))
        whole = replace(obj(f"{evil}.{i}", evil, made, findings=(finding,)), reason=evil, unchecked=(evil,))
        listed.append(whole)
        listed_infos.append(ObjectInfo(whole.object, whole.sha256, 1, (Place(evil, evil, i),), 1, (evil,)))
    evil_kernel = replace(
        base.new, label=HOSTILE[0], release=HOSTILE[1], facts=tuple((e, e) for e in HOSTILE), faults=(DISPATCH,)
    )
    evil_kernel = replace(evil_kernel, inputs=tuple(Input(e, sha(e), 1) for e in HOSTILE))
    results.append(replace(base, arch="x86_64", old=evil_kernel, new=evil_kernel, objects=tuple(listed)))
    problems = tuple(Problem(e, e, 1) for e in HOSTILE)
    return Analysis("0.1.0", tuple(results), tuple(listed_infos), problems, whatif=HOSTILE)
