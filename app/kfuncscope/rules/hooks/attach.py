# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Whether a program that loads can also be attached as its section says (R-7.5..R-7.13, R-5.2, R-11.8).

"Attaches" means that libbpf's plain attach succeeds, with nothing that only the loader knows.
"""

from __future__ import annotations

import re

from kfuncscope.arch import MOST_ARGS, arch_record
from kfuncscope.bpf.object import Program
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.kernel.modules import FEW
from kfuncscope.kernel.symbols import glob_expression
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Confidence, NeedKind, Reach
from kfuncscope.rules.checks.in_module import Unseen, unseen
from kfuncscope.rules.context import Context
from kfuncscope.rules.flow.ctx_args import ctx_loads
from kfuncscope.rules.hooks.hook import TRAMPOLINE, find_hook, of_module_not_given
from kfuncscope.rules.hooks.open_to import to_errors
from kfuncscope.rules.hooks.records import SYSCALLS, record_of, relocated_loads
from kfuncscope.rules.hooks.replace import replace_attach_problems
from kfuncscope.rules.hooks.struct_ops import gap_problems
from kfuncscope.rules.hooks.traced import untraced
from kfuncscope.rules.problem import Message, Problem, Stage, say

KPROBE = frozenset({"kprobe", "kretprobe"})
KPROBE_MULTI = frozenset({"kprobe.multi", "kretprobe.multi", "kprobe.session"})
# Sections whose link the kernel makes by the attach type, which it does not look at when it loads the program.
LINKED_BY_TYPE = ("tcx", "netkit", "uprobe.multi", "uretprobe.multi", "uprobe.session")
KSYSCALL = frozenset({"ksyscall", "kretsyscall"})
TRACEPOINT = frozenset({"tracepoint", "tp", "tracepoint.s", "tp.s"})
RAW_TP = frozenset({"raw_tp", "raw_tracepoint", "raw_tp.s", "raw_tracepoint.s", "raw_tp.w", "raw_tracepoint.w"})
OVERRIDE_RETURN = 58  # number of the helper
# Iterators whose link needs a parameter (a map, an order of cgroups) that a plain attach does not give.
ITER_NEEDS_LINK_INFO = frozenset({"bpf_map_elem", "bpf_sk_storage_map", "cgroup"})


def _problem(
    program: Program,
    rules: tuple[str, ...],
    message: Message,
    certain: bool = True,
    confidence: Confidence = Confidence.HIGH,
    failure: Failure = Failure.ATTACH_FAILED,
) -> Problem:
    name = program.section.target or program.section.kind
    return Problem(NeedKind.HOOK, name, failure, rules, message, Stage.ATTACH, Reach.ATTACH, confidence, certain)


def _runtime(program: Program, rules: tuple[str, ...], message: Message) -> Problem:
    """A target that only the loader knows: a plain attach fails on every kernel, and says nothing about any."""
    return _problem(program, rules, message, failure=Failure.RUNTIME_TARGET)


def attach_problems(ctx: Context, program: Program) -> list[Problem]:
    """Why the program cannot be attached; empty when it can, or when nothing attaches it by its section name."""
    section, kernel = program.section, ctx.kernel
    kind = section.kind
    if kind in KPROBE:
        return _kprobe(kernel, program) + _overriding(ctx, program, section.target)
    if kind in KPROBE_MULTI:
        return _kprobe_multi(kernel, program) + _overriding(ctx, program, section.target)
    if kind in KSYSCALL:
        name = f"{kernel.syscall_prefix}sys_{section.target}"
        return _function(kernel, program, name) + _overriding(ctx, program, name)
    if kind in TRACEPOINT:
        return _tracepoint(ctx, program)
    if kind in RAW_TP:
        return _raw_tracepoint(ctx, program)
    if section.attach_type in TRAMPOLINE or section.prog_type == "LSM":
        return _trampoline(ctx, program)
    if section.prog_type == "EXT":
        return replace_attach_problems(kernel, program)
    if section.prog_type == "STRUCT_OPS":
        if kernel.jit and kernel.caps.trampoline:
            return gap_problems(ctx, program)
        message = say("{kernel} has no BPF trampolines on {arch}, so the table cannot be registered", arch=kernel.arch)
        return [_problem(program, ("R-5.1", "R-7.1"), message)]
    if section.attach_type == "TRACE_ITER" and section.target in ITER_NEEDS_LINK_INFO:
        message = say("iterator {name} needs a parameter from the loader to attach", name=section.target)
        return [_runtime(program, ("R-7.13",), message)]
    attach = section.attach_type
    if kind.startswith(LINKED_BY_TYPE) and kernel.attach_types and f"BPF_{attach}" not in kernel.attach_types:
        return [_problem(program, ("R-7.15", "R-11.13"), _unknown_type(attach))]
    return []


def _unknown_type(attach: str) -> Message:
    return say("{kernel} does not know attach type {attach}", attach=attach)


def _trampoline(ctx: Context, program: Program) -> list[Problem]:
    """R-5: without a trampoline, or without direct calls in ftrace, such programs load but do not attach."""
    kernel, section = ctx.kernel, program.section
    if not kernel.caps.trampoline or not kernel.jit:
        message = say("{kernel} has no BPF trampolines on {arch}", arch=kernel.arch)
        return [_problem(program, ("R-5.1", "R-5.2"), message)]
    direct = kernel.option("DYNAMIC_FTRACE_WITH_DIRECT_CALLS")
    if direct is None:
        direct = "y" if kernel.caps.fentry_on_kernel_functions else "n"
    if direct != "y":
        message = say(
            "{kernel} ({arch}) lacks {option}: trampolines cannot be attached",
            arch=kernel.arch,
            option="CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS",
        )
        return [_problem(program, ("R-5.1", "R-5.2", "R-7.10"), message)]
    if section.attach_type in TRAMPOLINE and (untraced := _untraced(kernel, program, section.target)):
        return untraced
    limit = arch_record(kernel.arch).most_trampoline_args(kernel.version)
    if limit >= MOST_ARGS:
        return []
    hook = find_hook(kernel, program)
    if hook is not None and len(hook.slots) > limit:
        message = say(
            "{name} has {count} arguments; BPF trampolines of {kernel} ({arch}) pass {limit}",
            name=hook.name, count=len(hook.slots), limit=limit, arch=kernel.arch,
        )  # fmt: skip
        return [_problem(program, ("R-7.10",), message, confidence=Confidence.MEDIUM)]
    return []


def _kprobe(kernel: Kernel, program: Program) -> list[Problem]:
    target = program.section.target
    if not target:
        return [_runtime(program, ("R-2.4",), say("the probed function is set at run time"))]
    name, plus, _ = target.partition("+")
    module, colon, function = name.partition(":")
    found = _function(kernel, program, function if colon else module)
    at_entry = not plus and program.section.kind == "kprobe"
    if not found and at_entry and _entry_is_taken(kernel):
        text = "on {arch} a kprobe at a function's entry needs {option}, which {kernel} lacks"
        message = say(text, arch=kernel.arch, option="CONFIG_KPROBES_ON_FTRACE")
        return [_problem(program, ("R-7.9", "R-5.2"), message, confidence=Confidence.MEDIUM)]
    if not found and plus:
        message = say("these files do not say whether an instruction starts at {target}", target=target)
        return [_problem(program, ("R-7.9",), message, certain=False)]
    return found


def _overriding(ctx: Context, program: Program, target: str) -> list[Problem]:
    """A program with bpf_override_return() attaches to the entry of functions on the error injection list alone.

    The call counts where it is reached: what is not has been removed when ``prog->kprobe_override`` is set.
    """
    kernel, name = ctx.kernel, target.rpartition(":")[2]
    places = program.helper_calls.get(OVERRIDE_RETURN, [])
    if not places:  # as in nearly all programs: their flow need not be known for this
        return []
    flow = ctx.reachable(program)
    if set(name) & set("*?") or not any(flow.is_reached(program.functions[at], index) for at, index in places):
        return []
    if "+" in name:
        message = say("bpf_override_return() works at the entry of a function alone, not at {target}", target=name)
        return [_problem(program, ("R-11.7", "R-7.9"), message)]
    allowed = to_errors(kernel, name).yes
    if allowed:
        return []
    if allowed is None:
        message = say("these files do not say whether {name} may be overridden", name=name)
        return [_problem(program, ("R-11.7",), message, certain=False)]
    text = "{name} is not on the error injection list of {kernel}, so bpf_override_return() cannot be used there"
    message = say(text, name=name)
    return [_problem(program, ("R-11.7", "R-7.9"), message)]


def _entry_is_taken(kernel: Kernel) -> bool:
    """Where ftrace patches a function's first instruction, no kprobe may lie there without KPROBES_ON_FTRACE."""
    options = kernel.option("DYNAMIC_FTRACE"), kernel.option("KPROBES_ON_FTRACE")
    return arch_record(kernel.arch).entry_kprobes_by_ftrace and options == ("y", "n")


def _function(kernel: Kernel, program: Program, name: str) -> list[Problem]:
    """R-7.9: the symbol decides; without symbols a FUNC in the BTF is a strong hint."""
    if kernel.option("KPROBES") == "n":
        message = say("{kernel} is built without {option}", option="CONFIG_KPROBES")
        return [_problem(program, ("R-5.2",), message)]
    if not name.isidentifier() and not re.fullmatch(r"[\w.$]+", name):
        return [
            _runtime(
                program, ("R-2.4",), say("{name} is not a function name; the target is set at run time", name=name)
            )
        ]
    in_btf = kernel.functions(name)
    if kernel.symbols is not None:
        if kernel.symbols.is_function(name) or any(module for module, _, _ in in_btf):
            return _untraced(kernel, program, name)
        clones = kernel.symbols.clones(name)
        if clones:
            text = "{name} exists only as {clones} in {kernel}, so a probe on {name} fails"
            message = say(text, name=name, clones=", ".join(clones[:3]), symbols=tuple(clones[:3]))
        elif in_btf:
            message = say("{name} is in the BTF of {kernel} but has no symbol: the compiler inlined it", name=name)
        elif (doubt := unseen(kernel, name)) is not None:
            return [_unseen(program, name, doubt)]
        else:
            message = say("{kernel} has no function {name}", name=name)
        return [_problem(program, ("R-7.9",), message)]
    if in_btf:
        return _untraced(kernel, program, name)
    if (doubt := unseen(kernel, name)) is not None:
        return [_unseen(program, name, doubt)]
    text = "{name} is not in the BTF of {kernel} and was probably removed; pass kallsyms or System.map to confirm"
    message = say(text, name=name)
    known = kernel.vmlinux is not None
    return [_problem(program, ("R-7.9", "R-1.19"), message, certain=known, confidence=Confidence.MEDIUM)]


def _unseen(program: Program, name: str, doubt: Unseen) -> Problem:
    message = say("{name} is not in the BTF of vmlinux; {reason}", name=name, reason=doubt.reason)
    return _problem(program, (doubt.rule, "R-7.9"), message, certain=False, confidence=Confidence.LOW)


def _untraced(kernel: Kernel, program: Program, name: str) -> list[Problem]:
    found = untraced(kernel, program.section.kind, name)
    if found is None:
        return []
    return [_problem(program, ("R-7.9", "R-7.10"), found.message, confidence=found.confidence)]


def _kprobe_multi(kernel: Kernel, program: Program) -> list[Problem]:
    if kernel.option("FPROBE") == "n":
        message = say("{kernel} is built without {option}, which kprobe.multi needs", option="CONFIG_FPROBE")
        return [_problem(program, ("R-5.2",), message)]
    attach = program.section.attach_type
    if attach and kernel.attach_types and f"BPF_{attach}" not in kernel.attach_types:
        return [_problem(program, ("R-7.15", "R-11.13"), _unknown_type(attach))]
    target = program.section.target
    if not target:
        return [_runtime(program, ("R-2.4",), say("the probed functions are set at run time"))]
    if not set(target) & set("*?"):
        return _function(kernel, program, target)
    fits = _any_function_like(kernel, target)
    if fits:
        return []
    text = "no function of {kernel} matches {target}"
    message = say(text if fits is not None else f"{text}, but its modules or symbols were not given", target=target)
    return [_problem(program, ("R-7.9",), message, certain=fits is not None, confidence=Confidence.MEDIUM)]


def _any_function_like(kernel: Kernel, pattern: str) -> bool | None:
    """Whether libbpf finds anything to probe by a pattern; None where only parts were given that have nothing."""
    patched = kernel.listed.traceable if kernel.symbols is not None else None
    if patched is not None:  # libbpf takes what is in available_filter_functions, too
        if re.search(rb"\0" + glob_expression(pattern) + rb"\0", "\0".join(("", *patched, "")).encode()):
            return True
    elif kernel.symbols is not None and kernel.symbols.has_function_like(pattern):
        return True
    if kernel.symbols is None and kernel.vmlinux is None:
        return None
    named = re.compile(rb"\0" + glob_expression(pattern) + rb"\0")
    # Names in the BTF may be of other things than functions: what fits none of them fits no function.
    if kernel.symbols is None and kernel.vmlinux is not None and named.search(kernel.vmlinux.strings):
        return True
    if len(kernel.modules) > FEW:
        return None
    blobs = (kernel.modules.blob(name) for name in kernel.modules.names)
    return any(named.search(b"\0" + blob.strings) for blob in blobs if blob is not None)


def _tracepoint(ctx: Context, program: Program) -> list[Problem]:
    """R-7.8: the event must exist, and the program may not read beyond its record."""
    kernel = ctx.kernel
    system, slash, event = program.section.target.partition("/")
    if not slash:
        return [_runtime(program, ("R-2.4",), say("the tracepoint is set at run time"))]
    if system == SYSCALLS:
        return _syscall_event(kernel, program, event) or _past_the_end(ctx, program)
    if kernel.vmlinux is None or event_exists(kernel, system, event):
        return _past_the_end(ctx, program)
    return [_no_tracepoint(kernel, program, ("R-7.8",), event)]


def _past_the_end(ctx: Context, program: Program) -> list[Problem]:
    """R-12.8: perf_event_set_bpf_prog() refuses a program that reads past the last field of the record (-EACCES)."""
    record = record_of(ctx.kernel, program)
    if record is None or not record.end:
        return []
    past = [x for x in relocated_loads(ctx, program) if x.offset + x.size > record.end]
    if not past:
        return []
    last = max(x.offset + x.size for x in past)
    event = program.section.target.rpartition("/")[2]
    text = "{event}: the program reads up to byte {last} of a record that ends at byte {end} in {kernel}"
    message = say(text, event=event, last=last, end=record.end)
    return [_problem(program, ("R-12.8", "R-7.8"), message)]


def _no_tracepoint(kernel: Kernel, program: Program, rules: tuple[str, ...], name: str) -> Problem:
    told = program.section.target
    if of_module_not_given(kernel, name):
        message = say("tracepoint {name} is not in vmlinux; it may be in a module that was not given", name=told)
        return _problem(program, rules, message, certain=False)
    return _problem(program, rules, say("tracepoint {name} does not exist in {kernel}", name=told))


def event_exists(kernel: Kernel, system: str, event: str) -> bool:
    """A trace event of vmlinux or a module: the image lists it, or its tracepoint's typedef or its record's struct is
    in the BTF. A bare tracepoint has a typedef and no event, which the image alone tells."""
    listed = kernel.listed.events
    if listed is not None and event in listed:
        return True
    if listed is not None and kernel.vmlinux is not None and kernel.vmlinux.own(f"btf_trace_{event}", Kind.TYPEDEF):
        return False
    if kernel.types(f"btf_trace_{event}", Kind.TYPEDEF):
        return True
    return bool(kernel.types(f"trace_event_raw_{event}", Kind.STRUCT)) or (
        kernel.symbols is not None and bool(kernel.symbols.types(f"event_{event}"))
    )


def _syscall_event(kernel: Kernel, program: Program, event: str) -> list[Problem]:
    name = event.removeprefix("sys_enter_").removeprefix("sys_exit_")
    if name == event:
        return [_problem(program, ("R-7.8",), say("there is no trace event syscalls/{event}", event=event))]
    if kernel.option("FTRACE_SYSCALLS") == "n":
        message = say("{kernel} is built without {option}", option="CONFIG_FTRACE_SYSCALLS")
        return [_problem(program, ("R-5.2",), message)]
    listed = kernel.listed.syscalls
    known = listed if listed is not None else kernel.knowledge.syscalls(kernel.arch)
    if known is not None and (listed is not None or not kernel.outdated):
        # A call has events only if the architecture's table gives it a number, wherever its function is.
        if name in known:
            return []
        message = say("{arch} has no system call {name}", arch=kernel.arch, name=name)
        return [_problem(program, ("R-7.8",), message)]
    wanted = [f"{kernel.syscall_prefix}sys_{name}", f"sys_{name}", f"__do_sys_{name}", f"__se_sys_{name}"]
    symbols = kernel.symbols
    if any(kernel.functions(w) for w in wanted):
        return []
    if symbols is not None and any(symbols.types(w) for w in (*wanted, f"event_enter__{name}")):
        return []
    message = say("{arch} has no system call {name}", arch=kernel.arch, name=name)
    return [_problem(program, ("R-7.8",), message, certain=symbols is not None, confidence=Confidence.MEDIUM)]


def _raw_tracepoint(ctx: Context, program: Program) -> list[Problem]:
    """R-7.6: the tracepoint must exist and have as many arguments as the program reads."""
    kernel, name = ctx.kernel, program.section.target
    if not name:
        return [_runtime(program, ("R-2.4",), say("the tracepoint is set at run time"))]
    if kernel.vmlinux is None or name in ("sys_enter", "sys_exit"):
        return []
    for _, blob, typedef in kernel.types(f"btf_trace_{name}", Kind.TYPEDEF):
        pointer = blob.skip(blob.ref(typedef))
        count = len(blob.params(blob.skip(blob.ref(pointer)))) - 1
        loads = [x for x in ctx_loads(ctx.obj, program) if x.offset // 8 >= count]
        if loads and (flow := ctx.reachable(program)):
            loads = [x for x in loads if flow.is_reached(x.function, x.at)]
        used = max((x.offset // 8 + 1 for x in loads), default=0)
        if used:
            text = "tracepoint {name} has {count} arguments in {kernel}, but the program reads argument {used}"
            message = say(text, name=name, count=count, used=used)
            return [_problem(program, ("R-7.6",), message)]
        return []
    return [_no_tracepoint(kernel, program, ("R-7.6",), name)]
