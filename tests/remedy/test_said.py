# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is said where the cause decides the remedy: calls in sections, kfuncs of modules, options, withheld arguments,
programs that the object has for the new hook already, functions that return a pointer now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.model.failure import Failure
from kfuncscope.model.verdict import About, Finding, NeedKind, Remedy, Verdict
from kfuncscope.remedy.loader import chooser, exists
from kfuncscope.remedy.remedies import ASKS, remedy
from kfuncscope.remedy.subject import Subject
from kfuncscope.resources import sample
from kfuncscope.rules.checks.helper import AWAKE
from kfuncscope.rules.checks.regions import IRQ, LOCK, PREEMPT, RCU, REGIONS
from kfuncscope.rules.context import Context
from kfuncscope.rules.judge import judge
from support import snippets
from support.applied import Sides, left_out
from support.bpfwriter import ObjectBuilder, exit_, kfunc, ldx, mov
from support.corpus import opened
from support.kernels import CONFIG, KernelBuilder, compared, judged
from support.remedytable import of_kind

END: list[Any] = [mov(0, 0), exit_()]


def subject(section: str, release: str = "7.3", old: str = "6.12") -> Subject:
    """One program that does nothing, on two kernels that have nothing."""
    judgement = judged(ObjectBuilder().program(section, "prog", END), KernelBuilder(release).kernel())
    context = judgement.context
    return Subject(Context(context.obj, KernelBuilder(old).kernel()), context, context.obj.programs[0])


def said(section: str, failure: Failure, rules: tuple[str, ...], name: str = "bpf_f", **about: Any) -> str:
    """The text of the remedy of a finding that a rule made, which is of the kind that its code asks for."""
    finding = Finding(about.pop("kind", NeedKind.KFUNC), name, Verdict.BREAKS, "", rules, failure, about=About(**about))
    made = remedy(subject(section), finding)
    assert made is not None
    assert of_kind(replace(finding, remedy=made)), made.text
    return made.text


# -- where in the program a call stands


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(("failure", "rules"), [(Failure.KFUNC_NOT_ALLOWED, ("R-12.3",)),
                                                (Failure.HELPER_NOT_AVAILABLE, ("R-4.5", "R-6.2"))])  # fmt: skip
def test_a_call_in_a_section_is_moved_out_of_it(region: str, failure: Failure, rules: tuple[str, ...]) -> None:
    begins = {RCU: "rcu_read_lock", LOCK: "spin_lock", PREEMPT: "preempt_disable", IRQ: "local_irq_save"}
    ends = {RCU: "rcu_read_unlock", LOCK: "spin_unlock", PREEMPT: "preempt_enable", IRQ: "local_irq_restore"}
    plain = region.partition(",")[0]
    expected = f"Call bpf_f() before bpf_{begins[plain]}() or after bpf_{ends[plain]}(), not between them."
    assert said("fentry.s/f", failure, rules, region=region) == expected


@pytest.mark.parametrize(
    ("section", "text"),
    [("lsm/f", 'Use SEC("lsm.s/...") for prog: bpf_copy_from_user() may sleep.'),
     ("xdp", "Leave bpf_copy_from_user() out of programs of type XDP, which cannot sleep.")],
)  # fmt: skip
def test_a_helper_that_sleeps_where_the_program_cannot(section: str, text: str) -> None:
    """Rather than that the kernel does not give it to the type; which it is said of any other reason."""
    helper = {"kind": NeedKind.HELPER}
    assert said(section, Failure.HELPER_NOT_AVAILABLE, ("R-6.2",), "bpf_copy_from_user", region=AWAKE, **helper) == text
    kept = said(section, Failure.HELPER_NOT_AVAILABLE, ("R-6.2",), "bpf_map_lookup_elem", **helper)
    assert kept.startswith("Leave bpf_map_lookup_elem() out of programs of type") and "not for them" in kept


def test_a_pointer_that_rcu_protects_no_more() -> None:
    text = said("fentry.s/f", Failure.KFUNC_NOT_ALLOWED, ("R-12.31",))
    assert text.startswith("Call bpf_rcu_read_lock() before") and "after the call of bpf_f()" in text


# -- kfuncs that nothing replaces


def _strong(name: str, *kernels: KernelBuilder) -> Remedy:
    ob = ObjectBuilder()
    ob.extern_func(name, ob.btf.proto(ob.s32, []))
    ob.program("tc", "prog", [kfunc(name), *END])
    found = compared(ob, *(kb.kernel(config={**CONFIG}, symbols=[name]) for kb in kernels))
    (finding,) = {f.name: f for f in found.findings if f.verdict in ASKS}.values()
    assert finding.remedy is not None and of_kind(finding)
    return finding.remedy


def _with(name: str, release: str) -> KernelBuilder:
    kb = KernelBuilder(release)
    kb.btf.kfunc(name, kb.s32, [])
    return kb


def test_a_kfunc_that_linux_had() -> None:
    made = _strong("bpf_gone_one", _with("bpf_gone_one", "6.12"), KernelBuilder("7.3"))
    assert made.text.startswith("No successor is known: declare bpf_gone_one weak")


def test_a_kfunc_that_the_older_kernel_has_not_yet() -> None:
    made = _strong("bpf_new_one", _with("bpf_new_one", "7.3"), KernelBuilder("6.12"))
    assert made.text.startswith("Linux 6.12 does not have bpf_new_one yet: declare")


def test_a_kfunc_of_a_module_that_is_none_of_linux() -> None:
    """Neither kernel has it in what was given: 7.3 is known to lack it."""
    ob = ObjectBuilder()
    ob.extern_func("their_own", ob.btf.proto(ob.s32, []))
    ob.program("tc", "prog", [kfunc("their_own"), *END])
    context = judged(ob, KernelBuilder("7.3").kernel()).context
    both = Subject(Context(context.obj, KernelBuilder("6.12").kernel()), context, None)
    for name, module in (("their_own", True), ("bpf_task_acquire", False)):
        finding = Finding(NeedKind.KFUNC, name, Verdict.BREAKS, "", ("R-2.8",), Failure.KFUNC_NOT_FOUND)
        made = remedy(both, finding)
        assert made is not None and ("load the kernel module that provides it" in made.text) == module


# -- hooks


@pytest.mark.parametrize(
    ("failure", "rules", "about", "has", "lacks"),
    [
        (Failure.ATTACH_FAILED, ("R-7.9", "R-7.10"), {}, "cannot be traced", "No replacement"),
        (
            Failure.ATTACH_FAILED,
            ("R-5.2",),
            {"options": ("CONFIG_FPROBE",)},
            "with CONFIG_FPROBE",
            "type or attach type",
        ),
        (Failure.ATTACH_FAILED, ("R-11.7", "R-7.9"), {}, "opens to error injection", "No replacement"),
        (Failure.CTX_ACCESS_REJECTED, ("R-11.15",), {}, "Do not read that argument", "prototype"),
        (Failure.ATTACH_FAILED, ("R-5.1", "R-5.2"), {}, 'add a program with SEC("kprobe/f")', "No replacement"),
        (Failure.KFUNC_ADDRESS, ("R-11.11",), {}, "build prog once with the call and once without", "weak"),
        (
            Failure.TAIL_CALL_IN_SUBPROGS,
            ("R-12.2",),
            {"kind": NeedKind.JIT},
            "__always_inline",
            "leave the program out",
        ),
    ],
)
def test_the_rule_decides(
    failure: Failure, rules: tuple[str, ...], about: dict[str, Any], has: str, lacks: str
) -> None:
    text = said("fentry/f", failure, rules, **about)
    assert has in text and lacks not in text
    if failure is not Failure.TAIL_CALL_IN_SUBPROGS:
        assert "prog" in text.replace("program", "")


def test_no_option_asks_the_kernel_for_a_program_type_that_it_has() -> None:
    finding = Finding(NeedKind.HOOK, "f", Verdict.BREAKS, "", ("R-5.2",), Failure.ATTACH_FAILED,
                      about=About(options=("CONFIG_FPROBE",)))  # fmt: skip
    made = remedy(subject("kprobe.multi/f"), finding)
    assert made is not None and not made.loader
    asked = Finding(NeedKind.PROG_TYPE, "LSM", Verdict.BREAKS, "", ("R-5.2",), Failure.ATTACH_BTF_NOT_FOUND,
                    about=About(options=("CONFIG_BPF_LSM",)))  # fmt: skip
    made = remedy(subject("lsm/f"), asked)
    assert made is not None and "libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_LSM" in made.loader


def test_a_program_of_a_program_that_no_kernel_replaces() -> None:
    text = said("freplace/main", Failure.ATTACH_FAILED, ("R-5.1", "R-12.18"))
    assert text.startswith("This kernel cannot replace functions of BPF programs: leave prog out")


@pytest.mark.parametrize("failure", [Failure.TYPED_ACCESS_REJECTED, Failure.NONE])
def test_reads_at_fixed_offsets_are_mended_by_co_re(failure: Failure) -> None:
    assert "declare struct sock with" in said("fentry/f", failure, ("R-12.6",), struct="sock")
    assert "declare its struct with" in said("fentry/f", failure, ("R-12.6",))


# -- programs that the object has already


def renaming(first: str, second: str) -> tuple[KernelBuilder, KernelBuilder]:
    """A function that is nearly the same under another name, between levels that no table compares."""
    made = KernelBuilder("6.12"), KernelBuilder("6.12")
    for kb, name in zip(made, (first, second), strict=True):
        kb.hook(name, [("a", kb.u64)])
    return made


@pytest.mark.parametrize(("kind", "served"), [("fentry", True), ("kprobe", False)])
def test_a_program_for_the_new_name_is_there(kind: str, served: bool) -> None:
    """It is loaded in place of the other one; a program of another kind takes no place."""
    names = "zap_my_range_now", "zap_my_ranges_now"
    ob = ObjectBuilder().program(f"fentry/{names[0]}", "prog", [*END]).program(f"{kind}/{names[1]}", "later", [*END])
    old, new = (kb.kernel(symbols=[name]) for kb, name in zip(renaming(*names), names, strict=True))
    found = compared(ob, old, new)
    (finding,) = [f for p in found.programs if p.program == "prog" for f in p.findings if f.verdict in ASKS]
    made = finding.remedy
    assert made is not None and of_kind(finding) and made.candidates[0].name == names[1]
    assert ('"later"' in made.loader) == served and bool(made.code) != served
    assert ("load later in place of prog where the kernel lacks zap_my_range_now" in made.text) == served
    sides = Sides(old, new, (snippets.compiler(old), snippets.compiler(new)))
    if served:
        assert left_out(ob.build(), "prog", finding, made.loader, sides).ok
        for wrong in (made.loader.replace("(before, found)", "(before, true)"), made.loader.replace("!found", "true")):
            assert wrong != made.loader and not left_out(ob.build(), "prog", finding, wrong, sides).ok


# -- what a function returns


def returning(pointer: bool | None, more: bool) -> Any:
    """A function that returns a number, a pointer or nothing, with one argument or two."""
    kb = KernelBuilder("7.3" if more else "6.12")
    task = kb.btf.struct("task_struct", [("pid", kb.s32)])
    returns = 0 if pointer is None else kb.btf.ptr(task) if pointer else kb.s32
    kb.hook("makes", [("a", kb.u64), *([("b", kb.u64)] if more else [])], returns)
    return kb.kernel()


@pytest.mark.parametrize(
    ("was", "now", "passed"),
    [
        (False, False, "bpf_get_func_ret(ctx, &value)"),
        (False, True, "prog_body(ctx, (unsigned long)ret >= (unsigned long)-4095 ? (long)ret : 0)"),
        (True, True, "prog_body(ctx, ret)"),
        (True, False, "prog_body(ctx, (void *)0)"),
    ],
)
def test_a_return_value_of_another_kind(was: bool, now: bool, passed: str) -> None:
    ob = ObjectBuilder().program("fexit/makes", "prog", [ldx(8, 2, 1, 8), *END])
    old, new = returning(was, False), returning(now, True)
    (program,) = compared(ob, old, new).programs
    (finding,) = [f for f in program.findings if f.verdict in ASKS and "R-7.10" in f.rules]
    made = finding.remedy
    assert made is not None and passed in made.code
    assert "no longer passed" not in made.text + made.code
    for text in (made.text, made.code):
        assert ("ret is of another type" in text) == (was and not now)
    real = opened(sample("kernels", "7.3-x86_64"))
    assert snippets.compiler(real).program(made.code) == "", made.code


@pytest.mark.parametrize(
    ("was", "error"),
    [("int", True), ("long", True), ("errno_t", True), ("bool", False), ("unsigned int", False), ("short", False),
     ("answer", False)],
)  # fmt: skip
@pytest.mark.parametrize("pointer", [True, False])
def test_only_a_number_that_can_hold_an_error_is_in_an_error_pointer(was: str, error: bool, pointer: bool) -> None:
    """That any pointer but an error is the 0 of success would turn round what a bool said."""
    sides = []
    for later in (False, True):
        kb = KernelBuilder("7.3" if later else "6.12")
        task = kb.btf.ptr(kb.btf.struct("task_struct", [("pid", kb.s32)]))
        kinds = {
            "int": kb.s32,
            "long": kb.s64,
            "errno_t": kb.btf.typedef("errno_t", kb.s32),
            "bool": kb.btf.typedef("bool", kb.btf.int_("_Bool", 1, encoding=4)),
            "unsigned int": kb.u32,
            "short": kb.btf.int_("short", 2, signed=True),
            "answer": kb.btf.enum("answer", {"NO": 0, "YES": 1}),
        }
        returns = (task if pointer else 0) if later else kinds[was]
        kb.hook("makes", [("a", kb.u64), *([("b", kb.u64)] if later else [])], returns)
        sides.append(kb.kernel())
    ob = ObjectBuilder().program("fexit/makes", "prog", [ldx(8, 2, 1, 8), *END])
    (program,) = compared(ob, *sides).programs
    (finding,) = [f for f in program.findings if f.verdict in ASKS and "R-7.10" in f.rules]
    made = finding.remedy
    assert made is not None
    held = error and pointer
    assert ("(long)ret : 0" in made.code) == ("which was 0" in made.code) == held
    assert ("prog_body(ctx, 0)" in made.code) != held
    for text in (made.text, made.code):
        assert ("ret is of another type" in text) == (pointer and not error)
        assert ("ret is no longer passed" in text) != pointer


@pytest.mark.parametrize("there", [True, False])
def test_an_argument_of_another_type_is_not_told_to_be_gone(there: bool) -> None:
    sides = []
    for later in (False, True):
        kb = KernelBuilder("7.3" if later else "6.12")
        task = kb.btf.ptr(kb.btf.struct("task_struct", [("pid", kb.s32)]))
        late = [("who", kb.u64)] if there else []
        kb.hook("makes", [("more", kb.u64), *late] if later else [("who", task)])
        sides.append(kb.kernel())
    ob = ObjectBuilder().program("fentry/makes", "prog", [ldx(8, 2, 1, 0), *END])
    (program,) = compared(ob, *sides).programs
    made = next(f.remedy for f in program.findings if f.verdict in ASKS)
    assert made is not None
    for text in (made.text, made.code):
        assert ("who is of another type" in text) == there
        assert ("who is no longer passed" in text) != there


def test_a_prototype_that_libbpf_lets_pass_is_not_told_by_a_test() -> None:
    """Numbers of another width: both declarations resolve on both kernels."""
    kernels = []
    for release, size in (("6.12", 8), ("7.3", 4)):
        kb = KernelBuilder(release)
        kb.btf.kfunc("bpf_thing", kb.s32, [("n", kb.u64 if size == 8 else kb.u32)])
        kernels.append(kb.kernel(symbols=["bpf_thing"]))
    ob = ObjectBuilder()
    ob.extern_func("bpf_thing", ob.btf.proto(ob.s32, [("n", ob.u64)]))
    (program,) = compared(ob.program("tc", "prog", [kfunc("bpf_thing"), *END]), *kernels).programs
    (finding,) = [f for f in program.findings if f.verdict in ASKS]
    assert finding.rules == ("R-4.7",) and of_kind(finding)
    assert finding.remedy is not None and not finding.remedy.code and "pass values that fit both" in finding.remedy.text


@pytest.mark.parametrize(("read", "limited"), [([], False), ([ldx(8, 2, 1, 24)], True)])
def test_what_the_program_lacks_on_the_old_kernel_limits_what_its_loader_can_do(read: list[Any], limited: bool) -> None:
    """It reads a fourth argument of a function that has one, and the new kernel has no such function."""
    ob = ObjectBuilder().program("fentry/one_lost_function", "prog", [*read, *END])
    old, new = (kb.kernel() for kb in renaming("one_lost_function", "quite_another_matter"))
    loads = chooser("prog", "", exists("one_lost_function", False))
    finding = Finding(NeedKind.HOOK, "one_lost_function", Verdict.BREAKS, "", ("R-2.3",), Failure.ATTACH_BTF_NOT_FOUND)
    sides = Sides(old, new, (snippets.compiler(old), snippets.compiler(new)))
    made = left_out(ob.build(), "prog", finding, loads, sides)
    assert (made.ok, made.limited) == (True, limited)


# -- enumerators that are in another enum now


@pytest.mark.parametrize(
    ("enum", "one", "other", "now"),
    [
        ("bpf_kptr_type", "BPF_KPTR_REF", "bpf_field_type.BPF_KPTR_REF", True),
        ("bpf_kptr_type", "BPF_KPTR_REF", "btf_field_type.BPF_KPTR_REF", True),
        ("compound_dtor_id", "HUGETLB_PAGE_DTOR", "pagetype.PGTY_hugetlb", True),
        ("compound_dtor_id", "HUGETLB_PAGE_DTOR", "pagetype.PGTY_hugetlb", False),
    ],
)
def test_an_enumerator_of_another_enum_is_named_and_tried(enum: str, one: str, other: str, now: bool) -> None:
    """Both enums may give it one name, which C lets only one have; nothing is said of an enum that the kernel lacks."""
    known = other != "bpf_field_type.BPF_KPTR_REF" and now  # an enum of which no table tells
    old, new = KernelBuilder("6.1"), KernelBuilder("6.12")
    old.btf.enum(enum, {"FIRST": 0, one: 3})
    if now:
        new.btf.enum(other.partition(".")[0], {other.partition(".")[2]: 7})
    kernels = old.kernel(), new.kernel()
    context = judged(ObjectBuilder().program("tc", "prog", END), kernels[1]).context
    finding = Finding(NeedKind.ENUMVAL, f"enum {enum}.{one}", Verdict.BREAKS, "", ("R-3.5",),
                      Failure.CORE_RELOC_POISONED)  # fmt: skip
    made = remedy(Subject(Context(context.obj, kernels[0]), context, None), finding)
    assert made is not None and (f"It is enum {other} now: test both." in made.text) == known
    assert (f"bpf_core_enum_value_exists(enum {other.partition('.')[0]}___any, " in made.code) == known
    assert [c.name for c in made.candidates] == [f"enum {other}"] * known
    frame = f'{made.code}\n\nSEC("tc")\nint frame(void *ctx)\n{{\n\treturn value_of_{one}();\n}}\n'
    compiler = snippets.compiler(opened(sample("kernels", "7.3-x86_64")))
    assert compiler.program(frame) == "", made.code
    for kernel in kernels:
        answer = judge(read_object(compiler.made, "frame.bpf.o"), kernel)
        assert not answer.problems and not [p for j in answer.programs for p in j.problems]
