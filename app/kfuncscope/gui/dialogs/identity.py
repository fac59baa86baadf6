# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Set by hand what a kernel's files do not say: its architecture, and the release that its level is taken from."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QWidget

from kfuncscope.arch import known_arches
from kfuncscope.gui.dialogs.columns import foot, stacked


class IdentityDialog(QDialog):
    """Architecture and release of one kernel; both may be left to its files."""

    chosen = Signal(str, str)

    def __init__(self, parent: QWidget, title: str, arch: str | None, release: str | None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setWindowTitle(self.tr("Architecture and release"))
        head = QLabel(self.tr("Set what the files of “{0}” do not say.").format(title))
        head.setWordWrap(True)
        self.arch = QComboBox()
        self.arch.addItem(self.tr("as its files say"), "")
        for name in known_arches():
            self.arch.addItem(name, name)
        self.arch.setCurrentIndex(max(0, self.arch.findData(arch or "")))
        self.release = QLineEdit(release or "")
        self.release.setPlaceholderText(self.tr("as its files say; for example 6.12.107"))
        form = QFormLayout()
        form.addRow(self.tr("Architecture"), self.arch)
        form.addRow(self.tr("Release"), self.release)
        for field, word in ((self.arch, self.tr("Architecture")), (self.release, self.tr("Release"))):
            field.setAccessibleName(word)
        standard = QDialogButtonBox.StandardButton
        buttons = foot(self, standard.Ok | standard.Cancel, self._accept, self.close)
        stacked(self, 420, head, form, buttons)

    def _accept(self) -> None:
        self.chosen.emit(str(self.arch.currentData()), self.release.text().strip())
        self.close()
