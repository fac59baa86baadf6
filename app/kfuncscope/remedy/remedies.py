# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The remedy of every finding that asks for one, by its failure code, else by its rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kfuncscope.bpf.object import Program
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import About, Finding, NeedKind, ObjectVerdict, Remedy, Verdict
from kfuncscope.remedy import settings
from kfuncscope.remedy.arguments import find_arguments
from kfuncscope.remedy.enumerator import enum_remedy
from kfuncscope.remedy.field import field_remedy, size_remedy, width_remedy
from kfuncscope.remedy.hook import arguments_remedy, gone_remedy, null_remedy
from kfuncscope.remedy.kfunc import flags_remedy, kfunc_remedy, not_allowed_remedy, prototype_remedy
from kfuncscope.remedy.pairs import clone_remedy
from kfuncscope.remedy.record import record_remedy, text_remedy
from kfuncscope.remedy.rejected import no_trampoline_remedy, override_remedy, rejected_remedy, untraced_remedy
from kfuncscope.remedy.subject import Subject
from kfuncscope.remedy.together import together
from kfuncscope.rules.context import Context
from kfuncscope.rules.judge import ObjectJudgement

ASKS = frozenset({Verdict.BREAKS, Verdict.SILENT, Verdict.RISK})
"""Verdicts whose findings get a remedy."""

_NOTHING = About()
_NO_TRAMPOLINE = frozenset({"R-5.1", "R-7.10"})
_UNTRACED = frozenset({"R-7.9", "R-7.10"})  # the function is there, and ftrace cannot patch it
Maker = Callable[[Subject, Finding], Remedy]


def remedied(verdict: ObjectVerdict, old: ObjectJudgement, new: ObjectJudgement) -> ObjectVerdict:
    """The verdict with a remedy at each finding that asks for one."""
    contexts = old.context, new.context
    by_name = {j.program.name: j.program for j in new.programs}
    programs = tuple(
        replace(one, findings=_all(contexts, by_name.get(one.program), one.findings)) if _asks(one.findings) else one
        for one in verdict.programs
    )
    own = _all(contexts, None, verdict.findings) if _asks(verdict.findings) else verdict.findings
    return together(replace(verdict, programs=programs, findings=own))


def _asks(findings: tuple[Finding, ...]) -> bool:
    return any(f.verdict in ASKS for f in findings)


def _all(
    contexts: tuple[Context, Context], program: Program | None, findings: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    subject = Subject(*contexts, program, findings)
    made = (replace(f, remedy=remedy(subject, f)) if f.verdict in ASKS else f for f in findings)
    return tuple(replace(f, about=_NOTHING) if f.about != _NOTHING else f for f in made)


def remedy(subject: Subject, finding: Finding) -> Remedy | None:
    """What to do about one finding; None where nothing can be said."""
    maker = BY_CODE.get(finding.failure)
    if finding.failure == Failure.NONE:
        maker = next((BY_RULE[r] for r in finding.rules if r in BY_RULE), None)
    return maker(subject, finding) if maker is not None else None


def _poisoned(subject: Subject, finding: Finding) -> Remedy:
    if finding.kind is NeedKind.ENUMVAL:
        return enum_remedy(subject, finding)
    if finding.name.startswith("struct trace_event_raw_") and (made := text_remedy(subject, finding)) is not None:
        return made
    return field_remedy(subject, finding)


def _attach(subject: Subject, finding: Finding) -> Remedy:
    """Attach failures: the end of a record, an option, or a function that is not there."""
    if "R-12.8" in finding.rules:
        return record_remedy(subject, finding)
    if finding.about.options:
        return _option(subject, finding)
    program = subject.program
    if program is not None and "R-7.6" in finding.rules and find_arguments(subject.new, program) is not None:
        return arguments_remedy(subject, finding)  # the tracepoint is there, and passes less than the program reads
    if program is not None and "R-11.7" in finding.rules:
        return override_remedy(program)
    if program is not None and set(finding.rules) >= _UNTRACED:
        return untraced_remedy(program)
    if program is not None and program.section.prog_type == "STRUCT_OPS" and "R-5.1" in finding.rules:
        return settings.table_remedy(subject, program)
    if program is not None and program.section.attach_btf and _NO_TRAMPOLINE & set(finding.rules):
        return no_trampoline_remedy(subject, program)
    return gone_remedy(subject, finding)


def _no_hook(subject: Subject, finding: Finding) -> Remedy:
    return _option(subject, finding) if finding.kind is NeedKind.PROG_TYPE else gone_remedy(subject, finding)


def _rejected(subject: Subject, finding: Finding) -> Remedy:
    return _option(subject, finding) if finding.about.options else rejected_remedy(subject, finding)


def _typed(subject: Subject, finding: Finding) -> Remedy:
    if "R-12.30" in finding.rules:
        return Remedy("Give the array a fixed number of elements, or keep the object in the value of a map.")
    return _by_core(subject, finding) if "R-12.6" in finding.rules else arguments_remedy(subject, finding)


def _by_core(subject: Subject, finding: Finding) -> Remedy:
    """R-12.6: a member that is read where one kernel has it, or as wide as one has it."""
    if any(at in function.core for function, at in subject.places(finding)):
        return width_remedy(subject, finding)
    struct = f"struct {finding.about.struct}" if finding.about.struct else "its struct"
    return Remedy(
        f"Read members of {struct} with CO-RE, not at fixed offsets: declare {struct} with "
        "__attribute__((preserve_access_index)), as vmlinux.h does."
    )


def _option(subject: Subject, finding: Finding) -> Remedy:
    """What to build; and where the kernel can be asked for it, a program that is loaded only there."""
    text = settings.option_text(subject.new.kernel, finding)
    if finding.kind is NeedKind.PROG_TYPE or finding.failure is Failure.TYPE_UNSUPPORTED:
        made = settings.type_remedy(subject, finding)
        return Remedy(f"{text} {made.text}".strip(), loader=made.loader, caption=made.caption)
    called = subject.program.name if subject.program is not None else "the program"
    return Remedy(f"{text} Leave {called} out of kernels without it, with bpf_program__set_autoload().")


def _context(subject: Subject, finding: Finding) -> Remedy:
    if "R-11.15" not in finding.rules or subject.program is None:
        return arguments_remedy(subject, finding)
    called = subject.program.name
    return Remedy(
        f"Do not read that argument where the kernel does not pass it to programs: keep {called} for kernels that do, "
        "and let the loader leave it out of others with bpf_program__set_autoload()."
    )


def _address(subject: Subject, finding: Finding) -> Remedy:
    called = subject.program.name if subject.program is not None else "the program"
    return Remedy(
        f"Do not test {finding.name} by its address there: build {called} once with the call and once without, and let "
        "the loader switch on the one that fits with bpf_program__set_autoload()."
    )


def _tail_call(subject: Subject, finding: Finding) -> Remedy:
    """What the JIT lacks, like other findings of its kind; here the program can do without it."""
    return Remedy(
        "Move the tail call out of the subprogram, or inline the subprograms of the program with __always_inline."
    )


def _advice(text: str) -> Maker:
    return lambda subject, finding: Remedy(settings.option_text(subject.new.kernel, finding) or text)


BY_CODE: dict[Failure, Maker] = {
    Failure.KFUNC_NOT_FOUND: kfunc_remedy,
    Failure.KFUNC_NOT_REGISTERED: kfunc_remedy,
    Failure.KFUNC_NOT_ALLOWED: not_allowed_remedy,
    Failure.KFUNC_ADDRESS: _address,
    Failure.JIT_NO_KFUNC: _advice("The JIT cannot call kfuncs: leave the program out there."),
    Failure.JIT_CAPABILITY: _advice("The JIT cannot do it: leave the program out there."),
    Failure.KSYM_NOT_FOUND: settings.ksym_remedy,
    Failure.KSYM_NO_ADDRESS: _advice("Build the kernel with CONFIG_KALLSYMS_ALL."),
    Failure.KCONFIG_NOT_FOUND: settings.kconfig_remedy,
    Failure.CORE_RELOC_POISONED: _poisoned,
    Failure.CORE_RELOC_ERROR: _poisoned,
    Failure.HELPER_NOT_AVAILABLE: settings.helper_remedy,
    Failure.LICENCE: settings.licence_remedy,
    Failure.INSN_UNSUPPORTED: _advice(
        "Compile for the instructions that the older kernel knows: clang -mcpu=v3, without newer atomics and jumps."
    ),
    Failure.TYPE_UNSUPPORTED: settings.type_remedy,
    Failure.ATTACH_BTF_NOT_FOUND: _no_hook,
    Failure.ATTACH_TARGET_REJECTED: _rejected,
    Failure.CTX_ACCESS_REJECTED: _context,
    Failure.NULL_CHECK_MISSING: null_remedy,
    Failure.TYPED_ACCESS_REJECTED: _typed,
    Failure.ATTACH_FAILED: _attach,
    Failure.FREPLACE_TARGET: _advice("Build the replacement and the program that it replaces from the same sources."),
    Failure.STRUCT_OPS_MISMATCH: settings.struct_ops_remedy,
    Failure.MAP_NOT_CREATED: settings.map_remedy,
    Failure.PROG_ARRAY_OWNER: settings.owner_remedy,
    Failure.MAP_NOT_FOR_PROGRAM: _advice("Use the map from programs of a type that the kernel lets have it."),
    Failure.GLOBAL_FUNCTION: _advice(
        "Make the function static, or test the pointer for NULL and give it a type that the older kernel takes."
    ),
    Failure.GLOBAL_CALL: _advice("Make the function static __always_inline, or call it outside of the section."),
    Failure.TAIL_CALL_IN_SUBPROGS: _tail_call,
    Failure.UNKNOWN_SECTION: _advice("Name the program type with --section-type, or use a section that libbpf knows."),
    Failure.NO_KERNEL_BTF: _advice(
        "Build the kernel with CONFIG_DEBUG_INFO_BTF; no code of the program can replace it."
    ),
    Failure.NO_BPF_SYSCALL: _advice("Build the kernel with CONFIG_BPF_SYSCALL."),
    Failure.ENDIANNESS: _advice("Build the object for the byte order of the kernel: clang -target bpfeb or bpfel."),
    Failure.KERNEL_FAULT: _advice("Build the kernel again with a pahole that writes its BTF right."),
}

BY_RULE: dict[str, Maker] = {
    "R-12.10": enum_remedy,
    "R-12.12": _advice("Build the kernel with pahole 1.24 or newer, which writes enumerators of 64 bits."),
    "R-12.16": clone_remedy,
    "R-12.9": record_remedy,
    "R-7.8": record_remedy,
    "R-3.13": width_remedy,
    "R-3.5": size_remedy,
    "R-4.5": flags_remedy,
    "R-4.6": flags_remedy,
    "R-4.7": prototype_remedy,
    "R-7.3": arguments_remedy,
    "R-7.6": arguments_remedy,
    "R-7.9": arguments_remedy,
    "R-7.10": arguments_remedy,
    "R-12.4": arguments_remedy,
    "R-12.5": arguments_remedy,
    "R-12.6": _by_core,
}
