# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is given: sources are opened, dropped, pasted, removed, replaced, moved and named; each step can be undone."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QFileInfo, QObject, QStandardPaths, Qt, QUrl
from PySide6.QtGui import QCursor, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu

from kfuncscope.errors import InputError
from kfuncscope.gui.context import Context
from kfuncscope.gui.models.cards import title_of
from kfuncscope.gui.processes import targets
from kfuncscope.gui.toolbar import Toolbar
from kfuncscope.gui.views.bottom import ProblemsView
from kfuncscope.gui.views.inputs import InputsView
from kfuncscope.gui.views.welcome import WelcomePage
from kfuncscope.session import grouping
from kfuncscope.session import sources as given
from kfuncscope.session.session import Session
from kfuncscope.session.sources import Role, Source
from kfuncscope.storage.writing import write_file

LOADERS = ("auto", "libbpf", "cilium", "aya", "bpftrace")  # the first leaves it to the files
RUNNING = "running-system.jsonl"
MOVES = {Role.OLD: "input.old", Role.STEP: "input.step", Role.NEW: "input.new"}


class Sources(QObject):
    """Changes the inputs of the session. ``chosen`` is the source, and the file of it, that commands are about."""

    def __init__(
        self, context: Context, toolbar: Toolbar, welcome: WelcomePage, inputs: InputsView, problems: ProblemsView
    ) -> None:
        super().__init__(context)
        self._context, self._inputs = context, inputs
        self.chosen: tuple[Source, str] | None = None
        self._open_commands()
        self._input_commands()
        toolbar.open_kernels.clicked.connect(self.open_kernels)
        toolbar.add_objects.clicked.connect(self.open_objects)
        welcome.dropped.connect(lambda what, paths: self.add_inputs(paths, what))
        welcome.browse.connect(self.browse)
        welcome.folder.connect(self.open_folder)
        welcome.menu_wanted.connect(self.menu)
        problems.remove_wanted.connect(self.remove_input)
        problems.reveal_wanted.connect(reveal)
        problems.type_wanted.connect(self.choose_type)
        inputs.source_chosen.connect(self.choose)
        inputs.menu_wanted.connect(self.menu)
        inputs.objects_chosen.connect(self.choose_objects)
        inputs.loader_menu_wanted.connect(self.loader_menu)
        self.choose(None, "")
        self.choose_objects("", "")

    def _open_commands(self) -> None:
        add = self._context.commands.add
        add("open.kernels", self.tr("Open kernels…"), self.open_kernels, "Ctrl+O", "File")
        add("open.objects", self.tr("Add objects…"), self.open_objects, "Ctrl+Shift+A", "File")
        add("open.folder", self.tr("Open folder…"), self.open_folder, "Ctrl+Alt+O", "File")
        add("paste", self.tr("Paste files"), self.paste, "Ctrl+V", "Edit")
        add("open.running", self.tr("Add the running system"), self.add_running, "", "File")
        self.infer = add("infer", self.tr("Infer other architectures"), self.switch_infer, "", "Analysis")
        self.infer.setCheckable(True)
        self.running = add("running", self.tr("Judge only what runs"), self.switch_running, "", "Analysis")
        self.running.setCheckable(True)

    def _input_commands(self) -> None:
        def add(name: str, title: str, slot: Callable[[Source, str], object], keys: str = "") -> None:
            self._context.commands.add(
                name, title, lambda: self.chosen and slot(*self.chosen), keys, "Edit/Input", place=self._inputs
            )

        add("input.remove", self.tr("Remove"), self.remove, "Del")
        add("input.replace", self.tr("Replace…"), self.replace)
        add("input.old", self.tr("Move to old"), lambda source, _: self.move(source, Role.OLD))
        add("input.step", self.tr("Make a step between"), lambda source, _: self.move(source, Role.STEP))
        add("input.new", self.tr("Move to new"), lambda source, _: self.move(source, Role.NEW))
        add("input.name", self.tr("Architecture and release…"), lambda source, _: self.name(source))
        add("input.reveal", self.tr("Show in file manager"), lambda source, file: reveal(file or source.files[0]))

        self._context.commands.add(
            "objects.loader", self.tr("Loader…"), self.ask_loader, "", "Edit/Input", place=self._inputs
        )

    # --- adding ---
    def open_kernels(self) -> None:
        """Choose kernel files; they fill the old side, then the new one."""
        self._ask_files(self.tr("Open kernels: first the old, then the new"), grouping.KERNEL)

    def open_objects(self) -> None:
        """Choose objects, packages, or programs that embed objects."""
        self._ask_files(self.tr("Add BPF objects"), grouping.OBJECTS)

    def browse(self, what: str) -> None:
        """Choose files for one area of the first page."""
        titles = {grouping.OLD: self.tr("Add the old kernel"), grouping.NEW: self.tr("Add the new kernel")}
        self._ask_files(titles.get(what, self.tr("Add BPF objects")), what)

    def _ask_files(self, title: str, what: str) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self._context.dialogs, title, self._folder())
        self.add_inputs(paths, what)

    def open_folder(self, what: str = "") -> None:
        """Choose a folder: of one kernel, or of objects; which of them it is shows from what is in it."""
        titles = {
            grouping.OLD: self.tr("Open the folder of the old kernel"),
            grouping.NEW: self.tr("Open the folder of the new kernel"),
            grouping.OBJECTS: self.tr("Open a folder of BPF objects"),
        }
        title = titles.get(what, self.tr("Open a folder: of a kernel, or of BPF objects"))
        path = QFileDialog.getExistingDirectory(self._context.dialogs, title, self._folder())
        if path:
            self.add_inputs([path], what)

    def _folder(self) -> str:
        """Where a dialog begins: beside what was given last."""
        listed = given.sources(self._context.session)
        return os.path.dirname(listed[-1].files[-1]) if listed else ""

    def paste(self) -> None:
        """Take files from the clipboard: as a file manager copies them, or as paths, a line each."""
        mime = QGuiApplication.clipboard().mimeData()
        paths = [url.toLocalFile() for url in mime.urls() if url.isLocalFile()]
        if not paths:
            lines = (line.strip().strip("'\"") for line in mime.text().splitlines()[:1000])
            paths = [os.path.expanduser(line) for line in lines if line.startswith(("/", "~"))]
        if not paths:
            self._context.say(self.tr("The clipboard holds no files and no paths"), failed=True)
        self.add_inputs(paths)

    def add_inputs(self, paths: list[str], what: str = "") -> None:
        """Take dropped or chosen paths into the session; an open result is brought up to date at once."""
        if paths:
            said = os.path.basename(paths[0].rstrip(os.sep)) if len(paths) == 1 else self.tr("{0} files")
            text = self.tr("add {0}").format(said.format(len(paths)) if len(paths) > 1 else said)
            self._context.change_session(text, lambda session: grouping.add(session, paths, what))

    def add_running(self) -> None:
        """Collect what runs on this machine and add it as a census; that takes root, which the line says if not."""
        self._context.jobs.process(
            targets.census_in_process, (), self._collected, "census", self.tr("Collect what runs here"), list,
            lambda error: self._context.say(
                self.tr("Cannot collect what runs here: {0}. Or: sudo kfuncscope census run > host.jsonl, and drop it "
                        "here").format(error),
                failed=True,
            ),
        )  # fmt: skip

    def _collected(self, lines: list[str]) -> None:
        """Keep the census beside the sessions; a later one of this machine takes its place."""
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation)
        path = os.path.join(folder, RUNNING)
        try:
            os.makedirs(folder, exist_ok=True)
            write_file(path, "".join(lines).encode())
        except (InputError, OSError) as bad:
            self._context.say(self.tr("Cannot save: {0}").format(bad), failed=True)
            return
        self.add_inputs([path])
        if self._context.real is not None:
            self._context.analysis_wanted.emit()  # the file may be listed already, with what ran before

    # --- one source ---
    def choose(self, source: Source | None, file: str) -> None:
        """Make a source, or a file of it, the one that commands are about."""
        self.chosen = (source, file) if source is not None else None
        actions = self._context.commands.actions
        for name in self._context.commands.groups["Edit/Input"]:
            if name.startswith("input."):
                actions[name].setEnabled(source is not None)
        kernel = source is not None and source.is_kernel
        actions["input.name"].setEnabled(kernel)
        for role, name in MOVES.items():
            actions[name].setEnabled(source is not None and kernel and source.role is not role)

    def menu(self, source: Source, file: str) -> None:
        """Open the menu of a source where the mouse is."""
        self.choose(source, file)
        menu = QMenu(self._context.dialogs)
        actions = self._context.commands.actions
        menu.addActions(
            [actions[name] for name in self._context.commands.groups["Edit/Input"] if actions[name].isEnabled()]
        )
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(QCursor.pos())

    def _change(self, text: str, source: Source, edit: Callable[[Session], bool]) -> None:
        self._context.change_session(text.format(title_of(source)), edit)

    def remove(self, source: Source, file: str = "") -> None:
        """Take a source away, or one file of it; what is left is analysed again."""
        self._change(self.tr("remove {0}"), source, lambda session: given.remove(session, source, file))

    def replace(self, source: Source, file: str = "") -> None:
        """Ask for other files and put them in its place."""
        title = self.tr("Replace {0}").format(os.path.basename(file or source.files[0]))
        paths, _ = QFileDialog.getOpenFileNames(self._context.dialogs, title, os.path.dirname(source.files[0]))
        self.put(source, paths, file)

    def put(self, source: Source, paths: list[str], file: str = "") -> None:
        """Put other files in the place of a source, or of one file of it."""
        self._change(self.tr("replace {0}"), source, lambda session: given.replace(session, source, paths, file))

    def move(self, source: Source, role: Role) -> None:
        """Make a kernel an old one, a new one, or a step between."""
        self._change(self.tr("move {0}"), source, lambda session: given.move(session, source, role))

    def name(self, source: Source) -> None:
        """Ask for architecture and release of a kernel."""
        from kfuncscope.gui.dialogs.identity import IdentityDialog

        dialog = IdentityDialog(self._context.dialogs, title_of(source), source.arch, source.release)
        dialog.chosen.connect(partial(self.set_identity, source))
        dialog.show()

    def set_identity(self, source: Source, arch: str, release: str) -> None:
        """Set architecture and release by hand; empty leaves them to the files."""
        text = self.tr("name {0}")
        self._change(text, source, lambda session: given.name(session, source, arch or None, release or None))

    def remove_input(self, path: str) -> None:
        """Take away the source that a problem names by its whole path."""
        found = given.owner(self._context.session, path)
        if found is not None:
            source, file = found
            self.remove(source, file if source.is_kernel else "")

    # --- how it is judged ---
    def choose_type(self, section: str) -> None:
        """Give a program type to a section name that libbpf does not know (R-2.2), and analyse again."""
        from kfuncscope.bpf.sections import program_type, program_types

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
        said = self.tr("type of section {0}").format(section)
        context.change_session(said, lambda session: session.section_types.update({section: chosen}))

    def choose_objects(self, pattern: str, name: str) -> None:
        """Make an object, or the objects of a package, those whose loader can be chosen; none for the empty pattern."""
        self.chosen_objects = (pattern, name)
        self._context.commands.actions["objects.loader"].setEnabled(bool(pattern))

    def loader_menu(self) -> None:
        """Open the menu of an object where the mouse is: its loaders, the one that counts marked."""
        pattern, name = self.chosen_objects
        menu = QMenu(self.tr("Loader of {0}").format(name), self._context.dialogs)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        now = self._context.session.loaders.get(pattern, LOADERS[0])
        for loader in LOADERS:
            said = (
                self.tr("Loader: recognised by its files")
                if loader == LOADERS[0]
                else self.tr("Loader: {0}").format(loader)
            )
            action = menu.addAction(said)
            action.setCheckable(True)
            action.setChecked(loader == now)
            action.triggered.connect(partial(self.set_loader, pattern, name, loader))
        menu.popup(QCursor.pos())

    def ask_loader(self) -> None:
        """Ask what loads the chosen objects."""
        pattern, name = self.chosen_objects
        now = self._context.session.loaders.get(pattern, LOADERS[0])
        loader, ok = QInputDialog.getItem(
            self._context.dialogs, self.tr("Loader"), self.tr("What loads {0}:").format(name), list(LOADERS),
            LOADERS.index(now), False,
        )  # fmt: skip
        if ok:
            self.set_loader(pattern, name, loader)

    def set_loader(self, pattern: str, name: str, loader: str) -> None:
        """Say what loads some objects (R-12.20), and analyse again; ``auto`` leaves it to their files."""

        def choose(session: Session) -> None:
            session.loaders.pop(pattern, None)
            if loader != LOADERS[0]:
                session.loaders[pattern] = loader

        self._context.change_session(self.tr("loader of {0}").format(name), choose)

    def switch_infer(self) -> None:
        """Infer what other architectures would refuse, or no longer; kept with the session."""

        def switch(session: Session) -> None:
            session.infer = not session.infer

        self._context.change_session(self.tr("infer other architectures"), switch)

    def switch_running(self) -> None:
        """Judge only what runs on the hosts of the census, or all objects again; kept with the session."""
        session = self._context.session
        if not (session.census or session.running):
            self.running.setChecked(False)
            self._context.say(self.tr("Add a census or the running system: it says what runs"), failed=True)
            return

        def switch(session: Session) -> None:
            session.running = not session.running

        self._context.change_session(self.tr("judge only what runs"), switch)


def reveal(path: str) -> None:
    """Open the folder of a file in the file manager; a folder itself."""
    info = QFileInfo(path)
    folder = info.absoluteFilePath() if info.isDir() else info.absolutePath()
    QDesktopServices.openUrl(QUrl.fromLocalFile(folder))
