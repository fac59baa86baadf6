# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope judge``: what single kernels do with every program of objects."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from kfuncscope.bpf.object import read_object
from kfuncscope.cli.formats import emit
from kfuncscope.cli.given import objects_of, section_types, shown_paths, split, tell, without_program
from kfuncscope.errors import InputError
from kfuncscope.intake.kernels import named_kernels
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.rules.hooks.replace import Targets
from kfuncscope.rules.judge import judge
from kfuncscope.storage.files import InputProblem, ObjectFile
from kfuncscope.upgrade.replaced import replaced_functions

HEAD = ("kernel", "arch", "object", "program", "section", "loads", "attaches", "object_loads", "class", "reason")


def run(arguments: argparse.Namespace) -> int:
    """One row for each kernel and program; what cannot be read is told on standard error, and the rest goes on."""
    given, objects = split(arguments.kernel, arguments.objects)
    types = section_types(arguments)
    files, problems = objects_of(objects, arguments)
    targets = replaced_functions(files, types)
    kernels = _kernels(arguments, given, problems)
    rows = (
        row
        for name, kernel in kernels
        for file in files
        for row in _object_rows(name, kernel, file, shown_paths(file, objects), (types, targets), problems)
    )
    emit(arguments.format, "What each kernel does with each program", HEAD, rows)
    return tell(problems)


def _kernels(
    arguments: argparse.Namespace, given: list[str], problems: list[InputProblem]
) -> Iterator[tuple[str, Kernel]]:
    found, bad = named_kernels(given)
    problems += bad
    while found:
        name, parts = found.pop(0)  # so that no kernel outlives its rows
        try:
            kernel = open_kernel(parts, arguments.arch, arguments.release)
        except InputError as error:
            problems.append(InputProblem(error.source, error.reason, error.offset))
            continue
        kernel.modules.read_all()
        yield name, kernel
        problems += [*kernel.problems, *kernel.modules.unreadable]  # some parts are read when first asked for


def _object_rows(
    name: str,
    kernel: Kernel,
    file: ObjectFile,
    paths: list[str],
    known: tuple[dict[str, str], Targets],
    problems: list[InputProblem],
) -> Iterator[tuple[str, ...]]:
    try:
        types, targets = known
        obj = read_object(file.data, file.name, types, file.loader)
        judged = judge(obj, kernel, targets)
    except InputError as error:
        problems.append(InputProblem(error.source, error.reason, error.offset))
        return
    problems += without_program(obj, paths)
    for path in paths:
        for index, one in enumerate(judged.programs):
            outcome = judged.outcome(index)
            yield (name, kernel.arch, path, one.program.name, one.program.section.name, outcome.loads.value,
                   outcome.attaches.value, outcome.object_loads.value, outcome.failure.value,
                   outcome.reason)  # fmt: skip
