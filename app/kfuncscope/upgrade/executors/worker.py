# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The worker's side of a farm: what the processes of a Dask scheduler carry out. ``carry_out`` is all that they call.

A worker reads what it can see, by path and SHA-256, and asks for the rest. It keeps kernels open from call to call,
for each analysis apart: what shows of a kernel while objects are judged belongs to that analysis.
"""

from __future__ import annotations

import gc
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from kfuncscope import __version__
from kfuncscope.errors import InputError, KernelError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.intake.scan import Found, is_bpf, scan_file
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.session.session import KernelRef
from kfuncscope.storage.cache import default_cache
from kfuncscope.storage.files import Elsewhere, InputProblem, ObjectFile, Place
from kfuncscope.storage.read import input_of, shown
from kfuncscope.upgrade.executors import tasks as judging
from kfuncscope.upgrade.executors.wire import (
    Answer,
    FarFile,
    FarObject,
    JudgeCall,
    KeepCall,
    PackedKernel,
    ReadCall,
    packed,
    unpacked,
)
from kfuncscope.upgrade.known import opened_as
from kfuncscope.upgrade.memo import Late, engine_digest
from kfuncscope.upgrade.pairs import Pair
from kfuncscope.upgrade.replaced import SECTION

_MOST_KERNELS = 40  # of all analyses that a worker works for
_MOST_FILES = 4
_THRESHOLD = (50_000, 20, 20)  # as the command line: a run makes many records that stay, and hardly a cycle

_one = threading.Lock()
_kernels: OrderedDict[tuple[str, PackedKernel], Kernel] = OrderedDict()
_files: OrderedDict[str, dict[str, bytes]] = OrderedDict()


def carry_out(engine: str, kind: str, data: bytes) -> bytes:
    """Carry out a call of one kind (``judge``, ``read`` or ``keep``) for a client with this engine.

    One call at a time, as kernels are shared by all: threads of a worker would only wait for one another.
    """
    own = engine_digest()
    if engine != own:
        return packed(Answer(skew=(__version__, own)))
    with _one, _seldom_collected():
        if kind == "judge":
            return packed(_judge(unpacked(JudgeCall, data)))
        if kind == "read":
            return packed(_read(unpacked(ReadCall, data)))
        return packed(_keep(unpacked(KeepCall, data)))


@contextmanager
def _seldom_collected() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*_THRESHOLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)


# -- kernels


def content_key(sha256: str) -> str:
    """Under which key the cache has a kernel pack."""
    return f"kernel-pack-file:{sha256}"


def _keep(call: KeepCall) -> Answer:
    if hashlib.sha256(call.data).hexdigest() == call.sha256:
        default_cache().put_file(content_key(call.sha256), call.data)
    return Answer()


def pack_at(sha256: str, path: str) -> Path | None:
    """Where this machine has a kernel pack: at the path by which others know it, or in its cache; None where not."""
    for found in (Path(path), default_cache().file(content_key(sha256))):
        try:
            if found is not None and input_of(found).sha256 == sha256:
                return found
        except InputError:
            continue
    return None


class _FarPair:
    """Two kernels of one architecture that are opened when they are first asked for."""

    def __init__(self, run: str, old: PackedKernel, new: PackedKernel, endian: str) -> None:
        self.endian = endian
        self.names = (old, new)
        self._run = run

    @cached_property
    def opened(self) -> Pair:
        """Both kernels. Raises InputError."""
        old, new = (_kernel(self._run, name) for name in self.names)
        return Pair(old, new)


def _kernel(run: str, name: PackedKernel) -> Kernel:
    known = _kernels.get((run, name))
    if known is None:
        path = pack_at(name.sha256, os.fsdecode(name.path))
        if path is None:
            raise KernelError(name.label, "kernel pack is gone")
        (files,) = kernel_files([path])
        known = opened_as(files, KernelRef([], name.label, name.arch, name.release))
        _kernels[run, name] = known
        while len(_kernels) > _MOST_KERNELS:
            _kernels.popitem(last=False)
    _kernels.move_to_end((run, name))
    return known


# -- objects


def _judge(call: JudgeCall) -> Answer:
    pairs = [_FarPair(call.run, *each) for each in call.pairs]
    files = [_object_file(one) for one in call.objects]
    asked = {(i, file.endian) for one, file in zip(call.objects, files, strict=True) if file for i in one.pairs}
    needed = [pair for index, pair in enumerate(pairs) if (index, pair.endian) in asked]
    names = dict.fromkeys(name for pair in needed for name in pair.names)
    lacking = [n.sha256 for n in names if (call.run, n) not in _kernels and not pack_at(n.sha256, os.fsdecode(n.path))]
    lost = [one.sha256 for one, file in zip(call.objects, files, strict=True) if file is None]
    if lacking or lost:
        return Answer(kernels=tuple(lacking), objects=tuple(lost))
    try:
        for pair in needed:
            _ = pair.opened
    except InputError as error:
        return Answer(refused=(error.source, error.reason, error.offset))
    rows = [
        judging.judge_file(judging.Work(file, one.pairs), pairs, call.section_types, call.targets)
        for one, file in zip(call.objects, files, strict=True)
        if file is not None
    ]
    late = [_shown(name, call.run) for pair in pairs for name in pair.names]
    return Answer(rows=tuple(rows), late=tuple(late))


def _shown(name: PackedKernel, run: str) -> Late:
    """What has shown of a kernel so far; the client knows what it knew before."""
    kernel = _kernels.get((run, name))
    return Late(tuple(kernel.problems), tuple(kernel.modules.problems)) if kernel is not None else Late()


def _object_file(one: FarObject) -> ObjectFile | None:
    """An object with its bytes; None where they are not here."""
    data = one.data
    if data is None and one.elsewhere is not None:
        try:
            data = _objects_in(one.elsewhere).get(one.sha256)
        except InputError:
            data = None
    if data is None or hashlib.sha256(data).hexdigest() != one.sha256:
        return None
    return ObjectFile(one.name, data, one.sha256, (Place(one.package, ""),), loader=one.loader)


def _objects_in(where: Elsewhere) -> dict[str, bytes]:
    """The objects in a file, by SHA-256. Raises InputError where it is not here, or is another one here."""
    known = _files.get(where.file_sha256)
    if known is None:
        path = Path(os.fsdecode(where.path))
        known = {hashlib.sha256(o.data).hexdigest(): o.data for o in _scanned(path, where.file_sha256).objects}
        _files[where.file_sha256] = known
        while len(_files) > _MOST_FILES:
            _files.popitem(last=False)
    return known


def _scanned(path: Path, sha256: str, known_as: str = "") -> Found:
    if input_of(path).sha256 != sha256:
        raise InputError(shown(path), "another file here")
    return scan_file(path, known_as)


# -- reading


def _read(call: ReadCall) -> Answer:
    return Answer(files=tuple(_file(*one) for one in call.files))


def _file(where: bytes, sha256: str, reported: str, known_as: str) -> FarFile | None:
    """What is in a file, as the client would report it. A script is left to the client, as its compiler counts."""
    path = Path(os.fsdecode(where))
    try:
        found = _scanned(path, sha256, known_as)
    except InputError:
        return None
    if not all(is_bpf(item.data) for item in found.objects):
        return None
    here = shown(path)

    def renamed(name: str) -> str:
        return reported + name.removeprefix(here) if name.startswith(here) else name

    rows = []
    for item in found.objects:
        digest, data, at = hashlib.sha256(item.data).hexdigest(), item.data, item.place
        endian = ObjectFile("", data, digest, ()).endian
        place = at if at.package else Place("", renamed(at.path), at.offset)
        rows.append((Elsewhere(digest, len(data), endian, where, sha256, known_as), place, item.name, item.loader))
    problems = tuple(InputProblem(renamed(p.path), p.reason, p.offset) for p in found.problems)
    return FarFile(tuple(rows), problems, any(SECTION in item.data for item in found.objects))
