# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The past of what a finding is about, for the detail: its life in a sentence, and the commit that changed it."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication

from kfuncscope.gui.context import Context
from kfuncscope.gui.index import Index
from kfuncscope.gui.widgets.story import Story
from kfuncscope.model.causes import CauseKey
from kfuncscope.model.origin import Origin, origin_of
from kfuncscope.model.verdict import NeedKind

Things = dict[tuple[str, str], str]  # kind and name of a cause -> the sentence about it


def lives(things: list[tuple[str, str]]) -> Things:
    """The sentences about some things. It reads the tables of all levels at first, so never in the thread of the
    window."""
    from kfuncscope.study.life import life_of_cause

    return {thing: life_of_cause(*thing) for thing in things}


class Past(QObject):
    """Keeps the sentences about the causes of the results shown, and tells a thing's past to a story."""

    changed = Signal()  # more sentences are known

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._context = context
        self._lives: Things = {}
        context.result_shown.connect(self._ask)

    def _ask(self, index: Index) -> None:
        """Ask for the sentences that a result needs and that are not known yet."""
        wanted = {(key.kind, key.name) for key in index.hits.causes}
        wanted |= {(kind.value, name) for kind, name in index.needs if kind in (NeedKind.KFUNC, NeedKind.HELPER)}
        missing = sorted(wanted - self._lives.keys())
        if missing:
            self._context.jobs.quick(lambda _stop: lives(missing), self._known, key="lives")

    def _known(self, found: Things) -> None:
        self._lives.update(found)
        self.changed.emit()

    def life(self, kind: str, name: str) -> str:
        """The sentence about a thing, empty while it is not known."""
        return self._lives.get((kind, name), "")

    def tell(self, story: Story, index: Index, key: CauseKey) -> None:
        """What is known of the past of a cause's thing."""
        life = self.life(key.kind, key.name)
        origin = origin_of(index.analysis.origins, key)
        if not life and origin is None:
            return
        story.heading(self.tr("ITS PAST"))
        if life:
            story.text(life)
        if origin is not None:
            self._changed_by(story, key, origin)

    def _changed_by(self, story: Story, key: CauseKey, origin: Origin) -> None:
        if not origin.commit:
            story.muted(self.tr("Changed by: {0}").format(origin.words))
            return
        sure = origin.found.value
        story.text(self.tr("Changed by {0} {1} ({2})").format(sure, origin.commit[:12], origin.subject))
        release = self.tr("first in {0}").format(origin.release) if origin.release else ""
        facts = [
            origin.author,
            origin.date,
            release,
            origin.upstream and f"upstream {origin.upstream[:12]}",
            origin.note,
        ]
        story.muted(" · ".join(filter(None, facts)))
        url = QUrl(origin.link)
        if url.scheme() in ("https", "http") and url.host():
            story.link(origin.link, "", partial(_open, url))
        story.buttons([(self.tr("Copy for a bug report"), partial(_copy, report(key, origin)))])


def report(key: CauseKey, origin: Origin) -> str:
    """The commit as one pastes it into a bug report: what changed, ``Fixes``-like line, release and discussion."""
    lines = [
        key.title,
        f'{origin.found.value} {origin.commit[:12]} ("{origin.subject}")',
        f"{origin.author}, {origin.date}",
    ]
    lines += [f"first in {origin.release}"] if origin.release else []
    lines += [f"between {origin.between}"] if origin.between else []
    lines += [f"upstream {origin.upstream[:12]}"] if origin.upstream else []
    return "\n".join([*lines, *filter(None, (origin.note, origin.link))])


def _open(url: QUrl) -> None:
    QDesktopServices.openUrl(url)


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
