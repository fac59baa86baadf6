# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Read the guest's records. The guest runs untrusted programs, so every byte of it is untrusted input.

A record is one line ``@kfs LENGTH CRC32 JSON`` (length and checksum in hex), wherever in a line it begins: on machines
with one serial port the kernel's own messages share it. What is damaged, too long, or not of the documented form is
counted and left out; it never raises.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MARK = b"@kfs "
LONGEST = 1 << 16
"""Longest line in bytes; a longer one is dropped up to its end."""

MOST_BYTES = 64 << 20
"""Most bytes that are read from one boot. The biggest real run wrote less than 1 MB."""

MOST_RECORDS = 1 << 20
_MOST_LINES, _LONGEST_TEXT = 64, 2000


@dataclass(frozen=True, slots=True)
class Record:
    """One checked record: its kind (``hello``, ``prog``, ...) and its fields, each of the type that FORMS names."""

    kind: str
    fields: dict[str, Any]


# Kind → field → type: "int", "int?" (or null), "text", "lines" (list of texts), "bool", "ints", "rows".
FORMS: dict[str, dict[str, str]] = {
    "hello": {"uname": "lines", "python": "text"},
    "module": {"name": "text", "error": "int"},
    "ready": {"libbpf": "text"},
    "begin": {"o": "int"},
    "object": {"o": "int", "load": "int", "lines": "lines"},
    "prog": {"o": "int", "p": "text", "load": "int", "lines": "lines", "attach": "int?", "log": "bool"},
    "done": {"o": "int", "weak": "lines", "nomap": "lines"},
    "broken": {"o": "int", "why": "text"},
    "fact": {"k": "text", "n": "text", "v": "text"},
    "fatal": {"why": "text"},
    "end": {},
}


def _fits(value: object, form: str) -> bool:
    if form == "int?" and value is None:
        return True
    if form in ("int", "int?"):
        return type(value) is int and abs(value) < 1 << 40
    if form == "bool":
        return type(value) is bool
    if form == "text":
        return isinstance(value, str) and len(value) <= _LONGEST_TEXT
    return (
        isinstance(value, list)
        and len(value) <= 4096
        and all(isinstance(one, str) and len(one) <= _LONGEST_TEXT for one in value)
    )


def record_of(line: bytes) -> Record | None:
    """The record in a line without its line break; None where the line holds none that is whole and well formed."""
    at = line.rfind(MARK)
    words = line[at + len(MARK) :].split(b" ", 2) if at >= 0 else []
    if len(words) != 3 or len(words[0]) > 6 or len(words[1]) != 8:
        return None
    try:
        length, checksum = int(words[0], 16), int(words[1], 16)
        body = words[2][:length]
        if len(body) != length or zlib.crc32(body) != checksum:
            return None
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return None
    kind = fields.pop("r", None) if isinstance(fields, dict) else None
    if not isinstance(kind, str) or (form := FORMS.get(kind)) is None:
        return None
    if fields.keys() != form.keys() or not all(_fits(fields[k], f) for k, f in form.items()):
        return None
    return Record(kind, fields)


@dataclass(slots=True)
class Wire:
    """Turns the bytes of one boot into records. ``damaged`` counts marked lines that held none, ``read`` the bytes."""

    damaged: int = 0
    read: int = 0
    records: int = 0
    _rest: bytes = b""
    _skipping: bool = field(default=False, repr=False)

    @property
    def full(self) -> bool:
        """More came than any honest guest writes: the guest is to be ended."""
        return self.read > MOST_BYTES or self.records > MOST_RECORDS

    def feed(self, data: bytes) -> Iterator[Record]:
        """The records that end in ``data``."""
        self.read += len(data)
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
            elif MARK in line:
                record = record_of(line.rstrip(b"\r")) if len(line) <= LONGEST else None
                if record is None:
                    self.damaged += 1
                else:
                    self.records += 1
                    yield record
        if len(rest) > LONGEST:
            self.damaged += not self._skipping
            self._skipping, rest = True, b""
        self._rest = rest
