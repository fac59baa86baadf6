# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Proving in the window with a stand-in for QEMU: progress, answers as they come, seals, the filter, cancel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from test_prove_command import Place

from kfuncscope.gui.app import settle
from kfuncscope.gui.filters import DISAGREES
from kfuncscope.gui.graph import seals
from kfuncscope.gui.graph.proofs import DISAGREE, ORDER
from kfuncscope.gui.index import Index
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.store import PROGRAM, Node
from kfuncscope.model.proof import Agreement, ObjectProof, ProgramProof, Proof
from kfuncscope.model.verdict import Tri
from kfuncscope.session.session import KernelRef, Session
from support import analyses, windows
from support.processes import runs


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def _open(window: MainWindow, place: Place, qtbot: QtBot) -> None:
    context = window.context
    ref = KernelRef([place.image, place.bare])
    context.session = Session(old=[ref], new=[ref], objects=[place.fine, place.bad])
    context.inputs_changed.emit()
    window.results.analyse()
    qtbot.waitUntil(lambda: context.real is not None and not context.jobs.running(), timeout=60_000)
    window.proving.guest = (place.guest,)


def test_answers_come_in_and_are_sealed(place: Place, qtbot: QtBot) -> None:
    with windows.window() as window:
        _open(window, place, qtbot)
        place.answers(("bad", 22), ("fine", 0))
        window.commands.run("prove")
        view = window.proving._view
        assert view.cancel.isVisibleTo(view) and not view.start.isEnabled()
        qtbot.waitUntil(lambda: not window.jobs.running(), timeout=60_000)
        settle()
        states = {(r.object, r.program): r.state for r in view.model.rows}
        assert states["bad.bpf.o", "bad"] == states["fine.bpf.o", "fine"] == "agree"
        assert "DISAGREE" in view.told.text() and "7.3-arm64" in view.kernels.text()
        index = window.store.index
        bad = index.program_id("bad.bpf.o", "bad")
        assert index.seals.programs[bad, 0] == ORDER.index(Agreement.AGREE)
        assert index.analysis.proof and index.whole.proof == index.analysis.proof
        window.store.select(Node(PROGRAM, bad))
        settle()
        from PySide6.QtWidgets import QLabel

        said = [label.text() for label in window.detail.widget().findChildren(QLabel)]
        assert "SEEN ON THE BOOTED KERNEL" in said and any("predicted: is refused" in t for t in said)


def test_a_wrong_prediction_is_shown_and_can_be_filtered(place: Place, qtbot: QtBot) -> None:
    with windows.window() as window:
        _open(window, place, qtbot)
        place.answers(("bad", 22), ("fine", 13))  # the kernel refuses what was predicted to load
        window.commands.run("prove")
        qtbot.waitUntil(lambda: not window.jobs.running(), timeout=60_000)
        settle()
        view, index = window.proving._view, window.store.index
        state = {(r.object, r.program): r.state for r in view.model.rows}["fine.bpf.o", "fine"]
        assert state in ("DISAGREE", "beyond the files")
        if state == "DISAGREE":
            assert view.filter.isVisibleTo(view)
        assert index.seals.programs[index.program_id("fine.bpf.o", "fine"), 0] >= ORDER.index(Agreement.BEYOND)


def test_cancel_keeps_what_was_seen_and_leaves_nothing_behind(
    place: Place, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    with windows.window() as window:
        _open(window, place, qtbot)
        place.answers(("bad", 22), end=False)
        boots = eval(place.script.read_text())
        place.script.write_text(repr([[boots[0][0], ("sleep", 60)]]))
        window.commands.run("prove")
        view = window.proving._view
        qtbot.waitUntil(lambda: any(r.state == "agree" for r in view.model.rows), timeout=60_000)
        assert any(r.state == "waiting" for r in view.model.rows)
        qtbot.waitUntil(place.script.with_suffix(".pid").is_file, timeout=10_000)
        pid = int(place.script.with_suffix(".pid").read_text())
        view.cancel.click()
        assert "Cancelled" in view.told.text() and view.start.isEnabled()
        assert any(r.state == "agree" for r in view.model.rows)
        qtbot.waitUntil(lambda: not runs(pid), timeout=10_000)
        qtbot.waitUntil(lambda: not list(scratch.glob("kfuncscope-*")), timeout=10_000)
        index = window.store.index
        assert index.seals.programs[index.program_id("bad.bpf.o", "bad"), 0] == ORDER.index(Agreement.AGREE)


def test_what_cannot_be_booted_says_why(qapp: object, qtbot: QtBot) -> None:
    from kfuncscope.resources import sample

    with windows.window() as window:
        context = window.context
        window.commands.run("prove")
        assert "Analyse first" in window.state_text.text()
        refs = [KernelRef([str(sample("kernels", n, "vmlinux.btf.xz"))]) for n in ("6.12-x86_64", "7.3-x86_64")]
        context.session = Session(old=refs[:1], new=refs[1:], objects=[str(sample("objects", "xdp_count.bpf.o"))])
        window.results.analyse()
        qtbot.waitUntil(lambda: context.real is not None and not context.jobs.running(), timeout=60_000)
        window.commands.run("prove")
        qtbot.waitUntil(lambda: not context.jobs.running(), timeout=60_000)
        settle()
        view = window.proving._view
        assert [r.state for r in view.model.rows] == ["not booted"] * 2
        assert all(r.line.startswith("not booted: ") and "package" in r.line for r in view.model.rows), view.model.rows
        assert "No kernel could be booted" in view.told.text()


def _proofs(agreement: Agreement) -> tuple[Proof, ...]:
    demo = analyses.demo()
    arch = demo.arches[0]
    inner = ProgramProof("simple_enqueue", "struct_ops", agreement, Tri.NO, Tri.YES, line="it loads")
    one = ObjectProof("scx_simple", "0" * 64, agreement, Tri.NO, Tri.YES, (inner,))
    other = ObjectProof("no such object", "0" * 64, agreement, Tri.NO, Tri.NO, ())
    return (Proof(arch.arch, arch.new.release, "ab", "Linux", "v1.5", "tcg", 9, (one, other)),)


@pytest.mark.parametrize("agreement", list(Agreement))
def test_a_result_with_proof_shows_its_seals(qapp: object, agreement: Agreement) -> None:
    analysis = replace(analyses.demo(), proof=_proofs(agreement))
    code = ORDER.index(agreement)
    with windows.window(analysis) as window:
        scene = window.graph.canvas.scene
        node = scene.labels.index("simple_enqueue")
        assert scene.seal[node] == code and scene.seal[scene.labels.index("xdp-monitor")] == 0
        assert (seals.word(code) in window.graph.canvas.item_name(node)) and (code == 0 or seals.word(code))
        window.graph.canvas.grab()
        window.show_page("matrix")
        model = window.matrix.model
        row = next(i for i, r in enumerate(model.rows) if r.program == scene.ids[node])
        assert str(model.index(row, 1).data()).endswith(seals.glyph(code) or "Breaks")
        window.store.add("proof", "disagree")
        settle()
        shown = {window.store.index.programs[r.program].name for r in window.matrix.model.rows if r.program >= 0}
        # the whole object disagrees as well: its other affected program is shown too
        assert shown == ({"simple_enqueue", "simple_dispatch"} if code == DISAGREE else set())


def test_an_answer_of_another_kernel_seals_nothing(qapp: object) -> None:
    (proof,) = _proofs(Agreement.AGREE)
    for other in (replace(proof, release="1.2.3"), replace(proof, arch="loongarch64")):
        index = Index(replace(analyses.demo(), proof=(other,)))
        assert not index.seals.programs.any() and not index.seals.objects.any()
    index = Index(analyses.demo())
    index.prove((proof,))
    assert index.seals.programs.any() and index.whole.proof == (proof,)
    assert str(DISAGREES) == "proof:disagree"
