# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Split BTF of kernel modules, parsed only when a need names something in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kfuncscope.btf.blob import Blob
from kfuncscope.errors import InputError
from kfuncscope.intake.files import ModuleSections, Problem


class Modules:
    """The modules of one kernel by name. What cannot be read is listed in ``problems`` and otherwise left out."""

    def __init__(self, readers: Mapping[str, Callable[[], ModuleSections]], vmlinux: Blob | None) -> None:
        self._readers = dict(readers)
        self._vmlinux = vmlinux
        self._raw: dict[str, ModuleSections] = {}
        self._blobs: dict[str, Blob | None] = {}
        self._holding: dict[str, list[str]] = {}
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
        """Blobs whose own strings begin a name with ``name``: a cheap search of bytes before anything is parsed."""
        known = self._holding.get(name)
        if known is None:
            needle = b"\0" + name.encode()
            known = [m for m in self.names if needle in b"\0" + self.sections(m).btf]
            self._holding[name] = known
        return [b for m in known if (b := self.blob(m)) is not None]

    def named(self, name: str) -> list[tuple[str, Blob]]:
        """(module, blob) of the modules that may hold ``name``."""
        self.holding(name)
        return [(m, b) for m in self._holding[name] if (b := self.blob(m)) is not None]
