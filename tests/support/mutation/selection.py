# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which tests see which line, and how long each takes: one run of the suite under coverage, kept in the session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import coverage
import pytest

from support.mutation.mutants import Mutant

TIMES = "KFUNCSCOPE_TEST_TIMES"
ROOMS = (  # rooms of tests that run the engine in their own process and need no window
    "rules", "kernel", "bpf", "upgrade", "decision", "promise", "session", "study", "api", "model", "knowledge",
    "report", "cli", "intake", "census",
)  # fmt: skip


class Times:
    """A plugin of pytest: seconds of each test that passed, none for one that did not, written to a file."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        told = {name: None if name in self.failed else round(s, 4) for name, s in self.seconds.items()}
        Path(os.environ[TIMES]).write_text(json.dumps(told))


def record(root: Path, session: Path) -> None:
    """Run the tests once under coverage, a context a test. Minutes."""
    rooms = [f"tests/{room}" for room in ROOMS if (root / "tests" / room).is_dir()]
    options = [
        "--continue-on-collection-errors",
        "--cov=kfuncscope",
        "--cov-config=/dev/null",
        "--cov-context=test",
        "--cov-report=",
    ]
    environment = os.environ | {TIMES: str(session / "times.json"), "COVERAGE_FILE": str(session / "coverage")}
    environment.pop("KFUNCSCOPE_CORPUS", None)
    command = [sys.executable, "-m", "pytest", "-p", "support.mutation.plugin", *options, *rooms]
    subprocess.run(command, cwd=root, env=environment, check=False)
    (session / "files.json").write_text(json.dumps(sorted(measured(root, session))))


def measured(root: Path, session: Path) -> set[str]:
    """The files that were run at all, relative to the root."""
    data = coverage.CoverageData(str(session / "coverage"))
    data.read()
    return {str(Path(f).relative_to(root)) for f in data.measured_files() if Path(f).is_relative_to(root)}


class Selection:
    """Answers which tests to run for a mutant. ``known`` are all tests there were, ``seconds`` those that can judge."""

    def __init__(self, root: Path, session: Path) -> None:
        self.root = root
        times: dict[str, float | None] = json.loads((session / "times.json").read_text())
        self.known = frozenset(times)
        self.seconds = {test: seconds for test, seconds in times.items() if seconds is not None}
        self._data = coverage.CoverageData(str(session / "coverage"))
        self._data.read()

    def tests(self, mutant: Mutant, budget: float) -> list[str]:
        """Tests that run the changed lines: those of the module's own room first, then the quickest, up to ``budget``
        seconds in all. A line that runs at import is seen by every test of the module."""
        contexts = self._data.contexts_by_lineno(str(self.root / mutant.path))
        lines = range(mutant.start[0], mutant.end[0] + 1)
        found = {c.partition("|")[0] for line in lines for c in contexts.get(line, ()) if c}
        if not found:
            found = {c.partition("|")[0] for listed in contexts.values() for c in listed if c}
        room = f"tests/{mutant.path.split('/')[2]}/"
        ranked = sorted(found & self.seconds.keys(), key=lambda t: (not t.startswith(room), self.seconds[t], t))
        chosen, spent = list[str](), 0.0
        for test in ranked:
            spent += self.seconds[test]
            if spent > budget and chosen:
                break
            chosen.append(test)
        return chosen
