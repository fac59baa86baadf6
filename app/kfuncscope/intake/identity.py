# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which kernel is it: architecture and release from packages, paths, configs, banners and ELF headers."""

from __future__ import annotations

import re

_DEB = {
    "amd64": "x86_64",
    "i386": "i386",
    "arm64": "arm64",
    "armhf": "arm",
    "armel": "arm",
    "ppc64el": "ppc64le",
    "ppc64": "ppc64",
    "powerpc": "ppc",
    "riscv64": "riscv64",
    "s390x": "s390x",
    "loong64": "loongarch64",
    "mips64el": "mips64el",
    "mipsel": "mipsel",
    "sparc64": "sparc64",
}
_RPM = {
    "x86_64": "x86_64",
    "i386": "i386",
    "i586": "i386",
    "i686": "i386",
    "aarch64": "arm64",
    "armv7hl": "arm",
    "ppc64le": "ppc64le",
    "ppc64": "ppc64",
    "s390x": "s390x",
    "riscv64": "riscv64",
    "loongarch64": "loongarch64",
}
_ELF = {62: "x86_64", 3: "i386", 183: "arm64", 40: "arm", 22: "s390x", 258: "loongarch64"}
_CONFIG = {"arm64": "arm64", "arm": "arm", "s390": "s390x"}
_COMMENT = re.compile(rb"^# Linux/(\S+) (\S+)", re.MULTILINE)
_BANNER = re.compile(rb"Linux version (\d+\.\d+[^\s\0]{0,100}) \(")

# The suffixes that distributions put behind a release, and the words of other systems for the same machines.
_IN_NAME = {**_DEB, **_RPM, "powerpc64le": "ppc64le", "armmp": "arm", "686": "i386"}


def arch_of_deb(word: str) -> str | None:
    """The kernel's word for a Debian architecture (None for ``all`` and unknown ones)."""
    return _DEB.get(word)


def arch_of_rpm(word: str) -> str | None:
    """The kernel's word for an RPM architecture (None for ``noarch`` and unknown ones)."""
    return _RPM.get(word)


def arch_of_release(release: str) -> str | None:
    """The architecture that a release names, as in ``6.12.107+deb13-arm64-16k`` or ``5.14.0-427.el9.aarch64+64k``."""
    words = re.split(r"[-.+]", release)
    return next((_IN_NAME[word] for word in reversed(words[1:]) if word in _IN_NAME), None)


def arch_of_elf(machine: int, bits: int, little: bool) -> str | None:
    """The architecture of an ELF header."""
    if machine == 21:
        return "ppc64le" if little else "ppc64"
    if machine == 243:
        return "riscv64" if bits == 64 else "riscv32"
    return _ELF.get(machine)


def arch_of_config(config: bytes) -> str | None:
    """The architecture that a kernel config was made for."""
    found = _COMMENT.search(config[:2000])
    word = found[1].decode("ascii", "replace") if found else ""
    if word in ("x86", "x86_64", "i386"):
        return "x86_64" if has_option(config, "X86_64") else "i386"
    if word == "powerpc":
        if not has_option(config, "PPC64"):
            return "ppc"
        return "ppc64le" if has_option(config, "CPU_LITTLE_ENDIAN") else "ppc64"
    if word in ("riscv", "loongarch", "mips"):
        return word + ("64" if has_option(config, "64BIT") else "32")
    return _CONFIG.get(word)


def release_of_config(config: bytes) -> str | None:
    """The version in a config's head comment; it lacks the distribution's suffix."""
    found = _COMMENT.search(config[:2000])
    return found[2].decode("ascii", "replace") if found else None


def release_of_image(image: bytes) -> str | None:
    """The release in the ``Linux version`` banner of an uncompressed kernel."""
    found = _BANNER.search(image)
    return found[1].decode("ascii", "replace") if found else None


def has_option(config: bytes, name: str) -> bool:
    """Whether the config sets CONFIG_``name`` to y."""
    return re.search(rb"^CONFIG_" + name.encode() + rb"=y$", config, re.MULTILINE) is not None


def same_release(one: str, other: str) -> bool:
    """Whether two releases can be of one build; a config knows only the part before the distribution's suffix."""
    short, long = sorted((one, other), key=len)
    return long == short or (long.startswith(short) and long[len(short)] in "+-_~")
