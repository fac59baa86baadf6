# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Remedies of the sample programs on the sample kernels: each piece of C compiles, and applied it makes them work."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import (
    Finding,
    NeedKind,
    ObjectVerdict,
    Outcome,
    ProgramVerdict,
    Reach,
    Remedy,
    Tri,
    Verdict,
)
from kfuncscope.remedy.remedies import ASKS, remedied
from kfuncscope.remedy.together import together
from kfuncscope.resources import sample as sample_data
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.judge import judge
from support import snippets
from support.applied import Applied, Sides, Way, apply, paste
from support.corpus import opened
from support.remedytable import pasted, source
from support.snippets import Compiler, loader

SIDES = "6.12-x86_64", "7.3-x86_64"
SAMPLES = sorted(p.name.removesuffix(".bpf.o") for p in (sample_data() / "objects").glob("*.bpf.o"))


def kernel(name: str) -> Kernel:
    return opened(sample_data("kernels", name))


def compiler(name: str) -> Compiler:
    return snippets.compiler(kernel(name))


def judged(data: bytes) -> ObjectVerdict:
    obj = read_object(data, "sample.bpf.o")
    old, new = (judge(obj, kernel(side)) for side in SIDES)
    return remedied(compare(old, new, "", ""), old, new)


@cache
def found(sample: str) -> tuple[tuple[str, Finding], ...]:
    """(program, finding) of a sample that ask for a remedy; the object's have no program."""
    verdict = judged((sample_data() / "objects" / f"{sample}.bpf.o").read_bytes())
    listed = [("", f) for f in verdict.findings] + [(p.program, f) for p in verdict.programs for f in p.findings]
    return tuple((program, f) for program, f in listed if f.verdict in ASKS)


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_finding_has_a_remedy_and_every_snippet_compiles(sample: str) -> None:
    for _, finding in found(sample):
        assert finding.remedy is not None, finding.message
        assert finding.remedy.text.endswith((".", "!"))
        if finding.remedy.code:
            assert finding.remedy.caption
            for side in SIDES:
                assert compiler(side).program(finding.remedy.code) == "", finding.remedy.code
        if finding.remedy.loader:
            assert loader(finding.remedy.loader) == "", finding.remedy.loader


@pytest.mark.parametrize("sample", SAMPLES)
def test_all_snippets_of_an_object_stand_in_one_file(sample: str) -> None:
    code, loads = pasted(f for _, f in found(sample))
    for side in SIDES if code else ():
        assert compiler(side).program(code) == "", code
    assert not loads or loader(loads) == "", loads


def test_what_two_snippets_define_gets_a_number() -> None:
    """Two fields of one struct, in two programs: both flavours and both functions find a place; equal C stays equal."""
    one = "struct rq___old {\n\tint a;\n};\n\nstatic __always_inline int read_a(const void *o)\n{\n\treturn 0;\n}"
    two = one.replace("int a;", "int b;").replace("read_a", "read_b")
    listed = [Finding(NeedKind.FIELD, n, Verdict.BREAKS, "", (), remedy=Remedy("x.", c)) for n, c in
              (("a", one), ("b", two), ("a", one))]  # fmt: skip
    empty = Outcome(Tri.NO, Tri.NO, Tri.NO)
    programs = tuple(
        ProgramVerdict(f"p{i}", "", "", True, Verdict.BREAKS, Reach.PROGRAM, None, empty, (f,))
        for i, f in enumerate(listed)
    )
    made = together(ObjectVerdict("o", "", "", Verdict.BREAKS, "", programs))
    codes = [p.findings[0].remedy.code for p in made.programs if p.findings[0].remedy is not None]
    assert codes[0] == codes[2] == one and codes[1] == two.replace("rq___old", "rq___old2")


def test_what_is_no_snippet_does_not_compile() -> None:
    """The compiler of these tests refuses what is not C."""
    assert "error" in compiler(SIDES[1]).program("struct inode.i_ctime___old { };")
    assert "error" in loader("int f(void) { return bpf_program__no_such_function(); }")


# -- applied


@cache
def sides() -> Sides:
    return Sides(kernel(SIDES[0]), kernel(SIDES[1]), (compiler(SIDES[0]), compiler(SIDES[1])))


@cache
def held(sample: str) -> bytes:
    return (sample_data() / "objects" / f"{sample}.bpf.o").read_bytes()


def text_of(sample: str) -> str:
    return source(f"samples/{sample}.bpf.o")


ALL = tuple((sample, program, finding) for sample in SAMPLES for program, finding in found(sample))
CHOSEN = random.Random(15).sample(range(len(ALL)), 8)
"""All of them, and those of the corpus, are applied by support.remedytable."""


@pytest.mark.parametrize("number", CHOSEN, ids=lambda n: f"{ALL[n][0]}-{ALL[n][2].name}")
def test_an_applied_remedy_mends_its_finding(number: int) -> None:
    sample, program, finding = ALL[number]
    one = apply(held(sample), text_of(sample), program, finding, sides())
    assert one.ok or one.way is Way.TEXT, one.why


APPLIED = {
    "runqueue_bare": "queue_always",
    "sockname_exit": "sockname_result",
    "wait_depth": "wait_level",
    "reclaim_order": "reclaim_by_order",
    "hrtimer_watch": "on_hrtimer_init",
}


@pytest.mark.parametrize("sample", APPLIED)
def test_pasted_into_the_source_it_makes_the_program_work_on_both_kernels(sample: str) -> None:
    (finding,) = [f for p, f in found(sample) if p == APPLIED[sample]][:1]
    done = apply(held(sample), text_of(sample), APPLIED[sample], finding, sides())
    assert replace(done, built=()) == Applied(Way.SOURCE, True) and done.built


def spoiled(sample: str, program: str, old: str, new: str, loader: bool = False) -> Applied:
    """What is said of a remedy with one piece of it changed."""
    (finding,) = [f for p, f in found(sample) if p == program][:1]
    assert finding.remedy is not None
    text = finding.remedy.loader if loader else finding.remedy.code
    assert old in text, text
    made = replace(finding.remedy, **{"loader" if loader else "code": text.replace(old, new)})  # type: ignore[arg-type]
    return apply(held(sample), text_of(sample), program, replace(finding, remedy=made), sides())


@pytest.mark.parametrize(
    ("sample", "program", "old", "new", "loader"),
    [
        ("runqueue_bare", "queue_always", "if (bpf_core_field_exists(old->nr_running))", "if (1)", False),
        ("hrtimer_watch", "on_hrtimer_init", "(before, found)", "(before, !found)", True),
        ("wait_depth", "wait_level", "\tif (!pid)\n\t\treturn 0;\n", "", False),
        ("reclaim_order", "reclaim_by_order", "(after, found)", "(after, !found)", True),
    ],
)  # fmt: skip
def test_a_spoiled_remedy_is_found_out(sample: str, program: str, old: str, new: str, loader: bool) -> None:
    one = spoiled(sample, program, old, new, loader)
    assert not one.ok and one.why


def test_the_pair_takes_the_argument_from_its_new_place() -> None:
    """mm_vmscan_direct_reclaim_begin swapped its arguments: the second program of the pair reads slot 1."""
    from kfuncscope.rules.flow.ctx_args import ctx_loads

    (finding,) = [f for p, f in found("reclaim_order") if f.verdict == Verdict.SILENT]
    assert finding.remedy is not None
    text = paste(text_of("reclaim_order"), "reclaim_by_order", finding, finding.remedy)
    assert text is not None
    assert compiler(SIDES[1]).program(text, "-w") == ""
    obj = read_object(compiler(SIDES[1]).made, "applied.bpf.o")
    reads = {p.name: {x.offset for x in ctx_loads(obj, p)} for p in obj.programs}
    assert reads == {"reclaim_by_order": {0}, "reclaim_by_order_new": {8}}
    assert "bpf_program__set_autoload" in finding.remedy.loader
