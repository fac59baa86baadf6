# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real boots under QEMU of Debian's kernels, with objects of Debian's packages: ``.ci/test -m qemu``.

Kernels, guests and objects are fetched with apt into KFUNCSCOPE_PACKAGES, or into a temporary folder.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from kfuncscope.intake.kernels import kernel_files
from kfuncscope.intake.objects import object_files
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.knowledge.knowledge import Knowledge
from kfuncscope.model.proof import Agreement, Proof
from kfuncscope.model.verdict import Tri
from kfuncscope.prove import prove
from kfuncscope.prove.guest.initramfs import agent_files
from kfuncscope.prove.guest.qemu import Limits
from kfuncscope.prove.probe import probe
from kfuncscope.prove.prove import Options
from kfuncscope.resources import sample
from kfuncscope.storage.files import ObjectFile
from support import packages
from support.packages import Wanted

pytestmark = pytest.mark.qemu

GUEST = (
    r"python3\.13-minimal", r"libpython3\.13-minimal", r"libpython3\.13-stdlib", "libffi8", "libexpat1", "libc6",
    "libbpf1", "libelf1t64", "zlib1g", "libzstd1",
)  # fmt: skip
KERNELS = {wanted.key: wanted for wanted in packages.KERNELS}
OBJECTS = {
    "x86_64": Wanted("objects", "sid", "amd64", ("libbpf-tools", "xdp-tools", "udev-hid-bpf", "libbpftune0", "systemd",
                                                  "libsystemd-shared", "pwru", "bpftop")),
    "arm64": Wanted("objects-arm64", "sid", "arm64", ("libbpf-tools", "pwru", "rsched")),
}  # fmt: skip
COUNTS = {"x86_64": 30, "arm64": 12}


@cache
def kernel_of(guest_folder: Path, key: str) -> tuple[Kernel, tuple[str, ...]]:
    paths = packages.fetch(guest_folder, KERNELS[key])
    (files,) = kernel_files(paths)
    return open_kernel(files), tuple(map(str, paths))


def options(guest_folder: Path, arch: str, **more: object) -> Options:
    deb = {"x86_64": "amd64"}.get(arch, arch)
    guest = packages.fetch(guest_folder, Wanted(f"guest-{deb}", "sid", deb, GUEST))
    limits = Limits(first=600, silence=600, whole=3000)
    return dataclasses.replace(Options(guest=tuple(map(str, guest)), accel="tcg", limits=limits), **more)  # type: ignore[arg-type]


def real_objects(guest_folder: Path, arch: str) -> list[ObjectFile]:
    """Objects of Debian's packages, spread evenly over all that they hold."""
    files, _ = object_files(packages.fetch(guest_folder, OBJECTS[arch]))
    step = len(files) // COUNTS[arch]
    return files[::step][: COUNTS[arch]]


def proved(guest_folder: Path, key: str, files: Sequence[ObjectFile]) -> Proof:
    kernel, paths = kernel_of(guest_folder, key)
    return prove.run(prove.prepare(kernel, paths, files, options(guest_folder, kernel.arch)))


@pytest.mark.parametrize("key", ["6.12-amd64", "7.3-amd64", "7.3-arm64"])
def test_judge_agrees_with_the_kernel(guest_folder: Path, key: str) -> None:
    files = real_objects(guest_folder, kernel_of(guest_folder, key)[0].arch)
    proof = proved(guest_folder, key, files)
    counts = proof.counts()
    decided = counts[Agreement.AGREE] + counts[Agreement.DISAGREE]
    print(f"\n{key}: {len(proof.objects)} objects, {dict(counts)}, {proof.seconds} s")
    assert len(proof.objects) == len(files) and not counts[Agreement.NOT_SEEN]
    assert counts[Agreement.AGREE] >= 0.99 * decided > 40
    assert sum(p.seen_attaches == Tri.YES for o in proof.objects for p in o.programs) > 15


def test_the_sample_programs_do_what_is_told_of_them(guest_folder: Path) -> None:
    files, _ = object_files([p for p in sorted(sample("objects").iterdir()) if p.suffix == ".o"])
    for key in ("6.12-amd64", "7.3-amd64"):
        proof = proved(guest_folder, key, files)
        assert {o.object: o.agreement for o in proof.objects if o.agreement == Agreement.DISAGREE} == {}
        wrong = [(o.object, p) for o in proof.objects for p in o.programs if p.agreement == Agreement.DISAGREE]
        assert wrong == [] and proof.counts()[Agreement.NOT_SEEN] == 0


def test_a_wrong_table_shows_as_a_disagreement(guest_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, _ = object_files([sample("objects", "packet_peek.bpf.o"), sample("objects", "xdp_count.bpf.o")])
    kernel = open_kernel(kernel_of(guest_folder, "7.3-amd64")[0].files)
    kernel.__dict__["helpers"] = {2: "map_update_elem"}  # a kernel with a single helper, says the table
    subject = prove.prepare(kernel, kernel_of(guest_folder, "7.3-amd64")[1], files, options(guest_folder, "x86_64"))
    assert prove.run(subject).counts()[Agreement.DISAGREE] >= 1


def test_what_was_seen_is_not_booted_again(
    guest_folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, _ = object_files([sample("objects", "xdp_count.bpf.o")])
    first = proved(guest_folder, "7.3-amd64", files)
    monkeypatch.setenv("PATH", "/nonexistent")  # no QEMU any more
    again = proved(guest_folder, "7.3-amd64", files)
    assert again.seconds == 0 and again.accelerator == "" and again.objects[0].cached
    assert dataclasses.replace(again.objects[0], cached=False) == first.objects[0]


def test_the_kernel_answers_questions(guest_folder: Path) -> None:
    kernel, paths = kernel_of(guest_folder, "7.3-amd64")
    made = probe(kernel, paths, options(guest_folder, kernel.arch))
    assert made.notes == [] and made.tried > 20_000
    facts, table = made.probed, kernel.knowledge
    assert isinstance(table, Knowledge)
    assert "redirect_map" in facts.helpers["XDP"] and "redirect_map" not in facts.helpers["TRACEPOINT"]
    assert set(facts.lsm) == {h for h in table.lsm_hooks if not table.lsm_hooks[h].bpf_disabled} & set(facts.lsm)
    assert all(facts.instructions.values())


def test_a_guest_that_panics_loses_one_object(guest_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent of this boot brings its own kernel down at the first object, as a bad program might."""
    crash = b'open("/proc/sysrq-trigger", "w").write("c") if task["index"] == 0 else None\n        '
    mark = b'in_child(wire, plan["seconds"]'
    agents = {name: text.replace(mark, crash + mark) for name, text in agent_files(prove.AGENT).items()}
    assert crash in agents["init"]
    monkeypatch.setattr(prove, "agent_files", lambda name: agents)
    files, _ = object_files([sample("objects", name) for name in ("xdp_count.bpf.o", "packet_peek.bpf.o")])
    proof = proved(guest_folder, "7.3-amd64", files)
    broken, fine = sorted(proof.objects, key=lambda o: o.seen != Tri.UNKNOWN)
    assert "Kernel panic" in broken.line and "sysrq" in broken.line
    assert fine.seen == Tri.YES and {p.agreement for p in broken.programs} == {Agreement.NOT_SEEN}


def test_as_an_ordinary_user(guest_folder: Path, tmp_path: Path) -> None:
    """User nobody, no network, nothing left behind: the command line as it is installed."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    kernel, paths = kernel_of(guest_folder, "7.3-amd64")
    assert kernel.vmlinux is not None
    home = Path(tempfile.mkdtemp(prefix="nobody-", dir="/tmp"))
    os.chmod(home, 0o777)
    env = {"HOME": str(home), "TMPDIR": str(home), "PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(home / "cache"),
           "PYTHONPATH": os.pathsep.join(sys.path)}  # fmt: skip
    guest = options(guest_folder, "x86_64").guest
    line = [sys.executable, "-m", "kfuncscope", "prove", "--accel", "tcg", "--format", "json", "--kernel", *paths,
            "--guest", *guest, "--", str(sample("objects", "xdp_count.bpf.o"))]  # fmt: skip
    try:
        subprocess.run([sys.executable, "-c", ""], user="nobody", group="nogroup", cwd="/", check=True)
    except (PermissionError, subprocess.CalledProcessError):
        pytest.skip(f"user nobody may not run {sys.executable}")
    try:
        run = subprocess.run(
            line, env=env, user="nobody", group="nogroup", extra_groups=[], cwd="/", capture_output=True
        )
        if b"Permission denied" in run.stderr and not run.stdout:
            pytest.skip("user nobody may not read this checkout or its interpreter")
        assert run.returncode == 0, run.stderr.decode()
        (proof,) = json.loads(run.stdout)["proof"]
        assert proof["objects"][0]["agreement"] == "agree"
        assert [p.name for p in home.iterdir()] == ["cache"]
    finally:
        shutil.rmtree(home)
