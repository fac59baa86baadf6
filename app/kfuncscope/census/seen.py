# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A running program without an object, as an object that holds what the kernel shows of it.

Kfuncs, hook, attach type and map types are all there; helpers are a lower bound, as the verifier replaces many calls;
fields are not there at all. The rules judge such an object like any other.
"""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.externs import Extern
from kfuncscope.bpf.instructions import CALL, EXIT, LD_IMM64, Insn
from kfuncscope.bpf.maps import Map
from kfuncscope.bpf.object import BpfObject, CtxUse, Function, Program, Ref
from kfuncscope.bpf.sections import Section, read_section, sec_defs
from kfuncscope.bpf.struct_ops import OpsMember, StructOps
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.census import names
from kfuncscope.census.records import Attachment, Running
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge import knowledge
from kfuncscope.storage.files import UNKNOWN_LOADER

PARTLY = (
    "seen in the kernel only, no object was given: which fields it reads is not known, and helpers are a lower bound; "
    "kfuncs, hook, attach type and map types are checked"
)
# Attach types that links of tracing programs tell → the section that libbpf has for them.
_TRACING = {
    "BPF_TRACE_FENTRY": "fentry", "BPF_TRACE_FEXIT": "fexit", "BPF_MODIFY_RETURN": "fmod_ret",
    "BPF_TRACE_FSESSION": "fsession",
}  # fmt: skip
_PROBES = {"kprobe": "kprobe", "kretprobe": "kretprobe", "raw_tp": "raw_tp", "raw_tracepoint": "raw_tp"}


class Uses(NamedTuple):
    """What a running program uses, by the names of kernels. ``unnamed`` counts calls that could not be named."""

    kfuncs: tuple[str, ...]
    modules: tuple[str, ...]
    helpers: tuple[str, ...]
    unnamed: int


def uses_of(running: Running) -> Uses:
    """Kfuncs and helpers of a running program; map functions and variants count as the helper they stand for."""
    named = [names.kfunc(symbol) for symbol, _ in running.kfuncs]
    helpers = {symbol: names.helper(symbol) for symbol, _ in running.helpers if symbol not in names.INTERNAL}
    unnamed = len(running.kfunc_ids) + sum(not h for h in helpers.values())
    return Uses(
        tuple(sorted({k for k, _ in named})),
        tuple(sorted({m for _, m in named if m})),
        tuple(sorted({h for h in helpers.values() if h})),
        unnamed,
    )


def section_name(running: Running) -> str:
    """The section name under which libbpf would load and attach a running program as it is; empty if there is none."""
    kind = names.prog_type(running.type)
    for one in sorted(running.attach, key=lambda a: a.kind != "btf"):
        found = _section_of(kind, one, running)
        if found and read_section(found).prog_type == kind:
            return found
    types = [names.attach_type(a.attach_type) for a in running.attach if a.attach_type >= 0]
    for row in sec_defs():
        if row.prog_type == kind and row.attach_type and f"BPF_{row.attach_type}" in types:
            return row.pattern.rstrip("+/")
    for row in sec_defs():
        if row.prog_type == kind:
            return row.pattern.rstrip("+/")
    return ""


def _section_of(kind: str, one: Attachment, running: Running) -> str:
    target, how = names.plain_target(one), names.how(one)
    if one.kind == "btf" and kind == "STRUCT_OPS":
        return "struct_ops"
    if one.kind == "btf" and kind == "LSM":
        cgroup = any(a.number == 3 and a.kind == "link" for a in running.attach)
        return f"lsm{'_cgroup' if cgroup else ''}/{target}" if target else ""
    if one.kind == "btf" and kind == "TRACING" and target:
        if one.target.startswith("btf_trace_"):
            return f"tp_btf/{target}"
        if one.target.startswith("bpf_iter_"):
            return f"iter/{target}"
        types = [names.attach_type(a.attach_type) for a in running.attach]
        word = next((_TRACING[t] for t in types if t in _TRACING), "fentry")
        module = f"{one.owner}:" if one.owner not in ("", "vmlinux") else ""
        return f"{word}/{module}{target}"
    if how in _PROBES and target:
        return f"{_PROBES[how]}/{target}"
    if how == "tracepoint" and target:
        return f"tp/{system_of(target)}/{target}"
    if one.kind == "link" and how == "kprobe_multi":
        return f"kprobe.multi/{one.targets[0]}" if len(one.targets) == one.places == 1 else "kprobe.multi"
    return ""


def system_of(event: str) -> str:
    """The system of a trace event, which the kernel does not tell; ``events`` where no table knows it."""
    if event.startswith(("sys_enter_", "sys_exit_")):
        return "syscalls"
    fact = knowledge.for_release(None).tracepoints.get(event)
    if fact is None:
        fact = next((f for r in knowledge.releases() if (f := knowledge.for_release(r).tracepoints.get(event))), None)
    return fact.system if fact is not None else "events"


class Seen(BpfObject):
    """What is seen of a program. Its types are those of ``kernel``, on which it runs or, if not given, is judged."""

    def __init__(self, running: Running, name: str, kernel: Kernel) -> None:
        self.name = name
        self.running = running
        self.notes = [PARTLY]
        self.loader_issue = ""
        self.loader, self.loaded_by = UNKNOWN_LOADER, ""
        self.endian = kernel.endian
        self.license = "GPL" if running.gpl else "Proprietary"
        self.ext = None
        uses = uses_of(running)
        self.btf = _types(kernel, uses)
        self.externs = {k: self._extern(kernel, k) for k in uses.kfuncs}
        self.maps = {
            f"map {i}": Map(f"map {i}", m.type, m.key_size, m.value_size, m.max_entries, m.flags, ".maps", i, True)
            for i, m in enumerate(running.maps)
        }
        self.functions = {}
        self.struct_ops = self._tables(running, kernel)
        self.programs = [self._program(running, uses)]

    def _extern(self, kernel: Kernel, name: str) -> Extern:
        """The kfunc with the prototype that the kernel has; type 0 where it has none, which then is the finding."""
        here = [i for m, b, i in kernel.functions(name) if b is self.btf or not m]
        return Extern(name, "kfunc", here[0] if here else 0, False, True, name)

    def _tables(self, running: Running, kernel: Kernel) -> list[StructOps]:
        """The struct_ops table that a callback stands in. Which member is not told; the name most often says it."""
        if names.prog_type(running.type) != "STRUCT_OPS":
            return []
        kernel_type = next((a.target for a in running.attach if a.kind == "btf"), "")
        found = kernel.types(kernel_type, Kind.STRUCT) if kernel_type else []
        if not found or (found[0][1] is not self.btf and found[0][0]):
            return [StructOps("table", 0, kernel_type, False, False, ())]
        blob, type_id = found[0][1], found[0][2]
        members = [m for m in blob.members(type_id) if m.name and running.name.endswith(m.name)]
        best = sorted(members, key=lambda m: -len(m.name))[:1]
        return [StructOps("table", type_id, kernel_type, False, False,
                          tuple(OpsMember(m, b"\1", running.name) for m in best))]  # fmt: skip

    def _program(self, running: Running, uses: Uses) -> Program:
        section = section_of(running)
        function = Function(running.name, section.name, 0, [], False, False)
        numbers = {f"bpf_{n}": i for i, n in names.numbered("helpers").items()}
        function.insns += [Insn(CALL, 0, 0, 0, numbers[h]) for h in uses.helpers if h in numbers]
        for name in uses.kfuncs:
            function.refs[len(function.insns)] = Ref("kfunc", name)
            function.insns.append(Insn(CALL, 0, 2, 0, 0))
        for name in self.maps:
            function.refs[len(function.insns)] = Ref("map", name)
            function.insns += [Insn(LD_IMM64, 0, 0, 0, 0), Insn(0, 0, 0, 0, 0)]
        function.insns.append(Insn(EXIT, 0, 0, 0, 0))
        # How arguments go from register to register is not seen.
        return Program(running.name, function, section, (function,), ctx_use=CtxUse([], []))

    def callee(self, function: Function, index: int) -> Function | None:
        """None: calls of subprograms are not seen one by one."""
        return None

    def data_of(self, section: str) -> bytes:
        """Nothing: contents of maps are not collected."""
        return b""


def section_of(running: Running) -> Section:
    """What the section name of a running program means; its type alone where libbpf has no section for it."""
    name = section_name(running)
    kind = names.prog_type(running.type)
    return read_section(name or "unknown", {name or "unknown": kind})


def _types(kernel: Kernel, uses: Uses) -> Blob | None:
    """vmlinux's types, or those of the one module whose kfuncs are called, which include vmlinux's.

    A host may have modules that the kernel given lacks.
    """
    if len(uses.modules) == 1 and uses.modules[0] in kernel.modules:
        blob = kernel.modules.blob(uses.modules[0])
        if blob is not None:
            return blob
    return kernel.vmlinux
