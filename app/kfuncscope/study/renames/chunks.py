# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""C of a source tree in named pieces: bodies of functions, structs, enums, initialisers and declaring macros.

Linux puts the head of a function, its braces and those of a type at the start of a line; no more of C is understood.
Comments are left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

LEFT_OUT = ("drivers/staging", "drivers/media", "drivers/gpu/drm/amd", "sound/soc", "arch/x86/um")
NOT_KERNEL = frozenset({"Documentation", "samples", "tools", "scripts", "usr", "certs", "rust"})
MOST_HEAD = 200  # lines before a body
_COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)
_DEFINE = re.compile(r"#\s*define\s+(\w+)")
_TYPE = re.compile(r"(?:^|\s)(?:struct|enum|union)\s+(\w+)\s*(?:__\w+\s*(?:\([^)]*\))?\s*)*\{")
_VARIABLE = re.compile(r"(\w+)\s*(?:\[[^\]]*\]\s*)*(?:__\w+(?:\([^)]*\))?\s*)*=\s*\{")
_CALL = re.compile(r"(\w+)\s*\(\s*(\w*)")
_MACRO = re.compile(r"[A-Z][A-Z_0-9]+")
_EVENT = re.compile(r"(TRACE_EVENT|DEFINE_EVENT|DECLARE_TRACE|DECLARE_EVENT_CLASS)\w*\s*\(\s*(\w+)\s*(?:,\s*(\w+))?")
_HOOK = re.compile(r"LSM_HOOK\([^,]*,[^,]*,\s*(\w+)")
_DECLARING = re.compile(r"LSM_HOOK\(|TRACE_EVENT|DEFINE_EVENT|DECLARE_TRACE|DECLARE_EVENT_CLASS")
_ATTRIBUTES = frozenset({
    "__printf", "__scanf", "__attribute__", "__must_hold", "__releases", "__acquires", "__aligned", "__section",
    "__alloc_size",
})  # fmt: skip


class Chunk(NamedTuple):
    """A piece of a file: kinds are function, macro (its body), type, variable, event and hook."""

    kind: str
    name: str
    path: str
    text: str


def changed(old_tree: Path, new_tree: Path) -> Iterator[tuple[str, str | None, str | None]]:
    """(path, old text, new text) of files of C that differ between two trees; None where a tree has no such file."""
    before, after = set(_files(old_tree)), set(_files(new_tree))
    for path in sorted(before | after):
        one = (old_tree / path).read_bytes() if path in before else None
        other = (new_tree / path).read_bytes() if path in after else None
        if one != other:
            yield path, _text(one), _text(other)


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "replace")


def _files(tree: Path) -> Iterator[str]:
    for top in sorted(p.name for p in tree.iterdir() if p.is_dir() and p.name not in NOT_KERNEL):
        for at, folders, names in os.walk(tree / top):
            here = Path(at).relative_to(tree).as_posix()
            other_arch = here.startswith("arch/") and not here.startswith("arch/x86")
            if other_arch or here.startswith(LEFT_OUT):
                folders.clear()
                continue
            yield from (f"{here}/{name}" for name in names if name.endswith((".c", ".h")))


def chunks(path: str, text: str) -> Iterator[Chunk]:
    """The named pieces of one file."""
    head: list[str] = []
    depth = 0
    lines = iter(_COMMENT.sub(_blank, text).split("\n"))
    for line in lines:
        if line.startswith("#"):
            made = _defined(path, line, lines)
            if made is not None:
                yield made
        elif not line.strip():
            head, depth = (head, depth) if depth > 0 else ([], 0)
        else:
            opens = line.startswith("{")
            if not opens:
                head.append(line)
                depth += line.count("(") - line.count(")")
            if opens or (depth <= 0 and line.rstrip().endswith("{")):
                body = [line] if opens else []
                if not (opens and line.rstrip().endswith("}")):
                    body += _body(lines)
                yield from _named(path, head, body)
                head, depth = [], 0
            elif depth <= 0 and line.rstrip().endswith((";", ")")) and _DECLARING.match(head[0]):
                yield from _named(path, head, [])
                head, depth = [], 0
            elif (depth <= 0 and line.rstrip().endswith((";", ":"))) or len(head) > MOST_HEAD:
                head, depth = [], 0


def _blank(found: re.Match[str]) -> str:
    """A comment as its line ends; a string as it is."""
    return found.group() if found.group().startswith('"') else "\n" * found.group().count("\n") or " "


def _defined(path: str, line: str, lines: Iterator[str]) -> Chunk | None:
    found = _DEFINE.match(line)
    body = [line]
    while body[-1].endswith("\\"):
        following = next(lines, None)
        if following is None:
            break
        body.append(following)
    return Chunk("macro", found.group(1), path, "\n".join(body)) if found else None


def _body(lines: Iterator[str]) -> list[str]:
    """The lines up to the brace that closes at the start of a line."""
    made: list[str] = []
    for line in lines:
        if not line.startswith("#"):
            made.append(line)
        if line.startswith("}"):
            break
    return made


def _named(path: str, head: list[str], body: list[str]) -> Iterable[Chunk]:
    first, text = " ".join(head), "\n".join((*head, *body))
    event = _EVENT.match(first)
    hook = _HOOK.match(first)
    if event is not None:
        yield Chunk("event", event.group(3) if event.group(1) == "DEFINE_EVENT" else event.group(2), path, text)
    elif hook is not None:
        yield Chunk("hook", hook.group(1), path, text)
    elif body:
        of_type, of_variable = _TYPE.search(first), _VARIABLE.search(first)
        if of_type is not None and "(" not in first[: of_type.start()]:
            yield Chunk("type", of_type.group(1), path, text)
        elif of_variable is not None:
            yield Chunk("variable", of_variable.group(1), path, text)
        else:
            calls = [c for c in _CALL.findall(first) if c[0] not in _ATTRIBUTES]
            if calls:
                name = f"{calls[0][0]}({calls[0][1]}" if _MACRO.fullmatch(calls[0][0]) else calls[0][0]
                yield Chunk("function", name, path, text)
