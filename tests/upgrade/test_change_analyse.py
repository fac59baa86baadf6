# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sessions from files to results: pairs, inferred architectures, bad inputs, processes, cancelling; diffs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kfuncscope.errors import InputError, SessionError
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.inferred import inferred_line
from kfuncscope.model.unchecked import Elsewhere, elsewhere, unchecked
from kfuncscope.model.verdict import NeedKind, Verdict
from kfuncscope.rules.hooks.open_to import lsm_to_programs
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.study.diff import KINDS, differences
from kfuncscope.upgrade.analyse import analyse
from kfuncscope.upgrade.executors.local import CHUNK
from kfuncscope.upgrade.pairs import NOT_JUDGED
from support.bpfwriter import ObjectBuilder, exit_, kfunc, mov
from support.kernels import KernelBuilder

END = [mov(0, 0), exit_()]


@pytest.fixture(autouse=True)
def _judge_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """No result of an earlier run."""
    monkeypatch.setenv("KFUNCSCOPE_NO_MEMO", "1")


def kernel(folder: Path, release: str, arch: str = "x86_64", *, has: bool = True) -> str:
    """A kernel's BTF in a file."""
    kb = KernelBuilder(release, arch)
    kb.btf.kfunc("bpf_other", 0)
    if has:
        kb.hook("hook")
        kb.btf.kfunc("bpf_thing", kb.s32)
    path = folder / f"{release}-{arch}" / "vmlinux.btf"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(kb.build())
    return str(path)


def objects(folder: Path, count: int = 1) -> str:
    """Objects of three kinds in a folder."""
    home = folder / "objects"
    home.mkdir(exist_ok=True)
    for number in range(count):
        ob = ObjectBuilder()
        ob.extern_func("bpf_thing", ob.btf.proto(ob.s32))
        ob.program("xdp", f"call_{number}", [kfunc("bpf_thing"), *END])
        (home / f"call_{number:03}.bpf.o").write_bytes(ob.build())
    (home / "fentry.bpf.o").write_bytes(ObjectBuilder().program("fentry/hook", "on_hook", END).build())
    (home / "plain.bpf.o").write_bytes(ObjectBuilder().program("kprobe/hook", "probe", END).build())
    return str(home)


def session(old: list[str], new: list[str], *given: str) -> Session:
    return Session(old=[KernelRef([k]) for k in old], new=[KernelRef([k]) for k in new], objects=list(given))


def inferring(old: str, new: str, *given: str) -> Session:
    return replace(session([old], [new], *given), infer=True)


def test_other_architectures_are_inferred_from_their_jits_alone(tmp_path: Path) -> None:
    """R-5: only where asked for, only with one pair; a program is in it where a JIT refuses it, or refused it."""
    old, new = kernel(tmp_path, "6.12"), kernel(tmp_path, "7.3")
    assert [a.arch for a in analyse(session([old], [new], objects(tmp_path)), workers=1).arches] == ["x86_64"]
    found = analyse(inferring(old, new, objects(tmp_path)), workers=1)
    by = {a.arch: a for a in found.arches}
    assert not by["x86_64"].inferred
    assert len(by) == 8 and all(a.inferred for arch, a in by.items() if arch != "x86_64")
    said = {arch: {o.object: o.programs[0].verdict for o in a.objects} for arch, a in by.items()}
    assert said["arm"] == {"call_000.bpf.o": Verdict.ALREADY_BROKEN, "fentry.bpf.o": Verdict.ALREADY_BROKEN}
    assert said["arm64"] == {}
    # powerpc has trampolines from 7.2 on.
    assert said["ppc64le"] == {"fentry.bpf.o": Verdict.FIXED}
    findings = [f for a in found.arches if a.inferred for o in a.objects for p in o.programs for f in p.findings]
    assert findings and {f.rules for f in findings} == {("R-5.1",)}
    line = inferred_line(found)
    assert line.count("\n") == 0 and "arm64 none refused" in line and "ppc64le 1 begin to load" in line


def test_what_breaks_by_symbols_compiler_or_config_is_inferred_nowhere(tmp_path: Path) -> None:
    """A hook that is gone on x86_64 says nothing of other architectures."""
    old, new = kernel(tmp_path, "6.12"), kernel(tmp_path, "7.3", has=False)
    found = analyse(inferring(old, new, objects(tmp_path)), workers=1)
    assert any(p.verdict is Verdict.BREAKS for o in found.arches[0].objects for p in o.programs)
    for arch in found.arches[1:]:
        for program in (p for o in arch.objects for p in o.programs):
            assert [f.kind for f in program.findings] == [NeedKind.JIT] and not program.unchecked


def test_objects_of_the_other_byte_order_are_judged_nowhere_and_said_so(tmp_path: Path) -> None:
    """R-1.14: not judged by kernels that would refuse them for that alone."""
    old, new = kernel(tmp_path, "6.12", "s390x"), kernel(tmp_path, "7.3", "s390x")
    ob = ObjectBuilder(">")
    (tmp_path / "big.bpf.o").write_bytes(ob.program("xdp", "pass", END).build())
    given = inferring(old, new, objects(tmp_path), str(tmp_path / "big.bpf.o"))
    found = analyse(given, workers=1)
    assert [o.object for o in found.arches[0].objects] == ["big.bpf.o"]
    assert [p.path for p in found.problems if p.reason == NOT_JUDGED] == [str(tmp_path / "objects")]
    assert {e.object for e in elsewhere(found)} == {"call_000.bpf.o", "fentry.bpf.o", "plain.bpf.o"}
    assert {i.name: i.judged_on for i in found.objects}["big.bpf.o"] == ("s390x",)
    alone = analyse(session([old], [new], objects(tmp_path)), workers=1)
    assert not alone.arches[0].objects
    assert any("nothing was judged on s390x" in p.reason for p in alone.problems)


def test_objects_of_both_byte_orders_have_their_own_architectures(tmp_path: Path) -> None:
    """What takes part somewhere is of another architecture elsewhere: named, and no problem."""
    old = [kernel(tmp_path, "6.12"), kernel(tmp_path, "6.12", "s390x")]
    new = [kernel(tmp_path, "7.3"), kernel(tmp_path, "7.3", "s390x")]
    for name, order in (("big", ">"), ("little", "<")):
        made = ObjectBuilder(order).program("xdp", "pass", END).build()
        (tmp_path / f"{name}.bpf.o").write_bytes(made)
    found = analyse(session(old, new, *(str(tmp_path / f"{n}.bpf.o") for n in ("big", "little"))), workers=1)
    assert elsewhere(found) == (Elsewhere("big.bpf.o", ("x86_64",)), Elsewhere("little.bpf.o", ("s390x",)))
    assert not found.problems and not unchecked(found)


def test_nothing_is_inferred_from_kernels_without_btf_or_jit(tmp_path: Path) -> None:
    """Debian's armhf has no BTF, its s390x no JIT."""
    for arch, text in (("arm", "CONFIG_ARM=y\nCONFIG_BPF_JIT=y\n"), ("s390", "CONFIG_64BIT=y\n")):
        names = []
        for release in ("6.12.1", "7.2.1"):
            folder = tmp_path / f"{arch}-{release}"
            folder.mkdir()
            (folder / "config").write_text(f"# Linux/{arch} {release} Kernel Configuration\n{text}")
            names.append(f"config={folder / 'config'}")
            if arch == "s390":
                blob = kernel(tmp_path, release[:-2], "s390x")
                names[-1] += f",btf={blob}"
        found = analyse(inferring(*names, objects(tmp_path)), workers=1)
        assert [a.arch for a in found.arches] == ["arm" if arch == "arm" else "s390x"]


def test_two_pairs_and_a_kernel_without_a_partner(tmp_path: Path) -> None:
    """Nothing is inferred then; what takes no part is said."""
    old = [kernel(tmp_path, "6.12"), kernel(tmp_path, "6.12", "arm64")]
    new = [kernel(tmp_path, "7.3", has=False), kernel(tmp_path, "7.3", "arm64"), kernel(tmp_path, "7.3", "s390x")]
    found = analyse(session(old, new, objects(tmp_path)), workers=1)
    assert [(a.arch, a.inferred) for a in found.arches] == [("x86_64", False), ("arm64", False)]
    fentry = [next(o.verdict for o in a.objects if o.object == "fentry.bpf.o") for a in found.arches]
    assert fentry == [Verdict.BREAKS, Verdict.OK]
    assert any("no counterpart" in p.reason for p in found.problems)
    with pytest.raises(SessionError):
        analyse(session(old[1:], new[2:], objects(tmp_path)))


def test_bad_objects_do_not_stop_the_rest(tmp_path: Path) -> None:
    """Design 5: listed with their reason."""
    home = Path(objects(tmp_path))
    good = (home / "plain.bpf.o").read_bytes()
    at = good.index(b"\x9f\xeb")
    (home / "bad.bpf.o").write_bytes(good[:at] + b"\x9f\xeb\xff\xff" + good[at + 4 :])
    found = analyse(session([kernel(tmp_path, "6.12")], [kernel(tmp_path, "7.3")], str(home)), workers=1)
    assert len(found.objects) == 3
    assert [p.path.split(" ")[0] for p in found.problems] == ["bad.bpf.o"]


def test_processes_give_the_same_answer(tmp_path: Path) -> None:
    """Design 6: in the same order, whoever worked it out; progress reaches its end."""
    given = session([kernel(tmp_path, "6.12")], [kernel(tmp_path, "7.3", has=False)], objects(tmp_path, 2 * CHUNK))
    seen: list[tuple[int, int]] = []
    alone = analyse(given, workers=1)
    together = analyse(given, lambda done, total, what: seen.append((done, total)), workers=2)
    assert alone == together
    assert seen[-1][0] == seen[-1][1] == 2 * CHUNK + 2


def test_progress_of_architectures_one_after_the_other_is_one_progress(tmp_path: Path) -> None:
    """Each architecture is a share of it: the number done never falls, and the text names whose turn it is."""
    old = [kernel(tmp_path, "6.12"), kernel(tmp_path, "6.12", "arm64")]
    new = [kernel(tmp_path, "7.3", has=False), kernel(tmp_path, "7.3", "arm64")]
    given, seen, parts = session(old, new, objects(tmp_path, 3)), list[tuple[int, int, str]](), list[object]()
    whole = analyse(given, lambda *step: seen.append(step), workers=1, arrived=parts.append)
    judged = [(done, total, what) for done, total, what in seen if what.startswith(("x86_64: ", "arm64: "))]
    assert {what.partition(":")[0] for _, _, what in judged} == {"x86_64", "arm64"}
    assert [done for done, _, _ in judged] == sorted(done for done, _, _ in judged)
    assert all(0 <= done <= total for done, total, _ in judged) and len({total for _, total, _ in judged}) == 1
    assert len(parts) == 1 and whole == analyse(given, workers=1)


@pytest.mark.parametrize("workers", [1, 2])
def test_cancelling(tmp_path: Path, workers: int) -> None:
    """What progress raises comes out."""

    class StopError(Exception):
        pass

    def stop(done: int, total: int, what: str) -> None:
        if total > 1:
            raise StopError

    given = session([kernel(tmp_path, "6.12")], [kernel(tmp_path, "7.3")], objects(tmp_path, 2 * CHUNK))
    with pytest.raises(StopError):
        analyse(given, stop, workers=workers)


def test_a_side_that_cannot_be_opened(tmp_path: Path) -> None:
    """The first error of that side."""
    with pytest.raises(InputError):
        analyse(session([str(tmp_path / "none")], [kernel(tmp_path, "7.3")], objects(tmp_path)))


def test_differences_of_kernels() -> None:
    """Every kind: what went, changed and came, in that order, by name."""

    def make(release: str, size: int, words: list[str]) -> KernelBuilder:
        kb = KernelBuilder(release)
        number = kb.btf.once("int_", f"u{size}", size)
        for word in ["both", *words]:
            kb.btf.kfunc(f"bpf_{word}", number)
            kb.tracepoint(word, [("x", number)])
            kb.lsm(word, [("x", number)])
            kb.btf.struct(f"bpf_iter__{word}", [("meta", number)])
            kb.ops(f"{word}_ops", [("x", number)])
        return kb

    old, new = make("6.12", 4, ["gone"]).kernel(), make("7.3", 8, ["came"]).kernel()
    found = list(differences(old, new, tuple(KINDS)))
    for kind, prefix, suffix in (("kfunc", "bpf_", ""), ("tracepoint", "", ""), ("lsm", "", ""), ("iter", "", ""),
                                 ("struct_ops", "", "_ops")):  # fmt: skip
        rows = [(d.name, d.change) for d in found if d.kind == kind]
        assert rows == [(f"{prefix}{w}{suffix}", c) for w, c in
                        (("gone", "removed"), ("both", "changed"), ("came", "added"))], kind  # fmt: skip
    assert {d.name for d in found if d.kind == "map_type"} == {"BPF_MAP_TYPE_INSN_ARRAY", "BPF_MAP_TYPE_RHASH"}
    assert any(d.kind == "type" and d.name == "struct both_ops" and d.change == "changed" for d in found)
    assert any(d.kind == "function" and d.name == "bpf_lsm_gone" and d.change == "removed" for d in found)
    assert list(differences(old, old, tuple(KINDS))) == []


@pytest.mark.parametrize("names", [["lookup"], ["lookup", "verify_prog"]])
def test_a_function_with_the_name_of_a_hook_is_one_where_the_kernel_lists_it(names: list[str]) -> None:
    """R-7.12: ``bpf_lsm_verify_prog`` is a function of the LSM itself, unless the kernel's list of hooks has it."""

    def make(*functions: str) -> Kernel:
        kb = KernelBuilder("7.3")
        for name in functions:
            kb.lsm(name)
        kb.btf.union("security_list_options", [(name, kb.callback()) for name in names])
        return kb.kernel()

    found = [d.name for d in differences(make("lookup"), make("lookup", "verify_prog"), ("lsm",))]
    assert found == names[1:]
    assert lsm_to_programs(make("lookup", "verify_prog"), "verify_prog").yes is (len(names) > 1)
