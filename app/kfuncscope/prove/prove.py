# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Prove objects on kernels: judge, boot what is not known yet, compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kfuncscope.bpf.object import read_object
from kfuncscope.errors import InputError, KernelError
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.proof import ObjectProof, Proof
from kfuncscope.model.verdict import Tri
from kfuncscope.prove import keep
from kfuncscope.prove.compare import compare
from kfuncscope.prove.guest.boot import BootRun, Guest, boot, initramfs
from kfuncscope.prove.guest.initramfs import agent_files, user_space
from kfuncscope.prove.guest.qemu import Limits, command, find_qemu, machine_for
from kfuncscope.prove.guest.sources import HostSource, Source, package_source
from kfuncscope.prove.guest.wire import Record
from kfuncscope.prove.kernels import BootKernel, boot_kernels, modules_digest, need_image
from kfuncscope.prove.plan import Task, task
from kfuncscope.prove.seen import ObjectSeen
from kfuncscope.prove.setup import Setup
from kfuncscope.rules.judge import ObjectJudgement, judge
from kfuncscope.storage.files import InputProblem, ObjectFile

MODELLED_LIBBPF = (1, 4)
"""Below this version libbpf itself refuses some objects that the rules, which follow libbpf 1.7, take."""

AGENT = "agent_load.py"


@dataclass(frozen=True, slots=True)
class Options:
    """How to boot. ``modules`` None means those in which the objects' needs were found; ``guest`` are packages."""

    accel: str = "auto"
    seconds: int = 60
    guest: tuple[str, ...] = ()
    modules: tuple[str, ...] | None = None
    setup: Setup = field(default_factory=Setup)
    attach: bool = True
    section_types: dict[str, str] = field(default_factory=dict, hash=False)
    limits: Limits = field(default_factory=Limits)


@dataclass(slots=True)
class Subject:
    """One kernel with its judged objects, ready to be booted."""

    kernel: BootKernel
    judged: list[tuple[ObjectFile, ObjectJudgement]]
    problems: list[InputProblem]
    guest: Guest
    tasks: list[Task]
    base: str
    notes: list[str]


class Stopped(KeyboardInterrupt):
    """Ctrl+C, or SIGTERM's SystemExit, ended a boot: ``proof`` has what was seen until then, ``by`` what ended it."""

    def __init__(self, proof: Proof, by: BaseException) -> None:
        super().__init__()
        self.proof = proof
        self.by = by


def guest_source(options: Options, arch: str) -> Source:
    """Where the guest's user space comes from. Raises KernelError where this machine's does not fit the kernel."""
    if options.guest:
        return package_source(options.guest, arch)
    host = HostSource()
    if host.arch != arch:
        raise KernelError(
            arch,
            f"this machine is {host.arch}: give packages of {arch} with Python and libbpf as --guest of "
            "`kfuncscope prove` (Debian: "
            "python3.13-minimal libpython3.13-minimal libpython3.13-stdlib libffi8 libexpat1 libc6 libbpf1 "
            "libelf1t64 zlib1g libzstd1)",
        )
    return host


def judge_all(
    kernel: Kernel, files: Sequence[ObjectFile], options: Options
) -> tuple[list[tuple[ObjectFile, ObjectJudgement]], list[InputProblem]]:
    """Judge every object that is meant for the kernel's byte order; what cannot be read is a problem."""
    judged, problems = [], []
    for file in files:
        try:
            obj = read_object(file.data, file.name, options.section_types, file.loader)
            options.setup.of(file.name).switch(obj)
            if obj.endian == kernel.endian:
                judged.append((file, judge(obj, kernel)))
        except InputError as error:
            problems.append(InputProblem(error.source, error.reason, error.offset))
    return judged, problems


def predicted_failing(judged: ObjectJudgement) -> int:
    """A rank for the order of objects: those predicted to fail first, then those that cannot be predicted."""
    answers = {judged.loads, *(p.attaches for p in judged.programs)}
    return 0 if Tri.NO in answers else 1 if Tri.UNKNOWN in answers else 2


def bootable(kernel: Kernel, packages: Sequence[str]) -> BootKernel:
    """The kernel out of its packages, ready to boot. Raises KernelError where they hold no image of it."""
    found = [k for k in boot_kernels(packages) if not k.arch or k.arch == kernel.arch]
    if not found:
        raise KernelError(kernel.label, "no packages of this kernel were given: only a packaged kernel can be booted")
    mine = next((k for k in found if k.release == kernel.release), found[0])
    mine.arch = mine.arch or kernel.arch
    need_image(mine)
    return mine


def prepare(
    kernel: Kernel, packages: Sequence[str], files: Sequence[ObjectFile], options: Options,
    wanted: Callable[[ObjectJudgement], bool] = lambda judged: True,
) -> Subject:  # fmt: skip
    """Judge the objects and pack the guest. Raises InputError where this kernel cannot be booted."""
    mine = bootable(kernel, packages)
    judged, problems = judge_all(kernel, files, options)
    judged = sorted((one for one in judged if wanted(one[1])), key=lambda one: (predicted_failing(one[1]), one[0].name))
    tasks = [
        task(index, one.context.obj, file.data, file.sha256, options.setup.of(file.name), options.attach)
        for index, (file, one) in enumerate(judged)
    ]
    agents = agent_files(AGENT)
    space = user_space(guest_source(options, mine.arch), agents)
    names = options.modules if options.modules is not None else mine.owners(kernel.modules.answering().values())
    modules, missing = mine.closure(names)
    notes = [f"module {name} is not in the packages given" for name in missing if name not in _builtin(options)]
    base = keep.base_key(mine.image_sha256, modules_digest(modules), list(agents.values()), space.libbpf, mine.config)
    guest = Guest(mine, space, tuple(modules), options.accel, options.limits, options.seconds)
    return Subject(mine, judged, problems, guest, tasks, base, notes + _config_note(mine))


def _builtin(options: Options) -> frozenset[str]:
    """Names that a module may depend on without a file of its own; said only where a person asked for the module."""
    return frozenset() if options.modules is not None else frozenset({"crc32c_generic", "libcrc32c"})


def _config_note(mine: BootKernel) -> list[str]:
    if mine.config:
        return []
    return [
        f"no config of {mine.release} was given (Debian 7.x: package linux-base-{mine.release}): "
        "objects with kconfig externs cannot be opened"
    ]


def run(
    subject: Subject, on_object: Callable[[ObjectProof], None] = lambda proof: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Proof:  # fmt: skip
    """Boot for what the cache does not know, and compare; ``on_object`` is called for every object as it is done.

    An object's answers are kept as soon as they are whole, however the boot ends. Raises Stopped.
    """
    by_index = {t.index: (file, judged) for t, (file, judged) in zip(subject.tasks, subject.judged, strict=True)}
    proofs: dict[int, ObjectProof] = {}
    kept = {t.index: found for t in subject.tasks if (found := keep.load(subject.base, t)) is not None}

    def done(index: int, seen: ObjectSeen | None, libbpf: str, cached: bool = False) -> None:
        file, judged = by_index[index]
        proofs[index] = compare(judged, seen, file.sha256, cached, is_old(libbpf))
        on_object(proofs[index])

    for index, one in kept.items():
        done(index, one.seen, one.libbpf, cached=True)
    asked = {t.index: t for t in subject.tasks if t.index not in kept}
    result = BootRun()

    def on_record(record: Record) -> None:
        if record.kind in ("done", "broken"):
            index = record.fields["o"]
            keep.store(subject.base, asked[index], result.seen, result.accel)
            done(index, result.seen.objects.get(index), result.seen.libbpf)

    def proof() -> Proof:
        for index in asked:
            if index not in proofs:
                done(index, result.seen.objects.get(index), result.seen.libbpf)
        return _proof(subject, result, kept, tuple(proofs[t.index] for t in subject.tasks))

    try:
        if asked:
            boot(subject.guest, list(asked.values()), on_record, cancelled, result)
    except (KeyboardInterrupt, SystemExit) as stop:
        raise Stopped(proof(), stop) from stop
    return proof()


def _proof(subject: Subject, result: BootRun, kept: dict[int, keep.Kept], objects: tuple[ObjectProof, ...]) -> Proof:
    first = next(iter(kept.values()), None)
    uname = result.seen.uname or (first.uname if first else ())
    libbpf = result.seen.libbpf or (first.libbpf if first else "")
    notes = [*subject.notes, *result.seen.notes, *_libbpf_note(libbpf)]
    if result.why:
        unseen = sum(1 for o in objects if o.seen == Tri.UNKNOWN)
        count = "1 object has" if unseen == 1 else f"{unseen} objects have"
        notes.append(f"the last boot ended early: {result.why}; {count} no answer")
    if subject.guest.kernel.release and uname and uname[2] != subject.kernel.release:
        notes.append(f"the kernel calls itself {uname[2]}, its package {subject.kernel.release}")
    seconds = round(sum(b.seconds for b in result.boots))
    accelerator = result.boots[-1].accel if result.boots else ""
    return Proof(
        subject.kernel.arch, subject.kernel.release, subject.kernel.image_sha256, " ".join(uname), libbpf, accelerator,
        seconds, tuple(sorted(objects, key=lambda o: o.object)), tuple(notes),
    )  # fmt: skip


def is_old(version: str) -> bool:
    """Whether a libbpf (``v1.3``) is older than the one that the rules model; not where the version is not known."""
    numbers = tuple(int(n) for n in version.removeprefix("v").split(".")[:2] if n.isdecimal())
    return len(numbers) == 2 and numbers < MODELLED_LIBBPF


def _libbpf_note(version: str) -> list[str]:
    if not is_old(version):
        return []
    wanted = ".".join(map(str, MODELLED_LIBBPF))
    return [f"libbpf {version} is older than {wanted}: it refuses objects by itself; give a newer one with --guest"]


def plan_lines(subject: Subject) -> list[str]:
    """What would run and what would be packed, a line each; nothing is booted."""
    kernel = subject.kernel
    machine = machine_for(kernel.arch)
    entries = initramfs(subject.guest, subject.tasks)
    size = sum(len(e.data) for e in entries)
    known = sum(keep.load(subject.base, t) is not None for t in subject.tasks)
    try:
        qemu = find_qemu(machine)
    except KernelError as error:
        qemu, missing = machine.binary, [f"missing: {error}"]
    else:
        missing = []
    accel = "kvm, else tcg" if subject.guest.accel == "auto" else subject.guest.accel
    return [
        f"kernel: {kernel.release} {kernel.arch}, image {len(kernel.image)} bytes, SHA-256 {kernel.image_sha256}",
        f"initramfs: {len(entries)} entries, {size} bytes",
        *(f"  {e.path} {len(e.data)}" for e in entries if e.data),
        f"modules: {' '.join(name for name, _ in subject.guest.modules) or 'none'}",
        f"objects: {len(subject.tasks)}, {sum(len(t.programs) for t in subject.tasks)} programs, {known} known already",
        f"accelerator: {accel}",
        "command: " + _shell(command(kernel.arch, qemu, "KERNEL", "INITRAMFS", "ACCELERATOR", 3, subject.guest.limits)),
        *missing,
        *subject.notes,
    ]  # fmt: skip


def _shell(words: Sequence[str]) -> str:
    return " ".join(f"'{word}'" if " " in word else word for word in words)
