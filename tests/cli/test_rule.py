# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope rule`` answers for rules and failure codes, and says what is near where there is neither."""

from __future__ import annotations

import pytest

from kfuncscope.cli.main import main
from kfuncscope.model import catalogue


def test_a_rule_is_printed_with_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "R-7.10", "7.7"]) == 0
    out = capsys.readouterr().out
    first, second = out.split("R-7.7  ")
    assert first.startswith("R-7.10  Functions traced by fentry")
    for part in ("why: ", "where: ", "verdicts: BREAKS, SILENT, RISK", "what to do: ", '    SEC("fexit/'):
        assert part in first
    assert second.startswith("Tracepoint arguments that may be NULL")
    assert all(len(line) <= 100 or line.startswith("    ") for line in out.splitlines())


@pytest.mark.parametrize("word", ["helper_not_available", "helper_unknown_or_not_allowed"])
def test_a_failure_code_is_printed_with_its_rules(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", word]) == 0
    out = capsys.readouterr().out
    assert out.startswith("helper_not_available  helper not available\n") and "  R-6.1  The helper must exist" in out


def test_the_list_has_every_rule_and_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert listed == [r.id for r in catalogue.rules()] + [c.value for c in catalogue.codes()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["R-7.100"], "R-7.100: not a rule id or failure code; did you mean R-7.10"),
        (["kfunc_not_fond"], "did you mean kfunc_not_found"),
        (["zzz"], "`kfuncscope rule --list` shows all"),
        ([], "name a rule (R-7.10) or a failure code"),
    ],
)
def test_what_is_neither_is_wrong_usage(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", *words]) == 2
    out = capsys.readouterr()
    assert said in out.err and not out.out
