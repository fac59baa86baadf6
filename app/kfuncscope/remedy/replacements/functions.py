# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which function, kfunc, tracepoint or LSM hook took the place of one that is gone.

What tables of renames say comes first. Between levels whose sources no table compares, it is what is new in the other
kernel, has the same parameters and nearly the same name. What is less sure is not named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from typing import NamedTuple
from weakref import WeakKeyDictionary

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.names import compared, known, renamed, successions
from kfuncscope.remedy.replacements.likeness import alike, form, words

NAME_AND_SHAPE = 0.76  # likeness of names with the same parameters
MARGIN = 0.06  # by how much the first must be ahead of the second
KINDRED = 0.1  # of the letters of words that differ are the same
FEWEST_WORDS = 2  # shorter names are alike too easily
MOST = 3

# The words that hooks are told apart by in BTF, and the kind of the thing in the table of renames.
PREFIXES = {"function": "", "kfunc": "", "tracepoint": "btf_trace_", "lsm": "bpf_lsm_"}

_names: WeakKeyDictionary[Kernel, dict[str, frozenset[str]]] = WeakKeyDictionary()
_differences: WeakKeyDictionary[Kernel, WeakKeyDictionary[Kernel, dict[str, _Names]]] = WeakKeyDictionary()


class Named(NamedTuple):
    """Something on the new kernel, and why it is thought to be the one."""

    name: str
    reason: str


def names_of(kernel: Kernel, kind: str) -> frozenset[str]:
    """All things of a kind in vmlinux, without their prefix; worked out once per kernel."""
    known = _names.setdefault(kernel, {})
    if kind not in known:
        blob, prefix = kernel.vmlinux, PREFIXES[kind]
        found: Iterable[str] = ()
        if kind == "kfunc":
            found = kernel.kfuncs.kfuncs if kernel.kfuncs is not None else ()
        elif blob is not None:
            found = blob.own_names(Kind.TYPEDEF if kind == "tracepoint" else Kind.FUNC)
        known[kind] = frozenset(n.removeprefix(prefix) for n in found if n.startswith(prefix))
    return known[kind]


def replaced(kind: str, name: str, old: Kernel, new: Kernel) -> list[Named]:
    """What may take the place of ``name`` on the new kernel, best first; empty where nothing is sure enough."""
    there = names_of(new, kind)
    steps = ([Named(n, why) for n, why in step.items() if n in there or new.functions(n)]
             for step in successions(kind, name))  # fmt: skip
    told = next(filter(None, steps), [])
    if not told and kind == "kfunc":
        told = [Named(n, why) for n, why in renamed("function", name) if n in there]
    if known(kind, name) is not None:
        return told[:MOST]
    if kind != "kfunc" and len(told) > 1:
        return []  # two pairs of levels show another each
    if told or len(words(name)) < FEWEST_WORDS or compared(old.release, new.release):
        return told[:MOST]
    return _guessed(kind, name, old, new)


def _only(kind: str, here: Kernel, other: Kernel) -> _Names:
    """The things of a kind that one kernel has and another has not, worked out once for the two."""
    known = _differences.setdefault(here, WeakKeyDictionary()).setdefault(other, {})
    if kind not in known:
        known[kind] = _Names(names_of(here, kind) - names_of(other, kind))
    return known[kind]


class _Names:
    """Names, found by the words in them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_word: dict[str, list[str]] = defaultdict(list)
        for one in names:
            for word in set(words(one)):
                self._by_word[word].append(one)

    def sharing(self, name: str) -> set[str]:
        """Those that have a word of the name."""
        return {n for word in set(words(name)) for n in self._by_word.get(word, ())}


def _guessed(kind: str, name: str, old: Kernel, new: Kernel) -> list[Named]:
    shape = _shape(kind, old, name)
    if shape is None:
        return []
    fresh = _only(kind, new, old)
    near = ((alike(name, n, NAME_AND_SHAPE), n) for n in fresh.sharing(name))
    found: list[tuple[float, Named]] = []
    for likeness, one in sorted((n for n in near if n[0] >= NAME_AND_SHAPE), reverse=True):
        if _shape(kind, new, one) == shape and _kindred(name, one):
            found.append((likeness, Named(one, "same prototype, a name like it")))
    if not found or (len(found) > 1 and found[0][0] - found[1][0] < MARGIN):
        return []
    if any(n != found[0][1].name and _longer(name, n) for n in fresh.sharing(name)):
        return []  # the name with a word more is as likely
    return [found[0][1]] if not _liker(kind, name, found[0], old, new) else []


def _longer(name: str, other: str) -> bool:
    """Whether a name is the other's, with words before or after it."""
    return other.startswith(f"{name}_") or other.endswith(f"_{name}")


def _kindred(one: str, other: str) -> bool:
    """Whether the words that differ are spelled alike, or only the one name has some more: not ``write_same`` and
    ``secure_erase``."""
    if [w for w in words(one) if w in words(other)] != [w for w in words(other) if w in words(one)]:
        return False  # in another order
    mine = [w for w in words(one) if w not in words(other)]
    theirs = [w for w in words(other) if w not in words(one)]
    if not mine or not theirs:
        return True
    return SequenceMatcher(None, "".join(mine), "".join(theirs), autojunk=False).ratio() >= KINDRED


def _liker(kind: str, name: str, found: tuple[float, Named], old: Kernel, new: Kernel) -> bool:
    """Whether another name that is gone is more like the candidate: then it is that one's."""
    likeness, named = found
    gone = _only(kind, old, new).sharing(named.name)
    return any(alike(n, named.name, likeness) > likeness for n in gone if n != name)


def _shape(kind: str, kernel: Kernel, name: str) -> tuple[str, ...] | None:
    """Types of parameters and of the value; None where the kernel has no such thing."""
    return shape_in(kind, kernel.vmlinux, name) if kernel.vmlinux is not None else None


def shape_in(kind: str, blob: Blob, name: str) -> tuple[str, ...] | None:
    """The same of one blob."""
    finders: dict[str, Callable[[Blob, str], int]] = {"tracepoint": _tracepoint, "lsm": _lsm}
    proto = finders.get(kind, _function)(blob, name)
    if not proto:
        return None
    return (*(form(blob, p.type) for p in blob.params(proto) if p.type), form(blob, blob.ref(proto)))


def _function(blob: Blob, name: str) -> int:
    return next((blob.ref(i) for i in blob.find(name, Kind.FUNC)), 0)


def _lsm(blob: Blob, name: str) -> int:
    return _function(blob, f"bpf_lsm_{name}")


def _tracepoint(blob: Blob, name: str) -> int:
    for typedef in blob.find(f"btf_trace_{name}", Kind.TYPEDEF):
        pointer = blob.skip(blob.ref(typedef))
        return blob.skip(blob.ref(pointer)) if blob.kind(pointer) == Kind.PTR else 0
    return 0
