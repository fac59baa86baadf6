# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Palettes and shapes of the window: own light and dark palettes, every text at 4.5:1 or better.

A verdict is always shown by shape and word as well as by colour. The style is Fusion with an own QPalette, because
QStyleHints.setColorScheme has no effect on bare X11 and offscreen; the system's scheme only chooses between the two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontDatabase,
    QFontInfo,
    QGuiApplication,
    QIcon,
    QPainter,
    QPainterPath,
    QPalette,
    QPen,
    QPixmap,
    QPolygonF,
)
from PySide6.QtWidgets import QApplication

from kfuncscope.model.looks import LOOKS
from kfuncscope.model.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Palette:
    """One palette by role, colours as ``#rrggbb``."""

    name: str
    window: str
    panel: str
    toolbar: str
    line: str
    strong_line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    selection: str
    code: str
    removed: str
    added: str
    verdicts: dict[Verdict, str]
    tints: dict[Verdict, str]

    @property
    def dark(self) -> bool:
        """Whether this is the dark palette."""
        return self.name == "dark"


V = Verdict
# What is fine has no tint of its own: it stands on the panel's ground.
LIGHT = Palette(
    "light", "#f5f6f8", "#ffffff", "#eceff3", "#d9dde3", "#aab3bf", "#1c2430", "#566476", "#2a62d9", "#ffffff",
    "#e4edff", "#f3f5f8", "#fbd5cd", "#cdeed9",
    {v: look.light[0] for v, look in LOOKS.items()},
    {v: look.light[1] for v, look in LOOKS.items()} | {V.OK: "#ffffff"},
)  # fmt: skip
DARK = Palette(
    "dark", "#171b21", "#1f252d", "#1b2027", "#333c48", "#576373", "#e6eaf0", "#9aa7b8", "#7aa5ff", "#10151c",
    "#263a5e", "#161a20", "#5c2a22", "#1d4a36",
    {v: look.dark[0] for v, look in LOOKS.items()},
    {v: look.dark[1] for v, look in LOOKS.items()} | {V.OK: "#1f252d"},
)  # fmt: skip

WORDS: dict[Verdict, str] = {v: look.word for v, look in LOOKS.items()}
SHORT: dict[Verdict, str] = {v: look.short or look.word for v, look in LOOKS.items()}
MEANING: dict[Verdict, str] = {v: look.meaning for v, look in LOOKS.items()}
SHOWN: tuple[Verdict, ...] = tuple(LOOKS)
GLYPHS: dict[Verdict, str] = {v: look.glyph for v, look in LOOKS.items()}

# Told apart by lightness and by blue against yellow, which deuteranopes and protanopes see; a test measures it.
SAFE_LIGHT = replace(LIGHT, verdicts=LIGHT.verdicts | {
    V.BREAKS: "#3c0901", V.SILENT: "#9223f6", V.RISK: "#8d5a0f", V.DEGRADES: "#0b2c65", V.OK: "#1c7c76",
    V.FIXED: "#19716c",
})  # fmt: skip
SAFE_DARK = replace(DARK, verdicts=DARK.verdicts | {
    V.BREAKS: "#d98269", V.SILENT: "#ca66fe", V.RISK: "#e8ac35", V.DEGRADES: "#b2cafd", V.OK: "#5ffed2",
    V.FIXED: "#5ffed2",
})  # fmt: skip

STYLED = "kfuncscope-styled"  # property of an application that has the style

_current, _safe = LIGHT, False


def look() -> Palette:
    """The palette in use."""
    return _current


def system_is_dark() -> bool:
    """What the system asks for, as far as Qt can tell."""
    return QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours as WCAG 2 defines it, 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def colour(verdict: Verdict) -> QColor:
    """The colour of a verdict's shape and border."""
    return QColor(_current.verdicts[verdict])


def tint(verdict: Verdict) -> QColor:
    """The background of things with that verdict."""
    return QColor(_current.tints[verdict])


def glyph_path(verdict: Verdict, size: float) -> QPainterPath:
    """The shape of a verdict centred on the origin, ``size`` across, to be filled."""
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.OddEvenFill)
    h = size / 2
    if verdict is V.BREAKS:
        path.addRect(QRectF(-h * 0.86, -h * 0.86, size * 0.86, size * 0.86))
    elif verdict is V.ALREADY_BROKEN:
        path.addRect(QRectF(-h * 0.9, -h * 0.9, size * 0.9, size * 0.9))
        path.addRect(QRectF(-h * 0.5, -h * 0.5, size * 0.5, size * 0.5))
    elif verdict is V.RISK:
        path.addPolygon(QPolygonF([QPointF(0, -h), QPointF(h * 1.08, h * 0.88), QPointF(-h * 1.08, h * 0.88)]))
    elif verdict is V.DEGRADES:
        path.addPolygon(
            QPolygonF([QPointF(0, -h * 1.1), QPointF(h * 1.1, 0), QPointF(0, h * 1.1), QPointF(-h * 1.1, 0)])
        )
    elif verdict is V.OK:
        path.addEllipse(QPointF(0, 0), h * 0.9, h * 0.9)
    elif verdict is V.SILENT:
        path.addPolygon(_cross(h))
    elif verdict is V.FIXED:
        path.addPolygon(QPolygonF([QPointF(x * h, y * h) for x, y in _TICK]))
    else:
        font = QFont(QGuiApplication.font())
        font.setPixelSize(max(1, round(size * 1.25)))
        font.setBold(True)
        path.addText(0, 0, font, "?")
        path.translate(-path.boundingRect().center())
    path.closeSubpath()
    return path


_TICK = ((-1.0, 0.1), (-0.62, -0.28), (-0.3, 0.06), (0.66, -0.86), (1.0, -0.5), (-0.3, 0.82))


def _cross(h: float) -> QPolygonF:
    thick = 0.34 * h
    pts = []
    for sx, sy in ((1, -1), (1, 1), (-1, 1), (-1, -1)):
        tip, bar = h * 0.95, thick
        if sx * sy < 0:
            pts += [
                QPointF(sx * (tip - bar), sy * tip),
                QPointF(sx * tip, sy * (tip - bar)),
                QPointF(sx * bar * 1.0, 0),
            ]
        else:
            pts += [
                QPointF(sx * tip, sy * (tip - bar)),
                QPointF(sx * (tip - bar), sy * tip),
                QPointF(0, sy * bar * 1.0),
            ]
    return QPolygonF(pts)


def draw_glyph(painter: QPainter, verdict: Verdict, x: float, y: float, size: float) -> None:
    """Paint the shape of a verdict around a point."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(x, y)
    painter.fillPath(glyph_path(verdict, size), QBrush(colour(verdict)))
    painter.restore()


_icons: dict[tuple[str, bool, Verdict], QIcon] = {}


def icon(verdict: Verdict) -> QIcon:
    """The shape of a verdict as an icon, in three sizes."""
    key = (_current.name, _safe, verdict)
    if key not in _icons:
        made = QIcon()
        for size in (16, 32, 48):
            pixmap = QPixmap(size, size)
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            draw_glyph(painter, verdict, size / 2, size / 2, size * 0.62)
            painter.end()
            for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):  # a selected row does not wash the colour out
                made.addPixmap(pixmap, mode)
        _icons[key] = made
    return _icons[key]


def mono(delta: float = 0.0) -> QFont:
    """The fixed-width font at the size of the application font plus ``delta`` points."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    base = QGuiApplication.font().pointSizeF()
    font.setPointSizeF(max(6.0, base + delta))
    font.setStyleHint(QFont.StyleHint.Monospace)
    return font


def ui_font(delta: float = 0.0, bold: bool = False) -> QFont:
    """The application font at another size or weight."""
    font = QFont(QGuiApplication.font())
    font.setPointSizeF(max(6.0, font.pointSizeF() + delta))
    if bold:
        font.setWeight(QFont.Weight.DemiBold)
    return font


def scale() -> float:
    """How large the application font is beside the one the window was drawn for (13 pixels)."""
    return max(0.8, QFontInfo(QGuiApplication.font()).pixelSize() / 13.0)


def choose_font(app: QApplication, percent: int = 100) -> None:
    """Keep the system's font; where that is the wide DejaVu Sans of a bare machine take its condensed width.

    ``percent`` is how large a person wants it beside that.
    """
    font = app.font()
    if QFontInfo(font).family() == "DejaVu Sans" and "DejaVu Sans Condensed" in QFontDatabase.families():
        font.setFamilies(["DejaVu Sans Condensed"])
        font.setPointSizeF(max(font.pointSizeF(), 9.5))
        app.setFont(font)
    if percent != 100:
        font.setPointSizeF(font.pointSizeF() * percent / 100)
        app.setFont(font)


def qpalette(use: Palette) -> QPalette:
    """The Qt palette of a look."""
    palette = QPalette()
    role = QPalette.ColorRole
    pairs = {
        role.Window: use.window, role.WindowText: use.text, role.Base: use.panel, role.AlternateBase: use.window,
        role.Text: use.text, role.Button: use.panel, role.ButtonText: use.text, role.BrightText: use.text,
        role.Highlight: use.selection, role.HighlightedText: use.text, role.ToolTipBase: use.panel,
        role.ToolTipText: use.text, role.PlaceholderText: use.muted, role.Link: use.accent,
        role.LinkVisited: use.accent, role.Light: use.panel, role.Midlight: use.line, role.Mid: use.line,
        role.Dark: use.strong_line, role.Shadow: use.strong_line, role.Accent: use.accent,
    }  # fmt: skip
    for each, value in pairs.items():
        palette.setColor(each, QColor(value))
    for each in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, each, QColor(use.muted))
    return palette


def apply(app: QApplication, dark: bool | None = None, safe: bool = False) -> Palette:
    """Dress the application light or dark (None: as the system asks), and ``safe`` for colour-blind people.

    The style sheet is the window's own: set once it is built, it is worked through once and not at every step.
    """
    global _current, _safe
    _safe = safe
    pair = (SAFE_LIGHT, SAFE_DARK) if _safe else (LIGHT, DARK)
    _current = pair[system_is_dark() if dark is None else dark]
    if not app.property(STYLED):
        app.setStyle("Fusion")
        app.setProperty(STYLED, True)
    app.setPalette(qpalette(_current))
    return _current


def pen(hex_colour: str, width: float = 1.0) -> QPen:
    """A cosmetic-looking round pen."""
    made = QPen(QColor(hex_colour), width)
    made.setCapStyle(Qt.PenCapStyle.RoundCap)
    return made


def funnel_icon(on: bool) -> QIcon:
    """A funnel, in the accent colour when it is on."""
    pixmap = QPixmap(32, 32)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen(_current.accent if on else _current.muted, 2.6))
    painter.setBrush(QColor(_current.accent) if on else Qt.BrushStyle.NoBrush)
    points = ((5, 7), (27, 7), (19, 17), (19, 26), (13, 23), (13, 17))
    painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in points]))
    painter.end()
    return QIcon(pixmap)
