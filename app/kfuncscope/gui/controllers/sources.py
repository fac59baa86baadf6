# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is given: kernels and objects are opened, dropped, removed and paired; a program type is chosen by hand."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QFileDialog, QInputDialog

from kfuncscope.bpf.sections import program_type, program_types
from kfuncscope.gui.context import Context
from kfuncscope.gui.toolbar import Toolbar
from kfuncscope.gui.views.bottom import ProblemsView
from kfuncscope.gui.views.inputs import InputsView
from kfuncscope.gui.views.kfuncs import KfuncsView
from kfuncscope.gui.views.welcome import WelcomePage
from kfuncscope.session import grouping
from kfuncscope.session.session import KernelRef

LATER_MS = 20  # after a new result is on screen


class Sources(QObject):
    """Changes the inputs of the session and shows them wherever they are listed."""

    def __init__(
        self,
        context: Context,
        toolbar: Toolbar,
        welcome: WelcomePage,
        inputs: InputsView,
        problems: ProblemsView,
        kfuncs: KfuncsView,
    ) -> None:
        super().__init__(context)
        self._context, self._toolbar, self._welcome = context, toolbar, welcome
        self._inputs, self._kfuncs = inputs, kfuncs
        self._filling = False
        add = context.commands.add
        add("open.kernels", self.tr("Open kernels…"), self.open_kernels, "Ctrl+O", "File")
        add("open.objects", self.tr("Add objects…"), self.open_objects, "Ctrl+Shift+A", "File")
        self.infer = add("infer", self.tr("Infer other architectures"), self.switch_infer, "", "File")
        self.infer.setCheckable(True)
        toolbar.open_kernels.clicked.connect(self.open_kernels)
        toolbar.add_objects.clicked.connect(self.open_objects)
        toolbar.old_box.activated.connect(lambda _: self._pair())
        toolbar.new_box.activated.connect(lambda _: self._pair())
        welcome.dropped.connect(lambda what, paths: self.add_inputs(paths, what))
        welcome.browse.connect(self._browse)
        problems.remove_wanted.connect(self.remove_input)
        problems.type_wanted.connect(self.choose_type)
        context.inputs_changed.connect(self.refresh)
        # In a turn of its own: a new result keeps the thread busy enough with what is in view.
        context.store.analysis_changed.connect(lambda: QTimer.singleShot(LATER_MS, self, self.refresh))
        self.refresh()

    def open_kernels(self) -> None:
        """Choose kernel files; they fill the old side, then the new one."""
        title = self.tr("Open kernels: first the old, then the new")
        paths, _ = QFileDialog.getOpenFileNames(self._context.dialogs, title)
        self.add_inputs(paths, grouping.KERNEL)

    def open_objects(self) -> None:
        """Choose objects, packages, or programs that embed objects."""
        paths, _ = QFileDialog.getOpenFileNames(self._context.dialogs, self.tr("Add BPF objects"))
        self.add_inputs(paths, grouping.OBJECTS)

    def _browse(self, what: str) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self._context.dialogs, self.tr("Choose files"))
        self.add_inputs(paths, what)

    def add_inputs(self, paths: list[str], what: str = "") -> None:
        """Take dropped or chosen paths into the session; an open result is brought up to date at once."""
        if not paths or not grouping.add(self._context.session, paths, what):
            return
        self._context.inputs_changed.emit()
        self._context.touched.emit()
        if self._context.real is not None:
            self._context.analysis_wanted.emit()

    def remove_input(self, path: str) -> None:
        """Take an input away and analyse the rest again."""
        if grouping.remove(self._context.session, path):
            self._context.inputs_changed.emit()
            self._context.analysis_wanted.emit()

    def choose_type(self, section: str) -> None:
        """Give a program type to a section name that libbpf does not know (R-2.2), and analyse again."""
        context, listed = self._context, list(program_types())
        known = context.session.section_types.get(section, "")
        text, ok = QInputDialog.getItem(
            context.dialogs,
            self.tr("Program type"),
            self.tr("Program type of section “{0}”:").format(section),
            listed,
            listed.index(known) if known in listed else 0,
        )
        if not ok or not text:
            return
        chosen = program_type(text)
        if chosen is None:
            context.say(self.tr("Unknown program type “{0}”").format(text), failed=True)
            return
        context.session.section_types[section] = chosen
        context.touched.emit()
        context.analysis_wanted.emit()

    def switch_infer(self) -> None:
        """Infer what other architectures would refuse, or no longer; kept with the session."""
        session = self._context.session
        session.infer = not session.infer
        self.infer.setChecked(session.infer)
        self._context.touched.emit()
        if self._context.real is not None:
            self._context.analysis_wanted.emit()

    def refresh(self) -> None:
        """Show the session in the toolbar, the Inputs dock and on the welcome page."""
        session, bar = self._context.session, self._toolbar
        self._inputs.show_session(session)
        self.infer.setChecked(session.infer)
        old, new = ([grouping.label_of(f) for r in refs for f in r.files] for refs in (session.old, session.new))
        self._welcome.show_state(old, new, session.objects)
        bar.analyse.setEnabled(bool(session.new or session.old))
        self._kfuncs.compare.show_session(session)
        names = [name for name, _ in grouping.groups(session)]
        self._filling = True
        for box, side in ((bar.old_box, "old"), (bar.new_box, "new")):
            box.clear()
            box.addItems(names or self._from_result(side))
            box.setCurrentIndex(0 if side == "old" else box.count() - 1)
            box.setEnabled(box.count() > 0)
            box.setToolTip(f"{box.accessibleName()}: {box.currentText()}" if box.count() else box.accessibleName())
        self._filling = False

    def _from_result(self, side: str) -> list[str]:
        index = self._context.store.index
        arches = index.analysis.arches if index is not None else ()
        refs = (KernelRef([], (a.old if side == "old" else a.new).label) for a in arches)
        names = sorted({grouping.name_of(r) for r in refs})
        return [" / ".join(names)] if names else []

    def _pair(self) -> None:
        session, bar = self._context.session, self._toolbar
        if not self._filling and session.old:
            grouping.choose(session, bar.old_box.currentIndex(), bar.new_box.currentIndex())
            self._context.analysis_wanted.emit()
