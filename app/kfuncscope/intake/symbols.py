# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The kernel's own symbol table: decoded from an image, or told by System.map."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from kfuncscope.errors import ImageError
from kfuncscope.intake.cache import default_cache

VERSION = 1
_FEWEST = 100


def real_symbols(text: bytes) -> bytes | None:
    """``text`` if it is a symbol table; None for the one-line note that Debian ships as System.map."""
    return text if text.count(b"\n") >= _FEWEST else None


@dataclass(frozen=True, slots=True)
class Kallsyms:
    """Decodes the symbol table inside a kernel image to lines "address type name"; about a minute, then cached.

    Raises ImageError when the image has none, or when the package vmlinux-to-elf (extra "symbols") is not installed.
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


def decode_kallsyms(image: bytes, source: str) -> bytes:
    """The symbols in an uncompressed image, as kallsyms text sorted by address. Raises ImageError."""
    try:
        from vmlinux_to_elf.core.kallsyms import KallsymsFinder
    except ImportError as error:
        raise ImageError(source, "decoding symbols needs the Python package vmlinux-to-elf") from error
    quiet = io.StringIO()
    try:
        with redirect_stdout(quiet), redirect_stderr(quiet):
            logging.getLogger().addHandler(logging.NullHandler())
            finder = KallsymsFinder(image)
    except Exception as error:  # a third-party decoder of damaged data may raise anything
        raise ImageError(source, f"no symbol table could be decoded: {error}") from error
    lines = []
    for symbol in sorted(finder.symbols, key=lambda s: (s.virtual_address, s.name)):
        kind = symbol.symbol_type.value if hasattr(symbol.symbol_type, "value") else "?"
        kind = kind.upper() if symbol.is_global else kind.lower()
        lines.append(f"{symbol.virtual_address:016x} {kind} {symbol.name}")
    return ("\n".join(lines) + "\n").encode()
