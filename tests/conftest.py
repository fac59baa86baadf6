# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["KFUNCSCOPE_CONFIG"] = ""  # a user's own configuration changes no test
gc.set_threshold(50_000, 20, 20)  # as the command line: what is opened and judged stays


def _corpus() -> Path | None:
    given = os.environ.get("KFUNCSCOPE_CORPUS")
    return Path(given) if given and Path(given).is_dir() else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the marked tests whose inputs or time were not given; asked for by ``-m``, they run and fail loudly."""
    asked = config.getoption("-m") or ""
    left_out = {m for m in ("fuzz", "atheris", "packages", "qemu", "qt") if m not in asked}
    if _corpus() is None and "corpus" not in asked:
        left_out.add("corpus")
    out = [i for i in items if left_out & {m.name for m in i.iter_markers()}]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [i for i in items if i not in out]


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder with real kernels, objects and their verdicts (environment variable KFUNCSCOPE_CORPUS)."""
    found = _corpus()
    assert found is not None, "KFUNCSCOPE_CORPUS does not name a folder"
    return found


@pytest.fixture(scope="session")
def package_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Debian's packages are kept for the marked tests: KFUNCSCOPE_PACKAGES, else a folder of this run."""
    given = os.environ.get("KFUNCSCOPE_PACKAGES")
    return Path(given) if given else tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="session")
def guest_folder(package_folder: Path) -> Path:
    """The same for tests that boot guests; without QEMU they are skipped with a plain line."""
    for binary in ("qemu-system-x86_64", "qemu-system-aarch64"):
        if shutil.which(binary) is None:
            pytest.skip(f"{binary} is not installed: sudo apt-get install qemu-system-x86 qemu-system-arm")
    return package_folder


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests away from the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that is empty when the test begins; its folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kfuncscope"


@pytest.fixture(scope="module")
def shared(qapp: object) -> Iterator[object]:
    """The window with the demo's analysis, one for all tests of a module; each module puts it back as it wants it."""
    from support import analyses, windows  # Qt, which most tests do without

    with windows.window(analyses.demo()) as made:
        yield made


@pytest.fixture(scope="session", autouse=True)
def _one_application(qapp: object) -> None:
    """The application for windows is made before a report makes one that can only paint: a process has one."""
