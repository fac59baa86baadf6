# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope scan``: keep a catalogue of the packages that hold BPF objects, and list it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from kfuncscope.catalogue.update import Scanned, check_inputs, update
from kfuncscope.cli.formats import emit
from kfuncscope.cli.options import shard_of
from kfuncscope.cli.output import MANNERS, ProgressLine, clean, say
from kfuncscope.decision.exits import Exit, status
from kfuncscope.errors import UsageError
from kfuncscope.storage.catalogue.reader import Reader
from kfuncscope.storage.files import InputProblem

HEAD = ("packages", "new", "changed", "same", "gone", "could not read", "with objects", "objects")
LISTED = ("package", "version", "architecture", "file", "object", "offset", "bytes", "loader", "sha256")
_FEW = 20  # problems of one reason that are named, unless asked for more


def run(args: argparse.Namespace) -> int:
    """Scan, or list; the exit status says whether something could not be read."""
    if args.listing:
        if args.inputs or args.pool or args.shard:
            raise UsageError("--list", "lists a catalogue, and takes no inputs")
        return _list(args)
    if not args.inputs:
        raise UsageError("scan", "no folder, package or index was given")
    check_inputs(args.inputs, args.catalogue)
    shard = shard_of(args)
    progress = ProgressLine()
    try:
        result = update(args.catalogue, args.inputs, args.pool, progress, args.workers, shard)
    finally:
        progress.end()
    if not (MANNERS.quiet and args.format == "table"):
        emit(args.format, "Scan", HEAD, [_counts(result)])
    if result.others and MANNERS.verbose:
        say(f"kfuncscope: {result.others} files of the folders are not packages")
    return _tell(result.problems)


def _counts(one: Scanned) -> tuple[int, ...]:
    return one.packages, one.new, one.changed, one.same, one.gone, one.unread, one.with_objects, one.objects


def _list(args: argparse.Namespace) -> int:
    with Reader(args.catalogue) as catalogue:
        rows = [
            (o.name or o.place.package, o.version, o.arch, o.file, o.place.path, o.place.offset, o.size, o.loader.name,
             o.sha256)
            for o in catalogue.objects()
        ]  # fmt: skip
        problems = catalogue.problems()
    emit(args.format, "Catalogue", LISTED, rows)
    return _tell(problems)


def _tell(problems: Iterable[InputProblem]) -> Exit:
    """Name what could not be read on standard error, of each reason no more than a few."""
    listed = list(dict.fromkeys(problems))
    by_reason: dict[str, list[str]] = {}
    for one in listed:
        at = f" at offset {one.offset:#x}" if one.offset is not None else ""
        by_reason.setdefault(one.reason, []).append(f"{one.path}{at}")
    for reason, paths in by_reason.items():
        few = paths if MANNERS.verbose else paths[:_FEW]
        for path in few:
            say(f"kfuncscope: {clean(path)}: {clean(reason)}")
        if len(paths) > len(few):
            say(f"kfuncscope: and {len(paths) - len(few)} more: {clean(reason)} (--verbose names them)")
    return status(False, bool(listed))
