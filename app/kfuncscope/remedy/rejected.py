# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Targets that are there but refuse the program: what to do, by the rule that refuses it (R-7.x, R-11.x, R-12.x)."""

from __future__ import annotations

from collections.abc import Callable

from kfuncscope.bpf.object import Program
from kfuncscope.model.verdict import Finding, NeedKind, Remedy
from kfuncscope.remedy import settings
from kfuncscope.remedy.hook import gone_remedy
from kfuncscope.remedy.subject import Subject


def _leave_out(program: Program) -> str:
    return f"leave {program.name} out there with bpf_program__set_autoload()"


def rejected_remedy(subject: Subject, finding: Finding) -> Remedy:
    """By rule; without one of its own, as for a function that is not there."""
    program = subject.program
    if program is None:
        return gone_remedy(subject, finding)
    if finding.kind is NeedKind.STRUCT_OPS:
        return _member(subject, program, finding)
    maker = next((_BY_RULE[rule] for rule in finding.rules if rule in _BY_RULE), None)
    return maker(subject, program, finding) if maker is not None else gone_remedy(subject, finding)


def _member(subject: Subject, program: Program, finding: Finding) -> Remedy:
    """A callback that the kernel implements itself, or that sleeps where it must not, or the other way round."""
    ops, _, member = finding.name.partition(".")
    tables = subject.new.kernel.knowledge.struct_ops.get(ops)
    if tables is not None and member not in tables.unsupported:
        if program.section.sleepable and member not in tables.sleepable:
            return settings.sleepable_remedy(subject, program)
        if not program.section.sleepable and member in tables.must_sleep:
            return Remedy(f'Use SEC("struct_ops.s/...") for {member}: the kernel accepts sleepable programs only.')
    return Remedy(f"Leave {member} out of the table where the kernel lets no program implement it.")


def _lsm(subject: Subject, program: Program, finding: Finding) -> Remedy:
    hook, hooks = program.section.target, subject.new.kernel.lsm_hooks
    if program.section.sleepable and hooks.awake(hook) and hooks.closed(hook) is False:
        return settings.sleepable_remedy(subject, program)
    text = f"No BPF program can be attached to LSM hook {hook} there: choose another LSM hook of the same operation, or"
    return Remedy(f"{text} {_leave_out(program)}.")


def _by_injection(subject: Subject, program: Program, finding: Finding) -> Remedy:
    """R-11.7: functions that are not open to error injection (or to fmod_ret by their own list)."""
    if program.section.attach_type != "MODIFY_RETURN":
        return settings.sleepable_remedy(subject, program)
    hook = program.section.target
    text = f'Attach with SEC("fexit/{hook}") to read what it returns. To change it, attach to a function that the '
    return Remedy(f"{text}kernel opens to that: its name begins with security_, or it is open to error injection.")


def _flags(subject: Subject, program: Program, finding: Finding) -> Remedy:
    if program.section.sleepable:
        return settings.sleepable_remedy(subject, program)
    plain = program.section.kind.replace(".frags", "")
    text = f'Use SEC("{plain}") where the kernel knows no fragments: one program for each kernel, and the loader'
    return Remedy(f"{text} switches on the one that fits with bpf_program__set_autoload().")


def _prototype(subject: Subject, program: Program, finding: Finding) -> Remedy:
    if program.section.prog_type == "LSM":
        return _lsm(subject, program, finding)
    hook, kind = program.section.target, "kprobe" if program.section.attach_type == "TRACE_FENTRY" else "kretprobe"
    return Remedy(
        f'Use SEC("{kind}/{hook}"), or attach to a function that calls it: no trampoline passes its arguments.'
    )


def no_trampoline_remedy(subject: Subject, program: Program) -> Remedy:
    """R-5.1, R-7.10: the hook is there, and this kernel attaches no trampoline to it (no trampolines for the
    architecture, or for so many arguments). Nothing in BTF tells a loader so."""
    hook = program.section.target.partition("+")[0]
    if program.section.prog_type == "EXT":
        return Remedy(f"This kernel cannot replace functions of BPF programs: {_leave_out(program)}.")
    if program.section.prog_type == "LSM":
        hook = f"LSM hook {hook}"
    probe = {"TRACE_FENTRY": "kprobe", "TRACE_FEXIT": "kretprobe"}.get(program.section.attach_type)
    if probe is None:
        return Remedy(f"The kernel has {hook}, but attaches no trampoline to it: {_leave_out(program)}.")
    text = f'The kernel has {hook}, but attaches no trampoline to it: add a program with SEC("{probe}/{hook}") and let '
    return Remedy(f"{text}the loader switch on it or {program.name} with bpf_program__set_autoload().")


def override_remedy(program: Program) -> Remedy:
    """R-11.7: a kprobe that changes what a function returns, which this kernel does not let be changed."""
    text = "bpf_override_return() works at the entry of functions that the kernel opens to error injection: attach to "
    return Remedy(f"{text}one of them that calls {program.section.target.partition('+')[0]}, or {_leave_out(program)}.")


def untraced_remedy(program: Program) -> Remedy:
    """R-7.9: the function is there, and nothing attaches to it, whatever the kind of probe."""
    hook = program.section.target.partition("+")[0]
    text = f"The kernel has {hook}, but it cannot be traced: attach to a function that calls it, or to a tracepoint; or"
    return Remedy(f"{text} {_leave_out(program)}.")


def _denied(subject: Subject, program: Program, finding: Finding) -> Remedy:
    if "R-2.3" in finding.rules:  # a tracepoint program that sleeps
        return settings.sleepable_remedy(subject, program)
    hook = program.section.target
    return Remedy(f"Attach to a function that calls {hook}, or to a tracepoint: the kernel denies {hook} to tracing.")


def _never_returns(subject: Subject, program: Program, finding: Finding) -> Remedy:
    hook = program.section.target
    return Remedy(f'Attach to its entry with SEC("fentry/{hook}"): {hook} never returns.')


def _iterator(subject: Subject, program: Program, finding: Finding) -> Remedy:
    return Remedy(f'Name an iterator that the kernel has in SEC("iter/..."), or {_leave_out(program)}.')


def _replacement(subject: Subject, program: Program, finding: Finding) -> Remedy:
    return Remedy("Build the replacement and the program that it replaces from the same sources.")


_BY_RULE: dict[str, Callable[[Subject, Program, Finding], Remedy]] = {
    "R-7.10": _prototype,
    "R-7.11": _denied,
    "R-7.12": _lsm,
    "R-7.13": _iterator,
    "R-2.3": _denied,
    "R-11.7": _by_injection,
    "R-11.16": _never_returns,
    "R-12.18": _replacement,
    "R-12.23": _flags,
}
