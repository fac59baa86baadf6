# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Fetch the Debian packages of the package tests with apt: ``python tests/packages.py FOLDER``.

apt runs with lists, state and cache of its own inside FOLDER, for each suite and architecture, so the system's apt is
left alone and no root is needed. Packages that are there already are not fetched again.

The archives are those that this machine's apt uses, or that KFUNCSCOPE_DEBIAN and KFUNCSCOPE_DEBIAN_SECURITY name.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# The label of an archive, as its Release files have it, and the variable that names its address.
_ARCHIVE = ("Debian", "KFUNCSCOPE_DEBIAN")
_SECURITY = ("Debian-Security", "KFUNCSCOPE_DEBIAN_SECURITY")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

OBJECT_COUNTS = {
    "libbpf-tools": 57,
    "xdp-tools": 52,
    "libxdp1": 15,
    "udev-hid-bpf": 57,
    "libbpftune0": 30,
    "systemd": 1,
    "libsystemd-shared": 5,
    "pwru": 4,
    "bpftop": 1,
    "qemu-system-x86": 2,
    "suricata": 6,
    "opensnitch-ebpf-modules": 3,
}
"""BPF objects in packages of Debian sid, copies counted."""


@dataclass(frozen=True)
class Wanted:
    """Packages of one suite and architecture; ``names`` are patterns, of which the newest match is taken."""

    key: str
    suite: str
    arch: str
    names: tuple[str, ...]


def _split(release: str, arch: str) -> tuple[str, ...]:
    return tuple(rf"linux-{part}-{release}-{arch}" for part in ("binary", "base", "modules"))


FOREIGN_COUNTS = {
    "arm64": {"libbpf-tools": 57, "pwru": 4, "opensnitch-ebpf-modules": 3, "rsched": 1},
    "riscv64": {"xdp-tools": 52, "libsystemd-shared": 5, "rtc-testbench": 7},
    "i386": {"libbpftune0": 30, "bpfilter": 4},
    "s390x": {"udev-hid-bpf": 57, "libxdp1": 15, "libsystemd-shared": 5, "suricata": 6},
}
"""BPF objects in packages of other architectures of sid, counted by ELF headers of machine 247 in unpacked files."""

LITTLE_ON_BIG = {"ir-keytable": 9, "libknot16": 1}
"""Objects in s390x packages that were built little endian all the same, counted in the same way."""

KERNELS = (
    Wanted("6.1-amd64", "bookworm-security", "amd64", (r"linux-image-6\.1\.0-\d+-amd64",)),
    Wanted("6.12-amd64", "trixie", "amd64", (r"linux-image-6\.12\.\d+\+deb13-amd64",)),
    Wanted("7.2-amd64", "sid", "amd64", _split(r"7\.2\.\d+\+deb14", "amd64")),
    Wanted("7.3-amd64", "trixie-backports", "amd64", _split(r"7\.3\.\d+\+deb13", "amd64")),
    Wanted("6.12-arm64", "trixie", "arm64", (r"linux-image-6\.12\.\d+\+deb13-arm64",)),
    Wanted("7.3-arm64", "trixie-backports", "arm64", _split(r"7\.3\.\d+\+deb13", "arm64")),
    Wanted("7.2-s390x", "sid", "s390x", _split(r"7\.2\.\d+\+deb14", "s390x")),
    Wanted("7.2-ppc64el", "sid", "ppc64el", _split(r"7\.2\.\d+\+deb14", "powerpc64le")),
    Wanted("7.2-riscv64", "sid", "riscv64", _split(r"7\.2\.\d+\+deb14", "riscv64")),
    Wanted("7.2-armhf", "sid", "armhf", _split(r"7\.2\.\d+\+deb14", "armmp")),
)
OBJECTS = Wanted("objects", "sid", "amd64", tuple(OBJECT_COUNTS))
FOREIGN = tuple(Wanted(f"objects-{arch}", "sid", arch, tuple(counts)) for arch, counts in FOREIGN_COUNTS.items())
LITTLE = Wanted("objects-little", "sid", "s390x", tuple(LITTLE_ON_BIG))


def address(suite: str) -> str:
    """Address of the archive that has the suite. Raises LookupError where neither apt nor the environment tells."""
    label, variable = _SECURITY if suite.endswith("-security") else _ARCHIVE
    if given := os.environ.get(variable):
        return given
    ask = ["apt-get", "indextargets", "--format", "$(LABEL)\t$(REPO_URI)"]
    told = subprocess.run(ask, check=True, capture_output=True, text=True).stdout
    found = sorted({uri for name, _, uri in (line.partition("\t") for line in told.splitlines()) if name == label})
    if not found:
        raise LookupError(f"apt has no lists of the archive {label!r} here; name its address in {variable}")
    return found[0]


def _configure(root: Path, suite: str, arch: str) -> Path:
    """Write an apt configuration of its own for one suite and architecture, and fetch its lists once."""
    own = root / ".apt" / f"{suite}-{arch}"
    conf = own / "apt.conf"
    if conf.exists():
        return conf
    for folder in ("lists/partial", "state", "cache/archives/partial"):
        (own / folder).mkdir(parents=True, exist_ok=True)
    (own / "state/status").touch()
    (own / "suite.sources").write_text(
        f"Types: deb\nURIs: {address(suite)}\nSuites: {suite}\nComponents: main\n"
        f"Architectures: {arch}\nSigned-By: {_KEYRING}\n"
    )
    text = "\n".join(
        (
            f'APT::Architecture "{arch}";',
            f'APT::Architectures {{"{arch}";}};',
            f'Dir::State "{own}/state";',
            f'Dir::State::status "{own}/state/status";',
            f'Dir::State::Lists "{own}/lists";',
            f'Dir::Cache "{own}/cache";',
            f'Dir::Etc::sourcelist "{own}/suite.sources";',
            'Dir::Etc::sourceparts "-";',
            'Acquire::Languages "none";',
            'APT::Sandbox::User "root";',
        )
    )
    draft = own / "draft.conf"
    draft.write_text(text + "\n")
    subprocess.run(["apt-get", "-qq", "-c", draft, "-oAcquire::Retries=3", "update"], check=True)
    return draft.rename(conf)


def _newest(conf: Path, pattern: str) -> str:
    names = subprocess.run(["apt-cache", "-c", conf, "pkgnames"], check=True, capture_output=True, text=True).stdout
    found = [n for n in names.split() if re.fullmatch(pattern, n)]
    if not found:
        raise LookupError(f"no package matches {pattern}")
    return max(found, key=lambda n: [int(x) for x in re.findall(r"\d+", n)])


def fetch(root: Path, wanted: Wanted) -> list[Path]:
    """Paths of the wanted packages in ``root/KEY``, fetched where they are not there yet."""
    folder = root / wanted.key
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for pattern in wanted.names:
        have = [p for p in folder.glob("*.deb") if re.fullmatch(pattern, p.name.split("_")[0])]
        if not have:
            conf = _configure(root, wanted.suite, wanted.arch)
            name = _newest(conf, pattern)
            subprocess.run(["apt-get", "-qq", "-c", conf, "download", name], check=True, cwd=folder)
            have = [p for p in folder.glob("*.deb") if p.name.split("_")[0] == name]
        paths.append(max(have))
    return paths


def main() -> int:
    """Fetch all packages; one line for each, and a failure for those that could not be had."""
    root, failed = Path(sys.argv[1]).resolve(), 0
    for wanted in (*KERNELS, OBJECTS, *FOREIGN, LITTLE):
        try:
            for path in fetch(root, wanted):
                print(f"{wanted.key}\t{path.name}\t{path.stat().st_size}", flush=True)
        except (LookupError, subprocess.CalledProcessError) as error:
            print(f"{wanted.key}\tfailed: {error}", flush=True)
            failed += 1
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
