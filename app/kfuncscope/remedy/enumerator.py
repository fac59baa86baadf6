# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Enumerators that are gone or have another value: read from the running kernel (R-3.5, R-12.10)."""

from __future__ import annotations

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.names import gone
from kfuncscope.model.verdict import Candidate, Finding, Remedy
from kfuncscope.remedy.ctext import NoCodeError, comment, name, series, snippet, word
from kfuncscope.remedy.replacements.enumerators import enumerators_elsewhere, replaced_enumerators
from kfuncscope.remedy.subject import Subject


def enum_remedy(subject: Subject, finding: Finding) -> Remedy:
    """A function that gives the value that the running kernel has."""
    enum, _, one = finding.name.removeprefix("enum ").rpartition(".")
    old, new = _enum(subject.old.kernel, enum), _enum(subject.new.kernel, enum)
    if new is not None and one in {e.name for e in new[0].enumerators(new[1])}:
        text = f"Compare with bpf_core_enum_value(enum {enum}, {one}), to which libbpf gives the "
        text += "running kernel's value."
        return _made(subject, text, enum, one, one, ())
    found = replaced_enumerators(old, new, one) if old is not None and new is not None else []
    shown = tuple(Candidate(f"enum {enum}.{n.name}", n.reason) for n in found)
    away = [] if found else enumerators_elsewhere(enum, one, subject.new.kernel)
    if away:
        shown = tuple(Candidate(f"enum {n.name}", n.reason) for n in away)
    text = "Test with bpf_core_enum_value_exists() before using the value."
    if not found and (told := gone("enumerator", f"{enum}.{one}")):
        text = f"{told} {text}"
    if away:
        text += f" It is enum {away[0].name} now: test both."
        return _made(subject, text, enum, one, away[0].name, shown)
    if found:
        text = f"{found[0].name} replaces {one} ({found[0].reason}): use the one that the kernel has."
    return _made(subject, text, enum, one, found[0].name if found else "", shown)


def _made(subject: Subject, text: str, enum: str, one: str, other: str, shown: tuple[Candidate, ...]) -> Remedy:
    try:
        code = enum_code(subject.old.kernel, subject.new.kernel, enum, one, other)
    except NoCodeError:
        return Remedy(text, candidates=shown)
    return Remedy(text, code, caption=f"The value of {one} in the running kernel", candidates=shown)


def _enum(kernel: Kernel, called: str) -> tuple[Blob, int] | None:
    for kind in (Kind.ENUM, Kind.ENUM64):
        for _, blob, enum in kernel.types(called, kind):
            return blob, enum
    return None


def enum_code(old: Kernel, new: Kernel, enum: str, one: str, other: str) -> str:
    """A flavour of the enum and the function; ``other`` is what took the place of ``one``, as ``ENUM.NAME`` where it is
    in another enum, which gets a flavour of its own. Raises NoCodeError."""
    away, _, another = other.rpartition(".")
    wanted = [(name(enum), f"{name(one)}___any")]
    if another and other != one:  # of one name in two enums, C lets only one be
        wanted.append((name(away or enum), f"{name(another)}___{'now' if away else 'any'}"))
    flavours: dict[str, list[str]] = {}
    body = []
    for at, (where, called) in enumerate(wanted, 1):
        flavours.setdefault(where, []).append(f"\t{called} = {at},")
        body += [f"\tif (bpf_core_enum_value_exists(enum {where}___any, {called}))"]
        body += [f"\t\treturn bpf_core_enum_value(enum {where}___any, {called});"]
    body += [f"\treturn -1; {comment('the kernel has no such value')}"]
    now = f"{other} in {series(new)}" if other and other != one else f"another value in {series(new)}"
    told = comment(f"{one} in {series(old)}, {now if other else 'not in ' + series(new)}.")
    function = [told, f"static __always_inline long {word('value_of', one)}(void)", "{", *body, "}"]
    enums = (line for where, rows in flavours.items() for line in (f"enum {where}___any {{", *rows, "};"))
    return snippet("\n".join(enums), "\n".join(function))
