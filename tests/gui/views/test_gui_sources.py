# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Inputs as things in the window: opened, pasted, removed, replaced, moved, named; every step undone and done again."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QFileDialog, QLabel, QMenu
from pytestqt.qtbot import QtBot

from kfuncscope.gui.app import settle
from kfuncscope.gui.controllers import sources as controller
from kfuncscope.gui.dialogs.identity import IdentityDialog
from kfuncscope.gui.filters import Token
from kfuncscope.gui.history.snapshots import snapshot
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.models.cards import cards
from kfuncscope.gui.models.inputs import SOURCE_ROLE, InputsModel
from kfuncscope.gui.widgets.droparea import GivenCard
from kfuncscope.model.verdict import NeedKind, Verdict
from kfuncscope.resources import sample
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.session.sources import Role, Source, sources
from kfuncscope.upgrade.whatif import Action
from support import analyses, windows

FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


def two_of_a_name() -> Session:
    """Kernels and objects of equal base names in different folders."""
    return Session(
        old=[KernelRef(["/old/vmlinux.btf", "/old/symbols"], "6.12")],
        new=[KernelRef(["/new/vmlinux.btf", "/new/symbols"], "7.3")],
        objects=["/a/prog.bpf.o", "/b/prog.bpf.o"],
    )


@pytest.fixture
def win(qapp: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """The window with sources and without a result; nothing is read for them."""
    with windows.window() as made:
        monkeypatch.setattr(made.listing, "describe", lambda: None)
        made.context.open_session(two_of_a_name(), ())
        made.jobs.cancel_all()
        yield made


def place(win: MainWindow, file: str) -> Any:
    """Where a file stands in the Inputs tree."""
    model = win.inputs.tree

    def walk(parent: Any) -> Iterator[Any]:
        for row in range(model.rowCount(parent)):
            index = model.index(row, 0, parent)
            yield index
            yield from walk(index)

    return next(
        i for i in walk(win.inputs.rootIndex()) if (s := i.data(SOURCE_ROLE)) and (s[1] or s[0].files[0]) == file
    )


def choose(win: MainWindow, file: str) -> None:
    win.inputs.setCurrentIndex(place(win, file))


def test_delete_takes_what_is_chosen_and_nothing_of_that_name(win: MainWindow, qtbot: QtBot) -> None:
    win.show_welcome(False)
    choose(win, "/old/symbols")
    win.inputs.setFocus()
    qtbot.keyClick(win.inputs, Qt.Key.Key_Delete)
    session = win.context.session
    assert session.old[0].files == ["/old/vmlinux.btf"] and session.new[0].files[1] == "/new/symbols"
    choose(win, "/a/prog.bpf.o")
    win.commands.run("input.remove")
    assert session.objects == ["/b/prog.bpf.o"]
    win.commands.run("undo")
    win.commands.run("undo")
    assert snapshot(session) == snapshot(two_of_a_name())


def test_delete_elsewhere_removes_nothing(win: MainWindow, qtbot: QtBot) -> None:
    win.show_welcome(False)
    choose(win, "/old/symbols")
    win.show_page("findings")
    qtbot.keyClick(win.findings.table, Qt.Key.Key_Delete)
    assert snapshot(win.context.session) == snapshot(two_of_a_name())


def test_commands_are_those_that_a_source_allows(win: MainWindow) -> None:
    actions = win.commands.actions
    names = win.commands.groups["Edit/Input"]
    choose(win, "/old/vmlinux.btf")
    assert not actions["input.old"].isEnabled() and actions["input.new"].isEnabled()
    choose(win, "/a/prog.bpf.o")
    enabled = {name for name in names if actions[name].isEnabled()}
    assert enabled == {"input.remove", "input.replace", "input.reveal"}
    win.sources.choose(None, "")
    assert not any(actions[name].isEnabled() for name in names)


def test_the_context_menu_offers_the_same_commands(win: MainWindow, qtbot: QtBot) -> None:
    win.show_welcome(False)
    index = place(win, "/new/vmlinux.btf")
    win.inputs.scrollTo(index)
    win.inputs.customContextMenuRequested.emit(win.inputs.visualRect(index).center())
    menu = next(m for m in win.findChildren(QMenu) if m.isVisible())
    assert [a.text() for a in menu.actions()] == [
        "Remove", "Replace…", "Move to old", "Make a step between", "Architecture and release…", "Show in file manager"
    ]  # fmt: skip
    next(a for a in menu.actions() if a.text() == "Move to old").trigger()
    menu.close()
    assert [r.label for r in win.context.session.old] == ["6.12", "7.3"] and not win.context.session.new
    win.inputs.customContextMenuRequested.emit(QPoint(5, 5))  # a heading has no menu


def test_replace_name_and_reveal(win: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []
    monkeypatch.setattr(controller.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    choose(win, "/b/prog.bpf.o")
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_a: (["/c/other.o"], ""))
    win.commands.run("input.replace")
    assert win.context.session.objects == ["/a/prog.bpf.o", "/c/other.o"]
    choose(win, "/c/other.o")
    win.commands.run("input.reveal")
    choose(win, "/new/vmlinux.btf")
    win.commands.run("input.name")
    dialog = win.findChild(IdentityDialog)
    dialog.arch.setCurrentIndex(dialog.arch.findData("arm64"))
    dialog.release.setText(" 7.3.4 ")
    dialog._accept()
    kernel = win.context.session.new[0]
    assert opened == ["/c"] and (kernel.arch, kernel.release) == ("arm64", "7.3.4")
    win.commands.run("undo")
    assert win.context.session.new[0].arch is None


def test_folders_and_the_clipboard(win: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    titles: list[str] = []

    def asked(_parent: object, title: str, _start: str) -> str:
        titles.append(title)
        return str(tmp_path)

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", asked)
    win.commands.run("open.folder")
    assert win.context.session.objects[-1] == str(tmp_path)
    for what in ("old", "new", "objects"):
        win.welcome.areas[what].folders.click()
    assert len(set(titles)) == 4
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/p/one.o"), QUrl.fromLocalFile("/p/two.o")])
    QGuiApplication.clipboard().setMimeData(mime)
    win.commands.run("paste")
    assert win.context.session.objects[-2:] == ["/p/one.o", "/p/two.o"]
    QGuiApplication.clipboard().setText("  '/q/three.o'\nnot a path\n/q/hosts.jsonl\n")
    win.commands.run("paste")
    assert win.context.session.objects[-1] == "/q/three.o" and win.context.session.census == ["/q/hosts.jsonl"]
    QGuiApplication.clipboard().setText("nothing here")
    win.commands.run("paste")
    assert "clipboard" in win.state_text.text() and win.context.session.objects[-1] == "/q/three.o"


def texts(win: MainWindow, area: str) -> list[str]:
    return [label.text() for label in win.welcome.areas[area].findChildren(QLabel)]


def test_cards_of_the_first_page_say_what_was_given_and_what_is_missing(
    qapp: object, qtbot: QtBot, tmp_path: Path
) -> None:
    btf = tmp_path / "vmlinux.btf.xz"
    btf.write_bytes(sample("kernels", "7.3-x86_64", "vmlinux.btf.xz").read_bytes())
    with windows.window() as window:
        window.sources.add_inputs([str(sample("kernels", "6.12-x86_64"))], "old")
        window.sources.add_inputs([str(btf), str(tmp_path / "none.btf")], "new")
        window.sources.add_inputs([str(tmp_path / "gone.bpf.o")], "objects")
        assert window.welcome.areas["old"].state.text() == "1 kernel"
        assert "being read" in texts(window, "old") and "not found" in texts(window, "objects")
        qtbot.waitUntil(lambda: "read" in texts(window, "old"), timeout=60_000)
        qtbot.waitUntil(lambda: "cannot be read" in texts(window, "new"), timeout=60_000)
        said = texts(window, "old")
        assert any(t.startswith("6.12.107 · x86_64 · tables of 6.12") for t in said)
        assert any("BTF, config: " in t and "module" in t for t in said), said
        assert any(t.startswith("no symbols: ") for t in said)
        assert any("architecture" in t for t in texts(window, "new")), "a BTF alone does not say it"
        for card in window.findChildren(GivenCard):
            assert card.toolTip().endswith(card.card.source.files[-1])


def test_cards_of_a_result_count_what_a_missing_part_costs(qapp: object) -> None:
    analysis = analyses.demo()
    given_file = analysis.arches[0].new.inputs[0].path
    session = Session(new=[KernelRef([given_file])], objects=[analysis.problems[0].path, "/usr/lib"])
    with windows.window(analysis) as window:
        made = cards(session, {}, window.store.index)
        assert [card.verdict for card in made][1:] == [Verdict.BREAKS, Verdict.OK]
        assert made[1].errors and made[1].state == "not read"
        assert all(lack.startswith("no ") for lack in made[0].lacks)


def test_a_kernel_that_was_analysed_before_it_was_described_is_read(qapp: object) -> None:
    analysis = analyses.demo()
    entry = next(entry for entry in analysis.arches[0].new.inputs)
    with windows.window(analysis) as window:
        read, other = cards(Session(new=[KernelRef([entry.path]), KernelRef(["/z/other.btf"])]), {}, window.store.index)
    release = analysis.arches[0].new.release
    assert (read.state, read.verdict) == ("read", Verdict.OK) and f"{release} · x86_64" in read.lines
    assert (other.state, other.verdict) == ("not read yet", None), "nobody reads it: there is a result"


def test_kernels_that_come_in_one_turn_are_listed_once(
    win: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those known from before come all at once; each listing makes the cards of all of them again."""
    win.context.open_session(two_of_a_name(), ())
    shown: list[int] = []
    show = win.welcome.show_given
    monkeypatch.setattr(win.welcome, "show_given", lambda given: (shown.append(len(given)), show(given)))
    for _ in range(5):
        win.listing._described([])
    assert not shown
    qtbot.waitUntil(lambda: bool(shown), timeout=2_000)
    settle()
    assert len(shown) == 1


def test_steps_between_are_not_counted_as_new_kernels(win: MainWindow) -> None:
    session = two_of_a_name()
    session.path = [KernelRef(["/mid/vmlinux.btf"], "6.17")]
    win.context.open_session(session, ())
    assert win.welcome.areas["new"].state.text() == "1 kernel · 1 step between"
    assert [t for t in texts(win, "new") if t.startswith("step · ")] == ["step · being read"]
    assert not any(t.startswith("step") for t in texts(win, "old"))


def test_where_facts_come_from_is_folded_away(qapp: object) -> None:
    with windows.window(analyses.demo()) as window:
        kernels = window.inputs.tree.index(0, 0)
        pair = window.inputs.tree.index(0, 0, kernels)
        said = {str(i.data()): i for i in (window.inputs.tree.index(r, 0, pair) for r in range(20)) if i.isValid()}
        folded = next(index for text, index in said.items() if text.startswith("where facts come from"))
        assert window.inputs.isExpanded(pair) and not window.inputs.isExpanded(folded)
        assert window.inputs.tree.rowCount(folded) == int(str(folded.data()).split()[-1]) > 0
        assert not any(text.startswith(("from ", "known from")) for text in said)


def test_the_tree_of_sources_is_a_sound_model(win: MainWindow) -> None:
    model = InputsModel()
    tester = QAbstractItemModelTester(model, FATAL)
    model.show(two_of_a_name(), None)
    model.show(Session(census=["/h/a.jsonl"], objects=["/x"]), None)
    assert tester is not None and model.rowCount() == 3


# --- undo ---
OPERATIONS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(["/n/x.o", "/m/x.o", "/k/linux-6.1.btf", "/l/7.0/x.btf", "/h/a.jsonl"])),
    st.tuples(st.sampled_from(["remove", "old", "new", "step", "replace", "name"]), st.integers(0, 9)),
    st.tuples(st.just("note"), st.sampled_from(["k", "l"])),
    st.tuples(st.just("filter"), st.sampled_from(["affected", "silent"])),
    st.tuples(st.just("whatif"), st.sampled_from(["bpf_map_lookup_elem", "xdp_redirect_map"])),
    st.tuples(st.just("waive"), st.sampled_from(["a", "b"])),
    st.tuples(st.just("infer"), st.none()),
    st.tuples(st.sampled_from(["undo", "redo"]), st.none()),
)  # fmt: skip


def act(win: MainWindow, what: str, with_: Any) -> None:
    listed = sources(win.context.session)
    source = listed[with_ % len(listed)] if listed and isinstance(with_, int) else Source(Role.OBJECTS, ("/none",))
    steps: dict[str, Callable[[], object]] = {
        "add": lambda: win.sources.add_inputs([with_]),
        "remove": lambda: win.sources.remove(source, source.files[-1] if source.is_kernel else ""),
        "replace": lambda: win.sources.put(source, [f"/r/{with_}.o"]),
        "name": lambda: win.sources.set_identity(source, "arm64", ""),
        "note": lambda: win.annotations.set_note(with_, "" if with_ in win.context.session.notes else "text"),
        "filter": lambda: (
            win.store.toggle("affected") if with_ == "affected" else win.store.toggle("verdict", "SILENT")
        ),
        "whatif": lambda: win.hypotheses.assume(NeedKind.HELPER, with_, Action.REMOVED),
        "waive": lambda: win.annotations.waive(with_, "about", "me", "why", datetime.date(2100, 1, 1)),
        "infer": win.sources.switch_infer,
        "undo": win.store.undo.undo,
        "redo": win.store.undo.redo,
    }
    steps.get(what, lambda: win.sources.move(source, Role(what)))()


@pytest.fixture(scope="module")
def lasting(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MainWindow, Path]]:
    """One window for all examples, which analyses nothing."""
    with windows.window(analyses.demo()) as made:
        made.results.analyse = lambda: None  # type: ignore[method-assign]
        yield made, tmp_path_factory.mktemp("policy") / "policy.toml"


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(OPERATIONS, max_size=14))
def test_undoing_everything_returns_to_the_start(
    lasting: tuple[MainWindow, Path], operations: list[tuple[str, Any]]
) -> None:
    """Whatever was done to inputs, filters, notes, waivers and what-ifs, undo leads back and redo leads forth."""
    win, policy = lasting
    policy.write_text("# a policy of the person\n")
    win.context.session = two_of_a_name()
    win.context.session.policy = str(policy)
    win.hypotheses.changes = []
    win.store.set_index(win.context.real, (Token("affected"),))
    win.store.undo.clear()

    def state() -> tuple[object, ...]:
        filters, assumed = win.store.filters, tuple(win.hypotheses.changes)
        return snapshot(win.context.session), filters, assumed, policy.read_text()

    start = state()
    for what, with_ in operations:
        act(win, what, with_)
    end = state()
    while win.store.undo.canUndo():
        win.store.undo.undo()
    assert state() == start
    while win.store.undo.canRedo():
        win.store.undo.redo()
    while win.store.undo.canUndo():
        win.store.undo.undo()
    assert state() == start
    for _ in range(win.store.undo.count()):
        win.store.undo.redo()
    if not any(what in ("undo", "redo") for what, _ in operations):
        assert state() == end
    settle()


def test_a_policy_that_another_program_changed_is_left_alone(lasting: tuple[MainWindow, Path]) -> None:
    win, policy = lasting
    win.context.session.policy = str(policy)
    policy.unlink(missing_ok=True)
    win.store.undo.clear()
    assert win.annotations.waive("a", "about", "me", "why", datetime.date(2100, 1, 1))
    assert "[[waiver]]" in policy.read_text()
    policy.write_text("# written by hand\n")
    win.commands.run("undo")
    assert policy.read_text() == "# written by hand\n" and "changed by another program" in win.state_text.text()
    policy.unlink()
    assert win.annotations.waive("a", "about", "me", "why", datetime.date(2100, 1, 1))
    win.commands.run("undo")
    assert not policy.exists()
    settle()
