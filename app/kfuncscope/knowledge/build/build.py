# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Make every knowledge table of a release from a kernel source tree, without a compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfuncscope.errors import KnowledgeError
from kfuncscope.knowledge import tables
from kfuncscope.knowledge.build.csource.gates import Gates
from kfuncscope.knowledge.build.csource.tree import Tree
from kfuncscope.knowledge.build.filters import Filters
from kfuncscope.knowledge.build.helper_protos import HelperLists, helper_table
from kfuncscope.knowledge.build.id_sets import IdSets
from kfuncscope.knowledge.build.jit_caps import arch_table
from kfuncscope.knowledge.build.kfunc_sets import kfunc_table
from kfuncscope.knowledge.build.lsm_hooks import lsm_table
from kfuncscope.knowledge.build.names import notices_table
from kfuncscope.knowledge.build.notrace import notrace_table
from kfuncscope.knowledge.build.struct_ops import StructOps
from kfuncscope.knowledge.build.syscalls import syscall_table
from kfuncscope.knowledge.build.tracepoints import tracepoint_table
from kfuncscope.knowledge.build.uapi import sec_defs, uapi_table
from kfuncscope.knowledge.build.verifier_lists import checks_table, deny_table, injection_table, raw_tp_null_table
from kfuncscope.knowledge.levels import level_key

COMPRESSED = frozenset({"notrace", "tracepoints"})
COUNTED = {
    "kfuncs": "protos", "filters": "filters", "helpers": "helpers", "struct_ops": "types", "tracepoints": "events",
    "lsm": "hooks", "raw_tp_null": "events", "deny": "noreturn", "arch": "archs", "uapi": "helpers", "sec_defs": "rows",
    "syscalls": "archs", "notrace": "files", "checks": "checks", "injection": "functions",
    "notices": "notices",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What was made: release, version of the tree, folder, entries per table, and what was not understood."""

    release: str
    version: str
    folder: Path
    counts: tuple[tuple[str, int], ...]
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """The report as text."""
        yield f"Linux {self.version} → tables for {self.release} in {self.folder}"
        for table, count in self.counts:
            yield f"  {table}: {count}"
        for problem in self.problems:
            yield f"  not understood: {problem}"


def make_tables(tree: Tree) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each table of the tree by name; ``problems`` in a table lists what was not understood."""
    try:
        yield from _make(tree)
    except RecursionError:
        raise KnowledgeError(str(tree.root), "the source is nested too deeply to be a kernel's") from None


def _make(tree: Tree) -> Iterator[tuple[str, dict[str, Any]]]:
    ids, gates = IdSets(tree), Gates(tree)
    kfuncs = kfunc_table(tree, ids, gates)
    yield "kfuncs", kfuncs
    yield "notices", notices_table(tree, kfuncs)
    ops = StructOps(tree, ids, gates)
    yield "filters", Filters(tree, ids, ops).table(kfuncs["sets"])
    yield "helpers", helper_table(tree, ids)
    yield "struct_ops", ops.table(HelperLists(tree, ids))
    rest: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
        ("tracepoints", lambda: tracepoint_table(tree)),
        ("lsm", lambda: lsm_table(tree, ids)),
        ("raw_tp_null", lambda: raw_tp_null_table(tree)),
        ("deny", lambda: deny_table(tree, ids)),
        ("checks", lambda: checks_table(tree)),
        ("injection", lambda: injection_table(tree)),
        ("arch", lambda: arch_table(tree)),
        ("uapi", lambda: uapi_table(tree)),
        ("syscalls", lambda: syscall_table(tree)),
        ("notrace", lambda: notrace_table(tree)),
        ("sec_defs", lambda: {"rows": sec_defs(tree)}),
    )
    for name, make in rest:
        yield name, make()


def build(tree: Path, out: Path, release: str | None = None, source: str = "") -> BuildReport:
    """Read the source tree and write ``out/<release>/*.json``.

    ``release`` names the folder (default: the version, x.y.z, of the tree's Makefile); ``source`` is said in each table
    as its origin (default: the tree's version). Raises KnowledgeError where the tree is not a kernel source.
    """
    kernel = Tree(tree)
    name = release or kernel.version
    if level_key(name) is None or "/" in name:
        raise KnowledgeError(str(tree), f"{name!r} is not the name of a release")
    folder = out / name
    provenance = {"source": source or f"Linux {kernel.version}", "made": "kfuncscope knowledge build"}
    counts, problems = [], []
    for table, content in make_tables(kernel):
        problems += [f"{table}: {problem}" for problem in content.pop("problems", ())]
        problems += [
            f"filters: {row['name']}: {row.get('problem', 'was not found')}"
            for row in content.get("filters", ())
            if not row["understood"]
        ]
        counts.append((table, len(content[COUNTED[table]])))
        try:
            tables.write(folder, table, {"provenance": provenance, **content}, compress=table in COMPRESSED)
        except OSError as error:
            raise KnowledgeError(str(folder), f"cannot be written: {error}") from None
    if not dict(counts)["kfuncs"] and not dict(counts)["helpers"]:
        raise KnowledgeError(str(tree), "no kfunc and no helper was found in the tree")
    return BuildReport(name, kernel.version, folder, tuple(counts), tuple(problems))
