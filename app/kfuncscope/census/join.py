# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Join running programs to the objects they came from: by tag, by names, or not at all.

A tag is computed for every program of every object on every kernel given (``rules.core.tag``). Which kernel a host
runs need not be known: a tag that fits proves that the instructions are the same. As small programs of different
objects may be equal, type and name have to fit too. A program that holds the address of a kernel's variable has another
tag on each boot, as KASLR moves the kernel: all places where it can lie are tried.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from kfuncscope.bpf.object import BpfObject, Function, Program, read_object
from kfuncscope.census import names
from kfuncscope.census.records import Census, Join, Running
from kfuncscope.errors import InputError
from kfuncscope.kernel.binary.linked import MOVES, linked_address
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.kernel.modules import Modules
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.tag import Code, Linked, UndecidedError, program_code
from kfuncscope.storage.files import InputProblem, ObjectFile

Progress = Callable[[int, int, str], None]
KERNEL_NAME = 15  # characters of a program's name that the kernel keeps itself
_NO_KERNEL = frozenset({"map", "data", "kconfig", "func"})  # references that are the same on every kernel


class Candidate(NamedTuple):
    """A program of an object, both by their places."""

    object: int
    program: int


class Joined(NamedTuple):
    """How a running program was joined. ``candidates``: the best first; more than one where objects hold equal
    programs. ``why`` says what spoke for a likely join."""

    join: Join
    candidates: tuple[Candidate, ...] = ()
    why: str = ""


@dataclass(slots=True)
class Objects:
    """Objects that running programs may have come from: as files, and as they were read."""

    files: list[ObjectFile]
    read: list[BpfObject]

    def program(self, one: Candidate) -> Program:
        """A program by its place."""
        return self.read[one.object].programs[one.program]


def read_objects(
    files: Iterable[ObjectFile], types: dict[str, str] | None = None
) -> tuple[Objects, list[InputProblem]]:
    """Every object that can be read, and what is wrong with the others."""
    found, problems = Objects([], []), []
    for file in files:
        try:
            obj = read_object(file.data, file.name, types, file.loader)
        except InputError as error:
            problems.append(InputProblem(error.source, error.reason, error.offset))
            continue
        found.files.append(file)
        found.read.append(obj)
    return found, problems


Tags = dict[str, list[Candidate]]


class TagIndex:
    """Tags of all programs of objects: those that no kernel changes, and those on each architecture's kernels."""

    def __init__(self, objects: Objects, kernels: Sequence[Kernel], progress: Progress | None = None) -> None:
        self.objects = objects
        self.kernels = kernels
        self._moved: dict[Candidate, frozenset[tuple[str, str]]] = {}
        self._anywhere: dict[str, dict[Candidate, None]] = defaultdict(dict)
        self._on: dict[str, dict[str, dict[Candidate, None]]] = defaultdict(lambda: defaultdict(dict))
        for at, obj in enumerate(objects.read):
            if progress is not None:
                progress(at, len(objects.read), obj.name)
            self._add(at, obj, kernels)

    def _add(self, at: int, obj: BpfObject, kernels: Sequence[Kernel]) -> None:
        contexts = [Context(obj, k) for k in kernels if k.endian == obj.endian]
        for number, program in enumerate(obj.programs):
            here = Candidate(at, number)
            if needs_no_kernel(program):
                for tag in _tags(obj, program, None):
                    self._anywhere[tag][here] = None
                continue
            for ctx in contexts:
                for tag in _tags(obj, program, ctx):
                    self._on[ctx.kernel.arch][tag][here] = None

    def find(self, tag: str, arch: str) -> list[Candidate]:
        """Programs with a tag, on kernels of an architecture."""
        return list({**self._anywhere.get(tag, {}), **self._on.get(arch, {}).get(tag, {})})

    def find_moved(self, tag: str, arch: str, among: Iterable[Candidate]) -> list[Candidate]:
        """Those of some programs that have a tag on a kernel that its boot moved: they hold a variable's address."""
        return [one for one in among if (arch, tag) in self._tags_where_moved(one)]

    def _tags_where_moved(self, one: Candidate) -> frozenset[tuple[str, str]]:
        """(architecture, tag) wherever KASLR may have put each kernel; computed when a program of the name runs."""
        if one not in self._moved:
            obj, program = self.objects.read[one.object], self.objects.program(one)
            found: set[tuple[str, str]] = set()
            if any(_holds_address(obj, f) for f in program.functions):
                for kernel in self.kernels:
                    if kernel.endian == obj.endian and kernel.arch in MOVES:
                        codes = _codes(obj, program, Context(obj, kernel), partial(_linked, kernel))
                        moved = (c.moved(d, obj.endian) for c in codes if c.addresses for d in MOVES[kernel.arch])
                        found |= {(kernel.arch, tag) for code in moved for tag in code.tags}
            self._moved[one] = frozenset(found)
        return self._moved[one]


def needs_no_kernel(program: Program) -> bool:
    """Whether a loader hands the program over with the same instructions on every kernel."""
    return all(not f.relos and all(r.kind in _NO_KERNEL for r in f.refs.values()) for f in program.functions)


def _tags(obj: BpfObject, program: Program, ctx: Context | None) -> set[str]:
    """The tags that a program may have on a kernel, by either hash."""
    return {tag for code in _codes(obj, program, ctx) for tag in code.tags}


def _codes(obj: BpfObject, program: Program, ctx: Context | None, linked: Linked | None = None) -> Iterator[Code]:
    """What a program may be on a kernel: with and without modules, by old libbpf."""
    kfuncs = {ref.name for f in program.functions for ref in f.refs.values() if ref.kind == "kfunc"}
    weak = any(obj.externs[name].weak for name in kfuncs if name in obj.externs)
    modules = False
    for old in (False, True) if weak else (False,):
        try:
            code = program_code(obj, program, ctx, old, linked)
        except UndecidedError:
            continue
        modules |= code.modules
        yield code
    if modules and ctx is not None and len(ctx.kernel.modules):
        yield from _codes(obj, program, Context(obj, without_modules(ctx.kernel)), linked)


def _holds_address(obj: BpfObject, function: Function) -> bool:
    """Whether a function loads the address of a kernel's variable, which libbpf takes from kallsyms (R-2.12)."""
    names = {ref.name for ref in function.refs.values() if ref.kind == "ksym"}
    return any(name in obj.externs and not obj.externs[name].typed for name in names)


def _linked(kernel: Kernel, name: str) -> int | None:
    return linked_address(kernel.files, kernel.arch, name)


def without_modules(kernel: Kernel) -> Kernel:
    """The same kernel before any module was loaded."""
    bare = copy(kernel)
    bare.modules = Modules({}, kernel.vmlinux)
    return bare


# -- joining


class Joiner:
    """Joins the programs of a census to objects; each different program on an architecture once."""

    def __init__(self, census: Census, index: TagIndex) -> None:
        self.census, self.index, self.objects = census, index, index.objects
        self._votes = self._count_votes()
        self._made: dict[tuple[int, str], Joined] = {}
        self._by_name: dict[str, list[Candidate]] = defaultdict(list)
        for at, obj in enumerate(self.objects.read):
            for number, program in enumerate(obj.programs):
                self._by_name[program.name[:KERNEL_NAME]].append(Candidate(at, number))

    def join(self, program: int, arch: str) -> Joined:
        """How a program of the census was joined on an architecture."""
        key = (program, arch)
        if key not in self._made:
            self._made[key] = self._join(program, arch)
        return self._made[key]

    def _join(self, number: int, arch: str) -> Joined:
        running = self.census.programs[number]
        same = [c for c in self.index.find(running.tag, arch) if fits_type(running, self.objects.program(c))]
        named = [c for c in same if fits_name(running, self.objects.program(c))]
        if not named:
            called = [c for c in self._by_name.get(running.name[:KERNEL_NAME], ()) if self._fits(running, c)]
            named = self.index.find_moved(running.tag, arch, called)
        if named:
            return Joined(Join.EXACT, self._best(running, arch, named))
        if same:
            return Joined(Join.LIKELY, self._best(running, arch, same), "the same instructions under another name")
        likely = [c for c in self._by_name.get(running.name[:KERNEL_NAME], ()) if self._alike(running, c)]
        if likely:
            why = "name, type, attach target and functions are the same; the instructions differ"
            return Joined(Join.LIKELY, self._best(running, arch, likely), why)
        return Joined(Join.KERNEL_ONLY)

    def _fits(self, running: Running, one: Candidate) -> bool:
        program = self.objects.program(one)
        return bool(running.name) and fits_type(running, program) and fits_name(running, program)

    def _alike(self, running: Running, one: Candidate) -> bool:
        program = self.objects.program(one)
        if not self._fits(running, one):
            return False
        if fits_target(running, program) is False:
            return False
        if running.functions:
            return set(running.functions) == {f.name for f in program.functions[1:]}
        # The kernel tells neither functions nor, perhaps, the whole name: the target has to speak for it.
        return len(running.name) != KERNEL_NAME or fits_target(running, program) is True

    def _best(self, running: Running, arch: str, found: list[Candidate]) -> tuple[Candidate, ...]:
        """Those whose target fits, of these the objects of which most other programs run too."""
        fitting = [c for c in found if fits_target(running, self.objects.program(c)) is not False] or found

        def order(one: Candidate) -> tuple[bool, int, str, int]:
            votes = self._votes.get((running.tag, arch, one.object), 0)
            elsewhere = fits_target(running, self.objects.program(one)) is not True
            return elsewhere, -votes, self.objects.files[one.object].name, one.program

        return tuple(sorted(fitting, key=order))

    def _count_votes(self) -> dict[tuple[str, str, int], int]:
        """(tag, architecture, object) → how many programs that came together with that tag the object holds."""
        groups: dict[tuple[int, ...], None] = {}
        arches: dict[tuple[int, ...], str] = {}
        for host in self.census.hosts:
            together: dict[int, set[int]] = defaultdict(set)
            for one in host.programs:
                if one.group:
                    together[one.group].add(one.program)
            for group in together.values():
                if len(group) > 1:
                    key = tuple(sorted(group))
                    groups[key], arches[key] = None, host.kernel.arch
        votes: dict[tuple[str, str, int], int] = {}
        for members in groups:
            arch = arches[members]
            tags = [self.census.programs[m].tag for m in members]
            holds = [{c.object for c in self.index.find(tag, arch)} for tag in tags]
            for tag, objects in zip(tags, holds, strict=True):
                for at in objects:
                    count = sum(at in other for other in holds)
                    votes[tag, arch, at] = max(votes.get((tag, arch, at), 0), count)
        return votes


def fits_type(running: Running, program: Program) -> bool:
    """The program types are the same, or the section name does not tell the object's."""
    return program.section.prog_type in ("", names.prog_type(running.type))


def fits_name(running: Running, program: Program) -> bool:
    """The names are the same, as far as the kernel keeps them."""
    if len(running.name) == KERNEL_NAME:
        return program.name.startswith(running.name)
    return running.name == program.name


def fits_target(running: Running, program: Program) -> bool | None:
    """Whether one of the running program's targets is that of the section; None where one side does not tell."""
    wanted = program.section.target.rpartition("/")[2].partition("+")[0]
    told = names.targets(running)
    if not wanted or not told or program.section.kind in ("ksyscall", "kretsyscall", "usdt", "uprobe", "uretprobe"):
        return None
    return wanted in told
