# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The words in which results are given: findings, outcomes and verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from kfuncscope.model.failure import Failure


class Verdict(StrEnum):
    """What an upgrade means for a program, worst first; the last two stand apart from the scale."""

    BREAKS = "BREAKS"
    SILENT = "SILENT"
    RISK = "RISK"
    DEGRADES = "DEGRADES"
    UNKNOWN = "UNKNOWN"
    OK = "OK"
    ALREADY_BROKEN = "ALREADY_BROKEN"
    FIXED = "FIXED"


SEVERITY: dict[Verdict, int] = {
    Verdict.BREAKS: 5, Verdict.SILENT: 4, Verdict.RISK: 3, Verdict.DEGRADES: 2, Verdict.UNKNOWN: 1,
    Verdict.OK: 0, Verdict.FIXED: 0, Verdict.ALREADY_BROKEN: 0,
}  # fmt: skip


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several verdicts; ALREADY_BROKEN, then FIXED, then OK where nothing on the scale speaks."""
    seen = set(verdicts)
    scaled = [v for v in seen if SEVERITY[v]]
    if scaled:
        return max(scaled, key=lambda v: SEVERITY[v])
    for verdict in (Verdict.ALREADY_BROKEN, Verdict.FIXED):
        if verdict in seen:
            return verdict
    return Verdict.OK


_CLS = {"json": "cls"}  # the form's name for a failure code


class Tri(StrEnum):
    """Yes, no, or not to be told from these files."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How sure a finding is: rule and facts at hand; a heuristic in between; unseen data needed."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Reach(StrEnum):
    """How far a failure goes (R-0.1..R-0.7)."""

    OBJECT = "object"
    PROGRAM = "program"
    ATTACH = "attach"
    NONE = "none"


class NeedKind(StrEnum):
    """What kind of thing a program requires of a kernel."""

    KFUNC = "kfunc"
    HELPER = "helper"
    FIELD = "field"
    TYPE = "type"
    ENUMVAL = "enum value"
    HOOK = "hook"
    STRUCT_OPS = "struct_ops"
    KSYM = "ksym"
    KCONFIG = "kconfig"
    MAP_TYPE = "map type"
    PROG_TYPE = "program type"
    JIT = "JIT capability"
    INSN = "instruction"
    OBJECT = "object"
    LOADER = "loader"


@dataclass(frozen=True, slots=True)
class Site:
    """One place in a program that uses a need: instruction index in its function, and the source line if known.

    ``reachable`` is None where that was not worked out; ``guard`` names the test that keeps the place away
    (``file:line condition``), empty where there is none.
    """

    function: str
    insn: int
    file: str = ""
    line: int = 0
    text: str = ""
    reachable: bool | None = None
    guard: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What both kernels say: C declarations (empty = absent there) and further facts as (label, old, new)."""

    old: str = ""
    new: str = ""
    facts: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may have taken the place of a thing that a kernel lacks: its name there, and why it is thought to."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about it: a sentence, and C that compiles and is ready to paste, where C can help.

    ``code`` is for the BPF program, ``loader`` for the program that loads it; ``caption`` says in a few words what
    the C does. ``candidates`` are what may take the place of what is gone, best first.
    """

    text: str
    code: str = ""
    caption: str = ""
    loader: str = ""
    candidates: tuple[Candidate, ...] = ()

    @property
    def snippets(self) -> tuple[tuple[str, str], ...]:
        """(caption, C) of each piece to paste: into the BPF program, and into its loader."""
        pieces = ((self.caption, self.code), ("In the loader", self.loader))
        return tuple((caption, code) for caption, code in pieces if code)


@dataclass(frozen=True, slots=True)
class About:
    """What the sentence of a finding names beside the need, as the rule knew it: what remedies and facts go by.

    ``argument`` counts from 1, 0 is none; ``gained`` and ``lost`` are flags of a kfunc; ``symbols`` copies that the
    compiler made; ``region`` is where in the program a call stands; ``struct`` what is read at a fixed offset.
    """

    map: str = ""
    options: tuple[str, ...] = ()
    argument: int = 0
    attach_type: str = ""
    symbols: tuple[str, ...] = ()
    gained: str = ""
    lost: str = ""
    region: str = ""
    struct: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What an upgrade does to one need.

    ``rules`` are the ids that it follows from (``R-2.8``, see model.catalogue); ``failure`` is its code, empty when
    nothing fails; ``reach`` says how far the failure goes. ``changed`` is what of the kernel changed where that is not
    the need itself (``struct task_struct``, whose members a program on a hook reads at fixed offsets). ``about`` is
    there while the engine works on the finding; no form keeps it.
    """

    kind: NeedKind
    name: str
    verdict: Verdict
    message: str
    rules: tuple[str, ...]
    failure: Failure = field(default=Failure.NONE, metadata=_CLS)
    reach: Reach = Reach.NONE
    confidence: Confidence = Confidence.HIGH
    evidence: Evidence = Evidence()
    sites: tuple[Site, ...] = ()
    remedy: Remedy | None = None
    changed: str = ""
    about: About = field(default=About(), compare=False, metadata={"json": ""})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one kernel does with one program: loads, attaches, and the code and reason of the first failure.

    ``object_loads`` tells whether the whole object loads with every autoload program switched on.
    """

    loads: Tri
    attaches: Tri
    object_loads: Tri
    failure: Failure = field(default=Failure.NONE, metadata=_CLS)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NeedUse:
    """One need of a program as the graph draws it: its kind, its name, and what the upgrade does to it."""

    kind: NeedKind
    name: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class TailCall:
    """A program of the same object that a program can call through a slot of a map, which the object itself fills."""

    program: str
    map: str


@dataclass(frozen=True, slots=True)
class ProgramVerdict:
    """One program on one upgrade. ``unchecked`` lists what could not be judged, each with its reason.

    ``calls`` are the programs that it can enter by bpf_tail_call().
    """

    program: str
    section: str
    prog_type: str
    autoload: bool
    verdict: Verdict
    reach: Reach
    old: Outcome | None
    new: Outcome
    findings: tuple[Finding, ...] = ()
    needs: tuple[NeedUse, ...] = ()
    unchecked: tuple[str, ...] = ()
    calls: tuple[TailCall, ...] = ()


def call_verdict(caller: ProgramVerdict, callee: ProgramVerdict) -> Verdict:
    """What an upgrade does to a tail call: what becomes of its target, and whether a map can hold both (R-12.1)."""
    owners = (f.verdict for f in caller.findings if f.failure is Failure.PROG_ARRAY_OWNER)
    return worst([callee.verdict, *owners])


@dataclass(frozen=True, slots=True)
class ObjectVerdict:
    """One object on one upgrade: ``reason`` says in a sentence how the verdict came from its programs.

    ``object`` is the unique short name, ``package`` where it came from. ``findings`` are those that belong to the
    object as a whole (a strong extern nobody calls, an endianness that does not fit).
    """

    object: str
    package: str
    sha256: str
    verdict: Verdict
    reason: str
    programs: tuple[ProgramVerdict, ...]
    findings: tuple[Finding, ...] = ()
    unchecked: tuple[str, ...] = ()
