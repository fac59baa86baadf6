# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Commands around reports: ``merge``, ``compare``, ``path``, ``usage``, ``promise``; options shared with ``check``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kfuncscope.cli.output import clean, patient, say
from kfuncscope.errors import InputError, KernelError, SessionError, UsageError

if TYPE_CHECKING:
    from kfuncscope.decision.policy import Decision
    from kfuncscope.kernel.kernel import Kernel
    from kfuncscope.model.analysis import Analysis
    from kfuncscope.storage.files import ObjectFile, Problem
    from kfuncscope.upgrade.jsonform import Shard

OK, FAILS, USAGE, UNREADABLE = 0, 1, 2, 3
_KERNEL_HELP = "a file, folder or named parts of one kernel; give it again for more files of the same kernel"
_FAIL_HELP = (
    "what makes the exit status 1, separated by commas: breaks, silent, risk, degrades, unknown, unread (inputs), "
    "blocked, needs-work (by the policy), new (not in the baseline, or worse), never; "
    "without it blocked where a policy is given, else breaks"
)


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that ends in an analysis: reports, policy, baseline, what fails, annotations."""
    group = parser.add_argument_group("reports and gates")
    group.add_argument(
        "--report", metavar="FILE", action="append", default=[],
        help="write a report; the extension chooses html, pdf, md, csv, json, sarif, xml (JUnit), svg, png, dot, "
        "graphml; may be given again",
    )  # fmt: skip
    group.add_argument("--policy", metavar="FILE", help="policy in TOML: what blocks, waivers, weights of risk")
    group.add_argument("--baseline", metavar="OLD.json", help="an earlier JSON report to compare with")
    group.add_argument("--fail-on", metavar="WORDS", help=_FAIL_HELP)
    group.add_argument(
        "--annotate", metavar="github|gitlab[=FILE]",
        help="annotations for a merge request: github prints workflow commands, gitlab writes a code quality report "
        "(gl-code-quality-report.json)",
    )  # fmt: skip


def add_shard_option(parser: argparse.ArgumentParser) -> None:
    """``--shard i/n`` for the command that runs an analysis."""
    parser.add_argument(
        "--shard", metavar="I/N", help="judge only part I of N of the objects; put JSON reports together with merge"
    )


def shard_of(args: argparse.Namespace) -> Shard | None:
    """The shard asked for; InputError where the words make none."""
    from kfuncscope.upgrade.merge import parse_shard

    with _usage():
        return parse_shard(args.shard) if args.shard else None


@contextlib.contextmanager
def _usage() -> Iterator[None]:
    """What is wrong with a word of the command line is wrong usage, not a bad input."""
    try:
        yield
    except SessionError as error:
        raise UsageError(error.source, error.reason) from error


def check_report_options(args: argparse.Namespace) -> None:
    """Refuse what cannot work before hours of analysis: extensions, words, unreadable policies and baselines."""
    from kfuncscope import report
    from kfuncscope.decision import policy
    from kfuncscope.decision.compare import fail_words

    with _usage():
        for path in args.report:
            report.format_of(path)
            if not os.path.isdir(Path(path).parent):
                raise SessionError(path, "its folder does not exist")
        words = fail_words(args.fail_on) if args.fail_on else ()
        if "new" in words and not args.baseline:
            raise SessionError("--fail-on", "new needs a --baseline to compare with")
        if args.annotate:
            _annotation(args.annotate)
    if args.policy:
        policy.load(args.policy)
    if args.baseline and not os.path.isfile(args.baseline):
        raise SessionError(args.baseline, "no such file")


def _annotation(text: str) -> tuple[str, str]:
    kind, _, path = text.partition("=")
    if kind not in ("github", "gitlab") or (kind == "github" and path):
        raise SessionError("--annotate", f"{text[:80]!r} is neither github nor gitlab[=FILE]")
    return kind, path or "gl-code-quality-report.json"


def decided(analysis: Analysis, args: argparse.Namespace) -> Decision:
    """The decision by the policy that was given, or by the default one."""
    from kfuncscope.decision import policy

    return policy.decide(analysis, policy.load(args.policy) if args.policy else policy.DEFAULT)


def conclude(analysis: Analysis, decision: Decision, args: argparse.Namespace, shard: Shard | None = None) -> int:
    """Compare, write what was asked for; the exit status is 1 where ``--fail-on`` (or its default) says so.

    What fails is said on standard error, so that standard output stays what the command itself prints. A report that
    cannot be written raises its InputError, after the others were written and everything else was said.
    """
    from kfuncscope import report
    from kfuncscope.decision import compare
    from kfuncscope.upgrade import jsonform

    found = compare.compare(jsonform.load(args.baseline)[0], analysis) if args.baseline else None
    failed: list[InputError] = []
    if args.report or args.annotate:
        made = report.make(analysis, decision, found, shard=shard)
        for path in args.report:
            try:
                report.write(made, path)
            except InputError as error:
                failed.append(error)
        if args.annotate:
            _annotate(made, *_annotation(args.annotate))
    words = compare.fail_words(args.fail_on or ("blocked" if args.policy else "breaks"))
    said = compare.failures(analysis, words, decision, found)
    for line in [*_stale(decision), *said, *(f"kfuncscope: {clean(str(error))}" for error in failed[1:])]:
        say(line)
    if failed:
        raise failed[0]
    return FAILS if said else OK


def _stale(decision: Decision) -> list[str]:
    lines = [f"waiver expired on {w.expires}: {w.scope.words()} ({w.owner})" for w in decision.expired]
    lines += [f"waiver matches nothing: {w.scope.words()} ({w.owner})" for w in decision.unused]
    if decision.tolerated:
        lines.append(f"tolerated by waivers: {len(decision.tolerated)}")
    from kfuncscope.report.safe import visible

    return [visible(line) for line in lines]


def _annotate(made: object, kind: str, path: str) -> None:
    from kfuncscope.report import Report, annotate
    from kfuncscope.storage.writing import write_file

    assert isinstance(made, Report)
    if kind == "github":
        _out(annotate.github(made))
        return
    write_file(path, annotate.gitlab(made))


def _out(data: bytes, path: str | None = None) -> None:
    """Bytes to a file, or to standard output whatever its encoding is."""
    if path and path != "-":
        from kfuncscope.storage.writing import write_file

        write_file(path, data)
        return
    with patient():
        sys.stdout.flush()
        if hasattr(sys.stdout, "buffer"):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            sys.stdout.write(data.decode("utf-8"))


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of this module; each sets ``run`` to its handler, which returns the exit status."""
    _add_merge(subparsers)
    _add_compare(subparsers)
    _add_path(subparsers)
    _add_usage(subparsers)
    _add_promise(subparsers)


def _table_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("md", "csv", "json"), default="md", help="form of the output (default md)")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of to standard output")


def _add_merge(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "merge",
        help="put the JSON reports of all shards together",
        description="Put the JSON reports that --shard 1/N .. N/N made together, as if one run had made them.",
    )
    parser.add_argument("parts", metavar="PART.json", nargs="+", help="the JSON report of one shard")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the whole JSON report there")
    add_report_options(parser)
    parser.set_defaults(run=run_merge)


def run_merge(args: argparse.Namespace) -> int:
    """``merge``: one analysis of all shards, then as ``check`` ends."""
    from kfuncscope.upgrade import jsonform
    from kfuncscope.upgrade.merge import merge

    check_report_options(args)
    whole = merge([jsonform.load(path) for path in args.parts])
    decision = decided(whole, args)
    if args.output or not args.report:
        _out(jsonform.dumps(whole, decision), args.output)
    return conclude(whole, decision, args)


def _add_compare(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "compare",
        help="new, gone and unchanged findings of two JSON reports",
        description="Compare two JSON reports: findings that are new, worse, better, gone. Exit status 1 with "
        "--fail-on new where something new or worse needs attention by the policy.",
    )
    parser.add_argument("old", metavar="OLD.json")
    parser.add_argument("new", metavar="NEW.json")
    parser.add_argument("--policy", metavar="FILE", help="policy in TOML")
    parser.add_argument("--fail-on", metavar="WORDS", default="never", help=_FAIL_HELP)
    _table_options(parser)
    parser.set_defaults(run=run_compare)


def run_compare(args: argparse.Namespace) -> int:
    """``compare``: a table of what changed between two reports."""
    from kfuncscope.decision import compare, policy
    from kfuncscope.report import tables
    from kfuncscope.upgrade import jsonform

    with _usage():
        words = compare.fail_words(args.fail_on)
    rules = policy.load(args.policy) if args.policy else policy.DEFAULT
    after = jsonform.load(args.new)[0]
    found = compare.compare(jsonform.load(args.old)[0], after)
    _out(tables.comparison(found, args.format), args.output)
    said = compare.failures(after, words, policy.decide(after, rules), found)
    for line in said:
        say(line)
    return FAILS if said else OK


def _add_path(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "path",
        help="the first step of several at which each program breaks",
        description="An upgrade in several steps (6.1 to 6.12, 6.12 to 7.2, ...): where each program breaks first. "
        "Give each step's kernels with --step, and objects; or JSON reports of consecutive upgrades.",
    )
    parser.add_argument(
        "--step", metavar="K", nargs="+", action="append", default=[],
        help="kernels of one step, one for each architecture; give it again for each step, oldest first",
    )  # fmt: skip
    parser.add_argument("inputs", metavar="OBJECT_OR_REPORT", nargs="*", help="objects, or JSON reports in order")
    _table_options(parser)
    parser.set_defaults(run=run_path)


def run_path(args: argparse.Namespace) -> int:
    """``path``: a table of journeys; what could not be read is said on standard error."""
    from kfuncscope.cli.given import split
    from kfuncscope.report import tables
    from kfuncscope.study.path import journeys
    from kfuncscope.upgrade import jsonform

    if not args.step:
        if len(args.inputs) < 2:
            raise UsageError("path", "give two steps or more with --step, or two JSON reports or more")
        steps = [jsonform.load(path)[0] for path in args.inputs]
    elif len(args.step) == 1:
        raise UsageError("--step", "a path needs two steps or more")
    else:
        last, objects = split(args.step[-1], args.inputs)
        steps = _walk([*args.step[:-1], last], objects)
    _out(tables.path(journeys(steps), args.format), args.output)
    unread = {problem for step in steps for problem in step.problems} if args.step else set()
    return _unread(sorted(unread, key=lambda p: (p.path, p.reason)))


def _walk(steps: list[list[str]], objects: list[str]) -> list[Analysis]:
    """An analysis of each step to the next."""
    from itertools import pairwise

    from kfuncscope.session.session import KernelRef, Session
    from kfuncscope.upgrade.analyse import analyse

    return [
        analyse(Session(old=[KernelRef(old)], new=[KernelRef(new)], objects=objects)) for old, new in pairwise(steps)
    ]


def _add_usage(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "usage",
        help="which packages, objects and programs use each kfunc, helper and hook",
        description="Count who uses what; no kernel is needed. Evidence for those who decide what to keep.",
    )
    parser.add_argument("objects", metavar="OBJECT_OR_DIR", nargs="+", help="objects, packages, archives, folders")
    parser.add_argument(
        "--kind", action="append", metavar="KIND", default=[],
        help="kfunc, helper, hook (these three without it), struct_ops, ksym, kconfig, 'map type', 'program type'",
    )  # fmt: skip
    _table_options(parser)
    parser.set_defaults(run=run_usage)


def run_usage(args: argparse.Namespace) -> int:
    """``usage``: the table, and on standard error what could not be read."""
    from kfuncscope.model.verdict import NeedKind
    from kfuncscope.report import tables
    from kfuncscope.study.usage import USUAL, collect

    strange = [k for k in args.kind if k not in {n.value for n in NeedKind}]
    if strange:
        raise UsageError("--kind", f"{strange[0][:80]!r} is none of {', '.join(n.value for n in NeedKind)}")
    files, problems = _objects(args.objects)
    uses, more = collect(files, [NeedKind(k) for k in args.kind] or USUAL)
    _out(tables.usage(uses, args.format), args.output)
    return _unread([*problems, *more])


def _objects(paths: list[str]) -> tuple[list[ObjectFile], list[Problem]]:
    from kfuncscope.intake.objects import object_files

    return object_files(paths)


def _unread(problems: list[Problem]) -> int:
    from kfuncscope.report.safe import visible

    for problem in problems:
        at = f" at offset {problem.offset:#x}" if problem.offset is not None else ""
        say(visible(f"could not read {problem.path}{at}: {problem.reason}", 1000))
    return UNREADABLE if problems else OK


def _add_promise(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "promise",
        help="write down what objects rely on, and hold later kernels against it",
        description="A promise file lists what a set of objects relies on from a kernel; a later kernel can be held "
        "against it without the objects and without the old kernel.",
    )
    commands = parser.add_subparsers(dest="promise", metavar="make|check", required=True)
    make = commands.add_parser("make", help="write a promise file")
    make.add_argument("--kernel", metavar="K", action="append", required=True, help=_KERNEL_HELP)
    make.add_argument("objects", metavar="OBJECT_OR_DIR", nargs="+", help="objects, packages, archives, folders")
    make.add_argument("-o", "--output", metavar="FILE", help="write there instead of to standard output")
    make.set_defaults(run=run_promise_make)
    check = commands.add_parser("check", help="hold a kernel against a promise file")
    check.add_argument("--kernel", metavar="K", action="append", required=True, help=_KERNEL_HELP)
    check.add_argument("promise_file", metavar="PROMISE.toml")
    _table_options(check)
    check.set_defaults(run=run_promise_check)


def run_promise_make(args: argparse.Namespace) -> int:
    """``promise make``: the file, and on standard error what could not be promised."""
    from kfuncscope.promise import promise, promisefile
    from kfuncscope.report.safe import visible

    kernel = _kernel(args.kernel)
    files, problems = _objects(args.objects)
    made, more = promise.make(files, kernel)
    _out(promisefile.write(made), args.output)
    for program, why in made.left_out:
        say(visible(f"not promised: {program}: {why}", 1000))
    return _unread([*problems, *more])


def run_promise_check(args: argparse.Namespace) -> int:
    """``promise check``: a table of what is broken or changed; exit status 1 where something is broken."""
    from kfuncscope.promise import promise, promisefile
    from kfuncscope.report import tables

    found = promise.check(promisefile.load(args.promise_file), _kernel(args.kernel))
    _out(tables.promise(found, args.format), args.output)
    return FAILS if found.broken else OK


def _kernel(paths: list[str]) -> Kernel:
    """The one kernel that the files make."""
    from kfuncscope.intake.kernels import kernel_files
    from kfuncscope.kernel.kernel import open_kernel

    found = kernel_files(paths)
    if len(found) != 1:
        names = ", ".join(k.label for k in found)
        raise KernelError(paths[0], f"one kernel is needed, these files make {len(found)}: {names[:300]}")
    return open_kernel(found[0])
