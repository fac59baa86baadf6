# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The findings as a table over numpy columns: a filter or a sort only makes a new array of row numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from PySide6.QtCore import Qt

from kfuncscope.gui import theme
from kfuncscope.gui.filters import Filters, finding_rows
from kfuncscope.gui.flows.hits import Hits
from kfuncscope.gui.flows.ribbon import pairs
from kfuncscope.gui.index import SCALE, Index, Ints
from kfuncscope.gui.models.table import ROOT, Cell, TableModel
from kfuncscope.gui.widgets.words import counted
from kfuncscope.model import catalogue
from kfuncscope.model.causes import CauseKey

VERDICT, ARCH, OBJECT, PROGRAM, NEED, MESSAGE, KIND, WHERE, RULES, CONFIDENCE, HOSTS = range(11)
_CONFIDENCE = ("high", "medium", "low")


GROUP_ROLE = int(Qt.ItemDataRole.UserRole) + 1
UNFOLDED = 60


class GroupBy(Enum):
    """What the rows are gathered under."""

    NOTHING = "nothing"
    CAUSE = "cause"
    PACKAGE = "package"
    VERDICT = "verdict"
    ARCH = "architecture"


@dataclass(frozen=True, slots=True)
class Group:
    """The head of a group: its key (a need, a verdict, a lane, a package), its title and what is counted in it."""

    key: int
    title: str
    verdict: int
    more: str
    first: int


class FindingsModel(TableModel):
    """Rows of the finding table that pass the filters, in the order the person chose (worst first at the start)."""

    def __init__(self) -> None:
        super().__init__()
        self.headers = [
            self.tr(t)
            for t in (
                "Verdict",
                "Arch",
                "Object",
                "Program",
                "What",
                "What happens",
                "Kind",
                "Where",
                "Rules",
                "Confidence",
                "Runs on",
            )
        ]
        self.index_: Index | None = None
        self.rows: Ints = np.empty(0, np.int32)
        self.lines: Ints = np.empty(0, np.int32)  # what is shown: a row, or -1 - the number of a group
        self.groups: list[Group] = []
        self.group_by = GroupBy.NOTHING
        self._open: set[int] = set()
        self._filters: Filters = ()
        self._hit: Hits | None = None
        self._order: Ints | None = None
        self._cause: Ints | None = None
        self._more: list[CauseKey] = []
        self._sort = (VERDICT, Qt.SortOrder.DescendingOrder)

    def rowCount(self, parent: Cell = ROOT) -> int:
        return 0 if parent.isValid() else len(self.lines)

    def set_index(self, index: Index | None) -> None:
        """Show another analysis, unfiltered until set_filters is called."""
        self.beginResetModel()
        self.index_ = index
        self._order = self._cause = None
        self.rows = np.empty(0, np.int32)
        self._open = set()
        self._arrange()
        self.endResetModel()

    def set_filters(self, filters: Filters) -> None:
        """Keep the rows that pass."""
        if self.index_ is None:
            return
        rows = finding_rows(self.index_, filters)
        self._filters = filters
        self.beginResetModel()
        self.rows = self._sorted(rows)
        self._arrange()
        self.endResetModel()

    # --- groups ---
    def group(self, by: GroupBy) -> None:
        """Gather the rows otherwise; many start folded, so that the groups themselves can be read first."""
        self.beginResetModel()
        self.group_by, self._open = by, set()
        self._arrange()
        if len(self.rows) <= UNFOLDED:
            self._open = {g.key for g in self.groups}
            self._arrange()
        self.endResetModel()

    def fold(self, line: int) -> None:
        """Fold the group whose head stands in a line, or unfold it."""
        group = self.group_at(line)
        if group is not None:
            self.beginResetModel()
            self._open ^= {group.key}
            self._arrange()
            self.endResetModel()

    def open_for(self, finding: int) -> None:
        """Unfold the group that holds a row of the finding table."""
        if self.group_by is GroupBy.NOTHING or self.index_ is None or finding not in self.rows:
            return
        key = int(self._group_keys(np.array([finding]))[0])
        if key not in self._open:
            self.beginResetModel()
            self._open.add(key)
            self._arrange()
            self.endResetModel()

    def group_at(self, line: int) -> Group | None:
        """The group whose head stands in a line, None where a finding stands there."""
        number = int(self.lines[line]) if 0 <= line < len(self.lines) else 0
        return self.groups[-1 - number] if number < 0 else None

    def is_open(self, group: Group) -> bool:
        """Whether a group's rows are in sight."""
        return group.key in self._open

    def _group_keys(self, rows: Ints) -> Ints:
        assert self.index_ is not None
        table = self.index_.findings
        if self.group_by is GroupBy.CAUSE:
            return self._causes()[rows]
        if self.group_by is GroupBy.VERDICT:
            return table.verdict[rows].astype(np.int32)
        if self.group_by is GroupBy.ARCH:
            return table.lane[rows]
        names = {name: i for i, name in enumerate(dict.fromkeys(self.index_.packages))}
        of_object = np.array([names[p] for p in self.index_.packages], dtype=np.int32)
        return of_object[table.object[rows]]

    def _causes(self) -> Ints:
        """The number of the cause of every row of the finding table; rows that hit nothing have a number after all."""
        assert self.index_ is not None
        if self._cause is None:
            index, more = self.index_, len(self.index_.hits.causes)
            found = np.empty(len(index.findings), dtype=np.int32)
            places: dict[CauseKey, int] = {}
            for row in range(len(found)):
                key = index.cause_of(row)
                number = index.hits.cause_id(key)
                if number < 0:
                    number = places.setdefault(key, more + len(places))
                found[row] = number
            self._cause, self._more = found, list(places)
        return self._cause

    def cause(self, key: int) -> CauseKey:
        """The cause with a number that heads a group."""
        assert self.index_ is not None
        known = self.index_.hits.causes
        return known[key] if key < len(known) else self._more[key - len(known)]

    def _arrange(self) -> None:
        """Put heads before the rows of each group, the worst group first."""
        self.groups = []
        if self.group_by is GroupBy.NOTHING or self.index_ is None or not len(self.rows):
            self.lines = self.rows
            return
        keys, verdicts = self._group_keys(self.rows), self.index_.findings.verdict[self.rows]
        found, inverse, count = np.unique(keys, return_inverse=True, return_counts=True)
        worst = np.zeros(len(found), dtype=np.int8)
        np.maximum.at(worst, inverse, verdicts)
        members = np.split(self.rows[np.argsort(inverse, kind="stable")], np.cumsum(count)[:-1])
        self._hit = pairs(self.index_, self._filters)[0] if self.group_by is GroupBy.CAUSE else None
        parts: list[Ints] = []
        for number in np.lexsort((found, -count, -worst)).tolist():
            group = self._made(int(found[number]), int(worst[number]), members[number])
            self.groups.append(group)
            parts.append(np.array([-len(self.groups)], dtype=np.int32))
            if group.key in self._open:
                parts.append(members[number])
        self.lines = np.concatenate(parts).astype(np.int32)

    def _made(self, key: int, worst: int, rows: Ints) -> Group:
        assert self.index_ is not None
        index, table = self.index_, self.index_.findings
        if self.group_by is GroupBy.CAUSE:
            title = self.cause(key).title
        elif self.group_by is GroupBy.VERDICT:
            title = theme.WORDS[SCALE[key]]
        elif self.group_by is GroupBy.ARCH:
            title = index.lanes[key]
        else:
            title = list(dict.fromkeys(index.packages))[key] or self.tr("(no package)")
        programs = len(np.unique(table.program[rows][table.program[rows] >= 0]))
        arches = len(np.unique(table.lane[rows]))
        if self._hit is not None:  # as the overview counts: with the programs that go down with their object
            programs = int((self._hit.cause == key).sum())
        told = [counted(programs, self.tr("program"), self.tr("programs"))] if programs else []
        if self.group_by is not GroupBy.ARCH:
            told.append(counted(arches, self.tr("architecture"), self.tr("architectures")))
        told.append(counted(len(rows), self.tr("finding"), self.tr("findings")))
        return Group(key, title, worst, " · ".join(told), int(rows[0]))

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if self.index_ is None or column < 0:
            return
        self._sort = (column, order)
        self._order = None
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        before = self.rows
        shown = self.lines
        self.rows = self._sorted(before)
        self._arrange()
        if kept:
            # heads are numbered from -1 down: both find their places in one array, heads from its end
            place = np.full(len(self.index_.findings) + len(self.groups) + 1, -1, dtype=np.int64)
            place[self.lines] = np.arange(len(self.lines))
            self.changePersistentIndexList(kept, [self.index(int(place[shown[i.row()]]), i.column()) for i in kept])
        self.layoutChanged.emit()

    def _sorted(self, rows: Ints) -> Ints:
        """Rows in the chosen order; the rank of every row is worked out once per order and then only looked up."""
        if self._order is None:
            self._order = self._ranks()
        return rows[np.argsort(self._order[rows], kind="stable")]

    def _ranks(self) -> Ints:
        assert self.index_ is not None
        column, order = self._sort
        keys = self._keys(column)
        if order is Qt.SortOrder.DescendingOrder:
            keys = -keys
        table = self.index_.findings
        rank = np.empty(len(table), dtype=np.int32)
        rank[np.lexsort((-table.verdict, keys))] = np.arange(len(table), dtype=np.int32)
        return rank

    def _keys(self, column: int) -> Ints:
        assert self.index_ is not None
        index, table = self.index_, self.index_.findings
        if column == VERDICT:
            return table.verdict.astype(np.int32)
        if column == PROGRAM:
            by_name = _alphabetic([p.name for p in index.programs])
            return np.where(table.program >= 0, by_name[table.program] if len(by_name) else 0, -1).astype(np.int32)
        if column == HOSTS:
            return self._hosts_of(np.arange(len(table), dtype=np.int32))
        named = {
            ARCH: (list(index.lanes), table.lane),
            OBJECT: (index.objects, table.object),
            KIND: ([k.value for k, _ in index.needs], table.need),
            NEED: ([n for _, n in index.needs], table.need),
            MESSAGE: (table.messages, table.message),
            WHERE: (table.wheres, table.where),
            RULES: (table.rule_texts, table.rules),
        }
        if column in named:
            names, codes = named[column]
            ranked = _alphabetic(names)
            return ranked[codes] if len(ranked) else np.zeros(0, np.int32)
        return table.confidence

    def data(self, index: Cell, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or self.index_ is None:
            return None
        row, column = int(self.lines[index.row()]), index.column()
        if row < 0:
            return self._head(self.groups[-1 - row], column, role)
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(row, column)
        if role == Qt.ItemDataRole.DecorationRole and column == VERDICT:
            return theme.icon(SCALE[int(self.index_.findings.verdict[row])])
        if role == Qt.ItemDataRole.ToolTipRole and column in (MESSAGE, NEED, PROGRAM, OBJECT, WHERE):
            return self._whole(row) if column == WHERE else self.text(row, column)
        if role == Qt.ItemDataRole.ToolTipRole and column == RULES:
            return "\n".join(f"{r} {catalogue.title(r)}" for r in self.index_.findings.refs[row].rules)
        if role == Qt.ItemDataRole.AccessibleTextRole and column == VERDICT:
            return f"{self.text(row, VERDICT)}: {self.text(row, MESSAGE)}"
        if role == Qt.ItemDataRole.UserRole:
            return row
        return None

    def _head(self, group: Group, column: int, role: int) -> Any:
        if role == GROUP_ROLE:
            return group
        if role == Qt.ItemDataRole.UserRole:
            return -1
        if column == VERDICT and role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return f"{group.title}   {group.more}"
        if column == VERDICT and role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{theme.WORDS[SCALE[group.verdict]]}, {group.title}, {group.more}"
        return None

    def _whole(self, row: int) -> str:
        """Every place of a finding with its file in full."""
        assert self.index_ is not None
        sites = self.index_.findings.refs[row].sites
        return "\n".join(f"{s.file}:{s.line}" if s.file else f"{s.function}+{s.insn}" for s in sites[:12])

    def tsv(self, rows: list[int]) -> str:
        """Some rows of the finding table whole, under the names of the columns, for a spreadsheet."""
        hosts = self.index_ is not None and self.index_.analysis.census is not None
        columns = range(len(self.headers) if hosts else HOSTS)
        lines = ["\t".join(self.headers[: len(columns)])]
        lines += ["\t".join(_cell(self.text(row, c)) for c in columns) for row in rows]
        return "\n".join(lines) + "\n"

    def text(self, row: int, column: int) -> str:
        """The text of a cell of the finding table (``row`` counts in the whole table)."""
        assert self.index_ is not None
        index, table = self.index_, self.index_.findings
        match column:
            case 0:
                return theme.WORDS[SCALE[int(table.verdict[row])]]
            case 1:
                return index.lanes[int(table.lane[row])]
            case 2:
                return index.objects[int(table.object[row])]
            case 3:
                program = int(table.program[row])
                return index.programs[program].name if program >= 0 else self.tr("(whole object)")
            case 4:
                return index.needs[int(table.need[row])][1]
            case 5:
                return table.messages[int(table.message[row])]
            case 6:
                return index.needs[int(table.need[row])][0].value
            case 7:
                return table.wheres[int(table.where[row])]
            case 8:
                return table.rule_texts[int(table.rules[row])]
            case 10:
                hosts = int(self._hosts_of(row)[0])
                return counted(hosts, self.tr("host"), self.tr("hosts")) if hosts else "–"
        return _CONFIDENCE[int(table.confidence[row])]

    def _hosts_of(self, rows: Ints | int) -> Ints:
        """On how many hosts the program of each finding runs; of a finding of a whole object its most used program."""
        assert self.index_ is not None
        index, table = self.index_, self.index_.findings
        most = np.zeros(len(index.objects), dtype=np.int32)
        np.maximum.at(most, index.prog_object, index.hosts)
        at = np.atleast_1d(np.asarray(rows))
        programs = table.program[at]
        own = index.hosts[np.maximum(programs, 0)] if len(index.hosts) else np.zeros(len(at), np.int32)
        return np.where(programs >= 0, own, most[table.object[at]]).astype(np.int32)

    def row_of(self, finding: int) -> int:
        """Where a row of the finding table stands now, -1 when it is filtered away or folded."""
        found = np.flatnonzero(self.lines == finding)
        return int(found[0]) if len(found) else -1


def _cell(text: str) -> str:
    """A cell without what ends cells and lines, and not taken for a formula."""
    flat = " ".join(text.split())
    return f"'{flat}" if flat[:1] in ("=", "+", "@") or (flat[:1] == "-" and len(flat) > 1) else flat


def _alphabetic(names: list[str]) -> Ints:
    """The alphabetic rank of each name."""
    order = sorted(range(len(names)), key=lambda i: names[i].casefold())
    rank = np.empty(len(names), dtype=np.int32)
    rank[order] = np.arange(len(names), dtype=np.int32)
    return rank
