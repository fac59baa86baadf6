# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kfunc id sets as they lie in kernel binaries: ``BTF_SET8`` of ``.BTF_ids``, or in a raw image (R-1.15, R-1.16).

A set is ``{cnt, flags, cnt × {id, KF flags}}`` of u32, ids ascending. Kernels from 6.9 on set flag 1 in sets of kfuncs;
in older ones the word is 0 in every set (R-1.16b).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.elf.tables import Section, read_elf
from kfuncscope.errors import KernelError
from kfuncscope.storage.files import ModuleSections

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    from kfuncscope.deferred import numpy as np

if TYPE_CHECKING:
    _Words = npt.NDArray[np.uint32]

SET8_KFUNCS = 1
"""``BTF_SET8_KFUNCS``: the set's functions are kfuncs."""

_PREFIX = "__BTF_ID__set8__"
_MOST_MEMBERS = 600
_MOST_CANDIDATES = 1 << 16  # hundreds in kernels; each costs some microseconds
_KF_LIMIT = 1 << 20
# .BTF_ids holds 2 to 11 KB in the kernels seen; every true set lies in it.
_WINDOW = 24 << 10


@dataclass(frozen=True, slots=True)
class KfuncSet:
    """One ``BTF_SET8``: place in its section or image, the set's flag word, and FUNC id → KF flags.

    ``offset`` counts from the start of ``.BTF_ids`` where that section is named, else from the start of the image.
    ``prog_types`` (short names; ``UNSPEC`` for every type) is None where the registration was not found, empty where
    the set is known to be registered for no programs; ``types_source`` tells whether the binary or the knowledge of the
    release says so. ``filter`` tells that a filter function restricts it.
    """

    offset: int
    flags: int
    members: dict[int, int]
    name: str = ""
    prog_types: frozenset[str] | None = None
    filter: bool = False
    types_source: str = "binary"


def sets_in_image(image: bytes, blob: Blob, tags: Iterable[int] = ()) -> list[KfuncSet]:
    """The sets of an uncompressed kernel (vmlinux ELF or raw Image), in the order they lie in it.

    ``blob`` is the kernel's own BTF, ``tags`` the ids of its functions with the tag ``bpf_kfunc``. From ``.BTF_ids``
    every set is taken, by its symbol or by its shape; where no section tells, shapes are looked for in the whole image
    and accepted by their tags and their neighbourhood. Raises InputError for a damaged ELF file, and where far too
    much looks like a set.
    """
    section = ids_section(image)
    funcs = _functions(blob)
    if section is None:
        words = _words(image, blob.endian)
        return _plausible(_scan(words, funcs, blob.source), frozenset(tags))
    data = image[section.offset : section.offset + section.size]
    places = read_elf(image, blob.source).symbols(_PREFIX.encode())
    if places:
        rows = tuple((s.name, s.value - section.address, s.size) for s in places)
        return _named_sets(data, rows, blob, funcs, blob.source)
    return _scan(_words(data, blob.endian), funcs, blob.source)


def ids_section(image: bytes) -> Section | None:
    """The section ``.BTF_ids`` of an ELF image; None for raw images and ELF files without it."""
    if image[:4] != b"\x7fELF":
        return None
    return next((s for s in read_elf(image, "vmlinux").sections if s.name == ".BTF_ids" and s.size), None)


def sets_in_module(sections: ModuleSections, blob: Blob) -> list[KfuncSet]:
    """The sets of a module, by its ``__BTF_ID__set8__*`` symbols, else by their shape; ids are those of ``blob``.

    Raises KernelError when a symbol points to no set in the section.
    """
    if not sections.btf_ids:
        return []
    if sections.btf_base:
        # The ids count on the distilled base; those of the module itself move with it.
        shift = blob.start_id - Blob(sections.btf_base, f"{blob.source} .BTF.base").end_id
    else:
        shift = 0
    funcs = _functions(blob, shift)
    if sections.set8:
        found = _named_sets(sections.btf_ids, sections.set8, blob, funcs, blob.source)
    else:
        found = _scan(_words(sections.btf_ids, blob.endian), funcs, blob.source)
    if not shift:
        return found
    return [KfuncSet(s.offset, s.flags, {i + shift: f for i, f in s.members.items()}, s.name) for s in found]


def kfunc_sets(sets: list[KfuncSet]) -> list[KfuncSet]:
    """Those of the sets that are sets of kfuncs: with the flag, where any has it (R-1.15, R-1.16b)."""
    flagged = [s for s in sets if s.flags & SET8_KFUNCS]
    return flagged or sets


def _words(data: bytes, endian: str) -> _Words:
    view = np.frombuffer(data, dtype=np.dtype(f"{endian}u4"), count=len(data) // 4)
    return view if endian == "<" else view.astype(np.uint32)


def _functions(blob: Blob, shift: int = 0) -> npt.NDArray[np.bool_]:
    """Whether an id, as the binary writes it, is a FUNC. ``shift`` is what is to be added to the binary's ids."""
    table = np.zeros(blob.end_id + 1, dtype=np.bool_)
    part: Blob | None = blob
    while part is not None:
        table[part.own_ids(Kind.FUNC)] = True
        part = part.base
    return np.roll(table, -shift) if shift else table


def _scan(words: _Words, funcs: npt.NDArray[np.bool_], source: str) -> list[KfuncSet]:
    """Everything that has the shape of a set: count, flag word 0 or 1, FUNCs ascending, KF flags below 2^20."""
    last = len(words) - 4
    if last < 0:
        return []
    at = np.flatnonzero((words[: last + 1] - np.uint32(1) < _MOST_MEMBERS) & (words[1 : last + 2] <= 1))
    at = at[words[at + 3] < _KF_LIMIT]
    at = at[_is_func(words[at + 2], funcs)]
    ends = at + 2 * words[at].astype(np.int64)
    whole = ends + 1 < len(words)
    at, ends = at[whole], ends[whole]
    at = at[_is_func(words[ends], funcs)]
    if len(at) > _MOST_CANDIDATES:
        raise KernelError(source, f"more than {_MOST_CANDIDATES} places look like kfunc sets", 4 * int(at[0]))
    found: list[KfuncSet] = []
    free = 0
    for start in at.tolist():
        count = int(words[start])
        ids, flags = _rows(words, start + 2, count)
        # Of two that overlap, one is an accident: the shorter one.
        if start < free and count <= len(found[-1].members):
            continue
        if (np.diff(ids.astype(np.int64)) > 0).all() and _is_func(ids, funcs).all() and (flags < _KF_LIMIT).all():
            if start < free:
                found.pop()
            found.append(_set(4 * start, int(words[start + 1]), ids, flags))
            free = start + 2 + 2 * count
    return found


def _rows(words: _Words, start: int, count: int) -> tuple[_Words, _Words]:
    return words[start : start + 2 * count : 2], words[start + 1 : start + 1 + 2 * count : 2]


def _set(offset: int, flags: int, ids: _Words, kf_flags: _Words, name: str = "") -> KfuncSet:
    return KfuncSet(offset, flags, dict(zip(ids.tolist(), kf_flags.tolist(), strict=True)), name)


def _is_func(ids: Any, funcs: npt.NDArray[np.bool_]) -> Any:
    # The last entry of the table stands for every id beyond it; it is not a FUNC.
    return funcs[np.minimum(ids, np.uint32(len(funcs) - 1))]


def _plausible(found: list[KfuncSet], tags: frozenset[int]) -> list[KfuncSet]:
    """Of what has the shape of a set anywhere in an image, what is one.

    A tagged function is proof enough. Whatever else lies where the sure sets crowd is a set, too; without any tag in
    the BTF (6.1), those of two and more members are the crowd.
    """
    if tags:
        sure = [s for s in found if not tags.isdisjoint(s.members)]
    else:
        sure = [s for s in found if len(s.members) > 1]
    if not sure:
        return []
    first, last = _crowd(sure)
    near = range(last - _WINDOW, first + _WINDOW)
    return [s for s in found if s.offset in near or (tags and s in sure)]


def _crowd(sure: list[KfuncSet]) -> tuple[int, int]:
    """First and last offset of the run of sets, no longer than the window, that has most members."""
    best, span = 0, (0, 0)
    low = total = 0
    for one in sure:
        total += len(one.members)
        while one.offset - sure[low].offset > _WINDOW:
            total -= len(sure[low].members)
            low += 1
        if total > best:
            best, span = total, (sure[low].offset, one.offset)
    return span


def _named_sets(
    data: bytes, places: Iterable[tuple[str, int, int]], blob: Blob, funcs: npt.NDArray[np.bool_], source: str
) -> list[KfuncSet]:
    """Sets at the places that symbols give. Ids of 0, left by the build for functions it did not find, are skipped."""
    words = _words(data, blob.endian)
    found: list[KfuncSet] = []
    for name, offset, _ in sorted(places, key=lambda p: p[1]):
        start = offset // 4
        if offset % 4 or not 0 <= start < len(words) - 1:
            raise KernelError(source, f"{name} is outside .BTF_ids", offset)
        count = int(words[start])
        if start + 2 + 2 * count > len(words):
            raise KernelError(source, f"{name} extends past the end of .BTF_ids", offset)
        ids, flags = _rows(words, start + 2, count)
        known = ids != 0
        if not _is_func(ids[known], funcs).all():
            raise KernelError(source, f"{name} has a member that is not a function in the BTF", offset)
        found.append(_set(offset, int(words[start + 1]), ids[known], flags[known], name.removeprefix(_PREFIX)))
    return found
