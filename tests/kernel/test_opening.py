# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kernel that is known opens from its columns, with the same answers; damaged ones are made again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kfuncscope.kernel import opening
from kfuncscope.kernel.opening import kept_symbols, open_symbols, open_vmlinux, prepared_blob
from kfuncscope.kernel.symbols import Symbols
from kfuncscope.resources import sample
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import KernelFiles
from support.kernelfiles import base

LIST = "".join(f"ffffffff8{n:07x} {'tTdD'[n % 4]} name_{n}\n" for n in range(4000)) + (
    "ffffffff80000001 t name_1.isra.0\nffffffff80000002 t name_1.isra.0.cold\nffffffff80000003 t name_12.part.3\n"
)
NAMES = ("name_1", "name_12", "name_3999", "name_4000", "name_1.isra.0", "")


@pytest.fixture(autouse=True)
def _small_kernels_are_kept(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    monkeypatch.setattr(opening, "_WORTH_IT", 0)


def kept(kind: str) -> Path:
    (key,) = (entry.key for entry in default_cache().entries() if entry.key.startswith(kind))
    return default_cache()._path(key)


def test_a_known_kernel_is_opened_from_its_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    files = KernelFiles("k", btf=base().build())
    first = open_vmlinux(files)
    monkeypatch.setattr("kfuncscope.btf.blob.read_table", None)  # what would read the types
    for _ in range(2):
        again = open_vmlinux(files)
        assert first is not None and again is not None
        assert again.derived() == first.derived() and again.data == first.data and again.strings == first.strings


def answers(symbols: Symbols | None) -> list[object]:
    assert symbols is not None
    told = [(symbols.types(n), symbols.clones(n), symbols.is_function(n), symbols.has_prefix(n)) for n in NAMES]
    return [*told, symbols.has_data, symbols.has_function_like("name_1?.part*"), symbols.has_function_like("x*")]


def test_known_symbols_give_the_same_answers() -> None:
    files = KernelFiles("k", symbols=LIST.encode())
    plain = answers(Symbols(LIST.encode()))
    assert plain[0] == ({"T"}, ["name_1.isra.0", "name_1.isra.0.cold"], True, True)
    for _ in range(3):
        assert answers(open_symbols(files, "s")) == plain


@pytest.mark.parametrize("kind", ["btf:", "symbols:"])
def test_damaged_columns_are_made_again(kind: str) -> None:
    files = KernelFiles("k", btf=base().build(), symbols=LIST.encode())
    blob, plain = open_vmlinux(files), answers(open_symbols(files, "s"))
    path = kept(kind)
    whole = path.read_bytes()
    for at in range(40, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        again = open_vmlinux(files)
        assert blob is not None and again is not None and again.derived() == blob.derived()
        assert answers(open_symbols(files, "s")) == plain
    assert path.read_bytes() == whole or not path.exists()


def test_columns_of_another_kernel_are_not_taken() -> None:
    """An entry with right checksums that somebody else put there: what it holds is looked at."""
    files = KernelFiles("k", btf=base().build())
    first = open_vmlinux(files)
    assert first is not None
    (key,) = (entry.key for entry in default_cache().entries() if entry.key.startswith("btf:"))
    parts = {**first.derived(), opening.DATA: files.btf or b""}
    default_cache().put_parts(key, {**parts, "third": bytes(len(parts["third"]))})
    os.utime(default_cache()._path(key))  # as a file that another program wrote
    again = open_vmlinux(files)
    assert again is not None and again.derived() == first.derived()


def test_numpy_is_not_loaded_to_judge_an_object_on_known_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading it takes longer than judging."""
    monkeypatch.setenv("KFUNCSCOPE_NO_MEMO", "1")
    old, new = (sample("kernels", f"{r}-x86_64", "vmlinux.btf.xz") for r in ("6.12", "7.3"))
    code = (
        "import sys; from kfuncscope.cli.main import main\n"
        f"main(['check', '--quiet', '--old', {str(old)!r}, '--new', {str(new)!r}, '--', *sys.argv[1:]])\n"
        "print([m for m in ('numpy', 'pandas', 'networkx', 'PySide6', 'subprocess') if m in sys.modules])"
    )
    for name in ("scx_rota", "sockname_exit", "scx_rota"):  # the first two make the columns, the last is judged on them
        done = subprocess.run(
            [sys.executable, "-c", code, str(sample("objects", f"{name}.bpf.o"))],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


def test_known_symbols_are_not_read_again() -> None:
    plain = answers(kept_symbols(LIST.encode, "content", "s"))

    def read() -> bytes:
        raise AssertionError("read again")

    assert answers(kept_symbols(read, "content", "s")) == plain
    with pytest.raises(AssertionError, match="read again"):
        kept_symbols(read, "other content", "s")
    with pytest.raises(AssertionError, match="read again"):
        kept_symbols(read, "", "s")  # what is not identified is not kept


def test_columns_that_lack_one_are_no_blob() -> None:
    blob = base().blob()
    parts = {opening.DATA: blob.data, **blob.derived()}
    assert prepared_blob(parts, "x") is not None
    for name in parts.keys() - {"flavours"}:  # these are found when they are asked for
        assert prepared_blob({n: p for n, p in parts.items() if n != name}, "x") is None, name
