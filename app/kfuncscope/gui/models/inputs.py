# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Inputs tree: kernels per architecture, objects by package, and what could not be checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from PySide6.QtGui import QBrush, QColor

from kfuncscope.gui import theme
from kfuncscope.gui.index import SCALE, Index
from kfuncscope.gui.models.cards import Card, cards
from kfuncscope.gui.models.table import ROOT, Cell
from kfuncscope.gui.widgets.words import counted
from kfuncscope.model.analysis import KNOWN_FROM, ArchResult
from kfuncscope.model.unchecked import Unchecked, by_arches, elsewhere, shared
from kfuncscope.model.verdict import Verdict, worst
from kfuncscope.session.session import Session
from kfuncscope.session.sources import Role, Source, holds

MOST = 400  # lines under one heading of what could not be checked; the Problems list has them all
TOKEN_ROLE = int(Qt.ItemDataRole.UserRole)
SOURCE_ROLE = TOKEN_ROLE + 1
SHORT_ROLE = TOKEN_ROLE + 2
_PATCH = re.compile(r"^(\d+\.\d+)\.\S+$")


def changed(old: str, new: str) -> str:
    """Both values of a fact, with what their parts share at their ends said once: ``6,899 → 7,058 options``."""
    if not new or new == old:
        return old
    left, right = old.split(", "), new.split(", ")
    if len(left) != len(right):
        return f"{old} → {new}"
    return ", ".join(_once(was, now) for was, now in zip(left, right, strict=True))


def _once(was: str, now: str) -> str:
    if was == now:
        return was
    (first, *rest), (second, *same) = was.split(" "), now.split(" ")
    return f"{first} → {now}" if rest == same and first and second else f"{was} → {now}"


def pair_texts(arch: str, old: str, new: str) -> tuple[str, ...]:
    """An architecture with its releases, and shorter: their levels alone, where those differ, so that both are read."""
    texts = [f"{arch}  {old} → {new}"]
    if _PATCH.sub(r"\1", old) != _PATCH.sub(r"\1", new):
        old, new = _PATCH.sub(r"\1", old), _PATCH.sub(r"\1", new)
    return *texts, f"{arch} {old} → {new}", f"{arch} {old}→{new}"


def fact_texts(name: str, old: str, new: str) -> tuple[str, ...]:
    """A fact of both kernels, and shorter: the last of its parts, that of the new kernel alone."""
    said = changed(old, new)
    last = said.rpartition(", ")[2]
    return tuple(dict.fromkeys(f"{name}: {text}" for text in (said, last, (new or old).rpartition(", ")[2])))


@dataclass(slots=True)
class Item:
    """One line of the tree. ``token`` (kind, value) is the filter that clicking it stands for.

    ``source`` is what the line stands for of all that was given, and the file of it where the line is one part.
    ``shorter`` is what is said in place of the text where that has no room, the longest first.
    """

    text: str
    verdict: Verdict | None = None
    muted: bool = False
    heading: bool = False
    mono: bool = False
    tip: str = ""
    shorter: tuple[str, ...] = ()
    token: tuple[str, str] | None = None
    source: tuple[Source, str] | None = None
    parent: Item | None = None
    children: list[Item] = field(default_factory=list)

    def add(self, child: Item) -> Item:
        """Append a child and return it."""
        child.parent = self
        self.children.append(child)
        return child

    def row(self) -> int:
        """The place among its siblings."""
        if self.parent is None:
            return 0
        return next(i for i, c in enumerate(self.parent.children) if c is self)


class InputsModel(QAbstractItemModel):
    """Read-only tree; rebuilt when the session or the analysis changes."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Item("")

    def show(self, session: Session, index: Index | None, listed: Sequence[Card] | None = None) -> None:
        """Show what is loaded; verdicts and details come from the analysis where there is one.

        ``listed`` are the cards of what was given, made from the session where they are left out.
        """
        given = list(cards(session, {}, index) if listed is None else listed)
        self.beginResetModel()
        self.root = Item("")
        self._kernels([card for card in given if card.source.is_kernel], index)
        self._objects([card for card in given if card.source.role is Role.OBJECTS], index)
        self._sources([card for card in given if not card.source.is_kernel], index)
        self._elsewhere(index)
        self._unchecked(index)
        self.endResetModel()

    def _kernels(self, given: list[Card], index: Index | None) -> None:
        head = self.root.add(Item(self.tr("Kernels"), heading=True))
        rest = list(given)
        for lane, arch in enumerate(index.analysis.arches if index is not None else ()):
            item = self._pair(head, index.lanes[lane] if index is not None else "", arch)
            for kernel in (arch.old, arch.new):
                mine = [c for c in given if any(holds(c.source, entry.path) for entry in kernel.inputs)]
                for card in mine:
                    self._kernel(item, card)
                rest = [card for card in rest if card not in mine]
        for card in rest:
            self._kernel(head, card)
        if not head.children:
            head.add(Item(self.tr("none yet: drop them here"), muted=True))

    def _pair(self, head: Item, lane: str, arch: ArchResult) -> Item:
        state = Verdict.UNKNOWN if arch.new.faults else Verdict.OK
        named = arch.arch, arch.old.release, arch.new.release
        text, *shorter = pair_texts(*named)
        item = head.add(Item(text, state, mono=True, shorter=tuple(shorter), token=("arch", lane)))
        if arch.old.kfuncs or arch.new.kfuncs:
            item.add(Item(f"kfuncs {arch.old.kfuncs:,} → {arch.new.kfuncs:,}", muted=True))
        news, known = dict(arch.new.facts), Item("", muted=True)
        for label, old in arch.old.facts:
            new = news.pop(label, "")
            if label != "kfuncs":
                place = known if label.startswith(KNOWN_FROM) else item
                text, *shorter = fact_texts(label.removeprefix(KNOWN_FROM), old, new)
                place.add(Item(text, muted=True, shorter=tuple(shorter)))
        for label, new in news.items():
            place = known if label.startswith(KNOWN_FROM) else item
            place.add(Item(f"{label.removeprefix(KNOWN_FROM)}: {new}", muted=True))
        if known.children:  # long lines that are seldom read: unfolded by whoever asks
            item.add(known).text = self.tr("where facts come from  {0}").format(len(known.children))
        for fault in arch.new.faults:
            item.add(Item(fault.message, fault.verdict, muted=True, tip=fault.message))
        return item

    def _kernel(self, parent: Item, card: Card) -> None:
        """One kernel that was given, with its role, and the files of it below."""
        roles = {Role.OLD: self.tr("old"), Role.STEP: self.tr("step"), Role.NEW: self.tr("new")}
        source = card.source
        named = " ".join(x for x in (source.arch or "", card.title, source.release or "") if x)
        text = f"{roles[source.role]}: {named}"
        line = parent.add(Item(text, card.verdict, mono=True, tip=card.tip, source=(source, "")))
        for said in (*card.errors, *card.lacks):
            line.add(Item(said, Verdict.BREAKS if said in card.errors else None, muted=True, tip=said))
        if len(source.files) > 1:
            for file in source.files:
                line.add(Item(file.rsplit("/", 1)[-1], mono=True, tip=file, source=(source, file)))

    def _sources(self, given: list[Card], index: Index | None) -> None:
        """Places of objects once they were read, and census files, each with its state."""
        for role, title in ((Role.OBJECTS, self.tr("Sources of objects  {0}")), (Role.CENSUS, self.tr("Census  {0}"))):
            mine = [card for card in given if card.source.role is role]
            if not mine or (role is Role.OBJECTS and index is None):
                continue
            head = self.root.add(Item(title.format(len(mine)), heading=True))
            for card in mine[:MOST]:
                self._place(head, card)

    def _place(self, parent: Item, card: Card) -> None:
        line = parent.add(Item(card.title, card.verdict, mono=True, tip=card.tip, source=(card.source, "")))
        for said in card.errors[:MOST]:
            line.add(Item(said, muted=True, tip=said))

    def _objects(self, given: list[Card], index: Index | None) -> None:
        head = self.root.add(Item(self.tr("Objects"), heading=True))
        if index is None:
            for card in given:
                self._place(head, card)
            if not head.children:
                head.add(Item(self.tr("none yet: drop them here"), muted=True))
            return
        packages: dict[str, list[int]] = {}
        for oid, package in enumerate(index.packages):
            packages.setdefault(package, []).append(oid)
        named = sum(bool(package) and package not in index.folders for package in packages)
        packed = counted(named, self.tr("package"), self.tr("packages"))
        of = f" in {packed}" if named else ""
        head.text = self.tr("Objects  {0}").format(f"{len(index.objects):,}") + of
        total = index.worst(index.obj_verdict, -1)
        places = {i.name: [f"{p.package} {p.path}".strip() for p in i.places] for i in shared(index.analysis)}
        for package in sorted(packages):
            oids = packages[package]
            state = worst(SCALE[int(total[o])] for o in oids)
            label = f"{package}/" if package in index.folders else package or self.tr("loose files")
            text = f"{label}  {len(oids)}"
            parent = head.add(Item(text, state, token=("package", package)))
            for oid in oids:
                programs = sum(p.object == oid for p in index.programs) if len(index.programs) < 400 else 0
                number = counted(programs, self.tr("program"), self.tr("programs"))
                tail = f"  {number}" if programs else ""
                name = index.objects[oid]
                line = parent.add(Item(name + tail, SCALE[int(total[oid])], token=("object", name)))
                for place in places.get(name, ()):
                    line.add(Item(self.tr("equal in {0}").format(place), muted=True, tip=place))

    def _elsewhere(self, index: Index | None) -> None:
        listed = elsewhere(index.analysis) if index is not None else ()
        if listed:
            head = self.root.add(Item(self.tr("Of another architecture  {0}").format(len(listed)), heading=True))
            for arches, names in by_arches(listed):
                group = head.add(Item(self.tr("not on {0}: {1}").format(", ".join(arches), len(names)), muted=True))
                for name in names[:MOST]:
                    group.add(Item(name, mono=True, tip=name, token=("object", name)))

    def _unchecked(self, index: Index | None) -> None:
        told = index.unchecked if index is not None else []
        if told:
            head = self.root.add(Item(self.tr("Could not check  {0}").format(len(told)), heading=True))
            groups = grouped(told)
            for same in groups[:MOST]:
                where, why = same[0].place, same[0].why
                if len(same) == 1:
                    head.add(Item(f"{why} ({where})", Verdict.UNKNOWN, tip=f"{where}\n{why}"))
                    continue
                group = head.add(Item(f"{len(same)}× {why}", Verdict.UNKNOWN, tip=why))
                for one in same[:MOST]:
                    group.add(Item(one.place, muted=True))
            if len(groups) > MOST:
                head.add(Item(self.tr("and {0} more").format(len(groups) - MOST), muted=True))

    # --- QAbstractItemModel ---
    def _item(self, index: Cell) -> Item:
        item = index.internalPointer() if index.isValid() else self.root
        assert isinstance(item, Item)
        return item

    def index(self, row: int, column: int, parent: Cell = ROOT) -> QModelIndex:
        owner = self._item(parent)
        if column or not 0 <= row < len(owner.children) or (parent.isValid() and parent.column()):
            return QModelIndex()
        return self.createIndex(row, column, owner.children[row])

    def parent(self, index: Cell = ROOT) -> QModelIndex:  # type: ignore[override]
        if not index.isValid():
            return QModelIndex()
        owner = self._item(index).parent
        if owner is None or owner is self.root:
            return QModelIndex()
        return self.createIndex(owner.row(), 0, owner)

    def rowCount(self, parent: Cell = ROOT) -> int:
        return 0 if parent.column() > 0 else len(self._item(parent).children)

    def columnCount(self, parent: Cell = ROOT) -> int:
        return 1

    def data(self, index: Cell, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        item = self._item(index)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return item.text
            case Qt.ItemDataRole.DecorationRole:
                return theme.icon(item.verdict) if item.verdict is not None else None
            case Qt.ItemDataRole.ToolTipRole:
                return item.tip or item.text
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{item.text}, {theme.WORDS[item.verdict]}" if item.verdict is not None else item.text
            case Qt.ItemDataRole.FontRole:
                return theme.ui_font(bold=True) if item.heading else theme.mono(-0.5) if item.mono else None
            case Qt.ItemDataRole.ForegroundRole:
                return QBrush(QColor(theme.look().muted)) if item.muted else None
            case _ if role == SOURCE_ROLE:
                return item.source
            case _ if role == SHORT_ROLE:
                return item.shorter
        return item.token if role == TOKEN_ROLE else None


def grouped(listed: list[Unchecked], least: int = 4) -> list[list[Unchecked]]:
    """What shares a reason together; a reason that holds for fewer than ``least`` places is listed for each alone."""
    reasons: dict[tuple[str, str], list[Unchecked]] = {}
    for one in listed:
        reasons.setdefault((one.why, one.section), []).append(one)
    made: list[list[Unchecked]] = []
    for same in reasons.values():
        made += [same] if len(same) >= least else [[one] for one in same]
    return made
