# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The command line where things go wrong around it: no room, no reader, no home, no permission, odd names, unset words.

These run as processes of their own, for what counts is their streams and exit status.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.cli.main import main
from support.bpfwriter import ObjectBuilder, exit_, kfunc, mov
from support.kernels import KernelBuilder

END = [mov(0, 0), exit_()]
PAIR = ["--old", "old", "--new", "new"]
APP = Path(__file__).parents[2] / "app"


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with kernels ``old`` and ``new``, and an object in ``objects`` whose program breaks."""
    for name, release in (("old", "6.12"), ("new", "7.3")):
        kernel = KernelBuilder(release)
        kernel.btf.kfunc("bpf_thing", kernel.s32)
        kernel.hook("gone" if name == "old" else "came")
        (tmp_path / name).mkdir()
        (tmp_path / name / "vmlinux.btf").write_bytes(kernel.build())
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "breaks.bpf.o").write_bytes(breaking())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def breaking() -> bytes:
    made = ObjectBuilder()
    made.extern_func("bpf_thing", made.btf.proto(made.s32))
    return made.program("fentry/gone", "on_gone", [kfunc("bpf_thing"), *END]).build()


def run(*words: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """A command as a process, its text captured unless ``how`` sends it elsewhere."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {
        k: how.pop(k) for k in ("stdout", "stderr") if k in how
    }
    env = os.environ | {"PYTHONPATH": str(APP)} | how.pop("env", {})
    env = {k: v for k, v in env.items() if v is not None}
    command = [sys.executable, "-m", "kfuncscope", *words]
    return subprocess.run(command, text=True, timeout=120, check=False, env=env, **streams, **how)


# -- streams


@pytest.mark.parametrize(
    "command",
    [
        ["check", *PAIR, "objects"],
        ["check", *PAIR, "objects", "--format", "json"],
        ["diff", *PAIR],
        ["usage", "objects"],
        ["knowledge", "list"],
    ],
    ids=" ".join,
)
def test_a_full_disk_is_said_and_is_no_breakage(command: list[str], given: Path) -> None:
    with open("/dev/full", "w") as full:
        done = run(*command, stdout=full)
    assert done.returncode == 3
    assert done.stderr == "kfuncscope: No space left on device\n"


def _with_a_reader_that_left(*command: str, stream: str = "stdout") -> subprocess.CompletedProcess[str]:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return run(*command, **{stream: writer})
    finally:
        os.close(writer)


def test_who_stops_reading_changes_no_exit_status(given: Path) -> None:
    """``| head`` with pipefail: what breaks stays 1, and reports are written all the same."""
    check = _with_a_reader_that_left("check", *PAIR, "objects", "--report", "a.json")
    assert (check.returncode, check.stderr) == (1, "1 finding blocks by the policy\n")
    explain = _with_a_reader_that_left("explain", "objects/breaks.bpf.o", *PAIR)
    assert (explain.returncode, explain.stderr) == (1, "")
    assert (given / "a.json").stat().st_size
    both = _with_a_reader_that_left("check", *PAIR, "objects", stream="stderr")
    assert both.returncode == 1 and "on_gone" in both.stdout


def test_merge_ends_as_it_should_without_a_reader(given: Path) -> None:
    for part in ("1", "2"):
        run("check", *PAIR, "objects", "--shard", f"{part}/2", "--report", f"{part}.json")
    done = _with_a_reader_that_left("merge", "1.json", "2.json")
    assert (done.returncode, done.stderr) == (1, "1 finding blocks by the policy\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-"])
def test_closed_streams(closed: str, given: Path) -> None:
    line = f'exec "$0" -m kfuncscope check --old old --new new objects --format json {closed}'
    done = subprocess.run(
        ["sh", "-c", line, sys.executable], capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"PYTHONPATH": str(APP)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == ("" if closed == "2>&-" else "1 finding blocks by the policy\n")
    if closed == ">&-":
        assert not done.stdout
    else:
        json.loads(done.stdout)


def test_what_a_terminal_cannot_encode_is_escaped(given: Path) -> None:
    done = run("check", *PAIR, "objects", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1 and "6.12 \\u2192 " in done.stdout


# -- the surroundings


def test_without_a_home(given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run as users that nobody knows: no HOME, no entry in passwd."""
    from kfuncscope.knowledge.tables import roots, user_tables
    from kfuncscope.storage.cache import default_cache

    for variable in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: (_ for _ in ()).throw(KeyError(uid)))
    cache = default_cache()
    cache.put("key", b"value")
    assert cache.get("key") == b"value"
    assert roots()
    with pytest.raises(OSError, match="Not a directory"):
        user_tables().mkdir(parents=True)
    assert not (given / "~").exists()


@pytest.mark.parametrize("action", ["show", "clear"])
def test_a_cache_that_cannot_be_written_is_none(
    action: str, given: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (given / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(given / "file"))
    assert main(["cache", action]) == 0
    assert capsys.readouterr().out == f"the cache is not used: {given}/file/kfuncscope cannot be written\n"


def test_what_may_not_be_read_is_named_and_the_rest_goes_on(
    given: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Folders that can be listed and not searched; permissions do not bind every user, so the kernel's no is played."""
    (given / "locked").mkdir()
    (given / "locked" / "in.bpf.o").write_bytes(b"")
    real = os.stat

    def stat(path: Any, *rest: Any, **more: Any) -> os.stat_result:
        if "locked/" in os.fspath(path) if isinstance(path, str | os.PathLike) else False:
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "stat", stat)
    assert main(["usage", "locked", "objects"]) == 3
    told = capsys.readouterr()
    assert "bpf_thing" in told.out and told.err == "kfuncscope: locked/in.bpf.o: Permission denied\n"
    assert main(["kernel", "locked"]) == 3
    assert capsys.readouterr().err == "kfuncscope: locked/vmlinux: Permission denied\n"


def _running(group: int) -> list[int]:
    """Processes of a group that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state, _, its = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(its) == group and state != "Z":
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_a_run_that_is_ended(how: signal.Signals, given: Path) -> None:
    slow = "import sys, time\nfrom kfuncscope.cli.main import main\nimport kfuncscope.upgrade.executors.tasks as a\n"
    slow += "a.judge_file = lambda *_: time.sleep(60)\nsys.exit(main(sys.argv[1:]))"
    for number in range(40):
        made = ObjectBuilder().program("xdp", f"p{number}", END).build()
        (given / "objects" / f"{number}.o").write_bytes(made)
    process = subprocess.Popen(
        [sys.executable, "-c", slow, "check", *PAIR, "objects", "--workers", "2"],
        start_new_session=True, env=os.environ | {"PYTHONPATH": str(APP)},
    )  # fmt: skip
    try:
        _wait_until(lambda: len(_running(process.pid)) >= 3)
        time.sleep(0.3)  # workers say that they watch before they take work
        process.send_signal(how)
        process.wait(60)
        _wait_until(lambda: not _running(process.pid))
    finally:
        if _running(process.pid):
            os.killpg(process.pid, signal.SIGKILL)


def _wait_until(true: Any) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.1)
    pytest.fail("waited a minute in vain")


# -- words and names


@pytest.mark.parametrize(
    "command",
    [
        ["check", *PAIR, ""],
        ["check", "--old", "", "--new", "new", "objects"],
        ["check", *PAIR, "objects", "--policy", ""],
        ["check", *PAIR, "objects", "--baseline", ""],
        ["check", *PAIR, "objects", "--fail-on", ""],
        ["check", *PAIR, "objects", "--section-type", "mine=NONSENSE"],
        ["explain", "", *PAIR],
        ["path", "--step", "old", "", "--step", "new", "objects"],
    ],
    ids=repr,
)
def test_words_that_mean_nothing_are_refused(
    command: list[str], given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unset variable of the shell is neither the working directory nor an absent option."""
    assert main(command) == 2
    told = capsys.readouterr()
    assert told.err.startswith("kfuncscope: ") and not told.out


@pytest.mark.parametrize("count", ["0", "-3", "two", "²"])
def test_workers_are_counted_from_one(count: str, given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", *PAIR, "objects", f"--workers={count}"])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    "command",
    [
        ["check", *PAIR, "empty"],
        ["object", "empty"],
        ["usage", "empty"],
        ["judge", "--kernel", "new", "--", "empty"],
        ["path", "--step", "old", "--step", "new", "--", "empty"],
        ["explain", "empty", *PAIR],
        ["promise", "make", "--kernel", "new", "empty"],
    ],
    ids=" ".join,
)
def test_a_folder_without_objects_is_no_success(
    command: list[str], given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (given / "empty").mkdir()
    (given / "empty" / "readme.txt").write_text("nothing here")
    assert main(command) == 3
    told = capsys.readouterr()
    assert "empty: no BPF object was found in it" in told.out + told.err
    assert "byte order" not in told.out


def test_each_folder_that_was_named_is_meant_to_hold_something(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (given / "empty").mkdir()
    assert main(["usage", "objects", "empty"]) == 3
    assert capsys.readouterr().err == "kfuncscope: empty: no BPF object was found in it\n"


def test_a_line_break_in_a_name_begins_no_line(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CI systems take lines that begin with ``::`` for commands."""
    (given / "objects" / "x\n::error::planted.bpf.o").write_bytes(breaking()[:200])
    main(["check", *PAIR, "objects", "gone\n::error::too"])
    told = capsys.readouterr()
    assert "planted" in told.out and "too" in told.out
    assert not [line for line in (told.out + told.err).splitlines() if line.startswith("::")]


def test_a_report_that_cannot_be_written_keeps_no_other(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reports = ["a.json", "b.json", "c.html", "d.html"]
    for full in ("a.json", "c.html"):
        (given / full).symlink_to("/dev/full")
    assert main(["check", *PAIR, "objects", *(w for r in reports for w in ("--report", r))]) == 1
    assert json.loads((given / "b.json").read_text()) and (given / "d.html").stat().st_size
    told = capsys.readouterr().err
    assert "a.json" in told and "c.html" in told and "blocks" in told
    assert main(["check", *PAIR, "--fail-on", "never", "objects", "--report", "a.json"]) == 3


def test_a_defect_of_the_program_is_no_breakage(given: Path) -> None:
    broken = "import kfuncscope.cli.commands.check as c\ndef run(a): raise ZeroDivisionError('odd')\nc.run = run\n"
    broken += "import sys; from kfuncscope.cli.main import main; sys.exit(main(sys.argv[1:]))"
    env = os.environ | {"PYTHONPATH": str(APP)}
    command = [sys.executable, "-c", broken, "check", *PAIR, "objects"]
    done = subprocess.run(command, text=True, capture_output=True, timeout=120, check=False, env=env)
    assert done.returncode == 4
    assert "ZeroDivisionError: odd" in done.stderr and "internal error" in done.stderr


def test_a_report_goes_where_a_link_leads(given: Path) -> None:
    (given / "kept").mkdir()
    (given / "latest.csv").symlink_to("kept/today.csv")
    assert main(["check", *PAIR, "objects", "--report", "latest.csv"]) == 1
    assert (given / "latest.csv").is_symlink() and (given / "kept" / "today.csv").stat().st_size
