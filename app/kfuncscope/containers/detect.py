# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tell what a file is from its first bytes; names are hints only where the bytes say nothing."""

from __future__ import annotations

from enum import StrEnum

from kfuncscope.btf.layout import STARTS

HEAD = 1024
"""How many first bytes ``detect`` wants to see (a tar magic stands at 257, the x86 setup header at 0x202)."""


class Kind(StrEnum):
    """What a file is, by its magic."""

    BTF = "BTF"
    ELF = "ELF"
    DEB = "ar archive"
    RPM = "rpm"
    TAR = "tar"
    ZIP = "zip"
    CPIO = "cpio"
    XZ = "xz"
    GZIP = "gzip"
    ZSTD = "zstd"
    BZIP2 = "bzip2"
    LZ4 = "lz4"
    LZMA = "lzma"
    LZO = "lzo"
    BZIMAGE = "x86 bzImage"
    ARM64_IMAGE = "arm64 Image"
    RISCV_IMAGE = "riscv64 Image"
    ARM_ZIMAGE = "arm zImage"
    ZBOOT = "EFI zboot image"
    PE = "PE executable"
    EMPTY = "empty"
    UNKNOWN = "unknown"


COMPRESSED = frozenset({Kind.XZ, Kind.GZIP, Kind.ZSTD, Kind.BZIP2, Kind.LZ4, Kind.LZMA})
ARCHIVES = frozenset({Kind.DEB, Kind.RPM, Kind.TAR, Kind.ZIP, Kind.CPIO})
IMAGES = frozenset({Kind.BZIMAGE, Kind.ARM64_IMAGE, Kind.RISCV_IMAGE, Kind.ARM_ZIMAGE, Kind.ZBOOT, Kind.PE})

STREAMS = (
    (b"\x28\xb5\x2f\xfd", Kind.ZSTD),
    (b"\xfd7zXZ\x00", Kind.XZ),
    (b"\x1f\x8b\x08", Kind.GZIP),
    (b"\x02\x21\x4c\x18", Kind.LZ4),
    (b"\x04\x22\x4d\x18", Kind.LZ4),
    (b"BZh", Kind.BZIP2),
)
"""How compressed streams begin, the most telling first."""

LZMA_START = b"\x5d\x00\x00"
"""As streams of lzma usually begin, which have no magic: it says little, so it is looked for last."""

_STARTS = (
    *((start, Kind.BTF) for start in STARTS),
    (b"\x7fELF", Kind.ELF),
    (b"!<arch>\n", Kind.DEB),
    (b"\xed\xab\xee\xdb", Kind.RPM),
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),
    (b"070701", Kind.CPIO),
    (b"070702", Kind.CPIO),
    *STREAMS,
    (b"\x89LZO\x00\x0d\x0a\x1a\x0a", Kind.LZO),
)
_FIRST = frozenset(magic[:2] for magic, _ in _STARTS)


def detect(head: bytes) -> Kind:
    """Kind of the file that begins with ``head`` (HEAD bytes are enough; fewer may leave it UNKNOWN)."""
    if not head:
        return Kind.EMPTY
    if head[:2] in _FIRST:
        for magic, kind in _STARTS:
            if head.startswith(magic):
                return kind
    if head[257:262] == b"ustar":
        return Kind.TAR
    if head[0x202:0x206] == b"HdrS":
        return Kind.BZIMAGE
    if head[4:8] == b"zimg" and head[:2] == b"MZ":
        return Kind.ZBOOT
    if head[0x38:0x3C] == b"ARM\x64":
        return Kind.ARM64_IMAGE
    if head[0x30:0x35] == b"RISCV" or head[0x38:0x3C] == b"RSC\x05":
        return Kind.RISCV_IMAGE
    if head[0x24:0x28] in (b"\x18\x28\x6f\x01", b"\x01\x6f\x28\x18"):
        return Kind.ARM_ZIMAGE
    if head[:2] == b"MZ":
        return Kind.PE
    if head[:3] == LZMA_START and len(head) >= 13:
        return Kind.LZMA
    return Kind.UNKNOWN
