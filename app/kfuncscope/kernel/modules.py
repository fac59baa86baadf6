# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Split BTF of kernel modules, parsed only when a need names something in one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from enum import Enum, auto
from functools import cached_property

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.btf.scan import base_name_offsets, string_section
from kfuncscope.errors import InputError
from kfuncscope.storage.files import InputProblem, ModuleSearch, ModuleSections

FEW = 64  # so many modules are searched one by one


class ModuleFault(Enum):
    """Why the BTF of a module cannot be used."""

    NO_BTF = auto()
    NO_TYPES = auto()
    OTHER_VMLINUX = auto()
    """It was built with another vmlinux, or is damaged."""
    OTHER_BASE = auto()
    """It has a base of its own (``.BTF.base``), which does not fit this vmlinux (R-1.13)."""


def misfit(blob: Blob, vmlinux: Blob) -> str:
    """Why split BTF was made for another vmlinux: its names do not begin where strings of this one begin (R-12.12)."""
    strings = vmlinux.strings
    wrong = any(0 < at < len(strings) and strings[at - 1] for at in blob.table.names)
    return "its BTF was built with another vmlinux: names do not begin where strings of this one do" if wrong else ""


class Modules:
    """The modules of one kernel by name.

    Files that cannot be read are listed in ``unreadable``, modules whose BTF is none or does not fit in ``problems``
    and, by name, in ``faults``.
    """

    def __init__(
        self,
        readers: Mapping[str, Callable[[], ModuleSections]],
        vmlinux: Blob | None,
        search: ModuleSearch | None = None,
    ) -> None:
        self._readers = readers
        self._search = search
        self._vmlinux = vmlinux
        self._raw: dict[str, ModuleSections] = {}
        self._blobs: dict[str, Blob | None] = {}
        self._holding: dict[str, list[str]] = {}
        self._uses: dict[str, memoryview] = {}
        self._strings: dict[str, bytes] = {}  # kept only where all modules are searched, so of FEW
        self.problems: list[InputProblem] = []
        self.faults: dict[str, ModuleFault] = {}
        self.unreadable: list[InputProblem] = []
        self._failed: set[str] = set()
        self._no_index = False

    def read_all(self, progress: Callable[[int, int, str], None] | None = None) -> list[InputProblem]:
        """Read every module once; those that cannot be read, whether or not a program asks for them."""
        if self._search is not None and len(self._readers) > FEW:
            self._search.prepare(progress)
            names = [name for name, _ in self._search.problems()]
        else:
            names = self.names
        for name in names:
            self.sections(name)
        return self.unreadable

    def __len__(self) -> int:
        return len(self._readers)

    def __contains__(self, name: object) -> bool:
        return name in self._readers

    @property
    def names(self) -> list[str]:
        """Names of all modules, sorted."""
        return sorted(self._readers)

    def sections(self, name: str) -> ModuleSections:
        """The raw sections of a module; empty ones where it cannot be read."""
        known = self._raw.get(name)
        if known is None:
            try:
                known = self._readers[name]()
            except InputError as error:
                self.unreadable.append(InputProblem(error.source, error.reason, error.offset))
                self._failed.add(name)
                known = ModuleSections(b"")
            self._raw[name] = known
        return known

    def blob(self, name: str) -> Blob | None:
        """The module's BTF on its vmlinux; None where it has none or it does not fit (R-1.12, R-1.13)."""
        if name not in self._blobs:
            self._blobs[name] = self._open(name)
        return self._blobs[name]

    def _open(self, name: str) -> Blob | None:
        sections = self.sections(name)
        if not sections.btf or self._vmlinux is None:
            if not sections.btf and name not in self._failed:
                self._refuse(name, ModuleFault.NO_BTF, "the BTF of the module is missing or empty")
            return None
        try:
            if sections.btf_base:
                from kfuncscope.btf.distill import relocate

                return relocate(sections.btf, sections.btf_base, self._vmlinux, name)
            made = Blob(sections.btf, name, self._vmlinux)
            if not made.own_count:
                self._refuse(name, ModuleFault.NO_TYPES, "its BTF is a header without types")
            elif fault := misfit(made, self._vmlinux):
                self._refuse(name, ModuleFault.OTHER_VMLINUX, fault)
            else:
                return made
        except InputError as error:
            fault_of = ModuleFault.OTHER_BASE if sections.btf_base else ModuleFault.OTHER_VMLINUX
            self._refuse(name, fault_of, error.reason, error.offset)
        return None

    def _refuse(self, name: str, fault: ModuleFault, reason: str, offset: int | None = None) -> None:
        self.problems.append(InputProblem(name, reason, offset))
        self.faults[name] = fault

    def refused(self, name: str) -> str:
        """A module that may have this name and whose BTF cannot be used, with the reason; empty where there is none."""
        self.holding(name)
        for module in self._holding[name]:
            if self.blob(module) is None:
                reason = next((p.reason for p in self.problems if p.path == module), "its BTF cannot be read")
                return f"module {module}: {reason}"
        return ""

    def holding(self, name: str) -> list[Blob]:
        """Blobs that may name something ``name`` (or a flavour of it): told from bytes before anything is parsed."""
        known = self._holding.get(name)
        if known is None:
            if self._search is not None and len(self._readers) > FEW:
                known = list(self._search.find([name]).get(name, ()))
            else:
                needle = b"\0" + name.encode()
                offsets = self._offsets(needle)
                known = [m for m in self.names if self._may_hold(m, needle, offsets)]
            self._holding[name] = known
        return [b for m in known if (b := self.blob(m)) is not None]

    def prepare(self, progress: Callable[[int, int, str], None]) -> None:
        """Make now what a search in the modules asks for; with thousands of them some seconds the first time."""
        if self._search is not None and len(self._readers) > FEW:
            self._search.prepare(progress)
        elif len(self._readers) <= FEW:
            _ = self._borrowed

    def _offsets(self, needle: bytes) -> list[int]:
        """Where the kernel's own strings hold the name: split BTF refers to them instead of repeating them."""
        if self._vmlinux is None or needle not in self._borrowed:
            return []
        strings, found, at = self._vmlinux.strings, [], -1
        while (at := strings.find(needle, at + 1)) >= 0:
            if strings[at + len(needle) : at + len(needle) + 1] in (b"\0", b"_"):
                found.append(at + 1)
        return found

    @cached_property
    def _borrowed(self) -> bytes:
        """The names that any module takes from the kernel's strings, a NUL before each: far fewer than the kernel's."""
        vmlinux = self._vmlinux
        if vmlinux is None:
            return b""
        if self._search is not None:
            # The index is made now where it was not before; it reads all of them.
            with contextlib.suppress(InputError):
                if (found := self._search.borrowed()) is not None:
                    return found
        used = {offset for module in self.names for offset in self._names_in_base(module).tolist()}
        return b"".join(b"\0" + vmlinux.strings[at : vmlinux.strings.index(b"\0", at)] for at in sorted(used))

    def _names_in_base(self, module: str) -> memoryview:
        """Offsets into the kernel's strings that a module's BTF uses as names; none where it has its own base."""
        known = self._uses.get(module)
        if known is None and (indexed := self._indexed(module)) is not None:
            known = self._uses[module] = indexed[1]
        if known is None:
            sections = self.sections(module)
            plain = sections.btf if self._vmlinux is not None and not sections.btf_base else b""
            known = base_name_offsets(plain, self._vmlinux.str_end if self._vmlinux is not None else 0)
            self._uses[module] = known
        return known

    def _indexed(self, module: str) -> tuple[bytes, memoryview] | None:
        """Strings and uses of a module out of the index; None where only its sections tell."""
        if self._search is None or self._vmlinux is None or self._no_index:
            return None
        try:
            return self._search.names_of(module)
        except InputError:
            self._no_index = True  # the cache cannot keep it
            return None

    def _may_hold(self, module: str, needle: bytes, offsets: list[int]) -> bool:
        strings, base = self._strings.get(module), b""
        if strings is None and (indexed := self._indexed(module)) is not None:
            strings = self._strings[module] = b"\0" + indexed[0]
        if strings is None:
            sections = self.sections(module)
            if not sections.btf:
                self.blob(module)  # which tells that it is empty
                return False
            base = sections.btf_base
            # The first string of split BTF has no NUL before it.
            strings = b"\0" + string_section(sections.btf)
            if not base:
                self._strings[module] = strings
        if needle in strings or needle in base:
            return True
        return bool(offsets) and not set(offsets).isdisjoint(self._names_in_base(module).tolist())

    def answering(self) -> dict[str, frozenset[str]]:
        """Name → modules that declare it, of all names that were asked for so far and that a module declares."""
        found = {n: frozenset(m for m, blob in self.named(n) if _declares(blob, n)) for n in sorted(self._holding)}
        return {name: modules for name, modules in found.items() if modules}

    def named(self, name: str) -> list[tuple[str, Blob]]:
        """(module, blob) of the modules that may hold ``name``."""
        self.holding(name)
        return [(m, b) for m in self._holding[name] if (b := self.blob(m)) is not None]


def _declares(blob: Blob, name: str) -> bool:
    """Whether a blob has more of a name than a forward declaration."""
    return any(blob.kind(i) != Kind.FWD for i in blob.own(name))
