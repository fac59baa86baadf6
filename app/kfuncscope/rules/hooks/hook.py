# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Attach targets that decide at load: does the hook exist, may this program hang on it (R-2.4..2.6, R-7.x)."""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.bpf.object import Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.versions import Fact, since
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, NeedKind
from kfuncscope.rules.checks.in_module import unseen
from kfuncscope.rules.checks.options import PROG_TYPES, left_out
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.ctx_args import Slot, slots, type_class, unchecked_derefs
from kfuncscope.rules.hooks import open_to
from kfuncscope.rules.hooks.ctx_access import Passed, argument_problems, unsupported_prototype
from kfuncscope.rules.hooks.replace import replace_problems
from kfuncscope.rules.problem import Message, Problem, Stage, say

TRAMPOLINE = frozenset({"TRACE_FENTRY", "TRACE_FEXIT", "MODIFY_RETURN", "TRACE_FSESSION"})
MULTI = frozenset({"TRACE_FENTRY_MULTI", "TRACE_FEXIT_MULTI", "TRACE_FSESSION_MULTI"})

# Program types whose expected attach type the kernel checks when it loads a program.
CHECKED_AT_LOAD = frozenset(
    {"TRACING", "CGROUP_SOCK", "CGROUP_SOCK_ADDR", "CGROUP_SKB", "CGROUP_SOCKOPT", "SK_LOOKUP", "SK_REUSEPORT",
     "NETFILTER"}
)  # fmt: skip

_PREFIX = {"TRACE_RAW_TP": "btf_trace_", "LSM_MAC": "bpf_lsm_", "LSM_CGROUP": "bpf_lsm_", "TRACE_ITER": "bpf_iter_"}
_WHAT = {"TRACE_RAW_TP": "tracepoint", "LSM_MAC": "LSM hook", "LSM_CGROUP": "LSM hook", "TRACE_ITER": "iterator"}


class Hook(NamedTuple):
    """An attach target found in a kernel: the BTF name looked for, where it is, and its prototype's slots."""

    name: str
    module: str
    blob: Blob
    type: int
    proto: int
    slots: list[Slot]


def btf_name(program: Program) -> str:
    """The BTF name that libbpf looks for (R-2.5); empty where the target is set at run time or is not a kernel type."""
    section = program.section
    if not section.attach_btf or not section.target or section.prog_type == "EXT" or section.attach_type in MULTI:
        return ""
    return _PREFIX.get(section.attach_type, "") + section.target


def find_hook(kernel: Kernel, program: Program) -> Hook | None:
    """The hook on a kernel as libbpf finds it (R-2.5, R-2.6)."""
    name = btf_name(program)
    if program.section.attach_type != "TRACE_RAW_TP":
        for module, blob, func in kernel.functions(name, program.section.module):
            return Hook(name, module, blob, func, blob.ref(func), slots(blob, blob.ref(func)))
        return None
    for module, blob, typedef in kernel.types(name, Kind.TYPEDEF):
        proto = blob.skip(blob.ref(typedef))
        if blob.kind(proto) == Kind.PTR:
            proto = blob.skip(blob.ref(proto))
        return Hook(name, module, blob, typedef, proto, tracepoint_slots(blob, program.section.target, proto))
    return None


def of_module_not_given(kernel: Kernel, tracepoint: str) -> bool:
    """Whether a tracepoint that vmlinux lacks may live in a module: the release has it, and no module was given."""
    return not kernel.modules_given and tracepoint in kernel.knowledge.tracepoints


def traced_function(blob: Blob, tracepoint: str, proto: int) -> int:
    """The FUNC ``__traceiter_X`` that calls a tracepoint's probes: it has the parameters' names, which ``btf_trace_X``
    lacks. 0 where there is none that fits."""
    for func in blob.find(f"__traceiter_{tracepoint}", Kind.FUNC):
        if len(blob.params(func)) == len(blob.params(proto)):
            return func
    return 0


def tracepoint_slots(blob: Blob, tracepoint: str, proto: int) -> list[Slot]:
    """What a tracepoint passes, without the leading ``void *__data`` (R-7.5)."""
    named = traced_function(blob, tracepoint, proto)
    return slots(blob, blob.ref(named) if named else proto, skip_first=True)


def _problem(program: Program, cls: Failure, rules: tuple[str, ...], message: Message, **more: object) -> Problem:
    return Problem(NeedKind.HOOK, program.section.target or program.section.kind, cls, rules, message, **more)  # type: ignore[arg-type]


def type_problems(ctx: Context, program: Program) -> list[Problem]:
    """Program type and expected attach type that the kernel does not know (R-7.15, R-11.13)."""
    kernel, section = ctx.kernel, program.section
    if left_out(kernel, ("BPF_SYSCALL",)):
        message = say("{kernel} is built without {option} and loads no program", option="CONFIG_BPF_SYSCALL")
        return [Problem(NeedKind.PROG_TYPE, section.prog_type, Failure.NO_BPF_SYSCALL, ("R-5.2",), message)]
    if kernel.prog_types and section.prog_type not in kernel.prog_types:
        message = say("{kernel} does not know program type {type}", type=section.prog_type)
        return [_unsupported(section.prog_type, ("R-7.15", "R-11.13"), message)]
    if section.prog_type == "LSM" and kernel.option("BPF_LSM") == "n":
        message = say("{kernel} is built without {option}", option="CONFIG_BPF_LSM")
        return [Problem(NeedKind.PROG_TYPE, "LSM", Failure.ATTACH_BTF_NOT_FOUND, ("R-5.2", "R-7.12"), message)]
    offered = kernel.offers_program(section.prog_type)
    if not offered and (option := left_out(kernel, PROG_TYPES.get(section.prog_type, ()))):
        text = "{kernel} is built without {option}, which program type {type} needs"
        message = say(text, option=option, type=section.prog_type)
        return [_unsupported(section.prog_type, ("R-5.2", "R-7.15"), message)]
    if offered is False:
        message = say("{kernel} is built without program type {type}", type=section.prog_type)
        return [_unsupported(section.prog_type, ("R-7.15",), message)]
    attach = section.attach_type
    known = not kernel.attach_types or f"BPF_{attach}" in kernel.attach_types
    if kernel.probed is not None and kernel.probed.loads_for(section.prog_type, attach) is False:
        known = False
    if section.prog_type in CHECKED_AT_LOAD and attach and not known:
        return [_unsupported(attach, ("R-11.13",), say("{kernel} does not know attach type {attach}", attach=attach))]
    if section.prog_type == "LSM" and attach and not known:
        return [_unsupported(attach, ("R-12.23",), say("{kernel} does not know attach type {attach}", attach=attach))]
    return _sleeps_at_tracepoints(kernel, program) or _later_flags(kernel, program)


def _later_flags(kernel: Kernel, program: Program) -> list[Problem]:
    """Flags of sections that came after 5.10: XDP in fragments, uprobes that sleep (R-12.23)."""
    section = program.section
    flags = (
        (Fact.XDP_FRAGS, section.kind.startswith("xdp.frags"), "XDP programs that take fragments"),
        (Fact.SLEEPABLE_UPROBES, section.sleepable and section.prog_type == "KPROBE", "sleepable uprobe programs"),
    )
    found = []
    for fact, asked, what in flags:
        known = since(fact, kernel.version)
        if not asked or known or not any(kernel.version):
            continue
        message = say("{kernel} does not support {what}", what=what)
        if known is None:
            message = say("it is not known whether {kernel} supports {what}", what=what)
        found.append(_rejected(program, ("R-12.23",), message, certain=known is False))
    return found


def _unsupported(name: str, rules: tuple[str, ...], message: Message) -> Problem:
    return Problem(NeedKind.PROG_TYPE, name, Failure.TYPE_UNSUPPORTED, rules, message)


def _sleeps_at_tracepoints(kernel: Kernel, program: Program) -> list[Problem]:
    """Tracepoint programs may sleep since libbpf 1.8 has sections for it (R-2.3); older kernels refuse the flag."""
    section = program.section
    late = section.prog_type in ("RAW_TRACEPOINT", "TRACEPOINT") or section.attach_type == "TRACE_RAW_TP"
    known = since(Fact.SLEEPABLE_TRACEPOINTS, kernel.version)
    if not (late and section.sleepable) or known or not any(kernel.version):
        return []
    certain = known is False
    message = say("{kernel} does not support sleepable tracepoint programs")
    if not certain:
        message = say("it is not known whether {kernel} supports sleepable tracepoint programs")
    return [_rejected(program, ("R-2.3", "R-7.11"), message, certain=certain)]


def _rejected(program: Program, rules: tuple[str, ...], message: Message, **more: object) -> Problem:
    """The target is there, and the kernel does not let the program attach to it."""
    return _problem(program, Failure.ATTACH_TARGET_REJECTED, rules, message, **more)


def _doubt(program: Program, rule: str, message: Message) -> Problem:
    return _problem(program, Failure.NONE, (rule,), message, certain=False, confidence=Confidence.LOW)


def target_problems(ctx: Context, program: Program) -> list[Problem]:
    """Why the attach target keeps the program from loading."""
    section = program.section
    if section.prog_type == "EXT":
        return replace_problems(ctx, program)
    if not section.attach_btf or section.attach_type in MULTI:
        return []
    if not section.target:
        return [_problem(program, Failure.NONE, ("R-2.4",), say("the attach target is set at run time"), certain=False)]
    kernel = ctx.kernel
    if kernel.vmlinux is None:
        message = say("{kernel} has no BTF in which to look up the attach target")
        return [_problem(program, Failure.ATTACH_BTF_NOT_FOUND, ("R-2.5",), message)]
    hook = find_hook(kernel, program)
    if hook is None:
        return [_absent(kernel, program)]
    found = _iter_target(program, hook) if section.attach_type == "TRACE_ITER" else []
    if section.attach_type in TRAMPOLINE:
        found += _trampoline_target(kernel, program, hook)
    if section.prog_type == "LSM":
        reason = unsupported_prototype(_passed(hook), kernel.version)
        found += [_rejected(program, ("R-7.10", "R-7.12"), reason)] if reason else _lsm_hook(kernel, program)
    if section.sleepable and section.attach_type in TRAMPOLINE | {"LSM_MAC"}:
        found += _sleepable(kernel, program)
    if section.attach_type == "TRACE_RAW_TP":
        found += _nullable(ctx, program, hook)
    if not ctx.obj.gpl:
        found += _unlicensed(ctx, program, hook)
    if section.attach_type != "TRACE_ITER":  # whose context is a struct of its own; its members are relocated
        found += argument_problems(ctx, program, _passed(hook))
    return found


def _absent(kernel: Kernel, program: Program) -> Problem:
    """A target that no BTF has (R-2.5, R-2.6), by what it is to the author of the program; then its name in BTF."""
    section, name, rules = program.section, btf_name(program), _not_found_rules(program)
    if (doubt := unseen(kernel, name)) is not None:
        message = say("{name} is not in the BTF of {kernel}; {reason}", name=name, reason=doubt.reason)
        return _problem(program, Failure.ATTACH_BTF_NOT_FOUND, (doubt.rule, *rules), message,
                        certain=False, confidence=Confidence.LOW)  # fmt: skip
    elsewhere = section.attach_type == "TRACE_RAW_TP" and of_module_not_given(kernel, section.target)
    elsewhere |= not kernel.modules_given and section.module not in ("", "vmlinux")
    what, text = _WHAT.get(section.attach_type, ""), "{name} is not in the BTF of {kernel}"
    if what and elsewhere:
        text = f"{what} {{target}} is not in the BTF of {{kernel}} (as {{name}})"
    elif what:
        text = f"{what} {{target}} does not exist in {{kernel}} ({{name}} is not in its BTF)"
    if elsewhere:
        text += "; it may be in a module that was not given"
    message = say(text, name=name, target=section.target) if what else say(text, name=name)
    return _problem(program, Failure.ATTACH_BTF_NOT_FOUND, rules, message, certain=not elsewhere,
                    confidence=Confidence.LOW if elsewhere else Confidence.HIGH)  # fmt: skip


def _passed(hook: Hook) -> Passed:
    return Passed(hook.name, hook.blob, hook.proto, hook.slots)


def _unlicensed(ctx: Context, program: Program, hook: Hook) -> list[Problem]:
    """R-11.17: LSM programs need a GPL compatible licence, and so does every read of a kernel struct by its BTF."""
    licence, rules = ctx.obj.license or "none", ("R-11.17",)
    if program.section.prog_type == "LSM":
        message = say("LSM programs need a GPL-compatible licence; this object has {licence}", licence=licence)
        return [_problem(program, Failure.LICENCE, rules, message)]
    found: list[Problem] = []
    if since(Fact.GPL_READS, ctx.kernel.version) is False:
        return found
    for deref in unchecked_derefs(ctx.obj, program):
        if deref.slot < len(hook.slots) and type_class(hook.blob, hook.slots[deref.slot].type) == "struct*":
            text = "reading through argument {arg} of {name} needs a GPL-compatible licence; this object has {licence}"
            message = say(text, arg=deref.slot + 1, name=hook.name, licence=licence)
            found.append(_problem(program, Failure.LICENCE, rules, message, place=(deref.function, deref.at)))
    return found


def _nullable(ctx: Context, program: Program, hook: Hook) -> list[Problem]:
    """R-7.7: tracepoint arguments that may be NULL must be compared with NULL before they are read through."""
    kernel, name = ctx.kernel, program.section.target
    told = kernel.maybe_null(name)
    found = []
    for deref in unchecked_derefs(ctx.obj, program):
        if deref.slot >= len(hook.slots) or type_class(hook.blob, hook.slots[deref.slot].type) != "struct*":
            continue
        nullable = deref.slot in told.arguments or (bool(hook.module) and told.modules)
        if not nullable and deref.slot not in told.disputed:
            continue
        text = "argument {arg} of {name} may be NULL in {kernel}; the program dereferences it without a NULL check"
        place = (deref.function, deref.at)
        if nullable:
            message = say(text, arg=deref.slot + 1, name=name)
            found.append(_problem(program, Failure.NULL_CHECK_MISSING, ("R-7.7",), message, place=place))
        else:
            message = say(text + ", if that is as in some of Linux {levels}", arg=deref.slot + 1, name=name,
                          levels=kernel.knowledge.told_by)  # fmt: skip
            found.append(_problem(program, Failure.NONE, ("R-7.7", "R-12.22"), message, stage=Stage.NOTE, place=place,
                                  certain=False, confidence=Confidence.LOW))  # fmt: skip
    return found


def _not_found_rules(program: Program) -> tuple[str, ...]:
    more = {"TRACE_RAW_TP": "R-7.5", "LSM_MAC": "R-7.12", "LSM_CGROUP": "R-7.12", "TRACE_ITER": "R-7.13"}
    return ("R-2.5", "R-2.6", more.get(program.section.attach_type, "R-7.10"))


def _iter_target(program: Program, hook: Hook) -> list[Problem]:
    """R-7.13: an iterator has ``struct bpf_iter__X`` beside its function."""
    name = "bpf_iter__" + program.section.target
    if hook.blob.find(name, Kind.STRUCT):
        return []
    message = say(
        "{target} is not an iterator: {kernel} has no struct {name}", target=program.section.target, name=name
    )
    return [_rejected(program, ("R-7.13",), message)]


def _trampoline_target(kernel: Kernel, program: Program, hook: Hook) -> list[Problem]:
    """What a trampoline cannot be built for (R-5.1, R-7.10, R-7.11, R-11.8, R-11.16)."""
    section, found = program.section, []
    reason = unsupported_prototype(_passed(hook), kernel.version)
    if reason:
        found.append(_rejected(program, ("R-7.10",), reason))
    name = section.target
    if name in kernel.knowledge.btf_id_deny and _denied(kernel, name):
        found.append(_rejected(program, ("R-7.11",), say("{name} is on the deny list of {kernel}", name=name)))
    exits = section.attach_type in ("TRACE_FEXIT", "MODIFY_RETURN", "TRACE_FSESSION")
    if exits and since(Fact.NORETURN_DENY, kernel.version) and name in kernel.knowledge.noreturn_deny:
        message = say("{name} never returns, so a program cannot be attached to its exit", name=name)
        found.append(_rejected(program, ("R-11.16",), message))
    if kernel.symbols is not None and not hook.module and not kernel.symbols.is_function(name):
        clones = kernel.symbols.clones(name)
        text = "{name} has BTF in {kernel} but no symbol, so its address cannot be found"
        more = "; the symbols list {clones} instead" if clones else ""
        message = say(text + more, name=name, clones=", ".join(clones[:3]))
        found.append(_rejected(program, ("R-11.8",), message))
    if section.attach_type == "MODIFY_RETURN" and not section.sleepable:
        found += _modifiable(kernel, program)
    return found


def _denied(kernel: Kernel, name: str) -> bool:
    """Whether the options under which a function is on its deny list are set, as far as the config tells."""
    options = kernel.knowledge.deny_config.get(name, ())
    return all(o == "?" or kernel.option(o.removeprefix("CONFIG_")) in ("y", "m", None) for o in options)


def _modifiable(kernel: Kernel, program: Program) -> list[Problem]:
    """fmod_ret needs a function that may be overridden (R-7.11, R-11.7)."""
    name = program.section.target
    allowed = open_to.to_overriding(kernel, name).yes
    if allowed is None:
        return [_doubt(program, "R-11.7", say("these files do not say whether {name} may be overridden", name=name))]
    if allowed:
        return []
    return [_rejected(program, ("R-11.7",), say("the return value of {name} cannot be modified", name=name))]


def _sleepable(kernel: Kernel, program: Program) -> list[Problem]:
    """Where a program that may sleep can hang (R-7.11, R-11.7, LSM: the kernel's set of sleepable hooks)."""
    name, section = program.section.target, program.section
    if section.prog_type == "LSM":
        return _of_lsm(kernel, program, kernel.lsm_hooks.awake(name), "LSM hook {name} is not sleepable")
    allowed = open_to.to_sleepers(kernel, name).yes
    if allowed:
        return []
    if allowed is False:
        message = say("{name} is not a function to which sleepable programs may be attached", name=name)
        return [_rejected(program, ("R-11.7",), message)]
    return [_doubt(program, "R-11.7", say("these files do not say whether {name} may sleep", name=name))]


def _lsm_hook(kernel: Kernel, program: Program) -> list[Problem]:
    name = program.section.target
    if kernel.lsm_hooks.exists(name) is False:
        message = say("bpf_lsm_{name} is a function of {kernel}, but there is no LSM hook {name}", name=name)
        return [_rejected(program, ("R-7.12",), message)]
    return _of_lsm(kernel, program, kernel.lsm_hooks.closed(name), "LSM hook {name} is closed to BPF programs")


def _of_lsm(kernel: Kernel, program: Program, refused: bool | None, text: str) -> list[Problem]:
    """A fault of a hook, where there is one; a doubt where two releases with tables do not agree about it."""
    if refused is False:
        return []
    if refused:
        return [_rejected(program, ("R-7.12",), say(text, name=program.section.target))]
    text += " in one of Linux {levels}; for {kernel} this is not known"
    return [_doubt(program, "R-7.12", say(text, name=program.section.target, levels=kernel.knowledge.told_by))]
