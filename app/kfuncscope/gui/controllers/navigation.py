# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Moving about in a result: architectures, search, breakages, who uses what, the palette; help and theme."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QAction

from kfuncscope.gui import filters as flt
from kfuncscope.gui import theme
from kfuncscope.gui.commands import Entry, Palette
from kfuncscope.gui.context import Context
from kfuncscope.gui.controllers.tour import Tour
from kfuncscope.gui.dialogs.help import HelpDialog
from kfuncscope.gui.dialogs.manual import ManualDialog
from kfuncscope.gui.filters import Token
from kfuncscope.gui.graph.view import GraphView
from kfuncscope.gui.index import SCALE, Index
from kfuncscope.gui.store import NEED, OBJECT, PROGRAM, Node
from kfuncscope.gui.toolbar import Toolbar
from kfuncscope.gui.views.kfuncs import KfuncsView
from kfuncscope.gui.views.summary import SummaryStrip
from kfuncscope.gui.views.timeline import TimelineView

SEARCH_MS = 220


class Navigation(QObject):
    """Changes what is in view, never what is known."""

    def __init__(
        self,
        context: Context,
        toolbar: Toolbar,
        summary: SummaryStrip,
        graph: GraphView,
        kfuncs: KfuncsView,
        timeline: TimelineView,
    ) -> None:
        super().__init__(context)
        self._context, self._store, self._toolbar = context, context.store, toolbar
        self._graph, self._kfuncs, self._timeline = graph, kfuncs, timeline
        self._typing = QTimer(self, interval=SEARCH_MS, singleShot=True)
        self._typing.timeout.connect(self._search)
        self._bind()
        summary.lane_chosen.connect(self.lane)
        toolbar.search.textChanged.connect(lambda _: self._typing.start())
        toolbar.search.returnPressed.connect(self._search)
        toolbar.search.returnPressed.connect(lambda: graph.seek(toolbar.search.text().strip()))
        toolbar.search.returnPressed.connect(self._focus_view)  # so that N and the arrow keys go on from here
        toolbar.hide_others.toggled.connect(self._search_mode)
        kfuncs.who_wanted.connect(self.focus_need)
        timeline.chosen.connect(self._to_kfunc)
        context.store.filters_changed.connect(self._filters_changed)
        context.result_shown.connect(lambda _: timeline.narrow(self._arch()))

    def _bind(self) -> None:
        add, store, canvas = self._context.commands.add, self._store, self._graph.canvas
        add("cancel", self.tr("Cancel, or clear search and selection"), self.escape, "Esc", "Analysis")
        add("search", self.tr("Search"), self.focus_search, "Ctrl+F", "Edit")
        add("palette", self.tr("Commands…"), self.palette, ["Ctrl+K", "Ctrl+Shift+P"], "Help")
        for n in range(9):
            title = self.tr("Architecture {0}").format(n + 1)
            add(f"arch.{n + 1}", title, partial(self.arch, n), f"Alt+{n + 1}", "View/Architecture")
        add("arch.all", self.tr("All architectures"), lambda: self.lane(""), "Alt+0", "View/Architecture")
        add("graph.fit", self.tr("Whole graph in view"), canvas.fit, "F", "Graph")
        add("graph.width", self.tr("Readable size"), canvas.fit_width, "Ctrl+0", "Graph")
        add("graph.in", self.tr("Zoom in"), lambda: canvas.zoom_by(1.25), ["Ctrl++", "Ctrl+="], "Graph")
        add("graph.out", self.tr("Zoom out"), lambda: canvas.zoom_by(1 / 1.25), "Ctrl+-", "Graph")
        add("graph.next", self.tr("Next breakage"), lambda: self.step(True), "N", "Graph")
        add("graph.previous", self.tr("Previous breakage"), lambda: self.step(False), "Shift+N", "Graph")
        isolate = self.tr("Isolate the selected neighbourhood")
        add("graph.isolate", isolate, self._graph.isolate_selected, "I", "Graph")
        add("filter.affected", self.tr("Only affected"), lambda: store.toggle("affected"), "B", "Filter")
        add("filter.clear", self.tr("Remove all filters"), store.clear, "Ctrl+Backspace", "Filter")
        add("manual", self.tr("Manual"), self.manual, "F1", "Help")
        add("help", self.tr("Keys and words"), self.help, "Ctrl+F1", "Help")
        self._undo_commands()

    def _undo_commands(self) -> None:
        """Undo and redo say what they would undo and redo."""
        stack = self._store.undo
        undo = self._context.commands.add("undo", self.tr("Undo"), stack.undo, "Ctrl+Z", "Edit")
        redo = self._context.commands.add("redo", self.tr("Redo"), stack.redo, ["Ctrl+Shift+Z", "Ctrl+Y"], "Edit")

        # By what the signals say alone: a stack that ends sends them too, and cannot be asked any more.
        stack.undoTextChanged.connect(partial(_name, undo, undo.text()))
        stack.redoTextChanged.connect(partial(_name, redo, redo.text()))
        stack.canUndoChanged.connect(undo.setEnabled)
        stack.canRedoChanged.connect(redo.setEnabled)
        undo.setEnabled(False)
        redo.setEnabled(False)

    def _arch(self) -> str:
        """The architecture of the lane under study, empty for all."""
        index, lane = self._store.index, self._store.lane
        return index.arches[lane].arch if index is not None and lane >= 0 else ""

    def lane(self, label: str) -> None:
        """Narrow to an architecture; all of them for the empty label."""
        if label:
            self._store.add("arch", label)
        else:
            self._store.change(flt.without_kind(self._store.filters, "arch"), self.tr("all architectures"))

    def arch(self, number: int) -> None:
        """Narrow to an architecture by its place in the strip."""
        index = self._store.index
        if index is not None and number < len(index.lanes):
            self.lane(index.lanes[number])

    def step(self, forward: bool) -> None:
        """Next or previous breakage, in the graph."""
        if self._store.index is not None:
            self._graph.step(forward)

    # --- search ---
    def focus_search(self) -> None:
        """Put the keyboard into the search field."""
        self._toolbar.search.setFocus()
        self._toolbar.search.selectAll()

    def _focus_view(self) -> None:
        self._context.view_wanted.emit("")

    def _search_mode(self, hide: bool) -> None:
        self._toolbar.hide_others.setIcon(theme.funnel_icon(hide))
        self._search()

    def _search(self) -> None:
        self._typing.stop()
        store, text = self._store, self._toolbar.search.text().strip()
        bare = flt.without_kind(store.filters, "text")
        if self._toolbar.hide_others.isChecked():
            self._graph.highlight("")
            after = flt.with_token(bare, Token("text", text)) if text else bare
            store.change(after, self.tr("search {0}").format(text))
        else:
            store.change(bare, self.tr("end search"))
            self._graph.highlight(text)

    def _filters_changed(self) -> None:
        self._context.session.filters = [str(t) for t in self._store.filters]
        self._timeline.narrow(self._arch())
        search = self._toolbar.search
        if self._toolbar.hide_others.isChecked() and not search.hasFocus():
            texts = flt.values(self._store.filters, "text")
            search.blockSignals(True)
            search.setText(texts[0] if texts else "")
            search.blockSignals(False)
        self._context.touched.emit()

    # --- going somewhere ---
    def focus_need(self, kind: str, name: str) -> None:
        """Show who uses one thing, in the graph, affected or not."""
        kept = tuple(t for t in self._store.filters if t.kind == "arch")
        isolated = (*kept, Token("isolate", f"need:{kind}:{name}"))
        self._store.change(isolated, self.tr("who uses {0}").format(name))
        self._context.view_wanted.emit("graph")

    def _to_kfunc(self, kind: str, name: str) -> None:
        if self._kfuncs.go_to(kind, name):
            self._context.view_wanted.emit("kfuncs")

    def escape(self) -> None:
        """End the tour; else cancel what runs; else clear the search, else the isolation, else the selection."""
        context, search = self._context, self._toolbar.search
        tour = context.dialogs.findChild(Tour)
        if tour is not None:
            tour.close()
        elif context.commands.actions["present"].isChecked():
            context.commands.run("present")
        elif context.jobs.running():
            context.jobs.cancel_all()
        elif search.text():
            search.clear()
            self._search()
            self._focus_view()
        elif search.hasFocus():
            self._focus_view()
        elif flt.has(self._store.filters, "isolate"):
            self._graph.isolate_selected()
        else:
            self._store.select(None)

    def palette(self) -> None:
        """Open the command palette over the window."""
        Palette(self._context.dialogs, self._context.commands.entries() + self._names(self._store.index)).show()

    def _names(self, index: Index | None) -> list[Entry]:
        """Every object, program and need as a place to go to."""
        if index is None:
            return []
        lists = (
            (OBJECT, [(n, "object") for n in index.objects], index.obj_verdict),
            (PROGRAM, [(p.name, "program") for p in index.programs], index.prog_verdict),
            (NEED, [(n, k.value) for k, n in index.needs], index.need_verdict),
        )
        found = []
        for column, names, table in lists:
            worst = index.worst(table, -1).tolist()
            for i, (name, kind) in enumerate(names):
                go = partial(self._store.select, Node(column, i))
                found.append(Entry(name, kind, go, theme.icon(SCALE[max(worst[i], 0)])))
        return found

    # --- the window itself ---
    def manual(self) -> None:
        """The manual; a second call brings the open one to the front."""
        dialog = self._context.dialogs.findChild(ManualDialog) or ManualDialog(self._context.dialogs)
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def help(self) -> None:
        """Keys, and what the words mean."""
        HelpDialog(self._context.dialogs, self._context.commands).show()

    def close(self) -> None:
        """Stop timers before the window goes."""
        self._typing.stop()


def _name(action: QAction, word: str, text: str) -> None:
    """Let an action say what it is about."""
    action.setText(f"{word}: {text}" if text else word)
