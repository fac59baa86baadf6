# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A source line that a view names is opened in the person's editor."""

from __future__ import annotations

from PySide6.QtCore import QObject

from kfuncscope.gui.context import Context
from kfuncscope.gui.views.detail import DetailPanel
from kfuncscope.gui.views.findings import FindingsView
from kfuncscope.gui.widgets import editor


class Editing(QObject):
    """Finds the file near the objects, starts the editor, and says so where either fails."""

    def __init__(self, context: Context, detail: DetailPanel, findings: FindingsView) -> None:
        super().__init__(context)
        self._context = context
        detail.source_wanted.connect(self.open)
        findings.source_wanted.connect(self.open)
        context.commands.add("source.open", self.tr("Open the source line"), self.open_selected, "Ctrl+Shift+E", "View")

    def open(self, named: str, line: int) -> bool:
        """Open a line of the file that debug information names."""
        context = self._context
        found = editor.find_source(named, context.session.objects)
        if found is None:
            said = self.tr("Source not found: {0}. Put it beside the objects or in a folder next to theirs.")
            context.say(said.format(named), failed=True)
            return False
        wrong = editor.open_line(context.settings, found, line)
        context.say(wrong or self.tr("Opened {0}:{1}").format(found.name, line), failed=bool(wrong))
        return not wrong

    def open_selected(self) -> None:
        """Open the first place of the finding under study, or of the worst one of what is selected."""
        store = self._context.store
        index, node = store.index, store.selected
        if index is None or node is None:
            return
        of = (index.findings_of_object, index.findings_of_program, index.findings_of_need)[node.column]
        rows = [store.finding] if store.finding >= 0 else of(node.id).tolist()
        rows = [r for r in rows if store.lane < 0 or index.findings.lane[r] == store.lane]
        rows.sort(key=lambda r: -int(index.findings.verdict[r]))
        site = next((s for r in rows for s in index.findings.refs[r].sites if s.file), None)
        if site is None:
            self._context.say(self.tr("Nothing here names a source line."), failed=True)
        else:
            self.open(site.file, site.line)
