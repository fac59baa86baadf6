# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Flavours: a struct of one kernel with nothing but the member that is meant, under a name of its own (R-2.9, R-3.1).

libbpf drops what follows ``___`` before it looks for the struct, so that both layouts can stand in one program.
"""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.btf.blob import Blob, Member
from kfuncscope.btf.declare import members_flat
from kfuncscope.btf.layout import COMPOSITES, ENUMS, Kind
from kfuncscope.remedy.ctext import NoCodeError, Types, name
from kfuncscope.rules.core.spec import Spec

ATTRIBUTE = "__attribute__((preserve_access_index))"


class Flavour(NamedTuple):
    """One member of one kernel as C: ``root`` is the type to cast to, ``path`` what follows ``->``.

    ``lines`` declare it. ``kind`` is ``bits``, ``scalar`` or ``whole`` (arrays and structs); ``value`` is the type that
    a function returns for it, empty for ``whole``.
    """

    lines: tuple[str, ...]
    root: str
    path: str
    kind: str
    value: str


class _Step(NamedTuple):
    member: Member
    places: tuple[int, ...]


def flavour(spec: Spec, other: Blob | None, suffix: str) -> Flavour:
    """The member at the end of a spec. Raises NoCodeError where it cannot be written as C."""
    blob = spec.blob
    if not spec.steps or spec.steps[0].place:
        raise NoCodeError("an array of structs")
    steps = _steps(spec)
    types = Types(blob, other, suffix)
    inner: list[str] = []
    text = _member(types, steps, 0, suffix, inner)
    root = name(blob.name(spec.root))
    typedef = blob.kind(spec.root) == Kind.TYPEDEF
    keyword = "union" if blob.kind(blob.skip(spec.root)) == Kind.UNION else "struct"
    if typedef:
        declared = f"typedef {keyword} {{\n\t{text};\n}} {ATTRIBUTE} {root}___{suffix};"
    else:
        declared = f"{keyword} {root}___{suffix} {{\n\t{text};\n}} {ATTRIBUTE};"
    kind, value = _value(types, steps[-1])
    spelled = f"{root}___{suffix}" if typedef else f"{keyword} {root}___{suffix}"
    path = ".".join(name(s.member.name) + "".join(f"[{p}]" for p in s.places) for s in steps)
    return Flavour((*types.lines, *inner, declared), spelled, path, kind, value)


def _steps(spec: Spec) -> list[_Step]:
    """The named members on the way, each with the array places that follow it."""
    made: list[_Step] = []
    for step in spec.steps[1:]:
        if step.name:
            made.append(_Step(spec.blob.members(step.type)[step.place], ()))
        elif not made:
            raise NoCodeError("an array of structs")
        else:
            made[-1] = _Step(made[-1].member, (*made[-1].places, step.place))
    if not made:
        raise NoCodeError("no member")
    return made


def _member(types: Types, steps: list[_Step], at: int, suffix: str, inner: list[str]) -> str:
    """The declaration of one member; flavours of the structs inside it go to ``inner``."""
    member = steps[at].member
    called = name(member.name)
    if at + 1 == len(steps):
        text = types.text(member.type, called)
        if member.bit_size:
            text += f":{member.bit_size}"
        return text.replace("[]", "[0]")
    if _shared(types, member.type, steps[at + 1].member.name):
        return types.text(member.type, called).replace("[]", "[0]")
    blob, bare, dims = types.blob, types.blob.skip(member.type), ""
    while blob.kind(bare) == Kind.ARRAY:
        array = blob.array(bare)
        dims += f"[{array.nelems}]"
        bare = blob.skip(array.type)
    if blob.kind(bare) not in COMPOSITES:
        raise NoCodeError(called)
    keyword = "union" if blob.kind(bare) == Kind.UNION else "struct"
    below = _member(types, steps, at + 1, suffix, inner)
    if not blob.name(bare):
        return f"{keyword} {{ {below}; }} {called}{dims}"
    made = f"{keyword} {name(blob.name(bare))}___{suffix}"
    inner.append(f"{made} {{\n\t{below};\n}} {ATTRIBUTE};")
    return f"{made} {called}{dims}"


def _shared(types: Types, type_id: int, following: str) -> bool:
    """Whether both kernels have the type under the same name, with the member that is asked of it."""
    blob, other = types.blob, types.other
    while blob.kind(type_id) == Kind.ARRAY:
        type_id = blob.array(type_id).type
    called, kind = blob.name(type_id), blob.kind(type_id)
    if other is None or not called or kind not in (Kind.TYPEDEF, *COMPOSITES):
        return False
    for there in other.find(called, Kind(kind)):
        bare = other.skip(there)
        if other.kind(bare) in COMPOSITES and any(m.name == following for m in members_flat(other, bare)):
            return True
    return False


def _value(types: Types, last: _Step) -> tuple[str, str]:
    blob, type_id = types.blob, last.member.type
    for _ in last.places:
        type_id = blob.array(blob.skip(type_id)).type
    kind = blob.kind(blob.skip(type_id))
    if last.member.bit_size:
        return "bits", types.text(type_id)
    if kind == Kind.INT or kind == Kind.PTR or kind in ENUMS:
        return "scalar", types.text(type_id)
    return "whole", ""
