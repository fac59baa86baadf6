# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every rule and failure code that any output shows has its text, over all samples and the fixtures of the tests."""

from __future__ import annotations

import html
import io
import json
import re
from contextlib import redirect_stdout

import pytest

from kfuncscope import report
from kfuncscope.cli.main import main
from kfuncscope.model import catalogue
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.failure import Failure
from kfuncscope.model.rows import rows
from kfuncscope.model.verdict import SEVERITY, Finding, Verdict
from kfuncscope.report import summary
from kfuncscope.report.formats import pdf
from kfuncscope.resources import sample
from kfuncscope.session.sample import sample_session
from kfuncscope.upgrade.analyse import analyse
from support import analyses, reportcases

ID = re.compile(r"\bR-\d+\.\d+[a-z]?\b")
DERIVED = {Verdict.ALREADY_BROKEN, Verdict.FIXED}
SHOWN = ("html", "md", "sarif", "csv", "junit")


@pytest.fixture(scope="module")
def samples() -> Analysis:
    return analyse(sample_session(), workers=1)


def findings(analysis: Analysis) -> list[Finding]:
    faults = [f for a in analysis.arches for kernel in (a.old, a.new) for f in kernel.faults]
    return [*(row.finding for row in rows(analysis)), *faults]


@pytest.fixture(params=["samples", "demo", "reports", "big"])
def told(request: pytest.FixtureRequest) -> Analysis:
    if request.param == "samples":
        found: Analysis = request.getfixturevalue("samples")
        return found
    return {"demo": analyses.demo, "reports": reportcases.analysis, "big": lambda: analyses.big(4, 2)}[request.param]()


def test_findings_name_rules_and_codes_that_have_a_text(told: Analysis) -> None:
    """What the engine says of real kernels, and what tests of window and reports are made of: the same words."""
    listed = findings(told)
    assert listed
    for finding in listed:
        assert finding.rules or finding.failure, finding
        assert isinstance(finding.failure, Failure)
        for rule in finding.rules:
            assert catalogue.rule(rule) is not None, rule
    for arch in told.arches:
        for obj in arch.objects:
            for program in obj.programs:
                for outcome in (program.old, program.new):
                    assert outcome is None or isinstance(outcome.failure, Failure)


def test_a_rule_leads_to_the_verdicts_that_its_record_says(samples: Analysis) -> None:
    """At least one rule of a finding says that it can lead there; failures of the old kernel follow from BREAKS."""
    for finding in findings(samples):
        if finding.verdict is Verdict.OK or not finding.rules:
            continue
        wanted = Verdict.BREAKS if finding.verdict in DERIVED else finding.verdict
        records = [catalogue.rule(r) for r in finding.rules]
        assert any(wanted in r.verdicts for r in records if r is not None), (finding.rules, finding.verdict)


def test_rule_answers_for_every_id_that_an_output_shows(samples: Analysis, capsys: pytest.CaptureFixture[str]) -> None:
    made = summary.make(samples)
    shown = {one for kind in SHOWN for one in ID.findall(report.render(made, kind).decode())}
    out = io.StringIO()
    with redirect_stdout(out):
        code = main(["explain", str(sample("objects", "sockname_exit.bpf.o")), "--old",
                     str(sample("kernels", "6.12-x86_64")), "--new", str(sample("kernels", "7.3-x86_64"))])  # fmt: skip
    assert code in (0, 1) and f"rule R-7.10  {catalogue.title('R-7.10')}" in out.getvalue()
    shown |= set(ID.findall(out.getvalue()))
    assert len(shown) > 20
    for one in sorted(shown):
        assert main(["rule", one]) == 0, one
        assert capsys.readouterr().out.startswith(f"{one}  {catalogue.title(one)}\n")


def test_sarif_carries_the_text_of_its_rules(samples: Analysis) -> None:
    log = json.loads(report.render(summary.make(samples), "sarif"))
    for rule in log["runs"][0]["tool"]["driver"]["rules"]:
        assert rule["shortDescription"]["text"] and rule["fullDescription"]["text"]
        if rule["id"].startswith("program-type/what"):
            continue
        assert rule["help"]["text"].startswith("R-") and rule["help"]["markdown"].startswith("## R-")
        assert rule["helpUri"].startswith("urn:kfuncscope:rule:R-")


def test_reports_carry_the_text_of_the_rules_they_cite(samples: Analysis) -> None:
    made = summary.make(samples)
    cited = {rule for group in made.findings for rule in group.finding.rules}
    page, text = (report.render(made, kind).decode() for kind in ("html", "md"))
    printed = html.unescape(pdf._page(made))
    for rule in catalogue.cited([r for g in made.findings if SEVERITY[g.finding.verdict] for r in g.finding.rules]):
        assert f"<b>{rule.id} {rule.title}</b>" in printed
    for one in cited:
        assert f'<div class="rulebox" id="{one}">' in page
        assert f"### {one} {catalogue.title(one)}\n" in text
    links = set(re.findall(r'href="#(R-[^"]+)"', page))
    assert links == cited
