# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Set-up files: what a product's loader sets before it loads its object."""

from __future__ import annotations

from pathlib import Path

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.errors import InputError
from kfuncscope.prove.plan import task
from kfuncscope.prove.setup import ObjectSetup, read_setup
from kfuncscope.resources import resource
from support.bpfwriter import ObjectBuilder, exit_, mov

WHOLE = """
[object."*/lsm.bpf.o"]
autoload = { extra = true }
[object."*/lsm.bpf.o".map.outer]
max_entries = 16
inner = { type = 1, key_size = 4, value_size = 8, max_entries = 2 }
[object."*/lsm.bpf.o".map.jumps]
programs = { 1 = "extra", 0 = "main" }
[object."*/lsm.bpf.o".rodata]
level = 513
flag = true
blob = "hex:0a0b"
[object."*"]
"""


def obj() -> bytes:
    builder = ObjectBuilder()
    builder.variable(".rodata", "pad", b"\0\0\0\0").variable(".rodata", "level", b"\0\0\0\0")
    builder.variable(".bss", "flag", b"\0").variable(".data", "blob", b"abcd")
    return (
        builder.program("kprobe/x", "main", [mov(0, 0), exit_()])
        .program("?kprobe/x", "extra", [mov(0, 0), exit_()])
        .build()
    )


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "setup.toml"
    path.write_text(text)
    return str(path)


def test_a_setup_reaches_the_agents_plan(tmp_path: Path) -> None:
    setup = read_setup(written(tmp_path, WHOLE))
    given = read_object(obj(), "x")
    setup.of("pkg/lsm.bpf.o").switch(given)
    form = task(0, given, obj(), "", setup.of("pkg/lsm.bpf.o")).form
    assert {p["name"]: p["autoload"] for p in form["programs"]} == {"main": True, "extra": True}
    assert form["maps"]["outer"]["max_entries"] == 16
    assert form["maps"]["outer"]["inner"]["type"] == 1
    assert form["maps"][".rodata"]["data"] == [[8, "01020000"]]
    assert form["maps"][".bss"]["data"] == [[0, "01"]]
    assert form["maps"][".data"]["data"] == [[0, "0a0b"]]
    assert form["arrays"] == {"jumps": [[0, "main"], [1, "extra"]]}


def test_the_first_pattern_that_matches_counts(tmp_path: Path) -> None:
    setup = read_setup(written(tmp_path, WHOLE))
    assert setup.of("pkg/lsm.bpf.o").autoload == {"extra": True}
    assert setup.of("other.bpf.o") == ObjectSetup()


@pytest.mark.parametrize("path", sorted(resource("prove", "setups").iterdir()), ids=lambda p: p.name)
def test_the_examples_are_read(path: Path) -> None:
    assert read_setup(str(path)).objects


def test_programs_are_switched_by_pattern() -> None:
    given = read_object(obj(), "x")
    ObjectSetup({"ex*": True, "*": False}).switch(given)
    assert {p.name: p.autoload for p in given.programs} == {"main": False, "extra": True}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "not a TOML file"),
        ("[other]", "unknown entry 'other'"),
        ('[object."x"]\nodd = 1', "unknown entry 'odd'"),
        ('[object."x"]\nautoload = { p = 1 }', "true or false expected"),
        ('[object."x".map.m]\nmax_entries = -1', "a number below"),
        ('[object."x".map.m]\nmax_entries = 4294967296', "a number below"),
        ('[object."x".map.m]\nshape = 1', "unknown entry 'shape'"),
        ('[object."x".map.m]\ninner = { key_size = 4 }', "expected type"),
        ('[object."x".map.m]\nprograms = { a = "b" }', "INDEX"),
        ('[object."x".rodata]\nv = 1.5', "a number, true, false"),
        ('[object."x".rodata]\nv = "hex:0"', "pairs of hexadecimal digits expected"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_setup(written(tmp_path, text))


@pytest.mark.parametrize(
    ("value", "told"),
    [({"nothing": 1}, "no global variable"), ({"flag": 256}, "does not fit"), ({"blob": b"12345"}, "has 4 bytes")],
)
def test_variables_are_held_to_the_object(value: dict[str, int | bytes], told: str) -> None:
    with pytest.raises(InputError, match=told):
        ObjectSetup(variables=value).maps_form(read_object(obj(), "x"))


def test_the_largest_number_that_fits_is_taken() -> None:
    assert ObjectSetup(variables={"flag": 255}).maps_form(read_object(obj(), "x")) == {".bss": {"data": [[0, "ff"]]}}
