# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""For which program types each kfunc set is registered: from x86-64 or arm64 code, else from the tables of the release.

A set is registered by ``register_btf_kfunc_id_set(type, &kset)`` in an init function, where kset is a constant
``struct btf_kfunc_id_set {owner, set, filter}`` whose owner is 0 in built-in code. No symbol is needed: ksets are found
by the addresses of the sets, code by the addresses of the ksets, and the function by being the one that most of these
calls go to. ``register_btf_fmodret_id_set(&kset)`` takes the kset first; its sets are not kfuncs for programs (R-7.11).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from kfuncscope.arch import arch_record
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.elf.tables import elf_machine
from kfuncscope.kernel.binary.addresses import RAW_BASES
from kfuncscope.kernel.binary.btfids import KfuncSet, ids_section
from kfuncscope.kernel.binary.memory import Memory, RawMemory
from kfuncscope.kernel.binary.ways import places
from kfuncscope.kernel.binary.x86 import CLOBBERED_BY_CALL, RDI, RSI, Compared, Insn, Registers, Step, decode
from kfuncscope.kernel.kfuncs import FMODRET
from kfuncscope.knowledge.knowledge import Knowledge

if TYPE_CHECKING:
    import numpy as np
else:
    from kfuncscope.deferred import numpy as np

_MOST_PROG_TYPES = 256
_FUNCTION_BYTES = 8192
_ALL_STEPS = 1 << 18  # a few hundred to 20,000 are taken in kernels
_ENDBR = b"\xf3\x0f\x1e\xfa"
_NOTHING: Registers = (None,) * 16
_ALIKE = 0.5
_State = tuple[int, Registers, Compared | None]
_ARM64_AT, _ARM64 = 0x38, b"ARMd"  # magic of a raw image (Documentation/arch/arm64/booting.rst)


@dataclass(frozen=True, slots=True)
class Call:
    """A call or far jump with a kset in its first or second argument; ``first`` and ``second`` None where not known."""

    target: int
    first: int | None
    second: int | None


def registered(image: bytes, blob: Blob, sets: list[KfuncSet]) -> list[KfuncSet]:
    """The sets with the program types and filters that an image registers them for: an x86-64 one, or a raw arm64 one;
    other images': unchanged.

    Empty types where nothing refers to a set as a kset, or where only fmod_ret is registered; None where the code was
    not understood.
    """
    if image[_ARM64_AT : _ARM64_AT + 4] == _ARM64:
        return _by_arm64(image, blob, sets)
    if elf_machine(image) not in arch_record("x86_64").machine:
        return sets
    memory = Memory(image)
    section = ids_section(image)
    start = section.offset if section else 0
    places = {memory.address(start + one.offset): index for index, one in enumerate(sets)}
    places.pop(None, None)
    ksets = _ksets(memory, blob, {a: i for a, i in places.items() if a is not None})
    if not ksets:
        return sets
    calls, lost = Follower(memory, frozenset(ksets)).calls()
    target = _most_called(calls, ksets)
    names = _prog_types(blob)
    done = []
    for index, one in enumerate(sets):
        own = {address: filtered for address, (of, filtered) in ksets.items() if of == index}
        types = _types(calls, target, frozenset(own), names) if not lost.intersection(own) else None
        done.append(replace(one, prog_types=types, filter=any(own.values())))
    return done


def _by_arm64(image: bytes, blob: Blob, sets: list[KfuncSet]) -> list[KfuncSet]:
    """The same of a raw arm64 image: of all its sets, or of none."""
    from kfuncscope.kernel.binary.arm64 import Follower as Arm64Follower
    from kfuncscope.kernel.binary.arm64 import relocated

    for linked in RAW_BASES:
        base = linked % (1 << 64)
        memory = RawMemory(relocated(image, base), base)
        ksets = _ksets(memory, blob, {base + one.offset: index for index, one in enumerate(sets)})
        if not ksets:
            continue
        by_offset = {at: of for address, of in ksets.items() if (at := memory.offset(address)) is not None}
        numbers = Arm64Follower(image, by_offset).registrations(_MOST_PROG_TYPES)
        names = _prog_types(blob)
        if numbers is None or not {n for of in numbers.values() for n in of} <= names.keys():
            return sets
        done = []
        for index, one in enumerate(sets):
            own = {at: filtered for at, (of, filtered) in by_offset.items() if of == index}
            types = frozenset(names[n] for at in own for n in numbers[at])
            done.append(replace(one, prog_types=types, filter=any(own.values())))
        return done
    return sets


def _ksets(memory: Memory | RawMemory, blob: Blob, places: dict[int, int]) -> dict[int, tuple[int, bool]]:
    """Address of each ``struct btf_kfunc_id_set`` → (index of its set, has a filter)."""
    members: dict[str, int] = {}
    for kset in blob.find("btf_kfunc_id_set", Kind.STRUCT)[:1]:
        members = {m.name: m.bit_offset // 8 for m in blob.members(kset)}
    at_set, at_filter = members.get("set", 8), members.get("filter")
    if not places or at_set % 8:
        return {}
    longs = np.frombuffer(memory.image, "<u8", count=len(memory.image) // 8)
    near = np.flatnonzero((longs >= min(places)) & (longs <= max(places)))
    found: dict[int, tuple[int, bool]] = {}
    for word in near.tolist():
        index = places.get(int(longs[word]))
        address = memory.address(8 * word - at_set)
        if index is None or address is None or int(longs[word - at_set // 8]) != 0:
            continue
        # Before 6.4 the struct has no filter, and the next word is not its own.
        filtered = at_filter is not None and memory.load(address + at_filter, 8) != 0
        found[address] = (index, filtered)
    return found


class Follower:
    """Follows the code around every place that takes the address of a kset, and notes where ksets are passed to."""

    def __init__(self, memory: Memory, ksets: frozenset[int]) -> None:
        self._memory = memory
        self._code = memory.image
        self._ksets = ksets
        self._insns: dict[int, Insn | None] = {}
        self._left = _ALL_STEPS

    def calls(self) -> tuple[set[Call], set[int]]:
        """Every call that passes a kset, and the ksets of which some reference leads to no call understood."""
        found: set[Call] = set()
        lost: set[int] = set()
        covered: set[int] = set()
        references = sorted(self._references())
        for at, kset in references:
            if at in covered:
                continue
            calls = self._function(at, kset, covered)
            if calls:
                found |= calls
            else:
                lost.add(kset)
        return found, lost | (self._ksets - {kset for _, kset in references})

    def _references(self) -> Iterator[tuple[int, int]]:
        """(place in the file, kset) of ``mov reg, imm32`` and ``lea reg, [rip+x]`` that give a kset's address."""
        data = np.frombuffer(self._code, np.uint8)
        rex = np.flatnonzero((data[:-7] & 0xFA) == 0x48)
        second, third = data[rex + 1], data[rex + 2]
        moves = rex[(second == 0xC7) & (third >= 0xC0) & (third < 0xC8)]
        leas = rex[(second == 0x8D) & (third & 0xC7 == 5)]
        low = {kset & 0xFFFFFFFF: kset for kset in self._ksets}
        for at in moves.tolist():
            kset = low.get(int.from_bytes(self._code[at + 3 : at + 7], "little"))
            if kset is not None:
                yield at, kset
        for at in leas.tolist():
            address = self._memory.address(at)
            if address is not None:
                to = address + 7 + int.from_bytes(self._code[at + 3 : at + 7], "little", signed=True)
                if to in self._ksets:
                    yield at, to

    def _function(self, at: int, kset: int, covered: set[int]) -> set[Call]:
        """The calls of the function around a reference: from its entry where that can be told, else from the place."""
        for entry in self._entries(at):
            if not self._left:
                break
            calls, seen = self._explore(entry)
            if at in seen and self._settled(calls, kset):
                covered |= seen
                return calls
        return set()

    def _entries(self, at: int) -> Iterator[int]:
        """Where the function that holds ``at`` may begin, the likeliest first."""
        floor = max(at - _FUNCTION_BYTES, 16)
        before = self._traced[: bisect_right(self._traced, at)]
        if before and before[-1] >= floor:
            yield before[-1]
        marked = self._code.rfind(_ENDBR, floor, at)
        if marked >= 0:
            yield marked
        for entry in range(at - at % 16, floor, -16):
            # Functions are aligned, and what precedes one is padding, or the end of another.
            if self._code[entry - 1] in (0x90, 0xCC, 0xC3, 0x00) or self._code[entry - 5] == 0xE9:
                yield entry
        yield at

    @cached_property
    def _traced(self) -> list[int]:
        """Places of the call to ``__fentry__``, with which functions begin: the commonest first call of functions."""
        data = np.frombuffer(self._code, np.uint8)
        at = np.flatnonzero(data[:-4] == 0xE8)
        at = at[at >= 8]
        ended = (data[at - 5] == 0xE9) | np.isin(data[at - 1], (0x90, 0xCC, 0xC3))
        marked = (data[at - 4] == 0xF3) & (data[at - 3] == 0x0F) & (data[at - 2] == 0x1E) & (data[at - 1] == 0xFA)
        at = at[ended | marked]
        found: dict[int, list[int]] = {}
        for place in at.tolist():
            address = self._memory.address(place)
            if address is not None:
                to = address + 5 + int.from_bytes(self._code[place + 1 : place + 5], "little", signed=True)
                found.setdefault(to, []).append(place)
        return max(found.values(), key=len, default=[])

    def _settled(self, calls: Iterable[Call], kset: int) -> bool:
        """Whether each call that takes a kset second has a program type first, and this kset is passed at all."""
        mine = [c for c in calls if kset in (c.first, c.second)]
        return bool(mine) and all(c.first is not None for c in mine)

    def _explore(self, entry: int) -> tuple[set[Call], set[int]]:
        """Every way through the code from ``entry``, as far as it stays near: calls with ksets, and places seen."""
        start: _State = (entry, _NOTHING, None)
        calls: set[Call] = set()

        def following(state: _State) -> list[_State]:
            self._left -= 1
            return self._step(*state, calls)

        return calls, places(start, following, _FUNCTION_BYTES, self._left)

    def _step(self, at: int, registers: Registers, compared: Compared | None, calls: set[Call]) -> list[_State]:
        """What can follow one instruction."""
        if at not in self._insns:
            self._insns[at] = decode(self._code, at)
        insn = self._insns[at]
        address = self._memory.address(at)
        if insn is None or address is None:
            return []
        op, after = insn.op, at + insn.length
        if op in (0xE8, 0xE9, 0xEB):
            self._note(address + insn.length + insn.imm, registers, calls)
            if op != 0xE8:
                return [(after + insn.imm, registers, compared)]
        if op == 0xE8 or (op == 0xFF and insn.reg & 7 == 2):
            kept = tuple(None if i in CLOBBERED_BY_CALL else v for i, v in enumerate(registers))
            return [(after, kept, None)]
        if op in (0xC2, 0xC3, 0xCA, 0xCB, 0xCC, 0xCF, 0xF4) or (op == 0xFF and insn.reg & 6 == 4):
            return []
        step = Step(registers, compared, self._memory.load)
        if 0x70 <= op < 0x80 or 0x0F80 <= op < 0x0F90:
            taken = step.jumps(op & 15)
            ways = [after] * (taken is not True) + [after + insn.imm] * (taken is not False)
            return [(to, registers, compared) for to in ways]
        step.run(insn, address + insn.length)
        return [(after, tuple(step.registers), step.compared)]

    def _note(self, target: int, registers: Registers, calls: set[Call]) -> None:
        first, second = registers[RDI], registers[RSI]
        if first in self._ksets or second in self._ksets:
            calls.add(Call(target, first, second))


def _most_called(calls: Iterable[Call], ksets: dict[int, tuple[int, bool]]) -> int:
    """The function that most pairs of a program type and a kset are passed to: register_btf_kfunc_id_set."""
    votes = Counter(c.target for c in calls if c.second in ksets and c.first is not None and c.first < _MOST_PROG_TYPES)
    return max(votes, key=lambda t: (votes[t], -t)) if votes else 0


def _types(calls: Iterable[Call], target: int, own: frozenset[int], names: dict[int, str]) -> frozenset[str] | None:
    numbers = {c.first for c in calls if c.target == target and c.second in own}
    if any(n is None or n not in names for n in numbers):
        return None
    return frozenset(names[n] for n in numbers if n is not None)


def _prog_types(blob: Blob) -> dict[int, str]:
    for enum in blob.find("bpf_prog_type", Kind.ENUM)[:1]:
        return {
            e.value: e.name.removeprefix("BPF_PROG_TYPE_")
            for e in blob.enumerators(enum)
            if not e.name.startswith("__")
        }
    return {}


def completed(
    sets: list[KfuncSet], blob: Blob, knowledge: Knowledge, config: Mapping[str, str] | None = None
) -> list[KfuncSet]:
    """The sets, those without program types and names given those of the release's set with the most equal members.

    Sets are the same on every architecture but for members that a configuration leaves out, so at least half of the
    members of both together must agree. What is registered only with some options goes by ``config``, where that is
    known. A set of fmod_ret functions alone is one for no program.
    """
    rows = _known_sets(knowledge, config)
    done = []
    for one in sets:
        names = frozenset(blob.name(i) for i in one.members)
        best = max(rows, key=lambda row: (_likeness(names, row[1]), row[0]), default=None)
        if best is None or _likeness(names, best[1]) < _ALIKE:
            if one.prog_types is None and names and names <= knowledge.fmodret.keys():
                one = replace(one, prog_types=frozenset(), types_source="knowledge")
        else:
            one = replace(one, name=one.name or best[0])
            if one.prog_types is None:
                one = replace(one, prog_types=best[2], filter=best[3], types_source="knowledge")
        done.append(one)
    return done


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    together = len(one | other)
    return len(one & other) / together if together else 0.0


def _known_sets(
    knowledge: Knowledge, config: Mapping[str, str] | None
) -> list[tuple[str, frozenset[str], frozenset[str], bool]]:
    """(name, members, program types, filtered) of each set of a release."""
    members: dict[str, set[str]] = {}
    types: dict[str, set[str]] = {}
    filtered: dict[str, bool] = {}
    for name, fact in knowledge.kfuncs.items():
        for registration in fact.registrations:
            members.setdefault(registration.set, set()).add(name)
            types.setdefault(registration.set, set()).update(registration.types_in(config) - FMODRET)
            filtered[registration.set] = filtered.get(registration.set, False) or bool(registration.filters)
    return [(n, frozenset(m), frozenset(types[n]), filtered[n]) for n, m in sorted(members.items())]
