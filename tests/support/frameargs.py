# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a frame passes to a remedy's function, so that the verifier judges the C and not what it was called with.

A context is the frame's own, a pointer to a struct comes typed from the hook's arguments, what lives in maps from a
map's value, a callback is a function of the frame. All else is a number, or the current task.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kfuncscope.btf.layout import Kind
from kfuncscope.remedy.arguments import find_arguments
from kfuncscope.rules.context import Context

# Structs of which the verifier takes only those that lie in a map's value.
IN_MAPS = ("bpf_wq", "bpf_timer", "bpf_spin_lock", "bpf_list_head", "bpf_rb_root")
# Where the kernel keeps one struct as the first member of another.
FIRST = {"cgroup_subsys_state": "cgroup", "sock": "tcp_sock", "inode": "socket_alloc"}
# Hooks of all levels with an argument of a type that the current task does not lead to, or not in Linux 5.10, which has
# no bpf_get_current_task_btf(): (section, slot).
HOOK_OF = {"filename": ("fentry/putname", 0), "inode": ("fentry/iput", 0)}


def typed_slots(context: Context, name: str) -> dict[str, int]:
    """Struct → the first slot of a program's context that holds a pointer to one, by the kernel's BTF."""
    program = next((p for p in context.obj.programs if p.name == name), None)
    found = find_arguments(context, program) if program is not None else None
    slots: dict[str, int] = {}
    for at, slot in enumerate(found.slots if found is not None else ()):
        pointer = found.blob.skip(slot.type) if found is not None else 0
        if found is None or found.blob.kind(pointer) != Kind.PTR:
            continue
        target = found.blob.skip(found.blob.ref(pointer))
        if found.blob.kind(target) == Kind.STRUCT:
            slots.setdefault(found.blob.name(target), at)
    return slots


def argument(parameter: str, code: str, slots: Mapping[str, int], typed: str) -> str:
    """The C that is passed for a parameter."""
    if "(*" in parameter:
        return "frame_callback"
    if "*" not in parameter:
        return "sizeof(bytes)" if parameter == "__u32 size" else "0"
    if re.search(r"\*dst$", parameter):
        return "bytes"
    if re.search(r"\*ctx$", parameter) or "struct trace_event_raw_" in code:
        return "ctx"
    named = re.search(r"\bstruct (\w+?)(?:___\w+)? \*", parameter) or re.search(
        r"const struct (\w+?)(?:___\w+)? \*\w+ = obj;", code
    )
    kind = named[1] if named is not None else ""
    if kind in IN_MAPS:
        return "&frame_held->held"
    at = slots.get(kind, slots.get(FIRST.get(kind, "")))
    if at is not None:
        return f"(void *)((unsigned long long *)ctx)[{at}]"
    return typed or "(void *)bpf_get_current_task()"


def preamble(parameters: list[str]) -> tuple[str, str]:
    """What stands before a frame, and what its program begins with: a callback, a map with a value."""
    before, inside = "", ""
    for one in parameters:
        if found := re.search(r"\(\*\w+\)\((.*)\)", one):
            listed = ", ".join(f"{p.strip()} a{at}" for at, p in enumerate(found[1].split(",")))
            before += f"static int frame_callback({listed})\n{{\n\treturn 0;\n}}\n"
        held = re.search(r"\bstruct (\w+) \*", one)
        if held is not None and held[1] in IN_MAPS:
            before += (
                f"struct frame_value {{\n\tstruct {held[1]} held;\n}};\n"
                "struct {\n\t__uint(type, BPF_MAP_TYPE_ARRAY);\n\t__uint(max_entries, 1);\n\t__type(key, int);\n"
                '\t__type(value, struct frame_value);\n} frame_map SEC(".maps");\n'
            )
            inside += "\tint frame_key = 0;\n"
            inside += "\tstruct frame_value *frame_held = bpf_map_lookup_elem(&frame_map, &frame_key);\n\n"
            inside += "\tif (!frame_held)\n\t\treturn 0;\n"
    return before, inside
