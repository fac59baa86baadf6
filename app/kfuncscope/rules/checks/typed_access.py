# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reads through typed pointers that the verifier refuses: of numbers, and past what a struct has (R-12.4, R-12.6);
accesses past the size of what bpf_obj_new() allocates (R-12.30)."""

from __future__ import annotations

from collections.abc import Mapping

from kfuncscope.arch import arch_record
from kfuncscope.bpf.instructions import CALL
from kfuncscope.bpf.object import Function, Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import members_flat, type_text
from kfuncscope.btf.layout import ENUMS, Kind
from kfuncscope.knowledge.versions import Fact, since
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, NeedKind
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.compat import essential
from kfuncscope.rules.flow.allocated import ALLOCATORS, Access, AllocatedReach
from kfuncscope.rules.flow.ctx_args import Slot, slots
from kfuncscope.rules.flow.typed import ADDRESS, RETURNED, Arg, Pointed, Scalar, TypedReach, Typing, Use, has_loads
from kfuncscope.rules.flow.walk import ends_in_array, struct_behind
from kfuncscope.rules.hooks.hook import find_hook
from kfuncscope.rules.hooks.records import event_struct
from kfuncscope.rules.hooks.struct_ops import kernel_type, uses
from kfuncscope.rules.problem import Problem, say

PAST = "an object that is used past its size"  # how a promise keeps such a call, in place of its region
PROBED = frozenset({"kprobe", "kprobe.multi", "kprobe.session"})  # whose context is struct pt_regs, at the entry
EVENTS = frozenset({"tracepoint", "tp", "tracepoint.s", "tp.s"})
CHECKED = frozenset({"TRACING", "LSM", "STRUCT_OPS"})
# Arguments that a struct_ops type hands out as a larger struct (R-12.7; net/ipv4/bpf_tcp_ca.c, is_valid_access).
PROMOTED = {("tcp_congestion_ops", "sock"): "tcp_sock"}


# Nodes of lists and trees, which the verifier hands out as parts of the program's own objects (mark_reg_graph_node).
NODES = frozenset({"bpf_list_node", "bpf_rb_node"})
# Helpers that return pointers which the verifier knows by their type (net/core/filter.c, kernel/trace/bpf_trace.c).
RETURNS = {
    136: ("bpf_skc_to_tcp6_sock", "tcp6_sock"), 137: ("bpf_skc_to_tcp_sock", "tcp_sock"),
    138: ("bpf_skc_to_tcp_timewait_sock", "tcp_timewait_sock"),
    139: ("bpf_skc_to_tcp_request_sock", "tcp_request_sock"), 140: ("bpf_skc_to_udp6_sock", "udp6_sock"),
    158: ("bpf_get_current_task_btf", "task_struct"), 162: ("bpf_sock_from_file", "socket"),
    175: ("bpf_task_pt_regs", "pt_regs"), 178: ("bpf_skc_to_unix_sock", "unix_sock"),
    196: ("bpf_skc_to_mptcp_sock", "mptcp_sock"),
}  # fmt: skip
# Those that return the address of such a struct as a number: helpers may read there, the program itself may not.
ADDRESSES = {35: ("bpf_get_current_task", "task_struct")}
TYPED = RETURNS | ADDRESSES


def typed_uses(ctx: Context, program: Program) -> list[Use]:
    """How a program uses its typed values on a kernel, in what can run there; worked out once."""
    key = (program.function.section, program.function.start)
    known: list[Use] | None = ctx.typed.get(key)
    if known is None:
        known = ctx.typed[key] = _uses(ctx, program)
    return known


def _uses(ctx: Context, program: Program) -> list[Use]:
    checked = program.section.prog_type in CHECKED
    asks = any(map(_asks_for_typed, program.functions))
    if ctx.kernel.vmlinux is None or not (asks or has_loads(program.functions)):
        return []
    args = _arguments(ctx, program)
    if not args and not checked and not asks:
        return []
    typing = Typing(
        args, lambda name: _returned(ctx, name), lambda module: _blob(ctx, module),
        lambda function, at: _offset(ctx, function, at), lambda function, at: _root(ctx, function, at), checked,
        since(Fact.UNION_READS, ctx.kernel.version) is not False,
    )  # fmt: skip
    flow, follows = ctx.reachable(program), TypedReach(ctx.obj, program.function, ctx, typing)
    if follows.gave_up:
        return []
    return [use for _, use in sorted(follows.uses.items()) if flow.is_reached(use.function, use.at)]


def _arguments(ctx: Context, program: Program) -> Mapping[int, Arg]:
    """What the context holds, by offset: the hook's arguments, or those in the registers of a probed function."""
    section, kernel = program.section, ctx.kernel
    if section.kind in PROBED:
        for module, blob, func in kernel.functions(section.target.partition("+")[0]):
            registers = arch_record(kernel.arch).argument_offsets
            told = [_argument(module, blob, i, s) for i, s in enumerate(slots(blob, blob.ref(func)))]
            return {at: arg for at, arg in zip(registers, told, strict=False) if arg is not None}
        return {}
    if section.kind in EVENTS:
        return _record_enums(ctx, program)
    if section.prog_type == "STRUCT_OPS":
        return _callback_arguments(ctx, program)
    if section.prog_type not in CHECKED or not section.attach_btf or section.attach_type == "TRACE_ITER":
        return {}
    hook = find_hook(kernel, program)
    if hook is None:
        return {}
    return _by_offset(hook.module, hook.blob, hook.slots)


def _callback_arguments(ctx: Context, program: Program) -> Mapping[int, Arg]:
    for ops, member in uses(ctx, program):
        found = kernel_type(ctx, ops.kernel_type)
        for its in found.blob.members(found.type) if found is not None else ():
            if found is not None and its.name == member.member.name:
                pointer = found.blob.skip(its.type)
                if found.blob.kind(pointer) == Kind.PTR:
                    proto = found.blob.skip(found.blob.ref(pointer))
                    passed = _by_offset(found.module, found.blob, slots(found.blob, proto))
                    return {at: _promoted(found.blob, ops.kernel_type, arg) for at, arg in passed.items()}
    return {}


def _promoted(blob: Blob, ops: str, arg: Arg) -> Arg:
    larger = PROMOTED.get((ops, blob.name(arg.struct))) if isinstance(arg, Pointed) else None
    found = blob.find(larger, Kind.STRUCT) if larger is not None else []
    return arg._replace(struct=found[0]) if isinstance(arg, Pointed) and found else arg


def _by_offset(module: str, blob: Blob, passed: list[Slot]) -> Mapping[int, Arg]:
    return {8 * i: arg for i, slot in enumerate(passed) if (arg := _argument(module, blob, i, slot)) is not None}


def _argument(module: str, blob: Blob, number: int, slot: Slot) -> Arg:
    bare = blob.skip(slot.type)
    kind = blob.kind(bare)
    if kind == Kind.PTR:
        struct = struct_behind(blob, bare)
        return Pointed(module, struct, f"argument {number + 1}") if struct else None
    if kind == Kind.INT or kind in ENUMS:
        return Scalar(
            f"argument {number + 1}", type_text(blob, slot.type, slot.name), module, bare if kind in ENUMS else 0
        )
    return None


def _record_enums(ctx: Context, program: Program) -> Mapping[int, Arg]:
    """Members of a trace record that hold enumerators (R-12.10)."""
    found = event_struct(ctx.kernel, program.section.target.rpartition("/")[2])
    if found is None:
        return {}
    blob, struct = found
    members = ((m, blob.skip(m.type)) for m in members_flat(blob, struct))
    return {
        m.bit_offset // 8: Scalar(m.name, m.name, "", bare, blob.size(bare)) for m, bare in members
        if blob.kind(bare) in ENUMS and not m.bit_size and blob is ctx.kernel.vmlinux
    }  # fmt: skip


def _asks_for_typed(function: Function) -> bool:
    """Whether a function calls what may return a typed pointer: such a helper, or a kfunc."""
    calls = ((insn, function.refs.get(at)) for at, insn in enumerate(function.insns) if insn.op == CALL)
    return any(ref.kind == "kfunc" if ref is not None else not i.src and i.imm in TYPED for i, ref in calls)


def _returned(ctx: Context, name: str | int) -> Arg:
    """What a kfunc or a helper returns, where that is a pointer to a struct."""
    if isinstance(name, int):
        helper, struct_name = RETURNS.get(name) or ADDRESSES.get(name, ("", ""))
        own = ctx.kernel.vmlinux.find(struct_name, Kind.STRUCT) if ctx.kernel.vmlinux is not None and helper else []
        origin = RETURNED if name in RETURNS else ADDRESS
        return Pointed("", own[0], origin.format(helper)) if own else None
    resolved = ctx.extern(name)
    if resolved is None or resolved.status != "found" or resolved.blob is None:
        return None
    blob = resolved.blob
    bare = blob.skip(blob.ref(blob.ref(resolved.type)))
    struct = struct_behind(blob, bare) if blob.kind(bare) == Kind.PTR else 0
    if struct and blob.name(struct) in NODES:
        return None
    return Pointed(resolved.module, struct, RETURNED.format(resolved.extern.lookup)) if struct else None


def _blob(ctx: Context, module: str) -> Blob | None:
    return ctx.kernel.modules.blob(module) if module else ctx.kernel.vmlinux


def _offset(ctx: Context, function: Function, at: int) -> int | None:
    reloc = ctx.relocs(function).get(at)
    return reloc.new if reloc is not None and reloc.outcome == "patched" else None


def _root(ctx: Context, function: Function, at: int) -> tuple[str, int] | None:
    btf = ctx.obj.btf
    if btf is None or at not in function.core:
        return None
    relo = function.relos[function.core[at]][1]
    name = btf.name(btf.skip(relo.type_id))
    return (essential(name), relo.kind) if name else None


def typed_problems(ctx: Context, program: Program) -> list[Problem]:
    """Reads that the verifier refuses by the types of this kernel; each counts where it is reached."""
    name = program.section.target or program.section.kind
    checked = program.section.prog_type in CHECKED
    found = []
    for use in typed_uses(ctx, program):
        if use.kind == "deref" and (checked or use.origin.startswith(RETURNED.partition("{")[0])):
            text = "{name}: {what} is `{type}` in {kernel}, but the program dereferences it"
            message, rule = say(text, name=name, what=use.origin, type=use.detail), "R-12.4"
        elif use.kind == "fault":
            blob = _blob(ctx, use.module)
            struct = blob.name(use.struct) if blob is not None else ""
            message = say("{name}: {what}: {fault}", name=name, what=use.origin, fault=use.detail, struct=struct)
            rule = "R-12.6"
        else:
            continue
        cls = Failure.TYPED_ACCESS_REJECTED
        found.append(Problem(NeedKind.HOOK, name, cls, (rule,), message, place=(use.function, use.at),
                             confidence=Confidence.MEDIUM))  # fmt: skip
    return found


def allocation_problems(ctx: Context, program: Program) -> list[Problem]:
    """R-12.30: accesses to the array of no length at the end of an object from bpf_obj_new(); each where it is reached.

    Kernels that refuse them say so in their BTF: btf_struct_ids_match() has a parameter for it. Other accesses past the
    end were never taken.
    """
    if not _keeps_to_size(ctx):
        return []
    text = "{kernel} does not allow access to the array at the end of an object from bpf_obj_new(), past its size"
    if program.regions is not None:  # of a promise, which keeps the call
        places = [(program.function, index) for index, region in program.regions.items() if region == PAST]
    else:
        places = [(use.function, use.at) for use in past_the_size(ctx, program)]
    return [
        Problem(NeedKind.OBJECT, program.name, Failure.TYPED_ACCESS_REJECTED, ("R-12.30",), say(text), place=place,
                confidence=Confidence.MEDIUM)
        for place in places
    ]  # fmt: skip


def past_the_size(ctx: Context, program: Program) -> list[Access]:
    """Accesses of a program to the array of no length at the end of an object that it allocates."""
    btf, called = ctx.obj.btf, {r.name for f in program.functions for r in f.refs.values() if r.kind == "kfunc"}
    if btf is None or not called & ALLOCATORS:
        return []
    found = [use for _, use in sorted(AllocatedReach(ctx.obj, program.function, ctx).accesses.items())]
    return [
        use for use in found
        if use.offset >= 0 and 0 <= use.type < len(btf) and use.offset + use.size > btf.size(use.type)
        and ends_in_array(btf, btf.skip(use.type), use.offset)
    ]  # fmt: skip


def _keeps_to_size(ctx: Context) -> bool:
    return any(
        param.name == "walk_flex_arrays"
        for module, blob, func in ctx.kernel.functions("btf_struct_ids_match") if not module
        for param in blob.params(func)
    )  # fmt: skip
