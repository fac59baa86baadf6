# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Commands of the manual that name packages, mirrors and build trees run, in a folder that has what they name."""

from __future__ import annotations

import glob
import re
import shutil
from pathlib import Path

import pytest

from kfuncscope.cli.main import main
from support.archives import debian_archive
from support.archivewriter import deb, rpm
from support.btfwriter import BtfWriter
from support.kernelpackages import KernelPackage
from support.kernels import KernelBuilder
from support.pages import PAGES, ROOT, Command, blocks, commands

OBJECTS = ("xdp_count", "rstat_guarded", "sockname_exit")
ELSEWHERE = {
    "prove": "boots a kernel: tests/prove, marked qemu",
    "knowledge probe": "boots a kernel: tests/prove, marked qemu",
    "--cluster": "asks a scheduler: tests/upgrade/test_cluster.py",
    "demo": "draws a window: tests/gui",
    "/sys/kernel": "reads the kernel that runs",
}
"""What these commands have, and why they do not run here."""


def needing_other_files() -> list[tuple[str, Command]]:
    """Commands that the tests on the checkout only parse, with their page; in recipes of other languages, too."""
    return [
        (page.name, command)
        for page in PAGES
        for block in blocks(page)
        for command in commands(block)
        if (not command.runs_here or block.language) and not any(word in command.text for word in ELSEWHERE)
    ]


def kernel(level: str) -> KernelPackage:
    """A small kernel of a level with a module."""
    kb = KernelBuilder(level)
    kb.btf.kfunc("bpf_rcu_read_lock", 0)
    kb.build()
    split = BtfWriter(base=kb.btf)
    split.func("function_of_a_module", split.proto(kb.s32))
    return KernelPackage(kb, modules={"fine": split})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that the pages name."""
    root = tmp_path_factory.mktemp("elsewhere")
    old, new = kernel("6.12"), kernel("7.3")
    objects = {name: (ROOT / "sample_data" / "objects" / f"{name}.bpf.o").read_bytes() for name in OBJECTS}

    def put(path: str, data: bytes) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)

    def package(path: str, files: dict[str, bytes]) -> None:
        put(path, (rpm if path.endswith("rpm") else deb)(files, name=Path(path).name.partition("_")[0]))

    for path in ("linux-image-OLD.deb", "linux-image-6.12.deb", "shipped/linux-image.deb", "shipped/kernel-core-1.rpm",
                 "shipped/kernel-default-1.rpm"):  # fmt: skip
        package(path, dict(old.files()))
    for path in ("linux-image-NEW.deb", "linux-image-7.3.deb", "linux-image-7.3.4.deb", "candidate/linux-image.deb",
                 "kernel-core-2.rpm", "new/kernel-default-2.rpm", "linux-build/linux-image.deb"):  # fmt: skip
        package(path, dict(new.files()))
    package("linux-modules-6.12.deb", old.module_files())
    for path in ("linux-modules-7.3.deb", "linux-modules-7.3.4.deb", "kernel-modules-2.rpm"):
        package(path, new.module_files())
    for folder, one in (("", new), ("build/", new), ("old/", old), ("new/", new)):
        put(f"{folder}vmlinux", one.vmlinux())
        put(f"{folder}.config", one.config())
        put(f"{folder}System.map", b"ffffffff81000000 T _stext\n" * 100)
    for name, one in (("old", old), ("new", new)):
        put(f"{name}.btf", one.builder.build())
        put(f"System.map-{name}", b"ffffffff81000000 T _stext\n" * 100)
    put("boot.img", new.image_files()[f"boot/vmlinuz-{new.release}"])
    for path, data in new.module_files().items():
        put(f"system_dlkm/{path}", data)
        put(f"build/{Path(path).name}", data)
    tool = {f"usr/lib/tool/{name}.bpf.o": data for name, data in objects.items()}
    for path in ("tool_1.0-1_amd64.deb", "archive/tool.deb", "packages/tool.deb", "pool/tool.deb"):
        package(path, tool)
    for path in ("objects/tool.bpf.o", "prog.bpf.o"):
        put(path, objects["xdp_count"])
    put("packages.txt", b"tool_1.0-1_amd64.deb\n")
    put("policy.toml", b"version = 1\n")
    index = debian_archive(root / "srv" / "mirror" / "debian", {"tool_1.0-1_amd64.deb": deb(tool, name="tool")})
    (index.parents[2] / "trixie").mkdir(parents=True)
    moved = root / "srv/mirror/debian/dists/trixie/main/binary-amd64/Packages.xz"
    moved.parent.mkdir(parents=True)
    shutil.move(index, moved)
    for file in (ROOT / "sample_data" / "census").glob("*.jsonl"):
        shutil.copy(file, root)
    (root / "sample_data").symlink_to(ROOT / "sample_data")
    return root


def here(command: Command) -> list[str]:
    """The words with their files below this folder, and globs as the files that they stand for."""
    words = []
    for word in command.words:
        if word == ">":
            break
        word = re.sub(r"^/srv/", "srv/", word).replace("%{SOURCE901}", "policy.toml")
        if word in ("OLD", "NEW"):
            word = word.lower()
        word = word.replace("build/linux-*", "linux-build/linux-*")  # beside a build tree that other pages name
        found = sorted(glob.glob(word)) if "*" in word and "=" not in word else []
        if word == "*.deb":  # the reader's folder has the kernels of this command, and not those of other pages
            found = [file for file in found if not file.startswith("linux-") or file in command.words]
        words += found or [word]
    return words


LISTED = needing_other_files()


@pytest.mark.parametrize(("page", "command"), LISTED, ids=[f"{p}-{i}" for i, (p, _) in enumerate(LISTED)])
def test_they_run(
    page: str, command: Command, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Read, judged and decided: the kernels and programs are others than the reader's, so either decision will do."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("KFUNCSCOPE_CONFIG", "")
    for made in place.glob("*.kcat"):
        made.unlink()
    words = command.words
    if "--catalogue" in words and (words[0] != "scan" or "--list" in words):
        assert main(["scan", "pool/", "--catalogue", words[words.index("--catalogue") + 1]]) == 0
    capsys.readouterr()
    status = main(here(command))
    shown = capsys.readouterr()
    assert status in (0, 1), f"{command.text}\n{shown.out}{shown.err}"


def test_what_is_left_out_is_said() -> None:
    assert len(LISTED) >= 28
    texts = [c.text for page in PAGES for b in blocks(page) for c in commands(b)]
    assert all(any(word in text for text in texts) for word in ELSEWHERE), "no page has it"


def test_all_packages_of_a_folder_after_the_new_kernel(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--new NEW.deb *.deb``: the old kernel lies in the same folder, and is the old one alone."""
    monkeypatch.chdir(place)
    pair = ["--old", "linux-image-OLD.deb", "--new", "linux-image-NEW.deb"]
    listed = ["./linux-image-NEW.deb", "./linux-image-OLD.deb", "tool_1.0-1_amd64.deb"]
    assert main(["check", *pair, *listed]) in (0, 1)
    shown = capsys.readouterr()
    assert "6.12.107+test-amd64 → 7.3.4+test-amd64" in shown.out and "not compared" not in shown.err
