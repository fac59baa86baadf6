# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Process 1 of a guest that takes a census: loads objects by libbpf and by bpftool, runs bpftrace, then the collector.

Facts on the wire: ``boot`` (nothing before it counts), ``truth`` (number of the object, loader and program → id),
``refused`` (number of the object and loader → why), ``bpftrace`` (one-liner → id), ``silent`` (one-liner → its last
words), ``census`` (line and part → text), ``took`` (wait status and seconds of the collector).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import time

if __name__ == "__main__":
    sys.path.insert(0, "/")

from kfuncscope.prove.guest.agent import Wire, main
from kfuncscope.prove.guest.agent_load import Libbpf, Object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kfuncscope.prove.guest.agent import Plan

OBJ_GET = 7
LSM, MODIFY_RETURN = 29, 26  # of enum bpf_prog_type and bpf_attach_type
PART = 1500  # characters of a line that go into one record


def spawned(words: list[str], out: str) -> int:
    """Start a program with its output in a file: its process id."""
    pid = os.fork()
    if pid == 0:
        fd = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(fd, 1)
        os.dup2(fd, 2)
        os.execve(words[0], words, {"LD_LIBRARY_PATH": "/lib", "PATH": "/usr/bin:/usr/sbin", "HOME": "/"})
    return pid


def run(words: list[str], out: str) -> int:
    """Run a program to its end: its wait status."""
    return os.waitpid(spawned(words, out), 0)[1]


def program_id(fd: int) -> int:
    """The id of the program behind a descriptor; 0 where there is none."""
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
        return next((int(line.split()[1]) for line in file if line.startswith("prog_id")), 0)


def ids(libc: ctypes.CDLL, number: int) -> list[int]:
    """Ids of all programs that are loaded."""
    found, last = [], 0
    while True:
        attr = ctypes.create_string_buffer(struct.pack("=III", last, 0, 0), 12)
        if libc.syscall(number, 11, attr, 12) < 0:
            return found
        last = struct.unpack_from("=I", attr, 4)[0]
        found.append(last)


def by_bpftool(libc: ctypes.CDLL, number: int, wire: Wire, task: Plan) -> dict[str, int]:
    """Load and pin all programs of an object: the pin's name → id."""
    folder = f"/sys/fs/bpf/o{task['index']}"
    if run(["/usr/sbin/bpftool", "prog", "loadall", task["path"], folder], "/bpftool") != 0:
        with open("/bpftool", encoding="utf-8", errors="replace") as file:
            wire.send("fact", k="refused", n=f"{task['index']} bpftool", v=file.read()[-300:])
        return {}
    found = {}
    for name in sorted(os.listdir(folder)):
        path = ctypes.create_string_buffer(f"{folder}/{name}".encode())
        attr = ctypes.create_string_buffer(struct.pack("=QIIQ", ctypes.addressof(path), 0, 0, 0), 24)
        fd = libc.syscall(number, OBJ_GET, attr, 16)
        if fd >= 0:
            found[name] = program_id(fd)
            os.close(fd)
    return found


class Kept(Object):
    """An object that stays loaded, and whose programs are attached where that is harmless."""

    def load_all(self) -> dict[str, int]:
        """Load what the kernel takes, all together or, where it refuses one, each alone: program → id."""
        with open(self.task["path"], "rb") as file:
            self.data = file.read()
        wanted = {name for name, p in self.programs.items() if p["autoload"]}
        found = self._kept(wanted)
        for name in sorted(wanted) if not found and len(wanted) > 1 else ():
            found |= self._kept({name})
        return found

    def _decides(self, handle: int) -> bool:
        """Whether a program, attached, would decide for the kernel: systemd's forbid execve() and bpf() themselves."""
        kind = self.bpf.call("bpf_program__type", handle)
        return kind == LSM or self.bpf.call("bpf_program__expected_attach_type", handle) == MODIFY_RETURN

    def _kept(self, wanted: set[str]) -> dict[str, int]:
        rc, said = self._load(wanted, self._tables(wanted))
        if rc != 0:
            why = " / ".join(said)[-300:]
            self.wire.send("fact", k="refused", n=f"{self.task['index']} libbpf {len(wanted)}", v=f"{rc} {why}")
            self._close()
            return {}
        kept.append((self.buffer, dict(self.logs)))
        found = {}
        for name in sorted(wanted):
            fd = self.bpf.call("bpf_program__fd", self.handles.get(name, 0)) if name in self.handles else -1
            if fd >= 0:
                found[name] = program_id(fd)
                if self.programs[name]["attach"] == "auto" and not self._decides(self.handles[name]):
                    self.bpf.call("bpf_program__attach", self.handles[name])
        return found


kept: list[object] = []  # what libbpf still points to


def start_bpftrace(libc: ctypes.CDLL, plan: Plan, wire: Wire) -> None:
    """Run the one-liners; each one's programs are those that came while it started."""
    os.symlink("/proc/self/fd", "/dev/fd")  # both for its compiler
    os.makedirs("/tmp", exist_ok=True)
    for number, line in enumerate(plan["bpftrace"]):
        before = set(ids(libc, plan["bpf"]))
        pid = spawned(["/usr/bin/bpftrace", "-e", line], f"/bt{number}")
        end, fresh = time.monotonic() + plan["patience"], set()
        while time.monotonic() < end and not fresh and os.waitpid(pid, os.WNOHANG) == (0, 0):
            time.sleep(2)
            fresh = set(ids(libc, plan["bpf"])) - before
        time.sleep(5 if fresh else 0)
        for one in sorted(set(ids(libc, plan["bpf"])) - before):
            wire.send("fact", k="bpftrace", n=line, v=str(one))
        if not fresh:
            with open(f"/bt{number}", encoding="utf-8", errors="replace") as file:
                wire.send("fact", k="silent", n=line, v=file.read()[-300:])


def take_census(wire: Wire, plan: Plan) -> None:
    """Load everything, then let the collector look."""
    libc = ctypes.CDLL(None, use_errno=True)
    for folder, content in (
        ("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        ("/etc/os-release", "ID=guest\n"),
    ):
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        with open(folder, "w", encoding="ascii") as file:
            file.write(content)
    bpf = Libbpf(plan["libbpf"])
    wire.send("fact", k="boot", n="", v="")
    wire.send("ready", libbpf=(bpf.lib.libbpf_version_string() or b"").decode())
    if plan["bpftrace"]:
        start_bpftrace(libc, plan, wire)
    for task in plan["objects"]:
        wire.send("begin", o=task["index"])
        found: dict[str, int] = {}
        how = "bpftool" if task["index"] % 2 else "libbpf"
        if how == "bpftool":
            found = by_bpftool(libc, plan["bpf"], wire, task)
        if not found:
            how, found = "libbpf", Kept(bpf, wire, task).load_all()
        for name, number in found.items():
            wire.send("fact", k="truth", n=f"{task['index']} {how} {name}", v=str(number))
    begun = time.monotonic()
    status = run(["/py", "-SB", "/collect.py"], "/census")
    wire.send("fact", k="took", n=str(status), v=f"{time.monotonic() - begun:.2f}")
    with open("/census", encoding="ascii", errors="replace") as file:
        for number, line in enumerate(file):
            for at in range(0, len(line), PART):
                wire.send("fact", k="census", n=f"{number} {at}", v=line[at : at + PART])
    for task in plan["objects"]:  # only now: a guest that dies is booted again with all but the object that it died at
        wire.send("done", o=task["index"], weak=[], nomap=[])


if __name__ == "__main__" and os.getpid() == 1:
    main(take_census)
