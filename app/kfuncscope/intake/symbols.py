# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The kernel's own symbol table: decoded from an image, or read from System.map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kfuncscope.intake.kallsyms import decode_kallsyms
from kfuncscope.storage.cache import default_cache

VERSION = 1
_FEWEST = 100


def real_symbols(text: bytes) -> bytes | None:
    """``text`` if it is a symbol table; None for the one-line note that Debian ships as System.map."""
    return text if text.count(b"\n") >= _FEWEST else None


@dataclass(frozen=True, slots=True)
class Kallsyms:
    """Decodes the symbol table inside a kernel image to lines "type name"; about a second, then cached.

    Raises ImageError when the image has none.
    """

    image: Callable[[], bytes]
    image_sha256: str
    source: str

    def __call__(self) -> bytes:
        key = f"kallsyms:{VERSION}:{self.image_sha256}"
        known = default_cache().get(key)
        if known is not None:
            return known
        text = decode_kallsyms(self.image(), self.source)
        default_cache().put(key, text)
        return text
