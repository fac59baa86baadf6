# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The ``.BTF.ext`` section of an object: functions, source lines and CO-RE records per ELF section (R-1.14).

Instruction offsets are in bytes from the start of their ELF section, as the file has them.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property, reduce
from itertools import chain
from operator import itemgetter, or_
from typing import NamedTuple

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import HEADER_MAX, endianness
from kfuncscope.errors import BtfError

HEADER_MIN = 24  # func_info and line_info; core_relo came later
HEADER_FULL = 32
INSN_SIZE = 8
MAX_RECORD = 4096  # bytes; records have 8 or 16 in every file there is


class FuncInfo(NamedTuple):
    """A function (type id of its FUNC) begins at this instruction."""

    insn_off: int
    type_id: int


class LineInfo(NamedTuple):
    """The instructions from here on come from this source line; ``text`` is the line itself."""

    insn_off: int
    file: str
    text: str
    line: int
    column: int


class CoreRelo(NamedTuple):
    """A CO-RE record: root type, access string (``0:1:2``) and kind (R-3.5)."""

    insn_off: int
    type_id: int
    access: str
    kind: int


class _Block(NamedTuple):
    """The records of one ELF section: columns of 32-bit words, as many as the known record has."""

    section: str
    columns: list[tuple[int, ...]]


class Ext:
    """What ``.BTF.ext`` says, by name of the ELF section; records in the order of the file."""

    def __init__(self, data: bytes, source: str, blob: Blob) -> None:
        self.source = source
        self._data = data
        self._blob = blob
        self.endian = endianness(data, source)
        spans = self._header()
        self._funcs = list(self._blocks("func_info", *spans[0], words=2, types=1, strings=()))
        self._lines = list(self._blocks("line_info", *spans[1], words=4, types=None, strings=(1, 2)))
        self._relos = list(self._blocks("core_relo", *spans[2], words=4, types=1, strings=(2,)))
        self._line_rows: dict[str, list[tuple[int, ...]]] = {}

    @cached_property
    def func_info(self) -> dict[str, list[FuncInfo]]:
        """Functions by section."""
        found: dict[str, list[FuncInfo]] = {}
        for section, (insns, types) in self._funcs:
            found.setdefault(section, []).extend(map(FuncInfo, insns, types))
        return found

    @cached_property
    def line_info(self) -> dict[str, list[LineInfo]]:
        """Source lines by section."""
        found: dict[str, list[LineInfo]] = {}
        for section, columns in self._lines:
            found.setdefault(section, []).extend(map(self._line, zip(*columns, strict=True)))
        return found

    def line_at(self, section: str, insn_off: int, since: int = 0) -> LineInfo | None:
        """The line of an instruction: the last record at or before it, but none before ``since``."""
        rows = self._line_rows.get(section)
        if rows is None:
            blocks = [zip(*block.columns, strict=True) for block in self._lines if block.section == section]
            rows = self._line_rows[section] = sorted(chain.from_iterable(blocks), key=itemgetter(0))
        at = bisect_right(rows, insn_off, key=itemgetter(0)) - 1
        return self._line(rows[at]) if at >= 0 and rows[at][0] >= since else None

    def _line(self, row: tuple[int, ...]) -> LineInfo:
        insn, file, line, place = row
        return LineInfo(insn, self._blob.string(file), self._blob.string(line), place >> 10, place & 0x3FF)

    @cached_property
    def core_relo(self) -> dict[str, list[CoreRelo]]:
        """CO-RE records by section."""
        found: dict[str, list[CoreRelo]] = {}
        text = self._blob.string
        for section, columns in self._relos:
            rows = found.setdefault(section, [])
            for insn, type_id, access, kind in zip(*columns, strict=True):
                rows.append(CoreRelo(insn, type_id, text(access), kind))
        return found

    # -- opening

    def _header(self) -> list[tuple[int, int]]:
        """Absolute start and end of the three subsections."""
        data, source = self._data, self.source
        if len(data) < 8:
            raise BtfError(source, f"truncated: {len(data)} bytes are not enough for a .BTF.ext header", len(data))
        version, flags, hdr_len = struct.unpack_from(f"{self.endian}BBI", data, 2)
        if version != 1:
            raise BtfError(source, f".BTF.ext version {version} is not supported (only 1 is)", 2)
        if flags:
            raise BtfError(source, f".BTF.ext header flags {flags:#x} are not supported", 3)
        if not HEADER_MIN <= hdr_len <= min(len(data), HEADER_MAX):
            raise BtfError(source, f".BTF.ext header length {hdr_len} is out of range", 4)
        if any(data[HEADER_FULL:hdr_len]):
            raise BtfError(source, f".BTF.ext header of {hdr_len} bytes holds unknown fields", HEADER_FULL)
        count = min(hdr_len, HEADER_FULL) // 8 - 1
        words = [*struct.unpack_from(f"{self.endian}{2 * count}I", data, 8), 0, 0]
        spans = []
        for what, offset, length in zip(("func_info", "line_info", "core_relo"), words[::2], words[1::2], strict=False):
            start = hdr_len + offset
            if length and start + length > len(data):
                raise BtfError(
                    source, f"truncated: {length} bytes of {what} extend past the section", min(start, len(data))
                )
            if length and (length % 4 or offset % 4):
                raise BtfError(source, f"{what} is not a sequence of aligned 4-byte words", start)
            spans.append((start, start + length))
        return spans

    def _blocks(
        self, what: str, start: int, end: int, *, words: int, types: int | None, strings: tuple[int, ...]
    ) -> Iterator[_Block]:
        """The blocks of one subsection, their type ids, strings and instruction offsets checked."""
        if start == end:
            return
        all_words = struct.unpack_from(f"{self.endian}{(end - start) // 4}I", self._data, start)
        size = all_words[0]
        if size < 4 * words or size % 4 or size > MAX_RECORD:
            raise BtfError(self.source, f"{what} record size {size} is out of range (at least {4 * words})", start)
        step, at, last = size // 4, 1, len(all_words)
        while at < last:
            offset = start + 4 * at
            if last - at < 2:
                raise BtfError(self.source, f"truncated: a {what} block has no header", offset)
            name, count = all_words[at], all_words[at + 1]
            at += 2
            if count > (last - at) // step:
                raise BtfError(self.source, f"truncated: {count} {what} records extend past the end", offset)
            stop = at + count * step
            columns = [all_words[at + i : stop : step] if count else () for i in range(words)]
            if count:
                self._check(what, offset + 8, size, columns, types, strings)
            yield _Block(self._name(name, offset), columns)
            at = stop

    def _check(
        self, what: str, start: int, size: int, columns: list[tuple[int, ...]], types: int | None,
        strings: tuple[int, ...],
    ) -> None:  # fmt: skip
        """Refuse ids and strings that the BTF has not, once for all records of a block."""
        if types is not None and max(columns[types]) >= self._blob.end_id:
            bad = next(i for i, t in enumerate(columns[types]) if t >= self._blob.end_id)
            reason = f"{what} record refers to type {columns[types][bad]}, which does not exist"
            raise BtfError(self.source, reason, start + bad * size)
        for column in strings:
            if max(columns[column]) >= self._blob.str_end:
                bad = next(i for i, s in enumerate(columns[column]) if s >= self._blob.str_end)
                raise BtfError(self.source, f"{what} record names a string outside the BTF", start + bad * size)
        if reduce(or_, columns[0]) % INSN_SIZE:
            i, insn = next((i, insn) for i, insn in enumerate(columns[0]) if insn % INSN_SIZE)
            reason = f"{what} record is at byte {insn} of the code, which is not a multiple of {INSN_SIZE}"
            raise BtfError(self.source, reason, start + i * size)

    def _name(self, offset: int, at: int) -> str:
        if offset >= self._blob.str_end:
            raise BtfError(self.source, "section name is outside the BTF's strings", at)
        return self._blob.string(offset)


def read_ext(data: bytes, source: str, blob: Blob) -> Ext:
    """Read ``.BTF.ext``, whose ids and strings are those of ``blob``; either byte order. BtfError where it is bad."""
    return Ext(data, source, blob)
