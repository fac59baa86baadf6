# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Columns of a table that take the room there is: no name is cut beside empty space, and the first are in view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QTableView

from kfuncscope.gui import theme


class Spread(QObject):
    """Gives what room is left in a table to some of its columns; one that a person has resized keeps its width.

    ``widths`` are the least widths in pixels of all columns, at the usual size of letters; ``shares`` says which
    columns grow, and up to how many times their least width, in the order in which they are served. The last column
    shown is taken to be stretched by the header. ``narrow`` are the columns that give up room, as far as to the width
    it says, where those up to the last of them would not be in view together.
    """

    def __init__(
        self, table: QTableView, widths: Mapping[int, int], shares: Sequence[tuple[int, float]],
        narrow: Mapping[int, int] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(table)
        self._table, self._widths, self._shares, self._narrow = table, widths, shares, narrow or {}
        self._given: dict[int, int] = {}
        table.viewport().installEventFilter(self)
        self.fit()

    def _own(self, column: int) -> bool:
        """Whether the width of a column is still the one given here."""
        return self._given.get(column, -1) in (-1, self._table.columnWidth(column))

    def fit(self) -> None:
        """Work the widths out for the room there is now."""
        table, large = self._table, max(1.0, theme.scale())
        shown = [c for c in sorted(self._widths) if not table.isColumnHidden(c)]
        own = [c for c in shown if self._own(c) or c == shown[-1]]
        wide = {c: round(self._widths[c] * large) if c in own else table.columnWidth(c) for c in shown}
        room = table.viewport().width() - sum(wide.values())
        for column, most in self._shares:
            if column in own and room > 0:
                more = max(0, min(room, round(self._widths[column] * large * most) - wide[column]))
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
