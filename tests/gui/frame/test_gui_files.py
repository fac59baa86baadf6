# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the window writes: names of session files, pictures for slides, notes typed without a mouse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLineEdit, QMessageBox, QPlainTextEdit, QPushButton

from kfuncscope.gui.app import settle
from kfuncscope.gui.controllers.exports import SEEN_PNG, SEEN_SVG, VIEW_SVG, ExportDialog
from kfuncscope.gui.dialogs.columns import asked_path, asked_text
from kfuncscope.gui.frame.arguments import asked
from kfuncscope.gui.graph.export import logical_dpi
from kfuncscope.gui.widgets.picture import Shape
from support import analyses, windows


def _in_dialog(act: Callable[[QDialog], object]) -> None:
    """Do something in the dialog that is open a moment from now."""

    def found() -> None:
        top = QApplication.activeModalWidget()
        assert isinstance(top, QDialog)
        act(top)

    QTimer.singleShot(50, found)


def _type_name(name: str) -> Callable[[QDialog], None]:
    def typed(dialog: QDialog) -> None:
        assert isinstance(dialog, QFileDialog)
        field = dialog.findChild(QLineEdit, "fileNameEdit")
        assert field is not None
        field.setText(name)
        dialog.accept()

    return typed


@pytest.mark.parametrize(
    ("typed", "kept"), [("upgrade", "upgrade.kfs"), ("to-6.12", "to-6.12.kfs"), ("a.kfs", "a.kfs")]
)
def test_a_saved_session_gets_its_ending(tmp_path: Path, typed: str, kept: str) -> None:
    with windows.window() as win:
        _in_dialog(_type_name(typed))
        chosen = asked_path(win, "Save session", str(tmp_path / "session.kfs"), "Sessions (*.kfs)", ".kfs")
        assert chosen == str(tmp_path / kept)


@pytest.mark.parametrize("yes", [True, False])
def test_a_name_completed_by_the_window_asks_before_it_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, yes: bool
) -> None:
    (tmp_path / "to-6.12.kfs").write_text("kept")
    said: list[str] = []

    def question(_parent: object, _title: str, text: str) -> QMessageBox.StandardButton:
        said.append(text)
        return QMessageBox.StandardButton.Yes if yes else QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", question)
    with windows.window() as win:
        _in_dialog(_type_name("to-6.12"))
        chosen = asked_path(win, "Save session", str(tmp_path / "session.kfs"), "Sessions (*.kfs)", ".kfs")
    assert said == ["“to-6.12.kfs” exists. Replace it?"]
    assert chosen == (str(tmp_path / "to-6.12.kfs") if yes else "")


def test_a_file_that_is_added_to_does_not_ask_whether_it_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("")
    with windows.window() as win:
        _in_dialog(_type_name("policy.toml"))
        chosen = asked_path(win, "Policy file", str(tmp_path / "policy.toml"), "*.toml", ".toml", replaces=False)
    assert chosen == str(tmp_path / "policy.toml")


def test_a_note_is_typed_and_kept_without_a_mouse() -> None:
    seen: list[object] = []

    def act(dialog: QDialog) -> None:
        field = dialog.findChild(QPlainTextEdit)
        assert field is not None
        QTest.keyClicks(field, "ask")
        QTest.keyClick(field, Qt.Key.Key_Tab)
        seen.append(field.toPlainText())
        QTest.keyClick(dialog, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)

    with windows.window() as win:
        _in_dialog(act)
        assert asked_text(win, "Note", "x86_64 › a.bpf.o", "") == ("ask", True)
    assert seen == ["ask"]


def test_export_begins_at_the_format_and_one_button_alone_looks_like_that_of_enter() -> None:
    with windows.window(analyses.demo()) as win:
        win.exports.dialog()
        settle()
        dialog = next(w for w in QApplication.topLevelWidgets() if isinstance(w, ExportDialog))
        assert dialog.focusWidget() is dialog.format
        others = [b for b in dialog.findChildren(QPushButton) if b is not dialog.go]
        assert others and not any(b.autoDefault() or b.isDefault() for b in others)
        dialog.close()


@pytest.mark.parametrize("what", [SEEN_SVG, VIEW_SVG])
def test_an_svg_is_laid_out_for_the_letters_of_the_screen(tmp_path: Path, what: str) -> None:
    with windows.window(analyses.demo()) as win:
        win.exports.write(str(tmp_path / "a.svg"), what)
        root = ElementTree.parse(tmp_path / "a.svg").getroot()
        units = float(root.attrib["viewBox"].split()[2])
        inches = float(root.attrib["width"].removesuffix("mm")) / 25.4
        assert inches * logical_dpi() == pytest.approx(units, rel=0.01)
        assert logical_dpi() == round(win.screen().logicalDotsPerInch())


def test_a_picture_does_not_show_the_frame_of_the_keyboard(tmp_path: Path) -> None:
    with windows.window(analyses.demo(), page="findings") as win:
        table = win.findings.table
        win.activateWindow()
        for name, focus in (("with", table.setFocus), ("without", table.clearFocus)):
            focus()
            settle()
            win.exports.write(str(tmp_path / f"{name}.png"), SEEN_PNG, shape=Shape.SEEN)
            assert table.hasFocus() == (name == "with")
    assert (tmp_path / "with.png").read_bytes() == (tmp_path / "without.png").read_bytes()


@pytest.mark.parametrize("page", ["findings", "timeline", "kfuncs"])
def test_on_a_large_screen_no_table_is_cut_or_leaves_names_cut(page: str) -> None:
    with windows.window(analyses.demo(), size=(1920, 1020), page=page) as win:
        view = getattr(win, page)
        table, model = view.table, view.table.model()
        room = table.viewport().width()
        wide = sum(table.columnWidth(c) for c in range(model.columnCount()) if not table.isColumnHidden(c))
        assert wide <= room
        if page != "findings":
            letters = table.fontMetrics()
            names = [str(model.index(row, 0).data()) for row in range(model.rowCount())]
            assert max(letters.horizontalAdvance(n) for n in names) + 30 <= table.columnWidth(0)
        if page == "timeline":
            assert wide >= 0.9 * room


def test_a_column_that_a_person_made_wider_keeps_its_width() -> None:
    with windows.window(analyses.demo(), size=(1440, 900), page="findings") as win:
        table = win.findings.table
        table.setColumnWidth(3, 300)
        win.resize(1900, 1000)
        settle()
        assert table.columnWidth(3) == 300


def test_a_presentation_keeps_its_view_above_the_caption_and_ends_with_the_letters_of_before() -> None:
    with windows.window(analyses.demo(), size=(1440, 900), page="overview") as win:

        def letters() -> list[float]:
            buttons = [*win.chips.chips, win.overview.said, win.overview.quiet]
            return [button.font().pointSizeF() for button in buttons]

        before = letters()
        win.commands.run("present")
        settle()
        win.graph.step(True)
        settle()
        assert all(now > then * 1.3 for now, then in zip(letters(), before, strict=True))
        caption = win.presentation.caption
        lower = win.overview.mapTo(win, win.overview.rect().bottomLeft()).y()
        assert caption.isVisible() and lower < caption.geometry().top()
        win.commands.run("present")
        settle()
        assert letters() == before
        assert win.contentsMargins().bottom() == 0


def test_a_loader_is_chosen_on_the_command_line_as_check_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    given = asked(["--loader", "tc_*=cilium", "--loader", "libbpf", "a.bpf.o"])
    assert given.session is not None
    assert list(given.session.loaders.items()) == [("*", "libbpf"), ("tc_*", "cilium")]
    with pytest.raises(SystemExit) as end:
        asked(["--loader", "nothing", "a.bpf.o"])
    assert end.value.code == 2 and "unknown loader 'nothing'" in capsys.readouterr().err


def test_a_session_opened_by_a_short_path_is_remembered_by_its_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kfuncscope.session import sessionfile
    from kfuncscope.session.session import Session

    sessionfile.save(Session(), str(tmp_path / "a.kfs"))
    monkeypatch.chdir(tmp_path)
    with windows.window() as win:
        kept: list[str] = []
        monkeypatch.setattr(win.documents, "_remember", kept.append)
        assert win.documents.open("a.kfs")
        assert kept == [win.context.path] == [str(tmp_path / "a.kfs")]
