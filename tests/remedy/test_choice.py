# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which of two programs the loader's C switches on: the old one wherever its hook is, though what replaces the hook may
be there too. The C is run with libbpf on the types and symbols of either kernel."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Finding
from kfuncscope.remedy import remedies
from support.applied import run_loader
from support.bpfwriter import ObjectBuilder, exit_, ldx, mov
from support.btfwriter import BtfWriter
from support.kernels import CONFIG, KernelBuilder, compared
from support.snippets import compiler

END = [mov(0, 0), exit_()]
OLD, NEW = ["prog"], ["later"]


def kernel(release: str, kind: str, names: Iterable[str], symbols: Iterable[str] | None = None) -> Kernel:
    """A kernel that has hooks of a kind; ``symbols`` are those of its functions, all of them where none are given."""
    kb = KernelBuilder(release)
    names = list(names)
    for name in names:
        {"tracepoint": kb.tracepoint, "lsm": kb.lsm}.get(kind, kb.hook)(name, [("a", kb.u64)])
    return kb.kernel(symbols=names if symbols is None else symbols)


def finding(ob: ObjectBuilder, old: Kernel, new: Kernel) -> Finding:
    """What the program ``prog`` fails for."""
    (program,) = [p for p in compared(ob, old, new).programs if p.program == "prog"]
    return next(f for f in program.findings if f.verdict in remedies.ASKS and f.remedy is not None)


def chosen(loader: str, sections: tuple[str, str], on: Kernel) -> list[str]:
    """Which programs of a pair the loader's C leaves on for a kernel; ``later`` is the one on the new hook."""
    second = "later" if '"later"' in loader else "prog_new"
    data = ObjectBuilder().program(sections[0], "prog", END).program(sections[1], second, END).build()
    got = run_loader(loader, data, compiler(on), on)
    assert got is not None and got.answer == 0
    return ["later" if name == second else name for name, there in got.programs.items() if there]


ROWS = [
    ("kprobe/", "function", "__fdget", "fdget", ("6.1", "6.12")),
    ("kretprobe/", "function", "__fdget", "fdget", ("6.1", "6.12")),
    ("kprobe.multi/", "function", "__fdget", "fdget", ("6.1", "6.12")),
    ("fentry/", "function", "__fdget", "fdget", ("6.1", "6.12")),
    ("tp_btf/", "tracepoint", "dma_map_page", "dma_map_phys", ("6.17", "6.18")),
    ("raw_tp/", "tracepoint", "dma_map_page", "dma_map_phys", ("6.17", "6.18")),
    ("tp/dma/", "tracepoint", "dma_map_page", "dma_map_phys", ("6.17", "6.18")),
    ("lsm/", "lsm", "inode_getsecid", "inode_getlsmprop", ("6.12", "6.16")),
]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("served", [True, False])
def test_the_old_program_is_on_wherever_its_hook_is(
    row: tuple[str, str, str, str, tuple[str, str]], both: bool, served: bool
) -> None:
    """Whether the old kernel has the new hook as well or not, and whether the object has the second program or not."""
    section, kind, was, now, releases = row
    old = kernel(releases[0], kind, [was, now] if both else [was])
    new = kernel(releases[1], kind, [now])
    ob = ObjectBuilder().program(section + was, "prog", END)
    if served:
        ob.program(section + now, "later", END)
    made = finding(ob, old, new).remedy
    assert made is not None and made.candidates[0].name.endswith(now)
    assert ('"later"' in made.loader) == served and ('"prog_new"' in made.loader) != served
    assert (f"load later in place of prog where the kernel lacks {was}, with" in made.text) == served
    for side, expected in ((old, OLD), (new, NEW)):
        assert chosen(made.loader, (section + was, section + now), side) == expected
    # A kernel in between, which has both
    if not both:
        assert chosen(made.loader, (section + was, section + now), kernel(releases[0], kind, [was, now])) == OLD


@pytest.mark.parametrize("both", [True, False])
def test_a_copy_may_stand_beside_its_function(both: bool) -> None:
    """The name is in the BTF of both kernels, and only the old one has a symbol of it."""
    name, copy = "vfs_look", "vfs_look.part.0"
    old = kernel("7.3", "function", [name], [name, copy] if both else [name])
    new = kernel("7.3", "function", [name], [copy])
    made = finding(ObjectBuilder().program(f"kprobe/{name}", "prog", END), old, new).remedy
    assert made is not None and f'SEC("?kprobe/{copy}")\nint prog_new(' in made.code
    assert chosen(made.loader, (f"kprobe/{name}", f"kprobe/{copy}"), old) == OLD
    assert chosen(made.loader, (f"kprobe/{name}", f"kprobe/{copy}"), new) == NEW


@pytest.mark.parametrize("section", ["fentry/", "kprobe/"])
def test_a_function_that_only_its_symbol_tells_apart(section: str) -> None:
    """BTF has it on both kernels, and so is the tracepoint that it fires, for which the object has a program."""
    name, event, sides = "blk_account_io_done", "block_io_done", []
    for symbols in ([name], [f"{name}.part.0"]):
        kb = KernelBuilder("6.12")
        kb.hook(name, [("a", kb.u64)])
        kb.tracepoint(event, [("a", kb.u64)])
        sides.append(kb.kernel(symbols=symbols, config={**CONFIG, "KPROBE_EVENTS_ON_NOTRACE": "y"}))
    ob = ObjectBuilder().program(section + name, "prog", END).program(f"tp_btf/{event}", "later", END)
    made = finding(ob, *sides).remedy
    assert made is not None and "of prog where the kernel lacks " in made.text
    assert ("lacks a symbol of" in made.text) == (section == "fentry/")
    for side, expected in zip(sides, (OLD, NEW), strict=True):
        assert chosen(made.loader, (section + name, f"tp_btf/{event}"), side) == expected


@pytest.mark.parametrize("inside", [True, False])
def test_a_hook_of_a_module_is_asked_for_by_its_symbol(inside: bool) -> None:
    """The BTF of vmlinux, at which the loader looks, has no function of a module."""
    sides = []
    for release, name in (("6.1", "__fdget"), ("6.12", "fdget")):
        kb = KernelBuilder(release)
        kb.hook("read", [("a", kb.u64)])
        there = inside and name == "__fdget"
        if not there:
            kb.hook(name, [("a", kb.u64)])
        kb.build()
        module = BtfWriter(kb.btf.endian, base=kb.btf)
        module.func(name if there else "of_a_module", kb.s32, [("a", kb.u64)])
        sides.append(kb.kernel(symbols=[name], modules={"memory": module}))
    ob = ObjectBuilder().program("fentry/__fdget", "prog", END).program("fentry/fdget", "later", END)
    made = finding(ob, *sides).remedy
    assert made is not None and ('has_symbol("__fdget")' in made.loader) == inside
    for side, expected in zip(sides, (OLD, NEW), strict=True):
        assert chosen(made.loader, ("fentry/__fdget", "fentry/fdget"), side) == expected


@pytest.mark.parametrize(("section", "name"), [("ksyscall/look", "__x64_sys_look"), ("iter/looks", "bpf_iter_looks")])
def test_a_hook_that_has_another_name_in_the_kernel(section: str, name: str) -> None:
    """A program that is left out where its hook is gone stays on where it is."""
    sides = []
    for release, names in (("6.12", [name, "__x64_sys_read"]), ("7.3", ["__x64_sys_read"])):
        kb = KernelBuilder(release)
        kb.btf.struct("bpf_iter__looks", [("a", kb.u64)])
        for one in names:
            kb.hook(one, [("a", kb.u64)])
        sides.append(kb.kernel(symbols=names))
    old, new = sides
    made = finding(ObjectBuilder().program(section, "prog", END), old, new).remedy
    assert made is not None and made.loader
    data = ObjectBuilder().program(section, "prog", END).build()
    for side, expected in ((old, True), (new, False)):
        got = run_loader(made.loader, data, compiler(side), side)
        assert got is not None and got.programs == {"prog": expected}


def test_a_tracepoint_that_passes_less_than_is_read_is_no_tracepoint_that_is_gone() -> None:
    """The loader looks at how many arguments there are, not at whether the tracepoint is there."""
    sides = []
    for release, count in (("6.12", 3), ("7.3", 2)):
        kb = KernelBuilder(release)
        arguments = [(f"a{i}", kb.u64) for i in range(count)]
        kb.tracepoint("look", arguments)
        kb.hook("__traceiter_look", [("__data", kb.btf.ptr(0)), *arguments])
        sides.append(kb.kernel())
    made = finding(ObjectBuilder().program("raw_tp/look", "prog", [ldx(8, 2, 1, 16), *END]), *sides).remedy
    assert made is not None and "No replacement" not in made.text and "a2 is no longer passed" in made.text
    for side, expected in zip(sides, (OLD, NEW), strict=True):
        assert chosen(made.loader, ("raw_tp/look", "raw_tp/look"), side) == expected
