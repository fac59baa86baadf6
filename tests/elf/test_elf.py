# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ELF files: our own tables against pyelftools, and what of pyelftools the product shows."""

from __future__ import annotations

import io
import json
import struct
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.cli.main import main
from kfuncscope.elf.describe import describe_header, section_rows
from kfuncscope.elf.segments import Segment, loaded_segments
from kfuncscope.elf.tables import Elf, elf_machine, read_elf
from kfuncscope.errors import InputError
from kfuncscope.resources import sample

OBJECTS = sorted(sample("objects").glob("*.o"))
PT_LOAD, PT_NOTE = 1, 4


def image(bits: int, little: bool, loads: list[tuple[int, int, int, int]], length: int = 4096, entry: int = 0) -> bytes:
    """An ELF file with program headers (type, offset, address, size) behind its header, ``length`` bytes in all."""
    order = "<" if little else ">"
    ident = bytes([0x7F, 0x45, 0x4C, 0x46, bits // 32, 2 - little, 1]) + bytes(9)
    size, word = (64, "Q") if bits == 64 else (52, "I")
    entry = entry or (56 if bits == 64 else 32)
    head = struct.pack(f"{order}HHI3{word}IHHHHHH", 2, 62, 1, 0, size, 0, 0, size, entry, len(loads), 0, 0, 0)
    rows = b""
    for kind, offset, address, filled in loads:
        fields = (offset, address, address, filled, filled)
        row = struct.pack(f"{order}II5QQ", kind, 5, *fields, 0) if bits == 64 else b""
        row = row or struct.pack(f"{order}6III", kind, *fields, 5, 0)
        rows += row.ljust(entry, b"\0")
    return (ident + head + rows).ljust(length, b"\0")


@pytest.mark.parametrize("path", [*OBJECTS, Path(sys.executable)], ids=lambda path: path.name)
def test_sections_are_those_of_pyelftools(path: Path) -> None:
    """Names, types, flags, sizes and places of every section."""
    data = path.read_bytes()
    theirs = list(ELFFile(io.BytesIO(data)).iter_sections())
    mine = read_elf(data, path.name)
    assert [(s.name, s.flags, s.offset, s.size, s.link, s.info) for s in mine.sections] == [
        (s.name, s["sh_flags"], s["sh_offset"], s["sh_size"], s["sh_link"], s["sh_info"]) for s in theirs
    ]
    told = {row.number: row for row in section_rows(mine)}
    for number, section in enumerate(theirs[1:], 1):
        kind = section["sh_type"]
        assert told[number].type == (kind.removeprefix("SHT_") if isinstance(kind, str) else f"{kind:#x}")
        relocations = [s for s in theirs if s["sh_type"] in ("SHT_REL", "SHT_RELA") and s["sh_info"] == number]
        assert told[number].relocations == sum(s.num_relocations() for s in relocations)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("little", [True, False])
def test_segments_that_are_loaded(bits: int, little: bool) -> None:
    """PT_LOAD with bytes in the file, by offset; the others, empty ones and those that reach out of it are left out."""
    rows = [(PT_LOAD, 2048, 0x9000, 16), (PT_LOAD, 1024, 0x8000, 512), (PT_NOTE, 0, 0, 64), (PT_LOAD, 0, 0x7000, 0),
            (PT_LOAD, 4000, 0x5000, 96), (PT_LOAD, 4000, 0x6000, 97)]  # fmt: skip
    made = image(bits, little, rows)
    wanted = [Segment(1024, 0x8000, 512), Segment(2048, 0x9000, 16), Segment(4000, 0x5000, 96)]
    assert loaded_segments(made, "f") == wanted
    theirs = list(ELFFile(io.BytesIO(made)).iter_segments("PT_LOAD"))
    assert {(s["p_offset"], s["p_vaddr"], s["p_filesz"]) for s in theirs} >= {tuple(segment) for segment in wanted}


def test_program_headers_that_are_cut_or_too_small() -> None:
    rows = [(PT_LOAD, 64, 0x1000, 8)] * 3
    assert loaded_segments(image(64, True, rows)[: 64 + 2 * 56], "f") == [Segment(64, 0x1000, 8)] * 2
    assert loaded_segments(image(64, True, rows, entry=64), "f") == [Segment(64, 0x1000, 8)] * 3
    assert loaded_segments(image(64, True, [], entry=8), "f") == []
    assert loaded_segments(struct.pack("<6s", b"\x7fELF\2\1").ljust(64, b"\xff"), "f") == []
    for data in (b"", b"\x7fELF", b"\x7fELF\3\1" + bytes(60), b"\x7fELF\2\1" + bytes(20), b"MZ" + bytes(62)):
        with pytest.raises(InputError, match="ELF"):
            loaded_segments(data, "f")


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_headers_answer_or_are_one_clear_error(data: st.DataObject) -> None:
    """Whatever bytes change: segments that lie in the file, or an InputError."""
    damaged = bytearray(image(data.draw(st.sampled_from([32, 64])), data.draw(st.booleans()), [(1, 64, 0x1000, 8)] * 2))
    for at in data.draw(st.lists(st.integers(0, 200), max_size=6)):
        damaged[at] = data.draw(st.integers(0, 255))
    try:
        found = loaded_segments(bytes(damaged), "f")
    except InputError:
        return
    assert all(s.offset >= 0 and s.offset + s.size <= len(damaged) for s in found)


def test_machine_of_a_header() -> None:
    assert elf_machine(image(64, True, [])) == elf_machine(image(64, False, [])) == 62
    assert elf_machine(image(64, True, [])[:64]) == 62
    assert elf_machine(image(64, True, [])[:63]) is None
    assert elf_machine(image(32, True, [])) is elf_machine(b"") is None


def test_what_has_no_name() -> None:
    """Types and machines that pyelftools does not know are shown as numbers."""
    elf = Elf("f", b"", 32, False, 0xFE01, 0x1234, 0, ())
    assert describe_header(elf) == "ELF32 big endian, 0xfe01, 0x1234"
    assert section_rows(elf) == []


def test_object_with_elf(capsys: pytest.CaptureFixture[str]) -> None:
    """``object --elf`` shows every section; without the option there is none."""
    path = str(OBJECTS[0])
    assert main(["object", "--elf", "--format", "json", path]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["elf"]["header"] == "ELF64 little endian, REL, BPF"
    names = [section["name"] for section in told["elf"]["sections"]]
    assert names == [s.name for s in ELFFile(io.BytesIO(OBJECTS[0].read_bytes())).iter_sections()][1:]
    assert main(["object", path, "--elf"]) == 0
    shown = capsys.readouterr().out
    assert "ELF64 little endian, REL, BPF" in shown and " .BTF.ext " in shown
    assert main(["object", path]) == 0
    assert "ELF64" not in capsys.readouterr().out
