# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The toolbar: open, pair under study, analyse, search, what-if, export. Controllers connect its widgets."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolBar,
    QWidget,
)

from kfuncscope.gui import theme

PAIR = 146  # the most that a name of the pair takes from the search
ROOMY, ROOMY_PAIR = 1300, 240  # and in a window that is wide
LEAST = 90  # what is left of it in a very narrow window
NARROW = 1140  # below this width the kernels' names matter more than the program's


class PairBox(QComboBox):
    """Names a kernel of the pair; a name that finds no room ends with a sign of it.

    It asks for the room that its name takes, not for that of the longest in the list, which the list has to itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.currentTextChanged.connect(lambda _: self.updateGeometry())

    def sizeHint(self) -> QSize:
        hint, advance = super().sizeHint(), self.fontMetrics().horizontalAdvance
        widest = max((advance(self.itemText(place)) for place in range(self.count())), default=0)
        return QSize(hint.width() - widest + advance(self.currentText()), hint.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(
            min(self.sizeHint().width(), super().minimumSizeHint().width()), super().minimumSizeHint().height()
        )

    def showPopup(self) -> None:
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0) + 24)
        super().showPopup()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        field = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self).width() - 6
        text = self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, room)
        option.currentText = text
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()


MARGINS, BUTTON = 14, 26  # pixels of a field beside its text, and what Qt gives to each sign in it


class SearchField(QLineEdit):
    """Says what it searches and its key, as far as there is room to say it whole."""

    def __init__(self, *hints: str) -> None:
        super().__init__()
        self._hints = hints

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.width() - MARGINS - BUTTON * sum(action.isVisible() for action in self.actions())
        fitting = (hint for hint in self._hints if self.fontMetrics().horizontalAdvance(hint) <= room)
        self.setPlaceholderText(next(fitting, self._hints[-1]))


class Toolbar(QToolBar):
    """The main tool bar. ``old_box`` and ``new_box`` hold the kernels of the session by name."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Main"))
        self.setObjectName("main")
        self.setMovable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.brand = QLabel("kfuncscope")
        self.brand.setObjectName("brand")
        self.brand.setFont(theme.ui_font(1, bold=True))
        self.menu_button = QPushButton("≡")
        self.menu_button.setObjectName("menubutton")
        self.menu_button.setAccessibleName(self.tr("Menu"))
        self.menu_button.setToolTip(self.tr("Menu (Ctrl+M shows the menu bar)"))
        self.menu_button.hide()
        self.open_kernels = QPushButton(self.tr("Open kernels…"))
        self.add_objects = QPushButton(self.tr("Add objects…"))
        self.old_box, self.new_box = self._box(self.tr("Old kernel")), self._box(self.tr("New kernel"))
        self.analyse = QPushButton(self.tr("Analyse  F5"))
        self.analyse.setObjectName("primary")
        self.whatif = QPushButton(self.tr("What if…"))
        self.export = QPushButton(self.tr("Export…"))
        self._search_field()
        for button, tip in (
            (self.open_kernels, self.tr("Choose kernel files: first the old, then the new (Ctrl+O)")),
            (self.add_objects, self.tr("Add objects, packages or folders of them (Ctrl+Shift+A)")),
            (self.analyse, self.tr("Re-run the analysis (F5)")),
            (self.whatif, self.tr("Assume that something is removed, changed or kept")),
            (self.export, self.tr("Write a report, or the graph as a picture (Ctrl+E)")),
        ):
            button.setToolTip(tip)
        self._lay_out()
        self.dress()

    @staticmethod
    def _box(name: str) -> QComboBox:
        box = PairBox()
        box.setAccessibleName(name)
        box.setToolTip(name)
        box.setMinimumWidth(LEAST)
        box.setFont(theme.mono(-0.5))
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        return box

    def _search_field(self) -> None:
        hints = self.tr("Search programs, kfuncs…   Ctrl+F"), self.tr("Search programs, kfuncs…"), self.tr("Search…")
        self.search = SearchField(*hints)
        self.search.setAccessibleName(self.tr("Search"))
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(104)
        self.search.setMaximumWidth(290)
        self.search.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hide_others = self.search.addAction(theme.funnel_icon(True), QLineEdit.ActionPosition.TrailingPosition)
        self.hide_others.setCheckable(True)
        self.hide_others.setChecked(True)
        self.hide_others.setText(self.tr("Hide what the search does not find"))
        self.hide_others.setToolTip(self.tr("On: hide what the search does not find. Off: only mark what it finds."))

    def _lay_out(self) -> None:
        old_label, arrow = QLabel(self.tr("Old")), QLabel(self.tr("→ New"))
        for label, box in ((old_label, self.old_box), (arrow, self.new_box)):
            label.setBuddy(box)  # on Linux a screen reader has the name of a box from its label
            label.setObjectName("muted")
            label.setContentsMargins(6, 0, 0, 0)
        holder = self._holder = QWidget()
        self._line = line = QHBoxLayout(holder)
        line.setContentsMargins(10, 7, 10, 7)
        line.setSpacing(7)
        for label in (self.brand, old_label, arrow):
            label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        for widget in (
            self.menu_button, self.brand, self.open_kernels, self.add_objects, old_label, self.old_box, arrow,
            self.new_box, self.analyse,
        ):  # fmt: skip
            line.addWidget(widget)
        line.addStretch(1)
        line.addWidget(self.search, 1000)
        line.addWidget(self.whatif)
        line.addWidget(self.export)
        self.addWidget(holder)

    def show_menu_button(self, on: bool) -> None:
        """Show the button that stands for the menu bar."""
        self.menu_button.setVisible(on)

    def dress(self) -> None:
        """Take the colours of the palette."""
        self.hide_others.setIcon(theme.funnel_icon(self.hide_others.isChecked()))

    def fit_pair(self) -> None:
        """Give the names of the pair the room that they need, long ones some of it; the search has what is left."""
        self.fit(self.window().width())

    def fit(self, width: int) -> None:
        """Leave out what a window of this width has no room for: what menus have too first, names of the pair last."""
        self.brand.setVisible(width >= NARROW)
        boxes, rest = (self.old_box, self.new_box), (self.export, self.whatif)
        most = PAIR if width < ROOMY else ROOMY_PAIR
        for box in boxes:
            box.setMinimumWidth(min(max(box.sizeHint().width() + 12, LEAST), most))
        for button in rest:
            button.show()
        self._name_openers(short=False)
        if self._least() > width:
            self._name_openers(short=True)
        for button in rest:
            if self._least() > width:
                button.hide()
        if self._least() > width:
            for box in boxes:
                box.setMinimumWidth(LEAST)
        pair = sum(box.minimumWidth() - LEAST for box in boxes)
        shown = sum(button.sizeHint().width() + self._line.spacing() for button in rest if not button.isHidden())
        self._holder.setMinimumWidth(max(1, self._least() - pair - shown))  # the window may still become narrower

    def _name_openers(self, short: bool) -> None:
        """The buttons that open files say what they open; where there is no room, without the verb."""
        kernels, objects = self.tr("Open kernels…"), self.tr("Add objects…")
        for button, name, brief in (
            (self.open_kernels, kernels, self.tr("Kernels…")),
            (self.add_objects, objects, self.tr("Objects…")),
        ):
            button.setText(brief if short else name)
            button.setAccessibleName(name)

    def _least(self) -> int:
        """The width that what is shown takes at least."""
        self._line.invalidate()
        return self._line.minimumSize().width()
