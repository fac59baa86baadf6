# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every item model under Qt's own model tester, through what the window does to it; filters and sort orders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester

from kfuncscope.gui.filters import Token, finding_rows, program_mask, with_token
from kfuncscope.gui.index import AFFECTED, SCALE, Index
from kfuncscope.gui.models import findings as fm
from kfuncscope.gui.models.inputs import InputsModel
from kfuncscope.gui.models.lists import ListModel
from kfuncscope.gui.models.matrix import GroupBy, MatrixModel
from kfuncscope.gui.views.kfuncs import OffersModel
from kfuncscope.gui.views.timeline import TimelineModel
from kfuncscope.model.verdict import Verdict
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.study.lifecycle import from_analysis, release_key
from kfuncscope.study.timeline import need_lines, program_lines
from support import analyses

FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


@pytest.fixture(scope="module")
def index(qapp: object) -> Index:
    return Index(analyses.demo())


def test_findings_model(index: Index) -> None:
    model = fm.FindingsModel()
    tester = QAbstractItemModelTester(model, FATAL)
    model.set_index(index)
    model.set_filters((Token("affected"),))
    everything = len(model.rows)
    assert everything == int((index.findings.verdict >= AFFECTED).sum())
    kept = QPersistentModelIndex(model.index(3, fm.NEED))
    text = kept.data()
    for column in range(model.columnCount()):
        for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
            model.sort(column, order)
            cells = [model.index(r, column).data() for r in range(model.rowCount())]
            if column == fm.VERDICT:
                codes = [index.findings.verdict[r] for r in model.rows]
                assert codes == sorted(codes, reverse=order is Qt.SortOrder.DescendingOrder)
            elif column not in (fm.ARCH, fm.CONFIDENCE):
                wanted = sorted(cells, key=str.casefold, reverse=order is Qt.SortOrder.DescendingOrder)
                assert [c.casefold() for c in cells] == [c.casefold() for c in wanted]
            assert kept.data() == text
    model.set_filters((Token("affected"), Token("text", "nothing at all")))
    assert model.rowCount() == 0
    model.set_index(None)
    assert tester is not None and model.rowCount() == 0


def test_matrix_model(index: Index) -> None:
    model = MatrixModel()
    tester = QAbstractItemModelTester(model, FATAL)
    model.show(index, (Token("affected"), Token("arch", "x86_64")))
    assert model.columnCount() == 2 + len(analyses.JUDGED)
    for group in GroupBy:
        for risk in (True, False):
            model.arrange(group, risk)
            programs = [r.program for r in model.rows if r.program >= 0]
            assert sorted(programs) == sorted(set(programs)) and len(programs) == 11
    model.arrange(GroupBy.OBJECT, True)
    first = next(r for r in model.rows if r.program >= 0)
    assert index.prog_verdict[first.program].max() == SCALE.index(Verdict.BREAKS)
    before = model.rowCount()
    model.fold(model.rows[0].group)
    assert model.rowCount() < before
    assert "▸" in model.index(0, 0).data()
    assert "x86_64" in model.headerData(1, Qt.Orientation.Horizontal) and tester is not None


def test_steps_of_a_path_stand_in_the_matrix_but_do_not_decide() -> None:
    real = analyses.demo()
    calm = replace(real, arches=tuple(replace(a, objects=()) for a in real.arches))
    index = Index(replace(calm, arches=(replace(real.arches[4], arch="s390x"),)), real.arches[:1])
    assert index.lanes == ("s390x", "x86_64 6.12→7.3") and index.overall == 1
    assert index.counts(-1) == index.counts(0) != index.counts(1)
    model = MatrixModel()
    tester = QAbstractItemModelTester(model, FATAL)
    model.show(index, ())
    assert model.columnCount() == 4 and "6.12→7.3" in model.headerData(2, Qt.Orientation.Horizontal)
    rows = finding_rows(index, ())
    assert set(index.findings.lane[rows].tolist()) == {0} and tester is not None
    assert set(index.findings.lane[finding_rows(index, (Token("arch", index.lanes[1]),))].tolist()) == {1}


def test_inputs_model(index: Index) -> None:
    model = InputsModel()
    tester = QAbstractItemModelTester(model, FATAL)
    session = Session(old=[KernelRef(["/k/vmlinux"], "6.12")], objects=["/o/a.bpf.o"])
    model.show(session, None)
    texts = [model.index(0, 0, model.index(r, 0)).data() for r in range(2)]
    assert "6.12" in texts[0] and texts[1] == "o/a.bpf.o"
    model.show(session, index)
    assert [model.index(r, 0).data() for r in range(4)] == [
        "Kernels",
        "Objects  12 in 8 packages",
        "Sources of objects  1",
        f"Could not check  {len(index.unchecked)}",
    ]
    model.show(Session(), None)
    assert tester is not None and "none yet" in model.index(0, 0, model.index(0, 0)).data()


def test_small_models(index: Index) -> None:
    edited: list[tuple[int, str]] = []
    model = ListModel(["On", "Note"], lambda row: Verdict.UNKNOWN, 1, lambda row, text: edited.append((row, text)))
    testers = [QAbstractItemModelTester(model, FATAL)]
    model.set_rows([("a", "b")])
    model.append(("c", "d"))
    assert model.setData(model.index(1, 1), "new") and edited == [(1, "new")]
    assert not model.setData(model.index(1, 0), "no")
    offers, timeline = OffersModel(), TimelineModel()
    testers += [QAbstractItemModelTester(m, FATAL) for m in (offers, timeline)]
    rows = from_analysis(index.analysis)
    offers.show(rows, "scx_.*dispatch", "", False)
    assert [r.name for r in offers.rows] == ["scx_bpf_dispatch"]
    offers.show(rows, "(unclosed", "kfunc", True)
    offers.show(rows, "", "", False)
    for column in range(offers.columnCount()):
        offers.sort(column, Qt.SortOrder.DescendingOrder)
    assert offers.rowCount() == len(rows)
    arches = index.analysis.arches
    lines = [*program_lines(arches), *need_lines(rows, arches)]
    timeline.show(lines, True)
    assert timeline.columnCount() == 2 + 2 and {line.source for line in timeline.rows} == set(analyses.JUDGED)
    timeline.show(lines, False, "arm64")
    assert timeline.columnCount() == 4 and {line.source for line in timeline.rows} == {"arm64"}
    timeline.show(lines, False, "", "scx_.*dispatch")
    assert {line.name for line in timeline.rows} == {"scx_bpf_dispatch", "simple_dispatch"}
    assert sorted(["6.12", "6.9", "7.0"], key=release_key) == ["6.9", "6.12", "7.0"]
    assert len(testers) == 3


def test_filters_narrow_as_they_say(index: Index) -> None:
    def names(*tokens: Token) -> set[str]:
        return {index.programs[i].name for i in np.flatnonzero(program_mask(index, tokens))}

    assert len(names()) == 18
    assert names(Token("verdict", "SILENT"), Token("arch", "x86_64")) == {"sock_ops"}
    assert names(Token("verdict", "SILENT"), Token("verdict", "RISK"), Token("arch", "x86_64")) == {
        "sock_ops",
        "parse_headers",
    }
    assert names(Token("object", "scx_simple"), Token("affected")) == {"simple_enqueue", "simple_dispatch"}
    assert names(Token("package", "systemd 262.1")) == {
        f"{n}_main" for n in ("restrict_ifaces", "socket_bind", "userns_restrict")
    }
    assert names(Token("need", "hook:xdp_redirect_map")) == {"tp_xdp_redirect_map", "tp_redirect_map"}
    assert names(Token("isolate", "program:lb/lb_main")) == {"lb_main"}
    assert names(Token("kind", "field")) == {"do_sample", "sock_ops", "fentry_migrate_misplaced_page"}
    assert names(Token("text", "XDP-MON")) == {
        "tp_xdp_redirect_map",
        "tp_xdp_redirect_map_err",
        "tp_xdp_cpumap_enqueue",
    }
    assert names(Token("program", "runqlen/do_sample")) == {"do_sample"}
    rows = finding_rows(index, (Token("arch", "s390x"), Token("affected")))
    assert {index.lanes[index.findings.lane[r]] for r in rows} == {"s390x"}


def test_tokens_survive_the_session_file() -> None:
    for token in (Token("affected"), Token("need", "kfunc:a:b"), Token("text", "a: b"), Token("isolate", "object:x")):
        assert Token.parse(str(token)) == token
    assert Token.parse("future:thing") is None
    assert with_token((Token("arch", "a"), Token("text", "t")), Token("arch", "b")) == (
        Token("text", "t"),
        Token("arch", "b"),
    )
