# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What crosses to a worker on another machine and back: MessagePack of these records, which is data and cannot execute.

A call is bytes, and so is its answer. Kernels and files are named by their SHA-256 and a path: a worker that sees the
path, and the same content there, needs no more; any other answers what it lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from kfuncscope.rules.hooks.replace import Target
from kfuncscope.storage.files import Elsewhere, InputProblem, Loader, Place
from kfuncscope.upgrade.memo import Kept, Late

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class PackedKernel:
    """A kernel pack: SHA-256, the absolute path where it lies; and the words that were given with the kernel."""

    sha256: str
    path: bytes
    arch: str | None
    release: str | None
    label: str


@dataclass(frozen=True, slots=True)
class FarObject:
    """One object to judge, on the pairs with these indexes: its bytes, or where they are."""

    name: str
    package: str
    sha256: str
    loader: Loader
    pairs: tuple[int, ...]
    data: bytes | None
    elsewhere: Elsewhere | None


@dataclass(frozen=True, slots=True)
class JudgeCall:
    """Judge objects on pairs of kernels, each with its byte order. ``run`` names the analysis."""

    run: str
    pairs: tuple[tuple[PackedKernel, PackedKernel, str], ...]
    section_types: dict[str, str]
    targets: dict[str, list[Target]]
    objects: tuple[FarObject, ...]


@dataclass(frozen=True, slots=True)
class ReadCall:
    """Find the objects in files: absolute path, SHA-256, the path in reports, and the name by which it is known."""

    files: tuple[tuple[bytes, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class KeepCall:
    """Keep a kernel pack for the calls that follow."""

    sha256: str
    data: bytes


Call = JudgeCall | ReadCall | KeepCall


@dataclass(frozen=True, slots=True)
class FarFile:
    """What a worker found in a file; ``names`` are those that its place suggests. ``replaces``: a program in it may
    take the place of a function of another object."""

    objects: tuple[tuple[Elsewhere, Place, str, Loader], ...]
    problems: tuple[InputProblem, ...]
    replaces: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call: one of these, the rest is empty.

    ``skew`` is the version and the engine of a worker that has another one; ``kernels`` and ``objects`` the SHA-256 of
    what it lacks; ``refused`` source, reason and offset of a kernel that it cannot open. ``files`` are None where the
    worker cannot see the file, or cannot read it as it should be.
    """

    skew: tuple[str, str] | None = None
    kernels: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    refused: tuple[str, str, int | None] | None = None
    rows: tuple[dict[int, Kept], ...] = ()
    late: tuple[Late, ...] = ()
    files: tuple[FarFile | None, ...] = ()


_encode = msgspec.msgpack.Encoder().encode


_KINDS = (JudgeCall, ReadCall, KeepCall, Answer)
_decoders: dict[type, msgspec.msgpack.Decoder[Any]] = {kind: msgspec.msgpack.Decoder(kind) for kind in _KINDS}


def packed(record: Call | Answer) -> bytes:
    """A record as bytes."""
    return _encode(record)


def unpacked(kind: type[R], data: bytes) -> R:
    """The record in bytes. Raises msgspec.MsgspecError where they hold something else."""
    found: R = _decoders[kind].decode(data)
    return found
