# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernel modules: the sections of one, and an index over thousands, so that only those needed are opened."""

from __future__ import annotations

import os
import sys
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from kfuncscope.btf.layout import STARTS, read_header
from kfuncscope.btf.scan import base_name_offsets, string_section
from kfuncscope.containers.unpack import bare_name, peel
from kfuncscope.elf.tables import read_elf
from kfuncscope.errors import InputError, KernelError
from kfuncscope.storage import kernelpack
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import ModuleSections
from kfuncscope.storage.kernelpack import Parts
from kfuncscope.storage.pack import Pack
from kfuncscope.storage.read import Progress, read_file

if TYPE_CHECKING:
    from concurrent import futures
else:
    from kfuncscope.deferred import futures

VERSION = 4
"""Part of every cache key here; raised whenever what is stored changes."""

_ALONE = 40
_FEW = 10
_STEP = 2 << 20
_SET8 = b"__BTF_ID__set8__"


def module_name(file_name: str) -> str:
    """The kernel's name of a module from a file name (``xt-foo.ko.xz`` is ``xt_foo``)."""
    bare = bare_name(file_name)
    for suffix in (".ko", ".btf"):
        bare = bare.removesuffix(suffix)
    return bare.replace("-", "_")


def module_sections(data: bytes, source: str) -> ModuleSections:
    """The sections of a module file (.ko, also compressed) or of raw split BTF. Raises InputError."""
    data = peel(data, source)
    if data[:3] in STARTS:
        start, end = read_header(data, source).types
        if start == end:
            raise InputError(source, f"BTF of {len(data)} bytes with a header but no types")
        return ModuleSections(btf=data)
    elf = read_elf(data, source)
    sets = tuple(
        (s.name, s.value, s.size)
        for s in elf.symbols(_SET8)
        if s.section < len(elf.sections) and elf.sections[s.section].name == ".BTF_ids"
    )
    return ModuleSections(elf.section(".BTF"), elf.section(".BTF.base"), elf.section(".BTF_ids"), sets)


@dataclass(frozen=True, slots=True)
class ModuleFile:
    """Reads one module from a file on disk: ``x.ko.xz``, ``x.btf.xz`` or ``/sys/kernel/btf/x``."""

    path: str

    def __call__(self) -> ModuleSections:
        return module_sections(read_file(Path(self.path)), self.path)


class IndexMeta(TypedDict):
    """What an index says beside strings and offsets: kfunc sets, where each module's part is, what is unreadable."""

    set8: dict[str, list[tuple[str, int, int]]]
    spans: list[tuple[str, int, int, int, int]]
    problems: list[tuple[str, str]]


class ModuleIndex:
    """All modules of one kernel in one cached pack: their sections, and the names in them (see files.ModuleSearch).

    ``key`` identifies the modules' content; ``base`` gives the kernel's own BTF, because a module's names that the
    kernel's BTF has, too, stand only there. ``label`` names the kernel in errors.
    """

    def __init__(
        self,
        key: str,
        modules: Mapping[str, Callable[[], ModuleSections]],
        base: Callable[[], bytes | None],
        label: str = "kernel",
    ) -> None:
        self._key = f"modules:{VERSION}:{sys.byteorder}:{key}"
        self._label = label
        self._modules = modules
        self._base = base
        self._names: _Names | None = None
        self._read_alone = 0

    def __getstate__(self) -> dict[str, Any]:
        """Leave the loaded names behind when crossing to another process: they are read again from the cache."""
        return {**self.__dict__, "_names": None}

    def prepare(self, progress: Progress | None = None) -> None:
        """Make the index unless it is cached already."""
        self._pack(progress)

    def with_sets(self) -> tuple[str, ...]:
        """Modules with kfunc sets, sorted."""
        return tuple(sorted(self._pack().meta["set8"]))

    def problems(self) -> tuple[tuple[str, str], ...]:
        """(module, reason) of those that could not be read."""
        return tuple((name, reason) for name, reason in self._pack().meta["problems"])

    def find(self, names: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Modules whose BTF may have a type, function or variable of each name, also as ``name___flavour``."""
        if self._names is None:
            self._names = self._load()
        return self._names.find({n for n in names if n})

    def borrowed(self) -> bytes | None:
        """See files.ModuleSearch."""
        return self._pack().read("borrowed")

    def names_of(self, module: str) -> tuple[bytes, memoryview] | None:
        """See files.ModuleSearch."""
        if self._names is None:
            self._names = self._load()
        pack = default_cache().pack(self._key, IndexMeta)
        known = pack is not None and pack.size(f"{module}/btf") and f"{module}/base" not in pack
        return self._names.of(module) if known else None

    def _load(self) -> _Names:
        for _ in range(2):
            pack = self._pack()
            strings, offsets = pack.read("strings"), pack.read("base")
            if strings is not None and offsets is not None:
                return _Names(strings, offsets, pack.meta["spans"], lambda: string_section(self._base() or b""))
        raise KernelError(self._label, "the index of modules cannot be kept in the cache")

    def sections(self, name: str, reader: Callable[[], ModuleSections]) -> ModuleSections:
        """One module's sections, out of the index where it is made, else by ``reader``.

        Who reads module after module gets the index made, which reads them all at once and far quicker.
        """
        cache = default_cache()
        pack = cache.pack(self._key, IndexMeta)
        if pack is None:
            self._read_alone += 1
            if self._read_alone <= _ALONE:
                return reader()
            pack = self._pack()
        parts = [pack.read(f"{name}/{part}") if f"{name}/{part}" in pack else b"" for part in ("btf", "base", "ids")]
        # Not in the index, or the pack was damaged: the module's own file tells which.
        if f"{name}/btf" not in pack or None in parts:
            return reader()
        sets = tuple((s, o, z) for s, o, z in pack.meta["set8"].get(name, ()))
        return ModuleSections(parts[0] or b"", parts[1] or b"", parts[2] or b"", sets)

    def _pack(self, progress: Progress | None = None) -> Pack:
        return default_cache().pack(self._key, IndexMeta) or self._build(progress)

    def _build(self, progress: Progress | None) -> Pack:
        try:
            return self._write(progress)
        except OSError as error:
            raise KernelError(self._label, f"the index of modules cannot be kept in the cache: {error}") from error

    def _write(self, progress: Progress | None) -> Pack:
        cache = default_cache()
        writer = cache.writer(self._key)
        try:
            base = string_section(self._base() or b"")
            index = NamesIndex(len(base))
            for done, (name, read) in enumerate(_read_all(self._modules)):
                if progress:
                    progress(done, len(self._modules), name)
                if isinstance(read, str):
                    index.problems.append([name, read])
                    continue
                index.add(name, read)
                writer.add(f"{name}/btf", read.btf)
                if read.btf_base:
                    writer.add(f"{name}/base", read.btf_base)
                if read.btf_ids:
                    writer.add(f"{name}/ids", read.btf_ids)
            writer.add("strings", b"".join(index.strings))
            writer.add("base", b"".join(index.offsets))
            writer.add("borrowed", index.borrowed(base))
            pack = writer.close(index.meta())
        except BaseException:
            writer.drop()
            raise
        cache.trim()
        return pack


class PackedIndex:
    """The index of all modules as a pack of their kernel has it (see files.ModuleSearch); nothing is kept elsewhere."""

    def __init__(self, parts: Parts, base: Callable[[], bytes | None]) -> None:
        self._parts = parts
        self._base = base
        self._names: _Names | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the loaded names behind when crossing to another process."""
        return {**self.__dict__, "_names": None}

    def prepare(self, progress: Progress | None = None) -> None:
        """The index is made. Raises InputError where the pack is damaged."""
        _ = self._parts.rows

    def with_sets(self) -> tuple[str, ...]:
        """Modules with kfunc sets, sorted."""
        return tuple(sorted(name for name, row in self._parts.rows.items() if row.sets))

    def problems(self) -> tuple[tuple[str, str], ...]:
        """(module, reason) of those that could not be read when the pack was made."""
        return tuple((name, str(InputError(*row.failed))) for name, row in self._parts.rows.items() if row.failed)

    def find(self, names: Collection[str]) -> dict[str, tuple[str, ...]]:
        """See ModuleIndex."""
        return self._loaded().find({name for name in names if name})

    def borrowed(self) -> bytes | None:
        """See files.ModuleSearch."""
        return self._parts.read(kernelpack.BORROWED)

    def names_of(self, module: str) -> tuple[bytes, memoryview] | None:
        """See files.ModuleSearch."""
        row = self._parts.rows.get(module)
        return self._loaded().of(module) if row is not None and row.sizes[0] and not row.sizes[1] else None

    def _loaded(self) -> _Names:
        if self._names is None:
            strings, uses = self._parts.read(kernelpack.STRINGS), self._parts.read(kernelpack.USES)
            spans: list[list[Any]] = []
            at = word = 0
            for name, row in self._parts.rows.items():
                size, words = row.names
                spans.append([name, at, at + size, word, word + words])
                at, word = at + size, word + words
            if (at, 4 * word) != (len(strings), len(uses)):
                raise kernelpack.damaged(self._parts.path, "names of modules are not what was written")
            uses = kernelpack.little(uses)
            self._names = _Names(strings, uses, spans, lambda: string_section(self._base() or b""))
        return self._names


@dataclass(frozen=True, slots=True)
class IndexedModule:
    """Reads one module through the index of all."""

    index: ModuleIndex
    name: str
    reader: Callable[[], ModuleSections]

    def __call__(self) -> ModuleSections:
        return self.index.sections(self.name, self.reader)


class IndexedModules(Mapping[str, Callable[[], ModuleSections]]):
    """The modules of a kernel, read through the index once that is made."""

    def __init__(self, index: ModuleIndex, modules: Mapping[str, Callable[[], ModuleSections]]) -> None:
        self._index = index
        self._modules = modules

    def __getitem__(self, name: str) -> Callable[[], ModuleSections]:
        return IndexedModule(self._index, name, self._modules[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


class _Names:
    """The strings of all modules one after the other, and the offsets at which they use the kernel's own strings."""

    def __init__(self, strings: bytes, uses: bytes, spans: list[list[Any]], base: Callable[[], bytes]) -> None:
        # A split BTF's first string may begin without a NUL before it.
        self._strings = b"\0" + strings
        self._uses = uses
        self._base = base
        self._spans = {span[0]: span[1:] for span in spans}
        self._modules: list[str] = list(self._spans)
        self._starts: list[int] = [span[1] + 1 for span in spans]
        self._word_starts: list[int] = [span[3] for span in spans]

    def of(self, module: str) -> tuple[bytes, memoryview] | None:
        """One module's strings and the offsets of the kernel's strings that it uses; None where it is not here."""
        if (span := self._spans.get(module)) is None:
            return None
        start, end, first, last = span
        return self._strings[start + 1 : end + 1], memoryview(self._uses).cast("I")[first:last]

    def find(self, names: set[str]) -> dict[str, tuple[str, ...]]:
        """Name → modules that declare or use it, sorted; a flavour (``name___x``) counts for its name."""
        found: dict[str, set[str]] = {}
        for name, at in self._strings_with(names, self._strings):
            found.setdefault(name, set()).add(self._modules[bisect_right(self._starts, at) - 1])
        by_offset = {at: name for name, at in self._strings_with(names, self._base())}
        if by_offset:
            for offset, hit in _words_among(by_offset, self._uses):
                found.setdefault(by_offset[offset], set()).add(self._modules[bisect_right(self._word_starts, hit) - 1])
        return {name: tuple(sorted(modules)) for name, modules in sorted(found.items())}

    def _strings_with(self, names: set[str], strings: bytes) -> Iterator[tuple[str, int]]:
        """(name, offset) of the strings that are one of ``names``, or one with a flavour behind it."""
        if len(names) > _FEW:
            yield from _walk({name.encode() for name in names}, strings)
            return
        for name in names:
            needle = b"\0" + name.encode()
            at = strings.find(needle)
            while at >= 0:
                behind = at + len(needle)
                if strings[behind : behind + 1] == b"\0" or strings[behind : behind + 3] == b"___":
                    yield name, at + 1
                at = strings.find(needle, behind)


def _words_among(wanted: Collection[int], words: bytes) -> Iterator[tuple[int, int]]:
    """(word, its index) of the words of 32 bits that are wanted."""
    if len(wanted) > _FEW:
        import numpy as np

        column = np.frombuffer(words, np.uint32)
        hits = np.flatnonzero(np.isin(column, np.array(list(wanted), np.uint32)))
        yield from zip(column[hits].tolist(), hits.tolist(), strict=True)
        return
    for word in wanted:  # numpy takes longer to load than a few searches take
        needle = word.to_bytes(4, sys.byteorder)
        at = words.find(needle)
        while at >= 0:
            if at % 4 == 0:
                yield word, at // 4
            at = words.find(needle, at + 1)


def _walk(wanted: set[bytes], strings: bytes) -> Iterator[tuple[str, int]]:
    """The same by looking at every string once, which is quicker for more than a few names."""
    start = 0
    while start < len(strings):
        # Split piece by piece: there are millions of strings, each of which costs more memory than its letters.
        end = strings.find(b"\0", start + _STEP)
        end = end + 1 if end >= 0 else len(strings)
        at = start
        for text in strings[start:end].split(b"\0"):
            if text in wanted:
                yield text.decode(), at
            cut = text.find(b"___")
            while cut > 0:
                if text[:cut] in wanted:
                    yield text[:cut].decode(), at
                cut = text.find(b"___", cut + 1)
            at += len(text) + 1
        start = end


class NamesIndex:
    """Gathers the names of modules one after the other."""

    def __init__(self, base_size: int) -> None:
        self.strings: list[bytes] = []
        self.offsets: list[bytes] = []
        self.problems: list[list[str]] = []
        self._base_size = base_size
        self._borrowed: set[int] = set()
        self._spans: list[list[Any]] = []
        self._sets: dict[str, list[tuple[str, int, int]]] = {}
        self._at = self._word = 0

    def add(self, name: str, sections: ModuleSections) -> None:
        """Take in one module: its strings, what it uses of the base, and its kfunc sets."""
        if sections.set8:
            self._sets[name] = list(sections.set8)
        strings = string_section(sections.btf)
        uses = base_name_offsets(sections.btf, self._base_size)
        self._spans.append([name, self._at, self._at + len(strings), self._word, self._word + len(uses)])
        self.strings.append(strings)
        self.offsets.append(uses.tobytes())
        self._at += len(strings)
        self._word += len(uses)
        if not sections.btf_base:
            self._borrowed.update(uses.tolist())

    def borrowed(self, base: bytes) -> bytes:
        """The names that modules take from the kernel's strings, a NUL before each."""
        return b"".join(b"\0" + base[at : base.index(b"\0", at)] for at in sorted(self._borrowed))

    def meta(self) -> dict[str, Any]:
        """What the stored index tells beside strings and offsets."""
        return {"set8": self._sets, "spans": self._spans, "problems": self.problems}


def _read_all(
    modules: Mapping[str, Callable[[], ModuleSections]],
) -> Iterator[tuple[str, ModuleSections | str]]:
    """Every module in order, read by threads (decompression lets go of the interpreter lock), or why not."""

    def read(name: str) -> tuple[str, ModuleSections | str]:
        try:
            return name, modules[name]()
        except InputError as error:
            return name, str(error)

    names = sorted(modules)
    pool = futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    try:
        # A window keeps the memory small when reading is quicker than writing.
        for at in range(0, len(names), 256):
            yield from pool.map(read, names[at : at + 256])
    finally:
        pool.shutdown(cancel_futures=True)
