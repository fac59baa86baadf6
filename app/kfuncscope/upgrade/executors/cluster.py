# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Calls carried by a Dask scheduler to its workers (extra ``cluster``); nothing else of the program knows of Dask.

What is given to Dask is ``call``, which it hands on by the name of the module, and text and bytes. It serialises the
exceptions of workers itself, and whoever can reach a scheduler can have workers run code: a scheduler is trusted, and
TLS and its certificates are a matter of Dask's own configuration (``distributed.comm.tls``).
"""

from __future__ import annotations

import contextlib
import logging
import queue
import re
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import dask
import distributed
from distributed.scheduler import KilledWorker

from kfuncscope.errors import InputError, UsageError
from kfuncscope.upgrade.executors.farm import Ended, Farm
from kfuncscope.upgrade.executors.tasks import Failure
from kfuncscope.upgrade.executors.worker import carry_out

PATIENCE = 10.0
"""Seconds that a scheduler has to answer, and to have a worker."""

_ALONE = 60.0  # seconds without any worker after which nothing more is expected
_LOOK = 2.0  # seconds between looks at the workers while nothing ends
_ADDRESS = re.compile(r"(?:tcp|tls)://[^/\s]+:\d{1,5}")
_AHEAD = 3  # calls for each thread of the workers
_DIED = "each worker that judged it ended unexpectedly, also when it was judged alone"
_GONE = "no worker of the scheduler is left"
_OTHER = "does not have this version of kfuncscope; install the same version on the scheduler and on every worker"


def call(engine: str, kind: str, data: bytes) -> tuple[str, bytes]:
    """Carried out by a worker: its address, and the answer."""
    return distributed.get_worker().address, carry_out(engine, kind, data)


@contextlib.contextmanager
def farm(address: str, patience: float | None = None) -> Iterator[Farm]:
    """The workers of a scheduler as an executor.

    Raises UsageError where the address is none, InputError where the scheduler does not answer or has no worker.
    """
    if not _ADDRESS.fullmatch(address):
        raise UsageError(
            "--cluster", f"{address[:80]!r} is not an address; expected tcp://HOST:PORT or tls://HOST:PORT"
        )
    # What matters of Dask's own messages is said in one sentence here; each of its loggers has a level of its own.
    loggers = [logging.getLogger(n) for n in list(logging.root.manager.loggerDict) if n.startswith("distributed")]
    levels = [one.level for one in loggers]
    calls = None
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        calls = _Dask(address, patience or PATIENCE)
        yield Farm(calls)
    finally:
        if calls is not None:
            calls.close()
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def _client(address: str, patience: float) -> Any:
    """A client of the scheduler. Raises InputError.

    Made in a thread that is left alone in the end: Dask waits without bound for a peer that accepts and says nothing.
    """
    made: queue.SimpleQueue[Any] = queue.SimpleQueue()
    client: Any = distributed.Client

    def connect() -> None:
        try:
            with dask.config.set({"distributed.comm.timeouts.connect": patience}):
                made.put(client(address, timeout=patience, set_as_default=False))
        except Exception as error:  # what a wrong peer makes Dask raise is of many kinds
            made.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        found = made.get(timeout=patience)
    except queue.Empty:
        found = TimeoutError()
    if isinstance(found, Exception):
        raise InputError(address, f"the Dask scheduler does not answer within {patience:g} s") from found
    return found


class _Dask:
    """``farm.Calls`` over a client of a scheduler."""

    def __init__(self, address: str, patience: float) -> None:
        self._address, self._patience = address, patience
        self._ended: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._under_way: dict[int, Any] = {}
        self._alone_since: float | None = None
        self._looked = time.monotonic()
        end = self._looked + patience
        self._client = _client(address, patience)
        try:
            while not (threads := self._threads()):
                if time.monotonic() > end:
                    raise InputError(address, "the Dask scheduler has no workers; start some with 'dask worker'")
                time.sleep(0.1)
        except BaseException:
            self.close()
            raise
        self._room = max(4, _AHEAD * threads)

    @property
    def room(self) -> int:
        """See ``farm.Calls``."""
        return self._room

    def _threads(self) -> int:
        """Threads of all workers. Raises InputError where the scheduler is gone."""
        try:
            found = self._client.sync(self._client.scheduler.ncores, callback_timeout=self._patience)
        except Exception as error:
            raise self._lost() from error
        return sum(found.values())

    def _lost(self) -> InputError:
        return InputError(self._address, "the Dask scheduler does not answer any more; the run is not complete")

    def start(self, number: int, engine: str, kind: str, data: bytes, worker: str = "") -> None:
        """See ``farm.Calls``."""
        # A kernel in a call is larger than graphs usually are, which Dask would warn of.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "8 GiB"}):
            future = self._client.submit(
                call, engine, kind, data, key=f"kfuncscope-{kind}-{uuid.uuid4().hex}", pure=False,
                workers=[worker] if worker else None,
            )  # fmt: skip
        self._await(number, future)

    def _await(self, number: int, future: Any) -> None:
        self._under_way[number] = future
        future.add_done_callback(lambda done: self._ended.put((number, done)))

    def ended(self, seconds: float) -> Sequence[Ended]:
        """See ``farm.Calls``."""
        found: list[Ended] = []
        with contextlib.suppress(queue.Empty):
            found += self._end(*self._ended.get(timeout=seconds))
            while True:
                found += self._end(*self._ended.get_nowait())
        if found:
            self._alone_since = None
        elif time.monotonic() - self._looked > _LOOK:
            found += self._look()
        return found

    def _end(self, number: int, future: Any) -> Iterator[Ended]:
        """The end of a call; none where it was dropped meanwhile."""
        if number not in self._under_way or self._under_way[number] is not future:
            return
        del self._under_way[number]
        if future.status in ("finished", "lost", "pending"):
            try:
                worker, answer = future.result(timeout=self._patience)
            except Exception:  # its worker died with the result, which Dask has made again; or the scheduler is gone
                self._threads()
                self._await(number, future)
            else:
                yield Ended(number, worker, answer)
            return
        if future.status != "error":  # cancelled, as the connection is lost
            raise self._lost()
        error = future.exception()
        if isinstance(error, KilledWorker):
            yield Ended(number, "", Failure(_DIED))
            return
        if isinstance(error, ImportError) or "deserialization of the task graph" in str(error):
            raise InputError(self._address, f"the Dask scheduler, or a worker, {_OTHER}") from error
        raise error

    def _look(self) -> Iterator[Ended]:
        """Look whether there are workers at all; without any for long, all calls end."""
        self._looked = time.monotonic()
        if self._threads():
            self._alone_since = None
            return
        self._alone_since = self._alone_since or self._looked
        if self._looked - self._alone_since > _ALONE:
            listed = list(self._under_way)
            self.drop()
            yield from (Ended(number, "", Failure(_GONE)) for number in listed)

    def drop(self) -> None:
        """See ``farm.Calls``."""
        futures = list(self._under_way.values())
        self._under_way.clear()
        with contextlib.suppress(Exception):  # the scheduler may be what is gone
            self._client.cancel(futures, force=True)

    def close(self) -> None:
        """Leave the scheduler. What is still under way there is forgotten."""
        if self._under_way:
            self.drop()
        with contextlib.suppress(Exception):
            self._client.close(timeout=2)
