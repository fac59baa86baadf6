# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Columns of a table that take the room there is: no name is cut beside empty space, and the first are in view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QTableView

from kfuncscope.gui import theme

BESIDE = 42  # pixels that a glyph and the margins of a cell take beside its word
PADDING = 18  # and what those of a title take


class Spread(QObject):
    """Gives what room is left in a table to some of its columns; one that a person has resized keeps its width.

    ``widths`` are the least widths in pixels of all columns, at the usual size of letters; ``shares`` says which
    columns grow, and up to how many times their least width, in the order in which they are served. The last column
    shown is taken to be stretched by the header. ``narrow`` are the columns that give up room, as far as to the width
    it says, where those up to the last of them would not be in view together. Titles are always whole.

    ``words`` may be set to texts that a column must show whole, each beside a glyph, as those of verdicts; ``natural``
    to what the widest text of a column takes in pixels: it grows no further.
    """

    def __init__(
        self, table: QTableView, widths: Mapping[int, int], shares: Sequence[tuple[int, float]],
        narrow: Mapping[int, int] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(table)
        self._table, self._widths, self._shares, self._narrow = table, widths, shares, narrow or {}
        self.words: Mapping[int, Iterable[str]] = {}
        self.natural: dict[int, int] = {}
        self._given: dict[int, int] = {}
        table.viewport().installEventFilter(self)
        self.fit()

    def _own(self, column: int) -> bool:
        """Whether the width of a column is still the one given here."""
        return self._given.get(column, -1) in (-1, self._table.columnWidth(column))

    def _least(self, column: int, large: float) -> int:
        """What a column takes at least: its title, and words that may not be cut."""
        advance = self._table.fontMetrics().horizontalAdvance
        whole = max((advance(word) + round(BESIDE * large) for word in self.words.get(column, ())), default=0)
        title = str(self._table.model().headerData(column, Qt.Orientation.Horizontal) or "")
        bold = QFontMetrics(theme.ui_font(bold=True)).horizontalAdvance(title) + PADDING
        return max(round(self._widths[column] * large), whole, bold)

    def fit(self) -> None:
        """Work the widths out for the room there is now."""
        table, large = self._table, max(1.0, theme.scale())
        shown = [c for c in sorted(self._widths) if not table.isColumnHidden(c)]
        own = [c for c in shown if self._own(c) or c == shown[-1]]
        wide = {c: self._least(c, large) if c in own else table.columnWidth(c) for c in shown}
        room = table.viewport().width() - sum(wide.values())
        for column, most in self._shares:
            if column in own and room > 0:
                most_wide = min(
                    round(self._widths[column] * large * most), self.natural.get(column, room + wide[column])
                )
                more = max(0, min(room, most_wide - wide[column]))
                wide[column] += more
                room -= more
        first = [c for c in shown if c <= max(self._narrow, default=-1)]
        over = sum(wide[c] for c in first) - table.viewport().width()
        giving = {c: wide[c] - round(self._narrow[c] * large) for c in first if c in self._narrow and c in own}
        whole = sum(giving.values())
        if over > 0 and whole > 0:
            for column, can in giving.items():
                wide[column] -= min(can, -(-over * can // whole))
        for column in own:
            self._given[column] = wide[column]
            table.setColumnWidth(column, wide[column])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.fit()
        return False
