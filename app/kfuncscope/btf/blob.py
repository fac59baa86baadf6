# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One BTF blob, alone or split on a base: columns over the untouched bytes, names and types made on demand.

Ids are the ids of the file: a split blob goes on counting where its base ends (R-1.12), and asks its base for lower
ids. Names may occur more than once (R-1.8), so every lookup gives a list, ascending by id, base before own (R-1.11).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kfuncscope.btf.layout import (
    COMPOSITES,
    ENUMS,
    KIND_MASK,
    MAX_TYPE,
    MODIFIERS,
    MODIFIERS_AND_TYPEDEF,
    NR_KINDS,
    REFERENCES,
    VLEN_MASK,
    Kind,
    read_header,
    record_words,
)
from kfuncscope.errors import BtfError

MAX_DEPTH = 64  # modifiers, typedefs and arrays on top of each other; real kernels stay below 10


class Member(NamedTuple):
    """Struct or union member; offsets and sizes in bits, ``bit_size`` 0 where it is no bitfield."""

    name: str
    type: int
    bit_offset: int
    bit_size: int


class Param(NamedTuple):
    """Parameter of a function prototype; a last one of type 0 and no name means variadic."""

    name: str
    type: int


class Enumerator(NamedTuple):
    """Enumerator with its value (signed where the enum says so)."""

    name: str
    value: int


class Array(NamedTuple):
    """Array: element type, index type, number of elements."""

    type: int
    index_type: int
    nelems: int


class Int(NamedTuple):
    """Integer encoding: bits, bit offset, and the three encoding flags."""

    bits: int
    offset: int
    signed: bool
    char: bool
    bool_: bool

    @property
    def encoding(self) -> int:
        """The three flags as the format's number."""
        return self.signed | self.char << 1 | self.bool_ << 2


class SecVar(NamedTuple):
    """Entry of a DATASEC: type id (VAR or FUNC), offset and size in bytes."""

    type: int
    offset: int
    size: int


class Blob:
    """A parsed BTF blob. ``source`` names it in errors. Type 0 is void and belongs to no blob."""

    def __init__(self, data: bytes, source: str = "BTF", base: Blob | None = None) -> None:
        self.source = source
        self.base: Blob | None = base
        self.data = data
        header = read_header(data, source)
        self.header = header
        self.endian = header.endian
        if base is not None and base.endian != header.endian:
            raise BtfError(source, "byte order differs from that of the base BTF", 0)
        self.start_id: int = base.end_id if base else 1
        self._start_str: int = base.str_end if base else 0
        self._strings = data[header.strings[0] : header.strings[1]]
        self.str_end: int = self._start_str + len(self._strings)
        self._check_strings()
        self._read_types()
        self.end_id: int = self.start_id + len(self._starts)
        if self.end_id - 1 > MAX_TYPE:
            raise BtfError(source, f"{self.end_id - 1} types are more than the format allows ({MAX_TYPE})")
        self._check_references()
        self._names: dict[int, str] = {}
        self._offsets: dict[bytes, int] | None = None
        self._members: dict[int, tuple[Member, ...]] = {}
        self._essential: dict[str, list[str]] | None = None
        self.texts: dict[int, tuple[str, str]] = {}  # kept for declare: a type's text before and after a name
        self.flat: dict[int, tuple[Member, ...]] = {}  # kept for declare: members through anonymous structs

    # -- opening

    def _check_strings(self) -> None:
        strings, at = self._strings, self.header.strings[0]
        if not strings:
            if self.base is None:
                raise BtfError(self.source, "no string section", at)
            return
        if strings[-1] != 0:
            raise BtfError(self.source, "string section does not end with NUL", self.header.strings[1] - 1)
        if self.base is None and strings[0] != 0:
            raise BtfError(self.source, "string section does not begin with NUL", at)

    def _read_types(self) -> None:
        """Find the start of every record: the size a record would have at each word, then one walk from the first."""
        start, end = self.header.types
        raw = np.frombuffer(self.data, dtype=self.endian + "u4", offset=start, count=(end - start) // 4)
        words = raw if (self.endian == "<") == (sys.byteorder == "little") else raw.astype(np.uint32)
        self._words = words
        n = len(words)
        fixed, per = record_words(self.data, self.header, self.source)
        starts: list[int] = []
        if n >= 3:
            info = words[1:-1]
            kind = ((info >> 24) & KIND_MASK).astype(np.uint8)
            step = np.array([f + 3 if f >= 0 else n + 1 for f in fixed], dtype=np.int64)[kind]
            step += np.array(per, dtype=np.int64)[kind] * (info & VLEN_MASK)
            step += np.arange(n - 2, dtype=np.int64)
            following = step.data
            at, last = 0, n - 2
            append = starts.append
            while at < last:
                append(at)
                at = following[at]
        else:
            at = 0
        if at != n:
            self._bad_record(starts[-1] if starts and at > n else at, n)
        self._starts = np.array(starts, dtype=np.int64)
        self._name_off = words[self._starts] if starts else np.zeros(0, np.uint32)
        info = words[self._starts + 1] if starts else np.zeros(0, np.uint32)
        self._kinds = ((info >> 24) & KIND_MASK).astype(np.uint8)
        self._kind_bytes = self._kinds.tobytes()
        self._info = np.ascontiguousarray(info).data
        self._third = np.ascontiguousarray(words[self._starts + 2] if starts else np.zeros(0, np.uint32)).data
        self._start_words = self._starts.data

    def _bad_record(self, word: int, n: int) -> None:
        offset = self.header.types[0] + 4 * word
        if word + 3 > n:
            raise BtfError(self.source, "truncated: the last type record is cut off", offset)
        kind = (int(self._words[word + 1]) >> 24) & KIND_MASK
        if kind == 0 or kind >= NR_KINDS:
            raise BtfError(self.source, f"type of unknown kind {kind}, and no layout section tells its size", offset)
        raise BtfError(self.source, f"truncated: a {Kind(kind).name} record reaches past the type section", offset)

    def _check_references(self) -> None:
        """Every third word that is a type id, and every name, must exist."""
        third = np.asarray(self._third)
        refers = np.isin(self._kinds, np.array(sorted(REFERENCES), dtype=np.uint8))
        self._refuse(refers & (third >= self.end_id), "refers to a type that does not exist")
        self._refuse(self._name_off >= max(self.str_end, 1), "has its name outside the string section")

    def _refuse(self, wrong: npt.NDArray[np.bool_], why: str) -> None:
        if wrong.any():
            index = int(np.argmax(wrong))
            offset = self.header.types[0] + 4 * int(self._starts[index])
            raise BtfError(self.source, f"type {self.start_id + index} {why}", offset)

    # -- columns

    def __len__(self) -> int:
        """Number of types, the base's and void included, as ``bpftool`` counts ids: last id + 1."""
        return self.end_id

    @property
    def own_count(self) -> int:
        """Number of types of this blob alone."""
        return self.end_id - self.start_id

    @property
    def strings_size(self) -> int:
        """Bytes of this blob's own string section."""
        return len(self._strings)

    def own_ids(self, kind: Kind | None = None) -> list[int]:
        """Ids of this blob's own types, of one kind or all, ascending."""
        if kind is None:
            return list(range(self.start_id, self.end_id))
        found: list[int] = (np.nonzero(self._kinds == kind)[0] + self.start_id).tolist()
        return found

    def kind_counts(self) -> dict[int, int]:
        """How many own types there are of each kind."""
        counts = np.bincount(self._kinds, minlength=NR_KINDS)
        return {k: int(c) for k, c in enumerate(counts) if c}

    def _missing(self, type_id: int) -> BtfError:
        return BtfError(self.source, f"type {type_id} does not exist")

    def kind(self, type_id: int) -> int:
        """Kind of a type; 0 for void. Kinds above those of ``Kind`` are possible (R-1.4)."""
        index = type_id - self.start_id
        if index < 0:
            return self.base.kind(type_id) if self.base else Kind.VOID
        try:
            return self._kind_bytes[index]
        except IndexError:
            raise self._missing(type_id) from None

    def _own(self, type_id: int) -> tuple[Blob, int]:
        """The blob that holds a type, and the type's index in it."""
        blob: Blob = self
        while type_id < blob.start_id:
            if blob.base is None:
                raise self._missing(type_id)
            blob = blob.base
        if type_id >= blob.end_id:
            raise self._missing(type_id)
        return blob, type_id - blob.start_id

    def ref(self, type_id: int) -> int:
        """The type that a pointer, modifier, typedef, function, variable or tag refers to; or a size in bytes."""
        index = type_id - self.start_id
        if index >= 0:
            try:
                return self._third[index]
            except IndexError:
                raise self._missing(type_id) from None
        blob, index = self._own(type_id)
        return blob._third[index]

    def vlen(self, type_id: int) -> int:
        """Number of members, parameters, enumerators; the linkage of a FUNC."""
        blob, index = self._own(type_id)
        return blob._info[index] & VLEN_MASK

    def kind_flag(self, type_id: int) -> bool:
        """The kind_flag bit; what it means depends on the kind."""
        blob, index = self._own(type_id)
        return bool(blob._info[index] >> 31)

    # -- names

    def string(self, offset: int) -> str:
        """The string at an offset, counted from the start of the base's strings."""
        blob: Blob = self
        while offset < blob._start_str and blob.base is not None:
            blob = blob.base
        cached = blob._names.get(offset)
        if cached is not None:
            return cached
        at = offset - blob._start_str
        if not 0 <= at < len(blob._strings):
            raise BtfError(self.source, f"string offset {offset} is outside the string section")
        text = blob._strings[at : blob._strings.index(b"\0", at)].decode("utf-8", "backslashreplace")
        blob._names[offset] = text
        return text

    def name(self, type_id: int) -> str:
        """Name of a type, empty when it has none (or is void)."""
        if type_id == 0:
            return ""
        blob, index = self._own(type_id)
        offset = int(blob._name_off[index])
        return blob.string(offset) if offset else ""

    def _index(self) -> dict[bytes, int]:
        """Every own string to its offset, and the name column sorted, made in one pass each."""
        if self._offsets is None:
            parts = self._strings.split(b"\0")
            ends = np.flatnonzero(np.frombuffer(self._strings, np.uint8) == 0)
            starts = np.concatenate((np.zeros(1, np.int64), ends + 1)) + self._start_str
            self._offsets = dict(zip(reversed(parts), reversed(starts.tolist()), strict=True))
            named = self._name_off[self._name_off >= self._start_str].astype(np.int64)
            canonical = self._name_off
            slots = np.searchsorted(starts, named)
            if len(self._offsets) != len(starts) - 1 or (starts[np.minimum(slots, len(starts) - 1)] != named).any():
                canonical = self._canonical_names()
            self._order = np.argsort(canonical, kind="stable")
            self._sorted_names = canonical[self._order]
        return self._offsets

    def _canonical_names(self) -> npt.NDArray[np.uint32]:
        """The name column where one text has one offset, for files that repeat strings or share their tails."""
        assert self._offsets is not None
        column = self._name_off.copy()
        for i, offset in enumerate(self._name_off.tolist()):
            if offset >= max(self._start_str, 1):
                at = offset - self._start_str
                text = self._strings[at : self._strings.index(b"\0", at)]
                column[i] = self._offsets.setdefault(text, offset)
        return column

    def own(self, name: str, kind: Kind | None = None) -> list[int]:
        """Own ids with this name (and kind), ascending."""
        text = name.encode("utf-8", "surrogateescape")
        if not text:
            return []
        self._index()
        ids: list[int] = []
        blob: Blob | None = self
        while blob is not None:
            offset = blob._index().get(text)
            if offset is not None:
                low, high = np.searchsorted(self._sorted_names, (offset, offset + 1))
                ids += (self._order[low:high] + self.start_id).tolist()
            blob = blob.base
        ids.sort()
        return [i for i in ids if self.kind(i) == kind] if kind is not None else ids

    def find(self, name: str, kind: Kind | None = None) -> list[int]:
        """Ids with this name (and kind), the base's first, ascending (R-1.11)."""
        below = self.base.find(name, kind) if self.base else []
        return below + self.own(name, kind)

    def first(self, name: str, kind: Kind) -> int:
        """The id that libbpf would take for a name and kind, 0 where there is none (R-1.11)."""
        found = self.find(name, kind)
        return found[0] if found else 0

    def own_names(self, kind: Kind) -> list[str]:
        """Names of own types of one kind, in order of id, with repetitions, anonymous ones left out."""
        return [name for i in self.own_ids(kind) if (name := self.name(i))]

    def essential(self, name: str) -> list[str]:
        """Own strings whose essential form (R-2.9) is ``name``: the name itself and its flavours ``name___x``."""
        if self._essential is None:
            table: dict[str, list[str]] = {}
            for raw in self._index():
                if b"___" in raw:
                    text = raw.decode("utf-8", "backslashreplace")
                    short = essential_name(text)
                    if short != text:
                        table.setdefault(short, []).append(text)
            self._essential = table
        return [name, *self._essential.get(name, [])]

    # -- details of a type

    def _tail(self, type_id: int, words: int) -> tuple[Blob, list[int]]:
        """The words that follow the first three of a record."""
        blob, index = self._own(type_id)
        at = blob._start_words[index] + 3
        return blob, blob._words[at : at + words].tolist()

    def members(self, type_id: int) -> tuple[Member, ...]:
        """Members of a struct or union, in order."""
        blob, index = self._own(type_id)
        cached = blob._members.get(type_id)
        if cached is not None:
            return cached
        if blob._kind_bytes[index] not in COMPOSITES:
            return ()
        info = blob._info[index]
        count = info & VLEN_MASK
        at = blob._start_words[index] + 3
        w = blob._words[at : at + 3 * count].tolist()
        if info >> 31:
            made = tuple(
                Member(blob.string(w[i]), w[i + 1], w[i + 2] & 0xFFFFFF, w[i + 2] >> 24) for i in range(0, 3 * count, 3)
            )
        else:
            made = tuple(Member(blob.string(w[i]), w[i + 1], w[i + 2], 0) for i in range(0, 3 * count, 3))
        blob._members[type_id] = made
        return made

    def params(self, type_id: int) -> tuple[Param, ...]:
        """Parameters of a FUNC_PROTO, or of the prototype of a FUNC."""
        if self.kind(type_id) == Kind.FUNC:
            type_id = self.ref(type_id)
        if self.kind(type_id) != Kind.FUNC_PROTO:
            return ()
        count = self.vlen(type_id)
        blob, w = self._tail(type_id, 2 * count)
        return tuple(Param(blob.string(w[i]), w[i + 1]) for i in range(0, 2 * count, 2))

    def enumerators(self, type_id: int) -> tuple[Enumerator, ...]:
        """Enumerators of an ENUM or ENUM64, in order."""
        kind = self.kind(type_id)
        if kind not in ENUMS:
            return ()
        count, signed = self.vlen(type_id), self.kind_flag(type_id)
        if kind == Kind.ENUM:
            blob, w = self._tail(type_id, 2 * count)
            # Enumerators are stored as s32; kernels before the kind_flag of ENUM (6.0) left it clear for all.
            return tuple(
                Enumerator(blob.string(w[i]), w[i + 1] - (1 << 32) if signed and w[i + 1] >> 31 else w[i + 1])
                for i in range(0, 2 * count, 2)
            )
        blob, w = self._tail(type_id, 3 * count)
        values = ((w[i], w[i + 1] | w[i + 2] << 32) for i in range(0, 3 * count, 3))
        return tuple(Enumerator(blob.string(n), v - (1 << 64) if signed and v >> 63 else v) for n, v in values)

    def array(self, type_id: int) -> Array:
        """Element type, index type and count of an ARRAY."""
        return Array(*self._tail(type_id, 3)[1])

    def int_(self, type_id: int) -> Int:
        """Encoding of an INT."""
        word = self._tail(type_id, 1)[1][0]
        encoding = word >> 24 & 0x0F
        return Int(word & 0xFF, word >> 16 & 0xFF, bool(encoding & 1), bool(encoding & 2), bool(encoding & 4))

    def linkage(self, type_id: int) -> int:
        """Linkage of a VAR or FUNC: 0 static, 1 global, 2 extern."""
        return self.vlen(type_id) if self.kind(type_id) == Kind.FUNC else self._tail(type_id, 1)[1][0]

    def secvars(self, type_id: int) -> tuple[SecVar, ...]:
        """Entries of a DATASEC."""
        count = self.vlen(type_id)
        w = self._tail(type_id, 3 * count)[1]
        return tuple(SecVar(w[i], w[i + 1], w[i + 2]) for i in range(0, 3 * count, 3))

    def component(self, type_id: int) -> int:
        """Component index of a DECL_TAG; -1 for the whole."""
        word = self._tail(type_id, 1)[1][0]
        return word - (1 << 32) if word >> 31 else word

    # -- following references

    def skip(self, type_id: int, kinds: frozenset[Kind] = MODIFIERS_AND_TYPEDEF) -> int:
        """The type below modifiers and typedefs."""
        for _ in range(MAX_DEPTH):
            if self.kind(type_id) not in kinds:
                return type_id
            type_id = self.ref(type_id)
        raise BtfError(self.source, f"type {type_id}: more than {MAX_DEPTH} modifiers and typedefs, or a cycle of them")

    def skip_modifiers(self, type_id: int) -> int:
        """The type below const, volatile, restrict and type tags."""
        return self.skip(type_id, MODIFIERS)

    def size(self, type_id: int) -> int:
        """Size in bytes of a value of this type; pointers count 8 (R-3.5); 0 for void and functions."""
        factor = 1
        for _ in range(MAX_DEPTH):
            kind = self.kind(type_id)
            if kind == Kind.PTR:
                return factor * 8
            if kind == Kind.ARRAY:
                array = self.array(type_id)
                factor *= array.nelems
                type_id = array.type
            elif kind in MODIFIERS_AND_TYPEDEF or kind == Kind.VAR:
                type_id = self.ref(type_id)
            elif kind in (Kind.VOID, Kind.FUNC, Kind.FUNC_PROTO, Kind.FWD, Kind.DECL_TAG):
                return 0
            else:
                return factor * self.ref(type_id)
        raise BtfError(self.source, f"type {type_id}: nested deeper than {MAX_DEPTH}, or a cycle")

    def tags(self, name: str) -> list[int]:
        """Ids of the own types that the declaration tag ``name`` is on as a whole, ascending (R-1.17)."""
        found = {self.ref(i) for i in self.own_ids(Kind.DECL_TAG) if self.name(i) == name and self.component(i) == -1}
        return sorted(found)

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start_id, self.end_id))


def essential_name(name: str) -> str:
    """A name without its last ``___flavour`` (R-2.9): cut where ``X___Y`` with X and Y other than ``_`` last occurs."""
    for i in range(len(name) - 5, -1, -1):
        if name[i] != "_" and name[i + 1 : i + 4] == "___" and name[i + 4] != "_":
            return name[: i + 1]
    return name
