# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Take a census in a booted guest, and count how its programs are joined to their objects.

``python -m support.guestcensus FOLDER KEY...`` (in tests/) prints the table; FOLDER holds or gets Debian's packages,
KEY is one of ``support.packages.KERNELS``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

from kfuncscope.arch import arch_record
from kfuncscope.bpf.instructions import CALL
from kfuncscope.bpf.object import BpfObject, Program, read_object
from kfuncscope.census import collector
from kfuncscope.census.join import Joiner, TagIndex, read_objects, without_modules
from kfuncscope.census.reader import read_census
from kfuncscope.census.records import Census, Join, Running
from kfuncscope.census.seen import uses_of
from kfuncscope.containers.archive import read_archive
from kfuncscope.containers.stream import Budget
from kfuncscope.errors import InputError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.intake.objects import object_files
from kfuncscope.kernel.binary.linked import linked_address
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.prove import prove
from kfuncscope.prove.guest import newc
from kfuncscope.prove.guest.boot import Guest, boot
from kfuncscope.prove.guest.initramfs import UserSpace, agent_files, user_space
from kfuncscope.prove.guest.qemu import Limits
from kfuncscope.prove.guest.sources import PackageSource, read_binary
from kfuncscope.prove.prove import Options
from kfuncscope.resources import sample
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.tag import UndecidedError, program_code
from kfuncscope.storage.files import ObjectFile
from support import packages
from support.packages import Wanted

COUNT = 30
LINES = (
    "tracepoint:sched:sched_switch { @[comm] = count(); }", "kprobe:vfs_read { @[pid] = hist(arg2); }",
    "fentry:vfs_open { @[comm] = count(); }",
)  # fmt: skip
PYTHON = ("python3.13-minimal", "libpython3.13-minimal", "libpython3.13-stdlib", "libbpf1", "libssl3t64")
TOOLS = {"bpftool": "usr/sbin/bpftool", "bpftrace": "usr/bin/bpftrace"}
CASTS = frozenset({"bpf_cast_to_kern_ctx", "bpf_rdonly_cast"})  # which leave no call after verification
OBJECTS = {
    "x86_64": ("libbpf-tools", "xdp-tools", "udev-hid-bpf", "libbpftune0", "systemd", "libsystemd-shared", "pwru"),
    "arm64": ("libbpf-tools", "pwru", "rsched"),
}  # fmt: skip


@dataclass(slots=True)
class Taken:
    """A census of a guest, and what was really loaded there.

    ``truth``: program id → (object's place, program, loader); ``scripts``: id → one-liner; ``silent``: one-liners
    that did not run, with their last words; ``refused``: objects that a loader did not load, with its words.
    """

    lines: bytes
    files: list[ObjectFile]
    truth: dict[int, tuple[int, str, str]] = field(default_factory=dict)
    scripts: dict[int, str] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    collector_seconds: float = 0.0
    boot_seconds: float = 0.0


@dataclass(slots=True)
class Counted:
    """How the programs of a census were joined; ``missed`` and ``false`` are lines for people."""

    loaded: int = 0
    exact: int = 0
    by_loader: dict[str, int] = field(default_factory=dict)
    kernel_only: int = 0
    kfuncs: int = 0
    named: int = 0
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)


# -- packages


def with_needs(folder: Path, key: str, arch: str, names: Iterable[str]) -> list[Path]:
    """Packages of Debian sid and all that they need, fetched where they are not there."""
    pending, found = list(names), dict[str, Path]()
    while pending:
        name = pending.pop()
        if name in found:
            continue
        try:
            (found[name],) = packages.fetch(
                folder, Wanted(key, "sid", arch, (name.replace(".", r"\.").replace("+", r"\+"),))
            )
        except LookupError:
            continue  # a virtual package
        with found[name].open("rb") as file:
            archive = read_archive(file, Budget(name, found[name].stat().st_size))
            pending += archive[0].needs if archive else ()
    return sorted(set(found.values()))


def files_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every regular file of a package."""
    with path.open("rb") as file:
        archive = read_archive(file, Budget(str(path), path.stat().st_size))
        for member in archive[1] if archive else ():
            yield member.path, member.read()


def tool_entries(paths: Sequence[Path], source: PackageSource) -> list[newc.Entry]:
    """The tools in the packages, and the libraries that they need."""
    entries, pending = [], list[bytes]()
    for path in paths:
        for place, data in files_of(path):
            if place in TOOLS.values():
                pending.append(data)
                entries.append(newc.file(place, data, 0o755))
    seen = set[str]()
    while pending:
        for soname in read_binary(pending.pop(), "tool").needed:
            if soname not in seen and (data := source.library(soname)) is not None:
                seen.add(soname)
                pending.append(data)
                entries.append(newc.file(f"lib/{soname}", data, 0o755))
    return entries


# -- the guest


def space(folder: Path, arch: str, tools: Sequence[str]) -> UserSpace:
    """The guest's user space: Python, libbpf, the agent, the collector and the tools."""
    deb = {"x86_64": "amd64"}.get(arch, arch)
    paths = with_needs(folder, f"census-{deb}", deb, (*PYTHON, *tools))
    source = PackageSource(arch)
    for path in paths:  # LLVM is larger than what a guest of the product may bring
        for member_path, data in files_of(path):
            source.add(member_path, data)
    agents = agent_files(prove.AGENT)
    agents["kfuncscope/prove/guest/agent_load.py"] = agents["init"]
    agents["init"] = b"#!/py -ISB\n" + Path(__file__).with_name("census_agent.py").read_bytes()
    agents["collect.py"] = Path(collector.__file__).read_bytes()
    agents["late.py"] = b"import locale\n"  # what the collector's modules import in functions
    made = user_space(source, agents)
    wanted = [p for p in paths if p.name.split("_")[0] in tools]
    return dataclasses.replace(made, entries=(*made.entries, *tool_entries(wanted, source)))


def objects(folder: Path, arch: str, count: int = COUNT) -> tuple[list[ObjectFile], list[ObjectFile]]:
    """Objects of Debian's packages spread over all that they hold with the samples, and the other objects there."""
    deb = {"x86_64": "amd64"}.get(arch, arch)
    key = "objects" if deb == "amd64" else f"objects-{deb}"
    files, _ = object_files(packages.fetch(folder, Wanted(key, "sid", deb, OBJECTS[arch])))
    step = max(len(files) // count, 1)
    chosen = files[::step][:count]
    mine, _ = object_files([p for p in sorted(sample("objects").iterdir()) if p.suffix == ".o"])
    return chosen + mine, [f for f in files if f not in chosen]


def take(folder: Path, kernel: Kernel, paths: Sequence[str], files: Sequence[ObjectFile], bpftrace: bool) -> Taken:
    """Boot the kernel, load the objects, and let the collector look."""
    limits = Limits(first=900, silence=900, whole=3600, memory=3000)
    options = Options(guest=tuple(map(str, _own_guest(folder, kernel.arch))), accel="tcg", limits=limits)
    subject = prove.prepare(kernel, paths, files, options)
    tools = ("bpftool", "bpftrace") if bpftrace else ("bpftool",)
    extra = {"bpf": arch_record(kernel.arch).bpf_syscall, "bpftrace": LINES if bpftrace else (), "patience": 300}
    guest = dataclasses.replace(subject.guest, space=space(folder, kernel.arch, tools), extra=extra)
    return _booted(guest, subject)


def _own_guest(folder: Path, arch: str) -> list[Path]:
    deb = {"x86_64": "amd64"}.get(arch, arch)
    return with_needs(folder, f"census-{deb}", deb, PYTHON)


def _booted(guest: Guest, subject: prove.Subject) -> Taken:
    run = boot(guest, subject.tasks)
    if run.why:
        raise RuntimeError(f"{run.why}: {run.boots[-1].console[-5:]}")
    by_index = {task.index: place for place, task in enumerate(subject.tasks)}
    taken = Taken(b"", [file for file, _ in subject.judged], boot_seconds=round(sum(b.seconds for b in run.boots)))
    for ended in run.boots[:-1]:
        taken.refused.append(f"boot again after {ended.seconds:.0f} s: {ended.why}: {' / '.join(ended.console[-3:])}")
    for task in subject.tasks:
        if (broken := run.seen.objects[task.index].broken) and task.index in by_index:
            taken.refused.append(f"{taken.files[by_index[task.index]].name}: {broken}")
    parts, status = [], 0
    for kind, name, value in run.seen.facts[max(at for at, fact in enumerate(run.seen.facts) if fact[0] == "boot") :]:
        if kind == "truth":
            index, how, program = name.split(" ", 2)
            taken.truth[int(value)] = by_index[int(index)], program, how
        elif kind == "bpftrace":
            taken.scripts[int(value)] = name
        elif kind == "silent":
            taken.silent[name] = value
        elif kind == "refused":
            index, _, how = name.partition(" ")
            taken.refused.append(f"{taken.files[by_index[int(index)]].name} ({how}): {value}")
        elif kind == "took":
            taken.collector_seconds = float(value)
            status = int(name)
        elif kind == "census":
            parts.append(value)
    taken.lines = "".join(parts).encode()
    if status:
        raise RuntimeError(f"the collector ended with wait status {status}: {taken.lines[-300:]!r}")
    return taken


# -- counting


def census_of(taken: Taken) -> tuple[Census, dict[int, int]]:
    """The census as it is read, and the place in it of every program by its id on the host."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "guest.jsonl")
        path.write_bytes(taken.lines)
        census = read_census([path])
    rows = [json.loads(line) for line in taken.lines.splitlines()]
    numbers = [row["id"] for row in rows if row.get("line") == "program"]
    (host,) = census.hosts
    return census, {n: i.program for n, i in zip(numbers, host.programs, strict=True)}


def count(taken: Taken, kernel: Kernel, decoys: Sequence[ObjectFile] = ()) -> Counted:
    """Join the census to its objects among all the others."""
    census, places = census_of(taken)
    found, _ = read_objects([*taken.files, *decoys])
    joiner = Joiner(census, TagIndex(found, [kernel]))
    counted = Counted()
    for number, place in sorted(places.items()):
        joined, running = joiner.join(place, kernel.arch), census.programs[place]
        truth = taken.truth.get(number)
        if truth is None:
            counted.kernel_only += number in taken.scripts
            if number in taken.scripts and joined.join == Join.EXACT:
                counted.false.append(f"{taken.scripts[number]}: {running.name}")
            continue
        at, name, how = truth
        counted.loaded += 1
        mine = next(p for p in read_object(taken.files[at].data, taken.files[at].name).programs if p.name == name)
        _kfuncs(counted, running, mine, f"{taken.files[at].name}:{name}")
        if joined.join != Join.EXACT:
            counted.missed.append(f"{taken.files[at].name}:{name} ({how}): {joined.join}")
            continue
        counted.exact += 1
        counted.by_loader[how] = counted.by_loader.get(how, 0) + 1
        wanted = _code(kernel, found.read[at], name)
        for one in joined.candidates:
            if not wanted & _code(kernel, found.read[one.object], found.program(one).name):
                counted.false.append(f"{taken.files[at].name}:{name} is not {found.files[one.object].name}")
    return counted


def _code(kernel: Kernel, obj: BpfObject, name: str) -> set[bytes]:
    """What a program may be on the kernel, byte for byte: more than the 64 bits of a tag."""
    program = next(p for p in obj.programs if p.name == name)
    address = partial(linked_address, kernel.files, kernel.arch)
    contexts = [Context(obj, kernel), Context(obj, without_modules(kernel))]
    found = set()
    for ctx, old in product(contexts, (False, True)):
        with suppress(UndecidedError):
            found.add(program_code(obj, program, ctx, old, address).data)
    return found


def _kfuncs(counted: Counted, running: Running, program: Program, where: str) -> None:
    """Count the kfuncs of a running program that the kernel names, beside those that the object calls."""
    called = {
        r.name for f in program.functions for at, r in f.refs.items() if r.kind == "kfunc" and f.insns[at].op == CALL
    }
    named = set(uses_of(running).kfuncs)
    wanted = {name.partition("___")[0] for name in called} - CASTS
    # What the verifier removed as dead is not in the running program; what is there has to have its name.
    counted.kfuncs += len(named) + len(running.kfunc_ids)
    counted.named += len(named & wanted)
    for name in sorted(named - wanted):
        counted.unnamed.append(f"{where}: {name} is not called by the object")
    for one in running.kfunc_ids:
        counted.unnamed.append(f"{where}: BTF id {one}")


def decoys(taken: Sequence[ObjectFile], others: Iterable[ObjectFile]) -> list[ObjectFile]:
    """Other objects to join a census among: each content once, those of the corpus too where there is one."""
    known = {file.sha256 for file in taken}
    found = {file.sha256: file for file in (*others, *corpus_objects())}
    return [file for sha256, file in found.items() if sha256 not in known]


def corpus_objects() -> Iterator[ObjectFile]:
    """All objects of the corpus, where there is one."""
    path = Path(os.environ.get("KFUNCSCOPE_CORPUS", ""), "oracle/objects.tar.xz")
    if not path.is_file():
        return
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".o") and (file := archive.extractfile(member)):
                data = file.read()
                yield ObjectFile(member.name, data, hashlib.sha256(data).hexdigest(), ())


def main() -> int:
    """Print a line for each kernel, and below it what was missed."""
    folder = Path(sys.argv[1])
    print("kernel | programs | exact | by loader | decoys | false | kfuncs named | bpftrace | collector s | boot s")
    for key in sys.argv[2:]:
        wanted = next(w for w in packages.KERNELS if w.key == key)
        paths = packages.fetch(folder, wanted)
        kernel = open_kernel(kernel_files(paths)[0])
        files, others = objects(folder, kernel.arch)
        taken = take(folder, kernel, [str(p) for p in paths], files, bpftrace=True)
        among = decoys(files, others)
        made = count(taken, kernel, among)
        share = f"{made.exact} ({made.exact / max(made.loaded, 1):.1%})"
        cells = [f"{kernel.release} {kernel.arch}", made.loaded, share, made.by_loader, len(among), len(made.false)]
        cells += [f"{made.named} of {made.kfuncs}", made.kernel_only, taken.collector_seconds, taken.boot_seconds]
        print(" | ".join(map(str, cells)), flush=True)
        for line in (*made.missed, *made.false, *made.unnamed, *(f"{k}: {v}" for k, v in taken.silent.items())):
            print("   ", line)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(str(error))
