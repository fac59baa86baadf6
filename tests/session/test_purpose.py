# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One answer to "is this a kernel?" for window and command line, by names of packages and files and by content."""

from __future__ import annotations

from pathlib import Path

import pytest

from kfuncscope.session.purpose import is_kernel

KERNELS = (
    "btf=a,config=b",
    "linux-image-6.12.107+deb13-amd64_6.12.107-1_amd64.deb",
    "linux-binary-7.3.4+deb14-amd64_7.3.4-1_amd64.deb",
    "linux-base-7.3.4+deb14-amd64_7.3.4-1_amd64.deb",
    "linux-modules-6.8.0-45-generic_6.8.0-45.45_amd64.deb",
    "linux-image-unsigned-6.8.0-45-generic_6.8.0-45.45_amd64.deb",
    "linux-image-6.8.0-45-generic-dbgsym_6.8.0-45.45_amd64.ddeb",
    "kernel-core-6.17.9-300.fc43.x86_64.rpm",
    "kernel-default-6.4.0-150600.23.25.1.x86_64.rpm",
    "linux-6.17.1.arch1-1-x86_64.pkg.tar.zst",
    "linux-lts-6.12.9-1-x86_64.pkg.tar.zst",
    "vmlinuz-6.12.107", "vmlinux", "vmlinux.btf", "vmlinux.btf.xz", "bzImage", "Image", "Image.gz", "zImage",
    "System.map-6.12", "kallsyms", "config-6.12.107", "6.12-amd64.btf", "btf-7.3",
)  # fmt: skip
OTHERS = (
    "linux-base_4.12_all.deb",
    "linux-libc-dev_6.12.107-1_all.deb",
    "linux-headers-6.12.107+deb13-amd64_6.12.107-1_amd64.deb",
    "kernel-devel-6.17.9-300.fc43.x86_64.rpm",
    "kernel-headers-6.17.9-300.fc43.x86_64.rpm",
    "libbpf-tools_0.31.0-1_amd64.deb",
    "btf_probe.bpf.o", "btf-walk.o", "image.bpf.o", "tool.bpf.o", "config.json",
)  # fmt: skip


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_by_name(name: str) -> None:
    assert is_kernel(name if "=" in name else f"/there/is/no/such/folder/{name}")


@pytest.mark.parametrize("name", OTHERS)
def test_places_of_objects_by_name(name: str) -> None:
    assert not is_kernel(f"/there/is/no/such/folder/{name}")


@pytest.mark.parametrize(("head", "answer"), [(b"\x9f\xeb\x01", True), (b"\xeb\x9f\x01", True), (b"\x7fELF", False)])
def test_content_decides_where_the_name_says_nothing(tmp_path: Path, head: bytes, answer: bool) -> None:
    (tmp_path / "part").write_bytes(head)
    assert is_kernel(str(tmp_path / "part")) is answer


def test_folders_by_what_lies_in_them(tmp_path: Path) -> None:
    for name, inside in (("k", "vmlinux.btf.xz"), ("o", "tool.bpf.o"), ("p", "linux-image-6.12_amd64.deb")):
        (tmp_path / name).mkdir()
        (tmp_path / name / inside).write_bytes(b"")
    (tmp_path / "root" / "lib" / "modules").mkdir(parents=True)
    assert [is_kernel(str(tmp_path / name)) for name in ("k", "o", "p", "root")] == [True, False, False, True]
