# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a file is to a kernel, from its path, in the layouts of Debian, Ubuntu, Fedora, RHEL and SUSE.

| file | Debian, Ubuntu | Fedora, RHEL, SUSE, Debian from 7.2 |
|---|---|---|
| image | boot/vmlinuz-R | [usr/]lib/modules/R/vmlinuz, .../Image, .../image, .../vmlinux.xz, boot/vmlinux-R.gz |
| unified image | | lib/modules/R/vmlinuz-virt.efi (kernel-uki-virt) |
| config, symbols | boot/config-R, boot/System.map-R | [usr/]lib/modules/R/config, .../System.map |
| config alone | usr/lib/linux/R/config (linux-buildinfo) | |
| modules | [usr/]lib/modules/R/**/*.ko[.xz|.zst|.gz] | the same |
| debug image | usr/lib/debug/boot/vmlinux-R | usr/lib/debug/[usr/]lib/modules/R/vmlinux |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from kfuncscope.containers.unpack import bare_name


class Role(StrEnum):
    """What a file is to a kernel."""

    IMAGE = "image"
    CONFIG = "config"
    SYMBOLS = "symbols"
    MODULE = "module"
    BTF = "btf"


@dataclass(frozen=True, slots=True)
class Part:
    """The role of a file and the release that its path tells, or None."""

    role: Role
    release: str | None


_IN_MODULES = re.compile(r"(?:^|/)lib/modules/([^/]+)/(.+)$")
_BUILD_INFO = re.compile(r"(?:^|/)usr/lib/linux/(\d[^/]+)/config$")
_IMAGE = re.compile(r"(?:vmlinuz|vmlinux|bzImage|zImage|uImage|Image|image|kernel)(?:-(\d.*))?")
_UNIFIED = re.compile(r"vmlinuz-[a-z][\w-]*\.efi")
_CONFIG = re.compile(r"config(?:-(\d.*))?")
_SYMBOLS = re.compile(r"(?:System\.map|kallsyms|symbols)(?:-(\d.*))?")
_NOT_IMAGES = (".sig", ".hmac", ".old", ".sym", ".gz.md5", ".efi.stub")


def part_of(path: str) -> Part | None:
    """What the file at ``path`` (in a package or folder, relative) is to a kernel, or None when nothing."""
    name = path.rpartition("/")[2]
    below = _IN_MODULES.search(path)
    release = below[1] if below else None
    bare = bare_name(name)
    if bare.endswith(".ko"):
        return Part(Role.MODULE, release) if release and not path.startswith("usr/lib/debug/") else None
    if bare.endswith(".btf"):
        stem = bare.removesuffix(".btf")
        return Part(Role.BTF, release or (stem if re.match(r"\d+\.\d+", stem) else None))
    # Deep below lib/modules/R stand the build tree and its own config and image files, which say nothing new.
    if (below and "/" in below[2]) or name.endswith(_NOT_IMAGES):
        return None
    if below and _UNIFIED.fullmatch(name):
        return Part(Role.IMAGE, release)
    if built := _BUILD_INFO.search(path):
        return Part(Role.CONFIG, built[1])
    for pattern, role in ((_IMAGE, Role.IMAGE), (_CONFIG, Role.CONFIG), (_SYMBOLS, Role.SYMBOLS)):
        if found := pattern.fullmatch(bare):
            known = found[1] or release
            # A bare word such as "config" is only trusted where kernels keep theirs, or at the top of an archive.
            if known or path.count("/") == 0 or path.startswith("boot/"):
                return Part(role, known)
    return None
