# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An executor whose workers are on other machines: the client's side, whatever carries the calls (``cluster``).

Files are read and objects judged where the workers are. Kernels go there as packs, once to each worker that does not
see them; objects that a worker does not see are read here and sent with the call.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from kfuncscope import __version__
from kfuncscope.errors import InputError, KernelError
from kfuncscope.intake.objects import scan_all
from kfuncscope.intake.scan import Found, FoundObject, scan_file
from kfuncscope.kernel.packing import packed as kernel_pack
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import InputProblem, ObjectFile
from kfuncscope.storage.read import input_of, read_file, shown
from kfuncscope.upgrade.executors import wire
from kfuncscope.upgrade.executors.tasks import Failure, Made, Pulse, Run, Task, Work
from kfuncscope.upgrade.executors.wire import Answer, FarObject, PackedKernel
from kfuncscope.upgrade.executors.worker import content_key, pack_at
from kfuncscope.upgrade.known import KnownKernel
from kfuncscope.upgrade.memo import Late, engine_digest

_OBJECTS = 12  # of a task
_FILES = 32  # that a worker reads at once
_TURN = 0.2  # seconds until progress is told again
_TRIES = 4  # that a worker may still lack what it was sent
_KEPT = "kernel-pack-of:1"


class Ended(NamedTuple):
    """A call that ended: its number, the worker that answered, and the answer as bytes, or why there is none."""

    number: int
    worker: str
    answer: bytes | Failure


class Calls(Protocol):
    """What carries calls to workers."""

    @property
    def room(self) -> int:
        """How many calls should be under way, so that no worker waits."""

    def start(self, number: int, engine: str, kind: str, data: bytes, worker: str = "") -> None:
        """Send a call to any worker, or to one."""

    def ended(self, seconds: float) -> Sequence[Ended]:
        """The calls that ended, waiting for one at most so long. Raises InputError where nothing works any more."""

    def drop(self) -> None:
        """Forget the calls that are under way."""


class Farm:
    """An executor over the workers that ``calls`` reaches."""

    most = _OBJECTS

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._engine = engine_digest()
        self._packs: dict[str, Path] = {}  # of the kernels that were sent, by SHA-256
        self._carried = False  # whether a worker did not see an object
        self.replaces = False  # whether a program that was read may take the place of a function of another object

    # -- reading

    def scan(self, files: Sequence[tuple[Path, str]], pulse: Pulse) -> Iterator[tuple[Path, Found | InputProblem]]:
        """Read files where the workers are, those that none of them sees here."""
        found: dict[int, Found | InputProblem] = {}
        rows: list[tuple[int, tuple[bytes, str, str, str]]] = []
        for index, (path, known_as) in enumerate(files):
            try:
                digest = input_of(path).sha256
            except InputError:
                continue  # whoever reads it here says why
            rows.append((index, (os.fsencode(path.absolute()), digest, shown(path), known_as)))
        chunks = [rows[i : i + _FILES] for i in range(0, len(rows), _FILES)]
        doubtful: list[tuple[int, tuple[bytes, str, str, str]]] = []
        for number, answer in self._each(len(chunks), "read", lambda n, lost: _read_call(chunks[n]), pulse):
            if isinstance(answer, Failure):
                doubtful += chunks[number]
            else:
                found |= self._found(chunks[number], answer)
        for one in doubtful:
            ((_, answer),) = self._each(1, "read", lambda n, lost, one=one: _read_call([one]), pulse)  # type: ignore[misc]
            if isinstance(answer, Failure):
                found[one[0]] = InputProblem(one[1][2], f"not read: {answer.reason}")
            else:
                found |= self._found([one], answer)
        rest = [index for index in range(len(files)) if index not in found]
        found |= dict(zip(rest, (what for _, what in scan_all([files[i] for i in rest])), strict=True))
        return ((path, found[index]) for index, (path, _) in enumerate(files))

    def _found(
        self, rows: Sequence[tuple[int, tuple[bytes, str, str, str]]], answer: Answer
    ) -> Iterator[tuple[int, Found]]:
        for (index, _), one in zip(rows, answer.files, strict=True):
            if one is not None:
                self.replaces |= one.replaces
                objects = [FoundObject(b"", place, name, loader, far) for far, place, name, loader in one.objects]
                yield index, Found(objects, list(one.problems))

    # -- judging

    def run(self, run: Run, tasks: Sequence[Task], pulse: Pulse) -> Iterator[tuple[int, Made | Failure]]:
        """See ``Executor``."""
        needed = run.needed(one for task in tasks for one in task)
        kernels = [self._packed(k, pulse) if pair in needed else _unpacked(k)
                   for pair in run.pairs for k in (pair.old, pair.new)]  # fmt: skip
        name = uuid.uuid4().hex
        pairs = tuple((kernels[2 * i], kernels[2 * i + 1], pair.endian) for i, pair in enumerate(run.pairs))

        def call(number: int, lost: frozenset[str]) -> bytes:
            objects = tuple(self._object(one, lost) for one in tasks[number])
            return wire.packed(wire.JudgeCall(name, pairs, run.section_types, run.targets, objects))

        for number, answer in self._each(len(tasks), "judge", call, pulse):
            if isinstance(answer, Failure):
                yield number, answer
            else:
                yield number, (list(answer.rows), _news(run, answer.late))

    def _object(self, work: Work, lost: frozenset[str]) -> FarObject:
        """An object for a worker; with its bytes where they are here, or a worker said that it lacks them."""
        file, far = work.file, work.file.elsewhere
        package = file.places[0].package if file.places else ""
        data: bytes | None = file.data
        if far is not None:
            self._carried |= file.sha256 in lost
            data = _content(file) if self._carried else None
        return FarObject(file.name, package, file.sha256, file.loader, work.pairs, data, far)

    def _packed(self, kernel: KnownKernel, pulse: Pulse) -> PackedKernel:
        """A kernel as a pack: the one that was given, one made earlier, or one made now. Raises InputError."""
        files, ref = kernel.files, kernel.ref
        if files.packed:
            if not files.packed_at:
                raise KernelError(
                    files.label, "a kernel pack cannot be combined with other files on a cluster; pack them as one"
                )
            path = Path(files.packed_at)
            digest = input_of(path).sha256
        else:
            digest, path = self._pack_of(kernel, pulse)
        self._packs[digest] = path
        return PackedKernel(digest, os.fsencode(path), ref.arch, ref.release, ref.label)

    def _pack_of(self, kernel: KnownKernel, pulse: Pulse) -> tuple[str, Path]:
        cache, key = default_cache(), f"{_KEPT}:{kernel.key}" if kernel.key else ""
        known = cache.pack(key) if key else None
        digest = str(known.meta.get("sha256")) if known is not None else ""
        path = pack_at(digest, "") if digest else None
        if path is None:
            pulse(f"packing kernel {kernel.release}")
            data = kernel_pack(kernel.files, kernel.ref.arch)
            digest = hashlib.sha256(data).hexdigest()
            cache.put_file(content_key(digest), data)
            path = pack_at(digest, "")
            if path is None:
                raise KernelError(kernel.label, f"its pack cannot be written to the cache in {cache.root}")
            if key:
                cache.note(key, {"sha256": digest})
        return digest, path

    # -- calls

    def _each(
        self, count: int, kind: str, made: Callable[[int, frozenset[str]], bytes], pulse: Pulse
    ) -> Iterator[tuple[int, Answer | Failure]]:
        """The answers to calls, as they come. ``made`` makes a call of its number, with what a worker lacked of it."""
        waiting = deque(range(count))
        lost: dict[int, frozenset[str]] = {}
        tries: Counter[int] = Counter()
        keeping: dict[tuple[str, str], int] = {}  # number of the call by which a worker gets a kernel pack
        waits: dict[int, list[int]] = {}  # calls that wait for it
        open_calls = 0
        try:
            while waiting or open_calls:
                while waiting and open_calls < self._calls.room:
                    number = waiting.popleft()
                    try:
                        data = made(number, lost.get(number, frozenset()))
                    except InputError as error:
                        yield number, Failure(error.reason)
                        continue
                    self._calls.start(number, self._engine, kind, data)
                    open_calls += 1
                for number, worker, end in self._calls.ended(_TURN):
                    open_calls -= 1
                    if number < 0:
                        waiting.extendleft(waits.pop(number))
                        keeping = {key: n for key, n in keeping.items() if n != number}
                        continue
                    answer = end if isinstance(end, Failure) else self._answer(worker, end)
                    if isinstance(answer, Failure) or not (answer.kernels or answer.objects):
                        yield number, answer
                        continue
                    lost[number] = lost.get(number, frozenset()) | frozenset(answer.objects)
                    tries[number] += 1
                    if tries[number] > _TRIES + len(self._packs):
                        yield number, Failure(f"worker {worker} does not keep what it was sent")
                    elif answer.kernels:
                        key = worker, answer.kernels[0]
                        if key not in keeping:
                            keeping[key] = -1 - sum(tries.values())
                            waits[keeping[key]] = []
                            self._send(keeping[key], *key)
                            open_calls += 1
                        waits[keeping[key]].append(number)
                    else:
                        waiting.appendleft(number)
                pulse("analysing" if kind == "judge" else "reading objects")
        finally:
            if open_calls:
                self._calls.drop()

    def _answer(self, worker: str, data: bytes) -> Answer:
        """The answer of a worker. Raises InputError where it runs another engine, or cannot open a kernel."""
        try:
            answer = wire.unpacked(Answer, data)
        except msgspec.MsgspecError as error:
            raise InputError(worker, f"its answer cannot be read: {error}") from error
        if answer.skew is not None:
            version, engine = answer.skew
            raise InputError(
                worker, f"runs kfuncscope {version} (engine {engine[:12]}), but this is {__version__} (engine "
                f"{self._engine[:12]}); install the same version with the same tables on every worker"
            )  # fmt: skip
        if answer.refused is not None:
            raise InputError(*answer.refused)
        return answer

    def _send(self, number: int, worker: str, sha256: str) -> None:
        call = wire.KeepCall(sha256, read_file(self._packs[sha256]))
        self._calls.start(number, self._engine, "keep", wire.packed(call), worker)


def _read_call(rows: Iterable[tuple[int, tuple[bytes, str, str, str]]]) -> bytes:
    return wire.packed(wire.ReadCall(tuple(row for _, row in rows)))


def _unpacked(kernel: KnownKernel) -> PackedKernel:
    """A kernel that no worker will open."""
    return PackedKernel("", b"", kernel.ref.arch, kernel.ref.release, kernel.ref.label)


def _news(run: Run, late: Sequence[Late]) -> list[Late]:
    """What a worker saw of the kernels, without what was known when they were opened."""
    kernels = [kernel for pair in run.pairs for kernel in (pair.old, pair.new)]
    return [
        Late(tuple(p for p in dict.fromkeys(one.problems) if p not in kernel.facts.problems), one.modules)
        for kernel, one in zip(kernels, late, strict=True)
    ]


def _content(file: ObjectFile) -> bytes:
    """The bytes of an object that another machine has read, as they are here. Raises InputError."""
    far = file.elsewhere
    assert far is not None
    for item in scan_file(Path(os.fsdecode(far.path)), far.known_as).objects:
        if hashlib.sha256(item.data).hexdigest() == far.sha256:
            return item.data
    raise InputError(file.name, "changed while it was read")
