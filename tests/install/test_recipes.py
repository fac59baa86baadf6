# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The recipes of the documents are what the program takes: commands on sample data run, the others parse."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from kfuncscope.cli.main import main, parser
from support.pages import Block, blocks
from support.schemas import official

ROOT = Path(__file__).resolve().parents[2]
GATE = ROOT / "resources" / "docs" / "kernel-gate.md"
ACTION = ROOT / ".github" / "actions" / "kernel-gate" / "action.yml"
KERNELS = ROOT / "sample_data" / "kernels"


def commands(page: Path) -> list[str]:
    """Every command line of kfuncscope in the blocks of a page, also within recipes in other languages."""
    found = []
    for line in (line for block in blocks(page) for line in block.text.splitlines()):
        if at := re.search(r"(?<![\w/])kfuncscope (?!/)[a-z]\S+ -", line):
            words = line[at.start() :]
            found.append(words.partition("'")[0].strip() if "script_run '" in line else words.strip())
    return found


def test_there_are_recipes() -> None:
    listed = commands(GATE)
    assert len(listed) > 8 and len({c for c in listed if "sample_data" in c}) == 4


@pytest.mark.parametrize("command", [c for c in commands(GATE) if "sample_data" not in c])
def test_commands_of_recipes_parse(command: str) -> None:
    words = shlex.split(command, comments=True)[1:]
    if words[0] == "kernel":
        assert parser().parse_args(words).gate


def test_commands_on_sample_data_run_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    monkeypatch.chdir(tmp_path)
    ran = [(c, main(shlex.split(c, comments=True)[1:])) for c in commands(GATE) if "sample_data" in c]
    assert [code for _, code in ran] == [0, 1, 0, 0]
    assert "Kernel clear" in capsys.readouterr().out
    assert "Kernel blocked" in (tmp_path / "gate.html").read_text()


def _step(number: int) -> str:
    """The shell script of a step of the action."""
    script = ACTION.read_text().split("      run: |\n")[number]
    lines = script.split("\n    - shell")[0].splitlines()
    return "\n".join(line.removeprefix("        ") for line in lines)


@pytest.mark.parametrize(
    ("given", "code"),
    [({"KERNEL": "7.3-x86_64"}, 0), ({"KERNEL": "7.3-x86_64", "AGAINST": "6.12-x86_64"}, 1),
     ({"KERNEL": "7.3-x86_64", "AGAINST": "6.12-x86_64", "BASELINE": "k.json"}, 0)],
)  # fmt: skip
def test_the_action_runs_the_gate(given: dict[str, str], code: int, tmp_path: Path) -> None:
    program = tmp_path / "kfuncscope"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kfuncscope.cli.main "$@"\n')
    program.chmod(0o755)
    words = {"KERNEL": "", "AGAINST": "", "POLICY": "", "BASELINE": "", "REPORT": "k.html k.json", **given}
    env = {**os.environ, **words, "KFUNCSCOPE": str(program), "PYTHONPATH": str(ROOT / "app")}
    for name in ("KERNEL", "AGAINST"):
        env[name] = f"{KERNELS / words[name]}" if words[name] else ""
    if words["BASELINE"]:
        subprocess.run(["bash", "-euc", _step(2)], cwd=tmp_path, env=env | {"BASELINE": ""}, capture_output=True)
    run = subprocess.run(["bash", "-euc", _step(2)], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert run.returncode == code, run.stderr
    assert (tmp_path / "k.html").stat().st_size > 1000
    assert ("::error" in run.stdout) == bool(words["AGAINST"])


def recipes(name: str) -> list[Block]:
    """The blocks of the manual that are a file of that name."""
    pages = (ROOT / "resources" / "docs").glob("*.md")
    return [b for page in sorted(pages) for b in blocks(page) if b.text.startswith(f"# {name}")]


def test_the_action_and_its_workflows_follow_githubs_schemas() -> None:
    jsonschema.validate(yaml.safe_load(ACTION.read_text()), official("github-action.json"))
    found = recipes(".github/workflows/")
    assert len(found) == 2
    for block in found:
        # YAML 1.1 reads the key "on" as true, GitHub does not.
        jsonschema.validate({"on" if k is True else k: v for k, v in yaml.safe_load(block.text).items()},
                            official("github-workflow.json"))  # fmt: skip
    inputs = yaml.safe_load(ACTION.read_text())["inputs"]
    (step,) = [
        s for b in found for s in yaml.safe_load(b.text)["jobs"].popitem()[1]["steps"] if "kernel" in s.get("with", {})
    ]
    assert set(step["with"]) <= set(inputs) and {n for n, i in inputs.items() if i.get("required")} <= set(step["with"])


def test_jobs_for_gitlab_follow_its_schema() -> None:
    schema = official("gitlab-ci")
    jobs = [*recipes(".gitlab-ci.yml"), *(b for b in blocks(ROOT / "README.md") if b.language == "yaml")]
    assert len(jobs) == 3
    for block in jobs:
        job = yaml.safe_load(block.text)
        jsonschema.validate(job, schema)
        (script,) = (one["script"] for one in job.values())
        assert any(line.startswith("kfuncscope ") for line in script) and any("pip install" in line for line in script)
