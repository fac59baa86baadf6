# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where knowledge tables are kept and how one is read: JSON, plain or xz.

A folder of tables holds histories of many levels (``kfuncs.json`` …), or a folder for each level, named after it, as
``kfuncscope knowledge build`` makes them. Tables come from ``resources/knowledge``, from the user's own folder
(``$XDG_DATA_HOME/kfuncscope/knowledge``) and from a folder that is named; of a level found in several places the last
of these counts.
"""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import msgspec

from kfuncscope.errors import KnowledgeError
from kfuncscope.resources import resource, user_folder

_MAX_TABLE = 64 << 20


def user_tables() -> Path:
    """Where a user's own tables are kept (XDG data directory)."""
    return user_folder("XDG_DATA_HOME", ".local/share") / "kfuncscope" / "knowledge"


def roots(extra: Path | None = None) -> tuple[Path, ...]:
    """Folders that may hold tables, the weakest first."""
    found = [resource("knowledge"), user_tables()]
    if extra is not None:
        found.append(extra)
    return tuple(root for root in found if root.is_dir())


def exists(folder: Path, table: str) -> bool:
    """Whether the folder has the table, plain or compressed."""
    return (folder / f"{table}.json").is_file() or (folder / f"{table}.json.xz").is_file()


def path_of(folder: Path, table: str) -> Path:
    """The file of a table: the plain one where there are both."""
    plain = folder / f"{table}.json"
    return plain if plain.is_file() else folder / f"{table}.json.xz"


class Table(dict[str, Any]):
    """A table's content; an entry that it should have and has not is a KnowledgeError."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        super().__init__(content)
        self.path = path

    def __missing__(self, key: str) -> Any:
        raise KnowledgeError(str(self.path), f"has no {key!r}: made by another version; build it again")


def damaged(table: Table, reason: str) -> KnowledgeError:
    """The error of a table that reads as JSON and is not what it should be."""
    return KnowledgeError(str(table.path), f"{reason}: made by another version, build it again")


def read(folder: Path, table: str) -> Table:
    """Read one table; an absent or damaged one is a KnowledgeError."""
    path = path_of(folder, table)
    try:
        if path.suffix == ".json":
            text = path.read_bytes()
        else:
            with lzma.open(path) as stream:
                text = stream.read(_MAX_TABLE + 1)
        if len(text) > _MAX_TABLE:
            raise KnowledgeError(str(path), f"table is larger than {_MAX_TABLE >> 20} MiB")
        content = msgspec.json.decode(text)  # five times as quick as json
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise KnowledgeError(str(path), f"cannot be read: {error}") from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
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
