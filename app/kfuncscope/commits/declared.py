# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the text of one source file declares of a thing: the proof that a commit removed or changed it.

Each reader takes C text without comments (Kconfig text as it is) and gives the declarations in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from kfuncscope.knowledge.build.csource.ctext import (
    Call,
    calls,
    find_function,
    gate_regions,
    gates_at,
    match_bracket,
    options,
    split_args,
    squeeze,
)

_MOST = 20  # declarations of one thing in one file
_EVENTS = r"(?:TRACE_EVENT|DEFINE_EVENT|DECLARE_TRACE|DECLARE_EVENT_CLASS)\w*"
_STORAGE = re.compile(
    r"\b(?:static|extern|inline|noinline\w*|notrace|asmlinkage|__(?:bpf_kfunc|user|rcu|iomem|percpu|maybe_unused"
    r"|always_unused|init|exit|must_check|always_inline|cold|sched|weak|ref|used|private|randomize_layout))\b"
)
_EVENT_MACRO = re.compile(r"_(?:EVENT|TRACE|HOOK)")
_AT_MARGIN = re.compile(r"(?:(?:static|extern|__\w+)\s+)*")
_NOT_TYPES = frozenset({"typedef", "return", "goto", "else", "case"})
_KFUNC_SET = re.compile(r"\bBTF_(SET_START|ID_LIST\w*|SET8_START|KFUNCS_START)\s*\(\s*(\w+)")


class Subject(NamedTuple):
    """What is searched: how the source spells it (a row of ``patterns.PATTERNS``), its name, and a member of it."""

    how: str
    name: str
    member: str = ""

    @property
    def word(self) -> str:
        """The word whose coming and going commits are searched for."""
        return self.member or self.name


class Declaration(NamedTuple):
    """One declaration: where it stands in the text, what programs see of it, and how it is built.

    ``main`` is False for what goes with a declaration but does not make the thing exist, as the definition of a kfunc
    beside its row in a set of kfuncs.
    """

    start: int
    end: int
    seen: str
    built: str
    main: bool = True


def types_of(parameters: list[str]) -> str:
    """Parameters without their names: a renamed parameter is not a change, other than by the suffix that the verifier
    reads (``__nullable``)."""
    made = []
    for one in parameters:
        plain = squeeze(_STORAGE.sub(" ", one))
        pointer = re.match(r"(.*\(\s*\*)\s*\w+(\s*\).*)$", plain)
        if pointer:
            plain = pointer[1] + pointer[2]
        else:
            named = re.match(r"(.*[\w*]\s*)(?<![\w])(\w+)((?:\s*\[[^]]*\])*)$", plain)
            if named and re.search(r"\w", named[1]) and not re.fullmatch(r"(?:struct|union|enum|const)\s+", named[1]):
                plain = named[1] + "".join(named[2].partition("__")[1:]) + named[3]
        made.append(re.sub(r"\s*\*\s*", "*", plain).strip())
    return ", ".join(made)


def functions(text: str, subject: Subject) -> Iterator[Declaration]:
    """Definitions of a function; prototypes are passed over."""
    at, regions, called = 0, gate_regions(text), re.compile(rf"\b{subject.name}\s*\(")
    for _ in range(_MOST):
        found = find_function(text[at:], subject.name)
        if found is None:
            return
        start = text.rfind(subject.name, at, at + found.body_start)
        while start >= 0 and not called.match(text, start):  # there is one: find_function() began at it
            start = text.rfind(subject.name, at, start + len(subject.name) - 1)
        if start < 0:
            return
        parameters = types_of(split_args(found.params))
        result = squeeze(_STORAGE.sub(" ", found.head))
        seen = f"{result}({'' if parameters == 'void' else parameters})"
        yield Declaration(start, at + found.body_start, seen, _built(regions, start, found.head))
        at += found.body_start + len(found.body)


def kfuncs(text: str, subject: Subject) -> Iterator[Declaration]:
    """Rows of a kfunc in id sets, with its flags, and its definitions beside them."""
    regions = gate_regions(text)
    for call in calls(text, "BTF_ID|BTF_ID_FLAGS"):
        arguments = split_args(call.args)
        if arguments[:2] == ["func", subject.name] and (call.name == "BTF_ID_FLAGS" or _in_kfunc_set(text, call.start)):
            flags = " | ".join(sorted(part.strip() for part in "|".join(arguments[2:]).split("|") if part.strip()))
            yield Declaration(call.start, call.end, f"flags {flags}", _built(regions, call.start, ""))
    for one in functions(text, subject):
        yield one._replace(main=False)


def _in_kfunc_set(text: str, at: int) -> bool:
    """Whether a row without flags is of a set of kfuncs, as they were at first: other lists name kfuncs too."""
    before = [(m[1], m[2]) for m in _KFUNC_SET.finditer(text, 0, at)]
    return bool(before) and before[-1][0] == "SET_START" and "kfunc" in before[-1][1]


def syscalls(text: str, subject: Subject) -> Iterator[Declaration]:
    """``SYSCALL_DEFINEn(name, type, parameter, …)``."""
    regions = gate_regions(text)
    for call in calls(text, r"(?:COMPAT_)?SYSCALL(?:32)?_DEFINE\d"):
        arguments = split_args(call.args)
        if arguments and arguments[0] == subject.name:
            seen = ", ".join(map(squeeze, arguments[1::2]))
            yield Declaration(call.start, call.end, seen, _built(regions, call.start, ""))


def tracepoints(text: str, subject: Subject) -> Iterator[Declaration]:
    """Events of a name, with the types of what they hand to programs."""
    regions = gate_regions(text)
    for call, name in _events(text):
        if name == subject.name and not call.name.startswith("DECLARE_EVENT_CLASS"):
            proto = next((p for p in calls(call.args, "TP_PROTO|PARAMS")), None)
            seen = types_of(split_args(proto.args)) if proto else ""
            yield Declaration(call.start, call.end, f"({seen})", _built(regions, call.start, ""))


def records(text: str, subject: Subject) -> Iterator[Declaration]:
    """A field of the record of an event or of its class."""
    for call, name in _events(text):
        if name == subject.name and not call.name.startswith("DEFINE_EVENT"):
            for entry in calls(call.args, r"TP_STRUCT__entry"):
                for row in calls(entry.args, r"__\w+"):
                    arguments = [squeeze(part) for part in split_args(row.args)]
                    place = 0 if "string" in row.name and arguments[:1] == [subject.member] else 1
                    if arguments[place : place + 1] == [subject.member]:
                        seen = f"{row.name}({', '.join(arguments)})"
                        yield Declaration(call.start, call.end, seen, seen)


def _events(text: str) -> Iterator[tuple[Call, str]]:
    for call in calls(text, _EVENTS):
        arguments = split_args(call.args)
        place = 1 if call.name.startswith("DEFINE_EVENT") else 0
        if len(arguments) > place:
            yield call, arguments[place]


def lsm_hooks(text: str, subject: Subject) -> Iterator[Declaration]:
    """``LSM_HOOK(result, default, name, parameters…)``."""
    regions = gate_regions(text)
    for call in calls(text, "LSM_HOOK"):
        arguments = [squeeze(part) for part in split_args(call.args)]
        if len(arguments) > 2 and arguments[2] == subject.name:
            seen = f"{arguments[0]}({types_of(arguments[3:])})"
            yield Declaration(call.start, call.end, seen, _built(regions, call.start, ""))


def helpers(text: str, subject: Subject) -> Iterator[Declaration]:
    """``FN(name)`` in the list of helpers, and ``BPF_CALL_n(bpf_name, type, parameter, …)`` beside it."""
    for call in calls(text, "FN"):
        if split_args(call.args)[:1] == [subject.name]:
            yield Declaration(call.start, call.end, "listed", "listed")
    for call in calls(text, r"BPF_CALL_\d"):
        arguments = [squeeze(part) for part in split_args(call.args)]
        if arguments[:1] == [f"bpf_{subject.name}"]:
            seen = ", ".join(arguments[1::2])
            yield Declaration(call.start, call.end, seen, seen, main=False)


def types(text: str, subject: Subject) -> Iterator[Declaration]:
    """A struct or union, or one member of it."""
    for found in re.finditer(rf"\b(?:struct|union)\s+{subject.name}\s*\{{", text):
        end = match_bracket(text, found.end() - 1)
        if end < 0:
            continue
        if not subject.member:
            yield Declaration(found.start(), end, "declared", "declared")
            continue
        start, body, regions = found.end(), text[found.end() : end], gate_regions(text)
        for place in re.finditer(rf"\b{subject.member}\b(?=\s*(?:[;,:\[)]|__\w))", body):
            before = max(body.rfind(c, 0, place.start()) for c in ";{}")
            after = body.find(";", place.end())
            said = re.sub(r"^[ \t]*#[^\n]*$", "", body[before + 1 : after if after >= 0 else None], flags=re.M)
            if re.match(r"\s*\b(?:struct|union|enum)?\s*" + subject.member + r"\s*$", said):
                continue  # a type of that name, not a member
            at = start + place.start()
            seen = squeeze(_STORAGE.sub(" ", said))
            yield Declaration(at, at + len(subject.member), seen, _built(regions, at, ""))


def enumerators(text: str, subject: Subject) -> Iterator[Declaration]:
    """An enumerator, of one enum or of any where the enum has no name."""
    name = rf"\s+{subject.name}" if subject.name else r"(?:\s+\w+)?"
    for found in re.finditer(rf"\benum{name}\s*\{{", text):
        end = match_bracket(text, found.end() - 1)
        body = text[found.end() : end] if end >= 0 else ""
        for part in split_args(re.sub(r"^[ \t]*#[^\n]*$", "", body, flags=re.M)):
            word, _, value = part.partition("=")
            if word.strip() == subject.member:
                at = found.end() + body.find(subject.member)
                yield Declaration(at, at + len(subject.member), squeeze(value), squeeze(value))


def variables(text: str, subject: Subject) -> Iterator[Declaration]:
    """Definitions of a variable of the whole kernel, as ``TYPE name[]…;`` or ``DEFINE_PER_CPU(TYPE, name)``, and what
    says that it is defined elsewhere (``extern``, ``DECLARE_…``), by which it does not exist."""
    regions = gate_regions(text)
    for call in calls(text, r"(?:DEFINE|DECLARE)_\w+|[A-Z]+_HEAD"):
        arguments = [squeeze(part) for part in split_args(call.args)]
        before = text[text.rfind("\n", 0, call.start) + 1 : call.start]
        if subject.name in arguments and not _EVENT_MACRO.search(call.name) and _AT_MARGIN.fullmatch(before):
            others = [one for one in arguments if one != subject.name]
            seen = f"{_maker(call.name)}({', '.join(others)})"
            built = _built(regions, call.start, before)
            yield Declaration(call.start, call.end, seen, built, main=not call.name.startswith("DECLARE"))
    head, attributes = r"^([A-Za-z_][\w \t*]*[ \t*])", r"[^;=(){}\n]*(?:\([^()\n]*\))?"
    plain = head + subject.name + r"\b[ \t]*((?:\[[^]\n]*\])*)" + attributes + r"\s*[;=]"
    for found in re.finditer(plain, text, re.M):
        words = found[1].split()
        if words[0] not in _NOT_TYPES and (made := _type(found[1])) not in ("", "struct", "union", "enum"):
            built = _built(regions, found.start(), found[1])
            seen = made + ("[]" if found[2] else "")
            yield Declaration(found.start(), found.end(), seen, built, main="extern" not in words)


def _type(head: str) -> str:
    """The type in what stands before the name of a variable, without attributes of where and how it is kept."""
    words = _STORAGE.sub(" ", head).replace("*", " * ").split()
    kept = [word for word in words if not word.startswith("__")]
    return " ".join(kept if any(re.match(r"\w", word) for word in kept) else words).replace(" *", "*")


def _maker(macro: str) -> str:
    """What a macro makes, whether it defines or declares: ``PER_CPU`` of any section is one thing."""
    made = re.sub(r"^(?:DEFINE|DECLARE)_", "", macro)
    return "PER_CPU" if made.startswith("PER_CPU") else made


def config_options(text: str, subject: Subject) -> Iterator[Declaration]:
    """``config NAME`` of a Kconfig file."""
    for found in re.finditer(rf"^[ \t]*(?:menu)?config[ \t]+{subject.name}[ \t]*$", text, re.M):
        yield Declaration(found.start(), found.end(), "declared", "declared")


def words(text: str, subject: Subject) -> Iterator[Declaration]:
    """The bare word, for what macros make out of sight of the readers above."""
    found = re.search(rf"\b{subject.word}\b", text)
    if found:
        yield Declaration(found.start(), found.end(), "named", "named")


def _built(regions: list[tuple[int, tuple[tuple[str, bool], ...]]], at: int, head: str) -> str:
    """What decides how, and whether, a declaration is built: its storage class and the options around it."""
    return " ".join([*sorted(set(_STORAGE.findall(head))), *options(gates_at(regions, at))])


Reader = Callable[[str, Subject], Iterator[Declaration]]
