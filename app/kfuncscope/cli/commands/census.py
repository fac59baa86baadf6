# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope census``: print or run the collector, and list what runs on hosts, joined to objects."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kfuncscope.cli.formats import emit
from kfuncscope.cli.output import ProgressLine, clean, patient, say
from kfuncscope.errors import InputError, UsageError

if TYPE_CHECKING:
    from kfuncscope.census.count import Row
    from kfuncscope.census.join import Joiner, Objects
    from kfuncscope.census.records import Census, Join
    from kfuncscope.kernel.kernel import Kernel
    from kfuncscope.model.analysis import Analysis, CensusInfo
    from kfuncscope.storage.files import InputProblem

HEAD = ("join", "hosts", "running", "arch", "type", "name", "attached", "object", "owner", "tag", "seen")
_WORDS = ("script", "run")


def run(arguments: argparse.Namespace) -> int:
    """One of the three things that ``census`` does."""
    word = arguments.inputs[0]
    if word in _WORDS and len(arguments.inputs) > 1:
        raise UsageError("census", f"{word} takes no files")
    if word == "script":
        return _script(arguments)
    if word == "run":
        return _collect(arguments)
    if arguments.output or arguments.host or arguments.source_lines:
        raise UsageError("census", "--output, --host and --source-lines belong to script and run")
    return _list(arguments)


def _script(arguments: argparse.Namespace) -> int:
    from kfuncscope.census import collector

    text = Path(collector.__file__).read_text(encoding="utf-8")
    _out(text, arguments.output)
    return 0


def _collect(arguments: argparse.Namespace) -> int:
    import json

    from kfuncscope.census import collector

    try:
        lines = list(collector.collect(arguments.host or "", arguments.source_lines))
    except collector.RefusedError as why:
        raise InputError("census run", str(why)) from why
    _out("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines), arguments.output)
    return 0


def _out(text: str, path: str | None) -> None:
    if path and path != "-":
        from kfuncscope.storage.writing import write_file

        write_file(path, text.encode())
        return
    with patient():
        sys.stdout.write(text)


# -- listing


def opened(
    given: Sequence[str], objects: Sequence[str], kernels: Sequence[Kernel], types: dict[str, str] | None = None
) -> tuple[Census, Objects, Joiner, list[Row], list[InputProblem]]:
    """A census, the objects, how its programs are joined to them, its rows, and what could not be read."""
    from kfuncscope.census.join import read_objects
    from kfuncscope.census.running import joined
    from kfuncscope.intake.objects import object_files

    census, problems = _read(given)
    files, bad = object_files(objects) if objects else ([], [])
    read, more = read_objects(files, types)
    progress = ProgressLine()
    try:
        joiner, listed = joined(census, read, kernels, progress)
    finally:
        progress.end()
    return census, read, joiner, listed, [*problems, *bad, *more]


def _list(arguments: argparse.Namespace) -> int:
    from kfuncscope.cli.given import tell

    kernels, bad = kernels_of(arguments.kernel)
    census, _, joiner, listed, problems = opened(arguments.inputs, arguments.objects, kernels)
    body = [_row(row, joiner) for row in listed]
    whole = _json(census, listed, joiner, [*bad, *problems]) if arguments.format == "json" else None
    emit(arguments.format, "What runs on the hosts", HEAD, body, whole)
    if arguments.format == "table":
        with patient():
            print(headline(census, listed))
    for note in census.notes:
        say(f"kfuncscope: {clean(note)}")
    return tell([*bad, *problems])


def headline(census: Census, listed: Sequence[Row]) -> str:
    """How many hosts and programs there are, and how they were joined, in one line."""
    from kfuncscope.census.count import summary
    from kfuncscope.census.records import Join

    counts = summary(listed)
    told = ", ".join(f"{counts[kind]} {kind.value}" for kind in Join if counts[kind])
    kernels = Counter(h.kernel.release for h in census.hosts)
    partly = sum(row.running for row in listed if row.partly)
    more = f"; {partly} seen in part" if partly else ""
    return clean(
        f"{len(census.hosts)} host{'s' if len(census.hosts) != 1 else ''}, {sum(counts.values())} running programs: "
        f"{told or 'none'}{more}; kernels {', '.join(sorted(kernels)[:6])}{' ...' if len(kernels) > 6 else ''}"
    )


def _row(row: Row, joiner: Joiner) -> list[str | int]:
    from kfuncscope.census import names

    one = row.program
    attached = " ".join(dict.fromkeys(_attached(names.how(a), names.plain_target(a), a.places) for a in one.attach))
    seen = "in part" if row.partly else ""
    return [row.joined.join.value, len(row.hosts), row.running, row.arch, names.prog_type(one.type), one.name, attached,
            _objects(row, joiner), " ".join(sorted(row.owners)), one.tag, seen]  # fmt: skip


def _attached(how: str, target: str, count: int) -> str:
    return f"{how}:{target}" if target else f"{how}:{count}" if count else how


def _objects(row: Row, joiner: Joiner) -> str:
    found = [f"{joiner.objects.files[c.object].name}/{joiner.objects.program(c).name}" for c in row.joined.candidates]
    more = f" (and {len(found) - 1} equal)" if len(found) > 1 else ""
    return found[0] + more if found else ""


def _json(census: Census, listed: Sequence[Row], joiner: Joiner, problems: Sequence[InputProblem]) -> dict[str, object]:
    from kfuncscope.census.count import summary
    from kfuncscope.census.seen import uses_of

    counts: Counter[Join] = summary(listed)
    programs = []
    for row in listed:
        used = uses_of(row.program)
        programs.append(
            dict(zip(HEAD, _row(row, joiner), strict=True))
            | {
                "on": sorted(census.hosts[i].label for i in row.hosts),
                "candidates": [
                    [joiner.objects.files[c.object].name, joiner.objects.program(c).name] for c in row.joined.candidates
                ],
                "why": row.joined.why,
                "kfuncs": list(used.kfuncs),
                "helpers": list(used.helpers),
                "unnamed_calls": used.unnamed,
            }
        )
    return {
        "hosts": [
            {"host": h.label, "release": h.kernel.release, "arch": h.kernel.arch, "distribution": h.distribution,
             "programs": len(h.programs), "cut": h.cut}
            for h in census.hosts
        ],
        "joins": {kind.value: number for kind, number in sorted(counts.items())},
        "programs": programs,
        "problems": [{"path": p.path, "reason": p.reason} for p in problems],
    }  # fmt: skip


# -- for other commands


def on_hosts(info: CensusInfo) -> str:
    """What a census says, in a line, and what limits it."""
    from kfuncscope.report.words import census_words

    return "\n  ".join([f"census: {census_words(info)}", *map(clean, info.notes)])


def kernels_of(given: Sequence[str]) -> tuple[list[Kernel], list[InputProblem]]:
    """Kernels of hosts, each given by itself."""
    from kfuncscope.session.session import KernelRef
    from kfuncscope.upgrade.known import open_refs

    return open_refs([KernelRef([k]) for k in given])


def check_running(arguments: argparse.Namespace, progress: ProgressLine) -> Analysis:
    """``check --running``: the analysis of what runs, against new kernels."""
    from kfuncscope.census.running import of_session
    from kfuncscope.cli.given import section_types, split
    from kfuncscope.session.session import KernelRef, Session

    new, given = split(arguments.new, arguments.objects, needed=False)
    sides = [
        [KernelRef(list(files), arch=arguments.arch, release=arguments.release)] if files else []
        for files in (arguments.old, new)
    ]
    session = Session(
        old=sides[0], new=sides[1], objects=given, census=list(arguments.running),
        section_types=section_types(arguments), running=True,
    )  # fmt: skip
    return of_session(session, progress)


def with_census(analysis: Analysis, arguments: argparse.Namespace, progress: ProgressLine) -> Analysis:
    """``check --census``: an analysis that knows on how many hosts things are used."""
    from kfuncscope.census.running import attached
    from kfuncscope.cli.given import session

    return attached(analysis, replace(session(arguments), census=list(arguments.census)), progress)


def _read(given: Sequence[str]) -> tuple[Census, list[InputProblem]]:
    from kfuncscope.census.reader import read_census

    census = read_census(given)
    if not census.hosts:
        raise InputError(*((census.problems[0].path, census.problems[0].reason) if census.problems else (given[0], "")))
    return census, list(census.problems)
