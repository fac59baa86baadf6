# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kernel source tree: which release it is, which files matter, and their text without comments."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from kfuncscope.errors import KnowledgeError
from kfuncscope.knowledge.build.csource.ctext import Function, find_function, gate_regions, strip_comments
from kfuncscope.knowledge.build.csource.ctext import Gate as Gate

# Where code lives that ends up in a kernel; the rest of a tree is not looked at.
_CODE = ("arch", "block", "crypto", "drivers", "fs", "include", "init", "io_uring", "ipc", "kernel", "lib", "mm",
         "net", "rust", "security", "sound", "virt")  # fmt: skip
_NEEDLES = (
    b"BTF_",
    b"btf_kfunc_id_set",
    b"btf_fmodret_id_set",
    b"DECLARE_TRACE",
    b"TRACE_EVENT",
    b"DEFINE_EVENT",
    b"_func_proto",
    b"bpf_struct_ops",
    b"__bpf_kfunc",
    b"ALLOW_ERROR_INJECTION",
)
_MAX_FILE = 8 << 20
_MAX_FILES = 250_000


class Tree:
    """A source tree below ``root``. Files are read when asked for; absent ones read as empty text."""

    def __init__(self, root: Path) -> None:
        self.root = root
        if not (root / "Makefile").is_file() or not (root / "include" / "uapi" / "linux" / "bpf.h").is_file():
            raise KnowledgeError(str(root), "is not a Linux source tree (no Makefile or include/uapi/linux/bpf.h)")
        self._raw: dict[str, str] = {}
        self._plain: dict[str, str] = {}
        self._regions: dict[str, list[tuple[int, tuple[Gate, ...]]]] = {}
        self._marked: dict[str, frozenset[bytes]] | None = None
        self._functions: dict[tuple[str, str], tuple[str, Function] | None] = {}

    @property
    def version(self) -> str:
        """``7.3.4`` from the top Makefile."""
        text = self.raw("Makefile")
        parts = []
        for word in ("VERSION", "PATCHLEVEL", "SUBLEVEL"):
            found = re.search(rf"^{word}\s*=\s*(\d+)", text, re.M)
            parts.append(found[1] if found else "0")
        return ".".join(parts)

    def exists(self, path: str) -> bool:
        """Whether the tree has the file."""
        if os.path.isabs(path) or os.path.normpath(path).startswith(".."):
            return False
        return (self.root / path).is_file()

    def raw(self, path: str) -> str:
        """Text of a file; empty where it is absent or absurdly large."""
        if path not in self._raw:
            if os.path.isabs(path) or os.path.normpath(path).startswith(".."):
                return ""  # an include that leads out of the tree
            file = self.root / path
            try:
                small = file.is_file() and file.stat().st_size <= _MAX_FILE
                self._raw[path] = file.read_text(encoding="utf-8", errors="replace") if small else ""
            except OSError as error:
                raise KnowledgeError(str(file), f"cannot be read: {error}") from None
        return self._raw[path]

    def text(self, path: str) -> str:
        """Text of a C file without comments."""
        if path not in self._plain:
            self._plain[path] = strip_comments(self.raw(path))
        return self._plain[path]

    def regions(self, path: str) -> list[tuple[int, tuple[Gate, ...]]]:
        """The #if regions of a C file."""
        if path not in self._regions:
            self._regions[path] = gate_regions(self.text(path))
        return self._regions[path]

    def glob(self, pattern: str) -> list[str]:
        """Files that match, as paths within the tree, sorted."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.glob(pattern) if path.is_file())

    def headers(self, path: str) -> list[str]:
        """Headers that a file includes by name, as paths within the tree."""
        found = []
        for name in re.findall(r'^#\s*include\s+[<"]([\w/.-]+)[">]', self.raw(path), re.M):
            near = os.path.normpath(os.path.join(os.path.dirname(path), name))
            found += [place for place in (near, f"include/{name}", f"include/uapi/{name}") if self.exists(place)]
        return found

    def sources(self) -> Iterator[tuple[str, bytes]]:
        """(path within the tree, content) of every .c and .h file of the kernel's own code, in a fixed order."""
        seen = 0
        for top in _CODE:
            for folder, folders, files in os.walk(self.root / top):
                folders.sort()
                for name in sorted(files):
                    if not name.endswith((".c", ".h")):
                        continue
                    seen += 1
                    if seen > _MAX_FILES:
                        raise KnowledgeError(str(self.root), f"has more than {_MAX_FILES} source files")
                    path = os.path.join(folder, name)
                    if os.path.getsize(path) > _MAX_FILE or os.path.islink(path):
                        continue
                    with open(path, "rb") as stream:
                        yield os.path.relpath(path, self.root), stream.read()

    def _scan(self) -> dict[str, frozenset[bytes]]:
        """One pass over the code: which of the needles each file holds."""
        hits = ((path, frozenset(needle for needle in _NEEDLES if needle in data)) for path, data in self.sources())
        return {path: found for path, found in hits if found}

    def having(self, needle: bytes, pattern: str = "") -> Iterator[str]:
        """Files that hold one of the scanned words and, where given, match the regex."""
        if self._marked is None:
            self._marked = self._scan()
        for path, hits in self._marked.items():
            if needle in hits and (not pattern or re.search(pattern, self.raw(path))):
                yield path

    def function(self, name: str, near: str, others: Iterable[str] = ()) -> tuple[str, Function] | None:
        """(file, definition) of a function: the file at hand first, then the others, then the usual BPF sources."""
        key = (name, near)
        if key not in self._functions:
            beside = os.path.dirname(near)
            usual = (*self.glob(f"{beside}/*.c"), *self.glob("kernel/bpf/*.c"), "kernel/trace/bpf_trace.c",
                     "net/core/filter.c", "include/linux/bpf.h", "include/linux/bpf_verifier.h",
                     "include/linux/filter.h")  # fmt: skip
            self._functions[key] = None
            for path in dict.fromkeys((near, *others, *usual, *self.headers(near))):
                found = find_function(self.text(path), name) if name in self.raw(path) else None
                if found:
                    self._functions[key] = (path, found)
                    if "__weak" not in found.head:
                        break
        return self._functions[key]
