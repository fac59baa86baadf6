# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What kernels offer over their life, on the shipped sample kernels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import open_kernel
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import Evidence, NeedKind, Verdict
from kfuncscope.resources import sample
from kfuncscope.study.life import kfunc_life, lsm_life
from kfuncscope.study.lifecycle import OfferRow, State, from_analysis, release_key, with_users
from kfuncscope.study.offers import offers
from support import analyses, handmade


@pytest.fixture(scope="module")
def rows() -> dict[tuple[NeedKind, str], OfferRow]:
    kernels = []
    for name in ("6.12-x86_64", "7.3-x86_64"):
        (files,) = kernel_files([str(sample("kernels", name, "vmlinux.btf.xz"))])
        kernels.append(open_kernel(files))
    return {(r.kind, r.name): r for r in offers(kernels)}


def test_a_kfunc_tells_its_life(rows: dict[tuple[NeedKind, str], OfferRow]) -> None:
    row = rows[NeedKind.KFUNC, "bpf_dynptr_slice"]
    assert "KF_RET_NULL" in row.flags and row.first_release == "6.4" and row.sets
    loaded = [s for s in row.seen if s.loaded]
    assert [s.state for s in loaded] == [State.PRESENT, State.PRESENT]
    assert loaded[0].prototype != loaded[1].prototype
    assert "prototype changed 2 times (by " in row.life and row.life == kfunc_life("bpf_dynptr_slice")
    assert row.types_from == "knowledge of 7.3.4 (x86_64 7.3.4)"
    gone = rows[NeedKind.KFUNC, "bpf_wq_set_callback_impl"]
    assert [s.state for s in gone.seen if s.loaded] == [State.PRESENT, State.UNREGISTERED]
    assert "replaced by bpf_wq_set_callback" in gone.life


def test_helpers_and_hooks_are_there(rows: dict[tuple[NeedKind, str], OfferRow]) -> None:
    assert rows[NeedKind.HELPER, "bpf_map_lookup_elem"].first_release == "3.18"
    assert sum(k is NeedKind.HELPER for k, _ in rows) == 211
    assert rows[NeedKind.HOOK, "xdp_redirect_map"].sets == ("tracepoint",)
    assert rows[NeedKind.HOOK, "file_open"].sets == ("LSM hook",)
    assert rows[NeedKind.HOOK, "file_open"].life == lsm_life("file_open")
    assert rows[NeedKind.HELPER, "bpf_map_lookup_elem"].life.endswith("stable interface: its number and meaning stay")


def test_users_join(rows: dict[tuple[NeedKind, str], OfferRow]) -> None:
    joined = {(r.kind, r.name): r for r in with_users(rows.values(), analyses.demo())}
    row = joined[NeedKind.KFUNC, "scx_bpf_dispatch"]
    assert row.users == ("scx_simple/simple_enqueue",) and row.verdict is Verdict.BREAKS
    assert joined[NeedKind.KFUNC, "bpf_dynptr_slice"].users == ("skb_parse/parse_headers",)
    assert not joined[NeedKind.HOOK, "sched_switch"].users


def test_an_analysis_alone_tells_states() -> None:
    told = {r.name: r for r in from_analysis(analyses.demo())}
    seen = told["xdp_redirect_map"].seen
    assert [s.state for s in seen[:2]] == [State.PRESENT, State.ABSENT] and seen[0].arch == "x86_64"


@pytest.mark.parametrize(
    ("failure", "old", "new", "verdict", "states"),
    [
        ("kfunc_not_found", "void f(int);", "void f(long);", Verdict.BREAKS, "present present"),  # does not fit
        ("attach_failed", "void f(void)", "", Verdict.BREAKS, "present absent"),
        ("", "", "void f(void)", Verdict.ALREADY_BROKEN, "absent present"),
        ("kfunc_not_registered", "void f(void)", "void f(void)", Verdict.BREAKS, "present no longer registered"),
        ("kfunc_not_found", "", "", Verdict.BREAKS, "present absent"),
        ("jit_no_kfunc", "", "", Verdict.ALREADY_BROKEN, "unknown unknown"),
        ("", "", "", Verdict.UNKNOWN, "unknown unknown"),
    ],
)
def test_states_follow_the_declarations_that_a_finding_shows(
    failure: str, old: str, new: str, verdict: Verdict, states: str
) -> None:
    """A class says why a program fails; whether the name is there, only the kernels' declarations say."""
    found = replace(handmade.DISPATCH, failure=Failure(failure), verdict=verdict, evidence=Evidence(old, new))
    demo = analyses.demo()
    one = handmade.obj("o", "p", handmade.program("x", "xdp", found))
    (row,) = from_analysis(replace(demo, arches=(replace(demo.arches[0], objects=(one,)),)))
    assert " ".join(s.state.value for s in row.seen) == states


def test_releases_sort_as_numbers() -> None:
    assert sorted(["6.12", "6.9", "7.0-rc1"], key=release_key) == ["6.9", "6.12", "7.0-rc1"]
