# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""From a skeleton back to an object that the rules take for the one it came from."""

from __future__ import annotations

from collections.abc import Mapping

from kfuncscope.bpf.externs import Extern
from kfuncscope.bpf.instructions import CALL, EXIT, LD_IMM64, Insn
from kfuncscope.bpf.maps import ARENA_SECTION, Map
from kfuncscope.bpf.object import ArgDeref, BpfObject, CtxLoad, CtxUse, Function, Program, Ref
from kfuncscope.bpf.sections import read_section
from kfuncscope.bpf.struct_ops import OpsMember, StructOps
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.ext import CoreRelo
from kfuncscope.errors import SessionError
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.promise.skeleton import ObjectSkeleton, ProgramSkeleton, Site, TableSkeleton
from kfuncscope.rules.context import Context
from kfuncscope.storage.files import UNKNOWN_LOADER

_PLACE = Insn(0xB7, 0, 0, 0, 0)  # r0 = 0: stands where something happens that the rules know already


class Restored(BpfObject):
    """An object made from its skeleton: the rules take it for the one it came from, on the kernel given."""

    def __init__(self, kept: ObjectSkeleton) -> None:
        self.name = kept.name
        self.notes: list[str] = []
        self.loader_issue = ""
        self.loader, self.loaded_by = UNKNOWN_LOADER, ""
        self.endian = kept.endian
        self.license = kept.license
        self.btf = Blob(kept.types, f"{kept.name} .BTF") if kept.types else None
        self.ext = None
        self.externs = {e.name: e for e in kept.externs}
        self.maps = {n: Map(n, t, 0, 0, 0, flags, ".maps", 0, named) for n, t, named, flags in kept.maps}
        self.functions = {}
        self.struct_ops = [self._table(t) for t in kept.tables]
        self.programs = []

    def _table(self, table: TableSkeleton) -> StructOps:
        if self.btf is None:
            raise SessionError(self.name, "a struct_ops table without types")
        members = self.btf.members(table.type)
        found = []
        for position, filled, program in table.members:
            if not 0 <= position < len(members):
                raise SessionError(self.name, f"member {position} of struct_ops table {table.name[:80]} does not exist")
            found.append(OpsMember(members[position], b"\1" if filled else b"", program))
        return StructOps(table.name, table.type, table.kernel_type, table.optional, table.link, tuple(found))

    def callee(self, function: Function, index: int) -> Function | None:
        """None: the code of subprograms stands in the program itself."""
        return None

    def data_of(self, section: str) -> bytes:
        """Nothing: questions of read-only data are settled."""
        return b""


def restore(kept: ObjectSkeleton, kernel: Kernel) -> Restored:
    """The object as it runs on another kernel: its questions are asked again, its sites come and go accordingly."""
    obj = Restored(kept)
    for number, one in enumerate(kept.programs):
        asking = _program(obj, one, number, [])
        turned = _turned(Context(obj, kernel), one, asking)
        obj.programs.append(_program(obj, one, number, turned))
    return obj


def _turned(ctx: Context, kept: ProgramSkeleton, asking: Program) -> list[int]:
    """The questions that this kernel answers another way than that of the promise."""
    turned = []
    function = asking.function
    relocs = ctx.relocs(function)
    by_key = {
        (str(r.type_id), r.access, r.kind): relocs[i].new
        for i, at in function.core.items()
        if (r := function.relos[at][1]) and relocs[i].outcome in ("patched", "absent")
    }
    for position, (question, answer) in enumerate(zip(kept.questions, kept.answers, strict=True)):
        kind, name, access, record = question
        now: int | None = None
        if kind == "core":
            now = by_key.get((name, access, record))
        elif name in ctx.obj.externs:
            resolved = ctx.extern(name)
            if kind == "kconfig":
                now = ctx.kconfig(ctx.obj.externs[name])
                now = answer if name == "LINUX_KERNEL_VERSION" and now is not None and now <= answer else now
            elif resolved is not None and resolved.status != "unknown":
                now = int(resolved.status == "found")
        if now is not None and now != answer:
            turned.append(position)
    return turned


def _program(obj: BpfObject, kept: ProgramSkeleton, number: int, turned: list[int]) -> Program:
    """Code in a straight line: what runs, an exit, and behind it what does not run."""
    section = read_section(kept.section, {kept.section.removeprefix("?"): kept.prog_type} if kept.prog_type else None)
    function = Function(kept.name, section.name, number << 20, [], False, False)
    loads: list[CtxLoad] = []
    derefs: list[ArgDeref] = []
    regions: dict[int, str] = {}
    now = [site.live != bool(len(set(site.flips) & set(turned)) % 2) for site in kept.sites]
    for wanted in (True, False):
        part = [site for site, live in zip(kept.sites, now, strict=True) if live is wanted]
        for site in part:
            if site.what == "ctx":
                loads.append(CtxLoad(site.number, site.size, function, len(function.insns)))
            elif site.what == "deref":
                derefs.append(ArgDeref(site.number, function, len(function.insns)))
            if site.region and wanted:
                regions[len(function.insns)] = site.region
            _emit(function, site, obj.externs)
        function.insns.append(Insn(EXIT, 0, 0, 0, 0))
    # How arguments go from register to register, and what a call stands in, is settled: the rules find it worked out.
    return Program(kept.name, function, section, (function,), ctx_use=CtxUse(loads, derefs), regions=regions)


def _emit(function: Function, site: Site, externs: Mapping[str, Extern]) -> None:
    at = len(function.insns)
    if site.what in ("ctx", "deref"):
        function.insns.append(_PLACE)
    elif site.what == "helper":
        function.insns.append(Insn(CALL, 0, 0, 0, site.number))
    elif site.what == "call":
        function.insns.append(Insn(CALL, 0, 2, 0, 0))
        function.refs[at] = Ref("kfunc", site.name)
    elif site.what in ("addr", "map", "arena"):
        function.insns += [Insn(LD_IMM64, 0, 0, 0, 0), Insn(0, 0, 0, 0, 0)]
        function.refs[at] = _target(site, externs)
    else:
        function.insns += site.code
    if site.relo is not None:
        function.core[at] = len(function.relos)
        function.relos.append((len(function.relos), CoreRelo(at * 8, *site.relo)))


def _target(site: Site, externs: Mapping[str, Extern]) -> Ref:
    if site.what == "arena":
        return Ref("data", ARENA_SECTION)
    if site.what == "map":
        return Ref("map", site.name)
    return Ref(externs[site.name].kind if site.name in externs else "unknown", site.name)
