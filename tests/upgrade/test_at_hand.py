# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A result that is kept whole is read without opening or judging; everything else is left to an analysis."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kfuncscope.gui.received import known
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.cache import default_cache
from kfuncscope.upgrade import at_hand as room
from kfuncscope.upgrade.analyse import analyse
from kfuncscope.upgrade.at_hand import at_hand
from support.bpfwriter import ObjectBuilder, exit_, mov
from support.kernels import KernelBuilder

END = [mov(0, 0), exit_()]


def kernel(folder: Path, release: str, *functions: str) -> KernelRef:
    """A kernel's BTF with some functions, compressed."""
    kb = KernelBuilder(release)
    for name in functions:
        kb.hook(name)
    path = folder / f"vmlinux-{release}.btf.xz"
    path.write_bytes(lzma.compress(kb.build(), preset=0))
    return KernelRef([str(path)])


@pytest.fixture
def given(tmp_path: Path, own_cache: object) -> Session:
    """Two kernels, of which the new one lacks ``bpf_gone``, and two objects."""
    home = tmp_path / "objects"
    home.mkdir()
    for name in ("bpf_kept", "bpf_gone"):
        (home / f"{name}.bpf.o").write_bytes(ObjectBuilder().program(f"fentry/{name}", "call", END).build())
    old = kernel(tmp_path, "6.12", "bpf_gone", "bpf_kept")
    return Session(old=[old], new=[kernel(tmp_path, "7.3", "bpf_kept")], objects=[str(home)])


def test_it_is_the_result_of_an_analysis(given: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert at_hand(given) is None
    whole = analyse(given, workers=1)
    monkeypatch.setattr("kfuncscope.kernel.kernel.open_kernel", lambda *_: pytest.fail("a kernel was opened"))
    assert at_hand(given) == whole
    index = known(given, lambda *_: None)
    assert index is not None and index.analysis == whole


def _damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [Path.unlink, _damaged, lambda path: path.write_bytes(b"")])
def test_what_is_kept_may_be_lost_or_defective(given: Session, damage: Callable[[Path], None]) -> None:
    whole = analyse(given, workers=1)
    for entry in list(default_cache().root.glob("*.kfs")):
        kept = entry.read_bytes()
        damage(entry)
        assert at_hand(given) in (None, whole), entry
        entry.write_bytes(kept)
    assert at_hand(given) == whole


def test_one_object_or_kernel_more_is_work(given: Session, tmp_path: Path) -> None:
    analyse(given, workers=1)
    more = kernel(tmp_path, "7.2", "bpf_kept")
    assert at_hand(replace(given, new=[more])) is None
    one = tmp_path / "objects" / "more.bpf.o"
    one.write_bytes(ObjectBuilder().program("fentry/bpf_kept", "other", END).build())
    assert at_hand(given) is None
    one.unlink()
    assert at_hand(given) is not None


def test_only_of_inputs_that_are_light(given: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither compressed objects nor scripts, nor more files or bytes than the bounds."""
    home = tmp_path / "objects"
    more = home / "more"
    for data, name, light in (
        (lzma.compress(bytes(4096)), "small.xz", True), (lzma.compress(bytes(4 << 20)), "large.xz", False),
        (b"kprobe:f { }", "one.bt", False),
    ):  # fmt: skip
        path = home / name
        path.write_bytes(data)
        assert (len(data) <= 256) == (name != "large.xz"), len(data)
        analyse(given, workers=1)
        assert (at_hand(given) is not None) == light, name
        path.unlink()
    analyse(given, workers=1)
    whole = sum(file.stat().st_size for file in home.iterdir())
    for bound, value in (("MOST_FILES", 2), ("MOST_BYTES", whole)):
        monkeypatch.setattr(room, bound, value)
        assert at_hand(given) is not None
        monkeypatch.setattr(room, bound, value - 1)
        assert at_hand(given) is None
        monkeypatch.setattr(room, bound, value)
    more.mkdir()  # an empty folder counts for nothing
    assert at_hand(given) is not None
    assert at_hand(replace(given, objects=[str(tmp_path / "gone")])) is None


def test_plain_kernels_and_other_questions_are_work(given: Session, tmp_path: Path) -> None:
    """A kernel that is not compressed may be an image of any size; a census or steps need open kernels."""
    analyse(given, workers=1)
    plain = tmp_path / "plain.btf"
    plain.write_bytes(lzma.decompress(Path(given.old[0].files[0]).read_bytes()))
    for other in (
        replace(given, old=[KernelRef([str(plain)])]), replace(given, path=given.new), replace(given, infer=True),
        replace(given, census=[str(plain)]), replace(given, old=[KernelRef([str(tmp_path)])]),
    ):  # fmt: skip
        assert at_hand(other) is None


def test_it_can_be_cancelled(given: Session) -> None:
    analyse(given, workers=1)

    def cancel(*_: object) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        at_hand(given, cancel)
