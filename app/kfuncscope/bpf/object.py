# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A BPF object as libbpf reads it: programs, subprograms, maps, externs, CO-RE records, struct_ops (R-2.x)."""

from __future__ import annotations

import struct
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

from kfuncscope.bpf.elf import STB_LOCAL, STB_WEAK, STT_FUNC, Elf, ElfSection, Symbol, read_elf
from kfuncscope.bpf.externs import Extern, ExternKind, read_externs
from kfuncscope.bpf.instructions import (
    CALL,
    LATER_OPS,
    LD_IMM64,
    PSEUDO_CALL,
    STACK_ARGS,
    Insn,
    decode,
    later_instruction,
    leaders,
)
from kfuncscope.bpf.loader import CILIUM, LIBBPF, loader_shown, section_for
from kfuncscope.bpf.maps import Map, legacy_sections, read_maps
from kfuncscope.bpf.sections import Section, read_section
from kfuncscope.bpf.struct_ops import StructOps, read_struct_ops
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.ext import CoreRelo, Ext, LineInfo, read_ext
from kfuncscope.elf.write import NOTE
from kfuncscope.errors import InputError, ObjectError
from kfuncscope.storage.files import UNKNOWN_LOADER, Loader

GPL_COMPATIBLE = frozenset(
    {"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"}
)  # include/linux/license.h
MAX_INSNS = 8_000_000
KERNEL_READS = frozenset({4, 45, 113, 115})  # bpf_probe_read, _read_str, _read_kernel, _read_kernel_str


RefKind = Literal[ExternKind, "map", "data", "func", "unknown"]


class Ref(NamedTuple):
    """What the relocation of an instruction names.

    ``kind``: ``kfunc`` (call or address of an extern function), ``ksym``, ``kconfig``, ``map``, ``data`` (a data
    section; ``name`` is the section, ``offset`` the place in it), ``func`` (a function; ``offset`` its first
    instruction within section ``name``), ``unknown``.
    """

    kind: RefKind
    name: str
    offset: int = 0


@dataclass(slots=True)
class Function:
    """A function of the object: an entry program, or a subprogram of ``.text``.

    ``refs`` maps instruction index → what its relocation names, ``core`` instruction index → index of the record in
    ``relos``, which holds (number within the section, record).
    """

    name: str
    section: str
    start: int
    insns: list[Insn]
    static: bool
    weak: bool
    refs: dict[int, Ref] = field(default_factory=dict)
    relos: list[tuple[int, CoreRelo]] = field(default_factory=list)
    core: dict[int, int] = field(default_factory=dict)
    ext: Ext | None = None
    proto: int = 0
    jump_targets: tuple[int, ...] = ()  # instructions that jump tables name
    untested: list[ArgDeref] | None = None  # filled by rules.flow.ctx_args; the same for every kernel
    _leaders: frozenset[int] | None = None
    walks: list[Any] = field(default_factory=list, repr=False, compare=False)  # see rules.flow.shared

    @property
    def leaders(self) -> frozenset[int]:
        """Instructions where paths can meet: the targets of jumps and what follows a conditional one."""
        if self._leaders is None:
            self._leaders = leaders(self.insns, self.jump_targets)
        return self._leaders

    def line_at(self, insn: int) -> LineInfo | None:
        """The source line of an instruction: the function's last record at or before it."""
        return self.ext.line_at(self.section, (self.start + insn) * 8, self.start * 8) if self.ext is not None else None


class CtxLoad(NamedTuple):
    """A read of the context: offset and size in bytes, and where."""

    offset: int
    size: int
    function: Function
    at: int


class ArgDeref(NamedTuple):
    """A read through an argument (counted from 0) that was not compared with NULL before."""

    slot: int
    function: Function
    at: int


class CtxUse(NamedTuple):
    """What a program and its subprograms read of the context and through its arguments, in order."""

    loads: list[CtxLoad]
    derefs: list[ArgDeref]


class LaterInsn(NamedTuple):
    """An instruction newer than 6.1: position in ``Program.functions``, place there, and its name."""

    position: int
    at: int
    name: str


@dataclass(slots=True)
class Program:
    """An entry program: its function, what its section name means, and every function it may run."""

    name: str
    function: Function
    section: Section
    functions: tuple[Function, ...] = ()
    ctx_use: CtxUse | None = None  # filled by rules.flow.ctx_args; the same for every kernel
    regions: dict[int, str] | None = (
        None  # call → the region it stands in, as a promise keeps it (rules.checks.regions)
    )
    _later: list[LaterInsn] | None = None
    _helper_calls: dict[int, list[tuple[int, int]]] | None = None

    @property
    def later_instructions(self) -> list[LaterInsn]:
        """Instructions newer than 6.1 (R-11.14)."""
        if self._later is None:
            self._later = [
                LaterInsn(position, index, name)
                for position, function in enumerate(self.functions)
                for index, insn in enumerate(function.insns)
                if (insn.op in LATER_OPS or STACK_ARGS in (insn.dst, insn.src))
                and (name := later_instruction(insn)) is not None
            ]
        return self._later

    @property
    def helper_calls(self) -> dict[int, list[tuple[int, int]]]:
        """Helper number → [(position in ``functions``, instruction)]."""
        if self._helper_calls is None:
            self._helper_calls = {}
            for position, function in enumerate(self.functions):
                for index, insn in enumerate(function.insns):
                    if insn.op == CALL and insn.src == 0 and index not in function.refs:
                        self._helper_calls.setdefault(insn.imm, []).append((position, index))
        return self._helper_calls

    @property
    def autoload(self) -> bool:
        """False where the section name begins with ``?`` (R-2.1), or the tables that hold the program do (§0)."""
        return self.section.autoload


class BpfObject:
    """One object file. ``notes`` says what in it cannot be judged and why; ``loader_issue`` why libbpf refuses it.

    ``no_program`` says why there is no program in it, and is the last of the notes then; empty where there is one.
    """

    def __init__(
        self, data: bytes, name: str, section_types: dict[str, str] | None = None, loader: Loader = UNKNOWN_LOADER
    ) -> None:
        self.name = name
        self.loader = loader  # as the file in which the object was found tells, or as a person chose
        self.notes: list[str] = []
        self.loader_issue = ""
        self.no_program = ""
        self.elf: Elf = read_elf(data, name)
        self.endian = self.elf.endian
        self._section_types = section_types
        self.loaded_by = loader_shown(self.elf, loader)
        self.btf, self.ext = self._read_btf()
        self.license = self._text("license")
        self.externs: dict[str, Extern] = read_externs(self.elf, self.btf) if self.btf else {}
        self.maps: dict[str, Map] = read_maps(self.elf, self.btf)
        self._note_refusals()
        if (told := self._text(NOTE)) is not None:
            self.notes.append(told[:1000])
        self.functions: dict[tuple[str, int], Function] = {}
        self._read_functions()
        self.struct_ops: list[StructOps] = read_struct_ops(self.elf, self.btf) if self.btf else []
        self.programs = self._programs()
        self._note_loader()
        self._note_fixed_offsets()

    # -- parts

    def _text(self, section: str) -> str | None:
        found = self.elf.section(section)
        return found.data.split(b"\0")[0].decode("utf-8", "backslashreplace") if found else None

    def _read_btf(self) -> tuple[Blob | None, Ext | None]:
        raw, ext = self.elf.section(".BTF"), self.elf.section(".BTF.ext")
        if raw is None or not raw.data:
            self.notes.append(
                "no BTF in the object: field accesses, kfunc prototypes and source lines cannot be judged"
            )
            return None, None
        blob = Blob(raw.data, f"{self.name} .BTF")
        if ext is None or not ext.data:
            return blob, None
        parsed = read_ext(ext.data, f"{self.name} .BTF.ext", blob)
        return blob, parsed

    def _note_refusals(self) -> None:
        """What libbpf refuses when it opens the object, on every kernel: symbols of other objects, legacy maps."""
        outside = [s.name for s in self.elf.symbols if s.extern and s.name not in self.externs]
        if outside and self.loaded_by != CILIUM:  # which refuses the programs that use them, not the object
            self.loader_issue = (
                f"{outside[0]} is defined in another object, which this one has to be linked with: "
                "libbpf finds neither BTF nor section for it"
            )
        for section in legacy_sections(self.elf):
            self._not_for_libbpf(
                f'legacy map definitions in section "{section.name}", which libbpf 1.0 and later rejects'
            )

    def _not_for_libbpf(self, why: str) -> None:
        """What libbpf refuses and other loaders take. A product that ships the object has one of these."""
        if self.loader.chosen and self.loaded_by == LIBBPF:
            self.loader_issue = why
        if self.loaded_by in ("", LIBBPF):
            self.notes.append(why)

    def _note_loader(self) -> None:
        """Sections that libbpf does not know; what their loader is, nothing tells."""
        other = sorted({p.section.name for p in self.programs if p.section.prog_type and self._by_prefix(p.section)})
        if other and not (self.loader.name and self.loader.name != LIBBPF):
            named = ", ".join(f'"{name}"' for name in other[:4]) + (" and others" if len(other) > 4 else "")
            self.notes.append(f"libbpf does not know section {named}; taken by prefix, as cilium/ebpf does")

    def _by_prefix(self, section: Section) -> bool:
        return not read_section(section.name, self._section_types).prog_type

    def _note_fixed_offsets(self) -> None:
        """Programs that copy kernel memory without a single CO-RE record were built against fixed layouts."""
        reads = any(program.helper_calls.keys() & KERNEL_READS for program in self.programs)
        if reads and self.ext is not None and not any(self.ext.core_relo.values()):
            self.notes.append("no CO-RE records: offsets into kernel structures, if any, are fixed at build time")

    @property
    def gpl(self) -> bool:
        """The licence is one that the kernel calls GPL compatible."""
        return self.license in GPL_COMPATIBLE

    @cached_property
    def lookups(self) -> dict[str, list[Extern]]:
        """Externs by the name that libbpf searches; several flavours may ask for one name (R-2.8)."""
        found: dict[str, list[Extern]] = {}
        for extern in self.externs.values():
            found.setdefault(extern.lookup, []).append(extern)
        return found

    def data_of(self, section: str) -> bytes:
        """Initial content of a data section, zeros for ``.bss``."""
        found = self.elf.section(section)
        if found is None:
            return b""
        return found.data or bytes(min(found.size, 1 << 20))

    # -- functions

    def _read_functions(self) -> None:
        total, table = 0, self._jump_table()
        by_section: dict[int, list[Symbol]] = {}
        for symbol in self.elf.symbols:
            if symbol.type == STT_FUNC and symbol.shndx:
                by_section.setdefault(symbol.shndx, []).append(symbol)
        for section in self.elf.sections:
            if not section.executable or not section.size:
                continue
            insns = decode(section.data, self.endian)
            total += len(insns)
            if total > MAX_INSNS:
                raise ObjectError(self.name, f"more than {MAX_INSNS} instructions")
            refs = self._refs(section, insns)
            symbols = sorted(by_section.get(section.number, []), key=lambda s: (s.value, -s.size))
            for symbol in symbols:
                self._add_function(section, symbol, insns, refs)
            starts = sorted({s.value // 8 for s in symbols})
            functions = [self.functions[section.name, start] for start in starts]
            self._attach_records(section.name, functions)
            for function in functions:
                end = function.start + len(function.insns)
                inside = table[bisect_left(table, function.start) : bisect_left(table, end)]
                function.jump_targets = tuple(i - function.start for i in inside)

    def _jump_table(self) -> list[int]:
        """The instructions, counted in their section, to which any jump table leads; which section is not told."""
        found = self.elf.section(".jumptables")
        data = found.data[: len(found.data) // 8 * 8] if found else b""
        return sorted({word // 8 for (word,) in struct.iter_unpack(f"{self.endian}Q", data)})

    def _add_function(self, section: ElfSection, symbol: Symbol, insns: list[Insn], refs: dict[int, Ref]) -> None:
        start, count = symbol.value // 8, symbol.size // 8
        if symbol.value % 8 or start + count > len(insns):
            raise ObjectError(self.name, f"function {symbol.name} is outside its section {section.name}")
        if symbol.bind == STB_LOCAL and section.name != ".text":
            self._not_for_libbpf(f"program {symbol.name} is static and outside .text, which libbpf rejects (R-2.1)")
        if (section.name, start) in self.functions:
            return
        static = symbol.bind == STB_LOCAL or symbol.hidden
        own = {i - start: refs[i] for i in range(start, start + count) if i in refs} if refs else {}
        self.functions[section.name, start] = Function(
            symbol.name, section.name, start, insns[start : start + count], static, symbol.bind == STB_WEAK, own
        )

    def _attach_records(self, section: str, functions: list[Function]) -> None:
        """Give each function of a section its CO-RE records, prototype, and where its source lines are told."""
        if self.ext is None:
            return
        relos = sorted(enumerate(self.ext.core_relo.get(section, [])), key=lambda r: (r[1].insn_off, r[0]))
        relo_at = [r.insn_off for _, r in relos]
        protos = {i.insn_off // 8: i.type_id for i in self.ext.func_info.get(section, [])}
        for function in functions:
            low, high = function.start * 8, (function.start + len(function.insns)) * 8
            function.ext = self.ext
            function.relos = sorted(relos[bisect_left(relo_at, low) : bisect_left(relo_at, high)])
            function.core = {r.insn_off // 8 - function.start: i for i, (_, r) in enumerate(function.relos)}
            function.proto = protos.get(function.start, 0)

    def _refs(self, section: ElfSection, insns: list[Insn]) -> dict[int, Ref]:
        refs = {}
        for offset, symbol_index, _ in self.elf.relocations.get(section.number, []):
            index = offset // 8
            if offset % 8 or index >= len(insns):
                raise ObjectError(self.name, f"relocation outside section {section.name}", offset)
            refs[index] = self._ref(self.elf.symbols[symbol_index], insns[index])
        return refs

    def _ref(self, symbol: Symbol, insn: Insn) -> Ref:
        """What a relocated instruction means (libbpf's bpf_program__record_reloc)."""
        if symbol.shndx == 0 or symbol.shndx >= len(self.elf.sections):
            extern = self.externs.get(symbol.name)
            return Ref(extern.kind if extern else "unknown", symbol.name)
        target = self.elf.sections[symbol.shndx]
        if insn.op == CALL:
            return Ref("func", target.name, symbol.value // 8 + insn.imm + 1)
        if insn.op != LD_IMM64:
            return Ref("unknown", symbol.name)
        if target.executable:
            return Ref("func", target.name, (symbol.value + insn.imm) // 8)
        name = self._map_at.get((target.name, symbol.value))
        return Ref("map", name) if name is not None else Ref("data", target.name, symbol.value + insn.imm)

    @cached_property
    def _map_at(self) -> dict[tuple[str, int], str]:
        """Maps by section and offset; the first where two lie at one place."""
        return {(m.section, m.offset): m.name for m in reversed(list(self.maps.values())) if m.named}

    def callee(self, function: Function, index: int) -> Function | None:
        """The function that an instruction calls or takes the address of, None where it is none of this object's."""
        ref = function.refs.get(index)
        if ref is not None:
            return self.functions.get((ref.name, ref.offset)) if ref.kind == "func" else None
        insn = function.insns[index]
        if insn.op == CALL and insn.src == PSEUDO_CALL:
            return self.functions.get((function.section, function.start + index + 1 + insn.imm))
        if insn.op == LD_IMM64 and insn.src == 4:
            return self.functions.get((function.section, function.start + index + 1 + insn.imm))
        return None

    # -- programs

    def _programs(self) -> list[Program]:
        numbers = {s.name: s.number for s in reversed(self.elf.sections)}
        in_order = sorted(self.functions.values(), key=lambda f: (numbers[f.section], f.start))
        entries = [f for f in in_order if f.section != ".text"]
        if not entries:
            self.no_program = self._why_no_program(bool(in_order))
            self.notes.append(self.no_program)
        programs = []
        tables: dict[str, bool] = {}  # program → whether libbpf makes a table on its own that holds it
        for ops in self.struct_ops:
            for member in ops.members:
                tables[member.program] = tables.get(member.program, False) or not ops.optional
        for function in entries:
            section = section_for(function.section, self._section_types, self.loader, self.loaded_by)
            if section.prog_type == "STRUCT_OPS" and function.name in tables:
                # libbpf switches on what its tables need, whatever the section says, and nothing else of them.
                section = replace(section, autoload=tables[function.name])
            if self.loaded_by == CILIUM and not section.prog_type:
                self.notes.append(f'function {function.name} is in section "{section.name}", which its loader skips')
                continue
            programs.append(Program(function.name, function, section, self._closure(function)))
        return programs

    def _why_no_program(self, functions: bool) -> str:
        if functions:
            return "only .text has code: libbpf treats its functions as subprograms and finds no program"
        if not self.elf.symbols:
            return "it has no symbol table (stripped?): programs are found by their symbols, by libbpf too"
        if any(section.executable and section.size for section in self.elf.sections):
            return "no symbol in its symbol table names a program"
        return "it has no code, so no program"

    def _closure(self, entry: Function) -> tuple[Function, ...]:
        """The entry and every subprogram that it calls or hands on as a callback, in order of first use."""
        found = [entry]
        seen = {(entry.section, entry.start)}
        for function in found:
            for index, insn in enumerate(function.insns):
                if (insn.op == CALL and insn.src == PSEUDO_CALL) or insn.op == LD_IMM64:
                    callee = self.callee(function, index)
                    if callee is not None and (callee.section, callee.start) not in seen:
                        seen.add((callee.section, callee.start))
                        found.append(callee)
        return tuple(found)


def read_object(
    data: bytes, name: str, section_types: dict[str, str] | None = None, loader: Loader = UNKNOWN_LOADER
) -> BpfObject:
    """Read a BPF object; InputError (ObjectError or BtfError) for anything that cannot be used."""
    try:
        return BpfObject(data, name, section_types, loader)
    except InputError:
        raise
    except (IndexError, KeyError) as error:
        raise ObjectError(name, "damaged object: a symbol, section or type refers past the end of its table") from error
    except (ValueError, OverflowError) as error:
        raise ObjectError(name, f"damaged object: {error}") from error
