# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What hostile files of at most 10 MB may cost: 300 MB of memory, a second or a few; and one clear error.

Each runs in a process of its own, whose highest memory the kernel tells.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import random
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from support import archivewriter as write
from support import kernelfiles as make
from support.bpfwriter import exit_, mov, object_bytes

MOST_MEMORY = 300 << 20
APP = Path(__file__).parents[2] / "app"
OBJECT = object_bytes("xdp", [mov(0, 2), exit_()])
MB = 1 << 20
LARGE = 288 * MB

_RUN = """
import sys
from kfuncscope.errors import InputError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.intake.objects import object_files
files, problems = object_files([sys.argv[1]])
print(len(files), *(f"{p.path}: {p.reason}" for p in problems), sep="\\n")
del files
try:
    kernels = kernel_files([sys.argv[1]])
    print(len(kernels), *(f"{p.path}: {p.reason}" for k in kernels for p in k.problems), sep="\\n")
except InputError as error:
    print(error)
print([line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1])
"""


def cost(path: Path) -> tuple[list[str], int, float]:
    """What the readers of objects and of kernels say of a file, their highest memory in bytes, and CPU seconds."""
    environment = os.environ | {"PYTHONPATH": str(APP), "XDG_CACHE_HOME": str(path.parent / "cache")}
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(path)], env=environment, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    after = os.times()
    assert done.returncode == 0, done.stderr[-2000:]
    *said, memory = done.stdout.strip().splitlines()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"{int(memory) >> 10} MB, {spent:.1f} s: {said}")
    return said, int(memory) << 10, spent


def zeros(megabytes: int, compress: Callable[[bytes], bytes]) -> bytes:
    """A compressed run of zeros, in streams of 16 MB, as all these formats may follow each other."""
    return compress(bytes(16 * MB)) * (megabytes // 16)


HOW: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, 1),
    "zst": zstandard.ZstdCompressor(level=1).compress,
}


def far_back(*parts: bytes) -> bytes:
    """Zstd data that may reach 128 MB back, as the kernel's build makes it (--ultra -22 of a size not known)."""
    settings = zstandard.ZstdCompressionParameters.from_level(1, window_log=27)
    stream = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    made = b"".join(stream.compress(part) for part in parts) + stream.flush()
    assert zstandard.get_frame_parameters(made).window_size == 128 * MB
    return made


def far_back_xz(*parts: bytes) -> bytes:
    """The same in xz, with the dictionary that the kernel's build asks for."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 128 * MB}]
    return lzma.compress(b"".join(parts), check=lzma.CHECK_CRC32, filters=filters)


def dictionary() -> bytes:
    """Xz data whose decoder would keep the last 201 MB: the block's header says so."""
    data = bytearray(lzma.compress(tar_header("a", 64 * MB) + bytes(64 * MB + 1024), preset=0))
    assert data[12:16] == b"\x02\x00\x21\x01"  # twelve bytes, one filter: LZMA2, of one byte of properties
    data[16] = 31
    data[20:24] = zlib.crc32(data[12:20]).to_bytes(4, "little")
    return bytes(data)


def tar_header(name: str, size: int) -> bytes:
    block = bytearray(512)
    block[: len(name)] = name.encode()
    block[100:108], block[124:136], block[156:157] = b"0000644\0", b"%011o\0" % size, b"0"
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 256 + sum(block[156:]))
    return bytes(block)


# What cannot be compressed comes first: a file of 8 MB may grow to more than one of 8 KB.
PAD = random.Random(1).randbytes(8 * MB)


def one_large(how: str) -> bytes:
    """A tar of one member of 288 MB that begins as a BPF object."""
    press = HOW[how]
    pad = tar_header("pad", len(PAD)) + PAD
    return press(pad + tar_header("a.bpf.o", LARGE) + OBJECT + bytes(-len(OBJECT) % 512)) + zeros(LARGE // MB, press)


def many(how: str) -> bytes:
    """A tar of forty objects of 8 MB, mostly zeros."""
    body = OBJECT + bytes(8 * MB - len(OBJECT) - 512)
    pad = HOW[how](tar_header("pad", len(PAD)) + PAD)
    objects: list[bytes] = []
    for n in range(40):
        other = bytearray(body)
        other[-1] = n
        objects.append(HOW[how](tar_header(f"{n}.bpf.o", len(body)) + bytes(other)))
    return pad + b"".join(objects) + HOW[how](bytes(1024))


def zipped(method: int, count: int, size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=1) as archive:
        for number in range(count):
            with archive.open(f"{number}.bpf.o", "w") as member:
                member.write(OBJECT + number.to_bytes(4, "big"))
                for _ in range(size // MB):
                    member.write(bytes(MB))
    return out.getvalue()


def crowded_zip() -> bytes:
    """A zip whose table names a file 200,000 times."""
    row = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    count = 200_000
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65_535, 65_535, len(row) * count, len(local), 0)
    return local + row * count + end


def blocks_of_zeros() -> bytes:
    """A deb whose data.tar.xz stands in blocks of 60 MB, which are decoded side by side."""
    plain = io.BytesIO()
    for number in range(3):
        plain.write(tar_header(f"usr/{number}", 60 * MB - 512) + bytes(60 * MB - 512))
    plain.write(bytes(1024) + PAD[:MB])
    whole = write.xz_in_blocks(plain.getvalue(), 60 * MB)
    return write.ar({"debian-binary": b"2.0\n", "control.tar.gz": write.tar({}, "gz"), "data.tar.xz": whole})


def nested() -> bytes:
    """Archives within archives, each held while what is in it is read."""
    inner = OBJECT
    for _ in range(3):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("a.bpf.o", OBJECT + bytes(30 * MB))
            archive.writestr("inner.zip", inner)
        inner = out.getvalue()
    return gzip.compress(write.tar({"inner.zip": inner}), 1)


def member_of_members() -> bytes:
    """A compressed object in a tar: small, smaller, and then 288 MB."""
    return write.tar({"pad": PAD, "a.bpf.o.gz": gzip.compress(OBJECT) + zeros(LARGE // MB, HOW["gz"])}, "gz")


def image() -> bytes:
    """A kernel image whose payload grows to 288 MB."""
    return write.bzimage(gzip.compress(make.vmlinux()) + zeros(LARGE // MB, HOW["gz"]) + PAD)


HOSTILE: dict[str, Callable[[], bytes]] = {
    **{f"one-large-member-{how}": lambda how=how: one_large(how) for how in ("gz", "zst")},
    "dictionary-of-200-MB": dictionary,
    **{f"many-objects-{how}": lambda how=how: many(how) for how in ("gz", "zst")},
    "zip-of-one": lambda: zipped(zipfile.ZIP_DEFLATED, 1, LARGE),
    "zip-of-many": lambda: zipped(zipfile.ZIP_DEFLATED, 40, 8 * MB),
    "zip-with-bzip2": lambda: zipped(zipfile.ZIP_BZIP2, 1, LARGE),
    "zip-of-200,000-names": crowded_zip,
    "deb-in-blocks": blocks_of_zeros,
    "archives-in-archives": nested,
    "compressed-member": member_of_members,
    "compressed-object": lambda: gzip.compress(OBJECT + PAD) + zeros(LARGE // MB, HOW["gz"]),
    "image": image,
    "image-that-reaches-far-back": lambda: write.bzimage(far_back(make.vmlinux(), PAD, *[bytes(MB)] * 288)),
    "image-that-reaches-far-back-in-xz": lambda: write.bzimage(far_back_xz(make.vmlinux(), PAD, bytes(288 * MB))),
    "object-that-reaches-far-back": lambda: far_back(OBJECT, PAD, *[bytes(MB)] * 288),
    "member-that-reaches-far-back": lambda: far_back(
        tar_header("pad", len(PAD)), PAD, tar_header("a.bpf.o", LARGE), OBJECT, *[bytes(MB)] * 288
    ),
    "image-in-a-package": lambda: write.tar({f"boot/vmlinuz-{make.RELEASE}": image()}),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_no_archive_of_10_megabytes_takes_300(what: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(HOSTILE[what]())
    assert path.stat().st_size <= 10 * MB
    said, memory, _ = cost(path)
    assert memory < MOST_MEMORY, f"{memory / MB:.0f} MB"
    assert any("hostile" in line for line in said), said


def test_what_is_usual_is_still_read(tmp_path: Path) -> None:
    """Forty objects of 1 MB that compress well, and a member of 100 MB."""
    path = tmp_path / "usual.tar.gz"
    files = {f"{n}.bpf.o": OBJECT + bytes(MB) + bytes([n]) for n in range(40)}
    path.write_bytes(write.tar({"large": bytes(100 * MB), **files}, "gz"))
    said, memory, _ = cost(path)
    assert said[0] == "40" and memory < MOST_MEMORY


@pytest.mark.parametrize("head", [b"", bytes(MB)])
@pytest.mark.parametrize("how", [far_back, far_back_xz], ids=["zstd", "xz"])
def test_a_small_kernel_that_reaches_far_back_is_read(how: Callable[..., bytes], head: bytes, tmp_path: Path) -> None:
    """Kernels of s390x and armhf are smaller than 10 MB; their payload stands behind code that no header describes."""
    path = tmp_path / "vmlinuz"
    payload = how(make.vmlinux(), PAD[:MB], bytes(20 * MB))
    path.write_bytes(head + payload if head else write.bzimage(payload))
    said, memory, _ = cost(path)
    assert said[-1] == "1" and memory < MOST_MEMORY


def test_a_member_without_room_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "mixed.tar.gz"
    path.write_bytes(write.tar({"large.bpf.o": OBJECT + bytes(120 * MB), "good.bpf.o": OBJECT}, "gz"))
    said, _, _ = cost(path)
    assert said[0] == "1" and "mixed.tar.gz:large.bpf.o: large.bpf.o is too large for an archive of" in said[1]


def test_a_sparse_file_is_refused_by_its_size(tmp_path: Path) -> None:
    """Two gigabytes that take no room on the disk: not a byte beyond the head is read."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(b"\x7fELF")
        file.truncate(2 << 30)
    said, memory, spent = cost(path)
    assert all("larger than the limit of" in line for line in said[1:]), said
    assert memory < 150 << 20 and spent < 3


def test_an_rpm_that_names_one_text_65000_times(tmp_path: Path) -> None:
    """Rows of its header may all point to one store of megabytes."""
    store = bytes(4 * MB)
    rows = struct.pack(">IIII", 1000, 6, 0, 1) * 65_000
    header = b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", 65_000, len(store)) + rows + store
    empty = b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", 0, 0)
    path = tmp_path / "hostile.rpm"
    path.write_bytes(b"\xed\xab\xee\xdb" + bytes(92) + empty + header + b"no payload")
    said, memory, spent = cost(path)
    assert "payload" in said[1] and memory < MOST_MEMORY and spent < 4
