# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Synthetic analyses: one told by hand like a demo, and big ones for benchmarks. Nothing here comes from the engine."""

# ruff: noqa: E501 -- a table of sentences and declarations

from __future__ import annotations

import random
from dataclasses import replace

from kfuncscope.intake.files import Place, Problem
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
K = NeedKind
ARCHES = ("x86_64", "arm64", "ppc64le", "riscv64", "s390x")
_OLD_PROTO = "void scx_bpf_dispatch(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags);"
_NEW_PROTO = "void scx_bpf_dsq_insert(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags);"


def outcome(verdict: Verdict, cls: str = "") -> Outcome:
    """The new kernel's answer that goes with a verdict."""
    if verdict is V.BREAKS:
        return Outcome(Tri.NO, Tri.NO, Tri.NO, cls, cls.replace("_", " "))
    return Outcome(Tri.YES, Tri.YES, Tri.YES)


def finding(kind: NeedKind, name: str, verdict: Verdict, message: str, **more: object) -> Finding:
    """A finding with a call site and a rule unless given."""
    more.setdefault("rules", ("R-2.7", "R-0.1"))
    more.setdefault("sites", (Site("main", 21, "prog.bpf.c", 58, f"{name}(p, 1);", True),))
    if verdict is V.BREAKS:
        more.setdefault("reach", Reach.OBJECT if kind is K.KFUNC else Reach.PROGRAM)
        more.setdefault("cls", "kfunc_not_found" if kind is K.KFUNC else "attach_btf_not_found")
    return Finding(kind, name, verdict, message, **more)  # type: ignore[arg-type]


def program(
    name: str, section: str, ptype: str, findings: list[Finding], fine: list[tuple[NeedKind, str]]
) -> ProgramVerdict:
    """A program whose verdict is the worst of its findings; ``fine`` are needs that nothing happens to."""
    verdict = worst(f.verdict for f in findings)
    needs = [NeedUse(f.kind, f.name, f.verdict) for f in findings] + [NeedUse(k, n, V.OK) for k, n in fine]
    reach = max((f.reach for f in findings), key=list(Reach)[::-1].index, default=Reach.NONE)
    cls = next((f.cls for f in findings if f.verdict is verdict), "")
    unchecked = tuple(f.message for f in findings if f.verdict is V.UNKNOWN)
    return ProgramVerdict(
        name,
        section,
        ptype,
        True,
        verdict,
        reach,
        outcome(V.OK),
        outcome(verdict, cls),
        tuple(findings),
        tuple(needs),
        unchecked,
    )


def obj(name: str, package: str, programs: list[ProgramVerdict]) -> ObjectVerdict:
    """An object as bad as its worst program."""
    verdict = worst(p.verdict for p in programs)
    broken = sum(p.verdict is V.BREAKS for p in programs)
    reason = f"{broken} of {len(programs)} programs break" if broken else f"worst of {len(programs)} programs"
    return ObjectVerdict(name, package, f"{hash_of(name)}", verdict, reason, tuple(programs))


def hash_of(name: str) -> str:
    """A stand-in for a SHA-256, stable over runs."""
    import hashlib

    return hashlib.sha256(name.encode()).hexdigest()


def _demo_objects() -> list[ObjectVerdict]:
    gone = finding(
        K.KFUNC,
        "scx_bpf_dispatch",
        V.BREAKS,
        "The kfunc scx_bpf_dispatch is gone in 7.3. It is a strong extern, so libbpf refuses the whole object: all 3 programs.",
        evidence=Evidence(
            _OLD_PROTO,
            _NEW_PROTO,
            (("likely successor", "", "scx_bpf_dsq_insert (6.13)"), ("flags", "KF_RCU", "KF_RCU")),
        ),
        remedy=Remedy(
            "Declare the new name weak and take whichever the kernel has.",
            "extern void scx_bpf_dsq_insert(struct task_struct *p, u64 dsq_id,\n                               u64 slice, u64 enq_flags) "
            "__ksym __weak;\n\nif (bpf_ksym_exists(scx_bpf_dsq_insert))\n    scx_bpf_dsq_insert(p, dsq, slice, flags);\nelse\n    "
            "scx_bpf_dispatch(p, dsq, slice, flags);",
        ),
        sites=(
            Site(
                "simple_enqueue",
                21,
                "src/scx_simple.bpf.c",
                58,
                "scx_bpf_dispatch(p, SHARED_DSQ, SCX_SLICE_DFL, enq_flags);",
                True,
            ),
            Site(
                "simple_enqueue", 37, "src/scx_simple.bpf.c", 64, "scx_bpf_dispatch(p, SCX_DSQ_LOCAL, slice, 0);", True
            ),
        ),
    )
    consume = finding(
        K.KFUNC, "scx_bpf_consume", V.BREAKS, "The kfunc scx_bpf_consume is gone in 7.3; scx_bpf_dsq_move_to_local takes its place.",
        evidence=Evidence("bool scx_bpf_consume(u64 dsq_id);", "bool scx_bpf_dsq_move_to_local(u64 dsq_id, u64 enq_flags);"),
        remedy=Remedy("Use the new name.", "scx_bpf_dsq_move_to_local(SHARED_DSQ, 0);"),
    )  # fmt: skip
    hook = finding(
        K.HOOK, "xdp_redirect_map", V.BREAKS, "The tracepoint xdp_redirect_map was removed in 7.0: nothing to attach to.",
        rules=("R-2.5",), evidence=Evidence("void xdp_redirect_map(const struct net_device *dev, const struct bpf_prog *xdp, ...);", ""),
        sites=(), remedy=Remedy("Attach to xdp_redirect, which fires for maps as well since 7.0."),
    )  # fmt: skip
    hook2 = replace(
        hook, name="xdp_redirect_map_err", message="The tracepoint xdp_redirect_map_err was removed in 7.0."
    )
    field = finding(
        K.FIELD, "cfs_rq.nr_running", V.BREAKS, "struct cfs_rq has no member nr_running any more: it is called nr_queued since 6.14.",
        rules=("R-5.2", "R-5.9"), cls="core_relo_failed", reach=Reach.PROGRAM,
        evidence=Evidence(
            "struct cfs_rq {\n\tstruct load_weight load;\n\tunsigned int nr_running;\n\tunsigned int h_nr_running;\n};",
            "struct cfs_rq {\n\tstruct load_weight load;\n\tunsigned int nr_queued;\n\tunsigned int h_nr_queued;\n\tunsigned int h_nr_idle;\n};",
            (("offset of nr_running", "16", "absent"), ("size of cfs_rq", "384", "448")),
        ),
        remedy=Remedy("Ask with a flavour which name the kernel has.",
                      "struct cfs_rq___new {\n    unsigned int nr_queued;\n} __attribute__((preserve_access_index));\n\n"
                      "if (bpf_core_field_exists(struct cfs_rq___new, nr_queued))\n    n = BPF_CORE_READ((struct cfs_rq___new *)rq, nr_queued);"),
    )  # fmt: skip
    wq = finding(
        K.KFUNC, "bpf_wq_set_callback_impl", V.DEGRADES,
        "bpf_wq_set_callback_impl is still a function of 7.3 but is registered no more. The call is guarded, so the work queue is not used.",
        rules=("R-1.17", "R-2.9"), evidence=Evidence("int bpf_wq_set_callback_impl(struct bpf_wq *wq, ...);", ""),
        sites=(Site("hid_events", 88, "XPPen.bpf.c", 121, "bpf_wq_set_callback(wq, cb, 0);", True, "XPPen.bpf.c:118 bpf_ksym_exists"),),
    )  # fmt: skip
    page = finding(
        K.HOOK,
        "migrate_misplaced_page",
        V.DEGRADES,
        "The function is gone; the object tries migrate_misplaced_folio next.",
        sites=(),
    )
    silent = finding(
        K.ENUMVAL, "BPF_TCP_NEW_SYN_RECV", V.SILENT, "The value was 12 and is 13: a number compiled in compares with the wrong state.",
        rules=("R-5.11",), evidence=Evidence("enum { BPF_TCP_NEW_SYN_RECV = 12 };", "enum { BPF_TCP_NEW_SYN_RECV = 13 };"),
    )  # fmt: skip
    risk = finding(
        K.KFUNC, "bpf_dynptr_slice", V.RISK, "The argument buffer__opt became buffer__nullable; the verifier treats NULL differently.",
        rules=("R-3.9",), confidence=Confidence.MEDIUM,
        evidence=Evidence("void *bpf_dynptr_slice(const struct bpf_dynptr *p, u32 offset, void *buffer__opt, u32 buffer__szk);",
                          "void *bpf_dynptr_slice(const struct bpf_dynptr *p, u64 offset, void *buffer__nullable, u64 buffer__szk);"),
    )  # fmt: skip
    unknown = finding(
        K.HOOK, "tcp_v4_rcv", V.UNKNOWN, "The section “loadbalancer” names no program type.", rules=("R-2.2",), sites=()
    )
    h = K.HELPER
    ops = "struct_ops"
    return [
        obj("scx_simple", "scx-schedulers 1.0", [
            program("simple_enqueue", "struct_ops/enqueue", ops, [gone], [(K.KFUNC, "scx_bpf_create_dsq"), (h, "bpf_map_lookup_elem")]),
            program("simple_dispatch", "struct_ops/dispatch", ops, [consume], []),
            program("simple_init", "struct_ops.s/init", ops, [], [(K.KFUNC, "scx_bpf_create_dsq"), (K.STRUCT_OPS, "sched_ext_ops")]),
        ]),
        obj("xdp-monitor", "xdp-tools 1.5.4", [
            program("tp_xdp_redirect_map", "tp_btf/xdp_redirect_map", "tracing", [hook], [(h, "bpf_map_lookup_elem")]),
            program("tp_xdp_redirect_map_err", "tp_btf/xdp_redirect_map_err", "tracing", [hook2], [(h, "bpf_map_lookup_elem")]),
            program("tp_xdp_cpumap_enqueue", "tp_btf/xdp_cpumap_enqueue", "tracing", [], [(K.HOOK, "xdp_cpumap_enqueue"), (h, "bpf_map_lookup_elem")]),
        ]),
        obj("xdp-bench.2", "xdp-tools 1.5.4", [program("tp_redirect_map", "tp_btf/xdp_redirect_map", "tracing", [hook], [])]),
        obj("runqlen", "libbpf-tools 0.37.0", [program("do_sample", "perf_event", "perf_event", [field], [(h, "bpf_get_current_task")])]),
        obj("numamove", "libbpf-tools 0.37.0", [
            program("fentry_migrate_misplaced_page", "fentry/migrate_misplaced_page", "tracing", [page], []),
            program("fentry_migrate_misplaced_folio", "fentry/migrate_misplaced_folio", "tracing", [], [(K.HOOK, "migrate_misplaced_folio")]),
        ]),
        obj("XPPen__ACK05", "udev-hid-bpf 2.3.0", [
            program("hid_events", "struct_ops/hid_device_event", ops, [wq], [(K.KFUNC, "hid_bpf_get_data"), (h, "bpf_map_lookup_elem")]),
            program("probe", "syscall", "syscall", [], [(K.KFUNC, "hid_bpf_get_data")]),
        ]),
        obj("tcp_rtt", "bpftune 0.4.2", [program("sock_ops", "sockops", "sock_ops", [silent], [(h, "bpf_sock_hash_update")])]),
        obj("skb_parse", "cilium 1.19", [program("parse_headers", "tc", "sched_cls", [risk], [(h, "bpf_skb_load_bytes")])]),
        obj("lb", "suricata 8.0.7", [program("lb_main", "loadbalancer", "unspec", [unknown], [])]),
        *[
            obj(n, "systemd 262.1", [program(f"{n}_main", "cgroup_skb/egress", "cgroup_skb", [], [(h, "bpf_map_lookup_elem"), (h, "bpf_skb_load_bytes")])])
            for n in ("restrict_ifaces", "socket_bind", "userns_restrict")
        ],
    ]  # fmt: skip


def kernel(arch: str, release: str, kfuncs: int) -> KernelInfo:
    """A kernel as results name it."""
    facts = (("BTF", "5.0 MB"), ("config", "yes"), ("modules", "4,229"), ("kfuncs", f"{kfuncs}, from the binary"))
    return KernelInfo(f"Debian {release}", arch, release, kfuncs, facts)


def demo() -> Analysis:
    """Twelve objects on five architectures, every verdict present; s390x has no JIT, ppc64le and riscv64 lose less."""
    objects = _demo_objects()
    mild = [o for o in objects if o.object not in ("scx_simple", "xdp-monitor", "xdp-bench.2")]
    arches = []
    for i, arch in enumerate(ARCHES):
        use = tuple(objects if i < 2 else [o for o in mild if o.object != "runqlen"] if i < 4 else mild)
        arches.append(ArchResult(arch, kernel(arch, "6.12.107", 132), kernel(arch, "7.3.4", 319), use, inferred=i == 3))
    infos = tuple(
        ObjectInfo(o.object, o.sha256, 20_000, (Place(o.package, f"/usr/lib/bpf/{o.object}.bpf.o"),), len(o.programs))
        for o in objects
    )
    problems = (
        Problem(
            "suricata_8.0.7.deb › lb.bpf", "Section “loadbalancer” names no program type. Choose one to have it judged."
        ),
        Problem(
            "broken.bpf.o",
            "Truncated: .BTF says 18,244 bytes of types at offset 0x40, the file ends after 9,112.",
            0x40,
        ),
    )
    return Analysis("0.1.0", tuple(arches), infos, problems)


def big(
    objects: int = 300, arches: int = 5, programs: int = 4, needs: int = 600, per_program: int = 8, seed: int = 1
) -> Analysis:
    """A session of many objects: about one in ten programs is touched by the upgrade."""
    rng = random.Random(seed)
    kinds = (K.KFUNC, K.HELPER, K.HOOK, K.FIELD, K.KFUNC, K.KSYM)
    pool = [
        (kinds[i % len(kinds)], f"{('bpf', 'scx', 'hid', 'tcp')[i % 4]}_{kinds[i % len(kinds)].value}_{i:04d}")
        for i in range(needs)
    ]
    fate = {
        n: rng.choices((V.OK, V.BREAKS, V.SILENT, V.RISK, V.DEGRADES, V.UNKNOWN), (95, 1, 0.6, 1, 1.4, 1))[0]
        for n in pool
    }
    made: list[ArchResult] = []
    shapes = [[rng.sample(pool, k=min(per_program, needs)) for _ in range(programs)] for _ in range(objects)]
    for arch in (ARCHES + tuple(f"arch{i}" for i in range(20)))[:arches]:
        here = {n: (v if rng.random() < 0.8 else V.OK) for n, v in fate.items()}
        objs = []
        for o, progs in enumerate(shapes):
            built = []
            for p, uses in enumerate(progs):
                found = [
                    finding(k, n, here[k, n], f"{n} {here[k, n].value.lower()} on {arch}")
                    for k, n in uses
                    if here[k, n] is not V.OK
                ]
                fine = [u for u in uses if here[u] is V.OK]
                built.append(
                    program(
                        f"prog_{o:03d}_{p}",
                        ("tc", "xdp", "fentry/f", "kprobe/k")[p % 4],
                        ("sched_cls", "xdp", "tracing", "kprobe")[p % 4],
                        found,
                        fine,
                    )
                )
            objs.append(obj(f"object_{o:03d}", f"package-{o // 20} 1.{o % 7}", built))
        made.append(ArchResult(arch, kernel(arch, "6.12.107", 132), kernel(arch, "7.3.4", 319), tuple(objs)))
    infos = tuple(
        ObjectInfo(f"object_{o:03d}", hash_of(str(o)), 9000, (Place(f"package-{o // 20}", "/x"),), programs)
        for o in range(objects)
    )
    return Analysis("0.1.0", tuple(made), infos)


def graph_of(nodes: int = 3000, edges: int = 20_000) -> Analysis:
    """One architecture with about that many nodes and edges in the graph."""
    objects = nodes // 10
    programs = nodes // 2
    needs = nodes - objects - programs
    per = programs // objects
    return big(objects, 1, per, needs, max(1, edges // programs))


def many_findings(count: int = 100_000) -> Analysis:
    """One architecture with that many findings, for the table."""
    rng = random.Random(2)
    verdicts = (V.BREAKS, V.SILENT, V.RISK, V.DEGRADES, V.UNKNOWN)
    base = [
        finding(K.KFUNC, f"bpf_kfunc_{i}", rng.choice(verdicts), f"bpf_kfunc_{i} changed somehow") for i in range(2000)
    ]
    objs = []
    for o in range(count // 400):
        progs = []
        for p in range(4):
            found = [base[(o * 31 + p * 7 + i * 13) % 2000] for i in range(100)]
            progs.append(program(f"prog_{o}_{p}", "xdp", "xdp", found, []))
        objs.append(obj(f"object_{o:04d}", f"package-{o // 20}", progs))
    return Analysis(
        "0.1.0", (ArchResult("x86_64", kernel("x86_64", "6.12", 1), kernel("x86_64", "7.3", 2), tuple(objs)),), ()
    )
