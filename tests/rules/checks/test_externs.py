# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Strong variables and configuration values refuse the programs that use them, and the object (R-12.14)."""

from __future__ import annotations

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.model.verdict import Tri, Verdict
from kfuncscope.rules.judge import judge
from kfuncscope.storage.files import Loader
from support.bpfwriter import ObjectBuilder, exit_, ld_sym, ldx, mov
from support.kernels import CONFIG, KernelBuilder, compared, judged

END = [mov(0, 0), exit_()]


def reading(*, weak: bool = False) -> ObjectBuilder:
    """``uses`` reads a variable of the kernel, ``plain`` nothing."""
    ob = ObjectBuilder().extern_var("counter", 0, weak=weak)
    return ob.program("xdp", "uses", [ld_sym(1, "counter"), *END]).program("xdp", "plain", END)


def configured(*, weak: bool = False) -> ObjectBuilder:
    """``strong`` reads CONFIG_HZ, ``other`` a weak option, ``plain`` none."""
    ob = ObjectBuilder().extern_kconfig("CONFIG_HZ", weak=weak).extern_kconfig("CONFIG_NUMA", weak=True)
    for name, option in (("strong", "CONFIG_HZ"), ("other", "CONFIG_NUMA")):
        ob.program("xdp", name, [ld_sym(1, option), ldx(4, 2, 1, 0), *END])
    return ob.program("xdp", "plain", END)


def kernel(*symbols: str, config: dict[str, str] | None = CONFIG) -> Kernel:
    return KernelBuilder("7.3").kernel(symbols=symbols or None, config=config)


@pytest.mark.parametrize(
    ("ob", "old", "new", "verdicts", "whole"),
    [
        (reading(), kernel("D counter"), kernel("D counter"), "OK OK", "OK"),
        (reading(), kernel("D counter"), kernel("D other"), "BREAKS OK", "BREAKS"),
        (reading(), kernel("D other"), kernel("D other"), "ALREADY_BROKEN OK", "ALREADY_BROKEN"),
        (reading(), kernel("D other"), kernel("D counter"), "FIXED OK", "FIXED"),
        (reading(), kernel("D counter"), kernel(), "UNKNOWN OK", "UNKNOWN"),
        (reading(weak=True), kernel("D counter"), kernel("D other"), "OK OK", "OK"),
        (configured(), kernel(config={**CONFIG, "HZ": "250"}), kernel(), "BREAKS BREAKS OK", "BREAKS"),
        (configured(), kernel(config={**CONFIG, "HZ": "250"}), kernel(config=None), "UNKNOWN OK OK", "UNKNOWN"),
        (configured(weak=True), kernel(config={**CONFIG, "HZ": "250"}), kernel(), "OK OK OK", "OK"),
    ],
)  # fmt: skip
def test_r_12_14_programs_that_use_what_is_refused(
    ob: ObjectBuilder, old: Kernel, new: Kernel, verdicts: str, whole: str
) -> None:
    """Each program that uses the extern is refused with the object; all of .kconfig go together."""
    found = compared(ob, old, new)
    assert [p.verdict for p in found.programs] == verdicts.split()
    assert found.verdict == whole


def test_r_12_14_alone_a_program_is_judged_as_if_the_extern_were_weak() -> None:
    """What a single program does is told apart from what its object does."""
    found = judged(reading(), kernel("D other"))
    assert [p.loads for p in found.programs] == [Tri.YES, Tri.YES]
    assert found.loads == Tri.NO


def test_r_12_14_a_typed_variable_may_live_in_a_module() -> None:
    """Without any module's BTF the object is unknown as a whole."""
    kb = KernelBuilder("7.3")
    ob = ObjectBuilder()
    ob.extern_var("per_module", ob.s32).program("xdp", "uses", [ld_sym(1, "per_module"), *END])
    assert judged(ob, kb.kernel()).loads == Tri.NO
    assert judged(ob, kb.kernel(modules={})).loads == Tri.UNKNOWN
    assert compared(ob, kb.kernel(), kb.kernel(modules={})).verdict == Verdict.UNKNOWN


@pytest.mark.parametrize("weak", [False, True])
def test_r_12_29_no_version_for_libbpf(weak: bool) -> None:
    """A release of two numbers refuses the object, weak or not; a given release counts, other loaders do not."""
    ob = ObjectBuilder().extern_kconfig("LINUX_KERNEL_VERSION", weak=weak)
    ob.program("xdp", "asks", [ld_sym(1, "LINUX_KERNEL_VERSION"), ldx(4, 2, 1, 0), *END]).program("xdp", "plain", END)
    two, three = (KernelBuilder("7.3").kernel(unnumbered=told) for told in (True, False))
    found = compared(ob, three, two)
    assert [p.verdict for p in found.programs] == [Verdict.BREAKS, Verdict.OK]
    assert found.verdict == Verdict.BREAKS
    assert "R-12.29" in {r for p in judged(ob, two).problems for r in p.rules}
    assert judged(ob, three).loads == judged(ob, open_kernel(two.files, release="7.3.0")).loads == Tri.YES
    data = ob.build()
    for loader, loads in (("libbpf", Tri.NO), ("cilium", Tri.YES)):
        assert judge(read_object(data, "x.o", loader=Loader(loader)), two).loads == loads
