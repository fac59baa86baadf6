# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Predicted beside seen: every pair of answers, every row of the table of failures, whole objects."""

from __future__ import annotations

import json

import pytest

from kfuncscope.cli.main import main
from kfuncscope.model import catalogue
from kfuncscope.model.failure import Failure
from kfuncscope.model.proof import Agreement
from kfuncscope.model.verdict import Tri
from kfuncscope.prove.compare import Refusal, compare, compared, refusal_of
from kfuncscope.prove.seen import ObjectSeen, ProgramSeen
from kfuncscope.resources import resource
from kfuncscope.rules.judge import ObjectJudgement
from support.bpfwriter import ObjectBuilder, call, exit_, kfunc, ld_sym, mov
from support.kernels import KernelBuilder
from support.kernels import judged as judged_on

YES, NO, UNKNOWN = Tri.YES, Tri.NO, Tri.UNKNOWN
AGREE, DISAGREE, BEYOND, NOT_SEEN = Agreement
SEARCH, LACKS = Refusal("verifier_refused", False, ""), Refusal("kfunc_not_found", True, "")


@pytest.mark.parametrize(
    ("predicted", "seen", "failure", "agreement"),
    [
        (YES, YES, None, AGREE), (NO, NO, LACKS, AGREE), (NO, NO, SEARCH, AGREE), (NO, YES, None, DISAGREE),
        (YES, NO, LACKS, DISAGREE), (YES, NO, SEARCH, BEYOND), (UNKNOWN, YES, None, BEYOND),
        (UNKNOWN, NO, LACKS, BEYOND), (YES, UNKNOWN, None, NOT_SEEN), (UNKNOWN, UNKNOWN, None, NOT_SEEN),
    ],
)  # fmt: skip
def test_every_pair_of_answers(predicted: Tri, seen: Tri, failure: Refusal | None, agreement: Agreement) -> None:
    assert compared(predicted, seen, failure) == agreement


LINES = {
    "core_reloc_poisoned": "invalid func unknown#195896080",
    "kfunc_not_found": "extern (func ksym) 'bpf_x': not found in kernel or module BTFs",
    "map_not_created": "map 'm': failed to create: Invalid argument(-22)",
    "kfunc_not_allowed": "calling kernel function bpf_x is not allowed",
    "helper_not_available": "program of this type cannot use helper bpf_get_current_task#35",
    "sleep_not_allowed": "helper call might sleep in a non-sleepable prog",
    "attach_btf_not_found": "prog 'p': failed to find kernel BTF type ID of 'f': -3",
    "attach_target_rejected": "f is not sleepable",
    "struct_ops_mismatch": "struct_ops init_kern: struct hid_bpf_ops is not found in kernel BTF",
    "ksym_not_found": "extern (var ksym) 'runqueues': not found in kernel BTF",
    "kconfig_not_found": "extern (kcfg) 'CONFIG_X': value 'y' isn't found",
    "extern_not_resolved": "extern 'bpf_x' (strong): not resolved",
    "config_not_given": "failed to open system Kconfig",
    "core_reloc_error": "prog 'p': relo #3: failed to relocate: -22",
    "unknown_section": "prog 'p': missing BPF prog type, check ELF section name 'odd'",
    "object_refused": "legacy map definitions in 'maps' section are not supported by libbpf v1.0+",
    "verifier_limits": "BPF program is too large. Processed 1000001 insn",
    "tail_call_in_subprogs": "tail_calls are not allowed in non-JITed programs with bpf-to-bpf calls",
    "typed_access_rejected": "func 'f' arg0 type UNKNOWN is not a struct",
    "insn_unsupported": "unknown opcode 06",
    "capability": "prog 'p': BPF program load failed: Operation not permitted",
    "freplace_target": "no target program",
    "not_finished": "not done after 60 s",
}


@pytest.mark.parametrize("cls", LINES)
def test_each_class_has_a_line_that_leads_to_it(cls: str) -> None:
    assert refusal_of(["some other line", LINES[cls]], -99).code == cls


def test_what_an_old_libbpf_refuses_by_itself_is_beyond_the_files() -> None:
    builder = ObjectBuilder().program("socket", "fine", [mov(0, 0), exit_()])
    loader = ObjectSeen(-524, ("failed to load object 'x'",), {"fine": ProgramSeen(-524, None, ("failed to load",))})
    assert compare(judged(builder), loader, "aa").agreement == DISAGREE
    old = compare(judged(builder), loader, "aa", old_loader=True)
    assert (old.agreement, old.programs[0].agreement) == (BEYOND, BEYOND)
    verifier = ObjectSeen(-22, (), {"fine": ProgramSeen(-22, None, ("unknown opcode 06",), True)})
    assert compare(judged(builder), verifier, "aa", old_loader=True).programs[0].agreement == DISAGREE


def test_libbpfs_marks_are_explained() -> None:
    line = refusal_of(["invalid func unknown#2002000001"], -22, log=True).line
    assert line == "invalid func unknown#2002000001 (libbpf's mark of a kfunc that was not found)"


def test_every_class_of_the_table_is_tried_here() -> None:
    rows = json.loads(resource("prove", "failures.json").read_text())["rows"]
    assert {cls for _, cls, _ in rows} == LINES.keys()


def test_a_text_of_the_verifier_that_no_row_knows_is_its_own_search() -> None:
    assert refusal_of(["R3 unbounded memory access"], -13, log=True) == Refusal(
        "verifier_refused", False, "R3 unbounded memory access"
    )


def test_without_a_text_the_errno_decides() -> None:
    assert refusal_of([], -22).code == "refused_without_text" and refusal_of([], -22).decidable
    assert refusal_of([], -12).code == "out_of_memory" and not refusal_of([], -12).decidable
    assert refusal_of([], -77) == Refusal("refused_without_text", False, "errno 77")


def every_code() -> set[str]:
    table = json.loads(resource("prove", "failures.json").read_text())
    own = {refusal_of([], -77).code, refusal_of(["odd"], -13, log=True).code, "extern_not_resolved", "attach_failed"}
    return {cls for _, cls, _ in table["rows"]} | {cls for cls, _ in table["errno"].values()} | own


@pytest.mark.parametrize("cls", sorted(every_code()))
def test_each_code_is_explained_under_its_own_name(cls: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cls in set(Failure) and catalogue.code_title(Failure(cls))
    assert main(["rule", cls]) == 0
    assert capsys.readouterr().out.startswith(f"{cls}  {catalogue.code_title(Failure(cls))}\n")


@pytest.mark.parametrize(("word", "title"), [
    ("verifier_other", "verifier_refused  refused by the verifier's search"),
    ("harness_no_kconfig", "config_not_given  kernel's config not given"), ("pointer_type", "typed_access_rejected  "),
    ("enotsupp", "not_supported  "), ("open_failed", "object_refused  "), ("needs_target_prog", "freplace_target  "),
])  # fmt: skip
def test_words_of_proofs_of_before_are_explained(word: str, title: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", word]) == 0
    assert capsys.readouterr().out.startswith(title)


def judged(builder: ObjectBuilder, kernel: KernelBuilder | None = None) -> ObjectJudgement:
    return judged_on(builder, (kernel or KernelBuilder()).kernel())


def simple() -> ObjectBuilder:
    builder = ObjectBuilder().program("socket", "fine", [mov(0, 0), exit_()])
    return builder.program("socket", "asks", [call(250), mov(0, 0), exit_()])


def test_a_whole_object_and_its_programs() -> None:
    seen = ObjectSeen(
        -22, ("prog 'asks': BPF program load failed: Invalid argument",),
        {"fine": ProgramSeen(0), "asks": ProgramSeen(-22, None, ("invalid func unknown#250",), True)}, done=True,
    )  # fmt: skip
    proof = compare(judged(simple()), seen, "aa")
    assert (proof.agreement, proof.predicted, proof.seen) == (AGREE, NO, NO)
    assert proof.failure == "helper_not_available" and proof.line == "invalid func unknown#250"
    assert [(p.program, p.agreement) for p in proof.programs] == [("fine", AGREE), ("asks", AGREE)]


def test_a_wrong_prediction_shows() -> None:
    seen = ObjectSeen(0, (), {"fine": ProgramSeen(0), "asks": ProgramSeen(0)}, done=True)
    proof = compare(judged(simple()), seen, "aa")
    assert proof.agreement == DISAGREE
    assert proof.counts() == {AGREE: 1, DISAGREE: 1}


def test_the_verifiers_search_puts_program_and_object_beyond_the_files() -> None:
    seen = ObjectSeen(
        -13, ("prog 'fine': BPF program load failed: Permission denied",),
        {"fine": ProgramSeen(-13, None, ("R0 !read_ok",), True)}, done=True,
    )  # fmt: skip
    builder = ObjectBuilder().program("socket", "fine", [mov(0, 0), exit_()])
    proof = compare(judged(builder), seen, "aa")
    assert (proof.agreement, proof.programs[0].agreement) == (BEYOND, BEYOND)


def test_what_crashed_the_guest_is_not_seen_and_says_so() -> None:
    proof = compare(judged(simple()), ObjectSeen(broken="the guest ended while it was loaded: Kernel panic"), "aa")
    assert {p.agreement for p in proof.programs} == {NOT_SEEN} and proof.agreement == NOT_SEEN
    assert proof.line.endswith("Kernel panic")


def test_attaching_counts_where_the_program_loads() -> None:
    kernel = KernelBuilder()
    kernel.hook("do_exit")
    builder = ObjectBuilder().program("fentry/do_exit", "p", [mov(0, 0), exit_()])
    no = compare(judged(builder, kernel), ObjectSeen(0, (), {"p": ProgramSeen(0, -22, ("x",))}), "aa").programs[0]
    assert (no.agreement, no.seen_attaches, no.failure) == (DISAGREE, NO, "attach_failed")
    busy = compare(judged(builder, kernel), ObjectSeen(0, (), {"p": ProgramSeen(0, -16, ("x",))}), "aa").programs[0]
    assert busy.agreement == BEYOND
    yes = compare(judged(builder, kernel), ObjectSeen(0, (), {"p": ProgramSeen(0, 0)}), "aa").programs[0]
    assert (yes.agreement, yes.seen_attaches) == (AGREE, YES)


def test_a_program_that_uses_a_strong_variable_that_is_missing_does_not_load() -> None:
    """R-12.14: it was asked with the symbol made weak, which no loader does."""
    builder = (
        ObjectBuilder().extern_var("gone_var").program("socket", "p", [*ld_sym(1, "gone_var"), mov(0, 0), exit_()])
    )
    builder.program("socket", "other", [mov(0, 0), exit_()])
    seen = ObjectSeen(-3, (), {"p": ProgramSeen(0), "other": ProgramSeen(0)}, weak=("gone_var",))
    proof = compare(judged(builder), seen, "aa")
    assert {p.program: p.seen_loads for p in proof.programs} == {"p": NO, "other": YES}


def test_a_kfunc_that_was_made_weak_counts_as_the_trial_went() -> None:
    builder = (
        ObjectBuilder().extern_func("bpf_gone").program("socket", "p", [mov(0, 0), exit_(), kfunc("bpf_gone"), exit_()])
    )
    seen = ObjectSeen(-3, (), {"p": ProgramSeen(0)}, weak=("bpf_gone",))
    assert compare(judged(builder), seen, "aa").programs[0].seen_loads == YES
