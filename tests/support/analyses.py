# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Synthetic analyses: one told by hand like a demo, and big ones for benchmarks. Nothing here comes from the engine."""

# ruff: noqa: E501 -- a table of sentences and declarations

from __future__ import annotations

import random
from dataclasses import replace

from kfuncscope.model.analysis import Analysis, ArchResult
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
from kfuncscope.storage.files import Problem
from support.handmade import ARCHES, DISPATCH, FIELD, WQ, fine, infos, kernel, obj, program

V = Verdict
K = NeedKind
JUDGED = tuple(arch for arch in ARCHES if arch != "riscv64")
"""The architectures of the demo that have kernels of their own; riscv64 is inferred."""


def finding(kind: NeedKind, name: str, verdict: Verdict, message: str, **more: object) -> Finding:
    """A finding with a call site and a rule unless given."""
    more.setdefault("rules", ("R-2.7", "R-0.1"))
    more.setdefault("sites", (Site("main", 21, "prog.bpf.c", 58, f"{name}(p, 1);", True),))
    if verdict is V.BREAKS:
        more.setdefault("reach", Reach.OBJECT if kind is K.KFUNC else Reach.PROGRAM)
        more.setdefault("cls", "kfunc_not_found" if kind is K.KFUNC else "attach_btf_not_found")
    return Finding(kind, name, verdict, message, **more)  # type: ignore[arg-type]


def _demo_objects() -> list[ObjectVerdict]:
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
        obj("scx_simple", "scx-schedulers 1.0",
            program("simple_enqueue", "struct_ops/enqueue", DISPATCH, prog_type=ops, needs=[fine(K.KFUNC, "scx_bpf_create_dsq"), fine(h, "bpf_map_lookup_elem")]),
            program("simple_dispatch", "struct_ops/dispatch", consume, prog_type=ops),
            program("simple_init", "struct_ops.s/init", prog_type=ops, needs=[fine(K.KFUNC, "scx_bpf_create_dsq"), fine(K.STRUCT_OPS, "sched_ext_ops")]),
        ),
        obj("xdp-monitor", "xdp-tools 1.5.4",
            program("tp_xdp_redirect_map", "tp_btf/xdp_redirect_map", hook, prog_type="tracing", needs=[fine(h, "bpf_map_lookup_elem")]),
            program("tp_xdp_redirect_map_err", "tp_btf/xdp_redirect_map_err", hook2, prog_type="tracing", needs=[fine(h, "bpf_map_lookup_elem")]),
            program("tp_xdp_cpumap_enqueue", "tp_btf/xdp_cpumap_enqueue", prog_type="tracing", needs=[fine(K.HOOK, "xdp_cpumap_enqueue"), fine(h, "bpf_map_lookup_elem")]),
        ),
        obj("xdp-bench.2", "xdp-tools 1.5.4", program("tp_redirect_map", "tp_btf/xdp_redirect_map", hook, prog_type="tracing")),
        obj("runqlen", "libbpf-tools 0.37.0", program("do_sample", "perf_event", FIELD, prog_type="perf_event", needs=[fine(h, "bpf_get_current_task")])),
        obj("numamove", "libbpf-tools 0.37.0",
            program("fentry_migrate_misplaced_page", "fentry/migrate_misplaced_page", page, prog_type="tracing"),
            program("fentry_migrate_misplaced_folio", "fentry/migrate_misplaced_folio", prog_type="tracing", needs=[fine(K.HOOK, "migrate_misplaced_folio")]),
        ),
        obj("XPPen__ACK05", "udev-hid-bpf 2.3.0",
            program("hid_events", "struct_ops/hid_device_event", WQ, prog_type=ops, needs=[fine(K.KFUNC, "hid_bpf_get_data"), fine(h, "bpf_map_lookup_elem")]),
            program("probe", "syscall", prog_type="syscall", needs=[fine(K.KFUNC, "hid_bpf_get_data")]),
        ),
        obj("tcp_rtt", "bpftune 0.4.2", program("sock_ops", "sockops", silent, prog_type="sock_ops", needs=[fine(h, "bpf_sock_hash_update")])),
        obj("skb_parse", "cilium 1.19", program("parse_headers", "tc", risk, prog_type="sched_cls", needs=[fine(h, "bpf_skb_load_bytes")])),
        obj("lb", "suricata 8.0.7", program("lb_main", "loadbalancer", unknown, prog_type="unspec")),
        *[
            obj(n, "systemd 262.1", program(f"{n}_main", "cgroup_skb/egress", prog_type="cgroup_skb", needs=[fine(h, "bpf_map_lookup_elem"), fine(h, "bpf_skb_load_bytes")]))
            for n in ("restrict_ifaces", "socket_bind", "userns_restrict")
        ],
    ]  # fmt: skip


def demo() -> Analysis:
    """Twelve objects on five architectures, every verdict present; s390x has no JIT, ppc64le and riscv64 lose less."""
    objects = _demo_objects()
    mild = [o for o in objects if o.object not in ("scx_simple", "xdp-monitor", "xdp-bench.2")]
    arches = []
    for i, arch in enumerate(ARCHES):
        here = tuple(objects if i < 2 else [o for o in mild if o.object != "runqlen"] if i < 4 else mild)
        old, new = kernel(arch, "6.12.107", 132), kernel(arch, "7.3.4", 319)
        arches.append(ArchResult(arch, old, new, here, inferred=arch not in JUDGED))
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
    return Analysis("0.1.0", tuple(arches), infos(objects), problems)


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
                built.append(
                    program(
                        f"prog_{o:03d}_{p}",
                        ("tc", "xdp", "fentry/f", "kprobe/k")[p % 4],
                        *found,
                        prog_type=("sched_cls", "xdp", "tracing", "kprobe")[p % 4],
                        needs=[fine(*used) for used in uses if here[used] is V.OK],
                    )
                )
            objs.append(obj(f"object_{o:03d}", f"package-{o // 20} 1.{o % 7}", *built))
        made.append(ArchResult(arch, kernel(arch, "6.12.107", 132), kernel(arch, "7.3.4", 319), tuple(objs)))
    return Analysis("0.1.0", tuple(made), infos(made[0].objects))


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
            progs.append(program(f"prog_{o}_{p}", "xdp", *found))
        objs.append(obj(f"object_{o:04d}", f"package-{o // 20}", *progs))
    return Analysis(
        "0.1.0", (ArchResult("x86_64", kernel("x86_64", "6.12", 1), kernel("x86_64", "7.3", 2), tuple(objs)),), ()
    )
