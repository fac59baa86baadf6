# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a commit says of itself, and the first release that has it. The text is anybody's: one line, nothing unseen."""

from __future__ import annotations

import re
from typing import NamedTuple

from kfuncscope.commits.git import Git
from kfuncscope.knowledge.levels import level_key

_SUBJECT, _AUTHOR = 160, 80
_LINK = re.compile(r"^[ \t]*Link:[ \t]*(https?://[\w.~:/?#@!$&*+,;=%-]{1,300})[ \t]*(?:#[^\n]*)?$", re.M | re.A)
_UPSTREAM = re.compile(
    r"^[ \t]*(?:commit ([0-9a-f]{40}) upstream\.?|\[ Upstream commit ([0-9a-f]{40}) \])[ \t]*$", re.M
)
_DISCUSSION = ("lore.kernel.org/", "patch.msgid.link/", "lkml.kernel.org/r/")
_RELEASE = re.compile(r"v\d{1,3}\.\d{1,4}(?:\.\d{1,4})?")


class Message(NamedTuple):
    """The parts of a commit that a report shows."""

    author: str
    date: str
    subject: str
    link: str
    upstream: str


def message(git: Git, commit: str) -> Message:
    """Author, author's date, subject, link to the discussion and upstream commit."""
    out = git.run("show", "-s", "--no-color", "--date=short", "--format=%an%x00%ad%x00%s%x00%B", commit)
    author, date, subject, body = [*out.decode("utf-8", "replace").split("\0", 3), "", "", ""][:4]
    links = _LINK.findall(body)
    link = next((one for one in links if any(place in one for place in _DISCUSSION)), links[0] if links else "")
    upstream = _UPSTREAM.search(body)
    return Message(
        _plain(author, _AUTHOR), date if re.fullmatch(r"\d{4,5}-\d\d-\d\d", date) else "", _plain(subject, _SUBJECT),
        link, (upstream[1] or upstream[2]) if upstream else "",
    )  # fmt: skip


def _plain(text: str, most: int) -> str:
    """The text on one line, what cannot be seen escaped, no longer than ``most``."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: most + 1])
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def release_tags(git: Git) -> list[str]:
    """Tags of releases, ``v6.12`` and ``v6.12.1``, oldest first; candidates are left out."""
    out = git.run("tag", "--list", "v[0-9]*", literal=False)
    tags = [t for t in out.decode("utf-8", "replace").split() if _RELEASE.fullmatch(t)]
    return sorted(tags, key=lambda tag: level_key(tag[1:]) or ())


def first_release(git: Git, commit: str, tags: list[str], new: str) -> str:
    """The first tag that has a commit, by bisection: a series has what its point before had; empty where none has."""
    point = level_key(new[1:]) or ()
    heads = [t for t in tags if t.count(".") == 1]
    own = [t for t in tags if t.count(".") == 2 and (level_key(t[1:]) or ())[:2] == point[:2]]
    for listed in (heads, own):
        if not listed or not git.has(commit, f"refs/tags/{listed[-1]}"):
            continue
        low, high = 0, len(listed) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if git.has(commit, f"refs/tags/{listed[middle]}") else (middle + 1, high)
        return listed[low]
    return ""


def release_tag(git: Git, release: str) -> tuple[str, str]:
    """(tag, commit) of a kernel's release: of its very point, else of its series; empty where there is neither."""
    key = level_key(release) or ()
    for parts in (key, key[:2]):
        tag = "v" + ".".join(map(str, parts))
        if len(parts) >= 2 and not (len(parts) == 3 and parts[2] == 0) and (commit := git.resolve(tag)):
            return tag, commit
    return "", ""
