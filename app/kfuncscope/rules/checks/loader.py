# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A loader that is too old: it cannot read the kernel's BTF or the object's own, or does not know a section or a form
that the object has (R-12.20).

It concerns the package that ships the loader. Only a loader whose newest possible version is known is judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from kfuncscope.bpf.maps import MAP_TYPE_PROG_ARRAY
from kfuncscope.bpf.object import BpfObject, Program, Ref
from kfuncscope.bpf.sections import row_of
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import NR_KINDS, Kind
from kfuncscope.knowledge.versions import LoaderFacts, Version, loaders, version_of
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import NeedKind, Reach
from kfuncscope.rules.context import Context
from kfuncscope.rules.problem import Message, Problem, say

SHORT_HEADER = 24  # bytes of the header of BTF before it could have a layout

NAMED_DATA = {".data.": "named_data", ".bss.": "named_data", ".rodata.": "named_rodata"}
FORMS = {
    "optional": 'programs that are off by default (SEC("?..."))', "named_data": "data sections of their own names",
    "named_rodata": "read-only data sections of their own names",
    "slots": "prog arrays whose definition fills slots", "kconfig": "values of the kernel's configuration",
    "kfuncs": "calls of kfuncs", "weak_kfuncs": "weak kfuncs", "ksyms": "variables of the kernel",
    "struct_ops": "tables of struct_ops",
}  # fmt: skip

Found = list[tuple[Problem, frozenset[str]]]


def loader_problems(ctx: Context, needs_btf: bool) -> Found:
    """What the object's loader cannot read, each with the programs that it does not load for that.

    ``needs_btf``: the object makes its loader read the kernel's BTF at all.
    """
    told = ctx.obj.loader
    facts = loaders().get(told.name)
    if facts is None or not told.newest:
        return []
    version, vmlinux = version_of(told.newest), ctx.kernel.vmlinux
    words = {"name": f"{facts.title} {told.newest}", "title": facts.title}
    words["where"] = f" in {told.where}" if told.where else ""
    found: Found = []
    if needs_btf and vmlinux is not None and (lacks := unread(facts, version, vmlinux)):
        text = "{name}{where} stops at {what} in the BTF of {kernel}; {title} reads it since {since}"
        message = say(text, what=lacks[0], since=_text(lacks[1]), **words)
        found.append((_problem(words["name"], message), frozenset(p.name for p in ctx.obj.programs)))
    if (own := unread_object(facts, version, ctx.obj)) is not None:
        text = "{name}{where} stops at {what} in the BTF of the object itself; {title} reads it since {since}"
        message = say(text, what=own[0], since=_text(own[1]), **words)
        found.append((_problem(words["name"], message), frozenset(p.name for p in ctx.obj.programs)))
    for what, users in forms(ctx.obj).items():
        since = facts.forms.get(what)
        if since is not None and since > version:
            text = "{name}{where} does not know {form}, which {title} has since {since}"
            message = say(text, form=FORMS[what], since=_text(since), **words)
            found.append((_problem(words["name"], message, left_out=facts.skips and what == "optional"), users))
    for program in ctx.obj.programs:
        if since := unknown_section(facts, version, program):
            text = '{name}{where} does not know section "{section}", which {title} has since {since}'
            message = say(text, section=program.section.name, since=_text(since), **words)
            found.append((_problem(words["name"], message, left_out=facts.skips), frozenset({program.name})))
    return found


def unread(facts: LoaderFacts, version: Version, blob: Blob) -> tuple[str, Version] | None:
    """What in a BTF a loader of this version does not read, and since when later ones do; the last that came."""
    kinds = blob.kind_counts()
    known = {Kind(kind).name for kind in kinds if kind < NR_KINDS}
    late = [(since, f"BTF_KIND_{kind}") for kind, since in facts.kinds.items() if kind in known and since > version]
    if facts.header is not None and blob.header.hdr_len > SHORT_HEADER and version < facts.header:
        late.append((facts.header, f"a header of {blob.header.hdr_len} bytes"))
    if facts.layout is not None and max(kinds, default=0) >= NR_KINDS and version < facts.layout:
        late.append((facts.layout, "kinds of types that only its layout section tells"))
    since, what = max(late, default=((), ""))
    return (what, since) if what else None


def unread_object(facts: LoaderFacts, version: Version, obj: BpfObject) -> tuple[str, Version] | None:
    """What in the object's own BTF a loader does not read, and since when later ones do.

    libbpf goes on without that BTF where the object has nothing that is declared in it (libbpf_needs_btf).
    """
    declared = bool(obj.externs or obj.struct_ops or any(one.section == ".maps" for one in obj.maps.values()))
    if obj.btf is None or not (declared or facts.own_btf):
        return None
    return unread(facts, version, obj.btf)


def forms(obj: BpfObject) -> dict[str, frozenset[str]]:
    """What the object has that loaders learned to read at some time: the word for it, and the programs that have it."""
    found: dict[str, set[str]] = {}
    for program in obj.programs:
        if not program.section.autoload:
            found.setdefault("optional", set()).add(program.name)
        for ref in (ref for function in program.functions for ref in function.refs.values()):
            for what in _forms_of(obj, ref):
                found.setdefault(what, set()).add(program.name)
        if program.section.prog_type == "STRUCT_OPS" and obj.struct_ops:
            found.setdefault("struct_ops", set()).add(program.name)
    return {what: frozenset(users) for what, users in found.items()}


def _forms_of(obj: BpfObject, ref: Ref) -> Iterator[str]:
    """What a loader must know to resolve a relocation."""
    extern = obj.externs.get(ref.name)
    if extern is not None and ref.kind == extern.kind:
        yield {"kfunc": "kfuncs", "kconfig": "kconfig", "ksym": "ksyms"}[extern.kind]
        if extern.kind == "kfunc" and extern.weak:
            yield "weak_kfuncs"
    if ref.kind == "data":
        yield from (what for start, what in NAMED_DATA.items() if ref.name.startswith(start))
    one = obj.maps.get(ref.name) if ref.kind == "map" else None
    if one is not None and one.type == MAP_TYPE_PROG_ARRAY and one.values:
        yield "slots"


def unknown_section(facts: LoaderFacts, version: Version, program: Program) -> Version | None:
    """Since when a loader knows the section of a program, where this version does not."""
    row = row_of(program.section.name)
    if row is None:
        return None
    since = facts.sections.get(row.pattern)
    if row.pattern.endswith("+") and program.section.name == row.pattern[:-1] and facts.bare is not None:
        since = max(since or facts.bare, facts.bare)
    return since if since is not None and since > version else None


def _problem(name: str, message: Message, *, left_out: bool = False) -> Problem:
    """``left_out``: the loader goes on without the program."""
    reach = Reach.PROGRAM if left_out else Reach.OBJECT
    return Problem(NeedKind.LOADER, name, Failure.LOADER_TOO_OLD, ("R-12.20",), message, reach=reach)


def _text(version: Version) -> str:
    return ".".join(map(str, version))
