# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""From which LSM hooks BPF is shut out and where it may sleep: the kernel's own id sets, else the tables (R-7.12).

Distributions' kernels differ from the tables even within a series, as stable releases take hooks out of these sets and
put others in. The sets lie in the binary as ``BTF_SET``: ``{cnt, cnt × id}`` of u32, ids ascending, 0 for functions
that the build did not find. Nothing names them there; one is recognised by what it shares with the set of the tables.

Not every ``bpf_lsm_X`` is a hook (``bpf_lsm_verify_prog``). Hooks are the members of ``union security_list_options``,
which the kernel makes from the same list (``lsm_hook_defs.h``) as the set ``bpf_lsm_hooks`` that it asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.binary.btfids import ids_section
from kfuncscope.knowledge.facts import LsmHookFact
from kfuncscope.knowledge.knowledge import Knowledge
from kfuncscope.knowledge.probed import Probed

if TYPE_CHECKING:
    import numpy as np
else:
    from kfuncscope.deferred import numpy as np

PREFIX = "bpf_lsm_"
_HOOKS = "security_list_options"
_FEWEST = 4  # members of a set; in a whole image, less would be found by accident
_MOST = 1024
_ALIKE = 0.5

HookSets = list[frozenset[str]]


def hook_sets(image: bytes, blob: Blob) -> HookSets:
    """The sets of LSM hooks, without prefix, in an uncompressed kernel: of ``.BTF_ids``, or of a whole raw image."""
    section = ids_section(image)
    data = image[section.offset : section.offset + section.size] if section else image
    words = np.frombuffer(data, dtype=np.dtype(f"{blob.endian}u4"), count=len(data) // 4)
    hooks = np.zeros(blob.end_id + 1, dtype=np.bool_)  # the last entry stands for every id beyond
    names = {i: name for i in blob.own_ids(Kind.FUNC) if (name := blob.name(i)).startswith(PREFIX)}
    hooks[list(names)] = True
    of_hook = hooks[np.minimum(words, np.uint32(blob.end_id))]
    found: HookSets = []
    for start in (np.flatnonzero(of_hook[1:] & ~of_hook[:-1]) + 1).tolist():
        at = start - 1
        while at > max(0, start - _MOST) and words[at] == 0:
            at -= 1
        end = at + 1 + int(words[at])
        ids = words[start:end]
        whole = end - at > _FEWEST and 0 < len(ids) == end - start and bool(of_hook[start:end].all())
        if whole and (np.diff(ids.astype(np.int64)) > 0).all():
            found.append(frozenset(names[i].removeprefix(PREFIX) for i in ids.tolist()))
    return found


def named_hooks(blob: Blob | None) -> frozenset[str] | None:
    """The LSM hooks that a kernel has, without prefix; None where its BTF does not tell."""
    if blob is None or not (unions := blob.own(_HOOKS, Kind.UNION)):
        return None
    return frozenset(member.name for member in blob.members(unions[0]))


class LsmHooks:
    """What is known of a kernel's LSM hooks: what it answered itself first (``probed``), then its own sets, then the
    tables of its release or its neighbours'. ``names``: see ``named_hooks``."""

    def __init__(
        self,
        tables: Iterable[Knowledge | None],
        sets: HookSets,
        present: Callable[[str], bool],
        probed: Probed | None = None,
        names: frozenset[str] | None = None,
    ) -> None:
        self._probed = probed
        self._names = names
        self._tables = [table.lsm_hooks for table in tables if table is not None]
        self._closed = self._own(sets, lambda fact: fact.bpf_disabled, present)
        self._sleeping = self._own(sets, lambda fact: fact.sleepable, present)

    @property
    def source(self) -> str:
        """``the image`` where the kernel's own sets were found; empty where tables tell."""
        return "the image" if self._closed is not None or self._sleeping is not None else ""

    def exists(self, hook: str) -> bool | None:
        """Whether ``bpf_lsm_HOOK`` is a hook, and not another function of that kind of name; None: the BTF does not
        tell."""
        return hook in self._names if self._names is not None else None

    def closed(self, hook: str) -> bool | None:
        """Whether BPF is shut out of the hook; None where tables of two releases do not agree."""
        return self.closed_by(hook)[0]

    def closed_by(self, hook: str) -> tuple[bool | None, str]:
        """The same with its source: BTF, the booted kernel, the image, or empty where tables tell."""
        if self.exists(hook) is False:
            return True, "BTF"
        if self._probed is not None and (answer := self._probed.hook_closed(hook)) is not None:
            return answer, "the booted kernel"
        if self._closed is not None:
            return hook in self._closed, "the image"
        return self._told(hook, lambda fact: fact.bpf_disabled), ""

    def awake(self, hook: str) -> bool | None:
        """Whether no program may sleep in the hook; None where tables of two releases do not agree."""
        return self.awake_by(hook)[0]

    def awake_by(self, hook: str) -> tuple[bool | None, str]:
        """The same with its source, as ``closed_by``."""
        if self._probed is not None and (answer := self._probed.hook_awake(hook)) is not None:
            return answer, "the booted kernel"
        if self._sleeping is not None:
            return hook not in self._sleeping, "the image"
        return self._told(hook, lambda fact: not fact.sleepable), ""

    def _told(self, hook: str, what: Callable[[LsmHookFact], bool]) -> bool | None:
        told = {what(table[hook]) for table in self._tables if hook in table}
        return told.pop() if len(told) == 1 else None if told else False

    def _own(
        self, sets: HookSets, what: Callable[[LsmHookFact], bool], present: Callable[[str], bool]
    ) -> frozenset[str] | None:
        """The set of the binary that is most like what some table says, where half of both agrees."""
        best, found = _ALIKE, None
        if not sets:  # no image: every hook would be looked up for nothing
            return None
        for table in self._tables:
            known = {name for name, fact in table.items() if what(fact) and present(name)}
            for one in sets:
                likeness = len(one & known) / len(one | known)
                if likeness > best:
                    best, found = likeness, one
        return found
