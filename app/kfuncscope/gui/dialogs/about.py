# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""About: the version, and those of everything that an answer depends on, to be copied into a report of a defect."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

import PySide6
from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from kfuncscope import __version__
from kfuncscope.gui import theme
from kfuncscope.gui.frame.geometry import within

LIBRARIES = ("numpy", "msgspec", "networkx", "pandas", "zstandard", "lz4", "jinja2", "pyelftools")


def versions() -> list[tuple[str, str]]:
    """What runs, by name and version; a library that is not installed is said to be absent."""
    from kfuncscope.knowledge.sources import sources

    found = [
        ("kfuncscope", __version__),
        ("Python", platform.python_version()),
        ("Qt", f"{qVersion()} ({QGuiApplication.platformName()})"),
        ("PySide6", PySide6.__version__),
    ]
    for name in LIBRARIES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            found.append((name, "not installed"))
    levels = list(sources())
    said = f"{levels[0]} to {levels[-1]}, {len(levels)} levels" if levels else "none"
    return [*found, ("tables of Linux", said), ("system", f"{platform.system()} {platform.machine()}, {sys.platform}")]


class AboutDialog(QDialog):
    """What this is, its licence, and the versions as text that can be copied."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("About kfuncscope"))
        head = QLabel(f"kfuncscope {__version__}")
        head.setFont(theme.ui_font(4, bold=True))
        what = QLabel(self.tr("Which of the BPF programs we ship stop working on the new kernel, where, why, and what "
                              "to do about it."))  # fmt: skip
        what.setWordWrap(True)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(theme.mono(-0.5))
        self.text.setAccessibleName(self.tr("Versions"))
        self.text.setPlainText("\n".join(f"{name:16} {version}" for name, version in versions()))
        licence = QLabel("GPL-2.0-only OR BSD-2-Clause")
        licence.setObjectName("muted")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        self.copy = buttons.addButton(self.tr("Copy"), QDialogButtonBox.ButtonRole.ActionRole)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text.toPlainText()))
        buttons.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 14)
        column.setSpacing(9)
        for widget in (head, what, self.text, licence, buttons):
            column.addWidget(widget)
        within(self, 480, 420)
