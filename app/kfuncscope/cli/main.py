# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The command line: parse, hand on to one module for each command, turn errors into exit statuses (decision.exits)."""

from __future__ import annotations

import argparse
import gc
import importlib
import signal
import sys
import traceback
from collections.abc import Sequence

from kfuncscope import __version__
from kfuncscope.arch import arch_named, known_arches
from kfuncscope.cli.boot_options import add_boot_options, add_prove_parser
from kfuncscope.cli.census_options import RUNNING_HELP, add_census_parser, add_running_option
from kfuncscope.cli.commits import add_history_option
from kfuncscope.cli.configfile import apply_config, configured
from kfuncscope.cli.formats import FORMATS, add_format
from kfuncscope.cli.kernel_options import add_kernel_parser
from kfuncscope.cli.manners import add_manners, apply
from kfuncscope.cli.options import (
    FAIL_HELP,
    KERNEL_HELP,
    add_catalogue_option,
    add_report_options,
    add_shard_option,
    add_table_options,
)
from kfuncscope.cli.output import clean, say, silence, streams
from kfuncscope.cli.part import add_part_options
from kfuncscope.decision.exits import Exit, epilog
from kfuncscope.errors import InputError, UsageError, each
from kfuncscope.session.options import WINDOW, add_window_options
from kfuncscope.storage.cache import refused


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; each leaves ``run`` as the name of the function that carries it out."""
    top = argparse.ArgumentParser(
        prog="kfuncscope",
        description="Which of the BPF programs we ship stop working on the new kernel, where, why, and what to do.",
        epilog=epilog(),
    )
    top.add_argument("--version", action="version", version=f"kfuncscope {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    _add_upgrade_commands(commands)
    _add_inspect_commands(commands)
    _add_report_commands(commands)
    _add_other_commands(commands)
    add_manners(top)
    return top


def _sides(command: argparse.ArgumentParser, old_needed: bool = True) -> None:
    command.add_argument("--old", nargs="+", action="extend", required=old_needed, metavar="F",
                         help="files of the old kernels")  # fmt: skip
    command.add_argument(
        "--new", nargs="+", action="extend", required=True, metavar="F", help="files of the new kernels"
    )
    _kernel_words(command)


def _kernel_words(command: argparse.ArgumentParser) -> None:
    words = "architecture, if it cannot be detected; any distribution's name for it"
    command.add_argument("--arch", type=_arch, help=words)
    command.add_argument("--release", help="release, if it cannot be detected")


def _count(text: str) -> int:
    """A number of things of which one at least is needed."""
    if not (text.isdecimal() and text.isascii() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def _arch(word: str) -> str:
    """The kernel community's name of an architecture, by any word for it."""
    found = arch_named(word)
    if found is None:
        raise argparse.ArgumentTypeError(f"unknown architecture {word!r}; known are {', '.join(known_arches())}")
    return found


def _objects(command: argparse.ArgumentParser) -> None:
    command.add_argument("objects", nargs="*", metavar="OBJECT_OR_DIR", help="objects, folders, packages, programs")
    add_catalogue_option(command)
    command.add_argument(
        "--section-type", action="append", default=[], metavar="SECTION=TYPE",
        help="program type of a section name that libbpf does not know (XDP, SOCKET_FILTER, ...)",
    )  # fmt: skip
    command.add_argument(
        "--loader", action="append", default=[], metavar="[PATTERN=]LOADER",
        help="what loads the objects: libbpf, cilium, aya, bpftrace, or auto (default: as package or binary shows); "
        "with a pattern for objects, packages or paths that fit it; repeatable",
    )  # fmt: skip


def _add_upgrade_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser("check", help="analyse an upgrade: which programs break, and why")
    _sides(check, old_needed=False)
    _objects(check)
    check.add_argument(
        "--running", metavar="CENSUS", nargs="+", action="extend", default=[],
        help=f"{RUNNING_HELP}: judge only what runs there; --old and objects may be left out",
    )  # fmt: skip
    check.add_argument(
        "--census", metavar="CENSUS", nargs="+", action="extend", default=[],
        help=f"{RUNNING_HELP}: judge all objects, and count on how many hosts things are used",
    )  # fmt: skip
    add_format(check)
    check.add_argument("--all", action="store_true", help="list programs that are OK too")
    check.add_argument(
        "--group", choices=("program", "cause"), default="program",
        help="what a line of the table is: a program, or what changed in the kernel (default: program)",
    )  # fmt: skip
    check.add_argument("--workers", type=_count, metavar="N", help="processes to work with")
    check.add_argument(
        "--cluster", metavar="ADDRESS",
        help="read and judge objects on the workers of a Dask scheduler (tcp://HOST:PORT); whoever controls the "
        "scheduler can run code here",
    )  # fmt: skip
    check.add_argument(
        "--infer", action="store_true",
        help="with one pair of kernels, also list what the JITs of other architectures do not support; this does not "
        "affect the decision",
    )  # fmt: skip
    add_history_option(check)
    add_report_options(check)
    add_part_options(check)
    add_shard_option(check)
    prove_help = "boot both kernels and compare what they do with the prediction"
    check.add_argument("--prove", action="store_true", help=prove_help)
    add_boot_options(check)
    check.set_defaults(run="commands.check:run")

    judge = commands.add_parser("judge", help="whether each program loads and attaches on each kernel")
    judge.add_argument(
        "--kernel", nargs="+", action="extend", required=True, metavar="K",
        help="a BTF file (config, modules, symbols: from its folder), btf=F,config=F,modules=D,symbols=F,probe=F, "
        "an image, a package, or a folder; any number of kernels",
    )  # fmt: skip
    _kernel_words(judge)
    _objects(judge)
    add_format(judge)
    judge.set_defaults(run="inspect.judge:run")

    add_prove_parser(commands)

    relocate = commands.add_parser("relocate", help="how each CO-RE record is relocated on a kernel")
    relocate.add_argument(
        "--kernel", action="append", required=True, metavar="K",
        help="a file, folder or named parts of one kernel; repeat for more files of the same kernel",
    )  # fmt: skip
    _kernel_words(relocate)
    _objects(relocate)
    add_format(relocate)
    relocate.add_argument("--no-modules", action="store_true", help="do not search module BTF")
    relocate.set_defaults(run="inspect.relocate:run")
    _add_reading_commands(commands)


def _add_reading_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    explain = commands.add_parser("explain", help="the chain from a verdict to rule, instruction and declarations")
    explain.add_argument("target", metavar="OBJECT:PROGRAM", nargs="?", help="an object and one of its programs")
    _sides(explain)
    add_format(explain)
    add_history_option(explain)
    explain.set_defaults(run="commands.explain:run")

    diff = commands.add_parser("diff", help="what was removed, added or changed between two kernels")
    _sides(diff)
    diff.add_argument("--kind", action="append", default=[], help="kfunc, kfunc_flags, helper, tracepoint, lsm, iter, "
                      "struct_ops, map_type, prog_type, attach_type, function, type; by default all but the "
                      "last two")  # fmt: skip
    add_format(diff)
    diff.set_defaults(run="inspect.diff:run")


def _add_report_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    merge = commands.add_parser(
        "merge", help="merge the JSON reports of all shards",
        description="Merge the JSON reports of --shard 1/N to N/N into the report that a single run would have made.",
    )  # fmt: skip
    merge.add_argument("parts", metavar="PART.json", nargs="+", help="the JSON report of one shard")
    merge.add_argument("-o", "--output", metavar="FILE", help="output file for the whole report")
    add_format(merge, "json")
    add_report_options(merge)
    merge.set_defaults(run="commands.merge:run")

    compare = commands.add_parser(
        "compare", help="new, gone and unchanged findings of two JSON reports",
        description="Compare two JSON reports: findings that are new, worse, better, gone. Exit status 1 where "
        "something new or worse is blocked or needs work by the policy; --fail-on replaces that.",
    )  # fmt: skip
    compare.add_argument("old", metavar="OLD.json")
    compare.add_argument("new", metavar="NEW.json")
    compare.add_argument("--policy", metavar="FILE", help="policy in TOML")
    compare.add_argument("--fail-on", metavar="WORDS", help=f"{FAIL_HELP} (default: new)")
    add_table_options(compare)
    compare.set_defaults(run="commands.compare:run")

    path = commands.add_parser(
        "path", help="the first step of several at which each program breaks",
        description="An upgrade in several steps (6.1 to 6.12, 6.12 to 7.2, ...): where each program breaks first. "
        "Give each step's kernels with --step, and objects; or JSON reports of consecutive upgrades.",
    )  # fmt: skip
    path.add_argument(
        "--step", metavar="K", nargs="+", action="append", default=[],
        help="kernels of one step, one per architecture; repeat for each step, oldest first",
    )  # fmt: skip
    path.add_argument("inputs", metavar="OBJECT_OR_REPORT", nargs="*", help="objects, or JSON reports in order")
    add_table_options(path)
    path.set_defaults(run="commands.path:run")

    usage = commands.add_parser(
        "usage", help="which packages, objects and programs use each kfunc, helper and hook",
        description="Count who uses what; no kernel is needed. With --running it counts hosts and running programs, "
        "joined to the objects. Evidence for those who decide what to keep.",
    )  # fmt: skip
    usage.add_argument("objects", metavar="OBJECT_OR_DIR", nargs="*", help="objects, packages, archives, folders")
    add_catalogue_option(usage)
    add_running_option(usage)
    usage.add_argument("--page", metavar="FILE", help="with --running: write a page of evidence, as .html or .md")
    usage.add_argument(
        "--kind", action="append", metavar="KIND", default=[],
        help="kfunc, helper, hook (these three without it; with --running struct_ops, too), struct_ops, ksym, kconfig, "
        "'map type', 'program type'",
    )  # fmt: skip
    add_table_options(usage)
    usage.set_defaults(run="commands.usage:run")
    _add_promise(commands)


def _add_promise(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    promise = commands.add_parser(
        "promise", help="record what objects rely on, and check later kernels against it",
        description="A promise file lists what a set of objects relies on from a kernel; a later kernel can be checked "
        "against it without the objects and without the old kernel.",
    )  # fmt: skip
    actions = promise.add_subparsers(dest="promise", metavar="make|check", required=True)
    make = actions.add_parser("make", help="write a promise file")
    make.add_argument("--kernel", metavar="K", action="append", required=True, help=KERNEL_HELP)
    make.add_argument("objects", metavar="OBJECT_OR_DIR", nargs="+", help="objects, packages, archives, folders")
    add_catalogue_option(make)
    add_running_option(make, kernel=False)
    make.add_argument(
        "--format", choices=FORMATS, help="list what the objects rely on (default: the promise file, which is TOML)"
    )
    make.add_argument("-o", "--output", metavar="FILE", help="output file (default: standard output)")
    make.set_defaults(run="commands.promise:run_make")
    check = actions.add_parser("check", help="check a kernel against a promise file")
    check.add_argument("--kernel", metavar="K", action="append", required=True, help=KERNEL_HELP)
    check.add_argument("promise_file", metavar="PROMISE.toml")
    add_table_options(check)
    check.set_defaults(run="commands.promise:run_check")


def _add_inspect_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    add_kernel_parser(commands, _kernel_words)

    obj = commands.add_parser("object", help="what an object needs")
    _objects(obj)
    add_format(obj)
    obj.add_argument("--elf", action="store_true", help="the ELF sections of each object, too")
    obj.set_defaults(run="inspect.files:run_object")

    rule = commands.add_parser("rule", help="what a rule (R-7.10) or a failure code (kfunc_not_found) means")
    rule.add_argument("ids", nargs="*", metavar="ID", help="rule ids and failure codes, as findings show them")
    rule.add_argument("--list", action="store_true", dest="every", help="list all rules and failure codes")
    add_format(rule)
    rule.set_defaults(run="inspect.rule:run")


def _add_other_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser("demo", help="open the window with the sample data")
    demo.add_argument("--picture", metavar="PNG", help="draw the window into a picture instead of opening it")
    demo.add_argument("--dark", action="store_true", help="draw it dark")
    demo.set_defaults(run="commands.demo:run")

    gui = commands.add_parser("gui", help="open the window", description=WINDOW)
    add_window_options(gui)
    gui.set_defaults(run="commands.demo:run_gui")

    know = commands.add_parser("knowledge", help="tables about kernel releases")
    actions = know.add_subparsers(dest="action", required=True)
    build = actions.add_parser("build", help="make the tables of a release from its source tree")
    build.add_argument("tree", metavar="LINUX_TREE", help="a kernel source tree, unpacked")
    build.add_argument("--out", help="folder to write to (default: the user's own tables)")
    build.add_argument("--release", help="release, if the tree's Makefile does not name it")
    build.add_argument("--source", help="where the tree comes from, recorded in the tables")
    build.add_argument(
        "--history", metavar="LINUX_GIT",
        help="a whole clone of the kernel's repository: add the commits by which things went or changed since the "
        "level before; it reads only, fetches nothing, and ends after ten minutes at the latest",
    )  # fmt: skip
    build.set_defaults(run="inspect.knowledge:run_build")
    asked = actions.add_parser("probe", help="boot a kernel in a virtual machine and ask it for its facts")
    asked.add_argument("packages", nargs="+", metavar="PKG", help="packages of kernels: image, modules, config")
    asked.add_argument("--out", help="folder to write to (default: the user's own facts)")
    asked.add_argument("--differences", action="store_true", help="list every answer that the tables contradict")
    add_boot_options(asked)
    asked.set_defaults(run="inspect.knowledge:run_probe")
    pack = actions.add_parser("pack", help="put the tables of many levels into histories, as they are shipped")
    pack.add_argument("levels", nargs="+", metavar="FOLDER", help="the tables of one level, as build made them")
    pack.add_argument("--out", required=True, help="folder to write to")
    pack.set_defaults(run="inspect.knowledge:run_pack")
    listing = actions.add_parser("list", help="list the releases that have tables")
    add_format(listing)
    listing.set_defaults(run="inspect.knowledge:run_list")

    add_census_parser(commands)
    _add_scan(commands)

    cache = commands.add_parser("cache", help="show or clear the cache")
    cache.add_argument("action", nargs="?", choices=("show", "clear"), default="show", help="default show")
    add_format(cache)
    cache.set_defaults(run="inspect.cache:run")


def _add_scan(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    scan = commands.add_parser(
        "scan", help="keep a catalogue of which packages of an archive hold BPF objects",
        description="Read the packages of an archive once and keep their BPF objects in a catalogue. A later scan "
        "reads only what is new or changed; the commands that take --catalogue read no package at all. The catalogue "
        "holds what the last scan was given.",
    )  # fmt: skip
    scan.add_argument(
        "inputs", metavar="FOLDER_OR_INDEX", nargs="*",
        help="folders of packages, packages, Debian's Packages files (.gz, .xz), rpm's primary.xml(.gz, .zst)",
    )  # fmt: skip
    scan.add_argument("--catalogue", metavar="C", required=True, help="the catalogue, made if it is not there (.kcat)")
    scan.add_argument(
        "--pool", metavar="FOLDER",
        help="where the files of the indexes are (default: beside the folder dists or repodata above each, or with it)",
    )  # fmt: skip
    scan.add_argument("--list", action="store_true", dest="listing", help="list what is in the catalogue; scan nothing")
    scan.add_argument(
        "--shard", metavar="I/N",
        help="read only part I of N of the packages, divided by their paths; give the catalogues of all parts to check",
    )  # fmt: skip
    scan.add_argument("--workers", type=_count, metavar="N", help="processes to work with")
    add_format(scan)
    scan.set_defaults(run="commands.scan:run")


def _carried_out(arguments: argparse.Namespace) -> int:
    module, _, function = arguments.run.partition(":")
    return int(getattr(importlib.import_module(f"kfuncscope.cli.{module}"), function)(arguments))


def _refuse_empty(arguments: argparse.Namespace) -> None:
    """Refuse empty words, as unset shell variables give them: as paths they would be the working directory."""
    for name, value in vars(arguments).items():
        if _has_empty(value):
            raise UsageError(name.replace("_", "-"), "empty argument; is a shell variable unset?")


def _has_empty(value: object) -> bool:
    return value == "" or (isinstance(value, list) and any(map(_has_empty, value)))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    streams()
    # A run makes hundreds of thousands of records that stay and hardly a cycle: looking through them for garbage at
    # Python's own pace takes a tenth of the time.
    gc.set_threshold(50_000, 20, 20)
    top = parser()
    try:
        apply_config(top)
    except InputError as error:
        say(f"kfuncscope: {clean(str(error))}")
        return Exit.USAGE if isinstance(error, UsageError) else Exit.INCOMPLETE
    arguments = top.parse_args(argv)
    if not arguments.command:
        top.print_help()
        return Exit.USAGE
    try:
        _refuse_empty(arguments)
        for line in configured(arguments):
            say(f"kfuncscope: {clean(line)}")
        apply(arguments)
        code = _carried_out(arguments)
        for line in refused():
            say(f"kfuncscope: {clean(line)}")
        sys.stdout.flush()
        return code
    except InputError as error:
        for one in each(error):
            say(f"kfuncscope: {clean(str(one))}")
        return Exit.USAGE if isinstance(error, UsageError) else Exit.INCOMPLETE
    except BrokenPipeError:
        silence(sys.stdout)
        return 128 + signal.SIGPIPE
    except OSError as error:  # a full disk under standard output, for one
        silence(sys.stdout)
        where = f"{error.filename}: " if error.filename else ""
        say(f"kfuncscope: {clean(where)}{error.strerror or error}")
        return Exit.INCOMPLETE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception:
        # Python's own status for this is 1, which a gate would take for programs that break.
        say(traceback.format_exc().rstrip())
        say("kfuncscope: internal error; no verdict was reached. Please report it with the lines above.")
        return Exit.DEFECT


if __name__ == "__main__":
    sys.exit(main())
