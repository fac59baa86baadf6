# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where knowledge tables are kept and how one is read: JSON, plain or xz, a folder for each kernel release.

Tables come from ``resources/knowledge``, from the user's own folder (``$XDG_DATA_HOME/kfuncscope/knowledge``) and from
a folder that is named; a release found in several places is taken from the last of these.
"""

from __future__ import annotations

import json
import lzma
import re
from pathlib import Path
from typing import Any

from kfuncscope.errors import KnowledgeError
from kfuncscope.resources import resource, user_folder

_MAX_TABLE = 64 << 20
_RELEASE = re.compile(r"^(\d+)\.(\d+)(?:\.(\d+))?")


def series(release: str) -> tuple[int, int] | None:
    """``(6, 12)`` of ``6.12.107+deb13-amd64``; None where the text does not begin with a release."""
    match = _RELEASE.match(release)
    return (int(match[1]), int(match[2])) if match else None


def user_tables() -> Path:
    """Where a user's own tables are kept (XDG data directory)."""
    return user_folder("XDG_DATA_HOME", ".local/share") / "kfuncscope" / "knowledge"


def roots(extra: Path | None = None) -> tuple[Path, ...]:
    """Folders that may hold tables, the weakest first."""
    found = [resource("knowledge"), user_tables()]
    if extra is not None:
        found.append(extra)
    return tuple(root for root in found if root.is_dir())


def release_folders(extra: Path | None = None) -> dict[str, Path]:
    """Release (the folder's name) → folder, in order of release. A folder without a kfunc table is not one."""
    found: dict[str, Path] = {}
    for root in roots(extra):
        for folder in root.iterdir():
            if series(folder.name) and exists(folder, "kfuncs"):
                found[folder.name] = folder
    return dict(sorted(found.items(), key=lambda item: (series(item[0]) or (0, 0), item[0])))


def exists(folder: Path, table: str) -> bool:
    """Whether the folder has the table, plain or compressed."""
    return (folder / f"{table}.json").is_file() or (folder / f"{table}.json.xz").is_file()


class Table(dict[str, Any]):
    """A table's content; an entry that it should have and has not is a KnowledgeError."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        super().__init__(content)
        self.path = path

    def __missing__(self, key: str) -> Any:
        raise KnowledgeError(str(self.path), f"has no {key!r}: made by another version; build it again")


def read(folder: Path, table: str) -> Table:
    """Read one table; an absent or damaged one is a KnowledgeError."""
    path = folder / f"{table}.json"
    try:
        if path.is_file():
            text = path.read_bytes()
        else:
            path = folder / f"{table}.json.xz"
            with lzma.open(path) as stream:
                text = stream.read(_MAX_TABLE + 1)
        if len(text) > _MAX_TABLE:
            raise KnowledgeError(str(path), f"table is larger than {_MAX_TABLE >> 20} MiB")
        content = json.loads(text)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise KnowledgeError(str(path), f"cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:
        raise KnowledgeError(str(path), f"is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise KnowledgeError(str(path), "a table is a JSON object")
    return Table(path, content)


def write(folder: Path, table: str, content: dict[str, Any], *, compress: bool = False) -> Path:
    """Write one table, the same bytes for the same content; plain tables have one entry a line to diff well."""
    folder.mkdir(parents=True, exist_ok=True)
    plain, packed = folder / f"{table}.json", folder / f"{table}.json.xz"
    if compress:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        packed.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
        plain.unlink(missing_ok=True)
        return packed
    plain.write_text(_lines(content) + "\n", encoding="utf-8")
    packed.unlink(missing_ok=True)
    return plain


def _lines(content: dict[str, Any]) -> str:
    """JSON with one line for each entry of the second level."""
    blocks = []
    for key, value in sorted(content.items()):
        dump = json.dumps(value, sort_keys=True, separators=(",", ":"))
        if len(dump) > 100 and isinstance(value, dict):
            rows = [
                f"{json.dumps(k)}:{json.dumps(v, sort_keys=True, separators=(',', ':'))}"
                for k, v in sorted(value.items())
            ]
            dump = "{\n" + ",\n".join(rows) + "\n}"
        elif len(dump) > 100 and isinstance(value, list):
            rows = [json.dumps(v, sort_keys=True, separators=(",", ":")) for v in value]
            dump = "[\n" + ",\n".join(rows) + "\n]"
        blocks.append(f"{json.dumps(key)}:{dump}")
    return "{\n" + ",\n".join(blocks) + "\n}"
