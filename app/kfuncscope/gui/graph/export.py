# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The graph as a picture: SVG and PNG of the whole scene, painted by the same code as the screen."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgGenerator

from kfuncscope.gui import theme
from kfuncscope.gui.graph import paint
from kfuncscope.gui.graph.marks import Marks
from kfuncscope.gui.graph.scene import BASE, Scene

HEAD = 56
MOST_EDGES = 4000
LARGEST = 16_000  # pixels along a side: more is refused by common viewers


def logical_dpi() -> int:
    """Dots per inch that letters are laid out for: an SVG made for others has letters too small for its boxes."""
    screen = QGuiApplication.primaryScreen()
    return round(screen.logicalDotsPerInch()) if screen is not None else 96


def _paint(painter: QPainter, scene: Scene, title: str) -> None:
    c = theme.look()
    painter.fillRect(QRectF(0, 0, scene.width, scene.height + HEAD), QColor(c.panel))
    painter.setPen(QColor(c.text))
    painter.setFont(theme.ui_font(1, bold=True))
    painter.drawText(QRectF(16, 8, scene.width - 32, 20), Qt.AlignmentFlag.AlignVCenter, title)
    painter.setFont(theme.ui_font(-1))
    x = 16.0
    for verdict in theme.SHOWN:
        word = theme.WORDS[verdict]
        theme.draw_glyph(painter, verdict, x + 5, 42, 9)
        painter.setPen(QColor(c.muted))
        painter.drawText(QRectF(x + 14, 33, 120, 18), Qt.AlignmentFlag.AlignVCenter, word)
        x += 30 + painter.fontMetrics().horizontalAdvance(word)
    painter.translate(0, HEAD)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    rect = QRectF(0, 0, scene.width, scene.height)
    edges = paint.visible_edges(scene, rect)
    if len(edges) <= MOST_EDGES:
        paint.paint_edges(painter, scene, edges, 1.0)
    else:
        paint.paint_bundles(painter, paint.bundle(scene, rect, 1.0, 24.0))
    paint.NodePainter().paint(painter, scene, rect, 1.0, Marks())


def _placed(scene: Scene) -> tuple[object, object, object, float]:
    before = (scene.x, scene.w, scene.y, scene.width)
    scene.stretch(BASE + 120)
    scene.settle()
    return before


def _put_back(scene: Scene, before: tuple[object, object, object, float]) -> None:
    scene.x, scene.w, scene.y, scene.width = before  # type: ignore[assignment]


def svg(scene: Scene, path: str | Path, title: str) -> None:
    """Write the whole scene as SVG. Raises OSError where the file cannot be written."""
    before = _placed(scene)
    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setTitle(title)
    generator.setDescription(
        "BPF objects, their programs and what they need; coloured by what the upgrade does to them"
    )
    generator.setResolution(logical_dpi())
    generator.setSize(QSize(round(scene.width), round(scene.height) + HEAD))
    generator.setViewBox(QRectF(0, 0, scene.width, scene.height + HEAD))
    painter = QPainter()
    try:
        if not painter.begin(generator):
            raise OSError(f"cannot write {path}")
        _paint(painter, scene, title)
    finally:
        painter.end()
        _put_back(scene, before)


def scale_of(scene: Scene, wanted: float = 2.0) -> float:
    """Pixels a unit in a PNG of the whole scene: ``wanted``, less where it would be larger than such a file may be."""
    return min(wanted, LARGEST / max(scene.height + HEAD, BASE + 120))


def png(scene: Scene, path: str | Path, title: str, scale: float = 2.0) -> None:
    """Write the whole scene as PNG, ``scale`` pixels a unit (less for very tall graphs). Raises OSError on failure."""
    before = _placed(scene)
    try:
        scale = scale_of(scene, scale)
        size = QSize(round(scene.width * scale), round((scene.height + HEAD) * scale))
        image = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
        painter = QPainter(image)
        painter.scale(scale, scale)
        _paint(painter, scene, title)
        painter.end()
    finally:
        _put_back(scene, before)
    if not image.save(str(path)):
        raise OSError(f"cannot write {path}")
