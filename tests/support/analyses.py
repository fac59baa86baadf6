# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Analyses for the window: one of a small upgrade that the engine judged, and big ones made of its findings."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

from kfuncscope import __version__
from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.model.verdict import Finding, NeedKind, Verdict
from support import upgrade
from support.handmade import ARCHES, fine, infos, kernel, obj, program

V = Verdict
K = NeedKind
JUDGED = tuple(arch for arch in ARCHES if arch != "riscv64")
"""The architectures of the demo that have kernels of their own; riscv64 is inferred."""


# Objects of the demo: on every architecture, on all but the last, and on the first two.
SYSTEMD = ("restrict_ifaces", "socket_bind", "userns_restrict")
EVERYWHERE = ("numamove", "XPPen__ACK05", "tcp_rtt", "skb_parse", "lb", *SYSTEMD)
LESS = ("scx_simple", "xdp-monitor", "xdp-bench.2", "runqlen")


@cache
def demo() -> Analysis:
    """Twelve objects on five architectures, every verdict that hurts present; what breaks most is on the first two."""
    names = sorted((*EVERYWHERE, *LESS), key=list(upgrade.OBJECTS).index)
    arches = []
    for i, arch in enumerate(ARCHES):
        here = tuple(upgrade.judged(n, arch) for n in names if i < 2 or n in EVERYWHERE)
        arches.append(ArchResult(arch, kernel(arch, False), kernel(arch, True), here, inferred=i == 3))
    listed = tuple(upgrade.object_info(n, ARCHES) for n in names)
    return Analysis(__version__, tuple(arches), listed, (upgrade.damaged(),))


@cache
def _said(verdict: Verdict) -> Finding:
    """A finding of the engine with a verdict."""
    return upgrade.finding(*_EXAMPLES[verdict])


_EXAMPLES = {
    V.BREAKS: ("scx_simple",), V.SILENT: ("tcp_rtt",), V.RISK: ("skb_parse",), V.DEGRADES: ("XPPen__ACK05",),
    V.UNKNOWN: ("lb",),
}  # fmt: skip


def finding(kind: NeedKind, name: str, verdict: Verdict) -> Finding:
    """A finding of the engine, about something else."""
    like = _said(verdict)
    return replace(like, kind=kind, name=name, message=like.message.replace(like.name, name))


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
                found = [finding(k, n, here[k, n]) for k, n in uses if here[k, n] is not V.OK]
                built.append(
                    program(
                        f"prog_{o:03d}_{p}",
                        ("tc", "xdp", "fentry/f", "kprobe/k")[p % 4],
                        *found,
                        prog_type=("SCHED_CLS", "XDP", "TRACING", "KPROBE")[p % 4],
                        needs=[fine(*used) for used in uses if here[used] is V.OK],
                    )
                )
            objs.append(obj(f"object_{o:03d}", f"package-{o // 20} 1.{o % 7}", *built))
        made.append(ArchResult(arch, kernel(arch, False), kernel(arch, True), tuple(objs)))
    return Analysis(__version__, tuple(made), infos(made[0].objects))


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
    base = [finding(K.KFUNC, f"bpf_kfunc_{i}", rng.choice(verdicts)) for i in range(2000)]
    objs = []
    for o in range(count // 400):
        progs = []
        for p in range(4):
            found = [base[(o * 31 + p * 7 + i * 13) % 2000] for i in range(100)]
            progs.append(program(f"prog_{o}_{p}", "xdp", *found))
        objs.append(obj(f"object_{o:04d}", f"package-{o // 20}", *progs))
    return Analysis(
        __version__, (ArchResult("x86_64", kernel("x86_64", False), kernel("x86_64", True), tuple(objs)),), ()
    )
