# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""On a projector: large type, docks away, N walks the breakages; and this very view as a picture for a slide."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QByteArray, QEvent, QObject, QPoint, QRect, Qt, QTimer
from PySide6.QtGui import QFont, QGuiApplication
from PySide6.QtWidgets import QApplication, QDockWidget, QFrame, QLabel, QMainWindow, QToolBar, QVBoxLayout, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.context import Context
from kfuncscope.gui.graph.view import GraphView
from kfuncscope.gui.index import SCALE
from kfuncscope.gui.store import NEED, OBJECT, Node
from kfuncscope.gui.widgets import motion, picture
from kfuncscope.gui.widgets.picture import Shape
from kfuncscope.gui.widgets.wording import headline

LARGER = 1.45
GAP = 18


class Caption(QFrame):
    """Over the view: what is selected, and in a sentence what happens to it, in letters for the last row."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.setObjectName("caption")
        self.title, self.text = QLabel(), QLabel()
        for label in (self.title, self.text):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 12, 22, 14)
        column.addWidget(self.title)
        column.addWidget(self.text)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def tell(self, title: str, text: str) -> None:
        """Show both lines at the lower edge; nothing for the empty title."""
        self.setVisible(bool(title))
        if not title:
            return
        self.title.setFont(theme.ui_font(4, bold=True))
        self.text.setFont(theme.ui_font(1))
        self.title.setText(title)
        self.text.setText(text)
        self.setAccessibleName(f"{title}. {text}")
        self.place()

    def place(self) -> None:
        """Keep to the lower edge of the window."""
        window = self._window
        wide = min(window.width() - 4 * GAP, 1100)
        column = self.layout()
        high = column.heightForWidth(wide) if column is not None else 0
        self.setFixedSize(wide, high + 10)  # letters may reach below their line
        self.move(QPoint((window.width() - wide) // 2, window.height() - self.height() - GAP))
        self.raise_()


class Presentation(QObject):
    """Enters and leaves; while it lasts the window keeps its result, its filters and its keys."""

    def __init__(
        self, context: Context, window: QMainWindow, graph: GraphView, parts: Callable[[], list[QWidget]]
    ) -> None:
        """``parts`` are the bars that go away."""
        super().__init__(context)
        self._context, self._window, self._graph, self._parts = context, window, graph, parts
        self._kept: tuple[QByteArray, QFont, Qt.WindowState, list[QWidget]] | None = None
        self._place = QRect(window.pos(), window.size())
        self.caption = Caption(window)
        add = context.commands.add
        self.action = add("present", self.tr("Presentation mode"), self.toggle, "F11", "View")
        self.action.setCheckable(True)
        self.moves = add("present.move", self.tr("Animate what changes"), self.switch_motion, "", "View")
        self.moves.setCheckable(True)
        self.moves.setChecked(motion.wanted(context.settings))
        context.store.selection_changed.connect(self._tell)
        context.store.analysis_changed.connect(self._tell)
        window.installEventFilter(self)

    @property
    def on(self) -> bool:
        """Whether the window is presenting."""
        return self._kept is not None

    def toggle(self) -> None:
        """Enter, or leave."""
        if self.on:
            self.leave()
        else:
            self.enter()
        self.action.setChecked(self.on)

    def enter(self) -> None:
        """Large type, docks and bars away, the whole screen."""
        window, app = self._window, QApplication.instance()
        if self.on or self._context.store.index is None or not isinstance(app, QApplication):
            return
        hidden = [w for w in (*window.findChildren(QDockWidget), *self._parts()) if w.isVisibleTo(window)]
        self._kept = window.saveState(), QFont(app.font()), window.windowState(), hidden
        self._place = QRect(window.pos(), window.size())
        for widget in hidden:
            widget.hide()
        font = QFont(app.font())
        font.setPointSizeF(font.pointSizeF() * LARGER)
        app.setFont(font)
        window.showFullScreen()
        self._graph.canvas.smooth = motion.wanted(self._context.settings)
        QTimer.singleShot(0, self, self._dress)  # in a turn of its own: both take their time

    def _dress(self) -> None:
        """Have all that remembers letters take the new ones."""
        self._context.looks_changed.emit(False)
        self._graph.canvas.fit_width()
        self._tell()

    def leave(self) -> None:
        """Put everything back as it was."""
        app = QApplication.instance()
        if self._kept is None or not isinstance(app, QApplication):
            return
        state, font, before, hidden = self._kept
        self._kept = None
        app.setFont(font)
        self._paint_middle(False)  # painted once, in letters of the usual size
        self._window.setWindowState(before)
        if not before & (Qt.WindowState.WindowMaximized | Qt.WindowState.WindowFullScreen):
            self._window.resize(self._place.size())
            self._window.move(self._place.topLeft())
        for widget in hidden:
            if not isinstance(widget, QDockWidget | QToolBar):
                widget.show()
        self._window.restoreState(state)  # shows panels and tool bars itself, all at once
        self.caption.hide()
        self._window.setContentsMargins(0, 0, 0, 0)
        self._graph.canvas.smooth = False
        QTimer.singleShot(0, self, self._dress)
        self.action.setChecked(False)

    def _paint_middle(self, on: bool) -> None:
        middle = self._window.centralWidget()
        if middle is not None:
            middle.setUpdatesEnabled(on)

    def switch_motion(self) -> None:
        """Let things move, or not; kept for the next time."""
        settings = self._context.settings
        on = self.moves.isChecked()
        if settings is not None:
            settings.setValue(motion.SETTING, "true" if on else "false")
        self._graph.canvas.smooth = self.on and on

    # --- the caption ---
    def _tell(self) -> None:
        if self.on:
            self.caption.tell(*self.words())
            self._make_room()

    def _make_room(self) -> None:
        """Keep the view above the caption; room once taken stays, so that the view does not move at every step."""
        wanted = self.caption.height() + 2 * GAP if self.caption.isVisibleTo(self._window) else 0
        kept = self._window.contentsMargins().bottom()
        if wanted > kept:
            self._window.setContentsMargins(0, 0, 0, wanted)

    def words(self) -> tuple[str, str]:
        """What is selected and what happens to it; both empty where nothing is."""
        index, store = self._context.store.index, self._context.store
        node = store.selected
        if index is None or node is None:
            return "", ""
        table = index.findings
        of = (index.findings_of_object, index.findings_of_program, index.findings_of_need)[node.column]
        rows = [r for r in of(node.id).tolist() if store.lane < 0 or table.lane[r] == store.lane]
        rows.sort(key=lambda r: (r != store.finding, -int(table.verdict[r])))
        name = self._name(node)
        if rows:
            found = table.refs[rows[0]]
            return f"{theme.GLYPHS[found.verdict]} {headline(found)}: {name}", found.message
        verdicts = (index.obj_verdict, index.prog_verdict, index.need_verdict)[node.column]
        code = int(index.worst(verdicts, store.lane)[node.id])
        verdict = SCALE[max(code, 0)]
        return f"{theme.GLYPHS[verdict]} {theme.WORDS[verdict]}: {name}", theme.MEANING[verdict]

    def _name(self, node: Node) -> str:
        index = self._context.store.index
        assert index is not None
        if node.column == OBJECT:
            return index.objects[node.id]
        if node.column == NEED:
            kind, name = index.needs[node.id]
            return f"{kind.value} {name}"
        program = index.programs[node.id]
        return f"{index.objects[program.object]} › {program.name}"

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.caption.isVisible():
            self.caption.place()
        return super().eventFilter(watched, event)


class Pictures(QObject):
    """This view, as a file or on the clipboard."""

    def __init__(self, context: Context, front: Callable[[], QWidget], title: Callable[[], str]) -> None:
        """``front`` is the page in front, ``title`` what stands above its picture."""
        super().__init__(context)
        self._context, self._front, self._title = context, front, title
        add = context.commands.add
        add("view.copy", self.tr("Copy this view as a picture"), self.copy, "Ctrl+Shift+C", "View")
        wide = self.tr("Copy this view as a picture, 16:9")
        add("view.copywide", wide, lambda: self.copy(Shape.WIDE), "Ctrl+Alt+C", "View")

    def copy(self, shape: Shape = Shape.SEEN) -> None:
        """Put the view on the clipboard."""
        if self._context.store.index is not None:
            made = picture.image(self._front(), self._title(), shape)
            QGuiApplication.clipboard().setImage(made)
            self._context.say(self.tr("Copied: {0} × {1} pixels").format(made.width(), made.height()))

    def write(self, path: str, shape: Shape, dark: bool | None) -> None:
        """Write the view as SVG or PNG, by the ending of its name. Raises OSError where it cannot be written."""
        with picture.dressed(dark, self._context.palette_changed.emit):
            if path.endswith(".svg"):
                picture.svg(self._front(), path, self._title(), shape)
            elif not picture.image(self._front(), self._title(), shape).save(path):
                raise OSError(f"cannot write {path}")
