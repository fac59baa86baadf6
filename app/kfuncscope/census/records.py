# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A census as plain data: hosts, and the programs that run on them, equal programs kept once."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from kfuncscope.storage.files import InputProblem


class Join(StrEnum):
    """How a running program was joined to an object: by its tag, by its names, or not at all."""

    EXACT = "exact"
    LIKELY = "likely"
    KERNEL_ONLY = "kernel only"


class Attachment(NamedTuple):
    """One way in which a running program is attached.

    ``kind``: ``link`` (``number`` is the link's type), ``event`` (a perf event without a link; ``number`` is the type
    of BPF_TASK_FD_QUERY), ``btf`` (the target that the program was loaded for; ``owner`` is vmlinux, a module, or
    ``program``). ``perf`` is the perf event's type of a link. ``attach_type`` is -1 where the kernel does not tell it.
    A link to many functions has ``places`` of them, of which ``targets`` names the first.
    """

    kind: str
    number: int = 0
    attach_type: int = -1
    perf: int = 0
    owner: str = ""
    target: str = ""
    targets: tuple[str, ...] = ()
    places: int = 0


class RunningMap(NamedTuple):
    """A map of a running program."""

    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int


class Running(NamedTuple):
    """What the kernel says about a program, apart from where and since when it runs.

    ``kfuncs`` and ``helpers`` are (symbol, calls) as the verifier left them; ``kfunc_ids`` (BTF id, place of the
    module) of calls into modules that the kernel does not name. ``hidden``: its instructions were not shown.
    """

    type: int
    name: str
    tag: str
    gpl: bool
    insns: int
    functions: tuple[str, ...] = ()
    attach: tuple[Attachment, ...] = ()
    maps: tuple[RunningMap, ...] = ()
    kfuncs: tuple[tuple[str, int], ...] = ()
    helpers: tuple[tuple[str, int], ...] = ()
    kfunc_ids: tuple[tuple[int, int], ...] = ()
    hidden: bool = False


class Instance(NamedTuple):
    """A program on a host. ``program`` is its place in ``Census.programs``; programs with one ``group`` (not 0) share
    the BTF that they were loaded with, so that they come from one object."""

    program: int
    group: int
    owners: tuple[str, ...]


class KernelKey(NamedTuple):
    """Which kernel a host runs: architecture, release, SHA-256 of its BTF (empty where it has none)."""

    arch: str
    release: str
    btf_sha256: str


@dataclass(frozen=True, slots=True)
class Host:
    """One host. ``label`` is the name that it was given, else the start of its id, else the file. ``cut``: the file
    ends before the last program."""

    label: str
    kernel: KernelKey
    distribution: str
    time: int
    privacy: str
    programs: tuple[Instance, ...]
    cut: bool = False


@dataclass(slots=True)
class Census:
    """Hosts in the order of their labels, the different programs on them, what could not be read, and remarks."""

    hosts: list[Host] = field(default_factory=list)
    programs: list[Running] = field(default_factory=list)
    problems: list[InputProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def instances(self) -> int:
        """How many programs run, counted on each host."""
        return sum(len(host.programs) for host in self.hosts)
