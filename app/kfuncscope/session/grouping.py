# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How given files enter a session: which side a kernel goes to, which parts make one kernel, which pair is studied."""

from __future__ import annotations

import re
from pathlib import Path

from kfuncscope.arch import arch_expression, arch_named
from kfuncscope.session.session import KernelRef, Session

_RELEASE = re.compile(r"(\d+\.\d+(?:\.\d+)?)")
_BUILD = re.compile(r"(\d+(?:\.\d+)+)(?:-(\d+(?:\.\d+)*))?")
_BESIDE = re.compile(
    r"(config|symbols|kallsyms|System\.map|modules)(\.(xz|gz|zst))?$"
)  # parts of the kernel beside them
Release = tuple[int, ...]
OBJECTS, KERNEL, OLD, NEW = "objects", "kernel", "old", "new"
CENSUS = ".jsonl"  # what the names of census files end in


def label_of(path: str) -> str:
    """A short name for a kernel given as a file: the release where the path tells one, else the file's name."""
    parts = Path(path).parts[-2:]
    for part in reversed(parts):
        found = _RELEASE.search(part)
        if found:
            return part if len(part) < 28 else found.group(1)
    return parts[-1] if parts else path


def build_of(path: str) -> tuple[Release, str]:
    """Release and build number, and the architecture's name, as a path tells them: what parts of one kernel share."""
    release: Release = ()
    arch = ""
    for part in Path(path).parts[-2:]:  # the file's own name counts most
        if found := _BUILD.search(part):
            release = tuple(int(n) for text in found.groups("") for n in text.split(".") if n)
        if found := re.search(rf"(?<![a-z\d])({arch_expression()})(?![a-z\d])", part):
            arch = arch_named(found[1]) or ""
    return release, arch


def add_kernel(refs: list[KernelRef], path: str) -> None:
    """Add a kernel's file to a side unless it is there already; parts of one kernel become one."""
    if any(path in ref.files for ref in refs):
        return
    build = build_of(path)
    home = next((ref for ref in refs if build[0] and (_release(ref), arch_told(ref)) == build), None)
    home = home or next((ref for ref in refs if not build[0] and _beside(ref, path)), None)
    if home is None:
        refs.append(KernelRef([path], label=label_of(path) if build[0] else ""))
    else:
        home.files.append(path)


def _beside(ref: KernelRef, path: str) -> bool:
    """Whether a file that names no release lies beside a kernel's files and one of the two is only a part by name."""
    here = [file for file in ref.files if Path(file).parent == Path(path).parent]
    return bool(here) and (_is_part(path) or all(_is_part(file) for file in here))


def _is_part(path: str) -> bool:
    return bool(_BESIDE.match(Path(path).name))


def side_for(session: Session) -> str:
    """Where a kernel goes that tells no release: the old side first, then the new one."""
    return OLD if len(session.old) <= len(session.new) else NEW


def _place(session: Session, paths: list[str]) -> None:
    """Put kernels on sides by the releases that their paths tell, for each architecture: the oldest is the old one, the
    newest the new one, others are steps between. A pair that is there stays; a kernel without another is sorted again.
    """
    builds = {path: build_of(path) for path in paths}
    named = {arch for _, arch in builds.values()} | {arch_told(ref) for ref in session.old + session.new}
    only = max(named) if len(named - {""}) == 1 else ""  # then who tells no architecture has that one
    by_arch: dict[str, list[str]] = {}
    for path, (release, arch) in builds.items():
        if release:
            by_arch.setdefault(arch or only, []).append(path)
            continue
        every = (session.old, session.new, session.path)
        beside = next((refs for refs in every if any(_beside(ref, path) for ref in refs)), None)
        add_kernel(beside or (session.old if side_for(session) == OLD else session.new), path)
    for arch, mine in by_arch.items():
        both = (session.old, session.new)
        old, new = ([r for r in refs if _release(r) and (arch_told(r) or only) == arch] for refs in both)
        releases = {_release(ref) for ref in old + new} | {builds[path][0] for path in mine}
        if old and new:
            sides = {_release(ref): side for refs, side in ((new, session.new), (old, session.old)) for ref in refs}
        elif new and len(releases) == 1:
            sides = {max(releases): session.new}
        else:
            sides = {max(releases): session.new, min(releases): session.old}
            for ref in old + new:
                (session.old if ref in session.old else session.new).remove(ref)
                sides.get(_release(ref), session.path).append(ref)
        for path in mine:
            add_kernel(sides.get(builds[path][0], session.path), path)


def _release(ref: KernelRef) -> Release:
    return build_of(ref.files[0])[0]


def arch_told(ref: KernelRef) -> str:
    """The architecture that the path of a kernel tells, empty where it tells none."""
    return build_of(ref.files[0])[1]


def add(session: Session, paths: list[str], what: str = "") -> int:
    """Add dropped or chosen paths; ``what`` is old, new, kernel, objects, or empty to guess. Returns how many were
    new."""
    from kfuncscope.session.purpose import is_kernel  # reads what files begin with, which a window that opens does not

    before = _count(session)
    told = [path for path in dict.fromkeys(paths) if path.endswith(CENSUS) and path not in session.census]
    session.census += told
    paths = [path for path in paths if not path.endswith(CENSUS)]
    kernels = [path for path in paths if (what or (KERNEL if is_kernel(path) else OBJECTS)) != OBJECTS]
    if what in (OLD, NEW):
        for path in kernels:
            add_kernel(session.old if what == OLD else session.new, path)
    elif kernels:
        known = {file for refs in (session.old, session.new, session.path) for ref in refs for file in ref.files}
        _place(session, [path for path in kernels if path not in known])
    session.objects += [path for path in dict.fromkeys(paths) if path not in {*kernels, *session.objects}]
    return _count(session) - before


def _count(session: Session) -> int:
    kernels = (ref for refs in (session.old, session.new, session.path) for ref in refs)
    return sum(len(ref.files) for ref in kernels) + len(session.objects) + len(session.census)


def name_of(ref: KernelRef) -> str:
    """What a kernel is called in the lists of old and new: its label without the architecture."""
    label = ref.label or ref.release or (label_of(ref.files[0]) if ref.files else "?")
    return re.sub(rf"[-_ .]?\b({arch_expression()})$", "", label)


def groups(session: Session) -> list[tuple[str, list[KernelRef]]]:
    """The kernels that can stand on a side: the old ones together, each step between, the new ones together."""
    steps: dict[str, list[KernelRef]] = {}
    for ref in session.path:
        steps.setdefault(name_of(ref), []).append(ref)
    every = [session.old, *steps.values(), session.new]
    return [(" / ".join(sorted({name_of(r) for r in refs})), refs) for refs in every if refs]


def between(session: Session) -> str:
    """The pair under study, by the names of its groups: ``6.12 → 7.3``."""
    return " → ".join(name for name, refs in groups(session) if refs is session.old or refs is session.new)


def choose(session: Session, old: int, new: int) -> None:
    """Make two groups, by their places, the pair under study; the others go on the path between."""
    every = [list(refs) for _, refs in groups(session)]
    session.path = [r for i, refs in enumerate(every) if i not in (old, new) for r in refs]
    session.old, session.new = every[old], every[new]
