# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The graph: who needs what, and what the upgrade does to each edge."""

from __future__ import annotations

from dataclasses import replace

from kfuncscope.model.verdict import SEVERITY, NeedKind, Verdict
from kfuncscope.study import graph
from support import reportcases as cases


def test_nodes_and_edges_of_one_architecture() -> None:
    made = graph.build(cases.analysis(), "x86_64")
    program = graph.program_node("scx_simple", "simple_enqueue")
    need = graph.need_node(NeedKind.KFUNC, "scx_bpf_dispatch")
    assert made.has_edge(graph.object_node("scx_simple"), program)
    edge = made.edges[program, need]
    assert edge["verdict"] is Verdict.BREAKS
    assert edge["findings"] == ((cases.DISPATCH.rules, cases.DISPATCH.message),)
    assert made.nodes[need]["verdict"] is Verdict.BREAKS
    assert made.nodes[program]["section"] == "struct_ops/simple_enqueue"
    assert made.nodes[graph.object_node("runqlen")]["detail"] == "libbpf-tools 0.37.0"
    lookup = graph.need_node(NeedKind.HELPER, "bpf_map_lookup_elem")
    assert made.nodes[lookup]["verdict"] is Verdict.OK and made.in_degree(lookup) >= 4


def test_every_program_and_every_finding_is_in_the_graph() -> None:
    analysis = cases.analysis()
    for result in analysis.arches:
        made = graph.build(analysis, result.arch)
        programs = [(o, p) for o in result.objects for p in o.programs]
        assert sum(n[0] == "program" for n in made) == len(programs)
        for obj, program in programs:
            for finding in program.findings:
                edge = (graph.program_node(obj.object, program.program), graph.need_node(finding.kind, finding.name))
                assert (finding.rules, finding.message) in made.edges[edge]["findings"]


def test_findings_of_the_object_hang_on_the_object() -> None:
    analysis = cases.analysis(("x86_64",))
    obj = cases.obj("o", "p", cases.program("x", "kprobe/x"), findings=(cases.DISPATCH, cases.DISPATCH))
    made = graph.build(replace(analysis, arches=(replace(analysis.arches[0], objects=(obj,)),)), "x86_64")
    edge = made.edges[graph.object_node("o"), graph.need_node(NeedKind.KFUNC, "scx_bpf_dispatch")]
    assert len(edge["findings"]) == 2


def test_affected_part_leaves_out_what_is_fine() -> None:
    part = graph.affected(graph.build(cases.analysis(), "x86_64"))
    assert graph.object_node("ksnoop") not in part
    assert graph.need_node(NeedKind.HELPER, "bpf_map_lookup_elem") not in part
    assert graph.object_node("scx_simple") in part
    assert graph.object_node("old_tool") not in part, "it was broken before"
    assert all(SEVERITY[v] for _, _, v in part.edges(data="verdict"))


def test_unknown_architecture_is_an_empty_graph() -> None:
    assert len(graph.build(cases.analysis(), "m68k")) == 0
