# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every reader on damaged inputs: one InputError or an answer, in bounded time and memory.

A hundred inputs each in the usual run. ``-m fuzz`` goes on for KFUNCSCOPE_FUZZ_SECONDS (600) processor seconds each
with mutations, ``-m atheris`` as long with inputs that coverage guides; ``.ci/fuzz`` sets up and runs both.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.fuzztargets import Target, targets
from support.mutate import drive

NAMES = sorted(targets(Path()))
SLOW = {"xzblocks", "kallsyms"}
SECONDS = float(os.environ.get("KFUNCSCOPE_FUZZ_SECONDS", "600"))


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path, own_cache: Path) -> Target:
    return targets(tmp_path)[request.param]


@pytest.mark.parametrize("target", NAMES, indirect=True)
def test_mutated_inputs(target: Target, request: pytest.FixtureRequest) -> None:
    seeds = target.seeds()
    for seed in seeds:
        target.read(seed)  # the unchanged inputs are sound
    slow = request.node.callspec.params["target"] in SLOW
    tried, refused = drive(target.read, seeds, count=12 if slow else 120)
    assert tried > 0
    assert refused < tried


@pytest.mark.fuzz
@pytest.mark.parametrize("target", NAMES, indirect=True)
def test_mutated_inputs_for_long(target: Target, request: pytest.FixtureRequest) -> None:
    seed = int(os.environ.get("KFUNCSCOPE_FUZZ_SEED", "1"))
    tried, refused = drive(target.read, target.seeds(), seconds=SECONDS, seed=seed)
    print(f"{request.node.callspec.id}: {tried} inputs, {refused} refused, in {SECONDS:.0f} s")


@pytest.mark.atheris
@pytest.mark.parametrize("name", NAMES)
def test_inputs_guided_by_coverage(name: str, tmp_path: Path) -> None:
    here = Path(__file__).parents[1]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(p for p in (*sys.path, os.environ.get("PYTHONPATH")) if p),
    }
    done = subprocess.run(
        [sys.executable, "-m", "support.coverfuzz", name, str(SECONDS), str(tmp_path)],
        cwd=here, env=environment, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    print(done.stdout.strip().splitlines()[-1])
