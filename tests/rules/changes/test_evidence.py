# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is shown beside a finding: declarations and facts of both kernels."""

from __future__ import annotations

import pytest

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Evidence, Verdict
from kfuncscope.rules.changes.evidence import event_declaration, kfunc_evidence, member_text
from kfuncscope.rules.changes.hook_facts import hook_facts
from kfuncscope.rules.core.spec import Accessor
from support.bpfwriter import ObjectBuilder, exit_, mov
from support.btfwriter import BtfWriter
from support.kernels import CONFIG, KernelBuilder, compared, judged


def test_facts_of_a_kfunc_on_both_kernels() -> None:
    """Where it is, what it is, its flags and its program types; absent on one side, the other still tells."""
    kb, bare, empty = KernelBuilder("7.3"), KernelBuilder("7.3"), KernelBuilder("7.3")
    kb.btf.kfunc("bpf_rcu_read_lock", 0)
    bare.hook("ordinary")
    old, function, none = kb.kernel(), bare.kernel(), empty.kernel()
    facts = {label: (one, other) for label, one, other in kfunc_evidence(old, none, "bpf_rcu_read_lock").facts}
    assert facts["in"][0].startswith("vmlinux, according to ") and facts["in"][1] == ""
    assert facts["as"] == ("registered", "absent")
    assert facts["program types"][0] and facts["program types"][1] == ""
    assert list(facts) == ["in", "as", "flags", "program types"]
    facts = {label: (one, other) for label, one, other in kfunc_evidence(none, function, "ordinary").facts}
    assert facts["as"] == ("absent", "a function, not registered as a kfunc") and facts["in"] == ("", "vmlinux")


def test_records_of_events_and_of_system_calls() -> None:
    """``syscalls/*`` share two records, one for each side of a call; other events have their own."""
    kb = KernelBuilder("7.3")
    for name, member in (("syscall_trace_enter", "args"), ("syscall_trace_exit", "ret"),
                         ("trace_event_raw_wakeup", "pid")):  # fmt: skip
        kb.btf.struct(name, [("ent", kb.u64), (member, kb.u64)])
    kernel = kb.kernel()
    assert "args" in event_declaration(kernel, "syscalls/sys_enter_openat")
    assert "ret" in event_declaration(kernel, "syscalls/sys_exit_openat")
    assert "pid" in event_declaration(kernel, "sched/wakeup")
    assert event_declaration(kernel, "sched/nothing") == ""


# -- hooks whose declarations are equal

TABLES_6_12, TABLES_7_3 = "tables of Linux 6.12.107", "tables of Linux 7.3.4"
LSM = ("file_alloc_security", "inode_removexattr", "file_open")
INJECTING = {**CONFIG, "FUNCTION_ERROR_INJECTION": "y"}


def hooked(release: str, config: dict[str, str] | None = None, *, symbols: list[str] | None = None) -> Kernel:
    kb = KernelBuilder(release)
    for name in LSM:
        kb.lsm(name)
    for name in ("__x64_sys_open", "should_fail_bio"):
        kb.hook(name)
    return kb.kernel(config=CONFIG if config is None else config, symbols=symbols)


def found(section: str, old: Kernel, new: Kernel) -> tuple[Verdict, Evidence]:
    """The one finding of a program that returns 0."""
    (program,) = compared(ObjectBuilder().program(section, "prog", [mov(0, 0), exit_()]), old, new).programs
    (finding,) = program.findings
    return finding.verdict, finding.evidence


@pytest.mark.parametrize("section", ["lsm/file_alloc_security", "lsm_cgroup/file_alloc_security"])
def test_r_7_12_a_hook_that_was_closed_to_bpf(section: str) -> None:
    verdict, evidence = found(section, hooked("6.12.107"), hooked("7.3"))
    assert verdict == Verdict.BREAKS and evidence.old == evidence.new != ""
    was, now = f"yes, according to {TABLES_6_12}", f"no, according to {TABLES_7_3}"
    assert evidence.facts == (("open to BPF programs", was, now),)
    verdict, evidence = found(section, hooked("7.3"), hooked("6.12.107"))
    assert (verdict, evidence.facts) == (Verdict.FIXED, (("open to BPF programs", now, was),))


def test_r_7_12_a_hook_in_which_no_program_may_sleep() -> None:
    verdict, evidence = found("lsm.s/inode_removexattr", hooked("7.3"), hooked("6.12.107"))
    assert verdict == Verdict.BREAKS and evidence.old == evidence.new != ""
    was, now = f"yes, according to {TABLES_7_3}", f"no, according to {TABLES_6_12}"
    assert evidence.facts == (("open to sleepable programs", was, now),)


@pytest.mark.parametrize("section", ["lsm/inode_removexattr", "lsm.s/file_open"])
def test_what_both_kernels_let_in_is_no_fact(section: str) -> None:
    """A program that does not sleep does not care; a hook in which programs sleep on both kernels does not differ."""
    (program,) = compared(
        ObjectBuilder().program(section, "prog", [mov(0, 0), exit_()]), hooked("7.3"), hooked("6.12.107")
    ).programs
    assert not [f for f in program.findings if f.evidence.facts] and program.verdict == Verdict.OK


@pytest.mark.parametrize(
    ("section", "label"),
    [("fentry.s/should_fail_bio", "open to sleepable programs"),
     ("fexit.s/should_fail_bio", "open to sleepable programs"),
     ("fmod_ret/should_fail_bio", "return value may be modified"),
     ("fmod_ret.s/should_fail_bio", "open to sleepable programs")],
)  # fmt: skip
def test_r_11_7_functions_that_programs_may_sleep_in_or_override(section: str, label: str) -> None:
    """Open with error injection by the list of the sources, or of the symbols; shut without it by the configuration."""
    shut = "no, according to the configuration"
    verdict, evidence = found(section, hooked("7.3", INJECTING), hooked("7.3"))
    assert (verdict, evidence.facts) == (Verdict.BREAKS, ((label, f"yes, according to {TABLES_7_3}", shut),))
    symbols = ["should_fail_bio", "D _eil_addr_should_fail_bio"]
    verdict, evidence = found(section, hooked("7.3", INJECTING, symbols=symbols), hooked("7.3"))
    assert (label, "yes, according to the list of symbols", shut) in evidence.facts


def test_r_11_7_system_calls_are_open_for_their_name_from_a_release_on() -> None:
    verdict, evidence = found("fentry.s/__x64_sys_open", hooked("6.12.107"), hooked("7.3"))
    assert verdict == Verdict.FIXED
    assert evidence.facts == (
        ("open to sleepable programs", "no, according to the configuration", "yes, according to the release"),
    )


def test_a_hook_that_one_kernel_lacks_is_open_to_nobody() -> None:
    """Its declaration is what differs."""
    _, evidence = found("lsm/file_alloc_security", hooked("6.12.107"), KernelBuilder("7.3").kernel())
    assert evidence.facts == () and evidence.old and not evidence.new


def test_r_7_7_the_fact_that_differs_names_the_argument_as_people_count() -> None:
    """afs_flock_ev: nothing is marked in 6.1; in 7.3 the second argument is."""
    kernels = []
    for release in ("6.1", "7.3"):
        kb = KernelBuilder(release)
        kb.tracepoint("afs_flock_ev", [("vnode", kb.btf.ptr(0)), ("lock", kb.btf.ptr(0))])
        kernels.append(kb.kernel())
    program = (
        judged(ObjectBuilder().program("tp_btf/afs_flock_ev", "prog", [mov(0, 0), exit_()]), kernels[1])
        .programs[0]
        .program
    )
    facts = hook_facts(kernels[0], kernels[1], program)
    assert [label for label, _, _ in facts] == ["argument 2 may be NULL"]
    assert [(was[:3], now[:4]) for _, was, now in facts] == [("no,", "yes,")]


@pytest.mark.parametrize(
    ("symbols", "told"),
    [
        (["touched"], "touched"), (["touched.isra.0"], "touched.isra.0"), (["other"], "no symbol"),
        (["touched", "touched.cold"], "touched, touched.cold"),
    ],
)  # fmt: skip
def test_r_7_9_symbols_of_a_function(symbols: list[str], told: str) -> None:
    """The function, its clones, or both; nothing of the name is said as such."""
    kernels = []
    for given in (["another"], symbols):
        kb = KernelBuilder("7.3")
        kb.hook("touched")
        kernels.append(kb.kernel(symbols=given))
    ob = ObjectBuilder().program("kprobe/touched", "prog", [mov(0, 0), exit_()])
    facts = hook_facts(kernels[0], kernels[1], judged(ob, kernels[1]).programs[0].program)
    of = "according to the list of symbols"
    assert facts == ((("symbol", f"no symbol, {of}", f"{told}, {of}"),) if told != "no symbol" else ())


def test_the_member_that_an_access_reads() -> None:
    """The innermost named member of a struct, with its offset; an enumerator; nothing where nothing has a name."""
    w = BtfWriter()
    word = w.int_("int", 4, signed=True)
    row = w.array(word, 4)
    struct, enum = w.struct("t", [("pad", word), ("x", row)]), w.enum("e", {"A": 0, "B": 1})
    blob = w.blob()
    steps = (Accessor(struct, 0, ""), Accessor(struct, 1, "x"), Accessor(row, 2, ""))
    assert member_text(blob, steps, 32) == "struct t {\n\t...\n\tint x[4];\t/* offset 4 */\n};"
    assert member_text(blob, (Accessor(enum, 1, "B"),), 0) == "enum e { ... B ... };"
    assert member_text(blob, steps[:1], 0) == ""
