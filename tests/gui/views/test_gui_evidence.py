# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Evidence in the detail panel: declarations part by part, the fact that differs, the rule's text, C that copies."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from kfuncscope.gui.app import settle
from kfuncscope.gui.store import PROGRAM, Node
from kfuncscope.gui.widgets.aligned import table_html
from kfuncscope.gui.widgets.clight import Inks, highlighted
from kfuncscope.model import catalogue
from kfuncscope.model.aligned import Row, aligned
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import Evidence, Finding, Remedy
from support import analyses, windows


def test_parameters_stand_beside_each_other_by_name() -> None:
    rows = aligned("int f(int order, struct page *page)", "int f(gfp_t gfp, int order, struct page *page)")
    assert rows == [
        Row("", "int f", "int f", True),
        Row("1", "", "gfp_t gfp", False),
        Row("1 → 2", "int order", "int order", False),
        Row("2 → 3", "struct page *page", "struct page *page", False),
    ]


@pytest.mark.parametrize(("old", "new", "wanted"), [
    ("void f(void)", "void f(int a)", [("1", "", "int a")]),
    ("void f(int a)", "void f(void)", [("1", "int a", "")]),
    ("long f(int a)", "long f(long a)", [("1", "int a", "long a")]),
    ("int f(int (*cb)(void *, int), u32 n);", "int f(int (*cb)(void *, int));", [("2", "u32 n", "")]),
    ("int f(void *aux__ign)", "int f(struct bpf_prog_aux *aux)", [("1", "void *aux__ign", "struct bpf_prog_aux *aux")]),
])  # fmt: skip
def test_what_differs_of_a_prototype(old: str, new: str, wanted: list[tuple[str, str, str]]) -> None:
    assert [(r.place, r.old, r.new) for r in aligned(old, new)[1:] if not r.equal] == wanted


def test_members_far_from_a_difference_are_left_out() -> None:
    def struct(*members: str) -> str:
        return "struct s {\n" + "\n".join(f"\t{m};" for m in members) + "\n};"

    many = [f"int m{i}" for i in range(20)]
    changed = [*many[:10], "long m10", *many[11:]]
    rows = aligned(struct(*many), struct(*changed))
    assert [(r.old, r.new) for r in rows if not r.equal] == [("int m10;", "long m10;")]
    assert len(rows) == 1 + 1 + 2 + 1 + 2 + 1 and [r.gap for r in rows].count(True) == 2
    assert aligned("enum e {\n\tA = 1,\n\tB = 2,\n};", "enum e {\n\tA = 1,\n\tB = 3,\n};")[2] == Row(
        "", "B = 2,", "B = 3,", False
    )


@pytest.mark.parametrize(("old", "new"), [
    ("int f(int)", "struct s {\n int a;\n};"), ("", "int f(int)"), ("just words", "other words"),
    ("struct s;", "struct s {\n\tint a;\n};"),
])  # fmt: skip
def test_what_is_not_of_one_kind_is_not_aligned(old: str, new: str) -> None:
    assert aligned(old, new) == []


def test_the_table_marks_and_escapes() -> None:
    text = table_html(
        aligned("int f(int a, u64 <b>)", "int f(int a)"), ("old", "new"), ("#f00", "#0f0", "#888", "#ddd")
    )
    assert "u64 &lt;b&gt;" in text and '<span style="background-color:#f00">' in text and "#0f0" not in text
    assert 'style="color:#888; border-top' in text


CODE = """extern int bpf_x(struct task_struct *p) __ksym __weak; /* a "comment" */
#define A 0x10UL
if (bpf_ksym_exists(bpf_x)) // <here>
\tbpf_x("text \\" // no comment", 'c', 42);
"""


def test_highlighted_c_is_the_same_text() -> None:
    out = highlighted(CODE, Inks("#111", "#222", "#333"))
    assert html.unescape(re.sub(r"<[^>]+>", "", out)) == CODE
    assert '<span style="color:#333">extern</span>' in out and "<b>bpf_ksym_exists</b>" in out
    assert '<span style="color:#111; font-style:italic">// &lt;here&gt;</span>' in out
    assert out.count('color:#222">') == 3 and '<span style="color:#111">#define A 0x10UL</span>' in out
    for odd in ('"', "/*", "'", "\\", "a <b> & c", ""):
        assert html.unescape(re.sub(r"<[^>]+>", "", highlighted(odd, Inks("a", "b", "c")))) == odd


def _with(change: dict[str, object]) -> tuple[Analysis, str, str]:
    """The demo with one finding changed, and whose finding that is."""
    demo = analyses.demo()
    arch = demo.arches[0]
    obj = next(o for o in arch.objects if o.object == "scx_simple")
    program = obj.programs[0]
    found: Finding = replace(program.findings[0], **change)  # type: ignore[arg-type]
    program = replace(program, findings=(found,))
    obj = replace(obj, programs=(program, *obj.programs[1:]), findings=())
    others = tuple(obj if o.object == obj.object else o for o in arch.objects)
    return replace(demo, arches=(replace(arch, objects=others),)), obj.object, program.program


def _told(analysis: Analysis, name: str, program: str) -> tuple[list[str], list[QLabel]]:
    with windows.window(analysis, size=(1600, 1000)) as window:
        window.store.select(Node(PROGRAM, window.store.index.program_id(name, program)))
        settle()
        labels = window.detail.widget().findChildren(QLabel)
        return [label.text() for label in labels], labels


def test_equal_declarations_show_the_fact_that_differs(qapp: object) -> None:
    same = "void sched_process_wait(struct pid *pid)"
    evidence = Evidence(same, same, (("argument 1", "never NULL", "may be NULL"), ("kind", "tracepoint", "tracepoint")))
    texts, _ = _told(*_with({"evidence": evidence}))
    place = texts.index("WHAT DIFFERS")
    assert "never NULL" in texts[place + 1] and "kind" not in texts[place + 1]
    assert texts[place + 2] == "DECLARATION, THE SAME ON BOTH KERNELS"
    assert "OLD KERNEL" not in texts and sum("sched_process_wait" in t for t in texts if "<" in t) == 1


def test_prototypes_are_told_side_by_side_with_the_text_of_the_rule(qapp: object) -> None:
    evidence = Evidence("int f(int a)", "int f(int a, int b)")
    analysis, name, program = _with({"evidence": evidence})
    texts, _ = _told(analysis, name, program)
    table = texts[texts.index("DECLARATION") + 1]
    assert "old kernel" in table and "new kernel" in table and table.count("<tr>") == 4
    found = analysis.arches[0].objects
    rule = next(o for o in found if o.object == name).programs[0].findings[0].rules[0]
    statement = catalogue.rule(rule).statement
    assert "`" in statement and not any("`" in text for text in texts)  # the marks of code are not for reading
    assert statement.replace("`", "") in [html.unescape(re.sub(r"<[^>]+>", "", text)) for text in texts]


def test_a_remedy_copies_as_it_is(qapp: object, qtbot: QtBot) -> None:
    analysis, name, program = _with({"remedy": Remedy("Do this.", CODE)})
    with windows.window(analysis, size=(1600, 1000)) as window:
        window.store.select(Node(PROGRAM, window.store.index.program_id(name, program)))
        settle()
        button = next(b for b in window.detail.widget().findChildren(QPushButton) if b.text() == "Copy fix")
        button.click()
        assert QGuiApplication.clipboard().text() == CODE
        shown = next(x.text() for x in window.detail.widget().findChildren(QLabel) if "bpf_ksym_exists" in x.text())
        assert "<b>bpf_ksym_exists</b>" in shown
