# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which commit of the kernel's history made a change that a cause names, as results carry it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Found(StrEnum):
    """How sure it is: the declaration was read before and after the commit; only likely; or no commit is named."""

    COMMIT = "commit"
    PROBABLY = "probably"
    NO_CHANGE = "no source change"
    NOT_FOUND = "not found"
    NOT_SEARCHED = "not searched"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a kernel's history says of one cause, which ``kind``, ``name`` and ``change`` identify.

    ``commit`` and what follows it are empty where no commit is named; ``note`` then says why. ``release`` is the first
    tag that has the commit, ``upstream`` the commit that a stable commit names as its own origin, ``earlier`` older
    commits between the two releases that changed the same declaration. ``between`` are the two tags that were compared.
    Subject and author are the text of the commit, on one line.
    """

    kind: str
    name: str
    change: str
    found: Found
    between: str = ""
    commit: str = ""
    author: str = ""
    date: str = ""
    subject: str = ""
    release: str = ""
    link: str = ""
    upstream: str = ""
    earlier: tuple[str, ...] = ()
    note: str = ""

    @property
    def words(self) -> str:
        """The answer in one line: ``commit 0123456789ab ("subject"), 2025-01-31, first in v6.14, https://…``."""
        if not self.commit:
            return f"{self.found.value}: {self.note}" if self.note else self.found.value
        parts = [f'{self.found.value} {self.commit[:12]} ("{self.subject}")', f"{self.author}, {self.date}"]
        parts.append(f"first in {self.release}" if self.release else "in no release tag of this clone")
        if self.upstream:
            parts.append(f"upstream {self.upstream[:12]}")
        if self.earlier:
            parts.append(f"changed before by {', '.join(one[:12] for one in self.earlier)}")
        return ", ".join([*parts, *filter(None, (self.note, self.link))])


def origin_of(origins: Iterable[Origin], key: tuple[str, str, str]) -> Origin | None:
    """The origin of a cause by its key; None where none was searched for."""
    return next((one for one in origins if (one.kind, one.name, one.change) == key), None)
