# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where the guest's files come from: this machine, or packages; and what a binary says that it needs."""

from __future__ import annotations

import io
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from kfuncscope.arch import arch_named, arch_of_elf, arch_of_uname
from kfuncscope.containers.archive import read_archive
from kfuncscope.containers.stream import Budget
from kfuncscope.errors import InputError, KernelError
from kfuncscope.storage.read import input_of, read_file

_PACKAGES = {
    "python": "python3.13-minimal libpython3.13-minimal libpython3.13-stdlib libffi8 libexpat1",
    "libbpf": "libbpf1 libelf1t64 zlib1g libzstd1",
    "libc": "libc6",
}
_MOST_BYTES = 256 << 20
_STDLIB = re.compile(r"(?P<root>.*lib/python3\.\d+)/(?P<rest>.+)$")
_SKIPPED = re.compile(r"/(?:site-packages|dist-packages|test|tests|idlelib|tkinter|lib2to3|ensurepip)/")


@dataclass(frozen=True, slots=True)
class Binary:
    """What an ELF file says of itself: architecture, SONAME, the libraries and the program interpreter it asks for."""

    arch: str | None
    soname: str
    needed: tuple[str, ...]
    interpreter: str


def read_binary(data: bytes, source: str) -> Binary:
    """Read the dynamic section of an executable or shared library. Raises InputError for anything else."""
    try:
        elf = ELFFile(io.BytesIO(data))
        machine = int.from_bytes(data[18:20], "little" if elf.little_endian else "big")
        arch = arch_of_elf(machine, elf.elfclass, elf.little_endian)
        soname, needed, interpreter = "", [], ""
        for segment in elf.iter_segments():
            if isinstance(segment, InterpSegment):
                interpreter = segment.get_interp_name()
        for section in elf.iter_sections():
            if isinstance(section, DynamicSection):
                for tag in section.iter_tags():
                    if tag.entry.d_tag == "DT_NEEDED":
                        needed.append(str(getattr(tag, "needed")))  # noqa: B009
                    elif tag.entry.d_tag == "DT_SONAME":
                        soname = str(getattr(tag, "soname"))  # noqa: B009
        return Binary(arch, soname, tuple(needed), interpreter)
    except (ELFError, AttributeError, KeyError, ValueError, UnicodeDecodeError, IndexError, TypeError) as error:
        raise InputError(source, f"not a readable ELF file: {error}") from error


class Source(Protocol):
    """Where the guest's files come from."""

    @property
    def stdlib(self) -> str:
        """The folder of the standard library, without a leading slash."""

    @property
    def version(self) -> tuple[int, int]:
        """Python's version."""

    def interpreter(self) -> tuple[str, bytes]:
        """Path and content of the Python executable."""

    def library(self, soname: str) -> bytes | None:
        """A shared library by its SONAME."""

    def module(self, path: str) -> bytes | None:
        """A file below ``stdlib``."""

    def extension(self, name: str) -> tuple[str, bytes] | None:
        """Path below ``stdlib`` and content of an extension module."""


@dataclass(slots=True)
class HostSource:
    """The interpreter that runs this program, and the libraries of this machine."""

    arch: str = field(default_factory=lambda: machine_arch())

    @property
    def stdlib(self) -> str:
        """The folder of this machine's standard library, without a leading slash."""
        return sysconfig.get_path("stdlib").lstrip("/")

    @property
    def version(self) -> tuple[int, int]:
        """Version of the Python that runs here."""
        return sys.version_info[:2]

    def interpreter(self) -> tuple[str, bytes]:
        """Path and content of the Python executable."""
        path = os.path.realpath(sys.executable)
        return path.lstrip("/"), read_file(Path(path))

    def library(self, soname: str) -> bytes | None:
        """A shared library by its SONAME."""
        for folder in library_folders():
            path = folder / soname
            if path.is_file():
                data = read_file(path)
                if data[:4] == b"\x7fELF" and read_binary(data, str(path)).arch == self.arch:
                    return data
        return None

    def module(self, path: str) -> bytes | None:
        """A file below ``stdlib``."""
        full = Path("/", self.stdlib, path)
        return read_file(full) if full.is_file() else None

    def extension(self, name: str) -> tuple[str, bytes] | None:
        """Path below ``stdlib`` and content of an extension module."""
        folder = Path("/", self.stdlib, "lib-dynload")
        for path in sorted(folder.glob(f"{name}.*.so")) + sorted(folder.glob(f"{name}.so")):
            return f"lib-dynload/{path.name}", read_file(path)
        return None


def machine_arch() -> str:
    """This machine's architecture in the kernel community's word."""
    return arch_of_uname(platform.machine(), sys.byteorder == "little") or platform.machine()


def library_folders() -> list[Path]:
    """Where the dynamic loader of this machine looks: ``ld.so.conf``, then the usual folders."""
    found = [Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")]
    pending = [Path("/etc/ld.so.conf")]
    for conf in pending[:64]:
        try:
            lines = conf.read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            word = line.partition("#")[0].strip()
            if word.startswith("include"):
                pending += sorted(Path("/").glob(word[7:].strip().lstrip("/")))
                for more in sorted(Path("/").glob(word[7:].strip().lstrip("/"))):
                    found += [Path(p.strip()) for p in more.read_text().splitlines() if p.strip().startswith("/")]
            elif word.startswith("/"):
                found.append(Path(word))
    triplet = sysconfig.get_config_var("MULTIARCH") or f"{platform.machine()}-linux-gnu"
    usual = (f"/lib/{triplet}", f"/usr/lib/{triplet}", "/lib64", "/usr/lib64", "/lib", "/usr/lib")
    return list(dict.fromkeys([*found, *map(Path, usual)]))


@dataclass(slots=True)
class PackageSource:
    """Files out of packages, which are never unpacked to disk. Links are not needed: libraries go by SONAME."""

    arch: str
    stdlib: str = ""
    version: tuple[int, int] = (0, 0)
    _python: tuple[str, bytes] | None = None
    _libraries: dict[str, bytes] = field(default_factory=dict)
    _modules: dict[str, bytes] = field(default_factory=dict)

    def interpreter(self) -> tuple[str, bytes]:
        """Path and content of the Python executable."""
        if self._python is None:
            raise KernelError("--guest", f"no Python interpreter in these packages; {lacking('python', self.arch)}")
        return self._python

    def library(self, soname: str) -> bytes | None:
        """A shared library by its SONAME."""
        return self._libraries.get(soname)

    def module(self, path: str) -> bytes | None:
        """A file below ``stdlib``."""
        return self._modules.get(path)

    def extension(self, name: str) -> tuple[str, bytes] | None:
        """Path below ``stdlib`` and content of an extension module."""
        for path, data in self._modules.items():
            if path.startswith(f"lib-dynload/{name}.") and path.endswith(".so"):
                return path, data
        return None

    def add(self, path: str, data: bytes) -> None:
        """Sort one file in."""
        stdlib = _STDLIB.match(path)
        if stdlib and not _SKIPPED.search(path):
            self._modules[stdlib["rest"]] = data
            self.stdlib = self.stdlib or stdlib["root"]
        elif re.fullmatch(r"(?:usr/)?(?:local/)?bin/python3\.\d+", path):
            self._python = path, data
            self.version = (3, int(path.rpartition(".")[2]))
        elif ".so" in path.rpartition("/")[2] and data[:4] == b"\x7fELF" and path.startswith(("lib", "usr/lib")):
            try:
                binary = read_binary(data, path)
            except InputError:
                return
            if binary.arch == self.arch:
                self._libraries.setdefault(binary.soname or path.rpartition("/")[2], data)


def package_source(paths: Sequence[str], arch: str) -> PackageSource:
    """Read the packages of the guest's user space. Raises InputError where one cannot be read or does not fit."""
    source = PackageSource(arch)
    size = 0
    for path in paths:
        given = input_of(Path(path))
        with open(path, "rb") as file:
            archive = read_archive(file, Budget(given.path, given.size))
            if archive is None:
                raise KernelError(path, "not a package")
            package, members = archive
            of = arch_named(package.arch)
            if of is not None and of != arch:
                raise KernelError(path, f"a package for {of}, but the kernel is for {arch}")
            for member in members:
                size += member.size
                if size > _MOST_BYTES:
                    raise KernelError(path, f"the packages of --guest hold more than {_MOST_BYTES >> 20} MB")
                source.add(member.path, member.read())
    return source


def lacking(what: str, arch: str) -> str:
    """The line to type for something that is missing."""
    kind = "python" if "python" in what else "libc" if what.startswith(("libc.", "libm.", "ld-")) else "libbpf"
    names = " ".join(_PACKAGES.values()) if arch else _PACKAGES[kind]
    where = f" of {arch}" if arch else ""
    return f"Debian packages{where}: {names}"
