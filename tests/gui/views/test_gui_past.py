# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The past of a thing in the detail: its life in the sentence that reports have, and the commit that changed it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from kfuncscope.commits.search import unusable
from kfuncscope.gui.app import settle
from kfuncscope.gui.dialogs.preferences import PreferencesDialog
from kfuncscope.gui.frame import preferences
from kfuncscope.gui.frame.preferences import Preferences
from kfuncscope.gui.mainwindow import MainWindow
from kfuncscope.gui.store import NEED, Node
from kfuncscope.gui.views.past import report
from kfuncscope.model.causes import CauseKey, Change
from kfuncscope.model.origin import Found, Origin
from kfuncscope.model.verdict import NeedKind
from kfuncscope.study.life import kfunc_life
from support import analyses, kernelhistory, processes, windows
from support.kernelrepo import KernelRepo

KFUNC = "scx_bpf_dispatch"
COMMIT = Origin(
    "kfunc", KFUNC, "removed", Found.COMMIT, "v6.12 .. v7.3", "0123456789abcdef0123456789abcdef01234567", "A. Author",
    "2024-12-12", "sched_ext: Rename it", "v6.14", "https://lore.example/r/1", "f" * 40,
)  # fmt: skip


def chosen(win: MainWindow, qtbot: QtBot) -> list[str]:
    """The texts of the detail of the kfunc, once its life is known."""
    qtbot.waitUntil(lambda: bool(win.detail.past.life("kfunc", KFUNC)), timeout=10_000)
    win.store.select(Node(NEED, win.store.index.need_id(NeedKind.KFUNC, KFUNC)))
    settle()
    qtbot.waitUntil(lambda: not win.detail._stale, timeout=10_000)
    return [label.text() for label in win.detail.widget().findChildren(QLabel)]


def key_in(win: MainWindow) -> CauseKey:
    return next(key for key in win.store.index.hits.causes if key.name == KFUNC)


def test_the_life_is_the_sentence_of_the_reports(qapp: object, qtbot: QtBot) -> None:
    with windows.window(analyses.demo(), size=(1600, 1000)) as win:
        texts = chosen(win, qtbot)
        assert texts[texts.index("ITS PAST") + 1] == kfunc_life(KFUNC) != ""
        assert not any(t.startswith("Changed by") for t in texts)  # no history was searched


def test_the_commit_is_shown_and_copied_and_its_link_opens_on_a_click_only(
    qapp: object, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    with windows.window(analyses.demo(), size=(1600, 1000)) as win:
        origin = replace(COMMIT, change=key_in(win).change.value)
        win.results.show_analysis(replace(analyses.demo(), origins=(origin,)))
        settle()
        texts = chosen(win, qtbot)
        assert f"Changed by commit 0123456789ab ({COMMIT.subject})" in texts
        assert f"A. Author · 2024-12-12 · first in v6.14 · upstream {'f' * 12}" in texts
        buttons = {b.text(): b for b in win.detail.widget().findChildren(QPushButton)}
        assert not opened
        buttons["Copy for a bug report"].click()
        assert QGuiApplication.clipboard().text() == report(key_in(win), origin)
        next(b for text, b in buttons.items() if text.startswith("https://lore")).click()
        assert [u.toString() for u in opened] == [COMMIT.link]


@pytest.mark.parametrize("link", ["file:///etc/passwd", "javascript:alert(1)", "smb://host/x", "", "https:"])
def test_what_is_not_a_link_to_a_host_is_not_offered(qapp: object, qtbot: QtBot, link: str) -> None:
    """Results are files that anybody may have written."""
    with windows.window(analyses.demo(), size=(1600, 1000)) as win:
        origin = replace(COMMIT, change=key_in(win).change.value, link=link)
        win.results.show_analysis(replace(analyses.demo(), origins=(origin,)))
        settle()
        chosen(win, qtbot)
        assert not link or not any(link in b.text() for b in win.detail.widget().findChildren(QPushButton))
        assert "Copy for a bug report" in [b.text() for b in win.detail.widget().findChildren(QPushButton)]


def test_without_a_commit_it_says_why(qapp: object, qtbot: QtBot) -> None:
    with windows.window(analyses.demo(), size=(1600, 1000)) as win:
        said = Origin("kfunc", KFUNC, key_in(win).change.value, Found.NO_CHANGE, note="build or configuration")
        win.results.show_analysis(replace(analyses.demo(), origins=(said,)))
        settle()
        assert "Changed by: no source change: build or configuration" in chosen(win, qtbot)


def test_a_bug_report_has_the_commit_release_and_discussion() -> None:
    key = CauseKey("kfunc", KFUNC, Change.REMOVED)
    assert report(key, COMMIT).splitlines() == [
        "kfunc scx_bpf_dispatch removed",
        'commit 0123456789ab ("sched_ext: Rename it")',
        "A. Author, 2024-12-12",
        "first in v6.14",
        "between v6.12 .. v7.3",
        f"upstream {'f' * 12}",
        "https://lore.example/r/1",
    ]
    assert "first in" not in report(key, replace(COMMIT, release=""))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(kernelhistory.history(tmp_path_factory.mktemp("clone")).root)


def asked_of(win: MainWindow, clone: str, folder: Path) -> list[str]:
    """The texts of the detail of the first finding, with a clone set."""
    win.context.settings = QSettings(str(folder / "kept.ini"), QSettings.Format.IniFormat)
    preferences.save(win.context.settings, Preferences(clone=clone))
    win.context.clone_changed.emit()
    return told(win)


def told(win: MainWindow) -> list[str]:
    win.detail.refresh()
    settle()
    return [label.text() for label in win.detail.widget().findChildren(QLabel)]


def button(win: MainWindow) -> QPushButton | None:
    return next((b for b in win.detail.widget().findChildren(QPushButton) if b.text() == "Find the commit"), None)


def test_the_commit_is_searched_for_and_kept_with_the_result(
    qapp: object, qtbot: QtBot, clone: str, tmp_path: Path
) -> None:
    one = next(told for told in kernelhistory.ASKED if told.subject)
    with windows.window(kernelhistory.analysis((one,)), size=(1600, 1000)) as win:
        win.store.select_finding(0)
        settle()
        assert "To find the commit, set the history clone in Preferences." in told(win)
        assert button(win) is None
        asked_of(win, clone, tmp_path)
        find = button(win)
        assert find is not None
        find.click()
        qtbot.waitUntil(lambda: not win.context.jobs.running(), timeout=60_000)
        texts = told(win)
        (origin,) = win.store.index.whole.origins
        assert origin.subject == one.subject
        assert any(t.startswith("Changed by") and one.subject in t for t in texts)
        assert button(win) is None


def test_a_search_that_is_cancelled_ends_with_its_processes_and_can_begin_again(
    qapp: object, qtbot: QtBot, clone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git and the process that waits for it are gone, the page says what happened, and the next search finds."""
    one = next(told for told in kernelhistory.ASKED if told.subject)
    slow = tmp_path / "bin"
    slow.mkdir()
    real = os.environ["PATH"]
    wait = f'for w in "$@"; do case $w in log) echo $PPID $$ > {tmp_path}/pids; exec sleep 60;; esac; done'
    (slow / "git").write_text(f'#!/bin/sh\n{wait}\nPATH="{real}" exec git "$@"\n')
    (slow / "git").chmod(0o755)
    with windows.window(kernelhistory.analysis((one,)), size=(1600, 1000)) as win:
        win.store.select_finding(0)
        asked_of(win, clone, tmp_path)
        monkeypatch.setenv("PATH", f"{slow}:{real}")
        find = button(win)
        assert find is not None
        find.click()
        assert "The commit is searched for…" in told(win)
        assert button(win) is None
        pids = tmp_path / "pids"
        qtbot.waitUntil(lambda: pids.exists() and len(pids.read_text().split()) == 2, timeout=30_000)
        searching = [int(number) for number in pids.read_text().split()]
        assert all(map(processes.runs, searching))
        win.commands.run("cancel")
        assert not win.context.jobs.running()
        for number in searching:
            processes.gone(number)
        assert "The search for the commit was cancelled." in told(win)
        assert not win.store.index.whole.origins
        monkeypatch.setenv("PATH", real)
        again = button(win)
        assert again is not None
        again.click()
        qtbot.waitUntil(lambda: not win.context.jobs.running(), timeout=60_000)
        assert [o.subject for o in win.store.index.whole.origins] == [one.subject]
        texts = told(win)
        assert any(t.startswith("Changed by") and one.subject in t for t in texts)
        assert "The search for the commit was cancelled." not in texts


def test_a_folder_that_cannot_be_searched_is_refused_in_a_sentence(clone: str, tmp_path: Path) -> None:
    assert unusable(clone) == ""
    assert "git" in unusable(str(tmp_path))
    assert "no such folder" in unusable(str(tmp_path / "none"))
    bare = KernelRepo(tmp_path / "bare")
    assert "no tag of a Linux release" in unusable(str(bare.root))


def test_preferences_keep_the_clone_and_say_why_it_is_refused(qapp: object, qtbot: QtBot, tmp_path: Path) -> None:
    with windows.window(size=(1200, 800)) as win:
        win.context.commands.run("preferences")
        dialog = next(d for d in win.findChildren(PreferencesDialog) if d.isVisible())
        dialog.clone.setText(str(tmp_path / "none"))
        dialog.clone.editingFinished.emit()
        qtbot.waitUntil(lambda: "no such folder" in dialog.refused.text(), timeout=10_000)
        assert dialog.refused.isVisible()
        dialog.reject()
