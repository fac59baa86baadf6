# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A source line in the person's own editor: finding the file that debug information names, and starting the editor."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from PySide6.QtCore import QProcess, QSettings, QUrl
from PySide6.QtGui import QDesktopServices

SETTING = "editor/command"
"""The key under which the command is kept: words with ``{file}`` and ``{line}``, empty for one that is found."""

KNOWN = (
    "code --goto {file}:{line}", "codium --goto {file}:{line}", "kate --line {line} {file}", "gedit {file} +{line}",
    "gnome-text-editor {file}", "gvim +{line} {file}", "emacsclient -n +{line} {file}",
)  # fmt: skip
MOST = 400  # folders beside the objects that are looked into


def command_line(settings: QSettings | None) -> str:
    """The command to use: the one chosen, else the first known editor that is installed; empty where there is none."""
    chosen = str(settings.value(SETTING, "") or "") if settings is not None else ""
    return chosen or next((c for c in KNOWN if shutil.which(c.split()[0])), "")


def arguments(command: str, file: str, line: int) -> list[str]:
    """The words of a command with file and line put in; a command that names no file gets it at its end.

    Raises ValueError where quotes do not match.
    """
    words = shlex.split(command)
    if not any("{file}" in word for word in words):
        words.append("{file}")
    return [word.replace("{file}", file).replace("{line}", str(max(line, 1))) for word in words]


def find_source(named: str, objects: Iterable[str]) -> Path | None:
    """The file that debug information names, as it is or near the objects: sources are seldom where they were built."""
    direct = Path(named)
    if direct.is_absolute() and direct.is_file():
        return direct
    parts = [p for p in PurePosixPath(named).parts if p not in ("/", ".", "..")]
    for folder in _folders(objects):
        for start in range(len(parts)):
            found = folder.joinpath(*parts[start:])
            if found.is_file():
                return found
    return None


def _folders(objects: Iterable[str]) -> Iterator[Path]:
    """The folders of the objects, those above, and those beside."""
    seen: dict[Path, None] = {}
    for given in islice(objects, MOST):
        path = Path(given)
        own = path if path.is_dir() else path.parent
        seen.setdefault(own)
        seen.setdefault(own.parent)
    yield from seen
    for folder in list(seen):
        if folder.is_dir() and folder != folder.parent:
            yield from (p for p in islice(sorted(folder.iterdir()), MOST) if p.is_dir())


def open_line(settings: QSettings | None, file: Path, line: int) -> str:
    """Start the editor on a line; the empty text, or what went wrong."""
    command = command_line(settings)
    if not command:
        opened = QDesktopServices.openUrl(QUrl.fromLocalFile(str(file)))
        return "" if opened else f"no editor is set and the desktop opens no file named {file.name}"
    try:
        words = arguments(command, str(file), line)
    except ValueError as bad:
        return f"the editor command {command!r} cannot be read: {bad}"
    started, _ = QProcess.startDetached(words[0], words[1:])
    return "" if started else f"the editor {words[0]!r} cannot be started"
