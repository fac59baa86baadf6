# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The graph of one architecture: object → program → what it needs, each edge with what the upgrade does to it.

Programs that call each other through a map of programs are joined by edges of their own, from caller to callee.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kfuncscope.model.analysis import Analysis
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import (
    SEVERITY,
    Finding,
    NeedKind,
    ObjectVerdict,
    ProgramVerdict,
    Verdict,
    call_verdict,
    worst,
)

if TYPE_CHECKING:
    import networkx as nx

    Graph = nx.DiGraph[tuple[str, ...]]

Node = tuple[str, ...]

CONTAINS, NEEDS, TAIL_CALL = "contains", "needs", "tail call"  # kinds of edges


def object_node(name: str) -> Node:
    """The node of an object."""
    return ("object", name)


def program_node(object_: str, name: str) -> Node:
    """The node of a program."""
    return ("program", object_, name)


def need_node(kind: NeedKind, name: str) -> Node:
    """The node of a need; programs of several objects share it."""
    return ("need", kind.value, name)


def build(analysis: Analysis, arch: str) -> Graph:
    """The graph of one architecture; empty where the analysis has nothing on it.

    Nodes carry ``kind`` (object, program, or a NeedKind's word), ``label``, ``detail``, ``verdict`` and, for programs,
    ``reach`` and ``section``. Edges carry ``kind`` (contains, needs, tail call), ``label`` (the maps of a tail call),
    ``verdict`` and ``findings``, a tuple of (rule ids, message).
    """
    import networkx as nx

    graph: Graph = nx.DiGraph(arch=arch)
    for result in analysis.arches:
        if result.arch == arch:
            for obj in result.objects:
                _add_object(graph, obj)
    for node, data in graph.nodes(data=True):
        if node[0] == "need":
            data["verdict"] = worst(graph.edges[edge]["verdict"] for edge in graph.in_edges(node))
    return graph


def _add_object(graph: Graph, obj: ObjectVerdict) -> None:
    node = object_node(obj.object)
    graph.add_node(node, kind="object", label=obj.object, detail=obj.package, verdict=obj.verdict, reason=obj.reason)
    for finding in obj.findings:
        _add_need(graph, node, finding.kind, finding.name, finding.verdict, (finding,))
    for program in obj.programs:
        _add_program(graph, node, obj.object, program)
    known = {program.program: program for program in obj.programs}
    for program in obj.programs:
        for call in program.calls:
            if call.program in known:
                _add_call(graph, obj.object, program, known[call.program], call.map)


def _add_call(graph: Graph, object_: str, caller: ProgramVerdict, callee: ProgramVerdict, map_: str) -> None:
    ends = (program_node(object_, caller.program), program_node(object_, callee.program))
    if graph.has_edge(*ends):
        graph.edges[ends]["label"] += f", {map_}"
        return
    said = tuple((f.rules, f.message) for f in caller.findings if f.failure is Failure.PROG_ARRAY_OWNER)
    graph.add_edge(*ends, kind=TAIL_CALL, label=map_, verdict=call_verdict(caller, callee), findings=said)


def _add_program(graph: Graph, parent: Node, object_: str, program: ProgramVerdict) -> None:
    node = program_node(object_, program.program)
    graph.add_node(
        node,
        kind="program",
        label=program.program,
        detail=program.section,
        section=program.section,
        verdict=program.verdict,
        reach=program.reach,
        autoload=program.autoload,
    )
    graph.add_edge(parent, node, kind=CONTAINS, label="", verdict=program.verdict, findings=())
    found: dict[tuple[NeedKind, str], list[Finding]] = defaultdict(list)
    for finding in program.findings:
        found[finding.kind, finding.name].append(finding)
    for need in program.needs:
        own = found.pop((need.kind, need.name), [])
        verdict = worst([need.verdict, *(f.verdict for f in own)])
        _add_need(graph, node, need.kind, need.name, verdict, own)
    for (kind, name), rest in found.items():
        _add_need(graph, node, kind, name, worst(f.verdict for f in rest), rest)


def _add_need(
    graph: Graph, user: Node, kind: NeedKind, name: str, verdict: Verdict, findings: Iterable[Finding]
) -> None:
    node = need_node(kind, name)
    said = tuple((f.rules, f.message) for f in findings)
    if graph.has_edge(user, node):
        edge: dict[str, Any] = graph.edges[user, node]
        edge["verdict"] = worst([edge["verdict"], verdict])
        edge["findings"] += said
        return
    graph.add_node(node, kind=kind.value, label=name, detail=kind.value, verdict=Verdict.OK)
    graph.add_edge(user, node, kind=NEEDS, label="", verdict=verdict, findings=said)


def affected(graph: Graph) -> Graph:
    """The part of a graph that the upgrade hurts or leaves in doubt: what is on the scale, and the edges between.

    What works as before, works again, or was broken before is left out.
    """
    keep = {node for node in graph if SEVERITY[graph.nodes[node]["verdict"]]}
    for _ in range(2):  # programs that call one of these, then the objects of all
        keep |= {parent for node in list(keep) if node[0] == "program" for parent in graph.predecessors(node)}
    part = graph.subgraph(keep).copy()
    fine = [edge for edge in part.edges if not SEVERITY[part.edges[edge]["verdict"]]]
    part.remove_edges_from(fine)
    return part
