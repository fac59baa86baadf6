# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sources have an identity: what is done to one is done to no other of the same name."""

from __future__ import annotations

from pathlib import Path

import pytest

from kfuncscope.intake.kernels import kernel_files
from kfuncscope.resources import sample
from kfuncscope.session import grouping, sources
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.session.sources import Role, Source


@pytest.fixture
def session() -> Session:
    """Two kernels of two files each, all named alike, objects and a census file."""
    return Session(
        old=[KernelRef(["/old/vmlinux.btf", "/old/symbols"], "6.12", arch="x86_64")],
        new=[KernelRef(["/new/vmlinux.btf", "/new/symbols"], "7.3")],
        path=[KernelRef(["/step/vmlinux.btf"], "6.17")],
        objects=["/a/prog.bpf.o", "/b/prog.bpf.o"],
        census=["/hosts/a.jsonl"],
    )


def roles(session: Session) -> list[tuple[Role, tuple[str, ...]]]:
    return [(source.role, source.files) for source in sources.sources(session)]


def find(session: Session, file: str) -> Source:
    return next(source for source in sources.sources(session) if file in source.files)


def test_all_that_was_given_is_a_source_with_its_role(session: Session) -> None:
    assert [role for role, _ in roles(session)] == [
        Role.OLD, Role.STEP, Role.NEW, Role.OBJECTS, Role.OBJECTS, Role.CENSUS
    ]  # fmt: skip
    assert find(session, "/old/symbols").arch == "x86_64" and find(session, "/old/symbols").is_kernel


def test_removing_a_part_leaves_parts_of_that_name_elsewhere(session: Session) -> None:
    assert sources.remove(session, find(session, "/old/symbols"), "/old/symbols")
    assert session.old[0].files == ["/old/vmlinux.btf"]
    assert session.new[0].files == ["/new/vmlinux.btf", "/new/symbols"]
    assert sources.remove(session, find(session, "/a/prog.bpf.o"))
    assert session.objects == ["/b/prog.bpf.o"]
    assert not sources.remove(session, Source(Role.OBJECTS, ("/c/prog.bpf.o",)))
    assert not sources.remove(session, Source(Role.NEW, ("/old/vmlinux.btf",)))


def test_a_kernel_goes_with_its_last_file(session: Session) -> None:
    for file in ("/old/symbols", "/old/vmlinux.btf"):
        assert sources.remove(session, find(session, file), file)
    assert not session.old and session.new and session.path


def test_replacing_keeps_the_place(session: Session) -> None:
    assert sources.replace(session, find(session, "/new/symbols"), ["/new/System.map"], "/new/symbols")
    assert session.new[0].files == ["/new/vmlinux.btf", "/new/System.map"] and session.new[0].label == "7.3"
    assert sources.replace(session, find(session, "/old/symbols"), ["/k/vmlinux-6.13"])
    assert session.old == [KernelRef(["/k/vmlinux-6.13"], "vmlinux-6.13")]  # what was set by hand is not of this one
    assert sources.replace(session, find(session, "/a/prog.bpf.o"), ["/c/x.o", "/c/y.o"])
    assert session.objects == ["/c/x.o", "/c/y.o", "/b/prog.bpf.o"]
    assert not sources.replace(session, find(session, "/c/x.o"), [])


def test_moving_between_old_step_and_new(session: Session) -> None:
    step = find(session, "/step/vmlinux.btf")
    assert sources.move(session, step, Role.OLD) and not session.path
    assert [ref.label for ref in session.old] == ["6.12", "6.17"]
    assert not sources.move(session, step, Role.OLD), "it is no longer there"
    assert not sources.move(session, find(session, "/a/prog.bpf.o"), Role.OLD)
    session.new.append(KernelRef(["/step/vmlinux.btf"]))
    assert sources.move(session, find(session, "/step/vmlinux.btf"), Role.NEW)
    assert [ref.files for ref in session.new].count(["/step/vmlinux.btf"]) == 1


def test_naming_a_kernel(session: Session) -> None:
    kernel = find(session, "/new/symbols")
    assert sources.name(session, kernel, "arm64", "7.3.4")
    assert (session.new[0].arch, session.new[0].release) == ("arm64", "7.3.4")
    assert not sources.name(session, kernel, "arm64", "7.3.4")
    assert not sources.name(session, find(session, "/a/prog.bpf.o"), "arm64", None)


@pytest.mark.parametrize(
    ("path", "held"),
    [("/a", True), ("/a/x", True), ("/a:inner/y", True), ("/ab", False), ("/b/a", False), ("a", False)],
)
def test_messages_are_of_a_source_by_whole_paths(path: str, held: bool) -> None:
    assert sources.holds(Source(Role.OBJECTS, ("/a/",)), path) is held
    named = Source(Role.OLD, ("btf=/a,config=/c",))
    assert sources.holds(named, path) is held and sources.owns(named, "/c") and not sources.owns(named, "/c/d")


def test_owner_is_found_by_the_whole_path(session: Session) -> None:
    found = sources.owner(session, "/new/symbols")
    assert found is not None and found[0].role is Role.NEW and found[1] == "/new/symbols"
    assert sources.owner(session, "symbols") is None and sources.owner(session, "/new") is None


@pytest.mark.parametrize("names", [("vmlinux.btf.xz", "config.xz"), ("config.xz", "vmlinux.btf.xz")])
def test_parts_of_one_folder_that_name_no_release_are_one_kernel(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).write_bytes(sample("kernels", "6.12-x86_64", name).read_bytes())
    (tmp_path / "symbols").write_text("T bpf_prog_run\nt start_kernel\n")
    paths = [str(tmp_path / name) for name in (*names, "symbols")]
    session = Session()
    assert grouping.add(session, paths, "kernel") == 3
    assert [ref.files for ref in session.old] == [paths] and not session.new
    kernels = kernel_files(paths)
    assert len(kernels) == 1 and kernels[0].symbols and not kernels[0].problems


def test_two_kernels_of_one_folder_stay_two(tmp_path: Path) -> None:
    session = Session()
    grouping.add(session, [str(tmp_path / "a.btf"), str(tmp_path / "b.btf")], "kernel")
    assert len(session.old) == len(session.new) == 1
