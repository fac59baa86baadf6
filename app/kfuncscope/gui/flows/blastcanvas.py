# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The blast radius on screen: before at the left, what is assumed in the middle, after at the right, and a counter."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent

from kfuncscope.gui import theme
from kfuncscope.gui.flows.blast import Blast, Row
from kfuncscope.gui.graph import accessible
from kfuncscope.gui.graph.paint import curve
from kfuncscope.gui.index import SCALE
from kfuncscope.gui.widgets.words import counted

EDGE, HEAD = 16.0, 92.0
NEED_H = 40.0


class BlastCanvas(accessible.Canvas):
    """``chosen`` names a row; ``share`` (0 to 1) is how much of the change is shown yet."""

    chosen = Signal(int)
    room_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        accessible.install()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(QSize(320, 120))
        self.setAccessibleName(self.tr("Before and after under the assumptions"))
        self.blast = Blast()
        self.needs: list[tuple[str, str]] = []
        self.place = ""  # the architecture that is counted, empty for all
        self.empty_text = ""
        self.share = 1.0
        self.current = -1

    def show_blast(self, blast: Blast, needs: list[tuple[str, str]]) -> None:
        """Show another blast; ``needs`` are names and what is assumed of them."""
        self.blast, self.needs = blast, needs
        self.current = min(self.current, len(blast.rows) - 1)
        self.update()

    def move_to(self, share: float) -> None:
        """Show a part of the change."""
        self.share = share
        self.update()

    # --- geometry ---
    def row_height(self) -> float:
        """What a row needs for its two lines."""
        return QFontMetricsF(theme.mono(0)).height() + QFontMetricsF(theme.ui_font(-1)).height() + 8

    def rows(self) -> int:
        """How many rows fit."""
        return max(2, int((self.height() - HEAD - 8) // self.row_height()))

    def _columns(self) -> tuple[float, float, float, float]:
        """Left and right of the middle column, right edge of the left one, left edge of the right one."""
        wide = float(self.width())
        middle = min(max(wide * 0.24, 120.0), 280.0)
        side = min(max(wide * 0.27, 110.0), 360.0)
        return (wide - middle) / 2, (wide + middle) / 2, EDGE + side, wide - EDGE - side

    def _row_box(self, number: int, right: bool) -> QRectF:
        _, _, left_end, right_start = self._columns()
        pitch = self.row_height()
        tall = len(self.blast.rows) * pitch
        top = HEAD + max((self.height() - HEAD - 8 - tall) / 2, 0.0) + number * pitch
        box = QRectF(EDGE, top, left_end - EDGE, pitch - 6)
        return QRectF(right_start, top, box.width(), pitch - 6) if right else box

    def _need_box(self, number: int) -> QRectF:
        start, end, _, _ = self._columns()
        room = min(NEED_H + 10, (self.height() - HEAD) / max(len(self.needs), 1))
        top = HEAD + (self.height() - HEAD - room * len(self.needs)) / 2
        return QRectF(start, top + number * room, end - start, min(NEED_H, room - 2))

    # --- words ---
    def counter(self) -> tuple[str, str]:
        """The number that counts up, and the line below it."""
        blast = self.blast
        number = round((blast.fresh or -blast.mended) * self.share)
        one = abs(blast.fresh or blast.mended) == 1
        if blast.fresh:
            what = self.tr("program breaks newly") if one else self.tr("programs break newly")
        else:
            what = self.tr("program no longer breaks") if one else self.tr("programs no longer break")
        if not blast.fresh and not blast.mended:
            what = self.tr("no program begins or ceases to break")
        touched = counted(blast.touched, self.tr("program"), self.tr("programs"))
        more = self.tr("{0} touched").format(touched)
        if blast.fresh and blast.mended:
            more += " · " + self.tr("{0} no longer break").format(blast.mended)
        if self.place:
            what = self.tr("{0} on {1}").format(what, self.place)
        return f"{number:+,}".replace("-", "−") if number else "0", f"{what} · {more}"

    def row_name(self, row: Row) -> str:
        """What a row is of."""
        return row.label or self.tr("all that is touched")

    def _more(self, row: Row, after: bool) -> str:
        verdict = theme.WORDS[SCALE[row.after if after else row.before]]
        if self.blast.groups == "program":
            return f"{verdict} · {row.more}"
        if after and row.fresh:
            return self.tr("{0} of {1} break newly").format(f"{row.fresh:,}", f"{row.programs:,}")
        number = counted(row.programs, self.tr("program"), self.tr("programs"))
        return f"{verdict} · {number}"

    # --- painting ---
    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = theme.look()
        painter.fillRect(self.rect(), QColor(c.panel))
        if not self.needs:
            painter.setPen(QColor(c.muted))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(40, 0, -40, 0), flags, self.empty_text)
            painter.end()
            return
        self._paint_heads(painter)
        for number, row in sorted(enumerate(self.blast.rows), key=lambda pair: pair[1].fresh > 0):
            self._paint_edges(painter, number, row)
        for number in range(len(self.needs)):
            self._paint_need(painter, number)
        for number, row in enumerate(self.blast.rows):
            self._paint_row(painter, number, row, after=False)
            self._paint_row(painter, number, row, after=True)
        painter.end()

    def _paint_heads(self, painter: QPainter) -> None:
        c, middle = theme.look(), Qt.AlignmentFlag.AlignVCenter
        _, _, _, right = self._columns()
        painter.setFont(theme.ui_font(-1, bold=True))
        painter.setPen(QColor(c.muted))
        painter.drawText(QRectF(EDGE, 68, 200, 20), middle, self.tr("BEFORE"))
        painter.drawText(QRectF(right, 68, 200, 20), middle, self.tr("AFTER"))
        number, words = self.counter()
        painter.setFont(theme.ui_font(14, bold=True))
        bad = self.blast.fresh > 0
        painter.setPen(QColor(c.verdicts[SCALE[-1]] if bad else c.text))
        across = Qt.AlignmentFlag.AlignHCenter | middle
        painter.drawText(QRectF(0, 4, self.width(), 40), across, number)
        painter.setFont(theme.ui_font())
        painter.setPen(QColor(c.muted))
        painter.drawText(QRectF(0, 44, self.width(), 22), across, words)

    def _paint_edges(self, painter: QPainter, number: int, row: Row) -> None:
        c = theme.look()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for need in range(len(self.needs)):
            box = self._need_box(need)
            left, right = self._row_box(number, False), self._row_box(number, True)
            painter.setPen(theme.pen(c.line, 1.2))
            painter.drawPath(curve(left.right(), left.center().y(), box.left(), box.center().y()))
            path = curve(box.right(), box.center().y(), right.left(), right.center().y())
            colour = theme.colour(SCALE[row.after]) if row.after != row.before else QColor(c.line)
            if row.fresh:
                glow = QColor(colour)
                glow.setAlphaF(0.22 * self.share)
                painter.setPen(QPen(glow, 9.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
                painter.drawPath(path)
            pen = theme.pen(colour.name(), 2.4 if row.fresh else 1.3)
            if row.after != row.before and self.share < 1.0:
                pen.setDashPattern([path.length() * self.share / pen.widthF(), 1e4])
            painter.setPen(pen)
            painter.drawPath(path)

    def _paint_need(self, painter: QPainter, number: int) -> None:
        c, (name, assumed) = theme.look(), self.needs[number]
        box = self._need_box(number)
        painter.setPen(theme.pen(c.accent, 2.0))
        painter.setBrush(QColor(c.selection))
        painter.drawRoundedRect(box, 6, 6)
        mono = theme.mono(0)
        painter.setFont(mono)
        painter.setPen(QColor(c.text))
        inner, across = box.adjusted(8, 2, -8, -2), Qt.AlignmentFlag.AlignHCenter
        text = QFontMetricsF(mono).elidedText(name, Qt.TextElideMode.ElideMiddle, inner.width())
        painter.drawText(inner, across | Qt.AlignmentFlag.AlignTop, text)
        if box.height() >= NEED_H - 1:
            painter.setFont(theme.ui_font(-1))
            painter.setPen(QColor(c.muted))
            painter.drawText(inner, across | Qt.AlignmentFlag.AlignBottom, assumed)

    def _paint_row(self, painter: QPainter, number: int, row: Row, after: bool) -> None:
        c, box = theme.look(), self._row_box(number, after)
        code = row.after if after else row.before
        shown = SCALE[code if not after or self.share >= 0.5 else row.before]
        fresh = after and row.fresh > 0
        painter.setPen(theme.pen(theme.colour(shown).name() if fresh else c.line, 2.0 if fresh else 1.0))
        painter.setBrush(theme.tint(shown))
        painter.drawRoundedRect(box, 5, 5)
        if number == self.current and self.hasFocus():
            painter.setPen(theme.pen(c.accent, 1.6))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(-2, -2, 2, 2), 6, 6)
        theme.draw_glyph(painter, shown, box.left() + 14, box.center().y(), 11)
        words = box.adjusted(28, 1, -6, -1)
        mono, small = theme.mono(0), theme.ui_font(-1)
        for font, ink, text, place in (
            (mono, c.text, self.row_name(row), Qt.AlignmentFlag.AlignTop),
            (small, c.muted, self._more(row, after), Qt.AlignmentFlag.AlignBottom),
        ):
            painter.setFont(font)
            painter.setPen(QColor(ink))
            painter.drawText(
                words, place, QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideMiddle, words.width())
            )

    # --- events ---
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.room_changed.emit()

    def row_at(self, point: QPointF) -> int:
        """The row under a point, -1 for none."""
        for number in range(len(self.blast.rows)):
            if any(self._row_box(number, right).contains(point) for right in (False, True)):
                return number
        return -1

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        number = self.row_at(event.position())
        if event.button() is Qt.MouseButton.LeftButton and number >= 0:
            self.current = number
            self.chosen.emit(number)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
        if step is not None and self.blast.rows:
            self.current = min(max(self.current + step, 0), len(self.blast.rows) - 1)
            self.update()
            self.item_spoken()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current >= 0:
            self.chosen.emit(self.current)
        else:
            super().keyPressEvent(event)

    # --- for assistive technology ---
    def item_count(self) -> int:
        return len(self.blast.rows)

    def item_name(self, number: int) -> str:
        row = self.blast.rows[number]
        before, after = (theme.WORDS[SCALE[code]] for code in (row.before, row.after))
        return self.tr("{0}, before: {1}, after: {2}").format(self.row_name(row), before, after)

    def item_chain(self, number: int) -> str:
        return self._more(self.blast.rows[number], True)

    def item_box(self, number: int) -> QRectF:
        return self._row_box(number, True)

    def item_current(self) -> int:
        return self.current
