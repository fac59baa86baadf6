# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Export: reports of everything, of what the filters leave or of the selection; pictures of the graph."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QDir, QObject, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui import filters as flt
from kfuncscope.gui.context import Context
from kfuncscope.gui.controllers.annotations import Annotations
from kfuncscope.gui.controllers.presentation import Pictures
from kfuncscope.gui.dialogs.baseline import against
from kfuncscope.gui.dialogs.columns import asked_path, one_default
from kfuncscope.gui.graph.view import GraphView
from kfuncscope.gui.index import Index, Mask
from kfuncscope.gui.store import Node
from kfuncscope.gui.toolbar import Toolbar
from kfuncscope.gui.widgets.picture import Shape, dressed
from kfuncscope.gui.widgets.words import counted
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.formats import FORMATS
from kfuncscope.study import scope as scopes

VIEW_SVG, VIEW_PNG = "view.svg", "view.png"  # the whole graph
SEEN_SVG, SEEN_PNG = "seen.svg", "seen.png"  # the page in front
PICTURES = (VIEW_SVG, VIEW_PNG, SEEN_SVG, SEEN_PNG)
LEGIBLE = 0.5  # pixels of a picture a pixel of the window, at which its words are still words
ALL, FILTERED, SELECTED = "all", "filtered", "selection"


class Exports(QObject):
    """Writes what the dialog asks for, off the GUI thread where no painting is needed."""

    def __init__(
        self, context: Context, toolbar: Toolbar, graph: GraphView, annotations: Annotations,
        front: Callable[[], QWidget],
    ) -> None:  # fmt: skip
        super().__init__(context)
        self._context, self._graph, self._annotations = context, graph, annotations
        self.pictures = Pictures(context, front, self.title)
        context.commands.add("export", self.tr("Export…"), self.dialog, "Ctrl+E", "File")
        toolbar.export.clicked.connect(self.dialog)
        graph.export_wanted.connect(self.dialog)

    def dialog(self) -> None:
        """Ask what to export and where to."""
        if self._context.store.index is not None:
            ExportDialog(self._context, self).show()

    def analysis(self, scope: str, redact: bool) -> Analysis:
        """What an export is of."""
        store, index = self._context.store, self._context.store.index
        assert index is not None
        made = index.whole
        if scope == FILTERED:
            made = self._narrow(index, flt.program_mask(index, store.filters), store.lane)
        elif scope == SELECTED and store.selected is not None:
            made = self._narrow(index, self._selected(index, store.selected), store.lane)
        return scopes.redact(made) if redact else made

    def _narrow(self, index: Index, programs: Mask, lane: int) -> Analysis:
        """Only some programs, and only one architecture unless ``lane`` is -1."""
        kept = {
            (index.objects[p.object], p.name, p.section) for p, on in zip(index.programs, programs, strict=True) if on
        }
        arches = index.analysis.arches if not 0 <= lane < index.overall else (index.analysis.arches[lane],)
        return scopes.narrow(index.analysis, lambda _a, o, p: (o.object, p.program, p.section) in kept, arches)

    def _selected(self, index: Index, node: Node) -> Mask:
        return flt.isolated(index, self._context.store.lane, self._context.store.name_of(node))

    def write(
        self, path: str, what: str, scope: str = ALL, redact: bool = False, open_after: bool = False,
        shape: Shape = Shape.SEEN, dark: bool | None = None,
    ) -> None:  # fmt: skip
        """Write one file; tells in the status bar how it went. ``shape`` and ``dark`` are for pictures."""
        if what in PICTURES:
            try:
                self.picture(path, what, shape, dark)
            except OSError as bad:
                self._failed(str(bad))
                return
            self._written(path, open_after)
            return
        analysis = self.analysis(scope, redact)
        earlier = self._context.session.baseline

        def work(_stop: object) -> str:
            from kfuncscope import report

            found = against(earlier, analysis)
            report.write(report.make(analysis, self._annotations.decide(analysis, found), found), path)
            return path

        self._context.jobs.quick(
            work,
            lambda done: self._written(done, open_after),
            "export",
            self.tr("Export {0}").format(Path(path).name),
            self._failed,
        )

    def picture(self, path: str, what: str, shape: Shape = Shape.SEEN, dark: bool | None = None) -> None:
        """Write the graph as it is filtered now, or the page in front. Raises OSError where it cannot be written."""
        from kfuncscope.gui.graph import export

        if what in (SEEN_SVG, SEEN_PNG):
            self.pictures.write(path, shape, dark)
            return
        scene = self._graph.canvas.scene
        if scene is None or not len(scene):
            raise OSError(self.tr("the graph is empty"))
        with dressed(dark, self._context.palette_changed.emit):
            (export.svg if what == VIEW_SVG else export.png)(scene, path, self.title())

    def unreadable(self) -> bool:
        """Whether the whole graph is so tall that nobody could read it as PNG."""
        from kfuncscope.gui.graph import export

        scene = self._graph.canvas.scene
        return scene is not None and export.scale_of(scene) < LEGIBLE

    def title(self) -> str:
        """What a picture is of: the architecture and both kernels, and what is assumed."""
        index, lane = self._context.store.index, self._context.store.lane
        assert index is not None
        arch = index.arches[lane] if lane >= 0 else None
        said = f"{arch.arch}: {arch.old.label} → {arch.new.label}" if arch else self.tr("all architectures")
        if index.analysis.whatif:
            said += " · " + self.tr("WHAT IF: {0}. Not a real result").format(", ".join(index.analysis.whatif))
        return f"kfuncscope · {said}"

    def _written(self, path: str, open_after: bool) -> None:
        self._context.say(self.tr("Written: {0}").format(path))
        if open_after:
            QDesktopServices.openUrl(QUrl.fromLocalFile(path))

    def _failed(self, error: str) -> None:
        self._context.say(self.tr("Export failed: {0}").format(error), failed=True)


class ExportDialog(QDialog):
    """Format, scope, paths, where to."""

    def __init__(self, context: Context, exports: Exports) -> None:
        super().__init__(context.dialogs)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Export"))
        self.setWindowModality(Qt.WindowModality.WindowModal)  # what it offers is of the filters as they are now
        self._exports = exports
        self.format = QComboBox()
        for word, value in self._formats():
            self.format.addItem(word, value)
        self.shape, self.look = QComboBox(), QComboBox()
        for word, shape in ((self.tr("as seen"), Shape.SEEN), (self.tr("16:9, for a slide"), Shape.WIDE)):
            self.shape.addItem(word, shape)
        for word, dark in ((self.tr("as on the screen"), None), (self.tr("light"), False), (self.tr("dark"), True)):
            self.look.addItem(word, dark)
        self.scope = QComboBox()
        index, store = context.store.index, context.store
        assert index is not None
        passing = int(flt.program_mask(index, store.filters).sum())
        self.scope.addItem(self.tr("everything ({0})").format(self._programs(len(index.programs))), ALL)
        self.scope.addItem(self.tr("only what the filters show ({0})").format(self._programs(passing)), FILTERED)
        if store.selected is not None:
            name = (index.objects, [p.name for p in index.programs], [n for _, n in index.needs])[store.selected.column]
            kind = (self.tr("object"), self.tr("program"), self.tr("users of"))[store.selected.column]
            self.scope.addItem(f"{kind} {name[store.selected.id]}", SELECTED)
        self.redact = QCheckBox(self.tr("Leave out folders of my files"))
        self.open_after = QCheckBox(self.tr("Open afterwards"))
        self.path = QLineEdit(str(Path(QDir.homePath(), "kfuncscope-report.html")))
        self.path.setAccessibleName(self.tr("File"))
        self._hypothetical = bool(index.analysis.whatif)
        self._lay_out()
        self.path.textChanged.connect(lambda _: self._check())
        self.format.currentIndexChanged.connect(lambda _: self._renamed())
        self._check()

    def _formats(self) -> list[tuple[str, str]]:
        """What can be exported: reports, the pictures of the window, and other forms of the graph."""
        titles = {
            ".html": self.tr("HTML report, one file"), ".pdf": self.tr("PDF report"), ".md": self.tr("Markdown"),
            ".csv": self.tr("CSV, one row a finding"), ".json": self.tr("JSON"), ".dot": self.tr("Graph as DOT"),
            ".graphml": self.tr("Graph as GraphML"),
        }  # fmt: skip
        reports = [(titles.get(f.extension, f.title), f.extension) for f in FORMATS.values() if not f.picture]
        pictures = [
            (self.tr("This view, PNG"), SEEN_PNG), (self.tr("This view, SVG"), SEEN_SVG),
            (self.tr("Whole graph, SVG"), VIEW_SVG), (self.tr("Whole graph, PNG"), VIEW_PNG),
        ]  # fmt: skip
        graphs = [at for at, (_, extension) in enumerate(reports) if extension == ".dot"]
        before = graphs[0] if graphs else len(reports)
        return [*reports[:before], *pictures, *reports[before:]]

    def _programs(self, number: int) -> str:
        return counted(number, self.tr("program"), self.tr("programs"))

    def _lay_out(self) -> None:
        browse = QPushButton(self.tr("Browse…"))
        browse.setAutoDefault(False)
        browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(browse)
        form = self._form = QFormLayout()
        form.addRow(self.tr("Format"), self.format)
        form.addRow(self.tr("Scope"), self.scope)
        form.addRow(self.tr("Shape"), self.shape)
        form.addRow(self.tr("Look"), self.look)
        form.addRow("", self.redact)
        form.addRow("", self.open_after)
        form.addRow(self.tr("File"), row)
        self.warning = QLabel()
        self.warning.setWordWrap(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.go = QPushButton(self.tr("Export"))
        self.go.setObjectName("primary")
        self.go.setDefault(True)
        buttons.addButton(self.go, QDialogButtonBox.ButtonRole.AcceptRole)
        one_default(buttons)
        buttons.accepted.connect(self._export)
        buttons.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.addLayout(form)
        column.addWidget(self.warning)
        column.addWidget(buttons)
        self._enable()
        self.format.setFocus()
        self.resize(560, self.sizeHint().height())

    def _check(self) -> None:
        """Say what a person would want to know before pressing the button."""
        given = self.path.text().strip()
        told = [self.tr("This result is hypothetical (what-if). The export says so.")] if self._hypothetical else []
        if self.format.currentData() == VIEW_PNG and self._exports.unreadable():
            told.append(
                self.tr("The graph is too tall to be read as PNG: filter it, or take SVG, which can be enlarged.")
            )
        if given and os.path.isfile(given):
            told.append(self.tr("The file exists: it will be replaced."))
        self.warning.setText("\n".join(told))
        self.go.setEnabled(bool(given))

    def _suffix(self) -> str:
        value = str(self.format.currentData())
        return "." + value.rpartition(".")[2]

    def _renamed(self) -> None:
        path = Path(self.path.text() or "kfuncscope-report")
        self.path.setText(str(path.with_suffix(self._suffix())))
        self._enable()

    def _enable(self) -> None:
        """Ask only for what means something for the chosen format."""
        chosen = self.format.currentData()
        self._check()
        self._form.setRowVisible(self.scope, chosen not in PICTURES)
        self._form.setRowVisible(self.shape, chosen in (SEEN_SVG, SEEN_PNG))
        self._form.setRowVisible(self.look, chosen in PICTURES)
        self._form.setRowVisible(self.redact, chosen not in PICTURES)

    def _browse(self) -> None:
        suffix = self._suffix()
        path = asked_path(self, self.tr("Export to"), self.path.text(), f"*{suffix}", suffix)
        if path:
            self.path.setText(path)

    def _export(self) -> None:
        self._exports.write(
            self.path.text(), str(self.format.currentData()), str(self.scope.currentData()),
            self.redact.isChecked(), self.open_after.isChecked(), self.shape.currentData(), self.look.currentData(),
        )  # fmt: skip
        self.close()
