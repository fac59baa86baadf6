# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernel images of every shape and compressor, and the BTF inside them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.btf.scan import btf_end
from kfuncscope.errors import ImageError, InputError
from kfuncscope.intake import package
from kfuncscope.intake.image import find_btf, image_arch, image_held, unpack_image
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.storage.files import KernelFiles
from support import archivewriter as write
from support import kernelfiles
from support.btfwriter import BtfWriter
from support.elfwriter import ElfWriter

BANNER = b"Linux version 6.12.107-test (builder@host) (gcc) #1 SMP\n\0"
COMPRESSORS = ("xz", "gz", "zst", "bz2", "lz4", "lz4-legacy", "lzma")


def btf(endian: str = "<", functions: int = 200) -> bytes:
    """A small kernel's BTF."""
    made = BtfWriter(endian)
    whole = made.int_("int", 4, signed=True)
    proto = made.proto(whole, [("flags", whole)])
    for number in range(functions):
        made.func(f"function_{number}", proto)
    return made.build()


def noise(size: int, seed: int = 1) -> bytes:
    """Machine code, as far as compressors can tell."""
    return random.Random(seed).randbytes(size)


def vmlinux(blob: bytes | None, machine: int = 62, endian: str = "<") -> bytes:
    """A vmlinux ELF."""
    elf = ElfWriter(endian, machine=machine, file_type=2)
    elf.section(".text", noise(60_000))
    elf.section(".rodata", BANNER)
    elf.section("__ksymtab", b"x" * 12)
    if blob is not None:
        elf.section(".BTF", blob)
    return elf.build()


def raw(blob: bytes | None) -> bytes:
    """A kernel without any header: code, the banner, and BTF at an odd place."""
    return noise(70_000) + BANNER + b"pad" + (blob or b"") + noise(5000, 2)


@pytest.mark.parametrize("how", ["", *COMPRESSORS])
def test_vmlinux_elf(how: str) -> None:
    kernel = vmlinux(btf())
    assert unpack_image(write.compress(kernel, how), "f") == kernel
    assert find_btf(kernel, "f") == btf()
    assert image_arch(kernel, "f") == "x86_64"


@pytest.mark.parametrize("how", COMPRESSORS)
@pytest.mark.parametrize("shape", [write.bzimage, write.zboot], ids=["bzImage", "zboot"])
def test_wrapped_images(shape: Callable[[bytes], bytes], how: str) -> None:
    kernel = vmlinux(btf())
    assert unpack_image(shape(write.compress(kernel, how)), "f") == kernel


@pytest.mark.parametrize("how", COMPRESSORS)
def test_payload_that_no_header_tells_is_found(how: str) -> None:
    # s390x and arm images: a decompressor, and somewhere in it the payload.
    kernel = raw(btf(">"))
    image = b"\0\x08\0\0" + noise(30_000, 3) + write.compress(kernel, how) + b"\xee" * 700
    found = unpack_image(image, "f")
    assert found == kernel
    assert find_btf(found, "f") == btf(">")


@pytest.mark.parametrize(
    ("shape", "arch"), [(write.arm64_image, "arm64"), (write.riscv_image, "riscv64")], ids=["arm64", "riscv"]
)
@pytest.mark.parametrize("how", ["", "gz", "xz"])
def test_raw_images(shape: Callable[[bytes], bytes], arch: str, how: str) -> None:
    kernel = shape(raw(btf()))
    assert unpack_image(write.compress(kernel, how), "f") == kernel
    assert find_btf(kernel, "f") == btf()
    assert image_arch(kernel, "f") == arch


@pytest.mark.parametrize("how", ["", "gz", "lz4-legacy"])
def test_boot_images_of_android(how: str) -> None:
    """boot.img, version 4: a page of header, the kernel as it is or compressed, padding to a page."""
    kernel = write.compress(write.arm64_image(raw(btf())), how)
    head = b"ANDROID!" + len(kernel).to_bytes(4, "little") + bytes(20) + (1580).to_bytes(4, "little")
    image = head.ljust(40, b"\0") + (4).to_bytes(4, "little")
    found = unpack_image(image.ljust(4096, b"\0") + kernel + bytes(-len(kernel) % 4096), "boot.img")
    assert find_btf(found, "boot.img") == btf()


def test_unified_kernel_image_holds_a_bzimage() -> None:
    kernel = vmlinux(btf())
    assert unpack_image(write.uki(write.bzimage(write.compress(kernel, "zst"))), "f") == kernel


def test_elf_that_wraps_a_kernel() -> None:
    # ppc zImage: an ELF file whose payload is the stripped vmlinux.
    kernel = vmlinux(btf(), machine=21)
    wrapper = ElfWriter(machine=21, file_type=2)
    wrapper.section(".text", noise(5000))
    wrapper.section(".kernel:vmlinux.strip", write.compress(kernel, "gz"))
    assert unpack_image(wrapper.build(), "f") == kernel
    assert image_arch(kernel, "f") == "ppc64le"


def test_kernels_without_btf() -> None:
    assert find_btf(unpack_image(write.bzimage(write.compress(vmlinux(None), "xz")), "f"), "f") is None
    assert find_btf(raw(None), "f") is None


def test_the_largest_sound_blob_is_the_kernels() -> None:
    small, large = btf(functions=3), btf(functions=400)
    damaged = bytearray(btf(functions=900))
    damaged[-1] = 1  # the string section no longer ends with NUL
    image = noise(999) + bytes(damaged) + small + noise(99) + large + small
    assert find_btf(image, "f") == large


def test_blobs_that_break_the_header_rules() -> None:
    good = bytearray(btf())
    assert btf_end(bytes(good), 0) == len(good)
    for at, value in ((2, 2), (4, 8), (12, 13), (20, 0xFF)):
        bad = good.copy()
        bad[at] = value
        if at == 20:
            bad[20:24] = b"\xff\xff\xff\x7f"
        assert btf_end(bytes(bad), 0) is None, at
    assert btf_end(bytes(good[:-1]), 0) is None
    assert btf_end(bytes(good[:20]), 0) is None


def test_blob_with_a_layout_section_ends_behind_it() -> None:
    made = BtfWriter(layout={1: (4, 0)})
    made.int_("int", 4)
    blob = made.build()
    assert btf_end(blob + b"more", 0) == len(blob)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no kernel",
        write.compress(b"no kernel", "xz"),
        b"\x7fELF\x02\x01",
        write.bzimage(b"?"),
        write.zboot(b"?"),
        b"MZ\0\0zimg",
        write.bzimage(b"\x5d" + bytes(14))[:-66],
    ],
    ids=["empty", "text", "xz", "elf", "bzImage", "zboot", "cut", "short"],
)
def test_files_without_a_kernel_are_one_error(data: bytes) -> None:
    with pytest.raises(ImageError):
        unpack_image(data, "f")


def test_lzo_is_refused_by_name() -> None:
    with pytest.raises(ImageError, match="lzo"):
        unpack_image(b"\x89LZO\x00\x0d\x0a\x1a\x0a" + bytes(100), "f")


@settings(max_examples=40, deadline=None)
@given(data=st.data(), how=st.sampled_from(["xz", "zst", "gz"]))
def test_flipped_bytes_give_a_kernel_or_one_error(data: st.DataObject, how: str) -> None:
    image = bytearray(write.bzimage(write.compress(vmlinux(btf(functions=5)), how)))
    for _ in range(data.draw(st.integers(1, 4))):
        image[data.draw(st.integers(0, len(image) - 1))] = data.draw(st.integers(0, 255))
    try:
        find_btf(unpack_image(bytes(image), "f"), "f")
    except InputError as error:
        assert error.source == "f"


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose image was unpacked."""
    seen: list[str] = []
    real = package.unpack_image

    def counted(data: bytes, source: str) -> bytes:
        seen.append(source)
        return real(data, source)

    monkeypatch.setattr(package, "unpack_image", counted)
    return seen


def kernel_in(tmp_path: Path, name: str, release: str) -> KernelFiles:
    path = tmp_path / name
    path.write_bytes(write.bzimage(write.compress(kernelfiles.vmlinux(release), "gz")))
    (files,) = kernel_files([path])
    return files


def test_an_image_is_unpacked_once_while_it_is_held(tmp_path: Path, own_cache: Path, unpacked: list[str]) -> None:
    """Building the parts, and two lists that are read from the image later; another image takes its place."""
    with image_held():
        first = kernel_in(tmp_path, "vmlinuz-1", "6.12.1-test")
        assert first.image is not None
        image = first.image()
        assert first.image() is image and len(unpacked) == 1
        second = kernel_in(tmp_path, "vmlinuz-2", "6.12.2-test")
        assert second.image is not None
        assert b"6.12.2-test" in second.image() and len(unpacked) == 2
        assert first.image() == image and len(unpacked) == 3
    assert first.image() == image and len(unpacked) == 4


def test_no_image_is_held_outside(tmp_path: Path, own_cache: Path, unpacked: list[str]) -> None:
    files = kernel_in(tmp_path, "vmlinuz-1", "6.12.1-test")
    assert files.image is not None
    assert files.image() == files.image() and len(unpacked) == 3
