# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which command is called what, on which keys; and all that the palette can go to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kfuncscope.gui import theme
from kfuncscope.gui.commands import Entry
from kfuncscope.gui.index import SCALE
from kfuncscope.gui.store import NEED, OBJECT, PROGRAM, Node

if TYPE_CHECKING:
    from kfuncscope.gui.controllers.actions import Actions
    from kfuncscope.gui.mainwindow import MainWindow


def bind(w: MainWindow, actions: Actions) -> None:
    """Register the commands that ``actions`` and the views carry out."""
    tr, add = actions.tr, w.commands.add
    add("open.kernels", tr("Open kernels…"), actions.open_kernels, "Ctrl+O", "File")
    add("open.objects", tr("Add objects…"), actions.open_objects, "Ctrl+Shift+A", "File")
    add("analyse", tr("Analyse"), actions.analyse, "F5", "File")
    actions.infer = add("infer", tr("Infer other architectures"), actions.switch_infer, "", "File")
    actions.infer.setCheckable(True)
    add("cancel", tr("Cancel, or clear search and selection"), actions.escape, "Esc", "File")
    add("search", tr("Search"), actions.focus_search, "Ctrl+F", "View")
    add("palette", tr("Commands…"), actions.palette, ["Ctrl+K", "Ctrl+Shift+P"], "View")
    for number, title in enumerate(("Graph", "Matrix", "Findings", "kfuncs", "Timeline")):
        show = partial(w.show_tab, number)
        add(
            f"tab.{number + 1}",
            tr("Show {0}").format(title),
            show,
            f"Ctrl+{number + 1}",
            "View",
        )
    for number in range(9):
        add(
            f"arch.{number + 1}",
            tr("Architecture {0}").format(number + 1),
            partial(actions.arch, number),
            f"Alt+{number + 1}",
            "View",
        )
    add("arch.all", tr("All architectures"), lambda: actions.lane(""), "Alt+0", "View")
    canvas = w.graph.canvas
    add("graph.fit", tr("Whole graph in view"), canvas.fit, "F", "Graph")
    add("graph.width", tr("Readable size"), canvas.fit_width, "Ctrl+0", "Graph")
    add("graph.in", tr("Zoom in"), lambda: canvas.zoom_by(1.25), ["Ctrl++", "Ctrl+="], "Graph")
    add("graph.out", tr("Zoom out"), lambda: canvas.zoom_by(1 / 1.25), "Ctrl+-", "Graph")
    add("graph.next", tr("Next breakage"), lambda: actions.step(True), "N", "Graph")
    add("graph.previous", tr("Previous breakage"), lambda: actions.step(False), "Shift+N", "Graph")
    add("graph.isolate", tr("Isolate the selected neighbourhood"), w.graph.isolate_selected, "I", "Graph")
    add("filter.affected", tr("Only affected"), lambda: w.store.toggle("affected"), "B", "Filter")
    add("filter.clear", tr("Remove all filters"), w.store.clear, "Ctrl+Backspace", "Filter")
    add("undo", tr("Undo filter"), w.store.undo.undo, "Ctrl+Z", "Filter")
    add("redo", tr("Redo filter"), w.store.undo.redo, ["Ctrl+Shift+Z", "Ctrl+Y"], "Filter")
    for dock in w.all_docks:
        toggle = dock.toggleViewAction()
        add(
            f"dock.{dock.objectName()}",
            tr("Show or hide {0}").format(dock.windowTitle()),
            toggle.trigger,
            "",
            "View",
        )
    add("help", tr("Keys and words"), actions.help, "F1", "View")
    add("tour", tr("Guided tour"), actions.tour, "", "View")
    add("theme", tr("Light or dark"), actions.switch_theme, "Ctrl+Shift+D", "View")


def entries(w: MainWindow) -> list[Entry]:
    """Commands, then every object, program and need to go to."""
    found = w.commands.entries()
    index = w.store.index
    if index is None:
        return found
    lists = (
        (OBJECT, [(n, "object") for n in index.objects], index.obj_verdict),
        (PROGRAM, [(p.name, "program") for p in index.programs], index.prog_verdict),
        (NEED, [(n, k.value) for k, n in index.needs], index.need_verdict),
    )
    for column, names, table in lists:
        worst = index.worst(table, -1).tolist()
        for i, (name, kind) in enumerate(names):
            go = partial(w.store.select, Node(column, i))
            found.append(Entry(name, kind, go, theme.icon(SCALE[max(worst[i], 0)])))
    return found
