# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Build any BPF object in a few lines, for tests.

    ob = ObjectBuilder()                                   # endian=">" for big endian, license="GPL", btf=True
    task = ob.btf.struct("task_struct", [("pid", ob.s32)])
    ob.extern_func("bpf_bar", ob.btf.proto(ob.s32, [("p", ob.btf.ptr(task))]), weak=True)
    ob.map("counts", type=1, key=ob.s32, value=ob.s32, max_entries=16)
    ob.program("fentry/foo", "on_foo", [
        ld_sym(2, "bpf_bar"), jmp("==", 2, 0, "out"),      # the guard: bpf_ksym_exists(bpf_bar)
        line(kfunc("bpf_bar"), 12, "x = bpf_bar(p);"),     # source line 12
        core(ldx(4, 1, 1, 0), task, "0:0", FIELD_BYTE_OFFSET),
        "out:", mov(0, 0), exit_(),
    ])
    data = ob.build()                                      # ob.elf_hook(elf) may add what is missing here

A program's code is a list of instructions, lists of them, and labels (``"name:"``). Registers are numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from support import elfwriter as elf
from support.btfwriter import EXTERN, GLOBAL, STATIC, VOID, BtfWriter, ExtWriter
from support.elfwriter import ElfWriter

# CO-RE record kinds
(
    FIELD_BYTE_OFFSET, FIELD_BYTE_SIZE, FIELD_EXISTS, FIELD_SIGNED, FIELD_LSHIFT, FIELD_RSHIFT, TYPE_ID_LOCAL,
    TYPE_ID_TARGET, TYPE_EXISTS, TYPE_SIZE, ENUMVAL_EXISTS, ENUMVAL_VALUE, TYPE_MATCHES,
) = range(13)  # fmt: skip

SIZES = {1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18}
ALU_OPS = {
    "+": 0x00, "-": 0x10, "*": 0x20, "/": 0x30, "|": 0x40, "&": 0x50, "<<": 0x60, ">>": 0x70, "neg": 0x80,
    "%": 0x90, "^": 0xA0, "=": 0xB0, "s>>": 0xC0, "end": 0xD0,
}  # fmt: skip
JMP_OPS = {
    "==": 0x10, ">": 0x20, ">=": 0x30, "&": 0x40, "!=": 0x50, "s>": 0x60, "s>=": 0x70, "<": 0xA0, "<=": 0xB0,
    "s<": 0xC0, "s<=": 0xD0,
}  # fmt: skip


class Insn(NamedTuple):
    """One 8-byte instruction, with what the object says about it."""

    code: int
    dst: int = 0
    src: int = 0
    off: int = 0
    imm: int = 0
    to: str = ""  # label jumped to
    symbol: str = ""  # relocated against this symbol, or with in_section against the section that holds it
    rel: int = 0
    in_section: bool = False
    core: tuple[tuple[int, str, int], ...] = ()
    line: tuple[int, str, str] | None = None


Code = Iterable["Insn | str | Code"]


class Reg(int):
    """A register used as the second operand: ``alu("+", 1, Reg(2))``."""


def _second(operand: int) -> tuple[int, int, int]:
    """Source bit, src and imm of an operand that is a register or a number."""
    return (8, int(operand), 0) if isinstance(operand, Reg) else (0, 0, operand)


def alu(op: str, dst: int, operand: int = 0, *, off: int = 0) -> Insn:
    """64-bit arithmetic: ``alu("+", 1, 8)``, ``alu("=", 1, Reg(6))``."""
    source, src, imm = _second(operand)
    return Insn(0x07 | ALU_OPS[op] | source, dst, src, off, imm)


def alu32(op: str, dst: int, operand: int = 0, *, off: int = 0) -> Insn:
    """32-bit arithmetic."""
    return alu(op, dst, operand, off=off)._replace(code=0x04 | ALU_OPS[op] | _second(operand)[0])


def mov(dst: int, operand: int) -> Insn:
    """dst = operand."""
    return alu("=", dst, operand)


def mov32(dst: int, operand: int) -> Insn:
    """dst = (u32)operand."""
    return alu32("=", dst, operand)


def jmp(op: str, dst: int, operand: int, to: str | int) -> Insn:
    """64-bit conditional jump to a label or by an offset."""
    source, src, imm = _second(operand)
    label, off = (to, 0) if isinstance(to, str) else ("", to)
    return Insn(0x05 | JMP_OPS[op] | source, dst, src, off, imm, label)


def jmp32(op: str, dst: int, operand: int, to: str | int) -> Insn:
    """32-bit conditional jump."""
    insn = jmp(op, dst, operand, to)
    return insn._replace(code=insn.code + 1)


def ja(to: str | int) -> Insn:
    """Jump always."""
    return Insn(0x05, to=to) if isinstance(to, str) else Insn(0x05, off=to)


def ldx(size: int, dst: int, src: int, off: int = 0) -> Insn:
    """dst = *(size *)(src + off); size in bytes."""
    return Insn(0x61 | SIZES[size], dst, src, off)


def ldsx(size: int, dst: int, src: int, off: int = 0) -> Insn:
    """Sign-extending load."""
    return Insn(0x81 | SIZES[size], dst, src, off)


def stx(size: int, dst: int, off: int, src: int) -> Insn:
    """*(size *)(dst + off) = src."""
    return Insn(0x63 | SIZES[size], dst, src, off)


def st(size: int, dst: int, off: int, imm: int) -> Insn:
    """*(size *)(dst + off) = imm."""
    return Insn(0x62 | SIZES[size], dst, 0, off, imm)


def atomic(size: int, dst: int, off: int, src: int, imm: int) -> Insn:
    """Atomic operation; imm says which."""
    return Insn(0xC3 | SIZES[size], dst, src, off, imm)


def call(helper: int) -> Insn:
    """Call a helper by number."""
    return Insn(0x85, imm=helper)


def kfunc(name: str) -> Insn:
    """Call a kfunc, as compilers write it: src 1, imm -1, relocated against the undefined symbol."""
    return Insn(0x85, src=1, imm=-1, symbol=name, rel=elf.R_BPF_64_32)


def subprog(name: str, *, static: bool = False) -> Insn:
    """Call a subprogram by its symbol, or for ``static`` by section symbol and offset."""
    return Insn(0x85, src=1, imm=-1, symbol=name, rel=elf.R_BPF_64_32, in_section=static)


def call_rel(offset: int) -> Insn:
    """Call a subprogram in the same section, ``offset`` instructions after the next."""
    return Insn(0x85, src=1, imm=offset)


def callx(register: int) -> Insn:
    """Call the function whose address a register holds."""
    return Insn(0x8D, register)


def ld_imm64(dst: int, value: int, *, src: int = 0) -> list[Insn]:
    """dst = 64-bit value."""
    return [Insn(0x18, dst, src, imm=_signed(value)), Insn(0, imm=_signed(value >> 32))]


def ld_sym(dst: int, name: str, *, static: bool = False, add: int = 0) -> list[Insn]:
    """dst = address of a map, variable, ksym or function (a callback: ``static``, by section symbol)."""
    first = Insn(0x18, dst, imm=add, symbol=name, rel=elf.R_BPF_64_64, in_section=static)
    return [first, Insn(0)]


def exit_() -> Insn:
    """Return r0."""
    return Insn(0x95)


def core(insn: Insn | list[Insn], root: int, access: str, kind: int) -> list[Insn]:
    """Put a CO-RE record on an instruction."""
    insns = [insn] if isinstance(insn, Insn) else insn
    return [insns[0]._replace(core=(*insns[0].core, (root, access, kind))), *insns[1:]]


def line(insn: Insn | list[Insn], number: int, text: str = "", file: str = "test.bpf.c") -> list[Insn]:
    """Put a source line on an instruction."""
    insns = [insn] if isinstance(insn, Insn) else insn
    return [insns[0]._replace(line=(number, text, file)), *insns[1:]]


def assemble(code: Code) -> list[Insn]:
    """Flatten, and resolve labels."""
    flat: list[Insn | str] = []

    def walk(items: Code) -> None:
        for item in items:
            if isinstance(item, (Insn, str)):
                flat.append(item)
            else:
                walk(item)

    walk(code)
    labels: dict[str, int] = {}
    insns: list[Insn] = []
    for item in flat:
        if isinstance(item, str):
            labels[item.removesuffix(":")] = len(insns)
        else:
            insns.append(item)
    return [i._replace(off=labels[i.to] - at - 1, to="") if i.to else i for at, i in enumerate(insns)]


def encode(insns: Iterable[Insn], endian: str = "<") -> bytes:
    """The bytes of assembled instructions."""
    out = []
    for insn in insns:
        regs = insn.dst | insn.src << 4 if endian == "<" else insn.dst << 4 | insn.src
        out.append(struct.pack(f"{endian}BBhi", insn.code, regs, insn.off, _signed(insn.imm)))
    return b"".join(out)


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


class _Function(NamedTuple):
    section: str
    name: str
    offset: int
    insns: list[Insn]
    type_id: int
    bind: int
    visibility: int


class ObjectBuilder:
    """A BPF object in the making. ``btf`` is its BtfWriter (its types may be made before or after the rest)."""

    def __init__(
        self, endian: str = "<", *, license: str | None = "GPL", btf: bool = True, header: int = 24, flags: int = 0
    ) -> None:
        self.endian = endian
        self.with_btf = btf
        self.btf = BtfWriter(endian, header=header)
        self.flags = flags
        self.elf_hook: Callable[[ElfWriter], None] | None = None
        self._code: dict[str, list[Insn]] = {}
        self._functions: list[_Function] = []
        self._externs: list[tuple[str, str, int, bool]] = []  # section, name, BTF id, weak
        self._data: dict[str, bytearray] = {}
        self._variables: list[tuple[str, str, int, int, int, int]] = []  # section, name, offset, size, BTF id, bind
        self._data_rels: list[tuple[str, int, str]] = []
        if license is not None:
            text = license.encode() + b"\0"
            char = self.btf.int_("char", 1, signed=True)
            self.variable("license", "_license", text, self.btf.array(char, len(text), self.s32))

    @property
    def s32(self) -> int:
        """Type id of ``int``."""
        return self.btf.once("int_", "int", 4, signed=True)

    @property
    def u32(self) -> int:
        """Type id of ``unsigned int``."""
        return self.btf.once("int_", "unsigned int", 4)

    @property
    def u64(self) -> int:
        """Type id of ``unsigned long long``."""
        return self.btf.once("int_", "unsigned long long", 8)

    # -- code

    def program(
        self, section: str, name: str, code: Code, *, proto: int | None = None, linkage: int = GLOBAL,
        weak: bool = False, hidden: bool = False,
    ) -> ObjectBuilder:  # fmt: skip
        """A program (or, in ``.text``, a subprogram) at the end of a section; ``linkage`` STATIC for a local symbol."""
        insns = assemble(code)
        if proto is None:
            proto = self.btf.once("proto", self.s32, [("ctx", self.btf.once("ptr", VOID))])
        type_id = self.btf.func(name, proto=proto, linkage=linkage)
        body = self._code.setdefault(section, [])
        bind = elf.LOCAL if linkage == STATIC else elf.WEAK if weak else elf.GLOBAL
        visibility = elf.HIDDEN if hidden else elf.DEFAULT
        self._functions.append(_Function(section, name, 8 * len(body), insns, type_id, bind, visibility))
        body.extend(insns)
        return self

    def subprogram(self, name: str, code: Code, **options: Any) -> ObjectBuilder:
        """A function in ``.text``; without arguments where no ``proto`` is given, as a global one takes no void *."""
        if options.get("proto") is None:
            options["proto"] = self.btf.once("proto", self.s32, [])
        return self.program(".text", name, code, **options)

    # -- externs

    def extern_func(self, name: str, proto: int | None = None, *, weak: bool = False) -> ObjectBuilder:
        """A kfunc: ``extern ... __ksym`` (``__weak``)."""
        made = self.btf.func(name, proto=proto, linkage=EXTERN) if proto is not None else self.btf.func(
            name, self.s32, linkage=EXTERN)  # fmt: skip
        self._externs.append((".ksyms", name, made, weak))
        return self

    def extern_var(self, name: str, of: int = VOID, *, weak: bool = False, section: str = ".ksyms") -> ObjectBuilder:
        """A ksym variable, typeless where ``of`` is VOID; as compilers do, its type is const."""
        self._externs.append((section, name, self.btf.var(name, self.btf.const(of), EXTERN), weak))
        return self

    def extern_kconfig(self, name: str, of: int | None = None, *, weak: bool = False) -> ObjectBuilder:
        """``extern T CONFIG_X __kconfig``."""
        return self.extern_var(name, self.s32 if of is None else of, weak=weak, section=".kconfig")

    # -- data

    def variable(
        self, section: str, name: str, value: bytes, of: int | None = None, *, static: bool = False
    ) -> ObjectBuilder:
        """A global in ``.data``, ``.rodata``, ``.bss``, ``.rodata.x``, … with its first value."""
        data = self._data.setdefault(section, bytearray())
        data += bytes(-len(data) % 8)
        type_id = self.btf.var(name, self.s32 if of is None else of, STATIC if static else GLOBAL)
        bind = elf.LOCAL if static else elf.GLOBAL
        self._variables.append((section, name, len(data), len(value), type_id, bind))
        data += value
        return self

    def map(
        self, name: str, *, type: int, key: int | None = None, value: int | None = None, static: bool = False,
        **numbers: int,
    ) -> ObjectBuilder:  # fmt: skip
        """A map in ``.maps``: key and value are type ids; max_entries, map_flags, key_size, … are numbers."""
        btf, members = self.btf, []
        for field_name, number in {"type": type, **numbers}.items():
            members.append((field_name, btf.ptr(btf.array(self.s32, number))))
        for field_name, type_id in (("key", key), ("value", value)):
            if type_id is not None:
                members.append((field_name, btf.ptr(type_id)))
        made = btf.struct("", members)
        return self.variable(".maps", name, bytes(8 * len(members)), made, static=static)

    def prog_array(self, name: str, programs: Mapping[int, str], *, max_entries: int) -> ObjectBuilder:
        """A prog array in ``.maps`` whose definition fills slots with programs: ``.values = { [slot] = &program }``."""
        btf, members = self.btf, []
        for field_name, number in (("type", 3), ("max_entries", max_entries), ("key_size", 4)):
            members.append((field_name, btf.ptr(btf.array(self.s32, number))))
        slot = btf.ptr(btf.proto(self.s32, [("ctx", btf.ptr(VOID))]))
        made = btf.struct("", [*members, ("values", btf.array(slot, 0))])
        start = 8 * len(members)
        self.variable(".maps", name, bytes(start + 8 * (max(programs, default=-1) + 1)), made)
        at = self._variables[-1][2] + start
        self._data_rels += [(".maps", at + 8 * place, program) for place, program in programs.items()]
        return self

    def legacy_map(
        self, name: str, *, type: int, key_size: int, value_size: int, max_entries: int, section: str = "maps"
    ) -> ObjectBuilder:
        """A map of the old style: five numbers in the section ``maps``."""
        value = struct.pack(f"{self.endian}5I", type, key_size, value_size, max_entries, 0)
        return self.variable(section, name, value)

    def struct_ops(
        self, name: str, of: int, size: int, programs: Mapping[int, str], values: Mapping[int, bytes] | None = None,
        *, section: str = ".struct_ops",
    ) -> ObjectBuilder:  # fmt: skip
        """A struct_ops map: ``programs`` by byte offset of the member, other ``values`` by byte offset."""
        body = bytearray(size)
        for at, raw in (values or {}).items():
            body[at : at + len(raw)] = raw
        self.variable(section, name, bytes(body), of)
        start = self._variables[-1][2]
        self._data_rels += [(section, start + at, program) for at, program in programs.items()]
        return self

    # -- output

    def build(self) -> bytes:
        """The object's bytes."""
        writer = ElfWriter(self.endian, flags=self.flags)
        index = {name: writer.section(name, encode(code, self.endian), flags=elf.EXEC)
                 for name, code in self._code.items()}  # fmt: skip
        for name, data in self._data.items():
            bss = name.startswith(".bss")
            flags = elf.ALLOC if name.startswith(".rodata") else elf.DATA
            kind = elf.SHT_NOBITS if bss else elf.SHT_PROGBITS
            index[name] = writer.section(name, b"" if bss else bytes(data), kind=kind, flags=flags, size=len(data))
        self._symbols(writer, index)
        self._relocations(writer, index)
        if self.with_btf:
            self._write_btf(writer)
        if self.elf_hook is not None:
            self.elf_hook(writer)
        return writer.build()

    def _symbols(self, writer: ElfWriter, index: Mapping[str, int]) -> None:
        for f in self._functions:
            writer.symbol(
                f.name, index[f.section], f.offset, 8 * len(f.insns), bind=f.bind, kind=elf.FUNC,
                visibility=f.visibility,
            )  # fmt: skip
        for section, name, offset, size, _, bind in self._variables:
            writer.symbol(name, index[section], offset, size, bind=bind, kind=elf.OBJECT)
        for _, name, _, weak in self._externs:
            writer.symbol(name, elf.UNDEF, bind=elf.WEAK if weak else elf.GLOBAL)
        known = {s.name for s in writer.symbols}
        for insn in (i for code in self._code.values() for i in code):
            if insn.symbol and insn.symbol not in known:
                writer.symbol(insn.symbol, elf.UNDEF)
                known.add(insn.symbol)

    def _relocations(self, writer: ElfWriter, index: Mapping[str, int]) -> None:
        places = {f.name: (f.section, f.offset) for f in self._functions}
        places |= {name: (section, offset) for section, name, offset, *_ in self._variables}
        for section, code in self._code.items():
            for at, insn in enumerate(code):
                if not insn.rel:
                    continue
                if not insn.in_section:
                    writer.rel(index[section], 8 * at, insn.symbol, insn.rel)
                    continue
                target, offset = places[insn.symbol]
                writer.rel(index[section], 8 * at, index[target], insn.rel)
                imm = offset // 8 - 1 if insn.rel == elf.R_BPF_64_32 else offset + insn.imm
                raw = bytearray(writer.sections[index[section]].data)
                struct.pack_into(f"{self.endian}i", raw, 8 * at + 4, imm)
                writer.sections[index[section]].data = bytes(raw)
        for section, at, name in self._data_rels:
            writer.rel(index[section], at, name, elf.R_BPF_64_ABS64)

    def _write_btf(self, writer: ElfWriter) -> None:
        ext = ExtWriter(self.btf)
        for f in self._functions:
            ext.func(f.section, f.offset, f.type_id)
            for at, insn in enumerate(f.insns):
                if insn.line is not None:
                    number, text, file = insn.line
                    ext.line(f.section, f.offset + 8 * at, file, text, number)
                for root, access, kind in insn.core:
                    ext.core(f.section, f.offset + 8 * at, root, access, kind)
        ext_data = ext.build()
        self._datasecs()
        writer.section(".BTF", self.btf.build(), align=4)
        writer.section(".BTF.ext", ext_data, align=4)

    def _datasecs(self) -> None:
        """As compilers write them: with all offsets 0, which libbpf takes from the symbols."""
        entries: dict[str, list[tuple[int, int, int]]] = {}
        for section, _, _, size, type_id, _ in self._variables:
            entries.setdefault(section, []).append((type_id, 0, size))
        for section, _, type_id, _ in self._externs:
            entries.setdefault(section, []).append((type_id, 0, 0 if section == ".ksyms" else 4))
        for section, rows in entries.items():
            self.btf.datasec(section, rows, sum(size for _, _, size in rows))


def object_bytes(section: str, code: Sequence[Any], **options: Any) -> bytes:
    """The shortest object: one program in one section."""
    return ObjectBuilder(**options).program(section, "prog", code).build()
