# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Names from inputs come out harmless in every format."""

from __future__ import annotations

import csv
import datetime
import io
import json
import re
import unicodedata

import html5lib
import markdown_it
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope import report
from kfuncscope.decision import gate
from kfuncscope.report import safe, summary
from kfuncscope.report.formats import csvrows, markdown
from support import reportcases as cases

DAY = datetime.date(2026, 11, 22)
TEXT = ["html", "md", "csv", "json", "sarif", "junit", "svg", "dot", "graphml"]


@pytest.fixture(scope="module")
def hostile() -> summary.Report:
    return summary.make(cases.hostile(), gate.decide(cases.hostile(), day=DAY))


@pytest.mark.parametrize("kind", TEXT)
def test_no_unseen_character_and_no_endless_name_in_any_text(kind: str, hostile: summary.Report) -> None:
    text = report.render(hostile, kind).decode()
    unseen = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - set("\n\r\t")
    assert not unseen
    # JSON and CSV keep names whole, for machines; what people look at cuts them, declarations later than names.
    longest = {"json": 4096, "csv": 4096, "sarif": 4096, "html": 4096, "md": 4096}.get(kind, 2000)
    assert max(len(run) for run in re.findall(r"A+", text)) <= longest
    if kind == "html":
        assert not re.search(r"A{801}", re.sub(r"<pre.*?</pre>", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("kind", ["html", "svg", "junit", "graphml"])
def test_no_markup_gets_through(kind: str, hostile: summary.Report) -> None:
    text = report.render(hostile, kind).decode()
    assert "<script>alert" not in text and "<img src=x" not in text
    assert "</testcase>|" not in text


def test_templates_do_not_evaluate_names(hostile: summary.Report) -> None:
    page = report.render(hostile, "html").decode()
    assert "{{ 7*7 }}" in page


def test_csv_cells_never_start_a_formula(hostile: summary.Report) -> None:
    read = list(csv.reader(io.StringIO(report.render(hostile, "csv").decode(), newline="")))
    assert len({len(line) for line in read}) == 1
    for line in read:
        for cell in line:
            assert not re.match(r"\s*[=+\-@\t\r]", cell), cell


@given(st.text())
def test_csv_cell_is_read_back_as_text(text: str) -> None:
    cell = csvrows.cell(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    (line,) = list(csv.reader(io.StringIO(csvrows.table(["a"], [[text]]).decode(), newline="")))[1:] or [[""]]
    assert (line or [""])[0] == cell


def test_markdown_renders_to_text_only(hostile: summary.Report) -> None:
    source = report.render(hostile, "md").decode()
    page = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(source)
    tags = set(re.findall(r"<\s*([a-zA-Z0-9]+)", page))
    assert not tags & {"script", "img", "a", "iframe", "svg"}, tags
    assert tags <= {"h1", "h2", "h3", "p", "br", "strong", "ul", "li", "pre", "code", "table", "thead", "tbody", "tr",
                    "th", "td"}  # fmt: skip
    lines = [line for line in source.splitlines() if line.startswith("| ") and "Architecture" in line]
    assert lines


@given(st.text(max_size=60))
def test_markdown_text_and_spans_stay_one_piece(text: str) -> None:
    parser = markdown_it.MarkdownIt("commonmark", {"html": True})
    page = parser.render(f"x {markdown.plain(text)} y")
    assert not re.search(r"<(?!/?p>)", page), page
    page = parser.render(markdown.plain(text) + "\n\nnext")
    assert not re.search(r"<(?!/?p>)", page), page
    page = parser.render(f"x {markdown.span(text)} y")
    assert re.fullmatch(r"<p>x <code>[^<]*</code> y</p>\n", page), page


@given(st.text(max_size=400))
def test_visible_text_can_be_seen_and_is_idempotent(text: str) -> None:
    shown = safe.visible(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in shown)
    assert not any(unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
                   for c in shown)  # fmt: skip
    assert safe.visible(shown, 10_000) == shown
    shown.encode()


@given(st.text(alphabet=st.characters(), max_size=80))
@settings(deadline=None)  # the first call has the upgrade judged
def test_any_name_survives_html(text: str) -> None:
    analysis = cases.analysis(("x86_64",))
    finding = cases.replace(cases.DISPATCH, name=text, message=text)
    one = cases.replace(analysis.arches[0], objects=(cases.obj(text, text, cases.program(text, text, finding)),))
    made = summary.make(cases.replace(analysis, arches=(one,)), gate.decide(analysis, day=DAY))
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(report.render(made, "html").decode())
    need = next(e for e in tree.iter("code") if e.get("class") == "need")
    assert "".join(need.itertext()) == safe.visible(text, 120)


def test_json_keeps_names_exactly_in_plain_ascii(hostile: summary.Report) -> None:
    data = report.render(hostile, "json")
    assert data.isascii()
    objects = json.loads(data)["analysis"]["arches"][0]["objects"]
    assert {o["package"] for o in objects} == set(cases.HOSTILE)
