# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Policies: what blocks, what is tolerated until when, and that a misspelt policy is refused."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from kfuncscope.decision import policy
from kfuncscope.decision.gate import State, decide
from kfuncscope.errors import InputError, SessionError
from kfuncscope.model.causes import causes
from kfuncscope.model.rows import finding_key, groups, rows
from kfuncscope.model.verdict import Verdict
from support import reportcases as cases

DAY = datetime.date(2026, 11, 22)


def test_default_policy_blocks_on_breaks_and_on_silent_unless_unsure() -> None:
    decision = decide(cases.analysis(), day=DAY)
    assert decision.state is State.BLOCKED
    assert {r.verdict for r in decision.blocking} == {Verdict.BREAKS, Verdict.SILENT}
    assert {r.verdict for r in decision.review} == {Verdict.RISK, Verdict.UNKNOWN}
    analysis = cases.analysis(("x86_64",))
    for confidence, state in (("medium", State.BLOCKED), ("low", State.NEEDS_WORK)):
        finding = replace(cases.ARGUMENT, confidence=cases.Confidence(confidence))
        one = replace(analysis.arches[0], objects=(cases.obj("o", "p", cases.program("x", "raw_tp/x", finding)),))
        assert decide(replace(analysis, arches=(one,)), day=DAY).state is state


def test_a_clean_upgrade_is_clear_but_not_while_inputs_are_unread() -> None:
    analysis = cases.analysis(("x86_64",))
    one = replace(analysis.arches[0], objects=(cases.obj("o", "p", cases.program("x", "kprobe/x")),))
    assert decide(replace(analysis, arches=(one,), problems=()), day=DAY).state is State.CLEAR
    unread = decide(replace(analysis, arches=(one,)), day=DAY)
    assert unread.state is State.INCOMPLETE and unread.unread == len(analysis.problems)


def test_each_architecture_has_its_own_state() -> None:
    text = b'[[block]]\nverdict = "BREAKS"\narch = ["arm*"]\n[[review]]\nverdict = ["DEGRADES"]\narch = "x86_64"\n'
    decision = decide(cases.analysis(), policy.parse(text), DAY)
    states = {a.arch: a.state for a in decision.arches}
    assert states["arm64"] is State.BLOCKED and states["x86_64"] is State.NEEDS_WORK
    assert states["s390x"] is State.CLEAR


@pytest.mark.parametrize(
    ("rule", "objects"),
    [
        ('object = "run*"', {"runqlen"}),
        ('package = ["scx-*"]', {"scx_simple"}),
        ('confidence = ["high"]', {"runqlen", "scx_simple"}),
        ('confidence = ["medium"]', set()),
        ('kind = "kfunc"', {"scx_simple"}),
        ('rule = "R-3.*"', {"runqlen"}),
        ('program = "simple_?nqueue"', {"scx_simple"}),
        ('name = "struct cfs_rq.*"', {"runqlen"}),
    ],
)
def test_scope_parts(rule: str, objects: set[str]) -> None:
    text = f'[[block]]\nverdict = ["BREAKS"]\narch = "x86_64"\n{rule}\n'.encode()
    decision = decide(cases.analysis(), policy.parse(text), DAY)
    assert {r.object for r in decision.blocking} == objects


def test_architectures_without_kernels_take_no_part_in_the_decision() -> None:
    """They repeat the judged one: with that one clear or waived, the upgrade is."""
    whole = cases.analysis(("x86_64", "arm64"))
    mixed = replace(whole, arches=(whole.arches[0], replace(whole.arches[1], inferred=True)))
    decision = decide(mixed, day=DAY)
    assert {r.arch for r in (*decision.blocking, *decision.review)} == {"x86_64"}
    assert [a.arch for a in decision.arches] == ["x86_64"]
    alone = replace(mixed, arches=(replace(whole.arches[0], objects=()), mixed.arches[1]), problems=())
    assert decide(alone, day=DAY).state is State.CLEAR
    assert decide(replace(whole, problems=()), day=DAY).state is State.BLOCKED


WAIVERS = b"""
name = "stable gate"
[[waiver]]
owner = "sched team"
reason = "fixed upstream, next upload"
expires = 2026-11-22
object = "scx_*"
verdict = "BREAKS"
[[waiver]]
owner = "me"
reason = "old"
expires = 2026-11-21
object = "runqlen"
[[waiver]]
owner = "me"
reason = "no such thing"
expires = 2027-01-01
name = "nothing_like_it"
[risk.weights]
usage = 2
age = 0
"""


def test_waivers_tolerate_until_their_last_day_and_report_what_they_do_not_do() -> None:
    made = policy.parse(WAIVERS, "gate.toml")
    assert made.name == "stable gate" and made.weights == {"usage": 2.0, "age": 0.0}
    decision = decide(cases.analysis(), made, DAY)
    assert {r.object for r, _ in decision.tolerated} == {"scx_simple"}
    assert "runqlen" in {r.object for r in decision.blocking}
    assert [w.reason for w in decision.unused] == ["no such thing"]
    assert [w.reason for w in decision.expired] == ["old"]
    judged = [a for a in decision.arches if a.arch != "riscv64"]
    assert sum(a.tolerated for a in judged) == len(decision.tolerated) == 12
    assert set(decision.waived()) == {r.key for r, _ in decision.tolerated}
    later = decide(cases.analysis(), made, DAY + datetime.timedelta(1))
    assert not later.tolerated and len(later.expired) == 2


def test_one_waiver_tolerates_a_cause_wherever_it_hits() -> None:
    """Every finding of the cause on every architecture, and no other one."""
    analysis = cases.analysis()
    listed = causes(rows(analysis))
    chosen = max(listed, key=lambda c: len(c.rows))
    assert len(listed) > 1 and len(chosen.rows) > 1
    text = f'[[waiver]]\nowner = "o"\nreason = "r"\nexpires = 2027-01-01\ncause = "{chosen.title}"\n'
    decision = decide(analysis, policy.parse(text.encode()), DAY)
    inferred = {a.arch for a in analysis.arches if a.inferred}
    assert {r.key for r, _ in decision.tolerated} == {r.key for r in chosen.rows if r.arch not in inferred}
    other = text.replace(chosen.title, chosen.title + " elsewhere")
    assert not decide(analysis, policy.parse(other.encode()), DAY).tolerated


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"[[blocks]]\n", "blocks"),
        (b'[[block]]\nverdikt = "BREAKS"\n', "verdikt"),
        (b'[[block]]\nverdict = "BREAK"\n', "BREAK"),
        (b"[[block]]\nverdict = []\n", "empty"),
        (b"[[block]]\nobject = 3\n", "string"),
        (b"[block]\n", "[[block]]"),
        (b"version = 2\n", "version"),
        (b'[[waiver]]\nreason = "r"\nexpires = 2027-01-01\nobject = "x"\n', "owner"),
        (b'[[waiver]]\nowner = "o"\nreason = " "\nexpires = 2027-01-01\nobject = "x"\n', "reason"),
        (b'[[waiver]]\nowner = "o"\nreason = "r"\nobject = "x"\n', "expires"),
        (b'[[waiver]]\nowner = "o"\nreason = "r"\nexpires = "soon"\nobject = "x"\n', "expires"),
        (b'[[waiver]]\nowner = "o"\nreason = "r"\nexpires = 2027-01-01\n', "everything"),
        (b"[risk.weights]\nusage = -1\n", "usage"),
        (b"[risk.weights]\nusage = nan\n", "usage"),
        (b"[risk.weights]\nother = 1\n", "other"),
        (b"\xff", "TOML"),
        (b"a = " + b"[" * 5000, "TOML"),
    ],
)
def test_a_policy_with_a_mistake_is_refused_by_name(text: bytes, says: str) -> None:
    with pytest.raises(SessionError) as caught:
        policy.parse(text, "gate.toml")
    assert says in str(caught.value) and str(caught.value).startswith("gate.toml")


def test_a_missing_policy_file_is_one_clear_error(tmp_path: pytest.TempPathFactory) -> None:
    with pytest.raises(InputError, match="No such file"):
        policy.load(f"{tmp_path}/absent.toml")


def test_keys_name_what_a_finding_is_about_and_not_how_it_is_worded() -> None:
    key = finding_key("x86_64", "o", "p", cases.DISPATCH)
    assert key == finding_key("x86_64", "o", "p", replace(cases.DISPATCH, message="other", verdict=Verdict.RISK))
    assert len({key, finding_key("arm64", "o", "p", cases.DISPATCH), finding_key("x86_64", "o", "p", cases.FIELD)}) == 3
    # Parts must not run into each other.
    assert finding_key("a", "bc", "d", cases.FIELD) != finding_key("ab", "c", "d", cases.FIELD)


def test_a_verdict_that_no_finding_explains_still_gets_a_row() -> None:
    analysis = cases.analysis(("x86_64",))
    bare = replace(cases.program("x", "kprobe/x", cases.DISPATCH), findings=())
    one = replace(analysis.arches[0], objects=(cases.obj("o", "p", bare),))
    found = list(rows(replace(analysis, arches=(one,))))
    assert [(r.program, r.verdict) for r in found] == [("x", Verdict.BREAKS)]
    assert found[0].finding.message == bare.new.reason


def test_same_finding_on_several_architectures_is_one_group() -> None:
    made = groups(rows(cases.analysis()))
    field = next(g for g in made if g.finding.name == "struct cfs_rq.nr_running")
    assert field.arches == cases.ARCHES
    assert [g.finding.verdict for g in made][:2] == [Verdict.BREAKS, Verdict.BREAKS]


def test_source_date_epoch_sets_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert policy.today() == datetime.date(1970, 1, 2)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    with pytest.raises(SessionError):
        policy.today()
