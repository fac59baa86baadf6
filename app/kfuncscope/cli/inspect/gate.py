# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope kernel --gate``: whether a kernel's build is fit to ship, without any object."""

from __future__ import annotations

import argparse

from kfuncscope.cli.commands.check import print_decision, print_unchecked, show
from kfuncscope.cli.conclude import conclude, decided
from kfuncscope.cli.options import check_report_options
from kfuncscope.cli.output import clean, table, verdict_word
from kfuncscope.decision.gate import Decision, all_unchecked
from kfuncscope.errors import UsageError
from kfuncscope.model.analysis import Analysis, ArchResult
from kfuncscope.model.verdict import SEVERITY, ProgramVerdict
from kfuncscope.report import make
from kfuncscope.session.session import KernelRef
from kfuncscope.study import scope
from kfuncscope.upgrade.kernelgate import gate

FEW = 10  # findings of one check that the table lists


def run(arguments: argparse.Namespace) -> int:
    """Judge, print, write reports; the exit status is the decision."""
    check_report_options(arguments)
    words = {"arch": arguments.arch, "release": arguments.release}
    new = KernelRef(list(arguments.files), **words)
    old = KernelRef(list(arguments.against), arch=arguments.arch) if arguments.against else None
    analysis = gate(new, old)
    if arguments.redact:
        analysis = scope.redact(analysis)
    decision, found = decided(analysis, arguments)
    show(
        arguments,
        decision,
        lambda: make(analysis, decision, found),
        lambda: _print(analysis, decision, arguments.all),
    )
    return conclude(analysis, decision, arguments, found)


def refuse_gate_options(arguments: argparse.Namespace) -> None:
    """Options that mean something only with ``--gate`` are wrong usage without it."""
    gated = {"--against": arguments.against, "--report": arguments.report, "--policy": arguments.policy,
             "--baseline": arguments.baseline, "--fail-on": arguments.fail_on, "--annotate": arguments.annotate,
             "--all": arguments.all, "--redact": arguments.redact}  # fmt: skip
    if given := next((name for name, value in gated.items() if value), None):
        raise UsageError(given, "needs --gate")


def _print(analysis: Analysis, decision: Decision, everything: bool) -> None:
    for arch in analysis.arches:
        _print_arch(arch, everything)
    print_unchecked(all_unchecked(analysis, decision))
    print_decision(decision)


def _print_arch(arch: ArchResult, everything: bool) -> None:
    alone = arch.old == arch.new
    print(f"{arch.arch}: {clean(arch.new.label)}{'' if alone else f' against {clean(arch.old.label)}'}")
    for obj in arch.objects:
        if len(arch.objects) > 1:
            print(f"  {clean(obj.object)}")
        table(
            ("  check", "verdict", "found"),
            [row for check in obj.programs for row in _rows(check, everything)],
        )
    print()


def _rows(check: ProgramVerdict, everything: bool) -> list[tuple[str, str, str]]:
    listed = [f for f in check.findings if SEVERITY[f.verdict]]
    if not listed:
        return [(f"  {check.program}", verdict_word(check.verdict), f"nothing: {check.section}")]
    shown = listed if everything else listed[:FEW]
    rows = [
        (f"  {check.program}" if i == 0 else "", verdict_word(f.verdict), f"{f.message} [{', '.join(f.rules)}]")
        for i, f in enumerate(shown)
    ]
    if len(shown) < len(listed):
        rows.append(("", "", f"and {len(listed) - len(shown)} more; --all lists them"))
    return rows
