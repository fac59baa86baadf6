# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Opening and closing the real main window in tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kfuncscope.gui import theme
from kfuncscope.gui.app import application, settle
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.model.analysis import Analysis


@contextmanager
def window(
    analysis: Analysis | None = None,
    dark: bool = False,
    size: tuple[int, int] = (1440, 900),
    page: str = "graph",
) -> Iterator[MainWindow]:
    """The main window, shown, with a page of a result where one is given; closed and deleted afterwards."""
    theme.apply(application(), dark)
    made = MainWindow()
    made.resize(*size)
    made.show()
    made.fill()
    if analysis is not None:
        made.results.show_analysis(analysis)
        made.show_page(page)
    settle()
    try:
        yield made
    finally:
        made.close()
        made.deleteLater()
        settle()
