# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""bpftrace scripts as BPF objects: compiled by bpftrace where it is installed, else with their hooks alone.

bpftrace can write the object that it would load (``--emit-elf``). Newer ones load it right after, so they run in a
user namespace, where the kernel refuses that. What bpftrace cannot compile here, because this machine's kernel lacks
something or there is no bpftrace, becomes an object with one empty program for each probe that names a hook.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kfuncscope.elf.write import NOTE, bpf_object, renamed
from kfuncscope.errors import InputError

if TYPE_CHECKING:
    import subprocess
else:
    from kfuncscope.deferred import subprocess

ENDING = ".bt"
LARGEST = 1 << 20
MOST_PROBES = 1000
HOOKS_ONLY = "made from the probes of a bpftrace script, without its code: only its hooks are judged"
COMPILED = (
    "compiled by bpftrace on the machine that runs kfuncscope: fields are laid out for that machine's kernel; of "
    "several probes of one block the first is judged"
)
_SECONDS = 60
_RETURN_0 = bytes.fromhex("b700000000000000 9500000000000000")
# Strings before comments: either may hold what begins the other, and the first wins.
_ASIDE = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/|^[ \t]*#[^\n]*', re.DOTALL | re.MULTILINE)
_PROBE = re.compile(r"(?:^|,)\s*([A-Za-z]\w*(?::[^\s,{}]*)?)")
_NO_PROBE = re.compile(r"\s*(?:struct|union|enum|config|fn|macro|import|typedef)\b")
_SHORT = {
    "k": "kprobe", "kr": "kretprobe", "t": "tracepoint", "rt": "rawtracepoint", "f": "fentry", "fr": "fexit",
    "kfunc": "fentry", "kretfunc": "fexit", "u": "uprobe", "ur": "uretprobe", "U": "usdt", "it": "iter",
    "p": "profile", "i": "interval", "s": "software", "h": "hardware", "w": "watchpoint",
}  # fmt: skip
_PERF = frozenset({"profile", "interval", "software", "hardware", "watchpoint", "asyncwatchpoint"})
_USER = frozenset({"uprobe", "uretprobe", "usdt", "begin", "end", "self", "test", "bench"})
_NAME = r"[\w.]+"


class Probe(NamedTuple):
    """One probe of a script: as it is written, and its section name for libbpf, empty where there is none."""

    text: str
    section: str


def is_script(path: str, data: bytes) -> bool:
    """Whether a file is a bpftrace script: by its name, and that it is text."""
    return path.endswith(ENDING) and len(data) <= LARGEST and b"\0" not in data


def probes(script: str) -> list[Probe]:
    """The probes in a script's headers, each once, in its order."""
    text = _ASIDE.sub(lambda found: '""' if found[0].startswith('"') else " ", script)
    found: dict[str, None] = {}
    for header in _headers(text):
        # A filter stands between slashes after the probes; slashes of paths follow a colon.
        listed = re.split(r"(?<=\s)/|(?<=\w)\s*/(?=[^:]*/\s*$)", header.strip(), maxsplit=1)[0]
        found.update(dict.fromkeys(_PROBE.findall(listed)))
    return [Probe(text, section_of(text)) for text in list(found)[:MOST_PROBES]]


def _headers(text: str) -> list[str]:
    """What stands before each block of the outermost level."""
    headers, depth, start = [], 0, 0
    for place in re.finditer(r"[{};]", text):
        if place[0] == "{":
            if not depth and not _NO_PROBE.match(header := text[start : place.start()]):
                headers.append(header)
            depth += 1
        elif place[0] == "}":
            depth = max(0, depth - 1)
        if not depth:
            start = place.end()
    return headers


def section_of(probe: str) -> str:
    """The section name that libbpf has for a probe; empty for wildcards and what hooks nothing of the kernel."""
    kind, _, rest = probe.partition(":")
    kind = _SHORT.get(kind, kind)
    parts = rest.split(":")
    if kind in _PERF:
        return "perf_event"
    if kind.lower() in _USER:
        return "uprobe"
    if kind in ("kprobe", "kretprobe") and re.fullmatch(rf"(?:{_NAME}:)?{_NAME}(?:\+\w+)?", rest):
        return f"{kind}/{parts[-1]}"
    if kind in ("kprobe", "kretprobe") and re.fullmatch(r"[\w.*?]+", rest):
        return f"{kind}.multi/{rest}"
    if kind == "tracepoint" and len(parts) == 2 and re.fullmatch(rf"{_NAME}:{_NAME}", rest):
        return f"tp/{parts[0]}/{parts[1]}"
    if kind == "rawtracepoint" and re.fullmatch(rf"(?:{_NAME}:)?{_NAME}", rest):
        return f"raw_tp/{parts[-1]}"
    if kind in ("fentry", "fexit") and re.fullmatch(rf"(?:{_NAME}:)?{_NAME}", rest):
        return f"{kind}/{rest}"
    if kind == "iter" and re.fullmatch(r"\w+(?::.*)?", rest):
        return f"iter/{parts[0]}"
    return ""


def as_object(data: bytes, source: str) -> bytes:
    """A script as a BPF object; InputError where it holds no probe."""
    found = probes(data.decode("utf-8", "replace"))
    if not found:
        raise InputError(source, "no probe in this bpftrace script")
    made = compiled(data)
    if made is not None:
        return _translated(made, found, source)
    return hooks_object(found)


def hooks_object(found: list[Probe]) -> bytes:
    """An object with an empty program for each probe that names a hook; the others are named in its note."""
    left_out = [p.text for p in found if not p.section]
    note = HOOKS_ONLY + (f"; not judged: {', '.join(left_out[:20])}" if left_out else "")
    programs = [(p.section, re.sub(r"\W+", "_", p.text)[:100], _RETURN_0) for p in found if p.section]
    return bpf_object(programs, {"license": b"GPL\0", NOTE: note.encode() + b"\0"})


def _translated(made: bytes, found: list[Probe], source: str) -> bytes:
    """bpftrace's object with libbpf's section names, where they are known."""
    names: dict[str, str] = {}
    by_word = {re.sub(r"\W", "_", _long(p.text)).lower(): p.section for p in found}
    for section in re.findall(rb"\0(s_[\w:.*+/,-]+)(?=\0)", made.replace(b"\0", b"\0\0")):
        text = section.decode()
        word = re.sub(r"_\d+$", "", text.removeprefix("s_")).partition(",")[0]
        known = section_of(word) or by_word.get(re.sub(r"\W", "_", word).lower(), "")
        if known:
            names[text] = known
    return renamed(made, names, {"license": b"GPL\0", NOTE: COMPILED.encode() + b"\0"}, source)


def _long(probe: str) -> str:
    kind, colon, rest = probe.partition(":")
    return _SHORT.get(kind, kind) + colon + rest


# -- bpftrace


@cache
def _command() -> tuple[str, ...]:
    """How to have bpftrace write an object and do nothing else; empty where that cannot be had."""
    tool = shutil.which("bpftrace")
    if tool is None:
        return ()
    try:
        told = subprocess.run([tool, "--help"], capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    text = (told.stdout + told.stderr).decode("utf-8", "replace")
    if "--emit-elf" not in text:
        return ()
    if "--dry-run" not in text:
        return (tool,)
    unshare = shutil.which("unshare")
    return (unshare, "--map-root-user", tool, "--dry-run") if unshare else ()


def compiled(script: bytes) -> bytes | None:
    """The object that bpftrace makes of a script; None where there is no bpftrace or it does not succeed."""
    command = _command()
    if not command:
        return None
    with tempfile.TemporaryDirectory(prefix="kfuncscope-") as folder:
        given, made = Path(folder, "script.bt"), Path(folder, "made.o")
        given.write_bytes(script)
        try:
            subprocess.run(
                [*command, "--emit-elf", str(made), str(given)], timeout=_SECONDS, check=False, cwd=folder,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", ""), "HOME": folder},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return None
        data = made.read_bytes() if made.is_file() else b""
        # A script without a probe that can be attached here gives a file without programs.
        return data if data[:4] == b"\x7fELF" else None
