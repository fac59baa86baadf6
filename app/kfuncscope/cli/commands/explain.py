# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope explain``: the chain from a program's verdict to rule, instruction, source line and declarations."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

from kfuncscope.cli.commits import check_repository, searched
from kfuncscope.cli.conclude import tell_missing
from kfuncscope.cli.given import as_error, session
from kfuncscope.cli.output import clean, clean_lines, out, patient, verdict_word
from kfuncscope.decision.gate import decide
from kfuncscope.errors import InputError, UsageError
from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.model.causes import key_of
from kfuncscope.model.looks import REACHES
from kfuncscope.model.origin import origin_of
from kfuncscope.model.unchecked import incomplete
from kfuncscope.model.verdict import ObjectVerdict, Outcome, ProgramVerdict, Reach, Verdict
from kfuncscope.report.chain import Chain, chains, lines
from kfuncscope.report.formats.proofs import proof_document
from kfuncscope.report.summary import upgrade_names
from kfuncscope.upgrade.analyse import analyse


def run(arguments: argparse.Namespace) -> int:
    """Explain one program on every architecture given; the exit status is the built-in policy's decision about it."""
    if arguments.history and arguments.format != "table":
        raise UsageError("--history", "prints with --format table; the reports of check have it in every form")
    check_repository(arguments)
    target = _target(arguments)
    path, colon, wanted = target.rpartition(":")
    if not colon:
        path, wanted = target, ""
    analysis = analyse(session(arguments, [path]))
    if not analysis.objects and analysis.problems:
        raise as_error(analysis.problems)
    judged = [(a, o, p) for a in analysis.arches if not a.inferred for o in a.objects for p in o.programs]
    chosen = [one for one in judged if wanted in ("", one[2].program)]
    missing = incomplete(analysis)
    if not judged and missing:
        raise InputError(missing[0].where, missing[0].why, missing[0].offset)
    if not chosen:
        names = ", ".join(dict.fromkeys(program.program for _, _, program in judged))
        raise UsageError(target, f"no program {wanted!r} in this object; it has {names or 'none'}")
    analysis = searched(_narrowed(analysis, wanted), arguments)
    with patient():
        if arguments.format == "table":
            for arch, obj, program in chosen:
                print(f"== {arch.arch} {clean(arch.old.release)} → {clean(arch.new.release)}")
                _explain(arch, obj, program)
                _origins(analysis, obj, program)
        else:
            out(proof_document(arguments.format, chosen))
    decision = decide(analysis)
    tell_missing(decision.missing)
    return decision.exit


def _target(arguments: argparse.Namespace) -> str:
    """OBJECT:PROGRAM, also where it stands last and an option that takes several kernels has swallowed it."""
    if arguments.target is not None:
        return str(arguments.target)
    for given in (arguments.new, arguments.old):
        last = given[-1] if given and len(given) > 1 else ""
        if os.path.isfile(last.rpartition(":")[0]) or (last.endswith(".o") and os.path.isfile(last)):
            return str(given.pop())
    raise UsageError("OBJECT:PROGRAM", "required: an object and one of its programs, as in FILE.bpf.o:PROGRAM")


def _narrowed(analysis: Analysis, wanted: str) -> Analysis:
    """The analysis with only the program asked for, all of them where none was named."""
    arches = []
    for arch in analysis.arches:
        objects = [
            replace(obj, programs=tuple(p for p in obj.programs if wanted in ("", p.program))) for obj in arch.objects
        ]
        arches.append(replace(arch, objects=tuple(objects)))
    return replace(analysis, arches=tuple(arches))


def _explain(arch: ArchResult, obj: ObjectVerdict, program: ProgramVerdict) -> None:
    print(f'{clean(obj.object)} › {clean(program.program)}  SEC("{clean(program.section)}")  {program.prog_type}')
    print(f"{verdict_word(program.verdict)}{_reach(program.reach)}")
    if program.old:
        print(f"  old kernel: {_outcome(program.old)}")
    print(f"  new kernel: {_outcome(program.new)}")
    print(f"  object: {verdict_word(obj.verdict)}: {clean(obj.reason)}")
    for one in chains(program, obj.findings, arch.new):
        print(f"  - {verdict_word(Verdict(one.verdict))} {clean(one.need)}: {clean(one.message)}")
        for line in lines(one, upgrade_names(arch.old, arch.new)):
            print(f"    {_code(line)}".rstrip())
        _remedy(one)
    for text in program.unchecked:
        print(f"  could not check: {clean(text)}")


def _origins(analysis: Analysis, obj: ObjectVerdict, program: ProgramVerdict) -> None:
    """The commits behind the causes that a program has, and the blank line that ends it."""
    keys = [key_of(f, program.section) for f in program.findings] + [key_of(f, "") for f in obj.findings]
    for key in dict.fromkeys(keys):
        if (one := origin_of(analysis.origins, key)) is not None:
            print(f"  history of {clean(key.title)}: {clean(one.words)}")
    print()


def _reach(reach: Reach) -> str:
    return f" · {REACHES[reach]}" if reach is not Reach.NONE else ""


def _code(text: str) -> str:
    """C for the terminal: tabs are part of it, other control characters are not."""
    return clean_lines(text.expandtabs(8)).replace("\n", "\\n")


def _outcome(outcome: Outcome) -> str:
    reason = clean(outcome.reason) + (f" [{clean(outcome.failure)}]" if outcome.failure else "")
    return f"loads {outcome.loads.value}, attaches {outcome.attaches.value}{'; ' if reason else ''}{reason}"


def _remedy(one: Chain) -> None:
    if one.remedy is None:
        return
    print(f"    remedy: {clean(one.remedy.text)}")
    for other in one.remedy.candidates:
        print(f"    in its place: {clean(other.name)} ({clean(other.reason)})")
    for caption, text in one.remedy.snippets:
        print(f"    {clean(caption)}:")
        for line in text.splitlines():
            print(f"      {_code(line)}".rstrip())
