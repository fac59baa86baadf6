# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A view as a picture: as it is seen or at 16:9, light or dark, PNG at twice the size of the screen's pixels, SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QRegion
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QApplication, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.graph.canvas import GraphCanvas
from kfuncscope.gui.graph.export import logical_dpi

HEAD = 34
WIDE = QSize(1600, 900)
SCALE = 2.0


class Shape(Enum):
    """How large the picture is: as the view on the screen, or for a slide."""

    SEEN = "as seen"
    WIDE = "16:9"


@contextmanager
def posed(page: QWidget, shape: Shape) -> Iterator[QSize]:
    """The page at the size of the picture while it is painted; on the screen it is painted later and as before."""
    before = page.size()
    canvases = page.findChildren(GraphCanvas)
    focused = QApplication.focusWidget()
    inside = focused if focused is not None and page.isAncestorOf(focused) else None
    kept = [(canvas, canvas.zoom, canvas.origin) for canvas in canvases]
    try:
        if inside is not None:
            inside.clearFocus()  # the keyboard's frame is not part of what is shown
        _pose(page, True)
        if shape is Shape.WIDE:
            page.resize(WIDE.width(), WIDE.height() - HEAD)
            _arrange(page)
        for canvas in canvases:
            canvas.render_layer()
        yield page.size()
    finally:
        _pose(page, False)
        if shape is Shape.WIDE:
            page.resize(before)
            _arrange(page)
            for canvas, zoom, origin in kept:
                canvas.return_to(zoom, origin)
        if inside is not None:
            inside.setFocus()


def _pose(page: QWidget, on: bool) -> None:
    """Let a page leave out what only hands can use."""
    pose, layout = getattr(page, "pose", None), page.layout()
    if callable(pose):
        pose(on)
        if layout is not None:
            layout.activate()


def _arrange(page: QWidget) -> None:
    """Let layouts and what is counted by the room there is follow a new size at once."""
    layout = page.layout()
    if layout is not None:
        layout.activate()
    refresh = getattr(page, "refresh", None)
    if callable(refresh) and not page.findChildren(GraphCanvas):
        refresh()


def _paint(painter: QPainter, page: QWidget, size: QSize, title: str) -> None:
    c = theme.look()
    painter.fillRect(0, 0, size.width(), size.height() + HEAD, QColor(c.panel))
    painter.setFont(theme.ui_font(1, bold=True))
    painter.setPen(QColor(c.text))
    room = QRectF(14, 0, size.width() - 28, HEAD)
    text = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideMiddle, int(room.width()))
    painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, text)
    page.render(painter, QPoint(0, HEAD), QRegion(), QWidget.RenderFlag.DrawChildren)  # on the ground painted above


def image(page: QWidget, title: str, shape: Shape) -> QImage:
    """The page as an image, two pixels for each of the screen's."""
    with posed(page, shape) as size:
        whole = QSize(size.width(), size.height() + HEAD)
        made = QImage(whole * SCALE, QImage.Format.Format_ARGB32_Premultiplied)
        made.setDevicePixelRatio(SCALE)
        painter = QPainter(made)
        _paint(painter, page, size, title)
        painter.end()
    return made


def svg(page: QWidget, path: str | Path, title: str, shape: Shape) -> None:
    """Write the page as SVG. Raises OSError where the file cannot be written."""
    with posed(page, shape) as size:
        whole = QSize(size.width(), size.height() + HEAD)
        generator = QSvgGenerator()
        generator.setFileName(str(path))
        generator.setTitle(title)
        generator.setResolution(logical_dpi())
        generator.setSize(whole)
        generator.setViewBox(QRectF(0, 0, whole.width(), whole.height()))
        painter = QPainter()
        try:
            if not painter.begin(generator):
                raise OSError(f"cannot write {path}")
            _paint(painter, page, size, title)
        finally:
            painter.end()


@contextmanager
def dressed(dark: bool | None, repaint: Callable[[], object]) -> Iterator[None]:
    """Light or dark while a picture is painted (None: as the window is); ``repaint`` tells who caches colours."""
    app, was = QApplication.instance(), theme.look().dark
    if dark is None or dark == was or not isinstance(app, QApplication):
        yield
        return
    try:
        theme.apply(app, dark)
        repaint()
        yield
    finally:
        theme.apply(app, was)
        repaint()
