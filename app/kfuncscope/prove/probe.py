# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Boot a kernel once and ask it for its facts (``knowledge probe``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kfuncscope.errors import KernelError
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.knowledge.probed import Probed
from kfuncscope.prove.guest.boot import BootRun, Guest, boot
from kfuncscope.prove.guest.initramfs import agent_files, user_space
from kfuncscope.prove.guest.wire import Record
from kfuncscope.prove.prove import Options, bootable, guest_source
from kfuncscope.prove.questions import answers, questions

AGENT = "agent_probe.py"


@dataclass(slots=True)
class ProbeRun:
    """The facts, and the boot they come from; ``notes`` are sentences for people."""

    probed: Probed
    run: BootRun
    tried: int = 0
    notes: list[str] = field(default_factory=list)


def probe(
    kernel: Kernel, packages: Sequence[str], options: Options, on_record: Callable[[Record], None] = lambda record: None
) -> ProbeRun:
    """Ask the kernel of the packages. Raises InputError where it cannot be booted or gave no answer."""
    mine = bootable(kernel, packages)
    asked = questions(kernel)
    space = user_space(guest_source(options, mine.arch), agent_files(AGENT))
    modules, missing = mine.closure(options.modules or ())
    guest = Guest(mine, space, tuple(modules), options.accel, options.limits, options.seconds, asked.plan)
    run = boot(guest, [], on_record)
    if not run.seen.facts:
        console = run.boots[-1].console[-1:] if run.boots else ()
        raise KernelError(mine.release, f"no answer: {run.why}" + "".join(f"; console: {line}" for line in console))
    probed = answers(asked, run.seen.facts, kernel, mine.image_sha256)
    origin = ", ".join(Path(path).name for path in packages)
    probed.provenance = f"booted from {origin}; {' '.join(run.seen.uname)}"
    tried = next((int(v) for k, _, v in run.seen.facts if k == "tried" and v.isdecimal()), 0)
    notes = [f"{name} is not in the packages given" for name in missing] + run.seen.notes
    if run.why:
        notes.append(f"the guest ended early, so answers are missing: {run.why}")
    return ProbeRun(probed, run, tried, [*notes, *probed.failed])
