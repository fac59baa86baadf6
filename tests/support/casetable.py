# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Small programs after public reports, on real kernels: the answer of today beside the right one.

    python -m support.casetable          # from tests/; reads cases/ and kernels/ of KFUNCSCOPE_CORPUS

A row names the object, the upgrade, and for each program (``*`` is the object) the verdicts that are right. A kernel
``NAME!part,part`` is opened without these parts, ``NAME/arch`` is the BTF of NAME taken as that of a kernel without BTF
of another architecture.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from kfuncscope.bpf.object import read_object
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.model.verdict import ObjectVerdict
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.judge import judge


class Case(NamedTuple):
    """One object on one upgrade: ``right`` maps a program's name (``*``: the object) to its right verdicts."""

    object: str
    old: str
    new: str
    right: dict[str, str]


BROKEN = "BREAKS|ALREADY_BROKEN"
ALREADY = "ALREADY_BROKEN"
_ENDS = {"on_free": "BREAKS", "on_free_prio": "BREAKS", "on_free_comm": "SILENT", "on_free_none": "OK"}
_CORE_ENDS = {"on_free_core": "OK", "on_free_core_comm": "BREAKS"}
_OWNER = {"*": ALREADY, "entry_multi": ALREADY + "|OK", "target": ALREADY + "|OK"}
_MIXED = {"mixed": ALREADY, "tail_in_sub": ALREADY, "only_tail": "OK", "only_sub": "OK"}
_ALL_OK = dict.fromkeys(("mixed", "tail_in_sub", "only_tail", "only_sub"), "OK")
_DROPS = {"hard": "SILENT|RISK", "hard_late": "SILENT|RISK", "tp_hard": "SILENT|RISK", "core": "OK"}

CASES = (
    Case("trace-record-end/own.bpf.o", "6.12-amd64", "6.17-amd64", _ENDS),
    Case("trace-record-end/own.bpf.o", "6.12-amd64", "7.3-amd64", _ENDS),
    Case("trace-record-end/core.bpf.o", "6.12-amd64", "6.17-amd64", _CORE_ENDS),
    Case("trace-record-end/core.bpf.o", "6.12-amd64", "7.3-amd64", _CORE_ENDS),
    Case("syscall-record-layout/enter.bpf.o", "6.1-amd64", "rt:6.1-amd64",
         {"fixed_switch": "SILENT", "core_openat": "SILENT", "btf_switch": "OK", "core_switch": "OK"}),
    Case("tail-call-owner/tc.bpf.o", "6.1-amd64", "6.12-amd64", _OWNER),
    Case("tail-call-owner/tc.bpf.o", "6.12-amd64", "7.3-amd64", _OWNER),
    Case("tail-call-subprograms/mix.bpf.o", "6.12-amd64", "7.3-amd64", _ALL_OK),
    Case("tail-call-subprograms/mix.bpf.o", "6.12-arm64", "7.3-arm64", _ALL_OK),
    Case("tail-call-subprograms/mix.bpf.o", "6.12-riscv64", "7.2-riscv64", _MIXED),
    Case("tail-call-subprograms/mix.bpf.o", "6.12-ppc64el", "7.2-ppc64el",
         {"mixed": "FIXED", "tail_in_sub": "FIXED", "only_tail": "OK", "only_sub": "OK", "*": "FIXED"}),
    Case("tail-call-subprograms/mix.be.bpf.o", "6.12-s390x", "7.2-s390x", _MIXED),
    Case("tail-call-subprograms/mix.bpf.o", "armhf:6.1", "armhf:6.12", _MIXED),
    Case("global-function-context/disp.bpf.o", "armhf:6.1", "armhf:6.12", {"dispatcher": ALREADY}),
    Case("global-function-context/disp.bpf.o", "6.12-amd64", "armhf:6.12", {"dispatcher": "BREAKS"}),
    Case("enum-renumbered/drop.bpf.o", "6.12-amd64", "7.3-amd64", _DROPS),
    Case("stripped-and-twins/twins.bpf.o", "6.12-amd64", "7.3-amd64",
         {"count_refs": "BREAKS", "count_calls": "OK", "*": "BREAKS"}),
    Case("clone-beside-name/p.bpf.o", "6.12-amd64", "7.3-amd64", {"k": "RISK|OK", "q": "RISK|OK"}),
    Case("kconfig-strong/kc.bpf.o", "6.12-amd64", "7.3-amd64", {"strong_hz": "OK", "weak_ext": "OK"}),
    Case("kconfig-strong/kc.bpf.o", "6.12-amd64", "7.3-amd64!CONFIG_HZ",
         {"strong_hz": "BREAKS", "weak_ext": "BREAKS", "*": "BREAKS"}),
    Case("kconfig-strong/kc.bpf.o", "6.12-amd64!config", "7.3-amd64!config",
         {"strong_hz": "UNKNOWN", "*": "UNKNOWN"}),
    Case("pointer-became-scalar/B24.bpf.o", "6.1-amd64", "6.12-amd64", {"cc": "BREAKS", "ss": "OK", "un": "OK"}),
    Case("object-fixed-but-nothing-loads/B10.bpf.o", "6.12-amd64", "7.3-amd64",
         {"*": ALREADY, "BPFenq": ALREADY, "BPFdis": ALREADY}),
    Case("ksym-variable/gone.bpf.o", "6.1-amd64", "6.12-amd64", {"p": BROKEN, "*": BROKEN}),
    Case("ksym-variable/one.bpf.o", "6.12-amd64", "7.3-amd64", {"p": ALREADY, "q": "OK", "*": ALREADY}),
    Case("hook-in-module/m.bpf.o", "6.12-amd64", "7.3-amd64",
         {"kp": "UNKNOWN", "fe": "UNKNOWN", "ctl": "OK", "ctl2": "OK"}),
    Case("remedy-nested-field/B18.bpf.o", "6.1-amd64", "6.12-amd64", {"l": "BREAKS"}),
    Case("type-changed/B23.bpf.o", "6.12-amd64", "6.17-amd64", {"p": "BREAKS", "dummy": "OK"}),
)  # fmt: skip


def corpus() -> Path:
    """The folder of real kernels and cases."""
    return Path(os.environ["KFUNCSCOPE_CORPUS"])


@cache
def kernel(name: str) -> Kernel | None:
    """A kernel by the name that a case gives it; None where the machine has not its files."""
    name, _, without = name.partition("!")
    extra, colon, rest = name.partition(":")
    folder = (
        Path(os.environ.get("KFUNCSCOPE_MORE_KERNELS", "")) / extra / rest if colon else corpus() / "kernels" / name
    )
    if not folder.is_dir():
        return None
    (files,) = kernel_files([*folder.glob("*.deb")] or [folder])
    if without == "config":
        files = replace(files, config=b"")
    elif without and files.config:
        kept = [line for line in files.config.split(b"\n") if not line.startswith(without.encode() + b"=")]
        files = replace(files, config=b"\n".join(kept))
    return open_kernel(files)


def verdict(case: Case) -> ObjectVerdict | None:
    """What the engine says; None where a kernel is not at hand."""
    old, new = kernel(case.old), kernel(case.new)
    if old is None or new is None:
        return None
    obj = read_object((corpus() / "cases" / case.object).read_bytes(), case.object)
    return compare(judge(obj, old), judge(obj, new), "", "")


def wrong(case: Case, found: ObjectVerdict) -> list[tuple[str, str, str, str]]:
    """(program, right, answer, message) of what is not right."""
    answers = {p.program: (p.verdict.value, p.findings[0].message if p.findings else "") for p in found.programs}
    answers["*"] = found.verdict.value, found.reason
    return [(n, r, *answers[n]) for n, r in case.right.items() if answers[n][0] not in r.split("|")]


def main() -> None:
    """Print every answer beside the right one."""
    good = bad = 0
    for case in CASES:
        found = verdict(case)
        print(f"{case.object}  {case.old} -> {case.new}" + ("  (no such kernel here)" if found is None else ""))
        if found is None:
            continue
        missed = {n for n, *_ in wrong(case, found)}
        answers = {p.program: (p.verdict.value, p.findings[0].message if p.findings else "") for p in found.programs}
        answers["*"] = found.verdict.value, found.reason
        for name, right in case.right.items():
            good, bad = good + (name not in missed), bad + (name in missed)
            mark = "WRONG" if name in missed else "ok   "
            print(f"  {mark} {name:18} right {right:22} today {answers[name][0]:15} {answers[name][1][:110]}")
    print(f"{good} right, {bad} wrong")


if __name__ == "__main__":
    main()
