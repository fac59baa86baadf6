# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The JSON form: what is written validates, reads back as it was, and damaged files give one clear error."""

from __future__ import annotations

import datetime
import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.decision import gate, policy
from kfuncscope.errors import SessionError
from kfuncscope.resources import resource
from kfuncscope.upgrade import jsonform, jsonschemas
from support import reportcases as cases

DAY = datetime.date(2026, 11, 22)


def test_published_schema_is_the_one_that_the_code_means() -> None:
    published = resource("schema", jsonform.SCHEMA_FILE).read_text()
    assert published == jsonschemas.text(), "run python -m kfuncscope.upgrade.jsonschemas and publish the result"
    jsonschema.Draft202012Validator.check_schema(json.loads(published))


@pytest.mark.parametrize("make", [cases.analysis, cases.hostile])
def test_reports_validate_and_read_back(make: object) -> None:
    assert callable(make)
    analysis = make()
    decision = gate.decide(analysis, policy.DEFAULT, DAY)
    data = jsonform.dumps(analysis, decision, jsonform.Shard(1, 2))
    validator = jsonschema.Draft202012Validator(jsonschemas.schema())
    validator.validate(json.loads(data))
    assert jsonform.loads(data, "r.json") == (analysis, jsonform.Shard(1, 2))
    assert jsonform.dumps(analysis, decision, jsonform.Shard(1, 2)) == data
    assert data.isascii()
    # Each program on a line of its own: a form that people compare by lines.
    programs = [p.program for a in analysis.arches for o in a.objects for p in o.programs]
    lines = data.decode().splitlines()
    assert sum(line.lstrip().startswith('{"program": ') for line in lines) == len(programs) > 0


def test_reports_of_before_validate_and_are_decided_anew() -> None:
    """The form only grows: without what was added since, a report is still one, and its inputs still count."""
    form = jsonform.encode(cases.analysis(), gate.decide(cases.analysis(), policy.DEFAULT, DAY))
    for later in ("unchecked", "elsewhere"):
        del form["summary"][later]
    for later in ("headline", "exit", "fail_on", "reasons", "missing"):
        del form["summary"]["decision"][later]
    for arch in form["summary"]["arches"]:
        del arch["inferred"]
    for later in ("proof", "census"):
        del form["analysis"][later]
    jsonschema.Draft202012Validator(jsonschemas.schema()).validate(form)
    analysis, _ = jsonform.loads(json.dumps(form).encode(), "old.json")
    decision = gate.decide(analysis, policy.DEFAULT, DAY)
    assert decision.state is gate.State.BLOCKED and decision.unread == len(analysis.problems) == 1
    assert {row.arch for row in decision.blocking} == {"x86_64", "arm64", "ppc64le", "s390x"}


def test_schema_refuses_what_is_not_a_report() -> None:
    validator = jsonschema.Draft202012Validator(jsonschemas.schema())
    form = jsonform.encode(cases.analysis(("x86_64",)))
    form["analysis"]["arches"][0]["objects"][0]["verdict"] = "FINE"
    assert not validator.is_valid(form)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "format"),
        (b'{"format":"kfuncscope-analysis","format_version":2}', "version"),
        (b'{"format":"kfuncscope-analysis","format_version":1}', "analysis"),
        (b'{"format":"kfuncscope-analysis","format_version":1,"analysis":{"version":1}}', "analysis.version"),
        (b'{"format":"kfuncscope-analysis","format_version":1,"analysis":{"version":"1"}}', "arches is missing"),
    ],
)
def test_damaged_reports_say_where(data: bytes, says: str) -> None:
    with pytest.raises(SessionError, match=says):
        jsonform.loads(data, "old.json")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_change_of_a_report_reads_or_says_why(data: st.DataObject) -> None:
    form = json.loads(jsonform.dumps(cases.analysis(("x86_64",))))
    place: object = form
    path: list[object] = []
    while isinstance(place, dict | list) and place and len(path) < 8:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else list(range(len(place)))))
        path.append(key)
        if data.draw(st.booleans()):
            break
        place = place[key]  # type: ignore[index]
    target = form
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = data.draw(st.sampled_from([None, 7, "x", [], {}, [[]], True, 1.5]))
    try:
        jsonform.loads(json.dumps(form).encode(), "old.json")
    except SessionError as error:
        assert "old.json" in str(error)
