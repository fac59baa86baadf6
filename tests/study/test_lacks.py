# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is missing of a kernel is named with its cost, in general and counted in a result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kfuncscope.model.analysis import NOT_GIVEN
from kfuncscope.model.verdict import NeedKind
from kfuncscope.resources import sample
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.study.kernels.lacks import PARTS, lacks, lacks_in, unknown_needs
from kfuncscope.upgrade.analyse import analyse
from kfuncscope.upgrade.describe import describe
from support.handmade import kernel

WHOLE = (("BTF", "5.0 MB, 1 types"), ("config", "9 options"), ("modules", "3"), ("symbols", "given"))


def test_each_part_that_is_missing_is_named() -> None:
    assert lacks(WHOLE) == ()
    for number, part in enumerate(PARTS):
        rest = [(label, NOT_GIVEN if label == part.name else value) for label, value in WHOLE]
        assert [lack.part for lack in lacks(rest)] == [part.name]
        assert lacks([fact for i, fact in enumerate(WHOLE) if i != number]) == lacks(rest)
    assert str(lacks(())[-1]).startswith("no symbols: whether a function can be attached to")


def test_costs_are_counted_by_what_a_part_settles() -> None:
    bare = replace(kernel("x86_64", False), facts=(*WHOLE[:3], ("symbols", NOT_GIVEN)))
    hooks = [(NeedKind.HOOK, f"f{i}") for i in range(12)]
    assert [str(lack) for lack in lacks_in(bare, hooks)] == ["no symbols: 12 hooks unknown"]
    assert [str(lack) for lack in lacks_in(bare, [*hooks[:1], hooks[0]])] == ["no symbols: 1 hook unknown"]
    fields = lacks_in(bare, [(NeedKind.FIELD, "a.b")])
    assert not fields[0].counted and fields == lacks(bare.facts)
    both = replace(bare, facts=(*WHOLE[:1], ("config", NOT_GIVEN), *WHOLE[2:]))
    counted = lacks_in(both, [(NeedKind.KCONFIG, "CONFIG_A"), *hooks[:2], (NeedKind.KSYM, "k")])
    assert [str(lack) for lack in counted] == ["no config: 2 hooks, 1 kconfig unknown"]


def test_the_engine_describes_a_kernel_and_says_what_it_lacks(own_cache: Path, tmp_path: Path) -> None:
    btf = tmp_path / "vmlinux.btf.xz"
    btf.write_bytes(sample("kernels", "6.12-x86_64", "vmlinux.btf.xz").read_bytes())
    bare = KernelRef([str(btf)], arch="x86_64", release="6.12.107")
    whole = KernelRef([str(sample("kernels", "6.12-x86_64"))])
    (_, poor), (_, rich), (_, none) = describe([bare, whole, KernelRef([str(tmp_path / "nothing")])])
    assert [lack.part for lack in poor.kernels[0].lacks] == ["config", "modules", "symbols"]
    assert [lack.part for lack in rich.kernels[0].lacks] == ["symbols"]
    assert (rich.kernels[0].arch, rich.kernels[0].release) == ("x86_64", "6.12.107")
    assert rich.kernels[0].level.startswith("6.12.") and not rich.kernels[0].borrowed
    assert not none.kernels and "No such file" in none.problems[0].reason


def test_what_a_missing_part_costs_is_of_the_result(own_cache: Path) -> None:
    """Kernels without modules leave the kfuncs of modules unknown; with them nothing is."""
    objects = [str(sample("objects", "ct_guard.bpf.o"))]
    old, new = (
        KernelRef([f"btf={sample('kernels', name, 'vmlinux.btf.xz')}"], arch="x86_64", release=release)
        for name, release in (("6.12-x86_64", "6.12.107"), ("7.3-x86_64", "7.3.4"))
    )
    arch = analyse(Session([old], [new], objects=objects)).arches[0]
    found = {lack.part: str(lack) for lack in lacks_in(arch.new, unknown_needs(arch))}
    kfuncs = sum(kind is NeedKind.KFUNC for kind, _ in unknown_needs(arch))
    assert kfuncs > 0 and f"{kfuncs} kfunc" in found["modules"] and "unknown" in found["modules"]
