# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""CO-RE in small cases: types of a program, types of a kernel, records, and what each record has to become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kfuncscope.bpf.instructions import Insn
from kfuncscope.bpf.object import BpfObject, read_object
from kfuncscope.btf.ext import CoreRelo
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.relocate import Reloc, Value, value_of
from kfuncscope.rules.core.spec import SpecError, parse_spec
from support import bpfwriter as bpf
from support.btfwriter import BtfWriter
from support.kernels import KernelBuilder

CORE_POISON = 195896080  # helper id that libbpf puts where a record has no target (R-3.8b)
Expected = int | str  # the new value, or "absent", "poisoned", "error"


@dataclass
class Record:
    """One record, its instruction (None: a move of the value), and what it becomes."""

    root: int
    access: str
    kind: int
    expect: Expected
    insn: bpf.Insn | list[bpf.Insn] | None = None
    size: int = 0


@dataclass
class Case:
    """Types on both sides and records. ``local`` and ``kernel`` are BTF writers."""

    endian: str = "<"
    builder: bpf.ObjectBuilder = field(init=False)
    kernels: KernelBuilder = field(init=False)
    records: list[Record] = field(default_factory=list)
    modules: dict[str, BtfWriter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.builder = bpf.ObjectBuilder(self.endian)
        self.kernels = KernelBuilder("7.3", "x86_64" if self.endian == "<" else "s390x")

    @property
    def local(self) -> BtfWriter:
        """Types of the program."""
        return self.builder.btf

    @property
    def kernel(self) -> BtfWriter:
        """Types of the kernel."""
        return self.kernels.btf

    def both(self, make: Callable[[BtfWriter], int]) -> tuple[int, int]:
        """The same type on both sides."""
        return make(self.local), make(self.kernel)

    def ask(
        self, root: int, access: str, kind: int, expect: Expected, insn: bpf.Insn | list[bpf.Insn] | None = None,
        size: int = 0,
    ) -> None:  # fmt: skip
        """Add a record; ``size`` is the new access size of a load or store where it changes."""
        self.records.append(Record(root, access, kind, expect, insn, size))

    # -- making

    def object_data(self) -> bytes:
        """The object with all records in one program."""
        blob = self.local.blob("local")
        code: list[object] = []
        for record in self.records:
            insn = record.insn if record.insn is not None else bpf.mov(0, local_value(blob, record))
            code.append(bpf.core(insn, record.root, record.access, record.kind))
        self.builder.program("xdp", "prog", [*code, bpf.mov(0, 0), bpf.exit_()])  # type: ignore[list-item]
        return self.builder.build()

    def judge(self) -> tuple[BpfObject, Kernel, list[Reloc]]:
        """What the engine makes of the records, in order."""
        obj = read_object(self.object_data(), "case.bpf.o")
        kernel = self.kernels.kernel(modules=self.modules)
        function = obj.programs[0].function
        relocs = Context(obj, kernel).relocs(function)
        return obj, kernel, [relocs[i] for i in sorted(relocs)]


def local_value(blob: object, record: Record) -> int:
    """The value that a compiler would have written."""
    try:
        spec = parse_spec(blob, CoreRelo(0, record.root, record.access, record.kind))  # type: ignore[arg-type]
        value = value_of(spec, record.kind) if record.kind != bpf.TYPE_ID_LOCAL else Value(record.root)
    except (SpecError, IndexError):
        return 0
    return value.value if value is not None else 0


def told(reloc: Reloc) -> Expected:
    """A result in the words of ``Expected``."""
    return reloc.new if reloc.outcome == "patched" else reloc.outcome


def patched(insn: Insn, following: Insn | None, reloc: Reloc) -> list[Insn]:
    """The instruction after relocation, as libbpf leaves it (two slots for ld_imm64)."""
    poison = Insn(0x85, 0, 0, 0, CORE_POISON)
    wide = insn.op == 0x18
    if reloc.outcome == "poisoned":
        return [poison, poison] if wide else [poison]
    cls = insn.op & 7
    if wide:
        assert following is not None
        low, high = reloc.new & 0xFFFFFFFF, reloc.new >> 32 & 0xFFFFFFFF
        return [insn._replace(imm=_signed(low)), following._replace(imm=_signed(high))]
    if cls in (4, 7):
        return [insn._replace(imm=_signed(reloc.new & 0xFFFFFFFF))]
    bits = {1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18}
    op = insn.op & ~0x18 | bits[reloc.size] if reloc.size else insn.op
    return [insn._replace(off=reloc.new, op=op)]


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value
