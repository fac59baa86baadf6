# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Manners of the command line: examples, common options, one set of formats, lists of files, configuration files."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import shlex
from pathlib import Path

import pytest

from kfuncscope.cli.configfile import VARIABLE
from kfuncscope.cli.examples import EXAMPLES
from kfuncscope.cli.formats import FORMATS
from kfuncscope.cli.main import main, parser
from kfuncscope.cli.manners import commands
from kfuncscope.resources import sample

OLD, NEW = str(sample("kernels", "6.12-x86_64")), str(sample("kernels", "7.3-x86_64"))
OBJECT = str(sample("objects", "sockname_exit.bpf.o"))
CORE = str(sample("objects", "runqueue_guarded.bpf.o"))
PAIR = ["--old", OLD, "--new", NEW]
GROUPS = ("promise", "knowledge")  # commands that only hold others
LEAVES = [(name, command) for name, command in commands(parser()) if name not in GROUPS]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of the user's, wherever it is kept."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(VARIABLE, raising=False)


# -- examples and options


@pytest.mark.parametrize("name", [n for n, _ in commands(parser())])
def test_every_help_has_examples_that_parse(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([*name.split(), "--help"])
    shown = capsys.readouterr().out
    for example in EXAMPLES[name]:
        assert f"\n  kfuncscope {example}\n" in shown
        assert parser().parse_args(shlex.split(example)).run
    assert set(EXAMPLES) == {n for n, _ in commands(parser())}


@pytest.mark.parametrize(("name", "command"), LEAVES, ids=[n for n, _ in LEAVES])
def test_every_command_has_the_common_options(name: str, command: argparse.ArgumentParser) -> None:
    options = {o for a in command._actions for o in a.option_strings}
    assert {"-q", "--quiet", "-v", "--verbose", "--color"} <= options
    formats = next((a for a in command._actions if "--format" in a.option_strings), None)
    assert formats is None or tuple(formats.choices or ()) == FORMATS
    assert formats is not None or name in {
        "explain", "merge", "promise make", "demo", "gui", "knowledge build", "knowledge probe", "knowledge pack",
    }  # fmt: skip


def rows_of(kind: str, text: str) -> int:
    """How many records a text in a format holds."""
    if kind == "json":
        value = json.loads(text)
        return len(value) if isinstance(value, list) else len(value.get("rows", [1]))
    if kind == "jsonl":
        return len([json.loads(line) for line in text.splitlines()])
    if kind == "csv":
        return len(list(csv.DictReader(io.StringIO(text))))
    if kind == "md":
        return max(0, sum(line.startswith("|") for line in text.splitlines()) - 2)
    return len(text.splitlines())


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "words",
    [["judge", "--kernel", NEW, "--", OBJECT], ["relocate", "--kernel", NEW, CORE],
     ["diff", *PAIR, "--kind", "helper", "--kind", "iter"], ["kernel", NEW], ["object", OBJECT], ["usage", OBJECT],
     ["rule", "--list"], ["knowledge", "list"], ["cache"], ["kernel", "--gate", NEW, "--against", OLD],
     ["check", *PAIR, OBJECT], ["explain", *PAIR, "--", OBJECT]],
    ids=lambda w: " ".join(w[:2]) if "--gate" in w else w[0],
)  # fmt: skip
def test_formats_of_every_command(words: list[str], kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words[:1], *(["list"] if words[0] == "knowledge" else []), "--format", kind,
                 *(words[2:] if words[0] == "knowledge" else words[1:])]) in (0, 1, 3)  # fmt: skip
    shown = capsys.readouterr().out
    assert rows_of(kind, shown) >= (0 if words[0] == "cache" else 1), shown[:300]


def test_formats_hold_the_same_rows(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {}
    for kind in ("json", "jsonl", "csv", "md"):
        assert main(["diff", *PAIR, "--kind", "kfunc", "--format", kind]) == 0
        counts[kind] = rows_of(kind, capsys.readouterr().out)
    assert len(set(counts.values())) == 1 and counts["csv"] > 100


# -- how much is said


def test_quiet_prints_the_decision_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--quiet", *PAIR, OBJECT]) == 1
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) == 1 and shown.startswith("Upgrade blocked")
    assert main(["kernel", "--gate", "-q", NEW]) == 0
    assert capsys.readouterr().out == "Kernel clear (by policy built-in; exit status 0)\n"


def test_verbose_reports_progress_where_nobody_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    main(["check", *PAIR, OBJECT])
    assert "opening kernels" not in capsys.readouterr().err
    main(["check", "--verbose", *PAIR, OBJECT])
    assert "kfuncscope: 0/1 opening kernels\n" in capsys.readouterr().err


@pytest.mark.parametrize(("word", "coloured"), [("always", True), ("never", False), ("auto", False)])
def test_colour(word: str, coloured: bool, capsys: pytest.CaptureFixture[str]) -> None:
    main(["kernel", "--gate", "--color", word, NEW])
    assert ("\033[" in capsys.readouterr().out) == coloured


# -- standard input and output


@pytest.mark.parametrize(
    ("word", "begins"), [("-", "# "), ("json=-", "{"), ("html=-", "<!DOCTYPE"), ("csv=-", "key,"), ("xml=-", "<?xml")]
)
def test_a_report_on_standard_output_is_alone_there(
    word: str, begins: str, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    file = tmp_path / "r.json"
    assert main(["kernel", "--gate", NEW, "--report", word, "--report", str(file)]) == 0
    shown = capsysbinary.readouterr().out
    assert shown.lstrip().lower().startswith(begins.lower().encode()) and b"exit status 0)" not in shown
    assert not shown.startswith(b"x86_64:") and file.stat().st_size


def test_a_report_on_standard_output_in_no_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernel", "--gate", NEW, "--report", "doc=-"]) == 2
    assert "'doc' is not a format" in capsys.readouterr().err


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\0"])
def test_files_from_a_list(end: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = tmp_path / "list"
    other = str(sample("objects", "tcp_steady.bpf.o"))
    listed.write_bytes(end.join([OBJECT.encode(), other.encode(), b""]))
    assert main(["check", *PAIR, "--all", "--files-from", str(listed)]) == 1
    shown = capsys.readouterr().out
    assert "sockname_exit.bpf.o" in shown and "tcp_steady.bpf.o" in shown
    assert main(["object", OBJECT, "--files-from", str(listed), "--format", "jsonl"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_files_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    given = io.TextIOWrapper(io.BytesIO(f"{NEW}\n\n".encode()))
    monkeypatch.setattr("sys.stdin", given)
    assert main(["kernel", "--gate", "--files-from", "-"]) == 0
    assert "Kernel clear" in capsys.readouterr().out


def piped(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(path).read_bytes())))


@pytest.mark.parametrize(
    ("words", "status", "wanted"),
    [(["object", "--format", "json", "-"], 0, '"stdin"'), (["check", *PAIR, "-"], 1, "stdin"),
     (["judge", "--kernel", NEW, "--", "-"], 0, "sockname_result"),
     (["usage", "--kind", "hook", "-"], 0, "__sys_getsockname"),
     (["explain", *PAIR, "--", "-:sockname_result"], 1, "R-7.10"), (["explain", "-", *PAIR], 1, "R-7.10"),
     (["promise", "make", "--kernel", OLD, "-"], 0, "__sys_getsockname")],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_an_object_on_standard_input(
    words: list[str], status: int, wanted: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    piped(monkeypatch, OBJECT)
    assert main(words) == status
    assert wanted in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "wanted"),
    [(["check", *PAIR, "--baseline", "-", "--fail-on", "new", "--", OBJECT], 0, "Upgrade clear (by --fail-on new"),
     (["compare", "-", "REPORT"], 0, "0 new"), (["compare", "REPORT", "-"], 0, "0 new"),
     (["path", "REPORT", "-"], 1, "sockname_result")],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_a_report_on_standard_input(
    words: list[str], status: int, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    report = str(tmp_path / "before.json")
    assert main(["check", *PAIR, "--report", report, "--", OBJECT]) == 1
    piped(monkeypatch, report)
    capsys.readouterr()
    assert main([report if word == "REPORT" else word for word in words]) == status
    assert wanted in capsys.readouterr().out


def test_a_policy_or_a_promise_on_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, promise = tmp_path / "policy.toml", tmp_path / "promise.toml"
    policy.write_text('[[block]]\nkind = "helper"\n[[review]]\nkind = "helper"\n')
    piped(monkeypatch, str(policy))
    assert main(["check", *PAIR, "--policy", "-", "--", OBJECT]) == 0
    assert "by policy stdin" in capsys.readouterr().out
    assert main(["promise", "make", "--kernel", OLD, "-o", str(promise), OBJECT]) == 0
    piped(monkeypatch, str(promise))
    assert main(["promise", "check", "--kernel", NEW, "-"]) == 0
    assert "__sys_getsockname" in capsys.readouterr().out


def test_reports_name_standard_input_and_no_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same bytes on standard input give the same report."""
    said = []
    for _ in range(2):
        piped(monkeypatch, OBJECT)
        assert main(["check", *PAIR, "--report", "json=-", "--", "-"]) == 1
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] and "stdin" in said[0] and "kfuncscope-" not in said[0].replace("kfuncscope-analysis", "")
    piped(monkeypatch, OBJECT)
    assert main(["judge", "--kernel", NEW, "--format", "csv", "--", "-"]) == 0
    assert ",stdin," in capsys.readouterr().out


def test_standard_input_is_read_once_and_within_bounds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["object", "-", "-"], ["object", "--files-from", "-", "-"],
                  ["check", *PAIR, "--baseline", "-", "--policy", "-", OBJECT]):  # fmt: skip
        piped(monkeypatch, os.devnull)
        assert main(words) == 2 and "only once" in capsys.readouterr().err
    piped(monkeypatch, os.devnull)
    assert main(["object", "-"]) == 3 and "stdin" in capsys.readouterr().err
    piped(monkeypatch, OBJECT)
    monkeypatch.setattr("kfuncscope.cli.manners._MOST_STDIN", 100)
    assert main(["object", "-"]) == 3 and "100" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["promise", "make", "--kernel", OLD, OBJECT], ["usage", OBJECT], ["census", "script"]], ids=lambda w: w[0]
)
def test_an_output_of_a_dash_is_standard_output(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words, "-o", "-"]) == 0
    assert len(capsys.readouterr().out) > 100 and not list(tmp_path.glob("-*"))


def test_no_files_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernel", "--gate"]) == 2
    assert "none of its files was given" in capsys.readouterr().err
    assert main(["kernel", "--files-from", str(tmp_path / "none")]) == 3
    (tmp_path / "empty").write_bytes(b"\n\n")
    assert main(["kernel", "--files-from", str(tmp_path / "empty")]) == 2


# -- configuration files


def configure(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".kfuncscope.toml").write_text(text)


def test_a_project_above_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Paths are those of the folder of the file; the command line wins."""
    configure(tmp_path, '[check]\nreport = ["r.json"]\nfail_on = "never"\nold = ["k/old"]\nnew = "k/new"\n')
    (tmp_path / "k").mkdir()
    (tmp_path / "k" / "old").symlink_to(OLD)
    (tmp_path / "k" / "new").symlink_to(NEW)
    (tmp_path / "below" / "it").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "below" / "it")
    assert main(["check", OBJECT]) == 0
    assert (tmp_path / "r.json").stat().st_size
    assert main(["check", "--fail-on", "silent", OBJECT]) == 1
    capsys.readouterr()


def test_the_project_wins_over_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "config" / "kfuncscope"
    own.mkdir(parents=True)
    (own / "config.toml").write_text('format = "csv"\n')
    monkeypatch.chdir(tmp_path)
    main(["kernel", NEW])
    assert capsys.readouterr().out.startswith("kernel,kfunc,")
    configure(tmp_path, '[kernel]\nformat = "jsonl"\n')
    main(["kernel", NEW])
    assert capsys.readouterr().out.startswith('{"label"')
    monkeypatch.setenv(VARIABLE, "")
    main(["kernel", NEW])
    assert capsys.readouterr().out.startswith("7.3")


@pytest.mark.parametrize(
    ("text", "why"),
    [("[chek]\n", "[chek] is not a command"), ("[check]\npolcy = 'x'\n", "has no option 'polcy'"),
     ("colour = 'never'\n", "no command has an option 'colour'"), ("color = 'red'\n", "'red' is none of auto"),
     ("[check]\nall = 'yes'\n", "all must be true or false"), ("[check]\npolicy = ['a', 'b']\n", "takes one value"),
     ("[check]\nworkers = 0\n", "not a positive integer"), ("[check]\narch = true\n", "must be a text or a number"),
     ('[kernel]\nfiles_from = "a\\u0000b"\n', "must not have a NUL character"),
     ('[check]\nreport = ["../r.json"]\n', "is outside the folder"),
     ('output = "/etc/x"\n', "is outside the folder"),
     ('[kernel]\nreport = "/etc/x.html"\n', "is outside the folder")],
)  # fmt: skip
def test_mistakes_in_a_configuration_file(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    assert main(["cache"]) == 2
    said = capsys.readouterr().err
    assert ".kfuncscope.toml" in said and why in said


@pytest.mark.parametrize("text", ["check = \n", "a" + ".a" * 50_000 + " = 1\n", "\0"])
def test_a_configuration_file_that_cannot_be_read(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As every file that is given: a word of it would be wrong usage, but none was read."""
    configure(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    assert main(["cache"]) == 3
    assert ".kfuncscope.toml" in capsys.readouterr().err
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere.toml"))
    assert main(["cache"]) == 3


def test_a_report_without_a_folder_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Found before anything is read; a report that cannot be written afterwards ends with 3."""
    assert main(["check", "--old", OLD, "--new", NEW, "--report", str(tmp_path / "no/r.md"), "--", OBJECT]) == 2
    assert "no/r.md: its folder does not exist" in capsys.readouterr().err


def test_a_project_cannot_name_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever controls a scheduler can run code here, and the file may come with a clone; the user's own file can."""
    text = '[check]\ncluster = "tcp://127.0.0.1:1"\n'
    configure(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    assert main(["cache"]) == 2
    assert "cluster: cannot be set for a project" in capsys.readouterr().err
    (tmp_path / "config.toml").write_text(text)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "config.toml"))
    assert main(["cache"]) == 0


def test_a_file_of_somebody_else_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that others can write to must not decide which files are written."""
    configure(tmp_path, "[chek]\n")
    monkeypatch.chdir(tmp_path)
    real = os.stat(tmp_path / ".kfuncscope.toml").st_uid
    monkeypatch.setattr("kfuncscope.cli.configfile.os.geteuid", lambda: real + 1)
    if real != 0:
        assert main(["cache"]) == 0
    else:  # root's files count for everybody
        os.chown(tmp_path / ".kfuncscope.toml", 12345, 12345)
        assert main(["cache"]) == 0
    capsys.readouterr()


def test_a_link_of_somebody_else_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").write_text("[chek]\n")
    (tmp_path / ".kfuncscope.toml").symlink_to(tmp_path / "mine")
    real = Path.lstat

    def foreign(path: Path) -> os.stat_result:
        found = real(path)
        return (
            os.stat_result([*found[:4], os.geteuid() + 12345, *found[5:]]) if path.name == ".kfuncscope.toml" else found
        )

    monkeypatch.chdir(tmp_path)
    assert main(["cache"]) == 2
    monkeypatch.setattr(Path, "lstat", foreign)
    assert main(["cache"]) == 0


def test_a_folder_that_cannot_be_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.stat

    def denied(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.name == ".kfuncscope.toml":
            raise PermissionError(13, "Permission denied")
        return real(path, follow_symlinks=follow_symlinks)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "stat", denied)
    assert main(["cache"]) == 0


def test_a_file_that_decides_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of a folder above may clear what is blocked; never without a word."""
    configure(tmp_path, '[check]\nfail_on = "never"\nreport = ["r.html"]\ncolor = "never"\n')
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert main(["check", "--quiet", *PAIR, OBJECT]) == 0
    assert f"kfuncscope: {tmp_path / '.kfuncscope.toml'} sets --fail-on, --report\n" in capsys.readouterr().err
    assert (tmp_path / "r.html").stat().st_size
    assert main(["check", "--fail-on", "silent", "--report", "x.json", *PAIR, OBJECT]) == 1
    assert f"{tmp_path / '.kfuncscope.toml'} sets --report\n" in capsys.readouterr().err
    main(["kernel", NEW])
    assert "sets" not in capsys.readouterr().err


def test_a_list_of_too_many_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("kfuncscope.cli.manners._MOST_NAMES", 3)
    (tmp_path / "list").write_text(f"{NEW}\n" * 3)
    assert main(["kernel", "--files-from", str(tmp_path / "list")]) == 0
    (tmp_path / "list").write_text(f"{NEW}\n" * 4)
    assert main(["kernel", "--files-from", str(tmp_path / "list")]) == 3
    assert "more than the limit of 3 names" in capsys.readouterr().err
