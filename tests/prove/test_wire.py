# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Records of the guest: what the agent writes is read; what is damaged or hostile is counted and left out."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.prove.guest import agent, wire

PROG = {"r": "prog", "o": 0, "p": "on_exec", "load": -13, "lines": ["R1 invalid"], "attach": None, "log": True}


def marked(body: bytes) -> bytes:
    return b"@kfs %x %08x %s\n" % (len(body), zlib.crc32(body), body)


def kinds(data: bytes, reader: wire.Wire | None = None) -> list[str]:
    return [record.kind for record in (reader or wire.Wire()).feed(data)]


def test_what_the_agent_writes_is_read() -> None:
    (record,) = wire.Wire().feed(agent.line_of(PROG))
    assert record == wire.Record("prog", {k: v for k, v in PROG.items() if k != "r"})


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_the_agents_json_is_json(value: object) -> None:
    text = agent.quoted(value)
    assert text.isascii() and "\n" not in text
    assert json.loads(text) == value


def test_records_are_found_in_pieces_and_between_the_kernels_own_lines() -> None:
    data = b"[    1.0] booting\r\n" + agent.line_of({"r": "end"}).replace(b"\n", b"\r\n") + b"[    2.0] x"
    data += agent.line_of({"r": "begin", "o": 3})
    reader = wire.Wire()
    assert [k for at in range(len(data)) for k in kinds(data[at : at + 1], reader)] == ["end", "begin"]
    assert (reader.damaged, reader.records, reader.read) == (0, 2, len(data))


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"{}", b'{"r":"no such"}', b'{"r":"end","more":1}', b'{"r":"begin"}', b'{"r":"begin","o":"1"}',
        b'{"r":"begin","o":1.5}', b'{"r":"begin","o":true}', b'{"r":"begin","o":99999999999999999999}',
        b'{"r":["end"]}', b"[" * 5000, b'{"r":"broken","o":1,"why":"' + b"x" * 2001 + b'"}',
        b'{"r":"hello","uname":[1],"python":""}', b"not json", b'{"r":"end"',
    ],
)  # fmt: skip
def test_records_of_another_form_are_damaged(body: bytes) -> None:
    reader = wire.Wire()
    assert kinds(marked(body) + agent.line_of({"r": "end"}), reader) == ["end"]
    assert reader.damaged == 1


def test_a_text_of_the_longest_length_still_counts() -> None:
    assert kinds(agent.line_of({"r": "broken", "o": 1, "why": "x" * 2000})) == ["broken"]


@pytest.mark.parametrize("at", range(5, 40))
def test_a_flipped_bit_is_noticed(at: int) -> None:
    line = bytearray(agent.line_of({"r": "broken", "o": 1, "why": "0123456789"}))
    line[at] ^= 1
    assert kinds(bytes(line)) == []


def test_a_line_over_the_limit_is_dropped_up_to_its_end_and_held_nowhere() -> None:
    reader = wire.Wire()
    for _ in range(100):
        assert kinds(b"x" * wire.LONGEST, reader) == []
    assert len(reader._rest) <= wire.LONGEST
    assert kinds(b"@kfs tail\n" + agent.line_of({"r": "end"}), reader) == ["end"]
    assert reader.damaged == 1


def test_a_guest_that_writes_without_end_is_full_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_BYTES", 1000)
    reader = wire.Wire()
    kinds(b"y\n" * 500, reader)
    assert not reader.full
    kinds(b"y", reader)
    assert reader.full


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300) | st.sampled_from([b"@kfs ", b"\n", agent.line_of(PROG)]), max_size=40))
def test_nothing_that_a_guest_writes_raises(pieces: list[bytes]) -> None:
    reader = wire.Wire()
    for piece in pieces:
        for record in reader.feed(piece):
            assert record.kind in wire.FORMS
    assert len(reader._rest) <= wire.LONGEST
