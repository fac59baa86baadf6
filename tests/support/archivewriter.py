# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write packages, archives and kernel images in tests, in a few lines."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence

import lz4.block
import lz4.frame
import zstandard

Files = Mapping[str, bytes]


def compress(data: bytes, how: str) -> bytes:
    """``data`` compressed as ``how`` names it: xz, gz, zst, bz2, lz4, lz4-legacy, lzma, or empty for not at all."""
    if how == "xz":
        return lzma.compress(data, preset=0)
    if how == "gz":
        return gzip.compress(data, 1, mtime=0)
    if how == "zst":
        return zstandard.ZstdCompressor(level=1).compress(data)
    if how == "bz2":
        return bz2.compress(data, 1)
    if how == "lz4":
        return lz4.frame.compress(data)
    if how == "lz4-legacy":
        return lz4_legacy(data)
    if how == "lzma":
        return lzma.compress(data, format=lzma.FORMAT_ALONE, preset=0)
    assert how == ""
    return data


def lz4_legacy(data: bytes) -> bytes:
    """As ``lz4 -l`` writes and kernels use: blocks of 8 MB, each with its size before it."""
    out = b"\x02\x21\x4c\x18"
    for at in range(0, len(data), 8 << 20):
        block = lz4.block.compress(data[at : at + (8 << 20)], store_size=False)
        out += struct.pack("<I", len(block)) + block
    return out


def xz_in_blocks(data: bytes, block: int) -> bytes:
    """One .xz stream of several blocks, as ``xz -T`` and dpkg write large files."""
    blocks, records = b"", b""
    for at in range(0, len(data), block):
        stream = lzma.compress(data[at : at + block], preset=0)
        index = (int.from_bytes(stream[-8:-4], "little") + 1) * 4
        body = stream[12 : -12 - index]
        blocks += body
        # The record holds the size without padding, which the one-block stream's own index tells.
        record = stream[-12 - index + 2 : -12 - 4]
        size = _varint(len(data[at : at + block]))
        records += record[: record.index(size) + len(size)]
    count = -(-len(data) // block)
    index_bytes = b"\0" + _varint(count) + records
    index_bytes += bytes(-len(index_bytes) % 4)
    index_bytes += struct.pack("<I", zlib.crc32(index_bytes))
    tail = struct.pack("<I", len(index_bytes) // 4 - 1) + stream[6:8]
    return stream[:12] + blocks + index_bytes + struct.pack("<I", zlib.crc32(tail)) + tail + b"YZ"


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def tar(files: Files, how: str = "", *, links: Mapping[str, str] | None = None, pax: bool = False) -> bytes:
    """A tar archive of regular files, and symbolic links by name."""
    out = io.BytesIO()
    kind = tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return compress(out.getvalue(), how)


def zipped(files: Files) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def ar(members: Files) -> bytes:
    """An ar archive."""
    out = b"!<arch>\n"
    for name, data in members.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    return out


def deb(
    files: Files, *, name: str = "probe", version: str = "1.0-1", arch: str = "amd64", how: str = "xz",
    links: Mapping[str, str] | None = None, depends: str = "",
) -> bytes:  # fmt: skip
    """A Debian package with the files at ``./path``."""
    control = f"Package: {name}\nVersion: {version}\nArchitecture: {arch}\nDescription: for tests\n more\n"
    control += f"Depends: {depends}\n" if depends else ""
    suffix = f".{how}" if how else ""
    return ar(
        {
            "debian-binary": b"2.0\n",
            "control.tar.gz": tar({"./control": control.encode()}, "gz"),
            f"data.tar{suffix}": tar({f"./{path}": data for path, data in files.items()}, how, links=links),
        }
    )


def cpio(files: Files, *, links: Mapping[str, str] | None = None) -> bytes:
    """A cpio archive in the newc format."""
    out = b""
    entries = [(n, d, 0o100644) for n, d in files.items()]
    entries += [(n, t.encode(), 0o120777) for n, t in (links or {}).items()]
    for number, (name, data, mode) in enumerate([*entries, ("TRAILER!!!", b"", 0)]):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name.encode()) + 1, 0)
        out += b"070701" + "".join(f"{field:08x}" for field in fields).encode()
        out += name.encode() + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return out


def rpm(
    files: Files, *, name: str = "probe", version: str = "1.0", release: str = "1.fc44", arch: str = "x86_64",
    how: str = "zst", links: Mapping[str, str] | None = None, requires: Sequence[str] = (),
) -> bytes:  # fmt: skip
    """An rpm package with the files at ``./path``."""
    lead = b"\xed\xab\xee\xdb\x03\x00" + bytes(90)
    signature = _rpm_header({62: "x"})
    signature += bytes(-len(signature) % 8)
    tags = {1000: name, 1001: version, 1002: release, 1022: arch, 1125: how}
    if requires:
        tags[1049] = "\0".join(requires)
    payload = cpio({f"./{path}": data for path, data in files.items()}, links=links)
    return lead + signature + _rpm_header(tags) + compress(payload, how)


def _rpm_header(tags: Mapping[int, str]) -> bytes:
    index, store = b"", b""
    for tag, text in tags.items():
        index += struct.pack(">IIII", tag, 8 if "\0" in text else 6, len(store), text.count("\0") + 1)
        store += text.encode() + b"\0"
    return b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", len(tags), len(store)) + index + store


def bzimage(payload: bytes) -> bytes:
    """An x86 bzImage around a compressed payload, with the size behind it as the kernel's build appends it."""
    setup = bytearray(5 * 512)
    setup[0x1F1] = 4
    setup[0x202:0x206] = b"HdrS"
    code = b"\xcc" * 100
    struct.pack_into("<II", setup, 0x248, len(code), len(payload) + 4)
    return bytes(setup) + code + payload + struct.pack("<I", 1 << 24) + b"\xcc" * 50


def zboot(payload: bytes) -> bytes:
    """An EFI zboot image around a compressed payload."""
    head = bytearray(0x40)
    head[:8] = b"MZ\0\0zimg"
    struct.pack_into("<II", head, 8, len(head), len(payload))
    return bytes(head) + payload + bytes(100)


def arm64_image(body: bytes) -> bytes:
    """A raw arm64 Image: the header and whatever the kernel is."""
    head = bytearray(64)
    head[:2] = b"MZ"
    head[0x38:0x3C] = b"ARM\x64"
    return bytes(head) + body


def riscv_image(body: bytes) -> bytes:
    """A raw riscv64 Image."""
    head = bytearray(64)
    head[:2] = b"MZ"
    head[0x30:0x35] = b"RISCV"
    head[0x38:0x3C] = b"RSC\x05"
    return bytes(head) + body


def uki(linux: bytes) -> bytes:
    """A unified kernel image: a PE file with the kernel in its section ``.linux``."""
    head = bytearray(0x40)
    head[:2] = b"MZ"
    struct.pack_into("<I", head, 0x3C, 0x40)
    start = 0x200
    table = b".linux\0\0" + struct.pack("<IIII", len(linux), 0x1000, len(linux), start) + bytes(16)
    out = bytes(head) + b"PE\0\0" + struct.pack("<HH12xHH", 0x8664, 1, 0, 0) + table
    return out.ljust(start, b"\0") + linux
