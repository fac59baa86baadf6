# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a kernel's packages hold for booting: the image as shipped, its config, and modules with what they depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kfuncscope.btf.layout import MAGICS
from kfuncscope.containers.archive import read_archive
from kfuncscope.containers.stream import Budget
from kfuncscope.containers.unpack import peel
from kfuncscope.elf.tables import read_elf
from kfuncscope.errors import InputError, KernelError
from kfuncscope.intake.identity import same_release
from kfuncscope.intake.layout import Role, part_of
from kfuncscope.intake.modules import module_name
from kfuncscope.intake.package import Store
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.pack import Pack
from kfuncscope.storage.read import Progress, input_of

_DEEPEST = 64
MOST_MODULES = 200
"""Most modules that one boot inserts."""

# Modules that must be there before another one though its .modinfo does not say so: libcrc32c asks the crypto API
# for "crc32c" when it starts, which a table of aliases (modules.alias) would load.
SOFT: dict[str, tuple[str, ...]] = {"libcrc32c": ("crc32c_generic",)}


@dataclass(slots=True)
class BootKernel:
    """One kernel to boot. ``image_sha256`` is of the file as shipped; ``modules`` maps a name to (package, path)."""

    release: str
    arch: str
    image: bytes = b""
    image_sha256: str = ""
    config: bytes = b""
    modules: dict[str, tuple[Store, str]] = field(default_factory=dict)

    def module(self, name: str) -> bytes:
        """The whole uncompressed ELF file of a module. Raises InputError where the package does not hold it."""
        store, path = self.modules[name]
        data = peel(store.read("modules", path), path)
        return _whole(store, path) if data[:2] in MAGICS else data

    def closure(self, wanted: Iterable[str]) -> tuple[list[tuple[str, bytes]], list[str]]:
        """(name, content) of the wanted modules and what they depend on, each after what it needs; and what is missing.

        Built-in modules have no file, so a name without one is only reported.
        """
        found: dict[str, bytes] = {}
        missing: list[str] = []

        def enter(name: str, depth: int) -> None:
            if name in found or name in missing:
                return
            if name not in self.modules or depth > _DEEPEST or len(found) >= MOST_MODULES:
                missing.append(name)
                return
            data = self.module(name)
            for other in (*SOFT.get(name, ()), *depends(data, name)):
                enter(other, depth + 1)
            found[name] = data

        for name in sorted(wanted):
            enter(name, 0)
        return list(found.items()), missing

    def owners(self, declared: Iterable[frozenset[str]]) -> list[str]:
        """Of the modules that declare one thing those that stand on no other of them, for each thing; sorted.

        A driver's BTF repeats the types of the module that it stands on: a hundred declare ``struct hid_device``, which
        is hid's. Each module that is inserted costs every object that is loaded the reading of one more BTF.
        """
        below: dict[str, frozenset[str]] = {}

        def stands_on(name: str, depth: int = 0) -> frozenset[str]:
            if name not in below and depth <= _DEEPEST and name in self.modules:
                below[name] = frozenset()  # where modules go round in a circle
                direct = depends(self.module(name), name)
                below[name] = frozenset(direct).union(*(stands_on(other, depth + 1) for other in direct))
            return below.get(name, frozenset())

        found: set[str] = set()
        for modules in declared:
            found |= {m for m in modules if not (stands_on(m) - {m}) & modules} or modules
        return sorted(found)


def depends(data: bytes, source: str) -> list[str]:
    """The modules that a module's ``.modinfo`` names in ``depends=``."""
    for text in read_elf(data, source).section(".modinfo").split(b"\0"):
        if text.startswith(b"depends="):
            return [word for word in text[8:].decode("ascii", "replace").replace("-", "_").split(",") if word]
    return []


def boot_kernels(paths: Sequence[str], progress: Progress | None = None) -> list[BootKernel]:
    """The kernels that ``paths`` (packages, archives or images) hold, parts of one release put together.

    Raises InputError where a path cannot be read; a kernel without an image comes back without one.
    """
    kernels: list[BootKernel] = []
    for path in paths:
        store = Store(input_of(Path(path)), path)
        pack = store.parts(progress)
        for release, facts in pack.meta["releases"].items():
            home = next((k for k in kernels if same_release(k.release, release)), None)
            if home is None:
                home = BootKernel(release, facts["arch"] or "")
                kernels.append(home)
            home.release = max(home.release, release, key=len)
            home.arch = home.arch or facts["arch"] or ""
            if not home.image and f"image/{release}" in pack:
                home.image, home.image_sha256 = store.read("parts", f"image/{release}"), facts["image_sha256"]
            if not home.config and f"config/{release}" in pack:
                home.config = store.read("parts", f"config/{release}")
            for name, member in facts["modules"].items():
                home.modules.setdefault(name, (store, member))
    return kernels


def need_image(kernel: BootKernel) -> None:
    """Raise KernelError where there is nothing to boot, with what to give."""
    if not kernel.image:
        raise KernelError(
            kernel.release,
            "no kernel image to boot; also give the package that holds vmlinuz "
            f"(Debian: linux-image-{kernel.release}, from 7.x linux-binary-{kernel.release})",
        )


# -- modules of which intake keeps the BTF alone


def _whole(store: Store, path: str) -> bytes:
    cache, key = default_cache(), f"prove-modules:1:{store.input.sha256}"
    pack = cache.pack(key) or _keep_modules(store, key)
    data = pack.read(path) if path in pack else None
    if data is None:
        raise KernelError(store.input.path, f"{path} is no longer in this file")
    return data


def _keep_modules(store: Store, key: str) -> Pack:
    """Stream the package once and keep every uncompressed module."""
    cache = default_cache()
    try:
        writer = cache.writer(key)
        try:
            with open(store.path, "rb") as file:
                archive = read_archive(file, Budget(store.input.path, store.input.size))
                for member in archive[1] if archive else ():
                    part = part_of(member.path)
                    if part is not None and part.role is Role.MODULE and member.path.endswith(".ko"):
                        writer.add(member.path, member.read())
            pack = writer.close({})
        except BaseException:
            writer.drop()
            raise
    except OSError as error:
        raise KernelError(store.input.path, f"the cache cannot hold its modules: {error}") from error
    cache.trim()
    return pack


def modules_digest(modules: Sequence[tuple[str, bytes]]) -> str:
    """One SHA-256 over names and contents."""
    digest = hashlib.sha256()
    for name, data in modules:
        digest.update(f"{name}:{len(data)}:".encode() + data)
    return digest.hexdigest()


def wanted_names(text: str) -> list[str]:
    """Module names from ``NAME,NAME``; raises InputError for what cannot be one."""
    names = [module_name(word.strip()) for word in text.split(",") if word.strip()]
    for name in names:
        if not name.replace("_", "").isalnum():
            raise InputError("--modules", f"{name!r} is not a module name")
    return names
