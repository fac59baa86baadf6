# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The tag that a kernel gives to a program: a hash of its instructions as a loader hands them over.

The loader is libbpf: subprograms are appended in the order in which calls are met, CO-RE records and externs are
resolved on the kernel (R-2.1, R-2.11, R-3.8). The kernel hashes before the verifier rewrites anything, with references
to maps zeroed (bpf_prog_calc_tag): SHA-1 before 6.18, SHA-256 from then on, the first 8 bytes of it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from typing import NamedTuple

from kfuncscope.bpf.instructions import CALL, LD_IMM64, PSEUDO_CALL, Insn
from kfuncscope.bpf.object import BpfObject, Function, Program, Ref
from kfuncscope.btf.layout import Kind
from kfuncscope.rules.context import Context, Resolved
from kfuncscope.rules.core.relocate import Reloc

# Helper numbers that libbpf puts where a CO-RE record has no target, and from 1.2 on, plus the extern's place,
# where a weak kfunc is absent.
CORE_POISON, KFUNC_POISON = 195896080, 2002000000
PSEUDO_MAP_FD, PSEUDO_MAP_VALUE, PSEUDO_BTF_ID, PSEUDO_FUNC, PSEUDO_KFUNC = 1, 2, 3, 4, 2
MOST_INSNS = 1_000_000  # the kernel's own limit (BPF_COMPLEXITY_LIMIT_INSNS)
_SIZES = {1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18}  # bytes → size bits of a load or store


Linked = Callable[[str], int | None]


class UndecidedError(Exception):
    """The instructions hang on something that only the running kernel or the loader knows."""


class Code(NamedTuple):
    """The instructions as the kernel hashes them. ``modules``: some value came from the BTF of a module, which the
    running kernel may not have loaded. ``addresses``: which instructions load the address of a kernel's variable."""

    data: bytes
    modules: bool
    addresses: tuple[int, ...] = ()

    @property
    def tags(self) -> tuple[str, str]:
        """The tag before 6.18 and from then on, as 16 hexadecimal digits each."""
        old = hashlib.sha1(self.data, usedforsecurity=False).digest()[:8].hex()
        return old, hashlib.sha256(self.data).digest()[:8].hex()

    def moved(self, distance: int, endian: str) -> Code:
        """The same on a kernel that lies that many bytes higher: each address of a variable with it."""
        data = bytearray(self.data)
        for at in self.addresses:
            low, high = (struct.unpack_from(f"{endian}I", data, 8 * place + 4)[0] for place in (at, at + 1))
            address = (high << 32 | low) + distance
            for place, word in ((at, address), (at + 1, address >> 32)):
                struct.pack_into(f"{endian}I", data, 8 * place + 4, word & 0xFFFFFFFF)
        return self._replace(data=bytes(data))


def program_code(
    obj: BpfObject, program: Program, ctx: Context | None, old_libbpf: bool = False, linked: Linked | None = None
) -> Code:
    """The instructions of a program as libbpf loads it on the kernel of ``ctx``; UndecidedError where this is unsure.

    Without a kernel UndecidedError for programs with CO-RE records or externs of the kernel, without ``linked`` for
    those that hold the address of a variable.
    ``old_libbpf``: before 1.2, which calls kfunc 0 where a weak kfunc is absent, and looks for full names (R-2.8).
    ``linked``: the address of a variable of the kernel by name, None where it is not known.
    """
    made = _Linker(obj, ctx, old_libbpf, linked)
    made.append(program.function)
    handler = exception_handler(obj, program)
    if handler is not None and made.key(handler) not in made.at:
        made.append(handler)
    made.point_calls()
    form = struct.Struct(f"{obj.endian}BBhi")
    low = obj.endian == "<"
    data = b"".join(
        form.pack(i.op, i.dst | i.src << 4 if low else i.dst << 4 | i.src, i.off, _signed(i.imm, 32))
        for i in map_references_zeroed(made.insns)
    )
    return Code(data, made.modules, tuple(made.addresses))


def map_references_zeroed(insns: list[Insn]) -> list[Insn]:
    """As bpf_prog_calc_tag does: both immediates of a load of a map's address become 0."""
    zeroed, after_map = list(insns), False
    for at, insn in enumerate(insns):
        if not after_map and insn.op == LD_IMM64 and insn.src in (PSEUDO_MAP_FD, PSEUDO_MAP_VALUE):
            after_map = True
            zeroed[at] = insn._replace(imm=0)
        elif after_map and (insn.op, insn.dst, insn.src, insn.off) == (0, 0, 0, 0):
            after_map = False
            zeroed[at] = insn._replace(imm=0)
        else:
            after_map = False
    return zeroed


def exception_handler(obj: BpfObject, program: Program) -> Function | None:
    """The function that a declaration tag of the program names as its exception callback; libbpf appends it too."""
    btf = obj.btf
    if btf is None or not program.function.proto:
        return None
    for tag in btf.own_ids(Kind.DECL_TAG):
        if btf.ref(tag) == program.function.proto:
            word, _, name = btf.name(tag).partition(":")
            if word == "exception_callback" and name:
                return next((f for f in obj.functions.values() if f.name == name and f.section == ".text"), None)
    return None


class _Linker:
    """Appends functions one after another, each relocated, and remembers which calls have to lead where."""

    def __init__(self, obj: BpfObject, ctx: Context | None, old_libbpf: bool, linked: Linked | None) -> None:
        self.obj, self.ctx, self.old_libbpf, self.linked = obj, ctx, old_libbpf, linked
        self.insns: list[Insn] = []
        self.addresses: list[int] = []
        self.at: dict[tuple[str, int], int] = {}
        self.calls: list[tuple[int, tuple[str, int]]] = []
        self.modules = False

    @staticmethod
    def key(function: Function) -> tuple[str, int]:
        """What tells functions of an object apart."""
        return function.section, function.start

    def append(self, first: Function) -> None:
        """A function, and after it those that it calls and that are not there yet, depth first."""
        self._place(first)
        waiting = [(first, self.at[self.key(first)], 0)]
        while waiting:
            function, base, index = waiting.pop()
            while index < len(function.insns):
                callee = self._callee(function, index)
                index += 1
                if callee is None:
                    continue
                self.calls.append((base + index - 1, self.key(callee)))
                if self.key(callee) not in self.at:
                    self._place(callee)
                    waiting += [(function, base, index), (callee, self.at[self.key(callee)], 0)]
                    break

    def _callee(self, function: Function, index: int) -> Function | None:
        insn = function.insns[index]
        if not (insn.op == CALL and insn.src == PSEUDO_CALL) and insn.op != LD_IMM64:
            return None
        return self.obj.callee(function, index)

    def _place(self, function: Function) -> None:
        if len(self.insns) + len(function.insns) > MOST_INSNS:
            raise UndecidedError(f"more than {MOST_INSNS} instructions")
        self.at[self.key(function)] = len(self.insns)
        code = list(function.insns)
        if function.relos and self.ctx is None:
            raise UndecidedError("its CO-RE records need a kernel")
        if self.ctx is not None:
            for index, reloc in self.ctx.relocs(function).items():
                self._core(code, index, reloc, self.ctx)
        for index, ref in function.refs.items():
            self._ref(code, index, ref)
        self.insns += code

    def point_calls(self) -> None:
        """Give each call and each address of a function the distance to where its callee now is."""
        for at, key in self.calls:
            insn = self.insns[at]
            src = PSEUDO_FUNC if insn.op == LD_IMM64 else insn.src
            self.insns[at] = insn._replace(imm=self.at[key] - at - 1, src=src)

    # -- relocations

    def _core(self, code: list[Insn], index: int, reloc: Reloc, ctx: Context) -> None:
        """What a CO-RE record makes of its instruction (R-3.8)."""
        if reloc.outcome == "error":
            raise UndecidedError(f"libbpf rejects a CO-RE record: {reloc.reason}")
        here = (ctx.kernel.vmlinux, self.obj.btf)
        self.modules |= reloc.target is not None and reloc.target.blob not in here
        insn = code[index]
        if reloc.outcome == "poisoned":
            for at in (index, index + 1) if insn.op == LD_IMM64 else (index,):
                code[at] = Insn(CALL, 0, 0, 0, CORE_POISON)
        elif insn.op == LD_IMM64:
            code[index] = insn._replace(imm=_signed(reloc.new, 32))
            code[index + 1] = code[index + 1]._replace(imm=_signed(reloc.new >> 32, 32))
        elif insn.insn_class in (1, 2, 3):
            op = insn.op & ~0x18 | _SIZES[reloc.size] if reloc.size else insn.op
            code[index] = insn._replace(op=op, off=_signed(reloc.new, 16))
        else:
            code[index] = insn._replace(imm=_signed(reloc.new, 32))

    def _ref(self, code: list[Insn], index: int, ref: Ref) -> None:
        """What a relocation of the ELF makes of its instruction (libbpf's bpf_object__relocate_data)."""
        insn = code[index]
        if ref.kind == "func":
            return
        if ref.kind in ("map", "data", "kconfig"):
            source = PSEUDO_MAP_FD if ref.kind == "map" else PSEUDO_MAP_VALUE
            code[index] = insn._replace(src=source)
            return
        found = self.ctx.extern(ref.name) if self.ctx is not None else None
        if found is None:
            raise UndecidedError(f"{ref.name} cannot be resolved from these files")
        if self.old_libbpf and found.extern.name != found.extern.lookup:
            found = Resolved(found.extern, "missing")
        # An extern that may lie in a module which was not given is taken for absent: a tag that fits proves it.
        self.modules |= bool(found.module)
        if insn.op == CALL:
            code[index] = self._kfunc(insn, found)
        elif found.status != "found":
            code[index], code[index + 1] = insn._replace(imm=0), code[index + 1]._replace(imm=0)
        elif not found.extern.typed:
            address = self.linked(ref.name) if self.linked is not None else None
            if address is None:
                raise UndecidedError(f"the address of {ref.name} is in it")
            self.addresses.append(len(self.insns) + index)
            code[index] = insn._replace(imm=_signed(address, 32))
            code[index + 1] = code[index + 1]._replace(imm=_signed(address >> 32, 32))
        elif found.module:
            raise UndecidedError(f"a descriptor of module {found.module} is in it")
        else:
            code[index] = insn._replace(src=PSEUDO_BTF_ID, imm=found.type)
            code[index + 1] = code[index + 1]._replace(imm=0)

    def _kfunc(self, insn: Insn, found: Resolved) -> Insn:
        if found.status == "found":
            off = self._module_places.index(found.module) if found.module else 0
            return insn._replace(src=PSEUDO_KFUNC, imm=found.type, off=off)
        if self.old_libbpf:
            return insn._replace(src=PSEUDO_KFUNC, imm=0, off=0)
        return Insn(CALL, 0, 0, 0, KFUNC_POISON + extern_places(self.obj)[found.extern.name])

    @property
    def _module_places(self) -> list[str]:
        """Modules in the order in which libbpf meets them, vmlinux first: the offset of a call names its place."""
        places = [""]
        for name in extern_places(self.obj):
            extern = self.obj.externs.get(name)
            kfunc = extern is not None and extern.kind == "kfunc" and self.ctx is not None
            found = self.ctx.extern(name) if kfunc and self.ctx is not None else None
            if found is not None and found.status == "found" and found.module not in places:
                places.append(found.module)
        return places


def extern_places(obj: BpfObject) -> dict[str, int]:
    """Externs as libbpf numbers them: kconfig values before kernel symbols, those by name (cmp_externs)."""
    names = [s.name for s in obj.elf.symbols if s.extern]
    kconfig = [n for n in names if n in obj.externs and obj.externs[n].kind == "kconfig"]
    rest = sorted((n for n in names if n not in kconfig), key=lambda n: n.encode("utf-8", "surrogateescape"))
    return {name: place for place, name in enumerate([*kconfig, *rest])}


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value
