# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Remedies of the sample programs on the sample kernels: each piece of C compiles, and applied it makes them work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import Kernel, open_kernel
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
from kfuncscope.rules.changes.change import compare, works_on
from kfuncscope.rules.judge import judge
from support.remedytable import pasted
from support.snippets import Compiler, loader

SIDES = "6.12-x86_64", "7.3-x86_64"
SAMPLES = sorted(p.name.removesuffix(".bpf.o") for p in (sample_data() / "objects").glob("*.bpf.o"))
# What the samples' own header adds to the kernel's types.
OWN = "#define count(counter) __sync_fetch_and_add(&(counter), 1)\n#define TC_ACT_OK 0\n"


@cache
def kernel(name: str) -> Kernel:
    (files,) = kernel_files([sample_data() / "kernels" / name])
    return open_kernel(files)


@cache
def compiler(name: str) -> Compiler:
    return Compiler(kernel(name))


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


def source(sample: str) -> str:
    text = (sample_data() / "programs" / f"{sample}.bpf.c").read_text()
    return OWN + text.replace('#include "kernel.h"', "")


def apply(text: str, program: str, finding: Finding, remedy: Remedy) -> str:
    """The source with a remedy pasted in: the body moved, or calls and reads replaced by those of the snippet."""
    marker = f"/* the body of {program} */\n\treturn 0;"
    if marker in remedy.code:
        whole = re.search(rf'SEC\("[^"]*"\)\n\w+ (?:\w+\()?{program}\b[^{{]*\n{{\n(.*?)\n}}\n', text, re.DOTALL)
        assert whole is not None
        return text.replace(whole[0], remedy.code.replace(marker, whole[1].strip("\n\t")) + "\n")
    called = re.search(r"\b((?:read|call|try|value_of)_\w+)\(", remedy.code)
    assert called is not None
    name = finding.name.rpartition(".")[2]
    if called[1].startswith("read_"):
        text = re.sub(rf"BPF_CORE_READ\((\w+), {name}\)", rf"{called[1]}(\1)", text)
    else:
        text = re.sub(rf"extern [^;]*\b{name}\([^;]*;\n", "", text)
        text = re.sub(rf"\b{name}\(", f"{called[1]}(", text)
    first = re.search(r"^(?:struct|u64|extern|SEC)\b", text, re.MULTILINE)
    assert first is not None
    return text[: first.start()] + remedy.code + "\n\n" + text[first.start() :]


def works(data: bytes, names: Iterator[str]) -> dict[str, list[Tri]]:
    obj = read_object(data, "applied.bpf.o")
    listed = list(names)
    sides = [judge(obj, kernel(side)) for side in SIDES]
    return {n: [next(works_on(j) for j in side.programs if j.program.name == n) for side in sides] for n in listed}


APPLIED = {
    "runqueue_bare": "queue_always",
    "sockname_exit": "sockname_result",
    "wait_depth": "wait_level",
    "reclaim_order": "reclaim_by_order",
    "hrtimer_watch": "on_hrtimer_init",
}


@pytest.mark.parametrize("sample", APPLIED)
def test_applied_remedies_make_the_program_work_on_both_kernels(sample: str) -> None:
    program = APPLIED[sample]
    (finding,) = [f for p, f in found(sample) if p == program][:1]
    assert finding.remedy is not None
    text = apply(source(sample), program, finding, finding.remedy)
    assert compiler(SIDES[1]).program(text, "-w") == "", text
    data = compiler(SIDES[1]).made
    obj = read_object(data, "applied.bpf.o")
    names = [p.name for p in obj.programs if p.name in (program, f"{program}_new")]
    answers = works(data, iter(names))
    for side in range(2):
        assert any(answers[n][side] == Tri.YES for n in names), (side, answers)
    if len(names) == 1:  # one program for both kernels: nothing about it may change
        (verdict,) = [p.verdict for p in judged(data).programs if p.program == program]
        assert verdict in (Verdict.OK, Verdict.DEGRADES)


def test_the_pair_takes_the_argument_from_its_new_place() -> None:
    """mm_vmscan_direct_reclaim_begin swapped its arguments: the second program of the pair reads slot 1."""
    from kfuncscope.rules.flow.ctx_args import ctx_loads

    (finding,) = [f for p, f in found("reclaim_order") if f.verdict == Verdict.SILENT]
    assert finding.remedy is not None
    text = apply(source("reclaim_order"), "reclaim_by_order", finding, finding.remedy)
    assert compiler(SIDES[1]).program(text, "-w") == ""
    obj = read_object(compiler(SIDES[1]).made, "applied.bpf.o")
    reads = {p.name: {x.offset for x in ctx_loads(obj, p)} for p in obj.programs}
    assert reads == {"reclaim_by_order": {0}, "reclaim_by_order_new": {8}}
    assert "bpf_program__set_autoload" in finding.remedy.loader
