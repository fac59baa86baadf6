# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Facts that a kernel itself gave when it was booted and asked: above every table, valid for that one build.

A file holds one kernel's answers as JSON, named after the SHA-256 of its BTF, which no two builds share: the user's own
below ``$XDG_DATA_HOME/kfuncscope/probed``, those that are shipped below ``resources/probed`` (compressed with xz).
"""

from __future__ import annotations

import hashlib
import json
import lzma
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from kfuncscope.errors import KnowledgeError
from kfuncscope.resources import resource, user_folder
from kfuncscope.storage.cache import default_cache

BY_HOOK = frozenset({"d_path", "override_return"})
"""Helpers that depend on the function to which a program is attached."""

_BY_TARGET = frozenset({"LSM", "STRUCT_OPS", "EXT"})
_TRACED = {"TRACE_FENTRY": "fentry", "TRACE_FEXIT": "fexit", "TRACE_RAW_TP": "tp_btf"}
# Instructions by the names of bpf.instructions, and the programs that were tried for each.
_INSTRUCTIONS = {
    "atomic": ("atomic64_fetch_add", "atomic64_xchg", "atomic64_cmpxchg", "atomic64_or"),
    "bswap": ("bswap64",), "gotol": ("gotol",), "may_goto": ("may_goto",), "signed division": ("sdiv", "smod"),
    "sign-extending load": ("ldsx8", "ldsx32"), "sign-extending move": ("movsx8",),
    "load-acquire or store-release": ("load_acquire", "store_release"),
}  # fmt: skip
FORMAT, VERSION = "kfuncscope-probed", 1
_LIMIT = 64 << 20


@dataclass(slots=True)
class Probed:
    """One kernel's answers; every list is sorted, every name as the kernel spells it.

    ``helpers`` and ``kfuncs``: caller (``XDP``, ``CGROUP_SOCK_ADDR/CGROUP_INET4_BIND``, ``TRACING/fentry``,
    ``LSM/lsm.s``, ``STRUCT_OPS/tcp_congestion_ops``) → what it may call; ``refused``: callers of which no program
    loads at all. ``lsm`` and ``lsm_sleepable``: hooks to which a program, or one that sleeps, may attach.
    ``null_arguments``: tracepoint → arguments, from 0, that may be NULL; tracepoints without any are left out.
    ``instructions``: see prove.questions. ``attach_types``: program type → expected attach types it loads with.
    ``struct_ops``: type → members that a program may implement; ``struct_ops_needed``: type → members without which no
    table is taken; ``struct_ops_null``: ``TYPE.MEMBER`` → arguments, from 0, that may be NULL, where there are any.
    ``maps``: map type → the bits of single flags it may
    be created with, None where it cannot be created. ``failed``: questions that could not be asked. ``asked_kfuncs``
    and ``asked_hooks`` are the names that were asked about: of others nothing is known.
    """

    btf_sha256: str
    image_sha256: str
    release: str
    arch: str
    helpers: dict[str, list[str]] = field(default_factory=dict)
    kfuncs: dict[str, list[str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    lsm: list[str] = field(default_factory=list)
    lsm_sleepable: list[str] = field(default_factory=list)
    null_arguments: dict[str, list[int]] = field(default_factory=dict)
    instructions: dict[str, bool] = field(default_factory=dict)
    attach_types: dict[str, list[str]] = field(default_factory=dict)
    struct_ops: dict[str, list[str]] = field(default_factory=dict)
    maps: dict[str, list[int] | None] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    asked_kfuncs: list[str] = field(default_factory=list)
    asked_hooks: list[str] = field(default_factory=list)
    provenance: str = ""
    struct_ops_needed: dict[str, list[str]] = field(default_factory=dict)
    struct_ops_null: dict[str, list[int]] = field(default_factory=dict)

    def may_call_helper(self, name: str, prog_type: str, attach_type: str, sleepable: bool | None) -> bool | None:
        """Whether the kernel let such a program call a helper; None where just this was not asked."""
        label = self._label(prog_type, attach_type, sleepable)
        if label is None or name in BY_HOOK:
            return None
        return name in self.helpers[label]

    def may_call_kfunc(self, name: str, prog_type: str, attach_type: str) -> bool | None:
        """Whether the kernel let such a program call a kfunc of vmlinux; None where just this was not asked."""
        label = self._label(prog_type, attach_type, False)
        return None if label is None or name not in self.asked_kfuncs else name in self.kfuncs.get(label, ())

    def has_instruction(self, name: str) -> bool | None:
        """Whether the kernel took an instruction, by the names of bpf.instructions; None where it was not asked."""
        asked = [self.instructions[one] for one in _INSTRUCTIONS.get(name, ()) if one in self.instructions]
        return all(asked) if asked else None

    def loads_for(self, prog_type: str, attach_type: str) -> bool | None:
        """Whether the kernel loads programs of a type for an expected attach type; None where it was not asked."""
        known = self.attach_types.get(prog_type)
        return f"BPF_{attach_type}" in known if known and attach_type else None

    def hook_closed(self, hook: str) -> bool | None:
        """Whether BPF is shut out of an LSM hook; None where it was not asked about."""
        return hook not in self.lsm if hook in self.asked_hooks else None

    def hook_awake(self, hook: str) -> bool | None:
        """Whether no program may sleep in an LSM hook; None where it was not asked about."""
        return hook not in self.lsm_sleepable if hook in self.asked_hooks else None

    def _label(self, prog_type: str, attach_type: str, sleepable: bool | None) -> str | None:
        """The caller of the tables that stands for such programs. LSM, struct_ops and iterators differ by their target,
        kprobes of several functions have filters of their own, and a program that may sleep may call more."""
        if prog_type == "TRACING":
            label = f"TRACING/{_TRACED.get(attach_type, '')}"
        else:
            both = f"{prog_type}/{attach_type}"
            label = both if both in self.helpers else prog_type
        asked = (
            prog_type not in _BY_TARGET
            and not (prog_type == "KPROBE" and attach_type)
            and (not sleepable or prog_type == "SYSCALL")
        )
        return label if asked and label in self.helpers else None


def dumps(probed: Probed) -> bytes:
    """The file's bytes; equal facts make equal bytes."""
    form = {"format": FORMAT, "format_version": VERSION, **asdict(probed)}
    return (json.dumps(form, indent=1, sort_keys=True) + "\n").encode("ascii")


def loads(data: bytes, source: str) -> Probed:
    """Facts from a file's bytes. Raises KnowledgeError naming the entry that is not as documented."""
    try:
        form = msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise KnowledgeError(source, f"not JSON: {error}") from error
    if not isinstance(form, dict) or form.get("format") != FORMAT or form.get("format_version") != VERSION:
        raise KnowledgeError(source, f"not facts of a probed kernel: format {FORMAT!r} version {VERSION} expected")
    given = {f.name: form[f.name] for f in fields(Probed) if f.name in form}
    for name, value in given.items():
        if not _fits(name, value):
            raise KnowledgeError(source, f"{name} is not as documented")
    try:
        return Probed(**given)
    except TypeError as error:
        raise KnowledgeError(source, f"an entry is missing: {error}") from error


def _fits(name: str, value: Any) -> bool:
    if name in ("btf_sha256", "image_sha256", "release", "arch", "provenance"):
        return isinstance(value, str)
    if name in ("refused", "lsm", "lsm_sleepable", "failed", "asked_kfuncs", "asked_hooks"):
        return _is(value, list[str])
    if not isinstance(value, dict):
        return False
    if name == "instructions":
        return all(type(v) is bool for v in value.values())
    if name in ("null_arguments", "struct_ops_null", "maps"):
        return all(_numbers(v) or (v is None and name == "maps") for v in value.values())
    return _is(value, dict[str, list[str]])


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is int for one in value)


def _is(value: Any, form: Any) -> bool:
    """Whether a value is of a form of lists, dicts and strings: a kernel's answers hold 16,000 of these."""
    try:
        msgspec.convert(value, form)
    except msgspec.ValidationError:
        return False
    return True


def user_folder_of_facts() -> Path:
    """Where the user's own facts are kept."""
    return user_folder("XDG_DATA_HOME", ".local/share") / "kfuncscope" / "probed"


def roots() -> tuple[Path, ...]:
    """The folders that hold facts, the user's own first."""
    return user_folder_of_facts(), resource("probed")


def for_btf(sha256: str) -> Probed | None:
    """The facts of the kernel whose BTF has this SHA-256, the user's own first; None where it was never asked."""
    own, shipped = roots()
    return _read(own / f"{sha256}.json") or _read(shipped / f"{sha256}.json.xz")


def _read(path: Path) -> Probed | None:
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT)
        return loads(_unpacked(data) if path.suffix == ".xz" else data, str(path))
    except (OSError, lzma.LZMAError):
        return None


def _unpacked(data: bytes) -> bytes:
    """What an xz file holds, kept for the next run: unpacking takes longer than reading the facts."""
    key = f"probed:{hashlib.sha256(data).hexdigest()}"
    plain = default_cache().get(key)
    if plain is None:
        plain = lzma.decompress(data)
        default_cache().put(key, plain)
    return plain
