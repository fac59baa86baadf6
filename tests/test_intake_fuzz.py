# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every reader of intake on mutated inputs: one InputError or an answer, in bounded time and memory.

A hundred inputs each in the usual run; ``-m fuzz`` goes on for KFUNCSCOPE_FUZZ_SECONDS (600) processor seconds each.
"""

from __future__ import annotations

import io
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kfuncscope.intake.archive import read_archive
from kfuncscope.intake.cache import Cache
from kfuncscope.intake.carve import carve
from kfuncscope.intake.elf import read_elf
from kfuncscope.intake.image import find_btf, image_arch, unpack_image
from kfuncscope.intake.kallsyms import decode_kallsyms
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.intake.modules import base_name_offsets, module_sections
from kfuncscope.intake.objects import object_files
from kfuncscope.intake.stream import Budget
from kfuncscope.intake.unpack import peel
from kfuncscope.intake.xzblocks import decode_blocks, find_blocks
from support import archivewriter as write
from support import kernelfiles as make
from support.bpfwriter import exit_, mov, object_bytes
from support.mutate import drive
from test_intake_kallsyms import image as kallsyms_image
from test_intake_kallsyms import symbols, tables

OBJECT = object_bytes("xdp", [mov(0, 2), exit_()])
MODULE = make.module(["probe"], {"set": 2})
FILES = {
    "usr/lib/x.bpf.o": OBJECT,
    f"boot/config-{make.RELEASE}": make.config(),
    f"lib/modules/{make.RELEASE}/m.ko.xz": write.compress(MODULE, "xz"),
    f"boot/vmlinuz-{make.RELEASE}": write.compress(make.vmlinux(), "gz"),
}
HOW = ("xz", "gz", "zst", "bz2", "lz4", "lz4-legacy", "lzma")


def archive(data: bytes) -> None:
    found = read_archive(io.BytesIO(data), Budget("f", len(data)))
    for member in found[1] if found else ():
        member.read()


def unpacking(data: bytes) -> None:
    peel(data, "f")


def kernel_image(data: bytes) -> None:
    kernel = unpack_image(data, "f")
    find_btf(kernel, "f")
    image_arch(kernel, "f")


def elf(data: bytes) -> None:
    read_elf(data, "f").symbols(b"__BTF_ID__")
    base_name_offsets(module_sections(data, "f").btf, 1000)


def carving(data: bytes) -> None:
    assert all(0 <= start < end <= len(data) for start, end in carve(data))


def kallsyms(data: bytes) -> None:
    decode_kallsyms(data, "f")


def blocks(data: bytes) -> None:
    file = io.BytesIO(data)
    found = find_blocks(file, 0, len(data))
    # What the stream reader does with a decoder's own errors is tried by the archives.
    try:
        for _ in decode_blocks(file, 0, found) if found else ():
            pass
    except Exception as error:
        assert type(error).__name__ == "LZMAError"


@dataclass
class OnDisk:
    """Readers that take files."""

    folder: Path

    def kernel(self, data: bytes) -> None:
        path = self.folder / "file"
        path.write_bytes(data)
        for kernel in kernel_files([path]):
            for reader in kernel.modules.values():
                reader()
            if kernel.module_search is not None:
                kernel.module_search.find(["probe"])

    def objects(self, data: bytes) -> None:
        path = self.folder / "file"
        path.write_bytes(data)
        object_files([path])

    def cached(self, data: bytes) -> None:
        cache = Cache(self.folder / "own")
        cache.root.mkdir(exist_ok=True)
        cache._path("key").write_bytes(data)
        assert cache.get("key") in (None, b"text" * 50)
        pack = cache.pack("key")
        for name in pack.names() if pack else ():
            if pack is None or pack.read(name) is None:
                break
        cache.entries()

    def entry(self) -> bytes:
        cache = Cache(self.folder / "seed")
        cache.put("key", b"text" * 50)
        return cache._path("key").read_bytes()


PACKAGES = [
    write.deb(FILES),
    write.deb(FILES, how="zst"),
    write.rpm(FILES),
    write.tar(FILES, "gz"),
    write.zipped(FILES),
]
IMAGES = [
    write.bzimage(write.compress(make.vmlinux(), "zst")),
    write.zboot(write.compress(make.vmlinux(), "gz")),
    write.arm64_image(make.vmlinux()),
    write.uki(write.bzimage(write.compress(make.vmlinux(), "xz"))),
    b"\0" * 100 + write.compress(make.vmlinux(), "lz4") + b"\0" * 100,
]
TARGETS: dict[str, tuple[Callable[[bytes], object] | str, list[bytes]]] = {
    "archive": (archive, [*PACKAGES, write.tar(FILES, pax=True), write.cpio(FILES)]),
    "unpack": (unpacking, [write.compress(make.config(), how) for how in HOW]),
    "image": (kernel_image, IMAGES),
    "elf": (elf, [MODULE, make.vmlinux(machine=22, endian=">"), OBJECT]),
    "carve": (carving, [b"odd" + OBJECT + OBJECT, object_bytes("tc", [exit_()], endian=">")]),
    "kallsyms": (kallsyms, [kallsyms_image(tables(symbols(600), order)) for order in "<>"]),
    "xzblocks": (blocks, [write.xz_in_blocks(random.Random(5).randbytes(1_100_000), 300_000)]),
    "kernels": ("kernel", [*PACKAGES, *IMAGES, make.base().build()]),
    "objects": ("objects", [*PACKAGES, OBJECT, write.tar({"a.deb": PACKAGES[0]})]),
    "cache": ("cached", []),
}


@pytest.fixture(params=TARGETS)
def target(
    request: pytest.FixtureRequest, tmp_path: Path, own_cache: Path
) -> Iterator[tuple[str, object, list[bytes]]]:
    """A reader's name, the reader and sound inputs for it."""
    reader, seeds = TARGETS[request.param]
    disk = OnDisk(tmp_path)
    yield request.param, getattr(disk, reader) if isinstance(reader, str) else reader, seeds or [disk.entry()]


def test_mutated_inputs(target: tuple[str, Callable[[bytes], object], list[bytes]]) -> None:
    name, reader, seeds = target
    for seed in seeds:
        reader(seed)  # the unchanged inputs are sound
    tried, refused = drive(reader, seeds, count=12 if name in ("xzblocks", "kallsyms") else 120)
    assert tried > 0
    assert refused < tried


@pytest.mark.fuzz
def test_mutated_inputs_for_long(target: tuple[str, Callable[[bytes], object], list[bytes]]) -> None:
    name, reader, seeds = target
    seconds = float(os.environ.get("KFUNCSCOPE_FUZZ_SECONDS", "600"))
    tried, refused = drive(reader, seeds, seconds=seconds, seed=int(os.environ.get("KFUNCSCOPE_FUZZ_SEED", "1")))
    print(f"{name}: {tried} inputs, {refused} refused, in {seconds:.0f} s")
