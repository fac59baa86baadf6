# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Analyses made by hand for the tests of reports and policies: a small upgrade that has one of everything."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from kfuncscope.intake.files import Input, Place, Problem
from kfuncscope.rules.verdict import (
    Confidence,
    Evidence,
    Finding,
    NeedKind,
    NeedUse,
    ObjectVerdict,
    Outcome,
    ProgramVerdict,
    Reach,
    Remedy,
    Site,
    Tri,
    Verdict,
    worst,
)
from kfuncscope.upgrade.analysis import Analysis, ArchResult, KernelInfo, ObjectInfo

V = Verdict
ARCHES = ("x86_64", "arm64", "ppc64le", "riscv64", "s390x")


def sha(text: str) -> str:
    """A SHA-256 that belongs to a name."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


DISPATCH = Finding(
    kind=NeedKind.KFUNC,
    name="scx_bpf_dispatch",
    verdict=V.BREAKS,
    message="The kfunc scx_bpf_dispatch is gone. It is a strong extern, so libbpf refuses the whole object.",
    rules=("R-2.8", "R-0.1"),
    cls="kfunc_not_found",
    reach=Reach.OBJECT,
    evidence=Evidence(
        old="void scx_bpf_dispatch(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags);",
        new="",
        facts=(("KF flags", "KF_RCU", ""), ("in .BTF_ids", "yes", "no")),
    ),
    sites=(Site("simple_enqueue", 21, "scx_simple.bpf.c", 58, "scx_bpf_dispatch(p, SHARED_DSQ, slice, flags);", True),),
    remedy=Remedy(
        "Call scx_bpf_dsq_insert where the kernel has it; the prototype is the same.",
        "extern void scx_bpf_dsq_insert(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags) __ksym __weak;\n"
        "if (bpf_ksym_exists(scx_bpf_dsq_insert))\n\tscx_bpf_dsq_insert(p, dsq_id, slice, enq_flags);",
    ),
)
FIELD = Finding(
    kind=NeedKind.FIELD,
    name="cfs_rq.nr_running",
    verdict=V.BREAKS,
    message="struct cfs_rq has no member nr_running any more; the read is reached, so the verifier refuses it.",
    rules=("R-3.1", "R-0.4"),
    cls="core_relo",
    reach=Reach.PROGRAM,
    confidence=Confidence.MEDIUM,
    evidence=Evidence(old="unsigned int nr_running;", new="", facts=(("offset", "16", ""), ("size", "4", ""))),
    sites=(
        Site("do_sample", 9, "runqlen.bpf.c", 31, "nr = BPF_CORE_READ(cfs, nr_running);", True),
        Site("do_sample", 40, "runqlen.bpf.c", 35, "", False, "runqlen.bpf.c:34 bpf_core_field_exists(...)"),
    ),
    remedy=Remedy("Read nr_queued where nr_running is absent.", "struct cfs_rq___new { unsigned int nr_queued; };"),
)
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
WQ = Finding(
    kind=NeedKind.KFUNC,
    name="bpf_wq_set_callback_impl",
    verdict=V.DEGRADES,
    message="The weak kfunc is not registered any more; its only call is guarded, the program takes the other branch.",
    rules=("R-11.9",),
    cls="kfunc_not_found",
    sites=(Site("hid_events", 12, "XPPen__ACK05.bpf.c", 99, "bpf_wq_set_callback(...)", False, "bpf_ksym_exists"),),
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


def program(
    name: str, section: str, *findings: Finding, needs: tuple[NeedUse, ...] = (), unchecked: tuple[str, ...] = ()
) -> ProgramVerdict:
    """A program whose verdict is the worst of its findings."""
    verdict = worst(f.verdict for f in findings)
    broken = verdict is V.BREAKS
    new = Outcome(
        loads=Tri.NO if broken else Tri.UNKNOWN if verdict is V.UNKNOWN else Tri.YES,
        attaches=Tri.NO if broken else Tri.UNKNOWN,
        object_loads=Tri.NO if broken else Tri.YES,
        cls=findings[0].cls if broken else "",
        reason=findings[0].message if broken else "",
    )
    return ProgramVerdict(
        program=name,
        section=section,
        prog_type=section.split("/")[0],
        autoload=True,
        verdict=verdict,
        reach=findings[0].reach if broken else Reach.NONE,
        old=Outcome(Tri.YES, Tri.UNKNOWN, Tri.YES),
        new=new,
        findings=findings,
        needs=needs,
        unchecked=unchecked,
    )


def fine(kind: NeedKind, name: str) -> NeedUse:
    """A need that the upgrade leaves alone."""
    return NeedUse(kind, name, V.OK)


def use(finding: Finding) -> NeedUse:
    """The need that a finding is about."""
    return NeedUse(finding.kind, finding.name, finding.verdict)


def obj(name: str, package: str, *programs: ProgramVerdict, findings: tuple[Finding, ...] = ()) -> ObjectVerdict:
    """An object whose verdict is the worst of its parts."""
    verdict = worst([*(p.verdict for p in programs), *(f.verdict for f in findings)])
    worst_programs = sum(p.verdict is verdict for p in programs)
    reason = f"{worst_programs} of {len(programs)} programs: {verdict.value}"
    return ObjectVerdict(name, package, sha(name), verdict, reason, programs, findings)


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
            program("do_sample", "perf_event", FIELD, needs=(use(FIELD), lookup)),
        ),
        obj(
            "biolatency",
            "libbpf-tools 0.37.0",
            program("block_rq_complete", "raw_tp/block_rq_complete", ARGUMENT, needs=(use(ARGUMENT), lookup)),
            program("blk_account", "kprobe/blk_account_io_done", KPROBE, unchecked=("no symbols of the new kernel",)),
            program("block_rq_insert", "raw_tp/block_rq_insert", needs=(lookup,)),
        ),
        obj(
            "scx_simple",
            "scx-schedulers 1.0",
            program("simple_enqueue", "struct_ops/simple_enqueue", *dispatch, needs=(use(DISPATCH), create)),
            program("simple_init", "struct_ops.s/simple_init", *jitless, needs=(create,)),
        ),
        obj("tasks", "own 1.0", program("acquire", "tp_btf/task_newtask", FLAGS, *jitless, needs=(use(FLAGS), lookup))),
        obj("old_tool", "legacy 0.1", program("main", "kprobe/do_exit", OLD_TROUBLE, needs=(use(OLD_TROUBLE),))),
        obj(
            "XPPen__ACK05",
            "udev-hid-bpf 2.3.0",
            program("hid_events", "struct_ops/hid_device_event", WQ, needs=(use(WQ),)),
            program("probe", "syscall"),
        ),
    )


def kernel(arch: str, release: str, kfuncs: int) -> KernelInfo:
    """A kernel as results name it."""
    path = f"linux-image-{release}-{arch}.deb"
    facts = (("BTF", "5.5 MB"), ("config", "given"), ("kfuncs", f"{kfuncs}, from .BTF_ids"))
    return KernelInfo(f"Debian {release}", arch, release, kfuncs, facts, (Input(path, sha(path), 104_857_600),))


def analysis(arches: tuple[str, ...] = ARCHES) -> Analysis:
    """The small upgrade on several architectures; the last one is inferred."""
    results = []
    for arch in arches:
        old, new = kernel(arch, "6.12.107", 132), kernel(arch, "7.3.4", 319)
        listed = tuple(sorted(objects(arch), key=lambda o: o.object))
        results.append(ArchResult(arch, old, new, listed, inferred=arch == "riscv64"))
    infos = tuple(
        ObjectInfo(o.object, o.sha256, 4096, (Place(o.package, f"usr/lib/bpf/{o.object}.bpf.o"),), len(o.programs))
        for o in results[0].objects
    )
    problems = (
        Problem("broken.bpf.o", "Truncated: .BTF says 18,244 bytes of types, the file ends after 9,112.", 0x40),
        Problem("suricata_8.0.7.deb/lb.bpf", 'Section "loadbalancer" names no program type.'),
    )
    return Analysis("0.1.0", tuple(results), infos, problems)


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
    infos = []
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
        made = replace(program(f"{evil}{i}", evil, finding, needs=(use(finding),), unchecked=(evil,)), prog_type=evil)
        whole = replace(obj(f"{evil}.{i}", evil, made, findings=(finding,)), reason=evil, unchecked=(evil,))
        listed.append(whole)
        infos.append(ObjectInfo(whole.object, whole.sha256, 1, (Place(evil, evil, i),), 1, (evil,)))
    evil_kernel = replace(
        base.new, label=HOSTILE[0], release=HOSTILE[1], facts=tuple((e, e) for e in HOSTILE), faults=(DISPATCH,)
    )
    evil_kernel = replace(evil_kernel, inputs=tuple(Input(e, sha(e), 1) for e in HOSTILE))
    results.append(replace(base, arch="x86_64", old=evil_kernel, new=evil_kernel, objects=tuple(listed)))
    problems = tuple(Problem(e, e, 1) for e in HOSTILE)
    return Analysis("0.1.0", tuple(results), tuple(infos), problems, whatif=HOSTILE)
