# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Run one boot in QEMU: the command line for each architecture, time limits, and the records as they come.

The guest has no network, no disk and no shared folder. QEMU runs in its own seccomp sandbox, and what the guest writes
goes through sockets and pipes that this process reads within bounds, never into a file.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from kfuncscope.arch import arch_of_uname
from kfuncscope.errors import KernelError
from kfuncscope.prove.guest.wire import Record, Wire

_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
_COMMAND_LINE = (
    "panic=-1 mitigations=off random.trust_cpu=on nokaslr "
    # What takes emulation long and changes no answer: zeroed pages, waits for readers, self-tests of the crypto API.
    "init_on_alloc=0 rcupdate.rcu_expedited=1 cryptomgr.notests LD_LIBRARY_PATH=/lib"
)
_TAIL = 40  # lines of the console that are kept
_PANIC = "Kernel panic"
_STDERR = 8000
POLL = 0.2
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Machine:
    """How QEMU boots an architecture. ``wire`` is the guest's device for records; on a machine with one serial port
    that is the console itself. ``finit_module`` is the number of the system call."""

    binary: str
    package: str
    options: tuple[str, ...]
    command_line: str
    wire: str
    finit_module: int


MACHINES: dict[str, Machine] = {
    "x86_64": Machine(
        "qemu-system-x86_64", "qemu-system-x86", ("-machine", "pc", "-cpu", "max,la57=off"),
        # no_timer_check: on a busy machine the emulated timer is late, and the kernel would panic.
        "console=ttyS0 quiet no_timer_check tsc=reliable", "/dev/ttyS1", 313,
    ),
    "arm64": Machine(
        "qemu-system-aarch64", "qemu-system-arm", ("-machine", "virt", "-cpu", "cortex-a72"),
        "console=ttyAMA0 loglevel=1", "/dev/console", 273,
    ),
    "riscv64": Machine(
        "qemu-system-riscv64", "qemu-system-misc", ("-machine", "virt"), "console=ttyS0 loglevel=1", "/dev/console", 273
    ),
    "s390x": Machine(
        "qemu-system-s390x", "qemu-system-misc", ("-machine", "s390-ccw-virtio"), "console=ttysclp0 loglevel=1",
        "/dev/console", 344,
    ),
    "ppc64le": Machine(
        "qemu-system-ppc64", "qemu-system-ppc", ("-machine", "pseries"), "console=hvc0 loglevel=1", "/dev/console", 353
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one boot: seconds until the first record, for the whole boot, and of silence; memory in MB."""

    first: float = 180.0
    first_kvm: float = 20.0
    whole: float = 1800.0
    silence: float = 120.0
    memory: int = 2048


@dataclass(slots=True)
class Ended:
    """How a boot ended. ``why`` is empty where the guest's last record came; ``console`` is the end of its console."""

    accel: str
    seconds: float = 0.0
    first: float | None = None
    ready: float | None = None
    why: str = ""
    done: bool = False
    damaged: int = 0
    console: tuple[str, ...] = ()
    records: int = 0


def machine_for(arch: str) -> Machine:
    """The machine of an architecture. Raises KernelError for one that no guest is known for."""
    if arch not in MACHINES:
        raise KernelError(arch, f"no virtual machine is known for this architecture; known: {', '.join(MACHINES)}")
    return MACHINES[arch]


def find_qemu(machine: Machine) -> str:
    """The path of QEMU. Raises KernelError with the line to type where it is not installed."""
    found = shutil.which(machine.binary)
    if found is None:
        raise KernelError(
            machine.binary, f"not installed; on Debian: sudo apt-get install --no-install-recommends {machine.package}"
        )
    return found


def kvm_works(arch: str) -> bool:
    """Whether this user can open /dev/kvm on a machine of the kernel's own architecture."""
    if arch_of_uname(os.uname().machine, sys.byteorder == "little") != arch:
        return False
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def command(
    arch: str, qemu: str, kernel: str, initrd: str, accel: str, wire_fd: int | None, limits: Limits = Limits()
) -> list[str]:
    """The exact command line. ``accel`` is ``kvm`` or ``tcg``; ``wire_fd`` a connected socket for the second port."""
    machine = machine_for(arch)
    ports = ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
    if machine.wire != "/dev/console":
        ports += ["-chardev", f"socket,id=wire,fd={wire_fd}", "-serial", "chardev:wire"]
    options = list(machine.options)
    if accel == "kvm" and "-cpu" in options:
        options[options.index("-cpu") + 1] = "host"
    return [
        qemu, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none", "-nic", "none",
        "-sandbox", _SANDBOX, *options, "-accel", accel, "-smp", "1", "-m", str(limits.memory), *ports,
        "-kernel", kernel, "-initrd", initrd, "-append", f"{machine.command_line} {_COMMAND_LINE}",
    ]  # fmt: skip


@dataclass(slots=True)
class Boot:
    """One run of QEMU; ``on_record`` is called for every record, ``cancelled`` is asked a few times a second."""

    arch: str
    qemu: str
    kernel: str
    initrd: str
    accel: str
    limits: Limits
    on_record: Callable[[Record], None]
    cancelled: Callable[[], bool] = lambda: False
    _wire: Wire = field(default_factory=Wire)
    _console: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))
    _errors: bytes = b""
    _line: bytes = b""
    _panic: str = ""  # the first of the kernel's last words; a long trace of its stack may follow

    def run(self) -> Ended:
        """Boot, and read until the guest's last record, a limit, or QEMU's end; QEMU never outlives this call."""
        one_port = machine_for(self.arch).wire == "/dev/console"
        ours, theirs = socket.socketpair()
        ended = Ended(self.accel)
        begun = time.monotonic()
        with ours, theirs:
            line = command(self.arch, self.qemu, self.kernel, self.initrd, self.accel, theirs.fileno(), self.limits)
            process = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                pass_fds=() if one_port else (theirs.fileno(),), start_new_session=True, preexec_fn=_end_with_parent,
            )  # fmt: skip
            try:
                theirs.close()
                self._read(process, ours, ended, begun, one_port)
                if not ended.done and not ended.why:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(2)  # its pipes are closed: let it end with its own status
            finally:
                _end(process)
        ended.seconds = time.monotonic() - begun
        self._keep_console(b"\n")  # a last line may have no end
        ended.damaged, ended.records = self._wire.damaged, self._wire.records
        ended.console = tuple(self._console)
        if not ended.done and not ended.why:
            ended.why = self._death(process.returncode)
        return ended

    def _read(
        self, process: subprocess.Popen[bytes], ours: socket.socket, ended: Ended, begun: float, one_port: bool
    ) -> None:
        assert process.stdout is not None and process.stderr is not None
        heard = begun
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ, "console")
            ready.register(process.stderr, selectors.EVENT_READ, "errors")
            if not one_port:
                ready.register(ours, selectors.EVENT_READ, "wire")
            while ready.get_map() and not ended.done and not ended.why:
                for key, _ in ready.select(POLL):
                    data = os.read(key.fd, 1 << 16)
                    if not data:
                        ready.unregister(key.fileobj)
                    elif key.data == "errors":
                        self._errors = (self._errors + data)[-_STDERR:]
                    else:
                        heard = time.monotonic()
                        if key.data == "console":
                            self._keep_console(data)
                        if key.data == "wire" or one_port:
                            self._take(data, ended, begun)
                if not ended.done and not ended.why:
                    ended.why = self._over(ended, begun, heard)

    def _take(self, data: bytes, ended: Ended, begun: float) -> None:
        for record in self._wire.feed(data):
            now = time.monotonic() - begun
            ended.first = now if ended.first is None else ended.first
            if record.kind == "ready":
                ended.ready = now
            elif record.kind == "fatal":
                ended.why = f"the agent ended: {record.fields['why']}"
            ended.done = ended.done or record.kind == "end"
            self.on_record(record)

    def _over(self, ended: Ended, begun: float, heard: float) -> str:
        """Which limit is passed; empty while none is."""
        now, limits = time.monotonic(), self.limits
        first = limits.first_kvm if self.accel == "kvm" else limits.first
        if self.cancelled():
            return "cancelled"
        if self._wire.full:
            return "the guest wrote more than any agent does"
        if ended.first is None and now - begun > first:
            return f"no sign of the guest's agent within {first:.0f} s"
        if now - begun > limits.whole:
            return f"not done within {limits.whole:.0f} s"
        if ended.first is not None and now - heard > limits.silence:
            return f"the guest was silent for {limits.silence:.0f} s"
        return ""

    def _keep_console(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-2000:]
        for line in lines:
            if b"@kfs " not in line and line.strip():
                shown = line.decode("utf-8", "replace").strip()[:300]
                self._console.append(shown)
                if not self._panic and _PANIC in shown:
                    self._panic = shown[shown.index(_PANIC) :]

    def _death(self, status: int | None) -> str:
        if self._panic:
            return self._panic
        said = self._errors.decode("utf-8", "replace").strip().splitlines()
        if status:
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
            return f"QEMU ended with {how}" + (f": {said[-1][:300]}" if said else "")
        return "the guest switched itself off before its last record"


def _end_with_parent() -> None:
    """In the new process: QEMU gets SIGKILL when this program ends, however that happens (prctl(2))."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End QEMU and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
