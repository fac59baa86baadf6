# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Analyses for the tests of reports and policies: a small upgrade that has one of everything, and hostile names."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from kfuncscope import __version__
from kfuncscope.model.analysis import Analysis, ArchResult, ObjectInfo
from kfuncscope.model.verdict import Confidence, Evidence, Remedy, Site
from kfuncscope.storage.files import Input, InputProblem, Place
from support import upgrade
from support.handmade import ARCHES, DISPATCH, FIELD, WQ, infos, kernel, obj, program
from support.upgrade import sha

__all__ = ["FIELD", "WQ", "infos", "obj", "program", "replace", "upgrade"]  # as tests of reports use them, too

NAMES = ("XPPen__ACK05", "biolatency", "ksnoop", "old_tool", "runqlen", "scx_simple", "tasks")
ARGUMENT = replace(upgrade.finding("biolatency"), confidence=Confidence.LOW)
FLAGS = upgrade.finding("tasks")
JIT = upgrade.finding("tasks", arch="s390x", jit=False)
KPROBE = upgrade.finding("biolatency", "blk_account")
OLD_TROUBLE = upgrade.finding("old_tool")


@cache
def analysis(arches: tuple[str, ...] = ARCHES) -> Analysis:
    """The small upgrade on several architectures: s390x loses its JIT, riscv64 counts as inferred."""
    results = []
    for arch in arches:
        listed = tuple(upgrade.judged(name, arch, arch != "s390x") for name in NAMES)
        results.append(ArchResult(arch, kernel(arch, False), kernel(arch, True), listed, inferred=arch == "riscv64"))
    listed_infos = tuple(upgrade.object_info(name, arches) for name in NAMES)
    return Analysis(__version__, tuple(results), listed_infos, (upgrade.damaged(),))


HOSTILE = (
    "<script>alert(1)</script>",
    "\"'`><img src=x onerror=alert(2)>",
    "line one\nline two\r\n::error::injected",
    "\u202egnp.exe\u200f\u2066rtl",
    "A" * 4096,
    '=HYPERLINK("http://x","y")',
    "+cmd|' /C calc'!A0",
    "@SUM(1)\t",
    "-2+3",
    "]]>&amp;&#0;\x00\x1b[31m",
    "]]></testcase>",
    "| a | b |\n| --- |",
    "[x](javascript:alert(3)) `` ``` ![](http://x)",
    "\ud800 lone",
    "{{ 7*7 }}{% raw %}",
    "--><!-- %0A::warning::",
    '\\" ] ; node [',
)


def hostile() -> Analysis:
    """The small upgrade with an evil string in every place that an input can name."""
    results = []
    listed_infos = []
    base = analysis(("x86_64",)).arches[0]
    listed = []
    for i, evil in enumerate(HOSTILE):
        finding = replace(
            DISPATCH,
            name=evil,
            message=evil,
            rules=(evil,) if i % 2 else DISPATCH.rules,
            evidence=Evidence(evil, evil, ((evil, evil, evil),)),
            sites=(Site(evil, i, evil, i, evil, True, evil),),
            remedy=Remedy(evil, evil),
        )
        made = program(f"{evil}{i}", evil, finding, prog_type=evil, unchecked=(evil,))
        whole = replace(obj(f"{evil}.{i}", evil, made, findings=(finding,)), reason=evil, unchecked=(evil,))
        listed.append(whole)
        listed_infos.append(ObjectInfo(whole.object, whole.sha256, 1, (Place(evil, evil, i),), 1, (evil,)))
    evil_kernel = replace(
        base.new, label=HOSTILE[0], release=HOSTILE[1], facts=tuple((e, e) for e in HOSTILE), faults=(DISPATCH,)
    )
    evil_kernel = replace(evil_kernel, inputs=tuple(Input(e, sha(e), 1) for e in HOSTILE))
    results.append(replace(base, arch="x86_64", old=evil_kernel, new=evil_kernel, objects=tuple(listed)))
    problems = tuple(InputProblem(e, e, 1) for e in HOSTILE)
    return Analysis(__version__, tuple(results), tuple(listed_infos), problems, whatif=HOSTILE)
