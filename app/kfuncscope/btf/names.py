# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Find types by name: an index over the name column that makes no string.

Each name gets a number from its length and its first and last eight bytes, all names at once; the sorted numbers are
searched, and what is found is compared byte by byte. Names that the file holds twice, or as the tail of a longer one,
are found like any other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from kfuncscope.errors import BtfError

U64 = npt.NDArray[np.uint64]
_MASK = (1 << 64) - 1
_FIRST, _LAST, _LENGTH = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
CROWD = 32  # names of one number; kernels have at most 10


class Strings:
    """The string section of one blob; ``start`` is the offset of its first byte, counted from the base's."""

    def __init__(self, data: bytes, start: int) -> None:
        self.data = data
        self.start = start
        self.end = start + len(data)
        self._nuls: npt.NDArray[np.int64] | None = None

    def check(self, source: str, at: int, *, split: bool) -> None:
        """BtfError where these are no strings of whole (or else ``split``) BTF; ``at`` is their place in the file."""
        hint = "(split BTF is read on its base)"
        if not self.data and not split:
            raise BtfError(source, f"no string section {hint}", at)
        if self.data and self.data[-1] != 0:
            raise BtfError(source, "string section does not end with NUL", at + len(self.data) - 1)
        if self.data and not split and self.data[0] != 0:
            raise BtfError(source, f"string section does not begin with NUL {hint}", at)

    def nuls(self) -> npt.NDArray[np.int64]:
        """Where the strings end, ascending."""
        if self._nuls is None:
            self._nuls = np.flatnonzero(np.frombuffer(self.data, np.uint8) == 0)
        return self._nuls

    def raw(self, offset: int) -> bytes:
        """The bytes of the string at an offset of this section."""
        at = offset - self.start
        return self.data[at : self.data.index(b"\0", at)]

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


_PARTS = {"order": "<i4", "groups": "<i4", "offsets": "<i4", "by_key": "<i4", "keys": "<u8"}


class NameIndex:
    """From a name to the indexes (ids less the first id) of one blob's types. ``sections`` are base first."""

    def __init__(
        self, names: npt.NDArray[np.uint32], sections: list[Strings], known: Mapping[str, bytes] | None = None
    ) -> None:
        self._sections = sections
        self._crowds: dict[int, dict[bytes, list[int]]] = {}
        if known is None or not self._take(known, len(names)):
            self._make(names)

    def parts(self) -> dict[str, bytes]:
        """The index as bytes, from which the next reading of the same blob makes it again."""
        return {name: getattr(self, f"_{name}").astype(kind).tobytes() for name, kind in _PARTS.items()}

    def _take(self, known: Mapping[str, bytes], count: int) -> bool:
        """Take the index from its bytes; False where they are not one of ``count`` types and these strings."""
        try:
            arrays = {name: np.frombuffer(known[name], kind) for name, kind in _PARTS.items()}
        except (KeyError, ValueError):
            return False
        order, groups, offsets, by_key = (arrays[name] for name in ("order", "groups", "offsets", "by_key"))
        bounds = ((order, count), (groups, len(order) + 1), (offsets, self._sections[-1].end), (by_key, len(offsets)))
        if not len(offsets) == len(groups) - 1 == len(by_key) == len(arrays["keys"]):
            return False
        if any(len(a) and not 0 <= int(a.min()) <= int(a.max()) < end for a, end in bounds):
            return False
        for name, array in arrays.items():
            setattr(self, f"_{name}", array)
        return True

    def _make(self, names: npt.NDArray[np.uint32]) -> None:
        sections = self._sections
        order = np.argsort(names, kind="stable")
        column = names[order]
        anonymous = int(np.searchsorted(column, 1))
        self._order = order[anonymous:]
        column = column[anonymous:]
        changes = np.flatnonzero(column[1:] != column[:-1]) + 1
        self._groups = np.concatenate((np.zeros(min(1, len(column)), np.int64), changes, [len(column)]))
        self._offsets = column[self._groups[:-1]].astype(np.int64)
        bounds = np.searchsorted(self._offsets, [s.start for s in sections] + [sections[-1].end]).tolist()
        parts = [s.keys(self._offsets[a:b]) for s, a, b in zip(sections, bounds, bounds[1:], strict=False) if b > a]
        keys = np.concatenate(parts) if parts else np.zeros(0, np.uint64)
        self._by_key = np.argsort(keys)
        self._keys = keys[self._by_key]

    def find(self, text: bytes) -> list[int]:
        """Indexes of the types with this name, ascending."""
        if not text or b"\0" in text:
            return []
        wanted = np.uint64(key(text))
        low = int(np.searchsorted(self._keys, wanted))
        high = low
        while high < len(self._keys) and high - low <= CROWD and self._keys[high] == wanted:
            high += 1
        if high - low > CROWD:
            groups = self._crowd(low, wanted).get(text, [])
        else:
            groups = [g for g in self._by_key[low:high].tolist() if self._text(int(self._offsets[g])) == text]
        found: list[int] = []
        for group in groups:
            found += self._order[self._groups[group] : self._groups[group + 1]].tolist()
        found.sort()
        return found

    def _crowd(self, low: int, wanted: np.uint64) -> dict[bytes, list[int]]:
        """Groups by name where a file made for it has many names of one number: read once, not at each search."""
        if low not in self._crowds:
            table: dict[bytes, list[int]] = {}
            high = int(np.searchsorted(self._keys, wanted, side="right"))
            for group in self._by_key[low:high].tolist():
                table.setdefault(self._text(int(self._offsets[group])), []).append(group)
            self._crowds[low] = table
        return self._crowds[low]

    def _text(self, offset: int) -> bytes:
        for strings in reversed(self._sections):
            if offset >= strings.start:
                return strings.raw(offset)
        raise AssertionError("an offset below the first section")


def essential_name(name: str) -> str:
    """A name without its last ``___flavour`` (R-2.9): cut where ``X___Y`` with X and Y other than ``_`` last occurs."""
    for i in range(len(name) - 5, -1, -1):
        if name[i] != "_" and name[i + 1 : i + 4] == "___" and name[i + 4] != "_":
            return name[: i + 1]
    return name
