# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Remedies go by what the rule knew, never by the words of its sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.knowledge.common import common_table
from kfuncscope.knowledge.flags import remedy_of, risky_flags
from kfuncscope.model.verdict import About, Finding, NeedKind, Verdict
from kfuncscope.remedy.kfunc import flags_remedy
from kfuncscope.remedy.subject import Subject
from kfuncscope.resources import sample
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.context import Context
from kfuncscope.rules.judge import judge
from support.bpfwriter import ObjectBuilder, exit_, ld_sym, mov
from support.kernels import CONFIG, KernelBuilder, compared

END = [mov(0, 0), exit_()]


def kernel(name: str) -> Kernel:
    return open_kernel(kernel_files([sample() / "kernels" / name])[0])


@pytest.mark.parametrize("other", ["map", "m", "type", "flows2", "7"])
def test_the_map_of_the_sentence_and_no_other_whose_name_is_a_word_of_it(other: str) -> None:
    """7.3 has resizable hash maps, 6.12 does not know them."""
    old, new = kernel("7.3-x86_64"), kernel("6.12-x86_64")
    late = next(number for number, name in old.map_types.items() if name == "BPF_MAP_TYPE_RHASH")
    ob = ObjectBuilder().map(other, type=2, key_size=4, value_size=4, max_entries=1)
    ob.map("flows", type=late, key_size=4, value_size=4, max_entries=1, map_flags=1)
    ob.program("xdp", "prog", [ld_sym(1, other), ld_sym(2, "flows"), *END])
    found = compared(ob, old, new)
    findings = [f for f in (*found.findings, *found.programs[0].findings) if f.kind is NeedKind.MAP_TYPE]
    assert findings and all(f.message.startswith("map flows: ") for f in findings)
    for finding in findings:
        assert finding.remedy is not None
        assert '"flows"' in finding.remedy.loader and f'"{other}"' not in finding.remedy.loader


def subject() -> Subject:
    data = ObjectBuilder().program("xdp", "prog", END).build()
    contexts = [Context(read_object(data, "x"), KernelBuilder(release).kernel()) for release in ("6.12", "7.3")]
    return Subject(*contexts, contexts[0].obj.programs[0], ())


@pytest.mark.parametrize("change", ["gained", "lost"])
def test_every_flag_that_is_a_risk_has_a_remedy_for_its_change(change: str) -> None:
    """What to do where a flag came is not what to do where it went."""
    assert change in ("gained", "lost")
    base = Finding(NeedKind.KFUNC, "bpf_f", Verdict.RISK, f"bpf_f {change} something", ("R-4.5",))
    for flag in risky_flags("gained" if change == "gained" else "lost"):
        about = About(gained=flag) if change == "gained" else About(lost=flag)
        text = flags_remedy(subject(), replace(base, about=about)).text
        assert text == remedy_of("gained" if change == "gained" else "lost", flag).format(name="bpf_f")
        assert "bpf_f" in text
    rows = common_table("kfunc_flags")["flags"]
    assert all(set(row.get("remedy", ())) == set(row["risk"]) for row in rows.values())


def test_options_that_a_finding_names() -> None:
    """As both configurations have them, and as what the distribution has to switch on."""
    kernels = [KernelBuilder("7.3").kernel(config=CONFIG | {"KPROBES": on}, symbols=["do_one"]) for on in ("y", "n")]
    found = compared(ObjectBuilder().program("kprobe/do_one", "prog", END), *kernels).programs[0]
    (finding,) = [f for f in found.findings if f.verdict is Verdict.BREAKS]
    assert finding.remedy is not None and finding.remedy.text.startswith("Build the kernel with CONFIG_KPROBES; ")
    of = "according to the configuration"
    assert ("CONFIG_KPROBES", f"y, {of}", f"not set, {of}") in finding.evidence.facts
    data = ObjectBuilder().program("kprobe/do_one", "prog", END).build()
    sides = [judge(read_object(data, "x"), one) for one in kernels]
    (before,) = compare(*sides, "", "0" * 64).programs[0].findings
    assert before.about.options == ("CONFIG_KPROBES",) and finding.about == About()
