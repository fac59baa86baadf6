# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""System call tables: which entry points an architecture numbers.

A trace event ``syscalls/sys_enter_X`` exists only where ``sys_X`` is in the architecture's table (R-7.8).
"""

from __future__ import annotations

import re
from typing import Any

from kfuncscope import arch
from kfuncscope.knowledge.build.csource.ctext import calls, split_args
from kfuncscope.knowledge.build.csource.tree import Tree

_UNISTD = "include/uapi/asm-generic/unistd.h"


def syscall_table(tree: Tree) -> dict[str, Any]:
    """The ``syscalls`` table: architecture → names of entry points without ``sys_``, sorted."""
    made = {}
    for row in arch.ARCHES:
        word, folder = row.in_tables, row.folder
        if row.syscall_table and tree.exists(row.syscall_table):
            made[word] = _rows(tree.raw(row.syscall_table), row.syscall_abis)
        if not row.generic_syscalls:
            continue
        makefile = tree.raw(f"arch/{folder}/kernel/Makefile.syscalls")
        if makefile:
            more = re.findall(r"^syscall_abis_64\s*\+=(.*)$", makefile, re.M)
            own = re.search(r"^syscalltbl\s*[:?]?=\s*(\S+)", makefile, re.M)
            path = own[1].replace("%", "64").replace("$(srctree)/", "") if own else "scripts/syscall.tbl"
            made[word] = _rows(tree.raw(path), ("common", "64", *" ".join(more).split()))
        elif tree.exists(_UNISTD) and tree.exists(f"arch/{folder}/include/uapi/asm/unistd.h"):
            made[word] = _generic(tree, folder)
    return {"archs": {word: names for word, names in made.items() if names}}


def _entry(word: str) -> str:
    name = word.split("/")[0]
    return "" if name == "sys_ni_syscall" else name.removeprefix("sys_")


def _rows(text: str, abis: tuple[str, ...]) -> list[str]:
    """Entry points of a table of ``number abi name entry`` lines; a table without ABIs counts whole."""
    rows = [line.split("#")[0].split() for line in text.splitlines()]
    rows = [row for row in rows if len(row) >= 4 and row[0].isdigit()]
    return sorted({_entry(row[3]) for row in rows if row[1] in abis} - {"", "-"})


def _generic(tree: Tree, folder: str) -> list[str]:
    """Entry points of asm-generic/unistd.h as a 64-bit architecture sees them."""
    wanted = set(re.findall(r"#\s*define\s+(__ARCH_WANT_\w+)", tree.text(f"arch/{folder}/include/uapi/asm/unistd.h")))
    kept, open_ = [], [True]
    for line in tree.text(_UNISTD).replace("\\\n", " ").splitlines():
        found = re.match(r"\s*#\s*(ifdef|ifndef|if|elif|else|endif)\b(.*)", line)
        if not found:
            if all(open_):
                kept.append(line)
        elif found[1] == "endif":
            open_ = open_[:-1] or [True]
        elif found[1] == "else":
            open_[-1] = not open_[-1]
        else:
            open_ = [*(open_[:-1] if found[1] == "elif" else open_), _holds(found[1], found[2], wanted)]
    names = set()
    for call in calls("\n".join(kept), r"__SYSCALL|__SC_COMP_3264|__SC_COMP|__SC_3264"):
        args = split_args(call.args)
        place = 2 if call.name.endswith("3264") else 1
        if len(args) > place and args[0].startswith("__NR"):
            names.add(_entry(args[place]))
    specific = tree.text(f"arch/{folder}/include/uapi/asm/unistd.h")
    names |= {_entry(name) for name in re.findall(r"__SYSCALL\(\s*__NR\w+,\s*(\w+)\)", specific)}
    return sorted(names - {""})


def _holds(kind: str, text: str, wanted: set[str]) -> bool:
    """Whether a condition of that header holds on a 64-bit architecture."""
    if kind in ("ifdef", "ifndef"):
        return (text.strip() in wanted) == (kind == "ifdef")
    for part in text.split("||"):
        known = re.search(r"defined\s*\(?\s*(\w+)", part)
        size = re.search(r"__BITS_PER_LONG\s*(==|!=)\s*(\d+)", part)
        if size and (size[2] == "64") == (size[1] == "=="):
            return True
        if known and not size and (known[1] in wanted) != part.strip().startswith("!"):
            return True
    return False
