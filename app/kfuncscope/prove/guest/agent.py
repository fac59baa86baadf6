# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Process 1 of the guest, as every agent needs it: file systems, modules, the wire, and the end.

It runs from the initramfs, where nothing is but Python's standard library and what the plan brings. It avoids ``re``
and ``json`` because importing them takes a second under emulation.

Every record is one line: ``@kfs LENGTH CRC32 JSON``, both numbers in hex (see prove.wire).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import time
import zlib
from _json import make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Plan = dict[str, Any]

LINE = 400  # characters of a line that are kept
MOUNTS = (
    ("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys"), ("bpf", "/sys/fs/bpf"),
    ("tracefs", "/sys/kernel/tracing"), ("debugfs", "/sys/kernel/debug"), ("cgroup2", "/sys/fs/cgroup"),
)  # fmt: skip


# -- the wire


def quoted(value: object) -> str:
    """``value`` (dict, list, str, int, bool or None) as ASCII JSON."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{quoted(str(k))}:{quoted(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(quoted, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    return '"' + "".join(_escaped(ord(c)) for c in str(value)) + '"'


def _escaped(code: int) -> str:
    """One character in a JSON text; the codec of UTF-16, which has surrogates, is not packed."""
    if code > 0xFFFF:
        return _escaped(0xD800 + (code - 0x10000 >> 10)) + _escaped(0xDC00 + (code - 0x10000 & 0x3FF))
    return chr(code) if 32 <= code < 127 and code not in (34, 92) else f"\\u{code:04x}"


def line_of(record: dict[str, object]) -> bytes:
    """A record as it goes over the wire."""
    body = quoted(record).encode("ascii")
    return b"@kfs %x %08x %s\n" % (len(body), zlib.crc32(body), body)


class Wire:
    """Writes records to a file descriptor."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def send(self, kind: str, **fields: object) -> None:
        """Write one record; a tty takes a long line in pieces."""
        data = line_of({"r": kind, **fields})
        while data:
            data = data[os.write(self.fd, data) :]


# -- process 1


def mount_all(libc: ctypes.CDLL) -> None:
    """Mount what libbpf and the kernel's answers need; a file system that this kernel lacks is left out."""
    for kind, place in MOUNTS:
        if not os.path.isdir(place):
            os.makedirs(place, exist_ok=True)
        libc.mount(kind.encode(), place.encode(), kind.encode(), 0, None)


def insert_modules(libc: ctypes.CDLL, wire: Wire, plan: Plan) -> None:
    """Insert the modules in their order; one that fails is reported and the rest goes on."""
    for path in plan["modules"]:
        fd = os.open(path, os.O_RDONLY)
        ctypes.set_errno(0)
        if libc.syscall(plan["finit_module"], fd, b"", 0) < 0 and ctypes.get_errno() != 17:  # EEXIST
            wire.send("module", name=os.path.basename(path), error=-ctypes.get_errno())
        os.close(fd)


def described(error: BaseException) -> str:
    """An exception with its places, in one line."""
    places, trace = [], error.__traceback__
    while trace:
        places.append(f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__}: {error} ({' '.join(places[-6:])})"[:LINE]


class JsonReading:
    """How the interpreter's own scanner reads JSON: as ``json.loads`` does, whose import takes longer than all this."""

    strict = True
    object_hook = object_pairs_hook = parse_constant = None
    parse_float = float
    parse_int = int


def read_json(text: str) -> Any:
    """What a JSON text holds."""
    reading: Any = JsonReading
    return make_scanner(reading)(text, 0)[0]


def main(work: Callable[[Wire, Plan], None]) -> None:
    """Set the guest up, do the work, say that it is done, and switch the machine off."""
    libc = ctypes.CDLL(None, use_errno=True)
    mount_all(libc)
    with open("/plan.json", encoding="ascii") as file:
        plan = read_json(file.read())
    wire = Wire(os.open(plan["wire"], os.O_WRONLY | os.O_NOCTTY))
    try:
        wire.send("hello", uname=list(os.uname()), python=sys.version.split()[0])
        libc.setrlimit(8, struct.pack("QQ", 2**64 - 1, 2**64 - 1))  # RLIMIT_MEMLOCK, which kernels before 5.11 count
        insert_modules(libc, wire, plan)
        work(wire, plan)
        wire.send("end")
    except BaseException as error:
        wire.send("fatal", why=described(error))
    time.sleep(0.2)
    libc.reboot(0x4321FEDC)
    libc.reboot(0x01234567)
    while True:
        time.sleep(60)
