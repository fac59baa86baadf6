#!/py -ISB
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Process 1 of a guest that is asked for facts: tries thousands of minimal programs and maps through ``bpf()``.

The plan says what to try (see prove.questions); this file only tries. An answer is one bit, so those of one kind and
one caller are sent as a bitmap in hex, the first question being bit 0 of the first byte.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

if __name__ == "__main__":
    sys.path.insert(0, "/")

from kfuncscope.prove.guest.agent import Wire, described, main

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kfuncscope.prove.guest.agent import Plan

MAP_CREATE, MAP_UPDATE, PROG_LOAD, BTF_LOAD = 0, 2, 5, 18
PROG_ARRAY, STRUCT_OPS, LINK = 3, 26, 1 << 13  # map types, and BPF_F_LINK
KFUNC_REFUSED = (b"is not allowed", b"not supported", b"invalid kernel function", b"cannot call", b"reserved fields")
KFUNC_UNCLEAR = (b"requires a program with an associated arena", b"pointer type UNKNOWN", b"device-bound")
LOG_STATS, LOG_SIZE = 4, 4096  # BPF_LOG_STATS: errors without a line for each instruction


def insn(order: str, op: int, dst: int = 0, src: int = 0, off: int = 0, imm: int = 0) -> bytes:
    """One instruction in the byte order ``order``; the register nibbles are swapped on big endian."""
    registers = dst | src << 4 if order == "<" else dst << 4 | src
    return struct.pack(order + "BBhi", op, registers, off, imm)


def bitmap(bits: Iterable[bool]) -> str:
    """Bits as hex, the first one lowest."""
    value = sum(1 << at for at, bit in enumerate(bits) if bit)
    return value.to_bytes((value.bit_length() + 7) // 8 or 1, "little").hex()


class Kernel:
    """The bpf() system call."""

    def __init__(self, number: int) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.number = number
        self.order = "<" if sys.byteorder == "little" else ">"
        self.licence = ctypes.create_string_buffer(b"GPL")
        self.log = ctypes.create_string_buffer(LOG_SIZE)
        self.exit = insn(self.order, 0x95)
        self.zero = insn(self.order, 0xB7) + self.exit  # return 0
        self.tried = 0

    def call(self, command: int, attr: bytes) -> int:
        """A file descriptor, or a negative errno. A transient failure (a signal, memory) is tried again."""
        buffer = ctypes.create_string_buffer(attr, len(attr))
        for _ in range(3):
            self.tried += 1
            fd: int = self.libc.syscall(self.number, command, buffer, len(attr))
            if fd >= 0 or ctypes.get_errno() != errno.EAGAIN:
                break
        return fd if fd >= 0 else -ctypes.get_errno()

    def load(self, caller: list[int], code: bytes) -> int:
        """Load a program and let it go again: 0, or a negative errno with the verifier's words in ``log``.

        ``caller`` is [program type, expected attach type, attach BTF id, flags].
        """
        fd = self.program(caller, code)
        if fd >= 0:
            os.close(fd)
        return min(fd, 0)

    def program(self, caller: list[int], code: bytes) -> int:
        """The file descriptor of a loaded program, else as ``load``."""
        kind, attach_type, btf_id, flags = caller
        self.log[0] = b"\0"
        code_at = ctypes.create_string_buffer(code, len(code))
        attr = struct.pack(
            "=IIQQIIQII16sIIIIQIIQII", kind, len(code) // 8, ctypes.addressof(code_at), ctypes.addressof(self.licence),
            LOG_STATS, LOG_SIZE, ctypes.addressof(self.log), 0, flags, b"", 0, attach_type, 0, 0, 0, 0, 0, 0, 0, btf_id,
        )  # fmt: skip
        return self.call(PROG_LOAD, attr)

    def types(self, plan: Plan) -> int:
        """The file descriptor of a BTF blob, which some maps ask for, whatever is in it."""
        blob = bytes.fromhex(plan["map_btf"])
        held = ctypes.create_string_buffer(blob, len(blob))
        return self.call(BTF_LOAD, struct.pack("=QQIII", ctypes.addressof(held), 0, len(blob), 0, 0))

    def said(self, *words: bytes) -> bool:
        """Whether the verifier used one of these words for the last program."""
        text = self.log.value
        return any(word in text for word in words)


def helpers(kernel: Kernel, plan: Plan, wire: Wire) -> None:
    """Which helpers each caller may call."""
    last = plan["last_helper"]
    for name, caller in plan["callers"]:
        if kernel.load(caller, kernel.zero) == -errno.EINVAL and not kernel.log.value:
            wire.send("fact", k="caller_refused", n=name, v="")
            continue
        bits = []
        for number in range(1, last + 1):
            rc = kernel.load(caller, insn(kernel.order, 0x85, imm=number) + kernel.exit)
            refused = kernel.said(b"unknown func", b"invalid func", b"cannot use helper", b"helper call is not allowed")
            bits.append(rc == 0 or (not refused and bool(kernel.log.value)))
        wire.send("fact", k="helpers", n=name, v=bitmap(bits))


def kfuncs(kernel: Kernel, plan: Plan, wire: Wire) -> None:
    """Which kfuncs of vmlinux each caller may call.

    The verifier looks at a kfunc's parameters before it asks who calls; of those that fail there nothing is known.
    """
    unclear = [False] * len(plan["kfuncs"])
    for name, caller in plan["callers"]:
        bits = []
        for at, btf_id in enumerate(plan["kfuncs"]):
            rc = kernel.load(caller, insn(kernel.order, 0x85, src=2, imm=btf_id) + kernel.exit)
            bits.append(rc == 0 or (bool(kernel.log.value) and not kernel.said(*KFUNC_REFUSED)))
            unclear[at] = unclear[at] or kernel.said(*KFUNC_UNCLEAR)
        wire.send("fact", k="kfuncs", n=name, v=bitmap(bits))
    wire.send("fact", k="kfuncs_unclear", n="", v=bitmap(unclear))


def hooks(kernel: Kernel, plan: Plan, wire: Wire) -> None:
    """Which LSM hooks a program may attach to, and where it may sleep."""
    kind, attach_type, sleepable = plan["lsm"]
    for word, flags in (("lsm", 0), ("lsm_sleepable", sleepable)):
        bits = [kernel.load([kind, attach_type, btf_id, flags], kernel.zero) == 0 for btf_id in plan["hooks"]]
        for at in range(0, len(bits), 1024):
            wire.send("fact", k=word, n=str(at), v=bitmap(bits[at : at + 1024]))


def null_arguments(kernel: Kernel, plan: Plan, wire: Wire) -> None:
    """Which arguments of each tracepoint the verifier takes for maybe NULL: reading through one says so."""
    kind, attach_type = plan["tracing"]
    for name, btf_id, places in plan["tracepoints"]:
        bits = [False] * 12
        for place in places:
            code = insn(kernel.order, 0x79, 1, 1, 8 * place) + insn(kernel.order, 0x71, 2, 1) + kernel.zero
            rc = kernel.load([kind, attach_type, btf_id, 0], code)
            bits[place] = rc != 0 and kernel.said(b"or_null_")
        if any(bits):
            wire.send("fact", k="null", n=name, v=bitmap(bits))
    wire.send("fact", k="null_asked", n="", v=str(len(plan["tracepoints"])))


def instructions(kernel: Kernel, plan: Plan, wire: Wire) -> None:
    """Which instructions and constructs load in a plain program, each by its name."""
    for name, code in plan["instructions"]:
        rc = kernel.load([1, 0, 0, 0], bytes.fromhex(code))
        wire.send("fact", k="instruction", n=name, v=str(rc))


def attach_types(kernel: Kernel, plan: Plan, wire: Wire) -> None:
    """Which expected attach types each program type takes when it is loaded."""
    for name, kind in plan["types"]:
        bits = [
            kernel.load([kind, attach_type, 0, 0], kernel.zero) == 0 or bool(kernel.log.value)
            for attach_type in range(plan["last_attach_type"] + 1)
        ]
        wire.send("fact", k="attach_types", n=name, v=bitmap(bits))


def members(kernel: Kernel, plan: Plan, wire: Wire) -> None:
    """Which members of each struct_ops type a program may implement, and which of their arguments may be NULL."""
    for name, btf_id, places, arguments in plan["struct_ops"]:
        bits = []
        for place in places:
            rc = kernel.load([plan["struct_ops_type"], place, btf_id, 0], kernel.zero)
            bits.append(rc == 0 or not kernel.said(b"unsupported member", b"is not supported", b"not found"))
        wire.send("fact", k="struct_ops", n=name, v=bitmap(bits))
        for place in arguments:
            null = [False] * 12
            for argument in arguments[place]:
                code = insn(kernel.order, 0x79, 1, 1, 8 * argument) + insn(kernel.order, 0x71, 2, 1) + kernel.zero
                rc = kernel.load([plan["struct_ops_type"], int(place), btf_id, 0], code)
                null[argument] = rc != 0 and kernel.said(b"or_null_")
            if any(null):
                wire.send("fact", k="ops_null", n=f"{name} {place}", v=bitmap(null))


def tables(kernel: Kernel, plan: Plan, wire: Wire) -> None:
    """Which members a table of each struct_ops type cannot be without: each is left out of a full one in turn.

    Tables are made to be attached by a link, so that what the kernel checks is the table and nothing is switched to it.
    """
    btf = kernel.types(plan)
    for name, btf_id, value_type, size, members, texts in plan["tables"]:
        attr = struct.pack("=6I", STRUCT_OPS, 4, size, 1, LINK, 0)
        attr += struct.pack("=I16s6I", 0, b"", 0, max(btf, 0), 0, 0, value_type, 0)
        filled = []
        for place, at in members:
            fd = kernel.program([plan["struct_ops_type"], place, btf_id, 0], kernel.zero)
            if fd >= 0:
                filled.append((at, fd))
        if filled and _table(kernel, attr, size, texts, filled) == 0:
            needed = [
                any(at == one for one, _ in filled)
                and _table(kernel, attr, size, texts, [row for row in filled if row[0] != at]) != 0
                for _, at in members
            ]
            wire.send("fact", k="ops_needed", n=name, v=bitmap(needed))
        for _, fd in filled:
            os.close(fd)


def _table(kernel: Kernel, attr: bytes, size: int, texts: list[int], filled: list[tuple[int, int]]) -> int:
    """Make a struct_ops map of one table with programs at some bytes: 0, or a negative errno."""
    fd = kernel.call(MAP_CREATE, attr)
    if fd < 0:
        return fd
    key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(size)
    for at in texts:
        struct.pack_into("=7s", value, at, b"kfprobe")
    for at, program in filled:
        struct.pack_into("=q", value, at, program)
    places = ctypes.addressof(key), ctypes.addressof(value)
    rc = kernel.call(MAP_UPDATE, struct.pack("=IIQQQ", fd, 0, *places, 0))
    os.close(fd)
    return rc


def tail_calls(kernel: Kernel, plan: Plan, wire: Wire) -> None:
    """Whether a program may have both subprograms and tail calls (R-12.2). In a subprogram they need BTF of it."""
    array = kernel.call(MAP_CREATE, struct.pack("=5I", PROG_ARRAY, 4, 4, 1, 0))
    order = kernel.order
    code = insn(order, 0xBF, 6, 1) + insn(order, 0x85, src=1, imm=7) + insn(order, 0xBF, 1, 6)
    code += insn(order, 0x18, 2, 1, imm=array) + bytes(8) + insn(order, 0xB7, 3) + insn(order, 0x85, imm=12)
    code += kernel.zero + kernel.zero  # the second is the subprogram
    rc = kernel.load([1, 0, 0, 0], code) if array >= 0 else array
    wire.send("fact", k="instruction", n="tail_call_beside_subprogram", v=str(rc))


def maps(kernel: Kernel, plan: Plan, wire: Wire) -> None:
    """Which map types can be created, and with which single flags."""
    inner = kernel.call(MAP_CREATE, struct.pack("=5I", 2, 4, 4, 1, 0))
    btf = kernel.types(plan)
    for name, kind, key, value, entries, flags, types in plan["maps"]:
        fixed = (kind, key, value, entries)

        def create(all_flags: int) -> int:
            fd = kernel.call(
                MAP_CREATE,
                struct.pack("=6I", *fixed, all_flags, inner if "inner" in types else 0)  # noqa: B023
                + struct.pack("=I16sIIIIII", 0, b"", 0, *((btf, 1, 1) if "btf" in types else (0, 0, 0)), 0, 0),  # noqa: B023
            )
            if fd >= 0:
                os.close(fd)
            return min(fd, 0)

        rc = create(flags)
        bits = [rc == 0 and create(flags | 1 << bit) == 0 for bit in range(plan["map_flags"])]
        wire.send("fact", k="map", n=name, v=f"{rc} {bitmap(bits)}")


STEPS: tuple[Callable[[Kernel, Plan, Wire], None], ...] = (
    instructions, tail_calls, maps, attach_types, members, tables, hooks, helpers, kfuncs, null_arguments,
)  # fmt: skip


def probe(wire: Wire, plan: Plan) -> None:
    """Ask everything; each step in turn, and one that fails is reported while the others go on."""
    wire.send("ready", libbpf="")
    kernel = Kernel(plan["bpf"])
    for step in STEPS:
        try:
            step(kernel, plan, wire)
        except BaseException as error:
            wire.send("fact", k="failed", n=step.__name__, v=described(error))
    wire.send("fact", k="tried", n="", v=str(kernel.tried))


if __name__ == "__main__" and os.getpid() == 1:
    main(probe)
