# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Comparing, failing, sharding and merging: what CI on each kernel candidate does."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.decision import policy
from kfuncscope.decision.compare import compare
from kfuncscope.decision.exits import Exit
from kfuncscope.decision.gate import decide, fail_words
from kfuncscope.errors import SessionError
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import ProgramVerdict, Verdict
from kfuncscope.rules.changes.alternatives import variant_key
from kfuncscope.storage.files import ObjectFile, Place
from kfuncscope.study import path
from kfuncscope.upgrade import jsonform, merge
from support import reportcases as cases

DAY = datetime.date(2026, 11, 22)


def one(*programs: ProgramVerdict, label: str = "Debian 7.3.4") -> Analysis:
    """An analysis of one object with these programs on one architecture."""
    analysis = cases.analysis(("x86_64",))
    result = analysis.arches[0]
    result = replace(
        result,
        new=replace(result.new, label=label, release=label.removeprefix("Debian ")),
        objects=(cases.obj("o", "pkg", *programs),),
    )
    return replace(analysis, arches=(result,), problems=())


def test_new_gone_unchanged_worse_better() -> None:
    risk = replace(cases.FLAGS, verdict=Verdict.BREAKS)
    before = one(
        cases.program("a", "x", cases.DISPATCH),
        cases.program("b", "x", cases.FIELD),
        cases.program("c", "x", cases.FLAGS),
        cases.program("d", "x", risk),
        label="Debian 7.3~rc1",
    )
    after = one(
        cases.program("a", "x", cases.DISPATCH),
        cases.program("e", "x", cases.WQ),
        cases.program("c", "x", risk),
        cases.program("d", "x", cases.FLAGS),
    )
    found = compare(before, after)
    assert [r.program for r in found.new] == ["e"]
    assert [r.program for r in found.gone] == ["b"]
    assert [r.program for r in found.unchanged] == ["a"]
    assert [(a.verdict, b.verdict, b.program) for a, b in found.worse] == [(Verdict.RISK, Verdict.BREAKS, "c")]
    assert [b.program for _, b in found.better] == ["d"]
    assert compare(after, after).unchanged and not compare(after, after).fresh()


def test_fail_on_new_counts_what_the_policy_minds_and_no_waiver_tolerates() -> None:
    before = one(cases.program("a", "x", cases.DISPATCH))
    after = one(
        cases.program("a", "x", cases.DISPATCH), cases.program("e", "x", cases.WQ), cases.program("f", "x", cases.FIELD)
    )
    found = compare(before, after)
    decision = decide(after, day=DAY, fail_on=["new"], comparison=found)
    assert decision.exit is Exit.FAILED and decision.reasons == ("1 finding is new or worse",)
    assert decide(before, day=DAY, fail_on=["new"], comparison=compare(before, before)).exit is Exit.CLEAR
    waiver = b'[[waiver]]\nowner="o"\nreason="r"\nexpires=2027-01-01\nprogram="f"\n'
    assert decide(after, policy.parse(waiver), DAY, fail_on=["new"], comparison=found).exit is Exit.CLEAR
    with pytest.raises(SessionError, match="baseline"):
        decide(after, day=DAY, fail_on=["new"])


@pytest.mark.parametrize(
    ("word", "exits"),
    [("breaks", 1), ("silent", 1), ("risk", 1), ("degrades", 1), ("unknown", 1), ("unread", 1), ("blocked", 1),
     ("needs-work", 1), ("never", 3)],
)  # fmt: skip
def test_fail_words(word: str, exits: int) -> None:
    """What a word counts fails; ``never`` counts nothing, and inputs that could not be read stay what they are."""
    analysis = cases.analysis()
    assert decide(analysis, day=DAY, fail_on=fail_words(word)).exit == exits
    clean = one(cases.program("a", "x"))
    assert decide(clean, day=DAY, fail_on=fail_words(word)).exit is Exit.CLEAR


def test_an_unknown_fail_word_is_refused() -> None:
    for text in ("brakes", "", ","):
        with pytest.raises(SessionError, match="--fail-on"):
            fail_words(text)


def shards(analysis: Analysis, count: int) -> list[tuple[Analysis, jsonform.Shard]]:
    """An analysis as ``count`` machines would have made it."""
    made = []
    for index in range(1, count + 1):
        shard = jsonform.Shard(index, count)
        infos = tuple(o for o in analysis.objects if merge.takes(shard, merge.object_key(o.name, o.places)))
        names = {info.name for info in infos}
        results = tuple(replace(a, objects=tuple(o for o in a.objects if o.object in names)) for a in analysis.arches)
        part = replace(analysis, arches=results, objects=infos)
        made.append((part, shard))
    return made


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 9), st.randoms())
def test_merged_shards_equal_one_run(count: int, order: object) -> None:
    analysis = cases.analysis()
    parts = shards(analysis, count)
    order.shuffle(parts)  # type: ignore[attr-defined]
    read = [jsonform.loads(jsonform.dumps(a, None, s), "part") for a, s in parts]
    merged = merge.merge(read)
    assert merged == analysis
    assert jsonform.dumps(merged) == jsonform.dumps(analysis)


@pytest.mark.parametrize("count", range(1, 8))
def test_builds_of_one_object_stay_together(count: int) -> None:
    """Each may take the place of another, which only the machine that has them all can tell."""
    names = [f"lib/filter_{build}.bpf.o" for build in ("v1", "v2", "v3", "v14")]
    files = [ObjectFile(n, n.encode(), hashlib.sha256(n.encode()).hexdigest(), (Place("p 1.0", n),)) for n in names]
    parts = [merge.select(files, jsonform.Shard(index, count)) for index in range(1, count + 1)]
    assert sorted(map(len, parts)) == [0] * (count - 1) + [4]
    assert len({*map(variant_key, names)}) == 1


def test_faults_that_one_shard_saw_are_those_of_the_kernel() -> None:
    """A module is opened where an object asks for it, and not by every machine."""
    analysis = cases.analysis()
    parts = shards(analysis, 2)
    arch = parts[1][0].arches[0]
    fault = next(f for r in analysis.arches for o in r.objects for p in o.programs for f in p.findings)
    seen = replace(arch, new=replace(arch.new, faults=(*arch.new.faults, fault)))
    parts[1] = replace(parts[1][0], arches=(seen, *parts[1][0].arches[1:])), parts[1][1]
    merged = merge.merge(parts)
    assert merged.arches[0].new.faults == seen.new.faults
    assert merged.arches[0].objects == analysis.arches[0].objects


def test_shards_that_do_not_belong_together_are_refused() -> None:
    analysis = cases.analysis()
    parts = shards(analysis, 3)
    other = (replace(parts[1][0], version="9"), parts[1][1])
    faults: list[tuple[list[tuple[Analysis, jsonform.Shard | None]], str]] = [
        ([], "no reports"),
        ([parts[0], parts[2]], "missing"),
        ([*parts, parts[0]], "twice"),
        ([(analysis, None)], "whole"),
        ([parts[0], (parts[1][0], jsonform.Shard(2, 2))], "counts"),
        ([parts[0], other, parts[2]], "versions"),
        ([(analysis, jsonform.Shard(1, 2)), (analysis, jsonform.Shard(2, 2))], "more than one"),
        ([parts[0], parts[1], (cases.analysis(("arm64",)), parts[2][1])], "kernels"),
    ]
    for given_parts, says in faults:
        with pytest.raises(SessionError, match=says):
            merge.merge(given_parts)


def test_shard_words() -> None:
    assert merge.parse_shard("2/8") == jsonform.Shard(2, 8)
    for text in ("0/8", "9/8", "1", "a/b", "1/", "-1/3", "1/99999", "²/3"):
        with pytest.raises(SessionError, match="--shard"):
            merge.parse_shard(text)


def test_path_names_the_first_step_that_breaks() -> None:
    ok, broken = cases.program("a", "x"), cases.program("a", "x", cases.FIELD)
    already = cases.program("a", "x", replace(cases.FIELD, verdict=Verdict.ALREADY_BROKEN))
    late = cases.program("b", "x")
    found = path.journeys([one(ok, late, label="6.12"), one(broken, late, label="7.2"), one(already, late)])
    by_name = {j.program: j for j in found}
    assert by_name["a"].first == 1 and by_name["a"].breaking is not None and by_name["a"].breaking.new == "7.2"
    assert [f.name for f in by_name["a"].findings] == ["struct cfs_rq.nr_running"]
    assert by_name["b"].first is None and by_name["b"].breaking is None and len(by_name["b"].steps) == 3
    assert [j.program for j in path.worst_first(found)] == ["a", "b"]
