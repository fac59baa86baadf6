# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The gate fails closed: what a CI job sees when something is blocked, unread, not judged or not compared."""

from __future__ import annotations

import io
import json
import struct
import tarfile
from pathlib import Path

import pytest

from kfuncscope.cli.main import main
from kfuncscope.elf.tables import read_elf
from kfuncscope.resources import sample
from support.bpfwriter import ObjectBuilder, exit_, mov
from support.elfwriter import ElfWriter
from support.kernels import KernelBuilder

END = [mov(0, 0), exit_()]
K = ["--old", str(sample("kernels", "6.12-x86_64")), "--new", str(sample("kernels", "7.3-x86_64"))]
PAIR = ["--old", "old", "--new", "new"]


def kernel(folder: Path, release: str, arch: str = "x86_64", *, thing: bool = True) -> Path:
    """A folder with one kernel; ``thing`` says whether it has the hook ``gone``."""
    built = KernelBuilder(release, arch)
    built.btf.kfunc("bpf_other", 0)
    if thing:
        built.hook("gone")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vmlinux.btf").write_bytes(built.build())
    return folder


def fine(endian: str = "<") -> bytes:
    return ObjectBuilder(endian).program("xdp", "pass", END).build()


def breaking() -> bytes:
    return ObjectBuilder().program("fentry/gone", "on_gone", END).build()


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Kernels ``old`` and ``new`` (which lacks the hook), objects ``fine.bpf.o`` and ``breaking.bpf.o``."""
    kernel(tmp_path / "old", "6.12")
    kernel(tmp_path / "new", "7.3", thing=False)
    (tmp_path / "fine.bpf.o").write_bytes(fine())
    (tmp_path / "breaking.bpf.o").write_bytes(breaking())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stripped() -> bytes:
    """What ``llvm-strip --strip-all`` leaves of an object: code without a symbol table."""
    made = ElfWriter()
    made.section("xdp", b"\xb7\0\0\0\0\0\0\0\x95\0\0\0\0\0\0\0", flags=6)
    return made.build()


# -- one decision, one exit status


def test_a_report_that_says_blocked_is_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The built-in policy blocks SILENT; the exit status is the decision that the report prints."""
    report = tmp_path / "d.md"
    assert main(["check", *K, "--report", str(report), "--", str(sample("objects", "sockname_exit.bpf.o"))]) == 1
    assert "Upgrade blocked" in report.read_text()
    capsys.readouterr()


@pytest.mark.parametrize("bad", ["gone", "truncated", "junk", "empty"])
def test_an_unread_object_beside_a_good_one_is_exit_3(
    bad: str, given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = {"truncated": fine()[:300], "junk": b"junk" * 50, "empty": b""}
    if bad in content:
        (given / f"{bad}.o").write_bytes(content[bad])
    one = ["--kernel", "new"]
    for command in (["check", *PAIR], ["judge", *one], ["object"], ["usage"], ["relocate", *one]):
        assert main([*command, "--", "fine.bpf.o", f"{bad}.o"]) == 3, command
        told = capsys.readouterr()
        assert f"{bad}.o" in told.err, command


def test_blocked_wins_over_unread(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *PAIR, "--", "breaking.bpf.o", "gone.o"]) == 1
    assert "gone.o" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["never", "breaks", "blocked", "silent", "needs-work", "risk,unknown"])
def test_no_word_of_fail_on_makes_an_unread_input_pass(
    words: str, given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *PAIR, "--fail-on", words, "--", "fine.bpf.o", "gone.o"]) == 3
    assert main(["check", *PAIR, "--fail-on", words, "--", "fine.bpf.o"]) == 0
    capsys.readouterr()


def test_fail_on_replaces_the_words_of_the_policy_and_the_report_says_so(
    given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--fail-on", "silent", "--report", "r.md", "--report", "r.json"]
    assert main(["check", *PAIR, *asked, "breaking.bpf.o"]) == 0
    text, found = (given / "r.md").read_text(), json.loads((given / "r.json").read_text())
    assert "Upgrade clear" in text and "--fail-on silent" in text
    assert found["summary"]["decision"]["exit"] == 0 and found["summary"]["decision"]["fail_on"] == ["silent"]
    assert main(["check", *PAIR, "--fail-on", "breaks", "--report", "r.md", "breaking.bpf.o"]) == 1
    assert "Upgrade blocked" in (given / "r.md").read_text()
    capsys.readouterr()


# -- listed, never skipped


def test_a_kernel_without_a_counterpart_is_exit_3(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel(given / "arm", "6.12", "arm64")
    command = ["check", "--old", "old", "arm", "--new", "new", "--report", "r.json", "--", "fine.bpf.o"]
    assert main(command) == 3
    assert "arm64" in capsys.readouterr().err
    assert main(["diff", "--old", "old", "arm", "--new", "new", "--kind", "kfunc"]) == 3
    assert "arm64" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["file", "folder"])
def test_a_stripped_object_is_named_with_its_reason(
    place: str, given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (given / "folder").mkdir()
    (given / "folder" / "stripped.o").write_bytes(stripped())
    (given / "folder" / "fine.bpf.o").write_bytes(fine())
    objects = ["folder"] if place == "folder" else ["folder/stripped.o"]
    for command in (["check", *PAIR], ["object"], ["judge", "--kernel", "new"]):
        assert main([*command, "--", *objects]) == 3, command
        told = capsys.readouterr()
        assert "stripped.o" in told.err and "symbol table" in told.err, command
        assert "byte order" not in told.out
        if command[0] == "check":
            assert told.out.count("stripped.o: ") == 1, "once: the decision counts inputs"
            assert "no BTF in the object" not in told.out


def test_a_module_btf_without_types_is_named(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (given / "new" / "modules").mkdir()
    header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, 0)
    (given / "new" / "modules" / "hollow.btf").write_bytes(header)
    assert main(["check", *PAIR, "--report", "r.md", "--", "fine.bpf.o"]) == 3
    told = capsys.readouterr()
    assert "hollow.btf" in told.err and "no types" in told.err
    assert "hollow" in (given / "r.md").read_text()


def test_links_to_files_are_followed_once(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of links to packages and objects, one link twice, one in a circle, one to a folder, one that dangles."""
    (given / "store").mkdir()
    with tarfile.open(given / "store" / "tools.tar", "w") as tar:
        member = tarfile.TarInfo("usr/lib/tool.bpf.o")
        member.size = len(fine())
        tar.addfile(member, io.BytesIO(fine()))
    (given / "links").mkdir()
    for name, target in (("a.tar", "../store/tools.tar"), ("b.tar", "../store/tools.tar"), ("self", "self"),
                         ("up", ".."), ("c.bpf.o", "../breaking.bpf.o"), ("gone.bpf.o", "nowhere")):  # fmt: skip
        (given / "links" / name).symlink_to(target)
    assert main(["object", "links", "--format", "json"]) == 3
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert [o["object"] for o in found] == ["c.bpf.o", "tools.tar/tool.bpf.o"] or [o["object"] for o in found] == [
        "a.tar/tool.bpf.o", "c.bpf.o"
    ]  # fmt: skip
    assert "gone.bpf.o" in told.err and "no BPF object" not in told.err
    (given / "kernels").mkdir()
    (given / "kernels" / "vmlinux.btf").symlink_to("../new/vmlinux.btf")
    assert main(["kernel", "kernels"]) == 0
    capsys.readouterr()


def test_a_folder_of_links_to_kernel_files(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (given / "linked").mkdir()
    (given / "real").mkdir()
    text = b"# Linux/x86 7.3.4 Kernel Configuration\nCONFIG_X86_64=y\nCONFIG_BPF_SYSCALL=y\n"
    (given / "real" / "config-7.3.4-amd64").write_bytes(text)
    (given / "linked" / "config-7.3.4-amd64").symlink_to("../real/config-7.3.4-amd64")
    assert main(["kernel", "linked"]) == 0
    assert "7.3.4" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["object"], ["check", *PAIR], ["judge", "--kernel", "new"], ["usage"]])
def test_a_symbol_past_its_section_is_said_in_words(
    command: list[str], given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(fine())
    table = next(s for s in read_elf(bytes(data), "x").sections if s.type == 2)
    for at in range(table.offset, table.offset + table.size, 24):
        if data[at + 4] & 15 == 2:
            data[at + 16 : at + 24] = (1 << 16).to_bytes(8, "little")
    (given / "past.bpf.o").write_bytes(data)
    assert main([*command, "--", "past.bpf.o"]) == 3
    told = capsys.readouterr()
    assert "past.bpf.o" in told.err and "section" in told.err and "Error" not in told.err


def test_equal_objects_are_all_named(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        (given / "set" / name).mkdir(parents=True)
        (given / "set" / name / "same.bpf.o").write_bytes(breaking())
    reports = [f"r.{kind}" for kind in ("md", "html", "json", "sarif", "xml", "csv")]
    asked = [word for r in reports for word in ("--report", r)]
    assert main(["check", *PAIR, *asked, "--", "set"]) == 1
    out = capsys.readouterr().out
    for text in (out, *((given / r).read_text() for r in reports)):
        assert "one/same.bpf.o" in text and "two/same.bpf.o" in text


def test_objects_of_another_architecture_are_named(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside a good one, a big-endian object and no big-endian kernel: named everywhere, and never exit 0."""
    (given / "big.bpf.o").write_bytes(fine(">"))
    reports = [f"r.{kind}" for kind in ("md", "html", "json", "sarif", "xml", "csv")]
    asked = [word for r in reports for word in ("--report", r)]
    assert main(["check", *PAIR, *asked, "--", "fine.bpf.o", "big.bpf.o"]) == 3
    told = capsys.readouterr()
    assert "big.bpf.o" in told.err and "byte order" in told.err
    for text in (told.out, *((given / r).read_text() for r in reports)):
        assert "big.bpf.o" in text


def test_builds_for_other_architectures_in_a_folder_are_named_and_do_not_fail(
    given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of builds for both byte orders, and kernels of one: what is meant for them was judged."""
    (given / "builds").mkdir()
    for name, order in (("little", "<"), ("big", ">")):
        (given / "builds" / f"{name}.bpf.o").write_bytes(fine(order))
    assert main(["check", *PAIR, "--report", "r.json", "builds"]) == 0
    told = capsys.readouterr()
    assert "built for another architecture than x86_64 (1): big.bpf.o" in told.out and not told.err
    found = json.loads((given / "r.json").read_text())["summary"]
    assert found["elsewhere"] == [{"object": "big.bpf.o", "arches": ["x86_64"]}] and not found["unchecked"]
    (given / "builds" / "little.bpf.o").unlink()
    (given / "more").mkdir()
    (given / "more" / "little.bpf.o").write_bytes(fine())
    assert main(["check", *PAIR, "builds", "more"]) == 3
    assert "builds: of another architecture" in capsys.readouterr().err


def test_an_architecture_on_which_nothing_was_judged_is_not_clear(
    given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kernels of s390x and no big-endian object: green would say that s390x was checked."""
    for side, release in (("s_old", "6.12"), ("s_new", "7.3")):
        kernel(given / side, release, "s390x")
    assert main(["check", "--old", "old", "s_old", "--new", "new", "s_new", "--", "fine.bpf.o"]) == 3
    assert "s390x" in capsys.readouterr().err


def test_two_kernels_of_one_architecture_on_one_side(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel(given / "third", "7.2")
    assert main(["check", "--old", "old", "--new", "third", "new", "--", "fine.bpf.o"]) == 3
    assert "7.2" in capsys.readouterr().err or "third" in capsys.readouterr().err


# -- the same convention in every command


def test_path_tells_a_program_that_breaks(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = ["path", "--step", "old", "--step", "new", "--"]
    assert main([*steps, "breaking.bpf.o"]) == 1
    assert main([*steps, "fine.bpf.o"]) == 0
    assert main([*steps, "fine.bpf.o", "gone.o"]) == 3
    capsys.readouterr()
    for name, objects in (("a.json", ["fine.bpf.o"]), ("b.json", ["fine.bpf.o", "gone.o"])):
        main(["check", *PAIR, "--report", name, "--", *objects])
    capsys.readouterr()
    assert main(["path", "a.json", "b.json"]) == 3
    assert "gone.o" in capsys.readouterr().err


def test_merge_and_compare_tell_what_their_parts_could_not_read(
    given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("1", "2"):
        main(["check", *PAIR, "--shard", f"{part}/2", "--report", f"{part}.json", "--", "fine.bpf.o", "gone.o"])
    capsys.readouterr()
    assert main(["merge", "1.json", "2.json", "-o", "whole.json"]) == 3
    assert "gone.o" in capsys.readouterr().err
    main(["check", *PAIR, "--report", "good.json", "--", "fine.bpf.o"])
    main(["check", *PAIR, "--report", "bad.json", "--", "fine.bpf.o", "breaking.bpf.o"])
    capsys.readouterr()
    assert main(["compare", "good.json", "good.json"]) == 0
    assert main(["compare", "good.json", "whole.json"]) == 3
    assert main(["compare", "good.json", "bad.json"]) == 1
    capsys.readouterr()


@pytest.mark.parametrize("kind", ["table", "jsonl", "csv", "md"])
def test_merge_prints_what_one_run_would(given: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    objects = ["--", "fine.bpf.o", "breaking.bpf.o"]
    for part in ("1", "2"):
        main(["check", *PAIR, "--shard", f"{part}/2", "--report", f"{part}.json", *objects])
    capsys.readouterr()
    assert main(["check", *PAIR, "--format", kind, *objects]) == 1
    whole = capsys.readouterr().out
    assert main(["merge", "1.json", "2.json", "--format", kind]) == 1
    assert capsys.readouterr().out == whole and "breaking" in whole
    if kind == "table":
        assert main(["merge", "1.json", "2.json", "--format", kind, "-o", "whole.txt"]) == 2
        assert "--output" in capsys.readouterr().err


def test_compare_misses_no_architecture(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An architecture that only the earlier report has was not compared; its findings are not simply gone."""
    for side, release in (("a_old", "6.12"), ("a_new", "7.3")):
        kernel(given / side, release, "arm64")
    main(["check", "--old", "old", "a_old", "--new", "new", "a_new", "--report", "two.json", "--", "fine.bpf.o"])
    main(["check", *PAIR, "--report", "one.json", "--", "fine.bpf.o"])
    capsys.readouterr()
    assert main(["compare", "two.json", "one.json"]) == 3
    assert "arm64" in capsys.readouterr().err
    assert main(["check", *PAIR, "--baseline", "two.json", "--", "fine.bpf.o"]) == 3
    assert "arm64" in capsys.readouterr().err


def test_promise_check_says_what_it_cannot_tell(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["promise", "make", "--kernel", "old", "breaking.bpf.o", "-o", "p.toml"]) == 0
    assert main(["promise", "check", "--kernel", "old", "p.toml"]) == 0
    assert main(["promise", "check", "--kernel", "new", "p.toml"]) == 1
    capsys.readouterr()
    (given / "old" / "modules").mkdir()
    (given / "old" / "modules" / "bad.btf").write_bytes(b"\x9f\xeb\x01")
    assert main(["promise", "check", "--kernel", "old", "p.toml"]) == 3
    assert "bad.btf" in capsys.readouterr().err


def test_explain_follows_the_policy(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", f"{sample('objects', 'sockname_exit.bpf.o')}:sockname_result", *K]) == 1
    capsys.readouterr()


# -- inferred architectures


def test_other_architectures_are_inferred_only_when_asked_for(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, marked, and only what the JITs say: nothing of x86_64's symbols, compiler or config."""
    main(["check", *PAIR, "--report", "r.json", "--", "breaking.bpf.o"])
    assert "inferred" not in capsys.readouterr().out.lower()
    assert [a["arch"] for a in json.loads((given / "r.json").read_text())["analysis"]["arches"]] == ["x86_64"]
    main(["check", *PAIR, "--infer", "--report", "r.json", "--report", "r.md", "--", "breaking.bpf.o"])
    out = capsys.readouterr().out
    assert len([line for line in out.splitlines() if "inferred" in line.lower()]) == 1
    assert len([line for line in (given / "r.md").read_text().splitlines() if "inferred" in line.lower()]) == 1
    for arch in json.loads((given / "r.json").read_text())["analysis"]["arches"]:
        kinds = {f["kind"] for o in arch["objects"] for p in o["programs"] for f in p["findings"]}
        assert arch["inferred"] == (arch["arch"] != "x86_64")
        assert not arch["inferred"] or kinds <= {"JIT capability"}


def test_the_statuses_are_documented_once(capsys: pytest.CaptureFixture[str]) -> None:
    """One table: ``--help`` prints it, the man page holds its words, and the README the same numbers."""
    from kfuncscope.decision.exits import MEANINGS

    with pytest.raises(SystemExit):
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    root = Path(__file__).parents[2]
    manual = (root / "resources" / "share" / "man" / "man1" / "kfuncscope.1").read_text().replace("\\-", "-")
    readme = (root / "README.md").read_text()
    for code, meaning in MEANINGS.items():
        assert meaning in said and f".B {code.value}\n{meaning}\n" in manual
        assert f"| {code.value} | {meaning.partition(':')[0].partition(',')[0]}" in readme


@pytest.mark.parametrize(
    "command",
    [
        ["object", "one.o", "two.o"],
        ["usage", "one.o", "two.o"],
        ["judge", "--kernel", "new", "--", "one.o", "two.o"],
        ["judge", "--kernel", "one.o", "two.o", "--", "fine.bpf.o"],
        ["relocate", "--kernel", "new", "one.o", "two.o"],
        ["relocate", "--kernel", "one.o", "--kernel", "two.o", "fine.bpf.o"],
        ["check", *PAIR, "--", "one.o", "two.o"],
        ["check", "--old", "one.o", "two.o", "--new", "new", "--", "fine.bpf.o"],
        ["diff", "--old", "old", "--new", "one.o", "two.o"],
        ["kernel", "one.o", "two.o"],
        ["promise", "make", "--kernel", "new", "one.o", "two.o"],
        ["promise", "make", "--kernel", "one.o", "--kernel", "two.o", "fine.bpf.o"],
        ["path", "--step", "old", "--step", "new", "--", "one.o", "two.o"],
    ],
    ids=" ".join,
)
def test_where_nothing_can_be_read_every_input_is_named(
    command: list[str], given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 3
    told = capsys.readouterr().err
    assert "one.o" in told and "two.o" in told


def test_named_parts_and_old_reports_that_cannot_be_read(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Reports, policies and promises are inputs, too."""
    (given / "bad.json").write_text("{")
    for command in (["merge", "bad.json"], ["compare", "bad.json", "bad.json"], ["path", "bad.json", "bad.json"],
                    ["check", *PAIR, "--baseline", "bad.json", "fine.bpf.o"],
                    ["check", *PAIR, "--policy", "bad.json", "fine.bpf.o"],
                    ["promise", "check", "--kernel", "new", "bad.json"]):  # fmt: skip
        assert main(command) == 3, command
        assert "bad.json" in capsys.readouterr().err


def test_a_bad_kernel_among_several_of_a_side_hides_none(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its file can be read and its BTF cannot: those given after it are opened all the same."""
    damaged = bytearray((given / "old" / "vmlinux.btf").read_bytes())
    damaged[24:28] = b"\xff\xff\xff\xff"  # the first type
    (given / "bad").mkdir()
    (given / "bad" / "vmlinux.btf").write_bytes(damaged)
    sides = ["--old", "bad", "old", "--new", "new", "bad"]
    assert main(["check", *sides, "--", "fine.bpf.o"]) == 3
    told = capsys.readouterr()
    assert told.err.count("bad/vmlinux.btf") >= 1 and "pass" not in told.err
    assert "x86_64: 6.12" in told.out
    assert main(["kernel", "bad", "old"]) == 3
    told = capsys.readouterr()
    assert told.out.startswith("6.12: x86_64") and "bad/vmlinux.btf" in told.err


def test_where_reading_ended_is_a_field_of_its_own(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The path stays the one that was given, so that scripts can open it; people read both together."""
    (given / "cut.deb").write_bytes(b"!<arch>\n" + b"x" * 70)
    assert main(["check", *PAIR, "--report", "r.json", "--report", "r.md", "--", "fine.bpf.o", "cut.deb"]) == 3
    assert "cut.deb at offset 0x8: damaged ar header" in capsys.readouterr().err
    found = json.loads((given / "r.json").read_text())["summary"]["unchecked"]
    (one,) = [one for one in found if one["where"].startswith("cut.deb")]
    assert (one["where"], one["offset"], one["why"]) == ("cut.deb", 8, "damaged ar header")
    assert "cut.deb at offset 0x8" in (given / "r.md").read_text()
