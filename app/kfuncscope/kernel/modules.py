# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Split BTF of kernel modules, parsed only when a need names something in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kfuncscope.btf.blob import Blob
from kfuncscope.errors import InputError
from kfuncscope.intake.files import ModuleSearch, ModuleSections, Problem
from kfuncscope.intake.modules import base_name_offsets, btf_strings

FEW = 64  # so many modules are searched one by one


class Modules:
    """The modules of one kernel by name. What cannot be read is listed in ``problems`` and otherwise left out."""

    def __init__(
        self,
        readers: Mapping[str, Callable[[], ModuleSections]],
        vmlinux: Blob | None,
        search: ModuleSearch | None = None,
    ) -> None:
        self._readers = dict(readers)
        self._search = search
        self._vmlinux = vmlinux
        self._raw: dict[str, ModuleSections] = {}
        self._blobs: dict[str, Blob | None] = {}
        self._holding: dict[str, list[str]] = {}
        self._uses: dict[str, np.ndarray[Any, np.dtype[np.uint32]]] = {}
        self.problems: list[Problem] = []

    def __len__(self) -> int:
        return len(self._readers)

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
                self.problems.append(Problem(error.source, error.reason, error.offset))
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
            if not sections.btf:
                self.problems.append(Problem(name, "the module has an empty BTF, or none"))
            return None
        try:
            if sections.btf_base:
                from kfuncscope.btf.distill import relocate

                return relocate(sections.btf, sections.btf_base, self._vmlinux, name)
            return Blob(sections.btf, name, self._vmlinux)
        except InputError as error:
            self.problems.append(Problem(name, error.reason, error.offset))
            return None

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
        """Make the index of thousands of modules now, where there are so many; some seconds the first time."""
        if self._search is not None and len(self._readers) > FEW:
            self._search.prepare(progress)

    def _offsets(self, needle: bytes) -> list[int]:
        """Where the kernel's own strings hold the name: split BTF refers to them instead of repeating them."""
        if self._vmlinux is None:
            return []
        strings, found, at = btf_strings(self._vmlinux.data), [], -1
        while (at := strings.find(needle, at + 1)) >= 0:
            if strings[at + len(needle) : at + len(needle) + 1] in (b"\0", b"_"):
                found.append(at + 1)
        return found

    def _may_hold(self, module: str, needle: bytes, offsets: list[int]) -> bool:
        sections = self.sections(module)
        if not sections.btf:
            self.blob(module)  # which tells that it is empty
            return False
        # The first string of split BTF has no NUL before it.
        if needle in b"\0" + btf_strings(sections.btf) or needle in sections.btf_base:
            return True
        if not offsets or sections.btf_base or self._vmlinux is None:
            return False
        if module not in self._uses:
            self._uses[module] = base_name_offsets(sections.btf, self._vmlinux.str_end)
        return bool(np.isin(self._uses[module], np.array(offsets, dtype="<u4")).any())

    def named(self, name: str) -> list[tuple[str, Blob]]:
        """(module, blob) of the modules that may hold ``name``."""
        self.holding(name)
        return [(m, b) for m in self._holding[name] if (b := self.blob(m)) is not None]
