# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Programs × lanes (architectures and steps) as a table with group rows, totals and a choice of order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from kfuncscope.gui import theme
from kfuncscope.gui.filters import Filters, lane_of, program_mask
from kfuncscope.gui.graph import seals
from kfuncscope.gui.index import ABSENT, AFFECTED, SCALE, Codes, Index
from kfuncscope.gui.models.table import Cell, TableModel

VERDICT_ROLE = int(Qt.ItemDataRole.UserRole)
GROUP_ROLE = VERDICT_ROLE + 1


class GroupBy(Enum):
    """What the rows are gathered under."""

    OBJECT = "object"
    PACKAGE = "package"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: a program, or the head of a group (program -1)."""

    program: int
    group: str
    programs: tuple[int, ...] = ()


class MatrixModel(TableModel):
    """Column 0 names the row; then one column per lane; the last sums the row up."""

    def __init__(self) -> None:
        super().__init__()
        self.index_: Index | None = None
        self.group_by = GroupBy.OBJECT
        self.by_risk = True
        self.headers = []
        self.brief = False
        self.rows: list[Row] = []
        self.folded: set[str] = set()
        self.lane = -1
        self._programs: list[int] = []
        self._risk: list[tuple[int, int]] = []

    def show(self, index: Index | None, filters: Filters) -> None:
        """Show the programs that pass the filters; all lanes stay in sight, that of the arch filter is marked."""
        self._programs = [] if index is None else np.flatnonzero(program_mask(index, filters)).tolist()
        self.lane = lane_of(index, filters) if index is not None else -1
        if index is not self.index_ and index is not None:
            self._risk = self._weights(index.prog_verdict)
        self.beginResetModel()
        self.index_ = index
        self.headers = self._heads()
        self.rows = self._arranged()
        self.endResetModel()

    def arrange(self, group_by: GroupBy | None = None, by_risk: bool | None = None) -> None:
        """Group or order otherwise."""
        self.beginResetModel()
        self.group_by = group_by or self.group_by
        self.by_risk = self.by_risk if by_risk is None else by_risk
        self.rows = self._arranged()
        self.endResetModel()

    def fold(self, group: str) -> None:
        """Fold a group, or unfold it."""
        self.beginResetModel()
        self.folded ^= {group}
        self.rows = self._arranged()
        self.endResetModel()

    @staticmethod
    def _weights(table: Codes) -> list[tuple[int, int]]:
        """Risk of every program: the worst verdict, then in how many cells it stands; larger is worse."""
        if not table.size:
            return [(ABSENT, 0)] * len(table)
        level = table.max(axis=1)
        return list(zip(level.tolist(), (table == level[:, None]).sum(axis=1).tolist(), strict=True))

    def _weight(self, programs: list[int]) -> tuple[int, int]:
        """Risk of some programs together."""
        worst = max((self._risk[p][0] for p in programs), default=ABSENT)
        return worst, sum(self._risk[p][1] for p in programs if self._risk[p][0] == worst)

    def _name(self, program: int) -> str:
        assert self.index_ is not None
        return self.index_.programs[program].name

    def _group_of(self, program: int) -> str:
        assert self.index_ is not None
        oid = self.index_.programs[program].object
        return self.index_.objects[oid] if self.group_by is GroupBy.OBJECT else self.index_.packages[oid]

    def _arranged(self) -> list[Row]:
        if self.index_ is None:
            return []
        if self.group_by is GroupBy.NOTHING:
            return [Row(p, "") for p in self._ordered(self._programs)]
        groups: dict[str, list[int]] = {}
        for program in self._programs:
            groups.setdefault(self._group_of(program), []).append(program)
        heads = sorted(groups)
        if self.by_risk:
            heads.sort(key=lambda g: self._weight(groups[g]), reverse=True)
        rows: list[Row] = []
        for head in heads:
            rows.append(Row(-1, head, tuple(groups[head])))
            if head not in self.folded:
                rows += [Row(p, head) for p in self._ordered(groups[head])]
        return rows

    def _ordered(self, programs: list[int]) -> list[int]:
        by_name = sorted(programs, key=self._name)
        return sorted(by_name, key=lambda p: self._risk[p], reverse=True) if self.by_risk else by_name

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        if orientation is Qt.Orientation.Horizontal and section == self.lane + 1 > 0:
            if role == Qt.ItemDataRole.FontRole:
                return theme.ui_font(bold=True)
            if role == Qt.ItemDataRole.ForegroundRole:
                return QColor(theme.look().accent)
        return super().headerData(section, orientation, role)

    def _heads(self) -> list[str]:
        """The headers: each lane with the counts of its worst verdicts below."""
        if self.index_ is None:
            return []
        return [self.tr("Program"), *map(self._lane_head, range(len(self.index_.lanes))), self.tr("In all\n")]

    def shorten(self, brief: bool) -> None:
        """Give each lane the count of its worst verdict alone (``brief``), with a mark where there are more."""
        if brief != self.brief:
            self.brief = brief
            self.headers = self._heads()
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, max(0, len(self.headers) - 1))

    def _lane_head(self, lane: int) -> str:
        assert self.index_ is not None
        counts = Counter(self.index_.prog_verdict[self._programs, lane].tolist())
        worst = [c for c in range(len(SCALE) - 1, AFFECTED - 1, -1) if counts[c]][:2]
        shown = worst[:1] if self.brief else worst
        bad = "  ".join(f"{theme.GLYPHS[SCALE[c]]} {counts[c]}" for c in shown)
        bad += " …" if len(shown) < len(worst) else ""
        judged = any(code > ABSENT for code in counts)  # "no program" must not look like good news
        clear = self.tr("● clear") if judged else "–"
        return f"{self.index_.lanes[lane]}\n{bad or clear}"

    def verdicts(self, row: Row, lane: int) -> list[int]:
        """The verdict codes in a cell, without ABSENT."""
        assert self.index_ is not None
        programs = [row.program] if row.program >= 0 else list(row.programs)
        cells = self.index_.prog_verdict[programs] if lane < 0 else self.index_.prog_verdict[programs, lane]
        return [c for c in np.ravel(cells).tolist() if c >= 0]

    def data(self, index: Cell, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or self.index_ is None:
            return None
        row, column = self.rows[index.row()], index.column()
        if role == GROUP_ROLE:
            return row.program < 0
        if column == 0:
            return self._head(row, role)
        lane = column - 1 if column <= len(self.index_.lanes) else -1
        codes = self.verdicts(row, lane)
        if role == VERDICT_ROLE:
            return max(codes, default=ABSENT)
        seal = self._seal(row, lane)
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{self._cell(row, lane, codes)}  {seals.glyph(seal)}".rstrip()
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(x for x in (self._cell(row, lane, codes), seals.word(seal)) if x)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(row.program, lane) if row.program >= 0 and lane >= 0 else self._counted(codes)
        return None

    def _seal(self, row: Row, lane: int) -> int:
        """What the booted kernel said of a program; nothing for sums."""
        assert self.index_ is not None
        return int(self.index_.seals.programs[row.program, lane]) if row.program >= 0 and lane >= 0 else 0

    def reseal(self) -> None:
        """Other answers of booted kernels: the cells are to be painted again."""
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, self.columnCount() - 1))

    def _head(self, row: Row, role: int) -> Any:
        assert self.index_ is not None
        if role == Qt.ItemDataRole.DisplayRole:
            if row.program >= 0:
                hosts = int(self.index_.hosts[row.program])
                return self._name(row.program) + (f"  · {hosts:,} {'host' if hosts == 1 else 'hosts'}" if hosts else "")
            mark = "▸" if row.group in self.folded else "▾"
            named = row.group or self.tr("(no package)")
            return f"{mark} {named}   {len(row.programs)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            if row.program < 0:
                return row.group
            program = self.index_.programs[row.program]
            return f'{self.index_.objects[program.object]} › {program.name}\nSEC("{program.section}")'
        return None

    def _counted(self, codes: list[int]) -> str | None:
        """How often each verdict stands in a cell that sums up, the worst first."""
        counts = Counter(codes)
        return "\n".join(f"{theme.WORDS[SCALE[c]]}: {counts[c]}" for c in sorted(counts, reverse=True)) or None

    def _cell(self, row: Row, lane: int, codes: list[int]) -> str:
        if not codes:
            return "–"
        worst = max(codes)
        word = theme.WORDS[SCALE[worst]]
        if lane < 0:
            bad = sum(c >= AFFECTED for c in codes)
            return self.tr("{0} of {1}").format(bad, len(codes)) if bad else word
        if row.program < 0 and worst >= AFFECTED:
            number = codes.count(worst)
            return f"{word} ×{number}" if number > 1 else word
        return word

    def _tip(self, program: int, lane: int) -> str | None:
        assert self.index_ is not None
        found = self.index_.program_at.get((lane, program))
        if found is None:
            return self.tr("not judged on {0}").format(self.index_.lanes[lane])
        said = seals.word(int(self.index_.seals.programs[program, lane]))
        lines = [f.message for f in found.findings[:6]] or [theme.MEANING[found.verdict]]
        return "\n".join([*lines, *([said] if said else [])])
