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
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from kfuncscope.gui.dialogs.columns import foot, stacked
from kfuncscope.gui.frame.preferences import LANGUAGES, SCALES, THEMES, Preferences


class PreferencesDialog(QDialog):
    """Shows preferences; ``changed`` has the new ones at every change, and the old ones again after Cancel.

    ``clone_given`` asks whether a folder can be searched for commits; ``judge`` takes the answer.
    """

    changed = Signal(object)
    clone_given = Signal(str)

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
        self.clone = QLineEdit(now.clone)
        self.clone.setPlaceholderText(self.tr("a whole clone of the kernel's git repository"))
        self.browse = QPushButton(self.tr("Choose…"))
        self.browse.setAutoDefault(False)
        self.browse.setAccessibleName(self.tr("Choose the clone"))
        self.refused = QLabel()
        self.refused.setObjectName("muted")
        self.refused.setWordWrap(True)
        self.refused.hide()
        self._lay_out()
        for box in (self.theme, self.scale, self.language):
            box.currentIndexChanged.connect(lambda _: self._take())
        for check in (self.safe, self.infer, self.menubar):
            check.toggled.connect(lambda _: self._take())
        self.editor.textChanged.connect(lambda _: self._take())
        self.clone.textChanged.connect(lambda _: self._take())
        self.clone.editingFinished.connect(self._ask)
        self.browse.clicked.connect(self._browse)

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
        clone = QHBoxLayout()
        clone.addWidget(self.clone, 1)
        clone.addWidget(self.browse)
        form.addRow(self.tr("History clone"), clone)
        self.clone.setAccessibleName(self.tr("History clone"))
        form.addRow("", self.refused)
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
            clone=self.clone.text().strip(),
        )
        self.changed.emit(self.chosen)

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Choose the clone"), self.clone.text())
        if folder:
            self.clone.setText(folder)
            self._ask()

    def _ask(self) -> None:
        self.clone_given.emit(self.chosen.clone)

    def judge(self, why: str) -> None:
        """Say why the folder cannot be searched for commits; empty: it can."""
        self.refused.setText(why)
        self.refused.setVisible(bool(why))

    def reject(self) -> None:
        """Put back what was."""
        self.changed.emit(self._before)
        super().reject()
