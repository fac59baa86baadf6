# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The types of one blob as columns: read and checked, or taken as an earlier reading left them.

Few types, as objects have them, are read here one after the other; the many of a kernel in ``records``, by numpy. Both
refuse the same blobs for the same reason.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter

from kfuncscope.btf.layout import KIND_MASK, NR_KINDS, REFERENCES, VLEN_MASK, VLEN_WORDS, Header, Kind, record_words
from kfuncscope.btf.names import Buffer, Cast
from kfuncscope.errors import BtfError

MAX_DEPTH = 64  # modifiers, typedefs and arrays on top of each other; real kernels stay below 10
MAX_WORDS = 1 << 28  # 1 GiB of types
FEW_WORDS = 1 << 14  # up to here a plain walk over the records is the quickest
# And up to here it is as long as numpy is not loaded: a walk over the largest module takes 20 ms, loading numpy 90.
UNLOADED_WORDS = 1 << 17

# Where the entries behind a record hold type ids and names, as words from the entry's start: (types, names).
ENTRIES: dict[Kind, tuple[tuple[int, ...], tuple[int, ...]]] = {
    Kind.ARRAY: ((0, 1), ()),
    Kind.STRUCT: ((1,), (0,)),
    Kind.UNION: ((1,), (0,)),
    Kind.ENUM: ((), (0,)),
    Kind.FUNC_PROTO: ((1,), (0,)),
    Kind.DATASEC: ((0,), ()),
    Kind.ENUM64: ((), (0,)),
}
# What the entries are called in errors.
ENTRY_WORDS = {Kind.FUNC_PROTO: "a parameter", Kind.ARRAY: ""}
# Kinds that only pass on to another type: chains of them must end, and soon.
LINKS = frozenset({Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPEDEF, Kind.TYPE_TAG, Kind.ARRAY, Kind.VAR})

COLUMNS: dict[str, Cast] = {"starts": "i", "names": "I", "info": "I", "third": "I", "kinds": "B"}
"""The columns that ``Table.parts`` gives, and their numbers as ``memoryview`` casts them."""


@dataclass
class Table:
    """Every word of the type section; by type the record's first word, its three words, and its kind.

    Plain buffers: reading one number from them is several times quicker than from a numpy array.
    """

    words: memoryview
    starts: memoryview
    names: memoryview
    info: memoryview
    third: memoryview
    kinds: bytes

    def of_kind(self, kind: int) -> list[int]:
        """The types of one kind, by index, ascending."""
        kinds, wanted = self.kinds, bytes([kind])
        found, at = [], kinds.find(wanted)
        while at >= 0:
            found.append(at)
            at = kinds.find(wanted, at + 1)
        return found

    @cached_property
    def counts(self) -> dict[int, int]:
        """How many types there are of each kind that occurs."""
        found, left = {}, len(self.kinds)
        for kind in range(KIND_MASK + 1):
            if left and (count := self.kinds.count(kind)):
                found[kind] = count
                left -= count
        return found

    def parts(self) -> dict[str, bytes]:
        """The columns as bytes, from which the next reading of the same blob makes the table again."""
        return {name: bytes(getattr(self, name)) for name in COLUMNS}


def type_words(data: Buffer, header: Header, source: str) -> memoryview:
    """The words of the type section in this machine's byte order."""
    start, end = header.types
    if (end - start) // 4 > MAX_WORDS:
        raise BtfError(source, f"{end - start} bytes of types are more than any kernel has", start)
    raw = memoryview(data)[start:end]
    if (header.endian == "<") == (sys.byteorder == "little"):
        return raw.cast("I")
    words = array("I", bytes(raw))
    words.byteswap()
    return memoryview(words)


def known_table(words: memoryview, known: Mapping[str, Buffer]) -> Table | None:
    """The table that ``Table.parts`` kept of these words; None where a column is missing or of another length.

    What the columns hold is not looked at: ``records.table_fits`` does that, once.
    """
    if not COLUMNS.keys() <= known.keys():
        return None
    sizes = {name: len(memoryview(known[name]).cast("B")) for name in COLUMNS}
    if any(sizes[name] != sizes["kinds"] * (1 if kind == "B" else 4) for name, kind in COLUMNS.items()):
        return None
    cast = {name: memoryview(known[name]).cast("B").cast(kind) for name, kind in COLUMNS.items() if name != "kinds"}
    return Table(words, kinds=bytes(known["kinds"]), **cast)


def table_holds(table: Table, data: Buffer, header: Header, source: str) -> bool:
    """Whether columns that somebody else made are those of these words; what types refer to is not looked at.

    Without numpy, and quick: what runs once per record runs in C. BtfError for a bad layout section.
    """
    words, starts = table.words, table.starts.tolist()
    if len(starts) < 2:
        return _read_few(words, data, header, source).parts() == table.parts()
    at_starts = itemgetter(*starts)
    try:
        made = [array("I", at_starts(words[shift:])) for shift in range(3)]
    except IndexError:
        return False
    if [column.tobytes() for column in made] != [bytes(column) for column in (table.names, table.info, table.third)]:
        return False
    high = 3 if sys.byteorder == "little" else 0
    if bytes(table.info)[high::4].translate(bytes(byte & KIND_MASK for byte in range(256))) != table.kinds:
        return False
    fixed, per = record_words(data, header, source)
    if any(fixed[kind] < 0 for kind in table.counts):
        return False
    return starts[0] == 0 and _ends(table, fixed, per) == bytes(table.starts)[4:] + len(words).to_bytes(
        4, sys.byteorder
    )


def _ends(table: Table, fixed: list[int], per: list[int]) -> bytes:
    """Where each record ends, as words of 32 bits; empty where a start is beyond any section.

    All at once, as the words of one large integer each: a sum of them stays below 32 bits, so none reaches the next.
    """
    order, count = sys.byteorder, len(table.kinds)
    low, high = (0, 3) if order == "little" else (3, 0)
    if max(bytes(table.starts)[high::4]) > MAX_WORDS >> 24:
        return b""
    plain, vlens = bytearray(4 * count), bytearray(table.info)
    plain[low::4] = table.kinds.translate(bytes([3 + max(words, 0) for words in fixed]) + bytes(KIND_MASK + 1))
    vlens[high::4] = bytes(count)
    ends = int.from_bytes(table.starts, order) + int.from_bytes(plain, order)
    for times in {per[kind] for kind in table.counts} - {0}:
        chosen, mask = bytes([255 * (words == times) for words in per]) + bytes(KIND_MASK + 1), bytearray(4 * count)
        for place in range(4):
            mask[place::4] = table.kinds.translate(chosen)
        ends += times * (int.from_bytes(vlens, order) & int.from_bytes(mask, order))
    return ends.to_bytes(4 * count, order)


def read_table(data: Buffer, header: Header, source: str, first_id: int, str_end: int) -> Table:
    """Find all records of the type section; BtfError where they do not fill it exactly, or refer to nothing.

    ``first_id`` is the id of the first type, ``str_end`` the end of the strings that names may stand in.
    """
    words = type_words(data, header, source)
    if len(words) > (FEW_WORDS if "numpy" in sys.modules else max(FEW_WORDS, UNLOADED_WORDS)):
        from kfuncscope.btf.records import read_many

        return read_many(words, data, header, source, first_id, str_end)
    table = _read_few(words, data, header, source)
    _Check(table, header, source, first_id, str_end).check()
    return table


def walk(words: memoryview, data: Buffer, header: Header, source: str) -> list[int]:
    """First word of every record, one after the other; BtfError for the record that is bad."""
    fixed, per = record_words(data, header, source)
    starts: list[int] = []
    at, n = 0, len(words)
    while at + 3 <= n:
        starts.append(at)
        info = words[at + 1]
        kind = info >> 24 & KIND_MASK
        if fixed[kind] < 0:
            reason = f"type of unknown kind {kind}, and no layout section gives its size"
            raise BtfError(source, reason, header.types[0] + 4 * at)
        at += 3 + fixed[kind] + per[kind] * (info & VLEN_MASK)
    if at > n:
        name = Kind(kind).name if kind < NR_KINDS else f"kind {kind}"
        reason = f"truncated: a {name} record extends past the type section"
        raise BtfError(source, reason, header.types[0] + 4 * starts[-1])
    if at < n:
        raise BtfError(source, "truncated: the last type record is incomplete", header.types[0] + 4 * at)
    return starts


def _read_few(words: memoryview, data: Buffer, header: Header, source: str) -> Table:
    starts = walk(words, data, header, source)
    info = [words[at + 1] for at in starts]
    columns = {"starts": starts, "names": [words[at] for at in starts], "info": info,
               "third": [words[at + 2] for at in starts]}  # fmt: skip
    kinds = bytes([word >> 24 & KIND_MASK for word in info])
    return Table(words, kinds=kinds, **{n: memoryview(array(COLUMNS[n], row)) for n, row in columns.items()})


def hint(first_id: int) -> str:
    """What may be the matter with a reference to nothing."""
    return " (split BTF is read on its base)" if first_id == 1 else ""


class _Check:
    """``records.Checker`` for few types: the same order of checks, so the same error."""

    def __init__(self, table: Table, header: Header, source: str, first_id: int, str_end: int) -> None:
        self.table, self.source, self.first_id = table, source, first_id
        self.first_byte = header.types[0]
        self.end_id = first_id + len(table.starts)
        self.str_end = max(str_end, 1)

    def check(self) -> None:
        """All checks; BtfError with the offset of the first type that fails one."""
        table = self.table
        for index, name in enumerate(table.names):
            if name >= self.str_end:
                self._refuse(index, f"has the name outside the string section{hint(self.first_id)}")
        for index, (kind, third) in enumerate(zip(table.kinds, table.third, strict=True)):
            if kind in REFERENCES and third >= self.end_id:
                self._refuse(index, f"refers to a type that does not exist{hint(self.first_id)}")
        present = set(table.kinds)
        for kind, (types, names) in ENTRIES.items():
            if kind in present:
                self._entries(kind, types, names)
        self._chains()

    def _entries(self, kind: Kind, types: tuple[int, ...], names: tuple[int, ...]) -> None:
        table, size = self.table, VLEN_WORDS.get(kind, 3)
        own = [i for i, k in enumerate(table.kinds) if k == kind]
        what = ENTRY_WORDS.get(kind, "a member")
        for places, bound, why in (
            (types, self.end_id, "refers to a type that does not exist"),
            (names, self.str_end, f"has the name{f' of {what}' if what else ''} outside the string section"),
        ):
            for word in places:
                for index in own:
                    first = table.starts[index] + 3 + word
                    count = 1 if kind == Kind.ARRAY else table.info[index] & VLEN_MASK
                    if count and max(table.words[first : first + size * (count - 1) + 1 : size]) >= bound:
                        self._refuse(index, why + hint(self.first_id))

    def _chains(self) -> None:
        """Modifiers, typedefs and arrays must end within MAX_DEPTH steps."""
        table, first = self.table, self.first_id
        targets: dict[int, int] = {}
        for index, kind in enumerate(table.kinds):
            if kind in LINKS:
                to = table.words[table.starts[index] + 3] if kind == Kind.ARRAY else table.third[index]
                if to >= first:
                    targets[index] = to - first
        depth: dict[int, int] = {}  # how many links follow each other from a type on
        for index in targets:
            path: list[int] = []
            at = index
            while at in targets and at not in depth and len(path) <= MAX_DEPTH:
                path.append(at)
                at = targets[at]
            if len(path) > MAX_DEPTH:
                depth[index] = MAX_DEPTH + 1
                continue
            known = depth.get(at, 0)
            for back, one in enumerate(reversed(path), 1):
                depth[one] = known + back
        deep = min((i for i, links in depth.items() if links > MAX_DEPTH), default=None)
        if deep is not None:
            self._refuse(deep, f"is more than {MAX_DEPTH} modifiers, typedefs and arrays deep, or a cycle")

    def _refuse(self, index: int, why: str) -> None:
        offset = self.first_byte + 4 * self.table.starts[index]
        raise BtfError(self.source, f"type {self.first_id + index} {why}", offset)
