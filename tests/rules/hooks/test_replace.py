# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""freplace against functions of the same set (R-12.18, R-2.5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Tri
from kfuncscope.rules.judge import ProgramJudgement, judge
from kfuncscope.storage.files import ObjectFile
from kfuncscope.upgrade.replaced import replaced_functions
from support.bpfwriter import ObjectBuilder, call, exit_, mov, subprog
from support.btfwriter import STATIC
from support.kernels import KernelBuilder

END = [mov(0, 0), exit_()]
Proto = Callable[[ObjectBuilder], int]


def takes(*args: str, returns: str = "s32") -> Proto:
    """A prototype of ``int f(struct NAME *, u32, ...)``: names of structs, or ``s32``, ``u32`` and ``u64``."""

    def make(ob: ObjectBuilder) -> int:
        def of(word: str) -> int:
            if word in ("s32", "u32", "u64"):
                return int(getattr(ob, word))
            return 0 if word == "void" else ob.btf.ptr(ob.btf.struct(word, [("data", ob.u32)]))

        return ob.btf.proto(of(returns), [(f"a{i}", of(word)) for i, word in enumerate(args)])

    return make


CTX = takes("xdp_md")


def dispatcher(proto: Proto = CTX, *, section: str = "xdp", static: bool = False) -> ObjectBuilder:
    """A program that calls ``slot``."""
    ob = ObjectBuilder()
    more = {"linkage": STATIC} if static else {}
    ob.subprogram("slot", END, proto=proto(ob), **more)
    return ob.program(section, "main", [subprog("slot", static=static), *END], proto=proto(ob))


def replacement(proto: Proto = CTX, *, target: str = "slot", helper: int = 0) -> ObjectBuilder:
    ob = ObjectBuilder()
    section = f"freplace/{target}" if target else "freplace"
    return ob.program(section, "mine", [[call(helper)] if helper else [], *END], proto=proto(ob))


def one(ob: ObjectBuilder, *others: ObjectBuilder, kernel: Kernel | None = None) -> ProgramJudgement:
    """The replacement, judged in a set with other objects."""
    files = [ObjectFile(f"{i}.bpf.o", other.build(), "0" * 64, ()) for i, other in enumerate((ob, *others))]
    found = judge(
        read_object(files[0].data, "0.bpf.o"), kernel or KernelBuilder("7.3").kernel(), replaced_functions(files, {})
    )
    return found.programs[0]


@pytest.mark.parametrize(
    ("mine", "target", "loads", "told"),
    [
        (replacement(), dispatcher(), Tri.YES, ""),
        (replacement(), ObjectBuilder().program("xdp", "main", END), Tri.UNKNOWN, "which was not given"),
        (replacement(target=""), dispatcher(), Tri.UNKNOWN, "set at run time"),
        (replacement(), dispatcher(static=True), Tri.NO, "the function is static"),
        (replacement(), dispatcher(section="freplace/other"), Tri.NO, "it is a replacement itself"),
        (replacement(), dispatcher(section="fentry/do_exit"), Tri.NO, "fentry and fexit programs"),
        (replacement(takes("xdp_md", "u32")), dispatcher(), Tri.NO, "takes 1 arguments, but mine takes 2"),
        (replacement(takes("xdp_md", "u32")), dispatcher(takes("xdp_md", "s32")), Tri.YES, ""),
        (replacement(takes("xdp_md", "u64")), dispatcher(takes("xdp_md", "u32")), Tri.NO, "argument 2"),
        (replacement(takes("__sk_buff")), dispatcher(), Tri.NO, "argument 1 has a different type"),
        (replacement(takes("xdp_md", returns="u64")), dispatcher(), Tri.YES, ""),
        (replacement(takes("xdp_md", returns="void")), dispatcher(), Tri.NO, "return different types"),
        (replacement(target="main"), dispatcher(), Tri.YES, ""),
    ],
)  # fmt: skip
def test_r_12_18_a_replacement_and_its_target(
    mine: ObjectBuilder, target: ObjectBuilder, loads: Tri, told: str
) -> None:
    found = one(mine, target)
    assert found.loads == loads
    assert told in (found.first.message if found.first else "")


def test_r_12_18_any_target_that_fits_will_do() -> None:
    """Several objects may have a function of that name."""
    assert one(replacement(), dispatcher(static=True), dispatcher()).loads == Tri.YES
    assert one(replacement(), dispatcher(static=True), dispatcher(static=True)).loads == Tri.NO


def test_r_12_18_a_replacement_has_the_helpers_of_its_target() -> None:
    """bpf_skb_load_bytes (26) is given to traffic control and not to XDP."""
    skb = takes("__sk_buff")
    assert one(replacement(skb, helper=26), dispatcher(skb, section="tc")).loads == Tri.YES
    assert one(replacement(helper=26), dispatcher()).loads == Tri.NO


def test_r_12_18_a_replacement_is_attached_by_a_trampoline() -> None:
    """It loads wherever there is a JIT, and attaches where trampolines can be made (R-5.1)."""
    for arch, attaches in (("x86_64", Tri.YES), ("ppc64le", Tri.NO)):
        found = one(replacement(), dispatcher(), kernel=KernelBuilder("6.12", arch).kernel())
        assert (found.loads, found.attaches) == (Tri.YES, attaches)
