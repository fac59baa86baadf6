# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A policy says what blocks an upgrade, what is tolerated until when, and how risk is weighed; one TOML file.

``decision.gate`` makes a decision of it.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from kfuncscope.arch import arch_named
from kfuncscope.errors import SessionError
from kfuncscope.intake import loaders
from kfuncscope.model.causes import cause_key
from kfuncscope.model.rows import Row
from kfuncscope.model.verdict import Confidence, NeedKind, Verdict
from kfuncscope.storage.read import read_bounded, shown
from kfuncscope.storage.text import read_toml

_GLOBS = ("arch", "object", "package", "program", "name", "rule", "key", "cause")
_WORDS: dict[str, type[StrEnum]] = {"verdict": Verdict, "confidence": Confidence, "kind": NeedKind}
_LIMIT = 4 << 20
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which findings a rule or waiver is about: every part that is given must match; lists match by any member.

    All parts but ``verdict``, ``confidence`` and ``kind`` are shell globs, matched with case. A ``cause`` is one change
    of the kernel with all that it hits, as ``check --group cause`` says it: ``tracepoint xdp_redirect_map removed``.
    """

    verdict: tuple[str, ...] = ()
    confidence: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    arch: tuple[str, ...] = ()
    object: tuple[str, ...] = ()
    package: tuple[str, ...] = ()
    program: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    cause: tuple[str, ...] = ()

    def matches(self, row: Row) -> bool:
        """Whether the row is within this scope."""
        finding = row.finding
        exact = ((self.verdict, finding.verdict), (self.confidence, finding.confidence), (self.kind, finding.kind))
        if any(wanted and has.value not in wanted for wanted, has in exact):
            return False
        globs = (
            (self.arch, (row.arch,)),
            (self.object, (row.object,)),
            (self.package, (row.package,)),
            (self.program, (row.program,)),
            (self.name, (finding.name,)),
            (self.rule, finding.rules),
            (self.key, (row.key,)),
            (self.cause, (cause_key(row).title,) if self.cause else ()),
        )
        return all(not wanted or _any_glob(wanted, has) for wanted, has in globs)

    def words(self) -> str:
        """The scope as a person would say it."""
        parts = [f"{part}={','.join(getattr(self, part))}" for part in (*_WORDS, *_GLOBS) if getattr(self, part)]
        return " ".join(parts) or "everything"


def _any_glob(patterns: tuple[str, ...], values: tuple[str, ...]) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns for value in values)


@dataclass(frozen=True, slots=True)
class Waiver:
    """Findings that somebody answers for until a day; the day itself still counts."""

    owner: str
    reason: str
    expires: datetime.date
    scope: Scope


@dataclass(frozen=True, slots=True)
class Policy:
    """What blocks, what asks for a review, what is tolerated; ``weights`` are those of ``decision.risk``.

    ``loaders`` maps patterns of objects, packages and paths to the loader that they are for (R-12.20).
    """

    name: str
    block: tuple[Scope, ...]
    review: tuple[Scope, ...]
    waivers: tuple[Waiver, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    loaders: Mapping[str, str] = field(default_factory=dict)


DEFAULT = Policy(
    name="built-in",
    block=(Scope(verdict=("BREAKS",)), Scope(verdict=("SILENT",), confidence=("high", "medium"))),
    review=(Scope(verdict=("SILENT", "RISK", "UNKNOWN")),),
)


def today() -> datetime.date:
    """The day of the run; SOURCE_DATE_EPOCH sets it, so that a report can be made again byte for byte."""
    return now().date()


def now() -> datetime.datetime:
    """The moment of the run in UTC, from SOURCE_DATE_EPOCH where that is set."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    try:
        if epoch:
            return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
    except (ValueError, OverflowError, OSError) as bad:
        raise SessionError("SOURCE_DATE_EPOCH", f"not a number of seconds since 1970: {epoch[:40]!r}") from bad
    return datetime.datetime.now(datetime.UTC)


def load(path: str | Path) -> Policy:
    """Read a policy file. Raises InputError naming the file, and the entry at fault."""
    return parse(read_bounded(path, _LIMIT), shown(path))


def parse(data: bytes, source: str = "policy") -> Policy:
    """A policy from the bytes of its file; unknown words are errors, for a misspelt rule would never block."""
    top = read_toml(data, source)
    reader = _Reader(source)
    reader.known("policy", top, {"version", "name", "block", "review", "waiver", "risk", "loader"})
    if top.get("version", 1) != 1:
        raise SessionError(source, f"version {top['version']!r} of the policy format is not known")
    block = reader.tables(top, "block", reader.rule)
    review = reader.tables(top, "review", reader.rule)
    return Policy(
        name=reader.text("policy", top, "name", Path(source).name),
        block=DEFAULT.block if block is None else block,
        review=DEFAULT.review if review is None else review,
        waivers=reader.tables(top, "waiver", reader.waiver) or (),
        weights=reader.weights(top),
        loaders={pattern: name for pair in reader.tables(top, "loader", reader.loader) or () for pattern, name in pair},
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns the tables of a policy file into its parts."""

    source: str

    def fail(self, where: str, why: str) -> SessionError:
        """The error for an entry of the file."""
        return SessionError(self.source, f"{where}: {why}")

    def known(self, where: str, table: Mapping[str, Any], words: set[str]) -> None:
        """Refuse words that a table does not have."""
        strange = sorted(set(table) - words)
        if strange:
            raise self.fail(where, f"unknown entry {strange[0][:80]!r}; known are {', '.join(sorted(words))}")

    def tables(
        self, top: Mapping[str, Any], name: str, make: Callable[[str, dict[str, Any]], T]
    ) -> tuple[T, ...] | None:
        """Each [[name]] table as ``make`` reads it; None where there is none."""
        if name not in top:
            return None
        listed = top[name]
        if not isinstance(listed, list) or not all(isinstance(t, dict) for t in listed):
            raise self.fail(name, f"write each one as a [[{name}]] table")
        return tuple(make(f"{name} {i}", table) for i, table in enumerate(listed, 1))

    def rule(self, where: str, table: dict[str, Any]) -> Scope:
        """A table that is nothing but a scope."""
        self.known(where, table, {*_WORDS, *_GLOBS})
        return self.scope(where, table)

    def scope(self, where: str, table: Mapping[str, Any]) -> Scope:
        """What findings a table speaks of."""
        given = {part: self.strings(where, table, part) for part in (*_WORDS, *_GLOBS)}
        given["arch"] = tuple(arch_named(word) or word for word in given["arch"])
        for part, words in _WORDS.items():
            allowed = [w.value for w in words]
            strange = [v for v in given[part] if v not in allowed]
            if strange:
                raise self.fail(where, f"{part} {strange[0][:80]!r} is none of {', '.join(allowed)}")
        return Scope(**given)

    def strings(self, where: str, table: Mapping[str, Any], part: str) -> tuple[str, ...]:
        """One string or a list of them, as a tuple."""
        value = table.get(part, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(v, str) and v for v in listed):
            raise self.fail(where, f"{part} must be a string or a list of strings")
        if part in table and not listed:
            raise self.fail(where, f"{part} is empty: it would match nothing")
        return tuple(listed)

    def text(self, where: str, table: Mapping[str, Any], part: str, default: str = "") -> str:
        """A text that must not be empty."""
        value = table.get(part, default)
        if not isinstance(value, str) or not value.strip():
            raise self.fail(where, f"{part} must be a non-empty text")
        return value

    def waiver(self, where: str, table: dict[str, Any]) -> Waiver:
        """A waiver: owner, reason, last day, and a scope that names something."""
        self.known(where, table, {"owner", "reason", "expires", *_WORDS, *_GLOBS})
        scope = self.scope(where, table)
        if not any((scope.object, scope.package, scope.program, scope.name, scope.rule, scope.key, scope.cause)):
            raise self.fail(
                where, "needs an object, package, program, name, rule, key or cause: it must not waive everything"
            )
        expires = table.get("expires")
        if isinstance(expires, datetime.datetime) or not isinstance(expires, datetime.date):
            raise self.fail(where, "expires must be a day such as 2027-01-31")
        return Waiver(self.text(where, table, "owner"), self.text(where, table, "reason"), expires, scope)

    def loader(self, where: str, table: dict[str, Any]) -> tuple[tuple[str, str], ...]:
        """A loader and the objects, packages or paths that it loads, as (pattern, loader)."""
        self.known(where, table, {"loader", "object", "package", "path"})
        name = self.text(where, table, "loader")
        if name not in (*loaders.NAMES, loaders.AUTO):
            raise self.fail(where, f"loader {name[:80]!r} is none of {', '.join((*loaders.NAMES, loaders.AUTO))}")
        patterns = [p for part in ("object", "package", "path") for p in self.strings(where, table, part)]
        if not patterns:
            raise self.fail(where, "needs an object, package or path that the loader loads")
        return tuple((pattern, name) for pattern in patterns)

    def weights(self, top: Mapping[str, Any]) -> dict[str, float]:
        """Weights of the risk score by part, 0 to 100."""
        risk = top.get("risk", {})
        if not isinstance(risk, dict):
            raise self.fail("risk", "write it as a [risk] table")
        self.known("risk", risk, {"weights"})
        given = risk.get("weights", {})
        if not isinstance(given, dict):
            raise self.fail("risk.weights", "write it as a [risk.weights] table")
        self.known("risk.weights", given, {"usage", "age", "alternative", "support"})
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
                raise self.fail("risk.weights", f"{name} must be a number from 0 to 100")
        return {name: float(value) for name, value in given.items()}
