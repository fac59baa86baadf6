# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a booted kernel answered: for each program, each object, and the boot itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kfuncscope.prove.guest.wire import Record
from kfuncscope.prove.plan import Task


@dataclass(frozen=True, slots=True)
class ProgramSeen:
    """A program that was loaded alone. ``load`` is 0 or a negative errno; ``attach`` the same, None where not tried.

    ``lines`` are the verifier's lines where ``log`` is set, else libbpf's.
    """

    load: int
    attach: int | None = None
    lines: tuple[str, ...] = ()
    log: bool = False


@dataclass(slots=True)
class ObjectSeen:
    """An object. ``load`` is that of the whole object, None where not tried; ``broken`` says what ended it early.

    ``weak`` are externs and ``nomap`` maps that the kernel lacks and that were left out to ask about the programs.
    """

    load: int | None = None
    lines: tuple[str, ...] = ()
    programs: dict[str, ProgramSeen] = field(default_factory=dict)
    weak: tuple[str, ...] = ()
    nomap: tuple[str, ...] = ()
    broken: str = ""
    done: bool = False


@dataclass(slots=True)
class BootSeen:
    """All that came from the boots of one kernel. ``objects`` by index; ``notes`` are sentences for people."""

    uname: tuple[str, ...] = ()
    libbpf: str = ""
    python: str = ""
    objects: dict[int, ObjectSeen] = field(default_factory=dict)
    facts: list[tuple[str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    running: int | None = None

    def take(self, record: Record, tasks: Mapping[int, Task]) -> bool:
        """Take in one record; False where it names an object or program that was not asked about."""
        fields = record.fields
        if record.kind == "hello":
            self.uname, self.python = tuple(fields["uname"])[:6], fields["python"]
        elif record.kind == "ready":
            self.libbpf = fields["libbpf"]
        elif record.kind == "module":
            self.notes.append(f"module {fields['name']} could not be inserted (errno {-fields['error']})")
        elif record.kind == "fact":
            self.facts.append((fields["k"], fields["n"], fields["v"]))
        elif "o" in fields:
            return self._object(record, tasks)
        return True

    def _object(self, record: Record, tasks: Mapping[int, Task]) -> bool:
        fields = record.fields
        index = fields["o"]
        if index not in tasks:
            return False
        seen = self.objects.setdefault(index, ObjectSeen())
        if record.kind == "begin":
            self.running = index
        elif record.kind == "object":
            seen.load, seen.lines = fields["load"], tuple(fields["lines"])
        elif record.kind == "prog":
            if fields["p"] not in tasks[index].programs:
                return False
            answer = ProgramSeen(fields["load"], fields["attach"], tuple(fields["lines"]), fields["log"])
            seen.programs.setdefault(fields["p"], answer)
        else:
            if record.kind == "done":
                seen.weak, seen.nomap, seen.done = tuple(fields["weak"]), tuple(fields["nomap"]), True
            else:
                seen.broken, seen.done = fields["why"], True
            self.running = None
        return True
