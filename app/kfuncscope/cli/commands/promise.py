# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope promise``: record what objects rely on, and check later kernels against it."""

from __future__ import annotations

import argparse

from kfuncscope.cli.given import tell
from kfuncscope.cli.output import clean, out, say
from kfuncscope.errors import KernelError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.intake.objects import object_files
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.promise import promise, promisefile
from kfuncscope.report import tables
from kfuncscope.storage.files import InputProblem


def run_make(args: argparse.Namespace) -> int:
    """The file, and on standard error what could not be promised."""
    kernel = _kernel(args.kernel)
    files, problems = object_files(args.objects)
    only, unknown, unread = _running(args, kernel) if args.running else (None, [], [])
    made, more = promise.make(files, kernel, only=only)
    out(promisefile.write(made) if args.format is None else tables.relied_on(made, args.format), args.output)
    names = {file.name for file in files}
    for program, why in (*made.left_out, *unknown):
        if program not in names:
            say(f"not promised: {clean(program)}: {clean(why)}")
    whole = [InputProblem(name, f"not promised: {why}") for name, why in made.left_out if name in names]
    return tell([*kernel.problems, *kernel.modules.read_all(), *problems, *more, *whole, *unread])


def _running(
    args: argparse.Namespace, kernel: Kernel
) -> tuple[dict[str, set[str]], list[tuple[str, str]], list[InputProblem]]:
    """The programs of objects that run on the hosts of a census; those without an object; what could not be read."""
    from kfuncscope.census.count import user
    from kfuncscope.cli.commands.census import opened

    _, objects, joiner, listed, problems = opened(args.running, args.objects, [kernel])
    found: dict[str, set[str]] = {}
    unknown = []
    for row in listed:
        if row.joined.candidates:
            best = row.joined.candidates[0]
            found.setdefault(objects.files[best.object].name, set()).add(objects.program(best).name)
        else:
            unknown.append((user(row, joiner), "it is running, but none of the given objects matches it"))
    return found, unknown, problems


def run_check(args: argparse.Namespace) -> int:
    """A table of what is broken or changed; what the files do not settle is told as what could not be checked."""
    kernel = _kernel(args.kernel)
    found = promise.check(promisefile.load(args.promise_file), kernel)
    out(tables.promise(found, args.format), args.output)
    unsettled = [InputProblem(f"{one.kind.value} {one.name}", one.message) for one in found.unknown]
    return tell([*kernel.problems, *kernel.modules.read_all(), *unsettled], bool(found.broken))


def _kernel(paths: list[str]) -> Kernel:
    """The one kernel that the files make."""
    found = kernel_files(paths)
    if len(found) != 1:
        names = ", ".join(k.label for k in found)
        raise KernelError(paths[0], f"expected one kernel, but these files make {len(found)}: {names[:300]}")
    return open_kernel(found[0])
