# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Debian's own packages, fetched with apt: BTF byte for byte, counts, and the cost of opening.

Asked for by ``-m packages``. KFUNCSCOPE_PACKAGES names a folder to keep the packages in; with the corpus given, too,
BTF, configs, modules and symbols are compared with it.
"""

from __future__ import annotations

import io
import lzma
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kfuncscope.containers.archive import read_archive
from kfuncscope.containers.stream import Budget
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.intake.objects import object_files
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import KernelFiles
from support import archivewriter as write
from support import packages

pytestmark = pytest.mark.packages

ARCH = {"amd64": "x86_64", "armhf": "arm", "ppc64el": "ppc64le"}
# Facts of these releases: kfunc sets by their symbols, modules, and modules that have sets.
SETS = {"6.1-amd64": 6, "6.12-amd64": 24, "7.2-amd64": 42, "7.3-amd64": 45, "6.12-arm64": 24, "7.3-arm64": 45}
MODULES = {"6.1-amd64": 4023, "6.12-amd64": 4229, "7.3-amd64": 4225, "7.3-arm64": 4486}
OLD_WITH_SETS = ("nf_conntrack", "nf_nat", "tcp_bbr", "tcp_dctcp")
WITH_SETS = ("fou", "nf_conntrack", "nf_flow_table", "nf_nat", "tcp_bbr", "tcp_dctcp", "xfrm_interface")


def opened(package_folder: Path, wanted: packages.Wanted) -> KernelFiles:
    (kernel,) = kernel_files(packages.fetch(package_folder, wanted))
    return kernel


def known(wanted: packages.Wanted, part: str) -> bytes | None:
    """A part of the same kernel in the corpus, where it has the same version."""
    root = Path(os.environ.get("KFUNCSCOPE_CORPUS", "/nonexistent")) / "kernels" / wanted.key
    path = root / f"{part}.xz"
    return lzma.decompress(path.read_bytes()) if path.is_file() else None


@pytest.mark.parametrize("wanted", packages.KERNELS, ids=lambda w: w.key)
def test_kernel(package_folder: Path, wanted: packages.Wanted) -> None:
    kernel = opened(package_folder, wanted)
    deb_arch = wanted.key.rpartition("-")[2]
    assert kernel.arch == ARCH.get(deb_arch, deb_arch)
    assert kernel.release is not None
    assert kernel.release.startswith(wanted.key.partition("-")[0])
    assert kernel.problems == ()
    assert kernel.config is not None
    assert (kernel.btf is None) == (wanted.key == "7.2-armhf")
    assert len(kernel.modules) == MODULES.get(wanted.key, len(kernel.modules)) > 1000
    config = known(wanted, "config")
    if config is not None and config == kernel.config:
        assert kernel.btf == known(wanted, "vmlinux.btf")
        for name in ("nf_conntrack", "veth", "xfs"):
            if (expected := known(wanted, f"modules/{name}.btf")) is not None:
                assert kernel.modules[name]().btf == expected, name


@pytest.mark.parametrize("wanted", packages.KERNELS, ids=lambda w: w.key)
def test_symbols(package_folder: Path, wanted: packages.Wanted) -> None:
    kernel = opened(package_folder, wanted)
    assert kernel.kallsyms is not None
    lines = kernel.kallsyms().splitlines()
    assert len(lines) > 40_000
    sets = sum(b" __BTF_ID__set8__" in line for line in lines)
    assert sets == SETS.get(wanted.key, sets)
    if known(wanted, "config") == kernel.config and (expected := known(wanted, "symbols")) is not None:
        assert set(lines) == set(expected.splitlines())


@pytest.mark.parametrize("wanted", packages.KERNELS[:4], ids=lambda w: w.key)
def test_modules_with_sets(package_folder: Path, wanted: packages.Wanted) -> None:
    search = opened(package_folder, wanted).module_search
    assert search is not None
    assert search.with_sets() == (OLD_WITH_SETS if wanted.key.startswith("6.1-") else WITH_SETS)
    assert search.problems() == ()
    found = search.find(["nf_conntrack_in", "xfs_file_read_iter", "no_such_function_anywhere"])
    assert found == {"nf_conntrack_in": ("nf_conntrack",), "xfs_file_read_iter": ("xfs",)}


def test_modules_of_a_kernel_without_btf(package_folder: Path) -> None:
    search = opened(package_folder, packages.KERNELS[-1]).module_search
    assert search is not None
    assert (search.with_sets(), search.problems(), search.find(["nf_conntrack_in"])) == ((), (), {})


@pytest.mark.parametrize("name", packages.OBJECT_COUNTS)
def test_objects(package_folder: Path, name: str) -> None:
    paths = packages.fetch(package_folder, packages.OBJECTS)
    path = next(p for p in paths if p.name.startswith(f"{name}_"))
    objects, problems = object_files([path])
    assert problems == []
    assert sum(len(o.places) for o in objects) == packages.OBJECT_COUNTS[name]


@pytest.mark.parametrize("wanted", [*packages.FOREIGN, packages.LITTLE], ids=lambda w: w.key)
def test_objects_of_other_architectures(package_folder: Path, wanted: packages.Wanted) -> None:
    """s390x is big endian; what is packaged there in the other order is found, too."""
    counts = packages.FOREIGN_COUNTS[wanted.arch] if wanted in packages.FOREIGN else packages.LITTLE_ON_BIG
    order = 2 if wanted.arch == "s390x" and wanted in packages.FOREIGN else 1
    for path in packages.fetch(package_folder, wanted):
        objects, problems = object_files([path])
        assert problems == []
        assert sum(len(o.places) for o in objects) == counts[path.name.split("_")[0]]
        assert {o.data[5] for o in objects} == {order}


def test_an_rpm_of_the_same_files_reads_the_same(package_folder: Path, tmp_path: Path) -> None:
    (deb,) = packages.fetch(package_folder, packages.KERNELS[1])
    with deb.open("rb") as file:
        found = read_archive(file, Budget(str(deb), deb.stat().st_size))
        assert found is not None
        files = {m.path: m.read() for m in found[1] if not m.path.endswith(".ko.xz") or "/netfilter/" in m.path}
    path = tmp_path / "kernel.rpm"
    path.write_bytes(write.rpm(files, name="kernel-core", arch="x86_64"))
    (one,), (other,) = kernel_files([deb]), kernel_files([path])
    assert (one.btf, one.config, one.release, one.arch) == (other.btf, other.config, other.release, other.arch)
    assert one.modules["nf_conntrack"]() == other.modules["nf_conntrack"]()


def test_the_first_opening_costs_what_unpacking_costs(package_folder: Path, tmp_path: Path) -> None:
    """Processor time of both in one run, as wall time depends on the disk and on others."""
    (deb,) = packages.fetch(package_folder, packages.KERNELS[1])
    before = _children()
    unpack = "dpkg-deb --fsys-tarfile $1 | tar -x -C $2"
    subprocess.run(["sh", "-c", unpack, "sh", str(deb), str(tmp_path)], check=True)
    unpacking = _children() - before
    default_cache().clear()
    opening = [_open_in_a_process(deb) for _ in range(2)]
    assert opening[0] <= 1.3 * unpacking, (opening, unpacking)
    assert opening[1] <= 0.1 * opening[0], opening


_OPEN = """
import sys, time
from kfuncscope.intake.kernels import kernel_files
start = time.process_time()
assert kernel_files(sys.argv[1:])[0].btf
print(time.process_time() - start)
"""


def _open_in_a_process(path: Path) -> float:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", _OPEN, str(path)], env=environment, check=True, capture_output=True)
    return float(done.stdout)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_cut_and_flipped_packages_are_one_error_each_and_quick(package_folder: Path, tmp_path: Path) -> None:
    (deb,) = packages.fetch(package_folder, packages.Wanted("objects", "sid", "amd64", ("libxdp1",)))
    data = deb.read_bytes()
    for number in range(60):
        bad = bytearray(data)
        if number % 2:
            bad = bad[: len(bad) * number // 61]
        else:
            bad[len(bad) * number // 61] ^= 1 << number % 8
        path = tmp_path / f"{number}.deb"
        path.write_bytes(bad)
        start = time.process_time()
        objects, problems = object_files([path, deb])
        assert time.process_time() - start < 10
        assert len(problems) <= 1
        assert sum(p.path.startswith(str(path)) for p in problems) == len(problems)
        assert len({o.sha256 for o in objects}) >= 15
    assert read_archive(io.BytesIO(data), Budget("f", len(data))) is not None
