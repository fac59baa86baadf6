# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Find types by name: an index over the name column that makes no string.

Each name gets a number from its length and its first and last eight bytes, all names at once; the sorted numbers are
searched, and what is found is compared byte by byte. Names that the file holds twice, or as the tail of a longer one,
are found like any other.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from kfuncscope.errors import BtfError

if TYPE_CHECKING:  # numpy takes longer to load than an object is judged; what is prepared is searched without it
    import numpy as np
    import numpy.typing as npt

    U64 = npt.NDArray[np.uint64]
Buffer = bytes | memoryview
Cast = Literal["B", "i", "I", "Q"]
"""Numbers of a column, as ``memoryview`` casts them."""

_MASK = (1 << 64) - 1
_FIRST, _LAST, _LENGTH = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
FEW = 1 << 13  # names, up to which an index is made without numpy
_NAME = 48  # bytes that are looked at first for a name: few are longer
CROWD = 32  # names of one number; kernels have at most 10
MISFIT = "its index of names is of other types"


class Strings:
    """The string section of one blob; ``start`` is the offset of its first byte, counted from the base's."""

    def __init__(self, data: Buffer, start: int) -> None:
        self._data = data
        self.start = start
        self.end = start + len(data)
        self._nuls: npt.NDArray[np.int64] | None = None

    @property
    def data(self) -> bytes:
        """The section as bytes; a copy of it, kept from then on, where it lies in a memory map."""
        if not isinstance(self._data, bytes):
            self._data = bytes(self._data)
        return self._data

    def check(self, source: str, at: int, *, split: bool) -> None:
        """BtfError where these are no strings of whole (or else ``split``) BTF; ``at`` is their place in the file."""
        hint = "(split BTF is read on its base)"
        data = self._data
        if not data and not split:
            raise BtfError(source, f"no string section {hint}", at)
        if data and data[-1] != 0:
            raise BtfError(source, "string section does not end with NUL", at + len(data) - 1)
        if data and not split and data[0] != 0:
            raise BtfError(source, f"string section does not begin with NUL {hint}", at)

    def nuls(self) -> npt.NDArray[np.int64]:
        """Where the strings end, ascending."""
        if self._nuls is None:
            import numpy as np

            self._nuls = np.flatnonzero(np.frombuffer(self._data, np.uint8) == 0)
        return self._nuls

    def raw(self, offset: int) -> bytes:
        """The bytes of the string at an offset of this section."""
        at = offset - self.start
        data, size = self._data, _NAME
        if isinstance(data, bytes):
            return data[at : data.index(b"\0", at)]
        while (end := (found := bytes(data[at : at + size])).find(b"\0")) < 0:
            if at + size >= len(data):
                raise ValueError("a string without an end")
            size *= 8
        return found[:end]

    def containing(self, part: bytes) -> list[bytes]:
        """The strings that hold ``part``, in order, repetitions left out."""
        found: dict[bytes, None] = {}
        at = self.data.find(part)
        while at >= 0:
            begin, end = self.data.rfind(b"\0", 0, at) + 1, self.data.index(b"\0", at)
            found[self.data[begin:end]] = None
            at = self.data.find(part, end)
        return list(found)

    def keys(self, offsets: npt.NDArray[np.int64]) -> U64:
        """The numbers of the strings at these offsets, which must be ascending."""
        import numpy as np

        starts = offsets - self.start
        nuls = self.nuls()
        ends = nuls[np.searchsorted(nuls, starts)]
        length = ends - starts
        padded = bytes(8) + self.data + bytes(8)
        eight: U64 = np.ndarray((len(padded) - 7,), dtype="<u8", buffer=padded, strides=(1,))
        unused = (64 - 8 * np.minimum(length, 8)).astype(np.uint64)
        shift = np.minimum(unused, 63)  # names are not empty: at most 56 bits are unused
        first = (eight[starts + 8] << shift).astype(np.uint64)
        last = (eight[ends] >> shift).astype(np.uint64)
        mixed: U64 = first * np.uint64(_FIRST) + last * np.uint64(_LAST) + length.astype(np.uint64) * np.uint64(_LENGTH)
        return mixed


def key(text: bytes) -> int:
    """The number of one name, as ``Strings.keys`` makes it."""
    size = min(len(text), 8)
    shift = 64 - 8 * size
    first = int.from_bytes(text[:8], "little") << shift & _MASK
    last = int.from_bytes(text[-8:].rjust(8, b"\0"), "little") >> shift
    return (first * _FIRST + last * _LAST + len(text) * _LENGTH) & _MASK


_PARTS: dict[str, Cast] = {"order": "i", "groups": "i", "offsets": "I", "by_key": "i", "keys": "Q"}
"""The columns of an index, and their numbers as ``memoryview`` casts them."""


class NameIndex:
    """From a name to the indexes (ids less the first id) of one blob's types. ``sections`` are base first.

    ``names`` are the offsets of the names by type. ``known`` is what ``parts`` gave of these very names and strings;
    it is not looked at once more (see ``index_fits``).
    """

    def __init__(
        self, names: Sequence[int], sections: list[Strings], known: Mapping[str, Buffer] | None = None
    ) -> None:
        self._sections, self._names = sections, names
        self._crowds: dict[int, dict[bytes, list[int]]] = {}
        columns = known if known is not None and _PARTS.keys() <= known.keys() else made_columns(names, sections)
        cast = {name: memoryview(columns[name]).cast("B").cast(kind) for name, kind in _PARTS.items()}
        self._order, self._groups, self._offsets = cast["order"], cast["groups"], cast["offsets"]
        self._by_key, self._keys = cast["by_key"], cast["keys"]

    def parts(self) -> dict[str, bytes]:
        """The index as bytes, from which the next reading of the same blob makes it again."""
        return {name: getattr(self, f"_{name}").tobytes() for name in _PARTS}

    def find(self, text: bytes) -> list[int]:
        """Indexes of the types with this name, ascending."""
        if not text or b"\0" in text:
            return []
        wanted, keys = key(text), self._keys
        low = high = bisect_left(keys, wanted)
        while high < len(keys) and high - low <= CROWD and keys[high] == wanted:
            high += 1
        if high - low > CROWD:
            groups = self._crowd(low, wanted).get(text, [])
        else:
            groups = [g for g in self._named_by(low, high) if self._text(self._offsets[g]) == text]
        found: list[int] = []
        for group in groups:
            own = self._order[self._groups[group] : self._groups[group + 1]].tolist()
            # Who else made this index may have made it of other names.
            if any(not 0 <= i < len(self._names) or self._names[i] != self._offsets[group] for i in own):
                raise BtfError("BTF", MISFIT)
            found += own
        found.sort()
        return found

    def _named_by(self, low: int, high: int) -> list[int]:
        """Groups whose names have one number."""
        groups = self._by_key[low:high].tolist()
        if any(not 0 <= group < len(self._offsets) for group in groups):
            raise BtfError("BTF", MISFIT)
        return groups

    def _crowd(self, low: int, wanted: int) -> dict[bytes, list[int]]:
        """Groups by name where a file made for it has many names of one number: read once, not at each search."""
        if low not in self._crowds:
            table: dict[bytes, list[int]] = {}
            high = bisect_right(self._keys, wanted)
            for group in self._named_by(low, high):
                table.setdefault(self._text(self._offsets[group]), []).append(group)
            self._crowds[low] = table
        return self._crowds[low]

    def _text(self, offset: int) -> bytes:
        for strings in reversed(self._sections):
            if strings.start <= offset < strings.end:
                return strings.raw(offset)
        raise BtfError("BTF", MISFIT)


def index_bounded(known: Mapping[str, Buffer]) -> bool:
    """Whether columns of an index that somebody else made can be searched: what they hold is looked at by ``find``."""
    try:
        sizes = {name: len(memoryview(known[name]).cast("B").cast(kind)) for name, kind in _PARTS.items()}
    except (KeyError, TypeError):
        return False
    return sizes["offsets"] == sizes["groups"] - 1 == sizes["by_key"] == sizes["keys"]


def made_columns(names: Sequence[int], sections: list[Strings]) -> Mapping[str, Buffer]:
    """The columns of an index, by name."""
    if len(names) <= FEW:
        return _few_columns(names, sections)
    import numpy as np

    column = np.asarray(names, np.uint32)
    order = np.argsort(column, kind="stable")
    column = column[order]
    anonymous = int(np.searchsorted(column, 1))
    order, column = order[anonymous:], column[anonymous:]
    changes = np.flatnonzero(column[1:] != column[:-1]) + 1
    groups = np.concatenate((np.zeros(min(1, len(column)), np.int64), changes, [len(column)]))
    offsets = column[groups[:-1]].astype(np.int64)
    bounds = np.searchsorted(offsets, [s.start for s in sections] + [sections[-1].end]).tolist()
    parts = [s.keys(offsets[a:b]) for s, a, b in zip(sections, bounds, bounds[1:], strict=False) if b > a]
    keys = np.concatenate(parts) if parts else np.zeros(0, np.uint64)
    by_key = np.argsort(keys)
    columns = {"order": order, "groups": groups, "offsets": offsets, "by_key": by_key}
    kinds = {"i": np.int32, "I": np.uint32}
    return {name: one.astype(kinds[_PARTS[name]]).data for name, one in columns.items()} | {"keys": keys[by_key].data}


def _few_columns(names: Sequence[int], sections: list[Strings]) -> Mapping[str, Buffer]:
    """The same of so few names that loading numpy would take longer."""
    order = sorted((i for i, at in enumerate(names) if at), key=names.__getitem__)
    groups = [i for i, at in enumerate(order) if not i or names[at] != names[order[i - 1]]]
    offsets = [names[order[i]] for i in groups]
    keys = [key(next(s for s in reversed(sections) if at >= s.start).raw(at)) for at in offsets]
    by_key = sorted(range(len(keys)), key=keys.__getitem__)
    rows: dict[str, list[int]] = {
        "order": order, "groups": [*groups, len(order)], "offsets": offsets, "by_key": by_key,
        "keys": [keys[i] for i in by_key],
    }  # fmt: skip
    return {name: memoryview(array(_PARTS[name], row)) for name, row in rows.items()}


def index_fits(known: Mapping[str, Buffer], count: int, end: int) -> bool:
    """Whether an index that somebody kept stays within ``count`` types and ``end`` bytes of strings."""
    import numpy as np

    try:
        arrays = {name: np.frombuffer(known[name], np.dtype(kind)) for name, kind in _PARTS.items()}
    except (KeyError, ValueError):
        return False
    order, groups, offsets, by_key = (arrays[name] for name in ("order", "groups", "offsets", "by_key"))
    bounds = ((order, count), (groups, len(order) + 1), (offsets, end), (by_key, len(offsets)))
    if not len(offsets) == len(groups) - 1 == len(by_key) == len(arrays["keys"]):
        return False
    return all(not len(a) or 0 <= int(a.min()) <= int(a.max()) < bound for a, bound in bounds)


def essential_name(name: str) -> str:
    """A name without its last ``___flavour`` (R-2.9): cut where ``X___Y`` with X and Y other than ``_`` last occurs."""
    for i in range(len(name) - 5, -1, -1):
        if name[i] != "_" and name[i + 1 : i + 4] == "___" and name[i + 4] != "_":
            return name[: i + 1]
    return name
