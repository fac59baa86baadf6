# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The guest's user space: a Python interpreter, the modules its agent imports, libbpf, and their shared libraries.

They come from this machine, or from packages of another architecture or of a newer libbpf (``--guest``). Nothing is
run to find them: imports are read from the source text and libraries from ``DT_NEEDED``, so that foreign files work
as well as own ones.
"""

from __future__ import annotations

import ast
import io
import os
import platform
import py_compile
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Sequence
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
from kfuncscope.intake.slim import slim_vmlinux
from kfuncscope.prove.guest import newc
from kfuncscope.storage.read import input_of, read_file

PYTHON = "py"
LIBRARIES = "lib"
LIBBPF = "libbpf.so.1"
# What the interpreter imports by itself when it starts, with and without frozen modules.
STARTUP = (
    "encodings", "encodings.aliases", "encodings.utf_8", "encodings.ascii", "encodings.latin_1", "codecs", "io", "abc",
    "os", "stat", "posixpath", "genericpath", "_collections_abc", "site", "zipimport", "importlib",
    "importlib._bootstrap", "importlib._bootstrap_external",
)  # fmt: skip
_PACKAGES = {
    "python": "python3.13-minimal libpython3.13-minimal libpython3.13-stdlib libffi8 libexpat1",
    "libbpf": "libbpf1 libelf1t64 zlib1g libzstd1",
    "libc": "libc6",
}
_WORTH_STRIPPING = 4 << 20
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
            raise KernelError("--guest", f"no Python interpreter in these packages; {_lacking('python', self.arch)}")
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


# -- closures


def imports_of(text: bytes, name: str, package: bool) -> set[str]:
    """The modules that a source file imports when it is imported itself: not those inside functions."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return set()  # newer syntax than this interpreter's: the guest's own will say what it lacks
    found: set[str] = set()
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, name, package)
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names} if base else set()
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            pending.extend(ast.iter_child_nodes(node))
    return found


def _absolute(node: ast.ImportFrom, name: str, package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    base = parts[: len(parts) - node.level + package]
    return ".".join([*base, *([node.module] if node.module else [])])


def bytecode(text: bytes, name: str) -> bytes:
    """What an interpreter of this very version runs in place of a source file, whatever the times of files."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "module.py"), Path(folder, "module.pyc")
        source.write_bytes(text)
        how = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(source), str(made), name, doraise=True, invalidation_mode=how)
        return made.read_bytes()


@dataclass(slots=True)
class _Closure:
    source: Source
    entries: dict[str, newc.Entry] = field(default_factory=dict)
    libraries: dict[str, bytes] = field(default_factory=dict)
    compile: bool = False

    def modules(self, names: Iterable[str]) -> None:
        pending, seen = list(names), set[str]()
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            pending += [name.rpartition(".")[0]] if "." in name else []
            below = name.replace(".", "/")
            for path, package in ((f"{below}/__init__.py", True), (f"{below}.py", False)):
                if (text := self.source.module(path)) is not None:
                    self._keep(path, text)
                    pending += imports_of(text, name, package)
                    break
            else:
                if (extension := self.source.extension(name)) is not None:
                    self.entries[extension[0]] = newc.file(f"{self.source.stdlib}/{extension[0]}", extension[1], 0o755)
                    self.link(extension[1], extension[0])

    def _keep(self, path: str, text: bytes) -> None:
        full = f"{self.source.stdlib}/{path}"
        if self.compile:
            # Bytecode in place of the source: compiling in the guest costs seconds of emulation.
            self.entries[path] = newc.file(full + "c", bytecode(text, "/" + full))
        else:
            self.entries[path] = newc.file(full, text)

    def link(self, data: bytes, source: str) -> None:
        """Take in the libraries that a binary needs, and theirs."""
        pending = [(source, needed) for needed in read_binary(data, source).needed]
        while pending:
            user, soname = pending.pop()
            if soname in self.libraries:
                continue
            found = self.source.library(soname)
            if found is None:
                raise KernelError(user, f"needs {soname}, which was not found; {_lacking(soname, '')}")
            self.libraries[soname] = stripped(found, soname)
            pending += [(soname, needed) for needed in read_binary(found, soname).needed]


def stripped(data: bytes, source: str) -> bytes:
    """A library without its debug information, which some builds keep and which no guest reads."""
    return slim_vmlinux(data, source) if len(data) > _WORTH_STRIPPING else data


def _lacking(what: str, arch: str) -> str:
    """The line to type for something that is missing."""
    kind = "python" if "python" in what else "libc" if what.startswith(("libc.", "libm.", "ld-")) else "libbpf"
    names = " ".join(_PACKAGES.values()) if arch else _PACKAGES[kind]
    where = f" of {arch}" if arch else ""
    return f"Debian packages{where}: {names}"


def agent_files(init: str) -> dict[str, bytes]:
    """The guest's own programs by the names that they have there: ``init`` is the file that runs as process 1."""
    folder = Path(__file__).parent
    return {
        "init": (folder / init).read_bytes(),
        "kfuncscope/prove/guest/agent.py": (folder / "agent.py").read_bytes(),
        "kfuncscope/__init__.py": b"",
        "kfuncscope/prove/__init__.py": b"",
        "kfuncscope/prove/guest/__init__.py": b"",
    }


@dataclass(frozen=True, slots=True)
class UserSpace:
    """The guest's files, and how the agent finds libbpf. ``libbpf_sha256`` is for the cache's key."""

    entries: tuple[newc.Entry, ...]
    libbpf: bytes
    size: int


def user_space(source: Source, agents: dict[str, bytes]) -> UserSpace:
    """Pack interpreter, modules and libraries for the agent, whose files ``agents`` go to the root folder.

    Raises InputError where something is missing, with the packages that hold it.
    """
    path, python = source.interpreter()
    binary = read_binary(python, path)
    closure = _Closure(source, compile=source.version == sys.version_info[:2] and isinstance(source, HostSource))
    wanted = {name for text in agents.values() for name in imports_of(text, "agent", False)}
    closure.modules([*STARTUP, *sorted(wanted)])
    closure.link(python, path)
    libbpf = source.library(LIBBPF)
    if libbpf is None:
        raise KernelError(LIBBPF, "libbpf 1.x was not found on this machine; on Debian: sudo apt-get install libbpf1")
    closure.libraries[LIBBPF] = libbpf
    closure.link(libbpf, LIBBPF)
    entries = [
        newc.file(path, stripped(python, path), 0o755), newc.link(PYTHON, f"/{path}"),
        *closure.entries.values(),
        *(newc.file(f"{LIBRARIES}/{name}", data, 0o755) for name, data in sorted(closure.libraries.items())),
        *(newc.file(name, text, 0o755) for name, text in agents.items()),
    ]  # fmt: skip
    if binary.interpreter:
        soname = binary.interpreter.rpartition("/")[2]
        loader = closure.libraries.get(soname) or source.library(soname)
        if loader is None:
            raise KernelError(path, f"needs {binary.interpreter}, which was not found; {_lacking('ld-', '')}")
        # It must come from the same place as libc: another one's symbols differ.
        entries.append(newc.file(binary.interpreter.lstrip("/"), loader, 0o755))
    return UserSpace(tuple(entries), libbpf, sum(len(e.data) for e in entries))
