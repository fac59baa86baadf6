# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kernel that answers bpf(2), for tests of the collector: programs, maps, BTF and links as structures of the UAPI.

kernel = BpfKernel(tmp_path)
kernel.program(7, type=5, name="watch", code=..., maps=[3], attach=(1, 42))
kernel.map(3, type=2, name="secrets")
kernel.link(9, type=7, program=7, words={16: 3}, text={24: "do_exit"})
kernel.install(monkeypatch)                   # collector.collect() now sees it, and /proc below tmp_path
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kfuncscope.census import collector

BASE = 0xFFFFFFFF81000000
PROG, MAP, BTF, LINK = "program", "map", "btf", "link"
_BY_FD = {collector.PROG_FD: PROG, collector.MAP_FD: MAP, collector.BTF_FD: BTF, collector.LINK_FD: LINK}
_NEXT = {collector.PROG_NEXT: PROG, collector.LINK_NEXT: LINK}


@dataclass
class Thing:
    """A structure, and blocks that the kernel writes where pointers lead: pointer → (count's offset, unit, data)."""

    data: bytes
    blocks: dict[int, tuple[int, int, bytes]] = field(default_factory=dict)


class BpfKernel:
    """Objects of a kernel by kind and id, and the files beside them."""

    def __init__(self, folder: Path, symbols: Mapping[str, int] | None = None) -> None:
        self.folder = folder
        self.things: dict[str, dict[int, Thing]] = {PROG: {}, MAP: {}, BTF: {}, LINK: {}}
        self.gone: set[int] = set()
        self.symbols = {"__bpf_call_base": BASE, **(symbols or {})}
        self.queries: dict[int, tuple[int, int, str]] = {}  # descriptor → program, type, text
        self._open: dict[int, Thing] = {}
        (folder / "btf").mkdir()
        (folder / "proc").mkdir()
        (folder / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")

    # -- what there is

    def program(
        self, number: int, *, type: int, name: str, code: bytes = b"", maps: Sequence[int] = (), btf: int = 0,
        functions: Sequence[int] = (), attach: tuple[int, int] = (0, 0), tag: bytes = bytes(8), shown: bool = True,
    ) -> None:  # fmt: skip
        """A loaded program; ``functions`` are BTF ids of its FUNCs, ``attach`` (BTF object, BTF id) of its target."""
        data = bytearray(232)
        struct.pack_into("=II8s", data, 0, type, number, tag)
        struct.pack_into("=I", data, 20, len(code))
        struct.pack_into("=QII", data, 40, 5_000_000_000, 1000, len(maps))
        data[64 : 64 + 16] = name.encode()[:15].ljust(16, b"\0")
        struct.pack_into("=I", data, 84, 1)
        struct.pack_into("=II", data, 128, btf, 8)
        struct.pack_into("=I", data, 144, len(functions))
        struct.pack_into("=II", data, 220, *attach)
        blocks = {
            56: (52, 4, struct.pack(f"={len(maps)}I", *maps)),
            136: (144, 8, b"".join(struct.pack("=II", 8 * i, f) for i, f in enumerate(functions))),
        }
        if shown:
            blocks[32] = (20, 1, code)
        self.things[PROG][number] = Thing(bytes(data), blocks)

    def map(self, number: int, *, type: int, name: str = "", key: int = 4, value: int = 8, entries: int = 16) -> None:
        """A map."""
        data = struct.pack("=6I16s", type, number, key, value, entries, 0, name.encode())
        self.things[MAP][number] = Thing(data.ljust(128, b"\0"))

    def btf(self, number: int, data: bytes, name: str = "", kernel: bool = False) -> None:
        """A BTF object; those of the kernel are files of /sys/kernel/btf too."""
        text = name.encode() + b"\0"
        head = struct.pack("=QIIQII", 0, len(data), number, 0, len(text), kernel)
        self.things[BTF][number] = Thing(head.ljust(64, b"\0"), {0: (8, 1, data), 16: (24, 1, text)})
        if kernel:
            (self.folder / "btf" / name).write_bytes(data)

    def link(
        self, number: int, *, type: int, program: int, words: Mapping[int, int] | None = None,
        text: Mapping[int, str] | None = None, addresses: Sequence[int] = (),
    ) -> None:  # fmt: skip
        """A link: 4-byte fields by offset, names by the offset of their pointer."""
        data = bytearray(96)
        struct.pack_into("=III", data, 0, type, number, program)
        for at, value in (words or {}).items():
            struct.pack_into("=I", data, at, value)
        blocks = {at: (at + 8, 1, name.encode() + b"\0") for at, name in (text or {}).items()}
        if addresses:
            struct.pack_into("=I", data, 24, len(addresses))
            blocks[16] = (24, 8, struct.pack(f"={len(addresses)}Q", *addresses))
        self.things[LINK][number] = Thing(bytes(data), blocks)

    def process(self, number: int, executable: str, descriptors: Mapping[int, tuple[str, str]]) -> None:
        """A process: its executable, and what each descriptor leads to with the lines of its fdinfo."""
        home = self.folder / "proc" / str(number)
        (home / "fd").mkdir(parents=True)
        (home / "fdinfo").mkdir()
        os.symlink(executable, home / "exe")
        for descriptor, (target, info) in descriptors.items():
            os.symlink(target, home / "fd" / str(descriptor))
            (home / "fdinfo" / str(descriptor)).write_text(info)

    # -- answering

    def install(self, monkeypatch: pytest.MonkeyPatch, machine: str = "x86_64") -> None:
        """Put this kernel in the place of the real one."""
        lines = "".join(f"{a:016x} T {n.partition(' ')[0]}{_module(n)}\n" for n, a in self.symbols.items())
        (self.folder / "kallsyms").write_text(lines)
        monkeypatch.setattr(collector, "bpf", self.bpf)
        monkeypatch.setattr(collector, "PROC", str(self.folder / "proc"))
        monkeypatch.setattr(collector, "KALLSYMS", str(self.folder / "kallsyms"))
        monkeypatch.setattr(collector, "BTF_FOLDER", str(self.folder / "btf"))
        monkeypatch.setattr(collector, "MACHINE_ID", str(self.folder / "machine-id"))
        monkeypatch.setattr(collector.os, "geteuid", lambda: 0)
        monkeypatch.setattr(collector.os, "close", lambda fd: None)
        monkeypatch.setattr(collector.platform, "machine", lambda: machine)
        monkeypatch.setattr(collector.platform, "release", lambda: "6.12.107")

    def bpf(self, command: int, attr: bytearray) -> int:
        """The system call."""
        if command in _NEXT:
            last = struct.unpack_from("=I", attr)[0]
            later = [n for n in sorted(self.things[_NEXT[command]]) if n > last]
            if not later:
                raise OSError(errno.ENOENT, "no such object")
            struct.pack_into("=I", attr, 4, later[0])
            return 0
        if command in _BY_FD:
            number = struct.unpack_from("=I", attr)[0]
            if number in self.gone or number not in self.things[_BY_FD[command]]:
                raise OSError(errno.ENOENT, "no such object")
            self._open[1000 + len(self._open)] = self.things[_BY_FD[command]][number]
            return 999 + len(self._open)
        if command == collector.INFO:
            return self._info(*struct.unpack_from("=IIQ", attr))
        assert command == collector.FD_QUERY
        return self._query(attr)

    def _info(self, descriptor: int, size: int, at: int) -> int:
        thing = self._open[descriptor]
        asked = ctypes.string_at(at, size)
        for pointer, (count, unit, data) in thing.blocks.items():
            target, room = (int.from_bytes(asked[o : o + n], "little") for o, n in ((pointer, 8), (count, 4)))
            if target:
                ctypes.memmove(target, data, min(len(data), room * unit))
        answer = bytearray(thing.data)
        for pointer in thing.blocks:
            answer[pointer : pointer + 8] = asked[pointer : pointer + 8]
        ctypes.memmove(at, bytes(answer), min(size, len(answer)))
        return 0

    def _query(self, attr: bytearray) -> int:
        _, descriptor, _, size, at = struct.unpack_from("=IIIIQ", attr)
        if descriptor not in self.queries:
            raise OSError(errno.ENOENT, "not a perf event with a program")
        program, kind, text = self.queries[descriptor]
        ctypes.memmove(at, text.encode()[: size - 1] + b"\0", min(size, len(text) + 1))
        struct.pack_into("=II", attr, 24, program, kind)
        return 0


def _module(name: str) -> str:
    return f"\t{name.partition(' ')[2]}" if " " in name else ""
