# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Parts of a result on the command line: assumptions, filters and redaction, with the decision of what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kfuncscope.cli.main import main
from kfuncscope.resources import sample

SIDES = [
    "--old", str(sample("kernels", "6.12-x86_64", "vmlinux.btf.xz")),
    "--new", str(sample("kernels", "7.3-x86_64", "vmlinux.btf.xz")),
]  # fmt: skip
OBJECTS = [str(sample("objects", f"{n}.bpf.o")) for n in ("sockname_exit", "rstat_bare", "xdp_count")]


def check(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    status = main(["check", *SIDES, *options, "--", *OBJECTS])
    return status, capsys.readouterr().out


def test_an_assumption_breaks_what_uses_the_name_and_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, _ = check(capsys, "--what-if", "helper bpf_map_lookup_elem removed", "--report", str(tmp_path / "r.json"))
    made = json.loads((tmp_path / "r.json").read_text())
    assert status == 1 and made["analysis"]["whatif"] == ["helper bpf_map_lookup_elem removed"]
    programs = {o["object"]: p["verdict"] for o in made["analysis"]["arches"][0]["objects"] for p in o["programs"]}
    assert programs["xdp_count.bpf.o"] == "BREAKS"


def test_filters_keep_a_part_that_is_never_clear(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = check(capsys, "--all", "--object", "xdp_*")
    assert status == 3 and "xdp_count" in text and "rstat_bare" not in text and "contains 1 of" in text
    status, text = check(capsys, "--only", "silent")
    assert status == 1 and "sockname_exit" in text and "rstat_bare" not in text
    status, text = check(capsys, "--program", "rstat_*")
    assert status == 1 and "rstat_always" in text and "sockname" not in text


def test_redaction_leaves_out_folders(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = str(Path(OBJECTS[0]).parent)
    for options, seen in (([], True), (["--redact"], False)):
        check(capsys, *options, "--report", str(tmp_path / "r.json"))
        assert (folder in (tmp_path / "r.json").read_text()) is seen


@pytest.mark.parametrize(
    "options",
    [
        ["--only", "great"],
        ["--what-if", "kfunc x vanished"],
        ["--what-if", "thing x removed"],
        ["--what-if", "kfunc removed"],
    ],
)
def test_words_that_mean_nothing_are_wrong_usage(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    assert check(capsys, *options)[0] == 2
