# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A guest's wire as a fuzz target: bytes as they come, and the same as the body of a record with a right checksum."""

from __future__ import annotations

import zlib
from functools import cache

from kfuncscope.bpf.object import read_object
from kfuncscope.prove.compare import compare
from kfuncscope.prove.guest.agent import line_of
from kfuncscope.prove.guest.wire import FORMS, LONGEST, Wire
from kfuncscope.prove.plan import Task, task
from kfuncscope.prove.questions import Questions, answers, questions
from kfuncscope.prove.seen import BootSeen
from kfuncscope.prove.setup import ObjectSetup
from kfuncscope.rules.judge import ObjectJudgement, judge
from support.bpfwriter import exit_, mov, object_bytes
from support.kernels import KernelBuilder

RECORDS: list[dict[str, object]] = [
    {"r": "hello", "uname": ["Linux", "x", "7.3"], "python": "3.13"},
    {"r": "module", "name": "xfs", "error": -2},
    {"r": "ready", "libbpf": "v1.7"},
    {"r": "begin", "o": 0},
    {"r": "object", "o": 0, "load": -22, "lines": ["prog 'p': BPF program load failed: Invalid argument"]},
    {
        "r": "prog",
        "o": 0,
        "p": "p",
        "load": -13,
        "lines": ["R1 invalid mem access 'scalar'"],
        "attach": None,
        "log": True,
    },
    {"r": "done", "o": 0, "weak": ["bpf_x"], "nomap": ["m"]},
    {"r": "broken", "o": 0, "why": "not done after 60 s"},
    {"r": "fact", "k": "helpers", "n": "XDP", "v": "ff01"},
    {"r": "fact", "k": "map", "n": "HASH", "v": "0 07"},
    {"r": "fatal", "why": "OSError"},
    {"r": "end"},
]


@cache
def _asked() -> tuple[Task, ObjectJudgement, Questions]:
    data = object_bytes("xdp", [mov(0, 0), exit_()])
    kb = KernelBuilder("7.3")
    kb.lsm("bpf")
    kernel = kb.kernel()
    obj = read_object(data, "o")
    return task(0, obj, data, "00", ObjectSetup()), judge(obj, kernel), questions(kernel)


def read(data: bytes) -> None:
    """Everything that the host does with a guest's bytes."""
    one, judged, asked = _asked()
    body = data[:LONGEST].replace(b"\n", b" ")
    for stream in (data, b"@kfs %x %08x %s\n" % (len(body), zlib.crc32(body), body)):
        reader, seen = Wire(), BootSeen()
        for at in range(0, len(stream), 1000):
            for record in reader.feed(stream[at : at + 1000]):
                assert record.kind in FORMS
                seen.take(record, {0: one})
            assert len(reader._rest) <= LONGEST
        assert seen.objects.keys() <= {0} and all(o.programs.keys() <= set(one.programs) for o in seen.objects.values())
        compare(judged, seen.objects.get(0), "00")
        answers(asked, seen.facts, judged.context.kernel, "00")


def seeds() -> list[bytes]:
    """A whole wire, and the bodies of its records."""
    lines = [line_of(record) for record in RECORDS]
    return [b"[    0.1] x\r\n".join(lines), *(line.split(b" ", 3)[3].rstrip() for line in lines)]
