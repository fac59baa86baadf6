# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reads of the context of programs that hang on a prototype: which the kernel refuses (R-7.10, R-7.3, R-11.15)."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.arch import MOST_ARGS
from kfuncscope.bpf.object import Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import ENUMS, Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.versions import Fact, Version, since
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import NeedKind
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.ctx_args import Slot, ctx_loads, type_class
from kfuncscope.rules.problem import Message, Problem, say

RETURN_SLOT = frozenset({"TRACE_FEXIT", "MODIFY_RETURN", "TRACE_FSESSION", "LSM_MAC", "LSM_CGROUP"})
RETURNED = "the return value"  # named as a slot, after the arguments
MAX_BY_VALUE = 16  # bytes of a struct argument that a trampoline passes on

# Classes of arguments that some releases hand out and others refuse.
HANDED_OUT = {
    "const void*": Fact.CONST_VOID_POINTERS, "pointer*": Fact.OTHER_POINTERS, "union": Fact.UNION_ARGS,
    "int*": Fact.INTEGER_POINTERS,
}  # fmt: skip
TITLES = {"int*": "pointer to an integer"}

# Arguments that a struct_ops type hands out by an is_valid_access of its own: (callback, argument).
GIVEN = frozenset({("Qdisc_ops.enqueue", 2)})  # to_free; BTF before 7.1 has no names of parameters there


class Passed(NamedTuple):
    """What a hook passes: its name, the prototype and its context slots."""

    name: str
    blob: Blob
    proto: int
    slots: list[Slot]


def unsupported_prototype(hook: Passed, version: Version) -> Message | None:
    """Why no trampoline can be built for a function; None when one can (btf_distill_func_proto, R-7.10)."""
    blob, params = hook.blob, hook.blob.params(hook.proto)
    returned = blob.skip(blob.ref(hook.proto))
    if returned and not _is_number(blob, returned):
        what = Kind(blob.kind(returned)).name.lower()
        return say("{name} returns a {kind}, which BPF trampolines do not support", name=hook.name, kind=what)
    if any(p.type == 0 for p in params):
        return say("{name} takes a variable number of arguments", name=hook.name)
    if len(params) > MOST_ARGS:
        return say(
            "{name} takes {count} arguments, more than {most}", name=hook.name, count=len(params), most=MOST_ARGS
        )
    unions, structs = since(Fact.UNION_ARGS, version), since(Fact.STRUCT_ARGS, version)
    for param in params:
        bare = blob.skip(param.type)
        kind = blob.kind(bare)
        if kind == Kind.STRUCT and structs is False:
            text = "argument {arg} of {name} is a struct by value, which BPF trampolines of {kernel} do not pass"
            return say(text, arg=param.name, name=hook.name)
        if kind == Kind.STRUCT or (kind == Kind.UNION and unions):
            size = blob.size(bare)
            if size > MAX_BY_VALUE or not size:
                text = "argument {arg} of {name} is a struct of {size} bytes by value"
                return say(text, arg=param.name, name=hook.name, size=size)
        elif not _is_number(blob, bare) and (kind != Kind.UNION or unions is False):
            text = "argument {arg} of {name} is a {kind} by value"
            return say(text, arg=param.name, name=hook.name, kind=Kind(kind).name.lower())
    return None


def _is_number(blob: Blob, bare: int) -> bool:
    kind = blob.kind(bare)
    return kind in (Kind.INT, Kind.PTR) or kind in ENUMS


def argument_problems(ctx: Context, program: Program, hook: Passed) -> list[Problem]:
    """Context slots that are read but that this kernel lacks or refuses to hand out; each counts where it is read."""
    found = []
    count, attach = len(hook.slots), program.section.attach_type
    for load in ctx_loads(ctx.obj, program):
        index = load.offset // 8
        if load.offset < 0:
            continue
        place = (load.function, load.at)
        if index < count:
            found += _argument(ctx.kernel, program, hook, hook.slots[index], place)
        elif index > count or attach not in RETURN_SLOT:
            text = "{name} has {count} arguments in {kernel}, but the program reads argument {used}"
            message = say(text, name=hook.name, count=count, used=index + 1)
            found.append(_problem(program, hook, "R-7.10", message, True, place))
        elif refused := _returned(hook, attach):
            found.append(_problem(program, hook, "R-7.10", refused, True, place))
        elif returned := hook.blob.ref(hook.proto):
            found += _argument(ctx.kernel, program, hook, Slot(RETURNED, returned), place)
    return found


def _argument(kernel: Kernel, program: Program, hook: Passed, slot: Slot, place: object) -> list[Problem]:
    if any((hook.name, at) in GIVEN and slot is its for at, its in enumerate(hook.slots)):
        return []
    told = type_class(hook.blob, slot.type)
    if hook.blob.kind(hook.blob.skip(slot.type)) == Kind.UNION:
        told = "union"
    if not _withheld(kernel, told) or (told == "int*" and _is_string(hook.blob, slot.type)):
        return []
    what = slot.name if slot.name == RETURNED else f"argument {slot.name}"
    text = "{what} of {name} is a {type}, which {kernel} does not pass to programs"
    message = say(text, what=what, name=hook.name, type=TITLES.get(told, told))
    return [_problem(program, hook, "R-11.15", message, True, place)]


def _is_string(blob: Blob, pointer: int) -> bool:
    """Whether every release takes it for a string: bytes, perhaps const, and not by the name of a typedef."""
    target = blob.ref(blob.skip(pointer))
    if blob.kind(target) == Kind.CONST:
        target = blob.ref(target)
    return blob.kind(target) == Kind.INT and blob.size(target) == 1


def _returned(hook: Passed, attach: str) -> Message | None:
    """Why the slot after the arguments cannot be read; None when it can."""
    returned = hook.blob.skip(hook.blob.ref(hook.proto))
    if not returned:
        return say("{name} returns nothing in {kernel}, but the program reads its return value", name=hook.name)
    kind = hook.blob.kind(returned)
    small = (kind == Kind.INT and hook.blob.size(returned) <= 8) or kind in ENUMS
    if attach == "MODIFY_RETURN" and (kind in ENUMS or not small):
        return say("{name} does not return an integer, so its return value cannot be modified", name=hook.name)
    return None


def _problem(program: Program, hook: Passed, rule: str, said: Message, certain: bool, place: object) -> Problem:
    name = program.section.target or hook.name
    cls = Failure.CTX_ACCESS_REJECTED
    return Problem(NeedKind.HOOK, name, cls, (rule,), said, certain=certain, place=place)  # type: ignore[arg-type]


def _withheld(kernel: Kernel, told: str) -> bool:
    """R-11.15: whether an argument of this class is refused, as far as is known."""
    fact = HANDED_OUT.get(told)
    return fact is not None and since(fact, kernel.version) is False
