# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Packages of distributions say what the project says: version, dependencies, what each part needs of Qt."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from test_packaging import APP_ID, PROJECT, ROOT, tool

from kfuncscope import __version__

FOLDER = ROOT / "resources" / "packaging"
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
        "debian/rules",
        "debian/tests/command-line",
        "debian/tests/window",
        "debian/tests/manual",
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


@pytest.mark.packages
def test_rpms_are_built_and_hold_their_files(tmp_path: Path) -> None:
    build = tool("rpmbuild", "rpm")
    name = f"kfuncscope-{__version__}"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    (tmp_path / "SOURCES").mkdir()
    archive = tmp_path / "SOURCES" / f"{name}.tar.gz"
    subprocess.run(
        ["tar", "-czf", archive, "--null", "-T", "-", f"--transform=s,^,{name}/,"], cwd=ROOT, input=files, check=True
    )
    run = subprocess.run(
        [build, "-bb", "--nodeps", "--define", f"_topdir {tmp_path}",
         FOLDER / "kfuncscope.spec"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    listed = {}
    for rpm in (tmp_path / "RPMS").rglob("*.rpm"):
        query = subprocess.run(["rpm", "-qlp", rpm], capture_output=True, text=True, check=True)
        listed[rpm.name.split(f"-{__version__}")[0]] = query.stdout.split()
    assert set(listed) == {"kfuncscope", "kfuncscope-gui", "kfuncscope-samples"}
    engine, window, samples = (listed[one] for one in sorted(listed))
    assert "/usr/bin/kfuncscope" in engine and "/usr/bin/kfuncscope-gui" in window
    assert any("/man1/kfuncscope-check.1" in f for f in engine)
    assert not [f for f in engine if "/kfuncscope/gui" in f] and any("/kfuncscope/gui/app.py" in f for f in window)
    assert any(f.endswith("kernels/6.12-x86_64/vmlinux.btf.xz") for f in samples)
    assert any("/mime/packages/" in f for f in window)
    assert not set(engine) & set(window) and not [f for f in (*engine, *window, *samples) if str(tmp_path) in f]


@pytest.mark.packages
def test_debian_packages_are_built_in_a_clean_root_and_work_in_a_fresh_one(tmp_path: Path) -> None:
    """KFUNCSCOPE_PACKAGES names a folder in which the unpacked roots are kept for the next time."""
    tool("mmdebstrap", "mmdebstrap")
    assert os.geteuid() == 0, "the test changes into roots, which only root may"
    folder = Path(os.environ.get("KFUNCSCOPE_PACKAGES", tmp_path)) / "roots"
    run = subprocess.run([FOLDER / "test-deb", folder], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (folder / "out" / "lintian").read_text() == ""
    made = {p.name.split("_")[0] for p in (folder / "out").glob("*.deb")}
    assert made == {"kfuncscope", "kfuncscope-gui", "kfuncscope-samples"}
