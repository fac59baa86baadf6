# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Changes of words that many names went through between two levels: a page that became a folio, a suffix that came.

That ``__lock_page`` is gone and ``__lock_folio`` is new is a guess; that other names, of which their own sources show
it, changed ``page`` to ``folio`` alike is one more signal.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from kfuncscope.remedy.replacements.likeness import alike, words
from kfuncscope.study.renames.confirm import Side, confirmed
from kfuncscope.study.renames.decide import Candidate, Gone, successor

OFTEN = 5  # names that went through a change, which their own sources show
Change = tuple[tuple[str, ...], tuple[str, ...]]
Found = list[tuple[str, Gone]]


def change(old: str, new: str) -> Change:
    """The words that went and those that came, in alphabetical order."""
    one, other = Counter(words(old)), Counter(words(new))
    return tuple(sorted((one - other).elements())), tuple(sorted((other - one).elements()))


def with_customs(found: Found, old: Side, new: Side, before: frozenset[str] = frozenset()) -> Found:
    """What was seen of the names that are gone, with the new names that customs lead to; but for functions
    that the old sources had ``before``, which were only not in its BTF."""
    times: dict[str, Counter[Change]] = defaultdict(Counter)
    for _, gone in found:
        name = successor(gone)
        if name is not None:
            times[gone.kind][change(gone.name, name.rpartition(".")[2])] += 1
    fresh = {kind: _by_words(kind, old, new, before if kind == "function" else frozenset()) for kind in old.things}
    return [(full, _with(full, gone, times[gone.kind], fresh[gone.kind], (old, new))) for full, gone in found]


def _by_words(kind: str, old: Side, new: Side, before: frozenset[str]) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """(struct or enum, words of a new name) → new names."""
    made: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for owner, names in new.things[kind].items():
        for name in sorted(names - old.things[kind].get(owner, set()) - before):
            made[owner, tuple(sorted(words(name)))].append(name)
    return made


def _with(
    full: str, gone: Gone, times: Counter[Change], fresh: dict[tuple[str, tuple[str, ...]], list[str]],
    both: tuple[Side, Side],
) -> Gone:  # fmt: skip
    candidates = dict(gone.candidates)
    owner = full[: -len(gone.name) - 1] if full != gone.name else ""
    mine = Counter(words(gone.name))
    for (went, came), often in times.items():
        if often < OFTEN or not went + came or Counter(went) - mine:
            continue
        wanted = (mine - Counter(went)) + Counter(came)
        for name in fresh.get((owner, tuple(sorted(wanted.elements()))), ()) if len(mine) > 1 else ():
            same = confirmed(gone.kind, owner, gone.name, name, *both)
            if same is not None and not gone.defined:
                candidates.setdefault(name, Candidate(same=same, like=alike(gone.name, name)))
    own = successor(gone)
    made = {}
    for name, one in candidates.items():
        often = times[change(gone.name, name.rpartition(".")[2])] - (name == own)
        made[name] = one._replace(custom=often >= OFTEN and bool("".join(map("".join, change(gone.name, name)))))
    return gone._replace(candidates=made)
