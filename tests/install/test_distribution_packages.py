# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Packages of distributions say what the project says: version, dependencies, what each part needs of Qt."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from test_packaging import APP_ID, PROJECT, ROOT, tool

from kfuncscope import __version__

FOLDER = ROOT / "resources" / "packaging"
PACKAGES = {"kfuncscope", "kfuncscope-gui", "kfuncscope-samples"}
CONTROL = (FOLDER / "debian" / "control").read_text()
FLATPAK = FOLDER / "org.kfuncscope.kfuncscope.yml"
SPEC = (FOLDER / "kfuncscope.spec").read_text()


def libraries() -> set[str]:
    return {re.split(r"[<>=]", d)[0].lower() for d in PROJECT["dependencies"]}


def test_version() -> None:
    assert (FOLDER / "debian" / "changelog").read_text().startswith(f"kfuncscope ({__version__}-")
    assert re.search(rf"^Version: +{re.escape(__version__)}$", SPEC, re.MULTILINE)


def test_packages_ask_for_the_libraries_of_the_project() -> None:
    built = set(re.findall(r"^ python3-(\w+) <!nocheck>,$", CONTROL, re.MULTILINE))
    assert built == libraries()
    assert {lib for line in re.findall(r"^BuildRequires: +(.*)$", SPEC, re.MULTILINE)
            for lib in re.findall(r"python3-(\w+)", line)} == libraries() | {"hatchling", "pip"}  # fmt: skip
    required = "\n".join(re.findall(r"^Requires: +(python3-.*)$", SPEC.split("%package")[0], re.MULTILINE))
    assert set(re.findall(r"python3-(\w+)", required)) == libraries()


def test_the_window_asks_for_every_part_of_qt_that_it_loads() -> None:
    loaded = set()
    for path in (ROOT / "app").rglob("*.py"):
        loaded |= set(re.findall(r"PySide6\.(Qt\w+)", path.read_text()))
    assert set(re.findall(r"python3-pyside6\.(\w+)", CONTROL)) == {part.lower() for part in loaded}


@pytest.mark.parametrize(
    "name",
    [
        "build-deb",
        "test-deb",
        "test-rpm",
        "debian/rules",
        "debian/tests/command-line",
        "debian/tests/window",
        "debian/tests/manual",
        "debian/tests/api",
    ],
)
def test_scripts_can_be_run(name: str) -> None:
    path = FOLDER / Path(name)
    assert os.access(path, os.X_OK)
    if name != "debian/rules":
        subprocess.run(["bash", "-n", path], check=True)


def test_what_the_packages_build_from_source_is_asked_for() -> None:
    """The sample objects and the manual are made where the package is built, with tools that it asks for."""
    rules = (FOLDER / "debian" / "rules").read_text()
    assert "programs/build.sh" in rules and "mkdocs build" in rules and "debian/objects" in rules
    asked = CONTROL.split("Package:")[0]
    assert all(f"\n {tool}" in asked for tool in ("clang", "llvm", "libbpf-dev", "mkdocs"))
    assert "programs/build.sh" in SPEC and "mkdocs build" in SPEC and "built/objects" in SPEC
    assert "clang, llvm, libbpf-devel\nBuildRequires:  mkdocs\n" in SPEC


def test_flatpak_manifest_is_of_this_application() -> None:
    manifest = yaml.safe_load(FLATPAK.read_text())
    assert manifest["id"] == APP_ID == FLATPAK.stem and manifest["command"] in PROJECT["gui-scripts"]
    (module,) = manifest["modules"]
    assert all("--no-index" in line for line in module["build-commands"]), "the build has no network"
    least = re.search(r"PySide6-Essentials>=([\d.]+)", " ".join(PROJECT["optional-dependencies"]["gui"]))
    assert least and float(manifest["base-version"]) >= float(least[1])


@pytest.mark.packages
def test_flatpak_builder_takes_the_manifest(tmp_path: Path) -> None:
    builder = tool("flatpak-builder", "flatpak-builder")
    run = subprocess.run([builder, "--show-manifest", FLATPAK], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0 and not run.stderr, run.stderr
    assert json.loads(run.stdout)["command"] == "kfuncscope-gui"


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where packages are built; unpacked roots stay for the next time in the folder that KFUNCSCOPE_PACKAGES names."""
    tool("mmdebstrap", "mmdebstrap")
    assert os.geteuid() == 0, "the test changes into roots, which only root may"
    kept = os.environ.get("KFUNCSCOPE_PACKAGES")
    return Path(kept) / "roots" if kept else tmp_path_factory.mktemp("roots")


def made_by(script: str, folder: Path) -> None:
    run = subprocess.run([FOLDER / script, folder], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="module")
def debian(roots: Path) -> Path:
    """The folder of the Debian packages, which were built in a clean root and worked in a fresh one."""
    made_by("test-deb", roots)
    return roots / "out"


@pytest.fixture(scope="module")
def rpms(roots: Path) -> Path:
    """The same of the RPM packages."""
    made_by("test-rpm", roots)
    return roots / "rpm"


@pytest.mark.packages
def test_debian_packages_are_built_in_a_clean_root_and_work_in_a_fresh_one(debian: Path) -> None:
    assert (debian / "lintian").read_text() == ""
    assert {p.name.split("_")[0] for p in debian.glob("*.deb")} == PACKAGES
    said = (debian / "tests").read_text()
    for test in ("command-line", "window", "manual", "api"):
        assert re.search(rf"^{test} +PASS", said, re.MULTILINE), test


@pytest.mark.packages
def test_rpm_packages_hold_what_those_of_debian_hold(rpms: Path, debian: Path) -> None:
    for name in PACKAGES:
        (deb,) = debian.glob(f"{name}_*.deb")
        listed = subprocess.run(["dpkg-deb", "--contents", deb], capture_output=True, text=True, check=True).stdout
        theirs = {line.split()[5].removeprefix(".") for line in listed.splitlines() if not line.startswith("d")}
        mine = (rpms / f"{name}.files").read_text().split()
        mine = [f for f in mine if not any(other.startswith(f"{f}/") for other in mine)]  # folders are in the list
        assert _installed(mine) == _installed(theirs), name
        assert len(mine) > 60


def _installed(files: Iterable[str]) -> set[str]:
    """Without the forms of each distribution: folder of modules, compressed pages, its own notes on the package."""
    plain = {re.sub(r"/usr/lib/python3[.\d]*/(site|dist)-packages/", "", f).removesuffix(".gz") for f in files}
    own = re.compile(r"/changelog|/copyright$|/lintian/|/README\.md$|/licenses/|/share/doc/[^/]+$|/share/licenses/")
    return {f.replace(f"/kfuncscope-{__version__}/html", "/kfuncscope/html") for f in plain if not own.search(f)}


@pytest.mark.packages
def test_rpm_packages_ask_for_what_they_need(rpms: Path) -> None:
    engine, window = ((rpms / f"kfuncscope{part}.requires").read_text().split("\n") for part in ("", "-gui"))
    assert {f"python3-{name}" for name in libraries()} <= set(engine)
    assert "python3-pyside6" in window and any(line.startswith(f"kfuncscope = {__version__}") for line in window)
    paths = {line for line in (*engine, *window) if line.startswith("/")}
    assert paths <= {"/bin/sh", "/usr/bin/python3"}, "the interpreter of the builder"
