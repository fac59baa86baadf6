# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The PDF of the demo: small, sound by qpdf and poppler, its text text; with Qt as installed and others (-m qt)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "app"
MOST = 1 << 20
# The lowest that pyproject.toml allows, Debian 13's, and the newest below its bound.
RELEASES = ("==6.8.0", "==6.8.2", "<6.12")

_RENDER = """
import sys
from kfuncscope import report
from kfuncscope.report import summary
from kfuncscope.session.sample import sample_session
from kfuncscope.upgrade.analyse import analyse
data = report.render(summary.make(analyse(sample_session(), workers=1)), "pdf")
import PySide6
print(PySide6.__version__)
open(sys.argv[1], "wb").write(data)
"""


def _rendered(path: Path, *folders: str) -> str:
    """The demo's report as PDF, by the Qt in the first of these folders that has one; its version."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*folders, str(APP)]), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", _RENDER, str(path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def _said(tool: str, *words: str) -> str:
    assert shutil.which(tool), f"{tool} is not installed (Debian packages qpdf and poppler-utils)"
    done = subprocess.run([tool, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _check(path: Path) -> None:
    assert path.stat().st_size <= MOST
    checked = _said("qpdf", "--check", str(path))
    assert "No syntax or stream encoding errors found" in checked and "WARNING" not in checked
    text = path.with_suffix(".txt")
    assert _said("pdftotext", str(path), str(text)) == ""
    assert _said("pdftoppm", "-r", "20", "-png", str(path), str(path.with_suffix(""))) == ""
    words = unicodedata.normalize("NFKC", text.read_text())  # a font's own letter for "ff"
    # Findings are proofs: what differs in two columns, the fact where declarations are equal, sources, life.
    told = "".join(words.split())  # poppler breaks the cells of a table where it likes
    for said in ("struct mem_cgroup *memcg", "1 → 2", "DECLARATION, THE SAME ON BOTH KERNELS", "argument 1 may be NULL",
                 "no, according to", "fact about the new kernel from ", "no stability promise"):  # fmt: skip
        assert said.replace(" ", "") in told, said
    # What the graph shows is text, which can be searched, and no outline of letters.
    assert "Graph of what is affected: x86_64" in words
    assert words.split("Graph of what is affected: x86_64")[1].count("hrtimer_watch.bpf.o") >= 1


def test_the_demo_as_pdf(tmp_path: Path) -> None:
    _rendered(tmp_path / "demo.pdf")
    _check(tmp_path / "demo.pdf")


@pytest.mark.qt
@pytest.mark.parametrize("release", RELEASES)
def test_the_demo_as_pdf_with_other_releases_of_qt(release: str, tmp_path: Path) -> None:
    words = ["-m", "pip", "install", "--quiet", "--target", str(tmp_path / "qt"), f"PySide6-Essentials{release}"]
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    version = _rendered(tmp_path / "demo.pdf", str(tmp_path / "qt"))
    assert version.startswith(release[2:]) or release.startswith("<")
    _check(tmp_path / "demo.pdf")
