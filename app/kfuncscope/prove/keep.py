# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What was seen once is not booted again: answers kept as JSON under everything that they depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kfuncscope.prove.plan import Task
from kfuncscope.prove.seen import BootSeen, ObjectSeen, ProgramSeen
from kfuncscope.storage.cache import default_cache

VERSION = 2
"""Part of every key; raised when the form or the meaning of answers changes."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One object's answers, and of which boot they are."""

    seen: ObjectSeen
    uname: tuple[str, ...]
    libbpf: str
    accelerator: str


def base_key(image_sha256: str, modules: str, agents: Sequence[bytes], libbpf: bytes, config: bytes) -> str:
    """The part of the key that all objects of a boot share: image, modules, agent, libbpf and config, by content.

    The config is in the guest, where libbpf reads it for kconfig externs: with another one they get other values.
    """
    digest = hashlib.sha256(f"{image_sha256}:{modules}:".encode())
    for part in (*agents, libbpf, config):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _key(base: str, task: Task) -> str:
    form = {k: v for k, v in task.form.items() if k not in ("index", "path", "name")}
    rest = hashlib.sha256(json.dumps(form, sort_keys=True).encode()).hexdigest()
    return f"prove:{VERSION}:{base}:{task.sha256}:{rest}"


def store(base: str, task: Task, seen: BootSeen, accelerator: str) -> None:
    """Keep the answers for an object; only those of an object that was worked through to its end."""
    one = seen.objects.get(task.index)
    if one is None or not one.done or one.broken:
        return
    programs = {name: [p.load, p.attach, list(p.lines), p.log] for name, p in one.programs.items()}
    form = {
        "load": one.load, "lines": list(one.lines), "programs": programs, "weak": list(one.weak),
        "nomap": list(one.nomap), "uname": list(seen.uname), "libbpf": seen.libbpf, "accelerator": accelerator,
    }  # fmt: skip
    default_cache().put(_key(base, task), json.dumps(form).encode())


def load(base: str, task: Task) -> Kept | None:
    """The kept answers for an object; None where there are none, or they are not of this form."""
    data = default_cache().get(_key(base, task))
    try:
        return _kept(json.loads(data)) if data is not None else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _kept(form: dict[str, Any]) -> Kept:
    programs = {
        str(name): ProgramSeen(int(load), None if attach is None else int(attach), tuple(map(str, lines)), bool(log))
        for name, (load, attach, lines, log) in form["programs"].items()
    }
    load = None if form["load"] is None else int(form["load"])
    weak, nomap = tuple(map(str, form["weak"])), tuple(map(str, form["nomap"]))
    seen = ObjectSeen(load, tuple(map(str, form["lines"])), programs, weak, nomap, done=True)
    return Kept(seen, tuple(map(str, form["uname"])), str(form["libbpf"]), str(form["accelerator"]))
