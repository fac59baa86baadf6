# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real kernels: counts as measured, every type as bpftool reads it, every module opens on its vmlinux."""

from __future__ import annotations

import json
import lzma
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kfuncscope.btf.blob import Blob
from kfuncscope.btf.declare import CUT, declare
from kfuncscope.btf.layout import COMPOSITES, ENUMS, Kind
from kfuncscope.btf.summary import summarize

pytestmark = pytest.mark.corpus

COLUMNS = ("size", "header", "types", "string_bytes", "big_endian", "kfunc_tags", "fastcall_tags", "tracepoints",
           "lsm_functions", "iter_functions", "iter_structs", "helper_max", "sorted", "repeated_functions")  # fmt: skip
# Measured on the kernels by other means (bpftool and readelf).
TABLE = """
6.1-amd64    4359789 24 100750 1794309 LE   0 0 639 244  76 16 209 n 404
6.1-arm64    4820595 24 109496 2008547 LE   0 0 597 244  73 16 209 n 141
6.12-amd64   4964214 24 113665 2069254 LE 132 0 772 273  99 17 211 n 0
6.12-arm64   5641065 24 127357 2373809 LE 132 0 741 273  99 17 211 n 0
6.12-ppc64el 4304647 24  98657 1793231 LE 132 0 690 273  99 17 211 n 0
6.12-riscv64 4370723 24 100503 1813551 LE 132 0 675 273  99 17 211 n 0
6.12-s390x   3847456 24  88137 1576420 BE  96 0 591   0  99 17 211 n 0
6.17-amd64   5172032 24 118406 2156212 LE 243 2 779 276 114 19 211 n 0
7.2-amd64    5440252 24 124639 2273004 LE 308 2 858 281 113 19 211 y 0
7.2-ppc64el  4718217 24 107841 1972857 LE 308 2 760 281 113 19 211 y 0
7.2-riscv64  4853002 24 111942 2015750 LE 308 2 742 281 114 19 211 y 0
7.2-s390x    4113383 24  93592 1693647 BE 176 2 638   0 109 19 211 y 0
7.3-amd64    5547854 24 127424 2317542 LE 319 2 875 281 116 19 211 y 0
7.3-arm64    6663535 24 146000 2774259 LE 319 2 867 281 116 19 211 y 0
"""
KIND_TABLE = """
6.1-amd64    15 12403 2997  8721 1434 1849 114 1840 20 2735  2 44546 23684 380 1 2   0 0  7
6.1-arm64    14 13973 3435  9559 1534 1991 105 1834 16 3368  2 48042 25309 303 1 2   0 0  8
6.12-amd64   15 13814 3265  9894 1704 2153 117 2149 21 3180  3 50277 26543 388 1 2 132 0  7
6.12-arm64   15 15964 4274 11088 1834 2410 104 2181 22 4516  3 55608 28873 322 1 2 132 0  8
6.12-ppc64el 15 12182 2733  8066 1419 1977 105 1891 31 2694  5 43344 23765 280 1 2 132 0 15
6.12-riscv64 15 12576 2727  8498 1421 1951  98 1968 14 2873  3 43723 24240 256 1 1 132 0  6
6.12-s390x   15 11234 2477  7689 1323 1783  97 1803 17 2420  5 37841 21105 223 1 2  96 0  6
6.17-amd64   15 14512 3363 10319 1769 2260 125 2215 21 3374 10 52096 27652 413 1 1 245 0 15
7.2-amd64    15 15412 3529 10972 1930 2411 124 2369 19 3584 10 54616 28887 426 1 1 310 1 22
7.2-ppc64el  15 13470 2927  8947 1600 2212 112 2074 30 3043 10 46940 25819 305 1 2 310 1 23
7.2-riscv64  15 14146 3050  9552 1606 2208 103 2177 12 3350 10 48305 26792 286 1 1 310 1 17
7.2-s390x    15 12172 2665  8320 1479 1981 107 1929 15 2709 10 39523 22244 234 1 2 178 1  7
7.3-amd64    15 15633 3463 11083 1963 2438 128 2388 19 3633 10 56129 29744 427 1 1 321 5 23
7.3-arm64    19 18126 5223 12556 2164 2878 115 2453 20 5742 10 63336 32661 350 1 4 321 5 16
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
KERNELS = [row[0] for row in ROWS]
KIND_ROWS = {row[0]: [int(n) for n in row[1:]] for row in map(str.split, KIND_TABLE.strip().splitlines())}


@cache
def vmlinux(corpus: Path, kernel: str) -> Blob:
    """Opened once for all tests of this file."""
    return Blob(lzma.decompress((corpus / "kernels" / kernel / "vmlinux.btf.xz").read_bytes()), kernel)


def test_every_kernel_of_the_corpus_is_in_the_table(corpus: Path) -> None:
    assert sorted(p.name for p in (corpus / "kernels").iterdir()) == sorted(KERNELS)


@pytest.mark.parametrize("row", ROWS, ids=KERNELS)
def test_counts(corpus: Path, row: list[str]) -> None:
    found = summarize(vmlinux(corpus, row[0]))
    wanted = [{"LE": False, "BE": True, "n": False, "y": True}.get(text, text) for text in row[1:]]
    assert [str(getattr(found, column)) for column in COLUMNS] == [str(value) for value in wanted]
    kinds = [found.kinds.get(kind.name, 0) for kind in Kind if kind]
    assert kinds == KIND_ROWS[row[0]]
    assert sum(kinds) == found.types


@pytest.mark.parametrize("kernel", KERNELS)
def test_all_modules_open_on_their_vmlinux(corpus: Path, kernel: str) -> None:
    base = vmlinux(corpus, kernel)
    for path in sorted((corpus / "kernels" / kernel).glob("modules/*.btf.xz")):
        module = Blob(lzma.decompress(path.read_bytes()), path.name, base)
        assert module.start_id == len(base)
        assert module.own_count > 0
        name = next(module.name(i) for i in module.own_ids(Kind.FUNC))
        assert module.kind(module.find(name, Kind.FUNC)[-1]) == Kind.FUNC
        if path.name.startswith("nf_conntrack"):
            assert all(declare(module, i) for i in module)


def bpftool_types(data: bytes, tmp_path: Path, base: bytes = b"") -> list[dict[str, Any]]:
    tool = shutil.which("bpftool") or shutil.which("bpftool", path="/usr/sbin:/sbin")
    assert tool is not None, "bpftool is not installed (Debian package bpftool): its reading is what this test compares"
    command = [tool, "-j"]
    (tmp_path / "file.btf").write_bytes(data)
    if base:
        (tmp_path / "base.btf").write_bytes(base)
        command += ["-B", str(tmp_path / "base.btf")]
    command += ["btf", "dump", "file", str(tmp_path / "file.btf")]
    done = subprocess.run(command, capture_output=True, check=True)
    types: list[dict[str, Any]] = json.loads(done.stdout)["types"]
    return types


def enumerator_value(blob: Blob, type_id: int, value: int) -> int:
    """bpftool's JSON extends the sign of 32-bit values even where the enum is unsigned (its plain text does not)."""
    unsigned = blob.kind(type_id) == Kind.ENUM and not blob.kind_flag(type_id)
    return value + 0xFFFFFFFF_00000000 if unsigned and value >> 31 else value


LINKAGE = ("static", "global", "extern")


def as_bpftool(blob: Blob, type_id: int) -> dict[str, Any]:
    """One type in the words of ``bpftool -j btf dump``."""
    kind = Kind(blob.kind(type_id))
    row: dict[str, Any] = {"id": type_id, "kind": kind.name, "name": blob.name(type_id) or "(anon)"}
    if kind == Kind.INT:
        encoding = blob.int_(type_id)
        names = {0: "(none)", 1: "SIGNED", 2: "CHAR", 4: "BOOL"}
        row |= {"size": blob.ref(type_id), "bits_offset": encoding.offset, "nr_bits": encoding.bits,
                "encoding": names[encoding.encoding]}  # fmt: skip
    elif kind == Kind.ARRAY:
        array = blob.array(type_id)
        row |= {"type_id": array.type, "index_type_id": array.index_type, "nr_elems": array.nelems}
    elif kind in COMPOSITES:
        members = []
        for member in blob.members(type_id):
            entry = {"name": member.name or "(anon)", "type_id": member.type, "bits_offset": member.bit_offset}
            if member.bit_size:
                entry["bitfield_size"] = member.bit_size
            members.append(entry)
        row |= {"size": blob.ref(type_id), "vlen": blob.vlen(type_id), "members": members}
    elif kind in ENUMS:
        values = [{"name": e.name or "(anon)", "val": enumerator_value(blob, type_id, e.value)}
                  for e in blob.enumerators(type_id)]  # fmt: skip
        encoding_text = "SIGNED" if blob.kind_flag(type_id) else "UNSIGNED"
        row |= {"size": blob.ref(type_id), "encoding": encoding_text, "vlen": blob.vlen(type_id), "values": values}
    elif kind == Kind.FWD:
        row["fwd_kind"] = "union" if blob.kind_flag(type_id) else "struct"
    elif kind == Kind.FUNC:
        row |= {"type_id": blob.ref(type_id), "linkage": LINKAGE[blob.linkage(type_id)]}
    elif kind == Kind.FUNC_PROTO:
        params = [{"name": p.name or "(anon)", "type_id": p.type} for p in blob.params(type_id)]
        row |= {"ret_type_id": blob.ref(type_id), "vlen": blob.vlen(type_id), "params": params}
    elif kind == Kind.VAR:
        row |= {"type_id": blob.ref(type_id), "linkage": LINKAGE[blob.linkage(type_id)]}
    elif kind == Kind.DATASEC:
        variables = [{"type_id": v.type, "offset": v.offset, "size": v.size} for v in blob.secvars(type_id)]
        row |= {"size": blob.ref(type_id), "vlen": blob.vlen(type_id), "vars": variables}
    elif kind == Kind.FLOAT:
        row["size"] = blob.ref(type_id)
    elif kind == Kind.DECL_TAG:
        row |= {"type_id": blob.ref(type_id), "component_idx": blob.component(type_id)}
    else:
        row["type_id"] = blob.ref(type_id)
    return row


@pytest.mark.parametrize("kernel", ["6.12-amd64", "7.2-s390x"])
def test_every_type_is_as_bpftool_reads_it(corpus: Path, tmp_path: Path, kernel: str) -> None:
    blob = vmlinux(corpus, kernel)
    theirs = bpftool_types(blob.data, tmp_path)
    assert len(theirs) == len(blob) - 1
    for their in theirs:
        assert as_bpftool(blob, their["id"]) == their


def test_every_type_of_a_module_is_as_bpftool_reads_it(corpus: Path, tmp_path: Path) -> None:
    base = vmlinux(corpus, "6.12-s390x")
    path = corpus / "kernels" / "6.12-s390x" / "modules" / "nf_conntrack.btf.xz"
    module = Blob(lzma.decompress(path.read_bytes()), path.name, base)
    theirs = bpftool_types(module.data, tmp_path, base.data)
    assert [row["id"] for row in theirs] == list(module)
    assert [as_bpftool(module, i) for i in module] == theirs


@pytest.mark.parametrize("kernel", ["6.1-amd64", "7.2-s390x"])
def test_every_type_can_be_printed_and_found_by_its_name(corpus: Path, kernel: str) -> None:
    blob = vmlinux(corpus, kernel)
    for type_id in blob:
        text = declare(blob, type_id)
        assert text
        assert CUT not in text
    for type_id in range(1, len(blob), 5):
        name = blob.name(type_id)
        assert not name or type_id in blob.find(name, Kind(blob.kind(type_id)))
