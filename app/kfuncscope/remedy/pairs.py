# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two programs with one body, of which the loader switches on the one that fits (R-7.x)."""

from __future__ import annotations

from kfuncscope.bpf.object import Program
from kfuncscope.remedy.arguments import Shared, used_slots
from kfuncscope.remedy.ctext import comment, name, named, series, snippet, target, word
from kfuncscope.remedy.subject import Subject
from kfuncscope.rules.hooks.attach import KPROBE, KPROBE_MULTI

BODY = "/* the body of {} */"


def slots_read(subject: Subject, program: Program) -> list[int]:
    """Which arguments the program reads; those of a function that returned are gone."""
    return [] if program.section.kind.startswith("kret") else used_slots(subject.new, program)


def plain_pair(subject: Subject, program: Program, new_target: str) -> str:
    """Programs that are given the same context on both hooks. Raises NoCodeError."""
    called = name(program.name)
    head = f"static __always_inline int {word(called, 'body')}(void *ctx)"
    parts = [body_of(program, head)]
    for suffix, hook in (("", program.section.target), ("_new", new_target)):
        section = f'SEC("?{program.section.kind}/{target(hook)}")'
        parts.append(f"{section}\nint {called}{suffix}(void *ctx)\n{{\n\treturn {called}_body(ctx);\n}}")
    return snippet(which_hooks(subject, program, new_target), *parts)


def which_hooks(subject: Subject, program: Program, new_target: str) -> str:
    """A comment: which hook is of which kernel."""
    old, new = series(subject.old.kernel), series(subject.new.kernel)
    if new_target == program.section.target:
        return comment(f"{program.section.target} passes other arguments in {new} than in {old}.")
    return comment(f"{program.section.target} in {old}, {new_target} in {new}.")


def body_of(program: Program, head: str) -> str:
    """A function in which the program's own code is to stand."""
    return f"{head}\n{{\n\t{BODY.format(name(program.name))}\n\treturn 0;\n}}"


def programs(subject: Subject, program: Program, made: Shared, new_target: str) -> str:
    """Programs that take the arguments of their kernel and hand what both have to one body. Raises NoCodeError."""
    called, section = name(program.name), program.section
    listed = ", ".join(["void *ctx", *(text for _, text in made.params)])
    parts = ["\n".join(made.lines), which_hooks(subject, program, new_target)]
    parts.append(body_of(program, f"static __always_inline int {called}_body({listed})"))
    macro = "BPF_PROG"
    if section.kind in KPROBE | KPROBE_MULTI:
        macro = "BPF_KRETPROBE" if section.kind.startswith("kret") else "BPF_KPROBE"
    for suffix, side, hook in (("", made.old, section.target), ("_new", made.new, new_target)):
        value = ", ".join(["ctx", *side.values])
        lost = [n for n in made.lost if suffix]
        note = f"\t{comment(named(lost) + ' no longer passed')}\n" if lost else ""
        before = "\n".join(side.before) + "\n" if side.before else ""
        where = f"{section.kind}/{target(hook)}" if section.target else section.kind
        body = f"{before}{note}\treturn {called}_body({value});"
        result = "int"
        parts.append(
            f'SEC("?{where}")\n{result} {macro}({", ".join([f"{called}{suffix}", *side.listed])})\n{{\n{body}\n}}'
        )
    return snippet(*parts)
