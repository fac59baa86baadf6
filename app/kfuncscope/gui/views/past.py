# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The past of what a finding is about, for the detail: its life in a sentence, and the commit that changed it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication

from kfuncscope.gui.context import Context
from kfuncscope.gui.frame.preferences import load
from kfuncscope.gui.index import Index
from kfuncscope.gui.jobs import Job
from kfuncscope.gui.processes.targets import commit_in_process
from kfuncscope.gui.widgets.story import Story
from kfuncscope.model.causes import CauseKey
from kfuncscope.model.origin import Origin, origin_of
from kfuncscope.model.verdict import NeedKind

_JOB = "commit:"
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
        self._cancelled: set[str] = set()  # keys of searches that a person ended
        context.result_shown.connect(self._ask)
        context.clone_changed.connect(self.changed)
        context.session_opened.connect(self._cancelled.clear)
        context.jobs.changed.connect(self._job_news)

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
        story.heading(self.tr("ITS PAST"))
        if life:
            story.text(life)
        if origin is not None:
            self._changed_by(story, key, origin)
        else:
            self._offer(story, index, key)

    def _offer(self, story: Story, index: Index, key: CauseKey) -> None:
        """A button that searches for the commit, or where to say what to search."""
        clone = load(self._context.settings).clone
        if not clone:
            story.muted(self.tr("To find the commit, set the history clone in Preferences."))
        elif any(job.key == _job(key) for job in self._context.jobs.running()):
            story.muted(self.tr("The commit is searched for…"))
        else:
            if _job(key) in self._cancelled:
                story.muted(self.tr("The search for the commit was cancelled."))
            story.buttons([(self.tr("Find the commit"), partial(self._find, index, key, clone))])

    def _find(self, index: Index, key: CauseKey, clone: str) -> None:
        self._cancelled.discard(_job(key))
        cause = index.hits.cause_id(key)
        lanes = (lane for lane in range(index.overall) if bool((index.hits.of((lane,)).cause == cause).any()))
        result = index.arches[next(lanes, 0)]
        self._context.jobs.process(
            commit_in_process, (clone, (result.old.release, result.new.release), key), partial(self._found, index),
            _job(key), self.tr("Find the commit of {0}").format(key.title), lambda parts: parts[0], self._failed,
        )  # fmt: skip
        self.changed.emit()

    def _found(self, index: Index, origin: Origin) -> None:
        """Keep the answer with the result, for reports too."""
        for one in {id(i): i for i in (index, self._context.real) if i is not None}.values():
            if one is index or one.analysis.arches == index.analysis.arches:
                one.analysis = replace(one.analysis, origins=(*one.analysis.origins, origin))
                one.whole = replace(one.whole, origins=(*one.whole.origins, origin))
        self.changed.emit()

    def _job_news(self, job: Job) -> None:
        if job.key.startswith(_JOB) and job.state == "cancelled":
            self._cancelled.add(job.key)
            self.changed.emit()  # the button comes back

    def _failed(self, error: str) -> None:
        self._context.say(self.tr("The commit could not be searched for: {0}").format(error), failed=True)
        self.changed.emit()

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


def _job(key: CauseKey) -> str:
    return _JOB + key.title


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
