# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The report as SARIF 2.1.0, for code scanning: one result a finding and architecture, the worst first.

Only what somebody should look at is a result: what fails, changes or cannot be told, and what the decision names. How
many findings are left out, and why, is one notification.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import posixpath
from collections import Counter
from typing import Any
from urllib.parse import quote

from kfuncscope.decision.exits import Exit
from kfuncscope.model import catalogue
from kfuncscope.model.analysis import ObjectInfo
from kfuncscope.model.causes import key_of
from kfuncscope.model.failure import Failure
from kfuncscope.model.origin import origin_of
from kfuncscope.model.proof import ProgramProof
from kfuncscope.model.rows import Row, by_severity, notable, rows
from kfuncscope.model.verdict import SEVERITY, Finding, Site, Verdict
from kfuncscope.report import proof, rulebook
from kfuncscope.report.safe import code, visible
from kfuncscope.report.summary import Report
from kfuncscope.storage.files import Place
from kfuncscope.storage.read import shown

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {
    Verdict.BREAKS: "error",
    Verdict.SILENT: "error",
    Verdict.RISK: "warning",
    Verdict.DEGRADES: "note",
    Verdict.UNKNOWN: "note",
}
MOST = 5_000
"""Results in one log; code scanning services take no more of one run."""

# To which folder a path is relative: the log says it, and who reads the log may say where that folder is now.
_BASES = {
    "BUILDROOT": "The root of the file system in which the objects were compiled, as their line information names it",
    "PACKAGE": "The root folder of the package that a result names in its properties",
    "ROOT": "The root of the file system of the machine on which kfuncscope ran",
    "WORKDIR": "The folder in which kfuncscope ran",
}
_MOST_SITES = 20
_PROOF = "proof/disagree"  # the rule of results that a booted kernel alone gives
HELP = "urn:kfuncscope:rule:"  # the page of the rules has no address of its own: `kfuncscope rule ID` prints it


def render(report: Report) -> bytes:
    """The whole log as ASCII JSON."""
    found = by_severity(notable(rows(report.analysis)))
    named = {row.key for row in (*report.decision.blocking, *report.decision.review)} | set(report.waived)
    matter = [row for row in found if SEVERITY[row.verdict] or row.key in named]
    listed = matter[:MOST]
    cited: dict[str, dict[str, None]] = {}
    codes: dict[str, Failure] = {}
    for row in listed:
        name = _rule(row.finding)
        codes[name] = row.finding.failure
        cited.setdefault(name, {}).update(dict.fromkeys(row.finding.rules))
    names = sorted(cited)
    baseline = _baseline(report)
    index = {name: i for i, name in enumerate(names)}
    answers = proof.answers(report.analysis)
    judged = proof.verdicts(report.analysis) if answers else {}
    alone = list(proof.without_row(answers, listed).items())
    bare = alone[: MOST - len(listed)]
    descriptors = [_descriptor(n, codes[n], tuple(cited[n])) for n in names]
    run = {
        "tool": {"driver": _driver(report, [*descriptors, *([_DISAGREE] if bare else [])])},
        "automationDetails": {"id": f"kfuncscope/{visible(report.title)}/"},
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {name: {"description": {"text": text}} for name, text in _BASES.items()},
        "artifacts": [
            *(_artifact(_file(i.path), i.sha256, i.size) for i in report.inputs),
            *(_artifact(place, o.sha256, o.size) for o in report.analysis.objects for place in _places(o)),
        ],
        "invocations": [_invocation(report, _left_out(found, matter, listed, len(alone) - len(bare)))],
        "results": [
            *(_result(report, row, index, baseline, answers) for row in listed),
            *(
                _disagreement(report, place, given, len(names), judged.get(place, Verdict.UNKNOWN))
                for place, given in bare
            ),
        ],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return (json.dumps(log, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def _left_out(found: list[Row], matter: list[Row], listed: list[Row], unsaid: int) -> str:
    """How many findings are no results, and why; empty where all are."""
    parts = []
    if len(matter) > len(listed):
        parts.append(f"{len(matter) - len(listed)} of {len(matter)} results are left out, the least severe ones")
    if unsaid:
        parts.append(f"{unsaid} programs and objects without a finding, with which a booted kernel disagrees")
    kept = {row.key for row in matter}
    calm = Counter(row.verdict.value for row in found if row.key not in kept)
    if calm:
        counted = ", ".join(f"{count} {verdict}" for verdict, count in sorted(calm.items()))
        parts.append(f"{calm.total()} findings about which the upgrade changes nothing for the worse ({counted})")
    return f"left out of these results: {'; '.join(parts)}" if parts else ""


def _places(info: ObjectInfo) -> list[dict[str, str]]:
    """Every place at which an object was found."""
    made = [_place(place) for place in info.places] or [_file(info.name)]
    return list({one["uriBaseId"] + one["uri"]: one for one in made}.values())


def _place(place: Place) -> dict[str, str]:
    return _location(place.path.lstrip("/"), "PACKAGE") if place.package else _file(place.path)


def _file(path: str) -> dict[str, str]:
    """A file as it was given: from the working folder where it is below that, as code scanning looks for it there."""
    if not path.startswith("/"):
        return _location(path, "WORKDIR")
    plain = "/" + posixpath.normpath(path).lstrip("/")
    for folder in _here():
        if plain.startswith(f"{folder}/"):
            return _location(plain[len(folder) + 1 :], "WORKDIR")
    return _location(plain.lstrip("/"), "ROOT")


def _here() -> list[str]:
    """The working folder, as the system and as the shell names it; none where that is the root, or is gone."""
    found = []
    with contextlib.suppress(OSError):
        found.append(shown(os.getcwd()))
        called = os.environ.get("PWD", "")
        if os.path.isabs(called) and os.path.samefile(called, "."):
            found.append(posixpath.normpath(shown(called)))
    return [folder for folder in found if folder != "/"]


def _location(path: str, base: str) -> dict[str, str]:
    """A path as an artifact location: a relative URI reference, and what it is relative to."""
    plain = posixpath.normpath(path) if path else "unknown"
    return {"uri": quote(plain.encode("utf-8", "surrogatepass")[:2000], safe="/._-~"), "uriBaseId": base}


def _rule(finding: Finding) -> str:
    """Rule names follow the kind of need and the class of failure; the ids of the rules are in the properties."""
    return visible(f"{finding.kind.value.replace(' ', '-')}/{finding.failure or finding.verdict.value.lower()}", 120)


def _driver(report: Report, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": "kfuncscope", "version": visible(report.analysis.version), "rules": rules}


def _descriptor(name: str, failure: Failure, rule_ids: tuple[str, ...]) -> dict[str, Any]:
    """What a viewer shows of a SARIF rule: the sentence of the failure code, and the text of the rules cited."""
    made: dict[str, Any] = {"id": name}
    code_, rules = catalogue.code(failure), catalogue.cited(rule_ids)
    said = name.replace("/", ": ").replace("_", " ").replace("-", " ")
    made["shortDescription"] = {"text": f"{name.partition('/')[0]}: {code_.title}" if code_ else said}
    whole = [code_.statement] if code_ else []
    whole += [rule.statement for rule in rules]
    if whole:
        made["fullDescription"] = {"text": visible(" ".join(whole), 2000)}
    if rules:
        made["help"] = {
            "text": "\n\n".join("\n".join(rulebook.text(rule)) for rule in rules),
            "markdown": "\n".join(line for rule in rules for line in rulebook.markdown(rule, 2)),
        }
        made["helpUri"] = f"{HELP}{rules[0].id}"
    return made


def _artifact(location: dict[str, str], sha256: str, size: int) -> dict[str, Any]:
    return {"location": location, "length": size, "hashes": {"sha-256": sha256}}


def _invocation(report: Report, left_out: str) -> dict[str, Any]:
    """The run: its decision as exit status, and a notification for each thing that could not be checked."""
    decision = report.decision
    notes = [
        _notification("could-not-check", "error" if one.given else "warning", f"{one.place}: {one.why}")
        for one in report.unchecked
    ]
    notes += [
        _notification("of-another-architecture", "note", f"{one.object}: not of {', '.join(one.arches)}")
        for one in report.elsewhere
    ]
    if left_out:
        notes.append(_notification("left-out", "note", left_out))
    said = "; ".join((decision.headline, *decision.reasons, f"by {decision.by}"))
    return {
        "executionSuccessful": decision.exit is not Exit.INCOMPLETE,
        "exitCode": decision.exit.value,
        "exitCodeDescription": visible(said, 1000),
        "toolExecutionNotifications": notes,
    }


def _notification(kind: str, level: str, text: str) -> dict[str, Any]:
    return {"descriptor": {"id": kind}, "level": level, "message": {"text": visible(text, 1000)}}


def _result(
    report: Report, row: Row, index: dict[str, int], baseline: dict[str, str] | None, answers: proof.Answers
) -> dict[str, Any]:
    finding = row.finding
    rule = _rule(finding)
    made: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": index[rule],
        "kind": "fail",
        "level": _LEVELS.get(finding.verdict, "note"),
        "message": {"text": _message(row)},
        "locations": _locations(report, row),
        "partialFingerprints": {"kfuncscopeKey/v1": row.key},
        "rank": report.risk.findings[row.key].score if row.key in report.risk.findings else 0.0,
        "properties": _properties(report, row, answers),
    }
    if row.key in report.waived:
        waiver = report.waived[row.key]
        why = f"{waiver.reason} (until {waiver.expires}, {waiver.owner})"
        made["suppressions"] = [{"kind": "external", "status": "accepted", "justification": visible(why)}]
    if baseline is not None:
        made["baselineState"] = baseline.get(row.key, "unchanged")
    return made


def _baseline(report: Report) -> dict[str, str] | None:
    """The baseline state of every finding that is not unchanged, by key; None without a baseline."""
    if report.comparison is None:
        return None
    changed = {after.key: "updated" for _, after in (*report.comparison.worse, *report.comparison.better)}
    return changed | {row.key: "new" for row in report.comparison.new}


def _message(row: Row) -> str:
    finding = row.finding
    remedy = f" Remedy: {finding.remedy.text}" if finding.remedy else ""
    place = f"{row.object}: {row.program}" if row.program else row.object
    return visible(
        f"{finding.verdict.value} on {row.arch}, {row.old} → {row.new}: {place}: {finding.message}{remedy}", 4000
    )


def _properties(report: Report, row: Row, answers: proof.Answers) -> dict[str, Any]:
    finding = row.finding
    made: dict[str, Any] = {
        "arch": visible(row.arch),
        "package": visible(row.package),
        "verdict": finding.verdict.value,
        "confidence": finding.confidence.value,
        "reach": finding.reach.value,
        "rules": [visible(rule) for rule in finding.rules],
        "old": code(finding.evidence.old),
        "new": code(finding.evidence.new),
    }
    if finding.remedy is not None and finding.remedy.snippets:
        made["fix"] = "\n\n".join(code(piece) for _, piece in finding.remedy.snippets)
    if origin := origin_of(report.analysis.origins, key_of(finding, row.section)):
        made["origin"] = visible(origin.words, 800)
        if origin.commit:
            made["commit"] = visible(origin.commit)
    if proved := answers.get((row.arch, row.object, row.program)):
        made["proof"] = _proof(proved)
    return made


def _proof(proved: list[tuple[str, ProgramProof]]) -> list[dict[str, str]]:
    return [
        {
            "kernel": visible(release),
            "agreement": p.agreement.value,
            "seenLoads": p.seen_loads.value,
            "seenAttaches": p.seen_attaches.value,
            "line": visible(p.line, 1000),
        }
        for release, p in proved
    ]


_DISAGREE = {
    "id": _PROOF,
    "shortDescription": {"text": "proof: a booted kernel does not do as predicted"},
    "fullDescription": {
        "text": "The files predict that the program loads, or that it fails; the kernel did otherwise."
    },
}


def _disagreement(
    report: Report, place: tuple[str, str, str], given: list[tuple[str, ProgramProof]], index: int, judged: Verdict
) -> dict[str, Any]:
    """The result for a program, or an object as a whole, that has no other and with which a kernel does not agree."""
    arch, name, program = place
    where = f"{name}: {program}" if program else name
    key = hashlib.sha256(json.dumps([_PROOF, *place]).encode()).hexdigest()
    return {
        "ruleId": _PROOF,
        "ruleIndex": index,
        "kind": "fail",
        "level": "warning",
        "message": {"text": visible(f"DISAGREE on {arch}: {where}: {proof.disagreeing(given)}", 4000)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": _file(report.paths.get(name, name))},
                "logicalLocations": [{"fullyQualifiedName": visible(f"{name}/{program or '*'}"), "kind": "function"}],
            }
        ],
        "partialFingerprints": {"kfuncscopeKey/v1": key},
        "rank": 0.0,
        "properties": {"arch": visible(arch), "verdict": judged.value, "proof": _proof(given)},
    }


def _locations(report: Report, row: Row) -> list[dict[str, Any]]:
    logical = [{"fullyQualifiedName": visible(f"{row.object}/{row.program or '*'}"), "kind": "function"}]
    made = [
        {"physicalLocation": _source(site), "logicalLocations": logical}
        for site in row.finding.sites[:_MOST_SITES]
        if site.file
    ]
    if made:
        return made
    path, package = report.paths.get(row.object, row.object), row.package
    return [{"physicalLocation": {"artifactLocation": _place(Place(package, path))}, "logicalLocations": logical}]


def _source(site: Site) -> dict[str, Any]:
    made: dict[str, Any] = {"artifactLocation": _location(site.file.lstrip("/"), "BUILDROOT")}
    if site.line > 0:
        made["region"] = {"startLine": site.line}
        if site.text:
            made["region"]["snippet"] = {"text": code(site.text, 500)}
    return made
