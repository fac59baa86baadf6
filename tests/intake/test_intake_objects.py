# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""BPF objects from files, folders, programs, packages and archives."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from kfuncscope.intake.objects import object_files
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import InputProblem, ObjectFile, Place
from support import archivewriter as write
from support.bpfwriter import exit_, mov, object_bytes
from support.elfwriter import ElfWriter

pytestmark = pytest.mark.usefixtures("own_cache")


def bpf(number: int, endian: str = "<") -> bytes:
    """One of many different objects."""
    return object_bytes("xdp", [mov(0, number), exit_()], endian=endian)


def program(*objects: bytes) -> bytes:
    """A native program with objects inside, at odd places."""
    elf = ElfWriter(machine=62, file_type=3)
    elf.section(".rodata", b"".join(b"odd" + data for data in objects))
    return elf.build()


def save(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def brief(objects: list[ObjectFile]) -> dict[str, list[tuple[str, str]]]:
    return {o.name: [(p.package, p.path) for p in o.places] for o in objects}


def test_files_and_folders(tmp_path: Path) -> None:
    save(tmp_path / "in/debian/pkg/x.bpf.o", bpf(1))
    save(tmp_path / "in/debian/pkg/big.bpf.o", bpf(2, ">"))
    save(tmp_path / "in/README", b"text")
    save(tmp_path / "in/empty.o", b"")
    (tmp_path / "in/link.o").symlink_to("debian/pkg/x.bpf.o")
    (tmp_path / "in/loop").symlink_to(".")
    alone = save(tmp_path / "alone.o", bpf(3))
    objects, problems = object_files([tmp_path / "in", str(alone)])
    assert problems == []
    assert [o.name for o in objects] == ["alone.o", "debian/pkg/big.bpf.o", "debian/pkg/x.bpf.o"]
    assert [o.data for o in objects] == [bpf(3), bpf(2, ">"), bpf(1)]
    assert all(o.sha256 == hashlib.sha256(o.data).hexdigest() for o in objects)
    assert objects[0].places == (Place("", str(alone)),)


@pytest.mark.parametrize("how", ["xz", "gz", "zst", "lz4"])
def test_a_compressed_object(how: str, tmp_path: Path) -> None:
    (found,), _ = object_files([save(tmp_path / f"x.bpf.o.{how}", write.compress(bpf(1), how))])
    assert found.data == bpf(1)


PACKAGED = {
    "usr/lib/bpf/one.bpf.o": bpf(1),
    "usr/sbin/tool": program(bpf(2), bpf(3)),
    "usr/sbin/other": program(bpf(2)),
    "usr/share/doc/tool/changelog.gz": write.compress(b"news", "gz"),
    "usr/lib/bpf/two.bpf.o.xz": write.compress(bpf(4), "xz"),
    "usr/lib/libx.a": write.ar({"x.o": bpf(5)}),
}


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (write.deb(PACKAGED, name="tool", version="1.2-3"), "tool 1.2-3"),
        (write.rpm(PACKAGED, name="tool", version="1.2", release="3.fc44"), "tool 1.2-3.fc44"),
    ],
    ids=["deb", "rpm"],
)
def test_packages(data: bytes, title: str, tmp_path: Path) -> None:
    path = save(tmp_path / "tool.package", data)
    for _ in range(2):  # the second time out of the cache
        objects, problems = object_files([path])
        assert problems == []
        assert brief(objects) == {
            "tool/libx.a": [(title, "usr/lib/libx.a")],
            "tool/one.bpf.o": [(title, "usr/lib/bpf/one.bpf.o")],
            "tool/other": [(title, "usr/sbin/other"), (title, "usr/sbin/tool")],
            "tool/tool.2": [(title, "usr/sbin/tool")],
            "tool/two.bpf.o.xz": [(title, "usr/lib/bpf/two.bpf.o.xz")],
        }
        by_name = {o.name: o for o in objects}
        assert by_name["tool/two.bpf.o.xz"].data == bpf(4)
        tool = by_name["tool/tool.2"]
        assert tool.data == bpf(3)
        assert PACKAGED["usr/sbin/tool"][tool.places[0].offset :].startswith(bpf(3))
    assert any(entry.key.startswith("objects:") for entry in default_cache().entries())


@pytest.mark.parametrize("how", ["", "gz", "xz", "zst"])
def test_archives_and_archives_in_archives(how: str, tmp_path: Path) -> None:
    inner = write.deb({"usr/lib/x.o": bpf(1)}, name="inner", version="9")
    data = write.tar({"debs/inner.deb": inner, "y.o": bpf(2), "more.tar.gz": write.tar({"z.o": bpf(3)}, "gz")}, how)
    objects, problems = object_files([save(tmp_path / "all.tar", data)])
    assert problems == []
    assert brief(objects) == {
        "all.tar/y.o": [("all.tar", "y.o")],
        "inner/x.o": [("inner 9", "usr/lib/x.o")],
        "more.tar.gz/z.o": [("more.tar.gz", "z.o")],
    }
    (found,), _ = object_files([save(tmp_path / "x.zip", write.zipped({"a.o": bpf(7)}))])
    assert found.places == (Place("x.zip", "a.o"),)


def test_archives_nested_too_deeply(tmp_path: Path) -> None:
    data = write.tar({"x.o": bpf(1)})
    for _ in range(6):
        data = write.tar({"inner.tar": data, "y.o": bpf(2)})
    objects, problems = object_files([save(tmp_path / "deep.tar", data)])
    assert [o.data for o in objects] == [bpf(2)]
    assert [p.reason for p in problems] == ["archives nested too deeply"]


def test_names_are_short_and_unique(tmp_path: Path) -> None:
    save(tmp_path / "a.deb", write.deb({"usr/lib/1/x.o": bpf(1), "usr/lib/2/x.o": bpf(2)}, name="p"))
    save(tmp_path / "b.deb", write.deb({"usr/lib/1/x.o": bpf(3), "usr/lib/y.o": bpf(4)}, name="p", version="2"))
    objects, _ = object_files([tmp_path])
    names = {o.data: o.name for o in objects}
    assert names[bpf(2)] == "p/usr/lib/2/x.o"
    assert names[bpf(4)] == "p/y.o"
    assert names[bpf(1)].startswith("p/usr/lib/1/x.o#")
    assert names[bpf(3)].startswith("p/usr/lib/1/x.o#")
    assert len(set(names.values())) == 4


def test_paths_that_tell_names_apart_are_those_that_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, folder in enumerate("ab"):
        save(tmp_path / folder / "s.o", bpf(number))
    given = [str(tmp_path / folder / "s.o") for folder in "ab"]
    assert [o.name for o in object_files(given)[0]] == given
    monkeypatch.chdir(tmp_path)
    assert [o.name for o in object_files(["a/s.o", "./b/s.o"])[0]] == ["a/s.o", "b/s.o"]


def test_the_same_whatever_the_order(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{n}.deb", write.deb({"x.o": bpf(n % 3), "y.o": bpf(n)}, name=f"p{n}")) for n in range(6)]
    assert object_files(paths) == object_files(paths[::-1])


def test_bad_files_are_problems_and_the_rest_goes_on(tmp_path: Path) -> None:
    good = save(tmp_path / "good.o", bpf(1))
    cut = save(tmp_path / "cut.deb", write.deb(PACKAGED)[:-200])
    evil = save(tmp_path / "evil.zip", write.zipped({"../x.o": bpf(2)}))
    bomb = save(tmp_path / "bomb.tar.xz", write.tar({"zeros": bytes(80 << 20)}, "xz"))
    gz = save(tmp_path / "cut.o.gz", write.compress(bpf(3), "gz")[:-9])
    os.mkfifo(tmp_path / "fifo")
    missing = tmp_path / "missing.o"
    objects, problems = object_files([cut, evil, missing, good, bomb, gz, tmp_path / "fifo"])
    assert [o.name for o in objects] == ["good.o"]
    assert sorted(p.path for p in problems) == sorted(map(str, (cut, evil, missing, bomb, gz, tmp_path / "fifo")))


def test_what_is_wrong_inside_an_archive_is_told_again_from_the_cache(tmp_path: Path) -> None:
    inner = write.deb(PACKAGED)[:-200]
    path = save(tmp_path / "all.tar", write.tar({"cut.deb": inner, "x.o": bpf(1)}))
    for _ in range(2):
        objects, problems = object_files([path])
        assert [o.name for o in objects] == ["all.tar/x.o"]
        assert [p.path for p in problems] == [f"{path}:cut.deb"]
        assert problems[0].reason == "the package is truncated"


def test_a_damaged_object_is_kept_for_its_reader(tmp_path: Path) -> None:
    (found,), problems = object_files([save(tmp_path / "x.o", bpf(1)[:-30])])
    assert (found.data, problems) == (bpf(1)[:-30], [])


def test_damaged_cache_is_made_anew(tmp_path: Path, own_cache: Path) -> None:
    path = save(tmp_path / "tool.deb", write.deb(PACKAGED, name="tool"))
    first = object_files([path])
    for entry in own_cache.glob("*.kfs"):
        data = bytearray(entry.read_bytes())
        data[len(data) // 3] ^= 0xFF
        entry.write_bytes(data)
    assert object_files([path]) == first


class _StopError(Exception):
    pass


def test_progress_is_told_and_cancels(tmp_path: Path) -> None:
    for number in range(5):
        save(tmp_path / f"{number}.o", bpf(number))
    told: list[tuple[int, int, str]] = []
    object_files([tmp_path], lambda *step: told.append(step))
    assert [(done, total) for done, total, _ in told] == [(n, 5) for n in range(6)]

    def stop(done: int, total: int, label: str) -> None:
        if done == 2:
            raise _StopError

    with pytest.raises(_StopError):
        object_files([tmp_path], stop)


def test_folders_that_cannot_be_read_are_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "x.o", bpf(1))
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(os, "scandir", scandir)
    objects, problems = object_files([tmp_path])
    assert [o.name for o in objects] == ["x.o"]
    assert problems == [InputProblem(str(tmp_path / "closed"), "Permission denied")]


def test_names_that_are_no_utf8_become_text(tmp_path: Path) -> None:
    path = Path(os.fsdecode(bytes(tmp_path) + b"/b\xffd.o"))
    path.write_bytes(bpf(1))
    save(tmp_path / "a.tar", write.tar({os.fsdecode(b"t\xff.o"): bpf(2)}))
    objects, problems = object_files([tmp_path])
    assert problems == []
    assert [o.name for o in objects] == ["a.tar/t\\xff.o", "b\\xffd.o"]
    assert all(place.path.encode() for o in objects for place in o.places)
