# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What intake hands to the readers: the parts of one kernel, and BPF objects with the places they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, overload


@dataclass(frozen=True, slots=True)
class Input:
    """One file as a person gave it, for the report: path, SHA-256 in hex, size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class InputProblem:
    """An input, or a part of one, that could not be used. ``offset`` in bytes or None."""

    path: str
    reason: str
    offset: int | None = None


_TOLD = ("image", "package", "config", "")  # sources of a kernel's version, the best first


Columns = Mapping[str, memoryview]
"""What was derived from a part, as numbers beside the bytes themselves."""


@dataclass(frozen=True, slots=True)
class Later:
    """Bytes that are read when they are first asked for: most runs need no more than their SHA-256 (in hex).

    ``columns`` gives what was derived from them elsewhere, where its argument says that it can be used; None where
    there is nothing that this machine can use. It raises InputError.
    """

    read: Callable[[], bytes]
    sha256: str
    columns: Callable[[Callable[[Columns], bool]], Columns | None] | None = None

    def __call__(self) -> bytes:
        """The bytes. Raises InputError."""
        return self.read()


Held = bytes | Later | None


class Part:
    """A field of ``KernelFiles`` that gives bytes, or None; a ``Later`` that was set is read once, by the first get."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, files: None, owner: type) -> None: ...
    @overload
    def __get__(self, files: KernelFiles, owner: type) -> bytes | None: ...
    def __get__(self, files: KernelFiles | None, owner: type) -> bytes | None:
        if files is None:
            return None  # the default of the field
        held = files.held(self._name)
        if isinstance(held, Later):
            data = held.read()
            files.digests[self._name] = data, held.sha256
            files.__dict__[self._name] = held = data
        return held

    def __set__(self, files: KernelFiles, value: Held) -> None:
        files.__dict__[self._name] = value


@dataclass
class KernelFiles:
    """The parts of one kernel build, still as bytes; ``btf`` and ``symbols`` are read when first asked for.

    ``arch`` is the kernel community's word (x86_64, arm64, ...) where a package or path tells it, else None.
    ``release`` is what ``uname -r`` says, ``version`` the version of Linux (x.y.z) that it was made from, with where
    that is told: ``image``, ``package`` or ``config``; the release may name an ABI only (R-12.21). ``unnumbered`` tells
    that the kernel says x.y alone wherever libbpf looks for its version, so that libbpf finds none (R-12.29).
    ``modules`` maps a module name to a function that reads its ``.BTF`` (and ``.BTF.base``, ``.BTF_ids``) sections.
    ``modules_sha256`` tells by their content whether all of them are the same as at another time; None where unknown.
    ``symbols`` is text as in kallsyms or System.map, or lines of "type name", where a file with it was given.
    ``probe`` is what ``bpftool -j feature probe`` said on that kernel, where a file with it was given.
    ``image`` reads the uncompressed kernel (vmlinux ELF or raw Image) where one was given: kfunc sets are read from it.
    It takes up to a second and 100 MB, so what is derived from it belongs into the cache under ``image_sha256``.
    ``kallsyms`` decodes the symbol table inside the image to lines of "type name"; about a second the first time.
    ``module_search`` tells which of thousands of modules are worth opening; it reads them all the first time.
    ``facts`` reads what was made of the image elsewhere (``image``, ``listed``), where a pack of a kernel stands for
    it; ``packed`` names that pack by its content (several by commas), under which alone is kept what it claims, and
    ``packed_at`` is its path where the pack is the whole kernel.
    All callables are picklable and may raise InputError.
    """

    label: str
    arch: str | None = None
    release: str | None = None
    btf: Part = Part()
    config: bytes | None = None
    modules: Mapping[str, Callable[[], ModuleSections]] = field(default_factory=dict)
    module_search: ModuleSearch | None = None
    modules_sha256: str | None = None
    symbols: Part = Part()
    probe: bytes | None = None
    image: Callable[[], bytes] | None = None
    image_sha256: str | None = None
    kallsyms: Callable[[], bytes] | None = None
    inputs: tuple[Input, ...] = ()
    problems: tuple[InputProblem, ...] = ()
    version: str | None = None
    version_source: str = ""
    unnumbered: bool = False
    facts: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)
    packed: str = ""
    packed_at: str = ""
    digests: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def held(self, part: str) -> Held:
        """``btf``, ``config``, ``symbols`` or ``probe`` as it is held, without reading it; falsy where none is."""
        held: Held = self.__dict__[part]
        return held

    def part_digest(self, part: str) -> str:
        """SHA-256 in hex of ``btf``, ``config``, ``symbols`` or ``probe``, empty where that was not given.

        ``digests`` holds what is known of some parts: the very bytes, and their hash.
        """
        data = self.held(part)
        if isinstance(data, Later):
            return data.sha256
        if not data:
            return ""
        known = self.digests.get(part)
        if known is None or known[0] is not data:
            known = self.digests[part] = data, hashlib.sha256(data).hexdigest()
        return known[1]

    def tell_version(self, version: str | None, source: str) -> None:
        """Take a version from a source unless a better one has told it."""
        if version and _TOLD.index(source) < _TOLD.index(self.version_source):
            self.version, self.version_source = version, source


class ModuleSearch(Protocol):
    """Which modules to open for a need, without opening them one by one. Picklable; cached between runs."""

    def prepare(self, progress: Callable[[int, int, str], None] | None = None) -> None:
        """Make the index now (some seconds the first time), telling (done, total, label)."""

    def with_sets(self) -> tuple[str, ...]:
        """Modules with kfunc sets: those that have ``__BTF_ID__set8__*`` symbols, sorted."""

    def find(self, names: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Modules whose BTF may have a type, function or variable of each name; names found nowhere are left out.

        ``name___flavour`` counts, too, as CO-RE compares names without flavours on both sides.

        May name a module too many (the name can be of a member there), never one too few.
        """

    def borrowed(self) -> bytes | None:
        """The names that modules without a base of their own take from the kernel's strings, a NUL before each.

        None where the cache lost them.
        """

    def names_of(self, module: str) -> tuple[bytes, memoryview] | None:
        """A module's strings, and the offsets at which it uses those of the kernel.

        None where it has no BTF, or a base of its own.
        """

    def problems(self) -> tuple[tuple[str, str], ...]:
        """(module, reason) of those that could not be read."""


@dataclass(frozen=True, slots=True)
class ModuleSections:
    """The sections of one kernel module that matter here; empty bytes where a section is absent.

    ``set8`` holds (offset, size) in ``btf_ids`` of each ``__BTF_ID__set8__*`` symbol, where .symtab names them.
    """

    btf: bytes
    btf_base: bytes = b""
    btf_ids: bytes = b""
    set8: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object was found: package (or archive) and version, path inside it, byte offset when carved."""

    package: str
    path: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Loader:
    """What loads an object: ``libbpf``, ``cilium`` (cilium/ebpf), ``aya`` or ``bpftrace``; empty where nothing tells.

    ``oldest`` and ``newest`` bound its version (``0.8``), each empty where that is not known. ``where`` is the file
    that tells it; ``chosen``: a person said so.
    """

    name: str = ""
    oldest: str = ""
    newest: str = ""
    where: str = ""
    chosen: bool = False


UNKNOWN_LOADER = Loader()


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An object that another machine has read and this one has not: SHA-256, bytes, byte order (``<`` or ``>``), the
    file that holds it with its SHA-256, and the name by which that file is known in reports."""

    sha256: str
    size: int
    endian: str
    path: bytes
    file_sha256: str
    known_as: str


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """One BPF ELF object, once however often it occurs. ``name`` is short and unique within the analysis.

    ``given`` are the paths, as a person gave them, of the files, folders and packages in which it was found.
    ``elsewhere`` stands for the bytes, which are empty then, where only another machine has read them.
    """

    name: str
    data: bytes
    sha256: str
    places: tuple[Place, ...]
    given: tuple[str, ...] = ()
    loader: Loader = UNKNOWN_LOADER
    elsewhere: Elsewhere | None = None

    @property
    def size(self) -> int:
        """Bytes of the object."""
        return len(self.data) if self.elsewhere is None else self.elsewhere.size

    @property
    def endian(self) -> str:
        """Byte order as the ELF header has it, ``<`` or ``>``."""
        if self.elsewhere is not None:
            return self.elsewhere.endian
        return "<" if self.data[5:6] == b"\x01" else ">"
