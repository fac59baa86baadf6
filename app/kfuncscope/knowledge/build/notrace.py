# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Functions that ftrace cannot patch: no fentry, fexit or kprobe attaches to them, FUNC in the BTF or not (R-7.9).

The kernel's ``inline`` means ``notrace`` too (compiler_types.h), so what the compiler emits of an inline function after
all is out of reach; and Makefiles take the tracing flags away from files and folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from kfuncscope.knowledge.build.csource.ctext import gate_regions, gates_at, strip_comments
from kfuncscope.knowledge.build.csource.tree import Tree

_UNTRACED = re.compile(r"\b(?:inline|__inline|__inline__|__always_inline|notrace|noinstr|no_instrument_function)\b")
_NAME = re.compile(r"(\w+)\s*\(")
_BODY = re.compile(r"^\{", re.M)
_BEFORE_HEAD = re.compile(r"[;}]|\*/|^#.*$|^[ \t]*\n", re.M)
_LONGEST_HEAD = 1200
_FLAGS = r"(?:CC_FLAGS_FTRACE\b|(?<!\S)-pg\b)"
_OF_FILE = re.compile(rf"[ \t]*CFLAGS_REMOVE_([\w.-]+)\.o\s*[:+]?=.*{_FLAGS}")
_OF_FOLDER = re.compile(
    rf"[ \t]*(?:ccflags-remove-\S+\s*[:+]?=.*|KBUILD_CFLAGS\s*[:?]?=\s*\$\((?:subst|filter-out)\b.*){_FLAGS}"
)
_GIVEN_BACK = re.compile(rf"[ \t]*CFLAGS_([\w.-]+)\.o\s*[:+]?=.*{_FLAGS}")
_CONDITION = re.compile(r"[ \t]*(ifdef|ifndef|ifeq|ifneq|else|endif)\b(.*)")
# Programs hang on what distributions build in; drivers have tens of thousands of inline functions that none asks for.
_NOT_LISTED = ("drivers/", "sound/")

_SHORT = 2  # letters; the functions f, g and h of many a cipher say nothing about another's


def notrace_table(tree: Tree) -> dict[str, Any]:
    """The ``notrace`` table: file → functions defined there that cannot be traced, sorted.

    A name that some other file defines as a traceable function is left out: which of them the kernel has is not told.
    Files of an architecture say nothing about another's.
    """
    untraced: dict[str, set[str]] = {}
    traced: dict[str, set[str]] = {"": set()}
    folders: dict[str, _Flags] = {}
    for path, data in tree.sources():
        folder, file = os.path.split(path)
        if folder not in folders:
            folders[folder] = _flags(tree.raw(f"{folder}/Makefile"))
        flagless = folders[folder].lacking(file)
        listed = not path.startswith(_NOT_LISTED) and (file.endswith(".c") or path.startswith("include/"))
        for name, marked in _definitions(data.decode("utf-8", "replace"), file.endswith(".h")):
            if not (marked or flagless):
                traced.setdefault(arch_of(path), set()).add(name)
            elif listed:
                untraced.setdefault(path, set()).add(name)
    anywhere = set().union(*traced.values())
    files = {}
    for path, names in sorted(untraced.items()):
        arch = arch_of(path)
        left = names - (traced[""] | traced.get(arch, set()) if arch else anywhere)
        if kept := sorted(name for name in left if len(name) > _SHORT):
            files[path] = kept
    return {"files": files}


def arch_of(path: str) -> str:
    """The folder of arch/ that a source file lies in; empty for code of all architectures."""
    parts = path.split("/")
    return parts[1] if parts[0] == "arch" and len(parts) > 2 else ""


class _Flags(NamedTuple):
    """Tracing flags in a folder: taken from all files, from some (names without suffix), given back to some."""

    folder: bool
    taken: set[str]
    back: set[str]

    def lacking(self, file: str) -> bool:
        """Whether a file is compiled without them."""
        stem = file.removesuffix(".c")
        return stem != file and (stem in self.taken or (self.folder and stem not in self.back))


def _flags(makefile: str) -> _Flags:
    """What a Makefile does where tracing is configured; what hangs on any other condition is passed over."""
    folder, taken, back = False, set[str](), set[str]()
    other: list[bool] = []
    for line in makefile.replace("\\\n", " ").splitlines():
        condition = _CONDITION.match(line)
        if condition is None:
            if not any(other):
                folder = folder or _OF_FOLDER.match(line) is not None
                taken.update(_OF_FILE.findall(line))
                back.update(_GIVEN_BACK.findall(line))
        elif condition[1] == "endif":
            other = other[:-1]
        elif condition[1] == "else":
            other[-1:] = [True]
        else:
            other.append(condition[1] != "ifdef" or not re.search("TRACE", condition[2]))
    return _Flags(folder, taken, back)


def _definitions(text: str, header: bool) -> Iterator[tuple[str, bool]]:
    """(name, whether marked untraceable) of each function whose body begins at the left margin.

    Inline functions of a header under a config option are passed over: most stand in for what another file defines.
    """
    regions = gate_regions(strip_comments(text)) if header and "inline" in text else []
    last = 0
    for body in _BODY.finditer(text):
        head = text[max(last, body.start() - _LONGEST_HEAD) : body.start()]
        last = body.end()
        begin = max((before.end() for before in _BEFORE_HEAD.finditer(head)), default=0)
        name = _NAME.search(head, begin)
        if name is None:
            continue
        marked = _UNTRACED.search(head, begin, name.start()) is not None
        gates = gates_at(regions, body.start()) if marked and regions else ()
        if not any(option.startswith("CONFIG_") for option, _ in gates):
            yield name[1], marked
