# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Read packages and archives as a stream of members: .deb, .rpm, .tar, .cpio (each of any compression) and .zip.

Nothing is ever written to disk by an archive's own paths. A member name that is absolute or climbs out with ``..`` is
refused with the whole archive; ``read_archive`` passes over links, since what they point to is read in its own place.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from kfuncscope.containers.detect import COMPRESSED, HEAD, Kind, detect
from kfuncscope.containers.stream import SMALL, Budget, Stream
from kfuncscope.containers.tar import Entry, TarEntry, read_cpio, read_tar
from kfuncscope.containers.xzblocks import decode_blocks, find_blocks
from kfuncscope.errors import ArchiveError

if TYPE_CHECKING:
    import zipfile
else:
    from kfuncscope.deferred import zipfile


@dataclass(frozen=True, slots=True)
class Package:
    """What a package says of itself; empty words for a plain archive. ``arch`` is the package format's word.

    ``needs`` are the names of packages that it cannot be installed without.
    """

    name: str = ""
    version: str = ""
    arch: str = ""
    needs: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Name and version as one word for reports."""
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive. ``read`` works only until the next member is asked for; of a link, it gives its target,
    from the folder of the link, or, if it is a hard one, from the top."""

    path: str
    size: int
    read: Callable[[], bytes]
    kind: Entry = Entry.FILE


def read_archive(file: BinaryIO, budget: Budget) -> tuple[Package, Iterator[Member]] | None:
    """What the archive says of itself and its regular files in order, or None when ``file`` is not an archive.

    ``file`` is at its start and stays open while the members are read. Raises ArchiveError, also while iterating.
    """
    found = read_all(file, budget)
    return found and (found[0], (member for member in found[1] if member.kind is Entry.FILE))


def read_all(file: BinaryIO, budget: Budget) -> tuple[Package, Iterator[Member]] | None:
    """As ``read_archive``, with links, devices and pipes among the members."""
    head = file.read(HEAD)
    file.seek(0)
    kind = detect(head)
    if kind is Kind.DEB:
        return _deb(file, budget)
    if kind is Kind.RPM:
        return _rpm(file, budget)
    if kind is Kind.ZIP:
        return Package(), _zip(file, budget)
    if kind is Kind.TAR:
        return Package(), _members(read_tar(Stream(file, kind, budget), budget), budget)
    if kind is Kind.CPIO:
        return Package(), _members(read_cpio(Stream(file, kind, budget), budget), budget)
    if kind in COMPRESSED and (inner := inner_kind(file, kind, budget.source)) in (Kind.TAR, Kind.CPIO):
        reader = read_tar if inner is Kind.TAR else read_cpio
        return Package(), _members(reader(Stream(file, kind, budget), budget), budget)
    return None


def inner_kind(file: BinaryIO, kind: Kind, source: str) -> Kind:
    """What the compressed ``file`` holds, UNKNOWN when it is damaged; leaves ``file`` at its start."""
    try:
        head = Stream(file, kind, Budget(source, 1 << 20)).read(HEAD)
    except ArchiveError:
        return Kind.UNKNOWN
    finally:
        file.seek(0)
    return detect(head)


_DRIVE = re.compile(r"[A-Za-z]:[\\/]").match


def safe_path(name: str, source: str) -> str:
    """``name`` without ``./`` and doubled slashes. Raises ArchiveError when it is absolute or climbs out."""
    parts = [p for p in name.split("/") if p not in ("", ".")]
    if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or _DRIVE(name):
        raise ArchiveError(source, f"unsafe path {name[:200]!r} in the archive")
    return "/".join(parts)


def _members(entries: Iterator[TarEntry], budget: Budget) -> Iterator[Member]:
    for entry in entries:
        budget.enter(entry.name, entry.size)
        path = safe_path(entry.name, budget.source)
        if path and entry.kind is not Entry.FOLDER:
            yield Member(path, entry.size, _Admitted(entry, budget), entry.kind)


@dataclass(frozen=True, slots=True)
class _Admitted:
    """Reads an entry for which there is room."""

    entry: TarEntry
    budget: Budget

    def __call__(self) -> bytes:
        self.budget.admit(self.entry.name, self.entry.size)
        return self.entry.read()


class _Part(io.RawIOBase):
    """A part of a seekable file as a file of its own."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file = file
        self._at = start
        self._end = start + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        self._file.seek(self._at)
        data = self._file.read(min(len(buffer), self._end - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _part(file: BinaryIO, start: int, size: int) -> BinaryIO:
    return io.BufferedReader(_Part(file, start, size), 1 << 20)


def _deb(file: BinaryIO, budget: Budget) -> tuple[Package, Iterator[Member]]:
    package = Package()
    for name, start, size in _ar(file, budget):
        if name.startswith("control.tar"):
            package = _control(_tar_part(file, start, size, budget), budget)
        elif name.startswith("data.tar"):
            return package, _members(_tar_part(file, start, size, budget), budget)
    raise ArchiveError(budget.source, "not a Debian package: an ar archive without data.tar")


def _ar(file: BinaryIO, budget: Budget) -> Iterator[tuple[str, int, int]]:
    """(name, offset, size) of each ar member."""
    file.seek(0, io.SEEK_END)
    end = file.tell()
    at = 8
    while at + 60 <= end:
        file.seek(at)
        head = file.read(60)
        if head[58:60] != b"`\n" or not head[48:58].strip().isdigit():
            raise ArchiveError(budget.source, "damaged ar header", at)
        size = int(head[48:58])
        if at + 60 + size > end:
            raise ArchiveError(budget.source, "the package is truncated", at)
        name = head[:16].decode("ascii", "replace").strip().rstrip("/")
        budget.enter(name, 0)
        yield name, at + 60, size
        at += 60 + size + (size & 1)
    if at < end:
        raise ArchiveError(budget.source, "the package is truncated", at)


def _tar_part(file: BinaryIO, start: int, size: int, budget: Budget) -> Iterator[TarEntry]:
    file.seek(start)
    kind = detect(file.read(min(HEAD, size)))
    # Blocks side by side take memory each; a small package is quickly read without.
    if kind is Kind.XZ and budget.threads and budget.compressed > SMALL and (blocks := find_blocks(file, start, size)):
        return read_tar(Stream(file, kind, budget, decode_blocks(file, start, blocks)), budget)
    return read_tar(Stream(_part(file, start, size), kind, budget), budget)


def _control(entries: Iterator[TarEntry], budget: Budget) -> Package:
    for entry in entries:
        if safe_path(entry.name, budget.source) == "control" and entry.regular:
            budget.enter(entry.name, entry.size)
            budget.admit(entry.name, entry.size)
            text = entry.read()[: 1 << 20].decode("utf-8", "replace")
            pairs = (line.partition(":") for line in text.splitlines() if not line.startswith((" ", "\t")))
            fields = {key.strip().lower(): value.strip() for key, _, value in pairs}
            words = ",".join(fields.get(key, "") for key in ("pre-depends", "depends")).replace("|", ",").split(",")
            needs = tuple(dict.fromkeys(word.split("(")[0].split(":")[0].strip() for word in words if word.strip()))
            return Package(fields.get("package", ""), fields.get("version", ""), fields.get("architecture", ""), needs)
    return Package()


_NAME, _VERSION, _RELEASE, _ARCH, _REQUIRES = 1000, 1001, 1002, 1022, 1049
_MOST_REQUIRES = 10_000


def _rpm(file: BinaryIO, budget: Budget) -> tuple[Package, Iterator[Member]]:
    file.seek(96)
    _rpm_header(file, budget)
    # The signature header alone is padded to eight bytes.
    file.seek(-(-file.tell() // 8) * 8)
    tags = _rpm_header(file, budget)
    name, version, release, arch = (tags.get(tag, ("",))[0] for tag in (_NAME, _VERSION, _RELEASE, _ARCH))
    package = Package(name, "-".join(part for part in (version, release) if part), arch, tags.get(_REQUIRES, ()))
    start = file.tell()
    kind = detect(file.read(HEAD))
    file.seek(start)
    if kind not in COMPRESSED and kind is not Kind.CPIO:
        raise ArchiveError(budget.source, f"the payload of the rpm is {kind.value}, not cpio", start)
    return package, _members(read_cpio(Stream(file, kind, budget), budget), budget)


def _rpm_header(file: BinaryIO, budget: Budget) -> dict[int, tuple[str, ...]]:
    """The string tags of the rpm header at the file's position, which moves behind it."""
    at = file.tell()
    head = file.read(16)
    if len(head) < 16 or head[:4] != b"\x8e\xad\xe8\x01":
        raise ArchiveError(budget.source, "damaged rpm header", at)
    count, size = struct.unpack(">II", head[8:])
    if count > 1 << 16 or size > 256 << 20:
        raise ArchiveError(budget.source, "rpm header over the limits", at)
    index, store = file.read(16 * count), file.read(size)
    if len(index) < 16 * count or len(store) < size:
        raise ArchiveError(budget.source, "the package is truncated", at)
    tags: dict[int, tuple[str, ...]] = {}
    for row in range(count):
        tag, kind, offset, length = struct.unpack_from(">IIII", index, 16 * row)
        # Once each: 65,000 rows that all point to one store of megabytes would be cut out of it one by one.
        wanted = tag in (_NAME, _VERSION, _RELEASE, _ARCH, _REQUIRES) and tag not in tags
        if kind in (6, 8, 9) and offset < size and wanted:
            most = min(length, _MOST_REQUIRES) if tag == _REQUIRES else 1
            texts = store[offset:].split(b"\0", most)[:most]
            tags[tag] = tuple(text.decode("utf-8", "replace") for text in texts)
    return tags


_ZIP_ROW = b"PK\1\2"
_MOST_IN_ZIP = 60_000  # each takes a kilobyte before the first is read
_ZIP_STEP = 1 << 20
_UNBOUNDED_STEP = 4096  # zipfile's decoders of bzip2 and lzma give all that they make of what they read


def _zip(file: BinaryIO, budget: Budget) -> Iterator[Member]:
    if _rows(file) > _MOST_IN_ZIP:
        raise ArchiveError(budget.source, f"holds more than {_MOST_IN_ZIP} files")
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                budget.enter(info.filename, info.file_size)
                path = safe_path(info.filename, budget.source)
                # The upper half of the attributes is the Unix mode: 0o12 is a symbolic link.
                if not info.is_dir():
                    kind = Entry.LINK if info.external_attr >> 28 == 0o12 else Entry.FILE
                    yield Member(path, info.file_size, _ZipReader(archive, info, budget), kind)
    except ArchiveError:
        raise
    except Exception as error:  # zipfile raises IndexError and others, too, on damaged headers
        raise ArchiveError(budget.source, f"damaged zip archive: {error}") from error


def _rows(file: BinaryIO) -> int:
    """How many rows the table of a zip file has at most: told from their marks, before it is read into memory."""
    count, before = 0, b""
    file.seek(0)
    while piece := file.read(_ZIP_STEP):
        count += (before + piece).count(_ZIP_ROW)
        before = piece[-len(_ZIP_ROW) + 1 :]
    file.seek(0)
    return count


@dataclass(frozen=True, slots=True)
class _ZipReader:
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo
    budget: Budget

    def __call__(self) -> bytes:
        info, out = self.info, io.BytesIO()
        self.budget.admit(info.filename, info.file_size)
        bounded = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        step = _ZIP_STEP if bounded else _UNBOUNDED_STEP
        try:
            with self.archive.open(info) as file:
                while out.tell() <= info.file_size and (piece := file.read(step)):
                    self.budget.spend(len(piece))
                    out.write(piece)
        except ArchiveError:
            raise
        except Exception as error:  # whatever zipfile and its decoders raise
            raise ArchiveError(self.budget.source, f"damaged zip member {info.filename}: {error}") from error
        if out.tell() != info.file_size:
            raise ArchiveError(self.budget.source, f"{info.filename} does not have the size in the archive header")
        return out.getvalue()
