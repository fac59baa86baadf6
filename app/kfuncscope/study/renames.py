# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Renames, read off two source trees: lines that differ in one name alone, where BTF says that the one name went and
the other came.

    python -m kfuncscope.study.renames OLD_TREE OLD_BTF NEW_TREE NEW_BTF OLD_LEVEL NEW_LEVEL > renames.json
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import members_flat
from kfuncscope.btf.layout import ENUMS, Kind
from kfuncscope.errors import BtfError

FOLDERS = [
    "kernel",
    "mm",
    "fs",
    "block",
    "security",
    "net",
    "include",
    "ipc",
    "lib",
    "io_uring",
    "init",
    "drivers/base",
    "drivers/hid",
    "drivers/tty",
]
MOST_LINES = 20_000  # of one file
MOST_HUNK = 60  # lines of one change; longer ones were rewritten
FEW_LINES, MANY_LINES = 2, 4  # that show a rename to a name like it; to any name
SHARE = 0.75  # of the changed lines of a name that must agree
LIKE = 0.6
DECLARED = frozenset({"tracepoint", "lsm"})  # kinds that a header names once: one line shows them
MIN_TOKENS = 4
Pair = tuple[str, str]
_TOKEN = re.compile(r"\w+|[^\w\s]")
_NAME = re.compile(r"[A-Za-z_]\w{2,}")


def swapped(old_tree: Path, new_tree: Path) -> dict[Pair, Counter[str]]:
    """(old name, new name) → files with how many lines in which this is the only difference."""
    found: dict[Pair, Counter[str]] = defaultdict(Counter)
    for folder in FOLDERS:
        for at, _, names in os.walk(old_tree / folder):
            for one in names:
                path = Path(at, one).relative_to(old_tree)
                if path.suffix in (".c", ".h") and (new_tree / path).is_file():
                    for pair in _of_file(old_tree / path, new_tree / path):
                        found[pair][str(path)] += 1
    return found


def _of_file(old: Path, new: Path) -> Iterator[Pair]:
    before, after = (p.read_text(errors="replace").split("\n") for p in (old, new))
    if before == after or max(len(before), len(after)) > MOST_LINES:
        return
    for tag, a, b, c, d in SequenceMatcher(None, before, after).get_opcodes():
        if tag != "replace" or b - a > MOST_HUNK or d - c > MOST_HUNK:
            continue
        theirs = [_TOKEN.findall(line) for line in after[c:d]]
        for mine in map(_TOKEN.findall, before[a:b]):
            for other in theirs:
                if len(mine) < MIN_TOKENS or len(mine) != len(other):
                    continue
                differs = {(x, y) for x, y in zip(mine, other, strict=True) if x != y}
                if len(differs) == 1:
                    (one,) = differs
                    if _NAME.fullmatch(one[0]) and _NAME.fullmatch(one[1]):
                        yield one


def things(blob: Blob) -> dict[str, dict[str, set[str]]]:
    """What BTF has, by kind and by where it stands: functions, tracepoints, LSM hooks, enumerators and fields."""
    functions = set(blob.own_names(Kind.FUNC))
    tracepoints = {n.removeprefix("btf_trace_") for n in blob.own_names(Kind.TYPEDEF) if n.startswith("btf_trace_")}
    hooks = {n.removeprefix("bpf_lsm_") for n in functions if n.startswith("bpf_lsm_")}
    plain = {n for n in functions if not n.startswith(("bpf_lsm_", "__bpf_trace_", "__traceiter_", "__probestub_"))}
    made: dict[str, dict[str, set[str]]] = {
        "function": {"": plain},
        "tracepoint": {"": tracepoints},
        "lsm": {"": hooks},
    }
    made["enumerator"], made["field"] = defaultdict(set), defaultdict(set)
    for enum in (i for kind in ENUMS for i in blob.own_ids(Kind(kind))):
        made["enumerator"][blob.name(enum)] |= {e.name for e in blob.enumerators(enum)}
    for struct in blob.own_ids(Kind.STRUCT):
        try:
            members = {m.name for m in members_flat(blob, struct)}
        except BtfError:
            continue
        if blob.name(struct):
            made["field"][blob.name(struct)] |= members
    return made


def table(lines: dict[Pair, Counter[str]], old: Blob, new: Blob) -> dict[str, dict[str, tuple[str, int, str]]]:
    """Kind → old name → (new name, lines, the file with most of them); fields and enumerators as ``OWNER.NAME``."""
    by_old: dict[str, dict[str, Counter[str]]] = defaultdict(dict)
    for (one, other), files in lines.items():
        by_old[one][other] = files
    before, after = things(old), things(new)
    made: dict[str, dict[str, tuple[str, int, str]]] = {}
    for kind, owners in before.items():
        rows = {}
        for owner, names in owners.items():
            there = after[kind].get(owner, set())
            for gone in names - there:
                found = _best(_spelled(kind, gone), gone, there - names, by_old, 1 if kind in DECLARED else FEW_LINES)
                if found is not None:
                    rows[f"{owner}.{gone}" if owner else gone] = found
        made[kind] = dict(sorted(rows.items()))
    return made


def _spelled(kind: str, gone: str) -> tuple[str, ...]:
    """How sources spell a thing: tracepoints also as calls, hooks of the LSM as the functions that run them."""
    return {"tracepoint": (gone, f"trace_{gone}"), "lsm": (gone, f"security_{gone}")}.get(kind, (gone,))


def _best(
    spelled: tuple[str, ...], gone: str, fresh: set[str], by_old: dict[str, dict[str, Counter[str]]], few: int
) -> tuple[str, int, str] | None:
    counts: Counter[str] = Counter()
    files: dict[str, Counter[str]] = defaultdict(Counter)
    for form in spelled:
        prefix = form.removesuffix(gone)
        for other, where in by_old.get(form, {}).items():
            counts[other.removeprefix(prefix)] += where.total()
            files[other.removeprefix(prefix)] += where
    if not counts:
        return None
    (best, lines), total = counts.most_common(1)[0], counts.total()
    like = SequenceMatcher(None, gone, best, autojunk=False).ratio() >= LIKE
    enough = lines >= (few if like else MANY_LINES)
    if best not in fresh or not enough or lines < SHARE * total:
        return None
    return best, lines, files[best].most_common(1)[0][0]


def main(old_tree: str, old_btf: str, new_tree: str, new_btf: str, old_level: str, new_level: str) -> None:
    """Print the table of two levels as JSON."""
    blobs = [Blob(Path(path).read_bytes(), path) for path in (old_btf, new_btf)]
    made = table(swapped(Path(old_tree), Path(new_tree)), blobs[0], blobs[1])
    form = {
        kind: {gone: [new, old_level, new_level, lines] for gone, (new, lines, _) in rows.items()}
        for kind, rows in made.items()
    }
    json.dump(form, sys.stdout, indent=0, sort_keys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
