# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The catalogue of rules as Markdown: one rule, the rules that a report cites, or the whole book.

``python -m kfuncscope.report.rulebook`` prints the book; ``resources/docs/rules.md`` holds the published copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kfuncscope.model import catalogue
from kfuncscope.model.catalogue import Code, Rule
from kfuncscope.model.rows import Group

_HEAD = """\
<!-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause -->
<!-- Made from resources/rules by `python -m kfuncscope.report.rulebook`; edit the TOML files there. -->

# The rules of kfuncscope

Every finding names the rules that it follows from. This page says what each rule means, what libbpf or the kernel does
and where, which verdicts it can lead to, and how to mend a program. `kfuncscope rule R-7.10` prints one of them.

Where a rule can lead to BREAKS, the same failure on the old kernel gives ALREADY_BROKEN, and a failure of the old
kernel alone gives FIXED. Names of functions are those of libbpf 1.8 and Linux 7.3 unless a release is given.

"Seen on" names the kernels that were asked with small programs on both sides of the rule, and what they answered. They
are kernels of Debian for x86_64, unless an architecture is given.
"""


def book() -> str:
    """All sections, rules and failure codes as one Markdown page."""
    heads = [f"{one.number} {one.title}" for one in catalogue.sections()]
    lines = [_HEAD, *(f"- [{head}](#{_anchor(head)})" for head in heads)]
    lines += ["- [Failure codes](#failure-codes)", ""]
    for one in catalogue.sections():
        lines += [f"## {one.number} {one.title}", "", one.text, ""]
        for rule in one.rules:
            lines += markdown(rule, 3)
    lines += ["## Failure codes", "", "The word that JSON, CSV and SARIF reports give for what fails.", ""]
    lines += ["| Code | Title | Meaning | Rules |", "| --- | --- | --- | --- |"]
    for code in catalogue.codes().values():
        cited = ", ".join(f"[{r}](#{_anchor(f'{r} {catalogue.title(r)}')})" for r in code.rules)
        lines.append(f"| `{code.code}` | {code.title} | {code.statement} | {cited} |")
    return "\n".join(lines) + "\n"


def markdown(rule: Rule, level: int) -> Iterator[str]:
    """One rule as the lines of a Markdown section with a heading of that level."""
    yield from (f"{'#' * level} {rule.id} {rule.title}", "", rule.statement, "")
    yield from (f"Why: {rule.why}", "")
    yield f"- Where: {', '.join(f'`{place}`' for place in rule.where)}"
    if rule.since:
        yield f"- Since: {rule.since}"
    yield f"- Verdicts: {verdicts(rule)}"
    if rule.fix:
        yield f"- What to do: {rule.fix}"
    yield from (f"- {line}" for line in seen(rule))
    yield ""
    if rule.example:
        yield from ("```c", *rule.example.splitlines(), "```", "")


def text(rule: Rule) -> Iterator[str]:
    """One rule as plain lines for a terminal."""
    yield f"{rule.id}  {rule.title}"
    yield from ("", f"  {rule.statement}")
    yield from ("", f"  why: {rule.why}")
    yield f"  where: {', '.join(rule.where)}"
    if rule.since:
        yield f"  since: {rule.since}"
    yield f"  verdicts: {verdicts(rule)}"
    if rule.fix:
        yield f"  what to do: {rule.fix}"
    yield from (f"  {line[0].lower()}{line[1:]}" for line in seen(rule))
    if rule.example:
        yield from ("", *(f"    {line}".rstrip() for line in rule.example.expandtabs(8).splitlines()))


def code_text(code: Code) -> Iterator[str]:
    """One failure code as plain lines for a terminal."""
    yield f"{code.code}  {code.title}"
    yield from ("", f"  {code.statement}")
    for rule_id in code.rules:
        yield f"  {rule_id}  {catalogue.title(rule_id)}"


def verdicts(rule: Rule) -> str:
    """The verdicts of a rule as words."""
    return ", ".join(rule.verdicts) or "none by itself"


def seen(rule: Rule) -> Iterator[str]:
    """Which kernels and loaders gave the answers that the rule predicts, and why none can where none did."""
    for one in rule.seen:
        yield f"Seen on {', '.join(one.on)} ({catalogue.HOW_SEEN[one.how]}): {one.answer}"
    if rule.unseen:
        yield f"Not decided by a kernel: {rule.unseen}"


def of_findings(groups: Iterable[Group]) -> list[Rule]:
    """The rules that findings cite, in the order of the catalogue."""
    return catalogue.cited([rule for group in groups for rule in group.finding.rules])


def _anchor(heading: str) -> str:
    """The anchor that GitHub and GitLab make of a heading."""
    kept = "".join(c for c in heading.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


if __name__ == "__main__":
    print(book(), end="")
