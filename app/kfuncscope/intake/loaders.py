# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which loader a program or library has in it, and of which version (R-12.20): recognised by what its file holds.

Go programs name their modules in the build information and their packages in the line table; Rust programs the crates
in the texts of panics; programs and libraries in C need ``libbpf.so`` by name and by versions of symbols, or have a
copy of libbpf in them, whose messages tell the version.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from kfuncscope.knowledge.versions import Version, loaders
from kfuncscope.storage.files import UNKNOWN_LOADER, Loader, ObjectFile

NAMES = ("libbpf", "cilium", "aya", "bpftrace")
AUTO = "auto"
CHOICES = (*NAMES, AUTO)
_CILIUM = b"github.com/cilium/ebpf"
_CILIUM_VERSION = re.compile(rb"\tgithub\.com/cilium/ebpf\tv(\d{1,4}\.\d{1,4})")
_BPF = b"bpf"  # in every file that a loader can be recognised in

_BPF2GO = re.compile(r"_bpfe[lb](_[a-z0-9_]+)?\.o$")  # files of cilium/ebpf's generator: x_bpfel.o, x_x86_bpfel.o
_PUBLIC_BTF = (0, 9)  # package btf of cilium/ebpf, which was internal before
_AYA = b"/aya-"
_AYA_VERSION = re.compile(rb"/aya-(\d{1,4}\.\d{1,4})\.\d{1,4}/src/")
_NEEDED = re.compile(rb"\0libbpf\.so\.(\d{1,4})\0")
_SYMBOL_VERSION = re.compile(rb"\0LIBBPF_(\d{1,4}\.\d{1,4})\.\d{1,4}(?=\0)")


def chosen(texts: Iterable[str]) -> dict[str, str]:
    """Pattern → loader, of ``LOADER`` and ``PATTERN=LOADER`` as they are typed; patterns after that of all objects.

    Raises ValueError for an unknown loader.
    """
    found = {}
    for text in texts:
        pattern, _, name = text.rpartition("=")
        if name not in CHOICES:
            raise ValueError(f"unknown loader {name!r}; expected one of {', '.join(CHOICES)}")
        found[pattern or "*"] = name
    return dict(sorted(found.items(), key=lambda pair: pair[0] != "*"))


def loader_in(data: bytes, where: str) -> Loader:
    """The loader in a program or library; an empty one where there is none, or where nothing tells."""
    if data[:4] != b"\x7fELF" or (first := data.find(_BPF)) < 0:
        return UNKNOWN_LOADER
    first = max(0, first - len(_CILIUM))
    if data.find(_CILIUM, first) >= 0:
        return replace(_cilium(data), where=where)
    if version := _aya_version(data):
        return Loader("aya", version, version, where)
    if data.find(b"libbpf", first) >= 0 and (libbpf := _libbpf(data)).name:
        return replace(libbpf, where=where)
    return UNKNOWN_LOADER


def _aya_version(data: bytes) -> str:
    """The version in the first path of a panic in aya; empty where there is none."""
    # An expression alone would go through each byte, at a quarter of the speed.
    at = data.find(_AYA)
    while at >= 0:
        if found := _AYA_VERSION.match(data, at):
            return found[1].decode()
        at = data.find(_AYA, at + 1)
    return ""


def _cilium(data: bytes) -> Loader:
    if found := _CILIUM_VERSION.search(data):
        version = found[1].decode()
        return Loader("cilium", version, version)
    if _CILIUM + b"/internal/btf." in data:
        return Loader("cilium", "", _text((_PUBLIC_BTF[0], _PUBLIC_BTF[1] - 1)))
    return Loader("cilium", _text(_PUBLIC_BTF) if _CILIUM + b"/btf." in data else "", "")


def _libbpf(data: bytes) -> Loader:
    """A copy of libbpf by its messages; else the shared library that the program needs."""
    facts = loaders()["libbpf"]
    if (first := data.find(b"libbpf: ")) >= 0:
        found = {text.decode() for text in _messages().findall(data, first)}
        present = [
            v for v, texts in facts.marks.items() if any(one.startswith(text) for text in texts for one in found)
        ]
        if present:
            newest = max(present)
            return Loader("libbpf", _text(newest), _text(newest) if newest < max(facts.marks) else "")
        return Loader("libbpf")
    needed = _NEEDED.search(data)
    if needed is None:
        return UNKNOWN_LOADER
    versions = [tuple(map(int, v.split(b"."))) for v in _SYMBOL_VERSION.findall(data)]
    last = facts.last_of_so.get(needed[1].decode())
    return Loader("libbpf", _text(max(versions)) if versions else "", _text(last) if last else "")


@cache
def _messages() -> re.Pattern[bytes]:
    """The messages that tell a version, as one expression: a program has megabytes to look through for each."""
    texts = {text.encode() for texts in loaders()["libbpf"].marks.values() for text in texts}
    # The longest first: one may begin as another does.
    return re.compile(b"|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)))


def _text(version: Version) -> str:
    return ".".join(map(str, version))


def together(found: Iterable[Loader]) -> Loader:
    """The loader of a package in which these were found: that which all are, at its best known version.

    A library beside a program that needs it tells more than the program does.
    """
    listed = [one for one in found if one.name]
    if len({one.name for one in listed}) != 1:
        return UNKNOWN_LOADER
    return max(listed, key=lambda one: (bool(one.newest) and one.oldest == one.newest, bool(one.newest), one.oldest))


def named_for(paths: Iterable[str]) -> Loader:
    """The loader that files are named for: bpf2go, which comes with cilium/ebpf, ends names in ``_bpfel.o``."""
    names = [path.rpartition("/")[2] for path in paths]
    generated = bool(names) and all(_BPF2GO.search(name) for name in names)
    return Loader("cilium", where=names[0]) if generated else UNKNOWN_LOADER


def with_choices(files: Iterable[ObjectFile], choices: Mapping[str, str]) -> list[ObjectFile]:
    """The objects with the loaders that a person chose: patterns of object, package or path → loader, the last wins."""
    made = []
    for file in files:
        names = {file.name, *(p.package for p in file.places), *(p.package.partition(" ")[0] for p in file.places)}
        names |= {p.path for p in file.places}
        for pattern, name in choices.items():
            if any(fnmatch.fnmatchcase(one, pattern) for one in names if one or pattern == "*"):
                file = replace(file, loader=_chosen(file.loader, name))
        made.append(file)
    return made


def _chosen(told: Loader, name: str) -> Loader:
    if name == AUTO:
        return told
    return replace(told, chosen=True) if told.name == name else Loader(name, chosen=True)
