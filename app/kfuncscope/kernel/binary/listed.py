# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a kernel's image lists by its symbols: functions to trace, map and program types, system calls, trace events."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import msgspec

from kfuncscope.arch import arch_record
from kfuncscope.kernel.binary.addresses import ImageSymbols
from kfuncscope.kernel.binary.traceable import CALLS_AT, traceable_functions
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import KernelFiles

VERSION = 2
"""Part of the cache key; raised whenever a reader or the stored form changes."""

_META, _EVENT = "__syscall_meta__", "event_"
_OF_CALLS = ("enter__", "exit__")
_NO_CALL = "ni_syscall"


@dataclass(frozen=True, slots=True)
class Listed:
    """Each list, None where the image does not have it.

    ``traceable``: functions that ftrace can patch (R-7.9). ``map_types`` and ``prog_types``: numbers that this build
    offers (``bpf_map_types``, ``bpf_prog_types``, R-7.15). ``syscalls``: those with trace events, without ``sys_``
    (``sys_call_table``, R-7.8). ``events``: trace events of vmlinux, by name alone (``__start_ftrace_events``).
    """

    traceable: frozenset[str] | None = None
    map_types: frozenset[int] | None = None
    prog_types: frozenset[int] | None = None
    syscalls: frozenset[str] | None = None
    events: frozenset[str] | None = None


NOTHING = Listed()


def listed(files: KernelFiles, arch: str) -> Listed:
    """What the image lists; nothing where none was given, or on architectures of which no image was compared with a
    kernel that ran.

    Raises InputError where the image cannot be read, or has no symbols.
    """
    if files.image is None or arch not in CALLS_AT:
        return NOTHING
    if told := files.facts.get("listed"):
        return _unpacked(told()) or NOTHING
    key = f"listed:{VERSION}:{files.image_sha256}" if files.image_sha256 else ""
    kept = default_cache().get(key) if key else None
    if kept is not None and (known := _unpacked(kept)) is not None:
        return known
    found = _read(ImageSymbols(files.image(), files.label), arch)
    if key:
        default_cache().put(key, _packed(found))
    return found


def _read(symbols: ImageSymbols, arch: str) -> Listed:
    if not len(symbols.addresses):
        return NOTHING
    return Listed(
        traceable_functions(symbols, CALLS_AT[arch]),
        _numbers(symbols, "bpf_map_types"),
        _numbers(symbols, "bpf_prog_types"),
        _system_calls(symbols, f"{arch_record(arch).syscall_prefix}sys_"),
        _events(symbols),
    )


def _numbers(symbols: ImageSymbols, table: str) -> frozenset[int] | None:
    rows = symbols.pointers(table)
    return None if rows is None else frozenset(number for number, names in enumerate(rows) if names)


def _system_calls(symbols: ImageSymbols, prefix: str) -> frozenset[str] | None:
    """A call has events where its number's function and its description are both there (init_syscall_trace)."""
    table = symbols.pointers("sys_call_table")
    described = symbols.pointers("__start_syscalls_metadata", "__stop_syscalls_metadata")
    if table is None or described is None:
        return None
    numbered = {name.removeprefix(prefix) for names in table for name in names if name.startswith(prefix)}
    metas = {name.removeprefix(_META) for names in described for name in names if name.startswith(_META)}
    return frozenset(numbered & metas) - {_NO_CALL}


def _events(symbols: ImageSymbols) -> frozenset[str] | None:
    rows = symbols.pointers("__start_ftrace_events", "__stop_ftrace_events")
    if rows is None:
        return None
    names = (name.removeprefix(_EVENT) for row in rows for name in row if name.startswith(_EVENT))
    return frozenset(name for name in names if not name.startswith(_OF_CALLS))


def _packed(found: Listed) -> bytes:
    rows = {name: None if value is None else sorted(value) for name, value in asdict(found).items()}
    return json.dumps(rows, separators=(",", ":")).encode()


def _unpacked(kept: bytes) -> Listed | None:
    try:
        return msgspec.json.decode(kept, type=Listed)
    except msgspec.MsgspecError:
        return None


def told(files: KernelFiles, arch: str) -> bytes:
    """``listed`` as bytes, for a pack of the kernel. Raises InputError."""
    return _packed(listed(files, arch))
