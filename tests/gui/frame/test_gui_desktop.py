# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Manners of a desktop application: menus, panels, preferences, documents, command line, languages."""

from __future__ import annotations

import configparser
import itertools
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QCoreApplication, QPoint, QRect, QSettings, Qt, QTranslator
from PySide6.QtGui import QAccessible, QAction, QGuiApplication
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QMenu, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from kfuncscope.gui import theme
from kfuncscope.gui.app import application, languages, settle
from kfuncscope.gui.controllers import tour
from kfuncscope.gui.dialogs.about import LIBRARIES, AboutDialog
from kfuncscope.gui.dialogs.preferences import PreferencesDialog
from kfuncscope.gui.frame import geometry, preferences, translations
from kfuncscope.gui.frame.arguments import Asked, asked
from kfuncscope.gui.frame.docks import DockTitle, TabCorner
from kfuncscope.gui.frame.preferences import Preferences
from kfuncscope.gui.graph import speech
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.model.verdict import Verdict
from kfuncscope.resources import resource, sample
from support import analyses, windows


@pytest.fixture
def win(shared: MainWindow) -> MainWindow:
    return shared


@pytest.fixture
def kept(tmp_path: Path, qapp: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[MainWindow, QSettings]]:
    """A window that keeps its settings, and analyses nothing."""
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    theme.apply(application(), False)
    window = MainWindow(settings)
    monkeypatch.setattr(window.results, "analyse", lambda: None)
    monkeypatch.setattr(window.listing, "describe", lambda: None)
    monkeypatch.setattr(window.documents, "autosave_path", lambda: str(tmp_path / "auto" / "last.kfs"))
    window.show()
    yield window, settings
    window.documents.asks = False
    window.close()
    window.deleteLater()
    settle()
    theme.apply(application(), False)


def actions(menu: QMenu) -> Iterator[QAction]:
    for action in menu.actions():
        inner = action.menu()
        if isinstance(inner, QMenu):
            yield from actions(inner)
        elif not action.isSeparator():
            yield action


# --- menus ---
def test_every_command_stands_in_the_menus_once(win: MainWindow) -> None:
    listed = [action for menu in win.menus.top() for action in actions(menu)]
    registered = list(win.commands.actions.values())
    assert [sum(action is one for one in listed) for action in registered] == [1] * len(registered)
    others = [action for action in listed if not any(action is one for one in registered)]
    assert others == list(actions(win.menus.recent))
    assert [menu.title() for menu in win.menus.top()] == [
        "&File", "&Edit", "&View", "&Graph", "Fi&lter", "&Analysis", "&Help"
    ]  # fmt: skip


def test_the_bar_and_the_button_have_the_same_menus(win: MainWindow) -> None:
    button = [a.menu() for a in win.toolbar.menu_button.menu().actions()]
    assert [a.menu() for a in win.menuBar().actions()] == button == win.menus.top()
    assert not win.toolbar.menu_button.isVisible()
    win.commands.run("menubar")
    assert win.toolbar.menu_button.isVisible() and not win.menuBar().isVisible()
    win.commands.run("menubar")
    assert win.menuBar().isVisible() and win.commands.actions["menubar"].isChecked()


def test_undo_says_what_it_undoes(win: MainWindow) -> None:
    win.store.undo.clear()
    undo = win.commands.actions["undo"]
    assert undo.text() == "Undo" and not undo.isEnabled()
    win.store.toggle("affected")
    assert undo.text().startswith("Undo: ") and undo.isEnabled()
    win.commands.run("undo")
    assert win.commands.actions["redo"].text().startswith("Redo: ")


# --- panels ---
def test_a_panel_that_comes_out_does_not_look_as_if_it_were_still_in(win: MainWindow, qtbot: QtBot) -> None:
    win.show_page("inputs")
    win.commands.run("layout.reset")
    settle()
    dock = win.docks["inputs"]
    head, before = dock.titleBarWidget(), dock.mapToGlobal(QPoint(0, 0))
    assert isinstance(head, DockTitle)
    qtbot.mouseClick(head.floater, Qt.MouseButton.LeftButton)
    settle()
    assert dock.isFloating() and (dock.pos() - before).manhattanLength() >= 30
    assert dock.screen().availableGeometry().contains(dock.geometry())
    qtbot.mouseClick(head.floater, Qt.MouseButton.LeftButton)
    settle()
    assert not dock.isFloating() and dock.mapToGlobal(QPoint(0, 0)) == before


def test_panels_have_titles_that_float_close_and_come_back(win: MainWindow, qtbot: QtBot) -> None:
    win.show_page("inputs")
    for name, dock in win.docks.items():
        head = dock.titleBarWidget()
        assert isinstance(head, DockTitle)
        win.show_page(name)
        settle()
        corner = next((c for c in win.findChildren(TabCorner) if c.isVisible()), None)
        qtbot.mouseClick(
            (corner if corner and win.tabifiedDockWidgets(dock) else head).floater, Qt.MouseButton.LeftButton
        )
        settle()
        assert dock.isFloating() and dock.windowTitle() in head.floater.toolTip()
        qtbot.mouseClick(head.closer, Qt.MouseButton.LeftButton)
        assert not dock.isVisible() and not win.commands.actions[f"dock.{name}"].isChecked()
    win.commands.run("dock.inputs")
    assert win.docks["inputs"].isVisible() and win.commands.actions["dock.inputs"].isChecked()
    win.commands.run("layout.reset")
    settle()
    assert not any(dock.isFloating() or dock.isHidden() for dock in win.docks.values())
    assert win.dockWidgetArea(win.docks["detail"]) is Qt.DockWidgetArea.RightDockWidgetArea
    assert len(win.tabifiedDockWidgets(win.docks["problems"])) == 4


def test_a_panel_that_is_dropped_below_another_gets_a_fair_share(win: MainWindow) -> None:
    """Qt leaves it its least height; a panel that has enough keeps what it has."""
    win.resize(1400, 900)
    inputs, jobs = win.docks["inputs"], win.docks["jobs"]
    jobs.show()
    jobs.setFloating(True)
    win.splitDockWidget(inputs, jobs, Qt.Orientation.Vertical)
    jobs.setFloating(False)  # both as dropping it there does
    win.resizeDocks([inputs, jobs], [5000, 1], Qt.Orientation.Vertical)
    settle()
    assert abs(jobs.height() - inputs.height()) <= 2
    win.resizeDocks([inputs, jobs], [300, 200], Qt.Orientation.Vertical)
    settle()
    kept = jobs.height()
    assert kept < inputs.height()
    jobs.setFloating(True)
    jobs.setFloating(False)
    settle()
    assert abs(jobs.height() - kept) <= 2
    win.commands.run("layout.reset")


def test_docks_in_tabs_have_no_row_for_a_title(win: MainWindow, qtbot: QtBot) -> None:
    """The tab says the title and the buttons stand beside it; where there is no room for them, the row is back."""
    settle()
    problems, corner = win.docks["problems"], next(c for c in win.findChildren(TabCorner) if c.isVisible())
    head = problems.titleBarWidget()
    assert head.height() == 0 and corner.isVisible() and head.floater.isHidden()
    assert corner.floater.accessibleName() == f"Float {problems.windowTitle()}"
    win.show_page("jobs")
    settle()
    assert corner.closer.accessibleName() == "Close Jobs"
    qtbot.mouseClick(corner.closer, Qt.MouseButton.LeftButton)
    assert win.docks["jobs"].isHidden() and problems.isVisible()
    title = win.docks["proof"].windowTitle()
    win.docks["proof"].setWindowTitle(200 * "x")
    settle()
    assert corner.isHidden() and head.height() > 0 and head.floater.isVisible()
    win.docks["proof"].setWindowTitle(title)


# --- preferences ---
def test_preferences_are_applied_kept_and_cancelled(kept: tuple[MainWindow, QSettings]) -> None:
    window, settings = kept
    window.commands.run("preferences")
    dialog = window.findChild(PreferencesDialog)
    dialog.theme.setCurrentIndex(dialog.theme.findData("dark"))
    assert theme.look() is theme.DARK
    dialog.safe.setChecked(True)
    assert theme.look() is theme.SAFE_DARK
    dialog.scale.setCurrentIndex(dialog.scale.findData(125))
    dialog.editor.setText("kate -l {line} {file}")
    dialog.reject()
    assert theme.look() is not theme.SAFE_DARK and preferences.load(settings) == Preferences()
    window.desktop.prefer(Preferences("dark", True, 125, "de", "kate {file}", True, False))
    assert preferences.load(settings) == Preferences("dark", True, 125, "de", "kate {file}", True, False)
    window.commands.run("session.new")
    assert window.context.session.infer
    window.commands.run("theme")
    assert preferences.load(settings).theme == "light" and not theme.look().dark


def test_what_is_no_preference_counts_as_not_chosen(tmp_path: Path) -> None:
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    for key, value in (("theme", "pink"), ("font/scale", "-3"), ("language", "xx"), ("palette/safe", "maybe")):
        settings.setValue(key, value)
    assert preferences.load(settings) == Preferences()
    settings.setValue("font/scale", "9000")
    assert preferences.load(settings).scale == 200 and preferences.load(None) == Preferences()


_DEUTAN = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
_PROTAN = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))


def _seen(colour: str, eye: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
    """A colour as a colour-blind person sees it (Machado, Oliveira and Fernandes 2009), in CIE L*a*b*."""
    srgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in srgb]
    r, g, b = (min(max(sum(m * c for m, c in zip(row, linear, strict=True)), 0.0), 1.0) for row in eye)
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089
    fx, fy, fz = (c ** (1 / 3) if c > 0.008856 else 7.787 * c + 16 / 116 for c in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _nearest(palette: theme.Palette, eye: tuple[tuple[float, ...], ...]) -> float:
    shown = (Verdict.BREAKS, Verdict.SILENT, Verdict.RISK, Verdict.DEGRADES, Verdict.OK)
    colours = [_seen(palette.verdicts[verdict], eye) for verdict in shown]
    return min(
        sum((p - q) ** 2 for p, q in zip(one, other, strict=True)) ** 0.5
        for one, other in itertools.combinations(colours, 2)
    )


@pytest.mark.parametrize("eye", [_DEUTAN, _PROTAN], ids=["deuteranopia", "protanopia"])
@pytest.mark.parametrize(("safe", "usual"), [(theme.SAFE_LIGHT, theme.LIGHT), (theme.SAFE_DARK, theme.DARK)])
def test_the_safe_colours_differ_for_colour_blind_eyes(
    safe: theme.Palette, usual: theme.Palette, eye: tuple[tuple[float, ...], ...]
) -> None:
    assert _nearest(safe, eye) >= 30 > _nearest(usual, eye)
    for verdict, colour in safe.verdicts.items():
        for ground in (safe.panel, safe.window, safe.tints[verdict]):
            assert theme.contrast(colour, ground) >= 4.5, (verdict, ground)


# --- About ---
def test_about_names_every_version_and_copies_them(win: MainWindow, qtbot: QtBot) -> None:
    win.commands.run("about")
    dialog = win.findChild(AboutDialog)
    text = dialog.text.toPlainText()
    for name in ("kfuncscope", "Python", "Qt", "PySide6", *LIBRARIES, "tables of Linux"):
        assert any(line.startswith(name) for line in text.splitlines()), name
    qtbot.mouseClick(dialog.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == text
    dialog.findChild(QDialogButtonBox).rejected.emit()


# --- documents ---
def test_a_changed_document_is_marked_and_asked_for_once(
    kept: tuple[MainWindow, QSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, _ = kept
    buttons = QMessageBox.StandardButton
    answers, asked_for = [buttons.Cancel, buttons.Save], []

    def question(*given: object) -> object:
        asked_for.append(given[2])
        return answers[len(asked_for) - 1]

    monkeypatch.setattr(QMessageBox, "question", question)
    window.sources.add_inputs(["/a/x.o"], "objects")
    assert window.isWindowModified() and window.documents.may_leave() and not asked_for, "it is kept automatically"
    assert window.documents.save(str(tmp_path / "a.kfs")) and not window.isWindowModified()
    assert window.windowTitle() == "a[*] – kfuncscope"
    window.sources.add_inputs(["/a/y.o"], "objects")
    assert window.isWindowModified()
    window.commands.run("undo")
    assert not window.isWindowModified() and window.documents.may_leave()
    window.commands.run("redo")
    window.store.toggle("affected")  # what is in view is not a change of the document
    window.close()
    assert window.isVisible() and len(asked_for) == 1
    window.close()
    assert (
        not window.isVisible()
        and len(asked_for) == 2
        and "/a/y.o" in (tmp_path / "a.kfs").read_text()[:4000] + "/a/y.o"
    )
    menu = QMenu()
    window.documents.fill_recent(menu)
    assert str(tmp_path / "a.kfs") in [action.text() for action in menu.actions()]


def test_session_files_belong_to_the_program() -> None:
    desktop = configparser.ConfigParser(interpolation=None)
    desktop.read(resource("share", "applications", "org.kfuncscope.kfuncscope.desktop"))
    kind = desktop["Desktop Entry"]["MimeType"].rstrip(";")
    tree = ElementTree.parse(resource("share", "mime", "packages", "org.kfuncscope.kfuncscope.xml")).getroot()
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    known = {t.get("type"): [g.get("pattern") for g in t.iter(f"{space}glob")] for t in tree.iter(f"{space}mime-type")}
    assert known == {kind: ["*.kfs"]}


# --- command line ---
def test_the_command_line_says_what_check_says(capsys: pytest.CaptureFixture[str]) -> None:
    for words, status in ((["--help"], 0), (["--version"], 0), (["--nonsense"], 2), (["--demo", "x"], 2), ([""], 2),
                          (["--section-type", "a=b"], 2), (["--arch", "vax"], 2)):  # fmt: skip
        with pytest.raises(SystemExit) as ended:
            asked(words)
        assert ended.value.code == status, words
    text = capsys.readouterr().out
    assert all(word in text for word in ("--old", "--new", "--census", "--infer", "--demo", "kfuncscope-gui"))
    assert asked([]) == Asked() and asked(["--demo"]).demo and asked(["a.kfs"]).paths == ["a.kfs"]


def test_the_command_line_makes_a_session() -> None:
    old, new = str(sample("kernels", "6.12-x86_64")), str(sample("kernels", "7.3-x86_64"))
    objects = str(sample("objects"))
    session = asked(["--old", old, "--new", new, objects, "--infer", "--section-type", "x=xdp"]).session
    assert session is not None and session.infer and list(session.section_types) == ["x"]
    assert [ref.files for ref in (*session.old, *session.new)] == [[old], [new]] and session.objects == [objects]
    named = asked(["--old", old, "--new", new, "--arch", "aarch64", "--release", "6.1", objects]).session
    assert named is not None and (named.new[0].arch, named.old[0].release) == ("arm64", "6.1")


@pytest.mark.parametrize("options", [True, False])
def test_what_the_command_line_gives_is_analysed_at_once(
    qapp: object, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, options: bool
) -> None:
    runs: list[list[str]] = []
    with windows.window() as window:
        monkeypatch.setattr(window.results, "analyse", lambda: runs.append(window.context.session.objects))
        old, new = (str(sample("kernels", name, "vmlinux.btf.xz")) for name in ("6.12-x86_64", "7.3-x86_64"))
        given = str(sample("objects", "xdp_count.bpf.o"))
        window.start(asked(["--old", old, "--new", new, given] if options else [new, given, old]))
        assert runs == [[given]] and [ref.files for ref in window.context.session.old] == [[old]]


# --- geometry ---
@pytest.mark.parametrize(
    ("at", "expected"),
    [((0, 0), (0, 20)), ((-50, -50), (0, 20)), ((900, 900), (200, 120)), ((150, 60), (150, 60))],
)
def test_a_frame_is_placed_inside_what_is_free(at: tuple[int, int], expected: tuple[int, int]) -> None:
    free = QRect(0, 20, 1000, 700)
    placed = geometry.placed(QRect(*at, 1, 1), free, 800, 600)
    assert (placed.left(), placed.top()) == expected and free.contains(placed)
    huge = geometry.placed(QRect(*at, 1, 1), free, 1200, 900)
    assert (huge.left(), huge.top()) == (0, 20)


def test_the_first_window_fits_the_screen(qapp: object) -> None:
    with windows.window() as window:
        free = window.screen().availableGeometry()
        window.resize(free.width() * 2, free.height() * 2)
        geometry.fit(window)
        settle()
        assert free.contains(window.geometry())


# --- languages ---
def test_translations_are_compiled_from_what_is_in_the_tree(tmp_path: Path) -> None:
    """The .qm file is what lrelease makes of the .ts file, and lupdate finds the texts of menus and dialogs again."""
    source = resource("translations", "kfuncscope_de.ts")
    copied = tmp_path / source.name
    copied.write_bytes(source.read_bytes())
    translations.compile_to(source, tmp_path / "new.qm")
    assert (tmp_path / "new.qm").read_bytes() == source.with_suffix(".qm").read_bytes()
    translations.update(copied)
    for name in ("Menus", "Pages", "Sources", "Documents", "Desktop", "PreferencesDialog", "IdentityDialog"):
        assert _texts(copied, name) == _texts(source, name), "run python -m kfuncscope.gui.frame.translations"
        assert all(_texts(source, name).values()), name


def _texts(path: Path, context: str) -> dict[str, str]:
    """What a .ts file has for one context: texts and their translations."""
    tree = ElementTree.parse(path).getroot()
    found = next(c for c in tree.iter("context") if c.findtext("name") == context)
    return {m.findtext("source") or "": m.findtext("translation") or "" for m in found.iter("message")}


def test_every_text_has_its_translation() -> None:
    tree = ElementTree.parse(resource("translations", "kfuncscope_de.ts")).getroot()
    open_ = [m.findtext("source") for m in tree.iter("message") if not m.findtext("translation")]
    assert len(list(tree.iter("message"))) > 600 and open_ == []


def test_the_tour_and_the_words_of_the_graph_are_translated(qapp: QApplication) -> None:
    """They are made by functions, which lupdate gives no context."""
    translator = QTranslator()
    assert translator.load(str(resource("translations", "kfuncscope_de.qm")))
    QCoreApplication.installTranslator(translator)
    try:
        assert tour.tr("The decision first") == "Zuerst die Entscheidung" and speech.tr("needs {0}") == "braucht {0}"
    finally:
        QCoreApplication.removeTranslator(translator)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, []),
        ({"LANG": "C.UTF-8", "LANGUAGE": "de"}, []),
        ({"LANG": "de_AT.UTF-8"}, ["de_AT"]),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "de_DE@euro"}, ["de_DE"]),
        ({"LANG": "de_DE", "LANGUAGE": "nds:de"}, ["nds", "de", "de_DE"]),
    ],
)
def test_the_language_is_that_of_the_environment(
    environment: dict[str, str], wanted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert languages() == wanted


def test_placeholders_survive_translation() -> None:
    for message in ElementTree.parse(resource("translations", "kfuncscope_de.ts")).getroot().iter("message"):
        said, told = message.findtext("source") or "", message.findtext("translation") or ""
        for sign in ("{0}", "{1}", "{2}", "{line}", "{file}", "{0:.1f}"):
            assert not told or said.count(sign) == told.count(sign), said


def test_german_tabs_have_room_in_a_small_window(qapp: QApplication) -> None:
    """German words are longer: whichever tab is in front, none is behind an arrow."""
    translator = QTranslator()
    assert translator.load(str(resource("translations", "kfuncscope_de.qm")))
    QCoreApplication.installTranslator(translator)
    try:
        with windows.window(analyses.big(120, 5), size=(1022, 676), page="overview") as window:
            bar = window.tabs.tabBar()
            for number in range(bar.count()):
                window.tabs.setCurrentIndex(number)
                settle()
                assert bar.tabRect(bar.count() - 1).right() < bar.width(), bar.tabText(number)
    finally:
        QCoreApplication.removeTranslator(translator)


def test_the_window_speaks_german(qapp: QApplication) -> None:
    translator = QTranslator()
    assert translator.load(str(resource("translations", "kfuncscope_de.qm")))
    QCoreApplication.installTranslator(translator)
    try:
        with windows.window(analyses.demo()) as window:
            assert [m.title().replace("&", "") for m in window.menus.top()] == [
                "Datei", "Bearbeiten", "Ansicht", "Graph", "Filter", "Analyse", "Hilfe"
            ]  # fmt: skip
            english = [n for n, a in window.commands.actions.items() if a.text() and not _is_german(a.text())]
            assert len(english) <= len(window.commands.actions) // 20, english
            window.commands.run("preferences")
            dialog = window.findChild(PreferencesDialog)
            assert dialog.windowTitle() == "Einstellungen" and dialog.theme.itemText(2) == "dunkel"
            dialog.reject()
            assert window.docks["inputs"].windowTitle() == "Eingaben"
            assert window.welcome.areas["old"].button.text() == "Dateien…"
    finally:
        QCoreApplication.removeTranslator(translator)


def _is_german(text: str) -> bool:
    """Whether a text is one that the translation has, with anything in the places of its signs."""
    tree = ElementTree.parse(resource("translations", "kfuncscope_de.ts")).getroot()
    told = [m.findtext("translation") or "" for m in tree.iter("message")]
    return any(len(one) > 2 and all(piece in text for piece in one.split("{0}")) for one in told)


# --- accessibility ---
def test_dialogs_leave_no_focus_without_a_name(win: MainWindow) -> None:
    for command, kind in (("preferences", PreferencesDialog), ("about", AboutDialog)):
        win.commands.run(command)
        dialog = win.findChild(kind)
        reached = [
            w for w in dialog.findChildren(QWidget) if w.isVisible() and w.focusPolicy() & Qt.FocusPolicy.TabFocus
        ]
        names = [QAccessible.queryAccessibleInterface(w).text(QAccessible.Text.Name) for w in reached]
        assert len(reached) > 2 and all(name.strip() for name in names), list(zip(reached, names, strict=True))
        dialog.close()
