# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The promise file: TOML that people read from the top, and programs to the end."""

from __future__ import annotations

import base64
import binascii
import json
import lzma
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from kfuncscope.bpf.externs import Extern, ExternKind
from kfuncscope.errors import SessionError
from kfuncscope.model.verdict import NeedKind
from kfuncscope.promise.promise import Item, Part, Promise
from kfuncscope.promise.skeleton import (
    MOST_QUESTIONS,
    ObjectSkeleton,
    ProgramSkeleton,
    Question,
    Site,
    SiteKind,
    TableSkeleton,
    pack,
    unpack,
)
from kfuncscope.rules.checks.regions import REGIONS
from kfuncscope.rules.checks.typed_access import PAST
from kfuncscope.storage.read import read_bounded, shown
from kfuncscope.storage.text import read_toml

FORMAT, VERSION = "kfuncscope-promise", 1
_LIMIT = 256 << 20
_MOST_TYPES = 32 << 20
_EXTERN_KINDS: dict[str, ExternKind] = {kind: kind for kind in get_args(ExternKind)}
_REGIONS = (*REGIONS, PAST)
_WHATS: dict[str, SiteKind] = {kind: kind for kind in get_args(SiteKind)}
_HEAD = """\
# What BPF programs rely on from a kernel. To check a later kernel of the same architecture:
#   kfuncscope promise check --kernel KERNEL THIS_FILE
# Each [[item]] is one thing relied on: what it is, its declaration, its flags, who uses it. "guarded" things are tested
# for before every use: a kernel may drop them. The [[object]] tables at the end hold what the check works with: the
# types that the programs were built with, and of their code only what needs something of a kernel.
"""


def write(promise: Promise) -> bytes:
    """The promise as TOML in UTF-8; the same promise gives the same bytes."""
    return ("\n".join(_lines(promise)) + "\n").encode("utf-8")


def _lines(promise: Promise) -> Iterator[str]:
    yield _HEAD
    yield f"format = {_text(FORMAT)}"
    yield f"version = {VERSION}"
    yield f"arch = {_text(promise.arch)}"
    yield f"kernel = {_text(promise.kernel)}"
    yield f"release = {_text(promise.release)}"
    for user, why in promise.left_out:
        yield from ("", "[[left_out]]", f"program = {_text(user)}", f"why = {_text(why)}")
    for item in promise.items:
        yield from ("", "[[item]]", f"kind = {_text(item.kind.value)}", f"name = {_text(item.name)}")
        if item.via:
            yield f"via = {_text(item.via)}"
        if item.declaration:
            yield f"declaration = {_text(item.declaration)}"
        if item.flags:
            yield f"flags = {_text(item.flags)}"
        if item.guarded:
            yield "guarded = true"
        yield f"used_by = {_texts(item.used_by)}"
    for part in promise.parts:
        yield from _object(part)


def _object(part: Part) -> Iterator[str]:
    kept = part.skeleton
    yield from ("", "[[object]]", f"name = {_text(kept.name)}", f"sha256 = {_text(part.sha256)}")
    yield f"packages = {_texts(part.packages)}"
    yield f"endian = {_text(kept.endian)}"
    if kept.license is not None:
        yield f"license = {_text(kept.license)}"
    yield f"types = {_text(_squeezed(kept.types))}"
    yield f"externs = {_rows([e.name, e.kind, e.type, e.weak, e.typed, e.lookup] for e in kept.externs)}"
    yield f"maps = {_rows(list(m) for m in kept.maps)}"
    yield f"known = {_rows([user, *known] for user, known in part.known)}"
    if part.load_only:
        yield f"load_only = {_texts(part.load_only)}"
    for table in kept.tables:
        yield from ("", "[[object.table]]", f"name = {_text(table.name)}", f"type = {table.type}")
        yield f"kernel_type = {_text(table.kernel_type)}"
        yield f"optional = {json.dumps(table.optional)}"
        yield f"link = {json.dumps(table.link)}"
        yield f"members = {_rows(list(m) for m in table.members)}"
    externs = {e.name: i for i, e in enumerate(kept.externs)}
    maps = {m[0]: i for i, m in enumerate(kept.maps)}
    for program in kept.programs:
        yield from ("", "[[object.program]]", f"name = {_text(program.name)}", f"section = {_text(program.section)}")
        if program.prog_type:
            yield f"type = {_text(program.prog_type)}"
        if program.questions:
            asked = zip(program.questions, program.answers, strict=True)
            yield f"questions = {_rows([*question, answer] for question, answer in asked)}"
        yield f"sites = {_texts(tuple(_site(s, externs, maps) for s in program.sites))}"


def _site(site: Site, externs: dict[str, int], maps: dict[str, int]) -> str:
    words = ["+" if site.live else "-", site.what]
    if site.what in ("call", "addr"):
        words.append(str(externs.get(site.name, -1)))
    elif site.what == "map":
        words.append(str(maps[site.name]))
    elif site.what in ("helper", "deref"):
        words.append(str(site.number))
    elif site.what == "ctx":
        words += [str(site.number), str(site.size)]
    elif site.relo is not None:
        words += [str(site.relo[0]), site.relo[1], str(site.relo[2])]
    words += [pack(insn) for insn in site.code]
    if site.region:
        words.append(f"@{_REGIONS.index(site.region)}")
    return " ".join([*words, *(f"~{i}" for i in site.flips)])


def _text(text: str) -> str:
    """A TOML string: as JSON's, with everything that cannot be seen escaped; TOML has no way to write surrogates."""
    clean = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(map(_seen, json.dumps(clean, ensure_ascii=False)))


def _seen(char: str) -> str:
    if (char.isascii() and char != "\x7f") or unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp", "Cn", "Co"):
        return char
    return f"\\U{ord(char):08x}"


def _texts(listed: tuple[str, ...]) -> str:
    return f"[{', '.join(map(_text, listed))}]"


def _rows(rows: Any) -> str:
    return f"[{', '.join(_row(row) for row in rows)}]"


def _row(row: Any) -> str:
    return f"[{', '.join(_text(v) if isinstance(v, str) else json.dumps(v) for v in row)}]"


def _squeezed(data: bytes) -> str:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 1}]
    return base64.b64encode(lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)).decode()


# -- reading


def load(path: str | Path) -> Promise:
    """Read a promise file. Raises InputError naming the file, and the entry at fault."""
    return read(read_bounded(path, _LIMIT), shown(path))


def read(data: bytes, source: str) -> Promise:
    """A promise from the bytes of its file."""
    top = read_toml(data, source)
    if top.get("format") != FORMAT or top.get("version") != VERSION:
        raise SessionError(source, f"not a promise file of format version {VERSION}")
    try:
        return Promise(
            arch=_str(top["arch"]),
            kernel=_str(top["kernel"]),
            release=_str(top["release"]),
            items=tuple(_read_item(i) for i in top.get("item", [])),
            parts=tuple(_read_part(o) for o in top.get("object", [])),
            left_out=tuple((_str(e["program"]), _str(e["why"])) for e in top.get("left_out", [])),
        )
    except KeyError as bad:
        raise SessionError(source, f"damaged promise: {bad} is missing") from bad
    except (TypeError, ValueError, AttributeError, IndexError) as bad:
        raise SessionError(source, f"damaged promise: {bad}") from bad


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text expected, found {type(value).__name__}")
    return value


def _int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 32:
        raise TypeError(f"a number expected, found {str(value)[:40]}")
    return value


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"true or false expected, found {type(value).__name__}")
    return value


def _strs(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"a list expected, found {type(value).__name__}")
    return tuple(map(_str, value))


def _read_item(entry: dict[str, Any]) -> Item:
    return Item(
        kind=NeedKind(entry["kind"]),
        name=_str(entry["name"]),
        via=_str(entry.get("via", "")),
        declaration=_str(entry.get("declaration", "")),
        flags=_str(entry.get("flags", "")),
        guarded=_bool(entry.get("guarded", False)),
        used_by=_strs(entry["used_by"]),
    )


def _extern_kind(word: str) -> ExternKind:
    if word not in _EXTERN_KINDS:
        raise ValueError(f"{word[:80]!r} is not a kind of extern")
    return _EXTERN_KINDS[word]


def _read_part(entry: dict[str, Any]) -> Part:
    externs = tuple(
        Extern(_str(n), _extern_kind(_str(k)), _int(t), _bool(w), _bool(d), _str(lookup))
        for n, k, t, w, d, lookup in entry["externs"]
    )
    # The first of these files hold neither the flags of maps nor which tables are for a link.
    maps = tuple((_str(n), _int(t), _bool(named), _int(f[0]) if f else 0) for n, t, named, *f in entry["maps"])
    names, map_names = [e.name for e in externs], [m[0] for m in maps]
    if entry["endian"] not in ("<", ">"):
        raise ValueError("endian is neither < nor >")
    skeleton = ObjectSkeleton(
        name=_str(entry["name"]),
        endian=entry["endian"],
        license=_str(entry["license"]) if "license" in entry else None,
        types=_unsqueezed(_str(entry["types"])),
        externs=externs,
        maps=maps,
        tables=tuple(_read_table(t) for t in entry.get("table", [])),
        programs=tuple(_read_program(p, names, map_names) for p in entry.get("program", [])),
    )
    known = tuple((_str(user), (_str(k), _str(n), _str(c), _str(s))) for user, k, n, c, s in entry["known"])
    return Part(skeleton, _str(entry["sha256"]), _strs(entry["packages"]), known, _strs(entry.get("load_only", [])))


def _read_table(entry: dict[str, Any]) -> TableSkeleton:
    members = tuple((_int(i), _bool(filled), _str(program)) for i, filled, program in entry["members"])
    return TableSkeleton(
        _str(entry["name"]), _int(entry["type"]), _str(entry["kernel_type"]), _bool(entry["optional"]),
        _bool(entry.get("link", False)), members,
    )  # fmt: skip


def _read_program(entry: dict[str, Any], externs: list[str], maps: list[str]) -> ProgramSkeleton:
    questions: list[Question] = []
    answers: list[int] = []
    for kind, name, access, record, answer in entry.get("questions", []):
        questions.append((_str(kind), _str(name), _str(access), _int(record)))
        answers.append(_int(answer))
    if len(questions) > MOST_QUESTIONS:
        raise ValueError(f"more than {MOST_QUESTIONS} questions of one program")
    sites = tuple(_read_site(text, externs, maps, len(questions)) for text in _strs(entry["sites"]))
    return ProgramSkeleton(
        _str(entry["name"]),
        _str(entry["section"]),
        _str(entry.get("type", "")),
        sites,
        tuple(questions),
        tuple(answers),
    )


def _read_site(text: str, externs: list[str], maps: list[str], questions: int) -> Site:
    """A site from its words; the names of externs and maps are said by number."""
    live, what, *words = text.split(" ")
    if live not in ("+", "-") or what not in _WHATS:
        raise ValueError(f"site {text[:60]!r}")
    flips = tuple(int(w[1:]) for w in words if w.startswith("~"))
    if any(not 0 <= i < questions for i in flips):
        raise ValueError(f"site {text[:60]!r} names a question that is not there")
    regions = [int(w[1:]) for w in words if w.startswith("@")]
    if any(not 0 <= i < len(_REGIONS) for i in regions):
        raise ValueError(f"site {text[:60]!r} names a region that is not known")
    words = [w for w in words if not w.startswith(("~", "@"))]
    name, number, size, relo = "", 0, 0, None
    if what in ("call", "addr", "map"):
        at = int(words.pop(0))
        name = (maps if what == "map" else externs)[at] if at >= 0 else ""
    elif what in ("helper", "deref", "ctx"):
        number = _int(int(words.pop(0)))
        size = _int(int(words.pop(0))) if what == "ctx" else 0
    elif what == "core":
        relo = (_int(int(words[0])), words[1], _int(int(words[2])))
        words = words[3:]
    code = tuple(unpack(w) for w in words)
    if (what in ("core", "insn")) != bool(code) or len(code) > 2:
        raise ValueError(f"site {text[:60]!r}")
    return Site(
        _WHATS[what], live == "+", name, number, size, relo, code, flips, _REGIONS[regions[0]] if regions else ""
    )


def _unsqueezed(text: str) -> bytes:
    try:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=256 << 20)
        data = unpacker.decompress(base64.b64decode(text, validate=True), _MOST_TYPES)
    except (binascii.Error, lzma.LZMAError) as bad:
        raise ValueError(f"types: {bad}") from bad
    if not unpacker.eof:
        raise ValueError(f"types: cut short, or more than {_MOST_TYPES} bytes")
    return data
