# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Session files: versioned JSON with paths relative to the file, so that a folder can be moved or shared."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from kfuncscope.errors import SessionError
from kfuncscope.intake.blobs import named_parts
from kfuncscope.session.session import SUFFIX as SUFFIX
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.read import read_bounded, shown
from kfuncscope.storage.text import read_json
from kfuncscope.storage.writing import write_file

FORMAT, VERSION = "kfuncscope session", 1
_LIMIT = 16 << 20


def save(session: Session, path: str | Path) -> None:
    """Write a session; the file is whole or not there. Raises SessionError where it cannot be written."""
    target = Path(path)
    data = {"format": FORMAT, "version": VERSION, **_mapped(asdict(session), target.parent, _relative)}
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    # Bytes of a path that are not UTF-8 become the escapes that JSON reads back as the same.
    write_file(target, text.encode("utf-8", "backslashreplace"))


def load(path: str | Path) -> Session:
    """Read a session. Raises InputError saying what is wrong; unknown entries of later versions are refused."""
    source = shown(path)
    data = read_json(read_bounded(path, _LIMIT), source, "not a session file")
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise SessionError(source, "not a session file: no format entry")
    version = data.pop("version", None)
    if version != VERSION:
        raise SessionError(source, f"version {version!r} of the session format is not known")
    return _session(_checked(data, source), Path(path).resolve().parent)


def _session(data: dict[str, Any], folder: Path) -> Session:
    mapped = _mapped(data, folder, _absolute)
    for side in ("old", "new", "path"):
        mapped[side] = [KernelRef(**ref) for ref in mapped.get(side, [])]
    return Session(**mapped)


def _mapped(data: dict[str, Any], folder: Path, move: Any) -> dict[str, Any]:
    """The same data with every path moved."""
    made = dict(data)
    for side in ("old", "new", "path"):
        made[side] = [{**ref, "files": [move(f, folder) for f in ref["files"]]} for ref in data.get(side, [])]
    for name in ("objects", "census"):
        made[name] = [move(p, folder) for p in data.get(name, [])]
    for name in ("policy", "baseline"):
        if data.get(name):
            made[name] = move(data[name], folder)
    return made


def _relative(given: str, folder: Path) -> str:
    return _each_path(given, lambda path: os.path.relpath(path, folder.resolve()))


def _absolute(given: str, folder: Path) -> str:
    return _each_path(given, lambda path: os.path.normpath(folder / path))


def _each_path(given: str, move: Callable[[Path], str]) -> str:
    """A path moved, or each path of ``btf=F,config=F``."""
    parts = named_parts(given)
    if parts is None:
        return move(Path(given))
    return ",".join(f"{name}={move(path)}" for name, path in parts.items())


def _checked(data: dict[str, Any], source: str) -> dict[str, Any]:
    known = {f.name for f in fields(Session)}
    strange = sorted(set(data) - known)
    if strange:
        raise SessionError(source, f"unknown entry {strange[0][:80]!r}")
    for name in ("objects", "census", "filters"):
        _need(isinstance(data.get(name, []), list) and _texts(data.get(name, [])), source, name, "a list of strings")
    for name in ("section_types", "loaders", "notes"):
        value = data.get(name, {})
        _need(isinstance(value, dict) and _texts(value.values()), source, name, "strings by name")
    for name in ("policy", "baseline"):
        _need(isinstance(data.get(name, ""), str), source, name, "a path")
    for name in ("infer", "running"):
        _need(isinstance(data.get(name, False), bool), source, name, "true or false")
    for side in ("old", "new", "path"):
        refs = data.get(side, [])
        _need(isinstance(refs, list) and all(_is_ref(r) for r in refs), source, side, "a list of kernels")
    return data


def _is_ref(value: Any) -> bool:
    if not isinstance(value, dict) or not set(value) <= {f.name for f in fields(KernelRef)}:
        return False
    files = value.get("files")
    texts = isinstance(files, list) and _texts(files) and isinstance(value.get("label", ""), str)
    return texts and all(value.get(k) is None or isinstance(value[k], str) for k in ("arch", "release"))


def _texts(values: Any) -> bool:
    return all(isinstance(v, str) for v in values)


def _need(right: bool, source: str, name: str, what: str) -> None:
    if not right:
        raise SessionError(source, f"{name} must be {what}")
