# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Inputs dock: what is loaded, as a tree; a click narrows to a line, and what was given can be changed in place."""

from __future__ import annotations

import glob
from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QTreeView

from kfuncscope.gui.context import Context
from kfuncscope.gui.models.cards import Card
from kfuncscope.gui.models.inputs import SHORT_ROLE, SOURCE_ROLE, TOKEN_ROLE, InputsModel
from kfuncscope.gui.models.table import Cell
from kfuncscope.gui.store import OBJECT, Node
from kfuncscope.gui.widgets.choice import on_choice
from kfuncscope.session.session import Session


class _Short(QStyledItemDelegate):
    """Without room a line is said in short; of a path or a pair both ends are shown, of a heading the beginning."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Cell) -> None:
        super().initStyleOption(option, index)
        beside = 8 if option.icon.isNull() else option.decorationSize.width() + 16
        room, wide = option.rect.width() - beside, option.fontMetrics.horizontalAdvance
        if wide(option.text) > room:
            shorter = index.data(SHORT_ROLE) or (option.text,)
            option.text = next((text for text in shorter if wide(text) <= room), shorter[-1])
        both = any(sign in option.text for sign in "/→(")
        option.textElideMode = Qt.TextElideMode.ElideMiddle if both else Qt.TextElideMode.ElideRight


class InputsView(QTreeView):
    """The tree. Kernels and packages start folded where there are many."""

    source_chosen = Signal(object, str)  # Source or None, and the file of it that the current line is
    menu_wanted = Signal(object, str)
    objects_chosen = Signal(str, str)  # the pattern of the object or package that the current line is, and its name
    loader_menu_wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._store = context.store
        self.tree = InputsModel()
        self.setModel(self.tree)
        self.setHeaderHidden(True)
        self.setIndentation(13)
        self.setUniformRowHeights(True)
        self.setItemDelegate(_Short(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Inputs"))
        self.setMinimumWidth(180)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)
        self.selectionModel().currentChanged.connect(lambda now, _before: self._current(now))
        self.tree.modelReset.connect(lambda: self._current(QModelIndex()))
        on_choice(self, self._clicked)

    def show_session(self, session: Session, cards: Sequence[Card] | None = None) -> None:
        """Show a session, with verdicts where it has been analysed."""
        self.tree.show(session, self._store.index, cards)
        small = len(self._store.index.objects) < 40 if self._store.index is not None else True
        for row in range(self.tree.rowCount()):
            head = self.tree.index(row, 0)
            self.setExpanded(head, True)
            for inner in range(self.tree.rowCount(head)):
                # of the kernels only the first shows its facts, of the packages all where there are few
                self.setExpanded(self.tree.index(inner, 0, head), small if row else inner == 0)

    def _current(self, place: QModelIndex) -> None:
        source = place.data(SOURCE_ROLE)
        self.source_chosen.emit(*(source or (None, "")))
        self.objects_chosen.emit(*self._objects(place))

    def _menu(self, at: QPoint) -> None:
        source = self.indexAt(at).data(SOURCE_ROLE)
        if source is not None:
            self.setCurrentIndex(self.indexAt(at))
            self.menu_wanted.emit(*source)
        elif self._objects(self.indexAt(at))[0]:
            self.setCurrentIndex(self.indexAt(at))
            self.loader_menu_wanted.emit()

    def _objects(self, place: QModelIndex) -> tuple[str, str]:
        """The pattern of objects that a line stands for, as loaders are chosen by, and its name; empty for others."""
        kind, value = place.data(TOKEN_ROLE) or ("", "")
        index = self._store.index
        if index is None or kind not in ("object", "package") or not value:
            return "", ""
        folder = kind == "package" and value in index.folders
        return glob.escape(value) + ("/*" if folder else ""), value

    def _clicked(self, place: QModelIndex) -> None:
        token = place.data(TOKEN_ROLE)
        if token is None or self._store.index is None:
            return
        kind, value = token
        if kind == "object":
            number = self._store.index.object_id(value)
            if number is not None:
                self._store.select(Node(OBJECT, number))
        elif kind == "arch":
            self._store.add("arch", value)
        else:
            self._store.toggle(kind, value)
