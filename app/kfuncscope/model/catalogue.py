# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The catalogue of rules and failure codes: what ``R-7.10`` and ``kfunc_not_found`` mean, as text to show.

The text is data: one TOML file for each section of the rules in ``resources/rules``, and one for the codes. A section
is read when one of its rules is first asked for.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Finding, Verdict
from kfuncscope.resources import resource

_ID = re.compile(r"R-(\d{1,3})\.\d{1,3}[a-z]?")
_PARTS = re.compile(r"(\d+)|([a-z]+)")

HOW_SEEN = {
    "booted": "booted in QEMU", "running": "loaded into the running kernel", "libbpf": "builds of libbpf",
    "cilium/ebpf": "builds of cilium/ebpf",
}  # fmt: skip
"""How an answer was seen, as in the files, and in words."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer that a kernel or a loader really gave: its releases, how it was asked (of HOW_SEEN), and the answer."""

    on: tuple[str, ...]
    how: str
    answer: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``statement`` says what holds, ``why`` what libbpf or the kernel does, ``where`` names file:function.

    ``verdicts`` are those to which the rule can lead, worst first; none for rules about the form of files. Where BREAKS
    is among them, the same failure on the old kernel gives ALREADY_BROKEN, and one that went away FIXED. ``since``,
    ``fix`` and ``example`` may be empty. ``section`` is the number before the point. ``seen`` are answers of kernels
    to both sides of the rule, where they were asked; ``unseen`` says why no kernel can decide it.
    """

    id: str
    section: int
    title: str
    statement: str
    why: str
    where: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    since: str
    fix: str
    example: str
    seen: tuple[Seen, ...] = ()
    unseen: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A group of rules that share the number before the point, with an introduction."""

    number: int
    title: str
    text: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A failure code with its title, one sentence, and the rules from which it follows."""

    code: Failure
    title: str
    statement: str
    rules: tuple[str, ...]


def rule(rule_id: str) -> Rule | None:
    """The rule of an id such as ``R-7.10``; None for an id that the catalogue does not have."""
    found = _ID.fullmatch(rule_id)
    if found is None:
        return None
    one = _section(int(found[1]))
    return next((r for r in one.rules if r.id == rule_id), None) if one is not None else None


def title(rule_id: str) -> str:
    """The title of a rule; empty for an id that the catalogue does not have."""
    found = rule(rule_id)
    return found.title if found is not None else ""


def cited(rule_ids: tuple[str, ...] | list[str]) -> list[Rule]:
    """The rules of several ids, each once and in the order of the catalogue; unknown ids are left out."""
    found = {r.id: r for one in rule_ids if (r := rule(one)) is not None}
    return sorted(found.values(), key=lambda r: order(r.id))


def sections() -> tuple[Section, ...]:
    """All sections in order."""
    numbers = sorted({int(path.name.partition("-")[0]) for path in resource("rules").glob("[0-9]*-*.toml")})
    return tuple(one for number in numbers if (one := _section(number)) is not None)


def rules() -> tuple[Rule, ...]:
    """All rules, in order of their ids."""
    return tuple(r for one in sections() for r in one.rules)


def code(failure: Failure) -> Code | None:
    """Title and sentence of a failure code; None for the empty one."""
    return codes().get(failure)


def code_title(failure: Failure) -> str:
    """The title of a failure code; empty for the empty one."""
    found = code(failure)
    return found.title if found is not None else ""


def finding_title(finding: Finding) -> str:
    """The title of what a finding says failed.

    For libbpf a kfunc of another prototype is one that it did not find (R-2.10); to a reader it is there and differs.
    """
    if finding.failure is Failure.KFUNC_NOT_FOUND and finding.evidence.new:
        return "prototype differs"
    return code_title(finding.failure)


@cache
def codes() -> dict[Failure, Code]:
    """Every failure code, in the order of its file."""
    made = {}
    for name, entry in _read("codes.toml").items():
        failure = Failure(name)
        made[failure] = Code(failure, entry["title"], _prose(entry["statement"]), tuple(entry["rules"]))
    return made


def order(rule_id: str) -> tuple[tuple[int, str], ...]:
    """A sort key: ``R-2.8`` before ``R-2.10``, ``R-3.8`` before ``R-3.8b``."""
    return tuple((int(number or 0), letters) for number, letters in _PARTS.findall(rule_id))


@cache
def _section(number: int) -> Section | None:
    paths = sorted(resource("rules").glob(f"{number:02d}-*.toml"))
    if not paths:
        return None
    entries = {key: entry for path in paths for key, entry in _read(path.name).items()}
    head = entries.pop("section")
    made = [_rule(rule_id, number, entry) for rule_id, entry in entries.items()]
    return Section(number, head["title"], _prose(head["text"]), tuple(sorted(made, key=lambda r: order(r.id))))


def _rule(rule_id: str, section: int, entry: dict[str, Any]) -> Rule:
    return Rule(
        rule_id,
        section,
        entry["title"],
        _prose(entry["statement"]),
        _prose(entry["why"]),
        tuple(entry["where"]),
        tuple(Verdict(v) for v in entry["verdicts"]),
        entry.get("since", ""),
        _prose(entry["fix"]),
        entry["example"].strip("\n"),
        tuple(Seen(tuple(one["on"]), one["how"], _prose(one["answer"])) for one in entry.get("seen", ())),
        _prose(entry.get("unseen", "")),
    )


def _prose(text: str) -> str:
    """Text of the file without its line breaks."""
    return " ".join(text.split())


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(resource("rules", name).read_text(encoding="utf-8"))
