# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Share one analysis among the machines of a build farm, and put the parts together again as if one had made it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from kfuncscope.errors import SessionError
from kfuncscope.model.analysis import Analysis, ArchResult, KernelInfo
from kfuncscope.model.proof import Proof
from kfuncscope.storage.files import InputProblem, ObjectFile, Place

if TYPE_CHECKING:
    from kfuncscope.upgrade.jsonform import Shard

_MOST = 10_000


def parse_shard(text: str) -> Shard:
    """``i/n`` as on the command line: part i of n, counted from 1."""
    from kfuncscope.upgrade.jsonform import Shard

    first, _, second = text.partition("/")
    if not (first.isascii() and first.isdecimal() and second.isascii() and second.isdecimal() and len(text) < 20):
        raise SessionError("--shard", f"{text[:40]!r} is not of the form i/n, for example 2/8")
    shard = Shard(int(first), int(second))
    if not 1 <= shard.index <= shard.count <= _MOST:
        raise SessionError("--shard", f"{text}: the part must lie between 1 and the count, the count below {_MOST}")
    return shard


def takes(shard: Shard, key: str) -> bool:
    """Whether a part is the one that has what ``key`` names: the same wherever it lies, and in whatever order."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
    return int(digest[:12], 16) % shard.count == shard.index - 1


def select(files: Sequence[ObjectFile], shard: Shard) -> list[ObjectFile]:
    """The objects of one shard. Several builds of one object stay together, as each may take the place of another.

    Give the objects their names before selecting, so that they are the same in every shard.
    """
    return [file for file in files if takes(shard, object_key(file.name, file.places))]


def object_key(name: str, places: Sequence[Place]) -> str:
    """By what objects are divided: their package, and what builds of one object have in common."""
    from kfuncscope.rules.changes.alternatives import variant_key  # with the rules, which a scan does not need

    return f"{places[0].package if places else ''}\0{variant_key(name)}"


def merge(parts: Sequence[tuple[Analysis, Shard | None]]) -> Analysis:
    """One analysis from all shards of it. Raises SessionError where shards are missing, double or of other kernels."""
    if not parts:
        raise SessionError("merge", "no reports given")
    _check_complete([shard for _, shard in parts])
    ordered = [a for a, shard in sorted(parts, key=lambda part: part[1].index if part[1] else 0)]
    first = ordered[0]
    for other in ordered[1:]:
        _check_same_run(first, other)
    infos = sorted((info for a in ordered for info in a.objects), key=lambda info: info.name)
    names = [info.name for info in infos]
    double = next((n for n, following in pairwise(names) if n == following), None)
    if double is not None:
        raise SessionError("merge", f"object {double[:200]} is in more than one report")
    return replace(
        first,
        arches=tuple(_merge_arch([a.arches[i] for a in ordered]) for i in range(len(first.arches))),
        objects=tuple(infos),
        problems=_union([a.problems for a in ordered]),
        proof=_proofs([a.proof for a in ordered]),
        origins=tuple({(o.kind, o.name, o.change): o for a in ordered for o in a.origins}.values()),
    )


def _check_complete(shards: Sequence[Shard | None]) -> None:
    known = [s for s in shards if s is not None]
    if len(known) != len(shards):
        raise SessionError("merge", "a report is whole, not a shard: it was made without --shard")
    counts = {s.count for s in known}
    if len(counts) != 1:
        raise SessionError("merge", f"shards of different counts: {', '.join(map(str, sorted(counts)))}")
    indices = sorted(s.index for s in known)
    wanted = list(range(1, counts.pop() + 1))
    if indices != wanted:
        missing = sorted(set(wanted) - set(indices))
        fault = f"shard {missing[0]} is missing" if missing else "a shard is there twice"
        raise SessionError("merge", f"{fault} (have {', '.join(map(str, indices[:50]))} of {wanted[-1]})")


def _check_same_run(first: Analysis, other: Analysis) -> None:
    if first.version != other.version:
        raise SessionError("merge", f"made by different versions: {first.version} and {other.version}")
    if first.whatif != other.whatif:
        raise SessionError("merge", "made with different hypothetical changes")
    # Some faults of a kernel show only where an object asks for the module that has them.
    kernels = [
        [(r.arch, replace(r.old, faults=()), replace(r.new, faults=()), r.inferred) for r in a.arches]
        for a in (first, other)
    ]
    if kernels[0] != kernels[1]:
        raise SessionError("merge", "made for different kernels or architectures")


def _merge_arch(results: Sequence[ArchResult]) -> ArchResult:
    objects = sorted((o for r in results for o in r.objects), key=lambda o: o.object)
    old, new = (_with_faults([getattr(r, side) for r in results]) for side in ("old", "new"))
    return replace(results[0], old=old, new=new, objects=tuple(objects))


def _with_faults(kernels: Sequence[KernelInfo]) -> KernelInfo:
    return replace(kernels[0], faults=tuple(dict.fromkeys(fault for kernel in kernels for fault in kernel.faults)))


def _proofs(lists: Sequence[tuple[Proof, ...]]) -> tuple[Proof, ...]:
    """The proofs of all shards, one for each kernel: each shard proved its own objects."""
    merged: dict[tuple[str, str, str], Proof] = {}
    for proof in (p for listed in lists for p in listed):
        key = (proof.arch, proof.release, proof.image_sha256)
        known = merged.get(key)
        if known is None:
            merged[key] = proof
            continue
        objects = tuple(sorted((*known.objects, *proof.objects), key=lambda o: o.object))
        notes = tuple(dict.fromkeys((*known.notes, *proof.notes)))
        merged[key] = replace(known, objects=objects, notes=notes, seconds=known.seconds + proof.seconds)
    return tuple(merged.values())


def _union(lists: Sequence[tuple[InputProblem, ...]]) -> tuple[InputProblem, ...]:
    """Problems of all shards, each once: every shard reads the inputs, so most are in all of them."""
    found = {problem for listed in lists for problem in listed}
    return tuple(sorted(found, key=lambda p: (p.path, -1 if p.offset is None else p.offset, p.reason)))
