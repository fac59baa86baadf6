# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What-if in the window: assumptions on names, a result that says it is hypothetical, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
)

from kfuncscope.gui.context import Context
from kfuncscope.gui.controllers.results import Results
from kfuncscope.gui.graph.view import GraphView
from kfuncscope.gui.history.steps import ValueStep
from kfuncscope.gui.index import CODE, Index
from kfuncscope.gui.store import NEED, Node
from kfuncscope.gui.toolbar import Toolbar
from kfuncscope.gui.views.detail import DetailPanel
from kfuncscope.gui.views.findings import FindingsView
from kfuncscope.gui.views.kfuncs import KfuncsView
from kfuncscope.gui.views.summary import SummaryStrip
from kfuncscope.gui.views.whatif import WhatIfView
from kfuncscope.gui.widgets.banner import Banner
from kfuncscope.model.verdict import NeedKind, Verdict
from kfuncscope.upgrade import whatif
from kfuncscope.upgrade.whatif import Action, Change


class Hypotheses(QObject):
    """Keeps the assumptions and makes the hypothetical result from the real one, off the GUI thread."""

    def __init__(
        self,
        context: Context,
        results: Results,
        toolbar: Toolbar,
        banner: Banner,
        summary: SummaryStrip,
        graph: GraphView,
        detail: DetailPanel,
        findings: FindingsView,
        kfuncs: KfuncsView,
        view: WhatIfView,
    ) -> None:
        super().__init__(context)
        self._view = view
        self._context, self._results, self._kfuncs = context, results, kfuncs
        self._banner, self._summary = banner, summary
        self.changes: list[Change] = []
        self._first: list[Change] = []  # assumed as soon as there is a result
        context.commands.add("whatif", self.tr("What if…"), self.dialog, "Ctrl+Shift+W", "Analysis")
        context.commands.add("whatif.clear", self.tr("Back to the real result"), self.clear, "", "Analysis")
        toolbar.whatif.clicked.connect(self.dialog)
        banner.button.clicked.connect(self.clear)
        for asking in (detail, findings):
            asking.whatif_wanted.connect(self.toggle_node)
        graph.assume_wanted.connect(lambda node, action: self.assume_node(node, Action(action)))
        context.session_opened.connect(self._forget_first)
        context.session_opened.connect(self.forget)
        context.result_shown.connect(lambda _: self._begin())
        context.result_arriving.connect(self.forget)
        kfuncs.whatif_wanted.connect(lambda kind, name: self.assume(NeedKind(kind), name, Action.REMOVED))

    def toggle_node(self, node: Node) -> None:
        """Assume the opposite of what a need is: a broken one stays, one that works goes away; asked again, neither."""
        index, real = self._context.store.index, self._context.real
        if index is None or real is None or node.column != NEED:
            return
        kind, name = index.needs[node.id]
        assumed = [c for c in self.changes if (c.kind, c.name) == (kind, name)]
        if assumed:
            self.drop(assumed[0])
            return
        number = real.need_id(kind, name)
        breaks = number is not None and (real.need_verdict[number] == CODE[Verdict.BREAKS]).any()
        self.assume(kind, name, Action.KEPT if breaks else Action.REMOVED)

    def assume_node(self, node: Node, action: Action) -> None:
        """Assume something of a need of the graph, and show how far it reaches."""
        index = self._context.store.index
        if index is not None and self._context.real is not None and node.column == NEED:
            self.assume(*index.needs[node.id], action)
            self._context.view_wanted.emit("whatif")

    def assume(self, kind: NeedKind, name: str, action: Action) -> None:
        """Add an assumption (the last one on a name counts) and work out the result."""
        rest = [c for c in self.changes if (c.kind, c.name) != (kind, name)]
        self._change([*rest, Change(kind, name, action)], self.tr("what if {0}").format(name))

    def drop(self, change: Change) -> None:
        """Take one assumption back."""
        self._change([c for c in self.changes if c != change], self.tr("take back what if {0}").format(change.name))

    def clear(self) -> None:
        """Take all assumptions back."""
        self._change([], self.tr("back to the real result"))

    def _change(self, changes: list[Change], text: str) -> None:
        """Assume something else, as a step that can be undone."""
        if changes != self.changes:
            self._context.store.undo.push(ValueStep(text, list(self.changes), changes, self._assume_all))

    def _assume_all(self, changes: list[Change]) -> None:
        self.changes = list(changes)
        self.recompute()

    def forget(self) -> None:
        """A new real result is shown: nothing is assumed any more."""
        self.changes = []
        self._tell()

    def begin_with(self, changes: Sequence[Change]) -> None:
        """Assume something of the first result that this session comes to."""
        self._first = list(changes)

    def _begin(self) -> None:
        if self._first:
            first, self._first = self._first, []
            self._change(first, self.tr("what if {0}").format(first[-1].name))

    def _forget_first(self) -> None:
        self._first = []

    def recompute(self) -> None:
        """Show the real result under the assumptions."""
        real = self._context.real
        if real is None:
            return
        changes = tuple(self.changes)
        if not changes:
            self._show(real)
            return

        def work(_stop: object) -> Index:
            made = Index(whatif.apply(real.analysis, changes), real.steps)
            made.before = real
            return made

        self._context.jobs.quick(work, self._show, key="whatif")

    def _show(self, index: Index) -> None:
        real = self._context.real
        if real is None:
            return
        self._summary.before = {label: real.counts(i) for i, label in enumerate(real.lanes)} if self.changes else {}
        self._results.show_hypothetical(index)
        self._tell()
        number = index.need_id(self.changes[-1].kind, self.changes[-1].name) if self.changes else None
        if number is not None:
            self._context.store.select(Node(NEED, number))

    def _tell(self) -> None:
        self._view.tell([(c.kind, c.name, str(c.action)) for c in self.changes])
        if not self.changes:
            self._banner.tell("")
            return
        real, index = self._context.real, self._context.store.index
        more = ""
        if real is not None and index is not None:
            delta = index.counts(-1)[Verdict.BREAKS] - real.counts(-1)[Verdict.BREAKS]
            breaks = self.tr("program breaks") if abs(delta) == 1 else self.tr("programs break")
            if index.overall > 1:  # while the views count what one architecture shows
                breaks = self.tr("{0} over all architectures").format(breaks)
            more = f" · {delta:+,d} {breaks}".replace("-", "−")
        listed = [(str(c), partial(self.drop, c)) for c in self.changes]
        said = self.tr("What if: {0}{1}. This is not a real result.").format(self._named(), more)
        self._banner.tell(said, listed)

    def _named(self) -> str:
        """What is assumed, in words, where its buttons do not say it: one assumption, or how many."""
        if len(self.changes) == 1:
            return str(self.changes[0])
        return self.tr("{0} assumptions hold").format(len(self.changes))

    def dialog(self) -> None:
        """Open the list of assumptions."""
        real = self._context.real
        if real is not None:
            known = [*real.needs, *((row.kind, row.name) for row in self._kfuncs.rows)]
            WhatIfDialog(self._context, self, known).show()


class WhatIfDialog(QDialog):
    """Type a name, choose what happens to it; the list below takes each assumption back."""

    def __init__(self, context: Context, hypotheses: Hypotheses, known: list[tuple[NeedKind, str]]) -> None:
        super().__init__(context.dialogs)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("What if…"))
        self._hypotheses = hypotheses
        self._known = {f"{kind.value} {name}": (kind, name) for kind, name in known}
        self._note = ""
        text = QLabel(self.tr("Mark a kfunc, helper, hook, type or member as removed, changed or kept, and see which "
                              "programs break. Exported results say that they are hypothetical."))  # fmt: skip
        text.setWordWrap(True)
        self.name = QLineEdit()
        self.name.setPlaceholderText(self.tr("for example: kfunc bpf_dynptr_slice, or type task_struct"))
        self.name.setAccessibleName(self.tr("Name"))
        completer = QCompleter(sorted(self._known), self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.name.setCompleter(completer)
        offered = completer.popup()
        if offered is not None:
            offered.installEventFilter(self)
        self.action = QComboBox()
        self.action.setAccessibleName(self.tr("What happens to it"))
        for word, action in (
            ("is removed", Action.REMOVED),
            ("is changed", Action.CHANGED),
            ("stays as it was", Action.KEPT),
        ):
            self.action.addItem(self.tr(word), action)
        self.add = QPushButton(self.tr("Assume"))
        self.add.setObjectName("primary")
        self.add.setDefault(True)  # Enter in the field is its doing; Close must not be the one
        self.add.clicked.connect(self._add)
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Assumptions"))
        self.remove = QPushButton(self.tr("Take back"))
        self.remove.setAutoDefault(False)
        self.remove.clicked.connect(self._remove)
        self.said = QLabel()
        self.name.textEdited.connect(lambda _: self.said.clear())  # what was said of another name
        self.said.setObjectName("muted")
        self.said.setWordWrap(True)  # a long name does not make the dialog wider
        self._lay_out(text)
        self.name.setFocus()
        context.store.analysis_changed.connect(self._fill)  # a new real result ends all assumptions
        self._fill()

    def _lay_out(self, text: QLabel) -> None:
        row = QHBoxLayout()
        row.addWidget(self.name, 1)
        row.addWidget(self.action)
        row.addWidget(self.add)
        foot = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        foot.addButton(self.remove, QDialogButtonBox.ButtonRole.ActionRole)
        foot.rejected.connect(self.close)
        foot.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        column = QVBoxLayout(self)
        column.setSpacing(9)
        column.setContentsMargins(16, 14, 16, 14)
        column.addWidget(text)
        column.addLayout(row)
        column.addWidget(self.list, 1)
        column.addWidget(self.said)
        column.addWidget(foot)
        self.resize(620, 380)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter assumes what was typed although names are offered below it, and takes the one that was chosen there."""
        if isinstance(event, QKeyEvent) and isinstance(watched, QAbstractItemView):
            enter = event.type() == QEvent.Type.KeyPress and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if enter and not watched.currentIndex().isValid():
                watched.hide()
                self._add()
                return True
        return super().eventFilter(watched, event)

    def _add(self) -> None:
        typed = self.name.text().strip()
        if not typed:
            self.said.setText(self.tr("Type a name first: kind and name, or the name alone where it is the only one."))
            return
        found = self._known.get(typed) or self._guess(typed)
        if found is None:
            self.said.setText(self.tr("Unknown name “{0}”. Enter the kind and the name.").format(typed))
            return
        idle = found not in self._known.values() and found[0] in (NeedKind.KFUNC, NeedKind.HELPER, NeedKind.HOOK)
        self._note = self.tr("No program here uses “{0}”, so nothing changes.").format(found[1]) if idle else ""
        self._hypotheses.assume(*found, self.action.currentData())
        self.name.clear()
        self._fill()

    def _guess(self, typed: str) -> tuple[NeedKind, str] | None:
        exact = [key for key in self._known.values() if key[1] == typed]
        if len(exact) == 1:
            return exact[0]
        for kind in sorted(NeedKind, key=lambda k: -len(k.value)):
            if typed.startswith(kind.value + " "):
                return kind, typed[len(kind.value) + 1 :].strip()
        return None

    def _remove(self) -> None:
        row = self.list.currentRow()
        if 0 <= row < len(self._hypotheses.changes):
            self._note = ""
            self._hypotheses.drop(self._hypotheses.changes[row])
            self._fill()

    def _fill(self) -> None:
        self.list.clear()
        self.list.addItems([str(c) for c in self._hypotheses.changes])
        self.list.setCurrentRow(self.list.count() - 1)
        none = self.tr("No assumptions: this is the real result.")
        self.said.setText(self._note if self._hypotheses.changes else none)
        self.remove.setEnabled(bool(self._hypotheses.changes))
