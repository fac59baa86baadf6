# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a dropped file is for (kernel or objects), told by name and first bytes; and how it enters the session."""

from __future__ import annotations

import os
import re
from pathlib import Path

from kfuncscope.upgrade.session import KernelRef, Session

_KERNEL_NAME = re.compile(
    r"^(vmlinu[xz]|image\b|bzimage|zimage|kernel-(core|modules|debug)?|linux-(image|modules)|btf[-_.]|system\.map|kallsyms|config-)"
    r"|\.btf(\.xz|\.zst|\.gz)?$|^vmlinux",
    re.IGNORECASE,
)
_RELEASE = re.compile(r"(\d+\.\d+(?:\.\d+)?)")
_ARCH_TAIL = re.compile(r"[-_ .]?\b(x86_64|amd64|arm64|aarch64|s390x|ppc64le|ppc64el|riscv64|loongarch64|armhf|arm)$")
OBJECTS, KERNEL = "objects", "kernel"


def purpose(path: str) -> str:
    """``kernel`` or ``objects``. A wrong guess does no harm: the reader says what it found."""
    name = os.path.basename(path.rstrip("/"))
    if _KERNEL_NAME.search(name):
        return KERNEL
    try:
        if os.path.isdir(path):
            inside = [p.name for p in list(Path(path).iterdir())[:200]]
            return KERNEL if any(_KERNEL_NAME.search(n) for n in inside) else OBJECTS
        with open(path, "rb") as file:
            head = file.read(2)
    except OSError:
        return OBJECTS
    return KERNEL if head in (b"\x9f\xeb", b"\xeb\x9f", b"MZ") else OBJECTS


def label_of(path: str) -> str:
    """A short name for a kernel given as a file: the release where the path tells one, else the file's name."""
    parts = Path(path).parts[-2:]
    for part in reversed(parts):
        found = _RELEASE.search(part)
        if found:
            return part if len(part) < 28 else found.group(1)
    return parts[-1] if parts else path


def add_kernel(session: Session, side: str, path: str) -> KernelRef:
    """Add a kernel to a side (``old``, ``new``) unless it is there already."""
    refs = session.old if side == "old" else session.new
    for ref in refs:
        if path in ref.files:
            return ref
    ref = KernelRef([path], label=label_of(path))
    refs.append(ref)
    return ref


def side_for(session: Session) -> str:
    """Where a kernel goes that was dropped without saying: the old side first, then the new one."""
    return "old" if len(session.old) <= len(session.new) else "new"


def add(session: Session, paths: list[str], what: str = "") -> int:
    """Add dropped or chosen paths; ``what`` is old, new, objects, or empty to guess. Returns how many were new."""
    before = len(session.old) + len(session.new) + len(session.objects)
    for path in paths:
        use = what or (side_for(session) if purpose(path) == KERNEL else OBJECTS)
        if use != OBJECTS:
            add_kernel(session, use, path)
        elif path not in session.objects:
            session.objects.append(path)
    return len(session.old) + len(session.new) + len(session.objects) - before


def remove(session: Session, path: str) -> bool:
    """Take an input away by its path or the end of it; True when something went."""

    def hit(given: str) -> bool:
        return given == path or os.path.basename(given) == os.path.basename(path.split(" › ")[0])

    before = len(session.old) + len(session.new) + len(session.path) + len(session.objects)
    session.objects = [p for p in session.objects if not hit(p)]
    for refs in (session.old, session.new, session.path):
        refs[:] = [r for r in refs if not any(hit(f) for f in r.files)]
    return len(session.old) + len(session.new) + len(session.path) + len(session.objects) < before


def name_of(ref: KernelRef) -> str:
    """What a kernel is called in the lists of old and new: its label without the architecture."""
    label = ref.label or ref.release or (label_of(ref.files[0]) if ref.files else "?")
    return _ARCH_TAIL.sub("", label)


def groups(session: Session) -> list[tuple[str, list[KernelRef]]]:
    """The kernels that can stand on a side: the old ones together, each step between, the new ones together."""
    steps: dict[str, list[KernelRef]] = {}
    for ref in session.path:
        steps.setdefault(name_of(ref), []).append(ref)
    every = [session.old, *steps.values(), session.new]
    return [(" / ".join(sorted({name_of(r) for r in refs})), refs) for refs in every if refs]


def choose(session: Session, old: int, new: int) -> None:
    """Make two groups, by their places, the pair under study; the others go on the path between."""
    every = [list(refs) for _, refs in groups(session)]
    session.path = [r for i, refs in enumerate(every) if i not in (old, new) for r in refs]
    session.old, session.new = every[old], every[new]
