# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Whether a program may call a helper: the kernel's get_func_proto functions as data (R-6.2, R-11.2..4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kfuncscope.knowledge.facts import Alternative, Answer, HelperAllow, HelperAnswer, HelperFact

if TYPE_CHECKING:
    from kfuncscope.knowledge.facts import ArchCaps
    from kfuncscope.knowledge.knowledge import Knowledge

# Options that no distribution leaves off where BPF is on; asked for without a config they are taken as set.
_ASSUMED_OFF = frozenset({"CONFIG_BPF_KPROBE_OVERRIDE"})


@dataclass(frozen=True, slots=True)
class HelperCaller:
    """The program that calls: program and attach type, and where it will run (empty or None = not known).

    ``hook`` is the LSM hook, the traced function or the iterator's target; ``config`` maps ``CONFIG_X`` to its value;
    without one, ``off`` are options known not to be set. Loaders are taken to be privileged.
    """

    prog_type: str
    attach_type: str = ""
    hook: str = ""
    sleepable: bool | None = None
    struct_ops: str = ""
    member: str = ""
    config: Mapping[str, str] | None = None
    arch: str = ""
    off: frozenset[str] = frozenset()


def helper_allowed(knowledge: Knowledge, helper: str, caller: HelperCaller) -> HelperAnswer:
    """Decide as the kernel's get_func_proto does for the program; unknown only where the files do not tell."""
    fact = knowledge.helpers.get(helper)
    if fact is None:
        return HelperAnswer("unknown", f"no table says who may call {helper}")
    if caller.prog_type == "STRUCT_OPS":
        return _struct_ops(knowledge, fact, caller)
    if caller.prog_type == "EXT":
        return HelperAnswer("unknown", "what a replacement may call depends on its target program")
    if caller.attach_type == "TRACE_ITER" and caller.hook and helper in knowledge.iter_helpers.get(caller.hook, ()):
        return HelperAnswer("yes", f"given to iterator {caller.hook}", "R-11.3")
    allow = fact.prog_types.get(caller.prog_type)
    if allow is None:
        if caller.prog_type not in knowledge.helper_prog_types:
            return HelperAnswer("unknown", f"no helper list for program type {caller.prog_type}")
        return HelperAnswer("no", f"not available to program type {caller.prog_type}")
    caps = knowledge.caps(caller.arch) if caller.arch else None
    return _any_of(helper, allow, caller, caps)


def _struct_ops(knowledge: Knowledge, fact: HelperFact, caller: HelperCaller) -> HelperAnswer:
    """R-11.2: the base list and what the struct_ops type adds to it, member by member."""
    base = fact.name in knowledge.base_helpers
    if not caller.struct_ops:
        return HelperAnswer("yes" if base else "unknown", "the struct_ops type decides", "R-11.2")
    ops = knowledge.struct_ops.get(caller.struct_ops)
    if ops is None:
        return HelperAnswer("yes" if base else "unknown", f"no table for struct_ops type {caller.struct_ops}", "R-11.2")
    if ops.helpers is None:
        return HelperAnswer("no", f"{ops.name} provides no helpers", "R-11.2")
    if fact.name in ops.helpers:
        if not caller.member and ops.helpers[fact.name]:
            return HelperAnswer("unknown", f"the member of {ops.name} decides", "R-11.2")
        if caller.member in ops.helpers[fact.name]:
            return HelperAnswer("no", f"not available in {ops.name}.{caller.member}", "R-11.2")
        return HelperAnswer("yes", f"given to {ops.name}", "R-11.2")
    if base and ops.base_helpers:
        caps = knowledge.caps(caller.arch) if caller.arch else None
        return replace(_any_of(fact.name, knowledge.base_helpers[fact.name], caller, caps), rule="R-11.2")
    return HelperAnswer("no", f"not available to {ops.name}", "R-11.2")


def _any_of(helper: str, allow: HelperAllow, caller: HelperCaller, caps: ArchCaps | None) -> HelperAnswer:
    """One way is enough; the reason names the condition that decided."""
    failed, unsure = "", ""
    for way in allow.alternatives:
        state, told = _holds(way, caller, caps)
        if state == "yes":
            rule = "R-11.4" if any(kind == "attach" for kind, _, _ in way.conditions) else "R-6.2"
            return HelperAnswer("yes", f"given by {allow.via}", rule, way.gpl_only, way.might_sleep)
        if state == "no":
            failed = failed or told
        else:
            unsure = unsure or told
    state = "unknown" if unsure else "no"
    return HelperAnswer(state, f"{allow.via} provides {helper} only if {unsure or failed}", "R-11.4")


def _holds(way: Alternative, caller: HelperCaller, caps: ArchCaps | None) -> tuple[Answer, str]:
    """Whether all conditions of one way hold, and the one that does not or is not known."""
    unsure = ""
    for kind, negated, words in way.conditions:
        answer = _condition(kind, words, caller, caps)
        if negated and answer != "unknown":
            answer = "no" if answer == "yes" else "yes"
        if answer == "no":
            return "no", _words(kind, negated, words)
        if answer == "unknown":
            unsure = unsure or _words(kind, negated, words)
    return ("unknown", unsure) if unsure else ("yes", "")


def _condition(kind: str, words: tuple[str, ...], caller: HelperCaller, caps: ArchCaps | None) -> Answer:
    match kind:
        case "cap":
            return "yes"
        case "config":
            return _config(words, caller, caps)
        case "attach":
            return "yes" if (caller.attach_type or _default_attach(caller.prog_type)) in words else "no"
        case "lockdown":
            return "no"  # not under lockdown: an environment no file tells of
        case "sleepable":
            if caller.sleepable is None:
                return "unknown"
            return "yes" if caller.sleepable else "no"
        case "hook":
            if not caller.hook:
                return "unknown"
            return "yes" if caller.hook in words else "no"
        case "unlike":
            if not caller.hook:
                return "unknown"
            return "no" if caller.hook.startswith(words) else "yes"
    return "unknown"


def _default_attach(prog_type: str) -> str:
    """The expected attach type of a program that sets none: the kernel's zero, or what it puts in its place."""
    return {"CGROUP_SOCK": "CGROUP_INET_SOCK_CREATE", "SK_REUSEPORT": "SK_REUSEPORT_SELECT"}.get(
        prog_type, "CGROUP_INET_INGRESS"
    )


def _config(words: tuple[str, ...], caller: HelperCaller, caps: ArchCaps | None) -> Answer:
    """Whether every option is set; without a config an architecture's own Kconfig selects may tell."""
    for option in words:
        name = option.removeprefix("CONFIG_")
        if caller.config:
            if caller.config.get(option) not in ("y", "m"):
                return "no"
        elif option in caller.off:
            return "no"
        elif name.startswith("ARCH_"):
            if caps is None or name in caps.selects_if:
                return "unknown"
            if name not in caps.selects:
                return "no"
        elif option in _ASSUMED_OFF:
            return "unknown"
    return "yes"


_TOLD = {
    "attach": "the expected attach type is one of",
    "config": "the kernel has",
    "hook": "the target is one of",
    "unlike": "the target does not start with",
    "sleepable": "the program is sleepable",
    "lockdown": "the kernel is locked down:",
    "text": "the kernel's code agrees:",
}


def _words(kind: str, negated: bool, words: tuple[str, ...]) -> str:
    text = f"{_TOLD.get(kind, kind)} {' '.join(words)}".strip()
    return f"not ({text})" if negated else text
