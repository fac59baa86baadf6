# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Engine and command line work without Qt, pandas and the sample data; what needs them says so in one sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "resources" / "packaging" / "samples"
DATA = ROOT / "sample_data"
PAIR = ["--old", str(DATA / "kernels" / "6.12-x86_64"), "--new", str(DATA / "kernels" / "7.3-x86_64")]
OBJECT = str(DATA / "objects" / "sockname_exit.bpf.o")


def build(project: Path, folder: Path) -> zipfile.ZipFile:
    code = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=project, check=True, capture_output=True, text=True
    )
    return zipfile.ZipFile(folder / run.stdout.split()[-1])


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine's wheel as it is installed, beside modules that stand for what is not."""
    folder = tmp_path_factory.mktemp("bare")
    build(ROOT, folder).extractall(folder / "site")
    for module in ("PySide6", "shiboken6", "pandas"):
        (folder / "site" / f"{module}.py").write_text(f"raise ModuleNotFoundError({module!r})\n")
    return folder / "site"


def run(site: Path, *words: str, module: str = "kfuncscope.cli.main") -> subprocess.CompletedProcess[str]:
    # find_spec answers as where nothing of Qt is installed; the wheel comes before the checkout.
    code = (
        "import sys, importlib.util as u\n"
        "real = u.find_spec\n"
        "gone = ('PySide6', 'shiboken6', 'pandas')\n"
        "u.find_spec = lambda name, *r: None if name.split('.')[0] in gone else real(name, *r)\n"
        f"sys.path.insert(0, {str(site)!r})\n"
        f"sys.argv[1:] = {list(words)!r}\n"
        f"from {module} import {'main' if module.endswith('main') else 'window'} as start\n"
        "import kfuncscope\n"
        f"assert kfuncscope.__file__.startswith({str(site)!r})\n"
        "sys.exit(start())"
    )
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"XDG_CACHE_HOME": str(site / "cache")}
    return subprocess.run([sys.executable, "-c", code], cwd="/", env=env, capture_output=True, text=True)


def test_commands_work_without_qt(bare: Path, tmp_path: Path) -> None:
    reports = [w for kind in ("html", "md", "csv", "json", "sarif", "xml", "svg", "dot", "graphml")
               for w in ("--report", str(tmp_path / f"r.{kind}"))]  # fmt: skip
    done = run(bare, "check", *PAIR, *reports, "--", OBJECT)
    assert done.returncode == 1 and "SILENT" in done.stdout, done.stderr
    assert all(path.stat().st_size for path in tmp_path.iterdir()) and len(list(tmp_path.iterdir())) == 9
    done = run(bare, "explain", f"{OBJECT}:sockname_result", *PAIR)
    assert done.returncode in (0, 1) and "R-7.10" in done.stdout, done.stderr
    done = run(bare, "kernel", "--gate", PAIR[3])
    assert done.returncode == 0 and "Kernel clear" in done.stdout, done.stderr


@pytest.mark.parametrize("kind", ["pdf", "png"])
def test_reports_that_qt_draws_are_refused_early(kind: str, bare: Path, tmp_path: Path) -> None:
    done = run(bare, "check", *PAIR, "--report", str(tmp_path / f"r.{kind}"), "--", OBJECT)
    assert done.returncode == 2 and done.stdout == ""
    assert "needs Qt, which is not installed: install it with pip install 'kfuncscope[gui]'" in done.stderr


@pytest.mark.parametrize("words", [["demo"], ["gui"], []])
def test_the_window_says_what_to_install(words: list[str], bare: Path) -> None:
    module = "kfuncscope.cli.main" if words else "kfuncscope.cli.commands.demo"
    done = run(bare, *words, module=module)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "pip install 'kfuncscope[gui]'" in done.stderr and "Traceback" not in done.stderr


def test_qt_without_the_window(bare: Path) -> None:
    """As where a distribution has PySide6 installed and kfuncscope-gui not."""
    code = (
        "import importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, *r: None if name == 'kfuncscope.gui' else real(name, *r)\n"
        "import sys; from kfuncscope.cli.main import main; sys.exit(main(['demo']))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "app")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 2 and "install the package kfuncscope-gui" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_demo_says_what_sample_data_to_install(bare: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(bare)!r})\n"
        "from kfuncscope.session.sample import sample_session\n"
        "from kfuncscope.errors import UsageError\n"
        "try: sample_session()\n"
        "except UsageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd="/", capture_output=True, text=True)
    assert "pip install kfuncscope-samples" in done.stdout, done.stderr


def test_sample_data_is_a_distribution_of_its_own(bare: Path, tmp_path: Path) -> None:
    wheel = build(SAMPLES, tmp_path)
    names = set(wheel.namelist())
    assert "kfuncscope_samples/kernels/6.12-x86_64/vmlinux.btf.xz" in names
    assert "kfuncscope_samples/kernels/PROVENANCE.md" in names
    files = {p.relative_to(DATA).as_posix() for p in DATA.rglob("*") if p.is_file()}
    assert {f"kfuncscope_samples/{f}" for f in files} <= names
    wheel.extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path[:0] = [{str(bare)!r}, {str(tmp_path / 'site')!r}]\n"
        "from kfuncscope.session.sample import sample_session\n"
        "print(sample_session().objects[0])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd="/", capture_output=True, text=True)
    assert done.stdout.strip() == str(tmp_path / "site" / "kfuncscope_samples" / "objects"), done.stderr


def test_the_engine_asks_for_no_qt_and_no_pandas() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {re.split(r"[<>=]", d)[0] for d in project["dependencies"]}
    assert not named & {"PySide6-Essentials", "PySide6", "pandas"}
    assert project["authors"] == [{"name": "kfuncscope developers"}]
    extras = project["optional-dependencies"]
    assert extras["test"][0] == "kfuncscope[gui,frames,docs,cluster]" and any("PySide6" in d for d in extras["gui"])
    versions = [c.rpartition(" ")[2] for c in project["classifiers"] if "Python :: 3." in c]
    assert versions[0] == project["requires-python"].removeprefix(">=") and "3.14" in versions
