# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One BTF blob, alone or split on a base: columns over the untouched bytes, names and types made on demand.

Ids are the ids of the file: a split blob goes on counting where its base ends (R-1.12), and asks its base for lower
ids. Names may occur more than once (R-1.8), so every lookup gives a list, ascending by id, base before own (R-1.11).
What a blob holds was checked when it was opened: every id and name that a type refers to exists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from kfuncscope.btf.layout import (
    COMPOSITES,
    ENUMS,
    LONG,
    MAX_TYPE,
    MODIFIERS_AND_TYPEDEF,
    SIZED,
    VLEN_MASK,
    Kind,
    read_header,
)
from kfuncscope.btf.names import Buffer, NameIndex, Strings, essential_name, index_bounded
from kfuncscope.btf.parts import Array, Enumerator, Int, Member, Param, SecVar
from kfuncscope.btf.table import MAX_DEPTH, Table, known_table, read_table, table_holds, type_words
from kfuncscope.errors import BtfError

__all__ = ["Array", "Blob", "Enumerator", "Int", "Member", "Param", "SecVar", "essential_name"]


class Blob:
    """A parsed BTF blob. ``source`` names it in errors. Type 0 is void and belongs to no blob.

    ``known`` is what ``derived`` gave of these very bytes, and that they passed the checks then: who keeps it sees to
    that (``fits``). It saves walking and checking them once more.
    """

    def __init__(
        self, data: Buffer, source: str = "BTF", base: Blob | None = None, known: Mapping[str, Buffer] | None = None
    ) -> None:
        self.source = source
        self.base: Blob | None = base
        self._raw = data
        header = read_header(data, source)
        self.header = header
        self.endian = header.endian
        if base is not None and base.endian != header.endian:
            raise BtfError(source, "byte order differs from that of the base BTF", 0)
        self.start_id: int = base.end_id if base else 1
        start, end = header.strings
        self._strings = Strings(data[start:end], base.str_end if base else 0)
        self._strings.check(source, start, split=base is not None)
        self.str_end: int = self._strings.end
        table = known_table(type_words(data, header, source), known) if known is not None else None
        if table is None:
            known, table = None, read_table(data, header, source, self.start_id, self.str_end)
        self.end_id: int = self.start_id + len(table.starts)
        if self.end_id - 1 > MAX_TYPE:
            raise BtfError(source, f"{self.end_id - 1} types exceed the limit of the format ({MAX_TYPE})")
        self.table: Table = table
        self._kinds = table.kinds
        self._words, self._starts = table.words, table.starts
        self._names, self._info, self._third = table.names, table.info, table.third
        self._index: NameIndex | None = None
        self._known = known
        self._flavoured: list[bytes] | None = None
        if known is not None and "flavours" in known:
            self._flavoured = [raw for raw in bytes(known["flavours"]).split(b"\0") if raw]
        self._own_found: dict[tuple[str, Kind | None], list[int]] = {}
        self._text: dict[int, str] = {0: ""}
        self._members: dict[int, tuple[Member, ...]] = {}
        self._params: dict[int, tuple[Param, ...]] = {}
        self._enumerators: dict[int, tuple[Enumerator, ...]] = {}
        self._essential: dict[str, list[str]] | None = None
        self.texts: dict[int, tuple[str, str]] = {}  # cache of btf.declare: a type's text before and after a name
        # Kept for declare: levels of anonymous structs, and members through them; None where there are too many.
        self.flat: dict[int, tuple[int, tuple[Member, ...]] | None] = {}
        self.flat_total = 0

    def __reduce__(self) -> tuple[type[Blob], tuple[bytes, str, Blob | None]]:
        """A blob crosses a process boundary as its bytes."""
        return type(self), (self.data, self.source, self.base)

    # -- columns

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        if not isinstance(self._raw, bytes):
            self._raw = bytes(self._raw)
        return self._raw

    def __len__(self) -> int:
        """Number of types, the base's and void included, as ``bpftool`` counts ids: last id + 1."""
        return self.end_id

    @property
    def own_count(self) -> int:
        """Number of types of this blob alone."""
        return self.end_id - self.start_id

    @property
    def strings(self) -> bytes:
        """This blob's own string section."""
        return self._strings.data

    def own_ids(self, kind: Kind | None = None) -> list[int]:
        """Ids of this blob's own types, of one kind or all, ascending."""
        if kind is None:
            return list(range(self.start_id, self.end_id))
        return [self.start_id + index for index in self.table.of_kind(kind)]

    def kind_counts(self) -> dict[int, int]:
        """How many own types there are of each kind."""
        return dict(self.table.counts)

    def count(self, kind: Kind) -> int:
        """How many own types there are of one kind."""
        return self._kinds.count(kind)

    def _missing(self, type_id: int) -> BtfError:
        return BtfError(self.source, f"type {type_id} does not exist")

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

    def kind(self, type_id: int) -> int:
        """Kind of a type; 0 for void. Kinds above those of ``Kind`` are possible (R-1.4)."""
        index = type_id - self.start_id
        if index >= 0:
            try:
                return self._kinds[index]
            except IndexError:
                raise self._missing(type_id) from None
        if self.base is not None:
            return self.base.kind(type_id)
        if type_id == 0:
            return 0
        raise self._missing(type_id)

    def ref(self, type_id: int) -> int:
        """The type that a pointer, modifier, typedef, function, variable or tag refers to; or a size in bytes."""
        index = type_id - self.start_id
        if index >= 0:
            try:
                return self._third[index]
            except IndexError:
                raise self._missing(type_id) from None
        if self.base is not None:
            return self.base.ref(type_id)
        raise self._missing(type_id)

    def vlen(self, type_id: int) -> int:
        """Number of members, parameters, enumerators; the linkage of a FUNC."""
        blob, index = self._own(type_id)
        return blob._info[index] & VLEN_MASK

    def kind_flag(self, type_id: int) -> bool:
        """The kind_flag bit; what it means depends on the kind."""
        blob, index = self._own(type_id)
        return blob._info[index] >> 31 != 0

    # -- names

    def string(self, offset: int) -> str:
        """The string at an offset, counted from the start of the base's strings."""
        text = self._text.get(offset)
        if text is None:
            text = self._text[offset] = self._read_string(offset)
        return text

    def _read_string(self, offset: int) -> str:
        if self.base is not None and 0 <= offset < self._strings.start:
            return self.base.string(offset)
        if not self._strings.start <= offset < self._strings.end:
            raise BtfError(self.source, f"string offset {offset} is outside the string section")
        return self._strings.raw(offset).decode("utf-8", "backslashreplace")

    def name(self, type_id: int) -> str:
        """Name of a type, empty when it has none (or is void)."""
        index = type_id - self.start_id
        if index >= 0:
            try:
                return self.string(self._names[index])
            except IndexError:
                raise self._missing(type_id) from None
        if self.base is not None:
            return self.base.name(type_id)
        if type_id == 0:
            return ""
        raise self._missing(type_id)

    def name_offset(self, type_id: int) -> int:
        """Where the name of a type is in the strings, as the file has it; 0 for none."""
        blob, index = self._own(type_id)
        return blob._names[index]

    def _found(self, name: str, kind: Kind | None) -> list[int]:
        """Own ids with this name and kind, ascending; kept, so not to be changed."""
        found = self._own_found.get((name, kind))
        if found is None:
            if kind is None:
                start = self.start_id
                found = [start + i for i in self._name_index.find(name.encode("utf-8", "surrogateescape"))]
            else:
                found = [i for i in self._found(name, None) if self.kind(i) == kind]
            self._own_found[name, kind] = found
        return found

    @property
    def _name_index(self) -> NameIndex:
        if self._index is None:
            sections, blob = [self._strings], self.base
            while blob is not None:
                sections.insert(0, blob._strings)
                blob = blob.base
            self._index, self._known = NameIndex(self._names, sections, self._known), None
        return self._index

    def derived(self) -> dict[str, bytes]:
        """What took long to find out, as bytes by name, for the next opening of the same bytes."""
        return {**self.table.parts(), "flavours": b"\0".join(self._flavours()), **self._name_index.parts()}

    def fits(self, known: Mapping[str, Buffer]) -> bool:
        """Whether this blob, made with ``known`` that somebody kept, is what it would be without. Raises BtfError."""
        from kfuncscope.btf.records import table_fits

        if known_table(self._words, known) is None or not table_fits(
            self.table, known, self._raw, self.header, self.str_end
        ):
            return False
        return bytes(known.get("flavours", b"")) == b"\0".join(self._strings.containing(b"___"))

    def holds(self, known: Mapping[str, Buffer]) -> bool:
        """As ``fits``, without numpy: references and names are checked where they are used; a lack of names is not."""
        made = known_table(self._words, known)
        return made is not None and index_bounded(known) and table_holds(made, self._raw, self.header, self.source)

    def own(self, name: str, kind: Kind | None = None) -> list[int]:
        """Own ids with this name (and kind), ascending."""
        return list(self._found(name, kind))

    def find(self, name: str, kind: Kind | None = None) -> list[int]:
        """Ids with this name (and kind), the base's first, ascending (R-1.11)."""
        below = self.base.find(name, kind) if self.base else []
        return below + self._found(name, kind)

    def first(self, name: str, kind: Kind) -> int:
        """The id that libbpf would take for a name and kind, 0 where there is none (R-1.11)."""
        below = self.base.first(name, kind) if self.base else 0
        if below:
            return below
        found = self._found(name, kind)
        return found[0] if found else 0

    def own_names(self, kind: Kind) -> list[str]:
        """Names of own types of one kind, in order of id, with repetitions, anonymous ones left out."""
        return [name for i in self.own_ids(kind) if (name := self.name(i))]

    def sections(self, name: str) -> list[int]:
        """Own DATASECs of a name: an object has so few that no index is made for them."""
        return [i for i in self.own_ids(Kind.DATASEC) if self.name(i) == name]

    def _flavours(self) -> list[bytes]:
        """Own strings with ``___`` in them."""
        if self._flavoured is None:
            self._flavoured = self._strings.containing(b"___")
        return self._flavoured

    def essential(self, name: str) -> list[str]:
        """Own strings whose essential form (R-2.9) is ``name``: the name itself and its flavours ``name___x``."""
        if self._essential is None:
            table: dict[str, list[str]] = {}
            for raw in self._flavours():
                text = raw.decode("utf-8", "backslashreplace")
                short = essential_name(text)
                if short != text:
                    table.setdefault(short, []).append(text)
            self._essential = table
        return [name, *self._essential.get(name, [])]

    # -- details of a type

    def _tail(self, index: int, words: int) -> list[int]:
        """The words that follow the first three of an own record."""
        at = self._starts[index] + 3
        return self._words[at : at + words].tolist()

    def _of_kind(self, type_id: int, kind: Kind, words: int) -> list[int]:
        """The words that follow the first three of a record, which must be of this kind."""
        blob, index = self._own(type_id)
        if blob._kinds[index] != kind:
            raise BtfError(self.source, f"type {type_id} is not a {kind.name}")
        return blob._tail(index, words)

    def members(self, type_id: int) -> tuple[Member, ...]:
        """Members of a struct or union, in order."""
        cached = self._members.get(type_id)
        if cached is not None:
            return cached
        if type_id < self.start_id and self.base is not None:
            return self.base.members(type_id)
        if self.kind(type_id) not in COMPOSITES:
            return ()
        index = type_id - self.start_id
        info, text = self._info[index], self.string
        w = self._tail(index, 3 * (info & VLEN_MASK))
        rows = zip(w[::3], w[1::3], w[2::3], strict=True)
        if info >> 31:
            made = tuple(Member(text(name), of, at & 0xFFFFFF, at >> 24) for name, of, at in rows)
        else:
            made = tuple(Member(text(name), of, at, 0) for name, of, at in rows)
        self._members[type_id] = made
        return made

    def params(self, type_id: int) -> tuple[Param, ...]:
        """Parameters of a FUNC_PROTO, or of the prototype of a FUNC."""
        if self.kind(type_id) == Kind.FUNC:
            type_id = self.ref(type_id)
        cached = self._params.get(type_id)
        if cached is not None:
            return cached
        if type_id < self.start_id and self.base is not None:
            return self.base.params(type_id)
        if self.kind(type_id) != Kind.FUNC_PROTO:
            return ()
        index = type_id - self.start_id
        w, text = self._tail(index, 2 * (self._info[index] & VLEN_MASK)), self.string
        made = tuple(Param(text(name), of) for name, of in zip(w[::2], w[1::2], strict=True))
        self._params[type_id] = made
        return made

    def enumerators(self, type_id: int) -> tuple[Enumerator, ...]:
        """Enumerators of an ENUM or ENUM64, in order."""
        cached = self._enumerators.get(type_id)
        if cached is not None:
            return cached
        if type_id < self.start_id and self.base is not None:
            return self.base.enumerators(type_id)
        kind = self.kind(type_id)
        if kind not in ENUMS:
            return ()
        index = type_id - self.start_id
        info, text = self._info[index], self.string
        if kind == Kind.ENUM:
            w = self._tail(index, 2 * (info & VLEN_MASK))
            names, values, bits = w[::2], w[1::2], 32
        else:
            w = self._tail(index, 3 * (info & VLEN_MASK))
            names, values, bits = w[::3], [low | high << 32 for low, high in zip(w[1::3], w[2::3], strict=True)], 64
        # Stored signed; kernels before the kind_flag of enums (6.0) left it clear for all.
        if info >> 31:
            values = [v - (1 << bits) if v >> (bits - 1) else v for v in values]
        made = tuple(Enumerator(text(name), value) for name, value in zip(names, values, strict=True))
        self._enumerators[type_id] = made
        return made

    def array(self, type_id: int) -> Array:
        """Element type, index type and count of an ARRAY."""
        return Array(*self._of_kind(type_id, Kind.ARRAY, 3))

    def int_(self, type_id: int) -> Int:
        """Encoding of an INT."""
        word = self._of_kind(type_id, Kind.INT, 1)[0]
        encoding = word >> 24 & 0x0F
        return Int(word & 0xFF, word >> 16 & 0xFF, bool(encoding & 1), bool(encoding & 2), bool(encoding & 4))

    def linkage(self, type_id: int) -> int:
        """Linkage of a VAR or FUNC: 0 static, 1 global, 2 extern."""
        if self.kind(type_id) == Kind.FUNC:
            return self.vlen(type_id)
        return self._of_kind(type_id, Kind.VAR, 1)[0]

    def secvars(self, type_id: int) -> tuple[SecVar, ...]:
        """Entries of a DATASEC."""
        w = self._of_kind(type_id, Kind.DATASEC, 3 * self.vlen(type_id))
        return tuple(map(SecVar, w[::3], w[1::3], w[2::3]))

    def component(self, type_id: int) -> int:
        """Component index of a DECL_TAG; -1 for the whole."""
        word = self._of_kind(type_id, Kind.DECL_TAG, 1)[0]
        return word - (1 << 32) if word >> 31 else word

    # -- following references

    def skip(self, type_id: int) -> int:
        """The type below modifiers and typedefs."""
        for _ in range(MAX_DEPTH + 1):
            if self.kind(type_id) not in MODIFIERS_AND_TYPEDEF:
                return type_id
            type_id = self.ref(type_id)
        raise BtfError(self.source, f"type {type_id}: more than {MAX_DEPTH} modifiers and typedefs, or a cycle of them")

    @cached_property
    def pointer_size(self) -> int:
        """Bytes of a pointer: those of ``long``, by the first INT of one of its names; 8 where there is none.

        So libbpf tells the kernels of 32 bits (determine_ptr_size); in objects, whose ``long`` has 8, it always is 8.
        """
        if self.base is not None:
            return self.base.pointer_size
        sizes = (self.ref(i) for i in self.own_ids(Kind.INT) if self.name(i) in LONG)
        return next((size for size in sizes if size in (4, 8)), 8)

    def size(self, type_id: int) -> int:
        """Size in bytes of a value of this type; 0 for void and functions."""
        factor = 1
        for _ in range(MAX_DEPTH + 1):
            kind = self.kind(type_id)
            if kind in SIZED:
                return factor * self.ref(type_id)
            if kind == Kind.PTR:
                return factor * self.pointer_size
            if kind == Kind.ARRAY:
                array = self.array(type_id)
                factor *= array.nelems
                type_id = array.type
            elif kind in MODIFIERS_AND_TYPEDEF or kind == Kind.VAR:
                type_id = self.ref(type_id)
            else:
                return 0
        raise BtfError(self.source, f"type {type_id}: nested deeper than {MAX_DEPTH}, or a cycle")

    def tags(self, name: str) -> list[int]:
        """Ids of the own types that the declaration tag ``name`` is on as a whole, ascending (R-1.17)."""
        found = {self.ref(i) for i in self.own_ids(Kind.DECL_TAG) if self.name(i) == name and self.component(i) == -1}
        return sorted(found)

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start_id, self.end_id))
