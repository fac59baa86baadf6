# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What other loaders than libbpf make of an object: section names, static programs, legacy maps (R-12.20).

cilium/ebpf and aya take the names of libbpf's table with anything after them (``tc/from-container``, ``xdp_root``);
they take static programs, and maps of the old style. bpftrace names sections after its probes
(``s_kprobe:vfs_read_1``).
"""

from __future__ import annotations

import re

from kfuncscope.bpf.elf import STB_LOCAL, STT_FUNC, Elf
from kfuncscope.bpf.sections import Section, prefix_section, read_section, row_of
from kfuncscope.storage.files import Loader

LIBBPF, CILIUM, AYA, BPFTRACE = "libbpf", "cilium", "aya", "bpftrace"
NAMES = {LIBBPF: "libbpf", CILIUM: "cilium/ebpf", AYA: "aya", BPFTRACE: "bpftrace"}
_PROBE = re.compile(r"s_([A-Za-z]+)(?:[:_]|$)(.*)")
_TYPES = {
    "kprobe": ("KPROBE", ""), "kretprobe": ("KPROBE", ""), "uprobe": ("KPROBE", ""), "uretprobe": ("KPROBE", ""),
    "usdt": ("KPROBE", ""), "tracepoint": ("TRACEPOINT", ""), "rawtracepoint": ("RAW_TRACEPOINT", ""),
    "profile": ("PERF_EVENT", ""), "interval": ("PERF_EVENT", ""), "software": ("PERF_EVENT", ""),
    "hardware": ("PERF_EVENT", ""), "watchpoint": ("PERF_EVENT", ""), "begin": ("KPROBE", ""), "end": ("KPROBE", ""),
    "fentry": ("TRACING", "fentry"), "fexit": ("TRACING", "fexit"), "kfunc": ("TRACING", "fentry"),
    "kretfunc": ("TRACING", "fexit"), "iter": ("TRACING", "iter"),
}  # fmt: skip
_KPROBES = {"tracepoint": "tp", "rawtracepoint": "raw_tp", "kprobe": "kprobe", "kretprobe": "kretprobe"}
_RUST = re.compile(rb"aya[-_](?:e?bpf)\b|aya_log_ebpf")


def loader_shown(elf: Elf, told: Loader) -> str:
    """Which loader an object is for: as its host tells, else as the object itself shows; empty where nothing does."""
    if told.name:
        return told.name
    if any(s.executable and is_probe(s.name) for s in elf.sections):
        return BPFTRACE
    if any(_only_prefix(s.name) for s in elf.sections if s.executable) or _has_static_program(elf):
        return CILIUM
    names = elf.section(".BTF")
    texts = [names.data] if names is not None else []
    texts += [s.name.encode() for s in elf.symbols]
    return AYA if any(_RUST.search(text) for text in texts) else ""


def _only_prefix(section: str) -> bool:
    """A section that libbpf does not know, and cilium/ebpf does."""
    return row_of(section.removeprefix("?")) is None and prefix_section(section) is not None


def _has_static_program(elf: Elf) -> bool:
    """A static function outside ``.text``, which libbpf refuses (R-2.1)."""
    code = {s.number for s in elf.sections if s.executable and s.name != ".text"}
    return any(s.type == STT_FUNC and s.bind == STB_LOCAL and s.shndx in code for s in elf.symbols)


def is_probe(section: str) -> bool:
    """Whether a section is named as bpftrace names one."""
    found = _PROBE.fullmatch(section)
    return found is not None and found[1].lower() in _TYPES


def section_for(name: str, types: dict[str, str] | None, loader: Loader, shown: str) -> Section:
    """What a section name means to the loader of the object.

    Where libbpf does not know it, and nobody said that libbpf loads the object, its loader must know it by another
    rule: the one that cilium/ebpf and aya have.
    """
    found = read_section(name, types)
    if found.prog_type or (loader.chosen and shown == LIBBPF):
        return found
    if shown == BPFTRACE and is_probe(name):
        return _of_probe(name)
    return prefix_section(name) or found


def _of_probe(name: str) -> Section:
    """``s_kprobe:vfs_read_1``: the probe, its target, and a number."""
    found = _PROBE.fullmatch(name)
    assert found is not None
    kind, target = found[1].lower(), re.sub(r"_\d+$", "", found[2])
    if kind in _KPROBES:
        return read_section(f"{_KPROBES[kind]}/{target.replace(':', '/')}")
    if _TYPES[kind][0] == "TRACING":
        return read_section(f"{_TYPES[kind][1]}/{target}")
    return read_section("perf_event" if _TYPES[kind][0] == "PERF_EVENT" else "uprobe")
