# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kernel as separate files: raw BTF (also compressed), and config, modules, symbols and a probe beside it or
named."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from kfuncscope.arch import arch_of_config
from kfuncscope.containers.detect import COMPRESSED, HEAD, Kind, detect
from kfuncscope.containers.unpack import bare_name, peel
from kfuncscope.errors import InputError, KernelError
from kfuncscope.intake import identity
from kfuncscope.intake.modules import ModuleFile, module_name
from kfuncscope.storage import lookup
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import Held, Input, InputProblem, KernelFiles, Later, ModuleSections
from kfuncscope.storage.read import as_input, input_of, read_file, shown

_LARGEST_KEPT = 32 << 20
_LARGEST = 1 << 30
_MOST_FILES = 500_000
_KEY = "uncompressed:2:"
_PART_NAMES = frozenset({"btf", "config", "modules", "probe", "symbols"})


def split_btf_folder(folder: Path) -> dict[str, Callable[[], ModuleSections]]:
    """Readers for every ``NAME.btf`` (or compressed) in ``folder``, by module name; where it has none, for every
    ``NAME.ko`` in it or below, as in a build tree."""
    found = sorted(p for p in folder.iterdir() if bare_name(p.name).endswith(".btf"))
    return {module_name(p.name): ModuleFile(str(p)) for p in found} or dict(modules_below(folder))


def modules_below(folder: Path) -> Iterator[tuple[str, Callable[[], ModuleSections]]]:
    """Readers for every module (``.ko``, also compressed) in ``folder`` and below, by module name.

    Raises KernelError where there are too many files to look at.
    """
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in ("build", "source", ".git"))
        for name in sorted(names):
            count += 1
            if count > _MOST_FILES:
                raise KernelError(str(folder), f"more than {_MOST_FILES} files")
            if bare_name(name).endswith(".ko"):
                yield module_name(name), ModuleFile(os.path.join(place, name))


def _sibling(path: Path, name: str) -> Path | None:
    for suffix in ("", ".xz", ".gz", ".zst"):
        beside = path.parent / (name + suffix)
        if lookup.is_file(beside) and beside != path:
            return beside
    return None


class _Meta(TypedDict):
    """What a kept file says of what it holds, so that it need not be read."""

    sha256: str
    btf: bool


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A file's record and what it holds when every compression is off, with SHA-256 of that in hex."""

    given: Input
    data: bytes | Later
    sha256: str
    is_btf: bool

    def read(self) -> bytes:
        """The bytes themselves. Raises InputError."""
        return self.data.read() if isinstance(self.data, Later) else self.data


@dataclass(frozen=True, slots=True)
class _FromCache:
    """Reads what a compressed file held; the file itself again where the cache lost it."""

    path: Path
    given: Input
    sha256: str

    def __call__(self) -> bytes:
        pack = default_cache().pack(_KEY + self.given.sha256)
        plain = pack.read("") if pack is not None and "" in pack else None
        if plain is None:
            plain = peel(read_file(self.path, _LARGEST_KEPT), self.given.path)
            if hashlib.sha256(plain).hexdigest() != self.sha256:
                raise InputError(self.given.path, "changed while it was in use; run the command again")
        return plain


def known_blob(path: Path) -> KernelFiles | None:
    """A kernel from compressed BTF that was opened before: uncompressing it takes longer than judging an object."""
    found = _kept(path) if _is_compressed(path) else None
    return from_blob(path, found) if found is not None and found.is_btf else None


def unpacked(path: Path, limit: int = _LARGEST) -> Unpacked:
    """What a file holds. Raises InputError."""
    if _is_compressed(path) and (found := _kept(path)) is not None:
        return found
    data = read_file(path, limit)
    given, plain = as_input(path, data), peel(data, shown(path))
    is_btf = detect(plain[:HEAD]) is Kind.BTF
    if plain is data:
        return Unpacked(given, data, given.sha256, is_btf)
    digest = hashlib.sha256(plain).hexdigest()
    if len(data) <= _LARGEST_KEPT:
        meta: _Meta = {"sha256": digest, "btf": is_btf}
        default_cache().put(_KEY + given.sha256, plain, dict(meta), compress=False)
    return Unpacked(given, plain, digest, is_btf)


def _is_compressed(path: Path) -> bool:
    try:
        if not lookup.is_file(path) or path.stat().st_size > _LARGEST_KEPT:
            return False
        with path.open("rb") as file:
            return detect(file.read(HEAD)) in COMPRESSED
    except (OSError, ValueError):
        return False


def _kept(path: Path) -> Unpacked | None:
    given = input_of(path)
    pack = default_cache().pack(_KEY + given.sha256, _Meta)
    if pack is None or "" not in pack:
        return None
    digest = pack.meta["sha256"]
    return Unpacked(given, Later(_FromCache(path, given, digest), digest), digest, pack.meta["btf"])


def from_blob(path: Path, blob: Unpacked) -> KernelFiles:
    """A kernel from raw BTF and what stands beside it: ``config``, ``symbols``, ``probe.json`` (also compressed) and
    ``modules/``."""
    parts: dict[str, Path | None] = {"config": _sibling(path, "config"), "symbols": _sibling(path, "symbols"),
                                      "probe": _sibling(path, "probe.json")}  # fmt: skip
    modules = path.parent / "modules"
    parts["modules"] = modules if lookup.is_dir(modules) else None
    return _assemble(path, blob, parts)


def named_parts(given: str) -> dict[str, Path] | None:
    """Split ``btf=F,config=F,modules=D,symbols=F,probe=F``; None when ``given`` is no such text but a path.

    Raises KernelError for an unknown or doubled part.
    """
    if given.partition("=")[0] not in _PART_NAMES:
        return None
    parts: dict[str, Path] = {}
    for piece in given.split(","):
        name, equals, value = piece.partition("=")
        if name not in _PART_NAMES or not equals or not value:
            known = ", ".join(sorted(_PART_NAMES))
            raise KernelError(given, f"{piece!r} is not a part of a kernel; expected NAME=FILE, NAME one of {known}")
        if name in parts:
            raise KernelError(given, f"part {name!r} is given twice")
        parts[name] = Path(value)
    return parts


def build_tree(folder: Path) -> dict[str, Path] | None:
    """The parts of the kernel that was built in ``folder``, as ``named_parts`` gives them; None where none was."""
    parts = {"btf": folder / "vmlinux", "config": folder / ".config"}
    if not all(lookup.is_file(path) for path in parts.values()):
        return None
    symbols = folder / "System.map"
    return parts | ({"symbols": symbols} if lookup.is_file(symbols) else {}) | {"modules": folder}


def from_named(parts: Mapping[str, Path], blob: Unpacked | None = None) -> KernelFiles:
    """A kernel from parts named one by one, its BTF as it was read."""
    label = parts.get("btf", parts.get("config", next(iter(parts.values()))))
    return _assemble(label, blob, {k: v for k, v in parts.items() if k != "btf"})


def _assemble(path: Path, blob: Unpacked | None, parts: Mapping[str, Path | None]) -> KernelFiles:
    found = {"btf": blob} if blob is not None else {}
    problems: list[InputProblem] = []
    for name in ("config", "symbols", "probe"):
        if (part := parts.get(name)) is None:
            continue
        try:
            one = unpacked(part)
            # The config alone tells architecture and release, so it is read now; a probe is small.
            found[name] = one if name == "symbols" else replace(one, data=one.read())
        except InputError as error:
            problems.append(InputProblem(error.source, error.reason, error.offset))
    modules: dict[str, Callable[[], ModuleSections]] = {}
    if (folder := parts.get("modules")) is not None:
        try:
            modules = split_btf_folder(folder)
        except OSError as error:
            problems.append(InputProblem(str(folder), error.strerror or str(error)))
        except KernelError as error:
            problems.append(InputProblem(error.source, error.reason))
    held: dict[str, Held] = {name: one.data for name, one in found.items()}
    read = {name: (one.data, one.sha256) for name, one in found.items() if isinstance(one.data, bytes)}
    config = read["config"][0] if "config" in read else None
    return KernelFiles(
        label=f"{path.parent.name}/{path.name}" if path.parent.name else path.name,
        arch=arch_of_config(config) if config else None,
        release=identity.release_of_config(config) if config else None,
        btf=held.get("btf"),
        config=config,
        modules=modules,
        symbols=held.get("symbols"),
        probe=read["probe"][0] if "probe" in read else None,
        inputs=tuple(one.given for one in found.values()),
        problems=tuple(problems),
        digests=read,
    )
