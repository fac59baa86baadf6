# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A Dask scheduler and two workers on loopback: the bytes of a local run, whatever happens to workers and files."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kfuncscope import extras
from kfuncscope.cli.main import main
from kfuncscope.decision.exits import Exit
from kfuncscope.model.analysis import Analysis
from kfuncscope.session.session import Session
from kfuncscope.upgrade import jsonform
from kfuncscope.upgrade.analyse import analyse
from kfuncscope.upgrade.executors import cluster
from kfuncscope.upgrade.executors import farm as client
from kfuncscope.upgrade.executors.cluster import farm
from support import farms

COUNT = 30
REPORTS = ("r.html", "r.md", "r.csv", "r.json", "r.sarif", "r.xml", "r.svg", "r.dot", "r.graphml")


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[farms.Farm]:
    """The farm of all tests here."""
    with farms.dask_farm(tmp_path_factory.mktemp("farm")) as made:
        yield made


@pytest.fixture(autouse=True)
def _own(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFUNCSCOPE_NO_MEMO", "1")


def far(session: Session, address: str) -> Analysis:
    """An analysis by the workers of a scheduler."""
    with farm(address) as workers:
        return analyse(session, farm=workers)


def words(session: Session) -> list[str]:
    """A session as words of the command line."""
    sides = [word for side, refs in (("--old", session.old), ("--new", session.new))
             for word in (side, *(path for ref in refs for path in ref.files))]  # fmt: skip
    return [*sides, "--", *session.objects]


def test_every_report_is_the_same(
    dask: farms.Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard output, standard error, exit status and the bytes of every format, by relative paths."""
    given = farms.upgrade(tmp_path, COUNT)
    (tmp_path / "objects" / "bad.bpf.o").write_bytes(farms.object_of("p", "kept")[:200])
    (tmp_path / "objects" / "none.bpf.o").write_bytes(b"nothing")
    (tmp_path / "objects" / "s.bt").write_text("kprobe:kept { exit(); }\n")
    monkeypatch.chdir(tmp_path)
    given.objects = ["objects", "absent.o"]
    seen = []
    for more in ([], ["--cluster", dask.address]):
        reports = [word for name in REPORTS for word in ("--report", name)]
        status = main(["check", *more, *reports, *words(given)])
        written = [(tmp_path / name).read_bytes() for name in REPORTS]
        seen.append((status, capsys.readouterr(), written))
    assert seen[0][0] == Exit.FAILED and all(seen[0][2])
    assert seen[0] == seen[1]


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(dask: farms.Farm, tmp_path: Path) -> None:
    given = farms.upgrade(tmp_path, COUNT)
    right = analyse(given, workers=1)
    dask.fuse.touch()
    found = far(given, dask.address)
    assert not dask.fuse.exists()
    assert jsonform.dumps(found) == jsonform.dumps(right)


def test_an_object_that_kills_its_workers_is_listed_and_the_rest_is_whole(
    dask: farms.Farm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = farms.upgrade(tmp_path, 0, *(f"fine-{number}" for number in range(8)), "killer")
    right = analyse(given, workers=1)
    assert main(["check", "--cluster", dask.address, "--report", str(tmp_path / "r.json"), *words(given)]) == 3
    assert "killer.bpf.o: not judged: each worker that judged it ended unexpectedly" in capsys.readouterr().err
    found, _ = jsonform.load(tmp_path / "r.json")
    assert [o.name for o in found.objects] == [o.name for o in right.objects if "killer" not in o.name]
    wanted = [[o for o in arch.objects if "killer" not in o.object] for arch in right.arches]
    assert [list(arch.objects) for arch in found.arches] == wanted


@pytest.mark.parametrize("folder", ["hidden", "half-hidden"])
def test_workers_without_access_to_a_file(
    folder: str, dask: farms.Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kernels and objects are sent to who does not see them: all workers, or one of two."""
    home = tmp_path / folder
    home.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))  # where kernels are packed
    shutil.rmtree(dask.cache, ignore_errors=True)
    given = farms.upgrade(home, COUNT)
    right = analyse(given, workers=1)
    assert jsonform.dumps(far(given, dask.address)) == jsonform.dumps(right)
    if folder == "hidden":  # of two workers the one that sees all may do everything
        assert len(list((dask.cache / "kfuncscope").glob("*.kfs"))) >= 4  # kernels were kept there


def test_a_file_that_changes_while_it_is_read_elsewhere_is_listed(
    dask: farms.Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read by a worker that sees it, then gone for all: not judged, with the reason."""
    given = farms.upgrade(tmp_path, 3)
    real = client.Farm.scan

    def scan(self: client.Farm, files: object, pulse: object) -> object:
        found = list(real(self, files, pulse))  # type: ignore[arg-type]
        (tmp_path / "objects" / "001.bpf.o").unlink()
        return found

    monkeypatch.setattr(client.Farm, "scan", scan)
    found = far(given, dask.address)
    assert [(p.path, p.reason) for p in found.problems] == [("001.bpf.o", "not judged: No such file or directory")]
    assert [o.name for o in found.objects] == ["000.bpf.o", "002.bpf.o"]


def test_functions_that_other_objects_replace(dask: farms.Farm, tmp_path: Path) -> None:
    """Objects of a set that belong together are read here."""
    given = farms.upgrade(tmp_path, 3)
    (tmp_path / "objects" / "ext.bpf.o").write_bytes(farms.object_of("on_other", "on_1", "freplace"))
    right = analyse(given, workers=1)
    assert jsonform.dumps(far(given, dask.address)) == jsonform.dumps(right)


def test_cancelling(dask: farms.Farm, tmp_path: Path) -> None:
    """What progress raises comes out at once, and the workers are free for the next run."""
    given = farms.upgrade(tmp_path, COUNT)

    def stop(done: int, total: int, what: str) -> None:
        if what == "analysing":
            raise KeyboardInterrupt

    with farm(dask.address) as workers, pytest.raises(KeyboardInterrupt):
        analyse(given, stop, farm=workers)
    seen: list[tuple[int, int]] = []
    with farm(dask.address) as workers:
        analyse(given, lambda done, total, what: seen.append((done, total)), farm=workers)
    assert seen[-1] == (COUNT, COUNT)


def test_another_version_is_named(dask: farms.Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "engine_digest", lambda: "0123456789abcdef")
    monkeypatch.setattr(client, "__version__", "0.0.1")
    with pytest.raises(client.InputError, match=r"runs kfuncscope \d.*, but this is 0\.0\.1 \(engine 0123456789ab\)"):
        far(farms.upgrade(tmp_path, 1), dask.address)


def test_a_scheduler_that_does_not_answer() -> None:
    """A port that nobody listens on, and one that accepts and says nothing: one sentence, in time."""
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        nobody = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
        closed.close()
        for one, patience in ((address, 2.0), (nobody, 2.0)):
            begin = time.monotonic()
            with pytest.raises(client.InputError, match="does not answer within 2 s"), farm(one, patience):
                pass
            assert time.monotonic() - begin < 10


def test_a_scheduler_that_is_not_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 1.0)
    given = farms.upgrade(tmp_path, 1)
    assert main(["check", "--cluster", "tcp://127.0.0.1:1", *words(given)]) == Exit.INCOMPLETE
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert told.err.startswith("kfuncscope: tcp://127.0.0.1:1: the Dask scheduler does not answer within 1 s")


def test_a_scheduler_without_workers(tmp_path: Path) -> None:
    with (
        farms.dask_farm(tmp_path, workers=0) as made,
        pytest.raises(client.InputError, match="has no workers"),
        farm(made.address, 3.0),
    ):
        pass


def test_a_scheduler_that_goes_away(tmp_path: Path) -> None:
    """One sentence, and not a result that lacks something."""
    given = farms.upgrade(tmp_path, COUNT)

    def kill(done: int, total: int, what: str) -> None:
        if what == "analysing":
            made.kill_scheduler()

    with (
        farms.dask_farm(tmp_path, workers=1) as made,
        pytest.raises(client.InputError, match="does not answer any more"),
        farm(made.address) as workers,
    ):
        analyse(given, kill, farm=workers)


def test_without_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line to type."""
    monkeypatch.setattr(extras, "installed", lambda extra: False)
    assert main(["check", "--cluster", "tcp://farm:8786", *words(farms.upgrade(tmp_path, 1))]) == Exit.USAGE
    assert "pip install 'kfuncscope[cluster]'" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["farm", "tcp://farm", "http://farm:8786", "tcp://farm:8786/x"])
def test_an_address_that_is_none(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = farms.upgrade(tmp_path, 1)
    assert main(["check", "--cluster", address, *words(given)]) == Exit.USAGE
    assert "is not an address; expected tcp://HOST:PORT" in capsys.readouterr().err
