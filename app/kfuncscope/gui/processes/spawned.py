# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A process beside the window: what it is to do goes in once, messages come out one by one, nothing else is shared.

Not by ``multiprocessing``: that would load the program's main module and a second process that watches resources in
each of them, which is as much as a result from the cache takes.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from multiprocessing import connection
else:
    from kfuncscope.deferred import connection, subprocess

Message = tuple[Any, ...]
_BEGIN = "import sys; sys.path[:] = sys.argv[2:]; from kfuncscope.gui.processes.spawned import carry_out; carry_out()"


class Spawned:
    """Runs ``target(send, *args)`` in a process, which leads a group of its own so that its workers end with it.

    What it sends is ``receive``d in order; the last of it is ``("end",)`` or ``("error", exception)``.
    """

    def __init__(self, target: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._pipe, theirs = connection.Pipe()
        number = theirs.fileno()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BEGIN, str(number), *sys.path],
                stdin=subprocess.DEVNULL, pass_fds=(number,), process_group=0,
            )  # fmt: skip
        except BaseException:
            self._pipe.close()
            raise
        finally:
            theirs.close()
        with contextlib.suppress(BrokenPipeError):  # it has died: told by what is received
            self._pipe.send((target, args))

    def waits(self, seconds: float) -> bool:
        """Whether a message, or the end of them, is there within so many seconds."""
        return self._pipe.poll(seconds)

    def ended(self) -> bool:
        """Whether the process is gone. Its last messages may still be there."""
        return self._process.poll() is not None

    def receive(self) -> Message:
        """The next message. Raises EOFError where the process ended without a last one."""
        try:
            message: Message = self._pipe.recv()
        except ConnectionResetError:  # it ended before it had read what it was to do
            raise EOFError from None
        return message

    def end(self) -> int:
        """End the process and its workers unless it is done, and collect it. Returns its exit status."""
        self._pipe.close()
        for number in (0, signal.SIGTERM, signal.SIGKILL):
            if number:
                with contextlib.suppress(OSError):
                    os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._process.wait(1.0 if number else 0.2)
        return self._process.wait()


def carry_out() -> None:
    """The other process: do what is given, send what it sends; every error is told, none printed."""
    gc.set_threshold(50_000, 20, 20)  # as the command line does, for the same reason
    pipe = connection.Connection(int(sys.argv[1]))
    target, args = pipe.recv()
    try:
        target(pipe.send, *args)
        pipe.send(("end",))
    except Exception as error:
        try:
            pipe.send(("error", error))
        except OSError:
            pass  # nobody listens any more: the job was cancelled
        except Exception:
            pipe.send(("error", RuntimeError(f"{type(error).__name__}: {error}")))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):  # closed where the window was started
            stream.flush()
    os._exit(0)  # taking the result apart again would take a while
