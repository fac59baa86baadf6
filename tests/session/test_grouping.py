# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What dropped files are for, and on which side kernels go."""

from __future__ import annotations

from pathlib import Path

import pytest

from kfuncscope.session import grouping
from kfuncscope.session.session import KernelRef, Session

NEW = [f"/d/linux-{part}-7.3.4+deb13-amd64_7.3.4-1~bpo13+1_amd64.deb" for part in ("modules", "binary", "base")]
OLD = "/d/linux-image-6.12.107+deb13-amd64_6.12.107-1_amd64.deb"
OBJECTS = ["/d/libbpf-tools_0.31.0-1_amd64.deb", "/d/linux-base_4.12_all.deb", "/d/linux-libc-dev_6.12.107-1_all.deb"]


def files(refs: list[KernelRef]) -> list[list[str]]:
    return [ref.files for ref in refs]


@pytest.mark.parametrize("paths", [[*NEW, OLD, *OBJECTS], [*OBJECTS, OLD, *NEW]])
def test_a_drop_is_sorted_by_release_and_parts_stay_together(paths: list[str]) -> None:
    session = Session()
    assert grouping.add(session, paths) == 7
    assert files(session.old) == [[OLD]] and files(session.new) == [NEW]
    assert session.objects == OBJECTS and not session.path
    assert grouping.add(session, paths) == 0


def test_each_architecture_by_itself() -> None:
    """7.2 is the new one where there is no 7.3, and a step between where there is."""
    given = ["7.3-amd64", "7.2-amd64", "6.12-amd64", "7.2-s390x", "6.12-s390x"]
    session = Session()
    grouping.add(session, [f"/k/{name}/vmlinux.btf.xz" for name in given])
    assert [r.label for r in session.old] == ["6.12-amd64", "6.12-s390x"]
    assert [r.label for r in session.new] == ["7.3-amd64", "7.2-s390x"]
    assert [r.label for r in session.path] == ["7.2-amd64"]


def test_one_after_the_other_in_any_order() -> None:
    session = Session()
    grouping.add(session, [NEW[0]])
    assert files(session.old) == [[NEW[0]]]
    grouping.add(session, [OLD])
    grouping.add(session, NEW[1:])
    assert files(session.old) == [[OLD]] and files(session.new) == [NEW]


def test_a_pair_stays_and_what_was_said_counts() -> None:
    session = Session()
    grouping.add(session, [NEW[0]], "old")
    grouping.add(session, [OLD], "new")
    assert files(session.old) == [[NEW[0]]] and files(session.new) == [[OLD]]
    later = "/d/linux-image-7.9.1+deb14-amd64_7.9.1-1_amd64.deb"
    grouping.add(session, [later, NEW[1]])
    assert files(session.old) == [NEW[:2]] and files(session.new) == [[OLD]] and files(session.path) == [[later]]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("kernel-core-6.17.9-300.fc43.x86_64.rpm", "kernel-core-6.17.10-300.fc43.x86_64.rpm"),
        ("kernel-default-6.4.0-150600.23.25.1.x86_64.rpm", "kernel-default-6.4.0-150600.23.30.1.x86_64.rpm"),
        ("linux-image-unsigned-6.8.0-45-generic_6.8.0-45.45_amd64.deb", "linux-image-6.8.0-107-generic_amd64.deb"),
        ("linux-6.16.8.arch1-1-x86_64.pkg.tar.zst", "linux-6.17.1.arch1-1-x86_64.pkg.tar.zst"),
        ("vmlinuz-6.12", "vmlinuz-7.3"),
    ],
)
def test_packages_of_distributions(older: str, newer: str) -> None:
    session = Session()
    grouping.add(session, [newer, older])
    assert files(session.old) == [[older]] and files(session.new) == [[newer]]


def test_kernels_without_a_release_take_turns(tmp_path: Path) -> None:
    for name in ("a", "b", "c.o"):
        (tmp_path / name).write_bytes(b"\x9f\xeb\x01" if name != "c.o" else b"\x7fELF")
    session = Session()
    grouping.add(session, [str(tmp_path / name) for name in ("a", "b", "c.o")])
    assert [len(session.old), len(session.new), len(session.objects)] == [1, 1, 1]
