# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""As much of arm64 machine code as following constants through init functions takes, and which calls pass them.

A raw image is linked to a multiple of a page, so addresses that code makes from its own place are offsets in the file.
Every instruction has four bytes; those without a rule here forget the registers that they may write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple

from kfuncscope.kernel.binary.ways import places

if TYPE_CHECKING:
    import numpy as np
else:
    from kfuncscope.deferred import numpy as np

Registers = tuple[int | None, ...]
"""x0 to x30, then what lies at [sp], [sp, #8] …, then 0 once the address of the stack was handed on: a number, None
where it is not known, or below zero what the call at place ``-1 - number`` returned."""

_STACK, _SLOTS = 31, 16
_HANDED_ON = _STACK + _SLOTS
NOTHING: Registers = (None,) * (_HANDED_ON + 1)
_SP, _FP = 31, 29
_CLOBBERED = frozenset((*range(19), 30))  # by a call (AAPCS64)
_WIDE = (1 << 64) - 1
_PACIASP = 0xD503233F
_FUNCTION = 2048  # instructions
_ALL_STEPS = 1 << 17  # about 2,000 are taken in kernels
_NEAR = 32  # instructions between the two that make an address
_RELATIVE = 0x403
_ENOUGH = 8  # calls that tell the function apart


def relocated(image: bytes, base: int) -> bytes:
    """A raw image with the pointers that it fills in when it starts: ``{place, R_AARCH64_RELATIVE, value}`` each.

    Images linked with RELR have their pointers in place already, and none of these.
    """
    words = np.frombuffer(image, "<u8", count=len(image) // 8)
    at = np.flatnonzero(words[1:-1] == _RELATIVE) + 1
    to = words[at - 1] - np.uint64(base)
    fits = (to < np.uint64(8 * len(words))) & (to & np.uint64(7) == 0)
    if not fits.any():
        return image
    filled = words.copy()
    filled[to[fits] >> np.uint64(3)] = words[at[fits] + 1]
    return filled.tobytes()


def _signed(value: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return ((value & (1 << bits) - 1) ^ half) - half


def branch(word: int, at: int) -> int | None:
    """Where ``b`` and ``bl`` at a place go; None for other instructions."""
    return at + 4 * _signed(word, 26) if word >> 26 in (0x05, 0x25) else None


def condition(word: int, at: int) -> int | None:
    """Where a conditional branch goes when it is taken: b.cond, cbz, cbnz, tbz, tbnz; None for other instructions."""
    if word & 0xFF000000 == 0x54000000 or word & 0x7E000000 == 0x34000000:
        return at + 4 * _signed(word >> 5, 19)
    return at + 4 * _signed(word >> 5, 14) if word & 0x7E000000 == 0x36000000 else None


def ends(word: int) -> bool:
    """Whether the code goes on elsewhere: ret, br, eret and their signed forms, brk, udf."""
    by_register = word & 0xFE1F0000 == 0xD61F0000 and not calls_a_register(word)
    return by_register or word & 0xFFE0001F == 0xD4200000 or word < 0x10000


def calls_a_register(word: int) -> bool:
    """blr and its signed forms."""
    return word & 0xFEFF0000 == 0xD63F0000


def step(word: int, at: int, registers: Registers) -> Registers:
    """The registers after an instruction that is no branch; ``at`` is its place."""
    after, to = list(registers), word & 31
    if word & 0x1F000000 == 0x10000000:  # adr, adrp
        number = _signed(word >> 5 << 2 | word >> 29 & 3, 21)
        _put(after, to, (at & ~0xFFF) + (number << 12) if word >> 31 else at + number)
    elif word & 0xBF800000 == 0x91000000:  # add, sub of an immediate, 64 bits; register 31 is the stack
        value = _get(registers, word >> 5 & 31)
        number = (word >> 10 & 0xFFF) << 12 * (word >> 22 & 1)
        _put(after, to, None if value is None else value - number if word >> 30 & 1 else value + number)
    elif word & 0x7FE0FFE0 == 0x2A0003E0:  # mov between registers; 31 is zero
        source = word >> 16 & 31
        if source < 31 and to < 31 and (registers[source] or 0) < 0:
            after[to] = registers[source]
        else:
            _put(after, to, 0 if source == 31 else _get(registers, source), word >> 31)
    elif word & 0x1F800000 == 0x12800000:  # movn, movz, movk
        _put(after, to, _moved(word, _get(registers, to)), word >> 31)
    else:
        for one in _written(word):
            _put(after, one, None)
        _stored(word, registers, after)
    if _moves_stack(word):
        after[_STACK:_HANDED_ON] = NOTHING[_STACK:_HANDED_ON]
        after[_HANDED_ON] = 0 if word & 31 not in (_SP, _FP) else after[_HANDED_ON]
    return tuple(after)


def _moves_stack(word: int) -> bool:
    """Whether an instruction changes the stack's address, or hands it on (``mov x29, sp`` alone does neither)."""
    if word & 0x1F000000 == 0x11000000 or word & 0x1F200000 == 0x0B200000:  # add, sub: of a number, or extended
        of_stack, sets = word >> 5 & 31 in (_SP, _FP), word & 31 == _SP and not word >> 29 & 1
        return word != 0x910003FD and (of_stack or sets)
    if word & 0x7FE0FFE0 == 0x2A0003E0:
        return word >> 16 & 31 == _FP
    return word >> 25 & 5 == 4 and word >> 5 & 31 == _SP and _SP in _written(word)


def _loads(word: int) -> bool:
    """Whether a load or store of one register or a pair only loads."""
    one = word & 0x3F000000 == 0x39000000 and word >> 22 & 3 != 0
    return one or word & 0x3A400000 == 0x28400000


def _stored(word: int, registers: Registers, after: list[int | None]) -> None:
    """What a load or store does to the stack's slots: whole ones by their number, any other store at the stack
    forgets all."""
    if word >> 25 & 5 != 4 or word >> 5 & 31 not in (_SP, _FP):
        return
    slot, one = word >> 10 & 0xFFF, word & 31
    plain = slot < _SLOTS and word >> 5 & 31 == _SP
    if word & 0xFFC00000 == 0xF9400000:
        if plain and one < 31:
            after[one] = registers[_STACK + slot]
    elif word & 0xFFC00000 == 0xF9000000 and plain:
        after[_STACK + slot] = registers[one] if one < 31 and registers[_HANDED_ON] is None else None
    elif not _loads(word):
        after[_STACK:_HANDED_ON] = NOTHING[_STACK:_HANDED_ON]


def _get(registers: Registers, one: int) -> int | None:
    value = registers[one] if one < 31 else None
    return value if value is None or value >= 0 else None


def _put(registers: list[int | None], one: int, value: int | None, wide: int = 1) -> None:
    if one < 31:
        registers[one] = None if value is None else value & (_WIDE if wide else 0xFFFFFFFF)


def zero(word: int, registers: Registers) -> tuple[Registers, Registers]:
    """The registers behind a conditional branch, not taken and taken: cbz and cbnz tell what a call returned, and so
    what every copy of it is (``ret = ret ?: register_btf_kfunc_id_set(0, ...)`` passes ``ret`` on as the 0)."""
    told = registers[word & 31] if word & 0x7E000000 == 0x34000000 and word & 31 < 31 else None
    if told is None or told >= 0:
        return registers, registers
    nothing = tuple(0 if value == told else value for value in registers)
    return (nothing, registers) if word >> 24 & 1 else (registers, nothing)


def _moved(word: int, before: int | None) -> int | None:
    shift, number, which = 16 * (word >> 21 & 3), word >> 5 & 0xFFFF, word >> 29 & 3
    if which == 0:
        return ~(number << shift)
    if which == 2:
        return number << shift
    return None if before is None or which == 1 else before & ~(0xFFFF << shift) | number << shift


def _written(word: int) -> tuple[int, ...]:
    """The general registers that any other instruction may write, and maybe more."""
    first, base, second, third = word & 31, word >> 5 & 31, word >> 10 & 31, word >> 16 & 31
    if word >> 25 & 5 != 4:  # neither load nor store
        return (first,)
    kind, vector = word >> 27 & 7, word >> 26 & 1
    if kind == 5:  # pairs: bit 22 loads, bit 23 writes the base back
        loaded: tuple[int, ...] = (first, second) if word >> 22 & 1 and not vector else ()
        return (*loaded, base) if word >> 23 & 1 else loaded
    if kind == 7:
        loaded = (first,) if not vector and (word >> 22 & 3 or word >> 21 & 1) else ()
        return loaded if word >> 24 & 1 or not word >> 10 & 1 else (*loaded, base)  # bit 10: before, after or signed
    return (first, base, second, third)  # literals, exclusives, tags


class Call(NamedTuple):
    """A call or far jump that passes a kset, or goes to where sets are registered; ``first`` and ``second`` are None
    where not known."""

    at: int
    target: int
    first: int | None
    second: int | None


class Follower:
    """Follows the code around places that make the offset of a kset, and then every call of the function that most of
    these go to."""

    def __init__(self, image: bytes, ksets: Collection[int]) -> None:
        self._words = np.frombuffer(image, "<u4", count=len(image) // 4)
        self._ksets = frozenset(ksets)
        self._left = _ALL_STEPS
        self._target: int | None = None

    def registrations(self, most: int) -> dict[int, set[int]] | None:
        """Offset of each kset → the numbers below ``most`` that it is registered for, none of which is missing.

        None where one call of the function that registers sets was not understood, or no function could be told.
        """
        self._target = target = self._registering(most)
        found: dict[int, set[int]] = {kset: set() for kset in self._ksets}
        known: dict[int, set[Call]] = {}
        for at in self._sites(target) if target is not None else ():
            if at not in known:
                for call in self._function(at)[0]:
                    known.setdefault(call.at, set()).add(call)
            for call in known.get(at, ()):
                if call.first is None or call.first >= most or call.second is None:
                    return None
                if call.second in found:  # else a set that was not told from other data
                    found[call.second].add(call.first)
            if at not in known:
                return None
        return found if any(found.values()) else None

    def _registering(self, most: int) -> int | None:
        """The function that is passed a number and a kset most often: register_btf_kfunc_id_set. Init functions lie at
        the end of an image, so the last places are looked at first, and a few calls are enough."""
        votes: Counter[int] = Counter()
        covered: set[int] = set()
        for at in sorted(self._references(), reverse=True):
            if at in covered:
                continue
            calls, seen = self._function(at)
            covered |= seen
            votes.update(c.target for c in calls if c.second in self._ksets and c.first is not None and c.first < most)
            if max(votes.values(), default=0) >= _ENOUGH:
                break
        return max(votes, key=lambda target: (votes[target], -target)) if votes else None

    def _sites(self, target: int) -> list[int]:
        """Every place that calls a function, or ends in it."""
        at = np.flatnonzero(self._words & 0x7C000000 == 0x14000000)
        number = self._words[at].astype(np.int64) & 0x3FFFFFF
        goes = 4 * (at + number - (number >> 25 << 26))
        found: list[int] = (4 * at[goes == target]).tolist()
        return found

    def _references(self) -> Iterator[int]:
        words = self._words
        at = np.flatnonzero(words & 0x9F000000 == 0x90000000)
        number = (words[at].astype(np.int64) >> 5 & 0x7FFFF) << 2 | words[at].astype(np.int64) >> 29 & 3
        pages = (4 * at & ~0xFFF) + ((number - ((number >> 20) << 21)) << 12)
        wanted = np.array(sorted({kset & ~0xFFF for kset in self._ksets}), dtype=np.int64)
        near = at[np.isin(pages, wanted)]
        for place in near.tolist():
            registers = step(int(words[place]), 4 * place, NOTHING)
            made = registers[int(words[place]) & 31]
            for after in range(place + 1, min(place + _NEAR, len(words))):
                word = int(words[after])
                if word & 0xFFC00000 == 0x91000000 and word >> 5 & 31 == int(words[place]) & 31 and made is not None:
                    if made + (word >> 10 & 0xFFF) in self._ksets:
                        yield 4 * after
                    break

    def _function(self, at: int) -> tuple[set[Call], set[int]]:
        """The calls with ksets of the function around a place, and the places that were seen."""
        best: tuple[int, set[Call], set[int]] = (0, set(), set())
        for entry in self._entries(at):
            calls, seen = self._explore(entry)
            clear = sum(call.first is not None and call.second is not None for call in calls)
            if at in seen and clear > best[0]:
                best = clear, calls, seen
                if clear == len(calls):
                    break
        return best[1], best[2]

    def _entries(self, at: int) -> Iterator[int]:
        """Where the function that holds ``at`` may begin, the likeliest first."""
        first = at // 4
        for sign in ((0xFFFFFFFF, _PACIASP), (0xFFC07FFF, 0xA9807BFD)):  # paciasp; stp x29, x30, [sp, #-n]!
            before = np.flatnonzero(self._words[max(first - _FUNCTION, 0) : first] & sign[0] == sign[1])
            if len(before):
                yield 4 * (max(first - _FUNCTION, 0) + int(before[-1]))
        for place in range(first - 1, max(first - _FUNCTION, 0), -1):
            if ends(int(self._words[place])):
                yield 4 * (place + 1)
                break

    def _explore(self, entry: int) -> tuple[set[Call], set[int]]:
        calls: set[Call] = set()

        def following(state: tuple[int, Registers]) -> list[tuple[int, Registers]]:
            self._left -= 1
            return self._next(*state, calls)

        return calls, places((entry, NOTHING), following, 4 * _FUNCTION, self._left)

    def _next(self, at: int, registers: Registers, calls: set[Call]) -> list[tuple[int, Registers]]:
        if not 0 <= at // 4 < len(self._words):
            return []
        word = int(self._words[at // 4])
        kept = (-1 - at, *(None if i in _CLOBBERED else v for i, v in enumerate(registers) if i))
        if (to := branch(word, at)) is not None:
            if registers[0] in self._ksets or registers[1] in self._ksets or to == self._target:
                calls.add(Call(at, to, _get(registers, 0), _get(registers, 1)))
            return [(at + 4, kept)] if word >> 31 else [(to, registers)]
        if (to := condition(word, at)) is not None:
            on, off = zero(word, registers)
            return [(at + 4, on), (to, off)]
        if calls_a_register(word):
            return [(at + 4, kept)]
        return [] if ends(word) else [(at + 4, step(word, at, registers))]
