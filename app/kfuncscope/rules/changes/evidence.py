# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What findings show: sites with source lines, old and new declarations."""

from __future__ import annotations

from kfuncscope.bpf.object import Function, Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import declare, members_flat, prototype, type_text
from kfuncscope.btf.layout import COMPOSITES, Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.flags import flag_words
from kfuncscope.model.verdict import Evidence, Site
from kfuncscope.rules.changes.hook_facts import hook_facts
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.spec import Accessor
from kfuncscope.rules.hooks.hook import btf_name, find_hook, traced_function
from kfuncscope.rules.hooks.records import SYSCALLS, event_struct
from kfuncscope.rules.hooks.struct_ops import kernel_type


def site(function: Function, index: int, reachable: bool | None = None, guard: str = "") -> Site:
    """An instruction as a site, with its source line where the object tells it."""
    line = function.line_at(index)
    if line is None:
        return Site(function.name, index, reachable=reachable, guard=guard)
    return Site(function.name, index, line.file, line.line, line.text.strip(), reachable, guard)


def kfunc_declaration(kernel: Kernel, name: str) -> str:
    """Prototype of a kernel function, empty where the kernel has none of that name."""
    for _, blob, func in kernel.functions(name):
        return prototype(blob, func)
    return ""


def kfunc_evidence(old: Kernel, new: Kernel, name: str) -> Evidence:
    """Both prototypes, flags, program types, where they live, and where each fact comes from."""
    facts: list[tuple[str, str, str]] = []
    sides = []
    for kernel in (old, new):
        found = kernel.functions(name)
        kfunc = kernel.kfunc(found[0][0], found[0][2]) if found else None
        if not found:
            sides.append(("", "absent", "", ""))
        elif kfunc is None:
            sides.append((found[0][0] or "vmlinux", "a function, not registered as a kfunc", "", ""))
        else:
            types = ", ".join(sorted(kfunc.prog_types)) if kfunc.prog_types else "?"
            where = f"{kfunc.module or 'vmlinux'}, according to {kfunc.source}"
            sides.append((where, "registered", flag_words(kfunc.flags, kernel.knowledge), types))
    for label, position in (("in", 0), ("as", 1), ("flags", 2), ("program types", 3)):
        one, other = sides[0][position], sides[1][position]
        if one or other:
            facts.append((label, one, other))
    return Evidence(kfunc_declaration(old, name), kfunc_declaration(new, name), tuple(facts))


def hook_declaration(kernel: Kernel, program: Program) -> str:
    """Prototype of the attach target on a kernel, empty where it has none."""
    if btf_name(program):
        hook = find_hook(kernel, program)
        if hook is None:
            return ""
        if program.section.attach_type == "TRACE_RAW_TP":
            return tracepoint_text(hook.blob, program.section.target, hook.proto)
        return prototype(hook.blob, hook.type)
    target = program.section.target.partition("+")[0]
    if program.section.kind in ("raw_tp", "raw_tracepoint", "raw_tp.w", "raw_tracepoint.w"):
        for _, blob, typedef in kernel.types(f"btf_trace_{target}", Kind.TYPEDEF):
            return tracepoint_text(blob, target, blob.skip(blob.ref(blob.skip(blob.ref(typedef)))))
    if program.section.kind in ("tracepoint", "tp"):
        return event_declaration(kernel, target)
    return kfunc_declaration(kernel, target)


def tracepoint_text(blob: Blob, name: str, proto: int) -> str:
    """A tracepoint as C, with parameter names where the kernel's BTF has them, without ``void *__data``."""
    named = traced_function(blob, name, proto)
    text = prototype(blob, named) if named else type_text(blob, proto, name)
    arguments = text.partition("(")[2].partition(",")[2].strip()
    return f"void {name}({arguments or 'void)'}"


def event_declaration(kernel: Kernel, target: str) -> str:
    """The record of a trace event (``SYSTEM/EVENT``) with offsets."""
    system, _, event = target.rpartition("/")
    found = event_struct(kernel, event)
    if system == SYSCALLS:
        name = "syscall_trace_enter" if event.startswith("sys_enter_") else "syscall_trace_exit"
        found = next(((blob, struct) for _, blob, struct in kernel.types(name, Kind.STRUCT)), None)
    return declare(found[0], found[1], offsets=True) if found else ""


def hook_evidence(old: Kernel, new: Kernel, program: Program) -> Evidence:
    """The attach target on both kernels, and what differs about it beside its declaration."""
    return Evidence(hook_declaration(old, program), hook_declaration(new, program), hook_facts(old, new, program))


def field_evidence(old: Context, new: Context, function: Function, index: int) -> Evidence:
    """One CO-RE record on both kernels: the member found and its place, or the struct without it."""
    relo = function.relos[function.core[index]][1]
    texts = [_field_text(ctx, relo, function, index) for ctx in (old, new)]
    return Evidence(texts[0][0], texts[1][0], (("value", texts[0][1], texts[1][1]),))


def _field_text(ctx: Context, relo: object, function: Function, index: int) -> tuple[str, str]:
    reloc = ctx.relocs(function).get(index)
    value = "?" if reloc is None else "poisoned" if reloc.outcome in ("poisoned", "error") else str(reloc.new)
    if reloc is not None and reloc.target is not None:
        return member_text(reloc.target.blob, reloc.target.steps, reloc.target.bit_offset), value
    return "", value


def member_text(blob: Blob, steps: tuple[object, ...], bit_offset: int) -> str:
    """The last member of a spec as C, with its offset."""
    for step in reversed(steps):
        assert isinstance(step, Accessor)
        if step.name and blob.kind(step.type) in COMPOSITES:
            member = blob.members(step.type)[step.place]
            owner = (
                f"{'union' if blob.kind(step.type) == Kind.UNION else 'struct'} {blob.name(step.type) or '(anonymous)'}"
            )
            bits = f" : {member.bit_size}" if member.bit_size else ""
            text = type_text(blob, member.type, member.name)
            return f"{owner} {{\n\t...\n\t{text}{bits};\t/* offset {bit_offset // 8} */\n}};"
        if step.name:
            return f"enum {blob.name(step.type)} {{ ... {step.name} ... }};"
    return ""


def place_text(blob: Blob, struct: int, offset: int) -> str:
    """The member of a struct at a byte, with one before and one behind it, as C with their places."""
    members = sorted(members_flat(blob, struct), key=lambda m: m.bit_offset)
    at = max((i for i, m in enumerate(members) if m.bit_offset <= 8 * offset), default=0)
    shown = members[max(at - 1, 0) : at + 2]
    lines = [f"{type_text(blob, m.type, m.name)};\t/* offset {m.bit_offset // 8} */" for m in shown]
    head = f"{'union' if blob.kind(struct) == Kind.UNION else 'struct'} {blob.name(struct)} {{"
    return "\n".join([head, "\t...", *(f"\t{line}" for line in lines), "\t...", "};"])


def struct_ops_evidence(old: Context, new: Context, name: str) -> Evidence:
    """A struct_ops type, or one member of it, on both kernels."""
    type_name, _, member = name.partition(".")
    texts = []
    for ctx in (old, new):
        found = kernel_type(ctx, type_name)
        text = ""
        if found is not None and not member:
            text = f"struct {type_name} {{ ... }};\t/* {found.blob.ref(found.type)} bytes */"
        elif found is not None:
            for m in found.blob.members(found.type):
                if m.name == member:
                    text = f"struct {type_name} {{\n\t...\n\t{type_text(found.blob, m.type, m.name)};\n}};"
        texts.append(text)
    return Evidence(texts[0], texts[1])
