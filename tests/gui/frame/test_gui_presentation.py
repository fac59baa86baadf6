# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Presentation mode: large type, docks away, N walks; this view as a picture, as seen or 16:9, light or dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEventLoop, QSettings, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QDockWidget
from pytestqt.qtbot import QtBot

from kfuncscope.gui import theme
from kfuncscope.gui.app import settle
from kfuncscope.gui.controllers.exports import SEEN_PNG, SEEN_SVG, VIEW_PNG, VIEW_SVG, ExportDialog
from kfuncscope.gui.filters import Token
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.pages import TABS
from kfuncscope.gui.widgets import motion
from kfuncscope.gui.widgets.picture import HEAD, SCALE, WIDE, Shape
from support import analyses, windows


@pytest.fixture
def win(shared: MainWindow) -> Iterator[MainWindow]:
    shared.store.select(None)
    shared.store.change((Token("affected"), Token("arch", "x86_64")), "start")
    shared.show_page("graph")
    settle()
    yield shared
    shared.presentation.leave()
    settle()


def _docks(window: MainWindow) -> dict[str, bool]:
    return {d.objectName(): d.isVisibleTo(window) for d in window.findChildren(QDockWidget)}


def test_docks_go_away_and_come_back(win: MainWindow, qtbot: QtBot) -> None:
    docks, size, font = _docks(win), win.size(), QApplication.font().pointSizeF()
    assert any(docks.values())
    win.commands.run("present")
    settle()
    assert win.presentation.on and not any(_docks(win).values()) and win.isFullScreen()
    assert not win.toolbar.isVisibleTo(win) and QApplication.font().pointSizeF() == pytest.approx(font * 1.45)
    assert win.presentation.action.isChecked()
    win.commands.run("cancel")  # Esc
    settle()
    assert not win.presentation.on and _docks(win) == docks and not win.isFullScreen()
    assert win.toolbar.isVisibleTo(win) and QApplication.font().pointSizeF() == pytest.approx(font)
    assert not win.presentation.action.isChecked() and win.size() == size


def test_buttons_and_banners_get_the_large_letters_too_and_lose_them_again(win: MainWindow) -> None:
    win.banner.tell("What if", [("bpf_x removed", lambda: None)])
    parts = [win.banner.text, win.banner.button, *win.banner.chips, win.graph.ok_needs, win.graph.zoom_label]
    before = [part.fontInfo().pixelSize() for part in parts]
    win.commands.run("present")
    settle()
    assert all(part.fontInfo().pixelSize() > 1.3 * size for part, size in zip(parts, before, strict=True))
    win.commands.run("present")
    settle()
    assert [part.fontInfo().pixelSize() for part in parts] == before
    win.banner.tell("")


def test_n_walks_the_breakages_with_a_caption(win: MainWindow, qtbot: QtBot) -> None:
    win.commands.run("present")
    settle()
    assert not win.presentation.caption.isVisible()
    seen = set()
    for _ in range(3):
        qtbot.keyClick(win, Qt.Key.Key_N)
        settle()
        caption = win.presentation.caption
        assert caption.isVisible() and caption.title.text().startswith("■ Breaks")
        assert win.rect().contains(caption.geometry()) and caption.text.text()
        node = win.graph.canvas.marks.selected
        assert win.graph.canvas.rect().toRectF().contains(win.graph.canvas.item_box(node).center())
        seen.add(caption.title.text())
    assert len(seen) == 3
    win.store.select(None)
    assert not win.presentation.caption.isVisible()


def test_it_glides_only_where_things_may_move(qapp: QApplication, qtbot: QtBot, tmp_path: Path) -> None:
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    with windows.window(analyses.big(200, 1)) as window:
        window.context.settings = settings
        window.presentation.moves.setChecked(True)
        window.commands.run("present")
        settle()
        canvas = window.graph.canvas
        assert canvas.smooth
        tops: list[float] = []
        canvas.view_changed.connect(lambda: tops.append(canvas.origin.y()))
        window.graph.step(False)  # from the first to the last, which is not in view
        qtbot.waitUntil(lambda: not canvas._glide.running(), timeout=5000)
        assert len(set(tops)) > 3
        window.commands.run("present.move")
        assert not motion.wanted(settings) and not canvas.smooth
        window.graph.step(False)
        assert not canvas._glide.running()
        window.commands.run("present.move")
        assert motion.wanted(settings) and canvas.smooth
        window.commands.run("present")
        assert not canvas.smooth
        window.context.settings = None


def test_without_a_result_there_is_nothing_to_present(qapp: QApplication) -> None:
    with windows.window() as window:
        window.commands.run("present")
        assert not window.presentation.on and not window.presentation.action.isChecked()


# --- pictures ---
@pytest.mark.parametrize("page", [page.id for page in TABS])
def test_every_view_makes_a_picture_and_stays_as_it_was(win: MainWindow, tmp_path: Path, page: str) -> None:
    win.show_page(page)
    settle()
    front = win.tabs.currentWidget()
    size, zoom, origin = front.size(), win.graph.canvas.zoom, win.graph.canvas.origin
    for shape in Shape:
        path = tmp_path / f"{page}-{shape.name}.png"
        win.exports.write(str(path), SEEN_PNG, shape=shape)
        made = QImage(str(path))
        whole = WIDE if shape is Shape.WIDE else size
        high = WIDE.height() if shape is Shape.WIDE else size.height() + HEAD
        assert (made.width(), made.height()) == (round(whole.width() * SCALE), round(high * SCALE))
        colours = {made.pixel(x, y) for x in range(20, made.width(), 37) for y in range(120, made.height(), 7)}
        assert len(colours) > (1 if page == "whatif" else 3)
    assert front.size() == size and (win.graph.canvas.zoom, win.graph.canvas.origin) == (zoom, origin)


@pytest.mark.parametrize("dark", [False, True])
def test_pictures_are_light_or_dark_whatever_the_window_is(win: MainWindow, tmp_path: Path, dark: bool) -> None:
    for what in (SEEN_PNG, VIEW_PNG):
        path = tmp_path / "x.png"
        win.exports.write(str(path), what, dark=dark)
        ground = QImage(str(path)).pixelColor(3, 3)
        assert (ground.lightness() < 90) is dark and not theme.look().dark


@pytest.mark.parametrize("what", [SEEN_SVG, VIEW_SVG])
def test_svg_is_vector_text(win: MainWindow, tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.svg"
    win.exports.write(str(path), what, shape=Shape.WIDE)
    text = path.read_text()
    assert "<text" in text and "scx_bpf_dispatch" in re.sub(r"\s+", " ", text)
    assert "<path" in text and text.count("base64") < 40
    win.exports.write("/nowhere/x.svg", what)
    assert "Export failed" in win.state_text.text()


def test_the_view_goes_to_the_clipboard(win: MainWindow) -> None:
    win.commands.run("view.copywide")
    made = QGuiApplication.clipboard().image()
    assert (made.width(), made.height()) == (WIDE.width() * 2, WIDE.height() * 2)
    assert "3200 × 1800" in win.state_text.text()
    QGuiApplication.clipboard().clear()


def test_the_dialog_asks_only_for_what_the_format_can_have(win: MainWindow) -> None:
    win.exports.dialog()
    dialog = win.findChild(ExportDialog)
    for format_, wanted in ((".html", (True, False, False)), (SEEN_PNG, (False, True, True)),
                            (VIEW_SVG, (False, False, True))):  # fmt: skip
        dialog.format.setCurrentIndex(dialog.format.findData(format_))
        assert (dialog.scope.isVisible(), dialog.shape.isVisible(), dialog.look.isVisible()) == wanted
        assert dialog.redact.isVisible() is wanted[0]
    buttons = dialog.findChild(QDialogButtonBox).buttons()
    assert buttons and all(button.icon().isNull() for button in buttons)  # whatever the desktop has
    dialog.close()
    QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents)
