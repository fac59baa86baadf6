# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kfunc registries of Debian's own kernels against what was measured on them. Asked for by ``-m packages``.

KFUNCSCOPE_PACKAGES names a folder that keeps the packages, KFUNCSCOPE_CORPUS the folder with the measured facts.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.binary.btfids import SET8_KFUNCS, KfuncSet, kfunc_sets, sets_in_image
from kfuncscope.kernel.binary.registration import registered
from kfuncscope.kernel.kernel import open_kernel
from kfuncscope.storage.files import KernelFiles
from support import packages

pytestmark = pytest.mark.packages

WANTED = {w.key: w for w in packages.KERNELS}
# Sets, sets with the flag of kfuncs, kfuncs, functions with the tag.
COUNTS = {
    "6.1-amd64": (6, 0, 42, 0),
    "6.12-amd64": (24, 23, 132, 132),
    "7.2-amd64": (42, 41, 308, 308),
    "7.3-amd64": (45, 44, 319, 319),
    "6.12-arm64": (24, 23, 132, 132),
    "7.3-arm64": (45, 44, 319, 319),
    "7.2-riscv64": (42, 41, 308, 308),
    "7.2-ppc64el": (42, 41, 308, 308),
    "7.2-s390x": (24, 23, 176, 176),
}
MODULES = {
    "6.1": {"nf_conntrack": 10, "nf_nat": 1, "tcp_bbr": 8, "tcp_dctcp": 6},
    "6.12": {"nf_conntrack": 10, "nf_nat": 1, "tcp_bbr": 8, "tcp_dctcp": 6, "fou": 2, "xfrm_interface": 2,
             "nf_flow_table": 1},
    "7.2": {"nf_conntrack": 10, "nf_nat": 1, "tcp_bbr": 8, "tcp_dctcp": 7, "fou": 2, "xfrm_interface": 2,
            "nf_flow_table": 1},
}  # fmt: skip
MODULES["7.3"] = MODULES["7.2"]
FMODRET_ONLY = {"bpf_fentry_test1", "bpf_modify_return_test", "bpf_modify_return_test2"}


def opened(package_folder: Path, key: str) -> tuple[KernelFiles, bytes, Blob]:
    (files,) = kernel_files(packages.fetch(package_folder, WANTED[key]))
    assert files.image is not None
    assert files.btf is not None
    return files, files.image(), Blob(files.btf, key)


def measured(corpus: Path, name: str) -> list[dict[str, Any]] | None:
    path = corpus / "facts" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def rows(blob: Blob, sets: list[KfuncSet], *, places: bool) -> list[dict[str, Any]]:
    """Sets in the form of the measured ones."""
    return [
        {
            "off": s.offset if places else 0,
            "cnt": len(s.members),
            "flags": s.flags,
            "kfuncs": {blob.name(i): flags for i, flags in s.members.items()},
        }
        for s in sets
    ]


@pytest.mark.parametrize("key", COUNTS)
@pytest.mark.parametrize("raw", [False, True], ids=["as it is", "as raw image"])
def test_sets_and_flags(package_folder: Path, corpus: Path, key: str, raw: bool) -> None:
    """kernels.md, section 3: every set, every member, every flag; without its ELF header an image is scanned."""
    _, image, blob = opened(package_folder, key)
    named = image[:4] == b"\x7fELF" and not raw
    if raw:
        image = bytes(4) + image[4:]
    tags = set(blob.tags("bpf_kfunc"))
    sets = sets_in_image(image, blob, tags)
    flagged = [s for s in sets if s.flags & SET8_KFUNCS]
    kfuncs = {i for s in kfunc_sets(sets) for i in s.members}
    assert (len(sets), len(flagged), len(kfuncs), len(tags)) == COUNTS[key]
    assert tags <= kfuncs
    facts = measured(corpus, f"kfunc_sets_{key}")
    if facts is not None:
        # Facts of raw images hold the flagged sets only, their places counted from elsewhere.
        all_of_them = len(facts) == len(sets)
        wanted = facts if named else [{**row, "off": 0} for row in facts]
        assert rows(blob, sets if all_of_them else flagged, places=named) == wanted


@pytest.mark.parametrize("key", ["6.1-amd64", "6.12-amd64", "7.3-amd64"])
def test_program_types(package_folder: Path, corpus: Path, key: str) -> None:
    """kernels.md, section 3d. The facts write ``?None`` for fmod_ret; 6.1's structure has no filter."""
    _, image, blob = opened(package_folder, key)
    sets = registered(image, blob, sets_in_image(image, blob, blob.tags("bpf_kfunc")))
    facts = measured(corpus, f"kfunc_registration_{key}")
    assert facts is not None
    found = [
        (s.offset, blob.name(min(s.members)), len(s.members), s.prog_types, s.filter)
        for s in sorted(sets, key=lambda s: s.offset)
    ]
    assert [row[:1] + row[2:4] for row in found] == [
        (f["off"], f["cnt"], frozenset(p.removeprefix("BPF_PROG_TYPE_") for p in f["progs"]) - {"?None"}) for f in facts
    ]
    assert all({blob.name(i) for i in s.members} >= {f["first"]} for s, f in zip(sets, facts, strict=True))
    assert [row[4] for row in found] == [f["filter"] and key != "6.1-amd64" for f in facts]


@pytest.mark.parametrize("key", COUNTS)
def test_registry(package_folder: Path, key: str) -> None:
    """Flags from the binary everywhere, types from x86-64 code, elsewhere from the release; modules by their sets."""
    files, _, _ = opened(package_folder, key)
    kernel = open_kernel(files)
    registry = kernel.kfuncs
    assert registry is not None
    assert registry.source == "binary"
    source = "binary" if kernel.arch == "x86_64" else "knowledge"
    assert Counter((k.source, k.flags_source, k.types_source) for k in registry.kfuncs.values()) == {
        ("binary", "binary", source): COUNTS[key][2]
    }
    assert registry.untagged == []
    assert {n for n, k in registry.kfuncs.items() if not k.prog_types} == (FMODRET_ONLY if COUNTS[key][3] else set())
    known = {**{n: f.flags for n, f in kernel.knowledge.kfuncs.items()}, **kernel.knowledge.fmodret}
    assert {n for n, k in registry.kfuncs.items() if known.get(n) != k.flags} == set()
    assert files.module_search is not None
    with_sets = files.module_search.with_sets()
    modules = {m: r for m in with_sets if (r := kernel.module_kfuncs(m)) is not None}
    assert {m: len(r.kfuncs) for m, r in modules.items()} == MODULES[key.split("-")[0]]
    assert {r.source for r in modules.values()} == {"binary"}
    assert all(k.prog_types and k.sets for r in modules.values() for k in r.kfuncs.values())
