# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The whole story of what is selected: verdict, how far it reaches, rules, both declarations, call sites, remedy."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFontMetricsF, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.index import AFFECTED, SCALE, Index
from kfuncscope.gui.store import NEED, OBJECT, PROGRAM, Node, Store
from kfuncscope.gui.views import words
from kfuncscope.rules.verdict import Finding, Outcome, Reach, Site, Tri, Verdict

MOST = 8
_REACH = {
    Reach.OBJECT: "the whole object does not load",
    Reach.PROGRAM: "this program does not load",
    Reach.ATTACH: "loads, but does not attach",
}


def headline(finding: Finding) -> str:
    """The verdict of a finding in a few words."""
    if finding.verdict is Verdict.BREAKS:
        return "Breaks at attach" if finding.reach is Reach.ATTACH else "Breaks at load"
    return {
        Verdict.SILENT: "Silently different",
        Verdict.RISK: "Meaning changed",
        Verdict.DEGRADES: "A feature is lost",
        Verdict.UNKNOWN: "Cannot be told",
        Verdict.ALREADY_BROKEN: "Broken before",
        Verdict.FIXED: "Fixed by the upgrade",
    }.get(finding.verdict, "Works as before")


def site_line(site: Site) -> str:
    """A call site in one line: place, instruction, whether it can run, what guards it."""
    place = f"{site.file}:{site.line}" if site.file else site.function
    parts = [place, f"insn {site.insn}"]
    if site.reachable is not None:
        parts.append("reachable" if site.reachable else "never runs")
    if site.guard:
        parts.append(f"guarded: {site.guard}")
    return " · ".join(parts)


def as_text(finding: Finding, where: str) -> str:
    """A finding as plain text for the clipboard."""
    lines = [
        f"{headline(finding)}: {where}",
        finding.message,
        f"Rule {', '.join(finding.rules)} · confidence {finding.confidence}",
    ]
    if finding.evidence.old:
        lines += ["Old kernel:", finding.evidence.old]
    if finding.evidence.new:
        lines += ["New kernel:", finding.evidence.new]
    lines += [f"  {label}: {old or '–'} -> {new or '–'}" for label, old, new in finding.evidence.facts]
    lines += [f"Called from {site_line(s)}" for s in finding.sites]
    if finding.remedy is not None:
        lines += ["Remedy: " + finding.remedy.text, finding.remedy.code]
    return "\n".join(x for x in lines if x)


class DetailPanel(QScrollArea):
    """Rebuilt whenever the selection changes; a handful of widgets each time."""

    note_wanted = Signal(Node, int)
    waive_wanted = Signal(Node, int)
    whatif_wanted = Signal(Node)

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Detail"))
        self._column = QVBoxLayout()
        self._reflow = QTimer(self, interval=60, singleShot=True)
        self._reflow.timeout.connect(self.refresh)
        self._told: tuple[object, ...] = ()
        for signal in (store.selection_changed, store.filters_changed, store.analysis_changed):
            signal.connect(self._follow)
        self.refresh()

    # --- putting it together ---
    def _follow(self) -> None:
        """Tell the story again only where something about it changed."""
        store = self._store
        if self._told != (store.index, store.selected, store.finding, store.lane):
            self.refresh()

    def refresh(self) -> None:
        """Tell the story of the selection."""
        self._told = (self._store.index, self._store.selected, self._store.finding, self._store.lane)
        body = QWidget()
        body.setObjectName("detail")
        body.setStyleSheet(f"QWidget#detail {{ background: {theme.look().panel}; }}")
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(14, 8, 14, 14)
        self._column.setSpacing(5)
        index, node = self._store.index, self._store.selected
        if index is None:
            self._muted(self.tr("Select something in the graph, the matrix or the findings to read why."))
        elif node is None:
            self._tell_lane(index)
        elif node.column == OBJECT:
            self._tell_object(index, node)
        elif node.column == PROGRAM:
            self._tell_program(index, node)
        else:
            self._tell_need(index, node)
        self._column.addStretch(1)
        self.setWidget(body)

    def _lane(self, index: Index, table: np.ndarray, number: int) -> int:
        """The lane under study; over all lanes the one where the thing is worst."""
        if self._store.lane >= 0:
            return self._store.lane
        return int(np.argmax(table[number, : index.overall])) if index.overall else -1

    def _head(self, index: Index, lane: int) -> None:
        if lane >= 0:
            arch = index.arches[lane]
            self._heading(f"{self.tr('Detail')} · {arch.arch} · {arch.old.release} → {arch.new.release}")

    def _tell_lane(self, index: Index) -> None:
        """Nothing selected: what is worst here, to start from."""
        lane = self._store.lane
        self._heading(index.lanes[lane] if lane >= 0 else self.tr("ALL ARCHITECTURES"))
        table = index.findings
        rows = np.flatnonzero(
            (table.verdict >= AFFECTED) & ((table.lane == lane) | ((lane < 0) & (table.lane < index.overall)))
        )
        if not len(rows):
            self._title(self.tr("Nothing is affected"), Verdict.OK)
            return
        level = int(table.verdict[rows].max())
        rows = rows[table.verdict[rows] == level]
        needs, count = np.unique(table.need[rows], return_counts=True)
        self._title(self.tr("Where to begin"), SCALE[level])
        self._muted(self.tr("What hits most programs ({0}):").format(theme.WORDS[SCALE[level]].lower()))
        for i in np.argsort(-count, kind="stable")[:10]:
            kind, name = index.needs[int(needs[i])]
            node = Node(NEED, int(needs[i]))
            self._link(f"{name}   {kind.value} · {int(count[i])}×", partial(self._store.select, node))
        self._muted(self.tr("Select anything in the graph, the matrix or the findings to read why."))

    def _tell_object(self, index: Index, node: Node) -> None:
        lane = self._lane(index, index.obj_verdict, node.id)
        found = index.object_at.get((lane, node.id))
        self._head(index, lane)
        name = index.objects[node.id]
        if found is None:
            self._title(self.tr("Not judged here"), Verdict.UNKNOWN)
            self._path(name)
            return
        self._title(theme.WORDS[found.verdict], found.verdict)
        self._path(f"{found.package} › {name}" if found.package else name)
        self._text(found.reason)
        self._muted(f"SHA-256 {found.sha256[:16]}…")
        self._links(
            self.tr("PROGRAMS"),
            [(index.program_id(name, p.program), p.program, p.verdict, p.section) for p in found.programs],
            PROGRAM,
        )
        self._findings(
            index, node, lane, [r for r in index.findings_of_object(node.id) if index.findings.program[r] < 0]
        )
        self._unchecked(found.unchecked)

    def _tell_program(self, index: Index, node: Node) -> None:
        lane = self._lane(index, index.prog_verdict, node.id)
        found = index.program_at.get((lane, node.id))
        program = index.programs[node.id]
        self._head(index, lane)
        if found is None:
            self._title(self.tr("Not judged here"), Verdict.UNKNOWN)
            self._path(f"{index.objects[program.object]} › {program.name}")
            return
        rows = [int(r) for r in index.findings_of_program(node.id)]
        if self._store.finding in rows:
            lane = int(index.findings.lane[self._store.finding])
        if not any(index.findings.lane[r] == lane for r in rows):
            self._title(theme.WORDS[found.verdict], found.verdict)
            self._path(f"{index.objects[program.object]} › {program.name}")
            self._text(self._why(index, node, lane, found.verdict))
        self._findings(index, node, lane, rows)
        self._outcomes(found.old, found.new, program.section)
        self._unchecked(found.unchecked)

    def _why(self, index: Index, node: Node, lane: int, verdict: Verdict) -> str:
        """For a program without findings of its own: the object's reason when it goes down with the object."""
        owner = index.object_at.get((lane, index.programs[node.id].object))
        if verdict is not Verdict.OK and owner is not None and owner.reason:
            return owner.reason
        return self.tr("Nothing that this program needs changes.") if verdict is Verdict.OK else theme.MEANING[verdict]

    def _tell_need(self, index: Index, node: Node) -> None:
        lane = self._lane(index, index.need_verdict, node.id)
        kind, name = index.needs[node.id]
        self._head(index, lane)
        rows = [int(r) for r in index.findings_of_need(node.id)]
        here = [r for r in rows if index.findings.lane[r] == lane]
        if here:
            self._finding(index, node, here[0], f"{kind.value} {name}")
        else:
            code = int(index.need_verdict[node.id, lane]) if lane >= 0 else 0
            self._title(theme.WORDS[SCALE[max(code, 0)]], SCALE[max(code, 0)])
            self._path(f"{kind.value} {name}")
            self._text(self.tr("Nothing happens to it."))
        edges = index.edges_of(lane)
        users = edges.program[edges.need == node.id]
        verdicts = index.worst(index.prog_verdict, lane)
        rows_of = [
            (int(p), index.programs[p].name, SCALE[int(verdicts[p])], index.objects[index.programs[p].object])
            for p in users
        ]
        self._links(self.tr("WHO USES IT"), sorted(rows_of, key=lambda r: (-SCALE.index(r[2]), r[1])), PROGRAM)
        broken = bool((index.need_verdict[node.id] == SCALE.index(Verdict.BREAKS)).any())
        question = self.tr("What if it stayed?") if broken else self.tr("What if it went away?")
        self._buttons([(question, lambda: self.whatif_wanted.emit(node))])

    # --- parts ---
    def _findings(self, index: Index, node: Node, lane: int, rows: list[int]) -> None:
        """The finding under study (or the worst) in full, the others below it."""
        table = index.findings
        here = [int(r) for r in rows if int(table.lane[r]) == lane]
        here.sort(key=lambda r: (r != self._store.finding, -int(table.verdict[r])))
        where = self._store.name_of(node).partition(":")[2].replace("/", " › ")
        for number, row in enumerate(here[:MOST]):
            if number:
                self._rule()
            self._finding(index, node, row, f"{where} › {table.refs[row].name}")
        if len(here) > MOST:
            self._muted(self.tr("and {0} more in the Findings tab").format(len(here) - MOST))

    def _finding(self, index: Index, node: Node, row: int, where: str) -> None:
        found = index.findings.refs[row]
        self._title(headline(found), found.verdict)
        self._path(where)
        self._text(found.message)
        facts = [f"Rule {', '.join(found.rules)}", f"confidence {found.confidence}"]
        if found.reach in _REACH and found.verdict is Verdict.BREAKS:
            facts.insert(0, _REACH[found.reach])
        if found.cls:
            facts.append(found.cls)
        self._muted(" · ".join(facts))
        self._evidence(found)
        if found.sites:
            self._heading(self.tr("CALLED FROM"))
            for site in found.sites[:6]:
                self._mono(site_line(site), site.text)
            if len(found.sites) > 6:
                self._muted(self.tr("and {0} more places").format(len(found.sites) - 6))
        if found.remedy is not None:
            self._heading(self.tr("REMEDY"))
            self._text(found.remedy.text)
            if found.remedy.code:
                self._code(html.escape(words.wrapped(found.remedy.code, self._letters())))
        code = found.remedy.code if found.remedy is not None else ""
        actions = [(self.tr("Copy fix"), lambda: _copy(code))] if code else []
        actions.append((self.tr("Copy"), lambda: _copy(as_text(found, where))))
        actions.append((self.tr("Note…"), lambda: self.note_wanted.emit(node, row)))
        actions.append((self.tr("Waive…"), lambda: self.waive_wanted.emit(node, row)))
        self._buttons(actions)
        self._seen(index, row)

    def _evidence(self, found: Finding) -> None:
        c, evidence = theme.look(), found.evidence
        old, new, width = evidence.old, evidence.new, self._letters()
        if old or new:
            if old and new:
                left, right = words.marked(old, new, c.removed, c.added, width)
            else:
                left, right = (html.escape(words.wrapped(text, width)) for text in (old, new))
            gone = self.tr("<i>absent</i>")
            self._heading(self.tr("OLD KERNEL"))
            self._code(left or gone)
            self._heading(self.tr("NEW KERNEL"))
            self._code(right or gone)
        if evidence.facts:
            self._facts(evidence.facts)

    def _seen(self, index: Index, row: int) -> None:
        """The same need on every lane: one block each, with shape and word."""
        table = index.findings
        need = int(table.need[row])
        if index.overall < 2:
            return
        self._heading(self.tr("ON EACH ARCHITECTURE"))
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 2, 0, 4)
        grid.setSpacing(4)
        for lane, label in enumerate(index.lanes[: index.overall]):
            code = int(index.need_verdict[need, lane])
            verdict = SCALE[code] if code >= 0 else None
            text = f"{theme.GLYPHS[verdict]} {theme.WORDS[verdict]}" if verdict is not None else "– not used"
            cell = QLabel(f"{html.escape(label)}<br><b>{text}</b>")
            ink = theme.look().verdicts[verdict] if verdict is not None else theme.look().muted
            back = theme.look().tints[verdict] if verdict is not None else theme.look().panel
            cell.setStyleSheet(
                f"background:{back}; color:{ink}; border:1px solid {theme.look().line};"
                "border-radius:4px; padding:2px 5px;"
            )
            cell.setFont(theme.ui_font(-1))
            grid.addWidget(cell, lane // 3, lane % 3)
        self._column.addWidget(holder)

    def _outcomes(self, old: Outcome | None, new: Outcome, section: str) -> None:
        def said(outcome: Outcome | None) -> str:
            if outcome is None:
                return self.tr("not judged")
            word = {Tri.YES: "loads", Tri.NO: "does not load", Tri.UNKNOWN: "cannot tell whether it loads"}[
                outcome.loads
            ]
            if outcome.loads is Tri.YES and outcome.attaches is Tri.NO:
                word = "loads, does not attach"
            return word + (f" ({outcome.reason or outcome.cls})" if outcome.cls else "")

        self._heading(self.tr("The program as a whole"))
        self._muted(f'SEC("{section}")\n' + self.tr("old kernel: {0}\nnew kernel: {1}").format(said(old), said(new)))

    def _unchecked(self, reasons: tuple[str, ...]) -> None:
        if reasons:
            self._heading(self.tr("COULD NOT CHECK"))
            for reason in reasons[:MOST]:
                self._text("? " + reason)

    def _links(self, heading: str, rows: list[tuple[int | None, str, Verdict, str]], column: int) -> None:
        if not rows:
            return
        self._heading(f"{heading}  {len(rows)}")
        for number, name, verdict, more in rows[:40]:
            if number is not None:
                node = Node(column, number)
                self._link(f"{name}   {more}", partial(self._store.select, node), verdict)
        if len(rows) > 40:
            self._muted(self.tr("and {0} more").format(len(rows) - 40))

    # --- widgets ---
    def _add_label(self, text: str, name: str = "", rich: bool = False) -> QLabel:
        label = QLabel(text)
        label.setObjectName(name)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.RichText if rich else Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        label.setMinimumWidth(40)
        self._column.addWidget(label)
        return label

    def _heading(self, text: str) -> None:
        label = self._add_label(text.upper(), "heading")
        label.setFont(theme.ui_font(-1, bold=True))
        label.setContentsMargins(0, 5, 0, 0)

    def _title(self, text: str, verdict: Verdict) -> None:
        label = self._add_label(f"{theme.GLYPHS[verdict]} {text}")
        label.setFont(theme.ui_font(3, bold=True))
        label.setStyleSheet(f"color: {theme.look().verdicts[verdict]};")

    def _path(self, text: str) -> None:
        label = self._add_label(text.replace("_", "_\u200b").replace(".", ".\u200b"))
        label.setFont(theme.mono(-0.5))

    def _text(self, text: str) -> None:
        self._add_label(text)

    def _muted(self, text: str) -> None:
        self._add_label(text, "muted").setFont(theme.ui_font(-0.5))

    def _mono(self, text: str, tip: str = "") -> None:
        label = self._add_label(text)
        label.setFont(theme.mono(-0.5))
        label.setToolTip(tip)

    def _rule(self) -> None:
        line = QFrame()
        line.setFixedHeight(1)
        line.setStyleSheet(f"background: {theme.look().line};")
        self._column.addSpacing(6)
        self._column.addWidget(line)

    def _code(self, marked: str) -> None:
        c = theme.look()
        label = self._add_label(words.code_html(marked), rich=True)
        label.setFont(theme.mono(-1))
        label.setStyleSheet(f"background: {c.code}; border: 1px solid {c.line}; border-radius: 4px; padding: 6px 8px;")

    def _letters(self) -> int:
        """How many letters of code fit a line."""
        width = QFontMetricsF(theme.mono(-1)).horizontalAdvance("0")
        return int((max(self.viewport().width(), 300) - 64) / width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        if event.size().width() != event.oldSize().width():
            self._reflow.start()
        super().resizeEvent(event)

    def _facts(self, facts: tuple[tuple[str, str, str], ...]) -> None:
        c = theme.look()
        rows = []
        for name, old, new in facts[:30]:
            head = f'<td style="color:{c.muted}; padding-right:10px">{html.escape(name)}</td>'
            if old == new:
                rows.append(f'<tr>{head}<td colspan="2" style="color:{c.muted}">{html.escape(old or "–")}</td></tr>')
                continue
            first = f'<td style="padding-right:10px">{html.escape(old or "–")}</td>'
            rows.append(f"<tr>{head}{first}<td>→ {html.escape(new or '–')}</td></tr>")
        self._add_label(f"<table>{''.join(rows)}</table>", rich=True).setFont(theme.ui_font(-0.5))

    def _link(self, text: str, then: Callable[[], None], verdict: Verdict | None = None) -> None:
        button = QPushButton(text)
        button.setObjectName("link")
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        if verdict is not None:
            button.setIcon(theme.icon(verdict))
            button.setAccessibleName(f"{text}, {theme.WORDS[verdict]}")
        button.clicked.connect(then)
        self._column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)

    def _buttons(self, actions: list[tuple[str, Callable[[], None]]]) -> None:
        """Buttons side by side, in as many rows as the width asks for."""
        room = max(self.viewport().width(), 300) - 40
        row, taken = QHBoxLayout(), 0
        row.setContentsMargins(0, 4, 0, 2)
        rows = [row]
        for text, slot in actions:
            button = QPushButton(text)
            button.clicked.connect(lambda _=False, s=slot: s())
            taken += button.sizeHint().width() + 5
            if taken > room and row.count():
                row, taken = QHBoxLayout(), button.sizeHint().width() + 5
                rows.append(row)
            row.addWidget(button)
        for each in rows:
            each.setSpacing(5)
            each.addStretch(1)
            self._column.addLayout(each)


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
