# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What goes into a catalogue and comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

from kfuncscope.storage.files import UNKNOWN_LOADER, InputProblem, Loader, Place

OWN = "\0"
"""Stands at the beginning of a text for the name of the file, which is not part of what the file holds."""


@dataclass(frozen=True, slots=True)
class Held:
    """One object in a package: SHA-256 (in hex) and size of what was found, its place, short name and loader.

    ``data`` is compressed by zlib. ``place.package`` and ``name`` may begin with ``OWN``.
    """

    sha256: str
    size: int
    data: bytes
    place: Place
    name: str
    loader: Loader = UNKNOWN_LOADER


@dataclass(frozen=True, slots=True)
class Content:
    """What one package holds, whatever its file is called.

    ``name``, ``version`` and ``arch`` are empty for a plain archive. ``failed``: it could not be read as a whole, for
    the reason that is the only problem. Paths of problems begin with ``:``, inside the file, or are empty for the file.
    """

    sha256: str
    name: str = ""
    version: str = ""
    arch: str = ""
    failed: bool = False
    objects: tuple[Held, ...] = ()
    problems: tuple[InputProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Packaged:
    """One file of the current set.

    ``place`` tells it from all others: its whole path, as bytes. ``file`` is how reports call it. ``sha256`` is empty
    where it could not be read, which ``problem`` says then; ``signature`` are the times by which it is known again.
    """

    place: bytes
    file: str
    sha256: str = ""
    name: str = ""
    version: str = ""
    arch: str = ""
    problem: InputProblem | None = None
    signature: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CataloguedObject:
    """One object of the current set, in the package file that ``file`` names."""

    file: str
    name: str
    version: str
    arch: str
    sha256: str
    size: int
    place: Place
    short: str
    loader: Loader
    data: bytes = b""


def owned(text: str, file: str) -> str:
    """A text with the name of its file where it stands for that."""
    return file.rpartition("/")[2] + text[len(OWN) :] if text.startswith(OWN) else text
