# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Pictures that follow each other in one file: APNG, which every browser shows and Qt alone can make the parts of.

A frame is a PNG of its own colours; of the second and later ones only the rectangle that differs is kept.
Format: https://www.w3.org/TR/png-3/#apng-frame-based-animation
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRect
from PySide6.QtGui import QImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def changed(before: QImage, after: QImage) -> QRect:
    """The smallest rectangle outside of which two pictures of one size are the same; one pixel where all is."""
    import numpy as np

    def pixels(image: QImage) -> np.ndarray[tuple[int, int], np.dtype[np.uint32]]:
        made = image.convertToFormat(QImage.Format.Format_RGB32)
        return np.frombuffer(made.constBits(), dtype=np.uint32).reshape(made.height(), made.width()).copy()

    differs = pixels(before) != pixels(after)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        return QRect(0, 0, 1, 1)
    left, top = int(columns[0]), int(rows[0])
    return QRect(left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1)


def apng(frames: Sequence[tuple[QImage, int]]) -> bytes:
    """Frames of one size, each shown for some milliseconds, one after the other for ever, as a PNG file."""
    first = frames[0][0]
    out = [SIGNATURE, *_head(first), _chunk(b"acTL", struct.pack(">II", len(frames), 0))]
    number, before = 0, first
    for place, (image, lasting) in enumerate(frames):
        if image.size() != first.size():
            raise ValueError("frames differ in size")
        area = changed(before, image) if place else QRect(0, 0, image.width(), image.height())
        size = (area.width(), area.height(), area.x(), area.y())
        out.append(_chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, *size, lasting, 1000, 0, 0)))
        number += 1
        for kind, body in _chunks(_png(image.copy(area))):
            if kind == b"IDAT" and not place:
                out.append(_chunk(kind, body))
            elif kind == b"IDAT":
                out.append(_chunk(b"fdAT", struct.pack(">I", number) + body))
                number += 1
        before = image
    return b"".join([*out, _chunk(b"IEND", b"")])


def _png(image: QImage) -> bytes:
    """A picture of true colours as PNG: all frames of a file share one form of pixels."""
    kept = QByteArray()
    buffer = QBuffer(kept)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.convertToFormat(QImage.Format.Format_RGB888).save(buffer, "PNG", 0)  # type: ignore[call-overload]
    return bytes(kept.data())


def _head(image: QImage) -> Iterator[bytes]:
    return (_chunk(kind, body) for kind, body in _chunks(_png(image)) if kind == b"IHDR")


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and contents of each chunk of a PNG file."""
    at = len(SIGNATURE)
    while at + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind, png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
