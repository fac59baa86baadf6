# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The report as JUnit XML: the decision, one suite an architecture with a case a program, and the inputs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from kfuncscope.decision.exits import Exit
from kfuncscope.model.catalogue import title
from kfuncscope.model.proof import Agreement, Proof
from kfuncscope.model.rows import Row
from kfuncscope.model.verdict import ObjectVerdict, ProgramVerdict, Verdict
from kfuncscope.report.proof import proof_rows
from kfuncscope.report.safe import code, visible
from kfuncscope.report.summary import Report


def render(report: Report) -> bytes:
    """The whole file as UTF-8.

    The one case of the first suite stands for the decision: it fails with exit status 1 and is an error with 3. A
    program fails when one of its findings, or one of its object, blocks; it is skipped when its verdict is unknown and
    nothing blocks. Inputs that could not be read, judged or compared are errors; what could not be checked in full is
    skipped, as is an object of another architecture.
    """
    blocking: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in report.decision.blocking:
        blocking[row.arch, row.object, row.program].append(row)
    suites = [_decision(report), *(_suite(report, i, blocking) for i in range(len(report.arches))), *_inputs(report)]
    suites += [_proof_suite(one) for one in report.analysis.proof]
    tests, failures = sum(len(s.cases) for s in suites), sum(s.failures for s in suites)
    counts = _counts(tests, failures, sum(s.errors for s in suites), sum(s.skipped for s in suites))
    head = f"<testsuites name={_attribute(f'kfuncscope {report.title}')} {counts}>"
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', head, *(s.text() for s in suites), "</testsuites>"]
    return ("\n".join(lines) + "\n").encode()


@dataclass(frozen=True, slots=True)
class _Suite:
    """A suite with its cases as XML, and how many of them failed, erred, were skipped."""

    name: str
    cases: list[str]
    failures: int = 0
    errors: int = 0
    skipped: int = 0

    def text(self) -> str:
        counts = _counts(len(self.cases), self.failures, self.errors, self.skipped)
        return "\n".join([f"<testsuite name={_attribute(self.name)} {counts}>", *self.cases, "</testsuite>"])


def _decision(report: Report) -> _Suite:
    decision = report.decision
    said = "; ".join((decision.headline, *decision.reasons))
    about = _text(f"{decision.headline}: exit status {decision.exit.value}, by {decision.by}")
    body = {
        Exit.FAILED: f'<failure type="decision" message={_attribute(said)}>{about}</failure>',
        Exit.INCOMPLETE: f'<error type="decision" message={_attribute(said)}>{about}</error>',
    }.get(decision.exit, f"<system-out>{about}</system-out>")
    failed, unread = decision.exit is Exit.FAILED, decision.exit is Exit.INCOMPLETE
    return _Suite("decision", [_case("decision", "upgrade", body)], int(failed), int(unread))


def _inputs(report: Report) -> Iterator[_Suite]:
    """What became of the inputs: not checked, of another architecture, equal ones."""
    if report.unchecked:
        given = sum(one.given for one in report.unchecked)
        kind = "could not check"
        cases = [_case(kind, u.place, _tag("error" if u.given else "skipped", u.why)) for u in report.unchecked]
        yield _Suite(kind, cases, errors=given, skipped=len(cases) - given)
    if report.elsewhere:
        kind = "of another architecture"
        cases = [_case(kind, e.object, _tag("skipped", f"not {', '.join(e.arches)}")) for e in report.elsewhere]
        yield _Suite(kind, cases, skipped=len(cases))
    if report.shared:
        places = [(info.name, place.package, place.path) for info in report.shared for place in info.places]
        yield _Suite("equal objects", [_case(name, " ".join(filter(None, where)), "") for name, *where in places])


def _tag(name: str, message: str) -> str:
    return f"<{name} message={_attribute(message)}/>"


def _suite(report: Report, number: int, blocking: dict[tuple[str, str, str], list[Row]]) -> _Suite:
    arch = report.arches[number].result
    cases: list[str] = []
    failures = skipped = 0
    for obj in arch.objects:
        own = blocking.get((arch.arch, obj.object, ""), [])
        members: Iterable[ProgramVerdict | None] = obj.programs or (None,)
        for program in members:
            name = program.program if program else ""
            rows = own + (blocking.get((arch.arch, obj.object, name), []) if program else [])
            verdict = program.verdict if program else obj.verdict
            body = _failure(rows) if rows else _quiet(verdict, obj, program)
            failures += bool(rows)
            skipped += not rows and verdict is Verdict.UNKNOWN
            cases.append(_case(f"{arch.arch}.{obj.object}", name or "(object)", body))
    label = f"{arch.arch}: {arch.old.label} → {arch.new.label}"
    return _Suite(label, cases, failures, 0, skipped)


def _proof_suite(one: Proof) -> _Suite:
    """A booted kernel: what disagrees fails, what was not seen or is beyond the files is skipped."""
    cases: list[str] = []
    failures = skipped = 0
    for row in proof_rows(one, everything=True):
        said = f"predicted: {row.predicted}; seen: {row.seen}; {row.line}"
        body = ""
        if row.agreement is Agreement.DISAGREE:
            body, failures = f'<failure type="disagree" message={_attribute(said)}/>', failures + 1
        elif row.agreement is not Agreement.AGREE:
            body, skipped = f"<skipped message={_attribute(f'{row.agreement.value}; {said}')}/>", skipped + 1
        cases.append(_case(f"{one.arch}.proof.{row.object}", row.program or "(object)", body))
    return _Suite(f"proof by booting: {one.arch} {one.release}", cases, failures, 0, skipped)


def _quiet(verdict: Verdict, obj: ObjectVerdict, program: ProgramVerdict | None) -> str:
    if verdict is Verdict.UNKNOWN:
        why = "; ".join(program.unchecked if program else obj.unchecked) or obj.reason
        return f"<skipped message={_attribute(why)}/>"
    findings = program.findings if program else obj.findings
    said = [f"{f.verdict.value}: {f.message}" for f in findings if f.verdict is not Verdict.OK]
    return f"<system-out>{_text(chr(10).join(said))}</system-out>" if said else ""


def _failure(rows: list[Row]) -> str:
    finding = rows[0].finding
    lines = []
    for row in rows:
        f = row.finding
        lines.append(f"{f.verdict.value} {f.kind.value} {visible(f.name)}: {visible(f.message, 1000)}")
        lines += [visible(f"rule {one} {title(one)}".rstrip()) for one in f.rules]
        lines.append(f"confidence {f.confidence.value}; key {row.key}")
        lines += [f"  at {visible(s.file or s.function)}:{s.line} instruction {s.insn}" for s in f.sites[:10]]
        lines += [
            f"  {label}: {visible(t, 600)}" for label, t in (("old", f.evidence.old), ("new", f.evidence.new)) if t
        ]
        if f.remedy:
            lines.append(f"  remedy: {visible(f.remedy.text, 1000)}")
    kind = _attribute(finding.failure or finding.verdict.value)
    said = escape("\n".join(lines))
    return f"<failure type={kind} message={_attribute(finding.message)}>{said}</failure>"


def _counts(tests: int, failures: int, errors: int, skipped: int) -> str:
    return f'tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}" time="0"'


def _case(classname: str, name: str, body: str) -> str:
    start = f'<testcase classname={_attribute(classname)} name={_attribute(name)} time="0"'
    return f"{start}>{body}</testcase>" if body else f"{start}/>"


def _attribute(text: str) -> str:
    return quoteattr(visible(text, 500))


def _text(text: str) -> str:
    return escape(code(text))
