# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the table of booted remedies counts: which programs a remedy answers for, and which none does."""

from __future__ import annotations

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.proof import Agreement, ObjectProof, ProgramProof
from kfuncscope.model.verdict import Tri
from support.applied import Built, Way
from support.bootedtable import Case, Cases, leave_out, refused
from support.bpfwriter import ObjectBuilder, exit_, mov
from support.kernels import KernelBuilder

NAMES = ("gone", "instead", "never", "later", "stays")


def built(*off: str) -> Built:
    """Programs on functions of their own names, all on but some."""
    ob = ObjectBuilder()
    for name in NAMES:
        ob.program(f"fentry/f_{name}", name, [mov(0, 0), exit_()])
    on = tuple(n for n in NAMES if n not in off)
    return Built(ob.build(), (on, on))


def new_kernel() -> Kernel:
    kb = KernelBuilder("7.3")
    for name in ("instead", "later", "stays"):
        kb.hook(f"f_{name}")
    return kb.kernel()


def proof(loads: Tri, **programs: Tri) -> ObjectProof:
    """What a kernel did with an object, and with each program alone."""
    listed = tuple(
        ProgramProof(n, f"fentry/f_{n}", Agreement.AGREE, one, one, line=f"{n} said {one}")
        for n, one in programs.items()
    )
    return ObjectProof("o", "", Agreement.AGREE, loads, loads, listed, "failed", "" if loads is Tri.YES else "whole")


def found(one: Built, *chosen: str) -> Cases:
    return Cases({"o": one}, [Case("attach_failed", Way.LOADER, "x.bpf.o gone: f_gone", False, chosen, ["o"])])


def left_on(cases: Cases, **old: Tri) -> tuple[list[str], tuple[str, ...]]:
    told = leave_out(cases, {"o": proof(Tri.NO, **old)}, new_kernel())
    return told, cases.made["o"].chosen[1]


def test_what_fails_on_both_is_off_on_the_new_kernel() -> None:
    """It is named; what the new kernel alone is to take stays on, and so does all on the old one."""
    cases = found(built("gone"), "gone")
    seen = dict.fromkeys(("gone", "stays"), Tri.YES) | dict.fromkeys(("instead", "never", "later"), Tri.NO)
    told, kept = left_on(cases, **seen)
    assert told == ["off on both: x.bpf.o never"]
    assert kept == ("instead", "later", "stays")
    assert cases.made["o"].chosen[0] == ("instead", "never", "later", "stays")


def test_what_the_old_kernel_took_is_not_left_out() -> None:
    """It breaks by the upgrade, so a remedy must be there for it."""
    told, kept = left_on(found(built("gone"), "gone"), never=Tri.YES, stays=Tri.YES)
    assert not told
    assert "never" in kept


def test_what_a_remedy_switches_on_is_not_left_out() -> None:
    """Its hook is on neither kernel: the remedy is wrong."""
    told, kept = left_on(found(built("gone"), "gone", "never"), never=Tri.NO, stays=Tri.YES)
    assert not told
    assert "never" in kept


def test_an_object_of_which_nothing_is_left_is_loaded_as_it_is() -> None:
    told, kept = left_on(found(built("gone", "instead", "later", "stays"), "gone"), never=Tri.NO)
    assert not told
    assert kept == ("never",)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (("gone", "stays"), ""),  # the program itself is on
        (("instead", "stays"), "instead [fentry/f_instead] : instead said no"),  # the one in its place
        (("stays",), "no answer"),  # neither
    ],
)
def test_on_the_old_kernel_the_program_that_the_loader_switches_on_counts(chosen: tuple[str, ...], said: str) -> None:
    (case,) = found(built(), "gone", "instead").listed
    old = proof(Tri.NO, gone=Tri.YES, instead=Tri.NO, never=Tri.NO, stays=Tri.YES)
    assert refused(old, case, 0, chosen) == said


def test_on_the_new_kernel_the_object_counts_as_a_whole() -> None:
    (case,) = found(built(), "gone").listed
    assert not refused(proof(Tri.YES, gone=Tri.NO), case, 1, ("gone",))
    assert refused(proof(Tri.NO, gone=Tri.YES), case, 1, ("gone",)) == "failed: whole"
