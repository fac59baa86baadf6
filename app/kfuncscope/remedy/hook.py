# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Hooks that are gone, renamed or pass other arguments: two programs with one body, chosen by the loader (R-7.x)."""

from __future__ import annotations

from kfuncscope.bpf.object import Program
from kfuncscope.knowledge.names import gone, renamed
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Candidate, Finding, Remedy
from kfuncscope.remedy.arguments import (
    Arguments,
    find_arguments,
    of_target,
    of_tracepoint,
    shared,
)
from kfuncscope.remedy.ctext import NoCodeError, comment, name, series, snippet, target
from kfuncscope.remedy.loader import chooser, has_hook, has_layout
from kfuncscope.remedy.pairs import BODY, body_of, copy_remedy, plain_pair, programs, slots_read
from kfuncscope.remedy.replacements.functions import Named, replaced
from kfuncscope.remedy.subject import Subject
from kfuncscope.rules.flow.ctx_args import Slot, type_class
from kfuncscope.rules.hooks.attach import RAW_TP, TRACEPOINT
from kfuncscope.rules.hooks.struct_ops import uses


def hook_kind(program: Program) -> str:
    """What kind of thing the program hangs on, in the words of the table of renames."""
    section = program.section
    if section.attach_type == "TRACE_RAW_TP" or section.kind in RAW_TP | TRACEPOINT:
        return "tracepoint"
    return "lsm" if section.prog_type == "LSM" else "function"


def gone_remedy(subject: Subject, finding: Finding) -> Remedy:
    """Another hook in its place; or, where none is known, a program that is left out where its hook is not."""
    program = subject.program
    if program is None:
        return Remedy("Leave the program out of kernels without its hook, with bpf_program__set_autoload().")
    system, slash, hook = program.section.target.partition("+")[0].rpartition("/")
    kind = hook_kind(program)
    found = replaced(kind, hook, subject.old.kernel, subject.new.kernel)
    rejected = finding.failure == Failure.ATTACH_TARGET_REJECTED
    if not found and kind == "function" and (instead := _tracepoint(subject, program, hook, rejected)) is not None:
        return instead
    if rejected:
        text = (
            f"The compiler left no symbol of {hook} by itself: attach to a tracepoint, or to a function that calls it; "
            f"switch {program.name} off where there is no symbol."
        )
        try:
            needs, condition = has_hook(subject.old.kernel, program, hook, by_symbol=True)
            loads = chooser(program.name, "", condition, needs)
        except NoCodeError:
            return Remedy(text)
        return Remedy(text, caption=f"Loads {program.name} only where {hook} has a symbol", loader=loads)
    shown = tuple(Candidate(f"{system}{slash}{n.name}", n.reason) for n in found)
    if not found and (left := copy_remedy(subject, program, hook, finding.about.symbols)) is not None:
        return left
    if not found:
        return _left_out(subject, program, hook, kind)
    one = found[0]
    if (other := _served(subject, program.section.kind, f"{system}{slash}{one.name}")) is not None:
        text = f"{one.name} replaces {hook} ({one.reason}), and {other.name} of this object attaches to it already: "
        return _instead(subject, program, other, f"{text}load {other.name} in place of {program.name} where", shown)
    text = f"{one.name} replaces {hook} ({one.reason}): keep {program.name} for kernels with {hook}, add "
    text += f"{program.name}_new for {one.name}, and let the loader switch on the one that fits."
    try:
        code = _pair(subject, program, f"{system}{slash}{one.name}", one)
        needs, condition = has_hook(subject.old.kernel, program, hook)
        loads = chooser(program.name, f"{program.name}_new", condition, needs)
    except NoCodeError:
        return Remedy(text, candidates=shown)
    return Remedy(text, code, caption=f"{program.name} on {hook} and on {one.name}", loader=loads, candidates=shown)


def _served(subject: Subject, kind: str, hook: str) -> Program | None:
    """Another program of the object that is attached to a hook already, in the same way."""
    others = (p for p in subject.object.programs if p is not subject.program)
    return next((p for p in others if p.section.kind == kind and p.section.target == hook), None)


def _instead(
    subject: Subject,
    program: Program,
    other: Program,
    text: str,
    shown: tuple[Candidate, ...],
    *,
    by_symbol: bool = False,
) -> Remedy:
    """Of two programs that the object has, the loader switches on the other one where the first one's hook is gone."""
    hook = program.section.target.partition("+")[0].rpartition("/")[2]
    lacks = f"a symbol of {hook}" if by_symbol else hook
    said = f"{text} the kernel lacks {lacks}, with bpf_program__set_autoload()."
    try:
        needs, condition = has_hook(subject.old.kernel, program, hook, by_symbol=by_symbol)
        loads = chooser(program.name, other.name, condition, needs)
    except NoCodeError:
        return Remedy(said, candidates=shown)
    return Remedy(said, caption=f"Loads {other.name} or {program.name}", loader=loads, candidates=shown)


def _tracepoint(subject: Subject, program: Program, hook: str, by_symbol: bool) -> Remedy | None:
    """A tracepoint that the function fires with the same arguments, on both kernels: one program serves both."""
    for one, reason in renamed("instead", hook):
        old = of_target(subject.old, program, hook)
        sides = [of_tracepoint(ctx.kernel, one) for ctx in (subject.old, subject.new)]
        if sides[1] is None:
            continue
        shown = (Candidate(f"tp_btf/{one}", reason),)
        if (other := _served(subject, "tp_btf", one)) is not None:
            text = f"{other.name} of this object attaches to the tracepoint {one} already ({reason}): load it in place "
            return _instead(subject, program, other, f"{text}of {program.name} where", shown, by_symbol=by_symbol)
        text = f"Attach to the tracepoint {one} ({reason}), which no compiler can split or inline."
        if sides[0] is None:
            text += f" {series(subject.old.kernel)} lacks it: keep {program.name} for that kernel, and let the loader "
            text += "switch on the one that fits with bpf_program__set_autoload()."
        if old is None or sides[0] is None:
            return Remedy(text, candidates=shown)
        try:
            made = shared(
                old, sides[1], slots_read(subject, program), program, (subject.old.kernel, subject.new.kernel)
            )
            if made.missing or "ret" in made.new.values:
                return Remedy(text, candidates=shown)
            called = name(program.name)
            listed = ", ".join(["void *ctx", *(t for _, t in made.params)])
            lines = [
                body_of(program, f"static __always_inline int {called}_body({listed})"),
                "",
                f'SEC("tp_btf/{target(one)}")',
                f"int BPF_PROG({', '.join([called, *made.new.listed])})",
                f"{{\n\treturn {called}_body({', '.join(['ctx', *made.new.values])});\n}}",
            ]
            code = snippet("\n".join(made.lines), comment(f"{hook} fires {one}."), "\n".join(lines))
        except NoCodeError:
            return Remedy(text, candidates=shown)
        return Remedy(text, code, caption=f"{program.name} on the tracepoint {one}", candidates=shown)
    return None


def _left_out(subject: Subject, program: Program, hook: str, kind: str) -> Remedy:
    text = f"No replacement for {hook} is known. Switch {program.name} off where the kernel lacks {hook}, or attach it "
    text += "to the function or tracepoint that now does the work."
    if told := gone(kind, hook):
        text = f"{told} Switch {program.name} off where the kernel lacks {hook}."
    try:
        if "*" in hook or "?" in hook:
            raise NoCodeError(hook)
        needs, condition = has_hook(subject.old.kernel, program, hook)
        loads = chooser(program.name, "", condition, needs)
    except NoCodeError:
        return Remedy(text)
    return Remedy(text, caption=f"Loads {program.name} only where its hook exists", loader=loads)


def _pair(subject: Subject, program: Program, new_target: str, one: Named) -> str:
    """Two programs around one body; raises NoCodeError where the arguments cannot be written."""
    if program.section.kind in TRACEPOINT:
        return plain_pair(subject, program, new_target)
    old = of_target(subject.old, program, program.section.target.partition("+")[0])
    new = of_target(subject.new, program, one.name)
    if old is None or new is None:
        raise NoCodeError(one.name)
    made = shared(old, new, slots_read(subject, program), program, (subject.old.kernel, subject.new.kernel))
    return programs(subject, program, made, new_target)


# -- the same hook with other arguments


def arguments_remedy(subject: Subject, finding: Finding) -> Remedy:
    """Take each argument from where the running kernel passes it."""
    program = subject.program
    assert program is not None
    hook = program.section.target or finding.name
    text = f"Take the arguments from where each kernel passes them: {program.name} for the prototype of {hook} in "
    text += f"{series(subject.old.kernel)}, {program.name}_new for that in {series(subject.new.kernel)}."
    old, new = find_arguments(subject.old, program), find_arguments(subject.new, program)
    if old is None or new is None:
        return Remedy(text)
    used = slots_read(subject, program)
    both = all("get_func_ret" in k.helpers.values() for k in (subject.old.kernel, subject.new.kernel))
    if program.section.attach_type in ("TRACE_FEXIT", "MODIFY_RETURN") and both and _only_result(old, new, used):
        text = f"Get the return value of {hook} with bpf_get_func_ret(): it does not depend on the number of arguments."
        try:
            return Remedy(text, _by_helper(subject, program, old, used), caption=f"{program.name} on both kernels")
        except NoCodeError:
            return Remedy(text)
    try:
        made = shared(old, new, used, program, (subject.old.kernel, subject.new.kernel))
        code = programs(subject, program, made, program.section.target)
    except NoCodeError:
        return Remedy(text)
    caption = f"{program.name} for both prototypes"
    if made.missing:
        text += f" {made.missing}: the body must do without."
    if program.section.prog_type == "STRUCT_OPS":
        return Remedy(f"{text} {_into_table(subject, program)}", code, caption=caption)
    text += " The loader switches on the one that fits."
    try:
        needs, condition = has_layout(old, new)
        loads = chooser(program.name, f"{program.name}_new", condition, needs, of_other=True)
    except NoCodeError:
        return Remedy(text, code, caption=caption)
    return Remedy(text, code, caption=caption, loader=loads)


def _into_table(subject: Subject, program: Program) -> str:
    """What the loader does with a callback of which there are two."""
    for ops, member in uses(subject.new, program):
        table = f"skel->struct_ops.{ops.name}->{member.member.name}"
        return f"Where the new one fits, set {table} = skel->progs.{program.name}_new before the load."
    return "Put the one that fits into the table before the load."


def _only_result(old: Arguments, new: Arguments, used: list[int]) -> bool:
    """Whether all but the return value, a number, stays where it is; what the helper gives is no pointer to follow."""
    if type_class(old.blob, old.returns) != "scalar" or type_class(new.blob, new.returns) != "scalar":
        return False
    plain = [i for i in used if i < len(old.slots)]
    return len(old.slots) in used and all(i < len(new.slots) and _kept(old.slots[i], new.slots[i]) for i in plain)


def _kept(was: Slot, now: Slot) -> bool:
    return was.name == now.name


def _by_helper(subject: Subject, program: Program, old: Arguments, used: list[int]) -> str:
    plain = [i for i in used if i < len(old.slots)]
    kernels = subject.old.kernel, subject.new.kernel
    made = shared(old, old, plain, program, kernels)
    result = shared(old, old, [len(old.slots)], program, kernels).params[-1][1]
    called, where = name(program.name), f"{program.section.kind}/{target(program.section.target)}"
    listed = ", ".join(["void *ctx", *(text for _, text in made.params), result])
    lines = [
        body_of(program, f"static __always_inline int {called}_body({listed})"),
        "",
        f'SEC("{where}")',
        f"int BPF_PROG({', '.join([called, *made.old.listed])})",
        "{",
        "\t__u64 value = 0;",
        "",
        "\tif (bpf_get_func_ret(ctx, &value))",
        "\t\treturn 0;",
        f"\treturn {called}_body({', '.join(['ctx', *made.old.values, 'value'])});",
        "}",
    ]
    told = comment(f"The return value of {program.section.target} is in another slot in {series(kernels[1])}.")
    return snippet("\n".join(made.lines), told, "\n".join(lines))


def null_remedy(subject: Subject, finding: Finding) -> Remedy:
    """A test before the first read through the argument."""
    program = subject.program
    text = "Compare the argument with NULL before the first read through it."
    found = find_arguments(subject.new, program) if program is not None else None
    if program is None or found is None:
        return Remedy(text)
    siblings = [f for f in subject.findings if f.failure is Failure.NULL_CHECK_MISSING] or [finding]
    places = sorted({f.about.argument - 1 for f in siblings})
    try:
        used = sorted({*slots_read(subject, program), *places})
        if not all(0 <= at < len(found.slots) for at in places):
            raise NoCodeError(finding.name)
        made = shared(found, found, used, program, (subject.old.kernel, subject.new.kernel))
        tested = [made.old.values[used.index(at)] for at in places]
        listed = " and ".join(tested)
        text = f"Compare {listed} with NULL before the first read through it."
        called, section = name(program.name), program.section
        lines = [
            f'SEC("{section.kind}/{target(section.target)}")',
            f"int BPF_PROG({', '.join([called, *made.old.listed])})",
            "{",
            f"\tif ({' || '.join(f'!{one}' for one in tested)})",
            "\t\treturn 0;",
            f"\t{BODY.format(called)}",
            "\treturn 0;",
            "}",
        ]
        told = comment(f"{listed} may be NULL in {series(subject.new.kernel)}.")
        code = snippet("\n".join(made.lines), told + "\n" + "\n".join(lines))
    except NoCodeError:
        return Remedy(text)
    return Remedy(text, code, caption=f"{program.name} with the test")
