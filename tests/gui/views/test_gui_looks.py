# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a designer would not let pass: words cut beside room, room that nothing uses, marks that say something else."""

from __future__ import annotations

import ast
import html
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, QRect, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QStyleOptionViewItem
from pytestqt.qtbot import QtBot

from kfuncscope import gui
from kfuncscope.gui import theme
from kfuncscope.gui.app import settle
from kfuncscope.gui.commands import Entry, Palette, rank_of
from kfuncscope.gui.dialogs.help import help_html
from kfuncscope.gui.dialogs.identity import IdentityDialog
from kfuncscope.gui.flows import ribbon as rb
from kfuncscope.gui.flows.ribboncanvas import RibbonCanvas
from kfuncscope.gui.models import findings as fm
from kfuncscope.gui.models.inputs import changed, fact_texts, pair_texts
from kfuncscope.gui.toolbar import PairBox, SearchField
from kfuncscope.gui.views.inputs import _Short
from kfuncscope.gui.views.matrix import _Cell
from kfuncscope.gui.views.summary import LaneCard
from kfuncscope.gui.widgets import picture
from kfuncscope.gui.widgets.story import Link, Story
from kfuncscope.gui.widgets.words import filled, prose_html, without_common, wrapped
from kfuncscope.model.verdict import Verdict
from kfuncscope.session.session import KernelRef, Session
from support import analyses, windows


@pytest.mark.parametrize("wide", [1022, 1366, 1440, 1920])
def test_verdicts_and_titles_of_findings_are_whole(wide: int) -> None:
    with windows.window(analyses.demo(), size=(wide, 740), page="findings") as win:
        table, model = win.findings.table, win.findings.model
        letters, bold = table.fontMetrics(), QFontMetrics(theme.ui_font(bold=True))
        words = {str(model.index(row, fm.VERDICT).data()) for row in range(model.rowCount())}
        assert "Degrades" in words
        room = table.columnWidth(fm.VERDICT) - table.iconSize().width() - 18
        assert max(letters.horizontalAdvance(word) for word in words if word) <= max(room, 0)
        for column in range(model.columnCount()):
            if not table.isColumnHidden(column):
                title = str(model.headerData(column, Qt.Orientation.Horizontal))
                assert bold.horizontalAdvance(title) + 16 <= table.columnWidth(column), title


def test_names_get_room_before_sentences_and_no_more_than_they_need() -> None:
    with windows.window(analyses.demo(), size=(1920, 1020), page="findings") as win:
        view = win.findings
        advance = view.table.fontMetrics().horizontalAdvance
        names = [view.model.text(int(row), fm.OBJECT) for row in view.model.rows]
        natural = max(map(advance, names)) + 18
        assert view._spread.natural[fm.OBJECT] == natural
        assert view.table.columnWidth(fm.OBJECT) <= max(natural, 112)


@pytest.mark.parametrize(("name", "short"), [
    ("struct renamedata.new_mnt_idmap", "renamedata.new_mnt_idmap"), ("filelife.bpf.o", "filelife"), ("x.o", "x"),
    ("vfs_create", "vfs_create"), (".o", ".o"), ("structure", "structure"), ("enum x", "x"),
    ("▾ lsm_watch.bpf.o  2", "▾ lsm_watch  2"), ("a.o.b", "a.o.b"),
])  # fmt: skip
def test_a_name_first_loses_what_all_of_its_kind_have(name: str, short: str) -> None:
    assert without_common(name) == short


def test_names_of_one_column_are_written_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = fm.FindingsModel.text
    named = lambda self, row, c: plain(self, row, c) + (".bpf.o" if c == fm.OBJECT else "")  # noqa: E731
    monkeypatch.setattr(fm.FindingsModel, "text", named)
    with windows.window(analyses.demo(), size=(1366, 740), page="findings") as win:
        line, table = win.findings.line, win.findings.table
        natural = line.natural[fm.OBJECT]
        for wide, cut in ((natural - 1, True), (natural, False)):
            table.setColumnWidth(fm.OBJECT, wide)
            assert line.cut(fm.OBJECT) is cut
            shown = set()
            for row in range(win.findings.model.rowCount()):
                option = QStyleOptionViewItem()
                line.initStyleOption(option, win.findings.model.index(row, fm.OBJECT))
                shown.add(option.text.endswith(".o"))
            assert shown == {not cut}


def test_names_of_the_overview_are_written_alike(qtbot: QtBot) -> None:
    canvas = RibbonCanvas()
    qtbot.addWidget(canvas)
    made = _ribbon([1, 1])
    made.left[0].label, made.left[1].label = "a.bpf.o", "a_very_long_name_of_an_object_file.bpf.o"
    canvas.resize(900, 400)
    canvas.show_ribbon(made)
    assert canvas._brief == (False, False)
    canvas.resize(330, 400)
    canvas.show_ribbon(made)
    assert canvas._brief[0]


# --- inputs ---
@pytest.mark.parametrize(("old", "new", "said"), [
    ("6899 options", "7058 options", "6899 → 7058 options"),
    ("5.0 MB, 113000 types", "5.6 MB, 127424 types", "5.0 → 5.6 MB, 113000 → 127424 types"),
    ("5.0 MB, 1 types", "5.0 MB, 2 types", "5.0 MB, 1 → 2 types"),
    ("not given", "12 symbols", "not given → 12 symbols"), ("not given", "not given", "not given"),
    ("12 symbols", "not given", "12 symbols → not given"), ("1", "2", "1 → 2"), ("given", "", "given"),
    ("a, b", "c", "a, b → c"),
])  # fmt: skip
def test_a_unit_is_said_once(old: str, new: str, said: str) -> None:
    assert changed(old, new) == said


def test_a_pair_in_brief_keeps_both_releases() -> None:
    assert pair_texts("x86_64", "6.12.107", "7.3.4") == (
        "x86_64  6.12.107 → 7.3.4", "x86_64 6.12 → 7.3", "x86_64 6.12→7.3",
    )  # fmt: skip
    assert pair_texts("arm64", "6.12.90", "6.12.107")[1] == "arm64 6.12.90 → 6.12.107"  # else both alike
    assert fact_texts("BTF", "5.0 MB, 1 types", "5.6 MB, 2 types") == (
        "BTF: 5.0 → 5.6 MB, 1 → 2 types", "BTF: 1 → 2 types", "BTF: 2 types",
    )  # fmt: skip
    assert fact_texts("symbols", "not given", "") == ("symbols: not given",)


def _line(win: object, wide: int) -> tuple[str, str]:
    """The line of the first pair of kernels as the tree paints it in so many pixels, and whole."""
    tree = win.inputs  # type: ignore[attr-defined]
    model = tree.model()
    place: QModelIndex = model.index(0, 0, model.index(0, 0))
    option = QStyleOptionViewItem()
    option.rect = QRect(0, 0, wide, 20)
    option.font, option.fontMetrics = theme.mono(-0.5), QFontMetrics(theme.mono(-0.5))
    delegate = tree.itemDelegate()
    assert isinstance(delegate, _Short)
    delegate.initStyleOption(option, place)
    return option.text, str(place.data())


def test_a_narrow_list_of_inputs_says_both_releases() -> None:
    letters = QFontMetrics(theme.mono(-0.5))
    with windows.window(analyses.demo()) as win:
        whole = _line(win, 600)
        assert whole[0] == whole[1]
        brief = _line(win, letters.horizontalAdvance(whole[1]) + 4)[0]
        assert re.fullmatch(r"\S+ \d+\.\d+ → \d+\.\d+", brief)
        least = _line(win, letters.horizontalAdvance(brief) + 4)[0]
        assert least == brief.replace(" → ", "→")
        assert _line(win, 10)[0] == least


# --- the page in front ---
def _ribbon(sizes: list[int]) -> rb.Ribbon:
    bands = [[rb.Band(i, f"b{i}", "", 5, n, n) for i, n in enumerate(sizes)] for _ in range(2)]
    return rb.Ribbon("object", *bands, [rb.Flow(i, i, n, 5) for i, n in enumerate(sizes)])


@pytest.mark.parametrize("sizes", [[2, 1, 1, 1], [1] * 12, [40, 9, 3, 1]])
def test_a_ribbon_of_few_programs_uses_the_height_of_a_wide_screen(sizes: list[int]) -> None:
    made, high = _ribbon(sizes), 560.0
    rb.place(made, high, (36.0, 36.0))
    for bands in (made.left, made.right):
        assert 0.9 * high <= bands[-1].y + bands[-1].h <= high + 1e-6
        gaps = [b.y - a.y - a.h for a, b in pairwise(bands)]
        assert all(rb.GAP - 1e-6 <= gap <= rb.WIDER + 1e-6 for gap in gaps)


def test_a_ribbon_of_one_program_does_not_fill_the_page() -> None:
    made = _ribbon([1])
    rb.place(made, 560.0, (36.0, 36.0))
    assert made.left[0].h == made.right[0].h == rb.PER_PROGRAM


def test_the_bar_of_a_card_ends_where_the_card_does(qtbot: QtBot) -> None:
    card = LaneCard("x86_64", theme_counts(9, 3, 1), "", "6.12 → 7.3")
    qtbot.addWidget(card)
    for wide in (116, 500, 1086):
        card.resize(wide, 78)
        assert card.bar().right() == wide - 14


def theme_counts(*numbers: int) -> Counter[Verdict]:
    """Counts of the first verdicts that a card shows."""
    return Counter(dict(zip(theme.SHOWN, numbers, strict=False)))


def test_counts_of_a_card_come_closer_before_one_is_left_out(qtbot: QtBot) -> None:
    card = LaneCard("x86_64", theme_counts(9, 3, 1, 2, 14, 2, 5), "", "6.12 → 7.3")
    qtbot.addWidget(card)
    seen = {}
    for wide in range(400, 60, -1):
        card.resize(wide, 78)
        shown, gap = card.counts_shown()
        seen.setdefault((len(shown), gap), wide)
    order = sorted(seen, key=lambda key: -seen[key])
    assert [gap for number, gap in order if number == 7] == [8, 6, 4]
    assert all(a[0] >= b[0] for a, b in pairwise(order)) and order[-1][0] < 7


def test_a_ribbon_at_one_and_a_half_has_no_bare_edge(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Odd sizes at a fractional scale end in half a pixel, which nothing else paints."""
    canvas = RibbonCanvas()
    qtbot.addWidget(canvas)
    monkeypatch.setattr(RibbonCanvas, "devicePixelRatioF", lambda _self: 1.5)
    canvas.resize(477, 127)
    picture = canvas._drawn().toImage()
    assert (picture.width(), picture.height()) == (716, 191)
    panel = theme.look().panel
    assert {picture.pixelColor(x, 190).name() for x in range(716)} == {panel}
    assert {picture.pixelColor(715, y).name() for y in range(191)} == {panel}


@pytest.mark.parametrize(("text", "group", "shown"), [
    ("▾ debian/opensnitch-ebpf-modules/procs.bpf.o   3", True, r"▾ ….*procs   3"),
    ("▾ a_file_with_a_long_name.bpf.o   12", True, r"▾ a_.*….*   12"),
    ("reject_subprog_with_rcu_read_lock", False, r"rej.*….*ock"), ("▾ x.bpf.o   1", True, r"▾ x\.bpf\.o   1"),
])  # fmt: skip
def test_heads_of_the_matrix_keep_their_sign_and_number(qapp: QApplication, text: str, group: bool, shown: str) -> None:
    letters = QFontMetrics(theme.ui_font(bold=True))
    room = letters.horizontalAdvance("▾ 12345678901234   12")
    said = _Cell.fitted(text, group, 0, letters, room)
    assert re.fullmatch(shown, said) and letters.horizontalAdvance(said) <= room


def test_names_of_the_matrix_are_whole_where_the_words_of_verdicts_have_their_room() -> None:
    with windows.window(analyses.demo(), size=(1920, 1020), page="matrix") as win:
        table, model = win.matrix.table, win.matrix.model
        letters = QFontMetrics(theme.mono(-0.5))
        names = [str(model.index(i, 0).data()) for i, row in enumerate(model.rows) if row.program >= 0]
        assert max(map(letters.horizontalAdvance, names)) + 30 <= table.columnWidth(0)
        assert all(table.columnWidth(c) >= 120 for c in range(1, model.columnCount() - 1))


# --- words ---
def test_texts_stand_outside_of_f_strings() -> None:
    """lupdate does not look into them: what is said there would stay English."""
    found = []
    for path in Path(gui.__path__[0]).rglob("*.py"):
        for text in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.JoinedStr)):
            calls = [n.func for n in ast.walk(text) if isinstance(n, ast.Call)]
            named = [getattr(f, "attr", getattr(f, "id", "")) for f in calls]
            found += [f"{path.name}:{text.lineno}"] * ("tr" in named)
    assert not found


def test_words_fill_lines() -> None:
    assert filled("a bb ccc d", 4, len) == ["a bb", "ccc", "d"]
    assert filled("longer than", 3, len) == ["longer", "than"] and filled("", 3, len) == []


def test_the_palette_finds_a_command_by_its_other_words_and_says_when_there_is_none(qtbot: QtBot) -> None:
    with windows.window(analyses.demo()) as win:
        entries = win.commands.entries()
        theme_ = next(e for e in entries if e.also == "theme")
        assert "theme" not in theme_.text.lower() and rank_of("theme", theme_) is not None
        assert rank_of("theme", Entry("The me", "", lambda: None)) is not None  # letters in order, of what it says
        assert rank_of("tme", theme_) is None  # of other words only letters together
        ran: list[bool] = []
        palette = Palette(win, [Entry("Analyse", "F5", lambda: ran.append(True))])
        qtbot.addWidget(palette)
        palette.edit.setText("zzz")
        assert palette.list.count() == 1 and "zzz" in palette.list.item(0).text()
        palette._run(palette.list.item(0))
        assert not ran
        palette.edit.setText("anal")
        palette._run(palette.list.currentItem())
        assert ran == [True]


def test_keys_stand_in_one_column() -> None:
    with windows.window(analyses.demo()) as win:
        text = help_html(win.commands)
        cells = re.findall(r"<tr><td([^>]*)>", text)
        assert len(cells) > 30 and set(cells) == {' width="32%"'} and text.count('<table width="100%">') > 5


def test_words_between_backticks_are_code_and_odd_ones_are_kept() -> None:
    assert prose_html("a `<b>` c") == "a <code>&lt;b&gt;</code> c"
    assert prose_html("a `b", "Mono") == "a `b" and prose_html("a <b>") == "a &lt;b&gt;"
    assert "font-family:'Mono'" in prose_html("`x`", "Mono")


@pytest.mark.parametrize("width", [16, 25, 30])
def test_a_long_name_is_parted_from_its_arguments(width: int) -> None:
    text = "struct folio\n    *filemap_alloc_folio_noprof(gfp_t gfp, unsigned int order)"
    out = wrapped(text, width)
    indent = min(4, max(0, width - 28))  # less of it where the name alone is too long
    assert f"\n{' ' * indent}*filemap_alloc_folio_noprof(\n" in out
    assert "".join(out.split()) == "".join(text.split())
    assert max(map(len, out.split("\n")[2:])) <= max(width, 16) + 8
    assert wrapped("x" * 80, width) == "x" * 80


def test_what_is_said_of_a_link_stands_below_it_where_a_line_is_too_short(qtbot: QtBot) -> None:
    for room, lines in ((220, 3), (260, 2), (700, 1)):
        story = Story(room)
        qtbot.addWidget(story)
        story.link("filemap_alloc_folio_noprof", "function changed · 1 program", lambda: None)
        story.link("R-7.9", "/a/path/that/goes/on/" * 5, lambda: None)
        story.end()
        story.resize(room, 300)
        story.show()
        settle()
        first, path = story.findChildren(Link)
        assert first.text().count("\n") == lines - 1 and "…" not in first.text().partition("\n")[2]
        assert "\n" not in path.text()
        widest = max(first.fontMetrics().horizontalAdvance(line) for line in first.text().split("\n"))
        assert widest <= first.width() <= room
        assert first.height() >= lines * first.fontMetrics().height()


# --- toolbar and dialogs ---
def test_a_box_of_the_pair_asks_for_the_room_of_its_name(qtbot: QtBot) -> None:
    box = PairBox()
    qtbot.addWidget(box)
    box.addItems(["6.12", "a kernel with a very long name indeed"])
    short = box.sizeHint().width()
    box.setCurrentIndex(1)
    assert box.sizeHint().width() - short > 100
    box.show()
    box.setCurrentIndex(0)
    box.showPopup()
    settle()
    assert box.view().width() >= box.view().sizeHintForColumn(0)
    box.hidePopup()


def test_the_comparison_begins_when_it_is_chosen(qtbot: QtBot) -> None:
    session = Session(old=[KernelRef(["/a"], "a")], new=[KernelRef(["/b"], "b")])
    with windows.window(analyses.demo(), page="kfuncs") as win:
        compare, wanted = win.kfuncs.compare, []
        assert compare.kind.currentText() == "all kinds"  # not blank before there is anything to choose
        compare.wanted.disconnect()
        compare.wanted.connect(lambda *which: wanted.append(which))
        compare.show_session(session)
        qtbot.mouseClick(win.kfuncs.compare_button, Qt.MouseButton.LeftButton)
        assert wanted == [(0, 1, False)]
        qtbot.mouseClick(win.kfuncs.explore_button, Qt.MouseButton.LeftButton)
        qtbot.mouseClick(win.kfuncs.compare_button, Qt.MouseButton.LeftButton)
        assert len(wanted) == 1  # it is under way


@pytest.mark.parametrize("wide", [90, 140, 200, 290])
def test_a_hint_is_said_whole(qtbot: QtBot, wide: int) -> None:
    field = SearchField("Search programs, kfuncs…   Ctrl+F", "Search programs, kfuncs…", "Find…")
    qtbot.addWidget(field)
    field.addAction(theme.funnel_icon(True), QLineEdit.ActionPosition.TrailingPosition)
    field.resize(wide, 28)
    field.show()
    settle()
    assert field.fontMetrics().horizontalAdvance(field.placeholderText()) <= wide - 28


def test_a_dialog_begins_at_its_first_field(qtbot: QtBot) -> None:
    with windows.window(analyses.demo()) as win:
        dialog = IdentityDialog(win, "x", None, None)
        dialog.show()
        settle()
        assert dialog.focusWidget() is dialog.arch
        dialog.close()


def test_texts_of_tables_are_escaped(qapp: QApplication) -> None:
    story = Story(300)
    story.text("a `<img src=x>` b")
    label = story.findChildren(type(story._label("x")))[0]
    assert "<img" not in label.text() and html.unescape(re.sub(r"<[^>]+>", "", label.text())) == "a <img src=x> b"


# --- pictures and copies ---
def test_a_picture_holds_nothing_that_only_hands_can_use(qapp: QApplication) -> None:
    with windows.window(analyses.demo(), size=(1440, 900), page="graph") as win:
        graph, overview = win.graph, win.overview
        before = graph.canvas.height()
        with picture.posed(graph, picture.Shape.SEEN):
            assert not graph.hands.isVisible() and graph.canvas.height() == before
        assert graph.hands.isVisible() and graph.canvas.height() == before
        win.show_page("overview")
        settle()
        said = overview.quiet.text()
        assert "click" in said
        for shape in picture.Shape:
            with picture.posed(overview, shape):
                assert "click" not in overview.quiet.text()
            assert overview.quiet.text() == said


@pytest.mark.parametrize("page", ["overview", "graph", "findings"])
def test_a_picture_has_one_ground(page: str) -> None:
    with windows.window(analyses.demo(), size=(1440, 900), page=page) as win:
        made = picture.image(getattr(win, page), "title", picture.Shape.SEEN)
        panel = theme.look().panel
        left = {made.pixelColor(6, y).name() for y in range(made.height() - 8)}
        assert panel in left and theme.look().window not in left


def test_copying_is_said(qtbot: QtBot) -> None:
    with windows.window(analyses.demo(), page="findings") as win:
        said: list[str] = []
        win.context.said.connect(lambda text, _failed: said.append(text))
        win.findings.copy_rows()
        assert said[-1] == f"Copied: {win.findings.model.rowCount()} rows"
        win.graph.step(True)
        qtbot.waitUntil(lambda: not win.detail._stale, timeout=5_000)
        copy = next(b for b in win.detail.findChildren(QPushButton) if b.text() == "Copy")
        copy.click()
        lines = QApplication.clipboard().text().count("\n") + 1
        assert said[-1] == f"Copied: {lines} lines" and lines > 2
