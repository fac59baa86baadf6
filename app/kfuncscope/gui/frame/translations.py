# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``python -m kfuncscope.gui.frame.translations``: take the texts of the window into the .ts files, and compile them.

Both tools come with PySide6-Essentials. A text without a translation stays English.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import PySide6

from kfuncscope import gui
from kfuncscope.resources import resource

_TOOLS = Path(PySide6.__file__).parent


def update(source: Path) -> None:
    """Take the texts of all modules of the window into a .ts file; what is no longer said is left out."""
    folder = Path(gui.__path__[0])
    modules = sorted(str(path) for path in folder.rglob("*.py"))
    command = [str(_TOOLS / "lupdate"), "-silent", "-no-obsolete", "-locations", "none", *modules, "-ts", str(source)]
    subprocess.run(command, check=True)


def compile_to(source: Path, target: Path) -> None:
    """Compile a .ts file into the form that Qt loads."""
    subprocess.run([_TOOLS / "lrelease", "-silent", source, "-qm", target], check=True)


def main() -> int:
    """Bring every translation up to date."""
    for source in sorted(resource("translations").glob("*.ts")):
        update(source)
        compile_to(source, source.with_suffix(".qm"))
        print(source)
    return 0


if __name__ == "__main__":
    sys.exit(main())
