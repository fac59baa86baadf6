# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Everything that a session was given, as things: identity, role, parts; and what can be done with each.

The identity of a source is its role and the whole paths of its files, so two files of one name in two folders never
meet. A function that changes a session says whether it did.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from kfuncscope.session.session import KernelRef, Session


class Role(Enum):
    """What a source is for: a kernel of one side or between them, a place of objects, or what runs on a host."""

    OLD = "old"
    STEP = "step"
    NEW = "new"
    OBJECTS = "objects"
    CENSUS = "census"


KERNELS = (Role.OLD, Role.STEP, Role.NEW)


@dataclass(frozen=True, slots=True)
class Source:
    """One kernel with the files that were given for it, one place of objects, or one census file.

    ``label``, ``arch`` and ``release`` are of kernels: how it is called, and what was set by hand (None: as its files
    say).
    """

    role: Role
    files: tuple[str, ...]
    label: str = ""
    arch: str | None = None
    release: str | None = None

    @property
    def is_kernel(self) -> bool:
        """Whether this is a kernel of any side."""
        return self.role in KERNELS


def sources(session: Session) -> list[Source]:
    """All that was given: kernels (old, steps, new), objects, census files, each in the order of the session."""
    found = [
        Source(role, tuple(ref.files), ref.label, ref.arch, ref.release)
        for role in KERNELS
        for ref in side(session, role)
    ]
    found += [Source(Role.OBJECTS, (path,)) for path in session.objects]
    return found + [Source(Role.CENSUS, (path,)) for path in session.census]


def side(session: Session, role: Role) -> list[KernelRef]:
    """The kernels of a session in one role."""
    return {Role.OLD: session.old, Role.STEP: session.path, Role.NEW: session.new}[role]


def ref_of(session: Session, source: Source) -> KernelRef | None:
    """The kernel of the session that a source stands for; None where it is none, or no longer there."""
    refs = side(session, source.role) if source.is_kernel else []
    return next((ref for ref in refs if tuple(ref.files) == source.files), None)


def remove(session: Session, source: Source, file: str = "") -> bool:
    """Take a source away, or one ``file`` of a kernel; the kernel goes with its last file."""
    if source.is_kernel:
        ref = ref_of(session, source)
        if ref is None or (file and file not in ref.files):
            return False
        if file and len(ref.files) > 1:
            ref.files.remove(file)
        else:
            _drop(side(session, source.role), ref)
        return True
    listed = _paths(session, source.role)
    if source.files[0] not in listed:
        return False
    listed.remove(source.files[0])
    session.running = session.running and bool(session.census)  # without a census nothing is known to run
    return True


def replace(session: Session, source: Source, paths: list[str], file: str = "") -> bool:
    """Put other files in the place of a source, or in the place of one ``file`` of a kernel.

    What was set by hand of the kernel that goes (architecture, release) is not carried over to another kernel.
    """
    from kfuncscope.session.grouping import label_of

    if not paths:
        return False
    if source.is_kernel:
        ref = ref_of(session, source)
        if ref is None or (file and file not in ref.files):
            return False
        at = ref.files.index(file) if file else 0
        kept = [f for f in ref.files if f != file] if file else []
        new = [path for path in dict.fromkeys(paths) if path not in kept]
        changed = KernelRef(kept[:at] + new + kept[at:])
        changed.label = ref.label if file else label_of(paths[0])
        if file:
            changed.arch, changed.release = ref.arch, ref.release
        refs = side(session, source.role)
        refs[next(i for i, one in enumerate(refs) if one is ref)] = changed
        return True
    listed = _paths(session, source.role)
    if source.files[0] not in listed:
        return False
    at = listed.index(source.files[0])
    new = [path for path in dict.fromkeys(paths) if path not in listed or path == source.files[0]]
    listed[at : at + 1] = new
    return new != list(source.files)


def move(session: Session, source: Source, role: Role) -> bool:
    """Give a kernel another role; beside a kernel of the same files there it becomes one with it."""
    ref = ref_of(session, source)
    if ref is None or role not in KERNELS or role is source.role:
        return False
    _drop(side(session, source.role), ref)
    if ref_of(session, Source(role, source.files)) is None:
        side(session, role).append(ref)
    return True


def name(session: Session, source: Source, arch: str | None, release: str | None) -> bool:
    """Set the architecture and the release of a kernel by hand; None leaves each to its files."""
    ref = ref_of(session, source)
    if ref is None or (ref.arch, ref.release) == (arch, release):
        return False
    ref.arch, ref.release = arch, release
    return True


def owner(session: Session, path: str) -> tuple[Source, str] | None:
    """The source that a message is about, by the whole path it names, and the file of it; None where it is of none."""
    for source in sources(session):
        for file in source.files:
            if path in _spellings(file):
                return source, file
    return None


def owns(source: Source, path: str) -> bool:
    """Whether a message about ``path`` is about one of the files that were given, as a whole."""
    return any(path in _spellings(file) for file in source.files)


def holds(source: Source, path: str) -> bool:
    """Whether a message about ``path`` is about a source: one of its files, or something inside one of them."""
    return any(
        path == spelt or path.startswith((f"{spelt.rstrip(os.sep)}{os.sep}", f"{spelt}:"))
        for file in source.files
        for spelt in _spellings(file)
    )


def _spellings(given: str) -> Iterator[str]:
    """How messages may call what was given: as written, normalised, and each path of ``btf=F,config=F``."""
    from kfuncscope.storage.read import shown

    yield shown(given)
    if "=" in given and not os.path.exists(given):
        for piece in given.split(","):
            yield shown(piece.partition("=")[2])
    else:
        yield shown(os.path.normpath(given))


def _paths(session: Session, role: Role) -> list[str]:
    return session.objects if role is Role.OBJECTS else session.census


def _drop(refs: list[KernelRef], ref: KernelRef) -> None:
    """Remove one kernel by identity: two of equal files on one side are still two."""
    refs[:] = [one for one in refs if one is not ref]
