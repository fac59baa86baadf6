# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One mutant against its tests, in a child of this process: libraries are loaded once, the engine in each child."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from types import ModuleType

import pytest

LIBRARIES = (
    "numpy",
    "pandas",
    "networkx",
    "jinja2",
    "msgspec",
    "elftools.elf.elffile",
    "PySide6.QtGui",
)
MEMORY = 6 << 30
FAILED = "failed: "


class End(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    TIME = "killed by its limit of time or memory"
    SURVIVED = "survived"
    UNTESTED = "survived: no test runs the line"


class _Source(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the mutated text for one module; nothing is written to the tree."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        self.name, self.path, self.text = name, path, text

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        package = self.path.name == "__init__.py"
        places = [str(self.path.parent)] if package else None
        return importlib.util.spec_from_file_location(name, self.path, loader=self, submodule_search_locations=places)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.text, str(self.path), "exec"), module.__dict__)


class _Only:
    """A plugin of pytest: of what was collected, the given tests in the given order (a file is all of its tests, a name
    all of its cases), and those not known before; without ``known`` only what was given."""

    def __init__(self, tests: Sequence[str], known: frozenset[str] | None) -> None:
        self.rank, self.known, self.failed = {t: i for i, t in enumerate(tests)}, known, ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        ranks = {i.nodeid: self._rank(i.nodeid) for i in items}
        kept = [i for i in items if ranks[i.nodeid] >= 0 or (self.known is not None and i.nodeid not in self.known)]
        items[:] = sorted(kept, key=lambda i: ranks[i.nodeid])

    def _rank(self, node: str) -> int:
        names = (node, node.partition("[")[0], node.partition("::")[0])
        return next((self.rank[name] for name in names if name in self.rank), -1)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed = self.failed or f"import of {report.nodeid}"


def load_libraries() -> None:
    """Import what every child needs and no mutant touches."""
    for name in LIBRARIES:
        importlib.import_module(name)


def run(
    root: Path, path: str, text: str, tests: Sequence[str], known: frozenset[str] | None, seconds: float
) -> tuple[End, str]:
    """Run the tests with ``path`` replaced by ``text``; at most ``seconds`` of the processor. What became of it, and
    the first test that failed. Raises RuntimeError when no test was to blame."""
    if not tests:
        return End.UNTESTED, ""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(root, path, text, tests, known, seconds, writer)
    os.close(writer)
    end = time.monotonic() + 8 * seconds
    while (waited := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.05)
    with os.fdopen(reader) as said:
        failed = said.read()
    status = waited[1]
    if os.WIFSIGNALED(status):
        return End.TIME, failed
    if os.WEXITSTATUS(status) == 0:
        return End.SURVIVED, ""
    if not failed.startswith(FAILED):
        raise RuntimeError(f"the tests of {path} did not run: {failed}")
    return End.KILLED, failed.removeprefix(FAILED)


def _child(
    root: Path, path: str, text: str, tests: Sequence[str], known: frozenset[str] | None, seconds: float, writer: int
) -> None:
    code = 99
    try:
        os.chdir(root)
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        name = path.removeprefix("app/").removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        sys.meta_path.insert(0, _Source(name, root / path, text))
        only = _Only(tests, known)
        files = sorted({t.partition("::")[0] for t in tests})
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov", "-p", "no:benchmark"]
        code = int(pytest.main([*options, *files], plugins=[only]))
        if only.failed:
            os.write(writer, (FAILED + only.failed).encode())
    except BaseException as broken:
        os.write(writer, repr(broken).encode())
    finally:
        sys.stdout.flush()
        os._exit(code)
