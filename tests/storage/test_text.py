# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""TOML and JSON that people give: hostile texts of 100 KB cost at most a second, and what is sound reads as ever."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kfuncscope.decision import policy
from kfuncscope.errors import InputError, SessionError
from kfuncscope.promise import promisefile
from kfuncscope.prove import setup
from kfuncscope.session import sessionfile
from kfuncscope.storage import text
from kfuncscope.upgrade import jsonform

KB100 = 100_000
TOML = {
    "dotted": b"a" + b".a" * 50_000 + b" = 1",
    "dotted-with-spaces": b"a" + b" . a" * 25_000 + b" = 1",
    "dotted-in-quotes": b'"a"' + b'."a"' * 24_000 + b" = 1",
    "dotted-header": b"[a" + b".a" * 50_000 + b"]",
    "dotted-in-a-table": b"x = { a" + b".a" * 50_000 + b" = 1 }",
    "dotted-after-a-string": b'x = """\n' + b'\\"' * 100 + b'"""\na' + b".a" * 49_000 + b" = 1",
    "many-keys": b"".join(b"a%d.b.c.d.e.f.g.h.i.j = 1\n" % n for n in range(3_500)),
    "many-parts-each": b"".join(b"a%d" % n + b".b" * 30 + b" = 1\n" for n in range(1_400)),
    "one-deep-table": b"".join(b"a" + b".b" * 29 + b".c%d = 1\n" % n for n in range(1_400)),
    "headers": b"".join(b"[[a.b.c.d.e.f.g.h]]\n" for _ in range(5_000)),
    "lists": b"a = " + b"[" * 99_000,
    "tables": b"a = " + b"{a=" * 33_000,
    "quotes-without-end": b'a = """' + b'\\"""' * 24_000,
    "quotes": b"'" * KB100,
    "escapes": b'a = "' + b"\\n" * 49_000 + b'"',
    "digits": b"a = " + b"1" * KB100,
    "underscores": b"a = 1" + b"_1" * 49_000,
    "hexadecimal": b"a = 0x" + b"f" * 99_000,
    "dates": b"a = [" + b"1979-05-27T07:32:00Z," * 4_500 + b"]",
    "comments": b"#\n" * 50_000,
    "no-unicode": b"\xff" * KB100,
}
JSON = {
    "lists": b"[" * KB100,
    "lists-in-lists": b"[[]," * 25_000 + b"1" + b"]" * 25_000,
    "objects": b'{"a":' * 20_000,
    "digits": b"1" * KB100,
    "exponent": b"1e" + b"9" * 99_000,
    "quotes": b'"' + b"\\" * 99_999,
    "keys": b"{" + b",".join(b'"k%d":1' % n for n in range(9_000)) + b"}",
    "no-unicode": b"\xff" * KB100,
    "escaped-quotes": b'{"a":"' + b'\\"' * 49_000,
    "surrogates": b'"' + b"\\ud800" * 16_000 + b'"',
}


def bounded(read: Callable[[], object]) -> None:
    """One InputError or an answer, within a second of CPU."""
    start = time.process_time()
    try:
        read()
    except InputError as error:
        assert len(str(error)) < 1000
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize("which", TOML)
def test_hostile_toml(which: str, tmp_path: Path) -> None:
    data = TOML[which]
    path = tmp_path / "hostile.toml"
    path.write_bytes(data)
    assert len(data) <= 101_000
    bounded(lambda: policy.parse(data))
    bounded(lambda: promisefile.read(data, "f"))
    bounded(lambda: setup.read_setup(str(path)))


@pytest.mark.parametrize("which", JSON)
def test_hostile_json(which: str, tmp_path: Path) -> None:
    data = JSON[which]
    path = tmp_path / "hostile.json"
    path.write_bytes(data)
    bounded(lambda: jsonform.loads(data, "f"))
    bounded(lambda: sessionfile.load(path))


@pytest.mark.parametrize("parts", [text.MOST_PARTS, text.MOST_PARTS + 1])
def test_a_key_has_so_many_parts_and_no_more(parts: int) -> None:
    data = (".".join(["a"] * parts) + " = 1").encode()
    if parts > text.MOST_PARTS:
        with pytest.raises(SessionError, match="more than 32 parts"):
            text.read_toml(data, "f")
    else:
        assert text.read_toml(data, "f") == tomllib.loads(data.decode())


@pytest.mark.parametrize("depth", [text.MOST_DEPTH, text.MOST_DEPTH + 1])
def test_so_deep_and_no_deeper(depth: int) -> None:
    lists = b"[" * depth + b"]" * depth
    for read, data in ((text.read_json, lists), (text.read_toml, b"a = " + lists)):
        if depth > text.MOST_DEPTH:
            with pytest.raises(SessionError, match="nested more than 64 deep"):
                read(data, "f")
        else:
            read(data, "f")


def test_what_looks_like_a_long_key_in_a_string_or_comment_is_none() -> None:
    long = ".".join(["a"] * 60)
    for data in (f'a = "{long}"', f"a = '{long}'", f'a = """\n{long}\n"""', f"a = '''{long}'''", f"a = 1 # {long} \"'",
                 f'a = "\\"{long}"', f"a = [{'1.0, ' * 100}]", 'a = """x"""""', "a = '''x'''''"):  # fmt: skip
        assert text.read_toml(data.encode(), "f") == tomllib.loads(data)
    assert text.read_json(json.dumps({"a": "[" * 500}).encode(), "f") == {"a": "[" * 500}


_VALUES = st.recursive(
    st.text(max_size=12) | st.integers(-9, 9) | st.booleans(), lambda inner: st.lists(inner, max_size=4), max_leaves=8
)


@given(st.dictionaries(st.text(max_size=6), _VALUES, max_size=5))
def test_sound_texts_read_as_their_parsers_read_them(value: dict[str, object]) -> None:
    data = json.dumps(value)
    assert text.read_json(data.encode(), "f") == value
    toml = "".join(f"{json.dumps(key)} = {json.dumps(one)}\n" for key, one in value.items())
    try:
        wanted = tomllib.loads(toml)
    except tomllib.TOMLDecodeError:  # escapes of surrogates, which JSON has and TOML refuses
        return
    assert text.read_toml(toml.encode(), "f") == wanted


@given(st.text(alphabet="ab.=\"'#[]{}\n \\,1", max_size=60))
def test_every_text_reads_as_the_parser_reads_it(data: str) -> None:
    """What the check before the parser refuses, the parser refuses too: nothing sound is lost."""
    try:
        wanted = tomllib.loads(data)
    except (ValueError, RecursionError):
        with pytest.raises(SessionError):
            text.read_toml(data.encode(), "f")
        return
    assert text.read_toml(data.encode(), "f") == wanted
