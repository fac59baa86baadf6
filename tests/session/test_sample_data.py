# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The sample data is whole, can be rebuilt, and becomes what the comment in each program's source says."""

from __future__ import annotations

import hashlib
import lzma
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kfuncscope.bpf.object import read_object
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.kernel import open_kernel
from kfuncscope.model.verdict import Verdict
from kfuncscope.resources import sample
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.upgrade.analyse import analyse

PAIRS = {
    "x86_64": ("6.12", "7.3"),
    "arm64": ("6.12", "7.3"),
    "s390x": ("6.12", "7.2"),
    "ppc64le": ("6.12", "7.2"),
    "riscv64": ("6.12", "7.2"),
}
SOURCES = sorted(sample("programs").glob("*.bpf.c"))
_EXPECT = re.compile(r"/\* EXPECT (\w+): (.*?) --\s(.*?) ?\*/", re.DOTALL)


def expected(source: Path) -> dict[str, dict[str, Verdict]]:
    """Verdicts by program and architecture, from the comments of one source file."""
    found: dict[str, dict[str, Verdict]] = {}
    for program, verdicts, why in _EXPECT.findall(source.read_text()):
        pairs = (word.split("=") for word in verdicts.replace("*", " ").split())
        found[program] = {arch: Verdict(word) for arch, word in pairs}
        assert re.search(r"R-\d+\.\d+|as \w+", why), f"{source.name}: {program} names no rule"
    return found


def object_path(source: Path, arch: str) -> Path:
    """The build of a source for an architecture: s390x is big endian, the others share one."""
    name = source.with_suffix(".o").name
    return sample("objects", "s390x", name) if arch == "s390x" else sample("objects", name)


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.stem)
def test_every_program_is_built_and_expected_on_every_pair(source: Path) -> None:
    verdicts = expected(source)
    for arch in ("x86_64", "s390x"):
        path = object_path(source, arch)
        built = read_object(path.read_bytes(), path.name)
        assert {p.name for p in built.programs} == set(verdicts)
        assert built.endian == (">" if arch == "s390x" else "<")
        assert built.gpl
    for program, by_arch in verdicts.items():
        assert set(by_arch) == set(PAIRS), program


def test_the_programs_tell_the_whole_story() -> None:
    words = {verdict for source in SOURCES for by_arch in expected(source).values() for verdict in by_arch.values()}
    assert words == set(Verdict)
    assert len(SOURCES) >= 15


def test_objects_hold_no_source_that_is_gone() -> None:
    names = {path.stem for path in SOURCES}
    for folder in (sample("objects"), sample("objects", "s390x")):
        assert {path.stem for path in folder.glob("*.bpf.o")} == names


def test_build_script_gives_the_same_bytes_without_paths(tmp_path: Path) -> None:
    for tool in ("clang", "llvm-strip"):
        assert shutil.which(tool), f"{tool} is not installed: apt-get install clang llvm libbpf-dev"
    copy = tmp_path / "elsewhere"
    shutil.copytree(sample("programs"), copy)
    built = tmp_path / "built"
    subprocess.run(["sh", copy / "build.sh", built], check=True, capture_output=True)
    objects = sorted(built.rglob("*.bpf.o"))
    assert len(objects) == 2 * len(SOURCES)
    same_tools = (built / "BUILT_WITH").read_text() == sample("objects", "BUILT_WITH").read_text()
    for path in objects:
        data = path.read_bytes()
        assert str(tmp_path).encode() not in data
        assert b"/usr/" not in data
        if same_tools:
            assert data == sample("objects", *path.relative_to(built).parts).read_bytes(), path.name


@pytest.mark.parametrize("arch", PAIRS)
def test_kernels_open(arch: str) -> None:
    for release in PAIRS[arch]:
        (files,) = kernel_files([sample("kernels", f"{release}-{arch}")])
        kernel = open_kernel(files)
        assert kernel.arch == arch
        assert (kernel.release or "").startswith(release)
        assert not files.problems
        assert kernel.option("BPF_SYSCALL") == "y"


def test_provenance_names_every_file_with_its_digest() -> None:
    folder = sample("kernels")
    listed = dict(
        re.findall(r"^\| (\S+\.xz) \| \d+ \| `([0-9a-f]{64})` \|$", (folder / "PROVENANCE.md").read_text(), re.M)
    )
    present = {
        str(path.relative_to(folder)): hashlib.sha256(lzma.decompress(path.read_bytes())).hexdigest()
        for path in folder.rglob("*.xz")
    }
    assert listed == present


def test_sample_data_stays_small() -> None:
    size = sum(path.stat().st_size for path in sample().rglob("*") if path.is_file())
    assert size < 13_000_000


@pytest.mark.parametrize("arch", PAIRS)
def test_engine_says_what_the_sources_say(arch: str) -> None:
    old, new = (KernelRef([str(sample("kernels", f"{release}-{arch}"))]) for release in PAIRS[arch])
    objects = [str(object_path(source, arch)) for source in SOURCES]
    (result,) = [a for a in analyse(Session(old=[old], new=[new], objects=objects)).arches if not a.inferred]
    said = {p.program: p.verdict for o in result.objects for p in o.programs}
    wanted = {program: by_arch[arch] for source in SOURCES for program, by_arch in expected(source).items()}
    assert said == wanted
