# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the window's commands do: open, analyse, filter, what-if, notes, export. Holds the session."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QInputDialog

from kfuncscope.gui import filters as flt
from kfuncscope.gui import runner, theme
from kfuncscope.gui.commands import Palette
from kfuncscope.gui.controllers import bindings
from kfuncscope.gui.controllers.tour import Tour
from kfuncscope.gui.filters import Token
from kfuncscope.gui.index import Index
from kfuncscope.gui.jobs import Job
from kfuncscope.gui.views.help import HelpDialog
from kfuncscope.gui.views.words import counted
from kfuncscope.model.analysis import Analysis
from kfuncscope.session import grouping, sessionfile
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.files import Problem

if TYPE_CHECKING:
    from kfuncscope.gui.mainwindow import MainWindow

SEARCH_MS = 220


class Actions(QObject):
    """The window's hands."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.window = window
        self.session = Session()
        self.infer: QAction
        self.real: Index | None = None
        self.seconds = 0.0
        self._filling = False
        self._typing = QTimer(self, interval=SEARCH_MS, singleShot=True)
        self._typing.timeout.connect(self._search)
        bindings.bind(window, self)
        self._connect()
        self.refresh_inputs()

    def start(self, paths: list[str], demo: bool = False) -> None:
        """What the command line asked for: the demo, a session file, or inputs."""
        if demo:
            self.window.documents.demo()
        elif len(paths) == 1 and paths[0].endswith(sessionfile.SUFFIX):
            self.window.documents.open(paths[0])
        else:
            self.add_inputs(paths)

    def say(self, text: str, failed: bool = False) -> None:
        """Tell something in the status bar; what ``failed`` so that it is seen."""
        self.window.state_text.tell(text, failed)

    # --- wiring ---
    def _connect(self) -> None:
        w = self.window
        w.open_kernels.clicked.connect(self.open_kernels)
        w.add_objects.clicked.connect(self.open_objects)
        w.analyse.clicked.connect(self.analyse)
        w.welcome.analyse_wanted.connect(self.analyse)
        w.welcome.dropped.connect(lambda what, paths: self.add_inputs(paths, what))
        w.welcome.browse.connect(self._browse)
        w.summary.lane_chosen.connect(self.lane)
        w.search.textChanged.connect(lambda _: self._typing.start())
        w.search.returnPressed.connect(self._search)
        w.search.returnPressed.connect(w.focus_view)  # so that N and the arrow keys go on from here
        w.hide_others.toggled.connect(self._search_mode)
        w.old_box.activated.connect(lambda _: self._pair())
        w.new_box.activated.connect(lambda _: self._pair())
        w.kfuncs.who_wanted.connect(self.focus_need)
        w.timeline.chosen.connect(self._to_kfunc)
        w.problems.remove_wanted.connect(self.remove_input)
        w.problems.type_wanted.connect(self.choose_type)
        w.jobs.changed.connect(self._job_news)
        w.jobs.added.connect(self._job_news)
        w.job_button.clicked.connect(self._show_jobs)
        w.store.filters_changed.connect(self._filters_changed)

    # --- inputs ---
    def open_kernels(self) -> None:
        """Choose kernel files; they fill the old side, then the new one."""
        paths, _ = QFileDialog.getOpenFileNames(self.window, self.tr("Open kernels: first the old, then the new"))
        self.add_inputs(paths, grouping.KERNEL)

    def open_objects(self) -> None:
        """Choose objects, packages, or programs that embed objects."""
        paths, _ = QFileDialog.getOpenFileNames(self.window, self.tr("Add BPF objects"))
        self.add_inputs(paths, grouping.OBJECTS)

    def _browse(self, what: str) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self.window, self.tr("Choose files"))
        self.add_inputs(paths, what)

    def use_session(self, session: Session, filters: tuple[Token, ...]) -> None:
        """Work on another session: its inputs are analysed, its filters and policy used."""
        self.session = session
        self.real = None
        self.window.summary.before = {}
        self.window.hypotheses.forget()
        self.window.store.set_index(None, filters)
        self.window.notes_.read_policy()
        self._show_problems([], [])
        self.window.notes_.show_notes()
        self._titles()
        self.refresh_inputs()
        self.analyse()

    def add_inputs(self, paths: list[str], what: str = "") -> None:
        """Take dropped or chosen paths into the session; an open result is brought up to date at once."""
        if not paths or not grouping.add(self.session, paths, what):
            return
        self.refresh_inputs()
        self.window.documents.touch()
        if self.real is not None:
            self.analyse()

    def remove_input(self, path: str) -> None:
        """Take an input away and judge the rest anew."""
        if grouping.remove(self.session, path):
            self.refresh_inputs()
            self.analyse()

    def choose_type(self, where: str, _why: str) -> None:
        """Give a program type to a section name that libbpf does not know."""
        section = _why.partition("“")[2].partition("”")[0] or where
        text, ok = QInputDialog.getText(
            self.window,
            self.tr("Program type"),
            self.tr("Judge section “{0}” as (like xdp, kprobe/…, tc):").format(section),
        )
        if ok and text:
            self.session.section_types[section] = text
            self.analyse()

    def switch_infer(self) -> None:
        """Infer what other architectures would refuse, or no longer; kept with the session."""
        self.session.infer = not self.session.infer
        self.infer.setChecked(self.session.infer)
        self.window.documents.touch()
        if self.real is not None:
            self.analyse()

    def refresh_inputs(self) -> None:
        """Show the session in the toolbar, the Inputs dock and on the welcome page."""
        w, s = self.window, self.session
        w.inputs.show_session(s)
        self.infer.setChecked(s.infer)
        kernels = [[grouping.label_of(f) for r in refs for f in r.files] for refs in (s.old, s.new)]
        w.welcome.show_state(kernels[0], kernels[1], s.objects)
        w.analyse.setEnabled(bool(s.new or s.old))
        w.kfuncs.compare.show_session(s)
        names = [name for name, _ in grouping.groups(s)]
        self._filling = True
        for box, side in ((w.old_box, "old"), (w.new_box, "new")):
            box.clear()
            box.addItems(names or self._from_result(side))
            box.setCurrentIndex(0 if side == "old" else box.count() - 1)
            box.setEnabled(box.count() > 0)
            box.setToolTip(f"{box.accessibleName()}: {box.currentText()}" if box.count() else box.accessibleName())
        self._filling = False

    def _from_result(self, side: str) -> list[str]:
        index = self.window.store.index
        arches = index.analysis.arches if index is not None else ()
        refs = (KernelRef([], (a.old if side == "old" else a.new).label) for a in arches)
        names = sorted({grouping.name_of(r) for r in refs})
        return [" / ".join(names)] if names else []

    def _pair(self) -> None:
        if not self._filling and self.session.old:
            grouping.choose(self.session, self.window.old_box.currentIndex(), self.window.new_box.currentIndex())
            self.analyse()

    # --- analysing ---
    def analyse(self) -> Job | None:
        """Judge the session in another process; a run that is still going is cancelled."""
        if not self.session.objects:
            self.window.explorer.load()
            return None
        if not (self.session.old or self.session.new):
            return None
        self._started = time.monotonic()
        title = self.tr("Analyse {0}").format(counted(len(self.session.objects), self.tr("input"), self.tr("inputs")))
        return self.window.jobs.process(
            runner.analyse_in_process,
            (self.session,),
            self._analysed,
            "analyse",
            title,
            runner.put_together,
            self._failed,
        )

    def _analysed(self, index: Index) -> None:
        self.seconds = time.monotonic() - self._started
        self.show_index(index)

    def _failed(self, error: str) -> None:
        self.say(self.tr("The analysis failed: {0}").format(error), failed=True)
        if self.real is None:
            self.window.welcome.tell(self.tr("The analysis failed: {0}").format(error))

    def show_analysis(self, analysis: Analysis) -> None:
        """Show a result that is at hand."""
        self.show_index(Index(analysis))

    def show_index(self, index: Index) -> None:
        """Show a real result. Starts on the worst architecture unless one was chosen before."""
        w = self.window
        before = self.real
        self.real = index
        if before is not None:
            w.summary.before = {label: before.counts(i) for i, label in enumerate(before.lanes)}
        filters = w.store.filters
        if before is None and not flt.has(filters, "arch") and index.lanes:
            filters = flt.with_token(filters, Token("arch", index.lanes[0]))
        w.show_welcome(False)
        w.hypotheses.forget()
        self._show(index, filters)
        w.timeline.narrow(self._arch())
        w.explorer.show_index(index)
        w.documents.touch()
        if w.tour_after:
            w.tour_after = False
            QTimer.singleShot(150, self.tour)

    def show_hypothetical(self, index: Index) -> None:
        """Show a what-if result (or the real one again); what is real is not forgotten."""
        self._show(index, self.window.store.filters)

    def _show(self, index: Index, filters: tuple[Token, ...] | None = None) -> None:
        w = self.window
        w.store.set_index(index, filters)
        self.refresh_inputs()
        self._show_problems(list(index.analysis.problems), list(index.unchecked))
        w.notes_.show_notes()
        w.notes_.show_decision()
        self._titles()

    def _show_problems(self, problems: list[Problem], unjudged: list[tuple[str, str]]) -> None:
        number = self.window.problems.show_problems(problems, unjudged)
        title = self.tr("Problems {0}").format(number) if number else self.tr("Problems")
        self.window.problems_dock.setWindowTitle(title)

    def _titles(self) -> None:
        w, index = self.window, self.window.store.index
        found = len(w.findings.model.rows)
        w.tabs.setTabText(2, self.tr("Findings {0}").format(f"{found:,}") if found else self.tr("Findings"))
        if index is None:
            self.say("")
            return
        parts = [
            counted(len(index.programs), self.tr("program"), self.tr("programs")),
            counted(len(index.objects), self.tr("object"), self.tr("objects")),
            counted(len({a.arch for a in index.analysis.arches}), self.tr("architecture"), self.tr("architectures")),
        ]
        if self.seconds:
            parts.append(self.tr("analysed in {0:.1f} s").format(self.seconds))
        self.say(" · ".join(parts))

    def _arch(self) -> str:
        """The architecture of the lane under study, empty for all."""
        index, lane = self.window.store.index, self.window.store.lane
        return index.arches[lane].arch if index is not None and lane >= 0 else ""

    # --- moving about ---
    def lane(self, label: str) -> None:
        """Narrow to an architecture; all of them for the empty label."""
        store = self.window.store
        if label:
            store.add("arch", label)
        else:
            store.change(flt.without_kind(store.filters, "arch"), self.tr("all architectures"))

    def arch(self, number: int) -> None:
        """Narrow to an architecture by its place in the strip."""
        index = self.window.store.index
        if index is not None and number < len(index.lanes):
            self.lane(index.lanes[number])

    def step(self, forward: bool) -> None:
        """Next or previous breakage, in the graph."""
        if not self.window.on_welcome:
            self.window.graph.step(forward)

    def focus_search(self) -> None:
        """Type what to search for."""
        self.window.search.setFocus()
        self.window.search.selectAll()

    def _search_mode(self, hide: bool) -> None:
        self.window.hide_others.setIcon(theme.funnel_icon(hide))
        self._search()

    def _search(self) -> None:
        w, text = self.window, self.window.search.text().strip()
        self._typing.stop()
        store = w.store
        if w.hide_others.isChecked():
            w.graph.highlight("")
            after = (
                flt.with_token(flt.without_kind(store.filters, "text"), Token("text", text))
                if text
                else flt.without_kind(store.filters, "text")
            )
            store.change(after, self.tr("search {0}").format(text))
        else:
            store.change(flt.without_kind(store.filters, "text"), self.tr("end search"))
            w.graph.highlight(text)

    def _filters_changed(self) -> None:
        w = self.window
        self.session.filters = [str(t) for t in w.store.filters]
        w.timeline.narrow(self._arch())
        texts = flt.values(w.store.filters, "text")
        if w.hide_others.isChecked() and not w.search.hasFocus():
            w.search.blockSignals(True)
            w.search.setText(texts[0] if texts else "")
            w.search.blockSignals(False)
        self._titles()

    def focus_need(self, kind: str, name: str) -> None:
        """Show who uses one thing, in the graph, affected or not."""
        store = self.window.store
        kept = tuple(t for t in store.filters if t.kind == "arch")
        store.change((*kept, Token("isolate", f"need:{kind}:{name}")), self.tr("who uses {0}").format(name))
        self.window.show_tab(0)

    def _to_kfunc(self, kind: str, name: str) -> None:
        if self.window.kfuncs.go_to(kind, name):
            self.window.show_tab(3)

    def escape(self) -> None:
        """End the tour; else cancel what runs; else clear the search, else the isolation, else the selection."""
        w = self.window
        tour = w.findChild(Tour)
        if tour is not None:
            tour.close()
        elif w.jobs.running():
            w.jobs.cancel_all()
        elif w.search.text():
            w.search.clear()
            self._search()
            w.focus_view()
        elif w.search.hasFocus():
            w.focus_view()
        elif flt.has(w.store.filters, "isolate"):
            w.graph.isolate_selected()
        else:
            w.store.select(None)

    def palette(self) -> None:
        """Open the command palette over the window."""
        Palette(self.window, bindings.entries(self.window)).show()

    def help(self) -> None:
        """Keys, and what the words mean."""
        HelpDialog(self.window, self.window.commands).show()

    def tour(self) -> None:
        """Show the guided tour over a result."""
        if not self.window.on_welcome:
            Tour(self.window)

    # --- jobs ---
    def _job_news(self, job: Job) -> None:
        w = self.window
        running = w.jobs.running()
        w.job_button.setVisible(bool(running))
        if running:
            last = running[-1]
            share = f" {last.done / last.total:.0%}" if last.total else ""
            w.job_button.setText(f"{last.title}{share}  ·  Esc")
        if w.on_welcome and job.key == "analyse" and job.state in ("running", "cancelled"):
            done = f"{job.done} / {job.total}  {job.text}" if job.total else self.tr("starting")
            w.welcome.tell(self.tr("Analysing: {0}   (Esc cancels)").format(done) if running else self.tr("Cancelled"))
        w.jobs_dock.setWindowTitle(self.tr("Jobs {0}").format(len(running)) if running else self.tr("Jobs"))
        if job.state == "cancelled" and job.key == "analyse":
            self.say(self.tr("Cancelled"))

    def _show_jobs(self) -> None:
        self.window.jobs_dock.setVisible(True)
        self.window.jobs_dock.raise_()

    def switch_theme(self) -> None:
        """Light instead of dark, or the other way round."""
        from kfuncscope.gui.app import dress

        dress(self.window, not theme.look().dark)

    def close(self) -> None:
        """Stop timers before the window goes."""
        self._typing.stop()
