# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Records written as indented JSON text, the same that ``json.dumps(..., indent=1)`` makes of their plain values.

The standard library indents in Python, piece by piece, and that took longer than judging. Here a record that occurs
many times, as evidence and needs do under every architecture, becomes text once for each depth.
"""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from functools import cache
from json.encoder import encode_basestring_ascii as quoted
from typing import Any


@cache
def _fields(kind: Any) -> tuple[tuple[str, str], ...]:
    """Names of a dataclass's fields, in order, each also as it stands before its value."""
    return tuple((f.name, f"{quoted(f.name)}: ") for f in dataclasses.fields(kind))


def shallow(record: Any) -> dict[str, Any]:
    """A dataclass as a dict of its values as they are."""
    return {name: getattr(record, name) for name, _ in _fields(record.__class__)}


def text(value: Any) -> str:
    """JSON of dicts, lists, tuples, dataclasses, string enums, strings, numbers, booleans and None; pure ASCII."""
    return _Writer().text(value, 0)


class _Writer:
    """``_known`` is keyed by identity: whoever calls holds the whole value while it is written."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], str] = {}

    def text(self, value: Any, depth: int) -> str:
        kind = type(value)
        if kind is str:
            return quoted(value)
        if kind is dict:
            members = [f"{quoted(name)}: {self.text(v, depth + 1)}" for name, v in value.items()]
            return _block("{", members, "}", depth)
        if kind is list:
            return _block("[", [self.text(v, depth + 1) for v in value], "]", depth)
        if value is None:
            return "null"
        if kind is bool:
            return "true" if value else "false"
        if kind is int or kind is float:
            return repr(value)
        if issubclass(kind, StrEnum):
            return quoted(value.value)
        known = self._known.get((id(value), depth))
        if known is None:
            if isinstance(value, tuple):
                known = _block("[", [self.text(v, depth + 1) for v in value], "]", depth)
            else:
                members = [
                    f"{before}{self.text(getattr(value, name), depth + 1)}" for name, before in _fields(value.__class__)
                ]
                known = _block("{", members, "}", depth)
            self._known[id(value), depth] = known
        return known


def _block(first: str, items: list[str], last: str, depth: int) -> str:
    if not items:
        return first + last
    inner = "\n" + " " * (depth + 1)
    return f"{first}{inner}{f',{inner}'.join(items)}\n{' ' * depth}{last}"
