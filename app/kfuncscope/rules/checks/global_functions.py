# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a global function may take and return: the verifier checks it by its BTF alone (R-12.26).

Tags of arguments (``__arg_ctx``, ``__arg_nonnull`` and others) mean something since Linux 6.8; before, libbpf writes
the type of the context where ``__arg_ctx`` stands, and the verifier ignores the others. Linux 5.10 takes numbers
and the context alone (R-12.23).
"""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.object import Function, Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import COMPOSITES, ENUMS, MODIFIERS, Kind
from kfuncscope.knowledge.versions import Fact, since
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, NeedKind
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.compat import essential
from kfuncscope.rules.flow.ctx_args import untested_arguments
from kfuncscope.rules.flow.passed import nulls_passed
from kfuncscope.rules.hooks.global_context import context_name
from kfuncscope.rules.problem import Message, Problem, Stage, say

MOST_ARGUMENTS = 5
MOST_LEVELS = 32  # of arrays in arrays

TAGS = {
    "ctx": Fact.ARGUMENT_TAGS, "nonnull": Fact.ARGUMENT_TAGS, "trusted": Fact.TRUSTED_TAGS,
    "nullable": Fact.TRUSTED_TAGS, "arena": Fact.TRUSTED_TAGS, "untrusted": Fact.UNTRUSTED_TAG,
}  # fmt: skip

# Program types for which libbpf knows the name of the context (libbpf.c, global_ctx_map).
NAMED_CONTEXT = frozenset(
    {"CGROUP_DEVICE", "CGROUP_SKB", "CGROUP_SOCK", "CGROUP_SOCK_ADDR", "CGROUP_SOCKOPT", "CGROUP_SYSCTL",
     "FLOW_DISSECTOR", "KPROBE", "LWT_IN", "LWT_OUT", "LWT_SEG6LOCAL", "LWT_XMIT", "NETFILTER", "PERF_EVENT",
     "RAW_TRACEPOINT", "RAW_TRACEPOINT_WRITABLE", "SCHED_ACT", "SCHED_CLS", "SK_LOOKUP", "SK_MSG", "SK_REUSEPORT",
     "SK_SKB", "SOCK_OPS", "SOCKET_FILTER", "XDP"}
)  # fmt: skip


class Taken(NamedTuple):
    """What a verifier makes of one argument: why it is refused, if it is, and whether it may be NULL to the function.

    ``certain`` is False where the release may or may not know one of its tags.
    """

    refused: Message | None = None
    nullable: bool = False
    certain: bool = True


def global_function_problems(ctx: Context, program: Program) -> list[Problem]:
    """Global subprograms that the verifier refuses, and reads of what may be NULL there; each counts where it is
    reached."""
    btf, pointers = ctx.obj.btf, since(Fact.GLOBAL_POINTERS, ctx.kernel.version)
    if btf is None or pointers is None:
        return []
    found = []
    for function in program.functions[1:]:
        if function.static or not function.proto:
            continue
        message, certain = _returned(ctx, btf, function), True
        if not pointers and message is None and (pointer := _pointer_argument(ctx, program, btf, function)):
            found.append(pointer)
            continue
        taken = [] if message else arguments(ctx, program, btf, function)
        for one in taken:
            if one.refused is not None and (message is None or (one.certain and not certain)):
                message, certain = one.refused, one.certain
        if message is not None:
            found.append(_problem(function, message, certain, 0))
        nullable = {number for number, one in enumerate(taken) if one.nullable and one.certain}
        if pointers and nullable and (message is None or not certain):
            found += _untested(ctx, btf, function, nullable)
    return found + _null_passed(ctx, program, btf)


def _null_passed(ctx: Context, program: Program, btf: Blob) -> list[Problem]:
    """R-12.26: a constant NULL for an argument that is tagged so that it is none (btf_check_func_arg_match)."""
    tags = argument_tags(btf)
    asked = {(f.proto, n) for (f, n) in _nonnull(program, tags)}
    if not asked or since(Fact.NULL_PASSED, ctx.kernel.version) is not True:
        return []
    found = []
    for one in nulls_passed(ctx.obj, program.function, ctx):
        if (one.callee.proto, one.number) in asked:
            params = btf.params(btf.ref(one.callee.proto))
            text = "{name} is passed NULL for argument {arg}, which is tagged nonnull"
            message = say(text, name=one.callee.name, arg=params[one.number].name or one.number + 1)
            found.append(Problem(NeedKind.OBJECT, one.callee.name, Failure.GLOBAL_FUNCTION, ("R-12.26",), message,
                                 place=(one.function, one.at)))  # fmt: skip
    return found


def _nonnull(program: Program, tags: dict[tuple[int, int], frozenset[str]]) -> list[tuple[Function, int]]:
    """Arguments of global subprograms with the tag ``nonnull``, as (function, number from 0)."""
    return [
        (function, number)
        for function in program.functions[1:] if not function.static and function.proto
        for number in range(MOST_ARGUMENTS) if "nonnull" in tags.get((function.proto, number), ())
    ]  # fmt: skip


def _pointer_argument(ctx: Context, program: Program, btf: Blob, function: Function) -> Problem | None:
    """R-12.23: a pointer that is not the context, to a kernel that takes no other (btf_prepare_func_args)."""
    proto, tags = btf.ref(function.proto), argument_tags(btf)
    for number, param in enumerate(btf.params(proto)):
        if btf.kind(btf.skip(param.type)) != Kind.PTR or context_name(btf, param.type):
            continue
        if "ctx" in tags.get((function.proto, number), ()) and program.section.prog_type in NAMED_CONTEXT:
            continue  # libbpf gives it the type of the context
        message = say("global function {function} takes a pointer ({arg}), which {kernel} does not support",
                      function=function.name, arg=param.name)  # fmt: skip
        return Problem(NeedKind.OBJECT, function.name, Failure.TYPED_ACCESS_REJECTED, ("R-12.23",), message,
                       place=(function, 0))  # fmt: skip
    return None


def _problem(function: Function, message: Message, certain: bool, at: int) -> Problem:
    return Problem(
        NeedKind.OBJECT, function.name, Failure.GLOBAL_FUNCTION if certain else Failure.NONE, ("R-12.26",), message,
        Stage.LOAD if certain else Stage.NOTE, certain=certain,
        confidence=Confidence.HIGH if certain else Confidence.LOW, place=(function, at),
    )  # fmt: skip


def _returned(ctx: Context, btf: Blob, function: Function) -> Message | None:
    """R-12.26: only numbers are returned; nothing at all by 7.1 and later."""
    proto = btf.ref(function.proto)
    returned = btf.skip(btf.ref(proto))
    kind = btf.kind(returned)
    if returned == 0:
        if since(Fact.GLOBAL_VOID, ctx.kernel.version) is not False:
            return None
        return say("global function {name} returns nothing, which {kernel} does not allow", name=function.name)
    if kind == Kind.INT or kind in ENUMS or kind == Kind.PTR:  # pointers into arenas may be returned by 7.2
        return None
    text = "global function {name} returns a {kind}, which {kernel} does not allow"
    return say(text, name=function.name, kind=Kind(kind).name.lower())


def arguments(ctx: Context, program: Program, btf: Blob, function: Function) -> list[Taken]:
    """What the verifier of a kernel makes of each argument (btf_prepare_func_args)."""
    params = btf.params(btf.ref(function.proto))
    if len(params) > MOST_ARGUMENTS:
        text = "global function {name} takes {count} arguments, more than {most}"
        return [Taken(say(text, name=function.name, count=len(params), most=MOST_ARGUMENTS))]
    tags = argument_tags(btf)
    return [
        _taken(ctx, program, btf, Asked(function.name, param.name or str(number + 1), param.type),
               tags.get((function.proto, number), frozenset()))
        for number, param in enumerate(params)
    ]  # fmt: skip


def argument_tags(btf: Blob) -> dict[tuple[int, int], frozenset[str]]:
    """Tags of arguments, ``arg:X`` in BTF, by (FUNC, number of the argument from 0)."""
    found: dict[tuple[int, int], frozenset[str]] = {}
    for tag in btf.own_ids(Kind.DECL_TAG):
        if (text := btf.name(tag)).startswith("arg:"):
            key = (btf.ref(tag), btf.component(tag))
            found[key] = found.get(key, frozenset()) | {text.removeprefix("arg:")}
    return found


class Asked(NamedTuple):
    """An argument as it is declared: its function, its name and its type in the object's BTF."""

    function: str
    name: str
    type: int

    def said(self, why: str, **more: object) -> Message:
        """A message that begins with the argument."""
        return say("argument {arg} of global function {function} " + why, arg=self.name, function=self.function, **more)


def _taken(ctx: Context, program: Program, btf: Blob, asked: Asked, tags: frozenset[str]) -> Taken:
    version, bare = ctx.kernel.version, btf.skip(asked.type)
    known = since(Fact.ARGUMENT_TAGS, version)
    if tags and not known:
        if "ctx" in tags and program.section.prog_type in NAMED_CONTEXT and btf.kind(bare) == Kind.PTR:
            return Taken()  # libbpf gives it the type of the context
        return _plain(btf, asked, program)
    if unknown := sorted(tag for tag in tags if tag not in TAGS or since(TAGS[tag], version) is False):
        return Taken(asked.said("has the tag {tag}, which {kernel} does not know", tag=unknown[0]))
    if unsure := sorted(tag for tag in tags if since(TAGS[tag], version) is None):
        return Taken(asked.said("has the tag {tag}; it is not known whether {kernel} knows it", tag=unsure[0]),
                     certain=False)  # fmt: skip
    if btf.kind(bare) != Kind.PTR:
        return Taken(asked.said("has a tag for pointers and is none")) if tags else _plain(btf, asked, program)
    return _pointer(ctx, program, btf, asked, tags) if tags else _plain(btf, asked, program)


def _pointer(ctx: Context, program: Program, btf: Blob, asked: Asked, tags: frozenset[str]) -> Taken:
    """A pointer with tags, all of which the kernel knows."""
    allowed = {"ctx": {"ctx"}, "trusted": {"trusted", "nullable"}, "untrusted": {"untrusted"}, "arena": {"arena"}}
    leading = next((tag for tag in allowed if tag in tags), "")
    if (leading and tags - allowed[leading]) or (not leading and "nullable" in tags):
        return Taken(asked.said("has tags that do not go together: {tags}", tags=", ".join(sorted(tags))))
    target = btf.skip(btf.ref(btf.skip(asked.type)))
    if leading == "trusted" or (leading == "untrusted" and btf.kind(target) in COMPOSITES):
        if refused := _kernel_type(ctx, btf, asked, target):
            return refused
        return Taken(nullable="nullable" in tags)
    return Taken() if leading else _plain(btf, asked, program, nullable=False)


def _kernel_type(ctx: Context, btf: Blob, asked: Asked, target: int) -> Taken | None:
    """Trusted pointers point to a type of vmlinux that has its name alone (btf_get_ptr_to_btf_id)."""
    vmlinux, name = ctx.kernel.vmlinux, essential(btf.name(target))
    if vmlinux is None or btf.kind(target) not in (Kind.STRUCT, Kind.UNION) or not name:
        return None
    kind = Kind(btf.kind(target))
    count = sum(len(vmlinux.own(flavour, kind)) for flavour in {name, *vmlinux.essential(name)})
    if count == 1:
        return None
    if not count:
        return Taken(asked.said("is a pointer to {type}, which is no type of {kernel} itself", type=name))
    return Taken(asked.said("is a pointer to {type}, of which {kernel} has {count}", type=name, count=count))


def _plain(btf: Blob, asked: Asked, program: Program, nullable: bool = True) -> Taken:
    """An argument without tags: a number, the context, or memory of the size of its type, which may be NULL."""
    bare = btf.skip(asked.type)
    kind = btf.kind(bare)
    if kind == Kind.INT or kind in ENUMS:
        return Taken()
    if kind != Kind.PTR:
        return Taken(asked.said("is a {kind} by value", kind=Kind(kind).name.lower()))
    if context_name(btf, asked.type) or _tagged_type(btf, btf.ref(bare)):
        return Taken()
    target = btf.skip(btf.ref(bare))
    if btf.name(target) == "bpf_dynptr" and btf.kind(target) == Kind.STRUCT:
        return Taken()
    if not _has_size(btf, target):
        what = "void" if not target else btf.name(target) or Kind(btf.kind(target)).name.lower()
        return Taken(asked.said("is a pointer to {what}, which has no size in the object", what=what))
    return Taken(nullable=nullable)


def _tagged_type(btf: Blob, type_id: int) -> bool:
    """Whether a type tag stands behind a pointer: some releases read it (``arena``)."""
    for _ in range(MOST_LEVELS):
        kind = btf.kind(type_id)
        if kind == Kind.TYPE_TAG:
            return True
        if kind not in MODIFIERS:
            return False
        type_id = btf.ref(type_id)
    return False


def _has_size(btf: Blob, type_id: int) -> bool:
    for _ in range(MOST_LEVELS):
        bare = btf.skip(type_id)
        if btf.kind(bare) != Kind.ARRAY:
            return btf.kind(bare) in {Kind.INT, Kind.PTR, Kind.STRUCT, Kind.UNION, Kind.FLOAT, *ENUMS}
        type_id = btf.array(bare).type
    return False


def _untested(ctx: Context, btf: Blob, function: Function, nullable: set[int]) -> list[Problem]:
    params = btf.params(btf.ref(function.proto))
    found = []
    for use in untested_arguments(ctx.obj, function):
        if use.slot in nullable:
            text = "argument {arg} of global function {name} may be NULL to {kernel}, and is used without a test"
            message = say(text, arg=params[use.slot].name or use.slot + 1, name=function.name)
            found.append(Problem(NeedKind.OBJECT, function.name, Failure.GLOBAL_FUNCTION, ("R-12.26",), message,
                                 place=(use.function, use.at)))  # fmt: skip
    return found
