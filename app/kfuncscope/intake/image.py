# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernel images: from a vmlinuz of any compressor and shape to the uncompressed kernel, and the BTF inside it."""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Iterator
from contextvars import ContextVar

from kfuncscope.arch import arch_of_elf
from kfuncscope.btf.layout import STARTS
from kfuncscope.btf.scan import btf_end
from kfuncscope.containers.detect import COMPRESSED, HEAD, LZMA_START, STREAMS, Kind, detect
from kfuncscope.containers.stream import room
from kfuncscope.containers.unpack import decompress, peel
from kfuncscope.elf.tables import EM_BPF, read_elf
from kfuncscope.errors import ArchiveError, ImageError, InputError

_BANNER = re.compile(rb"Linux version \d")
_SMALLEST = 1 << 16
_LARGEST = 512 << 20
_LARGEST_CONFIG = 4 << 20
_CONFIG_START = b"IKCFG_ST"
_TRIES = 64
_RAW = (Kind.ARM64_IMAGE, Kind.RISCV_IMAGE)


_held: ContextVar[dict[str, bytes] | None] = ContextVar("_held", default=None)


@contextlib.contextmanager
def image_held() -> Iterator[None]:
    """Keep the image that was unpacked last until the block ends: most of what is read from one is read at once."""
    token = _held.set({})
    try:
        yield
    finally:
        _held.reset(token)


def hold(key: str, image: bytes) -> None:
    """Keep an uncompressed image for who asks for it by what identifies its content; nothing outside of a block."""
    if (held := _held.get()) is not None:
        held.clear()
        held[key] = image


def held_image(key: str) -> bytes | None:
    """The image that ``hold`` keeps. None where that is another, which is let go: two at once take twice the memory."""
    held = _held.get() or {}
    if key not in held:
        held.clear()
    return held.get(key)


def unpack_image(data: bytes, source: str, depth: int = 4) -> bytes:
    """The uncompressed kernel in ``data``: a vmlinux ELF or a raw Image. Raises ImageError when there is none."""
    if depth == 0:
        raise ImageError(source, "kernel images nested too deeply")
    try:
        data = peel(data, source)
    except ArchiveError as error:
        raise ImageError(source, error.reason, error.offset) from error
    kind = detect(data[:HEAD])
    if kind is Kind.LZO:
        raise ImageError(source, "the kernel is compressed with lzo, which is not supported")
    if kind is Kind.ELF and _is_vmlinux(data, source):
        return data
    if kind in _RAW and _BANNER.search(data):
        return data
    if (payload := _stated_payload(data, kind, source)) is not None:
        return unpack_image(payload, source, depth - 1)
    for payload in _payloads(data, source):
        if detect(payload[:HEAD]) is Kind.ELF or _BANNER.search(payload):
            return payload
    if _BANNER.search(data) and kind is not Kind.BZIMAGE:
        return data
    raise ImageError(source, f"no kernel found in this image ({kind.value})")


def _is_vmlinux(data: bytes, source: str) -> bool:
    """Whether an ELF file is the kernel itself and no wrapper that unpacks one (ppc zImage, mips vmlinuz)."""
    try:
        elf = read_elf(data, source)
    except InputError as error:
        raise ImageError(source, error.reason, error.offset) from error
    names = {s.name for s in elf.sections}
    return bool(names & {".BTF", "__ksymtab", ".init.text"}) or (".text" in names and _BANNER.search(data) is not None)


def _stated_payload(data: bytes, kind: Kind, source: str) -> bytes | None:
    """The payload where the image's own header says it is: x86 setup header, EFI zboot, a unified kernel's .linux."""
    if kind is Kind.BZIMAGE and len(data) > 0x250:
        setup = (data[0x1F1] or 4) + 1
        offset, length = struct.unpack_from("<II", data, 0x248)
        start = setup * 512 + offset
        payload = data[start : start + length]
        # The last four bytes are the size of what is in it, which no decoder expects.
        if detect(payload[:HEAD]) in COMPRESSED:
            return _decoded(payload[:-4] if len(payload) > 4 else payload, source)
    if kind is Kind.ZBOOT and len(data) >= 16:
        offset, length = struct.unpack_from("<II", data, 8)
        payload = data[offset : offset + length]
        if detect(payload[:HEAD]) in COMPRESSED:
            return _decoded(payload, source)
    if data[:2] == b"MZ" and (linux := _pe_section(data, b".linux")):
        return linux
    return None


def _limit(data: bytes) -> int:
    return min(_LARGEST, room(len(data)))


def _decoded(payload: bytes, source: str) -> bytes | None:
    try:
        return decompress(payload, detect(payload[:HEAD]), source, _limit(payload), tail=True)
    except ArchiveError:
        return None


def _pe_section(data: bytes, wanted: bytes) -> bytes | None:
    at = int.from_bytes(data[0x3C:0x40], "little")
    if data[at : at + 4] != b"PE\0\0" or at + 24 > len(data):
        return None
    count, optional = struct.unpack_from("<H12xH", data, at + 6)
    for row in range(min(count, 96)):
        entry = data[at + 24 + optional + 40 * row :][:40]
        if len(entry) == 40 and entry[:8].rstrip(b"\0") == wanted:
            size, start = struct.unpack_from("<II", entry, 16)
            return data[start : start + size]
    return None


def _payloads(data: bytes, source: str) -> Iterator[bytes]:
    """What unpacks from every place in ``data`` that looks like a compressed stream, if it is of a kernel's size."""
    for magic, kind in (*STREAMS, (LZMA_START, Kind.LZMA)):
        at, tries = data.find(magic), 0
        while at >= 0 and tries < _TRIES:
            tries += 1
            try:
                payload = decompress(memoryview(data)[at:], kind, source, _limit(data), tail=True)
            except ArchiveError:
                payload = b""
            if len(payload) >= _SMALLEST:
                yield payload
            at = data.find(magic, at + 1)


def image_arch(image: bytes, source: str) -> str | None:
    """The architecture that an uncompressed image's own header tells."""
    kind = detect(image[:HEAD])
    if kind is Kind.ARM64_IMAGE:
        return "arm64"
    if kind is Kind.RISCV_IMAGE:
        return "riscv64"
    if kind is Kind.ELF:
        elf = read_elf(image, source)
        if elf.machine == EM_BPF:
            raise ImageError(source, "a BPF object, not a kernel")
        return arch_of_elf(elf.machine, elf.bits, elf.little)
    return None


def embedded_config(image: bytes, source: str) -> bytes | None:
    """The config that CONFIG_IKCONFIG puts into a kernel, gzipped between two marks; None where there is none."""
    at = image.find(_CONFIG_START)
    while at >= 0:
        packed = at + len(_CONFIG_START)
        if detect(image[packed : packed + HEAD]) is Kind.GZIP:
            try:
                return decompress(memoryview(image)[packed:], Kind.GZIP, source, _LARGEST_CONFIG, tail=True)
            except ArchiveError:
                return None
        at = image.find(_CONFIG_START, packed)
    return None


def find_btf(image: bytes, source: str) -> bytes | None:
    """The kernel's BTF in an uncompressed image: the .BTF section of an ELF, else the largest blob found by header."""
    if detect(image[:HEAD]) is Kind.ELF:
        btf = read_elf(image, source).section(".BTF")
        if btf:
            return btf
    found = max(_btf_blobs(image), key=lambda span: span[1] - span[0], default=None)
    return image[found[0] : found[1]] if found else None


def _btf_blobs(image: bytes) -> Iterator[tuple[int, int]]:
    for match in re.finditer(b"|".join(map(re.escape, STARTS)), image):
        end = btf_end(image, match.start())
        if end is not None:
            yield match.start(), end
