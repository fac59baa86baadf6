# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tracepoints and trace events from trace headers: name, system, class, arguments, fields (R-7.5..R-7.8)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kfuncscope.knowledge.build.csource.ctext import Call, calls, match_bracket, split_args, squeeze
from kfuncscope.knowledge.build.csource.tree import Tree

_EVENT = (r"(?:TRACE_EVENT|DEFINE_EVENT)(?:_FN_COND|_FN|_CONDITION|_PRINT|_SYSCALL|_WRITABLE|_MAP)?|DECLARE_EVENT_CLASS"
          r"|DECLARE_TRACE(?:_EVENT)?(?:_CONDITION|_SYSCALL|_WRITABLE)?")  # fmt: skip
_PLUMBING = re.compile(
    r"^include/trace/(?!events/|misc/)|^include/linux/(?:tracepoint|trace_events|syscalls)\.h$|^include/trace/events/define"
)
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)]*\))?[ \t]*((?:[^\n\\]|\\[^\n]|\\\n)*)", re.M)
_MAX_EXPANSION = 4 << 20


@dataclass(frozen=True, slots=True)
class Event:
    """One event or class as written: the macro, names, arguments and field macros."""

    macro: str
    name: str
    event_class: str
    proto: tuple[str, ...]
    fields: tuple[str, ...]
    system: str
    file: str


def _expand(text: str) -> str:
    """Replace uses of the file's own macros that make events, a few levels deep."""
    for _ in range(4):
        macros = {m[1]: (m[2], m[3]) for m in reversed(list(_DEFINE.finditer(text))) if _makes_events(m[1], m[3])}
        if not macros:
            return text
        plain = _without(text, set(macros))
        before = plain
        for name, (params, body) in macros.items():
            plain = _replace(plain, name, params, body.replace("\\\n", " "))
            if len(plain) > _MAX_EXPANSION:
                return before
        text = plain
        if plain == before:
            return text
    return text


def _makes_events(name: str, body: str) -> bool:
    """Whether a macro of the file stands for events, their arguments, or parts of them."""
    if re.fullmatch(_EVENT, name):
        return False
    return "_PROTO_" in name or re.search(rf"\b(?:{_EVENT}|TP_PROTO)\b", body) is not None


def _without(text: str, names: set[str]) -> str:
    """The text without the definitions of some macros."""
    return _DEFINE.sub(lambda m: "" if m[1] in names else m[0], text)


def _replace(text: str, name: str, params: str | None, body: str) -> str:
    if params is None:
        return re.sub(rf"\b{name}\b", lambda _: body, text)
    names = [word.strip().removesuffix("...").strip() or "__VA_ARGS__" for word in split_args(params[1:-1])]
    made, last = [], 0
    for call in calls(text, name):
        args = split_args(call.args)
        if call.start < last or len(args) < len(names):
            continue
        if len(args) > len(names) and names:
            args[len(names) - 1 :] = [", ".join(args[len(names) - 1 :])]
        made += [text[last : call.start], _substitute(body, dict(zip(names, args, strict=False)))]
        last = call.end
    return "".join(made) + text[last:]


def _substitute(body: str, values: dict[str, str]) -> str:
    filled = re.sub(r"\b\w+\b", lambda m: values.get(m[0], m[0]), body)
    return re.sub(r"\s*##\s*", "", filled)


def _wrapped(args: list[str], macro: str) -> str | None:
    """Text inside ``MACRO(...)`` among the arguments."""
    for arg in args:
        found = re.match(rf"(?:{macro})\s*\(", arg)
        if found:
            end = match_bracket(arg, found.end() - 1)
            return arg[found.end() : end] if end >= 0 else None
    return None


def _proto(args: list[str]) -> tuple[str, ...]:
    inside = _wrapped(args, "(?:TP_)?PROTO|TPPROTO") or _wrapped(args, "PARAMS")
    words = tuple(squeeze(part) for part in split_args(inside or ""))
    return () if words == ("void",) else words


def _fields(args: list[str]) -> tuple[str, ...]:
    inside = _wrapped(args, "TP_STRUCT__entry")
    if inside is None:
        return ()
    return tuple(squeeze(f"{c.name}({c.args})") for c in calls(inside, r"__\w+|[A-Z]\w*|\w+_entry|\w+_fields"))


def _event(call: Call, system: str, path: str, bare_suffix: bool) -> Event | None:
    args = split_args(call.args)
    if not args or not re.fullmatch(r"[\w ]+", args[0]):
        return None
    if call.name.startswith("DEFINE_EVENT"):
        if len(args) < 2:
            return None
        return Event(call.name, args[1], args[0], _proto(args), (), system, path)
    name = args[0]
    if call.name.startswith("DECLARE_TRACE") and "_EVENT" not in call.name and bare_suffix:
        name += "_tp"
    cls = "" if call.name.startswith("DECLARE_TRACE") else name
    return Event(call.name, name, cls, _proto(args), _fields(args), system, path)


def events_of(tree: Tree, path: str, bare_suffix: bool) -> Iterator[Event]:
    """Events and classes of one header."""
    text = _expand(tree.text(path))
    systems = [(m.start(), m[1]) for m in re.finditer(r"#\s*define\s+TRACE_SYSTEM\s+(\w+)", text)]
    defines = [(m.start(), m.end()) for m in _DEFINE.finditer(text)]
    place = 0
    for call in calls(text, _EVENT):
        while place < len(defines) and defines[place][1] < call.start:
            place += 1
        if place < len(defines) and defines[place][0] <= call.start < defines[place][1]:
            continue
        system = next((name for at, name in reversed(systems) if at < call.start), "")
        event = _event(call, system, path, bare_suffix)
        if event:
            yield event


def tracepoint_table(tree: Tree) -> dict[str, Any]:
    """The ``tracepoints`` table: classes and files are stored once and named by number."""
    declare = re.search(
        r"#define\s+DECLARE_TRACE\(name[^\n]*\\\n\s*__DECLARE_TRACE\(name##_tp", tree.raw("include/linux/tracepoint.h")
    )
    found = []
    for needle in (b"TRACE_EVENT", b"DEFINE_EVENT", b"DECLARE_TRACE"):
        found += [path for path in tree.having(needle) if path.endswith(".h") and not _PLUMBING.search(path)]
    events = [one for path in sorted(set(found), key=_rank) for one in events_of(tree, path, declare is not None)]
    classes: dict[tuple[str, str], int] = {}
    pool: list[list[Any]] = []
    files: dict[str, int] = {}
    rows: dict[str, list[Any]] = {}
    for one in events:
        if one.event_class == one.name or one.macro.startswith("DECLARE_TRACE"):
            key = (one.name if one.event_class else "", one.file)
            if one.event_class:
                classes[key] = classes.get(("", ""), len(pool))
                pool.append([one.name, list(one.proto), list(one.fields)])
    for one in events:
        if one.macro == "DECLARE_EVENT_CLASS" or one.name in rows:
            continue
        number = classes.get((one.event_class, one.file), -1) if one.event_class else -1
        file = files.setdefault(one.file, len(files))
        shared = number >= 0 and pool[number][1] == list(one.proto)
        rows[one.name] = [one.system, one.event_class if number < 0 else number, file, 0 if shared else list(one.proto)]
    used = {row[1] for row in rows.values() if isinstance(row[1], int)}
    renumber = {old: new for new, old in enumerate(sorted(used))}
    for row in rows.values():
        if isinstance(row[1], int):
            row[1] = renumber[row[1]]
    return {"events": rows, "classes": [pool[old] for old in sorted(used)], "files": list(files)}


def _rank(path: str) -> tuple[int, str]:
    """Where a name is defined twice the first stands: common headers, then code, then x86, then others."""
    order = 0 if path.startswith("include/") else 3 if path.startswith("arch/") else 1
    return (2 if path.startswith("arch/x86/") else order, path)
