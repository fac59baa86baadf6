# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Agreement with real kernels: every program of the corpus that was really loaded, and libbpf's own CO-RE decisions.

The tables are printed; nothing here names a program that may disagree.
"""

from __future__ import annotations

import csv
import lzma
import re
import tarfile
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from kfuncscope.bpf.object import BpfObject, read_object
from kfuncscope.btf.blob import Blob
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import open_kernel
from kfuncscope.model.verdict import Tri, Verdict
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.core.relocate import Matcher, relocate
from kfuncscope.rules.core.spec import KIND_NAMES
from kfuncscope.rules.judge import ObjectJudgement, judge
from kfuncscope.storage.files import Loader

pytestmark = pytest.mark.corpus

Row = dict[str, str]


def _rows(corpus: Path, name: str) -> list[Row]:
    with lzma.open(corpus / "oracle" / name, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def objects(corpus: Path) -> dict[str, BpfObject]:
    """Every object of the corpus, by its path there. Reading any of them must not fail."""
    found = {}
    with tarfile.open(corpus / "oracle" / "objects.tar.xz") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None and member.name.endswith(".o"):
                name = member.name.removeprefix("./")
                found[name] = read_object(file.read(), name, None, Loader("libbpf", chosen=True))
    assert len(found) > 500
    return found


@pytest.fixture(scope="module")
def wholes() -> dict[tuple[str, str], Tri]:
    """Whether an object loads with all its programs on, those that are off by default too; by kernel and object."""
    return {}


def _whole(found: ObjectJudgement) -> Tri:
    own = [Tri.NO if any(p.certain for p in found.problems) else Tri.UNKNOWN] if found.problems else []
    answers = {*own, *(p.loads for p in found.programs)}
    return next((a for a in (Tri.NO, Tri.UNKNOWN) if a in answers), Tri.YES)


@pytest.fixture(scope="module")
def agreement(
    corpus: Path, objects: dict[str, BpfObject], wholes: dict[tuple[str, str], Tri]
) -> list[tuple[Row, str, str, str]]:
    """(row, predicted load, predicted attach, class) of every row whose object the corpus holds."""
    by_kernel: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows(corpus, "verdicts.csv.xz"):
        if row["program"]:
            by_kernel[f"{row['kernel']}-{row['arch']}"][row["object"]].append(row)
    found = []
    for name, by_object in sorted(by_kernel.items()):
        kernel = open_kernel(kernel_files([corpus / "kernels" / name / "vmlinux.btf.xz"])[0])
        for path, rows in sorted(by_object.items()):
            if path not in objects:
                continue
            whole = judge(objects[path], kernel)
            wholes[name, path] = _whole(whole)
            judged = {p.program.name: p for p in whole.programs}
            for row in rows:
                one = judged[row["program"]]
                first = one.first
                found.append((row, one.loads.value, one.attaches.value, first.failure if first else ""))
    return found


def _kernel(row: Row) -> str:
    return f"{row['kernel']}-{row['arch']}"


def _real(row: Row, column: str) -> str:
    return "yes" if row[column] == "1" else "no"


def test_programs_load_as_they_did(
    agreement: list[tuple[Row, str, str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """At least 99.8 % of the decidable pairs, 99 % on each kernel, 98 % of each class, UNKNOWN at most 2 %."""
    pairs = Counter((_kernel(r), loads, _real(r, "load_ok")) for r, loads, _, _ in agreement if r["decidable"] == "1")
    classes = Counter(
        (r["fail_class"], loads == "no") for r, loads, _, _ in agreement if r["decidable"] == "1" and r["fail_class"]
    )
    kernels = sorted({k for k, _, _ in pairs})
    with capsys.disabled():
        print("\n\npredicted × real      yes/yes    no/no   yes/no   no/yes  unknown  agreement")
        for kernel in [*kernels, ""]:
            print(_load_line(pairs, kernel))
        print("\nclass of failure                    rows    found   recall")
        for cls in sorted({c for c, _ in classes}):
            right, wrong = classes[cls, True], classes[cls, False]
            print(f"{cls:34} {right + wrong:6} {right:8} {right / (right + wrong):8.2%}")
        for row, loads, _, cls in agreement:
            if row["decidable"] == "1" and loads != _real(row, "load_ok"):
                print(
                    f"disagrees: {_kernel(row)} {row['object']} {row['program']}: "
                    f"predicted {loads} {cls}; {row['key_line'][:80]}"
                )
    for kernel in kernels:
        assert _share(pairs, kernel) >= 0.99, kernel
    assert _share(pairs, "") >= 0.998
    unknown = sum(n for (_, loads, _), n in pairs.items() if loads == "unknown")
    assert unknown <= 0.02 * sum(pairs.values())
    for cls in {c for c, _ in classes}:
        assert classes[cls, True] >= 0.98 * (classes[cls, True] + classes[cls, False]), cls


def _count(pairs: Counter[tuple[str, str, str]], kernel: str, loads: str, real: str) -> int:
    return sum(n for (k, p, r), n in pairs.items() if kernel in ("", k) and p == loads and real in ("", r))


def _share(pairs: Counter[tuple[str, str, str]], kernel: str) -> float:
    right = _count(pairs, kernel, "yes", "yes") + _count(pairs, kernel, "no", "no")
    return right / sum(n for (k, _, _), n in pairs.items() if kernel in ("", k))


def _load_line(pairs: Counter[tuple[str, str, str]], kernel: str) -> str:
    cells = [("yes", "yes"), ("no", "no"), ("yes", "no"), ("no", "yes"), ("unknown", "")]
    numbers = "".join(f"{_count(pairs, kernel, p, r):9}" for p, r in cells)
    return f"{kernel or 'all':20}{numbers} {_share(pairs, kernel):10.2%}"


def test_objects_load_as_they_did(
    agreement: list[tuple[Row, str, str, str]],
    wholes: dict[tuple[str, str], Tri],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """bpf_object__load() of every object all of whose programs are decidable: none is called otherwise (R-12.15)."""
    real: dict[tuple[str, str], set[str]] = defaultdict(set)
    undecided = {(_kernel(r), r["object"]) for r, _, _, _ in agreement if r["decidable"] != "1"}
    for row, _, _, _ in agreement:
        real[_kernel(row), row["object"]].add(_real(row, "object_ok_all"))
    pairs = Counter(
        (kernel, wholes[kernel, path].value, told)
        for (kernel, path), answers in real.items() if (kernel, path) not in undecided
        for told in answers
    )  # fmt: skip
    with capsys.disabled():
        print("\n\nobjects: predicted × real yes/yes no/no   yes/no   no/yes  unknown  agreement")
        for kernel in [*sorted({k for k, _, _ in pairs}), ""]:
            print(_load_line(pairs, kernel))
    assert not any(n for (_, predicted, told), n in pairs.items() if {predicted, told} == {"yes", "no"})
    assert _count(pairs, "", "unknown", "") <= 0.01 * sum(pairs.values())


def test_programs_attach_as_they_did(
    agreement: list[tuple[Row, str, str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """At least 97 % of the pairs that load and whose attaching was tried."""
    tried = [(r, a) for r, _, a, _ in agreement if r["load_ok"] == "1" and r["attach_ok"]]
    pairs = Counter((_kernel(r), a, _real(r, "attach_ok")) for r, a in tried)
    with capsys.disabled():
        print("\n\nattach: predicted × real  yes/yes no/no   yes/no   no/yes  unknown  agreement")
        for kernel in [*sorted({k for k, _, _ in pairs}), ""]:
            print(_load_line(pairs, kernel))
        wrong = Counter((r["section"], a, _real(r, "attach_ok")) for r, a in tried if a != _real(r, "attach_ok"))
        for (section, predicted, real), count in wrong.most_common(20):
            print(f"disagrees: {count} × {section}: predicted {predicted}, really {real}")
    assert _share(pairs, "") >= 0.97


def test_core_decisions_are_libbpfs(
    corpus: Path, objects: dict[str, BpfObject], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every decision that libbpf took for a CO-RE record: outcome, old and new value; 100 %."""
    words = {"patched": "patched", "patched_nomatch": "absent", "poisoned": "poisoned"}
    kernels: dict[str, Blob] = {}
    known: dict[tuple[str, str], dict[tuple[str, int], tuple[str, int, int, str]]] = {}
    right, wrong = 0, []
    for row in _rows(corpus, "core_decisions.csv.xz"):
        name = row["btf"]
        if name not in kernels:
            kernels[name] = Blob(lzma.decompress((corpus / "kernels" / name / "vmlinux.btf.xz").read_bytes()), name)
        key = row["object"], name
        if key not in known:
            known[key] = _decisions(objects[row["object"]], kernels[name])
        outcome, old, new, kind = known[key][row["program"], int(row["relo"])]
        values = re.search(r"(-?\d+) -> (-?\d+)", row["detail"])
        agrees = outcome == words[row["outcome"]] and kind == row["kind"]
        if agrees and (not values or (old, new) == (int(values[1]), int(values[2]))):
            right += 1
        else:
            wrong.append(row)
    with capsys.disabled():
        print(f"\n\nCO-RE decisions: {right} of {right + len(wrong)} as libbpf's")
    assert right > 8000 and not wrong, wrong[:5]


def _decisions(obj: BpfObject, kernel: Blob) -> dict[tuple[str, int], tuple[str, int, int, str]]:
    class NoModules:
        def holding(self, name: str) -> list[Blob]:
            return []

    assert obj.btf is not None
    matcher = Matcher(obj.btf, [kernel], NoModules())
    found = {}
    for function in obj.functions.values():
        for number, relo in function.relos:
            index = relo.insn_off // 8 - function.start
            following = function.insns[index + 1] if index + 1 < len(function.insns) else None
            made = relocate(matcher, relo, function.insns[index], following)
            found[function.name, number] = (made.outcome, made.old, made.new, KIND_NAMES[relo.kind])
    return found


STEPS = (("6.1", "6.12", "amd64"), ("6.12", "7.3", "amd64"), ("6.1", "6.12", "arm64"), ("6.12", "7.3", "arm64"))


@pytest.mark.parametrize("step", STEPS, ids="-".join)
def test_steps_break_and_fix_as_they_did(
    step: tuple[str, str, str], corpus: Path, objects: dict[str, BpfObject], capsys: pytest.CaptureFixture[str]
) -> None:
    """What stopped loading is BREAKS in the right class, what began to load is FIXED (or lies, or does not attach)."""
    older, newer, arch = step
    kernels = [open_kernel(kernel_files([corpus / "kernels" / f"{v}-{arch}" / "vmlinux.btf.xz"])[0]) for v in step[:2]]
    rows: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for row in _rows(corpus, "verdicts.csv.xz"):
        if row["arch"] == arch and row["kernel"] in (older, newer) and row["program"] and row["decidable"] == "1":
            rows[row["object"], row["program"]][row["kernel"]] = row
    verdicts = {}
    for name in sorted({o for o, _ in rows} & objects.keys()):
        made = compare(judge(objects[name], kernels[0]), judge(objects[name], kernels[1]), "", "")
        verdicts.update({(name, p.program): p for p in made.programs})
    wrong, count = [], Counter[str]()
    for key, by_kernel in sorted(rows.items()):
        if len(by_kernel) < 2 or key not in verdicts:
            continue
        was, now = by_kernel[older]["load_ok"], by_kernel[newer]["load_ok"]
        one = verdicts[key]
        count[f"{was}→{now} {one.verdict}"] += 1
        if (was, now) == ("1", "0") and one.verdict != Verdict.BREAKS:
            wrong.append((key, one.verdict, by_kernel[newer]["key_line"]))
        if (
            (was, now) == ("0", "1")
            and one.verdict not in (Verdict.FIXED, Verdict.SILENT)
            and one.new.attaches != Tri.NO
        ):
            wrong.append((key, one.verdict, one.new.reason))
        if (was, now) == ("1", "1") and one.verdict == Verdict.BREAKS and one.new.loads == Tri.NO:
            wrong.append((key, one.verdict, one.new.reason))
    with capsys.disabled():
        print(f"\n{older} → {newer} {arch} (loaded before → after, verdict): {dict(sorted(count.items()))}")
    assert not wrong, wrong[:10]
