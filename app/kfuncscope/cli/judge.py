# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope judge``: what single kernels do with every program of objects."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from kfuncscope.bpf.object import read_object
from kfuncscope.cli.given import first_problem, section_types, shown_paths, split
from kfuncscope.cli.output import table, write_csv
from kfuncscope.errors import InputError
from kfuncscope.intake.files import ObjectFile
from kfuncscope.intake.objects import object_files
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.rules.judge import judge
from kfuncscope.upgrade.analyse import open_refs
from kfuncscope.upgrade.session import KernelRef

HEAD = ("kernel", "arch", "object", "program", "section", "loads", "attaches", "object_loads", "class", "reason")


def run(arguments: argparse.Namespace) -> int:
    """One row for each kernel and program; unreadable objects are told on standard error."""
    kernels, objects = split(arguments.kernel, arguments.objects)
    files, problems = object_files(objects)
    if not files and problems:
        raise first_problem(problems)
    rows = _rows(arguments, kernels, objects, files)
    if arguments.format == "csv":
        write_csv(HEAD, rows)
    else:
        table(HEAD, rows)
    for problem in problems:
        print(f"kfuncscope: {problem.path}: {problem.reason}", file=sys.stderr)
    return 3 if problems else 0


def _rows(
    arguments: argparse.Namespace, given: list[str], objects: list[str], files: list[ObjectFile]
) -> Iterator[tuple[str, ...]]:
    for name in given:
        kernels, problems = open_refs([KernelRef([name], arch=arguments.arch, release=arguments.release)])
        if not kernels:
            raise first_problem(problems)
        for kernel in kernels:
            for file in files:
                paths = shown_paths(file, objects)
                yield from _object_rows(name, kernel, file, paths, section_types(arguments))


def _object_rows(
    name: str, kernel: Kernel, file: ObjectFile, paths: list[str], types: dict[str, str]
) -> Iterator[tuple[str, ...]]:
    try:
        judged = judge(read_object(file.data, file.name, types), kernel)
    except InputError as error:
        print(f"kfuncscope: {error}", file=sys.stderr)
        return
    for path in paths:
        for index, one in enumerate(judged.programs):
            outcome = judged.outcome(index)
            yield (name, kernel.arch, path, one.program.name, one.program.section.name, outcome.loads.value,
                   outcome.attaches.value, outcome.object_loads.value, outcome.cls, outcome.reason)  # fmt: skip
