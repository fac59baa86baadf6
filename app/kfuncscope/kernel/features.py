# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What ``bpftool -j feature probe`` said of a kernel: program types, map types, helpers (R-6.5).

A person gives it beside the kernel, so it stands above the image and every table. It tells less than it seems to:
bpftool asks for program types without an expected attach type, leaves out helpers that it calls dangerous unless it is
asked for ``full``, and knows the helpers of its own release alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kfuncscope.errors import KernelError

LARGEST = 4 << 20
SOURCE = "bpftool feature probe"
_PROGRAM, _MAP, _HELPERS = ("have_", "_prog_type"), ("have_", "_map_type"), ("", "_available_helpers")

# Left out without ``full`` (bpftool, feature.c: probe_helpers_for_progtype).
DANGEROUS = frozenset({"trace_printk", "trace_vprintk", "probe_write_user"})
# Program types whose helpers depend on the attach type, on the target or on whether the program sleeps.
_DEPENDS = frozenset(
    {"CGROUP_SOCK", "CGROUP_SOCK_ADDR", "CGROUP_SOCKOPT", "EXT", "LSM", "LIRC_MODE2", "STRUCT_OPS", "SYSCALL",
     "TRACING"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Features:
    """Program and map types by their names in capitals → whether they are there; program type → helpers it may call,
    without ``bpf_``."""

    programs: Mapping[str, bool]
    maps: Mapping[str, bool]
    helpers: Mapping[str, frozenset[str]]
    asked: frozenset[str]

    def may_call(self, helper: str, prog_type: str, attach_type: str, sleepable: bool | None) -> bool | None:
        """Whether such a program may call a helper; None where the probe does not tell."""
        given = self.helpers.get(prog_type)
        if given is None or prog_type in _DEPENDS or sleepable or (prog_type == "KPROBE" and attach_type):
            return None
        if helper in given:
            return True
        return False if helper in self.asked and helper not in DANGEROUS else None


def read_features(data: bytes, source: str) -> Features:
    """Read the JSON form. Raises KernelError, which names the entry that is not as bpftool writes it."""
    if len(data) > LARGEST:
        raise KernelError(source, f"larger than {LARGEST} bytes, too large for the output of {SOURCE}")
    try:
        form = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise KernelError(source, f"not JSON, as `bpftool -j feature probe` writes it: {error}") from error
    if not isinstance(form, dict) or not any(part in form for part in ("program_types", "map_types", "helpers")):
        raise KernelError(
            source, "not the output of `bpftool -j feature probe`, which lists program types, map types and helpers"
        )
    helpers = {}
    for name, listed in _named(form, "helpers", _HELPERS, source).items():
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise KernelError(source, f"helpers of {name.lower()} are not a list of names")
        if listed:  # an empty list stands where bpftool could not ask
            helpers[name] = frozenset(one.removeprefix("bpf_") for one in listed)
    programs, maps = (
        _flags(form, part, ends, source) for part, ends in (("program_types", _PROGRAM), ("map_types", _MAP))
    )
    return Features(programs, maps, helpers, frozenset().union(*helpers.values()))


def _named(form: dict[str, Any], part: str, ends: tuple[str, str], source: str) -> dict[str, Any]:
    """The entries of a part, by what their names hold between the two ends, in capitals."""
    found = form.get(part, {})
    if not isinstance(found, dict):
        raise KernelError(source, f"{part} is not an object")
    begin, end = ends
    kept = {
        n: v for n, v in found.items() if n.startswith(begin) and n.endswith(end) and len(n) > len(begin) + len(end)
    }
    return {name[len(begin) : -len(end)].upper(): value for name, value in kept.items()}


def _flags(form: dict[str, Any], part: str, ends: tuple[str, str], source: str) -> dict[str, bool]:
    found = _named(form, part, ends, source)
    for name, value in found.items():
        if not isinstance(value, bool):
            raise KernelError(source, f"{part}: {name.lower()} is neither true nor false")
    return found
