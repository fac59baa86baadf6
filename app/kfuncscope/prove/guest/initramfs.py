# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The guest's user space: a Python interpreter, the modules its agent imports, libbpf, and their shared libraries.

They come from this machine, or from packages of another architecture or of a newer libbpf (``--guest``). Nothing is
run to find them: imports are read from the source text and libraries from ``DT_NEEDED``, so that foreign files work
as well as own ones.
"""

from __future__ import annotations

import ast
import py_compile
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from kfuncscope.errors import KernelError
from kfuncscope.intake.slim import slim_vmlinux
from kfuncscope.prove.guest import newc
from kfuncscope.prove.guest.sources import HostSource, Source, lacking, read_binary

PYTHON = "py"
LIBRARIES = "lib"
LIBBPF = "libbpf.so.1"
# What the interpreter imports by itself when it starts, with and without frozen modules.
STARTUP = (
    "encodings", "encodings.aliases", "encodings.utf_8", "encodings.ascii", "encodings.latin_1", "codecs", "io", "abc",
    "os", "stat", "posixpath", "genericpath", "_collections_abc", "site", "zipimport", "importlib",
    "importlib._bootstrap", "importlib._bootstrap_external",
)  # fmt: skip
_WORTH_STRIPPING = 4 << 20


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
                raise KernelError(user, f"needs {soname}, which was not found; {lacking(soname, '')}")
            self.libraries[soname] = stripped(found, soname)
            pending += [(soname, needed) for needed in read_binary(found, soname).needed]


def stripped(data: bytes, source: str) -> bytes:
    """A library without its debug information, which some builds keep and which no guest reads."""
    return slim_vmlinux(data, source) if len(data) > _WORTH_STRIPPING else data


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
            raise KernelError(path, f"needs {binary.interpreter}, which was not found; {lacking('ld-', '')}")
        # It must come from the same place as libc: another one's symbols differ.
        entries.append(newc.file(binary.interpreter.lstrip("/"), loader, 0o755))
    return UserSpace(tuple(entries), libbpf, sum(len(e.data) for e in entries))
