# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The style sheet on top of the palette: what QPalette cannot say (borders, padding, corners), in parts by widget."""

from __future__ import annotations

from kfuncscope.gui.theme import Palette, look
from kfuncscope.resources import resource


def stylesheet(c: Palette) -> str:
    """The style sheet of the window and its dialogs."""
    return "".join(part(c) for part in (_frames, _controls, _views, _bars, _story))


def toolbar_style() -> str:
    """The toolbar's own style: its ground and the line below it."""
    c = look()
    edge = f"border: 0; border-bottom: 1px solid {c.line};"
    return f"QToolBar {{ background: {c.toolbar}; {edge} }}"


def _frames(c: Palette) -> str:
    """Windows, cards, labels."""
    return f"""
QMainWindow, QDialog {{ background: {c.window}; }}
QMainWindow::separator {{ background: {c.window}; width: 7px; height: 7px; }}
QDialog#palette {{ border: 1px solid {c.strong_line}; border-radius: 6px; }}
QToolTip {{ background: {c.panel}; color: {c.text}; border: 1px solid {c.strong_line}; padding: 4px; }}
QStatusBar {{ background: {c.toolbar}; border-top: 1px solid {c.line}; color: {c.muted}; }}
QStatusBar::item {{ border: 0; }}
QFrame#card, QWidget#card {{ background: {c.panel}; border: 1px solid {c.line}; border-radius: 6px; }}
QLabel#heading {{ color: {c.muted}; font-weight: 600; padding: 0; background: transparent; }}
QLabel#muted {{ color: {c.muted}; background: transparent; }}
QLabel#docktitle {{ color: {c.muted}; background: transparent; }}
QLabel#brand {{ font-weight: 700; background: transparent; }}
"""


def _story(c: Palette) -> str:
    """The detail panel: one sheet for all, as a sheet for each label is worked through at every selection."""
    line = f"border: 1px solid {c.line}; border-radius: 4px;"
    verdicts = "".join(
        f"QLabel#verdict-{v.name} {{ color: {ink}; }}\n"
        f"QLabel#field-{v.name} {{ background: {c.tints[v]}; color: {ink}; {line} padding: 2px 5px; }}\n"
        for v, ink in c.verdicts.items()
    )
    return f"""
QWidget#story {{ background: {c.panel}; }}
QFrame#rule {{ background: {c.line}; }}
QLabel#code {{ background: {c.code}; {line} padding: 5px 7px; }}
QLabel#field {{ background: {c.panel}; color: {c.muted}; {line} padding: 2px 5px; }}
{verdicts}"""


def _controls(c: Palette) -> str:
    """Buttons, boxes and fields: every one shows the keyboard's focus."""
    chevron = resource("icons", f"chevron-{c.name}.svg").as_posix()
    check = resource("icons", f"check-{c.name}.svg").as_posix()
    return f"""
QPushButton, QToolButton#chipmenu, QComboBox {{ background: {c.panel}; color: {c.text}; border: 1px solid {c.line};
  border-radius: 5px; padding: 4px 10px; outline: 0; }}
QPushButton:hover, QComboBox:hover, QToolButton#chipmenu:hover {{ border-color: {c.strong_line};
  background: {c.selection}; }}
QPushButton:focus, QComboBox:focus, QToolButton:focus, QLineEdit:focus, QPlainTextEdit:focus,
QDateEdit:focus {{
  border: 1px solid {c.accent}; }}
QPushButton:disabled, QComboBox:disabled {{ color: {c.muted}; }}
QPushButton:default, QPushButton#primary {{ background: {c.accent}; color: {c.on_accent};
  border-color: {c.accent}; font-weight: 600; }}
QPushButton#primary:disabled {{ background: {c.line}; color: {c.muted}; border-color: {c.line}; }}
QPushButton#primary:focus {{ border: 2px solid {c.text}; }}
QPushButton#chip {{ border-radius: 11px; padding: 2px 9px; }}
QPushButton#chip:checked {{ background: {c.selection}; border-color: {c.accent}; }}
QPushButton#count {{ border: 1px solid transparent; background: transparent; padding: 0 4px; }}
QPushButton#count:focus {{ border-color: {c.accent}; }}
QPushButton#link {{ border: 0; background: transparent; color: {c.accent}; padding: 1px 2px; text-align: left; }}
QPushButton#link:focus {{ border: 1px solid {c.accent}; border-radius: 3px; }}
QToolButton#more {{ border: 1px solid transparent; border-radius: 4px; background: transparent; color: {c.muted};
  padding: 0 4px; }}
QToolButton#more:hover {{ background: {c.selection}; color: {c.text}; }}
QToolButton#more:focus {{ border-color: {c.accent}; }}
QToolButton#dockbutton {{ border: 0; border-radius: 4px; background: transparent; }}
QToolButton#dockbutton:hover {{ background: {c.selection}; }}
QPushButton#menubutton {{ font-size: 15px; padding: 2px 9px; }}
QPushButton#menubutton::menu-indicator {{ image: none; width: 0; }}
QComboBox {{ padding-right: 4px; }}
QComboBox::drop-down {{ border: 0; width: 20px; subcontrol-position: center right; }}
QDateEdit::drop-down {{ border: 0; width: 20px; subcontrol-position: center right; }}
QComboBox::down-arrow, QDateEdit::down-arrow {{ image: url({chevron}); width: 10px; height: 10px; }}
QLineEdit, QPlainTextEdit, QSpinBox, QDateEdit {{ background: {c.panel}; color: {c.text};
  border: 1px solid {c.line}; placeholder-text-color: {c.muted};
  border-radius: 5px; padding: 4px 8px; selection-background-color: {c.accent}; selection-color: {c.on_accent}; }}
QCheckBox::indicator {{ width: 13px; height: 13px; border: 1px solid {c.strong_line}; border-radius: 3px;
  background: {c.panel}; }}
QCheckBox::indicator:checked {{ background: {c.accent}; border-color: {c.accent}; image: url({check}); }}
QCheckBox::indicator:focus {{ border: 2px solid {c.accent}; }}
"""


def _views(c: Palette) -> str:
    """Tabs, trees, tables and lists."""
    return f"""
QTabBar {{ background: transparent; qproperty-drawBase: 0; }}
QTabBar::tab {{ background: transparent; color: {c.muted}; padding: 7px 14px; border: 0;
  border-bottom: 2px solid transparent; }}
QTabBar[tight="true"]::tab {{ padding: 7px 4px; }}
QTabBar::scroller {{ width: 36px; }}
QTabBar::tear {{ width: 0; border: 0; }}
QAbstractScrollArea::corner {{ background: transparent; border: 0; }}
QTabBar QToolButton {{ background: {c.panel}; border: 0; padding: 0; }}
QTabBar QToolButton:hover {{ background: {c.selection}; }}
QTabBar::tab:selected {{ color: {c.text}; border-bottom: 2px solid {c.accent}; font-weight: 600; }}
QTabBar::tab:hover {{ color: {c.text}; }}
QTabBar::tab:focus {{ color: {c.accent}; }}
QWidget QTableView#names, QWidget QTableView#names:focus {{ border: 0; border-right: 1px solid {c.line};
  border-radius: 0; }}
QTreeView, QTableView, QListView {{ background: {c.panel}; alternate-background-color: {c.window};
  border: 1px solid {c.panel}; border-radius: 3px;
  gridline-color: {c.line}; outline: 0; }}
QTreeView::item {{ padding: 2px 0; }}
QTableView::item {{ padding: 0 5px; }}
QListWidget::item {{ padding: 4px 6px; }}
QTreeView::item:selected, QTableView::item:selected, QListView::item:selected {{ background: {c.selection};
  color: {c.text}; }}
QTreeView:focus, QTableView:focus, QListView:focus, QTextBrowser:focus {{ border: 1px solid {c.accent}; }}
QTextBrowser {{ background: {c.panel}; color: {c.text}; border: 1px solid {c.line}; border-radius: 3px; }}
QHeaderView {{ background: {c.panel}; }}
QHeaderView#lanes::section {{ padding: 5px 4px; }}
QHeaderView::section {{ background: {c.panel}; color: {c.muted}; border: 0; border-bottom: 1px solid {c.line};
  padding: 5px 8px;
  font-weight: 600; }}
"""


def _bars(c: Palette) -> str:
    """Scroll bars, menus, progress."""
    return f"""
QScrollBar:vertical {{ background: transparent; width: 11px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 11px; margin: 0; }}
QScrollBar::handle {{ background: {c.line}; border-radius: 4px; min-height: 26px; min-width: 26px; margin: 2px; }}
QScrollBar::handle:hover {{ background: {c.strong_line}; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{
  background: transparent; border: 0; height: 0; width: 0; }}
QScrollArea, QWidget#clear {{ background: transparent; border: 0; }}
QMenuBar {{ background: {c.toolbar}; color: {c.text}; padding: 1px 4px; }}
QMenuBar::item {{ padding: 4px 9px; border-radius: 4px; background: transparent; }}
QMenuBar::item:selected {{ background: {c.selection}; }}
QMenu {{ background: {c.panel}; color: {c.text}; border: 1px solid {c.strong_line}; padding: 4px; }}
QMenu::item {{ padding: 5px 22px; border-radius: 4px; }}
QMenu::item:selected {{ background: {c.selection}; }}
QMenu::item:disabled {{ color: {c.muted}; }}
QMenu::separator {{ height: 1px; background: {c.line}; margin: 4px 6px; }}
QProgressBar {{ background: {c.code}; border: 1px solid {c.line}; border-radius: 4px; text-align: center;
  color: {c.text}; }}
QProgressBar::chunk {{ background: {c.selection}; border-radius: 3px; }}
QSplitter::handle {{ background: {c.window}; }}
"""
