# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Preferences dialog: colours at once, font and language at the next start."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QWidget,
)

from kfuncscope.gui.dialogs.columns import foot, stacked
from kfuncscope.gui.frame.preferences import LANGUAGES, SCALES, THEMES, Preferences


class PreferencesDialog(QDialog):
    """Shows preferences; ``changed`` has the new ones at every change, and the old ones again after Cancel."""

    changed = Signal(object)

    def __init__(self, parent: QWidget, now: Preferences) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setWindowTitle(self.tr("Preferences"))
        self._before = self.chosen = now
        names = {"system": self.tr("as the system"), "light": self.tr("light"), "dark": self.tr("dark")}
        self.theme = self._choice([(names[name], name) for name in THEMES], now.theme)
        self.safe = QCheckBox(self.tr("Colours for colour-blind people"))
        self.safe.setChecked(now.safe)
        self.scale = self._choice([(f"{percent} %", percent) for percent in SCALES], now.scale)
        tongues = {"system": self.tr("as the system"), "en": "English", "de": "Deutsch"}
        self.language = self._choice([(tongues[name], name) for name in LANGUAGES], now.language)
        self.editor = QLineEdit(now.editor)
        self.editor.setPlaceholderText(self.tr("the first that is installed; for example kate -l {line} {file}"))
        self.infer = QCheckBox(self.tr("New sessions infer architectures without kernels"))
        self.infer.setChecked(now.infer)
        self.menubar = QCheckBox(self.tr("Menu bar (otherwise one button, ≡)"))
        self.menubar.setChecked(now.menubar)
        self._lay_out()
        for box in (self.theme, self.scale, self.language):
            box.currentIndexChanged.connect(lambda _: self._take())
        for check in (self.safe, self.infer, self.menubar):
            check.toggled.connect(lambda _: self._take())
        self.editor.textChanged.connect(lambda _: self._take())

    @staticmethod
    def _choice(choices: list[tuple[str, str]] | list[tuple[str, int]], now: str | int) -> QComboBox:
        box = QComboBox()
        for word, value in choices:
            box.addItem(word, value)
        box.setCurrentIndex(max(0, box.findData(now)))
        return box

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setVerticalSpacing(9)
        for word, field in (
            (self.tr("Theme"), self.theme), ("", self.safe), (self.tr("Font size"), self.scale),
            (self.tr("Language"), self.language), (self.tr("Editor"), self.editor), ("", self.infer),
            ("", self.menubar),
        ):  # fmt: skip
            form.addRow(word, field)
            if word:
                field.setAccessibleName(word)
        note = QLabel(self.tr("Font size and language apply when the window is next opened."))
        note.setObjectName("muted")
        note.setWordWrap(True)
        standard = QDialogButtonBox.StandardButton
        buttons = foot(self, standard.Ok | standard.Cancel, self.accept, self.reject)
        stacked(self, 480, form, note, buttons)

    def _take(self) -> None:
        self.chosen = replace(
            self._before,
            theme=str(self.theme.currentData()),
            safe=self.safe.isChecked(),
            scale=int(self.scale.currentData()),
            language=str(self.language.currentData()),
            editor=self.editor.text().strip(),
            infer=self.infer.isChecked(),
            menubar=self.menubar.isChecked(),
        )
        self.changed.emit(self.chosen)

    def reject(self) -> None:
        """Put back what was."""
        self.changed.emit(self._before)
        super().reject()
