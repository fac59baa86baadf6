# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Scans into a catalogue: what is read, counted, kept and dropped; and that its objects are those of the packages."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from kfuncscope.catalogue import reading
from kfuncscope.catalogue.reading import Done, Task, read_all
from kfuncscope.catalogue.update import Scanned, update
from kfuncscope.containers import archive
from kfuncscope.errors import CatalogueError, InputError
from kfuncscope.intake.objects import object_files
from kfuncscope.intake.scan import VERSION, read_package
from kfuncscope.session.purpose import is_kernel
from kfuncscope.storage import digests
from kfuncscope.storage.catalogue import form, writer
from kfuncscope.storage.catalogue.reader import Reader
from kfuncscope.storage.catalogue.writer import KEPT_SCANS, Writer
from support import archivewriter as write
from support.archives import OBJECTS, debian_archive, primary

pytestmark = pytest.mark.usefixtures("own_cache")


def package(name: str, *objects: bytes, version: str = "1.0-1") -> bytes:
    """A package with some objects."""
    files = {f"usr/lib/bpf/{name}{number}.bpf.o": data for number, data in enumerate(objects)}
    return write.deb({**files, "usr/share/doc/README": name.encode()}, name=name, version=version, how="gz")


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """A folder of packages: three with objects, one of them shared, one without; and a file that is none."""
    folder = tmp_path / "pool"
    (folder / "b").mkdir(parents=True)
    (folder / "a_1.deb").write_bytes(package("a", OBJECTS[0], OBJECTS[1]))
    (folder / "b" / "b_1.deb").write_bytes(package("b", OBJECTS[0]))
    (folder / "b" / "c_1.rpm").write_bytes(write.rpm({"usr/c.bpf.o": OBJECTS[2]}, name="c"))
    (folder / "plain.tar.gz").write_bytes(write.tar({"x/d.bpf.o": OBJECTS[3]}, "gz"))
    (folder / "none_1.deb").write_bytes(package("none"))
    (folder / "README").write_text("not a package")
    old = time.time() - 100
    for path in folder.rglob("*"):
        os.utime(path, (old, old))
    return folder


@pytest.fixture(autouse=True)
def _long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were just made count as settled: the clock is ahead."""
    monkeypatch.setattr(digests, "now_ns", lambda: time.time_ns() + 60 * 10**9)


def counts(one: Scanned) -> tuple[int, int, int, int, int]:
    return one.new, one.changed, one.same, one.gone, one.unread


def same_objects(packages: Path, catalogue: Path) -> None:
    """Objects and problems of the catalogue are those of the packages, but for the names of the inputs."""
    direct, bad = object_files([packages])
    found, told = object_files([catalogue])
    assert [replace(one, given=()) for one in found] == [replace(one, given=()) for one in direct]
    at = [(p.path.replace(f"{packages}/", ""), p.reason, p.offset) for p in bad]
    assert [(p.path.replace(f"{catalogue}:", ""), p.reason, p.offset) for p in told] == at


def test_a_folder_and_the_same_again_and_each_change(pool: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "c.kcat"
    first = update(catalogue, [str(pool)], workers=1)
    assert counts(first) == (5, 0, 0, 0, 0)
    assert (first.read, first.others, first.packages, first.with_objects, first.objects) == (5, 1, 5, 4, 4)
    same_objects(pool, catalogue)
    again = update(catalogue, [str(pool)], workers=1)
    assert counts(again) == (0, 0, 5, 0, 0) and not again.read
    (pool / "a_1.deb").write_bytes(package("a", OBJECTS[4]))
    assert counts(one := update(catalogue, [str(pool)], workers=1)) == (0, 1, 4, 0, 0) and one.read == 1
    same_objects(pool, catalogue)
    (pool / "a_1.deb").unlink()
    (pool / "a_2.deb").write_bytes(package("a", OBJECTS[5], version="2.0-1"))
    assert counts(update(catalogue, [str(pool)], workers=1)) == (0, 1, 4, 0, 0)  # of one name and architecture
    (pool / "b" / "b_1.deb").rename(pool / "b_1.deb")
    assert counts(update(catalogue, [str(pool)], workers=1)) == (0, 0, 5, 0, 0)  # of one content
    (pool / "b_1.deb").unlink()
    (pool / "new_1.deb").write_bytes(package("new"))
    assert counts(update(catalogue, [str(pool)], workers=1)) == (1, 0, 4, 1, 0)
    same_objects(pool, catalogue)


def test_a_file_that_keeps_its_size_and_times_of_late_is_hashed(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule of the cache: times that are not older than a file system's clock may lag tell nothing."""
    monkeypatch.setattr(digests, "now_ns", time.time_ns)
    catalogue, path = tmp_path / "c.kcat", pool / "a_1.deb"
    path.write_bytes(package("a", OBJECTS[0]))
    update(catalogue, [str(pool)], workers=1)
    with Reader(catalogue) as reader:
        signed = {one.file: bool(one.signature) for one in reader.packages()}
    assert not signed["a_1.deb"]
    assert update(catalogue, [str(pool)], workers=1).read >= 1


def test_an_index_says_what_is_known_without_its_files(tmp_path: Path) -> None:
    packages = {"a_1_amd64.deb": package("a", OBJECTS[0]), "b_1_amd64.deb": package("b")}
    index = debian_archive(tmp_path, packages)
    catalogue = tmp_path / "c.kcat"
    assert counts(update(catalogue, [str(index)], workers=1)) == (2, 0, 0, 0, 0)
    same_objects(tmp_path / "pool", catalogue)
    for path in (tmp_path / "pool").rglob("*.deb"):
        path.unlink()
    again = update(catalogue, [str(index)], workers=1)
    assert counts(again) == (0, 0, 2, 0, 0) and not again.problems
    with Reader(catalogue) as reader:
        assert [(one.file, one.name, one.version, one.arch) for one in reader.packages()] == [
            ("pool/main/a/a_1_amd64.deb", "a", "1.0-1", "amd64"), ("pool/main/b/b_1_amd64.deb", "b", "1.0-1", "amd64"),
        ]  # fmt: skip
        assert [one.file for one in reader.objects()] == ["pool/main/a/a_1_amd64.deb"]


def test_an_rpm_repository(tmp_path: Path) -> None:
    data = write.rpm({"usr/c.bpf.o": OBJECTS[2]}, name="c")
    (tmp_path / "repodata").mkdir()
    (tmp_path / "Packages").mkdir()
    (tmp_path / "Packages" / "c-1.rpm").write_bytes(data)
    index = tmp_path / "repodata" / "primary.xml.gz"
    index.write_bytes(primary({"Packages/c-1.rpm": data}))
    result = update(tmp_path / "c.kcat", [str(index)], workers=1)
    assert (counts(result), result.objects, result.problems) == ((1, 0, 0, 0, 0), 1, [])


def test_a_pool_elsewhere_and_files_that_differ_from_the_index(tmp_path: Path) -> None:
    packages = {"a_1_amd64.deb": package("a", OBJECTS[0]), "b_1_amd64.deb": package("b"), "c_1_amd64.deb": b"c" * 50}
    index = debian_archive(tmp_path / "mirror", packages)
    pool = tmp_path / "mirror" / "pool" / "main"
    (pool / "b" / "b_1_amd64.deb").write_bytes(b"other")
    (pool / "a" / "a_1_amd64.deb").write_bytes(b"x" * len(packages["a_1_amd64.deb"]))
    (pool / "c" / "c_1_amd64.deb").unlink()
    moved = tmp_path / "elsewhere"
    (tmp_path / "mirror" / "pool").rename(tmp_path / "pool")
    moved.mkdir()
    (tmp_path / "pool").rename(moved / "pool")
    result = update(tmp_path / "c.kcat", [str(index)], str(moved), workers=1)
    assert counts(result) == (3, 0, 0, 0, 3)
    reasons = {one.path.rpartition("/")[2]: one.reason for one in result.problems}
    assert "by the index" in reasons["a_1_amd64.deb"] and "SHA-256" in reasons["a_1_amd64.deb"]
    assert reasons["b_1_amd64.deb"] == f"has 5 bytes, but {len(packages['b_1_amd64.deb'])} by the index"
    assert reasons["c_1_amd64.deb"] == "No such file or directory"


def test_what_cannot_be_read_is_named_each_time_and_damage_is_not_read_again(pool: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "c.kcat"
    (pool / "a_1.deb").write_bytes(package("a", OBJECTS[0])[:-9])
    (pool / "text.deb").write_text("no package")
    (pool / "lost.deb").symlink_to("nowhere")
    first = update(catalogue, [str(pool)], workers=1)
    assert first.unread == 3 and len(first.problems) == 3
    again = update(catalogue, [str(pool)], workers=1)
    assert again.problems == first.problems and again.unread == 3
    assert again.read == 1  # text.deb: not even an archive
    _, bad = object_files([pool])
    _, told = object_files([catalogue])
    damaged = [p.reason for p in bad if "a_1.deb" in p.path]
    assert damaged and damaged == [p.reason for p in told if "a_1.deb" in p.path]


def test_members_that_cannot_be_read_are_told_as_of_the_package(pool: Path, tmp_path: Path) -> None:
    nested = {"in/bad.deb": package("z", OBJECTS[0])[:-9], "in/good.deb": package("g", OBJECTS[6])}
    (pool / "nested.deb").write_bytes(write.deb(nested, name="nested"))
    update(tmp_path / "c.kcat", [str(pool)], workers=1)
    assert len(object_files([tmp_path / "c.kcat"])[1]) == 1
    same_objects(pool, tmp_path / "c.kcat")


def test_a_light_skeleton_is_told_as_of_the_package(pool: Path, tmp_path: Path) -> None:
    code = "bf16000000000000bfa1000000000000070100007 8ffffffb702000088000000b7030000000000008500000071000000"
    body = b"\x7fELF\2\1\1" + bytes(500) + bytes.fromhex(code.replace(" ", ""))
    (pool / "light.deb").write_bytes(write.deb({"usr/bin/light": body}, name="light"))
    update(tmp_path / "c.kcat", [str(pool)], workers=1)
    for _ in range(2):  # read, and from the cache
        same_objects(pool, tmp_path / "c.kcat")
    (problem,) = object_files([tmp_path / "c.kcat"])[1]
    assert problem.path == "light 1.0-1: usr/bin/light" and "light skeleton" in problem.reason


def test_processes_give_the_same_as_one(pool: Path, tmp_path: Path) -> None:
    for number in range(12):
        (pool / f"p{number}_1.deb").write_bytes(package(f"p{number}", OBJECTS[number % len(OBJECTS)]))
    one = update(tmp_path / "one.kcat", [str(pool)], workers=1)
    two = update(tmp_path / "two.kcat", [str(pool)], workers=2)
    assert (counts(one), one.objects) == (counts(two), two.objects)
    with Reader(tmp_path / "one.kcat") as first, Reader(tmp_path / "two.kcat") as second:
        assert first.objects(data=True) == second.objects(data=True)
        assert list(first.packages()) == list(second.packages())


def test_a_package_that_ends_its_process_is_told_and_the_others_are_read(
    pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = sorted(str(path) for path in pool.rglob("*") if path.suffix in (".deb", ".rpm"))
    real = reading._content

    def dies(path: str, size: int, sha256: str) -> object:
        if path == paths[1]:
            os._exit(9)
        return real(path, size, sha256)

    monkeypatch.setattr(reading, "_content", dies)
    tasks = [Task(path) for path in paths]
    found: dict[str, Done] = {task.path: done for task, done in read_all(tasks, frozenset(), 2)}
    assert sorted(found) == paths
    assert [bool(found[path].content) for path in paths] == [True, False, True, True]
    problem = found[paths[1]].problem
    assert problem is not None and "ended unexpectedly" in problem.reason


def test_a_scan_that_ends_early_leaves_the_current_set_and_what_it_read(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = tmp_path / "c.kcat"
    update(catalogue, [str(pool / "b")], workers=1)
    before = object_files([catalogue])

    def fails(self: Writer, packages: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "finish", fails)
        with pytest.raises(KeyboardInterrupt):
            update(catalogue, [str(pool)], workers=1)
    assert object_files([catalogue]) == before
    with Writer(catalogue, VERSION) as opened:
        assert len(opened.known()) == 5


def test_a_process_that_is_killed_while_it_writes_changes_nothing(pool: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "c.kcat"
    update(catalogue, [str(pool)], workers=1)
    before = object_files([catalogue])
    child = os.fork()
    if not child:
        connection = sqlite3.connect(catalogue, isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")  # so that pages are written before the end
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM package")
        connection.execute("UPDATE object SET data = zeroblob(bytes)")
        os._exit(9)
    os.waitpid(child, 0)
    assert object_files([catalogue]) == before


def test_two_that_write_at_once(pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = tmp_path / "c.kcat"
    update(catalogue, [str(pool)], workers=1)
    monkeypatch.setattr(form, "_PATIENCE", 0.05)
    with closing(sqlite3.connect(catalogue, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CatalogueError, match="another process is using it"):
            update(catalogue, [str(pool)], workers=1)
        other.execute("ROLLBACK")
    assert counts(update(catalogue, [str(pool)], workers=1)) == (0, 0, 5, 0, 0)


def test_what_is_gone_is_known_for_some_scans_more(pool: Path, tmp_path: Path) -> None:
    catalogue, away = tmp_path / "c.kcat", tmp_path / "away.deb"
    update(catalogue, [str(pool)], workers=1)
    (pool / "plain.tar.gz").rename(away)
    for _ in range(KEPT_SCANS - 1):
        update(catalogue, [str(pool)], workers=1)
    with Writer(catalogue, VERSION) as opened:
        assert len(opened.known()) == 5
    update(catalogue, [str(pool)], workers=1)
    with Writer(catalogue, VERSION) as opened:
        assert len(opened.known()) == 4
    with closing(sqlite3.connect(catalogue)) as plain:
        assert plain.execute("SELECT count(*) FROM object").fetchone() == (3,)
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_another_version_of_the_reader_reads_again_and_is_told(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = tmp_path / "c.kcat"
    monkeypatch.setattr("kfuncscope.catalogue.update.VERSION", VERSION - 1)
    update(catalogue, [str(pool)], workers=1)
    (problem,) = object_files([catalogue])[1]
    assert problem.reason == "5 of its packages were read by another version of kfuncscope; scan again"
    monkeypatch.setattr("kfuncscope.catalogue.update.VERSION", VERSION)
    again = update(catalogue, [str(pool)], workers=1)
    assert counts(again) == (0, 0, 5, 0, 0) and again.read == 5
    assert not object_files([catalogue])[1]


def broken(path: Path, how: str) -> None:
    """Make a catalogue into something else."""
    if how == "text":
        path.write_text("not a database")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "short":
        path.write_bytes(path.read_bytes()[:5000])
    elif how == "schema":
        path.write_bytes(path.read_bytes().replace(b"told_by TEXT NOT NULL", b"told_by TEXT NOT NU\xe5L"))
    elif how == "zeros":
        data = bytearray(path.read_bytes())
        data[4096:] = bytes(len(data) - 4096)
        path.write_bytes(data)
    else:
        with closing(sqlite3.connect(path)) as plain:
            plain.execute(how)
            plain.commit()


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("text", "not a catalogue"), ("empty", "not a catalogue"), ("short", "damaged"), ("schema", "damaged"),
        ("zeros", "damaged"),
        ("PRAGMA application_id = 5", "not a catalogue"), ("PRAGMA user_version = 2", "version 2"),
        ("DROP TABLE held", "damaged"), ("CREATE TABLE more (x)", "damaged"),
        ("CREATE TRIGGER t AFTER INSERT ON state BEGIN DELETE FROM state; END", "damaged"),
        ("CREATE INDEX i ON held (path)", "damaged"),
        ("UPDATE object SET data = x'00'", "SHA-256"), ("UPDATE object SET bytes = 5", "SHA-256"),
        ("UPDATE object SET bytes = 1 << 50", "limit"), ("UPDATE object SET bytes = -1", "limit"),
        ("UPDATE object SET sha256 = zeroblob(32) WHERE id = 1", "SHA-256"), ("DELETE FROM object", "damaged"),
        ("DELETE FROM content", "damaged"), ("DELETE FROM held", ""), ("DELETE FROM state", ""),
        ("UPDATE held SET path = zeroblob(40)", "damaged"),
        ("UPDATE held SET path = hex(zeroblob(100000))", "damaged"), ("UPDATE held SET offset = 'x'", "damaged"),
        ("UPDATE held SET path = CAST(x'ff' AS TEXT)", "damaged"), ("UPDATE problem SET offset = 'x'", "damaged"),
    ],
)  # fmt: skip
def test_what_is_not_a_sound_catalogue_is_one_error(how: str, why: str, pool: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "c.kcat"
    (pool / "bad.deb").write_bytes(package("a", OBJECTS[0])[:-9])
    update(catalogue, [str(pool)], workers=1)
    broken(catalogue, how)
    try:
        form.check_catalogue(catalogue)
        with Reader(catalogue) as reader:
            list(reader.packages())
            reader.objects(data=True)
            reader.problems()
        assert not why
    except CatalogueError as error:
        assert why and why in error.reason, error.reason


@pytest.mark.parametrize("how", ["text", "PRAGMA application_id = 5", "PRAGMA user_version = 2"])
def test_a_scan_overwrites_nothing_of_others(how: str, pool: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "c.kcat"
    update(catalogue, [str(pool)], workers=1)
    broken(catalogue, how)
    before = catalogue.read_bytes()
    with pytest.raises(InputError):
        update(catalogue, [str(pool)], workers=1)
    assert catalogue.read_bytes() == before


def test_another_database_among_objects_is_looked_through_as_any_file(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as plain:
        plain.execute("CREATE TABLE t (x)")
    assert object_files([tmp_path])[1][0].reason == "no BPF object was found in it"


def test_names_of_any_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "pool"
    folder.mkdir()
    data = package("a", OBJECTS[0])
    with open(os.fsencode(folder) + b"/\xff\xfe.deb", "wb") as file:
        file.write(data)
    catalogue = tmp_path / "c.kcat"
    assert counts(update(catalogue, [str(folder)], workers=1)) == (1, 0, 0, 0, 0)
    assert counts(update(catalogue, [str(folder)], workers=1)) == (0, 0, 1, 0, 0)
    same_objects(folder, catalogue)


def test_a_batch_is_written_when_it_is_full(pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = writer.Writer.add
    monkeypatch.setattr("kfuncscope.catalogue.update._BATCH", 2)
    monkeypatch.setattr(writer.Writer, "add", lambda self, some: (sizes.append(len(some)), real(self, some))[1])
    update(tmp_path / "c.kcat", [str(pool)], workers=1)
    assert sizes == [2, 2, 1]
    same_objects(pool, tmp_path / "c.kcat")


def test_threads_change_nothing_of_what_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "SMALL", 0)
    calls: list[int] = []
    real = archive.decode_blocks
    monkeypatch.setattr(archive, "decode_blocks", lambda *given: (calls.append(1), real(*given))[1])
    noise = random.Random(5).randbytes(1_200_000)
    data = write.tar({"./a.bpf.o": OBJECTS[0], "./noise": noise, "./b.bpf.o": OBJECTS[1]})
    path = tmp_path / "blocks.deb"
    path.write_bytes(write.ar({"debian-binary": b"2.0\n", "data.tar.xz": write.xz_in_blocks(data, 400_000)}))
    size = path.stat().st_size
    plain, threaded = read_package(path, size, threads=False), read_package(path, size)
    assert plain == threaded and len(plain.objects) == 2
    assert calls == [1]


def test_a_catalogue_is_a_place_of_objects_wherever_paths_are_sorted(pool: Path, tmp_path: Path) -> None:
    """In the window, and behind ``--new``."""
    update(tmp_path / "linux.kcat", [str(pool)], workers=1)
    assert not is_kernel(str(tmp_path / "linux.kcat"))
