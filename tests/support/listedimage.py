# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write kernel images with symbols, their addresses as the releases store them, and arrays of pointers.

An image is an x86_64 ELF file of one segment at ``BASE``, or a raw arm64 one that is linked to run at ``RAW_BASE``. A
symbol's offset is its place in the file. The arrays lie behind ``DATA``.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping, Sequence
from functools import cache

from support.kallsymswriter import tables

BASE = 0xFFFFFFFF81000000
RAW_BASE = 0xFFFF800080000000
COUNT, STEP = 5600, 256
TABLES, DATA = 4096, 1 << 21
LAYOUTS = ("behind", "before", "per CPU", "from its place", "from its place, at 4 of 8")
TRACED = [number for number in range(COUNT) if number % 7]
"""Functions ``fn_N`` that ftrace can patch; every seventh cannot be traced."""

MAPS = ["", "htab_map_ops", "array_map_ops", "", "perf_event_array_map_ops"]
PROGRAMS = ["", *["sk_filter_prog_ops"] * 19, "", *["tracing_prog_ops"] * 12]
EVENTS = ["event_sched_switch", "event_enter__read", "event_exit__read", "event_sys_enter"]


def arrays(prefix: str) -> dict[str, list[str]]:
    """Symbol of an array → names that it points to, with the symbols that end them, in the order they lie."""
    return {
        "bpf_map_types": MAPS, "bpf_prog_types": PROGRAMS,
        "sys_call_table": [f"{prefix}read", f"{prefix}ni_syscall", f"{prefix}write", f"{prefix}bare"],
        "__start_syscalls_metadata": ["__syscall_meta__read", "__syscall_meta__write", "__syscall_meta__old"],
        "__stop_syscalls_metadata": [], "__start_ftrace_events": EVENTS, "__stop_ftrace_events": ["end_of_data"],
    }  # fmt: skip


def symbol_names(prefix: str) -> tuple[list[bytes], list[int]]:
    """Names with their types, and offsets, of functions, of what arrays point to, and of the arrays."""
    names = [b"%c fn_%d" % (b"tT"[number % 2], number) for number in range(COUNT)]
    names += [b"T _sinittext", b"t of_init", b"T _einittext"]
    offsets = [STEP * number for number in range(len(names))]
    pointed = sorted({name for row in arrays(prefix).values() for name in row if name})
    for number, name in enumerate(pointed):
        kind = b"T" if name.startswith(prefix) else b"d"
        names.append(kind + b" " + name.encode())
        offsets.append(DATA - 8 * (len(pointed) - number))
    at = DATA
    for name, row in arrays(prefix).items():
        names.append(b"d " + name.encode())
        offsets.append(at)
        at += 8 * len(row)
    return names, offsets


@cache
def symbol_table(layout: str, prefix: str) -> tuple[bytes, int]:
    """The tables for an image in which they begin at TABLES, and how many of the names are variables of each CPU."""
    names, offsets = symbol_names(prefix)
    percpu = 0
    if layout == "from its place, at 4 of 8":
        gaps = [gap for gap in (b"", bytes(4)) if len(tables(names, align=4, between=gap)) % 8 == 4]
        first = TABLES + len(tables(names, align=4, between=gaps[0]))
        numbers = struct.pack(f"<{len(offsets)}i", *(n - first - 4 * row for row, n in enumerate(offsets)))
        return tables(names, align=4, between=gaps[0], behind=numbers, behind_at=4), 0
    if layout == "per CPU":
        names, percpu = [b"A pcpu_hot", b"A pcpu_cold", *names], 2
        numbers = struct.pack(f"<{percpu}i", 0, 64) + struct.pack(f"<{len(offsets)}i", *(-1 - n for n in offsets))
    elif layout == "from its place":
        first = TABLES + (len(tables(names)) + 7 & ~7)
        numbers = struct.pack(f"<{len(offsets)}i", *(n - first - 4 * row for row, n in enumerate(offsets)))
    else:
        numbers = struct.pack(f"<{len(offsets)}I", *offsets)
    block = numbers + bytes(-len(numbers) % 8) + (b"" if layout == "from its place" else struct.pack("<Q", BASE))
    return (tables(names, before=block) if layout == "before" else tables(names, behind=block)), percpu


def patched(distance: int = 0) -> list[int]:
    """Calls in each traced function, in one of init's, and in 40 places that have no symbol."""
    found = [STEP * number + distance for number in TRACED]
    lost = [STEP * 3008 + 100 + number for number in range(40)]
    return sorted([*found, *lost, STEP * (COUNT + 1) + distance])


def image(layout: str, places: Sequence[int], *, raw: bool = False, relocated: bool = True) -> bytes:
    """The image, with the places of ftrace somewhere in it; without ``relocated`` its arrays are still zeros."""
    base, prefix = (RAW_BASE, "__arm64_sys_") if raw else (BASE, "__x64_sys_")
    names, offsets = symbol_names(prefix)
    where: Mapping[str, int] = {name[2:].decode(): base + n for name, n in zip(names, offsets, strict=True)}
    body, _ = symbol_table(layout, prefix)
    noise = random.Random(3).randbytes(4096)
    digits = b"".join(b"%d\0" % n for n in range(10)).ljust(256, b"\0")
    pointers = b"".join(struct.pack("<Q", base + place) for place in places)
    middle = body + bytes(-len(body) % 8) + digits + noise + pointers + noise
    rows = [where[name] if name and relocated else 0 for row in arrays(prefix).values() for name in row]
    rest = middle.ljust(DATA - TABLES, b"\0") + struct.pack(f"<{len(rows)}Q", *rows)
    size = TABLES + len(rest)
    head = b""
    if not raw:
        head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, BASE, 64, 0, 0, 64, 56, 1, 64, 0, 0)
        head += struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 4096)
    return head.ljust(TABLES, b"\0") + rest
