#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Collect a census: which BPF programs run on this host, as JSON lines on standard output.

Run it as root. It reads what the kernel and /proc report, changes nothing, needs no network and no other program:
the standard library of Python 3.6 is enough. Without options it leaves out host and user names, arguments of
processes, paths, contents and names of maps, source lines and addresses.

    python3 collect.py > HOST.jsonl

--host NAME adds a name for this host, --source-lines the source lines that programs carry.
"""

import argparse
import array
import ctypes
import errno
import hashlib
import hmac
import json
import os
import platform
import struct
import sys
import time
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

FORMAT, VERSION = "kfuncscope-census", 1
PROC, KALLSYMS, BTF_FOLDER, MACHINE_ID = "/proc", "/proc/kallsyms", "/sys/kernel/btf", "/etc/machine-id"
BOOTTIME = 7  # CLOCK_BOOTTIME, which Python names from 3.7 on
DPKG_LISTS = "/var/lib/dpkg/info"
# Number of bpf(2) by uname -m, as kfuncscope.arch has it (this file runs alone, so it has its own; a test holds both
# together); 280 on every architecture that came after asm-generic/unistd.h.
SYSCALLS = {
    "x86_64": 321, "i386": 357, "i486": 357, "i586": 357, "i686": 357, "s390x": 351, "ppc64le": 361, "ppc64": 361,
    "ppc": 361, "sparc64": 349, "sparc": 349, "armv7l": 386, "armv8l": 386, "armv6l": 386, "armv5tel": 386,
    "armv5tejl": 386, "mips64": 5315, "mips": 4355, "parisc64": 341, "parisc": 341,
}  # fmt: skip
PROG_NEXT, PROG_FD, MAP_FD, INFO, BTF_FD, FD_QUERY, LINK_FD, LINK_NEXT = 11, 13, 14, 15, 19, 20, 30, 31
NEXT_ATTR = 12
# Where a kfunc's call keeps its BTF id, as functions may lie too far away for an immediate, which elsewhere is the
# distance from __bpf_call_base (bpf_jit_supports_far_kfunc_call in arch/*/net, the same from 6.12 to 7.3).
FAR = ("s390x", "ppc64le", "ppc64", "loongarch64")
CALL, TAIL_CALL = 0x85, 12
RAW_TRACEPOINT, TRACING, CGROUP, ITER, NETNS, XDP, PERF, KPROBE_MULTI, STRUCT_OPS = range(1, 10)
NETFILTER, TCX, UPROBE_MULTI, NETKIT, SOCKMAP = range(10, 15)
ATTACH_TYPE_AT = {TRACING: 16, CGROUP: 24, NETNS: 20, TCX: 20, NETKIT: 20, SOCKMAP: 20}  # in struct bpf_link_info
TEXT_AT = {RAW_TRACEPOINT: 16, ITER: 16}  # pointer to a name there, its size in the 4 bytes after it
PERF_TEXT_AT = 24  # the same for links to perf events (6.6)
UPROBES = (1, 2)  # BPF_PERF_EVENT_UPROBE, _URETPROBE: their name is a path
MOST_TARGETS, MOST_LINES, MOST_TEXT = 64, 500, 200


class RefusedError(Exception):
    """The census cannot be collected here; one sentence says why."""


# -- bpf(2)

_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command: int, attr: bytearray) -> int:
    """The system call; OSError where it fails."""
    number = SYSCALLS.get(platform.machine(), 280)
    place = (ctypes.c_char * len(attr)).from_buffer(attr)
    result = int(_libc.syscall(ctypes.c_long(number), ctypes.c_long(command), place, ctypes.c_long(len(attr))))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def ids(command: int) -> Iterator[int]:
    """Ids of all programs or links."""
    last = 0
    while True:
        attr = bytearray(struct.pack("=III", last, 0, 0))
        try:
            bpf(command, attr)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return
            raise
        last = struct.unpack_from("=I", attr, 4)[0]
        yield last


class Info:
    """What the kernel says about one program, link, map or BTF: fields by offset, lists through second calls."""

    def __init__(self, command: int, number: int, size: int = 256) -> None:
        self.fd = bpf(command, bytearray(struct.pack("=III", number, 0, 0)))
        self.size = size
        self.data = b""
        try:
            self.data = self.ask()
        except OSError:
            self.close()
            raise

    def ask(self, *fields: Tuple[str, int, int]) -> bytes:
        """The structure, with fields (format, offset, value) set before."""
        room = ctypes.create_string_buffer(self.size)
        for form, at, value in fields:
            struct.pack_into(form, room, at, value)
        attr = bytearray(struct.pack("=IIQ", self.fd, self.size, ctypes.addressof(room)))
        bpf(INFO, attr)
        return room.raw

    def block(self, pointer: int, size: int, *more: Tuple[str, int, int]) -> bytes:
        """Bytes that the kernel writes where the pointer at an offset leads."""
        room = ctypes.create_string_buffer(max(size, 1))
        answer = self.ask(("=Q", pointer, ctypes.addressof(room)), *more)
        # A kernel that does not show something puts 0 in the place of the pointer.
        return room.raw[:size] if struct.unpack_from("=Q", answer, pointer)[0] else b""

    def u32(self, at: int) -> int:
        """A field of 4 bytes."""
        return int(struct.unpack_from("=I", self.data, at)[0])

    def text(self, at: int, size: int = 16) -> str:
        """A field of text."""
        return self.data[at : at + size].split(b"\0")[0].decode("utf-8", "replace")

    def name(self, pointer: int) -> str:
        """Text to which the pointer at an offset leads; its size stands in the 4 bytes after it."""
        size = 256
        return self.block(pointer, size, ("=I", pointer + 8, size)).split(b"\0")[0].decode("utf-8", "replace")

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)

    def __enter__(self) -> "Info":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# -- BTF: names of a few types

DECL_TAG = 17
_WORDS = {1: (1, 0), 3: (3, 0), 4: (0, 3), 5: (0, 3), 6: (0, 2), 13: (0, 2), 14: (1, 0), 15: (0, 3), 17: (1, 0),
          19: (0, 3), 2: (0, 0), 7: (0, 0), 8: (0, 0), 9: (0, 0), 10: (0, 0), 11: (0, 0), 12: (0, 0), 16: (0, 0),
          18: (0, 0)}  # fmt: skip


class Btf:
    """One BTF blob of this machine. ``base`` is vmlinux's for that of a module."""

    def __init__(self, data: bytes, base: "Optional[Btf]" = None) -> None:
        head, types, types_len, strings, strings_len = struct.unpack_from("=IIIII", data, 4)
        self.words = array.array("I", data[head + types : head + types + types_len])
        self.strings = data[head + strings : head + strings + strings_len]
        self.layout = b""
        if head >= 32:
            at, size = struct.unpack_from("=II", data, 24)
            self.layout = data[head + at : head + at + size]
        self.base = base
        self.last = None  # type: Optional[int]
        self.first = base.count() if base else 1

    def sizes(self) -> Dict[int, Tuple[int, int]]:
        """Words behind the three of every type: of its kind, and of each member; kinds that are new tell their own."""
        sizes = dict(_WORDS)
        for kind in range(len(self.layout) // 4):
            fixed, each = self.layout[4 * kind], self.layout[4 * kind + 1]
            sizes.setdefault(kind, (fixed // 4, each // 4))
        return sizes

    def walk(self, wanted: Set[int]) -> Tuple[Dict[int, int], int]:
        """Name offsets of the wanted types, and the id after the last type."""
        words, at, number, end, found = self.words, 0, self.first, len(self.words), {}
        sizes = self.sizes()
        while at + 2 < end:
            info = words[at + 1]
            if number in wanted:
                found[number] = words[at]
            fixed, each = sizes[info >> 24 & 0x7F]
            at += 3 + fixed + each * (info & 0xFFFFFF)
            number += 1
        return found, number

    def count(self) -> int:
        """The id after the last type; 0 where there are kinds of types that cannot be passed over."""
        if self.last is None:
            try:
                self.last = self.walk(set())[1]
            except (KeyError, IndexError):
                self.last = 0
        return self.last

    def kfuncs(self, wanted: Set[int]) -> Dict[int, str]:
        """Names of those wanted functions that a declaration tag calls kfuncs, as builds from 6.10 on do."""
        words, at, end, tagged, sizes = self.words, 0, len(self.words), set(), self.sizes()
        try:
            while at + 2 < end:
                info = words[at + 1]
                if info >> 24 & 0x7F == DECL_TAG and words[at + 2] in wanted and self.text(words[at]) == "bpf_kfunc":
                    tagged.add(words[at + 2])
                fixed, each = sizes[info >> 24 & 0x7F]
                at += 3 + fixed + each * (info & 0xFFFFFF)
        except (KeyError, IndexError):
            return {}
        return self.names(tagged)

    def names(self, wanted: Set[int]) -> Dict[int, str]:
        """Names of types by id; those that cannot be found are left out."""
        try:
            found = self.walk(wanted)[0] if wanted and self.first else {}
        except (KeyError, IndexError):
            return {}
        return {number: self.text(offset) for number, offset in found.items()}

    def text(self, offset: int) -> str:
        """A string by its offset."""
        below = len(self.base.strings) if self.base else 0
        strings, at = (self.base.strings, offset) if self.base and offset < below else (self.strings, offset - below)
        return strings[at : strings.find(b"\0", at)].decode("utf-8", "replace")


def kernel_btf(name: str = "vmlinux") -> bytes:
    """The BTF of the kernel or of a module; empty where there is none."""
    try:
        with open(os.path.join(BTF_FOLDER, name), "rb") as file:
            return file.read()
    except OSError:
        return b""


def btf_modules() -> List[str]:
    """Modules that the kernel has the BTF of, as far as it can be read."""
    try:
        return sorted(name for name in os.listdir(BTF_FOLDER) if name != "vmlinux" and kernel_btf(name))
    except OSError:
        return []


# -- programs, links, owners


class Census:
    """What was found, before addresses and BTF ids have names."""

    def __init__(self, source_lines: bool = False) -> None:
        self.source_lines = source_lines
        self.machine = platform.machine()
        self.programs: Dict[int, Dict[str, Any]] = {}
        self.calls: Dict[int, List[Tuple[int, int, int]]] = {}  # program → (source register, offset, immediate)
        self.attach_ids: Dict[int, Tuple[int, int]] = {}
        self.many: List[Tuple[Dict[str, Any], List[int]]] = []  # attachments with addresses of their functions
        self.gone = 0
        self.links = 0
        self.maps: Dict[int, List[int]] = {}
        self.blobs: Dict[int, Tuple[str, bool]] = {}
        self._own: Dict[int, Optional[Btf]] = {}

    def read_programs(self) -> None:
        """Walk all programs; what goes away meanwhile is counted."""
        for number in list(ids(PROG_NEXT)):
            try:
                with Info(PROG_FD, number) as info:
                    self.programs[number] = self.program(number, info)
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise
                self.gone += 1

    def program(self, number: int, info: Info) -> Dict[str, Any]:
        """One program: its facts, its maps, its calls kept for later."""
        boot = time.time() - time.clock_gettime(BOOTTIME)
        loaded = struct.unpack_from("=Q", info.data, 40)[0] / 1e9
        line = {
            "line": "program", "id": number, "type": info.u32(0), "name": info.text(64), "tag": info.data[8:16].hex(),
            "gpl": bool(info.u32(84) & 1), "loaded": int(boot + loaded), "functions": [], "attach": [],
            "maps": self.maps_of(info), "kfuncs": {}, "helpers": {}, "owners": [],
        }  # type: Dict[str, Any]  # fmt: skip
        code = self.code(info)
        line["insns"] = len(code) // 8
        if info.u32(20) and not code:
            line["hidden"] = True
        self.calls[number] = list(calls(code))
        if info.u32(128):
            line["btf"] = info.u32(128)
            self.names_of(line, info)
        if info.u32(224):
            self.attach_ids[number] = (info.u32(220), info.u32(224))
        return line

    def code(self, info: Info) -> bytes:
        """The instructions as the verifier left them; empty where this kernel does not show them."""
        size = info.u32(20)
        try:
            return info.block(32, size, ("=I", 20, size)) if size else b""
        except OSError:
            return b""

    def maps_of(self, info: Info) -> List[List[int]]:
        """Type, key size, value size, entries and flags of each map of a program."""
        count = info.u32(52)
        raw = info.block(56, 4 * count, ("=I", 52, count)) if count else b""
        found = []
        for number in struct.unpack("=%dI" % (len(raw) // 4), raw):
            if number and number not in self.maps:
                try:
                    with Info(MAP_FD, number) as one:
                        self.maps[number] = [one.u32(0), *(one.u32(at) for at in (8, 12, 16, 20))]
                except OSError:
                    continue
            if number:
                found.append(self.maps[number])
        return found

    def names_of(self, line: Dict[str, Any], info: Info) -> None:
        """Full names of the program and its functions, and source lines where they are wanted, from its own BTF."""
        blob = self.own_btf(info.u32(128))
        count = info.u32(144)
        if blob is None or not count:
            return
        raw = info.block(136, 8 * count, ("=I", 144, count), ("=I", 132, 8))
        types = [struct.unpack_from("=II", raw, 8 * i)[1] for i in range(count)]
        names = blob.names(set(types))
        full = [names.get(i, "") for i in types]
        if full and full[0].startswith(line["name"]):
            line["name"] = full[0]
        line["functions"] = full[1:]
        if self.source_lines:
            line["source_lines"] = source_lines(info, blob)

    def own_btf(self, number: int) -> Optional[Btf]:
        """The BTF that a program was loaded with, by its id."""
        if number not in self._own:
            self._own[number] = None
            try:
                with Info(BTF_FD, number, 64) as info:
                    size = info.u32(8)
                    self._own[number] = Btf(info.block(0, size, ("=I", 8, size)))
            except (OSError, struct.error, ValueError):
                pass
        return self._own[number]

    def blob(self, number: int) -> Tuple[str, bool]:
        """Name of a BTF by id, and whether it is one of the kernel's."""
        if number not in self.blobs:
            self.blobs[number] = ("", False)
            try:
                with Info(BTF_FD, number, 64) as info:
                    self.blobs[number] = (info.name(16), bool(info.u32(28)))
            except OSError:
                pass
        return self.blobs[number]

    def read_links(self) -> None:
        """How programs are attached, from every link."""
        try:
            numbers = list(ids(LINK_NEXT))
        except OSError as error:
            if error.errno != errno.EINVAL:  # before 5.8
                raise
            return
        for number in numbers:
            try:
                with Info(LINK_FD, number) as info:
                    if info.u32(8) in self.programs:
                        self.programs[info.u32(8)]["attach"].append(self.link(info))
                    self.links += 1
            except OSError:
                continue

    def link(self, info: Info) -> Dict[str, Any]:
        """One link: its type, attach type, and what it leads to; never a path."""
        kind = info.u32(0)
        one = {"link": kind}  # type: Dict[str, Any]
        if kind in ATTACH_TYPE_AT:
            one["attach_type"] = info.u32(ATTACH_TYPE_AT[kind])
        if kind in TEXT_AT:
            one["target"] = info.name(TEXT_AT[kind])
        if kind == PERF and info.u32(16):
            one["perf"] = info.u32(16)
            if info.u32(16) not in UPROBES:
                text = info.name(PERF_TEXT_AT) if info.u32(16) < 6 else ""
                one.update({"target": text} if text else {})
        if kind == NETFILTER:
            one["hook"] = [info.u32(16), info.u32(20)]
        if kind == KPROBE_MULTI:
            count = one["count"] = info.u32(24)
            room = min(count, 65536)
            raw = info.block(16, 8 * room, ("=I", 24, room)) if room == count and count else b""
            self.many.append((one, list(struct.unpack("=%dQ" % (len(raw) // 8), raw))))
        if kind == UPROBE_MULTI:
            one["count"] = info.u32(52)
        return one

    def read_owners(self) -> None:
        """Which executables hold programs or links open, and what their perf events run."""
        own = str(os.getpid())
        owners = {}  # type: Dict[int, Set[str]]
        for process in os.listdir(PROC):
            if not process.isdigit() or process == own:
                continue
            try:
                descriptors = os.listdir(os.path.join(PROC, process, "fd"))
            except OSError:
                continue
            for descriptor in descriptors:
                for number in self.held(process, descriptor):
                    owners.setdefault(number, set()).add(process)
        executables = {p: executable(p) for p in set().union(*owners.values())}
        packages = packages_of(set(executables.values()))
        for number, processes in owners.items():
            paths = sorted({executables[p] for p in processes} - {""})
            if number in self.programs:
                self.programs[number]["owners"] = [packages.get(p) or os.path.basename(p) for p in paths]

    def held(self, process: str, descriptor: str) -> Set[int]:
        """Programs that a descriptor stands for."""
        try:
            target = os.readlink(os.path.join(PROC, process, "fd", descriptor))
            if "perf_event" in target:
                return self.queried(int(process), int(descriptor))
            if "bpf" not in target or "map" in target or not target.startswith("anon_inode:"):
                return set()
            with open(os.path.join(PROC, process, "fdinfo", descriptor)) as file:
                return {int(line.split()[1]) for line in file if line.startswith("prog_id:")}
        except (OSError, ValueError, IndexError):
            return set()

    def queried(self, process: int, descriptor: int) -> Set[int]:
        """What a perf event runs and where it is: how loaders attach that make no link."""
        text = ctypes.create_string_buffer(256)
        attr = bytearray(struct.pack("=IIIIQIIQQ", process, descriptor, 0, 256, ctypes.addressof(text), 0, 0, 0, 0))
        bpf(FD_QUERY, attr)
        number, kind = struct.unpack_from("=II", attr, 24)
        line = self.programs.get(number)
        if line is not None and not any(a.get("link") == PERF and "perf" in a for a in line["attach"]):
            one = {"event": kind}  # type: Dict[str, Any]
            name = text.value.decode("utf-8", "replace")
            if kind < 4 and name:  # names of uprobes are paths
                one["target"] = name
            if one not in line["attach"]:
                line["attach"].append(one)
        return {number}

    # -- names

    def name_all(self, btf: bytes) -> None:
        """Give names to addresses and BTF ids."""
        symbols = read_symbols(self.addresses())
        base = int(symbols["__bpf_call_base"])
        vmlinux = Btf(btf) if btf else None
        wanted = {i for o, i in self.attach_ids.values() if self.blob(o)[0] == "vmlinux"}
        wanted |= {imm for calls in self.calls.values() for src, off, imm in calls if src == 2 and not off}
        names = vmlinux.names(wanted) if vmlinux else {}
        for number, line in self.programs.items():
            self.name_calls(line, self.calls[number], symbols["at"], base, names)
        if vmlinux and any("kfunc_ids" in line for line in self.programs.values()):
            self.name_far_calls(vmlinux)
        self.name_targets(vmlinux, names)
        for one, addresses in self.many:
            texts = [symbols["at"].get(a, ("",))[0] for a in addresses[:MOST_TARGETS]]
            one["targets"] = sorted(t for t in texts if t)

    def addresses(self) -> Set[int]:
        """Distances from __bpf_call_base, and absolute addresses, that need a name."""
        near = {imm for calls in self.calls.values() for src, _, imm in calls if src in (0, 2)}
        return near | {a for _, addresses in self.many for a in addresses[:MOST_TARGETS]}

    def name_calls(
        self, line: Dict[str, Any], made: List[Tuple[int, int, int]], at: Dict[int, Tuple[str, str]],
        base: int, names: Dict[int, str],
    ) -> None:  # fmt: skip
        """Count the calls of a program by name."""
        for source, offset, imm in made:
            symbol = at.get(base + imm)
            if source == 0:
                name = "bpf_tail_call" if imm == TAIL_CALL else symbol[0] if symbol else "?"
                line["helpers"][name] = line["helpers"].get(name, 0) + 1
                continue
            by_id = names.get(imm, "") if not offset else ""
            far = self.machine in FAR and imm > 0
            if (far and (by_id or offset)) or not symbol:
                if not by_id:  # a module's: which one is not told
                    line.setdefault("kfunc_ids", []).append([imm, offset])
                    continue
                name = by_id
            else:
                name = symbol[0] + (" [%s]" % symbol[1] if symbol[1] else "")
            line["kfuncs"][name] = line["kfuncs"].get(name, 0) + 1

    def name_far_calls(self, vmlinux: Btf) -> None:
        """Calls into modules by BTF id: the kernel does not tell the module, but seldom have two a kfunc of that id.

        All calls of a program with one offset lead into one module (fd_array of its load).
        """
        wanted = {imm for line in self.programs.values() for imm, _ in line.get("kfunc_ids", ())}
        modules = {name: Btf(kernel_btf(name), vmlinux).kfuncs(wanted) for name in btf_modules()}
        for line in self.programs.values():
            left = []  # type: List[List[int]]
            for offset in sorted({o for _, o in line.get("kfunc_ids", ())}):
                numbers = [imm for imm, o in line["kfunc_ids"] if o == offset]
                fitting = [name for name, known in modules.items() if all(imm in known for imm in numbers)]
                if not offset or len(fitting) != 1:
                    left += [[imm, offset] for imm in numbers]
                    continue
                for imm in numbers:
                    name = "%s [%s]" % (modules[fitting[0]][imm], fitting[0])
                    line["kfuncs"][name] = line["kfuncs"].get(name, 0) + 1
            if "kfunc_ids" in line:
                line["kfunc_ids"] = left

    def name_targets(self, vmlinux: Optional[Btf], names: Dict[int, str]) -> None:
        """Attach targets that programs name by BTF id."""
        of_modules = {}  # type: Dict[str, Set[int]]
        for blob, number in self.attach_ids.values():
            name, kernel = self.blob(blob)
            if kernel and name and name != "vmlinux":
                of_modules.setdefault(name, set()).add(number)
        found = {m: Btf(kernel_btf(m), vmlinux).names(w) for m, w in of_modules.items() if vmlinux and kernel_btf(m)}
        for program, (blob, number) in self.attach_ids.items():
            name, kernel = self.blob(blob)
            if kernel or not blob:
                table = names if name in ("", "vmlinux") else found.get(name, {})
                one = {"btf": name or "vmlinux", "target": table.get(number, "")}
            else:
                one = {"btf": "program"}  # a replacement of a function of another program
            self.programs[program]["attach"].append(one)


def calls(code: bytes) -> Iterator[Tuple[int, int, int]]:
    """Calls in instructions: what the source register says, offset, immediate."""
    source = 4 if sys.byteorder == "little" else 0
    for at in range(0, len(code) - 7, 8):
        if code[at] == CALL and (code[at + 1] >> source & 15) in (0, 2):
            offset, imm = struct.unpack_from("=hi", code, at + 2)
            yield code[at + 1] >> source & 15, offset, imm


def source_lines(info: Info, blob: Btf) -> List[str]:
    """The source lines that a program carries, each once."""
    count = info.u32(148)
    raw = info.block(152, 16 * count, ("=I", 148, count), ("=I", 172, 16)) if count else b""
    texts = [blob.text(struct.unpack_from("=I", raw, 16 * i + 8)[0]).strip() for i in range(count)]
    return list(dict.fromkeys(t[:MOST_TEXT] for t in texts if t))[:MOST_LINES]


def read_symbols(wanted: Set[int]) -> Dict[str, Any]:
    """``at``: address → (symbol, module) of wanted addresses, absolute or from __bpf_call_base; and that base."""
    with open(KALLSYMS, "rb") as file:
        lines = file.read().split(b"\n")
    start = [line for line in lines if line.endswith(b" __bpf_call_base")]
    base = int(start[0].split()[0], 16) if start else 0
    if not base:
        raise RefusedError(
            "addresses of kernel symbols are hidden (kptr_restrict, or no CAP_SYSLOG), so calls cannot be named"
        )
    digits = len(start[0].split()[0])
    keys = {b"%0*x" % (digits, a % (1 << 4 * digits)): a for a in wanted | {base + imm for imm in wanted}}
    at = {}  # type: Dict[int, Tuple[str, str]]
    for line in lines:
        address = keys.get(line[:digits])
        if address is None or line[digits : digits + 3].lower() not in (b" t ", b" w ", b" d "):
            continue
        parts = line.split()
        name = parts[2].decode("utf-8", "replace")
        module = parts[3].decode("utf-8", "replace").strip("[]") if len(parts) > 3 else ""
        # Of several names of one address the one that programs would use.
        if address not in at or (name.startswith("bpf_") and not at[address][0].startswith("bpf_")):
            at[address] = (name, module)
    return {"at": at, "__bpf_call_base": base}


def executable(process: str) -> str:
    """The path of a process's executable, as the process sees it; empty for those of the kernel."""
    try:
        return os.readlink(os.path.join(PROC, process, "exe")).replace(" (deleted)", "")
    except OSError:
        return ""


def packages_of(paths: Set[str]) -> Dict[str, str]:
    """Debian packages that own executables; nothing where dpkg keeps no lists."""
    folder, found = DPKG_LISTS, {}  # type: str, Dict[str, str]
    spelled = {}  # type: Dict[bytes, str]
    for path in paths - {""}:
        for one in {path, path[4:] if path.startswith("/usr/") else "/usr" + path}:
            spelled[b"\n" + os.fsencode(one) + b"\n"] = path
    if not spelled or not os.path.isdir(folder):
        return found
    for name in sorted(os.listdir(folder)):
        if name.endswith(".list"):
            try:
                with open(os.path.join(folder, name), "rb") as file:
                    text = file.read()
            except OSError:
                continue
            for line, path in spelled.items():
                if line in text:
                    found[path] = name[:-5].split(":")[0]
    return found


# -- the whole


def release_of(text: str) -> Tuple[int, int]:
    """Major and minor of a release; (0, 0) where it says none."""
    parts = text.split("-")[0].split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        return (0, 0)


def refuse_unfit(user: int, release: str, btf: bool) -> None:
    """RefusedError where this cannot work: not root, or a kernel whose bpf(2) does not tell enough.

    Distributions that add BPF to an older release (RHEL 8 to 4.18) are recognised by the BTF that they add with it.
    """
    if user:
        raise RefusedError("needs root: the kernel lists BPF programs to CAP_SYS_ADMIN only")
    if release_of(release) < (5, 0) and not btf:
        raise RefusedError("kernel %s is too old: programs say what they call from 5.0 on" % release)


def head(btf: bytes, host: str, level: str) -> Dict[str, Any]:
    """The first line: which kernel, distribution and host, when, by which version of this format."""
    line = {
        "format": FORMAT, "version": VERSION, "privacy": level, "time": int(time.time()),
        "release": platform.release(), "machine": platform.machine(), "byteorder": sys.byteorder,
        "btf_sha256": hashlib.sha256(btf).hexdigest() if btf else "", "distribution": distribution(),
        "host_id": host_id(),
    }  # type: Dict[str, Any]  # fmt: skip
    if host:
        line["host"] = host
    return line


def host_id() -> str:
    """A keyed hash of the machine id, which tells hosts apart and leads nowhere else; empty where there is none."""
    try:
        with open(MACHINE_ID, "rb") as file:
            key = file.read().strip()
    except OSError:
        return ""
    return hmac.new(key, FORMAT.encode(), hashlib.sha256).hexdigest()[:16] if key else ""


def distribution() -> str:
    """ID and VERSION_ID of os-release."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                words = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
        except OSError:
            continue
        return " ".join(words[k].strip("\"'") for k in ("ID", "VERSION_ID") if k in words)
    return ""


def collect(host: str = "", with_lines: bool = False) -> Iterator[Dict[str, Any]]:
    """The lines of a census of this host; RefusedError where none can be made."""
    btf = kernel_btf()
    refuse_unfit(os.geteuid(), platform.release(), bool(btf))
    read_symbols(set())
    census = Census(with_lines)
    try:
        census.read_programs()
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise
        raise RefusedError("the kernel does not list BPF programs here: %s" % error.strerror) from error
    census.read_links()
    census.read_owners()
    census.name_all(btf)
    level = "+".join(w for w, on in (("host", bool(host)), ("source-lines", with_lines)) if on) or "strict"
    yield head(btf, host, level)
    for number in sorted(census.programs):
        yield {key: value for key, value in census.programs[number].items() if value != [] and value != {}}
    yield {"line": "end", "programs": len(census.programs), "links": census.links, "gone": census.gone}


def main(arguments: Optional[List[str]] = None) -> int:
    """Print a census; 3 and one sentence where it cannot be made."""
    parser = argparse.ArgumentParser(description="Print which BPF programs run on this host, as JSON lines.")
    parser.add_argument("--host", default="", metavar="NAME", help="add a name for this host")
    parser.add_argument("--source-lines", action="store_true", help="add the source lines that programs carry")
    given = parser.parse_args(arguments)
    try:
        for line in collect(given.host, given.source_lines):
            sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
        sys.stdout.flush()
    except RefusedError as why:
        sys.stderr.write("census: %s\n" % why)
        return 3
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
        return 3
    except OSError as error:
        where = "%s: " % error.filename if error.filename else ""
        sys.stderr.write("census: %s%s\n" % (where, error.strerror or error))
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
