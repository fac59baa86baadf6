# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What runs on hosts now, against a new kernel: an analysis of the running programs, with or without their objects.

A program that was joined to an object is judged as the object's; one that was not as what the kernel shows of it. That
it runs is evidence of its own: what the rules say about the old kernel does not count against it.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace

from kfuncscope import __version__
from kfuncscope.bpf.object import BpfObject
from kfuncscope.bpf.sections import Section
from kfuncscope.census import names
from kfuncscope.census.count import Row, rows, summary, user, uses
from kfuncscope.census.join import Joiner, Objects, Progress, TagIndex, read_objects
from kfuncscope.census.reader import read_census
from kfuncscope.census.records import Census, Host, Join
from kfuncscope.census.seen import PARTLY, Seen, system_of
from kfuncscope.errors import InputError, SessionError
from kfuncscope.intake.objects import object_files
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.analysis import Analysis, ArchResult, CensusInfo, HostUse, KernelInfo, ObjectInfo, RunsOn
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import (
    SEVERITY,
    Confidence,
    Finding,
    NeedKind,
    ObjectVerdict,
    ProgramVerdict,
    Reach,
    Verdict,
    worst,
)
from kfuncscope.remedy.remedies import remedied
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.judge import ObjectJudgement, judge
from kfuncscope.rules.problem import Message, Problem
from kfuncscope.session.session import Session
from kfuncscope.storage.files import InputProblem
from kfuncscope.upgrade.known import kernel_info, open_refs

# Sections whose programs loaders often attach to something else than the section says.
RETARGETED = frozenset(
    {"kprobe", "kretprobe", "tp", "tracepoint", "raw_tp", "raw_tracepoint", "fentry", "fexit", "fmod_ret", "fentry.s",
     "fexit.s", "fmod_ret.s", "tp_btf"}
)  # fmt: skip
ATTACHED_LATER = frozenset({"KPROBE", "TRACEPOINT", "RAW_TRACEPOINT", "PERF_EVENT"})
MOST_NAMES = 200  # hosts that a result names
MOST_TARGETS = 8  # of one program that are judged one by one


@dataclass(slots=True)
class Side:
    """The kernels of one architecture: ``old`` None where the hosts' own kernel was not given."""

    old: Kernel | None
    new: Kernel
    hosts: list[Host]

    @property
    def same(self) -> bool:
        """Whether the old kernel is, by its BTF, that of every host."""
        return self.old is not None and {h.kernel.btf_sha256 for h in self.hosts} == {btf_sha256(self.old)}


def btf_sha256(kernel: Kernel) -> str:
    """SHA-256 of a kernel's BTF, as the collector hashes it."""
    return hashlib.sha256(kernel.vmlinux.data).hexdigest() if kernel.vmlinux is not None else ""


def joined(
    census: Census, objects: Objects, kernels: Sequence[Kernel], progress: Progress | None = None
) -> tuple[Joiner, list[Row]]:
    """The joiner of a census and its rows."""
    joiner = Joiner(census, TagIndex(objects, kernels, progress))
    return joiner, rows(census, joiner)


def check(
    census: Census,
    objects: Objects,
    old: Sequence[Kernel],
    new: Sequence[Kernel],
    progress: Progress | None = None,
) -> Analysis:
    """The analysis of what runs; SessionError where no host has an architecture of a new kernel."""
    problems = list(census.problems)
    notes = list(census.notes)
    sides = _sides(census, old, new, problems, notes)
    if not sides:
        raise SessionError("--new", "no host of the census has an architecture of these kernels")
    joiner, listed = joined(census, objects, [*old, *new], progress)
    results: list[ArchResult] = []
    infos: dict[str, ObjectInfo] = {}
    runs: list[RunsOn] = []
    for arch, side in sides.items():
        verdicts = list(_verdicts([r for r in listed if r.arch == arch], joiner, side, infos, runs))
        was = kernel_info(side.old) if side.old is not None else _kernel_of_hosts(arch, side.hosts)
        shown = tuple(sorted(verdicts, key=lambda v: v.object))
        results.append(ArchResult(arch, was, kernel_info(side.new), shown))
    judged = [r for r in listed if r.arch in sides]
    info = replace(census_info(census, joiner, judged), programs=tuple(runs), notes=tuple(notes))
    named = tuple(infos[name] for name in sorted(infos))
    return Analysis(__version__, tuple(results), named, tuple(problems), census=info)


def of_session(session: Session, progress: Progress | None = None) -> Analysis:
    """The analysis of what runs on the hosts of a session's census. Raises InputError where no host is known, or no
    kernel to go to."""
    census = read_census(session.census)
    if not census.hosts:
        first = census.problems[0] if census.problems else InputProblem("census", "none is given")
        raise InputError(first.path, first.reason)
    old, bad = open_refs(session.old)
    new, worse = open_refs(session.new)
    if not new:
        if not session.new:
            raise InputError("new kernels", "none is given")
        raise InputError(session.new[0].files[0], worse[0].reason if worse else "not a kernel")
    files, unread = object_files(session.objects) if session.objects else ([], [])
    objects, damaged = read_objects(files, session.section_types)
    found = check(census, objects, old, new, progress)
    problems = {*found.problems, *census.problems, *bad, *worse, *unread, *damaged}
    return replace(found, problems=tuple(sorted(problems, key=lambda p: (p.path, p.reason))))


def attached(analysis: Analysis, session: Session, progress: Progress | None = None) -> Analysis:
    """An analysis of a session with what its census says: on how many hosts things are used, and which programs run."""
    census = read_census(session.census)
    files, _ = object_files(session.objects)
    objects, _ = read_objects(files, session.section_types)
    kernels, _ = open_refs([*session.old, *session.path, *session.new])
    problems = [*analysis.problems, *(p for p in census.problems if p not in analysis.problems)]
    if not census.hosts:
        return replace(analysis, problems=tuple(problems))
    joiner, listed = joined(census, objects, kernels, progress)
    return replace(analysis, problems=tuple(problems), census=census_info(census, joiner, listed))


def census_info(census: Census, joiner: Joiner, listed: Sequence[Row]) -> CensusInfo:
    """The summary of a census that goes with an analysis."""
    counts = summary(listed)
    found = uses(listed, joiner, list(NeedKind))
    runs = [_runs_on(joiner, row) for row in listed if row.joined.candidates]
    return CensusInfo(
        len(census.hosts), sum(counts.values()), counts[Join.EXACT], counts[Join.LIKELY], counts[Join.KERNEL_ONLY],
        sum(r.running for r in listed if r.partly),
        tuple(HostUse(u.kind, u.name, len(u.hosts), u.running) for u in found),
        tuple(sorted(runs, key=lambda r: (r.object, r.program, r.join))), tuple(census.notes),
        tuple(host.label for host in census.hosts[:MOST_NAMES]),
    )  # fmt: skip


def _runs_on(joiner: Joiner, row: Row) -> RunsOn:
    best = row.joined.candidates[0]
    name, program = joiner.objects.files[best.object].name, joiner.objects.program(best).name
    return RunsOn(name, program, len(row.hosts), row.running, row.joined.join.value, _named(row))


def _named(row: Row) -> tuple[int, ...]:
    """Those of its hosts that a result names."""
    return tuple(sorted(at for at in row.hosts if at < MOST_NAMES))


# -- kernels


def _sides(
    census: Census, old: Sequence[Kernel], new: Sequence[Kernel], problems: list[InputProblem], notes: list[str]
) -> dict[str, Side]:
    """The kernels of each architecture of the hosts; what is missing is a problem, what limits the result a note."""
    by_arch: dict[str, list[Host]] = defaultdict(list)
    for host in census.hosts:
        by_arch[host.kernel.arch].append(host)
    found = {}
    for arch, hosts in sorted(by_arch.items()):
        later = [k for k in new if k.arch == arch]
        if not later:
            problems.append(
                InputProblem(arch, f"no new kernel for the {_count(len(hosts), 'host')} of this architecture")
            )
            continue
        found[arch] = Side(_old_kernel([k for k in old if k.arch == arch], hosts), later[-1], hosts)
        if found[arch].old is None:
            told = "the kernel of its hosts was not given (--old): changes of meaning (SILENT, RISK) cannot be seen"
            notes.append(f"{arch}: {told}")
        elif not found[arch].same:
            notes.append(f"{arch}: some hosts run another kernel than the old one that was given")
    strange = [k for k in (*old, *new) if k.arch not in by_arch]
    problems += [InputProblem(k.label, f"no host of the census is {k.arch}") for k in strange]
    return found


def _old_kernel(given: Sequence[Kernel], hosts: Iterable[Host]) -> Kernel | None:
    """Of several old kernels of an architecture the one that most hosts run, else the last."""
    running = Counter(h.kernel.btf_sha256 for h in hosts)
    return max(reversed(given), key=lambda k: running[btf_sha256(k)], default=None)


def _kernel_of_hosts(arch: str, hosts: Sequence[Host]) -> KernelInfo:
    releases = Counter(h.kernel.release for h in hosts)
    named = ", ".join(f"{release} on {_count(n, 'host')}" for release, n in releases.most_common(4))
    more = f" and {len(releases) - 4} more" if len(releases) > 4 else ""
    release = releases.most_common(1)[0][0]
    return KernelInfo(f"running: {named}{more}", arch, release, 0, (("hosts", str(len(hosts))),))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")


# -- verdicts


def _verdicts(
    listed: Sequence[Row], joiner: Joiner, side: Side, infos: dict[str, ObjectInfo], runs: list[RunsOn]
) -> Iterable[ObjectVerdict]:
    by_object: dict[int, list[Row]] = defaultdict(list)
    for row in listed:
        if row.joined.candidates:
            by_object[row.joined.candidates[0].object].append(row)
            runs.append(_runs_on(joiner, row))
    for at, of_it in by_object.items():
        file, obj = joiner.objects.files[at], joiner.objects.read[at]
        package = file.places[0].package if file.places else ""
        variants = [_compared(one, side, package, file.sha256) for one in retargeted(obj, of_it)]
        verdict = _narrowed(variants, of_it, side)
        known = infos.get(file.name)
        arches = (*(known.judged_on if known else ()), side.new.arch)
        infos[file.name] = ObjectInfo(
            file.name, file.sha256, len(file.data), file.places, len(obj.programs), tuple(dict.fromkeys(obj.notes)),
            arches,
        )  # fmt: skip
        yield verdict
    for row in listed:
        if not row.joined.candidates:
            yield _seen(row, joiner, side, infos, runs)


def _compared(obj: BpfObject, side: Side, package: str, sha256: str) -> ObjectVerdict:
    after = judged_as_seen(judge(obj, side.new))
    before = judged_as_seen(judge(obj, side.old)) if side.old is not None else after
    return remedied(compare(before, after, package, sha256), before, after)


def judged_as_seen(judged: ObjectJudgement) -> ObjectJudgement:
    """Without what the kernel does not show of a program: which member of a struct_ops table it is, for one."""
    obj = judged.context.obj
    if isinstance(obj, Seen):
        untold = not any(a.attach_type >= 0 for a in obj.running.attach)
        for one in judged.programs:
            member = (NeedKind.STRUCT_OPS, one.program.name)
            one.problems = [_as_seen(p, untold) for p in one.problems if (p.kind, p.name) != member]
        judged.problems = []  # those of its externs, which are the program's too
    return judged


def _as_seen(problem: Problem, untold: bool) -> Problem:
    """A problem with a kfunc is less certain where tests are not seen; without an attach type (``untold``) who may call
    a kfunc is in doubt."""
    if problem.kind != NeedKind.KFUNC or not problem.certain:
        return problem
    if untold and problem.failure == Failure.KFUNC_NOT_ALLOWED and "R-4.1" in problem.rules:
        return replace(problem, certain=False, confidence=Confidence.LOW)
    said = Message(problem.said.template + "; whether the program tests for it first is not seen", problem.said.fields)
    return replace(problem, said=said, confidence=Confidence.MEDIUM)


def _by_program(listed: Sequence[Row]) -> dict[int, list[Row]]:
    wanted: dict[int, list[Row]] = defaultdict(list)
    for row in listed:
        wanted[row.joined.candidates[0].program].append(row)
    return wanted


def retargeted(obj: BpfObject, listed: Sequence[Row]) -> list[BpfObject]:
    """An object with the targets that its programs really have on hosts, which loaders often set at run time.

    More than one where a program has several targets: each is in one of them.
    """
    sections: dict[int, list[Section]] = {}
    for at, of_it in _by_program(listed).items():
        section = obj.programs[at].section
        found = {target for row in of_it for target in names.targets(row.program)}
        if found and section.kind in RETARGETED:
            sections[at] = [_with_target(section, target) for target in sorted(found)[:MOST_TARGETS]]
    variants = []
    for turn in range(max((len(s) for s in sections.values()), default=1)):
        one = copy(obj)
        one.programs = [
            replace(p, section=s[min(turn, len(s) - 1)]) if (s := sections.get(at)) else p
            for at, p in enumerate(obj.programs)
        ]
        variants.append(one)
    return variants


def _with_target(section: Section, target: str) -> Section:
    if section.target.rpartition("/")[2] == target:
        return section
    system = f"{system_of(target)}/" if section.prog_type == "TRACEPOINT" else ""
    return replace(section, name=f"{section.kind}/{system}{target}", target=system + target)


def _narrowed(variants: Sequence[ObjectVerdict], listed: Sequence[Row], side: Side) -> ObjectVerdict:
    """The verdict of an object by those of its programs that run, each with the worst of its targets."""
    programs = []
    for at, of_it in sorted(_by_program(listed).items()):
        ways = [as_running(variant.programs[at], side, of_it) for variant in variants]
        programs.append(max(ways, key=lambda p: SEVERITY[p.verdict]))
    own = tuple(_finding_as_running(f, side) for f in variants[0].findings)
    return _whole(replace(variants[0], programs=tuple(programs), findings=own))


def _whole(verdict: ObjectVerdict) -> ObjectVerdict:
    """The verdict of an object from the programs that are left in it."""
    grave = [f for f in verdict.findings if f.verdict == Verdict.BREAKS]
    if grave:
        return replace(verdict, verdict=Verdict.BREAKS, reason=f"the whole object no longer loads: {grave[0].message}")
    found = worst(p.verdict for p in verdict.programs)
    first = next((p for p in verdict.programs if p.verdict == found), None)
    deciding = next((f for f in first.findings if f.verdict == found), None) if first else None
    reason = f"{first.program}: {deciding.message}" if first and deciding else "nothing that it needs has changed"
    return replace(verdict, verdict=found, reason=reason)


def as_running(program: ProgramVerdict, side: Side, listed: Sequence[Row]) -> ProgramVerdict:
    """The verdict of a program that runs: it works on its kernel, whatever the files say about the old one."""
    hosts = set().union(*(row.hosts for row in listed))
    kinds = {row.joined.join for row in listed}
    findings = tuple(_finding_as_running(f, side) for f in program.findings)
    loose = not any(row.program.attach for row in listed)
    if loose:  # what cannot be attached there is not attached now either
        findings = tuple(f for f in findings if f.reach != Reach.ATTACH)
        if program.reach == Reach.ATTACH:
            program = replace(program, verdict=Verdict.OK, reach=Reach.NONE)
    verdict = worst([_verdict_as_running(program.verdict, side), *(f.verdict for f in findings if SEVERITY[f.verdict])])
    told = [f"runs on {_count(len(hosts), 'host')} ({', '.join(sorted(kinds))})"] if kinds != {Join.EXACT} else []
    if loose and program.prog_type in ATTACHED_LATER:
        told.append("loaded but not attached, as far as the kernel tells: whether it can be attached is not judged")
    if Join.LIKELY in kinds:
        told.append("joined by its names: the running build may differ from this object")
    return replace(
        program, verdict=verdict, findings=findings, autoload=True, unchecked=(*program.unchecked, *told),
        old=program.old if side.old is not None else None,
    )  # fmt: skip


def _verdict_as_running(verdict: Verdict, side: Side) -> Verdict:
    if verdict == Verdict.ALREADY_BROKEN:
        return Verdict.UNKNOWN if side.same else Verdict.BREAKS
    return Verdict.OK if verdict == Verdict.FIXED else verdict


def _finding_as_running(finding: Finding, side: Side) -> Finding:
    verdict = _verdict_as_running(finding.verdict, side)
    if verdict == finding.verdict:
        return finding
    message = finding.message
    if verdict == Verdict.UNKNOWN:
        message += "; the files say so of the old kernel too, where it runs"
    return replace(finding, verdict=verdict, message=message)


def _seen(row: Row, joiner: Joiner, side: Side, infos: dict[str, ObjectInfo], runs: list[RunsOn]) -> ObjectVerdict:
    """The verdict of a program without an object: what the kernel shows is judged, its fields are UNKNOWN once."""
    name = user(row, joiner)
    base = side.old if side.old is not None else side.new
    obj = Seen(row.program, name, base)
    made = _compared(obj, side, " ".join(sorted(row.owners)), "")
    unknown = Finding(NeedKind.FIELD, "fields", Verdict.UNKNOWN, PARTLY, ("R-0.4",), confidence=Confidence.LOW)
    programs = tuple(
        replace(p, verdict=worst([p.verdict, Verdict.UNKNOWN]), findings=(*p.findings, unknown))
        for p in (as_running(p, side, [row]) for p in made.programs)
    )
    infos[name] = ObjectInfo(name, "", 0, (), 1, (PARTLY,), (side.new.arch,))
    runs.append(RunsOn(name, row.program.name, len(row.hosts), row.running, Join.KERNEL_ONLY.value, _named(row)))
    own = tuple(_finding_as_running(f, side) for f in made.findings)
    return _whole(replace(made, programs=programs, findings=own))
