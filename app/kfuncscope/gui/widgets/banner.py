# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The banner above a hypothetical result, with the way back."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton

from kfuncscope.gui import theme
from kfuncscope.model.verdict import Verdict


class Banner(QFrame):
    """Hidden unless something is assumed."""

    def __init__(self) -> None:
        super().__init__()
        self.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 8, 4)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.button = QPushButton(self.tr("Back to the real result"))
        row.addWidget(self.text, 1)
        row.addWidget(self.button)

    def tell(self, text: str) -> None:
        """Show a text in the colours of a risk; the empty text hides the banner."""
        self.setVisible(bool(text))
        if text:
            look = theme.look()
            tint, ink = look.tints[Verdict.RISK], look.verdicts[Verdict.RISK]
            self.setStyleSheet(
                f"QFrame {{ background: {tint}; border: 1px solid {ink}; border-radius: 6px; }} QLabel {{ border: 0; }}"
            )
            self.text.setText(text)
