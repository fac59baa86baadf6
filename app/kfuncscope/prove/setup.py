# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a product's loader sets before it loads an object (``--setup FILE``), read from TOML.

[object."name or pattern"]            # fnmatch on the object's name; the first that matches counts
autoload = { program = true }          # programs switched on or off
[object."name or pattern".map.MAP]
max_entries = 1024                     # also key_size, value_size
inner = { type = 1, key_size = 4, value_size = 8, max_entries = 16 }   # pattern of the inner maps
programs = { 0 = "first", 1 = "second" }                              # entries of a program array
[object."name or pattern".rodata]
variable = 5                           # a global variable by its name: number, true, false, or bytes as "hex:00ff"
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kfuncscope.bpf.object import BpfObject
from kfuncscope.errors import InputError
from kfuncscope.storage.read import read_file
from kfuncscope.storage.text import read_toml

_LIMIT = 1 << 20
_SIZES = ("max_entries", "key_size", "value_size")
_INNER = ("type", *_SIZES)
_MOST = 1 << 32


@dataclass(frozen=True, slots=True)
class ObjectSetup:
    """The settings for one object."""

    autoload: Mapping[str, bool] = field(default_factory=dict)
    maps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variables: Mapping[str, bytes | int] = field(default_factory=dict)

    def switch(self, obj: BpfObject) -> None:
        """Switch programs of the object on and off, so that what is predicted is of the same set-up."""
        for program in obj.programs:
            told = [on for name, on in self.autoload.items() if fnmatch.fnmatchcase(program.name, name)]
            if told:
                program.section = replace(program.section, autoload=told[0])

    def maps_form(self, obj: BpfObject) -> dict[str, Any]:
        """Map name → what the agent sets. Raises InputError for a variable that the object does not have."""
        form: dict[str, dict[str, Any]] = {
            name: {k: v for k, v in given.items() if k != "programs"} for name, given in self.maps.items()
        }
        for name, value in self.variables.items():
            section, offset, size = _variable(obj, name)
            raw = value if isinstance(value, bytes) else _number(value, size, obj, name)
            if len(raw) > size:
                raise InputError(obj.name, f"{name} has {size} bytes, but {len(raw)} are set")
            form.setdefault(section, {}).setdefault("data", []).append([offset, raw.hex()])
        return form

    def arrays_form(self) -> dict[str, list[list[Any]]]:
        """Program array → [[index, program]]."""
        return {
            name: [[int(at), program] for at, program in sorted(given["programs"].items(), key=lambda p: int(p[0]))]
            for name, given in self.maps.items()
            if "programs" in given
        }


@dataclass(frozen=True, slots=True)
class Setup:
    """All settings of a file, by pattern, in its order."""

    objects: tuple[tuple[str, ObjectSetup], ...] = ()

    def of(self, name: str) -> ObjectSetup:
        """The settings for an object: of the first pattern that its name matches."""
        return next((setup for pattern, setup in self.objects if fnmatch.fnmatchcase(name, pattern)), ObjectSetup())


def read_setup(path: str) -> Setup:
    """Read a set-up file. Raises InputError naming the entry that is wrong."""
    top = read_toml(read_file(Path(path), _LIMIT), path)
    objects = _table(top.pop("object", {}), path, "object")
    if top:
        raise InputError(path, f'unknown entry {next(iter(top))!r}; expected [object."NAME"]')
    return Setup(
        tuple((pattern, _object(_table(given, path, pattern), path, pattern)) for pattern, given in objects.items())
    )


def _table(value: object, path: str, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(path, f"{where}: a table expected")
    return value


def _object(given: dict[str, Any], path: str, where: str) -> ObjectSetup:
    if unknown := given.keys() - {"autoload", "map", "rodata"}:
        raise InputError(path, f"{where}: unknown entry {min(unknown)!r}; expected autoload, map or rodata")
    autoload = _table(given.get("autoload", {}), path, f"{where}.autoload")
    for name, value in autoload.items():
        if not isinstance(value, bool):
            raise InputError(path, f"{where}.autoload.{name}: true or false expected")
    maps = {
        name: _map(_table(one, path, f"{where}.map.{name}"), path, f"{where}.map.{name}")
        for name, one in _table(given.get("map", {}), path, f"{where}.map").items()
    }
    variables = {
        name: _value(value, path, f"{where}.rodata.{name}")
        for name, value in _table(given.get("rodata", {}), path, f"{where}.rodata").items()
    }
    return ObjectSetup(autoload, maps, variables)


def _map(given: dict[str, Any], path: str, where: str) -> dict[str, Any]:
    for key, value in given.items():
        if key in _SIZES:
            _check_number(value, path, f"{where}.{key}")
        elif key == "inner":
            inner = _table(value, path, f"{where}.inner")
            if inner.keys() - set(_INNER) or "type" not in inner:
                raise InputError(path, f"{where}.inner: expected type and {', '.join(_SIZES)}")
            for part, number in inner.items():
                _check_number(number, path, f"{where}.inner.{part}")
        elif key == "programs":
            for at, name in _table(value, path, f"{where}.programs").items():
                if not at.isdecimal() or not isinstance(name, str):
                    raise InputError(path, f'{where}.programs: INDEX = "PROGRAM" expected')
        else:
            raise InputError(path, f"{where}: unknown entry {key!r}; expected {', '.join(_SIZES)}, inner or programs")
    return given


def _check_number(value: object, path: str, where: str) -> None:
    if type(value) is not int or not 0 <= value < _MOST:
        raise InputError(path, f"{where}: a number below {_MOST} expected")


def _value(value: object, path: str, where: str) -> bytes | int:
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, str) and value.startswith("hex:"):
        try:
            return bytes.fromhex(value[4:])
        except ValueError as error:
            raise InputError(path, f'{where}: pairs of hexadecimal digits expected after "hex:"') from error
    raise InputError(path, f'{where}: a number, true, false or "hex:..." expected')


def _number(value: int, size: int, obj: BpfObject, name: str) -> bytes:
    try:
        return value.to_bytes(size, "little" if obj.endian == "<" else "big", signed=value < 0)
    except OverflowError as error:
        raise InputError(obj.name, f"{value} does not fit into the {size} bytes of {name}") from error


def _variable(obj: BpfObject, name: str) -> tuple[str, int, int]:
    """(map of the data section, offset, size) of a global variable."""
    for symbol in obj.elf.symbols:
        if symbol.name == name and 0 < symbol.shndx < len(obj.elf.sections):
            section = obj.elf.sections[symbol.shndx].name
            if section.startswith((".rodata", ".data", ".bss")):
                return section, symbol.value, symbol.size
    raise InputError(obj.name, f"no global variable {name!r}")
