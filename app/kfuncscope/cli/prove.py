# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope prove``: load the programs into the kernel itself, in a virtual machine, beside what is predicted."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence

from kfuncscope.cli.given import objects_of, section_types, split, tell
from kfuncscope.cli.output import ProgressLine, clean, coloured, patient, say, table, write_json
from kfuncscope.errors import InputError, KernelError, UsageError
from kfuncscope.intake.kernels import named_kernels
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.model.proof import Agreement, ObjectProof, Proof
from kfuncscope.model.verdict import Tri
from kfuncscope.prove import prove
from kfuncscope.prove.kernels import wanted_names
from kfuncscope.prove.setup import Setup, read_setup
from kfuncscope.rules.judge import ObjectJudgement
from kfuncscope.storage.files import Problem

HEAD = ("agreement", "object", "program", "predicted", "seen", "line")
_ONLY = {"breaks": Tri.NO, "unknown": Tri.UNKNOWN}
_COLOURS = {Agreement.AGREE: "32", Agreement.DISAGREE: "31", Agreement.BEYOND: "33", Agreement.NOT_SEEN: "90"}
FAILS = 1


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    parser = commands.add_parser(
        "prove",
        help="load the programs into the kernel itself, in a virtual machine, beside what is predicted",
        description="Boot the kernel of a package in QEMU, load every program of the objects through libbpf, attach it "
        "for a moment where that harms nothing, and put what the kernel did beside what its files predict.",
    )
    parser.add_argument(
        "--kernel", nargs="+", action="extend", required=True, metavar="PKG",
        help="packages of kernels: image, modules and config; packages of one release make one kernel",
    )  # fmt: skip
    parser.add_argument("objects", nargs="*", metavar="OBJECT_OR_DIR", help="objects, folders, packages, programs")
    parser.add_argument("--section-type", action="append", default=[], metavar="SECTION=TYPE",
                        help="program type of a section name that libbpf does not know")  # fmt: skip
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only", metavar="WORDS", help="only objects predicted so, of breaks,unknown")
    which.add_argument("--all", action="store_true", help="all objects, and list programs that agree too")
    add_boot_options(parser)
    parser.add_argument("--plan", action="store_true", help="print what would be packed and run; boot nothing")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="output format (default: table)")
    parser.add_argument("--fail-on", choices=("disagree", "never"), default="never",
                        help="what makes the exit status 1 (default: never)")  # fmt: skip
    parser.set_defaults(run="prove:run", arch=None, release=None)


def add_boot_options(parser: argparse.ArgumentParser) -> None:
    """The options of everything that boots a kernel."""
    group = parser.add_argument_group("booting")
    group.add_argument("--no-attach", action="store_true", help="load the programs, do not attach them")
    group.add_argument("--accel", choices=("auto", "kvm", "tcg"), default="auto",
                       help="KVM, emulation (tcg), or KVM where it works (default: auto)")  # fmt: skip
    group.add_argument("--timeout", type=int, default=60, metavar="S", help="seconds for one object (default: 60)")
    group.add_argument("--guest", nargs="+", action="extend", default=[], metavar="PKG",
                       help="packages with the guest's Python, libbpf and libc, if not this machine's")  # fmt: skip
    group.add_argument("--modules", default="auto", metavar="NAMES",
                       help="kernel modules to insert, separated by commas, none, or auto: those in which the objects' "
                       "needs are declared (default)")  # fmt: skip
    group.add_argument("--setup", metavar="FILE", help="what the products' loaders set before loading, in TOML")


def options_of(arguments: argparse.Namespace) -> prove.Options:
    """The options as the engine takes them. Raises InputError for a set-up file that cannot be read."""
    if not 1 <= arguments.timeout <= 3600:
        raise UsageError("--timeout", "a number of seconds from 1 to 3600 expected")
    modules = None if arguments.modules == "auto" else tuple(wanted_names(arguments.modules.replace("none", "")))
    return prove.Options(
        accel=arguments.accel, seconds=arguments.timeout, guest=tuple(arguments.guest), modules=modules,
        setup=read_setup(arguments.setup) if arguments.setup else Setup(), attach=not arguments.no_attach,
        section_types=section_types(arguments),
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Prove on every kernel given; exit status 1 where ``--fail-on disagree`` finds a disagreement."""
    given, objects = split(arguments.kernel, arguments.objects)
    options, wanted = options_of(arguments), _wanted(arguments.only)
    files, problems = objects_of(objects)
    found, bad = named_kernels(given)
    problems += bad
    proofs = []
    for _, parts in found:
        try:
            kernel = open_kernel(parts)
            subject = prove.prepare(kernel, packages_of(kernel, given), files, options, wanted)
        except InputError as error:
            problems.append(Problem(error.source, error.reason, error.offset))
            continue
        problems += subject.problems
        if arguments.plan:
            print("\n".join(map(clean, prove.plan_lines(subject))))
            continue
        proofs.append(proved(subject))
    if not arguments.plan:
        _print(proofs, arguments)
    status = tell(problems)
    failed = arguments.fail_on == "disagree" and any(p.disagreements for p in proofs)
    return FAILS if failed else status


def proved(subject: prove.Subject) -> Proof:
    """Boot with a line of progress; Ctrl+C ends the guest and keeps what was seen."""
    progress = ProgressLine()
    count = 0

    def on_object(one: ObjectProof) -> None:
        nonlocal count
        count += 1
        progress(count, len(subject.tasks), one.object)

    try:
        progress(0, len(subject.tasks), f"booting {subject.kernel.release}")
        return prove.run(subject, on_object)
    finally:
        progress.end()


def packages_of(kernel: Kernel, given: Sequence[str]) -> list[str]:
    """The files that this kernel came from, as they were given."""
    paths = {entry.path for entry in kernel.files.inputs}
    mine = [path for path in given if path in paths]
    if not mine:
        raise KernelError(kernel.label, "only a kernel in packages can be booted; give the packages themselves")
    return mine


def _wanted(only: str | None) -> object:
    words = only.split(",") if only else []
    for word in words:
        if word not in _ONLY:
            raise UsageError("--only", f"{word!r} is neither breaks nor unknown")
    answers = {_ONLY[word] for word in words}

    def wanted(judged: ObjectJudgement) -> bool:
        return not answers or bool(answers & {judged.loads, *(p.attaches for p in judged.programs)})

    return wanted


def _print(proofs: Sequence[Proof], arguments: argparse.Namespace) -> None:
    if arguments.format == "json":
        write_json(
            {"format": "kfuncscope-proof", "format_version": 1, "proof": [dataclasses.asdict(p) for p in proofs]}
        )
        return
    for proof in proofs:
        print_proof(proof, arguments.all)


def print_proof(proof: Proof, everything: bool = False) -> None:
    """One kernel's proof as a table: what disagrees first; what agrees only where everything is asked for."""
    rows = []
    for one in proof.objects:
        for name, entry in [("(whole object)", one), *((p.program, p) for p in one.programs)]:
            if everything or entry.agreement != Agreement.AGREE:
                rows.append((entry.agreement, one.object, name, *_answers(entry), entry.line))
    order = list(Agreement)
    rows.sort(key=lambda row: ((order.index(row[0]) - 1) % 4, row[1], row[2] != "(whole object)", row[2]))
    counts = proof.counts()
    with patient():
        print(f"{proof.arch}: {clean(proof.release)}   " + "  ".join(f"{a.value} {counts[a]}" for a in Agreement))
        print(f"  {clean(proof.uname)}")
        booted = f"{proof.accelerator}, {proof.seconds} s" if proof.accelerator else "all from the cache"
        print(f"  libbpf {clean(proof.libbpf)}; {booted}; image SHA-256 {proof.image_sha256}")
    if rows:
        table(HEAD, [(_word(row[0]), *row[1:]) for row in rows])
    for note in proof.notes:
        say(f"kfuncscope: {clean(note)}")


def _answers(entry: object) -> tuple[str, str]:
    if isinstance(entry, ObjectProof):
        return _loads(entry.predicted), _loads(entry.seen)
    predicted = _both(entry.predicted_loads, entry.predicted_attaches)  # type: ignore[attr-defined]
    return predicted, _both(entry.seen_loads, entry.seen_attaches)  # type: ignore[attr-defined]


def _loads(answer: Tri) -> str:
    return {Tri.YES: "loads", Tri.NO: "refused", Tri.UNKNOWN: "unknown"}[answer]


def _both(loads: Tri, attaches: Tri) -> str:
    if loads != Tri.YES or attaches == Tri.UNKNOWN:
        return _loads(loads)
    return "loads, attaches" if attaches == Tri.YES else "loads, not attached"


def _word(agreement: Agreement) -> str:
    from kfuncscope.cli.output import Painted

    return Painted(f"\033[{_COLOURS[agreement]}m{agreement.value}\033[0m") if coloured() else agreement.value
