# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Verdicts kept between runs: by content alone, for each object on each pair of kernels, and only as data."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.errors import InputError
from kfuncscope.kernel import kernel as kernels
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.verdict import ObjectVerdict, Verdict
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import Input, KernelFiles
from kfuncscope.upgrade import analyse as engine
from kfuncscope.upgrade import known, memo
from kfuncscope.upgrade.executors import tasks
from support.bpfwriter import ObjectBuilder, exit_, mov
from support.kernels import KernelBuilder

APP = Path(__file__).parents[2] / "app"
END = [mov(0, 0), exit_()]
SAME_TIME = 1_700_000_000


@pytest.fixture(autouse=True)
def _empty_cache(own_cache: Path) -> None:
    """Each test begins with nothing kept."""


def caller(name: str) -> bytes:
    """An object that hangs on one function; names of one length make files of one size."""
    return ObjectBuilder().program(f"fentry/{name}", "call", END).build()


def kernel(folder: Path, release: str, *functions: str) -> str:
    """A kernel's BTF with some functions."""
    kb = KernelBuilder(release)
    for name in functions:
        kb.hook(name)
    folder.mkdir(exist_ok=True)
    path = folder / f"vmlinux-{release}.btf"
    path.write_bytes(kb.build())
    return str(path)


@pytest.fixture
def given(tmp_path: Path) -> Session:
    """Two kernels, of which the new one lacks ``bpf_gone``, and three objects."""
    old = kernel(tmp_path, "6.12", "bpf_gone", "bpf_kept")
    new = kernel(tmp_path, "7.3", "bpf_kept")
    home = tmp_path / "objects"
    home.mkdir()
    for number, name in enumerate(("bpf_kept", "bpf_gone", "bpf_kept")):
        (home / f"{number}.bpf.o").write_bytes(caller(name) + bytes(number))
    return Session(old=[KernelRef([old])], new=[KernelRef([new])], objects=[str(home)])


def analysed(session: Session) -> Analysis:
    return engine.analyse(session, workers=1)


def verdicts(analysis: Analysis) -> dict[str, Verdict]:
    return {o.object: o.verdict for o in analysis.arches[0].objects}


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The objects that are really judged, in order, each once for a pair of kernels."""
    seen: list[str] = []
    real = tasks.judge_pair

    def counted(obj: Any, file: Any, pair: Any, targets: Any = None) -> ObjectVerdict:
        seen.append(file.name)
        return real(obj, file, pair, targets)

    monkeypatch.setattr(tasks, "judge_pair", counted)
    return seen


# -- by content


def put_over(path: Path, data: bytes) -> os.stat_result:
    """Replace what a file holds and keep inode, size and time, as ``tar`` and ``cp -p`` may."""
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()
    os.utime(path, (SAME_TIME, SAME_TIME))
    return path.stat()


def test_another_object_of_the_same_size_time_and_inode(tmp_path: Path, given: Session) -> None:
    path = tmp_path / "objects" / "0.bpf.o"
    before = put_over(path, caller("bpf_kept"))
    assert verdicts(analysed(given))["0.bpf.o"] == Verdict.OK
    after = put_over(path, caller("bpf_gone"))
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
    assert verdicts(analysed(given))["0.bpf.o"] == Verdict.BREAKS


def test_a_package_unpacked_over_another(tmp_path: Path, given: Session) -> None:
    """As a build does it: one tar after the other into one folder, with clamped times."""
    home = tmp_path / "root"
    given.objects = [str(home)]
    seen = []
    for name in ("bpf_kept", "bpf_gone", "bpf_kept"):
        source = tmp_path / "in.bpf.o"
        source.write_bytes(caller(name))
        os.utime(source, (SAME_TIME, SAME_TIME))
        with tarfile.open(tmp_path / "package.tar", "w") as archive:
            archive.add(source, "usr/lib/in.bpf.o")
        with tarfile.open(tmp_path / "package.tar") as archive:
            archive.extractall(home, **({"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}))  # from 3.11.4
        seen.append(analysed(given).arches[0].verdict)
    assert seen == [Verdict.OK, Verdict.BREAKS, Verdict.OK]


@pytest.mark.parametrize("part", ["vmlinux", "config", "symbols", "module"])
def test_another_kernel_part_of_the_same_size_time_and_inode(part: str, tmp_path: Path) -> None:
    """Every part of a kernel counts: BTF, config, symbols and modules."""
    made = {}
    for which, has in (("a", True), ("b", False)):
        kb = KernelBuilder("7.3")
        kb.hook("bpf_kept" if has or part != "vmlinux" else "bpf_gone")
        made[which] = kb.build()
    folder = tmp_path / "7.3"
    folder.mkdir()
    (folder / "vmlinux.btf").write_bytes(made["a"])
    (folder / "config").write_text("CONFIG_X86_64=y\nCONFIG_BPF_JIT=y\nCONFIG_HZ=100\n")
    (folder / "symbols").write_text("T bpf_kept\n" * 200)
    (folder / "modules").mkdir()
    (folder / "modules" / "m.btf").write_bytes(made["a"])
    ref = KernelRef([str(folder / "vmlinux.btf")])
    files = {"vmlinux": folder / "vmlinux.btf", "config": folder / "config", "symbols": folder / "symbols",
             "module": folder / "modules" / "m.btf"}  # fmt: skip
    changed = {"vmlinux": made["b"], "config": b"CONFIG_X86_64=y\nCONFIG_BPF_JIT=y\nCONFIG_HZ=250\n",
               "symbols": b"t bpf_kept\n" * 200, "module": made["a"][:-1] + b"\1"}  # fmt: skip
    before = put_over(files[part], files[part].read_bytes())
    first = [one.digest for one in known.known_kernels([ref])[0]]
    after = put_over(files[part], changed[part])
    assert (after.st_size, after.st_ino) == (before.st_size, before.st_ino)
    assert [one.digest for one in known.known_kernels([ref])[0]] != first


def test_where_files_lie_and_when_they_were_made_is_no_content(
    tmp_path: Path, given: Session, judged: list[str]
) -> None:
    analysed(given)
    assert len(judged) == 3
    for path in sorted(tmp_path.rglob("*.o")) + sorted(tmp_path.glob("*.btf")):
        os.utime(path, (SAME_TIME, SAME_TIME))
    analysed(given)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for side in (given.old, given.new):
        (file,) = side[0].files
        side[0].files = [shutil.copy(file, elsewhere)]
    assert verdicts(analysed(given))["1.bpf.o"] == Verdict.BREAKS
    assert len(judged) == 3


def test_the_words_of_a_session_count(given: Session, judged: list[str]) -> None:
    """Program types that a person gives change verdicts; what only a policy says does not."""
    analysed(given)
    given.policy, given.notes = "strict.toml", {"a": "b"}
    analysed(given)
    assert len(judged) == 3
    given.section_types = {"odd": "XDP"}
    analysed(given)
    assert len(judged) == 6


def test_other_rules_or_tables_judge_again(
    given: Session, judged: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysed(given)
    own = tmp_path / "data" / "kfuncscope" / "knowledge" / "6.12"
    own.mkdir(parents=True)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    memo.engine_digest.cache_clear()
    analysed(given)
    assert len(judged) == 3  # an empty folder says nothing
    (own / "odd.json").write_text('{"a": 1}')
    memo.engine_digest.cache_clear()
    analysed(given)
    assert len(judged) == 6
    memo.engine_digest.cache_clear()


def test_a_memory_of_hashes_is_believed_only_while_nothing_changed(tmp_path: Path) -> None:
    """Inode, device, size, both times: and never for a file that is younger than the entry."""
    from kfuncscope.storage.digests import Digests

    path = tmp_path / "file"
    path.write_bytes(b"a" * 100)
    first = Digests("test")
    one = first.of(path)
    first.keep()
    assert default_cache().get("digests:1:test") is None  # too young to be believed later
    path.write_bytes(b"b" * 100)
    assert Digests("test").of(path) != one


def test_an_old_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kfuncscope.storage import digests

    path = tmp_path / "file"
    path.write_bytes(b"a" * 100)
    now = time.time_ns()
    monkeypatch.setattr(digests, "now_ns", lambda: now + 60 * 10**9)
    first = digests.Digests("test")
    one = first.of(path)
    first.keep()
    monkeypatch.setattr(digests, "file_digest", lambda path: pytest.fail("hashed again"))
    assert digests.Digests("test").of(path) == one
    monkeypatch.setattr(digests, "file_digest", lambda path: "another")
    before = path.stat()
    path.write_bytes(b"b" * 100)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_ino) == (
        before.st_size, before.st_mtime_ns, before.st_ino
    )  # fmt: skip
    assert digests.Digests("test").of(path) == "another"


# -- one judgement for one change


def sizes_of_packs() -> dict[str, int]:
    """The entries with verdicts and when each was written, in nanoseconds."""
    cache = default_cache()
    return {e.key: cache._path(e.key).stat().st_mtime_ns for e in cache.entries() if e.key.startswith("verdicts")}


def test_one_changed_object_costs_one_judgement(tmp_path: Path, given: Session, judged: list[str]) -> None:
    analysed(given)
    assert sorted(judged) == ["0.bpf.o", "1.bpf.o", "2.bpf.o"]
    of_all = sizes_of_packs()
    again = analysed(given)
    assert len(judged) == 3
    (tmp_path / "objects" / "1.bpf.o").write_bytes(caller("bpf_kept") + bytes(9))
    changed = analysed(given)
    assert judged[3:] == ["1.bpf.o"]
    # The pack of all is not written for one object: beside it there is one of the few.
    assert sizes_of_packs().items() > of_all.items()
    assert changed.arches[0].objects[0] == again.arches[0].objects[0]
    assert verdicts(changed) == dict.fromkeys(("0.bpf.o", "1.bpf.o", "2.bpf.o"), Verdict.OK)


def test_what_is_kept_is_what_is_judged(given: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same result from the cache, in part from it, and without it."""
    monkeypatch.setenv("KFUNCSCOPE_NO_MEMO", "1")
    plain = analysed(given)
    assert not default_cache().entries() or all(not e.key.startswith("verdicts") for e in default_cache().entries())
    monkeypatch.delenv("KFUNCSCOPE_NO_MEMO")
    assert analysed(given) == plain
    assert analysed(given) == plain


def test_no_kernel_is_opened_for_what_is_known(given: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    first = analysed(given)
    monkeypatch.setattr("kfuncscope.kernel.kernel.open_kernel", lambda *_: pytest.fail("a kernel was opened"))
    assert analysed(given) == first


def test_marks_of_backports_are_looked_for_once(
    tmp_path: Path, given: Session, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed object opens the kernels again, and what was found of their BPF is known."""
    first = analysed(given)
    looked: list[object] = []
    real = kernels.level_of
    monkeypatch.setattr(kernels, "level_of", lambda *given: looked.append(given) or real(*given))
    (tmp_path / "objects" / "0.bpf.o").write_bytes(caller("bpf_gone"))
    judged.clear()
    assert verdicts(analysed(given)) == {**verdicts(first), "0.bpf.o": Verdict.BREAKS}
    assert judged == ["0.bpf.o"] and looked == []


def test_an_object_that_cannot_be_read_is_told_each_time(tmp_path: Path, given: Session) -> None:
    bad = caller("bpf_kept")
    at = bad.index(b"\x9f\xeb")
    (tmp_path / "objects" / "bad.bpf.o").write_bytes(bad[:at] + b"\x9f\xeb\xff\xff" + bad[at + 4 :])
    first = analysed(given)
    assert [p.path.split(" ")[0] for p in first.problems] == ["bad.bpf.o"]
    assert analysed(given) == first


def test_byte_orders_meet(tmp_path: Path, given: Session) -> None:
    """An object is shown on the pairs of its byte order, from the cache as when it was judged (R-1.14)."""
    (tmp_path / "big.bpf.o").write_bytes(ObjectBuilder(">").program("xdp", "pass", END).build())
    given.objects.append(str(tmp_path / "big.bpf.o"))
    alone = analysed(given)
    assert "big.bpf.o" not in verdicts(alone)
    pair = []
    for release in ("6.12", "7.3"):
        path = tmp_path / f"{release}-s390x.btf"
        path.write_bytes(KernelBuilder(release, "s390x").build())
        pair.append(KernelRef([str(path)]))
    both = Session(old=[*given.old, pair[0]], new=[*given.new, pair[1]], objects=given.objects)
    found = {a.arch: [o.object for o in a.objects] for a in analysed(both).arches}
    assert "big.bpf.o" not in found["x86_64"] and found["s390x"] == ["big.bpf.o"]
    assert analysed(given) == alone
    assert analysed(both) == analysed(both)


def test_what_an_object_may_replace_counts(tmp_path: Path, given: Session, judged: list[str]) -> None:
    """A freplace program is judged by the functions of the other objects (R-12.18), so they are part of its key, and of
    no other object's."""
    (tmp_path / "objects" / "r.bpf.o").write_bytes(ObjectBuilder().program("freplace/call", "new", END).build())
    (tmp_path / "objects" / "z.bpf.o").write_bytes(ObjectBuilder().program("xdp", "alone", END).build())
    first = analysed(given)
    assert len(judged) == 5
    (tmp_path / "objects" / "0.bpf.o").unlink()
    (tmp_path / "objects" / "1.bpf.o").unlink()
    (tmp_path / "objects" / "2.bpf.o").write_bytes(caller("bpf_kept").replace(b"call", b"hang") + bytes(5))
    second = analysed(given)
    assert sorted(judged[5:]) == ["2.bpf.o", "r.bpf.o"]
    of = [next(o for o in a.arches[0].objects if o.object == "r.bpf.o") for a in (first, second)]
    assert of[0] != of[1]


def test_what_shows_of_a_kernel_while_judging_is_said_each_time(tmp_path: Path, judged: list[str]) -> None:
    """A module whose BTF does not fit is found by the first program that asks for it, and is a fault of the kernel."""
    for release in ("6.12", "7.3"):
        kb = KernelBuilder(release)
        kb.hook("kept")
        folder = tmp_path / release
        (folder / "modules").mkdir(parents=True)
        (folder / "vmlinux.btf").write_bytes(kb.build())
        other = KernelBuilder(release)
        for number in range(400):
            other.hook(f"bpf_gone_{number}")
        (folder / "modules" / "odd.btf").write_bytes(other.build()[:-1] + b"\1bpf_gone\0")
    (tmp_path / "a.bpf.o").write_bytes(caller("bpf_gone"))
    session = Session(
        old=[KernelRef([str(tmp_path / "6.12")])], new=[KernelRef([str(tmp_path / "7.3")])],
        objects=[str(tmp_path / "a.bpf.o")],
    )  # fmt: skip
    first = analysed(session)
    assert any("odd" in fault.message for fault in first.arches[0].new.faults), first.arches[0].new
    assert analysed(session) == first and len(judged) == 1


# -- entries that others made


def entries(kind: str) -> list[str]:
    return [e.key for e in default_cache().entries() if e.key.startswith(kind)]


def test_a_poisoned_entry_does_nothing_and_is_replaced(tmp_path: Path, given: Session, judged: list[str]) -> None:
    """An entry whose parts are what a pickle, or any other form, would carry: it is not carried out."""
    target = tmp_path / "run"
    code = b"cos\nsystem\n(S'touch " + os.fsencode(target) + b"'\ntR."
    dotted = b"\x80\x04\x8c\x17kfuncscope.upgrade.memo\x8c\x09os.system\x93\x8c\x06touch \x85R."
    plain = analysed(given)
    for poison in (
        code,
        dotted,
        b"",
        b"\xc1",
        b"\x90",
        b"\xdf\xff\xff\xff\xff",
        b"\xc7\xff\xff\xff\xff",
        b"\x91" * 5000,
    ):
        for key in entries("verdicts") + entries("kernel-facts"):
            pack = default_cache().pack(key)
            assert pack is not None
            names, meta = pack.names(), pack.meta
            writer = default_cache().writer(key)
            for name in names:
                writer.add(name, poison)
            writer.close(meta)
        judged.clear()
        assert analysed(given) == plain
        assert len(judged) == 3  # none of it was believed
        assert analysed(given) == plain
        assert len(judged) == 3  # and it was replaced
    assert not target.exists()


@pytest.mark.parametrize("harm", ["cut", "flip", "future", "empty", "folder"])
def test_damaged_and_future_entries_are_made_anew(harm: str, given: Session) -> None:
    plain = analysed(given)
    folder = default_cache().root
    for path in folder.glob("*.kfs"):
        data = path.read_bytes()
        if harm == "cut":
            path.write_bytes(data[: len(data) // 2])
        elif harm == "flip":
            path.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
        elif harm == "future":
            path.write_bytes(data.replace(b"kfscope", b"kfscopf"))
        elif harm == "empty":
            path.write_bytes(b"")
        else:
            path.unlink()
            path.mkdir()
    assert analysed(given) == plain
    assert analysed(given) == plain


def test_nothing_in_the_product_runs_what_it_reads() -> None:
    """No pickle, marshal, shelve, eval or exec; CI's linter holds it too."""
    words = re.compile(r"\b(pickle|cPickle|marshal|shelve|dill|cloudpickle|joblib)\b|(?<![\w.])(eval|exec)\(")
    found = [f"{p}: {m[0]}" for p in sorted(APP.rglob("*.py")) for m in words.finditer(p.read_text())]
    assert found == []
    rule = "import pickle\nfrom marshal import loads\nx = eval('1')\n"
    command = ["ruff", "check", "--stdin-filename", "app/kfuncscope/odd.py", "-"]
    done = subprocess.run(command, input=rule, text=True, capture_output=True, check=False, cwd=APP.parent)
    assert done.returncode == 1
    assert all(code in done.stdout for code in ("TID251", "S307")), done.stdout


# -- many at once, and ended at any moment


def command(session: Session) -> list[str]:
    refs = [session.old[0].files[0], "--new", session.new[0].files[0]]
    return [sys.executable, "-m", "kfuncscope", "check", "--format", "json", "--old", *refs, "--", *session.objects]


ENVIRONMENT = {"PYTHONPATH": str(APP)}


def test_twelve_at_once_on_one_cache(given: Session) -> None:
    environment = os.environ | ENVIRONMENT
    runs = [
        subprocess.Popen(command(given), env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(12)
    ]
    outputs = {run.communicate(timeout=120)[0] for run in runs}
    assert len(outputs) == 1
    assert {run.returncode for run in runs} == {1}
    assert list(default_cache().root.glob("draft-*")) == []
    again = subprocess.run(command(given), env=environment, capture_output=True, check=False)
    assert {again.stdout} == outputs


_WRITES = """
import sys, os, signal
from pathlib import Path
from kfuncscope.storage.cache import Cache
cache = Cache(Path(sys.argv[1]))
print("ready", flush=True)
for turn in range(10**6):
    cache.merge("key", {f"{turn % 50}": bytes([turn % 50]) * 50_000}, 100)
"""


def test_ended_at_any_moment_nothing_half_written_is_left(tmp_path: Path) -> None:
    """Thirty times: what is there is whole, and what is not goes when the next one comes."""
    from kfuncscope.storage.cache import Cache

    root = tmp_path / "one"
    environment = os.environ | ENVIRONMENT
    for turn in range(30):
        writer = subprocess.Popen([sys.executable, "-c", _WRITES, str(root)], env=environment, stdout=subprocess.PIPE)
        assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
        time.sleep(0.003 * turn)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        cache = Cache(root)
        cache.sweep()
        assert list(root.glob("draft-*")) == []
        pack = cache.pack("key")
        for name in pack.names() if pack is not None else ():
            assert pack is not None and pack.read(name) == bytes([int(name)]) * 50_000


def test_errors_of_a_kernel_name_its_first_file() -> None:
    """Readers of BTF know a kernel's label alone; what they cannot name as a file stays as it is."""
    files = KernelFiles("7.3 x86_64", inputs=(Input("/k/vmlinux", "0" * 64, 10),))
    assert known.shown(files, InputError("7.3 x86_64: module nf", "cut off")) == "/k/vmlinux"
    assert known.shown(files, InputError("/k/config", "cut off")) == "/k/config"
    assert known.shown(KernelFiles("7.3 x86_64"), InputError("7.3 x86_64", "cut off")) == "7.3 x86_64"
