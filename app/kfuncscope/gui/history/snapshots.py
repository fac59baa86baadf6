# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What of a session a change can touch, and what a result depends on."""

from __future__ import annotations

import copy
from typing import Any

from kfuncscope.session.session import Session

INPUTS = ("old", "new", "path", "objects", "census", "section_types", "loaders", "infer", "running")
"""Fields that a result is made of."""
WRITTEN = ("notes", "policy", "baseline")
"""What a person wrote, or compares with, beside the inputs."""

Snapshot = dict[str, Any]


def snapshot(session: Session, names: tuple[str, ...] = INPUTS + WRITTEN) -> Snapshot:
    """A copy of some fields that later changes of the session do not reach."""
    return {name: copy.deepcopy(getattr(session, name)) for name in names}


def restore(session: Session, kept: Snapshot) -> None:
    """Put the fields of a snapshot back; the snapshot stays whole."""
    for name, value in kept.items():
        setattr(session, name, copy.deepcopy(value))


def differs(one: Snapshot, other: Snapshot, names: tuple[str, ...]) -> bool:
    """Whether two snapshots differ in one of the fields."""
    return any(one[name] != other[name] for name in names)
