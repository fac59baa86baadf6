# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Objects reduced to what the rules ask of them, so that a promise can be checked without the objects.

Of a program remain its section, and of its code only the instructions that need something of a kernel: calls, accesses
with CO-RE records, addresses of maps and symbols, reads of the context. Which of them run may depend on tests (does a
field, a weak kfunc exist; a config value): each test is kept as a question with the answer of the kernel that the
promise was made on, and each instruction with the questions on which it comes or goes (R-3.11).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from kfuncscope.bpf.externs import Extern
from kfuncscope.bpf.instructions import CALL, JA32, LD_IMM64, Insn
from kfuncscope.bpf.maps import ARENA_SECTION
from kfuncscope.bpf.object import BpfObject, Function, Program, Ref
from kfuncscope.bpf.sections import read_section
from kfuncscope.rules.checks.regions import region_of
from kfuncscope.rules.checks.typed_access import PAST, past_the_size
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.relocate import Reloc
from kfuncscope.rules.core.spec import EXISTENCE
from kfuncscope.rules.flow.arith import NONZERO, Value
from kfuncscope.rules.flow.ctx_args import ctx_loads, unchecked_derefs
from kfuncscope.rules.flow.shared import reachability

MAY_GOTO = 0xE5
LATER = 0xFF << 16  # LINUX_KERNEL_VERSION of any later kernel
MOST_QUESTIONS = 64

Question = tuple[str, str, str, int]  # kind (core, extern, kconfig), type id or name, access string, kind of record
Content = tuple[object, ...]
MapSkeleton = tuple[str, int, bool, int]  # name, type, whether it has a definition of its own, flags


SiteKind = Literal["core", "call", "addr", "helper", "map", "arena", "ctx", "deref", "insn"]


@dataclass(frozen=True, slots=True)
class Site:
    """One instruction that needs something. ``what`` is core, call, addr, helper, map, arena, ctx, deref or insn.

    ``name`` is an extern or map; ``number`` a helper, the offset of a context read, or the argument that is read
    through without a test (deref); ``size`` that of a context read; ``relo``
    the CO-RE record as (type, access, kind), ``code`` the instruction (two where it has two slots). ``live``: it runs
    on the kernel of the promise; ``flips`` are the questions whose other answer turns that round. ``region``: the lock
    or section in which a call stands.
    """

    what: SiteKind
    live: bool
    name: str = ""
    number: int = 0
    size: int = 0
    relo: tuple[int, str, int] | None = None
    code: tuple[Insn, ...] = ()
    flips: tuple[int, ...] = ()
    region: str = ""


@dataclass(frozen=True, slots=True)
class ProgramSkeleton:
    """A program: its section as written, its type where the section does not tell, what it needs, its questions."""

    name: str
    section: str
    prog_type: str
    sites: tuple[Site, ...]
    questions: tuple[Question, ...] = ()
    answers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TableSkeleton:
    """A struct_ops table: members by position as (position, not all zero, program)."""

    name: str
    type: int
    kernel_type: str
    optional: bool
    link: bool
    members: tuple[tuple[int, bool, str], ...]


@dataclass(frozen=True, slots=True)
class ObjectSkeleton:
    """An object: byte order, licence (None where it has none), its own BTF, externs, maps, tables and programs."""

    name: str
    endian: str
    license: str | None
    types: bytes
    externs: tuple[Extern, ...] = ()
    maps: tuple[MapSkeleton, ...] = ()
    tables: tuple[TableSkeleton, ...] = ()
    programs: tuple[ProgramSkeleton, ...] = field(default=())


# -- from an object


def reduce_object(obj: BpfObject, ctx: Context, programs: list[Program]) -> ObjectSkeleton:
    """The skeleton of an object with some of its programs, as they run on the kernel of ``ctx``."""
    raw = obj.elf.section(".BTF")
    tables = tuple(
        TableSkeleton(
            ops.name, ops.type, ops.kernel_type, ops.optional, ops.link,
            tuple((i, any(m.data), m.program) for i, m in enumerate(ops.members)),
        )
        for ops in obj.struct_ops
    )  # fmt: skip
    return ObjectSkeleton(
        name=obj.name,
        endian=obj.endian,
        license=obj.license,
        types=raw.data if raw is not None and obj.btf is not None else b"",
        externs=tuple(obj.externs.values()),
        maps=tuple((m.name, m.type, m.named, m.flags) for m in obj.maps.values()),
        tables=tables,
        programs=tuple(reduce_program(ctx, p) for p in programs),
    )


def reduce_program(ctx: Context, program: Program) -> ProgramSkeleton:
    """The skeleton of one program."""
    section = program.section
    asked = list(_questions(ctx, program))[:MOST_QUESTIONS]
    flow = reachability(ctx, program)
    others = [reachability(_Flipped(ctx, one), program) for one, _ in asked]
    together: dict[Content, list[bool]] = {}
    made: dict[Content, Site] = {}
    regions = region_of(ctx, program)
    for use in past_the_size(ctx, program):
        place = next(at for at, function in enumerate(program.functions) if function is use.made[0])
        regions[place, use.made[1]] = PAST
    for content, site, function, index in _sites(ctx.obj, program):
        if regions and site.what in ("call", "helper"):
            region = next((r for (at, i), r in regions.items() if i == index and program.functions[at] is function), "")
            content, site = (*content, region), replace(site, region=region)
        made.setdefault(content, site)
        lives = together.setdefault(content, [False] * (1 + len(others)))
        for i, one in enumerate([flow, *others]):
            lives[i] = lives[i] or one.is_reached(function, index)
    sites = []
    for content, site in made.items():
        live, *rest = together[content]
        flips = tuple(i for i, one in enumerate(rest) if one != live)
        sites.append(replace(site, live=live, flips=flips))
    used = sorted({i for site in sites for i in site.flips})
    places = {old: new for new, old in enumerate(used)}
    kept = tuple(replace(s, flips=tuple(places[i] for i in s.flips)) for s in sites)
    name = section.name if section.autoload else f"?{section.name}"
    told = "" if read_section(name).prog_type else section.prog_type
    questions = tuple(asked[i][0] for i in used)
    return ProgramSkeleton(program.name, name, told, kept, questions, tuple(asked[i][1] for i in used))


def _sites(obj: BpfObject, program: Program) -> Iterator[tuple[Content, Site, Function, int]]:
    """Every instruction that needs something, with a key under which equal ones fall together."""
    for offset, size, function, index in ctx_loads(obj, program):
        yield ("ctx", offset, size), Site("ctx", True, number=offset, size=size), function, index
    for slot, function, index in unchecked_derefs(obj, program):
        yield ("deref", slot), Site("deref", True, number=slot), function, index
    for number, places in sorted(program.helper_calls.items()):
        for position, index in places:
            yield ("helper", number), Site("helper", True, number=number), program.functions[position], index
    for position, index, name in program.later_instructions:
        function = program.functions[position]
        yield ("insn", name), Site("insn", True, code=(_harmless(function.insns[index]),)), function, index
    for function in program.functions:
        for index, ref in function.refs.items():
            site = _reference(function, index, ref)
            if site is not None:
                yield (site.what, site.name), site, function, index
        for index, position in function.core.items():
            relo = function.relos[position][1]
            code = tuple(function.insns[index : index + (2 if function.insns[index].op == LD_IMM64 else 1)])
            key = (relo.type_id, relo.access, relo.kind)
            first = code[0]
            # Registers and, of relocated places, the offset do not matter to the rules; opcode and immediate do.
            yield ("core", key, first.op, first.imm), Site("core", True, relo=key, code=code), function, index


def _reference(function: Function, index: int, ref: Ref) -> Site | None:
    if ref.kind in ("kfunc", "ksym"):
        what: SiteKind = "call" if function.insns[index].op == CALL else "addr"
        return Site(what, True, ref.name)
    if ref.kind == "map":
        return Site("map", True, ref.name)
    return Site("arena", True) if ref.kind == "data" and ref.name == ARENA_SECTION else None


def _harmless(insn: Insn) -> Insn:
    """The instruction without its jump: only its kind matters."""
    if insn.op == JA32:
        return insn._replace(imm=0)
    return insn._replace(off=0) if insn.op == MAY_GOTO else insn


def _questions(ctx: Context, program: Program) -> Iterator[tuple[Question, int]]:
    """What the program may ask of a kernel, with this kernel's answer; each once, in order of the code."""
    seen: set[Question] = set()
    for function in program.functions:
        for index in sorted({*function.refs, *function.core}):
            found = _question(ctx, function, index)
            if found is not None and found[0] not in seen:
                seen.add(found[0])
                yield found


def _question(ctx: Context, function: Function, index: int) -> tuple[Question, int] | None:
    if index in function.core:
        relo = function.relos[function.core[index]][1]
        reloc = ctx.relocs(function).get(index)
        if relo.kind in EXISTENCE and reloc is not None and reloc.outcome in ("patched", "absent"):
            return ("core", str(relo.type_id), relo.access, relo.kind), reloc.new
    ref = function.refs.get(index)
    if ref is None or function.insns[index].op != LD_IMM64:
        return None
    extern = ctx.obj.externs.get(ref.name)
    if ref.kind == "kconfig" and extern is not None:
        value = ctx.kconfig(extern)
        return None if value is None else (("kconfig", ref.name, "", 0), value)
    if ref.kind in ("kfunc", "ksym") and extern is not None and extern.weak:
        resolved = ctx.extern(ref.name)
        if resolved is not None and resolved.status != "unknown":
            return ("extern", ref.name, "", 0), int(resolved.status == "found")
    return None


class _Flipped(Context):
    """A kernel that answers one question the other way."""

    def __init__(self, ctx: Context, question: Question) -> None:
        super().__init__(ctx.obj, ctx.kernel, ctx.use_rodata)
        self._plain, self._question = ctx, question

    def relocs(self, function: Function) -> dict[int, Reloc]:
        """Relocation does not depend on the answer: it is worked out once for all questions."""
        return self._plain.relocs(function)

    def immediate(self, function: Function, index: int) -> int | None:
        """The other answer where the question is asked."""
        value = super().immediate(function, index)
        if self._question[0] == "core" and index in function.core and value is not None:
            relo = function.relos[function.core[index]][1]
            if ("core", str(relo.type_id), relo.access, relo.kind) == self._question:
                return 1 - value
        return value

    def address(self, function: Function, index: int) -> Value:
        """Zero for a weak extern that exists, something for one that does not."""
        value = super().address(function, index)
        ref = function.refs[index]
        if self._question[:2] == ("extern", ref.name) and ref.kind in ("kfunc", "ksym"):
            return NONZERO if value == 0 else 0
        return value

    def kconfig(self, extern: Extern) -> int | None:
        """Another value of the option; of the kernel's version, a later one."""
        value = super().kconfig(extern)
        if self._question[:2] != ("kconfig", extern.name) or value is None:
            return value
        return LATER if extern.name == "LINUX_KERNEL_VERSION" else int(not value)


def pack(insn: Insn) -> str:
    """An instruction as 16 hexadecimal digits, registers as in little-endian objects."""
    return struct.pack("<BBhi", insn.op, insn.dst | insn.src << 4, insn.off, insn.imm).hex()


def unpack(text: str) -> Insn:
    """An instruction from ``pack``; ValueError where the text is none."""
    data = bytes.fromhex(text)
    if len(data) != 8:
        raise ValueError(f"{text[:40]!r} is not an instruction")
    op, registers, off, imm = struct.unpack("<BBhi", data)
    return Insn(op, registers & 15, registers >> 4, off, imm)
