# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Functions that did no more than to call another, perhaps with the folio of their page: that took their place."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kfuncscope.study.renames.chunks import Chunk

LONGEST = 60  # tokens of a body that does no more than to call another
_CALL = re.compile(r"\b([a-z_]\w+)\s*\(")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"\b\w+\b")
_LOCAL = re.compile(r"\b(\w+)\s*=\s*page_folio\(")
_MEMBER = re.compile(r"(?:->|\.)\s*\w+")
_ARGUMENTS = re.compile(r"\b[a-z_]\w+\s*\(([^;]*)\)\s*;")
_FOLIO = "page_folio"
_NO_CALL = frozenset({
    "if", "for", "while", "switch", "return", "sizeof", "likely", "unlikely", "might_sleep", "typeof", "container_of",
    "lockdep_assert_held", "rcu_read_lock", "rcu_read_unlock", "test_bit", "compound_head", "might_fault",
})  # fmt: skip
_BRANCH = re.compile(r"\b(?:if|for|while|switch|goto)\b")


def inner(bodies: Iterable[Chunk]) -> tuple[str, int] | None:
    """The one function that all bodies of a name call, and 2 where it is given the folio of a page, else 1; None where
    they do more."""
    found: set[tuple[str, int]] = set()
    for chunk in bodies:
        head, brace, body = chunk.text.partition("\n{")
        calls = [name for name in _CALL.findall(body) if name not in _NO_CALL and name != chunk.name]
        others = set(calls) - {_FOLIO}
        if (
            not brace
            or not _passes_on(head, body)
            or len(others) != 1
            or _BRANCH.search(body)
            or len(_TOKEN.findall(body)) > LONGEST
        ):
            return None
        found.add((others.pop(), 2 if _FOLIO in calls else 1))
    return found.pop() if len(found) == 1 else None


def _passes_on(head: str, body: str) -> bool:
    """Whether a body gives another function nothing but its own parameters: no constant, no object of the file."""
    mine = set(_WORD.findall(head[head.find("(") :])) | set(_LOCAL.findall(body)) | {_FOLIO}
    arguments = (found.group(1) for found in _ARGUMENTS.finditer(body))
    return all(set(_WORD.findall(_MEMBER.sub("", text))) <= mine for text in arguments)
