# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Hooks in modules, clones beside a name, and fields whose type changed kind (R-12.13, R-12.16, R-12.17)."""

from __future__ import annotations

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.kernel.binary.listed import Listed
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import About, Finding, NeedKind, Tri, Verdict
from kfuncscope.remedy.pairs import clone_remedy
from kfuncscope.remedy.remedies import remedied
from kfuncscope.remedy.subject import Subject
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.judge import judge
from support.bpfwriter import FIELD_BYTE_OFFSET, ObjectBuilder, alu, core, exit_, mov
from support.btfwriter import BtfWriter
from support.kernels import CONFIG, KernelBuilder, compared, only

END = [mov(0, 0), exit_()]


def hooked(section: str) -> ObjectBuilder:
    return ObjectBuilder().program(section, "prog", END)


def kernel(*, option: str | None = "m", module: str = "other", symbols: bool = True) -> Kernel:
    """A kernel without ``ext4_*``; CONFIG_EXT4_FS is ``option``, and one module was given."""
    kb = KernelBuilder("7.3")
    kb.hook("vfs_read")
    inner = BtfWriter(base=kb.btf)
    inner.int_("of_a_module", 4)
    config = {**CONFIG, **({"EXT4_FS": option} if option else {})}
    return kb.kernel(config=config, symbols=["vfs_read"] if symbols else None, modules={module: inner})


@pytest.mark.parametrize(
    ("name", "given", "answer"),
    [
        ("ext4_file_open", {}, Tri.UNKNOWN), ("ext4_file_open", {"symbols": False}, Tri.UNKNOWN),
        ("__ext4_journal_start", {}, Tri.UNKNOWN), ("ext4_file_open", {"option": "y"}, Tri.NO),
        ("ext4_file_open", {"option": None}, Tri.NO), ("ext4_file_open", {"module": "ext4"}, Tri.NO),
        ("ext5_file_open", {}, Tri.NO), ("vfs_gone", {}, Tri.NO),
    ],
)  # fmt: skip
def test_r_12_13_a_function_of_a_module_that_was_not_given(name: str, given: dict[str, str], answer: Tri) -> None:
    """The config tells that the module is built as one; given and without the function, it is gone."""
    probe, traced = only(hooked(f"kprobe/{name}"), kernel(**given)), only(hooked(f"fentry/{name}"), kernel(**given))  # type: ignore[arg-type]
    assert (probe.loads, probe.attaches, traced.loads) == (Tri.YES, answer, answer)
    if answer == Tri.UNKNOWN:
        for found in (probe, traced):
            assert found.first is not None and "R-12.13" in found.first.rules
            assert "module ext4" in found.first.message


# -- clones


def listed(*symbols: str) -> Kernel:
    kb = KernelBuilder("7.3")
    kb.hook("f")
    return kb.kernel(symbols=symbols or None)


@pytest.mark.parametrize(
    ("section", "old", "new", "verdict"),
    [
        ("kprobe/f", listed("f"), listed("f", "t f.constprop.0"), Verdict.RISK),
        ("fentry/f", listed("f"), listed("f", "t f.isra.0"), Verdict.RISK),
        ("kretprobe/f", listed("f"), listed("f", "t f.part.12"), Verdict.RISK),
        ("kprobe/f", listed("f"), listed("f", "t f.cold"), Verdict.OK),
        ("kprobe/f", listed("f"), listed("f", "t g.isra.0"), Verdict.OK),
        ("kprobe/f", listed("f", "t f.isra.0"), listed("f", "t f.constprop.0"), Verdict.OK),
        ("kprobe/f", listed(), listed("f", "t f.constprop.0"), Verdict.OK),
        ("kprobe/f", listed("f"), listed("t f.constprop.0"), Verdict.BREAKS),
    ],
)  # fmt: skip
def test_r_12_16_clones_beside_the_plain_name(section: str, old: Kernel, new: Kernel, verdict: Verdict) -> None:
    """Attaching works and misses calls; cold parts are no clones; what the old kernel had too is no change."""
    found = compared(hooked(section), old, new).programs[0]
    assert found.verdict == verdict
    assert any("R-12.16" in f.rules for f in found.findings) == (verdict == Verdict.RISK)


def patched(*names: str, symbols: tuple[str, ...], **options: str) -> Kernel:
    """A kernel with these symbols, in whose image ftrace can patch the functions ``names``."""
    kb = KernelBuilder("7.3")
    kb.hook("f")
    made = kb.kernel(symbols=symbols, config={**CONFIG, **options})
    made.__dict__["listed"] = Listed(traceable=frozenset(names))
    return made


CLONE = "f.constprop.0"
BOTH = ("f", f"t {CLONE}")


@pytest.mark.parametrize(
    ("section", "names", "attaches"),
    [
        (f"kprobe/{CLONE}", ("f", CLONE), Tri.YES), (f"kprobe/{CLONE}", (CLONE,), Tri.YES),
        (f"kprobe/{CLONE}", ("f",), Tri.YES), (f"kretprobe/{CLONE}", ("f",), Tri.YES),
        (f"kprobe/{CLONE}", (), Tri.NO), (f"kretprobe/{CLONE}", (), Tri.NO), ("kprobe/f", (CLONE,), Tri.NO),
        (f"kprobe.multi/{CLONE}", (CLONE,), Tri.YES), (f"kprobe.multi/{CLONE}", ("f",), Tri.NO),
        ("kprobe.multi/f*", ("f",), Tri.YES), ("kprobe.multi/f*", (CLONE,), Tri.YES),
        ("kprobe.multi/f*", ("g",), Tri.NO),
    ],
)  # fmt: skip
def test_r_12_16_what_a_clone_takes(section: str, names: tuple[str, ...], attaches: Tri) -> None:
    """A kprobe asks for the clone or the plain function to be patched by ftrace, kprobe.multi for the clone itself."""
    assert only(hooked(section), patched(*names, symbols=BOTH)).attaches == attaches


def test_r_12_16_kprobes_on_what_ftrace_cannot_patch_where_the_kernel_is_built_for_it() -> None:
    lenient = patched("g", symbols=BOTH, KPROBE_EVENTS_ON_NOTRACE="y")
    assert only(hooked(f"kprobe/{CLONE}"), lenient).attaches == Tri.YES
    assert only(hooked(f"kprobe.multi/{CLONE}"), lenient).attaches == Tri.NO


def test_r_12_16_the_clone_of_an_inline_function() -> None:
    """Without an image the sources tell: inline functions are not traced, and neither are their clones."""
    name = "blk_account_io_start"
    kb = KernelBuilder("7.3")
    kb.hook("vfs_read")
    k = kb.kernel(symbols=[f"t {name}.isra.0", "t vfs_read.isra.0"])
    assert only(hooked(f"kprobe/{name}.isra.0"), k).attaches == Tri.NO
    assert only(hooked("kprobe/vfs_read.isra.0"), k).attaches == Tri.YES


@pytest.mark.parametrize(
    ("names", "risk", "code"),
    [(("f", CLONE), True, True), (("f",), True, True), ((CLONE,), False, False), (("g",), False, False)],
)
def test_r_12_16_no_calls_are_missed_where_nothing_attaches(names: tuple[str, ...], risk: bool, code: bool) -> None:
    """A function that cannot be probed on either kernel has no calls to miss; a remedy offers what can be probed."""
    old, new = patched(*names, symbols=("f",)), patched(*names, symbols=BOTH)
    ob = hooked("kprobe/f")
    found = [f for f in compared(ob, old, new).programs[0].findings if "R-12.16" in f.rules]
    assert bool(found) == risk
    for one in found:
        obj = read_object(ob.build(), "o.bpf.o")
        before, after = judge(obj, old), judge(obj, new)
        remedies = [f.remedy for f in remedied(compare(before, after, "", ""), before, after).programs[0].findings]
        assert any(r is not None and f"kprobe/{CLONE}" in r.code for r in remedies) == code, one


def test_r_12_16_a_clone_that_no_probe_attaches_to() -> None:
    """Where ftrace patches neither it nor the plain function, there is nothing to paste."""
    obj = read_object(hooked("kprobe/f").build(), "o.bpf.o")
    finding = Finding(NeedKind.HOOK, "f", Verdict.RISK, "", ("R-12.16",), about=About(symbols=(CLONE,)))
    for names, offered in ((("f",), True), (("g",), False)):
        new = judge(obj, patched(*names, symbols=BOTH)).context
        told = clone_remedy(Subject(new, new, obj.programs[0], (finding,)), finding)
        assert bool(told.code) == offered and ("EINVAL" in told.text) != offered


# -- types that changed kind


def struct_with(**members: str) -> Kernel:
    """``struct task`` with members of these types; ``inside`` puts them into an anonymous struct."""
    kb = KernelBuilder("7.3")
    short, state = kb.btf.int_("short", 2, signed=True), kb.btf.enum("state", {"A": 0})
    other = kb.btf.enum("other", {"B": 0})
    types = {
        "short": short, "enum": state, "other": other, "pointer": kb.btf.ptr(0), "array": kb.btf.array(short, 2),
        "enums": kb.btf.array(state, 2),
    }  # fmt: skip
    rows = [(name, types[word]) for name, word in members.items() if name != "inside"]
    if "inside" in members:
        rows.append(("", kb.btf.struct("", [(members["inside"], state)])))
    kb.btf.struct("task", rows)
    return kb.kernel()


def reading(word: str) -> ObjectBuilder:
    ob = ObjectBuilder()
    short, state = ob.btf.int_("short", 2, signed=True), ob.btf.enum("state", {"A": 0})
    of = {"short": short, "enum": state, "array": ob.btf.array(short, 2)}[word]
    task = ob.btf.struct("task", [("kind", of)])
    access = "0:0:0" if word == "array" else "0:0"
    return ob.program("xdp", "prog", [core(alu("+", 1, 0), task, access, FIELD_BYTE_OFFSET), *END])


@pytest.mark.parametrize(
    ("mine", "theirs", "told"),
    [
        ("short", {"kind": "enum"}, "`short kind` to `enum state kind`; CO-RE does not take an enum for an integer"),
        ("short", {"kind": "pointer"}, "CO-RE does not take a pointer for an integer"),
        ("enum", {"kind": "short"}, "CO-RE does not take an integer for an enum"),
        ("enum", {"kind": "other"}, "CO-RE does not take another for one enum"),
        ("array", {"kind": "short"}, "CO-RE does not take an integer for an array"),
        ("short", {"inside": "kind"}, "CO-RE does not take an enum for an integer"),
        ("short", {"other": "short"}, "does not exist in this kernel"),
    ],
)  # fmt: skip
def test_r_12_17_a_field_that_is_there_and_does_not_match(mine: str, theirs: dict[str, str], told: str) -> None:
    """The message names both types and the check that fails; a field that is gone is said to be gone."""
    (problem,) = only(reading(mine), struct_with(**theirs)).problems
    assert told in problem.message
    assert ("R-12.17" in problem.rules) == ("changed from" in problem.message) == ("exist" not in told)


def test_r_12_17_a_field_that_matches() -> None:
    assert only(reading("short"), struct_with(kind="short")).problems == []
