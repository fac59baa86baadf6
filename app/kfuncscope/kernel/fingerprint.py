# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which architecture, and about which release, a vmlinux BTF is of (kernels by their fingerprints)."""

from __future__ import annotations

from collections.abc import Set

from kfuncscope import arch
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.marks import level_by_marks
from kfuncscope.knowledge import names
from kfuncscope.knowledge.levels import Key, in_order, level_key
from kfuncscope.knowledge.versions import release_marks


def identify_arch(blob: Blob) -> str | None:
    """The architecture by its struct pt_regs, checked against byte order and word size; None where it is ambiguous."""
    bits = 8 * blob.pointer_size
    for struct_id in blob.find("pt_regs", Kind.STRUCT):
        members, size = _flat_names(blob, struct_id), blob.ref(struct_id)
        fits = [
            row for row in arch.ARCHES
            if row.pt_regs_member in members and row.pt_regs_size in (0, size) and row.endian == blob.endian
        ]  # fmt: skip
        if fits:
            return next((row.name for row in fits if row.bits == bits), fits[0].name)
    return None


def _flat_names(blob: Blob, struct_id: int, depth: int = 0) -> set[str]:
    found = set()
    for member in blob.members(struct_id):
        if member.name:
            found.add(member.name)
        inner = blob.skip(member.type)
        if depth < 3 and blob.kind(inner) in (Kind.STRUCT, Kind.UNION):
            found |= _flat_names(blob, inner, depth + 1)
    return found


def bracket_release(blob: Blob, enumerators: set[str]) -> tuple[str, str] | None:
    """(at least, below) of the release of a blob that nothing else dates; '' above where it is open."""
    marked = level_by_marks(blob)
    below = ""
    for release, name in release_marks():
        if name in enumerators or (name.startswith("BPF_FIB") and _has_enumerator(blob, name)):
            if (level_key(marked[0]) or ()) > (level_key(release) or ()):
                return marked
            return release, below
        below = release
    return marked if marked[0] else None


def bpf_level(enumerators: Set[str]) -> tuple[str, str]:
    """(at least, below) of the mainline releases of which a kernel has the BPF, by the names of its UAPI (R-12.23).

    Names come to distributions' kernels by backports as a whole, and to stable releases never. '' where nothing tells.
    """
    dated = {name: level_key(release) or () for name, release in names.dated_enumerators().items()}
    have = max((release for name, release in dated.items() if name in enumerators), default=())
    lack = min((release for name, release in dated.items() if name not in enumerators and release > have), default=())
    return ".".join(map(str, have)), ".".join(map(str, lack))


def level_of(blob: Blob, enumerators: Set[str], above: Key = ()) -> tuple[str, str]:
    """(at least, below) by all that a BTF has of the BPF of releases later than ``above``; '' where nothing tells."""
    told = [level_by_marks(blob, above), bpf_level(enumerators)]
    at_least = in_order({least for least, _ in told if (level_key(least) or ()) > above})
    if not at_least:
        return "", ""
    highest = level_key(at_least[-1]) or ()
    limits = in_order({below for _, below in told if (level_key(below) or ()) > highest})
    return at_least[-1], limits[0] if limits else ""


def _has_enumerator(blob: Blob, name: str) -> bool:
    prefix = name.rsplit("_", 1)[0]
    for enum in blob.own_ids(Kind.ENUM):
        if not blob.name(enum):
            found = [e.name for e in blob.enumerators(enum)]
            if name in found:
                return True
            if any(n.startswith(prefix) for n in found):
                return False
    return False
