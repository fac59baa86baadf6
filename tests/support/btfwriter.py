# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write any BTF and .BTF.ext, right or wrong, for tests.

    w = BtfWriter()                      # endian=">" for big endian, header=32, layout={20: (4, 8)}, base=other writer
    u64 = w.typedef("u64", w.int_("long unsigned int", 8))
    task = w.struct("task_struct", [("pid", w.int_("int", 4, signed=True)), ("flags", u64)])   # laid out as C would
    w.kfunc("bpf_task_foo", w.ptr(task), [("p", w.ptr(task)), ("x", u64)])                    # with its bpf_kfunc tag
    data = w.build()                     # or w.blob() for a kfuncscope Blob

Every method that adds a type returns its id. ``raw`` adds any record, known or not. Strings are shared.
``patch`` overwrites words of a built blob. A writer with ``base`` writes split BTF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import REFERENCES, Kind

VOID = 0
SIGNED, CHAR, BOOL = 1, 2, 4
STATIC, GLOBAL, EXTERN = 0, 1, 2

# (name, type), (name, type, bit offset) or (name, type, bit offset, bit size)
MemberSpec = tuple[str, int] | tuple[str, int, int] | tuple[str, int, int, int]


class BtfWriter:
    """BTF in the making. ``header`` is the header's length, ``layout`` adds a layout section (header 32)."""

    def __init__(
        self,
        endian: str = "<",
        *,
        base: BtfWriter | Blob | None = None,
        header: int = 24,
        layout: Mapping[int, tuple[int, int]] | None = None,
    ) -> None:
        self.endian = endian
        self.base = base
        self.header = 32 if layout else header
        self.layout = dict(layout or {})
        self._records: list[bytes] = []
        self._sizes: dict[int, tuple[int, int]] = {}  # size and alignment in bytes
        self._found: dict[tuple[object, ...], int] = {}
        self.start_id = 1
        self._start_str = 0
        self._strings = bytearray(b"\0" if base is None else b"")
        if isinstance(base, BtfWriter):
            self.start_id, self._start_str = base.next_id, base._start_str + len(base._strings)
        elif base is not None:
            self.start_id, self._start_str = base.end_id, base.str_end
        self._offsets: dict[str, int] = {"": 0}

    @property
    def next_id(self) -> int:
        """Id that the next type will get."""
        return self.start_id + len(self._records)

    # -- strings and records

    def string(self, text: str) -> int:
        """Offset of a string, added where it is not there yet."""
        writer: BtfWriter | Blob | None = self
        while isinstance(writer, BtfWriter):
            if text in writer._offsets:
                return writer._offsets[text]
            writer = writer.base
        offset = self._start_str + len(self._strings)
        self._offsets[text] = offset
        self._strings += text.encode("utf-8", "surrogateescape") + b"\0"
        return offset

    def raw(
        self, kind: int, name: str = "", third: int = 0, words: Sequence[int] = (), vlen: int = 0, flag: bool = False
    ) -> int:
        """Any record: third word (size or type) and the words that follow."""
        info = vlen | kind << 24 | flag << 31
        all_words = (self.string(name), info, third & 0xFFFFFFFF, *(w & 0xFFFFFFFF for w in words))
        self._records.append(struct.pack(f"{self.endian}{len(all_words)}I", *all_words))
        return self.next_id - 1

    def _sized(self, type_id: int, size: int, align: int) -> int:
        self._sizes[type_id] = size, align
        return type_id

    def size_of(self, type_id: int) -> tuple[int, int]:
        """Size and alignment of a type in bytes, as far as the writer knows it."""
        if type_id in self._sizes:
            return self._sizes[type_id]
        if isinstance(self.base, BtfWriter):
            return self.base.size_of(type_id)
        size = self.base.size(type_id) if self.base is not None and type_id < self.start_id else 0
        return size, max(1, min(size, 8))

    # -- types

    def int_(self, name: str, size: int, *, signed: bool = False, encoding: int | None = None, bits: int = 0) -> int:
        """Integer of ``size`` bytes."""
        word = (SIGNED if signed else 0) if encoding is None else encoding
        return self._sized(self.raw(Kind.INT, name, size, [word << 24 | (bits or 8 * size)]), size, size)

    def float_(self, name: str, size: int) -> int:
        """Floating point number."""
        return self._sized(self.raw(Kind.FLOAT, name, size), size, size)

    def ptr(self, target: int = VOID) -> int:
        """Pointer."""
        return self._sized(self.raw(Kind.PTR, third=target), 8, 8)

    def _modifier(self, kind: int, target: int, name: str = "", flag: bool = False) -> int:
        return self._sized(self.raw(kind, name, target, flag=flag), *self.size_of(target))

    def typedef(self, name: str, target: int) -> int:
        """Typedef."""
        return self._modifier(Kind.TYPEDEF, target, name)

    def const(self, target: int = VOID) -> int:
        """Const."""
        return self._modifier(Kind.CONST, target)

    def volatile(self, target: int) -> int:
        """Volatile."""
        return self._modifier(Kind.VOLATILE, target)

    def restrict(self, target: int) -> int:
        """Restrict."""
        return self._modifier(Kind.RESTRICT, target)

    def type_tag(self, name: str, target: int, *, attribute: bool = False) -> int:
        """Type tag, or with ``attribute`` any attribute (kind_flag)."""
        return self._modifier(Kind.TYPE_TAG, target, name, attribute)

    def array(self, element: int, count: int, index: int = 0) -> int:
        """Array of ``count`` elements."""
        size, align = self.size_of(element)
        return self._sized(self.raw(Kind.ARRAY, words=[element, index or element, count]), size * count, align)

    def struct(self, name: str, members: Iterable[MemberSpec], size: int | None = None, *, kind: int = 4) -> int:
        """Struct; members without an offset follow each other with C's alignment, bit sizes set the kind flag."""
        words: list[int] = []
        end, widest, rows, bitfields = 0, 1, list(members), any(len(m) == 4 and m[3] for m in members)
        for member in rows:
            width, align = self.size_of(member[1])
            at = member[2] if len(member) > 2 else (0 if kind == Kind.UNION else -(-end // (8 * align)) * 8 * align)
            bits = member[3] if len(member) > 3 else 0
            words += [self.string(member[0]), member[1], bits << 24 | at if bitfields else at]
            end, widest = max(end, at + (bits or 8 * width)), max(widest, align)
        size = -(-end // (8 * widest)) * widest if size is None else size
        return self._sized(self.raw(kind, name, size, words, len(rows), bitfields), size, widest)

    def union(self, name: str, members: Iterable[MemberSpec], size: int | None = None) -> int:
        """Union."""
        return self.struct(name, list(members), size, kind=Kind.UNION)

    def fwd(self, name: str, *, union: bool = False) -> int:
        """Forward declaration."""
        return self.raw(Kind.FWD, name, flag=union)

    def enum(self, name: str, values: Mapping[str, int], size: int = 4, *, signed: bool = False) -> int:
        """Enum of 32-bit values."""
        words = [w for text, value in values.items() for w in (self.string(text), value)]
        return self._sized(self.raw(Kind.ENUM, name, size, words, len(values), signed), size, size)

    def enum64(self, name: str, values: Mapping[str, int], size: int = 8, *, signed: bool = False) -> int:
        """Enum of 64-bit values."""
        words = [w for text, v in values.items() for w in (self.string(text), v & 0xFFFFFFFF, v >> 32)]
        return self._sized(self.raw(Kind.ENUM64, name, size, words, len(values), signed), size, size)

    def proto(self, returns: int, params: Sequence[tuple[str, int]] = (), *, variadic: bool = False) -> int:
        """Function prototype."""
        words = [w for text, t in params for w in (self.string(text), t)] + [0, 0] * variadic
        return self.raw(Kind.FUNC_PROTO, "", returns, words, len(params) + variadic)

    def func(
        self, name: str, returns: int = VOID, params: Sequence[tuple[str, int]] = (), *, proto: int | None = None,
        linkage: int = STATIC,
    ) -> int:  # fmt: skip
        """Function with its prototype."""
        of = self.proto(returns, params) if proto is None else proto
        return self.raw(Kind.FUNC, name, of, vlen=linkage)

    def kfunc(self, name: str, returns: int = VOID, params: Sequence[tuple[str, int]] = (), *extra_tags: str) -> int:
        """Function with the tag that the kernel's build puts on kfuncs (R-1.17)."""
        made = self.func(name, returns, params)
        for tag in ("bpf_kfunc", *extra_tags):
            self.decl_tag(tag, made)
        return made

    def var(self, name: str, of: int, linkage: int = GLOBAL) -> int:
        """Variable."""
        return self._sized(self.raw(Kind.VAR, name, of, [linkage]), *self.size_of(of))

    def datasec(self, name: str, entries: Sequence[tuple[int, int, int]], size: int = 0) -> int:
        """Section: (type, offset, size) of each variable."""
        return self.raw(Kind.DATASEC, name, size, [w for e in entries for w in e], len(entries))

    def decl_tag(self, name: str, target: int, component: int = -1, *, attribute: bool = False) -> int:
        """Declaration tag."""
        return self.raw(Kind.DECL_TAG, name, target, [component], flag=attribute)

    def once(self, method: str, *args: object, **kwargs: object) -> int:
        """The id that this call gave before, or a new one: ``w.once("int_", "int", 4, signed=True)``."""
        key = (method, *map(repr, args), *sorted((k, repr(v)) for k, v in kwargs.items()))
        if key not in self._found:
            self._found[key] = getattr(self, method)(*args, **kwargs)
        return self._found[key]

    # -- output

    def build(self) -> bytes:
        """The bytes."""
        types, strings = b"".join(self._records), bytes(self._strings)
        layout = b""
        for kind in range(max(self.layout, default=-1) + 1):
            info_size, elem_size = self.layout.get(kind, (0, 0))
            layout += struct.pack(f"{self.endian}BBH", info_size, elem_size, 0)
        offsets = [0, len(types), len(types) + len(layout), len(strings)]
        if self.header >= 32:
            offsets += [len(types) if layout else 0, len(layout)]
        head = struct.pack(f"{self.endian}HBBI{len(offsets)}I", 0xEB9F, 1, 0, self.header, *offsets)
        return head.ljust(self.header, b"\0") + types + layout + strings

    def blob(self, source: str = "test", base: Blob | None = None) -> Blob:
        """The blob read back."""
        if base is None:
            base = self.base.blob(f"{source} base") if isinstance(self.base, BtfWriter) else self.base
        return Blob(self.build(), source, base)


def patch(data: bytes, offset: int, *words: int, endian: str = "<") -> bytes:
    """``data`` with 32-bit words overwritten at a byte offset."""
    out = bytearray(data)
    struct.pack_into(f"{endian}{len(words)}I", out, offset, *(w & 0xFFFFFFFF for w in words))
    return bytes(out)


class ExtWriter:
    """.BTF.ext in the making; ids and strings are those of ``btf``. ``sizes`` are those of the records."""

    def __init__(self, btf: BtfWriter, *, header: int = 32, sizes: tuple[int, int, int] = (8, 16, 16)) -> None:
        self.btf = btf
        self.header = header
        self.sizes = sizes
        self._rows: list[dict[str, list[tuple[int, ...]]]] = [{}, {}, {}]

    def _add(self, which: int, section: str, *words: int) -> None:
        self._rows[which].setdefault(section, []).append(words)

    def func(self, section: str, insn_off: int, type_id: int) -> None:
        """A function begins at byte ``insn_off``."""
        self._add(0, section, insn_off, type_id)

    def line(self, section: str, insn_off: int, file: str, text: str, line: int, column: int = 1) -> None:
        """Source line of byte ``insn_off``."""
        self._add(1, section, insn_off, self.btf.string(file), self.btf.string(text), line << 10 | column)

    def core(self, section: str, insn_off: int, type_id: int, access: str, kind: int) -> None:
        """CO-RE record of byte ``insn_off``."""
        self._add(2, section, insn_off, type_id, self.btf.string(access), kind)

    def build(self) -> bytes:
        """The bytes; records in order of their instruction."""
        endian, parts = self.btf.endian, []
        for rows, size in zip(self._rows, self.sizes, strict=True):
            part = b""
            for section, records in rows.items():
                part += struct.pack(f"{endian}II", self.btf.string(section), len(records))
                for words in sorted(records):
                    part += struct.pack(f"{endian}{len(words)}I", *words).ljust(size, b"\0")
            parts.append(struct.pack(f"{endian}I", size) + part if part else b"")
        parts = parts[: (self.header - 8) // 8]
        offsets: list[int] = []
        for i, part in enumerate(parts):
            offsets += [sum(map(len, parts[:i])), len(part)]
        head = struct.pack(f"{endian}HBBI{len(offsets)}I", 0xEB9F, 1, 0, self.header, *offsets)
        return head.ljust(self.header, b"\0") + b"".join(parts)


def distill(module: Blob) -> tuple[bytes, bytes]:
    """Split BTF as (split, distilled base): what it needs of its base as R-1.13 says, the rest moved into the split."""
    base = module.base
    assert base is not None
    needed, stack = set(), list(module)
    while stack:
        type_id = stack.pop()
        for other in _references(module, type_id):
            if 0 < other < module.start_id and other not in needed:
                needed.add(other)
                if not _is_distilled(base, other) or base.kind(other) not in (Kind.STRUCT, Kind.UNION):
                    stack.append(other)
    small = BtfWriter(module.endian)
    moved: dict[int, int] = {0: 0}
    for type_id in sorted(needed):
        kind, name = base.kind(type_id), base.name(type_id)
        if not _is_distilled(base, type_id):
            continue
        if kind == Kind.INT:
            integer = base.int_(type_id)
            moved[type_id] = small.int_(name, base.ref(type_id), encoding=integer.encoding, bits=integer.bits)
        elif kind == Kind.FWD:
            moved[type_id] = small.fwd(name, union=base.kind_flag(type_id))
        else:
            moved[type_id] = small.raw(Kind.ENUM if kind == Kind.ENUM64 else kind, name, base.ref(type_id))
    split = BtfWriter(module.endian, base=small)
    rest = [*list(module), *sorted(i for i in needed if i not in moved)]
    moved |= {old: split.start_id + at for at, old in enumerate(rest)}
    for type_id in rest:
        _copy(module, type_id, split, moved)
    return split.build(), small.build()


def _is_distilled(base: Blob, type_id: int) -> bool:
    kinds = (Kind.INT, Kind.FLOAT, Kind.FWD, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64)
    return base.name(type_id) != "" and base.kind(type_id) in kinds


def _references(blob: Blob, type_id: int) -> list[int]:
    kind = Kind(blob.kind(type_id))
    found = [blob.ref(type_id)] if kind in REFERENCES else []
    if kind == Kind.ARRAY:
        found += blob.array(type_id)[:2]
    if kind == Kind.DATASEC:
        found += [entry.type for entry in blob.secvars(type_id)]
    found += [member.type for member in blob.members(type_id)]
    return found + ([param.type for param in blob.params(type_id)] if kind == Kind.FUNC_PROTO else [])


def _copy(blob: Blob, type_id: int, to: BtfWriter, moved: Mapping[int, int]) -> None:
    """One type of ``blob`` at the end of ``to``."""
    kind, vlen, words = Kind(blob.kind(type_id)), blob.vlen(type_id), list[int]()
    if kind == Kind.INT:
        integer = blob.int_(type_id)
        words = [integer.encoding << 24 | integer.offset << 16 | integer.bits]
    elif kind == Kind.ARRAY:
        array = blob.array(type_id)
        words = [moved[array.type], moved[array.index_type], array.nelems]
    elif kind == Kind.VAR:
        words = [blob.linkage(type_id)]
    elif kind == Kind.DECL_TAG:
        words = [blob.component(type_id)]
    for member in blob.members(type_id):
        words += [to.string(member.name), moved[member.type], member.bit_size << 24 | member.bit_offset]
    for entry in blob.enumerators(type_id):
        value = [entry.value] if kind == Kind.ENUM else [entry.value, entry.value >> 32]
        words += [to.string(entry.name), *value]
    for param in blob.params(type_id) if kind == Kind.FUNC_PROTO else ():
        words += [to.string(param.name), moved[param.type]]
    for variable in blob.secvars(type_id) if kind == Kind.DATASEC else ():
        words += [moved[variable.type], variable.offset, variable.size]
    third = moved[blob.ref(type_id)] if kind in REFERENCES else blob.ref(type_id)
    to.raw(kind, blob.name(type_id), third, words, vlen, blob.kind_flag(type_id))
