# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Verdicts and facts kept from earlier runs: by what the inputs hold, never by where or how old they are.

A verdict depends on the object, on every part of both kernels, on the program types that a person gave to sections,
and on the engine: its code and its tables. Their SHA-256 is the key. What is kept is MessagePack of the records of
``model``; whatever does not decode to these is judged again. KFUNCSCOPE_NO_MEMO=1 turns it off.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kfuncscope import __version__
from kfuncscope.knowledge import probed, tables
from kfuncscope.model.verdict import Finding, ObjectVerdict
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.digests import Digests
from kfuncscope.storage.files import InputProblem, KernelFiles, ObjectFile
from kfuncscope.upgrade.replaced import SECTION

if TYPE_CHECKING:
    from kfuncscope.rules.hooks.replace import Targets

VERSION = 1
"""Part of every key here; raised whenever the stored form changes without the code of the engine."""

_NOT_ENGINE = ("gui", "cli", "report")  # rooms that no verdict depends on
_MOST_LATE = 16
_FEWEST_KEPT = 5_000
_FEW = 100  # so many are kept beside the pack of all
_SPARE = 2  # so many times the objects of a run are kept of each pair


@dataclass(frozen=True, slots=True)
class KernelFacts:
    """What results say of a kernel, and what pairing it and inferring from it needs; known without opening it."""

    arch: str
    release: str
    endian: str
    has_btf: bool
    jit: bool
    kfuncs: int
    facts: tuple[tuple[str, str], ...]
    faults: tuple[Finding, ...]
    problems: tuple[InputProblem, ...]
    unreadable: tuple[InputProblem, ...]
    bpf_as_of: str = ""


@dataclass(frozen=True, slots=True)
class Late:
    """What showed of a kernel only while objects were judged: its own problems, and modules whose BTF does not fit."""

    problems: tuple[InputProblem, ...] = ()
    modules: tuple[InputProblem, ...] = ()

    def with_more(self, other: Late) -> Late:
        """Both together, each once."""
        both = (self.problems + other.problems, self.modules + other.modules)
        return Late(*(tuple(dict.fromkeys(each)) for each in both))


@dataclass(frozen=True, slots=True)
class Kept:
    """One object on one pair of kernels: what its reader found, and its verdict; None where it is not meant for them.

    ``problem`` is the reason why the object cannot be read; then nothing else counts.
    """

    programs: int
    notes: tuple[str, ...]
    problem: InputProblem | None
    verdict: ObjectVerdict | None


_encode = msgspec.msgpack.Encoder().encode


@cache
def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)


def _decoded(kind: Any, data: bytes | None) -> Any:
    """The record that ``data`` holds; None where it is of another form."""
    try:
        return None if data is None else _decoder(kind).decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError, MemoryError):
        return None


# -- keys


def _hash(*words: object) -> str:
    return hashlib.sha256(repr(words).encode("utf-8", "surrogateescape")).hexdigest()


@cache
def engine_digest() -> str:
    """What verdicts depend on beside the inputs: the engine's code, its tables, and the user's own tables."""
    package = Path(__file__).resolve().parents[1]
    digests = Digests("the engine")
    words = [f"{path.relative_to(package)} {digests.of(path)}" for path in sorted(_code(package))]
    for root in (*tables.roots(), *probed.roots()):
        words += [f"{p.relative_to(root)} {digests.of(p)}" for p in sorted(root.rglob("*")) if p.is_file()]
    digests.keep()
    return _hash(__version__, words)


def _code(package: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(package):
        if Path(folder) == package:
            folders[:] = [f for f in folders if f not in _NOT_ENGINE]
        yield from (Path(folder, name) for name in names if name.endswith(".py"))


def _off() -> bool:
    return bool(os.environ.get("KFUNCSCOPE_NO_MEMO"))


def content_digest(files: KernelFiles) -> str | None:
    """SHA-256 over every part of a kernel; None where a part cannot be known by its content."""
    if (files.image is not None and not files.image_sha256) or (files.modules and not files.modules_sha256):
        return None
    parts = [files.part_digest(part) for part in ("btf", "config", "symbols", "probe")]
    return _hash(parts, files.image_sha256, files.modules_sha256, files.version, files.unnumbered, files.packed)


# -- kernels


def facts_key(files: KernelFiles, content: str | None, *words: str | None) -> str:
    """Under which name the facts of a kernel are kept; ``words`` are architecture and release as they were given.

    Empty where nothing can be kept, as its content is not known.
    """
    if content is None or _off():
        return ""
    # Problems name paths, and the label may hold the release.
    named = _hash(files.label, files.arch, files.release, files.problems, words)
    return f"kernel-facts:{VERSION}:{_hash(engine_digest(), content, named)}"


def load_facts(key: str) -> KernelFacts | None:
    """What is known of a kernel that was opened before."""
    found = _decoded(KernelFacts, default_cache().get(key)) if key else None
    return found if isinstance(found, KernelFacts) else None


def store_facts(key: str, facts: KernelFacts) -> None:
    """Keep what is known of a kernel."""
    if key:
        default_cache().put(key, _encode(facts))


def load_late(key: str) -> Late:
    """What showed of a kernel in earlier runs."""
    pack = default_cache().pack(_late_key(key)) if key else None
    parts = pack.read_all(pack.names()) if pack is not None else None
    found = Late()
    for data in (parts or {}).values():
        more = _decoded(Late, data)
        found = found.with_more(more) if isinstance(more, Late) else found
    return found


def store_late(key: str, late: Late) -> None:
    """Keep what showed of a kernel, beside what other runs keep of it."""
    if key and (late.problems or late.modules):
        data = _encode(late)
        default_cache().merge(_late_key(key), {hashlib.sha256(data).hexdigest(): data}, _MOST_LATE)


def _late_key(key: str) -> str:
    return key.replace("kernel-facts", "kernel-problems", 1)


# -- verdicts


class Verdicts:
    """What is kept of objects on one pair of kernels. ``kernels`` are the two digests, None where one is not known.

    Most are in one pack; those of the last runs in a small one beside it, as a run that judged one object shall not
    write thousands again.
    """

    def __init__(self, kernels: Iterable[str | None], section_types: Mapping[str, str]) -> None:
        parts = list(kernels)
        known = None not in parts and not _off()
        key = _hash(engine_digest(), parts, sorted(section_types.items())) if known else ""
        self._keys = (f"verdicts:{VERSION}:{key}", f"verdicts-new:{VERSION}:{key}") if known else ()

    def known(self, files: Iterable[ObjectFile], targets: Targets) -> dict[str, Kept]:
        """What is kept of these objects, by their names. ``targets`` are functions of the set that they may replace."""
        if not self._keys:
            return {}
        names = {file.name: _part(file, targets) for file in files}
        kept: dict[str, Kept] = {}
        for key in self._keys:
            pack = default_cache().pack(key)
            here = {name: part for name, part in names.items() if pack is not None and part in pack}
            found = pack.read_all(here.values()) if pack is not None else None
            decoded = {name: _decoded(Kept, found[part]) for name, part in here.items()} if found is not None else {}
            kept |= {name: one for name, one in decoded.items() if isinstance(one, Kept)}
        return kept

    def keep(self, made: Iterable[tuple[ObjectFile, Kept]], count: int, targets: Targets) -> None:
        """Keep what was judged in a run of ``count`` objects."""
        parts = {_part(file, targets): _encode(kept) for file, kept in made}
        if not self._keys or not parts:
            return
        whole, few = self._keys
        cache = default_cache()
        recent = cache.pack(few)
        if cache.pack(whole) is not None and len(parts) + len(recent.names() if recent is not None else ()) <= _FEW:
            cache.merge(few, parts, _FEW)
            return
        older = recent.read_all(recent.names()) if recent is not None else None
        cache.merge(whole, {**(older or {}), **parts}, max(_FEWEST_KEPT, _SPARE * count))
        cache.remove(few)


def _part(file: ObjectFile, targets: Targets) -> str:
    """The name under which an object is kept: what findings say of it counts, too, and what it may replace."""
    package = file.places[0].package if file.places else ""
    # Only a program that replaces functions is judged by what other objects hold.
    others = sorted(targets.items()) if targets and SECTION in file.data else None
    return _hash(file.sha256, file.name, package, others, file.loader)
