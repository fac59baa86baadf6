# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope scan`` and ``--catalogue`` as they are typed: counts, exit statuses, equal reports."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from kfuncscope.cli.main import main
from kfuncscope.resources import sample
from support import archivewriter as write

pytestmark = pytest.mark.usefixtures("own_cache")
NAMES = ("rstat_bare", "rstat_guarded", "sockname_exit")
KERNELS = ["--old", str(sample("kernels", "6.12-x86_64")), "--new", str(sample("kernels", "7.3-x86_64"))]


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Four packages: each sample alone, all together, and a damaged one."""
    folder = tmp_path / "pool"
    folder.mkdir()
    objects = {name: sample("objects", f"{name}.bpf.o").read_bytes() for name in NAMES}
    for name, data in objects.items():
        made = write.deb({f"usr/lib/{name}.bpf.o": data}, name=name.replace("_", "-"))
        (folder / f"{name}_1.0-1_amd64.deb").write_bytes(made)
    every = write.rpm({f"usr/lib/{name}.bpf.o": data for name, data in objects.items()}, name="every")
    (folder / "every-1.0.rpm").write_bytes(every)
    (folder / "damaged_1.0-1_amd64.deb").write_bytes(made[:-7])
    return folder


def out_of(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit status, standard output and error of a command."""
    status = main(list(words))
    text = capsys.readouterr()
    return status, text.out, text.err


def test_scan_counts_and_lists(pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalogue = str(tmp_path / "c.kcat")
    status, out, err = out_of(capsys, "scan", str(pool), "--catalogue", catalogue, "--format", "json")
    assert status == 3 and err.startswith(f"kfuncscope: {catalogue}:damaged_1.0-1_amd64.deb at offset ")
    (row,) = json.loads(out)
    assert row == {"packages": 5, "new": 5, "changed": 0, "same": 0, "gone": 0, "could not read": 1, "with objects": 4,
                   "objects": 3}  # fmt: skip
    (pool / "damaged_1.0-1_amd64.deb").unlink()
    status, out, err = out_of(capsys, "scan", str(pool), "--catalogue", catalogue)
    assert (status, err) == (0, "")
    assert out.splitlines()[1].split() == ["4", "0", "0", "4", "1", "0", "4", "3"]
    status, out, _ = out_of(capsys, "scan", "--list", "--catalogue", catalogue, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 0 and len(rows) == 6
    assert {row["package"] for row in rows} == {"rstat-bare", "rstat-guarded", "sockname-exit", "every"}
    assert [row["object"] for row in rows if row["package"] == "rstat-bare"] == ["usr/lib/rstat_bare.bpf.o"]


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_check_says_the_same_of_a_catalogue_as_of_its_packages(
    form: str, pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = str(tmp_path / "c.kcat")
    out_of(capsys, "scan", str(pool), "--catalogue", catalogue)
    direct = out_of(capsys, "check", *KERNELS, "--format", form, "--", str(pool))
    for path in pool.iterdir():
        path.unlink()  # no package is read
    found = out_of(capsys, "check", *KERNELS, "--format", form, "--catalogue", catalogue)
    assert direct[0] == found[0] == 1
    assert found[1].replace(f"{catalogue}:", f"{pool}/") == direct[1]


def test_an_archive_in_parts(pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each machine reads its packages alone, and judges its objects; together that is one run, byte for byte."""
    (pool / "damaged_1.0-1_amd64.deb").unlink()
    out_of(capsys, "check", *KERNELS, "--report", str(tmp_path / "one.json"), "--", str(pool))
    whole = str(tmp_path / "whole.kcat")
    out_of(capsys, "scan", str(pool), "--catalogue", whole)
    catalogues, listed = [], []
    for part in ("1/3", "2/3", "3/3"):
        catalogue = str(tmp_path / f"{part[0]}.kcat")
        assert out_of(capsys, "scan", str(pool), "--catalogue", catalogue, "--shard", part)[0] == 0
        listed.append(out_of(capsys, "scan", "--list", "--catalogue", catalogue, "--format", "jsonl")[1].splitlines())
        catalogues += ["--catalogue", catalogue]
    every = out_of(capsys, "scan", "--list", "--catalogue", whole, "--format", "jsonl")[1].splitlines()
    assert sorted(line for lines in listed for line in lines) == sorted(every)
    assert sum(1 for lines in listed if lines) > 1
    parts = []
    for part in ("1/2", "2/2"):
        parts.append(str(tmp_path / f"{part[0]}.json"))
        out_of(capsys, "check", *KERNELS, *catalogues, "--shard", part, "--report", parts[-1])
    assert out_of(capsys, "merge", *parts, "-o", str(tmp_path / "merged.json"))[0] == 1
    assert (tmp_path / "merged.json").read_bytes() == (tmp_path / "one.json").read_bytes()


def test_a_part_is_divided_before_packages_are_opened(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the names of files, so that neither the order of inputs nor what other packages hold counts."""
    words = ["--catalogue", str(tmp_path / "c.kcat"), "--format", "json"]
    listing = ["scan", "--list", *words[:3], "csv"]
    paths = sorted(str(path) for path in pool.iterdir())
    assert out_of(capsys, "scan", *paths, *words, "--shard", "1/2")[0] in (0, 3)
    mine = out_of(capsys, *listing)[1]
    kept = {row["file"] for row in csv.DictReader(io.StringIO(mine))}
    for path in pool.iterdir():
        if path.name not in kept and not path.name.startswith("damaged"):
            path.write_bytes(b"not read")
    assert out_of(capsys, "scan", *reversed(paths), *words, "--shard", "1/2")[2].count("every") == 0
    assert sorted(out_of(capsys, *listing)[1].splitlines()) == sorted(mine.splitlines())
    assert kept and len(kept) < 4
    assert out_of(capsys, "scan", str(pool), *words, "--shard", "3/2")[0] == 2
    assert out_of(capsys, "scan", "--list", *words, "--shard", "1/2")[0] == 2


def test_usage_promise_and_object_take_a_catalogue(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = str(tmp_path / "c.kcat")
    (pool / "damaged_1.0-1_amd64.deb").unlink()
    out_of(capsys, "scan", str(pool), "--catalogue", catalogue)
    for command in (["usage"], ["promise", "make", "--kernel", KERNELS[1]], ["object", "--format", "json"]):
        direct = out_of(capsys, *command, str(pool))
        found = out_of(capsys, *command, "--catalogue", catalogue)
        assert (direct[0], direct[1]) == (found[0], found[1]) and found[1]


def test_what_is_typed_wrong(pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalogue = str(tmp_path / "c.kcat")
    assert out_of(capsys, "scan", "--catalogue", catalogue)[0] == 2
    assert out_of(capsys, "scan", "--list", str(pool), "--catalogue", catalogue)[0] == 2
    status, _, err = out_of(capsys, "scan", "--list", "--catalogue", catalogue)
    assert (status, err) == (3, f"kfuncscope: {catalogue}: No such file or directory\n")
    status, _, err = out_of(capsys, "check", *KERNELS, "--catalogue", str(pool))
    assert (status, err) == (3, f"kfuncscope: {pool}: not a regular file\n")
    report = tmp_path / "report.json"
    report.write_text("{}")
    for words in (["scan", str(pool)], ["check", *KERNELS]):
        status, _, err = out_of(capsys, *words, "--catalogue", str(report))
        assert (status, err) == (3, f"kfuncscope: {report}: not a catalogue; make one with kfuncscope scan\n")
    assert report.read_text() == "{}"
    assert out_of(capsys, "scan", str(tmp_path / "nowhere"), "--catalogue", catalogue)[0] == 3


def test_many_problems_of_one_reason_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(30):
        (tmp_path / f"{number}.deb").write_text("no package")
    words = ["scan", str(tmp_path), "--catalogue", str(tmp_path / "c.kcat")]
    lines = out_of(capsys, *words)[2].splitlines()
    assert len(lines) == 21 and "and 10 more" in lines[-1]
    assert len([line for line in out_of(capsys, *words, "--verbose")[2].splitlines() if ".deb: " in line]) == 30
