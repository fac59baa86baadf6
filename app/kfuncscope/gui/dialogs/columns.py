# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How dialogs that ask for something are laid out: a head or a form, the rest below it, buttons at the foot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QInputDialog,
    QLayout,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

FIELDS = (QLineEdit, QComboBox, QAbstractSpinBox, QCheckBox)


def stacked(dialog: QDialog, width: int, *parts: QWidget | QLayout) -> None:
    """Put the parts below each other; the dialog is ``width`` pixels wide and as high as they ask for.

    The keyboard is at the first field, however early the buttons were made; a dialog without fields keeps its default.
    """
    column = QVBoxLayout(dialog)
    column.setContentsMargins(16, 14, 16, 14)
    column.setSpacing(9)
    for part in parts:
        if isinstance(part, QWidget):
            column.addWidget(part)
        else:
            column.addLayout(part)
    dialog.resize(width, dialog.sizeHint().height())
    first = next((field for part in parts for field in _fields(part)), None)
    if first is not None:
        first.setFocus()


def _fields(part: QWidget | QLayout) -> Iterator[QWidget]:
    """What can be filled in of a part, in the order in which it is seen."""
    if isinstance(part, QLayout):
        for place in range(part.count()):
            item = part.itemAt(place)
            inner = (item.widget() or item.layout()) if item is not None else None
            if inner is not None:
                yield from _fields(inner)
    elif isinstance(part, FIELDS):
        yield part


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
    one_default(box)
    return box


def one_default(box: QDialogButtonBox) -> None:
    """Let no button but the one of Enter look like it: a focused one with autoDefault takes its colour."""
    for button in box.buttons():
        if isinstance(button, QPushButton) and not button.isDefault():
            button.setAutoDefault(False)


def asked_text(parent: QWidget, title: str, about: str, text: str) -> tuple[str, bool]:
    """Ask for several lines of text. Tab leaves the field and Ctrl+Enter accepts, so no mouse is needed."""
    dialog = QInputDialog(parent)
    dialog.setOption(QInputDialog.InputDialogOption.UsePlainTextEditForTextInput)
    dialog.setWindowTitle(title)
    dialog.setLabelText(about)
    dialog.setTextValue(text)
    for field in dialog.findChildren(QPlainTextEdit):
        field.setTabChangesFocus(True)
        field.setAccessibleName(title)
    for box in dialog.findChildren(QDialogButtonBox):
        one_default(box)
    for keys in ("Ctrl+Return", "Ctrl+Enter"):
        QShortcut(QKeySequence(keys), dialog).activated.connect(dialog.accept)
    dialog.resize(max(480, dialog.sizeHint().width() + 24), 280)
    said = bool(dialog.exec())
    written = dialog.textValue()
    dialog.deleteLater()
    return written, said


def asked_path(parent: QWidget, title: str, start: str, kinds: str, suffix: str, replaces: bool = True) -> str:
    """Ask for a file to write; a name typed without ``suffix`` gets it. Empty where nothing was chosen.

    ``replaces`` is False where the file is added to: then nobody is asked whether it may be replaced.
    """
    dialog = QFileDialog(parent, title, str(Path(start).parent), kinds)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setOption(QFileDialog.Option.DontConfirmOverwrite, not replaces)
    dialog.setDefaultSuffix(suffix)
    dialog.selectFile(Path(start).name)
    chosen = dialog.selectedFiles() if dialog.exec() else []
    dialog.deleteLater()
    return _ended(parent, title, chosen[0], suffix, replaces) if chosen else ""


def _ended(parent: QWidget, title: str, path: str, suffix: str, replaces: bool) -> str:
    """The path with its suffix: of "upgrade-6.12" Qt takes the 12 for one. Empty where another file must stay."""
    if path.endswith(suffix):
        return path
    path += suffix
    if replaces and Path(path).exists():
        said = QCoreApplication.translate("Dialogs", "“{0}” exists. Replace it?").format(Path(path).name)
        if QMessageBox.question(parent, title, said) != QMessageBox.StandardButton.Yes:
            return ""
    return path
