# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Python API: open kernels and objects, analyse, decide, and go on from the tables as pandas frames.

Stability: the functions and the columns named here keep their names and meaning within a major version; new ones may be
added. The records that they return (Analysis, Decision, Finding …) may get more fields, in the same way as the JSON
schema. Everything else in the package is internal.

    >>> from kfuncscope import api
    >>> analysis = api.analyse(old=["vmlinux-6.12"], new=["vmlinux-7.3"], objects=["bpf/"])    # doctest: +SKIP
    >>> api.decide(analysis).state                                                           # doctest: +SKIP
    <State.BLOCKED: 'blocked'>
    >>> api.findings(analysis).query("verdict == 'BREAKS'")[["object", "program", "name"]]   # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kfuncscope.decision import compare as _compare
from kfuncscope.decision import gate as _gate
from kfuncscope.decision import policy as _policy
from kfuncscope.decision.gate import Decision, State
from kfuncscope.errors import InputError
from kfuncscope.intake.objects import object_files
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import Finding, NeedKind, Verdict
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.files import InputProblem, ObjectFile
from kfuncscope.upgrade import jsonform as _jsonform
from kfuncscope.upgrade.analyse import analyse as _analyse
from kfuncscope.upgrade.known import open_refs as _open_refs

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Analysis",
    "Decision",
    "Finding",
    "InputError",
    "InputProblem",
    "Kernel",
    "NeedKind",
    "ObjectFile",
    "State",
    "Verdict",
    "analyse",
    "compare",
    "decide",
    "findings",
    "load",
    "matrix",
    "objects",
    "open_kernel",
    "path",
    "report",
    "usage",
]  # fmt: skip

PathLike = str | Path
Progress = Callable[[int, int, str], None]


def open_kernel(*files: PathLike, arch: str | None = None, release: str | None = None) -> Kernel:
    """One kernel from its files: packages, an image, BTF, a folder, or ``btf=F,config=F,modules=D,symbols=F,probe=F``.

    Raises InputError where they hold no kernel, more than one, or cannot be read.
    """
    kernels, problems = _open_refs([KernelRef([str(f) for f in files], arch=arch, release=release)])
    if len(kernels) != 1:
        first = problems[0] if problems else InputProblem(str(files[0]) if files else "kernel", "not one kernel")
        raise InputError(first.path, first.reason, first.offset)
    return kernels[0]


def objects(*paths: PathLike) -> tuple[list[ObjectFile], list[InputProblem]]:
    """The BPF objects in files, folders, packages and programs, each once; and what could not be read."""
    return object_files([str(p) for p in paths])


def analyse(
    old: Sequence[PathLike],
    new: Sequence[PathLike],
    objects: Iterable[PathLike],
    *,
    arch: str | None = None,
    section_types: dict[str, str] | None = None,
    infer: bool = False,
    progress: Progress | None = None,
) -> Analysis:
    """What the upgrade does to each program: ``old`` and ``new`` are the files of the kernels of each side.

    Kernels are paired by architecture. ``section_types`` gives a program type to section names that libbpf does not
    know. ``infer`` adds what the JITs of other architectures would refuse, which decides nothing. Raises
    InputError where a whole side cannot be opened; anything else that cannot be read is listed in
    ``Analysis.problems``.
    """
    session = Session(
        old=[KernelRef([str(f) for f in old], arch=arch)],
        new=[KernelRef([str(f) for f in new], arch=arch)],
        objects=[str(o) for o in objects],
        section_types=dict(section_types or {}),
        infer=infer,
    )
    return _analyse(session, progress)


def load(file: PathLike) -> Analysis:
    """An analysis from a JSON report of this or an earlier version. Raises InputError."""
    return _jsonform.load(str(file))[0]


def decide(analysis: Analysis, policy: PathLike | None = None, fail_on: Sequence[str] = ()) -> Decision:
    """The decision that reports print and ``kfuncscope check`` exits with, by a policy file or the built-in policy.

    ``fail_on`` are the words of ``--fail-on``, which replace what the policy blocks and wants reviewed.
    """
    words = _gate.fail_words(",".join(fail_on)) if fail_on else ()
    return _gate.decide(analysis, _policy.DEFAULT if policy is None else _policy.load(policy), fail_on=words)


def report(analysis: Analysis, file: PathLike, policy: PathLike | None = None) -> None:
    """Write a report; the format follows from the name, as with ``--report`` (a row of ``model.formats``)."""
    from kfuncscope import report as reports

    reports.write(reports.make(analysis, decide(analysis, policy)), file)


# --- frames ---
def findings(analysis: Analysis) -> pd.DataFrame:
    """One row a finding: key, verdict, arch, object, program, kind, name, rules, message, old, new, file, line …"""
    from kfuncscope.study import frame

    return frame.findings(analysis)


def matrix(analysis: Analysis) -> pd.DataFrame:
    """Programs × architectures, cells are verdict words."""
    from kfuncscope.study import frame

    return frame.matrix(analysis)


def usage(objects: Iterable[ObjectFile], kinds: Sequence[NeedKind] | None = None) -> pd.DataFrame:
    """Which packages, objects and programs use each kfunc, helper and hook (or the ``kinds`` given)."""
    from kfuncscope.study import frame, tabular
    from kfuncscope.study import usage as uses

    return frame.of_table(tabular.usage(uses.collect(objects, kinds or uses.USUAL)[0]))


def compare(before: Analysis, after: Analysis) -> pd.DataFrame:
    """What is new, worse, better, gone and unchanged between two analyses, by finding."""
    from kfuncscope.study import frame, tabular

    return frame.of_table(tabular.comparison(_compare.compare(before, after)))


def path(steps: Sequence[Analysis]) -> pd.DataFrame:
    """The first of several consecutive upgrades at which each program breaks."""
    from kfuncscope.study import frame, tabular
    from kfuncscope.study import path as paths

    return frame.of_table(tabular.path(paths.journeys(steps)))
