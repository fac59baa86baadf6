# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The list of tracepoint arguments that may be NULL, found in images that the tests write (R-7.7)."""

from __future__ import annotations

import struct

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.intake.identity import unnumbered_image, unnumbered_package, version_of_image, version_of_package
from kfuncscope.kernel.binary.null_args import null_args
from support.btfwriter import BtfWriter

NAMES = [f"event_{chr(97 + i)}" for i in range(20)]
BASE = 0xFFFF800080000000


def tracepoints(endian: str, names: list[str]) -> Blob:
    """A BTF with the typedefs of these tracepoints."""
    writer = BtfWriter(endian)
    proto = writer.ptr(writer.proto(0, [("__data", writer.once("ptr", 0))]))
    for name in names:
        writer.typedef(f"btf_trace_{name}", proto)
    return Blob(writer.build(), "test")


def image(endian: str, masks: list[int], base: int = BASE, names: list[str] | None = None) -> bytes:
    """A raw image: texts, then ``{name, mask}`` pairs that point to them."""
    texts, places = b"\0" * 64, []
    for name in names or NAMES:
        places.append(len(texts))
        texts += name.encode() + b"\0"
    texts += b"\0" * (-len(texts) % 16)
    pairs = b"".join(struct.pack(f"{endian}2Q", base + at, mask) for at, mask in zip(places, masks, strict=True))
    return texts + pairs + b"\0" * 64


@pytest.mark.parametrize(("endian", "base"), [("<", BASE), (">", 0x3FFE0000000)])
def test_a_raw_image_tells_by_texts_that_are_likely(endian: str, base: int) -> None:
    masks = [0x10] * 18 + [0x1 | 0x200, 0x100000000000]
    found = null_args(image(endian, masks, base), tracepoints(endian, NAMES[:3]), NAMES[4:6])
    assert found is not None
    assert found == {**{name: {1} for name in NAMES[:18]}, NAMES[18]: {0, 2}, NAMES[19]: {11}}
    assert null_args(image(endian, masks, base), tracepoints(endian, NAMES[:3]), ["gone_a", "gone_b"]) is None


@pytest.mark.parametrize(
    ("count", "mask", "known", "found"),
    [(16, 0x10, 3, True), (15, 0x10, 3, False), (20, 0x10, 2, False), (20, 0x40, 3, False), (20, 1 << 48, 3, False),
     (20, 0x3, 3, True), (20, 0, 3, False)],
)  # fmt: skip
def test_what_is_not_the_list(count: int, mask: int, known: int, found: bool) -> None:
    """Too short, masks with other bits, or names that are not those of this kernel's tracepoints."""
    made = image("<", [mask] * count, names=NAMES[:count])
    assert (null_args(made, tracepoints("<", NAMES[:known]), NAMES[:2]) is not None) == found


def test_a_run_whose_texts_are_not_names_is_not_the_list() -> None:
    made = image("<", [0x10] * 20, names=[*NAMES[:19], "9 lives"])
    assert null_args(made, tracepoints("<", NAMES[:4]), NAMES[:2]) is None


@pytest.mark.parametrize(
    ("masks", "found"),
    [([0x10] * 9 + [0] + [0x100] * 10, 20), ([0x10] * 9 + [0, 0] + [0x100] * 9, 0), ([0x10] * 19 + [0], 19),
     ([0] + [0x10] * 17 + [0, 0], 17), ([0x10] * 16 + [0, 0, 0x10, 0x10], 16)],
)  # fmt: skip
def test_one_name_among_the_others_may_have_no_mask(masks: list[int], found: int) -> None:
    """bpf_testmod_test_read has none since 6.16, with others behind it; more than one in a row ends the list."""
    told = null_args(image("<", masks), tracepoints("<", NAMES[:4]), NAMES[:2])
    assert len(told or ()) == found
    if found == 20:
        assert told is not None
        assert (told[NAMES[8]], told[NAMES[9]], told[NAMES[10]]) == ({1}, set(), {2})


DEBIAN = b"Linux version 5.10.0-32-amd64 (debian-kernel@lists.debian.org) (gcc-10 (Debian 10.2.1-6) 10.2.1, GNU ld"
UBUNTU = b"Linux version 6.8.0-31-generic (buildd@x) (gcc (Ubuntu 13.2.0-23ubuntu4) 13.2.0) #31-Ubuntu SMP\n\0"


@pytest.mark.parametrize(
    ("text", "version"),
    [(DEBIAN + b") #1 SMP Debian 5.10.223-1 (2024-08-10)\n\0", "5.10.223"),
     (b"Linux version 6.12.107+deb13-amd64 (d@x) (gcc (Debian 14.2.0-19) 14.2.0) #1 SMP Debian 6.12.107-1\n\0",
      "6.12.107"),
     (DEBIAN + b") #1 SMP\n\0", None),
     (b"Linux version 7.3.4 (me@here) (gcc 15) #3 SMP\n\0", "7.3.4"),
     (UBUNTU + b"Ubuntu 6.8.0-31.31-generic 6.8.1\n\0", "6.8.1"), (UBUNTU, None), (b"nothing", None)],
)  # fmt: skip
def test_the_version_that_an_image_tells_r_12_21(text: bytes, version: str | None) -> None:
    assert version_of_image(b"\0" * 8 + text + b"\0") == version


def test_the_version_of_a_package() -> None:
    assert version_of_package("linux-image-5.10.0-32-amd64", "5.10.223-1") == "5.10.223"
    assert version_of_package("linux-binary-7.1.13+deb13-amd64", "1:7.1.13-1~bpo13+1") == "7.1.13"
    assert version_of_package("systemd", "257.1.2-1") is None


@pytest.mark.parametrize(
    ("release", "said", "unnumbered"),
    [("7.3-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 7.3~rc7-1~exp1 (2026-10-16)", True),
     ("7.3-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 7.3.4-1 (2026-10-16)", False),
     ("7.3.0-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 7.3~rc7-1~exp1 (2026-10-16)", False),
     ("6.12", "#1 SMP", True), ("6.12.0-rc4", "#1 SMP", False), ("5.10.0-32-amd64", "#1 SMP", False)],
)  # fmt: skip
def test_kernels_in_which_libbpf_finds_no_version_r_12_29(release: str, said: str, unnumbered: bool) -> None:
    text = f"Linux version {release} (d@x) (gcc (Debian 16.2.0-3) 16.2.0) {said}\n\0".encode()
    assert unnumbered_image(b"\0" * 8 + text) == unnumbered
    assert not unnumbered_image(text[:-20] if release == "7.3.0-amd64" else b"no banner")


@pytest.mark.parametrize(
    ("name", "version", "unnumbered"),
    [("linux-binary-7.3-amd64", "7.3~rc7-1~exp1", True), ("linux-base-7.3-amd64", "1:7.3-1", True),
     ("linux-binary-7.3-amd64", "7.3.4-1", False), ("linux-tools-7.3", "7.3~rc7-1", False),
     ("other-7.3-amd64", "7.3~rc7-1", False), ("linux-binary-7.3-amd64", "unknown", False)],
)  # fmt: skip
def test_packages_of_kernels_without_a_version_r_12_29(name: str, version: str, unnumbered: bool) -> None:
    assert unnumbered_package(name, version, "7.3-amd64") == unnumbered
    assert not unnumbered_package(name.replace("7.3", "6.12.1"), version, "6.12.1-amd64")
