# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Notes on findings, waivers, and the decision of the policy that the waivers belong to."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDate, QObject, Qt
from PySide6.QtWidgets import (
    QDateEdit,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from kfuncscope.errors import InputError
from kfuncscope.gui.context import Context
from kfuncscope.gui.dialogs.baseline import against
from kfuncscope.gui.dialogs.columns import asked_path, asked_text, foot, stacked
from kfuncscope.gui.graph.view import GraphView
from kfuncscope.gui.history.snapshots import Snapshot, snapshot
from kfuncscope.gui.history.steps import PolicyStep
from kfuncscope.gui.index import Index
from kfuncscope.gui.store import Node
from kfuncscope.gui.views.bottom import NotesView
from kfuncscope.gui.views.detail import DetailPanel
from kfuncscope.gui.views.findings import FindingsView
from kfuncscope.gui.views.summary import SummaryStrip
from kfuncscope.model.analysis import Analysis
from kfuncscope.session.session import Session

if TYPE_CHECKING:
    from kfuncscope.decision.compare import Comparison
    from kfuncscope.decision.gate import Decision
    from kfuncscope.decision.policy import Policy

DAYS = 90


def waiver_text(key: str, owner: str, reason: str, expires: datetime.date, about: str) -> str:
    """One waiver as it stands in a policy file (TOML; JSON strings are TOML strings)."""
    quoted = (json.dumps(x, ensure_ascii=False).replace("\x7f", "\\u007f") for x in (owner, reason, key))
    name, why, which = quoted
    said = "".join(c if c.isprintable() else "?" for c in about)
    return f"\n# {said}\n[[waiver]]\nowner = {name}\nreason = {why}\nexpires = {expires.isoformat()}\nkey = {which}\n"


class Annotations(QObject):
    """Notes live in the session, waivers in its policy file."""

    def __init__(
        self,
        context: Context,
        detail: DetailPanel,
        findings: FindingsView,
        graph: GraphView,
        notes: NotesView,
        summary: SummaryStrip,
    ) -> None:
        super().__init__(context)
        self._context, self._notes, self._summary, self._detail = context, notes, summary, detail
        self.policy: Policy | None = None
        self._about: dict[str, str] = {}
        self._waived = False  # whether the last waiver was written
        detail.notes_of = self.notes_of
        for view in (detail, findings):
            view.note_wanted.connect(self.ask_note)
            view.cause_note_wanted.connect(self.ask_cause_note)
            view.waive_wanted.connect(self.ask_waiver)
        graph.note_wanted.connect(lambda node: self.ask_note(node, -1))
        notes.edited.connect(self.set_note)
        context.session_opened.connect(self._begin)
        context.written_changed.connect(self._written)
        context.store.analysis_changed.connect(self._refresh)

    def _begin(self) -> None:
        self.read_policy()
        self.show_notes()

    def _written(self) -> None:
        """Notes or the policy changed, by a command or by undoing one."""
        self.show_notes()
        self._detail.refresh()
        self.read_policy()
        self.show_decision()

    def _refresh(self) -> None:
        if self._context.store.index is not None:
            self.show_notes()
            self.show_decision()

    # --- keys ---
    def key(self, node: Node, row: int) -> tuple[str, str]:
        """The key of a finding (or of a node, for row -1) and how it reads."""
        index = self._context.store.index
        assert index is not None
        if row < 0:
            name = self._context.store.name_of(node)
            return name, name
        table = index.findings
        lane, program = int(table.lane[row]), int(table.program[row])
        arch, obj = index.arches[lane].arch, index.objects[int(table.object[row])]
        inner = index.programs[program].name if program >= 0 else ""
        found = table.refs[row]
        from kfuncscope.model.rows import finding_key

        where = " › ".join(x for x in (arch, obj, inner, found.name) if x)
        return finding_key(arch, obj, inner, found), where

    # --- notes ---
    def ask_note(self, node: Node, row: int) -> None:
        """Ask for the text of a note."""
        key, about = self.key(node, row)
        old = self._context.session.notes.get(key, "")
        text, ok = asked_text(self._context.dialogs, self.tr("Note"), about, old)
        if ok:
            self._about[key] = about
            self.set_note(key, text)

    def ask_cause_note(self, row: int) -> None:
        """Ask for the text of a note on the cause of a finding; it shows at all findings of the cause."""
        index = self._context.store.index
        assert index is not None
        cause = index.cause_of(row)
        old = self._context.session.notes.get(cause.note_key, "")
        text, ok = asked_text(self._context.dialogs, self.tr("Note on the cause"), cause.title, old)
        if ok:
            self._about[cause.note_key] = cause.title
            self.set_note(cause.note_key, text)

    def notes_of(self, row: int) -> list[str]:
        """The notes that belong to a finding: its own, and that on its cause."""
        index, notes = self._context.store.index, self._context.session.notes
        if index is None or not notes:
            return []
        keys = (self.key(Node(0, 0), row)[0], index.cause_of(row).note_key)
        return [notes[key] for key in keys if key in notes]

    def set_note(self, key: str, text: str) -> None:
        """Keep a note in the session; an empty one is removed."""

        def edit(session: Session) -> None:
            if text.strip():
                session.notes[key] = text.strip()
            else:
                session.notes.pop(key, None)

        if not self._context.change_session(self.tr("note on {0}").format(self._about.get(key, key)), edit):
            self.show_notes()  # what was typed into the list is not what is kept

    def show_notes(self) -> None:
        """List the notes; those of findings that this result does not hold keep their bare key."""
        notes = self._context.session.notes
        missing = set(notes) - set(self._about)
        index = self._context.store.index
        if missing and index is not None:
            self._find(index, missing)
        number = self._notes.show_notes(notes, self._about)
        title = self.tr("Notes {0}").format(number) if number else self.tr("Notes")
        self._context.page_titled.emit("notes", title)

    def _find(self, index: Index, missing: set[str]) -> None:
        table = index.findings
        for row in range(len(table)):
            cause = index.cause_of(row)
            for key, about in (self.key(Node(0, 0), row), (cause.note_key, cause.title)):
                if key in missing:
                    self._about[key] = about
                    missing.discard(key)
            if not missing:
                return

    # --- policy ---
    def read_policy(self) -> None:
        """Read the policy of the session; a bad one is told and the built-in one used."""
        self.policy = None
        path = self._context.session.policy
        if path:
            from kfuncscope.decision.policy import load  # with tables of the engine: no policy is the common case

            try:
                self.policy = load(path)
            except InputError as bad:
                self._context.say(self.tr("Policy not used: {0}").format(bad), failed=True)

    def decide(self, analysis: Analysis, comparison: Comparison | None = None) -> Decision:
        """What the policy says of a result, and of what differs from an earlier one; the built-in one where the session
        names none."""
        from kfuncscope.decision.gate import decide
        from kfuncscope.decision.policy import DEFAULT
        from kfuncscope.report import words  # noqa: F401  read here, not on the GUI thread that shows the decision

        return decide(analysis, self.policy or DEFAULT, comparison=comparison)

    def show_decision(self) -> None:
        """Decide off the GUI thread and tell the summary strip."""
        index = self._context.store.index
        if index is not None:
            analysis, earlier = index.analysis, self._context.session.baseline

            def work(_stop: object) -> Decision:
                return self.decide(analysis, against(earlier, analysis))

            self._context.jobs.quick(work, self._summary.show_decision, key="decision")

    # --- waivers ---
    def ask_waiver(self, node: Node, row: int) -> None:
        """Open the dialog for a waiver on one finding."""
        if row >= 0:
            key, about = self.key(node, row)
            WaiverDialog(self._context.dialogs, self, key, about).show()

    def waive(self, key: str, about: str, owner: str, reason: str, expires: datetime.date) -> bool:
        """Write a waiver into the session's policy file (asking for one where there is none yet) and decide again."""
        session = self._context.session
        path = session.policy
        if not path:
            start = str(Path(self._context.path or "policy").with_name("policy.toml"))
            path = asked_path(self._context.dialogs, self.tr("Policy file"), start, "*.toml", ".toml", replaces=False)
        if not path:
            return False
        try:
            before = Path(path).read_bytes() if Path(path).exists() else None
        except OSError as bad:
            self._refused(str(bad))
            return False
        after = (before or b"") + waiver_text(key, owner, reason, expires, about).encode()
        kept = snapshot(session)
        step = PolicyStep(
            self.tr("waive {0}").format(about), path, (before, after), (kept, kept | {"policy": path}),
            self._put, self._refused,
        )  # fmt: skip
        self._waived = False
        self._context.store.undo.push(step)
        return self._waived

    def _put(self, session: Snapshot) -> None:
        self._waived = True
        self._context.put_session(session)
        self._written()  # the file may have changed where the session did not

    def _refused(self, why: str) -> None:
        self._context.say(self.tr("Cannot write the policy: {0}").format(why), failed=True)


class WaiverDialog(QDialog):
    """Who answers for a finding, why, and until when."""

    def __init__(self, parent: QWidget, notes: Annotations, key: str, about: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Waive"))
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self._notes, self._key, self._about = notes, key, about
        self.owner, self.reason = QLineEdit(), QLineEdit()
        self.expires = QDateEdit(QDate.currentDate().addDays(DAYS))
        self.expires.setDisplayFormat("yyyy-MM-dd")
        self.expires.setCalendarPopup(True)
        for field in (self.expires, self.expires.lineEdit()):
            field.setAccessibleName(self.tr("Until"))
        head = QLabel(about)
        head.setWordWrap(True)
        form = QFormLayout()
        form.addRow(self.tr("Owner"), self.owner)
        form.addRow(self.tr("Reason"), self.reason)
        form.addRow(self.tr("Until"), self.expires)
        buttons = foot(self, QDialogButtonBox.StandardButton.Cancel, self._accept, self.close)
        self.go = QPushButton(self.tr("Waive"))
        self.go.setObjectName("primary")
        self.go.setDefault(True)
        buttons.addButton(self.go, QDialogButtonBox.ButtonRole.AcceptRole)
        stacked(self, 460, head, form, buttons)
        for edit in (self.owner, self.reason):
            edit.textChanged.connect(lambda _: self._check())
        self._check()

    def _check(self) -> None:
        self.go.setEnabled(bool(self.owner.text().strip() and self.reason.text().strip()))

    def _accept(self) -> None:
        day = self.expires.date()
        expires = datetime.date(day.year(), day.month(), day.day())
        if self._notes.waive(self._key, self._about, self.owner.text().strip(), self.reason.text().strip(), expires):
            self.close()
