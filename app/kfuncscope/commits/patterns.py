# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How the kernel's source spells what programs need: the table by which a cause is searched for.

A helper ``bpf_x`` stands in the source as ``FN(x`` and ``BPF_CALL_2(bpf_x``, a hook ``bpf_lsm_x`` as ``LSM_HOOK(…, x``;
a search for the name that a program uses would find neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kfuncscope.arch import ARCHES
from kfuncscope.commits import declared
from kfuncscope.commits.declared import Reader, Subject
from kfuncscope.model.causes import CauseKey

_NAME = re.compile(r"[A-Za-z_]\w{0,127}")
# Names of system calls of all architectures that have their own, and of those that share what SYSCALL_DEFINE makes.
_PREFIXES = {p for a in ARCHES for p in (a.syscall_prefix, a.compat_syscall_prefix) if p}
_PREFIXES |= {"__s390_", "__loongarch_", "__se_", "__do_"}
_SYSCALL = re.compile(rf"(?:{'|'.join(sorted(_PREFIXES))})(?:compat_)?sys_(\w+)|sys_(\w+)")
_EVENT = re.compile(r"sys_(?:enter|exit)_(\w+)")  # an event of a system call, which SYSCALL_DEFINE makes
_SPELLED = (("bpf_lsm_", "LSM hook"), ("btf_trace_", "tracepoint"), ("__bpf_trace_", "tracepoint"))


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way to spell a thing: the ERE that finds files which may declare it (``{name}``), the reader that says
    whether they do, files of another kind than C, and whether a thing that is declared as before, and yet missing from
    the kernel, can only be a matter of build or configuration."""

    locate: str
    reader: Reader
    files: str = "*.[ch]"
    build_only: bool = False


PATTERNS: dict[str, Pattern] = {
    "kfunc": Pattern("{name}", declared.kfuncs),
    "function": Pattern("{name} *[(]", declared.functions, build_only=True),
    "system call": Pattern("{name}", declared.syscalls, build_only=True),
    "tracepoint": Pattern("{name}", declared.tracepoints),
    "record": Pattern("{name}", declared.records),
    "LSM hook": Pattern("{name}", declared.lsm_hooks),
    "helper": Pattern("(bpf_)?{name}", declared.helpers),
    "type": Pattern("(struct|union) +{name} *[{{]", declared.types, build_only=True),
    "field": Pattern("(struct|union) +{name} *[{{]", declared.types, build_only=True),
    "enumerator": Pattern("{member}", declared.enumerators, build_only=True),
    "variable": Pattern("{name}", declared.variables, build_only=True),
    "option": Pattern("(menu)?config +{name}", declared.config_options, "*Kconfig*", build_only=True),
}
WORD = Pattern("{name}", declared.words)
"""What is left where no reader recognises a declaration; it proves nothing, so what it finds is only probable."""


def subject_of(key: CauseKey) -> Subject | None:
    """What to search for a cause; None where its kind has no place in the source, or its name is not one of C."""
    kind, name = key.kind, key.name
    if kind in ("field", "type", "struct_ops", "enumerator"):
        first, _, rest = name.partition(".")
        first = first.removeprefix("enum ").removeprefix("union ").partition("___")[0]
        member = re.split(r"[.\[]", rest)[0]
        return _typed(kind, first, member)
    if kind == "option":
        name = name.removeprefix("CONFIG_")
    elif kind == "helper":
        name = name.removeprefix("bpf_")
    elif kind in ("function", "LSM hook", "tracepoint"):
        kind, name = _hook(kind, name)
    return Subject(kind, name) if kind in PATTERNS and _NAME.fullmatch(name) else None


def _hook(kind: str, name: str) -> tuple[str, str]:
    for prefix, other in _SPELLED:
        if name.startswith(prefix):
            return other, name.removeprefix(prefix)
    if kind == "tracepoint" and (event := _EVENT.fullmatch(name)):
        return "system call", event[1]
    found = _SYSCALL.fullmatch(name) if kind == "function" else None
    return ("system call", found[1] or found[2]) if found else (kind, name.split(".")[0])


def _typed(kind: str, name: str, member: str) -> Subject | None:
    if kind == "enumerator":
        named = Subject("enumerator", name if member else "", member or name)
        if named.member.startswith("BPF_FUNC_"):
            named = Subject("helper", named.member.removeprefix("BPF_FUNC_"))
    elif member and name.startswith("trace_event_raw_"):
        named = Subject("record", name.removeprefix("trace_event_raw_"), member)
    else:
        named = Subject("field" if member else "type", name, member)
    fine = all(_NAME.fullmatch(part) for part in (named.name, named.member) if part)
    return named if fine and named.word else None
