# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The Python API on the sample data: what its documentation says, and the same answers as the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kfuncscope import api
from kfuncscope.resources import sample

OLD, NEW = (str(sample("kernels", f"{r}-x86_64", "vmlinux.btf.xz")) for r in ("6.12", "7.3"))
OBJECTS = tuple(str(sample("objects", f"{n}.bpf.o")) for n in ("sockname_exit", "rstat_bare", "xdp_count"))


@pytest.fixture(scope="module")
def analysis() -> api.Analysis:
    return api.analyse([OLD], [NEW], OBJECTS)


def test_an_upgrade_is_analysed_and_decided(analysis: api.Analysis) -> None:
    assert [a.arch for a in analysis.arches] == ["x86_64"] and not analysis.problems
    assert api.decide(analysis).state is api.State.BLOCKED


def test_findings_and_matrix_are_frames(analysis: api.Analysis) -> None:
    found = api.findings(analysis)
    broken = found[found.verdict == "BREAKS"]
    assert set(broken.object) == {"rstat_bare.bpf.o"} and set(broken.kind) == {"kfunc"}
    table = api.matrix(analysis)
    assert (
        list(table.columns) == ["x86_64"]
        and table.loc[("sockname_exit.bpf.o", "sockname_result"), "x86_64"] == "SILENT"
    )


def test_usage_compare_and_path_are_frames(analysis: api.Analysis) -> None:
    files, problems = api.objects(*OBJECTS)
    assert len(files) == 3 and not problems
    used = api.usage(files).set_index("name")
    assert used.loc["cgroup_rstat_updated", "programs"] == 1
    same = api.compare(analysis, analysis)
    assert set(same.change) == {"unchanged"} and len(same) == len(set(same.key))
    path = api.path([analysis, analysis])
    assert path.iloc[0]["object"] == "rstat_bare.bpf.o" and path.iloc[0]["steps"] == "BREAKS BREAKS"


def test_reports_are_written_and_loaded(analysis: api.Analysis, tmp_path: Path) -> None:
    api.report(analysis, tmp_path / "r.json")
    assert api.load(tmp_path / "r.json") == analysis


def test_one_kernel_and_what_is_none() -> None:
    kernel = api.open_kernel(NEW)
    assert kernel.arch == "x86_64" and kernel.release.startswith("7.3")
    with pytest.raises(api.InputError):
        api.open_kernel("/there/is/nothing")
    with pytest.raises(api.InputError):
        api.open_kernel()


def test_the_api_costs_no_pandas_and_no_qt_before_a_frame_is_asked_for() -> None:
    code = "import sys, kfuncscope.api; print([m for m in ('pandas', 'PySide6', 'networkx') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_that_is_promised_is_there_and_documented() -> None:
    for name in api.__all__:
        assert getattr(api, name).__doc__, name
