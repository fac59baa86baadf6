# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The JSON Schema (2020-12) of the analysis form, made from the dataclasses that the form follows.

``python -m kfuncscope.upgrade.jsonschemas`` prints it; ``resources/schema`` holds the published copy.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from enum import StrEnum
from typing import Any

from kfuncscope.decision.exits import Exit
from kfuncscope.decision.gate import State
from kfuncscope.decision.risk import Score
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.causes import CauseLine
from kfuncscope.model.failure import Failure
from kfuncscope.model.unchecked import Elsewhere, Unchecked
from kfuncscope.model.verdict import Verdict
from kfuncscope.upgrade import jsonform

_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    float: {"type": "number"},
}
_LATER: dict[str, frozenset[str]] = {
    "Analysis": frozenset({"proof", "census", "gate", "origins"}),
    "ProgramVerdict": frozenset({"calls"}),
    "Remedy": frozenset({"caption", "loader", "candidates"}),
}
"""Fields that reports of this format's first version do not have, by record: the form only grows."""


def schema() -> dict[str, Any]:
    """The whole schema as plain values."""
    definitions: dict[str, Any] = {}
    analysis = _of(Analysis, definitions)
    shard = _of(jsonform.Shard, definitions)
    scores = {"type": "array", "items": _of(Score, definitions)}
    definitions["Finding"]["properties"]["key"] = {
        "type": "string",
        "description": "Stable name of the finding from run to run: what waivers, notes and baselines refer to.",
        "pattern": "^[0-9a-f]{20}$",
    }
    definitions |= _summary_definitions(scores, definitions)
    properties = {
        "$schema": {"const": jsonform.SCHEMA_ID},
        "format": {"const": jsonform.FORMAT},
        "format_version": {"const": jsonform.VERSION},
        "shard": {"anyOf": [shard, {"type": "null"}]},
        "summary": {"$ref": "#/$defs/Summary"},
        "analysis": analysis,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": jsonform.SCHEMA_ID,
        "title": "Report of kfuncscope: what a kernel upgrade does to BPF programs",
        **_record(properties),
        "$defs": dict(sorted(definitions.items())),
    }


def text() -> str:
    """The schema as the published file has it."""
    return json.dumps(schema(), indent=2) + "\n"


def _record(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or list(properties)}


def _of(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        real = next(a for a in arguments if a is not type(None))
        return {"anyOf": [_of(real, definitions), {"type": "null"}]}
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return {"type": "array", "items": _of(arguments[0], definitions)}
        parts = [_of(a, definitions) for a in arguments]
        return {"type": "array", "prefixItems": parts, "minItems": len(parts), "maxItems": len(parts)}
    if dataclasses.is_dataclass(kind) or (isinstance(kind, type) and issubclass(kind, StrEnum)):
        name = typing.cast(type[Any], kind).__name__
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _definition(typing.cast(type[Any], kind), definitions)
        return {"$ref": f"#/$defs/{name}"}
    return dict(_SCALARS[kind])


def _definition(kind: type[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    said = (kind.__doc__ or "").split("\n\n")[0]
    described = {"description": " ".join(said.split())}
    if kind is Failure:  # open: codes are added from version to version, and reports of before have other words
        return {**described, "type": "string"}
    if issubclass(kind, StrEnum):
        return {**described, "enum": [member.value for member in kind]}
    hints = typing.get_type_hints(kind)
    names = {jsonform.json_name(f): f.name for f in jsonform.form_fields(kind)}
    required = [name for name in names if name not in _LATER.get(kind.__name__, ())]
    return {**described, **_record({key: _of(hints[n], definitions) for key, n in names.items()}, required)}


def _summary_definitions(scores: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    string, count = {"type": "string"}, {"type": "integer", "minimum": 0}
    state = {"enum": [s.value for s in State]}
    keys = {"type": "array", "items": {"$ref": "#/$defs/Finding/properties/key"}}
    signed = {"owner": string, "reason": string, "expires": {"type": "string", "format": "date"}}
    waivers = {"type": "array", "items": _record({"scope": string, **signed})}
    decision = {
        "policy": string,
        "day": {"type": "string", "format": "date"},
        "state": state,
        "blocking": keys,
        "review": keys,
        "tolerated": {
            "type": "array",
            "items": _record({"key": {"$ref": "#/$defs/Finding/properties/key"}, **signed}),
        },
        "unread": count,
        "unused": waivers,
        "expired": waivers,
    }
    later = {  # not in reports of earlier versions
        "headline": string,
        "exit": {"enum": [Exit.CLEAR.value, Exit.FAILED.value, Exit.INCOMPLETE.value]},
        "fail_on": {"type": "array", "items": string},
        "reasons": {"type": "array", "items": string},
        "missing": {"type": "array", "items": _record({"where": string, "why": string})},
    }
    arch = {
        "arch": string,
        "old": string,
        "new": string,
        "verdict": {"$ref": "#/$defs/Verdict"},
        "programs": _record({v.value: count for v in Verdict}),
        "state": {"anyOf": [state, {"type": "null"}]},
    }
    return {
        "Decision": {
            "description": "What a policy said of the analysis on a day.",
            **_record(decision | later, list(decision)),
        },
        "Summary": {
            "description": "What the analysis comes to; derived from the rest.",
            **_record(
                {
                    "verdict": {"$ref": "#/$defs/Verdict"},
                    "decision": {"anyOf": [{"$ref": "#/$defs/Decision"}, {"type": "null"}]},
                    "arches": {"type": "array", "items": _record(arch | {"inferred": {"type": "boolean"}}, list(arch))},
                    "risk": _record(dict.fromkeys(("arches", "packages", "objects", "programs"), scores)),
                    "unchecked": {"type": "array", "items": _of(Unchecked, definitions)},
                    "elsewhere": {"type": "array", "items": _of(Elsewhere, definitions)},
                    "causes": {"type": "array", "items": _of(CauseLine, definitions)},
                },
                ["verdict", "decision", "arches", "risk"],
            ),
        },
    }


if __name__ == "__main__":
    print(text(), end="")
