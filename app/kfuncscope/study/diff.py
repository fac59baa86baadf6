# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What went, came or changed between two kernels, without any program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import declare, prototype, type_text
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge import names
from kfuncscope.knowledge.flags import flag_words
from kfuncscope.rules.changes.evidence import tracepoint_text


class Difference(NamedTuple):
    """One name on two kernels. ``change``: removed, added or changed; ``note`` what a reader should know beside."""

    kind: str
    name: str
    change: str
    old: str
    new: str
    note: str = ""


Texts = dict[str, tuple[str, str]]  # name → (declaration, further fact that counts as part of it)


def kfuncs(kernel: Kernel) -> Texts:
    """Prototype of each kfunc of vmlinux."""
    registry = kernel.kfuncs
    assert registry is not None
    return {n: (prototype(k.blob, k.proto), "") for n, k in registry.kfuncs.items()}


def kfunc_flags(kernel: Kernel) -> Texts:
    """Flags of each kfunc of vmlinux."""
    registry = kernel.kfuncs
    assert registry is not None
    return {n: (flag_words(k.flags, kernel.knowledge), "") for n, k in registry.kfuncs.items()}


def helpers(kernel: Kernel) -> Texts:
    """Helpers with their numbers."""
    return {name: (f"bpf_{name} = {number}", "") for number, name in kernel.helpers.items()}


def tracepoints(kernel: Kernel) -> Texts:
    """Tracepoints with what they pass."""
    blob = _blob(kernel)
    found = {}
    for typedef in blob.own_ids(Kind.TYPEDEF):
        name = blob.name(typedef)
        if name.startswith("btf_trace_"):
            short = name.removeprefix("btf_trace_")
            proto = blob.skip(blob.ref(blob.skip(blob.ref(typedef))))
            found[short] = (tracepoint_text(blob, short, proto), type_text(blob, proto, short))
    return found


def lsm_hooks(kernel: Kernel) -> Texts:
    """LSM hooks with their prototypes."""
    blob = _blob(kernel)
    found = {}
    for func in blob.own_ids(Kind.FUNC):
        name = blob.name(func)
        short = name.removeprefix("bpf_lsm_")
        if short != name and kernel.lsm_hooks.exists(short) is not False:
            found[short] = (prototype(blob, func), "")
    return found


def iterators(kernel: Kernel) -> Texts:
    """Iterator targets: ``struct bpf_iter__X`` (R-7.13)."""
    blob = _blob(kernel)
    return {
        blob.name(i).removeprefix("bpf_iter__"): (declare(blob, i), "")
        for i in blob.own_ids(Kind.STRUCT)
        if blob.name(i).startswith("bpf_iter__")
    }


def struct_ops(kernel: Kernel) -> Texts:
    """struct_ops types with their members."""
    blob = _blob(kernel)
    return {n: (declare(blob, blob.own(n, Kind.STRUCT)[0]), "") for n in kernel.struct_ops}


def functions(kernel: Kernel) -> Texts:
    """Every function with its prototype; the first of a name (R-1.11)."""
    blob = _blob(kernel)
    found: Texts = {}
    for func in blob.own_ids(Kind.FUNC):
        found.setdefault(blob.name(func), (prototype(blob, func), ""))
    return found


def types(kernel: Kernel) -> Texts:
    """Named structs, unions, enums and typedefs with their definitions."""
    blob = _blob(kernel)
    found: Texts = {}
    words = {Kind.STRUCT: "struct ", Kind.UNION: "union ", Kind.ENUM: "enum ", Kind.ENUM64: "enum ", Kind.TYPEDEF: ""}
    for kind, word in words.items():
        for type_id in blob.own_ids(kind):
            name = blob.name(type_id)
            if name and not name.startswith("btf_trace_"):
                found.setdefault(word + name, (declare(blob, type_id, offsets=kind in (Kind.STRUCT, Kind.UNION)), ""))
    return found


def enumerators(which: str) -> Callable[[Kernel], Texts]:
    """Names of one of the kernel's BPF enums."""

    def texts(kernel: Kernel) -> Texts:
        names = {
            "map_type": kernel.map_types.values(),
            "prog_type": [f"BPF_PROG_TYPE_{n}" for n in kernel.prog_types],
            "attach_type": kernel.attach_types,
        }[which]
        return {n: (n, "") for n in names if not n.startswith("__")}

    return texts


def _blob(kernel: Kernel) -> Blob:
    assert kernel.vmlinux is not None
    return kernel.vmlinux


KINDS: dict[str, Callable[[Kernel], Texts]] = {
    "kfunc": kfuncs, "kfunc_flags": kfunc_flags, "helper": helpers, "tracepoint": tracepoints, "lsm": lsm_hooks,
    "iter": iterators, "struct_ops": struct_ops, "map_type": enumerators("map_type"),
    "prog_type": enumerators("prog_type"), "attach_type": enumerators("attach_type"), "function": functions,
    "type": types,
}  # fmt: skip
QUICK = tuple(k for k in KINDS if k not in ("function", "type"))


def differences(old: Kernel, new: Kernel, kinds: tuple[str, ...] = QUICK) -> Iterator[Difference]:
    """Differences by kind, then removed, changed, added, then by name; nothing for a kernel without BTF."""
    if old.vmlinux is None or new.vmlinux is None:
        return
    for kind in kinds:
        before, after = KINDS[kind](old), KINDS[kind](new)
        for name in sorted(before.keys() - after.keys()):
            if kind != "kfunc_flags":
                yield Difference(kind, name, "removed", before[name][0], "", _note(kind, name, new))
        for name in sorted(before.keys() & after.keys()):
            if before[name][-1] != after[name][-1] or (not before[name][1] and before[name] != after[name]):
                yield Difference(kind, name, "changed", before[name][0], after[name][0])
        for name in sorted(after.keys() - before.keys()):
            if kind != "kfunc_flags":
                yield Difference(kind, name, "added", "", after[name][0])


def _note(kind: str, name: str, new: Kernel) -> str:
    if kind != "kfunc":
        return ""
    successor = names.renames().get(name, "")
    parts = [f"now {successor}"] if successor else []
    if new.functions(name):
        parts.append("still a function, but no longer registered")
    return "; ".join(parts)
