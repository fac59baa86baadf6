# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which functions of a set of objects its freplace programs may take the place of (R-12.18)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kfuncscope.errors import InputError
from kfuncscope.storage.files import ObjectFile

if TYPE_CHECKING:
    from kfuncscope.bpf.object import BpfObject
    from kfuncscope.rules.hooks.replace import Targets

SECTION = b"freplace/"


def replaced_functions(files: Sequence[ObjectFile], section_types: dict[str, str]) -> Targets:
    """Functions by the name under which a program of the set replaces them.

    Objects are read for it only where a file has the section at all, or one of the names.
    """
    holding = [file for file in files if SECTION in file.data]
    if not holding:
        return {}
    from kfuncscope.rules.hooks.replace import targets_in, wanted  # with the rules: few sets have such programs

    names: set[str] = set()
    for file in holding:
        if (obj := _readable(file, section_types)) is not None:
            names |= wanted([obj])
    needles = [name.encode() for name in sorted(names)]
    found: Targets = {}
    for file in files:
        if any(needle in file.data for needle in needles) and (obj := _readable(file, section_types)) is not None:
            for target in targets_in(obj, names):
                found.setdefault(target.name, []).append(target)
    return found


def _readable(file: ObjectFile, section_types: dict[str, str]) -> BpfObject | None:
    from kfuncscope.bpf.object import read_object

    try:
        return read_object(file.data, file.name, section_types, file.loader)
    except InputError:
        return None  # reported where the object is judged
