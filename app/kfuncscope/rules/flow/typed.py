# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Typed values of a program on one kernel: arguments of its hook, what they point to, and how each is used.

The verifier knows the type of each argument of fentry, tp_btf, LSM and struct_ops programs, of what kfuncs and some
helpers return, and of the pointers that are read through these (R-12.4, R-12.6). Nobody checks what kprobes read
through their registers, and the same walk tells what is really found there (R-12.5). Where two paths disagree about a
value nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from kfuncscope.bpf.instructions import ALU64, CALL, LDX, Insn
from kfuncscope.bpf.object import BpfObject, Function
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import type_text
from kfuncscope.btf.layout import Kind
from kfuncscope.rules.core.spec import ReloKind
from kfuncscope.rules.flow.arith import Value
from kfuncscope.rules.flow.reachability import SIZES, Environment, Reachable, State
from kfuncscope.rules.flow.walk import Walked, walk

PROBE_READS = frozenset({4, 113})  # bpf_probe_read, bpf_probe_read_kernel: (where to, bytes, from where)
ADD, MOV = 0x00, 0xB0
SHIFTS = frozenset({0x60, 0x70, 0xC0})
EQUAL, UNEQUAL = 0x10, 0x50  # jumps by comparison with an immediate


RETURNED = "what {}() returns"  # the origin of such a value in words
_RETURNED = RETURNED.partition("{")[0]
ADDRESS = "the address that {}() returns"  # of one whose type the verifier does not know
_ADDRESS = ADDRESS.partition("{")[0]


class Pointed(NamedTuple):
    """A typed pointer at the start of an argument or a returned value: module and struct; ``origin`` in words."""

    module: str
    struct: int
    origin: str


class Scalar(NamedTuple):
    """An argument, or a member of a record, that is not a pointer on this kernel. ``text`` is its declaration, ``enum``
    its type if it is one, ``size`` that of a read which takes all of it.
    """

    origin: str
    text: str
    module: str = ""
    enum: int = 0
    size: int = 8


Arg = Pointed | Scalar | None


class Held(NamedTuple):
    """Type of the member where a read falls, and place and size of the read in the object. No type where it falls
    beside all members, or beyond the end of one."""

    type: int
    offset: int
    size: int


class Use(NamedTuple):
    """How a typed value is used. ``kind``: ``deref`` and ``read`` of a scalar (directly, by a helper), ``fault`` of a
    read through a typed pointer, ``root``: the type that a relocated access names (``detail``) and the one it meets,
    ``compare``: an enumerator (of type ``struct``) with a number (``detail``), ``member``: a read at a fixed offset,
    whose member is ``detail`` and ``held``."""

    kind: str
    function: Function
    at: int
    origin: str
    detail: str
    struct: int = 0
    module: str = ""
    held: Held | None = None


class Typing(NamedTuple):
    """What a kernel knows: arguments by offset in the context, and blobs by module."""

    args: Mapping[int, Arg]
    returns: Callable[[str | int], Arg]  # of kfuncs, by the extern's name, and of helpers, by number
    blob: Callable[[str], Blob | None]
    offset: Callable[[Function, int], int | None]  # the offset that CO-RE gives an instruction
    root: Callable[[Function, int], tuple[str, int] | None]  # (name of a record's root type, kind of the record)
    checked: bool  # the verifier checks what is read through arguments; of what is returned it checks it always
    free_unions: bool = False  # numbers in unions may be read past their end


class TypedReach(Reachable):
    """Values: ("btf", module, struct, origin, fixed, offset), ("num", origin, module, enum, text), ("core", root,
    offset).

    What ends in a text is not changed by arithmetic: a number stays one, wherever it is moved. ("int", origin, text) is
    one that was read through a typed pointer, and may be an address to helpers. ``fixed``: no record of CO-RE has moved
    the pointer within its object.
    """

    def __init__(self, obj: BpfObject, entry: Function, env: Environment, typing: Typing) -> None:
        self.typing = typing
        self.uses: dict[tuple[str, int, int, str], Use] = {}
        super().__init__(obj, entry, env)

    def _enter(self, function: Function, state: State) -> None:
        if not self._entries and not self.reached:
            state.regs[1] = ("ctx", "ctx", 0)
        super()._enter(function, state)

    def _note(
        self, kind: str, function: Function, at: int, origin: str, detail: str, struct: int = 0, module: str = ""
    ) -> None:
        key = (function.section, function.start, at, kind)
        self.uses[key] = Use(kind, function, at, origin, detail, struct, module)

    def _meets(self, function: Function, at: int, origin: str, root: str, struct: int, module: str) -> None:
        """The struct that a relocated access names and the one that it meets; a mere address has none."""
        if not origin.startswith(_ADDRESS):
            self._note("root", function, at, origin, root, struct, module)

    def _found(self, function: Function, at: int, pointer: tuple[object, ...], found: Walked, held: Held) -> None:
        """A read at a fixed offset and the member that it finds."""
        _, module, struct, origin, fixed, _ = pointer
        assert isinstance(module, str) and isinstance(struct, int)
        if fixed and at not in function.core:
            key = (function.section, function.start, at, "member")
            self.uses[key] = Use("member", function, at, str(origin), found.path, struct, module, held)

    # -- values

    def _loaded(self, function: Function, at: int, insn: Insn, state: State) -> Value:
        pointer = state.regs[insn.src]
        if not isinstance(pointer, tuple) or pointer[0] not in ("ctx", "btf", "num", "int", "core"):
            return super()._loaded(function, at, insn, state)
        size = SIZES[insn.op & 0x18]
        moved = self.typing.offset(function, at) if at in function.core else insn.off
        if pointer[0] in ("num", "int"):
            self._note("deref", function, at, str(pointer[1]), str(pointer[-1]))
            return None
        if moved is None or not isinstance(pointer[-1], int) or pointer[0] == "core":
            return None
        offset = pointer[-1] + moved
        if pointer[0] == "ctx":
            return self._argument(offset, size)
        self._named(function, at, pointer)
        return self._behind(function, at, pointer, offset, size, self._checks(str(pointer[3])))

    def _checks(self, origin: str) -> bool:
        """Whether the verifier checks what is read through a pointer."""
        return origin.startswith(_RETURNED) or (self.typing.checked and not origin.startswith(_ADDRESS))

    def _argument(self, offset: int, size: int) -> Value:
        arg = self.typing.args.get(offset)
        return _value(arg) if size == (arg.size if isinstance(arg, Scalar) else 8) else None

    def _behind(
        self, function: Function, at: int, pointer: tuple[object, ...], offset: int, size: int, checked: bool
    ) -> Value:
        """What a read through a typed pointer finds: another typed pointer, or a number."""
        _, module, struct, origin, _, _ = pointer
        assert isinstance(module, str) and isinstance(struct, int) and isinstance(origin, str)
        blob = self.typing.blob(module)
        if blob is None:
            return None
        found = walk(blob, struct, offset, size, free_unions=self.typing.free_unions)
        if found.fault:
            if checked:
                self._note("fault", function, at, origin, found.fault, struct, module)
            else:
                self._found(function, at, pointer, found, Held(0, offset, size))
            return None
        self._found(function, at, pointer, found, Held(found.type, offset, size))
        name = f"{origin}->{found.member}"
        if found.enum:
            return ("num", name, module, found.enum, name)
        if checked and size == 8 == blob.size(found.type) and blob.kind(blob.skip(found.type)) == Kind.INT:
            return ("int", name, type_text(blob, found.type, found.member))
        return ("btf", module, found.pointer, name, True, 0) if found.pointer and size == 8 else None

    def _named(self, function: Function, at: int, pointer: tuple[object, ...]) -> None:
        """The type that a relocated access names beside the one that it meets, at the start of an object."""
        told = self.typing.root(function, at) if at in function.core else None
        if told is not None and told[1] == ReloKind.BYTE_OFF and pointer[-1] == 0:
            _, module, struct, origin, _, _ = pointer
            assert isinstance(module, str) and isinstance(struct, int) and isinstance(origin, str)
            self._meets(function, at, origin, told[0], struct, module)

    def _alu(self, function: Function, at: int, insn: Insn, state: State) -> None:
        regs, op = state.regs, insn.op
        if (number := _number(regs[insn.src if op & 8 else insn.dst])) is not None and _keeps(insn):
            regs[insn.dst] = number
            return
        # Most instructions neither have a record nor add what one left in a register.
        records = op & 0xF0 == ADD if op & 8 else at in function.core
        if records and op & 7 == ALU64 and op & 0xF0 in (ADD, MOV) and self._by_record(function, at, insn, state):
            return
        super()._alu(function, at, insn, state)
        moved = regs[insn.dst]
        if at in function.core and isinstance(moved, tuple) and moved[0] == "btf":
            regs[insn.dst] = (*moved[:4], False, moved[-1])
        left = _number(moved)
        if left is not None:  # still a number, and no enumerator any more
            regs[insn.dst] = (*left[:3], 0, left[-1])

    def _by_record(self, function: Function, at: int, insn: Insn, state: State) -> bool:
        """A move of a relocated offset into a register, or its addition to a pointer; False for anything else."""
        regs, moves = state.regs, insn.op & 0xF0 == MOV
        if insn.op & 8:
            sides = () if moves else ((regs[insn.dst], regs[insn.src]), (regs[insn.src], regs[insn.dst]))
            for pointer, amount in sides:
                if isinstance(amount, tuple) and amount[0] == "core":
                    regs[insn.dst] = self._added(function, at, pointer, amount)
                    return True
            return False
        told = self.typing.root(function, at) if at in function.core else None
        if told is None or told[1] != ReloKind.BYTE_OFF:
            return False
        by = self.typing.offset(function, at)
        known = None if by is None else ("core", told[0], by)
        regs[insn.dst] = known if moves or known is None else self._added(function, at, regs[insn.dst], known)
        return True

    def _added(self, function: Function, at: int, pointer: Value, amount: tuple[object, ...]) -> Value:
        """A pointer moved to a member by CO-RE."""
        _, root, by = amount
        assert isinstance(root, str) and isinstance(by, int)
        if not isinstance(pointer, tuple) or pointer[0] not in ("btf", "num"):
            return None
        if pointer[0] == "num":
            return pointer
        module, struct, origin, _, offset = pointer[1:]
        assert isinstance(module, str) and isinstance(struct, int) and isinstance(offset, int)
        if offset == 0:
            self._meets(function, at, str(origin), root, struct, module)
        return ("btf", module, struct, str(origin), False, offset + by)

    def _call(self, function: Function, at: int, insn: Insn, state: State) -> None:
        ref, result, slot = function.refs.get(at), None, None
        if insn.op == CALL and ref is not None and ref.kind == "kfunc":
            result = _value(self.typing.returns(ref.name))
        elif insn.op == CALL and insn.src == 0 and ref is None:
            if insn.imm in PROBE_READS:
                slot = self._probed(function, at, state.regs[1:4])
            result = _value(self.typing.returns(insn.imm))
        super()._call(function, at, insn, state)
        state.regs[0] = result
        if slot is not None:
            state.stack[slot[0], 8] = slot[1]

    def _probed(self, function: Function, at: int, args: Sequence[Value]) -> tuple[int, Value] | None:
        """A read by helper: of a number, or of a member; (stack slot, value) where a typed pointer is read to it."""
        to, size, source = args
        if not isinstance(source, tuple):
            return None
        if source[0] == "num":
            self._note("read", function, at, str(source[1]), str(source[-1]))
        if source[0] != "btf" or not isinstance(size, int) or size <= 0 or not isinstance(source[-1], int):
            return None
        found = self._behind(function, at, source, source[-1], size, False)  # helpers read whatever address they get
        if (
            size == 8
            and isinstance(to, tuple)
            and to[0] == "fp"
            and isinstance(to[1], int)
            and isinstance(found, tuple)
        ):
            return to[1], found
        return None

    def _branch(
        self, function: Function, at: int, insn: Insn, state: State, taken: dict[int, set[int]]
    ) -> list[tuple[int, State]]:
        """Typed values may be NULL or not: no test of them is folded."""
        known = state.regs[insn.dst]
        if not isinstance(known, tuple) or known[0] not in ("btf", "num", "int", "core"):
            return super()._branch(function, at, insn, state, taken)
        if known[0] == "num" and known[3] and insn.op & 0xF8 in (EQUAL, UNEQUAL) and at not in function.core:
            assert isinstance(known[2], str) and isinstance(known[3], int)
            self._note("compare", function, at, str(known[-1]), str(insn.imm), known[3], known[2])
        taken.setdefault(at, set()).update((at + 1, at + 1 + insn.off))
        return [(at + 1 + insn.off, state.copy()), (at + 1, state)]


def _keeps(insn: Insn) -> bool:
    """Instructions that only widen or narrow 32 bits: moves between registers, and shifts there and back."""
    code = insn.op & 0xF0
    if insn.op & 8:
        return code == MOV and not insn.off
    return code in SHIFTS and insn.imm == 32


def _number(value: Value) -> tuple[object, ...] | None:
    return value if isinstance(value, tuple) and value[0] == "num" else None


def _value(arg: Arg) -> Value:
    if isinstance(arg, Pointed):
        return ("btf", arg.module, arg.struct, arg.origin, True, 0)
    if isinstance(arg, Scalar):
        return ("num", arg.origin, arg.module, arg.enum, arg.text)
    return None


def has_loads(functions: Sequence[Function]) -> bool:
    """Whether any instruction loads from memory at all: no argument is used otherwise."""
    return any(insn.op & 7 == LDX for f in functions for insn in f.insns)
