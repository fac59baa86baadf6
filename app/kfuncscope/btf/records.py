# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Find the type records of a blob and check what they refer to, in numpy over the whole section at once.

The hot part of opening a kernel's BTF (127,000 records): nothing here runs once per record but the walk's every fourth.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kfuncscope.btf.layout import KIND_MASK, REFERENCES, VLEN_MASK, VLEN_WORDS, Header, Kind, record_words
from kfuncscope.btf.names import Buffer, index_fits
from kfuncscope.btf.table import COLUMNS, ENTRIES, ENTRY_WORDS, LINKS, MAX_DEPTH, Table, hint, walk
from kfuncscope.errors import BtfError

Words = npt.NDArray[np.uint32]
Ids = npt.NDArray[np.int64]


@dataclass(slots=True)
class Columns:
    """The types of one blob: every word of the section, and by type the record's first word and its three words."""

    words: Words
    starts: npt.NDArray[np.int32]
    names: Words
    info: Words
    third: Words
    kinds: npt.NDArray[np.uint8]


def columns_of(table: Table) -> Columns:
    """The same columns for numpy, without a copy."""
    names, info, third = (np.frombuffer(one, np.uint32) for one in (table.names, table.info, table.third))
    starts, kinds = np.frombuffer(table.starts, np.int32), np.frombuffer(table.kinds, np.uint8)
    return Columns(np.frombuffer(table.words, np.uint32), starts, names, info, third, kinds)


def read_many(words: memoryview, data: Buffer, header: Header, source: str, first_id: int, str_end: int) -> Table:
    """``table.read_table`` of many types."""
    all_words = np.frombuffer(words, np.uint32)
    starts = _record_starts(all_words, *record_words(data, header, source))
    if starts is None:
        starts = np.array(walk(words, data, header, source), dtype=np.int32)
    columns = _columns(all_words, starts)
    Checker(columns, header, source, first_id, str_end).check()
    plain = {name: np.ascontiguousarray(getattr(columns, name)).data for name in COLUMNS if name != "kinds"}
    return Table(words, kinds=columns.kinds.tobytes(), **plain)


def _columns(words: Words, starts: npt.NDArray[np.int32]) -> Columns:
    at = starts.astype(np.intp)  # what numpy would make of them each time
    info = words[at + 1]
    kinds = ((info >> 24) & KIND_MASK).astype(np.uint8)
    return Columns(words, starts, words[at], info, words[at + 2], kinds)


def table_fits(table: Table, known: Mapping[str, Buffer], data: Buffer, header: Header, str_end: int) -> bool:
    """Whether columns that somebody kept, and the index of names beside them, are those of these words.

    BtfError where the words themselves are bad.
    """
    columns = columns_of(table)
    if not _fills(columns.words, columns.starts, *record_words(data, header, "BTF")):
        return False
    made = _columns(columns.words, columns.starts)
    if not all(np.array_equal(getattr(made, name), getattr(columns, name)) for name in COLUMNS):
        return False
    Checker(columns, header, "BTF", 1, str_end).check()
    return index_fits(known, len(columns.starts), str_end)


def _fills(words: Words, starts: npt.NDArray[np.int32], fixed: list[int], per: list[int]) -> bool:
    """Whether records that begin at these words are of known kinds, follow each other and fill the section exactly."""
    n = len(words)
    if not len(starts) or starts[0] != 0 or starts.min() < 0 or starts.max() > n - 3:
        return False
    info = words[starts.astype(np.intp) + 1]
    kinds = ((info >> 24) & KIND_MASK).astype(np.uint8)
    size = np.array(fixed, dtype=np.int64).take(kinds)
    if size.min() < 0:
        return False
    size += np.array(per, dtype=np.int64).take(kinds) * (info & VLEN_MASK)
    size += starts
    size += 3
    return bool(size[-1] == n and (size[:-1] == starts[1:]).all())


def _following(words: Words, fixed: list[int], per: list[int]) -> npt.NDArray[np.int32]:
    """From each word where the next record would begin, if one began here; n + 1 where none can."""
    n = len(words)
    nowhere = n + 1
    # The sizes that a layout section tells can multiply to more than 32 bits; those of the known kinds cannot.
    number: type[np.signedinteger[Any]] = np.int64 if max(per) > 3 else np.int32
    fixed_words = np.array([f + 3 if f >= 0 else nowhere for f in fixed] * 2, dtype=number)
    vlen_words = np.array(per * 2, dtype=number)
    high = 7 if sys.byteorder == "little" else 4  # the byte of the second word that holds kind and flag
    kinds = words.view(np.uint8)[high:-4:4]
    following = np.empty(n + 2, dtype=number)
    following[n - 2 :] = nowhere
    following[n] = n
    body = following[: n - 2]
    np.bitwise_and(words[1:-1], VLEN_MASK, out=body, casting="unsafe")
    body *= vlen_words[kinds]
    body += fixed_words[kinds]
    body += np.arange(n - 2, dtype=number)
    np.minimum(body, nowhere, out=body)
    return following.astype(np.int32, copy=False)


def _record_starts(words: Words, fixed: list[int], per: list[int]) -> npt.NDArray[np.int32] | None:
    """First word of every record, None where the last one does not end with the section; see table.walk for why.

    One walk from the first record, four records a step, with the three between filled in afterwards.
    """
    n = len(words)
    one = _following(words, fixed, per)
    two = one[one]
    four = two[two]
    jump = four.data
    steps: list[int] = []
    append = steps.append
    at = 0
    while at < n:
        append(at)
        at = jump[at]
    if at != n:
        return None
    starts = np.array(steps, dtype=np.int32)
    starts = np.stack((starts, two[starts]), axis=1).ravel()
    starts = np.stack((starts, one[starts]), axis=1).ravel()
    return starts[starts < n]


def entries(columns: Columns, kind: Kind) -> tuple[Ids, Ids]:
    """All members, parameters, … of all types of a kind: the index of the type, and the entry's first word."""
    own = np.flatnonzero(columns.kinds == kind)
    first = columns.starts[own].astype(np.int64) + 3
    if kind == Kind.ARRAY or not len(own):
        return own, first
    counts = (columns.info[own] & VLEN_MASK).astype(np.int64)
    size = VLEN_WORDS[kind]
    before = np.cumsum(counts) - counts
    at = np.repeat(first - size * before, counts)
    at += size * np.arange(len(at))
    return np.repeat(own, counts), at


def refers(columns: Columns) -> npt.NDArray[np.bool_]:
    """Which types have a type id as their third word."""
    kinds = np.zeros(KIND_MASK + 1, dtype=bool)
    kinds[list(REFERENCES)] = True
    return kinds[columns.kinds]


class Checker:
    """Refuses the blob whose types refer to types or strings that do not exist, or to themselves without end."""

    def __init__(self, columns: Columns, header: Header, source: str, start_id: int, str_end: int) -> None:
        self.columns = columns
        self.source = source
        self.first_byte = header.types[0]
        self.start_id = start_id
        self.end_id = start_id + len(columns.starts)
        self.str_end = max(str_end, 1)

    def check(self) -> None:
        """All checks; BtfError with the offset of the first type that fails one."""
        columns = self.columns
        if not len(columns.starts):
            return
        self._strings(columns.names, None, "")
        self._types(np.where(refers(columns), columns.third, 0), None)
        elements = np.zeros(len(columns.starts), dtype=np.int64)
        present = set(columns.kinds.tobytes())
        for kind, (types, names) in ENTRIES.items():
            if kind in present:
                self._entries(kind, types, names, elements)
        self._chains(elements)

    def _entries(self, kind: Kind, types: tuple[int, ...], names: tuple[int, ...], elements: Ids) -> None:
        """What the members, parameters, … of all types of a kind refer to."""
        owners, at = entries(self.columns, kind)
        if not len(at):
            return
        words = self.columns.words
        if kind == Kind.ARRAY:
            elements[owners] = words[at]
        what = ENTRY_WORDS.get(kind, "a member")
        for word in types:
            self._types(words[at + word], owners)
        for word in names:
            self._strings(words[at + word], owners, what)

    def _chains(self, elements: Ids) -> None:
        """Modifiers, typedefs and arrays must end within MAX_DEPTH: follow all of them, doubling the stride."""
        columns = self.columns
        links = np.zeros(KIND_MASK + 1, dtype=bool)
        links[list(LINKS)] = True
        link = links[columns.kinds]
        target = np.where(columns.kinds == Kind.ARRAY, elements, columns.third).astype(np.int64) - self.start_id
        link &= target >= 0
        ahead = np.where(link, target, np.arange(len(target)))
        for _ in range(MAX_DEPTH.bit_length() - 1):
            if not link[ahead].any():
                return
            ahead = ahead[ahead]
        self._refuse(link[ahead], None, f"is more than {MAX_DEPTH} modifiers, typedefs and arrays deep, or a cycle")

    def _types(self, ids: Words, owners: Ids | None) -> None:
        if len(ids) and int(ids.max()) >= self.end_id:
            self._refuse(ids >= self.end_id, owners, f"refers to a type that does not exist{hint(self.start_id)}")

    def _strings(self, offsets: Words, owners: Ids | None, what: str) -> None:
        if len(offsets) and int(offsets.max()) >= self.str_end:
            of = f" of {what}" if what else ""
            self._refuse(
                offsets >= self.str_end, owners, f"has the name{of} outside the string section{hint(self.start_id)}"
            )

    def _refuse(self, wrong: npt.NDArray[np.bool_], owners: Ids | None, why: str) -> None:
        if wrong.any():
            index = int(np.argmax(wrong))
            if owners is not None:
                index = int(owners[index])
            offset = self.first_byte + 4 * int(self.columns.starts[index])
            raise BtfError(self.source, f"type {self.start_id + index} {why}", offset)
