# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Symbol lists: both forms, found in the text and by the index alike."""

from __future__ import annotations

import time

import pytest

from kfuncscope.errors import KernelError
from kfuncscope.kernel.symbols import FEW, Symbols

ROWS = [
    ("T", "vfs_read"), ("t", "vfs_read"), ("t", "vfs_readv.isra.0"), ("t", "vfs_readv.isra.0.cold"), ("D", "init_net"),
    ("t", "tcp_probe.cold"), ("t", "lower.constprop.3"), ("d", "lower.7"), ("d", "table.cold"), ("W", "weak_one"),
    ("t", "after_weak"), ("T", "_eil_addr_open"), ("T", "last"),
]  # fmt: skip
FORMS = {
    "plain": "{0} {1}\n",
    "address": "ffffffff81000000 {0} {1}\n",
    "module": "0000000000000000 {0} {1}\t[xfs]\n",
    "windows": "{0} {1}\r\n",
}


def made(form: str) -> Symbols:
    return Symbols("".join(FORMS[form].format(*row) for row in ROWS).encode())


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_name_is_found(form: str, indexed: bool) -> None:
    symbols = made(form)
    if indexed:
        symbols.prepare()
    assert symbols.types("vfs_read") == {"T", "t"}
    assert symbols.types("init_net") == {"D"} and not symbols.is_function("init_net")
    for name in ("weak_one", "after_weak", "last", "tcp_probe.cold"):
        assert symbols.is_function(name)
    for name in ("", "vfs_rea", "vfs_readv", "[xfs]", "fs_read", "ffffffff81000000", "last T"):
        assert not symbols.types(name), name
    assert symbols.has_data
    assert symbols.has_prefix("_eil_addr_") and not symbols.has_prefix("eil_addr_")


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_clones_are_functions_with_a_word_behind_the_dot(form: str, indexed: bool) -> None:
    symbols = made(form)
    if indexed:
        symbols.prepare()
    assert symbols.clones("vfs_readv") == ["vfs_readv.isra.0", "vfs_readv.isra.0.cold"]
    assert symbols.clones("vfs_readv.isra.0") == ["vfs_readv.isra.0.cold"]
    assert symbols.clones("lower") == ["lower.constprop.3"]
    assert symbols.clones("table") == [] and symbols.clones("vfs_read") == []


def test_the_index_is_made_once_enough_names_were_asked_for() -> None:
    rows = [f"T name_{i}" for i in range(3 * FEW)]
    symbols = Symbols("\n".join(rows).encode())
    assert all(symbols.is_function(f"name_{i}") and not symbols.types(f"gone_{i}") for i in range(3 * FEW))


def test_function_lists_have_no_data() -> None:
    assert not Symbols(b"T vfs_read\nt data_d\n").has_data


@pytest.mark.parametrize("data", [b"", b"no symbols", b"\0\0T a\n", b"CONFIG_X=y\n"])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(KernelError, match="not a symbol list"):
        Symbols(data)


@pytest.mark.parametrize("form", FORMS)
def test_functions_by_pattern(form: str) -> None:
    """``*`` and ``?`` as in libbpf; data is no function."""
    symbols = made(form)
    for pattern in ("vfs_*", "*read", "v*s*r*d", "*", "vfs?read", "**.cold", "*.isra.?.c*", "vfs_read"):
        assert symbols.has_function_like(pattern), pattern
    for pattern in ("vfs", "init_*", "d.7", "*read?x", "?vfs_read", "vfs_read?old", "*xfs]", "T*vfs_read"):
        assert not symbols.has_function_like(pattern), pattern


def test_no_pattern_takes_long() -> None:
    """A name of a million letters, and stars that could part it in any way."""
    symbols = Symbols(b"T short\nT " + b"ab" * 500_000 + b"\n")
    begin = time.process_time()
    assert not symbols.has_function_like("*a*b" * 30 + "*c")
    assert time.process_time() - begin < 2


def test_an_index_is_made_for_many_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first names are searched in the text; with as many as ``FEW`` known, the next one asks for the index."""
    made_at: list[int] = []
    prepare = Symbols.prepare
    symbols = made("plain")

    def noted(self: Symbols) -> None:
        made_at.append(len(self._known))
        prepare(self)

    monkeypatch.setattr(Symbols, "prepare", noted)
    for number in range(FEW):
        assert symbols.types(f"nothing_{number}") == frozenset()
    assert made_at == []
    assert symbols.types("vfs_read") == {"T", "t"} and made_at == [FEW]
    assert symbols.types("vfs_read") == {"T", "t"} and made_at == [FEW]  # remembered
