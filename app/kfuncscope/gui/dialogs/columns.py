# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How dialogs that ask for something are laid out: a head or a form, the rest below it, buttons at the foot."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLayout, QVBoxLayout, QWidget


def stacked(dialog: QDialog, width: int, *parts: QWidget | QLayout) -> None:
    """Put the parts below each other; the dialog is ``width`` pixels wide and as high as they ask for."""
    column = QVBoxLayout(dialog)
    column.setContentsMargins(16, 14, 16, 14)
    column.setSpacing(9)
    for part in parts:
        if isinstance(part, QWidget):
            column.addWidget(part)
        else:
            column.addLayout(part)
    dialog.resize(width, dialog.sizeHint().height())


def foot(
    dialog: QDialog,
    buttons: QDialogButtonBox.StandardButton,
    accepted: Callable[[], object],
    rejected: Callable[[], object],
) -> QDialogButtonBox:
    """The buttons of a dialog, connected."""
    box = QDialogButtonBox(buttons, dialog)
    box.accepted.connect(accepted)
    box.rejected.connect(rejected)
    return box
