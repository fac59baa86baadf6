# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The catalogue of rules: every id that the code names is in it, every record is used, and each says enough."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import kfuncscope
from kfuncscope.model import catalogue
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import SEVERITY, Evidence, Finding, NeedKind, Verdict
from kfuncscope.report import rulebook
from kfuncscope.resources import resource

APP = Path(kfuncscope.__file__).parent
ID = r"R-\d+\.\d+[a-z]?"


def _named() -> tuple[set[str], set[str]]:
    """(ids that the code names, those and the ones inside ranges such as R-0.1..R-0.7)."""
    named: set[str] = set()
    between: set[str] = set()
    for path in APP.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(ID, text))
        for section, first, section_, last in re.findall(r"R-(\d+)\.(\d+)[a-z]?\.\.(?:R-)?(?:(\d+)\.)?(\d+)", text):
            assert section_ in ("", section), path
            between |= {f"R-{section}.{n}" for n in range(int(first), int(last) + 1)}
    return named, named | between


def test_every_id_in_the_code_has_a_record_and_every_record_is_used() -> None:
    named, mentioned = _named()
    known = {r.id for r in catalogue.rules()}
    assert len(known) > 90
    assert named - known == set()
    assert known - mentioned == set()


@pytest.mark.parametrize("rule", catalogue.rules(), ids=lambda r: r.id)
def test_a_record_says_what_why_and_where(rule: catalogue.Rule) -> None:
    assert rule.id.startswith(f"R-{rule.section}.")
    assert 5 < len(rule.title) <= 80 and not rule.title.endswith(".")
    sentences = len(re.findall(r"[.!?](?: |$)", rule.statement))
    assert 1 <= sentences <= 6 and len(rule.statement) < 700, rule.statement
    assert rule.why.endswith((".", ")")) and rule.where
    for place in rule.where:
        assert re.fullmatch(r"[\w./*-]+(:[\w ]+)?( \([^)]+\))?", place), place
    order = [SEVERITY[v] for v in rule.verdicts]
    assert order == sorted(order, reverse=True) and len(set(rule.verdicts)) == len(order)
    assert not {Verdict.ALREADY_BROKEN, Verdict.FIXED, Verdict.OK} & set(rule.verdicts)
    if Verdict.BREAKS in rule.verdicts:
        assert rule.fix, "a rule by which programs break says how to mend them"
    texts = (rule.title, rule.statement, rule.why, rule.fix, rule.example)
    for cited in re.findall(ID, " ".join(texts)):
        assert catalogue.rule(cited) is not None, cited
    assert all(line.isprintable() for text in texts for line in text.replace("\t", " ").splitlines())


RELEASE = r"\d+\.\d+(\.\d+|~rc\d+)?(-rt)?( \([a-z0-9_]+\))?|v?\d+\.\d+(\.\d+)?"


@pytest.mark.parametrize("rule", [r for r in catalogue.rules() if r.section == 12], ids=lambda r: r.id)
def test_a_rule_of_refusals_names_the_kernels_that_were_asked_or_why_none_can_decide(rule: catalogue.Rule) -> None:
    assert bool(rule.seen) or bool(rule.unseen)


@pytest.mark.parametrize("rule", [r for r in catalogue.rules() if r.seen or r.unseen], ids=lambda r: r.id)
def test_what_was_seen_is_shown_with_the_rule(rule: catalogue.Rule) -> None:
    page, screen = "\n".join(rulebook.markdown(rule, 3)), "\n".join(rulebook.text(rule))
    for one in rule.seen:
        assert one.how in catalogue.HOW_SEEN and one.on and one.answer.endswith(".")
        assert all(re.fullmatch(RELEASE, release) for release in one.on), one.on
        assert f"{', '.join(one.on)} ({catalogue.HOW_SEEN[one.how]}): {one.answer}" in page and one.answer in screen
    assert not rule.unseen or f"decided by a kernel: {rule.unseen}" in page
    assert page.count("Seen on") == len(rule.seen)


def test_every_failure_code_has_a_title_and_follows_from_rules() -> None:
    assert set(catalogue.codes()) == set(Failure) - {Failure.NONE}
    for code in catalogue.codes().values():
        assert code.title and code.title[0] != " " and not code.title.endswith(".")
        assert code.statement.endswith(".")
        assert code.rules and all(catalogue.rule(r) for r in code.rules), code
    titles = [c.title for c in catalogue.codes().values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(("failure", "declared", "title"), [
    (Failure.KFUNC_NOT_FOUND, "", "kfunc not found"), (Failure.KFUNC_NOT_FOUND, "int f(long)", "prototype differs"),
    (Failure.KSYM_NOT_FOUND, "int f", catalogue.code_title(Failure.KSYM_NOT_FOUND)),
])  # fmt: skip
def test_a_kfunc_that_is_there_is_not_called_missing(failure: Failure, declared: str, title: str) -> None:
    said = Evidence("int f(int)", declared)
    found = Finding(NeedKind.KFUNC, "f", Verdict.BREAKS, "", (), failure=failure, evidence=said)
    assert catalogue.finding_title(found) == title


def test_words_of_earlier_versions_are_read_as_codes() -> None:
    earlier = {
        "einval_empty_log": Failure.TYPE_UNSUPPORTED, "verifier_other": Failure.CTX_ACCESS_REJECTED,
        "attach": Failure.ATTACH_FAILED, "open_failed": Failure.OBJECT_REFUSED, "jit": Failure.JIT_CAPABILITY,
        "wrong_endian_object": Failure.ENDIANNESS, "kernel_build": Failure.KERNEL_FAULT,
    }  # fmt: skip
    for word, code in earlier.items():
        assert Failure(word) is code and code.key == word
    assert Failure("kfunc_not_found").key == "kfunc_not_found"
    assert Failure.NULL_CHECK_MISSING.key == "verifier_other"
    with pytest.raises(ValueError, match="no_such_word"):
        Failure("no_such_word")


def test_ids_sort_by_number() -> None:
    ids = [r.id for r in catalogue.rules()]
    assert ids.index("R-2.8") < ids.index("R-2.10") < ids.index("R-3.8") < ids.index("R-3.8b") < ids.index("R-3.12b")
    assert [r.id for r in catalogue.cited(["R-7.10", "R-2.8", "what-if", "R-7.10", "R-99.1"])] == ["R-2.8", "R-7.10"]
    assert catalogue.title("R-2.8") and catalogue.title("R-2.80") == catalogue.title("R-2") == ""


def test_the_published_page_is_made_from_the_catalogue() -> None:
    published = resource("docs", "rules.md").read_text(encoding="utf-8")
    assert published == rulebook.book(), "run: python -m kfuncscope.report.rulebook > resources/docs/rules.md"
    headings = {rulebook._anchor(line.lstrip("# ")) for line in published.splitlines() if line.startswith("#")}
    links = re.findall(r"\]\(#([^)]+)\)", published)
    assert len(links) > 80 and set(links) <= headings
