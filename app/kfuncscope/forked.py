# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Forked processes of a pool: how each begins, and how a pool is ended before its work is done."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import connection
else:
    from kfuncscope.deferred import connection, multiprocessing


def begin() -> None:
    """See that this worker ends: when its pool ends it, whatever the process that forked it makes of that signal, and
    when that process is gone, killed or hung up on, as nobody else would tell it."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def end(pool: ProcessPoolExecutor) -> None:
    """End a pool and what its processes are at, without waiting for it."""
    pool.shutdown(wait=False, cancel_futures=True)
    for process in list((getattr(pool, "_processes", None) or {}).values()):
        process.terminate()
