# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What-if on a result: who would break, who would be saved; the result says that it is hypothetical."""

from __future__ import annotations

from kfuncscope.model.analysis import Analysis
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import NeedKind, Reach, Verdict
from kfuncscope.upgrade.whatif import Action, Change, apply, users
from support import analyses


def _verdicts(analysis: Analysis, arch: int = 0) -> dict[str, Verdict]:
    return {p.program: p.verdict for o in analysis.arches[arch].objects for p in o.programs}


def test_a_removed_kfunc_takes_the_whole_object_down() -> None:
    real = analyses.demo()
    made = apply(real, [Change(NeedKind.KFUNC, "hid_bpf_get_data", Action.REMOVED)])
    after = _verdicts(made)
    assert after["probe"] is Verdict.BREAKS and after["hid_events"] is Verdict.BREAKS
    changed = {n for n, v in after.items() if _verdicts(real)[n] is not v}
    assert changed == {"probe", "hid_events"}
    finding = next(
        f for o in made.arches[0].objects for p in o.programs if p.program == "hid_events" for f in p.findings
    )
    assert finding.reach is Reach.OBJECT and finding.failure is Failure.WHAT_IF
    assert made.whatif == ("kfunc hid_bpf_get_data removed",) and real.whatif == ()


def test_siblings_go_down_with_an_extern() -> None:
    made = apply(analyses.demo(), [Change(NeedKind.KFUNC, "scx_bpf_create_dsq", Action.REMOVED)])
    assert _verdicts(made)["simple_init"] is Verdict.BREAKS


def test_a_removed_helper_breaks_only_its_programs() -> None:
    real = analyses.demo()
    made = apply(real, [Change(NeedKind.HELPER, "bpf_map_lookup_elem", Action.REMOVED)])
    hit = {p for _, _, p in users(real, NeedKind.HELPER, "bpf_map_lookup_elem")}
    broken = {n for n, v in _verdicts(real).items() if v is Verdict.BREAKS}
    assert hit - broken
    assert {n for n, v in _verdicts(made).items() if v is Verdict.BREAKS} == broken | hit


def test_a_guarded_use_only_degrades() -> None:
    made = apply(analyses.demo(), [Change(NeedKind.KFUNC, "bpf_wq_set_callback_impl", Action.REMOVED)])
    assert _verdicts(made)["hid_events"] is Verdict.DEGRADES


def test_kept_saves_what_broke_and_changed_asks_for_a_look() -> None:
    real = analyses.demo()
    made = apply(real, [Change(NeedKind.HOOK, "xdp_redirect_map", Action.KEPT)])
    assert _verdicts(made)["tp_redirect_map"] is Verdict.OK
    assert next(o for o in made.arches[0].objects if o.object == "xdp-bench.2").verdict is Verdict.OK
    made = apply(real, [Change(NeedKind.HELPER, "bpf_map_lookup_elem", Action.CHANGED)])
    assert _verdicts(made)["socket_bind_main"] is Verdict.RISK
    assert _verdicts(made)["tp_xdp_redirect_map"] is Verdict.BREAKS


def test_a_type_takes_its_members_along_and_the_later_of_two_counts() -> None:
    real = analyses.demo()
    kept = Change(NeedKind.TYPE, "struct cfs_rq", Action.KEPT)
    gone = Change(NeedKind.TYPE, "struct cfs_rq", Action.REMOVED)
    assert _verdicts(apply(real, [kept]))["do_sample"] is Verdict.OK
    assert _verdicts(apply(real, [kept, gone]))["do_sample"] is Verdict.BREAKS
    assert apply(real, []) is real


def test_what_an_assumption_covers() -> None:
    """A type takes its members along, and nothing of another name or kind."""
    gone = Change(NeedKind.TYPE, "struct task", Action.REMOVED)
    assert gone.covers(NeedKind.TYPE, "struct task") and gone.covers(NeedKind.FIELD, "struct task.pid")
    assert gone.covers(NeedKind.ENUMVAL, "struct task.A")
    assert not gone.covers(NeedKind.FIELD, "struct task_other.pid") and not gone.covers(NeedKind.KFUNC, "struct task")
    assert not gone.covers(NeedKind.KFUNC, "struct task.pid")
    field = Change(NeedKind.FIELD, "struct task", Action.REMOVED)
    assert not field.covers(NeedKind.FIELD, "struct task.pid") and not field.covers(NeedKind.TYPE, "struct task")


def test_an_object_says_in_one_line_what_an_assumption_does_to_it() -> None:
    """How many programs break; where none does, the verdict in words."""

    def reason(change: Change, name: str) -> str:
        return next(o.reason for o in apply(analyses.demo(), [change]).arches[0].objects if o.object == name)

    assert reason(Change(NeedKind.HOOK, "xdp_redirect_map", Action.KEPT), "xdp-bench.2") == "what if: ok"
    lost = Change(NeedKind.HELPER, "bpf_get_current_task", Action.REMOVED)
    made = apply(analyses.demo(), [lost]).arches[0].objects
    real = {o.object: o for o in analyses.demo().arches[0].objects}
    hit = [o for o in made if o != real[o.object]]
    assert hit
    for one in hit:
        broken = sum(p.verdict is Verdict.BREAKS for p in one.programs)
        assert broken and one.reason == f"what if: {broken} of {len(one.programs)} programs break"
