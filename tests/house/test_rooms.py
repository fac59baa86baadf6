# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The plan of the house (resources/docs/architecture.md) against the tree: rooms, files, sizes, order of the floors."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
APP = ROOT / "app" / "kfuncscope"
PLAN = (ROOT / "resources" / "docs" / "architecture.md").read_text()
MOST_MODULES, MOST_LINES = 15, 440
# What is copied to other machines as one file stays one file.
WHOLE = {"census/collector.py"}


def rooms() -> list[Path]:
    """Every package of the product."""
    return sorted(p.parent for p in APP.rglob("__init__.py") if p.parent != APP)


def drawn() -> str:
    """The drawing of the rooms."""
    return PLAN.split("## The rooms", 1)[1].split("```")[1]


def test_no_room_and_no_file_is_too_large() -> None:
    """A room has at most fifteen modules beside its __init__, a module a bounded number of lines."""
    for room in (APP, *rooms()):
        modules = [p for p in room.glob("*.py") if p.name != "__init__.py"]
        assert len(modules) <= MOST_MODULES, f"{room.name}: {len(modules)} modules"
        for module in modules:
            if str(module.relative_to(APP)) not in WHOLE:
                assert module.read_text().count("\n") <= MOST_LINES, module


def test_every_room_is_in_the_plan() -> None:
    """Each package is drawn, and each thing that is drawn is there."""
    words = set(re.findall(r"[a-z_]+/", drawn()))
    there = {f"{p.name}/" for p in rooms()}
    assert there - words == set()
    assert words - there == set()
    loose = {p.name for p in APP.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert loose <= set(re.findall(r"[a-z_]+\.py", drawn()))


def test_files_that_the_plan_names_exist() -> None:
    """In the drawing, in the answers to "where is", in the reasons for what is hand-written."""
    names = {p.name for p in APP.rglob("*.py")}
    for path in re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)(?::[a-z_]+)?`", PLAN):
        assert (APP / path).is_file() or ("/" not in path and path in names), path
    for path, function in re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py):([a-z_]+)`", PLAN):
        assert re.search(rf"^def {function}\(", (APP / path).read_text(), re.MULTILINE), (path, function)
    for word in re.findall(r"[a-z_]+\.py", drawn()):
        assert word in names, word
    for path in re.findall(r"`(resources/[a-z_/]+(?:\.[a-z]+)?)`", PLAN):
        assert (ROOT / path).exists(), path


def test_floors_of_the_plan_are_those_that_lint_imports_holds() -> None:
    """From the top down: a room is drawn no higher than one that may import it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["type"] == "layers")
    floor = {
        name.strip().removeprefix("kfuncscope."): at for at, layer in enumerate(layers) for name in layer.split("|")
    }
    order = [
        m.removesuffix("/").removesuffix(".py") for m in re.findall(r"^ ([a-z_]+(?:/|\.py))", drawn(), re.MULTILINE)
    ]
    places = [floor[name] for name in order if name in floor]
    assert places == sorted(places)
    assert {p.name for p in rooms() if p.parent == APP} <= set(order) & set(floor)


def test_the_top_level_holds_what_the_layout_allows() -> None:
    """Of the files that are kept: a picture that was written beside them by mistake is none."""
    kept = subprocess.run(
        ["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    top = {path.partition("/")[0] for path in kept}
    assert {name for name in top if not name.startswith(".")} == {
        "pyproject.toml", "README.md", "app", "resources", "tests", "sample_data",
    }  # fmt: skip
