# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Arguments of a hook as C: what a program is given on each kernel, and how one becomes the other."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.arch import arch_record
from kfuncscope.bpf.object import Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.remedy.ctext import RESERVED, NoCodeError, Types, comment, named
from kfuncscope.remedy.replacements.likeness import form
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.ctx_args import Slot, ctx_loads, slots, type_class
from kfuncscope.rules.hooks.attach import KPROBE, KPROBE_MULTI, RAW_TP
from kfuncscope.rules.hooks.ctx_access import RETURN_SLOT
from kfuncscope.rules.hooks.hook import find_hook, tracepoint_slots
from kfuncscope.rules.hooks.struct_ops import kernel_type, uses

MOST_SHOWN = 12  # arguments that BPF_PROG() takes
MOST_REGISTERS = 5  # that BPF_KPROBE() of every libbpf takes
INT_BITS = 32  # of int, the smallest type that holds an error
MAX_ERRNO = 4095  # the last number that a pointer can hold in place of an address (include/linux/err.h)


class Arguments(NamedTuple):
    """What a hook passes on one kernel. ``function`` is the FUNC whose parameters have names, for a loader to look at;
    ``returns`` the type of the value at the end, 0 for none."""

    blob: Blob
    slots: tuple[Slot, ...]
    function: str
    returns: int


def of_target(ctx: Context, program: Program, target: str) -> Arguments | None:
    """The arguments of a program's hook on one kernel, ``target`` in place of its own."""
    kernel, section = ctx.kernel, program.section
    if section.prog_type == "STRUCT_OPS":
        return _of_member(ctx, program)
    if section.attach_type == "TRACE_RAW_TP" or section.kind in RAW_TP:
        return of_tracepoint(kernel, target)
    prefix = "bpf_lsm_" if section.prog_type == "LSM" else ""
    for _, blob, func in kernel.functions(f"{prefix}{target}"):
        proto = blob.ref(func)
        return Arguments(blob, tuple(slots(blob, proto)), f"{prefix}{target}", blob.ref(proto))
    return None


def of_tracepoint(kernel: Kernel, name: str) -> Arguments | None:
    """What a tracepoint passes."""
    for _, blob, typedef in kernel.types(f"btf_trace_{name}", Kind.TYPEDEF):
        proto = blob.skip(blob.ref(blob.skip(blob.ref(typedef))))
        return Arguments(blob, tuple(tracepoint_slots(blob, name, proto)), f"__traceiter_{name}", 0)
    return None


def _of_member(ctx: Context, program: Program) -> Arguments | None:
    for ops, member in uses(ctx, program):
        found = kernel_type(ctx, ops.kernel_type)
        for m in found.blob.members(found.type) if found is not None else ():
            if m.name == member.member.name and found is not None:
                pointer = found.blob.skip(m.type)
                proto = found.blob.skip(found.blob.ref(pointer)) if found.blob.kind(pointer) == Kind.PTR else 0
                if proto:
                    return Arguments(found.blob, tuple(slots(found.blob, proto)), "", found.blob.ref(proto))
    return None


def used_slots(ctx: Context, program: Program) -> list[int]:
    """Which slots of the context the program reads, in order."""
    loads = ctx_loads(ctx.obj, program)
    if program.section.kind in KPROBE | KPROBE_MULTI:
        registers = arch_record(ctx.kernel.arch).argument_offsets
        return sorted({registers.index(x.offset) for x in loads if x.offset in registers})
    return sorted({x.offset // 8 for x in loads if x.offset >= 0})


class Passed(NamedTuple):
    """One program of a pair: what its macro lists, what its body is called with, and what has to be read before."""

    listed: list[str]
    values: list[str]
    before: list[str]


class Shared(NamedTuple):
    """What both programs hand to the body that they share: (name, declaration), and both ways to come by it.

    ``lost`` is what the new hook does not pass at all, ``turned`` what it passes as another type, which nothing makes
    into the old one: the body is given 0 for both.
    """

    params: list[tuple[str, str]]
    old: Passed
    new: Passed
    lines: list[str]
    lost: list[str]
    turned: list[str]

    @property
    def missing(self) -> str:
        """A sentence without its end: what the body has to do without on the new hook; empty where it has all."""
        parts = (self.lost, "no longer passed"), (self.turned, "of another type")
        return ", ".join(f"{named(names)} {said}" for names, said in parts if names)


class _Both(NamedTuple):
    """The hook on both kernels, with what spells its types and the names of its arguments."""

    old: Arguments
    new: Arguments
    types: tuple[Types, Types]
    names: tuple[list[str], list[str]]


class _Taken(NamedTuple):
    """One argument: its name and declaration in the body, the value on either side and the lines before it, and where
    the new hook has it (None where it cannot be had). ``there`` is whether the new hook has it as another type."""

    param: tuple[str, str]
    values: tuple[str, str]
    before: tuple[list[str], list[str]]
    place: int | None = None
    lost: bool = False
    there: bool = False


def shared(old: Arguments, new: Arguments, used: list[int], program: Program, kernels: tuple[Kernel, Kernel]) -> Shared:
    """How the arguments that a program uses come to it on each kernel. Raises NoCodeError."""
    types = Types(old.blob, kernels[1].vmlinux, "old"), Types(new.blob, kernels[0].vmlinux, "new")
    has_return = program.section.attach_type in RETURN_SLOT and bool(old.returns)
    result = has_return and len(old.slots) in used
    wanted = [i for i in used if i < len(old.slots)]
    if any(s.part for s in (*old.slots, *new.slots)):
        raise NoCodeError("structs by value")
    both = _Both(old, new, types, (_names(old.slots), _names(new.slots)))
    taken = [_argument(both, at) for at in wanted]
    last = max(wanted, default=-1) + 1, max((t.place for t in taken if t.place is not None), default=-1) + 1
    if result:
        taken.append(_returned(both))
    ends = (len(old.slots), len(new.slots)) if result else last
    listed = [
        _listed(t, side, end, called, result)
        for t, side, end, called in zip(types, (old, new), ends, both.names, strict=True)
    ]
    if max(map(len, listed)) > MOST_SHOWN:
        raise NoCodeError("more arguments than the macro takes")
    lines = list(dict.fromkeys([*types[0].lines, *types[1].lines]))
    sides = [
        Passed(listed[side], [t.values[side] for t in taken], [line for t in taken for line in t.before[side]])
        for side in (0, 1)
    ]
    lost = [t.param[0] for t in taken if t.lost and not t.there]
    turned = [t.param[0] for t in taken if t.lost and t.there]
    return Shared([t.param for t in taken], sides[0], sides[1], lines, lost, turned)


def _argument(both: _Both, at: int) -> _Taken:
    """How one argument of the old hook comes to the body on each kernel. Raises NoCodeError."""
    old, new, types, names = both
    place, called = _same(old, new, at), names[0][at]
    before: tuple[list[str], list[str]] = ([], [])
    deref = place is not None and _became_value(old, new, at, place)
    type_id = new.slots[place].type if deref and place is not None else old.slots[at].type
    declared = (types[1] if deref else types[0]).text(type_id, called)
    mine = called
    if deref:
        before[0].extend(_read(types[1].text(type_id, f"{called}_value"), called))
        mine = f"{called}_value"
    if place is not None and _became_address(old, new, at, place):
        behind = names[1][place]
        before[1].extend(_read(types[0].text(old.slots[at].type, f"{behind}_value"), behind))
        theirs = f"{behind}_value"
    else:
        theirs = _value(names[1], place, old, new, at)
    there = any(_alike(old.slots[at], s) for s in new.slots)
    return _Taken((called, declared), (mine, theirs), before, place, place is None, there)


def _returned(both: _Both) -> _Taken:
    """The same of what the function returns. Raises NoCodeError."""
    old, new, types, _ = both
    value = _result(old, new)
    told = [f"\t{comment('an error pointer holds the error; any other means success, which was 0')}"]
    before: tuple[list[str], list[str]] = ([], told if _error_in(old, new) else [])
    lost = value in ("0", "(void *)0")
    return _Taken(("ret", types[0].text(old.returns, "ret")), ("ret", value), before, None, lost, bool(new.returns))


def _listed(types: Types, side: Arguments, end: int, names: list[str], result: bool) -> list[str]:
    """What a macro declares: the arguments up to the last one that is used, and what the function returns."""
    made = [types.text(s.type, n) for s, n in zip(side.slots[:end], names, strict=False)]
    return [*made, types.text(side.returns, "ret")] if result and side.returns else made


def _read(declared: str, address: str) -> list[str]:
    """Lines that read what lies at an argument's address; ``declared`` is the variable that takes it."""
    value = f"{address}_value"
    return [f"\t{declared} = 0;", "", f"\tbpf_probe_read_kernel(&{value}, sizeof({value}), {address});"]


def _names(listed: tuple[Slot, ...]) -> list[str]:
    made: list[str] = []
    for at, slot in enumerate(listed, 1):
        plain = slot.name.isidentifier() and slot.name.isascii() and slot.name not in RESERVED
        made.append(slot.name if plain and slot.name not in made and slot.name != "ret" else f"arg{at}")
    return made


def _same(old: Arguments, new: Arguments, at: int) -> int | None:
    """Where an argument of the old hook is in the new one: by its name, else by a type that only one other has."""
    mine = old.slots[at]
    want = form(old.blob, mine.type)
    by_name = [i for i, s in enumerate(new.slots) if _alike(mine, s)]
    if len(by_name) == 1:
        place = by_name[0]
        same = form(new.blob, new.slots[place].type) == want
        classes = type_class(old.blob, mine.type), type_class(new.blob, new.slots[place].type)
        turned = _became_value(old, new, at, place) or _became_address(old, new, at, place)
        if same or classes[0] == classes[1] or turned:
            return place
        return None
    ours = [i for i, s in enumerate(old.slots) if form(old.blob, s.type) == want]
    theirs = [i for i, s in enumerate(new.slots) if form(new.blob, s.type) == want]
    numbers = want.startswith(("int", "enum"))
    return theirs[0] if len(theirs) == 1 == len(ours) and not numbers else None


def _alike(one: Slot, other: Slot) -> bool:
    """Whether two arguments have one name."""
    return bool(one.name) and one.name.strip("_") == other.name.strip("_")


def _became_value(old: Arguments, new: Arguments, at: int, place: int) -> bool:
    """Whether the old hook passes the address of what the new one passes itself."""
    pointer = old.blob.skip(old.slots[at].type)
    if old.blob.kind(pointer) != Kind.PTR or type_class(new.blob, new.slots[place].type) != "scalar":
        return False
    target = old.blob.ref(pointer)
    return type_class(old.blob, target) == "scalar" and form(old.blob, target) == form(new.blob, new.slots[place].type)


def _became_address(old: Arguments, new: Arguments, at: int, place: int) -> bool:
    """Whether the new hook passes the address of what the old one passes itself."""
    return _became_value(new, old, place, at)


def _value(names: list[str], place: int | None, old: Arguments, new: Arguments, at: int) -> str:
    pointer = type_class(old.blob, old.slots[at].type).endswith("*")
    if place is None:
        return "(void *)0" if pointer else "0"
    same = form(old.blob, old.slots[at].type) == form(new.blob, new.slots[place].type)
    return names[place] if same or not pointer or _became_value(old, new, at, place) else f"(void *){names[place]}"


def _error_in(old: Arguments, new: Arguments) -> bool:
    """Whether the function returned 0 or an error, and now a pointer, which holds the number where it is an error.

    Only ``int`` and ``long`` are taken to do so: a ``bool``, an enum or an unsigned number says something else.
    """
    bare = old.blob.skip(old.returns)
    if old.blob.kind(bare) != Kind.INT or not new.returns:
        return False
    was = old.blob.int_(bare)
    return was.signed and was.bits >= INT_BITS and type_class(new.blob, new.returns).endswith("*")


def _result(old: Arguments, new: Arguments) -> str:
    """The value that the old function returned, of what the new one returns as ``ret``."""
    if _error_in(old, new):
        return f"(unsigned long)ret >= (unsigned long)-{MAX_ERRNO} ? (long)ret : 0"
    was = type_class(old.blob, old.returns)
    if not new.returns or was.endswith("*") != type_class(new.blob, new.returns).endswith("*"):
        return "(void *)0" if was.endswith("*") else "0"
    same = form(old.blob, old.returns) == form(new.blob, new.returns)
    return "ret" if same or not was.endswith("*") else "(void *)ret"


def find_arguments(ctx: Context, program: Program) -> Arguments | None:
    """The arguments of the hook that the program names."""
    section = program.section
    if section.attach_btf and section.prog_type != "EXT" and find_hook(ctx.kernel, program) is None:
        return None
    return of_target(ctx, program, section.target.partition("+")[0])
