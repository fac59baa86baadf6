# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A column of text, declarations, links and buttons that tells about one thing, as wide as the panel it stands in."""

from __future__ import annotations

import html
from collections.abc import Callable

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.widgets import aligned, clight, words
from kfuncscope.model.aligned import Row
from kfuncscope.model.verdict import Verdict

NARROWEST = 220
FACTS = 30
SLACK = 10  # a link knows its style, and with that its margins, only once it is shown
SIDES = 28  # what both margins take


class Link(QPushButton):
    """A name to press and what is to be said about it; what does not fit is left out, the tooltip has it all.

    ``stack`` puts what is said below the name, where a line has no room for both.
    """

    def __init__(self, name: str, more: str = "", verdict: Verdict | None = None) -> None:
        super().__init__()
        self._name, self._more = name, more
        self._stacked = False
        self.setObjectName("link")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        whole = f"{name}   {more}".strip()
        self.setToolTip(whole)
        self.setAccessibleName(whole)
        if verdict is not None:
            self.setIcon(theme.icon(verdict))
            self.setAccessibleName(f"{whole}, {theme.WORDS[verdict]}")
        self._whole = whole
        self.setText(whole)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def stack(self, room: int) -> None:
        """Say the rest in lines of its own, no wider than ``room`` pixels."""
        own = room - (self.sizeHint().width() - self._wide(self._whole)) - SLACK
        self._stacked = True
        self._more = "\n".join(words.filled(self._more, own, self.fontMetrics().horizontalAdvance))
        self.setText(f"{self._name}\n{self._more}")

    def _wide(self, text: str) -> int:
        return max(self.fontMetrics().horizontalAdvance(line) for line in text.split("\n"))

    def sizeHint(self) -> QSize:
        """As wide as the whole text asks for, whatever of it is shown now."""
        whole = f"{self._name}\n{self._more}" if self._stacked else self._whole
        return super().sizeHint() + QSize(self._wide(whole) - self._wide(self.text()), 0)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        metrics = self.fontMetrics()
        if self._stacked:
            room = self.width() - (super().sizeHint().width() - self._wide(self.text()))
            middle, end = Qt.TextElideMode.ElideMiddle, Qt.TextElideMode.ElideRight
            lines = ((self._name, middle), *((line, end) for line in self._more.split("\n")))
            advance, elided = metrics.horizontalAdvance, metrics.elidedText  # which leaves out what fits to the pixel
            self.setText("\n".join(t if advance(t) <= room else elided(t, mode, room) for t, mode in lines))
            return
        room = self.width() - (self.sizeHint().width() - metrics.horizontalAdvance(self._whole))
        left = room - metrics.horizontalAdvance(f"{self._name}   ")
        if room >= metrics.horizontalAdvance(self._whole):
            self.setText(self._whole)
        elif not self._more or left < 50:
            self.setText(metrics.elidedText(self._whole, Qt.TextElideMode.ElideMiddle, room))
        else:  # of a path the end tells more
            mode = Qt.TextElideMode.ElideLeft if "/" in self._more else Qt.TextElideMode.ElideRight
            self.setText(f"{self._name}   {metrics.elidedText(self._more, mode, left)}")


class Words(QLabel):
    """Text of a story. Qt lays text that may break out for several widths to find a good one; a column has its own."""

    def __init__(self, text: str, width: int) -> None:
        super().__init__(text)
        self._room = width
        self._heights: dict[int, int] = {}  # by width: the column, the panel and the scroll bar all ask
        self.setWordWrap(True)
        self.setMinimumWidth(40)

    def sizeHint(self) -> QSize:
        return QSize(self._room, self.heightForWidth(self._room))

    def minimumSizeHint(self) -> QSize:
        return QSize(self.minimumWidth(), self.fontMetrics().height())

    def heightForWidth(self, width: int) -> int:
        known = self._heights.get(width)
        if known is None:
            known = self._heights[width] = super().heightForWidth(width)
        return known

    def changeEvent(self, event: QEvent) -> None:
        self._heights.clear()  # another font, another style
        super().changeEvent(event)


class Story(QWidget):
    """The column; every method adds one piece below the others. ``width`` is that of the panel around it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.setObjectName("story")
        self._width = max(width, NARROWEST)
        self._over = False
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(SIDES // 2, 8, SIDES // 2, 14)
        self._column.setSpacing(5)

    def end(self) -> None:
        """What comes is at the top, what is left stays empty."""
        self._column.addStretch(1)

    def retire(self) -> None:
        """What it leads to may not be there any more: from now on it can be read alone."""
        self._over = True
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def _do(self, then: Callable[[], object]) -> Callable[[bool], None]:
        def act(_checked: bool = False) -> None:
            if not self._over:
                then()

        return act

    def letters(self) -> int:
        """How many letters of code fit a line."""
        return int((self._width - 64) / QFontMetricsF(theme.mono(-1)).horizontalAdvance("0"))

    # --- text ---
    def _label(self, text: str, name: str = "", rich: bool = False) -> QLabel:
        label = Words(text, self._width - SIDES)
        label.setObjectName(name)
        label.setTextFormat(Qt.TextFormat.RichText if rich else Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._column.addWidget(label)
        return label

    def heading(self, text: str) -> None:
        """A small heading; words in capitals are written so, names keep their case."""
        label = self._label(text, "heading")
        label.setFont(theme.ui_font(-1, bold=True))
        label.setContentsMargins(0, 5, 0, 0)

    def title(self, text: str, verdict: Verdict) -> None:
        """A verdict in large letters."""
        label = self._label(f"{theme.GLYPHS[verdict]} {text}", f"verdict-{verdict.name}")
        label.setFont(theme.ui_font(3, bold=True))

    def path(self, text: str, larger: float = -0.5) -> None:
        """A name or a chain of names, which may break after any of its parts."""
        label = self._label("".join(f"{c}\u200b" if c in "_./" else c for c in text))
        label.setFont(theme.mono(larger))

    def text(self, text: str) -> None:
        """A sentence; what stands between backticks is code."""
        self._prose(text)

    def muted(self, text: str) -> None:
        """Something in passing."""
        self._prose(text, "muted").setFont(theme.ui_font(-0.5))

    def _prose(self, text: str, name: str = "") -> QLabel:
        if "`" not in text:
            return self._label(text, name)
        marked = words.prose_html(text, theme.mono().family()).replace("\n", "<br>")
        return self._label(marked, name, rich=True)

    def mono(self, text: str, tip: str = "") -> None:
        """A place in the source."""
        label = self._label(text)
        label.setFont(theme.mono(-0.5))
        label.setToolTip(tip)

    def code(self, text: str) -> None:
        """C, broken to fit, with colours for its words."""
        c = theme.look()
        inks = clight.Inks(c.muted, c.verdicts[Verdict.OK], c.accent)
        self.marked_code(clight.highlighted(words.wrapped(text, self.letters()), inks))

    def aligned(self, rows: list[Row], heads: tuple[str, str]) -> None:
        """Two declarations part by part, with their differences marked."""
        c = theme.look()
        text = aligned.table_html(rows, heads, (c.removed, c.added, c.muted, c.line))
        self._label(text, "code", rich=True).setFont(theme.mono(-1))

    def marked_code(self, marked: str) -> None:
        """C as HTML, with its differences marked."""
        self._label(words.code_html(marked), "code", rich=True).setFont(theme.mono(-1))

    def facts(self, facts: tuple[tuple[str, str, str], ...]) -> None:
        """Rows of name, old and new, marked where they differ; one value where they are the same."""
        if not facts:
            return
        c = theme.look()
        rows = []
        for name, old, new in facts[:FACTS]:
            head = f'<td style="color:{c.muted}; padding-right:10px">{html.escape(name)}</td>'
            old, new = ("" if value == "-" else value for value in (old, new))
            if old == new:
                rows.append(f'<tr>{head}<td colspan="2" style="color:{c.muted}">{html.escape(old or "–")}</td></tr>')
                continue
            was = f'<span style="background-color:{c.removed}">{html.escape(old or "–")}</span>'
            is_ = f'<span style="background-color:{c.added}">{html.escape(new or "–")}</span>'
            rows.append(f'<tr>{head}<td style="padding-right:10px">{was}</td><td>→ {is_}</td></tr>')
        self._label(f"<table>{''.join(rows)}</table>", rich=True).setFont(theme.ui_font(-0.5))

    # --- parts ---
    def add(self, widget: QWidget) -> None:
        """A part of another kind."""
        self._column.addWidget(widget)

    def rule(self) -> None:
        """A line between two things."""
        line = QFrame()
        line.setFixedHeight(1)
        line.setObjectName("rule")
        self._column.addSpacing(6)
        self._column.addWidget(line)

    def fields(self, cells: list[tuple[str, Verdict | None]], none: str) -> None:
        """One field per name, three a row, with the shape and the word of its verdict (``none`` without one)."""
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 2, 0, 4)
        grid.setSpacing(4)
        for number, (name, verdict) in enumerate(cells):
            said = f"{theme.GLYPHS[verdict]} {theme.WORDS[verdict]}" if verdict is not None else none
            cell = QLabel(f"{html.escape(name)}<br><b>{html.escape(said)}</b>")
            cell.setMinimumWidth(40)
            cell.setObjectName(f"field-{verdict.name}" if verdict is not None else "field")
            cell.setFont(theme.ui_font(-1))
            grid.addWidget(cell, number // 3, number % 3)
        self._column.addWidget(holder)

    def link(
        self, name: str, more: str, then: Callable[[], None], verdict: Verdict | None = None, tip: str = ""
    ) -> None:
        """Something to go to; what is said about it stands below its name where the column is too narrow for both."""
        button = Link(name, more, verdict)
        if tip:
            button.setToolTip(f"{button.toolTip()}\n{tip}")
        if more and "/" not in more and button.sizeHint().width() > self._width - SIDES:
            button.stack(self._width - SIDES)
        button.clicked.connect(self._do(then))
        self._column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)

    def buttons(self, actions: list[tuple[str, Callable[[], None]]]) -> list[QPushButton]:
        """Buttons side by side, in as many rows as the width asks for; returns them."""
        room = self._width - 40
        row, taken, made = QHBoxLayout(), 0, []
        row.setContentsMargins(0, 4, 0, 2)
        rows = [row]
        for text, slot in actions:
            button = QPushButton(text)
            button.clicked.connect(self._do(slot))
            made.append(button)
            taken += button.sizeHint().width() + 5
            if taken > room and row.count():
                row, taken = QHBoxLayout(), button.sizeHint().width() + 5
                rows.append(row)
            row.addWidget(button)
        for each in rows:
            each.setSpacing(5)
            each.addStretch(1)
            self._column.addLayout(each)
        return made
