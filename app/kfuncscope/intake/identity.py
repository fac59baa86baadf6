# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which release a kernel is of, from configs and banners; which architecture is told by kfuncscope.arch."""

from __future__ import annotations

import re

_COMMENT = re.compile(rb"^# Linux/(\S+) (\S+)", re.MULTILINE)
_BANNER = re.compile(rb"Linux version (\d+\.\d+[^\s\0]{0,100}) \(")


def release_of_config(config: bytes) -> str | None:
    """The version in a config's head comment; it lacks the distribution's suffix."""
    found = _COMMENT.search(config[:2000])
    return found[2].decode("ascii", "replace") if found else None


def release_of_image(image: bytes) -> str | None:
    """The release in the ``Linux version`` banner of an uncompressed kernel."""
    found = _BANNER.search(image)
    return found[1].decode("ascii", "replace") if found else None


def same_release(one: str, other: str) -> bool:
    """Whether two releases can be of one build; a config knows only the part before the distribution's suffix."""
    short, long = sorted((one, other), key=len)
    return long == short or (long.startswith(short) and long[len(short)] in "+-_~")
