# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the manual shows is what the program does: commands run and print it, files parse, links lead somewhere."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from kfuncscope.cli.main import main, parser
from kfuncscope.decision import policy
from kfuncscope.storage.text import read_toml
from support.pages import DOCS, PAGES, ROOT, Block, anchors, blocks, commands, links

CONFIG = ROOT / "resources" / "manual" / "mkdocs.yml"
MANUAL = sorted(DOCS.glob("*.md"))
RUN = [p for p in PAGES if p.name != "kernel-gate.md" and any(c.runs_here for b in blocks(p) for c in commands(b))]


def _run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Status and what is printed; what makes a window has a process of its own."""
    if words[0] == "demo":
        env = {**os.environ, "PYTHONPATH": str(ROOT / "app")}
        done = subprocess.run(
            [sys.executable, "-m", "kfuncscope", *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return done.returncode, done.stdout.decode()
    status = main(words)
    shown = capsys.readouterr()
    return status, shown.out + shown.err


@pytest.mark.parametrize("page", RUN, ids=lambda p: p.stem)
def test_commands_run_and_print_what_the_page_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1798761600")  # 2027-01-01: the waivers of the pages are in force
    monkeypatch.setenv("KFUNCSCOPE_CONFIG", "")
    for block in blocks(page):
        if name := block.named():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(block.text)
        for command in commands(block) if not block.language else []:
            if not command.runs_here:
                continue
            status, shown = _run(command.expanded(), capsys)
            assert status == command.status, f"{command.text}\n{shown}"
            said = " ".join(shown.split())
            for line in command.output:
                assert line in said, command.text


def test_pages_have_commands_to_run() -> None:
    counts = {p.stem: sum(c.runs_here for b in blocks(p) for c in commands(b)) for p in RUN}
    assert sum(counts.values()) >= 35 and {"tutorial", "policy", "ci", "formats", "faq", "README"} <= set(counts)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_commands_that_need_other_files_parse(page: Path) -> None:
    for block in blocks(page):
        for command in commands(block):
            words = command.words
            words = words[: words.index(">")] if ">" in words else words
            try:
                parser().parse_args(words)
            except (SystemExit, argparse.ArgumentError) as error:
                raise AssertionError(f"{page.name}: {command.text}") from error


def _toml(page: Path) -> list[Block]:
    return [b for b in blocks(page) if b.language == "toml"]


@pytest.mark.parametrize("page", [p for p in MANUAL if _toml(p)], ids=lambda p: p.stem)
def test_toml_is_what_the_program_reads(page: Path) -> None:
    for block in _toml(page):
        if block.named().startswith(".kfuncscope"):
            assert set(read_toml(block.text.encode(), page.name)) <= {"check"}
        elif page.stem == "policy":
            assert policy.parse(block.text.encode(), page.name)
        else:
            assert read_toml(block.text.encode(), page.name)


def test_the_waiver_of_the_manual_waives_one_cause_until_march() -> None:
    block = next(b for b in _toml(DOCS / "policy.md") if b.named() == "policy.toml")
    (waiver,) = policy.parse(block.text.encode()).waivers
    assert waiver.expires.isoformat() == "2027-03-31" and waiver.scope.cause == ("kfunc cgroup_rstat_updated removed",)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        assert not re.match(r"\w+:", link), f"{link}: a page must be readable without a network"
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_the_python_example_runs(tmp_path: Path) -> None:
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    (block,) = [b for b in blocks(DOCS / "api.md") if b.language == "python"]
    script = tmp_path / "example.py"
    body = block.text.replace("\n", "\n    ")
    script.write_text(f'if __name__ == "__main__":\n    {body}')
    run = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("blocked 1\n") and (tmp_path / "upgrade.html").stat().st_size > 1000


def test_every_page_has_its_place_and_the_html_is_built(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-f", CONFIG, "-d", tmp_path / "html"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    made = {p.stem for p in (tmp_path / "html").glob("*.html")}
    assert {p.stem for p in MANUAL} <= made
    text = (tmp_path / "html" / "policy.html").read_text()
    assert 'id="waive-one-cause-until-march"' in text and "<script" not in text and "http" not in text


@pytest.mark.parametrize("page", [DOCS / "ci.md"], ids=lambda p: p.stem)
def test_yaml_is_yaml(page: Path) -> None:
    listed = [yaml.safe_load(b.text) for b in blocks(page) if b.language == "yaml"]
    assert len(listed) == 2 and all(isinstance(one, dict) for one in listed)


@pytest.mark.parametrize(
    ("question", "page", "answer"),
    [("how do I gate a kernel build", "faq", "kfuncscope kernel --gate"),
     ("what is SILENT", "verdicts", "## What is SILENT?"),
     ("how do I waive one cause until March", "policy", "## Waive one cause until March")],
)  # fmt: skip
def test_what_a_newcomer_asks_is_a_heading_or_two_clicks_away(question: str, page: str, answer: str) -> None:
    assert answer in (DOCS / f"{page}.md").read_text()
    assert f"{page}.md" in (DOCS / "index.md").read_text()
    assert question.lower() in (DOCS / "faq.md").read_text().lower()
