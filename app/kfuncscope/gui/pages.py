# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The views of the window: one line each. A new view is its own file and a line here.

A page is made with the window's Context as its only argument. Tabs get Ctrl+1, Ctrl+2 … in this order; ``window.pages``
has each by its id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QT_TRANSLATE_NOOP
from PySide6.QtWidgets import QWidget

from kfuncscope.gui.context import Context
from kfuncscope.gui.graph.view import GraphView
from kfuncscope.gui.views.bottom import JobsView, NotesView, ProblemsView
from kfuncscope.gui.views.census import CensusView
from kfuncscope.gui.views.detail import DetailPanel
from kfuncscope.gui.views.findings import FindingsView
from kfuncscope.gui.views.inputs import InputsView
from kfuncscope.gui.views.kfuncs import KfuncsView
from kfuncscope.gui.views.matrix import MatrixView
from kfuncscope.gui.views.overview import OverviewView
from kfuncscope.gui.views.proof import ProofView
from kfuncscope.gui.views.timeline import TimelineView
from kfuncscope.gui.views.whatif import WhatIfView


class Place(Enum):
    """Where a page stands when the window is opened for the first time."""

    TAB = "tab"
    LEFT = "left"
    RIGHT = "right"
    BOTTOM = "bottom"


@dataclass(frozen=True, slots=True)
class Page:
    """One view: its id (a stable word), its title (translated in the context "Pages"), its place and how it is made.

    ``heading`` shows the title inside the dock.
    """

    id: str
    title: str
    place: Place
    make: Callable[[Context], QWidget]
    heading: bool = False


PAGES = (
    Page("overview", str(QT_TRANSLATE_NOOP("Pages", "Overview")), Place.TAB, OverviewView),
    Page("graph", str(QT_TRANSLATE_NOOP("Pages", "Graph")), Place.TAB, GraphView),
    Page("matrix", str(QT_TRANSLATE_NOOP("Pages", "Matrix")), Place.TAB, MatrixView),
    Page("findings", str(QT_TRANSLATE_NOOP("Pages", "Findings")), Place.TAB, FindingsView),
    Page("kfuncs", str(QT_TRANSLATE_NOOP("Pages", "kfuncs")), Place.TAB, KfuncsView),
    Page("timeline", str(QT_TRANSLATE_NOOP("Pages", "Timeline")), Place.TAB, TimelineView),
    Page("whatif", str(QT_TRANSLATE_NOOP("Pages", "What if")), Place.TAB, WhatIfView),
    Page("inputs", str(QT_TRANSLATE_NOOP("Pages", "Inputs")), Place.LEFT, InputsView, heading=True),
    Page("detail", str(QT_TRANSLATE_NOOP("Pages", "Detail")), Place.RIGHT, DetailPanel),
    Page("problems", str(QT_TRANSLATE_NOOP("Pages", "Problems")), Place.BOTTOM, ProblemsView),
    Page("jobs", str(QT_TRANSLATE_NOOP("Pages", "Jobs")), Place.BOTTOM, JobsView),
    Page("notes", str(QT_TRANSLATE_NOOP("Pages", "Notes")), Place.BOTTOM, NotesView),
    Page("census", str(QT_TRANSLATE_NOOP("Pages", "Census")), Place.BOTTOM, CensusView),
    Page("proof", str(QT_TRANSLATE_NOOP("Pages", "Proof")), Place.BOTTOM, ProofView),
)
TABS = tuple(page for page in PAGES if page.place is Place.TAB)
