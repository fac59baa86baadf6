# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Read census files: JSON lines that the collector wrote, from hosts that are not trusted.

Sizes, counts and names are bounded. A damaged file is left out with one error, a file without its last line is used as
far as it goes and said to be cut off; the other files go on.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kfuncscope.arch import arch_of_uname
from kfuncscope.census.collector import FORMAT, VERSION
from kfuncscope.census.records import Attachment, Census, Host, Instance, KernelKey, Running, RunningMap
from kfuncscope.errors import InputError, SessionError
from kfuncscope.storage.files import InputProblem
from kfuncscope.storage.read import read_bounded, shown

LARGEST_FILE = 64 << 20
LARGEST_LINE = 1 << 20
MOST_HOSTS = 100_000
MOST_PROGRAMS = 20_000  # on one host
MOST_ITEMS = 10_000  # in one list
MOST_TEXT = 512
_TAG = re.compile(r"[0-9a-f]{16}\Z")
_SHA256 = re.compile(r"(?:[0-9a-f]{64})?\Z")


def read_census(paths: Sequence[str | Path]) -> Census:
    """The census in files and folders (their ``*.jsonl``). A host that was read twice counts once, as it was last."""
    census = Census()
    seen: dict[Running, int] = {}
    by_id: dict[str, tuple[int, str]] = {}
    for path in _files(paths, census.problems):
        if len(census.hosts) >= MOST_HOSTS:
            census.problems.append(InputProblem(shown(path), f"more than {MOST_HOSTS} hosts; the rest is left out"))
            break
        try:
            host, id_, problem = _read(path, seen)
        except InputError as error:
            census.problems.append(InputProblem(error.source, error.reason, error.offset))
            continue
        if problem:
            census.problems.append(InputProblem(shown(path), problem))
        if id_ in by_id:
            at, other = by_id[id_]
            census.notes.append(f"{shown(path)}: the same host as {other}; only the newer of the two counts")
            if host.time > census.hosts[at].time:
                census.hosts[at] = host
            continue
        if id_:
            by_id[id_] = len(census.hosts), shown(path)
        census.hosts.append(host)
    census.programs = list(seen)
    census.hosts.sort(key=lambda h: h.label)
    return _used_only(census)


def _used_only(census: Census) -> Census:
    """Without the programs of files that were left out."""
    used = sorted({i.program for h in census.hosts for i in h.programs})
    if len(used) == len(census.programs):
        return census
    place = {old: new for new, old in enumerate(used)}
    census.programs = [census.programs[i] for i in used]
    census.hosts = [
        replace(h, programs=tuple(i._replace(program=place[i.program]) for i in h.programs)) for h in census.hosts
    ]
    return census


def _files(paths: Sequence[str | Path], problems: list[InputProblem]) -> Iterable[Path]:
    for given in paths:
        path = Path(given)
        if not os.path.isdir(path):  # a folder that may not be looked at is named when it is opened
            yield path
            continue
        names = sorted(n for n in os.listdir(path) if n.endswith(".jsonl"))
        if not names:
            problems.append(InputProblem(shown(path), "no census (*.jsonl) in this folder"))
        yield from (path / name for name in names)


def _read(path: Path, seen: dict[Running, int]) -> tuple[Host, str, str]:
    """A host, its id, and what is to be said about its file."""
    source = shown(path)
    lines = read_bounded(path, LARGEST_FILE).split(b"\n")
    whole = not lines[-1]  # the last line was ended
    if whole:
        lines.pop()
    if not lines:
        raise SessionError(source, "the file is empty")
    head = _parse(lines[0], source, 1)
    _check_format(head, source)
    programs: list[Instance] = []
    end: Mapping[str, Any] | None = None
    for number, line in enumerate(lines[1:], 2):
        if end is not None:
            raise SessionError(source, f"line {number}: something follows the last line of the census")
        if number == len(lines) and not whole:
            break
        found = _parse(line, source, number)
        if found.get("line") == "end":
            end = found
        elif found.get("line") == "program":
            if len(programs) >= MOST_PROGRAMS:
                raise SessionError(source, f"more than {MOST_PROGRAMS} programs")
            programs.append(_instance(_Line(found, source, number), seen))
        # Lines of other kinds may come with later versions of the collector; they are passed over.
    top = _Line(head, source, 1)
    host = _host(top, tuple(programs), cut=end is None)
    if end is None:
        return host, top.text("host_id"), f"cut off after {len(programs)} programs: the last line is missing"
    said = end.get("programs")
    differs = (
        f"its last line says {said!r:.40} programs, but there are {len(programs)}" if said != len(programs) else ""
    )
    return host, top.text("host_id"), differs


def _parse(line: bytes, source: str, number: int) -> dict[str, Any]:
    if len(line) > LARGEST_LINE:
        raise SessionError(source, f"line {number} is longer than {LARGEST_LINE} bytes")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as bad:
        raise SessionError(source, f"line {number} is not JSON: {str(bad)[:120]}") from bad
    if not isinstance(found, dict):
        raise SessionError(source, f"line {number} is not a JSON object")
    return found


def _check_format(head: Mapping[str, Any], source: str) -> None:
    if head.get("format") != FORMAT:
        raise SessionError(source, f"not a census: its first line does not say {FORMAT!r}")
    version = head.get("version")
    if version != VERSION or isinstance(version, bool):
        raise SessionError(source, f"census version {version!r:.40}; this program reads version {VERSION}")


def _host(top: _Line, programs: tuple[Instance, ...], cut: bool) -> Host:
    machine, sha256 = top.text("machine"), top.text("btf_sha256")
    if not machine:
        raise top.wrong("machine", "a text expected")
    if not _SHA256.match(sha256):
        raise top.wrong("btf_sha256", "not a SHA-256")
    arch = arch_of_uname(machine, top.text("byteorder", "little") != "big") or machine
    label = top.text("host") or top.text("host_id") or Path(top.source).name
    kernel = KernelKey(arch, top.text("release"), sha256)
    return Host(label, kernel, top.text("distribution"), top.number("time"), top.text("privacy"), programs, cut)


class _Line:
    """One line: values by name, checked as they are read; SessionError names file, line and value."""

    def __init__(self, values: Mapping[str, Any], source: str, number: int) -> None:
        self.values, self.source, self.at = values, source, number

    def wrong(self, name: str, why: str) -> SessionError:
        """The error for one value."""
        return SessionError(self.source, f"line {self.at}: {name}: {why}")

    def text(self, name: str, default: str = "") -> str:
        """A text, bounded."""
        value = self.values.get(name, default)
        text = _text(value)
        if text is None:
            raise self.wrong(name, f"a text of at most {MOST_TEXT} characters expected")
        return text

    def number(self, name: str, default: int = 0) -> int:
        """A number that a field of the kernel can hold."""
        return self._number(name, self.values.get(name, default))

    def _number(self, name: str, value: object) -> int:
        if type(value) is not int or not -(1 << 63) <= value < 1 << 64:
            raise self.wrong(name, "a number expected")
        return value

    def items(self, name: str) -> list[Any]:
        """A list, bounded."""
        value = self.values.get(name, [])
        if type(value) is not list or len(value) > MOST_ITEMS:
            raise self.wrong(name, f"a list of at most {MOST_ITEMS} entries expected")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        found = [_text(v) for v in self.items(name)]
        texts = tuple(v for v in found if v is not None)
        if len(texts) < len(found):
            raise self.wrong(name, f"texts of at most {MOST_TEXT} characters expected")
        return texts

    def numbers(self, name: str, size: int) -> list[tuple[int, ...]]:
        """A list of lists of ``size`` numbers."""
        found = self.items(name)
        if any(type(row) is not list or len(row) != size for row in found):
            raise self.wrong(name, f"lists of {size} numbers expected")
        return [tuple(self._number(name, v) for v in row) for row in found]

    def counts(self, name: str) -> tuple[tuple[str, int], ...]:
        """An object of counts, by name."""
        value = self.values.get(name, {})
        if type(value) is not dict or len(value) > MOST_ITEMS:
            raise self.wrong(name, "counts by name expected")
        if any(_text(k) != k or type(v) is not int or not 0 < v < 1 << 32 for k, v in value.items()):
            raise self.wrong(name, "counts by name expected")
        return tuple(sorted(value.items()))


def _text(value: object) -> str | None:
    """A bounded text, with bytes that are not UTF-8 written as escapes; None for what is none.

    JSON can write halves of surrogate pairs. The collector does where a name has such bytes; others no name holds.
    """
    if type(value) is not str or len(value) > MOST_TEXT:
        return None
    try:
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return None


def _instance(line: _Line, seen: dict[Running, int]) -> Instance:
    running = _running(line)
    return Instance(seen.setdefault(running, len(seen)), line.number("btf"), line.texts("owners"))


def _running(line: _Line) -> Running:
    tag = line.text("tag")
    if not _TAG.match(tag):
        raise line.wrong("tag", "16 hexadecimal digits expected")
    ids = sorted({(row[0], row[1]) for row in line.numbers("kfunc_ids", 2)})
    return Running(
        type=line.number("type"),
        name=line.text("name"),
        tag=tag,
        gpl=line.values.get("gpl") is True,
        insns=line.number("insns"),
        functions=line.texts("functions"),
        attach=tuple(dict.fromkeys(_attachment(line, one) for one in line.items("attach"))),
        maps=tuple(RunningMap(*row) for row in line.numbers("maps", 5)),
        kfuncs=line.counts("kfuncs"),
        helpers=line.counts("helpers"),
        kfunc_ids=tuple(ids),
        hidden=line.values.get("hidden") is True,
    )


def _attachment(line: _Line, value: object) -> Attachment:
    if type(value) is not dict:
        raise line.wrong("attach", "a list of objects expected")
    one = _Line(value, line.source, line.at)
    kind = next((word for word in ("link", "event", "btf") if word in value), "")
    if not kind:
        raise line.wrong("attach", "neither link nor event nor btf")
    return Attachment(
        kind,
        number=one.number(kind) if kind != "btf" else 0,
        attach_type=one.number("attach_type", -1),
        perf=one.number("perf"),
        owner=one.text("btf") if kind == "btf" else "",
        target=one.text("target"),
        targets=one.texts("targets"),
        places=one.number("count"),
    )
