# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The ribbon on screen: bands with glyph, name and count at both sides, flows between as wide as their programs."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPaintEngine,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QToolTip

from kfuncscope.gui import theme
from kfuncscope.gui.flows.ribbon import GAP, REST, Band, Flow, Ribbon, columns, place
from kfuncscope.gui.graph import accessible
from kfuncscope.gui.index import AFFECTED, SCALE
from kfuncscope.gui.widgets.words import counted, without_common

BAR = 11.0
EDGE = 14.0
HEAD = 34.0
FOOT = 12.0
MOST = 26  # bands at a side, however much room there is: more are not read at a glance
Side = tuple[int, int]  # 0 left or 1 right, place of the band
NONE: Side = (-1, -1)


class RibbonCanvas(accessible.Canvas):
    """``chosen`` names a band (side, place) or, for both at once, a flow; ``room_changed`` asks for other bands."""

    chosen = Signal(int, int)
    flow_chosen = Signal(int, int)
    room_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        accessible.install()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(QSize(320, 120))
        self.setAccessibleName(self.tr("Packages and the causes that hit them"))
        self.ribbon = Ribbon()
        self.empty_text = ""
        self.lit: Side = NONE
        self.current: Side = NONE
        self._hover: Side = NONE
        self._flow: Flow | None = None
        self._laid_out = 0  # how often
        self._state: tuple[object, ...] = ()
        self._picture = QPixmap()
        self._edges = (150.0, 170.0)
        self._brief = (False, False)  # whether names of a side are without what all of their kind have
        self._measure()

    def show_ribbon(self, ribbon: Ribbon) -> None:
        """Show another ribbon."""
        self.ribbon = ribbon
        self._hover, self._flow = NONE, None
        if not 0 <= self.current[1] < len(self._bands(self.current[0])):
            self.current = NONE
        self._lay_out()

    def draw(self) -> None:
        """Draw now what is shown, so that the turn that paints the whole window has less to do."""
        if self.isVisible():
            self._drawn()

    def light(self, side: Side) -> None:
        """Show which band the selection belongs to."""
        self.lit = side
        self.update()

    # --- geometry ---
    def lines(self) -> tuple[float, float]:
        """The height of a band with one line of words, and with two."""
        return self._lines

    def _measure(self) -> None:
        """Take the letters of the window as they are now: asking for them at every word takes its time."""
        self._mono, self._small = theme.mono(0), theme.ui_font(-0.5)
        one = QFontMetricsF(self._mono).height()
        self._lines = one + 4, one + QFontMetricsF(self._small).height() + 5

    def rows(self) -> int:
        """How many bands fit at each side."""
        return min(MOST, max(2, int((self._room() + GAP) // (self.lines()[0] + GAP))))

    def _room(self) -> float:
        return max(40.0, self.height() - HEAD - FOOT)

    def _columns(self) -> tuple[float, float]:
        """The right edge of the words at the left, the left edge of those at the right."""
        return self._edges

    def _fit_columns(self) -> None:
        """After the bands are placed: how high they are decides whether a name shares its line with a number."""
        name, small = QFontMetricsF(self._mono).horizontalAdvance, QFontMetricsF(self._small)
        needs = []
        for side in (0, 1):
            words = [0.0]
            for number, band in enumerate(self._bands(side)):
                at, first = (side, number), name(self.name_of((side, number)))
                if self._two(QRectF(0, 0, 0, band.h)):
                    words.append(max(first, small.horizontalAdvance(self.more_of(at))))
                else:
                    words.append(first + 8 + small.horizontalAdvance(self._short(at)))
            needs.append(max(words) + EDGE + 26 + 2 * side)
        self._edges = columns(float(self.width()), *needs)
        self._brief = self._edges[0] < needs[0], self.width() - self._edges[1] < needs[1]

    def _lay_out(self) -> None:
        self._laid_out += 1
        self._measure()
        one, two = self.lines()
        room = self._room()

        def least(bands: list[Band]) -> float:
            return two if len(bands) * (two + GAP) - GAP <= room else one

        place(self.ribbon, room, (least(self.ribbon.left), least(self.ribbon.right)))
        self._fit_columns()
        self.update()

    def _bands(self, side: int) -> list[Band]:
        return [self.ribbon.left, self.ribbon.right][side] if side >= 0 else []

    def box(self, side: Side) -> QRectF:
        """Bar and words of a band on this widget."""
        band = self._bands(side[0])[side[1]]
        left, right = self._columns()
        if side[0] == 0:
            return QRectF(EDGE, HEAD + band.y, left + BAR - EDGE, band.h)
        return QRectF(right - BAR, HEAD + band.y, self.width() - EDGE - right + BAR, band.h)

    def band_at(self, point: QPointF) -> Side:
        """The band under a point."""
        for side in (0, 1):
            for number in range(len(self._bands(side))):
                if self.box((side, number)).adjusted(0, -GAP / 2, 0, GAP / 2).contains(point):
                    return side, number
        return NONE

    def _flow_at(self, point: QPointF) -> Flow | None:
        return next((f for f in reversed(self.ribbon.flows) if self._path(f).contains(point)), None)

    def _path(self, flow: Flow) -> QPainterPath:
        left, right = self._columns()
        x0, x1 = left + BAR, right - BAR
        bend = (x1 - x0) * 0.5
        path = QPainterPath(QPointF(x0, HEAD + flow.y0))
        path.cubicTo(x0 + bend, HEAD + flow.y0, x1 - bend, HEAD + flow.y1, x1, HEAD + flow.y1)
        path.lineTo(x1, HEAD + flow.y1 + flow.h1)
        low0, low1 = HEAD + flow.y0 + flow.h0, HEAD + flow.y1 + flow.h1
        path.cubicTo(x1 - bend, low1, x0 + bend, low0, x0, low0)
        path.closeSubpath()
        return path

    # --- words ---
    def name_of(self, side: Side) -> str:
        """A band's name; for one that holds what is left, how many that are."""
        band = self._bands(side[0])[side[1]]
        if band.id != REST:
            return band.label or self.tr("loose files")  # those of no package and no folder
        if side[0]:
            return self.tr("{0} more causes").format(band.folded)
        words = {"package": self.tr("packages"), "object": self.tr("objects"), "program": self.tr("programs")}
        return self.tr("{0} more {1}").format(band.folded, words[self.ribbon.groups])

    def more_of(self, side: Side) -> str:
        """What is said about a band below its name."""
        band = self._bands(side[0])[side[1]]
        number = counted(band.programs, self.tr("program"), self.tr("programs"))
        if side[0] == 0:
            if self.ribbon.groups == "program":
                return band.more
            if not band.total:
                return number
            whole = counted(band.total, self.tr("program"), self.tr("programs"))
            return self.tr("{0} of {1}").format(f"{band.programs:,}", whole)
        arches = counted(band.arches, self.tr("architecture"), self.tr("architectures")) if band.arches else ""
        return " · ".join(x for x in (band.more, number, arches) if x)

    def _short(self, side: Side) -> str:
        """What is said where there is one line only."""
        band = self._bands(side[0])[side[1]]
        if side[0]:
            return counted(band.programs, self.tr("program"), self.tr("programs"))
        return f"{band.programs:,}" + (f"/{band.total:,}" if band.total else "")

    def tip(self, side: Side) -> str:
        """All about a band."""
        verdict = theme.WORDS[SCALE[self._bands(side[0])[side[1]].verdict]]
        return f"{self.name_of(side)}\n{verdict} · {self.more_of(side)}"

    # --- painting ---
    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        engine = painter.paintEngine()
        on_screen = engine is not None and engine.type() is QPaintEngine.Type.Raster
        if on_screen and painter.deviceTransform().m11() == self.devicePixelRatioF():
            painter.drawPixmap(0, 0, self._drawn())
        else:  # an export, with more dots or none
            self._paint(painter)
        painter.end()

    def _drawn(self) -> QPixmap:
        """What is on screen, drawn once: drawing its curves is half of what painting a new result takes."""
        ratio = self.devicePixelRatioF()
        state = (self._laid_out, self.size(), ratio, theme.look(), self._hover, self._flow, self._centre(),
                 self.lit, self.current, self.hasFocus(), self.empty_text)  # fmt: skip
        if state != self._state:
            self._state, self._picture = (
                state,
                QPixmap(math.ceil(self.width() * ratio), math.ceil(self.height() * ratio)),
            )
            self._picture.setDevicePixelRatio(ratio)
            self._picture.fill(QColor(theme.look().panel))  # at 1.5 half of its last pixels are outside of the widget
            painter = QPainter(self._picture)
            self._paint(painter)
            painter.end()
        return self._picture

    def _paint(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = theme.look()
        painter.fillRect(self.rect(), QColor(c.panel))
        if not self.ribbon.flows:
            painter.setPen(QColor(c.muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.empty_text)
            return
        self._paint_heads(painter)
        strong = [f for f in self.ribbon.flows if self._is_strong(f)]
        for flow in sorted(self.ribbon.flows, key=lambda f: f.verdict):
            self._paint_flow(painter, flow, 0.62 if flow in strong else 0.14 if strong else 0.32)
        for side in (0, 1):
            for number in range(len(self._bands(side))):
                self._paint_band(painter, (side, number), bool(strong))

    def _centre(self) -> Side:
        return self._hover if self._hover != NONE else self.current if self.hasFocus() and self.current != NONE \
            else self.lit  # fmt: skip

    def _is_strong(self, flow: Flow) -> bool:
        if self._flow is not None:
            return flow is self._flow
        side, number = self._centre()
        return side >= 0 and (flow.left, flow.right)[side] == number

    def _paint_heads(self, painter: QPainter) -> None:
        left, right = self._columns()
        words = {"package": self.tr("PACKAGES"), "object": self.tr("OBJECTS"), "program": self.tr("PROGRAMS")}
        painter.setFont(theme.ui_font(-1, bold=True))
        painter.setPen(QColor(theme.look().muted))
        shown = sum(b.folded or 1 for b in self.ribbon.left)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(EDGE, 0, left, HEAD), middle, f"{words[self.ribbon.groups]}  {shown}")
        painter.drawText(QRectF(right, 0, self.width() - right, HEAD), middle,
                         self.tr("CAUSES  {0}").format(self.ribbon.causes))  # fmt: skip

    def _paint_flow(self, painter: QPainter, flow: Flow, strength: float) -> None:
        fill = theme.colour(SCALE[flow.verdict])
        fill.setAlphaF(strength)
        painter.fillPath(self._path(flow), fill)

    def _paint_band(self, painter: QPainter, side: Side, some: bool) -> None:
        c = theme.look()
        band, box = self._bands(side[0])[side[1]], self.box(side)
        verdict = SCALE[band.verdict]
        bar = QRectF(box.right() - BAR if side[0] == 0 else box.left(), box.top(), BAR, box.height())
        painter.fillRect(bar, theme.colour(verdict))
        words = box.adjusted(0, 0, -BAR - 6, 0) if side[0] == 0 else box.adjusted(BAR + 8, 0, 0, 0)
        if side in (self.lit, self._hover) or (side == self.current and self.hasFocus()):
            painter.setPen(theme.pen(c.accent, 1.6 if side != self._hover else 1.0))
            painter.setBrush(QColor(c.selection))
            painter.drawRoundedRect(words.adjusted(-4, 0, 4, 0), 4, 4)
            painter.setBrush(Qt.BrushStyle.NoBrush)
        if band.verdict >= AFFECTED:
            theme.draw_glyph(painter, verdict, words.left() + 6, self._first_line(words).center().y(), 10)
        self._paint_words(painter, side, words.adjusted(18, 0, 0, 0))

    def _two(self, words: QRectF) -> bool:
        return words.height() + 0.5 >= self.lines()[1]

    def _first_line(self, words: QRectF) -> QRectF:
        """The line of the name: in the middle of a low band, at the top half of words in the middle of a high one."""
        one, two = self.lines()
        if not self._two(words):
            return words
        return QRectF(words.left(), words.center().y() - two / 2, words.width(), one)

    def _paint_words(self, painter: QPainter, side: Side, words: QRectF) -> None:
        c, middle = theme.look(), Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip
        name, first = self.name_of(side), self._first_line(words)
        name = without_common(name) if self._brief[side[0]] else name
        painter.setFont(self._mono)
        metrics = QFontMetricsF(painter.font())
        elide = Qt.TextElideMode.ElideMiddle
        if self._two(words):
            painter.setPen(QColor(c.text))
            painter.drawText(first, middle, metrics.elidedText(name, elide, first.width()))
            painter.setFont(self._small)
            painter.setPen(QColor(c.muted))
            below = QRectF(words.left(), first.bottom() - 1, words.width(), self.lines()[1] - first.height())
            more = QFontMetricsF(self._small).elidedText(self.more_of(side), Qt.TextElideMode.ElideRight, below.width())
            painter.drawText(below, middle, more)
            return
        tail = self._short(side)
        small = QFontMetricsF(self._small)
        room = words.width() - small.horizontalAdvance(tail) - 8
        band = self._bands(side[0])[side[1]]
        if side[0] and metrics.horizontalAdvance(name) > room:  # the number alone: a name says more than its unit
            tail = f"{band.programs:,}"
            room = words.width() - small.horizontalAdvance(tail) - 8
        if band.id == REST and metrics.horizontalAdvance(name) > room:
            name = f"+{band.folded:,}"  # what they are stands in the heading
        painter.setPen(QColor(c.text))
        painter.drawText(words, middle, metrics.elidedText(name, elide, room))
        painter.setFont(self._small)
        painter.setPen(QColor(c.muted))
        painter.drawText(words, middle | Qt.AlignmentFlag.AlignRight, tail)

    # --- events ---
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._lay_out()
            self.room_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()
        self.room_changed.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hover = self.band_at(event.position())
        flow = self._flow_at(event.position()) if hover == NONE else None
        if (hover, flow) != (self._hover, self._flow):
            self._hover, self._flow = hover, flow
            self.setCursor(Qt.CursorShape.PointingHandCursor if hover != NONE or flow else Qt.CursorShape.ArrowCursor)
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover, self._flow = NONE, None
        self.update()
        super().leaveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        side, flow = self.band_at(event.position()), self._flow_at(event.position())
        if side != NONE:
            self.current = side
            self.chosen.emit(*side)
        elif flow is not None:
            self.flow_chosen.emit(flow.left, flow.right)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        side, number = self.current
        key = event.key()
        if not self.ribbon.flows:
            super().keyPressEvent(event)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and side >= 0:
            self.chosen.emit(side, number)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._go_across(0 if key == Qt.Key.Key_Left else 1)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and side >= 0:
            step = 1 if key == Qt.Key.Key_Down else -1
            self._go((side, min(max(number + step, 0), len(self._bands(side)) - 1)))
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._go((1, 0))
        else:
            super().keyPressEvent(event)

    def _go_across(self, to: int) -> None:
        """Along the widest flow to the other side."""
        side, number = self.current
        if side < 0:
            self._go((to, 0))
        elif side != to:
            ends = [f for f in self.ribbon.flows if (f.left, f.right)[side] == number]
            worst = max(ends, key=lambda f: (f.verdict, f.size), default=None)
            if worst is not None:
                self._go((to, (worst.left, worst.right)[to]))

    def _go(self, side: Side) -> None:
        self.current = side
        self.update()
        self.item_spoken()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            point = QPointF(event.pos())
            side, flow = self.band_at(point), self._flow_at(point)
            if side != NONE:
                QToolTip.showText(event.globalPos(), self.tip(side), self)
            elif flow is not None:
                number = counted(flow.size, self.tr("program"), self.tr("programs"))
                text = f"{self.name_of((0, flow.left))} → {self.name_of((1, flow.right))}\n{number}"
                QToolTip.showText(event.globalPos(), text, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    # --- for assistive technology ---
    def _side(self, number: int) -> Side:
        left = len(self.ribbon.left)
        return (0, number) if number < left else (1, number - left)

    def item_count(self) -> int:
        return len(self.ribbon.left) + len(self.ribbon.right)

    def item_name(self, number: int) -> str:
        side = self._side(number)
        verdict = theme.WORDS[SCALE[self._bands(side[0])[side[1]].verdict]]
        return f"{self.name_of(side)}, {verdict}, {self.more_of(side)}"

    def item_chain(self, number: int) -> str:
        side, place_ = self._side(number)
        ends = [f for f in self.ribbon.flows if (f.left, f.right)[side] == place_]
        names = [self.name_of((1 - side, (f.left, f.right)[1 - side])) for f in ends]
        return (self.tr("hit by {0}") if side == 0 else self.tr("hits {0}")).format(", ".join(names))

    def item_box(self, number: int) -> QRectF:
        return self.box(self._side(number))

    def item_current(self) -> int:
        side, number = self.current if self.current != NONE else self.lit
        return -1 if side < 0 else number + (len(self.ribbon.left) if side else 0)
