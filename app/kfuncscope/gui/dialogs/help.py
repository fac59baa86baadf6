# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The help window: every key from the command registry, and what the verdicts mean."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.commands import Commands
from kfuncscope.gui.frame.geometry import within
from kfuncscope.gui.frame.menus import title

KEYS = 32  # of the width: all tables of the page begin their second column at the same place


def help_html(commands: Commands) -> str:
    """The text of the help window."""
    c = theme.look()
    native = QKeySequence.SequenceFormat.NativeText
    parts = ['<h3>Verdicts, worst first</h3><table width="100%">']
    for verdict in theme.SHOWN:
        sign = f'<span style="color:{c.verdicts[verdict]}">{theme.GLYPHS[verdict]}</span>'
        parts.append(
            f'<tr><td width="{KEYS}%">{sign}&nbsp;<b>{theme.WORDS[verdict]}</b></td>'
            f"<td>{theme.MEANING[verdict]}</td></tr>"
        )
    parts.append("</table>")
    for group, names in commands.groups.items():
        rows = []
        for name in names:
            action = commands.actions[name]
            keys = ", ".join(k.toString(native) for k in action.shortcuts())
            text = html.escape(action.text())
            if keys:
                rows.append(f'<tr><td width="{KEYS}%"><b>{html.escape(keys)}</b></td><td>{text}</td></tr>')
        if rows:
            heading = " › ".join(title(name).replace("&", "") for name in group.split("/"))
            parts.append(f'<h3>{html.escape(heading)}</h3><table width="100%">{"".join(rows)}</table>')
    parts.append(
        "<h3>In the graph</h3><p>Arrow keys walk along the edges, Enter isolates what is selected, Ctrl and the wheel "
        "zoom, drag moves, a double click isolates, a right click offers more.</p>"
    )
    return "".join(parts)


class HelpDialog(QDialog):
    """Keys and words."""

    def __init__(self, window: QWidget, commands: Commands) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Keys and words"))
        text = QTextBrowser()
        text.setHtml(help_html(commands))
        text.setAccessibleName(self.windowTitle())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.addWidget(text)
        column.addWidget(buttons)
        within(self, 560, 620)
