# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Promises: checked without objects and old kernel, they name what an analysis of the same objects calls broken."""

from __future__ import annotations

import re
import sys
import tarfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kfuncscope.bpf.object import read_object
from kfuncscope.errors import InputError, SessionError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.intake.objects import object_files
from kfuncscope.kernel.kernel import Kernel, open_kernel
from kfuncscope.model.verdict import NeedKind, Verdict
from kfuncscope.promise import promise, promisefile
from kfuncscope.promise.skeleton import Site
from kfuncscope.resources import sample
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.checks.regions import REGIONS
from kfuncscope.rules.judge import judge
from kfuncscope.storage.files import ObjectFile
from support.corpus import opened

Named = set[tuple[str, str, str, str]]


def kernel(path: Path) -> Kernel:
    """The kernel of a folder."""
    return open_kernel(kernel_files([path])[0])


def broken_by_analysis(files: list[ObjectFile], old: Kernel, new: Kernel) -> Named:
    """(kind, name, class, user) of every finding that an analysis calls BREAKS."""
    found: Named = set()
    for file in files:
        obj = read_object(file.data, file.name)
        verdict = compare(judge(obj, old), judge(obj, new), "", file.sha256)
        owners = [(file.name, verdict.findings)]
        owners += [(f"{file.name}/{p.program}", p.findings) for p in verdict.programs]
        found |= {(f.kind, f.name, f.failure, user) for user, fs in owners for f in fs if f.verdict is Verdict.BREAKS}
    return found


def broken_by_promise(kept: promise.Kept) -> Named:
    """The same of a check."""
    return {(b.kind, b.name, b.failure, user) for b in kept.broken for user in b.users}


@pytest.fixture(scope="module")
def samples() -> list[ObjectFile]:
    return object_files([sample("objects")])[0]


@pytest.fixture(scope="module")
def x86() -> tuple[Kernel, Kernel]:
    return kernel(sample("kernels", "6.12-x86_64")), kernel(sample("kernels", "7.3-x86_64"))


@pytest.fixture(scope="module")
def made(samples: list[ObjectFile], x86: tuple[Kernel, Kernel]) -> promise.Promise:
    return promise.make(samples, x86[0])[0]


def test_broken_is_what_the_analysis_calls_broken(
    made: promise.Promise, samples: list[ObjectFile], x86: tuple[Kernel, Kernel]
) -> None:
    expected = broken_by_analysis(samples, *x86)
    assert len(expected) >= 10
    again = promisefile.read(promisefile.write(made), "promise.toml")
    assert broken_by_promise(promise.check(again, x86[1])) == expected


def test_big_endian_and_jitless_too(samples: list[ObjectFile]) -> None:
    old, new = kernel(sample("kernels", "6.12-s390x")), kernel(sample("kernels", "7.2-s390x"))
    made, problems = promise.make(samples, old)
    assert not problems
    expected = broken_by_analysis(samples, old, new)
    assert expected and broken_by_promise(promise.check(made, new)) == expected


def test_the_kernel_of_the_promise_keeps_it(made: promise.Promise, x86: tuple[Kernel, Kernel]) -> None:
    kept = promise.check(made, x86[0])
    assert not kept.broken and not kept.changed and kept.kept == len(made.items)


def test_items_are_readable_and_name_their_users(made: promise.Promise) -> None:
    items = {(i.kind, i.name): i for i in made.items}
    kfunc = items[NeedKind.KFUNC, "cgroup_rstat_updated"]
    assert kfunc.declaration == "void cgroup_rstat_updated(struct cgroup *cgrp, int cpu)"
    assert kfunc.used_by == ("rstat_bare.bpf.o/rstat_always", "rstat_guarded.bpf.o/rstat_if_there")
    assert not kfunc.guarded, "one of its users does not test for it"
    field = next(i for (kind, name), i in items.items() if kind is NeedKind.FIELD and name.endswith("nr_running"))
    assert field.declaration == "unsigned int nr_running;"
    text = promisefile.write(made).decode()
    assert text.startswith("# What BPF programs rely on") and 'name = "cgroup_rstat_updated"' in text


def test_guarded_needs_are_marked_and_their_loss_breaks_nothing(
    samples: list[ObjectFile], x86: tuple[Kernel, Kernel]
) -> None:
    guarded = [f for f in samples if f.name in ("rstat_guarded.bpf.o", "runqueue_guarded.bpf.o")]
    made, _ = promise.make(guarded, x86[0])
    items = {i.name: i for i in made.items}
    assert items["cgroup_rstat_updated"].guarded
    assert not promise.check(made, x86[1]).broken


def test_changes_that_break_nothing_are_told_apart(made: promise.Promise, x86: tuple[Kernel, Kernel]) -> None:
    kept = promise.check(made, x86[1])
    changed = {c.name: c for c in kept.changed}
    assert changed["bpf_dynptr_slice"].before != changed["bpf_dynptr_slice"].after
    assert not {c.name for c in kept.changed} & {b.name for b in kept.broken}


def test_file_reads_back_and_is_the_same_each_time(made: promise.Promise) -> None:
    data = promisefile.write(made)
    assert promisefile.read(data, "p") == made and promisefile.write(made) == data


@pytest.mark.parametrize("region", ["", *REGIONS])
def test_a_call_keeps_its_region_in_the_file(region: str) -> None:
    site = Site("helper", True, number=25, flips=(1,), region=region)
    assert promisefile._read_site(promisefile._site(site, {}, {}), [], [], 2) == site


@given(name=st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_name_survives_the_file(name: str) -> None:
    item = promise.Item(NeedKind.KFUNC, name, name, name, name, False, (name, name))
    made = promise.Promise(name, name, name, (item,), (), ((name, name),))
    assert promisefile.read(promisefile.write(made), "p") == made


def test_hostile_names_cannot_be_overlooked_in_the_file() -> None:
    item = promise.Item(NeedKind.KFUNC, "\u202eevil\n[[object]]", "", "\x7f\ud800", "", False, ())
    text = promisefile.write(promise.Promise("x86_64", "k", "7.3", (item,), ())).decode()
    assert "\u202e" not in text and "\x7f" not in text
    read = promisefile.read(text.encode(), "p")
    assert read.items[0].name == item.name and not read.parts


def test_another_architecture_is_refused(made: promise.Promise) -> None:
    with pytest.raises(SessionError, match="s390x"):
        promise.check(made, kernel(sample("kernels", "7.2-s390x")))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('format = "kfuncscope-promise"', 'format = "other"', "format"),
        ("version = 1", "version = 2", "version"),
        ('arch = "x86_64"', "arch = 7", "text expected"),
        ('kind = "kfunc"', 'kind = "nothing"', "nothing"),
        ('types = "', 'types = "AAAA', "types"),
        ('sites = ["', 'sites = ["+ magic 1", "', "magic"),
        ('sites = ["', 'sites = ["+ call 4000", "', "damaged"),
        ('sites = ["', 'sites = ["+ core 6 0:4:0 0 b70200 8", "', "not an instruction"),
        ('sites = ["', f'sites = ["+ helper 25 @{len(REGIONS) + 1}", "', "names a region that is not known"),
        ('sites = ["', 'sites = ["+ helper 25 @-1", "', "names a region that is not known"),
        ('endian = "<"', 'endian = "="', "endian"),
        ("externs = [", "externs = [[1], ", "damaged"),
        ("externs = [", 'externs = [["n", "magic", 1, true, true, "n"], ', "not a kind of extern"),
    ],
)
def test_damaged_files_say_what_is_wrong(made: promise.Promise, old: str, new: str, says: str) -> None:
    text = promisefile.write(made).decode()
    assert old in text
    with pytest.raises(SessionError, match=re.escape(says)):
        promisefile.read(text.replace(old, new, 1).encode(), "p.toml")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_reads_or_is_one_clear_error(
    data: st.DataObject, samples: list[ObjectFile], x86: tuple[Kernel, Kernel]
) -> None:
    few = [f for f in samples if f.name in ("tcp_steady.bpf.o", "runqueue_bare.bpf.o", "scx_rota.bpf.o")]
    text = promisefile.write(promise.make(few, x86[0])[0]).decode()
    lines = text.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    numbers = list(re.finditer(r"\d+", lines[at]))
    if numbers:
        spot = data.draw(st.sampled_from(numbers))
        lines[at] = lines[at][: spot.start()] + str(data.draw(st.integers(-1, 1 << 33))) + lines[at][spot.end() :]
    else:
        lines[at] = data.draw(st.sampled_from(["", "x = [", "[[object]]", lines[at][:-2]]))
    try:
        promise.check(promisefile.read("\n".join(lines).encode(), "p.toml"), x86[1])
    except InputError as error:
        assert str(error)


@pytest.mark.corpus
@pytest.mark.parametrize(("old", "new"), [("6.12-amd64", "7.3-amd64"), ("6.1-arm64", "7.3-arm64")])
def test_corpus_promise_equals_analysis(
    corpus: Path, tmp_path: Path, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects are read, and judged on the old kernel, once for the analysis and for the promise."""
    read_once, judge_once = cache(read_object), cache(judge)
    for module in (promise, sys.modules[__name__]):
        monkeypatch.setattr(module, "read_object", lambda data, name, *_: read_once(data, name))
        monkeypatch.setattr(module, "judge", judge_once)
    with tarfile.open(corpus / "oracle" / "objects.tar.xz") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian 12's Python knows no filter argument
        archive.extractall(tmp_path)
    files = object_files([tmp_path])[0]
    before, after = opened(corpus / "kernels" / old), opened(corpus / "kernels" / new)
    expected = broken_by_analysis(files, before, after)
    made, _ = promise.make(files, before)
    assert broken_by_promise(promise.check(made, after)) == expected
    assert not promise.check(made, before).broken
