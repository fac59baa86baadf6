# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Analyses as JSON and back: one published, versioned form for reports, baselines, shards and other tools.

The form follows the dataclasses; ``schema()`` makes the JSON Schema from the same ones, and the copy in
``resources/schema`` is held equal to it by a test.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import operator
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from kfuncscope.decision.gate import Decision, all_unchecked
from kfuncscope.decision.risk import Risk, assess, known_since
from kfuncscope.errors import SessionError
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.causes import cause_lines, causes_of
from kfuncscope.model.rows import finding_key
from kfuncscope.model.unchecked import elsewhere
from kfuncscope.model.verdict import Finding, ObjectVerdict, Verdict
from kfuncscope.storage.read import read_bounded, shown
from kfuncscope.storage.text import read_json

FORMAT = "kfuncscope-analysis"
VERSION = 1
SCHEMA_ID = f"urn:kfuncscope:schema:analysis:{VERSION}"
SCHEMA_FILE = f"analysis-{VERSION}.schema.json"
LIMIT = 1 << 30
_DEPTH = 40
_LEVELS = 7  # down to the programs of an object


@dataclass(frozen=True, slots=True)
class Shard:
    """Which part of a farm's work a report holds: part ``index`` of ``count``, counted from 1."""

    index: int
    count: int


def encode(analysis: Analysis, decision: Decision | None = None, shard: Shard | None = None) -> dict[str, Any]:
    """The JSON form as plain values. Every finding also carries its ``key``; reading ignores it, it is derived."""
    plain: dict[str, Any] = json.loads(_text(_form(analysis, decision, shard), 0))
    return plain


def _form(analysis: Analysis, decision: Decision | None, shard: Shard | None) -> dict[str, Any]:
    """The JSON form, its leaves still our own records."""
    return {
        "$schema": SCHEMA_ID,
        "format": FORMAT,
        "format_version": VERSION,
        "shard": shard,
        "summary": _summary(analysis, decision),
        "analysis": _keyed(analysis),
    }


def dumps(analysis: Analysis, decision: Decision | None = None, shard: Shard | None = None) -> bytes:
    """The JSON form as bytes: pure ASCII, one way to write each analysis, each program on a line of its own."""
    return (_text(_form(analysis, decision, shard), _LEVELS) + "\n").encode("ascii")


def _shallow(record: Any) -> dict[str, Any]:
    """A dataclass as a dict of its values as they are, by the names of the form (``json_name``)."""
    names, values = _reader(record.__class__)
    return dict(zip(names, values(record), strict=True))


@functools.cache
def _reader(kind: Any) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Names that a dataclass's fields have in the form, and what reads them all at once."""
    fields = form_fields(kind)
    names, first = tuple(f.name for f in fields), fields[0].name
    read = operator.attrgetter(*names) if len(names) > 1 else lambda record: (getattr(record, first),)
    return tuple(map(json_name, fields)), read


def form_fields(kind: Any) -> tuple[dataclasses.Field[Any], ...]:
    """The fields of a dataclass that the form has: all but those that are named ``""`` there."""
    return tuple(f for f in dataclasses.fields(kind) if json_name(f))


def json_name(field: dataclasses.Field[Any]) -> str:
    """The name of a field in the form: its own, or the one that the form has for it (``metadata={"json": NAME}``)."""
    name: str = field.metadata.get("json", field.name)
    return name


def plain(record: Any) -> Any:
    """Any dataclass of the form as plain values."""
    return json.loads(_encode(record))


_encode = json.JSONEncoder(default=_shallow).encode


def _text(value: Any, levels: int, before: str = "\n") -> str:
    """JSON with line breaks in the outer levels. An indent all the way down would be the standard library's slow path,
    and took longer than judging."""
    if levels and dataclasses.is_dataclass(value):
        value = _shallow(value)
    if not levels or not value or not isinstance(value, dict | list | tuple):
        return _encode(value)
    inner = before + " "
    if isinstance(value, dict):
        rows, ends = [f"{_encode(k)}: {_text(v, levels - 1, inner)}" for k, v in value.items()], "{}"
    else:
        rows, ends = [_text(v, levels - 1, inner) for v in value], "[]"
    return f"{ends[0]}{inner}{f',{inner}'.join(rows)}{before}{ends[1]}"


def loads(data: bytes, source: str) -> tuple[Analysis, Shard | None]:
    """An analysis from bytes of its JSON form. Raises SessionError naming the source and the entry at fault."""
    top = read_json(data, source)
    if not isinstance(top, dict) or top.get("format") != FORMAT:
        raise SessionError(source, f"not a report of kfuncscope: no format {FORMAT!r}")
    if top.get("format_version") != VERSION:
        raise SessionError(source, f"format version {top.get('format_version')!r}; this program reads {VERSION}")
    analysis = decode(Analysis, top.get("analysis"), source, "analysis")
    shard = top.get("shard")
    return analysis, None if shard is None else decode(Shard, shard, source, "shard")


def load(path: str | Path) -> tuple[Analysis, Shard | None]:
    """An analysis from a JSON report file. Raises InputError naming the file, and the entry at fault."""
    return loads(read_bounded(path, LIMIT), shown(path))


def _summary(analysis: Analysis, decision: Decision | None) -> dict[str, Any]:
    arches = []
    for result in analysis.arches:
        counts = result.counts()
        entry: dict[str, Any] = {"arch": result.arch, "old": result.old.label, "new": result.new.label}
        entry["verdict"] = result.verdict.value
        entry["programs"] = {v.value: counts[v] for v in Verdict}
        entry["state"] = decision.arch(result.arch).state.value if decision and not result.inferred else None
        entry["inferred"] = result.inferred
        arches.append(entry)
    return {
        "verdict": analysis.verdict.value,
        "decision": _decision(decision),
        "unchecked": [_shallow(one) for one in all_unchecked(analysis, decision)],
        "elsewhere": [_shallow(one) for one in elsewhere(analysis)],
        "causes": [_shallow(one) for one in cause_lines(causes_of(analysis))],
        "arches": arches,
        "risk": _risk(assess(analysis, decision.weights if decision else None, known_since)),
    }


def _risk(risk: Risk) -> dict[str, Any]:
    """Scores with their factors: findings by key, the rest by what they are about."""
    return {"arches": risk.arches, "packages": risk.packages, "objects": risk.objects, "programs": risk.programs}


def _decision(decision: Decision | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    waivers = {"unused": decision.unused, "expired": decision.expired}
    return {
        "policy": decision.policy,
        "day": decision.today.isoformat(),
        "state": decision.state.value,
        "headline": decision.headline,
        "exit": decision.exit.value,
        "fail_on": decision.fail_on,
        "reasons": decision.reasons,
        "missing": [{"where": one.where, "why": one.why} for one in decision.missing],
        "blocking": [row.key for row in decision.blocking],
        "review": [row.key for row in decision.review],
        "tolerated": [
            {"key": row.key, "owner": w.owner, "reason": w.reason, "expires": w.expires.isoformat()}
            for row, w in decision.tolerated
        ],
        "unread": decision.unread,
        **{
            word: [
                {"scope": w.scope.words(), "owner": w.owner, "reason": w.reason, "expires": w.expires.isoformat()}
                for w in listed
            ]
            for word, listed in waivers.items()
        },
    }


@functools.cache
def _fields(kind: Any) -> tuple[tuple[str, str, Any, bool], ...]:
    """Name, name in the form, type and whether it may be left out, of each field of a dataclass."""
    hints = typing.get_type_hints(kind)
    missing = dataclasses.MISSING
    return tuple(
        (f.name, json_name(f), hints[f.name], f.default is not missing or f.default_factory is not missing)
        for f in form_fields(kind)
    )


def _keyed(analysis: Analysis) -> dict[str, Any]:
    """The analysis with the key of every finding of an object added."""
    return _shallow(analysis) | {
        "arches": [
            _shallow(result) | {"objects": [_keyed_object(result.arch, obj) for obj in result.objects]}
            for result in analysis.arches
        ]
    }


def _keyed_object(arch: str, obj: ObjectVerdict) -> dict[str, Any]:
    def keyed(program: str, findings: tuple[Finding, ...]) -> dict[str, Any]:
        return {"findings": [_shallow(f) | {"key": finding_key(arch, obj.object, program, f)} for f in findings]}

    programs = [_shallow(program) | keyed(program.program, program.findings) for program in obj.programs]
    return _shallow(obj) | {"programs": programs} | keyed("", obj.findings)


def decode(kind: Any, value: Any, source: str, where: str, depth: int = 0) -> Any:
    """A value of the given type from its plain form: dataclass, tuple, enum, optional or scalar.

    Fields that the type does not know are ignored, so that later minor additions stay readable.
    """
    if depth > _DEPTH:
        raise SessionError(source, f"{where[:200]}: nested too deeply")
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        real = next(a for a in arguments if a is not type(None))
        return None if value is None else decode(real, value, source, where, depth + 1)
    if origin is tuple:
        return _decode_tuple(arguments, value, source, where, depth)
    if dataclasses.is_dataclass(kind):
        return _decode_record(kind, value, source, where, depth)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        try:
            return kind(value)
        except ValueError as bad:
            raise SessionError(source, f"{where}: {str(value)[:80]!r} is not a known {kind.__name__}") from bad
    if type(value) is not kind:
        raise SessionError(source, f"{where}: {kind.__name__} expected, found {type(value).__name__}")
    return value


def _decode_tuple(arguments: tuple[Any, ...], value: Any, source: str, where: str, depth: int) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise SessionError(source, f"{where}: a list expected, found {type(value).__name__}")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(decode(arguments[0], v, source, f"{where}[{i}]", depth + 1) for i, v in enumerate(value))
    if len(value) != len(arguments):
        raise SessionError(source, f"{where}: {len(arguments)} values expected, found {len(value)}")
    pairs = enumerate(zip(arguments, value, strict=True))
    return tuple(decode(kind, v, source, f"{where}[{i}]", depth + 1) for i, (kind, v) in pairs)


def _decode_record(kind: Any, value: Any, source: str, where: str, depth: int) -> Any:
    if not isinstance(value, Mapping):
        raise SessionError(source, f"{where}: an object expected, found {type(value).__name__}")
    given: dict[str, Any] = {}
    for name, key, hint, optional in _fields(kind):
        if key in value:
            given[name] = decode(hint, value[key], source, f"{where}.{key}", depth + 1)
        elif not optional:
            raise SessionError(source, f"{where}: {key} is missing")
    return kind(**given)
