# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What holds for all programs and kernels: own types change nothing, additions never break, twins agree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kfuncscope.bpf.object import read_object
from kfuncscope.errors import InputError
from kfuncscope.kernel.config import parse_config
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.kernel.symbols import Symbols
from kfuncscope.model.verdict import Verdict
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.relocate import Matcher, relocate
from kfuncscope.rules.judge import judge
from support.bpfwriter import (
    FIELD_BYTE_OFFSET,
    FIELD_BYTE_SIZE,
    FIELD_EXISTS,
    FIELD_LSHIFT,
    FIELD_RSHIFT,
    FIELD_SIGNED,
    TYPE_EXISTS,
    TYPE_ID_TARGET,
    TYPE_MATCHES,
    TYPE_SIZE,
    ObjectBuilder,
    call,
    core,
    exit_,
    jmp,
    kfunc,
    ld_sym,
    ldx,
    line,
    mov,
)
from support.btfwriter import BtfWriter
from support.corecases import Case, local_value
from support.kernels import KernelBuilder, compared, judged

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
END = [mov(0, 0), exit_()]
KINDS = ("u8", "u16", "u32", "u64", "s32", "ptr", "array", "struct", "enum")
FIELD_KINDS = (FIELD_BYTE_OFFSET, FIELD_BYTE_SIZE, FIELD_EXISTS, FIELD_SIGNED, FIELD_LSHIFT, FIELD_RSHIFT)
NAMES = tuple("abcdefgh")


def typed(w: BtfWriter, kind: str) -> int:
    """A type by a word, made once."""
    if kind[0] in "us":
        sizes = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "s32": 4}
        if kind in sizes:
            return w.once("int_", kind, sizes[kind], signed=kind[0] == "s")
    if kind == "ptr":
        return w.once("ptr", 0)
    if kind == "array":
        return w.once("array", typed(w, "u32"), 3)
    if kind == "struct":
        return w.once("struct", "inner", [("x", typed(w, "u64")), ("y", typed(w, "u16"))])
    return w.once("enum", "state", {"ON": 1, "OFF": 0})


@dataclass(frozen=True)
class Shape:
    """A struct of a program: (name, kind) of its members, which it asks about, and what else it does."""

    members: tuple[tuple[str, str], ...]
    asked: tuple[tuple[int, int], ...]
    kfunc: bool
    weak: bool
    slot: int

    def object(self, endian: str = "<") -> ObjectBuilder:
        """The object: a tracing program that reads an argument, asks for fields and calls a kfunc."""
        case = Case(endian)
        ob = case.builder
        root = ob.btf.struct("task", [(n, typed(ob.btf, k)) for n, k in self.members])
        for index, kind in self.asked:
            case.ask(root, f"0:{index % len(self.members)}", kind, 0)
        blob = ob.btf.blob()
        code: list[Any] = [ldx(8, 6, 1, 8 * self.slot)]
        code += [core(mov(2, local_value(blob, r)), r.root, r.access, r.kind) for r in case.records]
        if self.kfunc:
            ob.extern_func("bpf_thing", ob.btf.proto(ob.s32, [("x", ob.s32)]), weak=self.weak)
            guard = [ld_sym(2, "bpf_thing"), line(jmp("==", 2, 0, "out"), 5, "if")] if self.weak else []
            code += [*guard, mov(1, 0), kfunc("bpf_thing"), "out:"]
        return ob.program("fentry/hook", "prog", [*code, call(5), *END])


@cache
def fixed_enums() -> None:
    """Warm the knowledge tables, so that the first example is not slow."""
    KernelBuilder("7.3").kernel()


def kernel_of(
    shape: Shape,
    *,
    endian: str = "<",
    first: tuple[tuple[str, str], ...] = (),
    last: tuple[tuple[str, str], ...] = (),
    more: bool = False,
    has: bool = True,
    release: str = "7.3",
) -> Kernel:
    """A kernel with the types of a shape, more members before and behind them, and other things."""
    kb = KernelBuilder(release, "x86_64" if endian == "<" else "s390x")
    rows = (*first, *shape.members, *last)
    kb.btf.struct("task", [(n, typed(kb.btf, k)) for n, k in rows])
    kb.hook("hook", [(f"arg{i}", kb.s32) for i in range(3)])
    kb.btf.kfunc("bpf_other", 0)
    if has:
        kb.btf.kfunc("bpf_thing", kb.s32, [("x", kb.s32)])
    if more:
        kb.hook("another_hook", [("x", kb.u64)])
        kb.btf.kfunc("bpf_another", kb.s32)
        kb.btf.struct("another", [("task", kb.s32)])
        kb.tracepoint("another")
        kb.lsm("another")
        kb.ops("another_ops", [("cb", kb.callback())])
    return kb.kernel()


shapes = st.builds(
    Shape,
    members=st.lists(st.sampled_from(KINDS), min_size=1, max_size=8).map(
        lambda kinds: tuple(zip(NAMES, kinds, strict=False))
    ),
    asked=st.lists(st.tuples(st.integers(0, 7), st.sampled_from(FIELD_KINDS)), max_size=6).map(tuple),
    kfunc=st.booleans(),
    weak=st.booleans(),
    slot=st.integers(0, 2),
)
extra = st.lists(st.sampled_from(KINDS), max_size=3).map(
    lambda kinds: tuple((f"new{i}", k) for i, k in enumerate(kinds))
)


@QUICK
@given(shapes)
def test_relocation_against_its_own_types_changes_nothing(shape: Shape) -> None:
    """R-3.5: every record finds its own value."""
    obj = read_object(shape.object().build(), "t")
    assert obj.btf is not None
    function = obj.programs[0].function
    matcher = Matcher(obj.btf, [obj.btf], Case().kernels.kernel(modules={}).modules)
    for index, position in function.core.items():
        reloc = relocate(matcher, function.relos[position][1], function.insns[index], None)
        assert (reloc.outcome, reloc.new) == ("patched", reloc.old)


@QUICK
@given(shapes, st.sampled_from([TYPE_EXISTS, TYPE_SIZE, TYPE_MATCHES, TYPE_ID_TARGET]))
def test_types_match_themselves(shape: Shape, kind: int) -> None:
    """R-3.9, R-3.10: compatibility and matching are reflexive."""
    w = BtfWriter()
    root = w.struct("task", [(n, typed(w, k)) for n, k in shape.members])
    blob = w.blob()
    from kfuncscope.btf.ext import CoreRelo

    found = Matcher(blob, [blob], Case().kernels.kernel(modules={}).modules).find(CoreRelo(0, root, "0", kind))
    assert found.new is not None
    assert found.new.value == (root if kind == TYPE_ID_TARGET else found.old.value)


@QUICK
@given(shapes, extra, extra)
def test_additions_never_break(
    shape: Shape, first: tuple[tuple[str, str], ...], last: tuple[tuple[str, str], ...]
) -> None:
    """More members anywhere, more kfuncs, hooks and types: nothing breaks, lies or degrades."""
    fixed_enums()
    last = tuple((n.replace("new", "late"), k) for n, k in last)
    old, new = kernel_of(shape), kernel_of(shape, first=first, last=last, more=True)
    verdict = compared(shape.object(), old, new)
    assert verdict.verdict == Verdict.OK, verdict.programs[0].findings


@QUICK
@given(shapes, st.booleans())
def test_what_is_not_needed_changes_no_verdict(shape: Shape, has: bool) -> None:
    """The same outcome with and without things that the program does not name."""
    fixed_enums()
    ob = shape.object()
    seen = []
    for more in (False, True):
        found = judged(ob, kernel_of(shape, has=has, more=more))
        seen.append([(p.loads, p.attaches, [x.message for x in p.problems], len(p.guarded)) for p in found.programs])
    assert seen[0] == seen[1]


@QUICK
@given(shapes, extra, st.booleans())
def test_byte_order_twins_agree(shape: Shape, first: tuple[tuple[str, str], ...], has: bool) -> None:
    """The same program and kernel in both byte orders: the same outcome, and the same values but for bit shifts."""
    fixed_enums()
    seen = []
    for endian in ("<", ">"):
        obj = read_object(shape.object(endian).build(), "t")
        kernel = kernel_of(shape, endian=endian, first=first, has=has)
        found = judge(obj, kernel)
        function = obj.programs[0].function
        relocs = Context(obj, kernel).relocs(function)
        values = [
            (r.outcome, r.new)
            for i, r in sorted(relocs.items())
            if function.relos[function.core[i]][1].kind != FIELD_LSHIFT
        ]
        seen.append((found.programs[0].loads, found.programs[0].attaches, found.loads, values))
    assert seen[0] == seen[1]


@QUICK
@given(shapes, st.booleans(), st.booleans())
def test_upgrades_mirror_each_other(shape: Shape, one: bool, other: bool) -> None:
    """What BREAKS one way is FIXED the other way; against itself nothing happens."""
    fixed_enums()
    kernels = kernel_of(shape, has=one), kernel_of(shape, has=other)
    there, back = (compared(shape.object(), *pair).programs[0].verdict for pair in (kernels, kernels[::-1]))
    mirror = {Verdict.BREAKS: Verdict.FIXED, Verdict.FIXED: Verdict.BREAKS, Verdict.DEGRADES: Verdict.OK}
    assert back == mirror.get(there, back)
    if one == other:
        assert there in (Verdict.OK, Verdict.ALREADY_BROKEN)


@cache
def _sample() -> tuple[bytes, Kernel]:
    shape = Shape(
        (("a", "u32"), ("b", "struct"), ("c", "array")), ((0, FIELD_BYTE_OFFSET), (1, FIELD_EXISTS)), True, True, 1
    )
    ob = shape.object()
    ob.map("m", type=1, key=ob.s32, value=ob.s32, max_entries=1)
    ob.variable(".rodata", "ro", bytes(8)).subprogram("sub", END)
    ops = ob.btf.struct("my_ops", [("cb", ob.btf.ptr(ob.btf.proto(ob.s32)))])
    ob.struct_ops("table", ops, 8, {0: "ops_prog"}).program("struct_ops/cb", "ops_prog", END)
    return ob.build(), kernel_of(shape)


def _read_or_refuse(data: bytes) -> None:
    try:
        obj = read_object(data, "hostile.bpf.o")
        judge(obj, _sample()[1])
        found = judge(obj, _sample()[1])
        assert len(found.programs) == len(obj.programs)
    except InputError as error:
        assert error.reason


@settings(max_examples=250, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=6), st.integers(0, 1 << 16)
)
def test_damaged_objects_are_read_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    """A result, or one InputError: never another exception."""
    data = bytearray(_sample()[0])
    for at, value in changes:
        data[at % len(data)] = value
    _read_or_refuse(bytes(data))
    _read_or_refuse(bytes(data[: cut % len(data)]))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_other_readers_answer_or_refuse(data: bytes) -> None:
    """Configs, symbols and objects of any bytes."""
    for reader in (
        parse_config,
        Symbols,
        lambda raw: read_object(raw, "x"),
        lambda raw: read_object(b"\x7fELF" + raw, "x"),
    ):
        try:
            reader(data)
        except InputError as error:
            assert error.reason
