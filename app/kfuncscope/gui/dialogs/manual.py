# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The manual in the window: the same pages that are published as HTML, read from their Markdown. Nothing is fetched."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, QUrl
from PySide6.QtGui import (
    QDesktopServices,
    QKeySequence,
    QShortcut,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
    QTextTable,
)
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QTextBrowser,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from kfuncscope.gui import theme
from kfuncscope.gui.frame.geometry import within
from kfuncscope.resources import resource

FIRST = "index.md"
_COMMENT = re.compile(r"<!--.*?-->\n*", re.DOTALL)
_LINK = re.compile(r"\]\((\w[\w-]*\.md)\)")
_PAGE = Qt.ItemDataRole.UserRole
_ROOM = 14.0  # pixels around the text
WIDEST = 300  # that the list of pages gets


def page_text(name: str) -> str:
    """A page's Markdown without comments; one sentence where it is not there."""
    try:
        return _COMMENT.sub("", resource("docs", Path(name).name).read_text(encoding="utf-8"))
    except OSError:
        return f"# {name}\n\nThis page is not installed.\n"


def page_names() -> list[str]:
    """The pages in the order in which the first one names them."""
    return list(dict.fromkeys([FIRST, *_LINK.findall(page_text(FIRST))]))


def page_title(name: str) -> str:
    """The heading of a page."""
    return page_text(name).split("\n", 1)[0].lstrip("# ")


def html_manual() -> Path | None:
    """The manual as HTML, where a distribution installed it or ``.ci/manual`` made it."""
    for folder in (Path("/usr/share/doc/kfuncscope/html"), resource().parent / "build" / "manual"):
        if (folder / "index.html").is_file():
            return folder / "index.html"
    return None


def anchor_of(heading: str) -> str:
    """The anchor that GitHub, GitLab and the published manual make of a heading."""
    return "".join(c for c in heading.lower() if c.isalnum() or c in " -_").replace(" ", "-")


class Pages(QTextBrowser):
    """Shows pages of the manual; links lead to pages and headings, with a way back."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self.anchorClicked.connect(self.go)
        self.sourceChanged.connect(self._shown)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """The text of a page; nothing else is ever read, whatever a page asks for."""
        url = QUrl(name)
        return page_text(url.fileName()) if url.fileName() in page_names() else None

    def go(self, url: QUrl) -> None:
        """Follow a link to a page or a heading; other links do nothing."""
        target = url if url.path() else QUrl(f"{self.source().fileName()}#{url.fragment()}")
        if target.fileName() in page_names():
            self.setSource(target)

    def _shown(self, url: QUrl) -> None:
        self._dress()
        block = self.document().begin()
        while url.fragment() and block.isValid():
            if block.blockFormat().headingLevel() and anchor_of(block.text()) == url.fragment():
                top = self.document().documentLayout().blockBoundingRect(block).top()
                self.verticalScrollBar().setValue(int(top))
                return
            block = block.next()

    def _dress(self) -> None:
        """Give code its ground, the window's font and room around it, and tables theirs; Qt's Markdown has neither."""
        document, font, before = self.document(), QTextCharFormat(), ""
        document.setDocumentMargin(_ROOM)
        font.setFont(theme.mono())
        cursor, block = QTextCursor(document), document.begin()
        cursor.beginEditBlock()  # one layout for all of it
        while block.isValid():
            code = _code(block)
            if code:
                cursor.setPosition(block.position())
                cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
                cursor.mergeBlockFormat(self._ground(before != code, _code(block.next()) != code))
                cursor.mergeCharFormat(font)
            before, block = code, block.next()
        for frame in document.rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                shape = frame.format()
                shape.setBorder(0)
                shape.setCellPadding(4)
                shape.setBottomMargin(_ROOM)
                frame.setFormat(shape)
        cursor.endEditBlock()

    def _ground(self, first: bool, last: bool) -> QTextBlockFormat:
        made = QTextBlockFormat()
        made.setBackground(self.palette().alternateBase())
        made.setNonBreakableLines(False)
        made.setTopMargin(_ROOM / 2 if first else 0)
        made.setBottomMargin(_ROOM / 2 if last else 0)
        return made


def _code(block: QTextBlock) -> str:
    """What kind of code a block of a page is: fenced, indented (all of it in a fixed pitch), or none."""
    if not block.isValid() or block.textList() or QTextCursor(block).currentTable():
        return ""
    shape = block.blockFormat()
    if shape.hasProperty(QTextFormat.Property.BlockCodeLanguage) or shape.hasProperty(
        QTextFormat.Property.BlockCodeFence
    ):
        return "fenced"
    return "indented" if block.text() and all(one.format.fontFixedPitch() for one in block.textFormats()) else ""


class ManualDialog(QDialog):
    """The pages at the left, the text at the right; stays open beside the window."""

    def __init__(self, window: QWidget, page: str = FIRST) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Manual"))
        self.list, self.text, self.field = QListWidget(), Pages(), QLineEdit()
        for name in page_names():
            item = QListWidgetItem(page_title(name), self.list)
            item.setData(_PAGE, name)
        self.list.setAccessibleName(self.tr("Pages"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        bar = self.list.verticalScrollBar().sizeHint().width() + 2 * self.list.frameWidth()
        self.list.setFixedWidth(min(WIDEST, self.list.sizeHintForColumn(0) + bar + 8))
        self.text.setAccessibleName(self.windowTitle())
        self.field.setPlaceholderText(self.tr("Find in this page"))
        self.field.setAccessibleName(self.field.placeholderText())
        self.field.setClearButtonEnabled(True)
        self._lay_out()
        self.list.currentItemChanged.connect(self._chosen)
        self.text.sourceChanged.connect(self._follow)
        self.field.returnPressed.connect(self.search)
        QShortcut(QKeySequence.StandardKey.Find, self, self.field.setFocus)
        within(self, 920, 700)
        self.text.setSource(QUrl(page))

    def _lay_out(self) -> None:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.close)
        if (built := html_manual()) is not None:
            browser = buttons.addButton(self.tr("Open in browser"), QDialogButtonBox.ButtonRole.ActionRole)
            browser.clicked.connect(partial(self._browse, built))
        top = QHBoxLayout()
        for sign, word, step, can in (
            ("←", self.tr("Back"), self.text.backward, self.text.backwardAvailable),
            ("→", self.tr("Forward"), self.text.forward, self.text.forwardAvailable),
        ):
            button = QToolButton()
            button.setText(sign)
            button.setToolTip(word)
            button.setAccessibleName(word)
            button.setEnabled(False)
            button.clicked.connect(step)
            can.connect(button.setEnabled)
            top.addWidget(button)
        top.addStretch()
        top.addWidget(self.field)
        right = QVBoxLayout()
        right.addLayout(top)
        right.addWidget(self.text)
        both = QHBoxLayout()
        both.addWidget(self.list)
        both.addLayout(right)
        column = QVBoxLayout(self)
        column.addLayout(both)
        column.addWidget(buttons)

    def search(self) -> None:
        """Go to the next place with the words of the field, from the top again after the last."""
        words = self.field.text()
        if words and not self.text.find(words):
            self.text.moveCursor(QTextCursor.MoveOperation.Start)
            self.text.find(words)

    def _chosen(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.text.setSource(QUrl(item.data(_PAGE)))

    def _follow(self, url: QUrl) -> None:
        with QSignalBlocker(self.list):
            self.list.setCurrentRow(page_names().index(url.fileName()))

    def _browse(self, built: Path) -> None:
        page = built.with_name(self.text.source().fileName()).with_suffix(".html")
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(page if page.is_file() else built)))
