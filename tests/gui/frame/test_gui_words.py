# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Declarations side by side: what differs is marked, how lines are broken is not."""

from __future__ import annotations

import html
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.gui.widgets.words import marked, wrapped

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
        assert " ".join(_plain(old).split()) == OLD


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
