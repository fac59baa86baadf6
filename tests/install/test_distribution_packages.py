# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Packages of distributions say what the project says: version, dependencies, what each part needs of Qt."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from test_packaging import PROJECT, ROOT

from kfuncscope import __version__

FOLDER = ROOT / "resources" / "packaging"
CONTROL = (FOLDER / "debian" / "control").read_text()
SPEC = (FOLDER / "kfuncscope.spec").read_text()


def libraries() -> set[str]:
    return {re.split(r"[<>=]", d)[0].lower() for d in PROJECT["dependencies"]}


def test_version() -> None:
    assert (FOLDER / "debian" / "changelog").read_text().startswith(f"kfuncscope ({__version__}-")
    assert re.search(rf"^Version: +{re.escape(__version__)}$", SPEC, re.MULTILINE)


def test_packages_ask_for_the_libraries_of_the_project() -> None:
    built = set(re.findall(r"^ python3-(\w+) <!nocheck>,$", CONTROL, re.MULTILINE))
    assert built == libraries()
    required = "\n".join(re.findall(r"^Requires: +(python3-.*)$", SPEC.split("%package")[0], re.MULTILINE))
    assert set(re.findall(r"python3-(\w+)", required)) == libraries()


def test_the_window_asks_for_every_part_of_qt_that_it_loads() -> None:
    loaded = set()
    for path in (ROOT / "app").rglob("*.py"):
        loaded |= set(re.findall(r"PySide6\.(Qt\w+)", path.read_text()))
    assert set(re.findall(r"python3-pyside6\.(\w+)", CONTROL)) == {part.lower() for part in loaded}


@pytest.mark.parametrize("name", ["build-deb", "debian/rules", "debian/tests/command-line", "debian/tests/window"])
def test_scripts_can_be_run(name: str) -> None:
    path = FOLDER / Path(name)
    assert os.access(path, os.X_OK)
    if name != "debian/rules":
        subprocess.run(["bash", "-n", path], check=True)
