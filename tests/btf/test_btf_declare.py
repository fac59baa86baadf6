# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Types and functions as the C that a kernel developer would write."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kfuncscope.btf.blob import Member
from kfuncscope.btf.declare import declare, members_flat, prototype, type_text
from kfuncscope.btf.layout import Kind
from support.btfwriter import BOOL, CHAR, EXTERN, STATIC, BtfWriter


class Types(BtfWriter):
    """A writer with the types that most cases use."""

    def __init__(self, endian: str = "<") -> None:
        super().__init__(endian)
        self.i = self.int_("int", 4, signed=True)
        self.ch = self.int_("char", 1, encoding=CHAR)
        self.u64 = self.typedef("u64", self.int_("long long unsigned int", 8))
        self.task = self.struct("task_struct", [("pid", self.i)])
        self.fn = self.proto(self.i, [("", self.ptr(self.task)), ("", self.u64)])


@pytest.mark.parametrize(
    ("make", "named", "bare"),
    [
        (lambda t: t.i, "int x", "int"),
        (lambda t: 0, "void x", "void"),
        (lambda t: t.ptr(), "void *x", "void *"),
        (lambda t: t.task, "struct task_struct x", "struct task_struct"),
        (lambda t: t.ptr(t.ptr(t.task)), "struct task_struct **x", "struct task_struct **"),
        (lambda t: t.ptr(t.const(t.task)), "const struct task_struct *x", "const struct task_struct *"),
        (lambda t: t.const(t.ptr(t.task)), "struct task_struct *const x", "struct task_struct *const"),
        (lambda t: t.const(t.ptr(t.const(t.ch))), "const char *const x", "const char *const"),
        (lambda t: t.ptr(t.const(t.ptr(t.ch))), "char *const *x", "char *const *"),
        (lambda t: t.const(t.volatile(t.i)), "const volatile int x", "const volatile int"),
        (lambda t: t.const(t.volatile(t.ptr(t.i))), "int *volatile const x", "int *volatile const"),
        (lambda t: t.restrict(t.ptr(t.ch)), "char *restrict x", "char *restrict"),
        (lambda t: t.array(t.i, 4), "int x[4]", "int[4]"),
        (lambda t: t.array(t.i, 0), "int x[]", "int[]"),
        (lambda t: t.array(t.array(t.i, 3), 2), "int x[2][3]", "int[2][3]"),
        (lambda t: t.ptr(t.array(t.i, 4)), "int (*x)[4]", "int (*)[4]"),
        (lambda t: t.array(t.ptr(t.ch), 4), "char *x[4]", "char *[4]"),
        (lambda t: t.const(t.array(t.i, 4)), "const int x[4]", "const int[4]"),
        (lambda t: t.const(t.array(t.ptr(t.ch), 4)), "char *const x[4]", "char *const[4]"),
        (lambda t: t.ptr(t.fn), "int (*x)(struct task_struct *, u64)", "int (*)(struct task_struct *, u64)"),
        (lambda t: t.fn, "int x(struct task_struct *, u64)", "int(struct task_struct *, u64)"),
        (lambda t: t.array(t.ptr(t.fn), 2), "int (*x[2])(struct task_struct *, u64)", None),
        (lambda t: t.ptr(t.ptr(t.fn)), "int (**x)(struct task_struct *, u64)", None),
        (lambda t: t.const(t.ptr(t.fn)), "int (*const x)(struct task_struct *, u64)", None),
        (lambda t: t.ptr(t.const(t.fn)), "int (*x)(struct task_struct *, u64)", None),
        (lambda t: t.ptr(t.proto(0)), "void (*x)(void)", None),
        (lambda t: t.ptr(t.proto(t.ptr(), [], variadic=True)), "void *(*x)(...)", None),
        (lambda t: t.ptr(t.proto(t.i, [("fmt", t.ptr(t.ch))], variadic=True)), "int (*x)(char *fmt, ...)", None),
        # a function that returns a pointer to a function: signal(2)
        (lambda t: t.proto(t.ptr(t.proto(0, [("", t.i)])), [("sig", t.i)]), "void (*x(int sig))(int)", None),
        (lambda t: t.ptr(t.proto(t.ptr(t.array(t.i, 3)))), "int (*(*x)(void))[3]", None),
        (lambda t: t.fwd("page"), "struct page x", "struct page"),
        (lambda t: t.fwd("u", union=True), "union u x", "union u"),
        (lambda t: t.enum("e", {"A": 1}), "enum e x", "enum e"),
        (lambda t: t.enum64("e", {"A": 1}), "enum e x", "enum e"),
        (lambda t: t.float_("double", 8), "double x", "double"),
        (lambda t: t.int_("long unsigned int", 8), "unsigned long x", "unsigned long"),
        (lambda t: t.int_("short unsigned int", 2), "unsigned short x", "unsigned short"),
        (lambda t: t.int_("__int128 unsigned", 16), "unsigned __int128 x", "unsigned __int128"),
        (lambda t: t.int_("_Bool", 1, encoding=BOOL), "_Bool x", "_Bool"),
        (lambda t: t.ptr(t.type_tag("rcu", t.task)), "struct task_struct __rcu *x", "struct task_struct __rcu *"),
        (lambda t: t.ptr(t.const(t.type_tag("user", t.ch))), "const char __user *x", "const char __user *"),
        (lambda t: t.type_tag("percpu", t.ptr(t.i)), "int *__percpu x", "int *__percpu"),
        (lambda t: t.ptr(t.type_tag("address_space(1)", 0, attribute=True)), "void __arena *x", "void __arena *"),
        (lambda t: t.ptr(t.type_tag("odd", t.i)), 'int __attribute__((btf_type_tag("odd"))) *x', None),
        (lambda t: t.type_tag("aligned(8)", t.i, attribute=True), "int __attribute__((aligned(8))) x", None),
        (lambda t: t.struct("", [("a", t.i), ("p", t.ptr(t.i))]), "struct { int a; int *p; } x", None),
        (lambda t: t.ptr(t.union("", [("a", t.i), ("b", t.u64)])), "union { int a; u64 b; } *x", None),
        (lambda t: t.struct("", []), "struct { } x", "struct { }"),
        (lambda t: t.enum("", {"A": 0, "B": -1}, signed=True), "enum { A = 0, B = -1, } x", None),
    ],
)
def test_declarators(make: Callable[[Types], int], named: str, bare: str | None) -> None:
    types = Types()
    type_id = make(types)
    blob = types.blob()
    for _ in range(2):  # the second time from what was kept
        assert type_text(blob, type_id, "x") == named
        assert bare is None or type_text(blob, type_id) == bare


def test_prototypes() -> None:
    t = Types()
    task = t.ptr(t.task)
    foo = t.func("bpf_foo", t.i, [("p", task), ("x", t.u64)])
    none = t.func("bpf_none")
    signal = t.func("signal", t.ptr(t.proto(0, [("", t.i)])), [("sig", t.i), ("fn", t.ptr(t.proto(0, [("", t.i)])))])
    printk = t.func("_printk", t.i, proto=t.proto(t.i, [("fmt", t.ptr(t.const(t.ch)))], variadic=True))
    blob = t.blob()
    assert prototype(blob, foo) == "int bpf_foo(struct task_struct *p, u64 x)"
    assert declare(blob, foo) == "int bpf_foo(struct task_struct *p, u64 x);"
    assert prototype(blob, none) == "void bpf_none(void)"
    assert prototype(blob, signal) == "void (*signal(int sig, void (*fn)(int)))(int)"
    assert prototype(blob, printk) == "int _printk(const char *fmt, ...)"


@pytest.mark.parametrize("endian", ["<", ">"])
def test_structs(endian: str) -> None:
    t = Types(endian)
    inner = t.union("", [("next", t.ptr(t.task)), ("bits", t.struct("", [("lo", t.i, 0, 3), ("hi", t.i, 3, 29)]))])
    outer = t.struct("outer", [("flags", t.u64), ("", inner), ("fn", t.ptr(t.fn)), ("tail", t.array(t.ch, 0))])
    blob = t.blob()
    assert declare(blob, outer) == (
        "struct outer {\n"
        "\tu64 flags;\n"
        "\tunion {\n"
        "\t\tstruct task_struct *next;\n"
        "\t\tstruct {\n"
        "\t\t\tint lo:3;\n"
        "\t\t\tint hi:29;\n"
        "\t\t} bits;\n"
        "\t};\n"
        "\tint (*fn)(struct task_struct *, u64);\n"
        "\tchar tail[];\n"
        "};"
    )
    assert declare(blob, outer, offsets=True) == (
        "struct outer {\n"
        "\tu64 flags; /* 0x0 */\n"
        "\tunion {\n"
        "\t\tstruct task_struct *next; /* 0x8 */\n"
        "\t\tstruct {\n"
        "\t\t\tint lo:3; /* 0x8:0 */\n"
        "\t\t\tint hi:29; /* 0x8:3 */\n"
        "\t\t} bits; /* 0x8 */\n"
        "\t}; /* 0x8 */\n"
        "\tint (*fn)(struct task_struct *, u64); /* 0x10 */\n"
        "\tchar tail[]; /* 0x18 */\n"
        "};"
    )


def test_what_is_pointed_to_has_its_own_places() -> None:
    t = Types()
    there = t.struct("", [("a", t.i), ("b", t.i)])
    s = t.struct("s", [("pad", t.u64), ("p", t.ptr(there))])
    text = declare(t.blob(), s, offsets=True)
    assert "\t\tint b; /* 0x4 */\n\t} *p; /* 0x8 */" in text


def test_arrays_of_no_elements_are_flexible_only_at_the_end_of_a_struct() -> None:
    t = Types()
    empty = t.array(t.ch, 0)
    s = t.struct("s", [("start", empty), ("n", t.i), ("data", empty)])
    only = t.struct("only", [("data", empty)])
    u = t.union("u", [("n", t.i), ("data", empty)])
    blob = t.blob()
    assert declare(blob, s) == "struct s {\n\tchar start[0];\n\tint n;\n\tchar data[];\n};"
    assert declare(blob, only) == "struct only {\n\tchar data[0];\n};"
    assert declare(blob, u) == "union u {\n\tint n;\n\tchar data[0];\n};"


def test_other_declarations() -> None:
    t = Types()
    anonymous = t.struct("", [("counter", t.i)])
    cases = {
        t.typedef("atomic_t", anonymous): "typedef struct {\n\tint counter;\n} atomic_t;",
        t.typedef("fn_t", t.ptr(t.fn)): "typedef int (*fn_t)(struct task_struct *, u64);",
        t.enum("e", {"A": 0, "B": 1 << 31}): "enum e {\n\tA = 0,\n\tB = 0x80000000,\n};",
        t.enum("tiny", {"C": -1}, 1, signed=True): "enum tiny {\n\tC = -1,\n} __packed;",
        t.enum64("w", {"D": 1 << 40}): "enum w {\n\tD = 0x10000000000,\n};",
        t.fwd("later"): "struct later;",
        t.var("jiffies", t.volatile(t.u64)): "volatile u64 jiffies;",
        t.var("local", t.i, STATIC): "static int local;",
        t.var("init_net", t.const(), EXTERN): "extern const void init_net;",
        t.i: "int; /* 4 bytes */",
        t.struct("empty", []): "struct empty {\n};",
        t.ptr(t.task): "struct task_struct *",
        t.decl_tag("bpf_kfunc", t.func("f", t.i)): '__attribute__((btf_decl_tag("bpf_kfunc"))) /* of f */',
        t.decl_tag("t", t.task, 0): '__attribute__((btf_decl_tag("t"))) /* of task_struct, pid */',
        t.decl_tag("aligned(8)", t.task, attribute=True): "__attribute__((aligned(8))) /* of task_struct */",
        0: "void",
    }
    section = t.datasec(".ksyms", [(t.func("g", t.i, linkage=EXTERN), 0, 0), (t.var("v", t.i, EXTERN), 4, 4)], 8)
    cases[section] = '/* section ".ksyms", 8 bytes */\nint g(void);\nextern int v;'
    blob = t.blob()
    assert {type_id: declare(blob, type_id) for type_id in cases} == cases


def test_unknown_kinds_say_their_number() -> None:
    w = BtfWriter(layout={20: (0, 0)})
    odd = w.raw(20, "")
    assert declare(w.blob(), odd) == "/* kind 20 */"


def test_split_types_print_with_their_base() -> None:
    base = Types()
    w = BtfWriter(base=base)
    function = w.func("f", base.i, [("p", w.ptr(base.task))])
    assert prototype(w.blob(), function) == "int f(struct task_struct *p)"


@pytest.mark.parametrize("endian", ["<", ">"])
def test_members_through_anonymous_structs(endian: str) -> None:
    t = Types(endian)
    named = t.struct("named", [("n", t.i)])
    deep = t.struct("", [("x", t.i, 0), ("b", t.i, 32, 5)], 8)
    either = t.union("", [("", deep), ("u", t.u64)])
    s = t.struct("s", [("a", t.u64), ("", t.const(either)), ("k", named), ("", t.i, 192, 7), ("z", t.i, 224)])
    assert members_flat(t.blob(), s) == (
        Member("a", t.u64, 0, 0),
        Member("x", t.i, 64, 0),
        Member("b", t.i, 96, 5),
        Member("u", t.u64, 64, 0),
        Member("k", named, 128, 0),
        Member("z", t.i, 224, 0),
    )
    blob = t.blob()
    assert members_flat(blob, s) is members_flat(blob, s)
    assert members_flat(blob, t.i) == ()
    assert blob.kind(s) == Kind.STRUCT
