# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Small archives of packages with their indexes, as Debian and rpm distributions lay them out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

from kfuncscope.resources import sample
from support.archivewriter import compress

OBJECTS = sorted(path.read_bytes() for path in sample("objects").rglob("*.bpf.o"))
"""Real objects, small ones."""


def paragraph(file: str, data: bytes, *, name: str = "", version: str = "1.0-1", arch: str = "amd64") -> str:
    """An entry of a Packages file."""
    return (
        f"Package: {name or file.rpartition('/')[2].partition('_')[0]}\nVersion: {version}\nArchitecture: {arch}\n"
        f"Depends: libc6 (>= 2.36)\nDescription: for tests\n more: text\n"
        f"Filename: {file}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
    )


def packages_index(entries: Mapping[str, bytes], how: str = "") -> bytes:
    """A Packages file of files and what they hold."""
    return compress("\n".join(paragraph(file, data) for file, data in entries.items()).encode(), how)


def debian_archive(root: Path, packages: Mapping[str, bytes], how: str = "xz") -> Path:
    """``pool/`` and ``dists/`` below ``root``, of packages by file name; the path of the index."""
    entries = {}
    for name, data in packages.items():
        file = f"pool/main/{name[0]}/{name}"
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(data)
        entries[file] = data
    index = root / "dists" / "test" / "main" / "binary-amd64" / f"Packages{'.' * bool(how)}{how}"
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_bytes(packages_index(entries, how))
    return index


def primary(entries: Mapping[str, bytes], how: str = "gz") -> bytes:
    """A primary.xml as createrepo writes it."""
    rows = "".join(
        f'<package type="rpm"><name>{Path(file).name.partition("-")[0]}</name><arch>x86_64</arch>'
        f'<version epoch="0" ver="1.0" rel="1.fc44"/><checksum type="sha256" pkgid="YES">'
        f"{hashlib.sha256(data).hexdigest()}</checksum><summary>a &amp; b</summary>"
        f'<size package="{len(data)}" installed="9" archive="9"/><location href={quoteattr(file)}/>'
        f"<format><name>not this one</name></format></package>"
        for file, data in entries.items()
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<metadata xmlns="http://linux.duke.edu/metadata/common" '
        f'xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="{len(entries)}">{rows}</metadata>\n'
    )
    return compress(text.encode(), how)
