# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope knowledge``: make and list the tables about kernel releases."""

from __future__ import annotations

import argparse
from pathlib import Path

from kfuncscope.cli.formats import emit
from kfuncscope.cli.output import clean, clean_lines
from kfuncscope.errors import InputError
from kfuncscope.knowledge import knowledge
from kfuncscope.knowledge.tables import user_tables


def run_build(arguments: argparse.Namespace) -> int:
    """Build the tables of one release from its source tree."""
    from kfuncscope.knowledge.build.build import build

    out = Path(arguments.out) if arguments.out else user_tables()
    report = build(Path(arguments.tree), out, arguments.release, arguments.source or "")
    print(clean_lines(str(report)))
    if arguments.history:
        _record(arguments.history, out, report.release)
    return 0


def _record(repository: str, out: Path, release: str) -> None:
    """Add the commits since the level before to the table of commits. Raises GitError or KnowledgeError."""
    from kfuncscope.cli.output import ProgressLine
    from kfuncscope.commits.git import Git
    from kfuncscope.commits.record import record
    from kfuncscope.knowledge.levels import level_key

    built = knowledge.for_release(release, out)
    known = [name for name in knowledge.releases(out) if (level_key(name) or ())[:2] < (level_key(release) or ())[:2]]
    if not known:
        raise InputError(repository, f"no level before {release} has tables, so there is nothing to compare with")
    progress = ProgressLine()
    try:
        made = record(Git(repository), knowledge.for_release(known[-1], out), built, out, progress)
    finally:
        progress.end()
    print(f"commits since {clean(known[-1])}: {made.named} of {made.asked} things that went or changed")
    for why, number in made.why:
        print(f"  {number} without: {clean(why)}")


def run_pack(arguments: argparse.Namespace) -> int:
    """Merge the tables of levels into one history for each table."""
    from kfuncscope.knowledge.build.pack import pack

    for line in pack([Path(folder) for folder in arguments.levels], Path(arguments.out)):
        print(clean(line))
    return 0


def run_probe(arguments: argparse.Namespace) -> int:
    """Boot each kernel given and keep its answers; what cannot be booted is named, and the others go on."""
    from kfuncscope.cli.given import tell
    from kfuncscope.cli.proving import options_of
    from kfuncscope.intake.kernels import named_kernels
    from kfuncscope.kernel.kernel import open_kernel
    from kfuncscope.knowledge import probed
    from kfuncscope.prove.against import differences
    from kfuncscope.prove.probe import probe
    from kfuncscope.prove.session import packages_of
    from kfuncscope.storage.files import InputProblem
    from kfuncscope.storage.writing import write_file

    options = options_of(arguments)
    found, problems = named_kernels(arguments.packages)
    folder = Path(arguments.out) if arguments.out else probed.user_folder_of_facts()
    for _, parts in found:
        try:
            kernel = open_kernel(parts)
            made = probe(kernel, packages_of(kernel, arguments.packages), options)
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{made.probed.btf_sha256}.json"
            write_file(str(path), probed.dumps(made.probed))
        except InputError as error:
            problems.append(InputProblem(error.source, error.reason, error.offset))
            continue
        boot = made.run.boots[-1]
        took = f"{boot.seconds:.0f} s ({boot.accel})"
        print(f"{clean(made.probed.release)} {made.probed.arch}: {made.tried} questions, {took}")
        print(f"  {clean(str(path))}")
        for note in made.notes:
            print(f"  {clean(note)}")
        differing = differences(made.probed, kernel)
        print(f"  differs from the tables of {kernel.knowledge.release} in {len(differing)} answers")
        for one in differing if arguments.differences else ():
            whose = f"{one.caller}: " if one.caller else ""
            print(f"    {one.kind}: {clean(whose + one.name)}: table {one.table}, kernel {one.kernel}")
    return tell(problems)


def run_list(arguments: argparse.Namespace) -> int:
    """Print the releases that have tables, with their provenance."""
    told = [(release, knowledge.for_release(release).provenance) for release in knowledge.releases()]
    if arguments.format == "table":
        for release, provenance in told:
            print(f"{release}: {clean(provenance.source)} ({clean(provenance.made)})")
    else:
        rows = [(release, provenance.source, provenance.made) for release, provenance in told]
        emit(arguments.format, "Releases that have tables", ("release", "source", "made"), rows)
    return 0
