# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write small kernel images for tests: id sets, ELF vmlinux files with addresses, and x86-64 init functions.

image = Image()
ids = image.section(".BTF_ids", set8({5: 0x11, 9: 0}))       # gives the address
kset = image.section(".rodata", longs(0, ids, 0))
code = Code(image.next_address())
code.kset_second(kset).type_first(6).call(REGISTER).ret()
image.section(".init.text", code.data)
data = image.build()
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

BASE = 0xFFFFFFFF81000000
REGISTER = BASE - 0x10000
REGISTER_FMODRET = BASE - 0x8000
FENTRY = BASE - 0x4000
EM_X86_64, EM_PPC64, EM_S390 = 62, 21, 22
_HEADER, _PROGRAM = 64, 56


def set8(members: Mapping[int, int], flags: int = 1, endian: str = "<") -> bytes:
    """A BTF_SET8 of FUNC id → KF flags."""
    rows = [word for pair in sorted(members.items()) for word in pair]
    return struct.pack(f"{endian}{2 + len(rows)}I", len(members), flags, *rows)


def longs(*values: int) -> bytes:
    """Little-endian 64-bit numbers."""
    return struct.pack(f"<{len(values)}Q", *values)


class Image:
    """An ELF64 executable in the making, all of it in one PT_LOAD at ``BASE``."""

    def __init__(self, endian: str = "<", machine: int = EM_X86_64) -> None:
        self.endian, self.machine = endian, machine
        self._out = bytearray(_HEADER + _PROGRAM)
        self._sections: list[tuple[str, int, int]] = []

    def next_address(self) -> int:
        """The address that the next section will get."""
        return BASE + len(self._out) + -len(self._out) % 16

    def section(self, name: str, data: bytes) -> int:
        """Add a section; its address."""
        address = self.next_address()
        self._out += bytes(-len(self._out) % 16)
        self._sections.append((name, len(self._out), len(data)))
        self._out += data
        return address

    def build(self, named: bool = True) -> bytes:
        """The bytes, with a section table or (``named=False``) without."""
        out, e = bytearray(self._out), self.endian
        size = len(out)
        table = 0
        rows = [(".shstrtab", 0, 0), *self._sections] if named else []
        if named:
            names = b"\0" + b"".join(name.encode() + b"\0" for name, _, _ in rows)
            rows[0] = (".shstrtab", len(out), len(names))
            out += names + bytes(-len(out + names) % 8)
            table = len(out)
            out += bytes(64)
            for name, at, length in rows:
                where = names.index(b"\0" + name.encode() + b"\0") + 1
                kind = 3 if name == ".shstrtab" else 1
                out += struct.pack(f"{e}IIQQQQIIQQ", where, kind, 2, BASE + at, at, length, 0, 0, 16, 0)
        ident = b"\x7fELF" + bytes([2, 1 if e == "<" else 2, 1]) + bytes(9)
        counts = (len(rows) + 1, 1) if named else (0, 0)
        out[:_HEADER] = ident + struct.pack(
            f"{e}HHIQQQIHHHHHH", 2, self.machine, 1, BASE, _HEADER, table, 0, _HEADER, _PROGRAM, 1, 64, *counts
        )
        out[_HEADER : _HEADER + _PROGRAM] = struct.pack(f"{e}IIQQQQQQ", 1, 7, 0, BASE, BASE, size, size, 4096)
        return bytes(out)


class Code:
    """x86-64 code in the making, at an address."""

    def __init__(self, address: int) -> None:
        self.address = address
        self.data = b""

    def here(self) -> int:
        """The address of the next instruction."""
        return self.address + len(self.data)

    def raw(self, text: str) -> Code:
        """Bytes in hex."""
        self.data += bytes.fromhex(text)
        return self

    def entry(self) -> Code:
        """Begin a function: alignment, and the call that tracing needs."""
        self.data += b"\x90" * (-self.here() % 16)
        return self.call(FENTRY)

    def type_first(self, number: int) -> Code:
        """``mov edi, number``, or ``xor edi, edi`` for 0."""
        self.data += b"\xbf" + struct.pack("<I", number) if number else b"\x31\xff"
        return self

    def kset_second(self, kset: int) -> Code:
        """``mov rsi, kset``."""
        self.data += b"\x48\xc7\xc6" + struct.pack("<I", kset & 0xFFFFFFFF)
        return self

    def kset_first(self, kset: int) -> Code:
        """``mov rdi, kset``."""
        self.data += b"\x48\xc7\xc7" + struct.pack("<I", kset & 0xFFFFFFFF)
        return self

    def _relative(self, opcode: bytes, target: int) -> Code:
        self.data += opcode + struct.pack("<i", target - self.here() - len(opcode) - 4)
        return self

    def call(self, target: int) -> Code:
        """``call target``."""
        return self._relative(b"\xe8", target)

    def jump(self, target: int) -> Code:
        """``jmp target``."""
        return self._relative(b"\xe9", target)

    def unless_zero(self, target: int) -> Code:
        """``jne target``."""
        return self._relative(b"\x0f\x85", target)

    def load_address(self, opcode: str, target: int) -> Code:
        """``lea reg, [rip + target]``; the opcode in hex chooses the register (``488d1d``: rbx)."""
        return self._relative(bytes.fromhex(opcode), target)

    def ret(self) -> Code:
        """``ret``."""
        return self.raw("c3")
