# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Declarations side by side: what differs is marked, how lines are broken is not."""

from __future__ import annotations

import html
import re
from collections import Counter
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.gui.app import settle
from kfuncscope.gui.models.matrix import MatrixModel
from kfuncscope.gui.views.summary import LaneCard
from kfuncscope.gui.widgets.words import marked, wrapped
from kfuncscope.model.verdict import Verdict
from kfuncscope.resources import resource
from support import analyses, windows

OLD = "void scx_bpf_dispatch(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags)"
NEW = "void scx_bpf_dsq_insert(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags)"


def _plain(text: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", text))


def _inside(text: str) -> list[str]:
    return [html.unescape(x) for x in re.findall(r'<span style="background-color:\w+">(.*?)</span>', text, re.S)]


def test_only_the_name_is_marked_however_lines_break() -> None:
    for width in (0, 28, 36, 44, 200):
        old, new = marked(OLD, NEW, "red", "green", width)
        assert _inside(old) == ["scx_bpf_dispatch"] and _inside(new) == ["scx_bpf_dsq_insert"]
        assert " ".join(_plain(old).split()).replace("( ", "(") == OLD  # a line may end in a bracket


def test_a_lost_member_and_markup_in_names() -> None:
    old, new = marked("struct s {\n\tint a;\n\tint <b>;\n};", "struct s {\n\tint a;\n};", "red", "green", 40)
    assert "".join(_inside(old)).split() == ["int", "<b>;"] or "<b>" in "".join(_inside(old))
    assert not _inside(new) and "<b>" not in old


@given(
    st.lists(st.sampled_from(["int", "a", ",", "(", "*", "struct", "\n", "\t", "x_1"]), max_size=40),
    st.integers(16, 60),
)
@settings(max_examples=80, deadline=None)
def test_nothing_is_lost_by_wrapping_or_marking(tokens: list[str], width: int) -> None:
    text = " ".join(tokens)
    assert "".join(wrapped(text, width).split()) == "".join(text.split())
    old, _ = marked(text, "int a", "red", "green", width)
    assert "".join(_plain(old).split()) == "".join(text.split())
    assert old.count("<span") == old.count("</span>")


def test_no_text_of_the_window_is_in_words_that_were_dropped() -> None:
    """All texts of the window are in the translation's sources; what reads as a translation itself stays away."""
    tree = ElementTree.parse(resource("translations", "kfuncscope_de.ts"))
    texts = [message.findtext("source") or "" for message in tree.iter("message")]
    assert len(texts) > 600
    dropped = re.compile(
        r"as it was left|kept by itself|OK needs|told by|judged anew|\banew\b|hold against|is no |no more$|in / as",
        re.IGNORECASE,
    )
    assert not [text for text in texts if dropped.search(text)]


def test_a_number_and_a_verdict_agree(qapp: object) -> None:
    """A line that sums up says a verdict alone for one program, and how often for more; never "1 Breaks"."""
    with windows.window(analyses.demo(), page="matrix") as window:
        settle()
        model = window.matrix.model
        assert isinstance(model, MatrixModel)
        cells = {
            str(model.index(row, column).data()) for row in range(model.rowCount()) for column in range(1, 5)
        }  # fmt: skip
    assert "Breaks" in cells and "Breaks ×2" in cells
    assert not [cell for cell in cells if re.match(r"\d+ [A-Z]", cell)]


def test_a_change_without_room_in_its_lane_is_marked_as_cut(qapp: object) -> None:
    change = "+12 breaks, −3 silently different, +100 risk, +7 degrades"
    card = LaneCard("x86_64", Counter({Verdict.BREAKS: 12}), change, "6.12 → 7.3")
    card.resize(1200, 78)
    assert card.change_shown()[1] == change
    card.resize(190, 78)
    left, shown = card.change_shown()
    assert shown.endswith("…") and left < 190 and change in card.toolTip()


@pytest.mark.parametrize(
    ("text", "width", "broken"),
    [
        ("int scx_bpf_consume(unsigned long dsq_id)", 34, ["int scx_bpf_consume(", "    unsigned long dsq_id)"]),
        ("int scx_bpf_consume(unsigned long dsq_id)", 41, ["int scx_bpf_consume(unsigned long dsq_id)"]),
        ("    unsigned int nr;    /* offset 16 */", 30, ["    unsigned int nr;", "        /* offset 16 */"]),
        ("/* Call it between a_open() and b. */", 28, ["/* Call it between a_open()", "    and b. */"]),
        ("if (first_condition && second_one)", 24, ["if (first_condition &&", "    second_one)"]),
    ],
)
def test_c_is_broken_between_parameters_and_before_comments(text: str, width: int, broken: list[str]) -> None:
    assert wrapped(text, width).split("\n") == broken
