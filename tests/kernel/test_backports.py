# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernels of distributions that are named after one release and carry the BPF of a later one (R-12.23)."""

from __future__ import annotations

import lzma
import math
import struct
from collections.abc import Iterable
from functools import cache

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.kernel.fingerprint import bpf_level
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.kernel.marks import level_by_marks, marks_of
from kfuncscope.knowledge.common import common_table
from kfuncscope.knowledge.knowledge import for_backport
from kfuncscope.knowledge.names import dated_enumerators
from kfuncscope.model.verdict import Tri
from kfuncscope.resources import sample
from kfuncscope.storage.files import KernelFiles
from kfuncscope.upgrade.known import kernel_info
from support.bpfwriter import Insn, ObjectBuilder, exit_, mov
from support.kernels import KernelBuilder, only

END = [mov(0, 0), exit_()]


def kernel(named: str, of: str) -> Kernel:
    return KernelBuilder(named).backporting(of).kernel()


@pytest.mark.parametrize(
    ("named", "of", "as_of"),
    [("6.4", "6.9", "6.9"), ("6.4", "6.8", "6.7"), ("5.14", "6.4", "6.4"), ("5.14", "6.12", "6.10"),
     ("6.4", "6.4", ""), ("6.12", "6.12", ""), ("7.3", "7.3", "")],
)  # fmt: skip
def test_features_tell_the_level(named: str, of: str, as_of: str) -> None:
    """6.8 added no name: of such a kernel the level before is certain, and no more."""
    assert kernel(named, of).bpf_as_of == as_of


@pytest.mark.parametrize("of", ["5.10", "6.1", "6.12.117", "6.18", "6.19", "7.0", "7.3"])
def test_a_kernel_of_its_own_release_is_as_of_it(of: str) -> None:
    assert kernel(of, of).bpf_as_of == ""


def test_one_name_less_lowers_the_level() -> None:
    whole = {name for name, release in dated_enumerators().items() if release != "7.2"}
    assert bpf_level(whole) == ("6.19", "7.2")
    assert bpf_level(whole - {"BPF_MAP_TYPE_INSN_ARRAY"}) == ("6.10", "6.19")
    assert bpf_level(whole - {"BPF_MAP_TYPE_INSN_ARRAY", "BPF_TRACE_KPROBE_SESSION"}) == ("6.9", "6.10")
    assert bpf_level(set()) == ("", "3.19")


def test_the_result_says_both() -> None:
    assert dict(kernel_info(kernel("6.4.0-150600", "6.9")).facts)["BPF"] == "6.4 by name, BPF as of 6.9"
    assert "BPF" not in dict(kernel_info(kernel("6.12", "6.12")).facts)


def test_the_result_says_that_a_release_was_inferred() -> None:
    """Where nothing names it; a release that was given is not spoken of."""
    files = KernelFiles("k", btf=KernelBuilder("7.3").build())
    facts = [dict(kernel_info(open_kernel(files, release=release)).facts) for release in ("", "7.3")]
    assert facts[0]["release"].startswith("inferred from its ") and "release" not in facts[1]


def test_tables_of_one_level_alone_are_never_certain() -> None:
    made = kernel("5.14", "6.19")
    assert made.knowledge.borrowed_for == made.linux and made.knowledge.others
    tables = for_backport("6.19", "5.14")
    assert tables.release == "6.19.11" and [one.release for one in tables.others] == ["6.18.15"]
    assert tables.agreed(lambda level: "map_lookup_elem" in level.helpers)
    assert not tables.agreed(lambda level: level.release)


def test_rules_follow_the_level_of_the_features() -> None:
    """``may_goto`` came with 6.9: a 6.4 that carries the BPF of 6.9 takes it."""
    goto = ObjectBuilder().program("xdp", "p", [Insn(0xE5, off=0), *END])
    assert only(goto, kernel("6.4", "6.4")).loads == Tri.NO
    assert only(goto, kernel("6.4", "6.9")).loads == Tri.YES


# -- real BTF, with features moved out of it


@cache
def real(name: str) -> bytes:
    return lzma.decompress(sample("kernels", name, "vmlinux.btf.xz").read_bytes())


def without(btf: bytes, names: Iterable[str]) -> bytes:
    """The BTF with these functions and members called something else, in as many letters."""
    start, size = struct.unpack_from("<II", btf, 16)
    head = struct.unpack_from("<I", btf, 4)[0]
    strings = btf[head + start : head + start + size]
    for name in names:
        text = name.rpartition(".")[2].encode()
        strings = strings.replace(b"\0" + text + b"\0", b"\0" + b"~" * len(text) + b"\0")
    return btf[: head + start] + strings + btf[head + start + size :]


def marks(release: str, kind: str, share: float = 1.0) -> list[str]:
    listed: list[str] = common_table("marks")["marks"][release][kind]
    return listed[: math.ceil(share * len(listed))]


def kfuncs(release: str) -> list[str]:
    return list(common_table("marks")["kfuncs"].get(release, []))


def level(btf: bytes, above: tuple[int, ...] = ()) -> tuple[str, str]:
    return level_by_marks(Blob(btf, "b"), above)


@pytest.mark.parametrize(
    ("name", "told"),
    [("6.12-x86_64", ("6.12", "6.16")), ("6.12-s390x", ("6.12", "6.16")), ("7.2-riscv64", ("7.2", "7.3")),
     ("7.2-s390x", ("7.2", "7.3")), ("7.3-arm64", ("7.3", ""))],
)  # fmt: skip
def test_real_kernels_have_the_marks_of_their_release(name: str, told: tuple[str, str]) -> None:
    assert Blob(real(name), "b").endian in "<>" and level(real(name)) == told


@pytest.mark.parametrize(
    ("kind", "share", "told"),
    [("member", 1.0, ("7.2", "7.3")), ("function", 1.0, ("7.2", "7.3")), ("member", 0.3, ("7.3", "")),
     ("member", 0.55, ("7.2", "7.3")), ("function", 0.45, ("7.3", "")), ("function", 0.55, ("7.2", "7.3"))],
)  # fmt: skip
def test_half_of_each_kind_has_to_be_there(kind: str, share: float, told: tuple[str, str]) -> None:
    assert level(without(real("7.3-x86_64"), marks("7.3", kind, share))) == told


def test_where_several_releases_lie_between_a_part_is_not_enough() -> None:
    """6.2 to 6.11 brought some of the marks of 6.12; then the kfuncs tell, of which each release has its own."""
    part = without(real("6.12-x86_64"), [*marks("6.12", "member", 0.15), *kfuncs("6.12")])
    assert level(part) == ("6.11", "6.12")
    most = without(real("6.12-x86_64"), marks("6.12", "member", 0.05))
    assert level(most) == ("6.12", "6.16")
    dropped = [name for release in ("6.10", "6.11", "6.12") for name in kfuncs(release)]
    assert level(without(part, dropped)) == ("6.7", "6.12")


def test_a_real_kernel_under_an_older_name() -> None:
    files = KernelFiles("k", "x86_64", "5.14.0-611.el9.x86_64", without(real("6.12-x86_64"), marks("6.12", "member")))
    made = open_kernel(files)
    assert made.bpf_as_of == "6.11" and made.knowledge.others and made.knowledge.borrowed_for == "5.14"
    assert dict(kernel_info(made).facts)["BPF"] == "5.14 by name, BPF as of 6.11"
    assert open_kernel(KernelFiles("k", "x86_64", "6.12.107", real("6.12-x86_64"))).bpf_as_of == ""


def test_a_kfunc_or_two_of_a_later_release_are_no_backport_of_it() -> None:
    kb = KernelBuilder("6.1")
    for name in kfuncs("6.7")[:2]:
        kb.hook(name)
    assert kb.kernel().bpf_as_of == ""
    for name in kfuncs("6.7")[2:]:
        kb.hook(name)
    assert kb.kernel().bpf_as_of == "6.7"


def test_marks_are_of_all_later_kernels_and_of_none_before() -> None:
    made = {
        "6.1.9": {"member": frozenset("a"), "function": frozenset("f")},
        "6.2.3": {"member": frozenset("abx"), "function": frozenset("f")},
        "6.2.9": {"member": frozenset("aby"), "function": frozenset("fg")},
        "6.9.1": {"member": frozenset("abyz"), "function": frozenset("fg")},
    }
    assert marks_of(made) == {
        "6.2": {"next": 1, "member": ["b"], "function": []}, "6.9": {"next": 0, "member": ["z"], "function": []},
    }  # fmt: skip


def test_the_version_that_programs_see_stays_the_name() -> None:
    made = kernel("5.14.21", "6.4")
    assert (made.linux, made.version) == ("5.14.21", (6, 4))
