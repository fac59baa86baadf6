# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two programs with one body, of which the loader switches on the one that fits (R-7.x); probes on the copies that the
compiler made of a function (R-7.9, R-12.16)."""

from __future__ import annotations

from kfuncscope.bpf.object import Program
from kfuncscope.model.verdict import Finding, Remedy
from kfuncscope.remedy.arguments import MOST_REGISTERS, Shared, find_arguments, shared, used_slots
from kfuncscope.remedy.ctext import NoCodeError, comment, name, series, snippet, target, word
from kfuncscope.remedy.loader import chooser, has_symbol
from kfuncscope.remedy.subject import Subject
from kfuncscope.rules.hooks.attach import KPROBE, KPROBE_MULTI
from kfuncscope.rules.hooks.ctx_access import RETURN_SLOT
from kfuncscope.rules.hooks.traced import untraced

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
        note = f"\t{comment(made.missing)}\n" if suffix and made.missing else ""
        before = "\n".join(side.before) + "\n" if side.before else ""
        where = f"{section.kind}/{target(hook)}" if section.target else section.kind
        body = f"{before}{note}\treturn {called}_body({value});"
        result = "int"
        parts.append(
            f'SEC("?{where}")\n{result} {macro}({", ".join([f"{called}{suffix}", *side.listed])})\n{{\n{body}\n}}'
        )
    return snippet(*parts)


# -- copies


def copy_remedy(subject: Subject, program: Program, hook: str, copies: tuple[str, ...]) -> Remedy | None:
    """A probe on the copy that the compiler left of a function (R-7.9); None where none can be probed."""
    kernel, kind = subject.new.kernel, program.section.kind
    traced = [c for c in copies if untraced(kernel, kind, c) is None]
    if not traced or kind not in KPROBE | KPROBE_MULTI:
        return None
    one = traced[0]
    text = f"The compiler left {' and '.join(copies)} of {hook}: keep {program.name} for kernels with {hook}, add "
    text += f"{program.name}_new for {one}, and let the loader switch on the one that fits. A copy may be given other "
    text += "arguments; a .part copy runs only where what was inlined into the callers goes on to it."
    try:
        code = plain_pair(subject, program, one)
        needs, condition = has_symbol(hook)  # a copy may stand beside its function
        loads = chooser(program.name, f"{program.name}_new", condition, needs)
    except NoCodeError:
        return Remedy(text)
    return Remedy(text, code, caption=f"{program.name} on {hook} and on {one}", loader=loads)


def clone_remedy(subject: Subject, finding: Finding) -> Remedy:
    """Probes on the copies that the compiler made, of those that the new kernel lets be probed."""
    program, kernel = subject.program, subject.new.kernel
    kind = "kretprobe" if program is not None and program.section.kind.startswith("kret") else "kprobe"
    clones = [c for c in finding.about.symbols[:3] if untraced(kernel, kind, c) is None]
    if finding.about.symbols and not clones:
        return Remedy(f"No probe attaches to {', '.join(finding.about.symbols[:3])}: ftrace cannot patch these copies, "
                      "and kprobe events refuse them (EINVAL). Probe the functions that call them.")  # fmt: skip
    result = program is not None and program.section.attach_type in RETURN_SLOT
    probe = "kretprobe" if result or kind == "kretprobe" else "kprobe"
    text = f"Attach to {' and '.join(clones) or 'the copies'} as well, with a {probe}: the compiler may have given a "
    text += "copy other arguments than the function has."
    if any(kernel.traced(c) is None for c in clones):
        text += " Copies of functions declared inline are refused (EINVAL); available_filter_functions lists those "
        text += "that can be probed, and where a copy is not listed, probe the functions that call it."
    try:
        if program is None or not clones or result:
            raise NoCodeError(finding.name)
        lines, listed = _probed(subject, program)
        told = [comment(f"What {program.name} does, for the copies of {finding.name} in {series(kernel)}.")]
        if listed:
            told.append(comment("See in the code of a copy which arguments it is given; read through them with"))
            told.append(comment("BPF_CORE_READ(): the verifier lets no kprobe follow a pointer by itself."))
        parts = ["\n".join(lines), "\n".join(told)]
        for at, clone in enumerate(clones, 1):
            called = word(program.name, "copy", str(at))
            head = f"int BPF_KPROBE({', '.join([called, *listed])})" if listed else f"int {called}(struct pt_regs *ctx)"
            body = f"{{\n\t{BODY.format(name(program.name))}\n\treturn 0;\n}}"
            parts.append(f'SEC("?{kind}/{target(clone)}")\n{head}\n{body}')
        code = snippet(*parts)
    except NoCodeError:
        return Remedy(text)
    return Remedy(text, code, caption=f"Probes on the copies of {finding.name}")


def _probed(subject: Subject, program: Program) -> tuple[list[str], list[str]]:
    """Types, and the arguments that the program uses up to the last one, as BPF_KPROBE() declares them: none for a
    program that has the registers for its context already. Raises NoCodeError."""
    if program.section.kind in KPROBE | KPROBE_MULTI:
        return [], []
    found = find_arguments(subject.new, program) or find_arguments(subject.old, program)
    used = slots_read(subject, program)
    if found is None or max(used, default=0) >= MOST_REGISTERS:
        raise NoCodeError(program.name)
    made = shared(found, found, used, program, (subject.old.kernel, subject.new.kernel))
    return made.lines, made.old.listed
