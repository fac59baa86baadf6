# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A promise: what a set of objects relies on from a kernel, and later kernels checked against it.

Made from objects and one kernel; checked with neither. The readable part lists each thing with its declaration, flags
and users; skeletons of the objects (see ``skeleton``) let the check apply the same rules as an analysis, so that it
names as broken exactly what the analysis of the same objects calls broken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from kfuncscope.bpf.object import BpfObject, Program, read_object
from kfuncscope.errors import InputError, SessionError
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.flags import flag_words
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import NeedKind, Tri
from kfuncscope.promise.restored import Restored, restore
from kfuncscope.promise.skeleton import ObjectSkeleton, Site, reduce_object
from kfuncscope.rules.changes import change
from kfuncscope.rules.changes.evidence import hook_declaration, kfunc_declaration, member_text
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.spec import ENUMVAL_BASED, EXISTENCE
from kfuncscope.rules.hooks.struct_ops import kernel_type
from kfuncscope.rules.judge import ObjectJudgement, judge
from kfuncscope.rules.problem import Problem, Stage
from kfuncscope.storage.files import InputProblem, ObjectFile

Key = tuple[NeedKind, str, str]  # kind, name and ``via`` of an item
Known = tuple[str, str, str, str]  # kind, name, class and stage of a fault: what makes two faults the same


@dataclass(frozen=True, slots=True)
class Item:
    """One thing relied on. ``guarded``: every user tests for it first. ``used_by`` are ``object/program``.

    ``via`` is how programs attach to a hook (``fentry``, ``tp_btf``), empty for other kinds.
    """

    kind: NeedKind
    name: str
    via: str
    declaration: str
    flags: str
    guarded: bool
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One object of a promise with the faults that it already has on the promise's kernel, by program ('' = object).

    ``load_only`` are programs that load there but do not attach: they are promised to go on loading.
    """

    skeleton: ObjectSkeleton
    sha256: str
    packages: tuple[str, ...]
    known: tuple[tuple[str, Known], ...] = ()
    load_only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise of one kernel on one architecture. ``left_out`` names what could not be promised, and why."""

    arch: str
    kernel: str
    release: str
    items: tuple[Item, ...]
    parts: tuple[Part, ...]
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that a kernel no longer gives to ``users`` (``object/program``, or the object alone)."""

    kind: NeedKind
    name: str
    failure: Failure
    rules: tuple[str, ...]
    message: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """A declaration or the flags of something that is still there."""

    kind: NeedKind
    name: str
    before: str
    after: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """The outcome of a check. ``unknown`` are faults that the files do not settle; ``kept`` counts items unharmed."""

    kernel: str
    broken: tuple[Broken, ...]
    changed: tuple[Changed, ...]
    unknown: tuple[Broken, ...]
    kept: int


# -- make


def make(
    files: Iterable[ObjectFile],
    kernel: Kernel,
    section_types: dict[str, str] | None = None,
    only: Mapping[str, Collection[str]] | None = None,
) -> tuple[Promise, list[InputProblem]]:
    """A promise of what the objects rely on from a kernel, and the objects that could not be read.

    ``only``: object → programs; others are left alone. Without it every program counts.
    """
    found: dict[Key, _Wanted] = {}
    parts: list[Part] = []
    left_out: list[tuple[str, str]] = []
    problems: list[InputProblem] = []
    for file in files:
        if only is not None and file.name not in only:
            continue
        try:
            obj = read_object(file.data, file.name, section_types, file.loader)
            if only is not None:
                obj.programs = [p for p in obj.programs if p.name in only[file.name]]
            part = _part(obj, file, kernel, found, left_out)
        except InputError as error:
            problems.append(InputProblem(error.source, error.reason, error.offset))
            continue
        if obj.no_program:
            problems.append(InputProblem(file.name, obj.no_program))
        if part is not None:
            parts.append(part)
    items = tuple(found[key].item(key) for key in sorted(found, key=lambda k: (list(NeedKind).index(k[0]), *k[1:])))
    return Promise(kernel.arch, kernel.label, kernel.release, items, tuple(parts), tuple(left_out)), problems


@dataclass(slots=True)
class _Wanted:
    """An item in the making."""

    declaration: str
    flags: str
    users: dict[str, bool]

    def item(self, key: Key) -> Item:
        """The need as the promise states it, under its key."""
        return Item(*key, self.declaration, self.flags, all(self.users.values()), tuple(sorted(self.users)))


def _part(
    obj: BpfObject,
    file: ObjectFile,
    kernel: Kernel,
    found: dict[Key, _Wanted],
    left_out: list[tuple[str, str]],
) -> Part | None:
    if obj.loader_issue:
        left_out.append((obj.name, obj.loader_issue))
        return None
    if obj.endian != kernel.endian:
        left_out.append((obj.name, "the object is of the other byte order"))
        return None
    judged = judge(obj, kernel)
    programs: list[Program] = []
    load_only: list[str] = []
    known: list[tuple[str, Known]] = [("", _known(f)) for f in judged.problems]
    for one in judged.programs:
        fails = change.works_on(one) == Tri.NO
        if fails and one.loads != Tri.YES:
            first = one.first
            left_out.append((f"{obj.name}/{one.program.name}", first.message if first else "does not work"))
            continue
        if fails:
            load_only.append(one.program.name)
        programs.append(one.program)
        known += [(one.program.name, _known(f)) for f in one.problems]
    if not programs and not obj.externs:
        return None
    skeleton = reduce_object(obj, judged.context, programs)
    restored = restore(skeleton, kernel)
    for kept, program in zip(skeleton.programs, restored.programs, strict=True):
        user = f"{obj.name}/{program.name}"
        for key, wanted, guarded in _needs(Context(restored, kernel), restored, program, kept.sites):
            known_item = found.setdefault(key, wanted)
            known_item.users[user] = known_item.users.get(user, True) and guarded
    packages = tuple(sorted({place.package for place in file.places if place.package}))
    return Part(skeleton, file.sha256, packages, tuple(dict.fromkeys(known)), tuple(load_only))


def _known(fault: Problem) -> Known:
    return fault.kind.value, fault.name, fault.failure.key, fault.stage.value


def _needs(
    ctx: Context, obj: Restored, program: Program, sites: tuple[Site, ...]
) -> Iterable[tuple[Key, _Wanted, bool]]:
    """The readable items of one program: (key, declaration and flags, whether a test keeps it away)."""
    kernel, section = ctx.kernel, program.section
    yield (NeedKind.PROG_TYPE, section.prog_type or "unknown", ""), _Wanted("", "", {}), False
    if section.target and section.prog_type not in ("STRUCT_OPS", "SYSCALL", "EXT"):
        yield (NeedKind.HOOK, section.target, section.kind), _Wanted(hook_declaration(kernel, program), "", {}), False
    for ops in obj.struct_ops:
        for one in ops.members:
            if one.program == program.name:
                name = f"{ops.kernel_type}.{one.member.name}"
                yield (NeedKind.STRUCT_OPS, name, ""), _Wanted(_member(ctx, name), "", {}), False
    for site in sites:
        item = _item(ctx, program, site)
        if item is not None:
            # A test for something does not use it.
            asks = (site.what == "addr" and obj.externs[site.name].weak) or (site.relo and site.relo[2] in EXISTENCE)
            yield item[0], item[1], bool(asks or not site.live or site.flips)


def _item(ctx: Context, program: Program, site: Site) -> tuple[Key, _Wanted] | None:
    kernel, obj = ctx.kernel, ctx.obj
    if site.what in ("call", "addr") and site.name in obj.externs:
        extern = obj.externs[site.name]
        if extern.kind != "kfunc":
            return (NeedKind.KSYM, extern.name, ""), _Wanted("", "", {})
        return (NeedKind.KFUNC, extern.lookup, ""), _Wanted(
            kfunc_declaration(kernel, extern.lookup), kfunc_flags(kernel, extern.lookup), {}
        )
    if site.what == "helper":
        name = kernel.helpers.get(site.number)
        return (NeedKind.HELPER, f"bpf_{name}" if name else f"#{site.number}", ""), _Wanted("", "", {})
    if site.what == "map":
        number = obj.maps[site.name].type
        return (NeedKind.MAP_TYPE, kernel.map_types.get(number, str(number)), ""), _Wanted("", "", {})
    if site.what == "core" and site.relo is not None:
        return _access(ctx, program, site)
    return None


def _access(ctx: Context, program: Program, site: Site) -> tuple[Key, _Wanted] | None:
    """The field, type or enumerator of a CO-RE record that has a target."""
    function = program.function
    for index, position in function.core.items():
        relo = function.relos[position][1]
        if (relo.type_id, relo.access, relo.kind) == site.relo:
            reloc = ctx.relocs(function)[index]
            if reloc.target is None:
                return None
            steps, blob = reloc.target.steps, reloc.target.blob
            name = blob.name(reloc.target.root) + "".join(f".{s.name}" for s in steps if s.name)
            kind = NeedKind.ENUMVAL if relo.kind in ENUMVAL_BASED else NeedKind.FIELD if steps else NeedKind.TYPE
            return (kind, name, ""), _Wanted(_without_place(member_text(blob, steps, 0)), "", {})
    return None


def _without_place(text: str) -> str:
    """A member's declaration alone: its place may change, CO-RE follows it."""
    lines = [line.strip() for line in text.splitlines()]
    return next((line.partition("\t/*")[0] for line in lines if "\t/*" in line), text)


def _member(ctx: Context, name: str) -> str:
    from kfuncscope.btf.declare import type_text

    type_name, _, member = name.partition(".")
    found = kernel_type(ctx, type_name)
    for one in found.blob.members(found.type) if found else ():
        if found and one.name == member:
            return type_text(found.blob, one.type, one.name)
    return ""


def kfunc_flags(kernel: Kernel, name: str) -> str:
    """Flags of a kfunc in words, empty where the kernel has none of that name or does not tell."""
    for module, _, func in kernel.functions(name):
        kfunc = kernel.kfunc(module, func)
        return flag_words(kfunc.flags, kernel.knowledge) if kfunc is not None and kfunc.flags is not None else ""
    return ""


# -- check


def check(promise: Promise, kernel: Kernel) -> Kept:
    """Hold a kernel against a promise; SessionError where the architectures differ or the promise is damaged."""
    if kernel.arch != promise.arch:
        raise SessionError(kernel.label, f"a kernel of {kernel.arch}, but the promise is of {promise.arch}")
    broken: dict[Known, tuple[Problem, dict[str, None]]] = {}
    unknown: dict[Known, tuple[Problem, dict[str, None]]] = {}
    changed: dict[Key, Changed] = {}
    named = {(i.kind, i.name, i.via): i for i in promise.items}
    for part in promise.parts:
        try:
            restored = restore(part.skeleton, kernel)
            judged = judge(restored, kernel)
            _faults(part, judged, broken, unknown)
            for kept, program in zip(part.skeleton.programs, restored.programs, strict=True):
                _changes(judged.context, restored, program, kept.sites, named, changed)
        except (IndexError, KeyError, ValueError, OverflowError, AssertionError) as error:
            raise SessionError(part.skeleton.name, f"damaged promise: {type(error).__name__}: {error}") from error
    hurt = {(f.kind, f.name) for f, _ in broken.values()}
    return Kept(
        kernel=kernel.label,
        broken=_listed(broken),
        changed=tuple(c for key, c in sorted(changed.items()) if key[:2] not in hurt),
        unknown=_listed(unknown),
        kept=sum(key[:2] not in hurt for key in named),
    )


def _faults(
    part: Part,
    judged: ObjectJudgement,
    broken: dict[Known, tuple[Problem, dict[str, None]]],
    unknown: dict[Known, tuple[Problem, dict[str, None]]],
) -> None:
    """Faults that the promise's kernel did not have, as the analysis tells a break from what was broken before."""
    had = set(part.known)
    name = part.skeleton.name
    lists: list[tuple[str, str, list[Problem]]] = []
    if not any(user == "" for user, _ in had):
        lists.append(("", name, judged.problems))
    lists += [(p.program.name, f"{name}/{p.program.name}", p.problems) for p in judged.programs]
    for owner, user, faults in lists:
        certain = {_known(f) for f in faults if f.certain}
        for fault in faults:
            key = _known(fault)
            if (owner, key) in had or fault.failure == Failure.RUNTIME_TARGET:
                continue
            if owner in part.load_only and fault.stage != Stage.LOAD:
                continue
            into = broken if key in certain else unknown
            into.setdefault(key, (fault, {}))[1][user] = None


def _listed(found: dict[Known, tuple[Problem, dict[str, None]]]) -> tuple[Broken, ...]:
    return tuple(
        Broken(f.kind, f.name, f.failure, f.rules, f.message, tuple(sorted(users)))
        for _, (f, users) in sorted(found.items(), key=lambda x: x[0])
    )


def _changes(
    ctx: Context,
    obj: Restored,
    program: Program,
    sites: tuple[Site, ...],
    named: dict[Key, Item],
    changed: dict[Key, Changed],
) -> None:
    for key, now, _ in _needs(ctx, obj, program, sites):
        item = named.get(key)
        if item is None or key in changed or not item.declaration or not now.declaration:
            continue
        sides = []
        for declaration, flags in ((item.declaration, item.flags), (now.declaration, now.flags)):
            sides.append(f"{declaration} [{flags}]" if item.flags and now.flags else declaration)
        if sides[0] != sides[1]:
            changed[key] = Changed(key[0], key[1], sides[0], sides[1], item.used_by)
