# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One architecture ahead of the others: the same verdicts as in the whole, which does not judge them again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.gui.processes import targets
from kfuncscope.gui.received import put_together
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.upgrade.ahead import ahead, first_architecture
from kfuncscope.upgrade.analyse import analyse
from support.bpfwriter import ObjectBuilder, exit_, kfunc, mov
from support.kernels import KernelBuilder


def kernel(folder: Path, release: str, arch: str, has: bool = True, told: str = "") -> KernelRef:
    """A kernel in a folder that tells its architecture, or ``told`` in its place."""
    kb = KernelBuilder(release, arch)
    if has:
        kb.btf.kfunc("bpf_thing", kb.s32)
    path = folder / f"{release}-{told or arch}" / "vmlinux.btf"
    path.parent.mkdir()
    path.write_bytes(kb.build())
    return KernelRef([str(path)])


def session(folder: Path, *arches: str) -> Session:
    """An upgrade on some architectures; the kfunc is gone on all."""
    home = folder / "objects"
    home.mkdir()
    for number in range(3):
        ob = ObjectBuilder()
        ob.extern_func("bpf_thing", ob.btf.proto(ob.s32))
        ob.program("xdp", f"call_{number}", [kfunc("bpf_thing"), mov(0, 0), exit_()])
        (home / f"call_{number}.bpf.o").write_bytes(ob.build())
    old = [kernel(folder, "6.12", arch) for arch in arches]
    new = [kernel(folder, "7.3", arch, has=False) for arch in arches]
    return Session(old=old, new=new, objects=[str(home)])


def test_the_first_architecture_alone_and_as_in_the_whole(tmp_path: Path, own_cache: object) -> None:
    """It says what is missing, and its verdicts are those of the whole."""
    given = session(tmp_path, "arm64", "x86_64")
    part = ahead(given)
    assert part is not None and [one.arch for one in part.arches] == ["x86_64"]
    assert [one.reason for one in part.problems] == ["in progress: arm64 not analysed yet"]
    whole = analyse(given)
    assert part.arches == whole.arches[:1] and len(whole.arches) == 2


def test_only_where_it_is_certain_which_kernels_count(tmp_path: Path, own_cache: object) -> None:
    """Not for one pair, nor where one kernel's path tells no architecture; the last one given of each counts."""
    given = session(tmp_path, "x86_64", "arm64")
    assert first_architecture(replace(given, old=given.old[:1])) is None
    unnamed = kernel(tmp_path, "6.13", "x86_64", told="kernel")
    assert first_architecture(replace(given, old=[*given.old, unnamed])) is None
    unnamed.arch = "x86_64"  # by the person's word
    told = first_architecture(replace(given, old=[*given.old, unnamed], infer=True))
    assert told is not None and told[0].old == [unnamed] and told[1] == ["x86_64", "arm64"] and not told[0].infer
    lying = [kernel(tmp_path, release, "arm64", told="i386") for release in ("6.14", "7.2")]
    wrong = replace(given, old=[given.old[0], lying[0]], new=[given.new[0], lying[1]])
    assert first_architecture(wrong) is not None and ahead(wrong) is not None
    wrong = replace(given, old=[given.old[1], lying[0]], new=[given.new[1], lying[1]])
    assert ahead(wrong) is None or ahead(wrong).arches[0].arch == "arm64"  # type: ignore[union-attr]


@pytest.mark.parametrize("soon", [0.0, 1000.0])
def test_it_is_sent_once_and_only_where_the_rest_takes_longer(
    tmp_path: Path, own_cache: object, monkeypatch: pytest.MonkeyPatch, soon: float
) -> None:
    """What was there at once was known: the others are, too, and all come together."""
    monkeypatch.setattr(targets, "SOON", soon)
    given = session(tmp_path, "x86_64", "arm64", "s390x")
    sent: list[tuple[Any, ...]] = []
    targets.analyse_in_process(sent.append, given)
    parts: list[Any] = []
    shown = []
    for message in sent:
        if message[0] == "ready":
            shown.append([one.arch for one in put_together(parts).analysis.arches])
        elif message[0] == "part":
            parts.append(message[1])
    assert shown == [["x86_64"], ["x86_64", "arm64"]]
    assert put_together(parts).whole == analyse(given)
    if soon:
        sent.clear()
        targets.analyse_in_process(sent.append, given)
        assert not [message for message in sent if message[0] == "ready"]


def test_what_cannot_be_read_is_told_by_the_whole(tmp_path: Path, own_cache: object) -> None:
    """An error of the first architecture does not end the analysis of the others."""
    given = session(tmp_path, "x86_64", "arm64")
    Path(given.old[0].files[0]).write_bytes(b"\x9f\xeb\xff")
    sent: list[tuple[Any, ...]] = []
    targets.analyse_in_process(sent.append, given)
    whole = put_together([message[1] for message in sent if message[0] == "part"]).whole
    assert [one.arch for one in whole.arches] == ["arm64"] and whole.problems
