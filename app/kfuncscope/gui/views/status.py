# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Counts by verdict in the status bar, with shapes; a click filters by that verdict."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.store import Store
from kfuncscope.rules.verdict import Verdict


class StatusCounts(QWidget):
    """One flat button per verdict that occurs in the architecture under study."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(4, 0, 8, 0)
        self._row.setSpacing(2)
        self.buttons: dict[Verdict, QPushButton] = {}
        for verdict in theme.SHOWN:
            button = QPushButton()
            button.setFlat(True)
            button.setObjectName("count")
            button.clicked.connect(lambda _=False, v=verdict: store.toggle("verdict", v.value))
            self._row.addWidget(button)
            self.buttons[verdict] = button
        store.analysis_changed.connect(self.refresh)
        store.filters_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Count anew."""
        index = self._store.index
        counts = index.counts(self._store.lane) if index is not None else {}
        for verdict, button in self.buttons.items():
            number = counts.get(verdict, 0)
            button.setVisible(bool(number))
            button.setIcon(theme.icon(verdict))
            button.setText(f"{number:,}")
            button.setStyleSheet("QPushButton { border: 0; background: transparent; padding: 1px 5px; }"
                                 f"QPushButton:focus {{ border: 1px solid {theme.look().accent}; }}")  # fmt: skip
            button.setToolTip(f"{theme.WORDS[verdict]}: {theme.MEANING[verdict]}")
            button.setAccessibleName(f"{number} {theme.WORDS[verdict]}")
