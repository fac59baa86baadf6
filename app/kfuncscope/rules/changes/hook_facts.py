# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What differs about a hook beside its declaration: NULL arguments, who may be attached, symbols, clones, options.

Each with its source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kfuncscope.bpf.object import Program
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.rules.hooks import open_to
from kfuncscope.rules.hooks.attach import RAW_TP, TRACEPOINT
from kfuncscope.rules.hooks.hook import TRAMPOLINE, find_hook
from kfuncscope.rules.hooks.open_to import SYMBOLS, Answer

Fact = tuple[str, str, str]
_SHOWN = 3  # clones that are named
_WORD = {True: "yes", False: "no", None: "not known"}


def hook_facts(old: Kernel, new: Kernel, program: Program) -> tuple[Fact, ...]:
    """(label, old, new) of what both kernels say otherwise about the program's hook.

    R-7.7, R-7.9, R-7.11, R-7.12, R-11.7, R-12.16.
    """
    name = program.section.target.partition("+")[0]
    if program.section.attach_type == "TRACE_RAW_TP":
        return _nulls(old, new, name)
    if program.section.kind in RAW_TP | TRACEPOINT or program.section.prog_type in ("STRUCT_OPS", "EXT"):
        return ()
    called = f"bpf_lsm_{name}" if program.section.prog_type == "LSM" else name
    one, other = _symbol(old, called), _symbol(new, called)
    symbol = (("symbol", one, other),) if one != other and one and other else ()
    return (*_openness(old, new, program), *symbol)


def _openness(old: Kernel, new: Kernel, program: Program) -> tuple[Fact, ...]:
    """Who may be attached, where both kernels have the hook and only one lets in what the program is."""
    section, name = program.section, program.section.target
    lsm = section.prog_type == "LSM"
    asked: list[tuple[str, Callable[[Kernel, str], Answer]]] = []
    if lsm:
        asked.append(("open to BPF programs", open_to.lsm_to_programs))
    if section.sleepable and (lsm or section.attach_type in TRAMPOLINE):
        asked.append(("open to sleepable programs", open_to.lsm_to_sleepers if lsm else open_to.to_sleepers))
    elif section.attach_type == "MODIFY_RETURN":
        asked.append(("return value may be modified", open_to.to_overriding))
    if not asked or any(kernel.vmlinux is None or find_hook(kernel, program) is None for kernel in (old, new)):
        return ()
    made: list[Fact] = []
    for label, ask in asked:
        was, now = ask(old, name), ask(new, name)
        if was.yes is not now.yes:
            made.append((label, _said(was), _said(now)))
    return tuple(made)


def _said(answer: Answer) -> str:
    return f"{_WORD[answer.yes]}, according to {answer.source}"


def _nulls(old: Kernel, new: Kernel, name: str) -> tuple[Fact, ...]:
    """One line for each argument that only one of the kernels marks as maybe NULL."""
    sides = old.maybe_null(name), new.maybe_null(name)
    made: list[Fact] = []
    for at in sorted(sides[0].arguments ^ sides[1].arguments):
        one, other = (
            f"{'yes' if at in side.arguments else 'no'}, according to {side.source}" for side in sides
        )  # fmt: skip
        made.append((f"argument {at + 1} may be NULL", one, other))
    return tuple(made)


def _symbol(kernel: Kernel, name: str) -> str:
    """What the list of symbols says of a function, empty without one."""
    if kernel.symbols is None or set(name) & set("*?"):
        return ""
    clones = kernel.symbols.clones(name)
    there = kernel.symbols.is_function(name)
    if not there and not clones:
        return f"no symbol, according to {SYMBOLS}"
    shown = ", ".join(clones[:_SHOWN])
    parts = [name] if there else []
    return ", ".join([*parts, *([shown] if shown else [])]) + f", according to {SYMBOLS}"


def option_facts(old: Kernel, new: Kernel, options: Iterable[str]) -> tuple[Fact, ...]:
    """Options as both configurations have them, where these differ."""
    made: list[Fact] = []
    for option in options:
        one, other = (
            "" if k.config is None else f"{k.config.get(option, 'not set')}, according to the configuration"
            for k in (old, new)
        )  # fmt: skip
        if one != other:
            made.append((option, one or "not known", other or "not known"))
    return tuple(made)
