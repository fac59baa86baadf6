# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tail calls as edges from caller to callee, in the graph and in everything that draws or writes it (R-12.1)."""

from __future__ import annotations

import warnings
from dataclasses import replace

import networkx as nx
import pydot
import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.gui.graph import scene as scenes
from kfuncscope.gui.index import CODE, Index
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import ObjectVerdict, TailCall, Verdict
from kfuncscope.report.formats.graphtext import dot, graphml
from kfuncscope.report.formats.svg import draw
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.checks.tail_calls import tail_calls
from kfuncscope.rules.judge import judge
from kfuncscope.study import graph
from kfuncscope.upgrade.jsonform import dumps, loads
from support import reportcases as cases
from support.bpfwriter import ObjectBuilder, call, exit_, kfunc, ld_sym, mov, subprog
from support.kernels import KernelBuilder

TAIL_CALL, UPDATE = 12, 2
END = [mov(0, 0), exit_()]
JUMP = [ld_sym(2, "jumps"), mov(3, 0), call(TAIL_CALL), *END]


def chained() -> ObjectBuilder:
    """``entry`` calls ``good`` and ``lost`` by a map, ``lost`` calls itself; ``lost`` needs a kfunc that goes."""
    ob = ObjectBuilder()
    ob.prog_array("jumps", {0: "good", 1: "lost"}, max_entries=4)
    ob.extern_func("bpf_gone", ob.btf.proto(ob.s32, []), weak=True)
    ob.program("tc", "entry", JUMP).program("tc", "good", END)
    return ob.program("tc", "lost", [kfunc("bpf_gone"), *JUMP])


def verdict() -> ObjectVerdict:
    old, new = KernelBuilder("6.12"), KernelBuilder("7.3")
    old.btf.kfunc("bpf_gone", old.s32, [])
    for kb in (old, new):
        kb.btf.kfunc("bpf_stays", kb.s32, [])
    obj = read_object(chained().build(), "tool/jumps.bpf.o")
    return compare(judge(obj, old.kernel()), judge(obj, new.kernel()), "tool 1", "0" * 64)


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    whole = cases.analysis(("x86_64",))
    return replace(whole, arches=(replace(whole.arches[0], objects=(verdict(),)),), objects=())


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (JUMP, ["good"]),
        ([subprog("inner"), *END], ["good"]),
        ([ld_sym(1, "jumps"), call(UPDATE), *END], []),
        ([mov(3, 0), call(TAIL_CALL), *END], []),
        ([ld_sym(2, "others"), call(TAIL_CALL), *END], []),
    ],
)
def test_who_calls_whom(code: list[object], found: list[str]) -> None:
    """Callers are functions with bpf_tail_call() that load a prog array; callees the programs in its slots."""
    ob = ObjectBuilder()
    ob.prog_array("jumps", {0: "good", 3: "good"}, max_entries=4)
    ob.map("others", type=3, key_size=4, value_size=4, max_entries=2)
    ob.program("tc", "entry", code).program("tc", "good", END)
    ob.subprogram("inner", JUMP)
    obj = read_object(ob.build(), "x")
    calls = {p.name: tail_calls(obj, p) for p in obj.programs}
    assert [c.program for c in calls["entry"]] == found and calls["good"] == ()


def test_the_verdict_of_a_call_is_that_of_its_target(analysis: Analysis) -> None:
    (obj,) = analysis.arches[0].objects
    by_name = {p.program: p for p in obj.programs}
    assert by_name["entry"].calls == (TailCall("good", "jumps"), TailCall("lost", "jumps"))
    assert by_name["lost"].verdict is Verdict.BREAKS and by_name["entry"].verdict is Verdict.OK
    made = graph.build(analysis, "x86_64")
    nodes = {name: graph.program_node(obj.object, name) for name in by_name}
    calls = {(a, b): d for a, b, d in made.edges(data=True) if d["kind"] == graph.TAIL_CALL}
    assert set(calls) == {(nodes[a], nodes[b]) for a in ("entry", "lost") for b in ("good", "lost")}
    assert {d["label"] for d in calls.values()} == {"jumps"}
    assert calls[nodes["entry"], nodes["good"]]["verdict"] is Verdict.OK
    assert calls[nodes["entry"], nodes["lost"]]["verdict"] is Verdict.BREAKS
    part = graph.affected(made)
    assert nodes["entry"] in part and nodes["good"] not in part, "a caller of what breaks is affected"


def test_a_map_that_cannot_hold_both_marks_the_call() -> None:
    """What the kernel says of the owner of the map stands on the edge."""
    ob = ObjectBuilder()
    ob.prog_array("jumps", {0: "other"}, max_entries=4)
    ob.program("tc", "entry", JUMP).program("xdp", "other", END)
    kb = KernelBuilder("6.12")
    obj = read_object(ob.build(), "x")
    made = compare(judge(obj, kb.kernel()), judge(obj, kb.kernel()), "", "0" * 64)
    whole = cases.analysis(("x86_64",))
    whole = replace(whole, arches=(replace(whole.arches[0], objects=(made,)),))
    ends = (graph.program_node("x", "entry"), graph.program_node("x", "other"))
    edge = graph.build(whole, "x86_64").edges[ends]
    assert edge["verdict"] is Verdict.ALREADY_BROKEN
    ((rules, message),) = edge["findings"]
    assert rules == ("R-12.1",) and "program type (SCHED_CLS and XDP)" in message


def test_text_forms_have_the_edge(analysis: Analysis) -> None:
    made = nx.parse_graphml(graphml(analysis).decode())
    label = nx.get_node_attributes(made, "label")
    calls = {(label[a], label[b], d["label"]) for a, b, d in made.edges(data=True) if d["kind"] == graph.TAIL_CALL}
    assert calls == {(a, b, "jumps") for a in ("entry", "lost") for b in ("good", "lost")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pydot calls pyparsing by its former names
        (parsed,) = pydot.graph_from_dot_data(dot(analysis).decode())
    edges = parsed.get_subgraphs()[0].get_edges()
    assert sum(e.get("kind") == '"tail call"' and e.get("label") == '"jumps"' for e in edges) == 4


def test_the_drawing_has_a_dashed_line(analysis: Analysis) -> None:
    drawn = draw(analysis, "x86_64", everything=True).svg
    assert drawn.count("stroke-dasharray") == 3, "a program that calls itself has no line"


def test_the_window_draws_it(analysis: Analysis) -> None:
    index = Index(analysis)
    for lane in (0, -1):
        calls = index.calls_of(lane)
        names = [
            (index.programs[a].name, index.programs[b].name) for a, b in zip(calls.caller, calls.callee, strict=True)
        ]
        assert sorted(names) == [("entry", "good"), ("entry", "lost"), ("lost", "good")]
        assert dict(zip(names, calls.verdict, strict=True))["entry", "lost"] == CODE[Verdict.BREAKS]
    scene = scenes.build(index, ())
    every = scenes.np.arange(len(scene.src), dtype=scenes.np.int32)
    shown = every[scene.is_call(every)]
    assert sorted((scene.labels[scene.src[e]], scene.labels[scene.dst[e]]) for e in shown) == sorted(names)
    ends = scene.ends_at(every)
    for edge in every.tolist():
        source, target = scene.src[edge], scene.dst[edge]
        side = scene.x[target] + (scene.w[target] if edge in shown else 0.0)
        assert ends[edge] == side and scene.column[source] <= scene.column[target]
    entry = scene.labels.index("entry")
    nodes, _ = scene.chain(entry)
    assert scene.labels.index("lost") in nodes
    assert scene.column[scene.neighbour(entry, -1, 0)] == 0 and scene.neighbour(scene.labels.index("good"), 1, 0) >= 0


def test_a_report_keeps_the_calls(analysis: Analysis) -> None:
    read, _ = loads(dumps(analysis), "report.json")
    assert read.arches[0].objects[0].programs == analysis.arches[0].objects[0].programs
