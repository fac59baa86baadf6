# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The strip on top: the decision first, then one card per architecture. A click on a card narrows everything to it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.frame.spoken import spoken
from kfuncscope.gui.index import AFFECTED, CODE, Index
from kfuncscope.gui.store import Store
from kfuncscope.model.verdict import Verdict

if TYPE_CHECKING:
    from kfuncscope.decision.gate import Decision

Counts = Counter[Verdict]
HEIGHT = 78
MOST = 400  # pixels that the decision takes for its reasons, in a window that is ROOMY
ROOMY = 1200
SOME = 286  # and in one that is not
INFERRED = 150  # pixels that the card of inferred architectures takes at least


def leading(counts: Counts) -> Verdict:
    """The verdict that the card counts: the worst that any program has."""
    scale = (Verdict.BREAKS, Verdict.SILENT, Verdict.RISK, Verdict.DEGRADES, Verdict.UNKNOWN)
    return next((verdict for verdict in scale if counts[verdict]), Verdict.OK if counts else Verdict.UNKNOWN)


def counts_text(counts: Counts) -> str:
    """Counts in words, for assistive technology and tooltips."""
    return ", ".join(f"{theme.WORDS[v]} {counts[v]}" for v in theme.SHOWN if counts[v]) or "no programs"


def change_text(now: Counts, before: Counts | None) -> str:
    """What changed since the last run: ``+2 break, −1 risk``; empty where nothing did or there was none."""
    if before is None:
        return ""
    parts = [
        f"{now[v] - before[v]:+,d} {theme.WORDS[v].lower()}".replace("-", "−")
        for v in theme.SHOWN
        if now[v] != before[v] and v is not Verdict.OK
    ]
    return ", ".join(parts)


class LaneCard(QAbstractButton):
    """One architecture: a bar of its programs and the counts."""

    def __init__(self, label: str, counts: Counts, change: str, releases: str) -> None:
        super().__init__()
        self._counts, self._change, self._releases = counts, change, releases
        self._label = label
        self.setText(label)
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT)
        self.setMinimumWidth(116)  # five of them in a window of 960 pixels
        tip = f"{label}  {releases}\n{counts_text(counts)}" + (f"\nsince the last run: {change}" if change else "")
        self.setToolTip(tip)
        self.setAccessibleName(f"{label}: {counts_text(counts)}")

    def sizeHint(self) -> QSize:
        return QSize(200, HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:
        c = theme.look()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.isChecked() or self.underMouse():
            painter.fillRect(self.rect(), QColor(c.selection))
        painter.fillRect(QRectF(0, 0, 1, self.height()), QColor(c.line))
        painter.setFont(theme.mono())
        painter.setPen(QColor(c.text))
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip
        painter.drawText(QRectF(14, 8, self.width() - 24, 18), middle, self._label)
        if self._change:
            painter.setFont(theme.ui_font(-1))
            painter.setPen(QColor(c.muted))
            left, text = self.change_shown()
            painter.drawText(QRectF(left, 8, self.width() - left - 6, 18), Qt.AlignmentFlag.AlignVCenter, text)
        self._paint_bar(painter, self.bar())
        self._paint_counts(painter, 14, 58)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(theme.pen(c.accent, 1.5))
            painter.drawRect(self.rect().adjusted(2, 2, -3, -3))
        painter.end()

    def bar(self) -> QRectF:
        """Where the shares are: as wide as the card, so that no end of it looks like what is left to do."""
        return QRectF(14, 31, self.width() - 28, 8)

    def change_shown(self) -> tuple[int, str]:
        """Where what changed begins, and as much of it as has room, with a mark where that is not all."""
        left = 22 + QFontMetrics(theme.mono()).horizontalAdvance(self._label)
        metrics = QFontMetrics(theme.ui_font(-1))
        return left, metrics.elidedText(self._change, Qt.TextElideMode.ElideRight, self.width() - left - 8)

    def _paint_bar(self, painter: QPainter, rect: QRectF) -> None:
        """Shares of the verdicts; every one that occurs gets at least three pixels."""
        total = sum(self._counts.values())
        if not total:
            return
        present = [v for v in theme.SHOWN if self._counts[v]]
        room = rect.width() - 1.0 * (len(present) - 1)
        widths = [max(4.0, room * self._counts[v] / total) for v in present]
        excess = sum(widths) - room
        widths[widths.index(max(widths))] -= excess
        x = rect.left()
        for verdict, width in zip(present, widths, strict=True):
            colour = theme.colour(verdict)
            if verdict in (Verdict.OK, Verdict.FIXED, Verdict.ALREADY_BROKEN):
                colour.setAlphaF(0.55)
            painter.fillRect(QRectF(x, rect.top(), width, rect.height()), colour)
            x += width + 1.0

    def _paint_counts(self, painter: QPainter, x: float, y: float) -> None:
        painter.setFont(theme.ui_font())
        metrics = painter.fontMetrics()
        if not sum(self._counts.values()):
            painter.setPen(QColor(theme.look().muted))
            text = metrics.elidedText(
                self.tr("no program for it"), Qt.TextElideMode.ElideRight, int(self.width() - x - 4)
            )
            painter.drawText(QRectF(x, y - 10, self.width() - x, 20), Qt.AlignmentFlag.AlignVCenter, text)
        shown, gap = self.counts_shown()
        present = [v for v in theme.SHOWN if self._counts[v]]
        for verdict in shown:
            text = f"{self._counts[verdict]:,}"
            width = metrics.horizontalAdvance(text)
            theme.draw_glyph(painter, verdict, x + 5, y, 9)
            painter.setPen(QColor(theme.look().text))
            painter.drawText(QRectF(x + 14, y - 10, width + 4, 20), Qt.AlignmentFlag.AlignVCenter, text)
            x += 14 + width + gap
        if len(shown) < len(present):
            painter.setPen(QColor(theme.look().muted))
            rest = QRectF(x, y - 10, self.width() - x, 20)
            painter.drawText(rest, Qt.AlignmentFlag.AlignVCenter, f"+{len(present) - len(shown)}…")

    def counts_shown(self) -> tuple[list[Verdict], int]:
        """The verdicts whose counts find room, the worst first, and the pixels between them: closer before fewer."""
        advance = QFontMetrics(theme.ui_font()).horizontalAdvance
        present = [v for v in theme.SHOWN if self._counts[v]]
        wide = [14 + advance(f"{self._counts[v]:,}") for v in present]
        room = self.width() - 14 - 4
        for gap in (8, 6, 4):
            if sum(wide) + gap * (len(wide) - 1) <= room:
                return present, gap
        number, taken = 0, 0
        while number < len(wide) and taken + wide[number] + 6 + advance(f"+{len(wide) - number}…") <= room:
            taken += wide[number] + 6
            number += 1
        return present[:number], 6


class DecisionCard(QAbstractButton):
    """The upgrade in two words and why; a click shows all architectures again."""

    def __init__(self) -> None:
        super().__init__()
        self._word, self._verdict, self._lines = "", Verdict.UNKNOWN, ["", ""]
        self.setFixedHeight(HEIGHT)
        self._least = round(262 * max(1.0, theme.scale()) ** 0.6)
        self.setFixedWidth(self._least)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_(self, word: str, verdict: Verdict, lines: list[str]) -> None:
        """Set what the card says."""
        self._word, self._verdict, self._lines = word, verdict, lines
        metrics = QFontMetrics(theme.ui_font(-0.5))
        wanted = max(metrics.horizontalAdvance(line) for line in lines) + 30
        self.setFixedWidth(max(self._least, min(wanted, MOST if self.window().width() >= ROOMY else SOME)))
        self.setAccessibleName(". ".join([word, *lines]))
        self.setToolTip("\n".join([word, *lines, self.tr("Click to show all architectures")]))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        c = theme.look()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme.draw_glyph(painter, self._verdict, 22, 20, 13)
        painter.setPen(theme.colour(self._verdict))
        font = theme.ui_font(2.5 if len(self._word) > 17 else 4, bold=True)
        painter.setFont(font)
        painter.drawText(QRectF(36, 8, self.width() - 42, 24), Qt.AlignmentFlag.AlignVCenter, self._word)
        painter.setFont(theme.ui_font(-0.5))
        painter.setPen(QColor(c.muted))
        high = max(18, painter.fontMetrics().height() - 1)
        for i, line in enumerate(self._lines[:2]):
            fitted = painter.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, self.width() - 24)
            middle = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip
            painter.drawText(QRectF(15, 52 - high + high * i, self.width() - 20, high), middle, fitted)
        if self.hasFocus():
            painter.setPen(theme.pen(c.accent, 1.5))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(2, 2, -3, -3), 5, 5)
        painter.end()


class InferredCard(QLabel):
    """All architectures that were only inferred, on one card; it decides nothing and narrows to nothing."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self._line = line
        self.setFont(theme.ui_font(-1))
        self.setContentsMargins(14, 6, 10, 6)
        self.setFixedHeight(HEIGHT)
        self.setMinimumWidth(INFERRED)
        self.setToolTip(line)
        self.setAccessibleName(line)

    def sizeHint(self) -> QSize:
        return QSize(300, HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.setText("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """The line as it is shown: broken where there is room for it, with a mark where that is not all."""
        metrics = QFontMetrics(self.font())
        wide, most = self.contentsRect().width(), max(1, self.contentsRect().height() // metrics.lineSpacing())
        lines: list[str] = []
        for word in self._line.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and (len(lines) == most or metrics.horizontalAdvance(longer) <= wide):
                lines[-1] = longer
            else:
                lines.append(word)
        return [metrics.elidedText(one, Qt.TextElideMode.ElideRight, wide) for one in lines]


class SummaryStrip(QFrame):
    """Decision card and lane cards in one row, scrolling sideways when there are many."""

    lane_chosen = Signal(str)

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.setObjectName("card")
        self._store = store
        self.before: dict[str, Counts] = {}
        self._lines: list[str] = []
        self._decided: tuple[Index, Decision] | None = None
        self.decision = DecisionCard()
        self.decision.clicked.connect(lambda: self.lane_chosen.emit(""))
        self.cards: list[LaneCard] = []
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setFixedHeight(HEIGHT)
        row = QHBoxLayout(self)
        row.setContentsMargins(1, 1, 1, 1)
        row.setSpacing(0)
        row.addWidget(self.decision)
        row.addWidget(self._scroll, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        store.analysis_changed.connect(self.refresh)
        store.filters_changed.connect(self._mark)

    def refresh(self) -> None:
        """Rebuild the cards from the index."""
        index = self._store.index
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.cards = []
        if index is None:  # never the decision of what was there before
            self._lines = []
            self.decision.show_(self.tr("Not judged yet"), Verdict.UNKNOWN, ["", ""])
        else:
            self._decide(index)
            for lane, arch in enumerate(index.analysis.arches):
                counts = index.counts(lane)
                change = change_text(counts, self.before.get(index.lanes[lane]))
                card = LaneCard(index.lanes[lane], counts, change, f"{arch.old.release} → {arch.new.release}")
                card.clicked.connect(lambda _=False, name=index.lanes[lane]: self.lane_chosen.emit(name))
                row.addWidget(card, 1)
                self.cards.append(card)
            if index.inferred:
                row.addWidget(InferredCard(index.inferred), 1)
        self._scroll.setWidget(holder)
        self._mark()

    def _decide(self, index: Index) -> None:
        """What the counts say; the decision itself comes from the policy (``show_decision``) and is never guessed."""
        counts = index.decisive()
        verdict = leading(counts)
        lanes = index.overall
        bad = [lane for lane in range(lanes) if (index.prog_verdict[:, lane] == CODE[verdict]).any()]
        number = counts[verdict]
        noun = self.tr("program") if number == 1 else self.tr("programs")
        if verdict is Verdict.OK:
            first = self.tr("all {0} programs work as before").format(f"{sum(counts.values()):,}")
        elif not counts:
            first = self.tr("no program was judged")
        else:
            does = {Verdict.BREAKS: self.tr("break")}.get(verdict, theme.WORDS[verdict].lower() + ":")
            if number == 1 and verdict is Verdict.BREAKS:
                does = self.tr("breaks")
            said = f"{number:,} {noun} {does}" if verdict is Verdict.BREAKS else f"{does} {number:,} {noun}"
            alone = self.tr("{0}, on {1}").format(said, index.lanes[0]) if lanes == 1 else ""
            first = alone or self.tr("{0}, on {1} of {2} architectures").format(said, len(bad), lanes)
        not_checked = len(index.unchecked)
        rest = sum(n for v, n in counts.items() if AFFECTED <= CODE[v] < CODE[verdict] and v is not Verdict.UNKNOWN)
        second = []
        if rest:
            second.append(self.tr("{0} more affected").format(f"{rest:,}"))
        second.append(
            self.tr("{0} not checked").format(f"{not_checked:,}") if not_checked else self.tr("everything checked")
        )
        if index.analysis.whatif:
            second.insert(0, self.tr("WHAT-IF"))
        self._lines = [first, " · ".join(second)]
        self.decision.show_(self.tr("Deciding…"), verdict, self._lines)
        if self._decided is not None and self._decided[0] is index:  # painted again, in other colours or letters
            self.show_decision(self._decided[1])

    def show_decision(self, decided: Decision) -> None:
        """The decision, as every report and the command line have it."""
        if not self._lines or self._store.index is None:
            return
        from kfuncscope.report.words import STATES  # brings the engine along

        self._decided = self._store.index, decided
        lines = list(self._lines)
        number = len(decided.tolerated)
        if number:
            lines[1] = self.tr("tolerated by waivers: {0}").format(number) + " · " + lines[1]
        self.decision.show_(spoken(decided.headline), STATES[decided.state], lines)

    def _mark(self) -> None:
        for lane, card in enumerate(self.cards):
            card.setChecked(lane == self._store.lane)
            card.update()
