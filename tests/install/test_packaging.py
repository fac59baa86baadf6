# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The wheel carries everything, the desktop files are valid, and the set-up scripts say what they cannot do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from kfuncscope import __version__
from kfuncscope.cli.main import parser
from kfuncscope.gui.app import APP_ID
from support import completions

ROOT = Path(__file__).resolve().parents[2]
SHARE = ROOT / "resources" / "share"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DESKTOP = SHARE / "applications" / f"{APP_ID}.desktop"
METAINFO = SHARE / "metainfo" / f"{APP_ID}.metainfo.xml"


def tool(name: str, package: str) -> str:
    """Path of a program that the test cannot do without."""
    found = shutil.which(name)
    assert found, f"{name} is not installed: sudo apt-get install -y --no-install-recommends {package}"
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"
    run = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return zipfile.ZipFile(folder / run.stdout.split()[-1])


def test_wheel_carries_resources_and_share(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    share = f"kfuncscope-{__version__}.data/data/share"
    for wanted in (
        "kfuncscope/resources/knowledge/kfuncs.json",
        "kfuncscope/py.typed",
        f"{share}/applications/{APP_ID}.desktop",
        f"{share}/metainfo/{APP_ID}.metainfo.xml",
        f"{share}/icons/hicolor/scalable/apps/{APP_ID}.svg",
        f"{share}/icons/hicolor/symbolic/apps/{APP_ID}-symbolic.svg",
    ):
        assert wanted in names
    assert not [n for n in names if n.startswith(("app/", "tests/")) or n.endswith(".pyc")]
    assert not [n for n in names if "sample_data" in n or "resources/screenshots" in n or "packaging" in n]
    # Every folder of resources is either in the wheel or named here.
    left_out = {"screenshots", "packaging", "share", "manual"}
    folders = {p.name for p in (ROOT / "resources").iterdir()} - left_out
    assert {n.split("/")[2] for n in names if n.startswith("kfuncscope/resources/")} == folders
    assert wheel.filename and Path(wheel.filename).stat().st_size < 5_000_000


def test_installed_package_finds_its_own_data(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    code = "from kfuncscope.resources import resource; print(resource('knowledge'))"
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run([sys.executable, "-c", code], cwd="/", env=env, check=True, capture_output=True, text=True)
    for line in run.stdout.splitlines():
        assert Path(line).is_dir()
        assert Path(line).is_relative_to(tmp_path)


def test_wheel_is_the_same_twice(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    build = "import sys, hatchling.build; hatchling.build.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    (again,) = tmp_path.glob("*.whl")
    assert wheel.filename and again.read_bytes() == Path(wheel.filename).read_bytes()


def test_desktop_file_is_valid_and_starts_the_window() -> None:
    validate = tool("desktop-file-validate", "desktop-file-utils")
    run = subprocess.run([validate, DESKTOP], capture_output=True, text=True)
    assert run.returncode == 0 and not run.stdout, run.stdout
    entry = dict(re.findall(r"^(\w+)=(.*)$", DESKTOP.read_text(), re.MULTILINE))
    assert entry["Exec"].split()[0] in PROJECT["gui-scripts"]
    assert entry["Icon"] == entry["StartupWMClass"] == APP_ID


def test_metainfo_is_valid_and_of_this_version() -> None:
    validate = tool("appstreamcli", "appstream")
    run = subprocess.run([validate, "validate", "--no-net", METAINFO], capture_output=True, text=True)
    faults = [line for line in run.stdout.splitlines() if line[:2] in ("E:", "W:")]
    # Newer versions miss a homepage: there is none to name.
    assert [f for f in faults if "url-homepage-missing" not in f] == []
    assert run.returncode == 0 or faults, run.stdout + run.stderr
    component = ET.parse(METAINFO).getroot()
    assert component.findtext("id") == APP_ID
    assert component.findtext("project_license") == PROJECT["license"]
    assert component.findtext("launchable") == DESKTOP.name
    release = component.find("releases/release")
    assert release is not None and release.get("version") == __version__
    scripts = {**PROJECT["scripts"], **PROJECT["gui-scripts"]}
    assert {b.text for b in component.iterfind("provides/binary")} == set(scripts)


@pytest.mark.parametrize("shell", completions.FILES)
def test_completions_offer_every_command_and_option(shell: str) -> None:
    """Help texts may differ until the next release; what can be typed may not."""
    text = completions.FILES[shell].read_text()
    options = {o for p in completions.parsers(parser()) for a in p._actions for o in a.option_strings if o[:2] == "--"}
    missing = [o for o in sorted(options) if not re.search(rf"(--|-l ){o[2:]}\b", text)]
    missing += [c for c in completions.commands(parser()) if not re.search(rf"\b{c}\b", text)]
    assert not missing, "run python tests/support/completions.py"


def test_man_page_has_every_command() -> None:
    page = (SHARE / "man" / "man1" / "kfuncscope.1").read_text()
    for name in completions.commands(parser()):
        assert re.search(rf"^\.B {name}\b", page, re.MULTILINE), name
    assert f'"kfuncscope {__version__}"' in page


def test_readme_names_scripts_that_are_there() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    commands = [line.strip() for line in lines if re.fullmatch(r" {4}\.ci/\w+", line)]
    assert commands == [".ci/demo", ".ci/test"]
    for script in (*commands, ".ci/run"):
        assert os.access(ROOT / script, os.X_OK)
        subprocess.run(["bash", "-n", ROOT / script], check=True)
    assert "/test" in (ROOT / ".ci" / "run").read_text()


def test_scripts_name_tests_that_exist() -> None:
    named = {
        path
        for script in (ROOT / ".ci").iterdir()
        for path in re.findall(r"\btests/[\w/]+(?:\.py)?", script.read_text(errors="replace"))
    }
    assert len(named) > 10 and [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_ci_job_of_the_readme_runs_as_written(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    job = text.split("```yaml\n")[1].split("```")[0]
    assert len(job.splitlines()) == 10
    command = next(line.removeprefix("    - ") for line in job.splitlines() if line.startswith("    - kfuncscope "))
    _stub(tmp_path, "kfuncscope", f'exec "{sys.executable}" -m kfuncscope.cli.main "$@"')
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    env["PYTHONPATH"] = str(ROOT / "app")
    run = subprocess.run(["bash", "-euc", command], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert run.returncode == 1, run.stderr
    for artifact in job.split("paths: [")[1].split("]")[0].split(", "):
        assert (tmp_path / artifact).stat().st_size > 1000


def _stub(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _want(folder: Path, *packages: str) -> str:
    script = f". {ROOT}/.ci/setup.sh; want {' '.join(packages)}"
    env = {"PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run(["bash", "-euc", script], env=env, check=True, capture_output=True, text=True).stderr


def test_set_up_names_what_it_may_not_install(tmp_path: Path) -> None:
    _stub(tmp_path, "dpkg-query", '[ "$4" = there ] && echo installed')
    _stub(tmp_path, "id", "echo 1000")
    _stub(tmp_path, "sudo", "exit 1")
    _stub(tmp_path, "apt-get", f"touch {tmp_path}/called")
    said = _want(tmp_path, "there", "libgone1", "libgone2")
    assert "sudo apt-get install -y --no-install-recommends libgone1 libgone2\n" in said
    assert not (tmp_path / "called").exists()


def test_set_up_installs_only_what_is_missing(tmp_path: Path) -> None:
    _stub(tmp_path, "dpkg-query", '[ "$4" = there ] && echo installed')
    _stub(tmp_path, "id", "echo 0")
    _stub(tmp_path, "apt-get", f'echo "$*" >>{tmp_path}/called')
    assert _want(tmp_path, "there") == ""
    assert not (tmp_path / "called").exists()
    assert "libgone1" in _want(tmp_path, "there", "libgone1")
    assert (tmp_path / "called").read_text().splitlines()[-1].endswith("--no-install-recommends libgone1")


def test_set_up_tells_when_installing_failed(tmp_path: Path) -> None:
    _stub(tmp_path, "dpkg-query", "exit 1")
    _stub(tmp_path, "id", "echo 0")
    _stub(tmp_path, "apt-get", "echo no network; exit 100")
    said = _want(tmp_path, "libgone1")
    assert "no network" in said
    assert "By hand: apt-get install -y --no-install-recommends libgone1" in said


def test_what_the_tests_need_is_asked_for_before_they_begin(tmp_path: Path) -> None:
    """With a tool or a header missing the script ends at once and says which; with all there it goes on in silence."""
    tools = ["bpftool", "clang", "llvm-strip", "git", "qpdf", "pdftotext", "desktop-file-validate", "appstreamcli"]
    for tool in tools:
        _stub(tmp_path, tool, "exit 0")
    (tmp_path / "bash").symlink_to(shutil.which("bash") or "")
    (tmp_path / "dirname").symlink_to(shutil.which("dirname") or "")

    def check(compiler: str) -> subprocess.CompletedProcess[str]:
        _stub(tmp_path, "gcc", f"exec </dev/null; {compiler}")
        script = f". {ROOT}/.ci/setup.sh; command() {{ [ -x {tmp_path}/$2 ]; }}; check_tools; echo went on"
        env = {"PATH": f"{tmp_path}"}
        return subprocess.run([shutil.which("bash") or "", "-euc", script], env=env, capture_output=True, text=True)

    whole = check("exit 0")
    assert (whole.returncode, whole.stdout, whole.stderr) == (0, "went on\n", "")
    without_header = check("exit 1")
    assert (without_header.returncode, without_header.stdout) == (1, "")
    assert without_header.stderr == "The tests need what is not here: bpf/libbpf.h\n"
    (tmp_path / "qpdf").unlink()
    assert check("exit 0").stderr == "The tests need what is not here: qpdf\n"


def test_a_minimal_system_is_asked_for_everything_in_one_line(tmp_path: Path) -> None:
    _stub(tmp_path, "dpkg-query", "exit 1")
    _stub(tmp_path, "id", "echo 1000")
    _stub(tmp_path, "sudo", "exit 1")
    _stub(tmp_path, "apt-get", "exit 1")
    script = f". {ROOT}/.ci/setup.sh; find_python() {{ return 1; }}; prepare libgone1"
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    ended = subprocess.run(["bash", "-euc", script], env=env, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "install -y --no-install-recommends python3 python3-venv libgone1\n" in ended.stderr
