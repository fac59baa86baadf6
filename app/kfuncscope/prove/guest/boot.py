# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Boot a kernel with tasks for its agent, again without an object that crashed it, and collect what was seen."""

from __future__ import annotations

import errno
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kfuncscope.errors import InputError
from kfuncscope.prove.guest import newc
from kfuncscope.prove.guest.initramfs import UserSpace
from kfuncscope.prove.guest.qemu import Boot, Ended, Limits, find_qemu, kvm_works, machine_for
from kfuncscope.prove.guest.wire import Record
from kfuncscope.prove.kernels import BootKernel, need_image
from kfuncscope.prove.plan import Task
from kfuncscope.prove.seen import BootSeen, ObjectSeen

CRASHES = 3  # boots again after an object brought the kernel down
OBJECT_SECONDS = 60
LARGEST_INITRD = 512 << 20


@dataclass(frozen=True, slots=True)
class Guest:
    """What one boot consists of beside the tasks."""

    kernel: BootKernel
    space: UserSpace
    modules: tuple[tuple[str, bytes], ...] = ()
    accel: str = "auto"
    limits: Limits = field(default_factory=Limits)
    seconds: int = OBJECT_SECONDS
    extra: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(slots=True)
class BootRun:
    """The result: what was seen, how each boot ended, and the size of the initramfs in bytes.

    ``accel`` is what the boot that goes on runs with.
    """

    seen: BootSeen = field(default_factory=BootSeen)
    boots: list[Ended] = field(default_factory=list)
    initrd: int = 0
    why: str = ""
    accel: str = ""


def initramfs(guest: Guest, tasks: Sequence[Task]) -> list[newc.Entry]:
    """Every file of the guest: user space, modules in their order, objects, config and the plan."""
    machine = machine_for(guest.kernel.arch)
    modules = [(f"m/{name}.ko", data) for name, data in guest.modules]
    plan = {
        "wire": machine.wire,
        "finit_module": machine.finit_module,
        "modules": [f"/{path}" for path, _ in modules],
        "libbpf": "/lib/libbpf.so.1",
        "seconds": guest.seconds,
        "objects": [task.form for task in tasks],
        **guest.extra,
    }
    entries = [
        *guest.space.entries,
        newc.node("dev/console", 5, 1),
        newc.node("dev/null", 1, 3),
        newc.file("plan.json", json.dumps(plan, ensure_ascii=True).encode()),
        *(newc.file(path, data) for path, data in modules),
        *(newc.file(task.path, task.data) for task in tasks),
    ]
    if guest.kernel.config:
        # libbpf reads it for externs of .kconfig.
        entries.append(newc.file(f"boot/config-{guest.kernel.release}", guest.kernel.config))
    return newc.with_folders(entries)


def boot(
    guest: Guest,
    tasks: Sequence[Task],
    on_record: Callable[[Record], None] = lambda record: None,
    cancelled: Callable[[], bool] = lambda: False,
    run: BootRun | None = None,
) -> BootRun:
    """Ask the kernel about the tasks. Whatever happens to the guest, the records so far are kept.

    ``on_record`` is called after a record went into ``run``, which the caller may give to look into it meanwhile, and
    after Ctrl+C or SIGTERM, which pass through.
    Raises InputError where nothing can be booted: no image, no QEMU, no room for the initramfs.
    """
    need_image(guest.kernel)
    qemu = find_qemu(machine_for(guest.kernel.arch))
    run, left = run or BootRun(), list(tasks)
    by_index = {task.index: task for task in tasks}
    accels = _accelerators(guest)
    retried = False

    def take(record: Record) -> None:
        if run.seen.take(record, by_index):
            on_record(record)

    with tempfile.TemporaryDirectory(prefix="kfuncscope-") as folder:
        image = Path(folder, "kernel")
        _written(image, guest.kernel.image)
        for _ in range(CRASHES + 3):
            run.initrd = _pack(Path(folder, "initrd"), guest, left)
            run.seen.running = None
            run.accel = accels[0]
            ended = _ended(run, Boot(
                guest.kernel.arch, qemu, str(image), f"{folder}/initrd", run.accel, guest.limits, take, cancelled
            ))  # fmt: skip
            run.boots.append(ended)
            if ended.done or ended.why == "cancelled":
                run.why = ended.why
                break
            run.why = ended.why
            if ended.first is None and len(accels) > 1:
                run.seen.notes.append(f"KVM does not work here ({ended.why}); emulation is used")
                accels.pop(0)
            elif ended.first is None and not retried:
                retried = True  # a busy machine may make an emulated boot fail once
            elif not _exclude_running(run, left, ended) or len(run.boots) > CRASHES:
                break
    return run


def _ended(run: BootRun, one: Boot) -> Ended:
    """The end of one boot; where Ctrl+C or SIGTERM is that end, ``run`` has it before they go on."""
    begun = time.monotonic()
    try:
        return one.run()
    except (KeyboardInterrupt, SystemExit):
        run.boots.append(Ended(run.accel, time.monotonic() - begun, why="cancelled"))
        run.why = "cancelled"
        raise


def _accelerators(guest: Guest) -> list[str]:
    if guest.accel != "auto":
        return [guest.accel]
    return ["kvm", "tcg"] if kvm_works(guest.kernel.arch) else ["tcg"]


def _exclude_running(run: BootRun, left: list[Task], ended: Ended) -> bool:
    """Take what is answered, and the object at which the guest died, out of the next boot; False where none is left."""
    index = run.seen.running
    if index is None:
        return False
    seen = run.seen.objects.setdefault(index, ObjectSeen())
    seen.broken, seen.done = f"the guest ended while it was loaded: {ended.why}", True
    left[:] = [task for task in left if not run.seen.objects.get(task.index, ObjectSeen()).done]
    return bool(left)


def _pack(path: Path, guest: Guest, tasks: Sequence[Task]) -> int:
    entries = initramfs(guest, tasks)
    size = sum(len(entry.data) for entry in entries)
    if size > LARGEST_INITRD:
        raise InputError(
            "initramfs", f"{size >> 20} MB of objects and modules; at most {LARGEST_INITRD >> 20} MB are booted"
        )
    try:
        with path.open("wb") as out:
            newc.write(entries, out)
    except OSError as error:
        raise _no_room(path, error) from error
    return path.stat().st_size


def _written(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise _no_room(path, error) from error


def _no_room(path: Path, error: OSError) -> InputError:
    hint = "; set TMPDIR to a folder with room" if error.errno == errno.ENOSPC else ""
    return InputError(str(path), f"cannot be written: {error.strerror}{hint}")
