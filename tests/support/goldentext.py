# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the program says of the sample objects on an architecture, one finding a line, for somebody to read and to keep.

``python -m support.goldentext x86_64 > report/golden/samples-x86_64.txt`` makes a file, and so for arm64; read a
difference before keeping it.
"""

from __future__ import annotations

import sys

from kfuncscope.bpf.object import read_object
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import open_kernel
from kfuncscope.model.verdict import Finding, Verdict
from kfuncscope.remedy.remedies import remedied
from kfuncscope.resources import sample
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.judge import judge

ARCHES = "x86_64", "arm64"


def text(arch: str) -> str:
    """Every finding of the samples that is not OK, with its remedy in a sentence."""
    sides = [sample() / "kernels" / f"{release}-{arch}" for release in ("6.12", "7.3")]
    kernels = [open_kernel(kernel_files([side])[0]) for side in sides]
    lines = []
    for path in sorted((sample() / "objects").glob("*.bpf.o")):
        obj = read_object(path.read_bytes(), path.name)
        old, new = (judge(obj, kernel) for kernel in kernels)
        verdict = remedied(compare(old, new, "", ""), old, new)
        name = path.name.removesuffix(".bpf.o")
        lines += [_line(f"{name} {p.program}", f) for p in verdict.programs for f in p.findings]
        lines += [_line(name, f) for f in verdict.findings]
    return "\n".join(filter(None, lines)) + "\n"


def _line(where: str, finding: Finding) -> str:
    if finding.verdict is Verdict.OK:
        return ""
    rules = ", ".join(finding.rules)
    remedy = f"\n    {finding.remedy.text}" if finding.remedy is not None else ""
    return f"{finding.verdict} {where}: {finding.message} [{rules}]{remedy}"


if __name__ == "__main__":
    sys.stdout.write(text(*sys.argv[1:]))
