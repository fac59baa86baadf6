# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every room, module, public class and public function says what it is; a method may inherit what its base says."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import kfuncscope

NAMES = sorted(m.name for m in pkgutil.walk_packages(kfuncscope.__path__, "kfuncscope.") if "__main__" not in m.name)


def public(holder: Any, module: str, prefix: str) -> Iterator[tuple[str, Any]]:
    """What a module or a class defines itself and others may use."""
    for name, value in vars(holder).items():
        if name.startswith("_"):
            continue
        where = f"{prefix}.{name}"
        if isinstance(value, classmethod | staticmethod | property):
            yield where, value
        elif (
            inspect.isclass(value) or inspect.isfunction(value) or hasattr(value, "cache_info")
        ) and value.__module__ == module:
            if inspect.isclass(value) or value.__name__ == name:  # another name is an alias of what has its own
                yield where, value
            if inspect.isclass(value):
                yield from public(value, module, where)


def documented(where: str, value: Any) -> bool:
    """Whether it has a docstring: a class its own, a method also that of the one which it overrides."""
    if inspect.isclass(value):
        own = vars(value).get("__doc__") or ""
        return bool(own) and not own.startswith(f"{value.__name__}(")  # as dataclasses and named tuples make them
    if inspect.getdoc(value):
        return True
    path, _, name = where.rpartition(".")
    room, _, owner = path.rpartition(".")
    kind = getattr(importlib.import_module(room), owner, None) if room in NAMES else None
    # What a library declares is described there: Qt's bindings have no docstrings on some releases of Python.
    bases = [vars(base)[name] for base in kind.__mro__[1:] if name in vars(base)] if inspect.isclass(kind) else []
    return any(inspect.getdoc(one) or not inspect.isfunction(one) for one in bases)


def test_public_things_say_what_they_are() -> None:
    bare = []
    for module in map(importlib.import_module, NAMES):
        if not module.__doc__:
            bare.append(module.__name__)
        found = public(module, module.__name__, module.__name__)
        bare += [where for where, value in found if not documented(where, value)]
    assert not bare, "\n".join(bare)
