# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Everything about the selection: verdict, how far it reaches, rules, both declarations, call sites, remedy."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QStyle

from kfuncscope.gui import theme
from kfuncscope.gui.context import Context
from kfuncscope.gui.dialogs.rules import RuleDialog
from kfuncscope.gui.flows.ribbon import programs_hit
from kfuncscope.gui.graph import seals
from kfuncscope.gui.graph.proofs import ORDER, Answer
from kfuncscope.gui.index import AFFECTED, SCALE, Index
from kfuncscope.gui.store import NEED, OBJECT, PROGRAM, Node
from kfuncscope.gui.views.past import Past
from kfuncscope.gui.widgets import words
from kfuncscope.gui.widgets.story import NARROWEST, Story
from kfuncscope.gui.widgets.wording import answered, as_text, headline, site_line
from kfuncscope.model import catalogue
from kfuncscope.model.aligned import aligned
from kfuncscope.model.looks import REACHES
from kfuncscope.model.verdict import Finding, Outcome, Reach, Tri, Verdict

MOST = 8
REFLOW_MS = 60  # after the last change of the width


class DetailPanel(QScrollArea):
    """What is known about the selection, made again whenever that changes; a handful of widgets each time."""

    note_wanted = Signal(Node, int)
    cause_note_wanted = Signal(int)
    waive_wanted = Signal(Node, int)
    whatif_wanted = Signal(Node)
    source_wanted = Signal(str, int)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, store = context, context.store
        self._store = store
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumWidth(NARROWEST)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Detail"))
        self._story = Story(0)
        self._about: tuple[object, ...] = ()
        self._reflow = QTimer(self, singleShot=True)
        self._reflow.timeout.connect(self.refresh)
        self._told: tuple[object, ...] = (None,)
        self._stale = False  # whether something changed while nobody saw it
        self._wide = 0  # the room of the story that is shown
        self.past = Past(context)
        self.past.changed.connect(self.refresh_later)
        self.notes_of: Callable[[int], list[str]] = lambda _row: []
        for signal in (store.selection_changed, store.filters_changed):
            signal.connect(self._follow)
        store.analysis_changed.connect(self._forget)
        store.proof_changed.connect(self.refresh)
        self.refresh()

    # --- putting it together ---
    def _follow(self) -> None:
        """Tell the story again only where something about it changed."""
        store = self._store
        if self._told == (store.index, store.selected, store.finding, store.lane):
            return
        if self.isVisible() and self._told[0] is store.index and not self._stale:
            self.refresh()
        else:  # its width is not known before it is on screen, and a new result keeps the thread busy enough
            self._forget()

    def _forget(self) -> None:
        """What was told is not true any more; the new story is told in a turn of its own once it can be seen."""
        if self._told[0] is not self._store.index or not self._stale:
            self._told = (self._store.index, None, -1, -1)
            self._story.retire()  # still to be read, so that nothing flickers
        self.refresh_later()

    def refresh_later(self) -> None:
        """Tell the same story again, in other letters or colours, not in the turn that paints the whole window."""
        self._stale = True
        if self.isVisible():
            self._reflow.start(REFLOW_MS)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self.refresh_later()

    def refresh(self) -> None:
        """Tell the story of the selection."""
        self._reflow.stop()
        self._stale = False
        self._told = (self._store.index, self._store.selected, self._store.finding, self._store.lane)
        self._wide = self._room()
        self._story = Story(self._wide)
        index, node = self._store.index, self._store.selected
        bar = self.verticalScrollBar()
        subject = self._subject(index, node)
        kept, self._about = bar.value() if subject == self._about else 0, subject
        if index is None:
            self._story.muted(self.tr("Select something in the graph, the matrix or the findings to see why."))
        elif node is None:
            self._tell_lane(index)
        elif node.column == OBJECT:
            self._tell_object(index, node)
        elif node.column == PROGRAM:
            self._tell_program(index, node)
        else:
            self._tell_need(index, node)
        self._story.end()
        self.setWidget(self._story)
        layout = self._story.layout()
        if kept and layout is not None:  # whoever reads on while results come in stays at the line
            layout.activate()
            bar.setValue(kept)

    def _subject(self, index: Index | None, node: Node | None) -> tuple[object, ...]:
        """What the story is about, whatever number it has in this result."""
        store = self._store
        if index is None or node is None:
            return index is None, store.lane
        finding = index.findings.refs[store.finding] if 0 <= store.finding < len(index.findings) else None
        return node.column, store.name_of(node), store.lane, finding and (finding.name, finding.message)

    def _lane(self, index: Index, table: np.ndarray, number: int) -> int:
        """The lane under study; over all lanes the one where the thing is worst."""
        if self._store.lane >= 0:
            return self._store.lane
        return int(np.argmax(table[number, : index.overall])) if index.overall else -1

    def _head(self, index: Index, lane: int) -> None:
        if lane >= 0:
            arch = index.arches[lane]
            pair = f"{arch.arch} · {arch.old.release} → {arch.new.release}"
            self._story.heading(self.tr("DETAIL · {0}").format(pair))

    def _tell_lane(self, index: Index) -> None:
        """Nothing selected: what is worst here, to start from."""
        lane = self._store.lane
        self._story.heading(index.lanes[lane] if lane >= 0 else self.tr("ALL ARCHITECTURES"))
        table = index.findings
        rows = np.flatnonzero(
            (table.verdict >= AFFECTED) & ((table.lane == lane) | ((lane < 0) & (table.lane < index.overall)))
        )
        if not len(rows):
            self._story.title(self.tr("Nothing is affected"), Verdict.OK)
            return
        level = int(table.verdict[rows].max())
        rows = rows[table.verdict[rows] == level]
        hit = programs_hit(index, self._store.filters)
        self._story.title(self.tr("Where to begin"), SCALE[level])
        self._story.muted(self.tr("Most common causes ({0}):").format(theme.WORDS[SCALE[level]].lower()))
        wanted = {index.hits.cause_id(index.cause_of(row)) for row in rows.tolist()}
        for cause, programs in [item for item in hit.most_common() if item[0] in wanted][:10]:
            key, need = index.hits.causes[cause], index.hits.needs[cause]
            number = words.counted(programs, self.tr("program"), self.tr("programs"))
            self._story.link(key.name, f"{key.words} · {number}", partial(self._store.select, Node(NEED, need)))
        self._story.muted(self.tr("Select anything in the graph, the matrix or the findings to see why."))

    def _tell_object(self, index: Index, node: Node) -> None:
        lane = self._lane(index, index.obj_verdict, node.id)
        found = index.object_at.get((lane, node.id))
        self._head(index, lane)
        name = index.objects[node.id]
        if found is None:
            self._story.title(self.tr("Not judged here"), Verdict.UNKNOWN)
            self._story.path(name)
            return
        self._story.title(theme.WORDS[found.verdict], found.verdict)
        self._story.path(f"{found.package} › {name}" if found.package else name)
        self._story.text(found.reason)
        self._story.muted(f"SHA-256 {found.sha256[:16]}…")
        self._links(
            self.tr("PROGRAMS"),
            [(index.program_id(name, p.program), p.program, p.verdict, p.section) for p in found.programs],
            PROGRAM,
        )
        self._findings(
            index, node, lane, [r for r in index.findings_of_object(node.id) if index.findings.program[r] < 0]
        )
        self._proof(index.seals.of_object.get((lane, node.id), []))
        self._unchecked(found.unchecked)

    def _tell_program(self, index: Index, node: Node) -> None:
        lane = self._lane(index, index.prog_verdict, node.id)
        found = index.program_at.get((lane, node.id))
        program = index.programs[node.id]
        self._head(index, lane)
        if found is None:
            self._story.title(self.tr("Not judged here"), Verdict.UNKNOWN)
            self._story.path(f"{index.objects[program.object]} › {program.name}")
            return
        rows = [int(r) for r in index.findings_of_program(node.id)]
        if self._store.finding in rows:
            lane = int(index.findings.lane[self._store.finding])
        if not any(index.findings.lane[r] == lane for r in rows):
            self._story.title(theme.WORDS[found.verdict], found.verdict)
            self._story.path(f"{index.objects[program.object]} › {program.name}")
            self._story.text(self._why(index, node, lane, found.verdict))
        self._findings(index, node, lane, rows)
        self._outcomes(found.old, found.new, program.section)
        self._proof(index.seals.of_program.get((lane, node.id), []))
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
            self._story.title(theme.WORDS[SCALE[max(code, 0)]], SCALE[max(code, 0)])
            self._story.path(f"{kind.value} {name}")
            self._story.text(self.tr("The upgrade does not affect it."))
            if life := self.past.life(kind.value, name):
                self._story.muted(life)
        edges = index.edges_of(self._store.lane)
        users = edges.program[edges.need == node.id]
        verdicts = index.worst(index.prog_verdict, self._store.lane)
        rows_of = [
            (int(p), index.programs[p].name, SCALE[int(verdicts[p])], index.objects[index.programs[p].object])
            for p in users
        ]
        self._links(self.tr("USED BY"), sorted(rows_of, key=lambda r: (-SCALE.index(r[2]), r[1])), PROGRAM)
        broken = bool((index.need_verdict[node.id] == SCALE.index(Verdict.BREAKS)).any())
        question = self.tr("What if it were kept?") if broken else self.tr("What if it were removed?")
        self._story.buttons([(question, lambda: self.whatif_wanted.emit(node))])

    def open_rule(self, rule: str) -> None:
        """Show the text of a rule beside the window, one dialog for all rules."""
        known = self.window().findChild(RuleDialog)
        if known is None:
            known = RuleDialog(self.window(), rule)
        known.show_rule(rule)
        known.show()
        known.raise_()

    # --- parts ---
    def _findings(self, index: Index, node: Node, lane: int, rows: list[int]) -> None:
        """The finding under study (or the worst) in full, the others below it."""
        table = index.findings
        here = [int(r) for r in rows if int(table.lane[r]) == lane]
        here.sort(key=lambda r: (r != self._store.finding, -int(table.verdict[r])))
        where = (
            f"{index.objects[index.programs[node.id].object]} › {index.programs[node.id].name}"
            if node.column == PROGRAM
            else index.objects[node.id]
        )
        for number, row in enumerate(here[:MOST]):
            if number:
                self._story.rule()
            self._finding(index, node, row, f"{where} › {table.refs[row].name}")
        if len(here) > MOST:
            self._story.muted(self.tr("and {0} more in the Findings tab").format(len(here) - MOST))

    def _finding(self, index: Index, node: Node, row: int, where: str) -> None:
        found = index.findings.refs[row]
        self._story.title(headline(found), found.verdict)
        self._story.path(where)
        self._story.text(found.message)
        facts = [f"confidence {found.confidence}"]
        if found.reach is not Reach.NONE and found.verdict is Verdict.BREAKS:
            facts.insert(0, REACHES[found.reach])
        why = catalogue.finding_title(found) if found.failure else ""
        if why and not any(why in said for said in facts):
            facts.append(why)
        self._story.muted(" · ".join(facts))
        for note in self.notes_of(row):
            self._story.text(self.tr("Note: {0}").format(note))
        self._evidence(found)
        self._rules(found)
        if found.sites:
            self._story.heading(self.tr("CALLED FROM"))
            for site in found.sites[:6]:
                if site.file:
                    self._story.link(
                        site_line(site), "", partial(self.source_wanted.emit, site.file, site.line), tip=site.text
                    )
                    continue
                self._story.mono(site_line(site), site.text)
            if len(found.sites) > 6:
                self._story.muted(self.tr("and {0} more places").format(len(found.sites) - 6))
        self.past.tell(self._story, index, index.cause_of(row))
        if found.remedy is not None:
            self._story.heading(self.tr("REMEDY"))
            self._story.text(found.remedy.text)
            for caption, piece in found.remedy.snippets:
                self._story.muted(caption)
                self._story.code(piece)
            if found.remedy.candidates:
                self._story.heading(self.tr("WHAT MAY TAKE ITS PLACE"))
            for candidate in found.remedy.candidates:
                self._story.mono(candidate.name)
                self._story.muted(candidate.reason)
        code = "\n\n".join(c for _, c in found.remedy.snippets) if found.remedy is not None else ""
        actions = [(self.tr("Copy fix"), lambda: self._copy(code))] if code else []
        actions.append((self.tr("Copy"), lambda: self._copy(as_text(found, where))))
        actions.append((self.tr("Note…"), lambda: self.note_wanted.emit(node, row)))
        actions.append((self.tr("Note on the cause…"), lambda: self.cause_note_wanted.emit(row)))
        actions.append((self.tr("Waive…"), lambda: self.waive_wanted.emit(node, row)))
        self._story.buttons(actions)
        self._seen(index, row)

    def _rules(self, found: Finding) -> None:
        """Each rule with its title; of the first what it says, for that is what decided."""
        for number, rule in enumerate(found.rules):
            known = catalogue.rule(rule)
            self._story.link(rule, catalogue.title(rule), partial(self.open_rule, rule))
            if known is not None and not number:
                self._story.muted(known.statement)

    def _evidence(self, found: Finding) -> None:
        """Both declarations, part by part where they can be held side by side, and the fact that differs."""
        evidence, story = found.evidence, self._story
        names = {"in": self.tr("provided by"), "as": self.tr("state")}
        facts = tuple((names.get(name, name), was, now) for name, was, now in evidence.facts)
        old, new = evidence.old, evidence.new
        heads = (self.tr("old kernel"), self.tr("new kernel"))
        differ = tuple(f for f in facts if f[1] != f[2])
        same = tuple(f for f in facts if f[1] == f[2])
        if old and old == new:
            if differ:
                story.heading(self.tr("WHAT DIFFERS"))
                story.facts(differ)
            story.heading(self.tr("DECLARATION, THE SAME ON BOTH KERNELS"))
            story.code(old)
            story.facts(same)
            return
        rows = aligned(old, new) if old and new else []
        if rows:
            story.heading(self.tr("DECLARATION"))
            story.aligned(rows, heads)
        elif old or new:
            self._two(old, new)
        if evidence.facts:
            story.facts((*differ, *same))

    def _two(self, old: str, new: str) -> None:
        c, width = theme.look(), self._story.letters()
        gone = self.tr("<i>absent</i>")
        if old and new:
            left, right = words.marked(old, new, c.removed, c.added, width)
        else:
            left, right = (html.escape(words.wrapped(text, width)) for text in (old, new))
        self._story.heading(self.tr("OLD KERNEL"))
        self._story.marked_code(left or gone)
        self._story.heading(self.tr("NEW KERNEL"))
        self._story.marked_code(right or gone)

    def _seen(self, index: Index, row: int) -> None:
        """The same need on every lane: one block each, with shape and word."""
        table = index.findings
        need = int(table.need[row])
        if index.overall < 2:
            return
        self._story.heading(self.tr("ON EACH ARCHITECTURE"))
        codes = index.need_verdict[need, : index.overall].tolist()
        verdicts = [SCALE[code] if code >= 0 else None for code in codes]
        self._story.fields(list(zip(index.lanes, verdicts, strict=False)), self.tr("– not used"))

    def _outcomes(self, old: Outcome | None, new: Outcome, section: str) -> None:
        def said(outcome: Outcome | None) -> str:
            if outcome is None:
                return self.tr("not judged")
            word = {Tri.YES: "loads", Tri.NO: "does not load", Tri.UNKNOWN: "it is not known whether it loads"}[
                outcome.loads
            ]
            if outcome.loads is Tri.YES and outcome.attaches is Tri.NO:
                word = "loads, does not attach"
            return word + (f" ({outcome.reason or catalogue.code_title(outcome.failure)})" if outcome.failure else "")

        self._story.heading(self.tr("THE PROGRAM AS A WHOLE"))
        self._story.muted(
            f'SEC("{section}")\n' + self.tr("old kernel: {0}\nnew kernel: {1}").format(said(old), said(new))
        )

    def _proof(self, answers: list[Answer]) -> None:
        """Predicted beside seen, for every kernel that was booted."""
        for number, answer in enumerate(answers):
            if not number:
                self._story.heading(self.tr("SEEN ON THE BOOTED KERNEL"))
            head, said, line = answered(answer)
            self._story.text(f"{seals.glyph(ORDER.index(answer.one.agreement)) or '·'} {head}")
            self._story.muted(said)
            if line:
                self._story.code(line)

    def _unchecked(self, reasons: tuple[str, ...]) -> None:
        if reasons:
            self._story.heading(self.tr("COULD NOT CHECK"))
            for reason in reasons[:MOST]:
                self._story.text("? " + reason)

    def _links(self, heading: str, rows: list[tuple[int | None, str, Verdict, str]], column: int) -> None:
        if not rows:
            return
        self._story.heading(f"{heading}  {len(rows):,}")
        for number, name, verdict, more in rows[:40]:
            if number is not None:
                node = Node(column, number)
                self._story.link(name, more, partial(self._store.select, node), verdict)
        if len(rows) > 40:
            self._story.muted(self.tr("and {0} more").format(f"{len(rows) - 40:,}"))

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        lines = words.counted(text.count("\n") + 1, self.tr("line"), self.tr("lines"))
        self._context.say(self.tr("Copied: {0}").format(lines))

    def _room(self) -> int:
        """The width that a story has, with or without a scroll bar beside it: one that comes moves no line."""
        return self.width() - self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)

    def resizeEvent(self, event: QResizeEvent) -> None:
        if self._room() != self._wide:
            self._reflow.start(REFLOW_MS)
        super().resizeEvent(event)
