# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Type compatibility across two BTFs, as libbpf decides it: R-3.4 fields, R-3.9 prototypes, R-3.10 exact matches.

Written from the rules of libbpf's relo_core.c. Every walk is bounded: hostile types answer "not compatible".
"""

from __future__ import annotations

from functools import lru_cache

from kfuncscope.btf.blob import Blob, essential_name
from kfuncscope.btf.layout import COMPOSITES, ENUMS, Kind

MAX_LEVEL = 32  # BPF_CORE_SPEC_MAX_LEN / 2, libbpf's own bound
MAX_STEPS = 50_000  # comparisons in one question; libbpf has no such bound, and hostile types would need it

essential = lru_cache(maxsize=65536)(essential_name)


def kinds_compat(one: int, other: int) -> bool:
    """Kinds equal, or both some enum."""
    return one == other or (one in ENUMS and other in ENUMS)


def fields_are_compat(local: Blob, local_id: int, target: Blob, target_id: int) -> bool:
    """R-3.4: may a field of the one type be taken for a field of the other?"""
    for _ in range(MAX_LEVEL):
        local_id, target_id = local.skip(local_id), target.skip(target_id)
        mine, theirs = local.kind(local_id), target.kind(target_id)
        if mine in COMPOSITES and theirs in COMPOSITES:
            return True
        if not kinds_compat(mine, theirs):
            return False
        if mine in (Kind.PTR, Kind.FLOAT):
            return True
        if mine in ENUMS or mine == Kind.FWD:
            one, other = essential(local.name(local_id)), essential(target.name(target_id))
            return not one or not other or one == other
        if mine == Kind.INT:
            return not local.int_(local_id).offset and not target.int_(target_id).offset
        if mine != Kind.ARRAY:
            return False
        local_id, target_id = local.array(local_id).type, target.array(target_id).type
    return False


def types_are_compat(local: Blob, local_id: int, target: Blob, target_id: int) -> bool:
    """R-3.9: libbpf's test of kfunc prototypes and of the existence of types; names of structs do not matter."""
    return _compat(local, local_id, target, target_id, MAX_LEVEL, {})


def _compat(
    local: Blob, local_id: int, target: Blob, target_id: int, level: int, known: dict[tuple[int, int, int], bool]
) -> bool:
    """The same at a level; ``known`` holds answers for functions that take functions (R-11.17)."""
    if not kinds_compat(local.kind(local_id), target.kind(target_id)):
        return False
    while level > 0:
        level -= 1
        local_id, target_id = local.skip(local_id), target.skip(target_id)
        kind = local.kind(local_id)
        if not kinds_compat(kind, target.kind(target_id)):
            return False
        if kind in COMPOSITES or kind in ENUMS or kind in (Kind.VOID, Kind.FWD):
            return True
        if kind == Kind.INT:
            return not local.int_(local_id).offset and not target.int_(target_id).offset
        if kind == Kind.PTR:
            local_id, target_id = local.ref(local_id), target.ref(target_id)
        elif kind == Kind.ARRAY:
            local_id, target_id = local.array(local_id).type, target.array(target_id).type
        elif kind == Kind.FUNC_PROTO:
            mine, theirs = local.params(local_id), target.params(target_id)
            if len(mine) != len(theirs):
                return False
            for one, other in zip(mine, theirs, strict=True):
                key = (local.skip(one.type), target.skip(other.type), level)
                if key not in known:
                    known[key] = _compat(local, key[0], target, key[1], level, known)
                if not known[key]:
                    return False
            local_id, target_id = local.ref(local_id), target.ref(target_id)
            local_id, target_id = local.skip(local_id), target.skip(target_id)
        else:
            return False
    return False


class _Matcher:
    """R-3.10 with a memory of pairs already compared and a budget of steps (R-11.17)."""

    def __init__(self, local: Blob, target: Blob) -> None:
        self.local, self.target = local, target
        self.known: dict[tuple[int, int, bool], bool] = {}
        self.steps = MAX_STEPS

    def match(self, local_id: int, target_id: int, behind: bool, level: int) -> bool:
        local, target = self.local, self.target
        while level > 0 and self.steps > 0:
            level -= 1
            self.steps -= 1
            local_id, target_id = local.skip(local_id), target.skip(target_id)
            if essential(local.name(local_id)) != essential(target.name(target_id)):
                return False
            mine, theirs = local.kind(local_id), target.kind(target_id)
            if mine == Kind.PTR and theirs == Kind.PTR:
                behind, local_id, target_id = True, local.ref(local_id), target.ref(target_id)
            elif mine == Kind.ARRAY and theirs == Kind.ARRAY:
                one, other = local.array(local_id), target.array(target_id)
                if one.nelems != other.nelems:
                    return False
                local_id, target_id = one.type, other.type
            elif mine == Kind.FUNC_PROTO and theirs == Kind.FUNC_PROTO:
                ours, its = local.params(local_id), target.params(target_id)
                if len(ours) != len(its):
                    return False
                if not all(self.match(a.type, b.type, behind, level) for a, b in zip(ours, its, strict=True)):
                    return False
                local_id, target_id = local.ref(local_id), target.ref(target_id)
            else:
                return self._leaf(local_id, target_id, mine, theirs, behind, level)
        return False

    def _leaf(self, local_id: int, target_id: int, mine: int, theirs: int, behind: bool, level: int) -> bool:
        local, target = self.local, self.target
        if mine == Kind.VOID:
            return theirs == Kind.VOID
        if mine == Kind.FWD:
            union = local.kind_flag(local_id)
            if mine == theirs:
                return union == target.kind_flag(target_id)
            return behind and theirs == (Kind.UNION if union else Kind.STRUCT)
        if mine in ENUMS:
            return theirs in ENUMS and self._enums(local_id, target_id)
        if mine in COMPOSITES:
            if behind:
                return mine == theirs or (theirs == Kind.FWD and (mine == Kind.UNION) == target.kind_flag(target_id))
            return mine == theirs and self._members(local_id, target_id, level)
        if mine == Kind.INT and theirs == Kind.INT:
            return (
                local.ref(local_id) == target.ref(target_id)
                and local.int_(local_id).signed == target.int_(target_id).signed
            )
        return False

    def _enums(self, local_id: int, target_id: int) -> bool:
        mine, theirs = self.local.enumerators(local_id), self.target.enumerators(target_id)
        if self.local.ref(local_id) != self.target.ref(target_id) or len(mine) > len(theirs):
            return False
        names = {essential(e.name) for e in theirs}
        return all(essential(e.name) in names for e in mine)

    def _members(self, local_id: int, target_id: int, level: int) -> bool:
        key = (local_id, target_id, False)
        if key not in self.known:
            mine, theirs = self.local.members(local_id), self.target.members(target_id)
            by_name: dict[str, list[int]] = {}
            for member in theirs:
                by_name.setdefault(essential(member.name), []).append(member.type)
            self.known[key] = len(mine) <= len(theirs) and all(
                any(self.match(m.type, t, False, level) for t in by_name.get(essential(m.name), [])) for m in mine
            )
        return self.known[key]


def types_match(local: Blob, local_id: int, target: Blob, target_id: int) -> bool:
    """R-3.10: the exact match of ``bpf_core_type_matches``: names, sizes and members have to agree."""
    return _Matcher(local, target).match(local_id, target_id, False, MAX_LEVEL)
