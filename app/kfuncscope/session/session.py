# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A session: which kernels, which objects, which pair is under study, and what the person added by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

SUFFIX = ".kfs"
"""What the names of session files end in."""


@dataclass(slots=True)
class KernelRef:
    """One kernel of a session: the files given together for it; ``arch`` and ``release`` override what they tell.

    ``files`` are paths (packages, images, BTF blobs, a folder), or one text ``btf=F,config=F,modules=D,symbols=F``.
    """

    files: list[str]
    label: str = ""
    arch: str | None = None
    release: str | None = None


@dataclass(slots=True)
class Session:
    """What is loaded and chosen.

    ``old`` and ``new`` are the two sides of the upgrade under study, any number of kernels each, paired by
    architecture; ``path`` holds further kernels in between, in order. ``section_types`` gives a program type to
    section names that libbpf does not know (R-2.2); ``loaders`` a loader to patterns of object, package or path
    (R-12.20). ``notes`` are keyed by the finding key of model.rows.
    ``census`` are files that hosts gave of what runs there.
    With ``running`` only what runs on these hosts is judged, with or without its objects.
    ``baseline`` is an earlier JSON report that results are compared with, empty for none.
    ``infer`` asks for architectures without kernels of their own, which are told from their JITs alone.
    """

    old: list[KernelRef] = field(default_factory=list)
    new: list[KernelRef] = field(default_factory=list)
    path: list[KernelRef] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    census: list[str] = field(default_factory=list)
    section_types: dict[str, str] = field(default_factory=dict)
    loaders: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    policy: str = ""
    filters: list[str] = field(default_factory=list)
    infer: bool = False
    running: bool = False
    baseline: str = ""
