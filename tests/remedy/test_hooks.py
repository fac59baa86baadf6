# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Hooks that pass an address for a value, that no trampoline reaches, and copies that the compiler made."""

from __future__ import annotations

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Finding
from kfuncscope.remedy import remedies
from kfuncscope.resources import sample
from support.bpfwriter import ObjectBuilder, exit_, ldx, mov
from support.corpus import opened
from support.kernels import CONFIG, KernelBuilder, compared
from support.snippets import compiler


def kernel(name: str) -> Kernel:
    return opened(sample("kernels", name))


def finding(section: str, old: Kernel, new: Kernel, rule: str, reads: int = 0) -> Finding:
    """The one finding by a rule of a program that reads so many bytes into its context."""
    body = [ldx(8, 2, 1, reads), mov(0, 0), exit_()]
    (program,) = compared(ObjectBuilder().program(section, "prog", body), old, new).programs
    (one,) = [f for f in program.findings if f.verdict in remedies.ASKS and rule in f.rules]
    return one


def timer(release: str, address: bool) -> Kernel:
    kb = KernelBuilder(release)
    kb.tracepoint(
        "expire",
        [("timer", kb.btf.ptr(kb.btf.struct("timer", []))), ("now", kb.btf.ptr(kb.u64) if address else kb.u64)],
    )
    return kb.kernel()


@pytest.mark.parametrize("later", [True, False])
def test_a_value_and_its_address_are_the_same_argument(later: bool) -> None:
    made = finding("tp_btf/expire", timer("6.12", not later), timer("7.3", later), "R-7.10", 8).remedy
    assert made is not None and "no longer passed" not in made.text + made.code
    reading, plain = made.code.split('SEC("?tp_btf/expire")')[1:][:: -1 if later else 1]
    assert (
        "bpf_probe_read_kernel(&now_value, sizeof(now_value), now);" in reading
        and "prog_body(ctx, now_value)" in reading
    )
    assert "read_kernel" not in plain and "prog_body(ctx, now)" in plain


def many(release: str) -> Kernel:
    """A function of 7 arguments, which trampolines of later kernels pass."""
    kb = KernelBuilder(release)
    kb.hook("takes", [(f"a{i}", kb.u64) for i in range(7)])
    return kb.kernel()


@pytest.mark.parametrize(("section", "probe"), [("fentry/takes", "kprobe"), ("fexit/takes", "kretprobe")])
def test_a_hook_that_no_trampoline_reaches_is_there(section: str, probe: str) -> None:
    made = finding(section, many("7.3"), many("6.1"), "R-7.10").remedy
    assert made is not None and not made.loader and "No hook is known" not in made.text
    assert f'SEC("{probe}/takes")' in made.text and "bpf_program__set_autoload()" in made.text


def copied(*symbols: str) -> Kernel:
    kb = KernelBuilder("7.3")
    kb.hook("vfs_look", [("mode", kb.u64), ("size", kb.u64)])
    return kb.kernel(symbols=symbols)


TYPED = "int BPF_KPROBE(prog_copy_1, unsigned long mode, unsigned long size)\n"


@pytest.mark.parametrize(
    ("section", "head"),
    [("fentry/vfs_look", TYPED), ("kprobe/vfs_look", "int prog_copy_1(struct pt_regs *ctx)\n")],
)
def test_a_probe_on_a_copy_names_its_arguments(section: str, head: str) -> None:
    """The body of a program with a trampoline uses names that struct pt_regs does not have."""
    old, new = copied("vfs_look"), copied("vfs_look", "vfs_look.isra.0")
    made = finding(section, old, new, "R-12.16", 8).remedy
    assert made is not None and head in made.code
    assert ("BPF_CORE_READ()" in made.code) == section.startswith("fentry")
    assert compiler(kernel("7.3-x86_64")).program(made.code) == ""


@pytest.mark.parametrize("traced", [True, False])
def test_a_function_of_which_only_a_copy_is_left(traced: bool) -> None:
    """A second program for the copy, which the loader switches on where the function is gone; not where no probe
    attaches to the copy either."""
    name = "sched_clock"  # notrace in the sources, which only matters where probes keep to what ftrace patches
    sides = []
    for symbol, anywhere in ((name, True), (f"{name}.part.0", traced)):
        kb = KernelBuilder("7.3")
        kb.hook(name)
        keeps = {"DYNAMIC_FTRACE": "y", "KPROBE_EVENTS_ON_NOTRACE": "y" if anywhere else "n"}
        sides.append(kb.kernel(config={**CONFIG, **keeps}, symbols=[symbol]))
    one = finding(f"kprobe/{name}", sides[0], sides[1], "R-7.9")
    assert one.remedy is not None
    assert (f'SEC("?kprobe/{name}.part.0")\nint prog_new(' in one.remedy.code) == traced
    assert f'has_symbol("{name}")' in one.remedy.loader and ('"prog_new"' in one.remedy.loader) == traced
    assert (f"The compiler left {name}.part.0 of {name}" in one.remedy.text) == traced
    if traced:
        assert compiler(kernel("7.3-x86_64")).program(one.remedy.code) == ""
