# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Compiles the translations while the package is built, where lrelease is at hand; else those of the tree serve."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Translations(BuildHookInterface):  # type: ignore[type-arg,misc]
    """Called by hatchling before it collects the files."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring each .qm up to date with its .ts."""
        tool = _lrelease()
        for source in sorted(Path(self.root, "resources", "translations").glob("*.ts")) if tool else ():
            subprocess.run([str(tool), "-silent", str(source), "-qm", str(source.with_suffix(".qm"))], check=True)


def _lrelease() -> str | None:
    spec = find_spec("PySide6")
    for folder in spec.submodule_search_locations or [] if spec is not None else []:
        if (tool := Path(folder, "lrelease")).is_file():
            return str(tool)
    return shutil.which("lrelease") or shutil.which("lrelease", path="/usr/lib/qt6/bin")
