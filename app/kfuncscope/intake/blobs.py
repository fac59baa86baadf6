# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kernel as separate files: raw BTF (also compressed), and config, modules and symbols beside it or named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from kfuncscope.arch import arch_of_config
from kfuncscope.containers.detect import HEAD, Kind, detect
from kfuncscope.containers.unpack import bare_name, peel
from kfuncscope.errors import InputError, KernelError
from kfuncscope.intake import identity
from kfuncscope.intake.modules import ModuleFile, module_name
from kfuncscope.storage.files import Input, KernelFiles, ModuleSections, Problem
from kfuncscope.storage.read import as_input, read_file

_PART_NAMES = frozenset({"btf", "config", "modules", "symbols"})


def split_btf_folder(folder: Path) -> dict[str, Callable[[], ModuleSections]]:
    """Readers for every ``NAME.btf`` (or compressed) in ``folder``, by module name."""
    found = sorted(p for p in folder.iterdir() if bare_name(p.name).endswith(".btf"))
    return {module_name(p.name): ModuleFile(str(p)) for p in found}


def _sibling(path: Path, name: str) -> Path | None:
    for suffix in ("", ".xz", ".gz", ".zst"):
        beside = path.parent / (name + suffix)
        if beside.is_file() and beside != path:
            return beside
    return None


def from_blob(path: Path, data: bytes, blob: bytes) -> KernelFiles:
    """A kernel from raw BTF and what stands beside it: ``config``, ``symbols`` (also compressed) and ``modules/``."""
    parts: dict[str, Path | None] = {"config": _sibling(path, "config"), "symbols": _sibling(path, "symbols")}
    modules = path.parent / "modules"
    parts["modules"] = modules if modules.is_dir() else None
    return _assemble(path, (as_input(path, data),), blob, parts)


def named_parts(given: str) -> dict[str, Path] | None:
    """Split ``btf=F,config=F,modules=D,symbols=F``; None when ``given`` is no such text but a path.

    Raises KernelError for an unknown or doubled part.
    """
    if given.partition("=")[0] not in _PART_NAMES:
        return None
    parts: dict[str, Path] = {}
    for piece in given.split(","):
        name, equals, value = piece.partition("=")
        if name not in _PART_NAMES or not equals or not value:
            known = ", ".join(sorted(_PART_NAMES))
            raise KernelError(given, f"{piece!r} is no part of a kernel; parts are NAME=FILE with NAME one of {known}")
        if name in parts:
            raise KernelError(given, f"part {name!r} is given twice")
        parts[name] = Path(value)
    return parts


def from_named(given: str, parts: Mapping[str, Path]) -> KernelFiles:
    """A kernel from parts named one by one."""
    blob: bytes | None = None
    inputs: tuple[Input, ...] = ()
    label = parts.get("btf", parts.get("config", next(iter(parts.values()))))
    if "btf" in parts:
        data = read_file(parts["btf"])
        blob = peel(data, str(parts["btf"]))
        inputs = (as_input(parts["btf"], data),)
        if detect(blob[:HEAD]) is not Kind.BTF:
            raise KernelError(str(parts["btf"]), "no BTF: the file does not begin with BTF's magic")
    return _assemble(label, inputs, blob, {k: v for k, v in parts.items() if k != "btf"})


def _assemble(
    path: Path, inputs: tuple[Input, ...], blob: bytes | None, parts: Mapping[str, Path | None]
) -> KernelFiles:
    texts: dict[str, bytes] = {}
    problems: list[Problem] = []
    for name in ("config", "symbols"):
        if (part := parts.get(name)) is None:
            continue
        try:
            data = read_file(part)
            texts[name] = peel(data, str(part))
            inputs += (as_input(part, data),)
        except InputError as error:
            problems.append(Problem(error.source, error.reason, error.offset))
    modules: dict[str, Callable[[], ModuleSections]] = {}
    if (folder := parts.get("modules")) is not None:
        try:
            modules = split_btf_folder(folder)
        except OSError as error:
            problems.append(Problem(str(folder), error.strerror or str(error)))
    config = texts.get("config")
    return KernelFiles(
        label=f"{path.parent.name}/{path.name}" if path.parent.name else path.name,
        arch=arch_of_config(config) if config else None,
        release=identity.release_of_config(config) if config else None,
        btf=blob,
        config=config,
        modules=modules,
        symbols=texts.get("symbols"),
        inputs=inputs,
        problems=tuple(problems),
    )
