#!/py -ISB
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Process 1 of a guest that proves: loads every program of every object through libbpf and writes what the kernel did.

Objects are loaded in child processes, so that a crash of libbpf or a hang ends one object only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
import time

if __name__ == "__main__":
    sys.path.insert(0, "/")

from kfuncscope.prove.guest.agent import LINE, Wire, described, main

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kfuncscope.prove.guest.agent import Plan

LINES = 40  # of what libbpf and the verifier say
LOG_STATS = 4  # BPF_LOG_STATS: errors and totals, without a line for each instruction
LOG_SIZE = 1 << 16
ROUNDS = 24  # loads of one object before its programs are tried one by one
SLOT, OFF = "failed to initialize slot", " fd=-"  # of a prog array; its program is switched off
DEBUG = 2  # LIBBPF_DEBUG
PRINTER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
POINTERS = (
    "bpf_object__open_mem", "bpf_object__next_program", "bpf_object__next_map", "bpf_object__find_map_by_name",
    "bpf_program__attach", "bpf_program__attach_xdp", "bpf_program__attach_cgroup", "bpf_program__attach_netns",
    "bpf_program__attach_tcx", "bpf_map__attach_struct_ops", "bpf_map__initial_value",
)  # fmt: skip
STRINGS = ("bpf_program__name", "bpf_map__name", "libbpf_version_string")
TOTALS = ("verification time", "stack depth", "processed ", "insns_", "peak_states", "mark_read", "subprog ")
# Map types that take no size (enum bpf_map_type): the local storages and struct_ops.
NO_SIZE = frozenset({19, 21, 23, 24, 26, 28, 29, 32, 33})
STACK_TRACE, ARRAY_OF_MAPS, HASH_OF_MAPS, RINGBUFS = 7, 12, 13, frozenset({27, 31})


# -- libbpf


class Libbpf:
    """libbpf through ctypes, and what it says while it works."""

    def __init__(self, path: str) -> None:
        self.lib = ctypes.CDLL(path, use_errno=True)
        self.libc = ctypes.CDLL(None, use_errno=True)
        for name in POINTERS:
            if self.has(name):
                getattr(self.lib, name).restype = ctypes.c_void_p
        for name in STRINGS:
            getattr(self.lib, name).restype = ctypes.c_char_p
        self.said: list[str] = []
        self._printer = PRINTER(self._print)
        self.lib.libbpf_set_print(self._printer)

    def has(self, name: str) -> bool:
        """Whether this libbpf has a function."""
        return hasattr(self.lib, name)

    def _print(self, level: int, form: bytes, arguments: int) -> int:
        if level < DEBUG and len(self.said) < LINES * 4:
            text = ctypes.create_string_buffer(LINE * 4)
            self.libc.vsnprintf(text, len(text), form, ctypes.c_void_p(arguments))
            said = text.value.decode("utf-8", "replace").strip()
            lines = [line.removeprefix("libbpf: ")[:LINE] for line in said.splitlines()]
            self.said += [line for line in lines if not line.startswith(TOTALS) and "PROG LOAD LOG --" not in line]
        return 0

    def call(self, name: str, *arguments: object) -> int:
        """Call a function that returns int or a pointer; negative errno where it failed. Numbers go in as words."""
        passed = [ctypes.c_void_p(a) if isinstance(a, int) else a for a in arguments]
        ctypes.set_errno(0)
        result = getattr(self.lib, name)(*passed)
        if result is None:
            return -(ctypes.get_errno() or 22)
        return int(result)

    def text(self, name: str, pointer: int) -> str:
        """A function that returns a C string."""
        return (getattr(self.lib, name)(ctypes.c_void_p(pointer)) or b"").decode("utf-8", "replace")

    def walk(self, name: str, obj: int) -> list[int]:
        """All programs or maps of an object, by ``bpf_object__next_*``."""
        found: list[int] = []
        following = getattr(self.lib, name)
        at = following(ctypes.c_void_p(obj), None)
        while at:
            found.append(at)
            at = following(ctypes.c_void_p(obj), ctypes.c_void_p(at))
        return found


def weakened(data: bytes, names: set[str]) -> bytes:
    """The object with these undefined symbols weak, so that libbpf goes on where the kernel lacks them (R-2.13)."""
    order = "<" if data[5] == 1 else ">"
    table, size, count = struct.unpack_from(order + "Q10xHHH", data, 40)[0], *struct.unpack_from(order + "HH", data, 58)
    sections = [struct.unpack_from(order + "IIQQQQIIQQ", data, table + i * size) for i in range(count)]
    changed = bytearray(data)
    for section in sections:
        if section[1] != 2:  # SHT_SYMTAB
            continue
        strings = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5] - 23, 24):
            name, info, _, place = struct.unpack_from(order + "IBBH", data, at)
            end = data.index(b"\0", strings + name)
            if place == 0 and data[strings + name : end].decode("utf-8", "replace") in names:
                changed[at + 4] = 2 << 4 | info & 15  # STB_WEAK
    return bytes(changed)


def blamed(said: list[str]) -> tuple[str, str]:
    """(kind, name) of what made a load fail, from libbpf's own lines: prog, extern, map, struct_ops, or nothing."""
    for line in said:
        for kind in ("prog", "map"):
            if line.startswith(kind + " '"):
                return kind, line.split("'")[1]
        if line.startswith("extern ") and line.count("'") > 1:
            return "extern", line.split("'")[1]
        if line.startswith("struct_ops"):
            return "struct_ops", ""
    return "", ""


def errors_of(log: str) -> list[str]:
    """The verifier's lines without the totals that follow them."""
    lines = [line.strip()[:LINE] for line in log.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(TOTALS)][-LINES:]


# -- one object


class Object:
    """One object of the plan: what is switched off so far, and what was already answered."""

    def __init__(self, bpf: Libbpf, wire: Wire, task: Plan) -> None:
        self.bpf, self.wire, self.task = bpf, wire, task
        self.data = b""
        self.programs: dict[str, Plan] = {p["name"]: p for p in task["programs"]}
        self.weak: set[str] = set()
        self.no_map: set[str] = set()
        self.answered: set[str] = set()
        self.obj = 0
        self.logs: dict[str, ctypes.Array[ctypes.c_char]] = {}
        self.handles: dict[str, int] = {}
        self.rc = 0

    def run(self) -> None:
        """Answer for the object as its loader would load it, then for every program."""
        with open(self.task["path"], "rb") as file:
            self.data = file.read()
        wanted = {name for name, p in self.programs.items() if p["autoload"]}
        rc, why = self._load(wanted, {t for t, optional in self.task["tables"].items() if not optional})
        self.wire.send("object", o=self.task["index"], load=rc, lines=why)
        if rc == 0:
            self._loaded(wanted)
        self._close()
        if rc and not self.task["tails"]:
            self._exclude(why, wanted)
        alone = self.task["tails"] and rc != 0
        for _ in range(0 if alone else ROUNDS):
            pending = self._pending()
            if not pending:
                break
            rc, why = self._load(pending, self._tables(pending))
            if rc == 0:
                self._loaded(pending)
            self._close()
            if rc == 0 or not self._exclude(why, pending):
                break
        for name in sorted(self._pending()):
            self._single(name)
        self.wire.send("done", o=self.task["index"], weak=sorted(self.weak), nomap=sorted(self.no_map))

    def _pending(self) -> set[str]:
        return self.programs.keys() - self.answered

    def _tables(self, wanted: set[str]) -> set[str]:
        """The struct_ops maps that refer to a wanted program."""
        return {t for name in wanted for t in self.programs[name]["tables"]} - self.no_map

    def _single(self, name: str) -> None:
        """Answer for one program with all others switched off; what libbpf lacks beside it is left out."""
        for _ in range(8):
            rc, why = self._load({name}, self._tables({name}))
            if rc == 0:
                self._loaded({name})
            self._close()
            if rc == 0:
                return
            if any(SLOT in line and OFF in line for line in why):
                # libbpf fills slots after it has loaded programs, and this one's neighbours are switched off.
                self.answered.add(name)
                self.wire.send("prog", o=self.task["index"], p=name, load=0, lines=[], attach=None, log=False)
                return
            kind, culprit = blamed(self.bpf.said)
            if kind == "extern" and culprit not in self.weak:
                self.weak.add(culprit)
            elif kind == "map" and culprit not in self.no_map:
                self.no_map.add(culprit)
            else:
                self._failed(name, rc, why)
                return
        self._failed(name, rc, why)

    def _exclude(self, why: list[str], pending: set[str]) -> bool:
        """Take what made a load fail out of the next one; False where that is not known."""
        kind, name = blamed(self.bpf.said)
        if kind == "prog" and name in pending:
            self._failed(name, self.rc, why)
            return True
        if kind == "extern" and name not in self.weak:
            self.weak.add(name)
            return True
        if kind == "map" and name not in self.no_map:
            self.no_map.add(name)
            return True
        return False

    def _failed(self, name: str, rc: int, why: list[str]) -> None:
        log = self.logs[name].value.decode("utf-8", "replace") if name in self.logs else ""
        self.answered.add(name)
        verdict = errors_of(log)
        self.wire.send(
            "prog", o=self.task["index"], p=name, load=rc, lines=verdict or why[-6:], attach=None, log=bool(verdict)
        )

    def _load(self, wanted: set[str], tables: set[str]) -> tuple[int, list[str]]:
        """Open and load with exactly the wanted programs: (0 or negative errno, what libbpf said)."""
        bpf = self.bpf
        bpf.said.clear()
        data = weakened(self.data, self.weak) if self.weak else self.data
        self.buffer = ctypes.create_string_buffer(data, len(data))
        options = OpenOptions(ctypes.sizeof(OpenOptions), self.task["name"].encode()[:60])
        self.obj = bpf.call("bpf_object__open_mem", self.buffer, ctypes.c_size_t(len(data)), ctypes.byref(options))
        if -4096 < self.obj < 0:
            self.rc, self.obj = self.obj, 0
            return self.rc, bpf.said[-LINES:]
        self.handles = {}
        for program in bpf.walk("bpf_object__next_program", self.obj):
            name = bpf.text("bpf_program__name", program)
            self.handles[name] = program
            bpf.call("bpf_program__set_autoload", program, ctypes.c_bool(name in wanted))
            if name in wanted:
                self.logs[name] = ctypes.create_string_buffer(LOG_SIZE)
                bpf.call("bpf_program__set_log_buf", program, self.logs[name], ctypes.c_size_t(LOG_SIZE))
                bpf.call("bpf_program__set_log_level", program, LOG_STATS)
        self._prepare_maps(tables, wanted)
        self.rc = bpf.call("bpf_object__load", self.obj)
        return self.rc, bpf.said[-LINES:]

    def _prepare_maps(self, tables: set[str], wanted: set[str]) -> None:
        bpf, setup = self.bpf, self.task["maps"]
        for one in bpf.walk("bpf_object__next_map", self.obj):
            name, kind = bpf.text("bpf_map__name", one), bpf.call("bpf_map__type", one)
            # libbpf puts the object's name before ".rodata" and its like.
            given: Plan = setup.get(name) or next((v for k, v in setup.items() if k[0] == "." and name.endswith(k)), {})
            if (name in self.task["tables"] and name not in tables) or name in self.no_map:
                bpf.call("bpf_map__set_autocreate", one, ctypes.c_bool(False))
                continue
            for other in self.programs.keys() - wanted if name in tables else ():
                # libbpf loads every program that a table refers to; a member that was set to NULL refers to none.
                for offset in self.programs[other]["tables"].get(name, ()):
                    self._preset(one, offset, bytes(8))
            entries = given.get("max_entries") or bpf.call("bpf_map__max_entries", one)
            if not entries and kind not in NO_SIZE:
                entries = os.sysconf("SC_PAGE_SIZE") if kind in RINGBUFS else 1
            if given.get("max_entries") or (entries and not bpf.call("bpf_map__max_entries", one)):
                bpf.call("bpf_map__set_max_entries", one, ctypes.c_uint32(entries))
            for part in ("key_size", "value_size"):
                if part in given:
                    bpf.call(f"bpf_map__set_{part}", one, ctypes.c_uint32(given[part]))
            if kind == STACK_TRACE and not bpf.call("bpf_map__value_size", one):
                bpf.call("bpf_map__set_value_size", one, ctypes.c_uint32(127 * 8))
            if kind in (ARRAY_OF_MAPS, HASH_OF_MAPS) and "inner" in given:
                bpf.call("bpf_map__set_inner_map_fd", one, inner_map(bpf, given["inner"]))
            for offset, value in given.get("data", ()):
                self._preset(one, offset, bytes.fromhex(value))

    def _preset(self, one: int, offset: int, value: bytes) -> None:
        """Change the initial content of a data section, as a skeleton's user does with ``rodata->x = ...``."""
        size = ctypes.c_size_t()
        at = self.bpf.call("bpf_map__initial_value", one, ctypes.byref(size))
        if at > 0 and offset + len(value) <= size.value:
            ctypes.memmove(at + offset, value, len(value))

    def _loaded(self, names: set[str]) -> None:
        """Answer for programs that are loaded: attach and detach each; what libbpf did not load itself failed."""
        self._fill_arrays()
        for name in sorted(names - self.answered):
            program = self.programs[name]
            handle = self.handles.get(name, 0)
            if not handle or self.bpf.call("bpf_program__fd", handle) < 0:
                if not self.no_map and not (self.programs[name]["tables"] and self.task["tables"]):
                    continue
                self._failed(name, -2, [f"prog '{name}': libbpf did not load it: no struct_ops map refers to it"])
                continue
            self.answered.add(name)
            self.bpf.said.clear()
            attached = self._attach(handle, program["attach"]) if program["attach"] else None
            lines = self.bpf.said[-6:] if attached else []
            self.wire.send("prog", o=self.task["index"], p=name, load=0, lines=lines, attach=attached, log=False)

    def _fill_arrays(self) -> None:
        for name, places in self.task["arrays"].items():
            one = self.bpf.call("bpf_object__find_map_by_name", self.obj, name.encode())
            if one <= 0:
                continue
            fd = self.bpf.call("bpf_map__fd", one)
            for place, program in places:
                target = self.bpf.call("bpf_program__fd", self.handles[program]) if program in self.handles else -1
                key, value = ctypes.c_uint32(place), ctypes.c_int32(target)
                if target >= 0:
                    self.bpf.call("bpf_map_update_elem", fd, ctypes.byref(key), ctypes.byref(value), ctypes.c_uint64(0))

    def _attach(self, handle: int, way: str) -> int:
        bpf, folder = self.bpf, -1
        if way == "auto":
            link = bpf.call("bpf_program__attach", handle)
        elif way in ("xdp", "tcx"):
            extra = (ctypes.c_void_p(None),) if way == "tcx" else ()
            link = bpf.call(f"bpf_program__attach_{way}", handle, 1, *extra)  # 1 is lo
        else:
            folder = os.open({"cgroup": "/sys/fs/cgroup", "netns": "/proc/self/ns/net"}[way], os.O_RDONLY)
            link = bpf.call(f"bpf_program__attach_{way}", handle, folder)
        if folder >= 0:
            os.close(folder)
        if -4096 < link < 0:
            return link
        bpf.call("bpf_link__destroy", link)
        return 0

    def _close(self) -> None:
        if self.obj:
            self.bpf.call("bpf_object__close", self.obj)
            self.obj = 0


class OpenOptions(ctypes.Structure):
    """``struct bpf_object_open_opts`` up to the name, which every libbpf from 0.3 on takes."""

    _fields_ = [("sz", ctypes.c_size_t), ("object_name", ctypes.c_char_p)]


def inner_map(bpf: Libbpf, given: Plan) -> int:
    """A map to serve as the pattern of the inner maps."""
    sizes = [ctypes.c_uint32(given.get(part, 4)) for part in ("key_size", "value_size", "max_entries")]
    return bpf.call("bpf_map_create", given["type"], b"inner", *sizes, ctypes.c_void_p(None))


# -- all objects


def in_child(wire: Wire, seconds: int, work: Object, index: int) -> None:
    """Answer for one object in a child process with a time limit; what ends it early becomes a record."""
    pid = os.fork()
    if pid == 0:
        try:
            work.run()
        except BaseException as error:
            wire.send("broken", o=index, why=described(error))
        os._exit(0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            if status:
                wire.send("broken", o=index, why=f"the loader ended with wait status {status:#x}")
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    wire.send("broken", o=index, why=f"not done after {seconds} s")


def prove_objects(wire: Wire, plan: Plan) -> None:
    """Answer for every object of the plan."""
    bpf = Libbpf(plan["libbpf"])
    wire.send("ready", libbpf=(bpf.lib.libbpf_version_string() or b"").decode())
    for task in plan["objects"]:
        wire.send("begin", o=task["index"])
        in_child(wire, plan["seconds"], Object(bpf, wire, task), task["index"])


if __name__ == "__main__" and os.getpid() == 1:
    main(prove_objects)
