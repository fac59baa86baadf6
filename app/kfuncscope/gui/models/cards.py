# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the window says of each source: its name, what it turned out to be, what is missing, what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from kfuncscope.gui.widgets.words import counted
from kfuncscope.model.verdict import Verdict
from kfuncscope.session.session import Session
from kfuncscope.session.sources import Source, holds, owns, sources

if TYPE_CHECKING:
    from kfuncscope.gui.index import Index
    from kfuncscope.upgrade.describe import Described, Given

Key = tuple[tuple[str, ...], str | None, str | None]


def key_of(source: Source) -> Key:
    """What the description of a kernel depends on: its files, and what was set by hand."""
    return source.files, source.arch, source.release


@dataclass(frozen=True, slots=True)
class Card:
    """One source in words. ``verdict`` is its state as a shape: OK read, BREAKS not, UNKNOWN in part, None not yet.

    ``state`` says the same as a word; ``lines`` what it is, ``lacks`` what is missing and its cost, ``errors`` why.
    """

    source: Source
    title: str
    state: str
    verdict: Verdict | None = None
    lines: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def tip(self) -> str:
        """Everything that is known of the source, a line each."""
        return "\n".join((self.title, self.state, *self.lines, *self.lacks, *self.errors, *self.source.files))


def tr(text: str) -> str:
    """A text of the cards in the language of the window."""
    return QCoreApplication.translate("", text)  # lupdate knows no class here


def cards(session: Session, known: Mapping[Key, Given], index: Index | None = None) -> list[Card]:
    """A card for each source. ``known`` describes kernels; a result, where there is one, knows what objects became."""
    made = []
    for source in sources(session):
        card = _kernel(source, known.get(key_of(source))) if source.is_kernel else _plain(source)
        made.append(_with_result(card, index) if index is not None else card)
    return made


def title_of(source: Source) -> str:
    """A short name for a source: the label of a kernel, else the last two parts of its path."""
    from kfuncscope.session.grouping import label_of

    if source.is_kernel and source.label:
        return source.label
    if source.is_kernel and not any("=" in file for file in source.files):
        return label_of(source.files[0])
    folder, name = os.path.split(source.files[0].rstrip(os.sep))
    return os.path.join(os.path.basename(folder), name)


def _plain(source: Source) -> Card:
    path = source.files[0]
    if not os.path.exists(path):
        return Card(source, title_of(source), tr("not found"), Verdict.BREAKS, errors=(tr("no such file or folder"),))
    kind = tr("folder") if os.path.isdir(path) else tr("file")
    return Card(source, title_of(source), tr("not read yet"), lines=(kind,))


def _kernel(source: Source, given: Given | None) -> Card:
    title = title_of(source)
    if given is None:
        return Card(source, title, tr("being read"))
    errors = tuple(f"{problem.path}: {problem.reason}" for problem in given.problems)
    if not given.kernels:
        return Card(source, title, tr("cannot be read"), Verdict.BREAKS, errors=errors)
    lines = tuple(line for kernel in given.kernels for line in _lines(kernel))
    lacks = tuple(dict.fromkeys(str(lack) for kernel in given.kernels for lack in kernel.lacks))
    verdict = Verdict.UNKNOWN if errors else Verdict.OK
    return Card(source, title, tr("read in part") if errors else tr("read"), verdict, lines, lacks, errors)


def _lines(kernel: Described) -> tuple[str, ...]:
    level = tr("tables of {0}").format(kernel.level)
    if kernel.borrowed:
        level = tr("no tables of its own; those of {0}").format(kernel.level)
    first = " · ".join((kernel.release or tr("release unknown"), kernel.arch, level))
    parts = [part(label, value) for label, value in kernel.parts if label in ("BTF", "config", "modules", "symbols")]
    return first, ", ".join(parts)


def part(label: str, value: str) -> str:
    """One part that is there, in a few words."""
    if label == "modules":
        return counted(int(value), tr("module"), tr("modules")) if value.isdecimal() and len(value) < 10 else value
    return label if label in ("BTF", "symbols") else f"{label}: {value}"


def _with_result(card: Card, index: Index) -> Card:
    """The same card with what became of the source in a result."""
    source = card.source
    wrong = tuple(p.reason for p in index.analysis.problems if holds(source, p.path))
    if source.is_kernel:
        costs = _costs(source, index)
        card = replace(card, lacks=costs or card.lacks, errors=tuple(dict.fromkeys((*card.errors, *wrong))))
        return card if card.verdict is not None else _as_analysed(card, index)
    return _places(card, index, wrong)


def _places(card: Card, index: Index, wrong: tuple[str, ...]) -> Card:
    """A place of objects, or a census file, after an analysis: what was not read of it is a problem of the result."""
    whole = any(owns(card.source, problem.path) for problem in index.analysis.problems)
    found = sum(any(holds(card.source, place.path) for place in info.places) for info in index.analysis.objects)
    lines = (counted(found, tr("object"), tr("objects")),) if found else card.lines
    if whole and not found:
        return replace(card, state=tr("not read"), verdict=Verdict.BREAKS, lines=lines, errors=wrong)
    if wrong:
        return replace(card, state=tr("read in part"), verdict=Verdict.UNKNOWN, lines=lines, errors=wrong)
    return replace(card, state=tr("read"), verdict=Verdict.OK, lines=lines, errors=())


def _as_analysed(card: Card, index: Index) -> Card:
    """A kernel that was analysed before it was asked what it is: by what the result says of it."""
    kernels = [
        kernel
        for arch in index.analysis.arches
        for kernel in (arch.old, arch.new)
        if any(holds(card.source, entry.path) for entry in kernel.inputs)
    ]
    if not kernels:
        return replace(card, state=tr("not read yet"))
    unknown = tr("release unknown")
    lines = tuple(dict.fromkeys(f"{kernel.release or unknown} · {kernel.arch}" for kernel in kernels))
    state, verdict = (tr("read in part"), Verdict.UNKNOWN) if card.errors else (tr("read"), Verdict.OK)
    return replace(card, state=state, verdict=verdict, lines=lines)


def _costs(source: Source, index: Index) -> tuple[str, ...]:
    """What is missing of a kernel with its cost in this result; empty where it is of no pair in it."""
    from kfuncscope.gui.index import CODE
    from kfuncscope.study.kernels.lacks import lacks_in

    found: dict[str, None] = {}
    for lane, arch in enumerate(index.analysis.arches):
        for kernel in (arch.old, arch.new):
            if any(holds(source, entry.path) for entry in kernel.inputs):
                unknown = (index.need_verdict[:, lane] == CODE[Verdict.UNKNOWN]).nonzero()[0].tolist()
                found |= dict.fromkeys(str(lack) for lack in lacks_in(kernel, [index.needs[n] for n in unknown]))
    return tuple(found)
