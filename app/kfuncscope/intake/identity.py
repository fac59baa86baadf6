# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which release a kernel is of, from configs and banners; the architecture is found by kfuncscope.arch."""

from __future__ import annotations

import re

from kfuncscope.knowledge.levels import linux_version

_COMMENT = re.compile(rb"^# Linux/(\S+) (\S+)", re.MULTILINE)
_BANNER = re.compile(rb"Linux version (\d+\.\d+[^\s\0]{0,100}) \(([^\0]{0,1000})")
# Where distributions whose own releases hide the version of Linux say it: Debian behind the build's number, Ubuntu in
# /proc/version_signature. libbpf looks at the same places for LINUX_KERNEL_VERSION.
_DEBIAN = re.compile(rb"#\d+ [^\0#]*\bDebian (\d+\.\d+\.\d+)")
_UBUNTU = re.compile(rb"Ubuntu \d+\.\d+\.\d+-\S{1,60} (\d+\.\d+\.\d+)\n")
_UPSTREAM = re.compile(r"(?:\d+:)?(\d+\.\d+\.\d+)")
_TWO_NUMBERS = re.compile(r"(?:\d+:)?\d+\.\d+(?!\.?\d)")


def release_of_config(config: bytes) -> str | None:
    """The version in a config's head comment; it lacks the distribution's suffix."""
    found = _COMMENT.search(config[:2000])
    return found[2].decode("ascii", "replace") if found else None


def release_of_image(image: bytes) -> str | None:
    """The release in the ``Linux version`` banner of an uncompressed kernel."""
    found = _BANNER.search(image)
    return found[1].decode("ascii", "replace") if found else None


def version_of_image(image: bytes) -> str | None:
    """The version of Linux, x.y.z, that an uncompressed kernel says it is of; its release may hide it (R-12.21)."""
    banner = _BANNER.search(image)
    if banner is None:
        return None
    found = _DEBIAN.search(banner[2]) or _UBUNTU.search(image)
    return found[1].decode() if found else linux_version(banner[1].decode("ascii", "replace"))


def version_of_package(name: str, version: str) -> str | None:
    """The version of Linux in the version of a Debian package that holds a kernel's parts; None for other packages."""
    found = _UPSTREAM.match(version) if name.startswith("linux-") else None
    return found[1] if found else None


def unnumbered_image(image: bytes) -> bool:
    """Whether libbpf finds no version of three numbers in a kernel of this image, as in Debian's 7.3~rc7 (R-12.29)."""
    banner = _BANNER.search(image)
    return banner is not None and version_of_image(image) is None and _two_numbers(banner[1].decode("ascii", "replace"))


def unnumbered_package(name: str, version: str, release: str) -> bool:
    """The same, as a Debian package of the release tells it, whose version is in what the kernel says."""
    ours = name.startswith("linux-") and name.endswith(f"-{release}")
    return ours and _two_numbers(release) and _two_numbers(version)


def _two_numbers(text: str) -> bool:
    return _TWO_NUMBERS.match(text) is not None


def same_release(one: str, other: str) -> bool:
    """Whether two releases can be of one build; a config knows only the part before the distribution's suffix."""
    short, long = sorted((one, other), key=len)
    return long == short or (long.startswith(short) and long[len(short)] in "+-_~")
