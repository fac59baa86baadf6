# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is named like an object and cannot be read as one is listed, wherever it stands: never skipped."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from kfuncscope.catalogue.update import update
from kfuncscope.intake.objects import object_files
from kfuncscope.intake.scan import UNLIKE_ITS_NAME
from kfuncscope.storage.files import InputProblem
from kfuncscope.storage.links import NOT_FOLLOWED, NOT_REGULAR
from support import archivewriter as write
from support.bpfwriter import exit_, mov, object_bytes

pytestmark = pytest.mark.usefixtures("own_cache")

GOOD = object_bytes("xdp", [mov(0, 1), exit_()])
FILES = {
    "lib/good.bpf.o": GOOD,
    "lib/empty.bpf.o": b"",
    "lib/junk.bpf.o": b"\x7fELFgarbage",
    "lib/text.bpf.o.gz": write.compress(b"text", "gz"),
    "lib/other.o": b"",
    "lib/bpf.o": b"",
}
NAMED = ["lib/empty.bpf.o", "lib/junk.bpf.o", "lib/text.bpf.o.gz"]
ARCHIVES: dict[str, Callable[[Mapping[str, bytes]], bytes]] = {
    "a.tar": write.tar, "a.zip": write.zipped, "a.deb": write.deb, "a.rpm": write.rpm, "a.cpio": write.cpio,
    "nested.tar": lambda files: write.tar({"inner.zip": write.zipped(files)}),
}  # fmt: skip


def found(*given: Path) -> tuple[list[str], list[InputProblem]]:
    objects, problems = object_files(given)
    return [o.name.rpartition("/")[2] for o in objects], problems


@pytest.mark.parametrize("name", ARCHIVES)
def test_in_archives_and_catalogues(name: str, tmp_path: Path) -> None:
    archive = tmp_path / name
    archive.write_bytes(ARCHIVES[name](FILES))
    for _ in range(2):  # the second time out of the cache
        objects, problems = found(archive)
        assert objects == ["good.bpf.o"]
        assert [p.path.rpartition(":")[2] for p in problems] == NAMED
        assert all(p.path.startswith(f"{archive}:") and p.reason == UNLIKE_ITS_NAME for p in problems)
    catalogue = tmp_path / "c.kcat"
    assert update(catalogue, [str(archive)], workers=1).problems
    objects, problems = found(catalogue)
    assert objects == ["good.bpf.o"]
    assert [p.path.rpartition(":")[2] for p in problems] == NAMED


def test_in_a_folder(tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    objects, problems = found(tmp_path)
    assert objects == ["good.bpf.o"]
    assert problems == [InputProblem(str(tmp_path / name), UNLIKE_ITS_NAME) for name in NAMED]


LINKS = {
    "lib/one.bpf.o": "good.bpf.o",
    "lib/two.bpf.o": "/lib/good.bpf.o",
    "lib/three.bpf.o": "../more/x/../good.bpf.o",  # through a link to a folder, and back out of what is none
    "more": "lib",
    "lib/folder.bpf.o": "../lib",
    "lib/other": "nowhere",
    "lib/gone.bpf.o": "nowhere.bpf.o",
    "lib/out.bpf.o": "/usr/lib/elsewhere.bpf.o",
    "lib/loop.bpf.o": "loop.bpf.o",
    "lib/through.bpf.o": "other",
}
DANGLING = ["lib/gone.bpf.o", "lib/loop.bpf.o", "lib/out.bpf.o", "lib/through.bpf.o"]


def zip_with_links(files: Mapping[str, bytes], links: Mapping[str, str]) -> bytes:
    out = io.BytesIO(write.zipped(files))
    with zipfile.ZipFile(out, "a") as archive:
        for name, target in links.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, target)
    return out.getvalue()


@pytest.mark.parametrize("how", ["tar", "pax", "deb", "rpm", "zip"])
def test_links_that_lead_to_nothing_in_the_archive(how: str, tmp_path: Path) -> None:
    files, links = {"lib/good.bpf.o": GOOD}, LINKS | {"lib/long.bpf.o": "x/" * 80}
    path = tmp_path / f"a.{how}"
    made = {
        "tar": lambda: write.tar(files, links=links),
        "pax": lambda: write.tar(files, links=links, pax=True),
        "deb": lambda: write.deb(files, links=links),
        "rpm": lambda: write.rpm(files, links=links),
        "zip": lambda: zip_with_links(files, links),
    }
    path.write_bytes(made[how]())
    objects, problems = found(path)
    assert objects == ["good.bpf.o"]
    told = {p.path.rpartition(":")[2]: p.reason for p in problems}
    assert list(told) == sorted([*DANGLING, "lib/long.bpf.o"])
    assert told["lib/gone.bpf.o"] == "a link to nowhere.bpf.o, which is not in the archive"
    assert told["lib/long.bpf.o"].startswith(f"a link to {'x/' * 80}, ")


def tar_of(*members: tuple[str, bytes, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
        info = tarfile.TarInfo("x/good.bpf.o")
        info.size = len(GOOD)
        archive.addfile(info, io.BytesIO(GOOD))
    return out.getvalue()


def test_hard_links_and_devices_in_a_tar(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(
        tar_of(
            ("x/hard.bpf.o", tarfile.LNKTYPE, "./x/good.bpf.o"),
            ("x/lost.bpf.o", tarfile.LNKTYPE, "good.bpf.o"),  # hard links lead from the top
            ("x/pipe.bpf.o", tarfile.FIFOTYPE, ""),
            ("x/null.bpf.o", tarfile.CHRTYPE, ""),
            ("x/dir.bpf.o", tarfile.DIRTYPE, ""),
            ("x/pipe", tarfile.FIFOTYPE, ""),
        )
    )
    _, problems = found(path)
    assert [(p.path.rpartition("/")[2], p.reason) for p in problems] == [
        ("lost.bpf.o", "a link to /good.bpf.o, which is not in the archive"),
        ("null.bpf.o", NOT_REGULAR),
        ("pipe.bpf.o", NOT_REGULAR),
    ]


def cpio_of(*entries: tuple[str, int, bytes]) -> bytes:
    """Names with the number of their file, of which each has two names."""
    out = b""
    for name, number, data in (*entries, ("TRAILER!!!", 0, b"")):
        fields = (number, 0o100644, 0, 0, 2, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + "".join(f"{field:08x}" for field in fields).encode() + name.encode() + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return out


def test_several_names_of_one_file_in_a_cpio(tmp_path: Path) -> None:
    path = tmp_path / "a.cpio"
    path.write_bytes(
        cpio_of(("first.bpf.o", 1, b""), ("last.bpf.o", 1, GOOD), ("full.bpf.o", 2, GOOD + b"\0"),
                ("behind.bpf.o", 2, b""), ("none.bpf.o", 3, b""), ("none2.bpf.o", 3, b""))
    )  # fmt: skip
    objects, problems = found(path)
    assert objects == ["full.bpf.o", "last.bpf.o"]
    assert [(p.path.rpartition(":")[2], p.reason) for p in problems] == [("none.bpf.o", UNLIKE_ITS_NAME)]


def test_many_long_links_cost_neither_time_nor_memory(tmp_path: Path) -> None:
    """Each of 4,000 links goes through 39 others of 100 folders each."""
    links = {f"{n}": f"{'a/../' * 800}{n + 1}" for n in range(39)} | {f"x{n}.bpf.o": "0" for n in range(4000)}
    links |= {f"y{n}.bpf.o": "a/" * 2000 for n in range(4000)}
    path = tmp_path / "a.tar.gz"
    path.write_bytes(write.tar({"good.bpf.o": GOOD}, "gz", links=links))
    tracemalloc.start()
    try:
        start = time.process_time()
        objects, problems = found(path)
        assert time.process_time() - start < 30
        assert tracemalloc.get_traced_memory()[1] < 128 << 20
    finally:
        tracemalloc.stop()
    assert objects == ["good.bpf.o"]
    assert len(problems) == 8000, "none is taken for one that leads somewhere"


# -- folders


def test_links_to_folders_that_are_not_read_are_named(tmp_path: Path) -> None:
    given, far = tmp_path / "given", tmp_path / "far"
    for name in (given / "in" / "good.bpf.o", far / "other.bpf.o"):
        name.parent.mkdir(parents=True)
        name.write_bytes(GOOD)
    (given / "again").symlink_to("in")
    (given / "more").symlink_to("../far")
    (given / "up").symlink_to("..")
    told = [InputProblem(str(given / name), NOT_FOLLOWED) for name in ("more", "up")]
    assert found(given)[1] == told
    assert found(given, far)[1] == told[1:], "what is read anyway is not missed"
    assert found(given / "more") == (["other.bpf.o"], []), "given by itself, it is followed"
    assert [(p.path, p.reason) for p in update(tmp_path / "c.kcat", [str(given)], workers=1).problems] == [
        (p.path, p.reason) for p in told
    ]


def test_what_is_no_regular_file_is_named_where_its_name_is_of_an_object(tmp_path: Path) -> None:
    (tmp_path / "good.bpf.o").write_bytes(GOOD)
    os.mkfifo(tmp_path / "bad.bpf.o")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link.bpf.o").symlink_to("pipe")
    objects, problems = found(tmp_path)
    assert objects == ["good.bpf.o"]
    assert problems == [InputProblem(str(tmp_path / name), NOT_REGULAR) for name in ("bad.bpf.o", "link.bpf.o")]


def test_a_pipe_named_like_a_package_is_named_by_a_scan(tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    (pool / "a.deb").write_bytes(write.deb({"x.bpf.o": GOOD}))
    os.mkfifo(pool / "b.deb")
    os.mkfifo(pool / "pipe")
    done = update(tmp_path / "c.kcat", [str(pool)], workers=1)
    assert [(p.path, p.reason) for p in done.problems] == [(f"{tmp_path}/c.kcat:b.deb", NOT_REGULAR)]
