# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A format of a report is a module and a row: everything that offers formats goes by the row."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType

import pytest

from kfuncscope import report
from kfuncscope.cli.options import add_report_options
from kfuncscope.model.formats import FORMATS, Format
from support import reportcases as cases


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("kfuncscope.report.formats.lines")
    module.render = lambda made: "\n".join(a.arch for a in made.analysis.arches).encode()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(
        FORMATS, "lines", Format(".lines", "Architectures, a line each", "lines.render", others=(".ln",))
    )


def offered() -> str:
    parser = argparse.ArgumentParser()
    add_report_options(parser)
    return " ".join(parser.format_help().split())


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("name", ["r.lines", "r.ln"])
def test_its_row_is_enough(name: str, tmp_path: Path) -> None:
    made = report.make(cases.analysis())
    report.write(made, tmp_path / name)
    assert (tmp_path / name).read_text().splitlines() == [a.arch for a in made.analysis.arches] != []
    assert report.stdout_format("lines=-") == "lines"
    assert "graphml, lines;" in offered()


def test_without_its_row_nobody_knows_it() -> None:
    assert "lines" not in offered()


def test_the_page_of_formats_names_each() -> None:
    page = (Path(__file__).parents[2] / "resources/docs/formats.md").read_text()
    assert [one.extension for one in FORMATS.values() if f"`{one.extension}`" not in page] == []
