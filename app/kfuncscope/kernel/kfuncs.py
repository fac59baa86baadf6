# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The kfunc registry of one kernel: which functions are kfuncs, with what flags, for which programs (R-1.17, R-4.x).

Order of evidence: id sets read from the binary, declaration tags of the BTF, knowledge of the release (R-1.17). The
source of each fact is kept. A FUNC of the name alone proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.binary.btfids import KfuncSet
from kfuncscope.knowledge.facts import Answer, KfuncFact, is_set
from kfuncscope.knowledge.kfunc_filters import Caller
from kfuncscope.knowledge.knowledge import Knowledge
from kfuncscope.knowledge.names import last_with

COMMON = "BTF_KFUNC_HOOK_COMMON"
FMODRET = frozenset({"FMODRET"})  # functions that fmod_ret programs may replace: in a set, but not callable


@dataclass(frozen=True, slots=True)
class Kfunc:
    """One kfunc of a kernel; ``flags`` and ``prog_types`` None where nothing tells. Sources: binary, tags, knowledge.

    ``module`` is empty for vmlinux. ``proto`` is the FUNC's id in ``blob``.
    """

    name: str
    module: str
    blob: Blob
    proto: int
    flags: int | None
    prog_types: frozenset[str] | None
    source: str
    flags_source: str
    types_source: str
    sets: tuple[str, ...] = ()
    tagged: bool = True


@dataclass(frozen=True, slots=True)
class _Found:
    """What one source tells about a function; None is what it does not tell."""

    func_id: int
    flags: int | None = None
    types: frozenset[str] | None = None
    types_source: str = ""
    sets: tuple[str, ...] = ()


def told_by(source: str, knowledge: Knowledge) -> str:
    """The source of a fact about a kfunc in words; with knowledge goes the level that it is of, and whether that is
    another than the kernel's own (R-12.22)."""
    if source != "knowledge":
        return source or "nothing"
    return f"knowledge of {knowledge.release}" + (", a neighbour" if knowledge.borrowed_for is not None else "")


class Registry:
    """Kfuncs of one blob (vmlinux or one module)."""

    def __init__(
        self,
        blob: Blob,
        module: str,
        knowledge: Knowledge,
        sets: list[KfuncSet] | None,
        config: Mapping[str, str] | None,
        exact: bool,
        tags_expected: bool,
    ) -> None:
        self.blob, self.module, self.knowledge, self.config = blob, module, knowledge, config
        self.exact = exact
        self.tags_expected = tags_expected
        self._sets = self._members(sets or [])
        self._tags = {blob.name(i): i for i in blob.tags("bpf_kfunc") if blob.kind(i) == Kind.FUNC}
        self.source = "binary" if sets else "tags" if self._tags or tags_expected else "knowledge"
        self._made: dict[str, Kfunc | None] = {}

    @cached_property
    def kfuncs(self) -> dict[str, Kfunc]:
        """All of them, by name. Whoever asks for a few, as objects do, gets these alone by ``get``."""
        names = [*sorted(self._sets), *sorted(self._tags)]
        if self.source != "binary":
            names += self.knowledge.kfuncs
        return {name: found for name in dict.fromkeys(names) if (found := self._find(name)) is not None}

    @cached_property
    def untagged(self) -> list[str]:
        """Registered for all that is known, but without the tag: a fault of the build."""
        found = [name for name in sorted(self._sets) if self._tags and name not in self._tags]
        if self.source == "tags" and (not self.knowledge.borrowed_for or self.exact):
            found += [name for name, kfunc in self.kfuncs.items() if kfunc.source == "knowledge"]
        return found

    def _find(self, name: str) -> Kfunc | None:
        """The kfunc of a name; None where it is an ordinary function, or not there."""
        if name not in self._made:
            self._made[name] = self._look(name)
        return self._made[name]

    def _look(self, name: str) -> Kfunc | None:
        if name in self._sets:
            return self._new(name, self._sets[name], "binary", name in self._tags or not self._tags)
        if name in self._tags:
            return self._new(name, _Found(self._tags[name]), "tags", True)
        return None if self.source == "binary" else self._from_knowledge(name)

    def _from_knowledge(self, name: str) -> Kfunc | None:
        """Where the BTF carries no tags, what the release is known to register; with tags, what they left out."""
        fact = self.knowledge.kfuncs.get(name)
        if fact is None or not self._gates_open(fact):
            return None
        ids = self.blob.own(name, Kind.FUNC)
        if not ids or not fact.prog_types - FMODRET:
            return None
        if self.source == "tags" and self.knowledge.borrowed_for and not self.exact:
            return None
        return self._new(name, _Found(ids[0]), "knowledge", False)

    def _gates_open(self, fact: KfuncFact) -> bool:
        if not self.config:
            return True
        return any(all(is_set(self.config, option) for option in reg.config) for reg in fact.registrations)

    def _members(self, sets: list[KfuncSet]) -> dict[str, _Found]:
        """What the sets tell about each function together; types only where all the sets it is in tell theirs."""
        members: dict[str, _Found] = {}
        for one in sets:
            for func_id, flags in one.members.items():
                found = members.get(self.blob.name(func_id), _Found(func_id, 0, frozenset(), "binary"))
                types = None if found.types is None or one.prog_types is None else found.types | one.prog_types
                source = found.types_source if one.types_source == "binary" else one.types_source
                names = found.sets + ((one.name,) if one.name else ())
                members[self.blob.name(func_id)] = _Found(func_id, (found.flags or 0) | flags, types, source, names)
        return members

    def _fact(self, name: str) -> KfuncFact | None:
        """What is known of a kfunc that this kernel registers; where the tables are borrowed, older ones may tell."""
        fact = self.knowledge.kfuncs.get(name)
        if fact is not None or self.exact:
            return fact
        near = next((other.kfuncs[name] for other in self.knowledge.others if name in other.kfuncs), None)
        known = None if near is not None else last_with(name)
        return known.kfuncs[name] if known is not None else near

    def _new(self, name: str, found: _Found, source: str, tagged: bool) -> Kfunc:
        fact = self._fact(name)
        flags, flags_source = found.flags, source
        types, types_source = found.types, found.types_source
        if flags is None:
            flags, flags_source = (fact.flags, "knowledge") if fact else (None, "")
        if types is None:
            types, types_source = (fact.types_in(self.config), "knowledge") if fact else (None, "")
        sets = found.sets or (fact.sets if fact else ())
        return Kfunc(
            name, self.module, self.blob, found.func_id, flags, types, source, flags_source, types_source, sets, tagged
        )

    def get(self, func_id: int) -> Kfunc | None:
        """The kfunc that a FUNC is, None where it is an ordinary function."""
        found = self._find(self.blob.name(func_id))
        return found if found is not None and found.proto == func_id else None


class KfuncRules:
    """Who may call which kfunc in one release: hooks and filters (R-4.1, R-4.3, R-11.1).

    For a kernel between two levels with tables, ``built`` tells whether it has a function: True, False, or None where
    that is not known. A filter that it lacks is not applied, and those of ``others`` that it has are.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        others: tuple[Knowledge, ...] = (),
        built: Callable[[str], bool | None] | None = None,
    ) -> None:
        self.knowledge = knowledge
        self.built = built
        self.filters = dict(knowledge.kfunc_filters)
        self._hook_filters: dict[str, set[str]] = {}
        self._add(knowledge, lambda name: built is None or built(name) is not False)
        for other in others if built is not None else ():
            more = {name for name in other.kfunc_filters if name not in self.filters and built and built(name)}
            self._add(other, more.__contains__)
            self.filters.update({name: other.kfunc_filters[name] for name in more})

    def _add(self, knowledge: Knowledge, wanted: Callable[[str], bool]) -> None:
        for fact in knowledge.kfuncs.values():
            for reg in fact.registrations:
                for hook in self._hooks(reg.prog_types) if reg.filters else ():
                    self._hook_filters.setdefault(hook, set()).update(filter(wanted, reg.filters))

    def disputes(self, newer: KfuncRules, kfunc: Kfunc, caller: Caller) -> bool:
        """Whether this level lets the caller reach a kfunc that another, ``newer``, denies it, so that nobody knows.

        No dispute: what the kernel's own code registers for other programs, and new filters that the kernel has.
        """
        if kfunc.types_source == "binary" and not newer.asked(kfunc, caller):
            return False
        blocking = [name for name, _ in newer.blocking(kfunc, caller)]
        if not set(blocking) <= newer.knowledge.kfunc_filters.keys() and not newer.written.blocking(kfunc, caller):
            return True  # by a filter as the older release has it alone, which may have changed before it went
        new = [name for name in blocking if name not in self.filters]
        if new and newer.built is not None and all(newer.built(name) for name in new):
            return False
        fact = self.knowledge.kfuncs.get(kfunc.name)
        if fact is None:  # what came since has the newer release's rules, if they were there by then
            return bool(new)
        return self.allowed(replace(kfunc, prog_types=fact.prog_types), caller)[0] == "yes"

    @cached_property
    def written(self) -> KfuncRules:
        """The rules of the release itself, whatever this kernel has of it."""
        return KfuncRules(self.knowledge)

    def asked(self, kfunc: Kfunc, caller: Caller) -> list[str]:
        """The hooks for which the kfunc is registered and that the kernel asks for this caller."""
        registered = self._hooks(kfunc.prog_types or frozenset())
        own = self.knowledge.kfunc_hooks.get(caller.prog_type, "")
        return [hook for hook in (COMMON, own) if hook and hook in registered]

    def blocking(self, kfunc: Kfunc, caller: Caller) -> list[tuple[str, Answer]]:
        """The filters that keep, or may keep, the caller from the kfunc; none where one hook lets it pass."""
        found: list[tuple[str, Answer]] = []
        for hook in self.asked(kfunc, caller):
            rules = [(name, self.filters.get(name)) for name in sorted(self._hook_filters.get(hook, ()))]
            answers = [(name, rule.passes(kfunc.name, caller)) for name, rule in rules if rule is not None]
            against = [(name, answer) for name, answer in answers if answer != "yes"]
            if not against:
                return []
            found += against
        return found

    def _hooks(self, prog_types: frozenset[str]) -> set[str]:
        hooks = self.knowledge.kfunc_hooks
        return {COMMON if t == "UNSPEC" else hooks.get(t, "") for t in prog_types} - {""}

    def allowed(self, kfunc: Kfunc, caller: Caller) -> tuple[Answer, str]:
        """Whether the verifier lets the caller reach this kfunc, and a reason."""
        if caller.prog_type == "EXT":
            return "unknown", "what a replacement may call depends on its target"
        if kfunc.prog_types is None:
            return "unknown", f"the program types for which {kfunc.name} is registered are not known"
        if not kfunc.prog_types:
            return "no", f"{kfunc.name} is in a set that is never registered for programs"
        if not self.asked(kfunc, caller):
            words = ", ".join(sorted(kfunc.prog_types))
            return "no", f"{kfunc.name} is registered for {words}, not for {caller.prog_type}"
        against = self.blocking(kfunc, caller)
        if not against:
            return "yes", ""
        name = against[-1][0]
        if all(answer == "unknown" for _, answer in against):
            return "unknown", f"filter {name} decides"
        return "no", f"the filter {name} keeps {caller.prog_type} programs of this kind from {kfunc.name}"
