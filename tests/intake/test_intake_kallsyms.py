# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The symbol table inside kernel images, in the layouts of its releases."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfuncscope.errors import ImageError
from kfuncscope.intake.kallsyms import decode_kallsyms
from kfuncscope.intake.kernels import kernel_files
from support import archivewriter as write
from support import kernelfiles as make
from support.kallsymswriter import symbols, tables


def image(body: bytes) -> bytes:
    """Other bytes around the tables (which are aligned), with digits among them as in real kernels."""
    digits = b"".join(b"%d\0" % n for n in range(10))
    return random.Random(7).randbytes(4096) + digits + bytes(204) + body + digits + random.Random(8).randbytes(4096)


def lines(names: list[bytes]) -> bytes:
    return b"".join(name + b"\n" for name in names)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("count", [600, 1024, 3333])
def test_names_in_their_order(order: str, count: int) -> None:
    names = symbols(count)
    assert decode_kallsyms(image(tables(names, order)), "f") == lines(names)


def test_other_layouts() -> None:
    names = symbols(2000)
    for made in (
        tables(names, gap=4, align=4),  # 32 bit
        tables(names, width=8),  # markers as longs, before 4.20
        tables(names, between=random.Random(1).randbytes(3 * 2000)),  # the order by hash, in 6.2 and 6.3
    ):
        assert decode_kallsyms(image(made), "f") == lines(names)


def test_images_without_a_table() -> None:
    made = tables(symbols(700))
    for data in (b"", make.vmlinux(), image(b""), image(made[:-300]), image(made[3000:])):
        with pytest.raises(ImageError, match="no symbol table"):
            decode_kallsyms(data, "f")


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_flipped_bytes_give_lines_or_one_error(data: st.DataObject) -> None:
    made = bytearray(image(tables(symbols(600))))
    for _ in range(data.draw(st.integers(1, 6))):
        made[data.draw(st.integers(4096, len(made) - 4096))] = data.draw(st.integers(0, 255))
    try:
        assert decode_kallsyms(bytes(made), "f").endswith(b"\n")
    except ImageError as error:
        assert error.source == "f"


def test_kernels_decode_lazily_and_once(own_cache: Path, tmp_path: Path) -> None:
    names = symbols(900)
    path = tmp_path / "vmlinuz"
    path.write_bytes(write.bzimage(write.compress(make.vmlinux() + image(tables(names)), "zst")))
    (kernel,) = kernel_files([path])
    assert kernel.kallsyms is not None
    assert not any(e.name.startswith("kallsyms") for e in own_cache.iterdir())
    assert kernel.kallsyms() == lines(names)
    path.unlink()
    assert kernel.kallsyms() == lines(names)
    path.write_bytes(write.bzimage(write.compress(make.vmlinux(), "zst")))
    (kernel,) = kernel_files([path])
    assert kernel.kallsyms is not None
    with pytest.raises(ImageError, match="vmlinuz: no symbol table"):
        kernel.kallsyms()
