# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Pieces of C for remedies: names that are safe to write, and types that compile beside either kernel's vmlinux.h."""

from __future__ import annotations

import re

from kfuncscope.btf.blob import Blob, Param
from kfuncscope.btf.declare import type_text
from kfuncscope.btf.layout import COMPOSITES, ENUMS, MODIFIERS_AND_TYPEDEF, Kind
from kfuncscope.kernel.kernel import Kernel

MOST_TYPES = 200  # that one snippet may name
MOST_TEXT = 12_000  # characters of one snippet
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_TARGET = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}")

# Words that C and the headers of libbpf give a meaning, so that no parameter can have them.
RESERVED = frozenset(
    [
        "auto",
        "break",
        "case",
        "char",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
        "bool",
        "true",
        "false",
        "ctx",
        "asm",
        "typeof",
        "current",
    ]
)


class NoCodeError(Exception):
    """No C can be made: a name is not one in C, or a type cannot be spelled so that it compiles on both sides."""


def name(text: str) -> str:
    """The text if it is a name in C. Names come from files, which may hold anything. Raises NoCodeError."""
    if not _NAME.fullmatch(text) or text in RESERVED:
        raise NoCodeError(text)
    return text


def target(text: str) -> str:
    """The text if it can be an attach target in a section name. Raises NoCodeError."""
    if not all(_TARGET.fullmatch(part) for part in text.split("/")):
        raise NoCodeError(text)
    return text


def word(*parts: str) -> str:
    """A name in C made of several texts."""
    return name("_".join(re.sub(r"\W+", "_", part).strip("_") for part in parts if part))


def series(kernel: Kernel) -> str:
    """A kernel as comments name it: its series, its level where only that is known."""
    major, minor = kernel.version
    return f"Linux {major}.{minor}" if major else "this kernel"


def named(names: list[str]) -> str:
    """Names as the subject of a sentence with its verb: ``a is``, ``a and b are``, ``a, b and c are``."""
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{', '.join(names[:-1])} and {names[-1]} are"


class Types:
    """Spells types of one kernel so that they compile beside the vmlinux.h of either.

    ``lines`` are the declarations that the spelled types need: forward declarations, and typedefs and enums that only
    one of the two kernels has. With ``complete``, structs that one kernel lacks become empty flavours, as libbpf takes
    no forward declaration for a struct (R-3.9).
    """

    def __init__(self, blob: Blob, other: Blob | None, suffix: str, *, complete: bool = False) -> None:
        self.blob, self.other, self.suffix, self.complete = blob, other, suffix, complete
        self.lines: dict[str, None] = {}
        self._seen: set[int] = set()
        self._swapped: dict[str, str] = {}

    def text(self, type_id: int, called: str = "") -> str:
        """A type on one line, around a name. Raises NoCodeError where it cannot be spelled."""
        self._need(type_id, direct=True)
        made = type_text(self.blob, type_id, called)
        for old, new in self._swapped.items():
            made = re.sub(rf"\b{re.escape(old)}\b", new, made)
        if len(made) > 500 or "/*" in made or "__attribute__" in made or "(anonymous)" in made or "{" in made:
            raise NoCodeError(made[:80])
        return re.sub(r"\b_Bool\b", "bool", made)

    def _need(self, type_id: int, direct: bool) -> None:
        """Declare what a type needs; ``direct`` where its size matters, not where it is only pointed to."""
        blob = self.blob
        for _ in range(MOST_TYPES):
            kind = blob.kind(type_id)
            if kind == Kind.TYPEDEF:
                if self._typedef(type_id, direct):
                    return
                type_id = blob.ref(type_id)
            elif kind == Kind.PTR:
                direct, type_id = False, blob.ref(type_id)
            elif kind == Kind.ARRAY:
                type_id = blob.array(type_id).type
            elif kind in MODIFIERS_AND_TYPEDEF:
                type_id = blob.ref(type_id)
            else:
                break
        kind = blob.kind(type_id)
        if kind == Kind.FUNC_PROTO:
            self._proto(type_id)
        elif kind in COMPOSITES or kind == Kind.FWD:
            self._composite(type_id, kind, direct)
        elif kind in ENUMS:
            self._enum(type_id)

    def _proto(self, type_id: int) -> None:
        if type_id in self._seen or len(self._seen) > MOST_TYPES:
            return
        self._seen.add(type_id)
        for param in self.blob.params(type_id):
            if param.type:
                self._need(param.type, direct=True)
        self._need(self.blob.ref(type_id), direct=True)

    def _has(self, called: str, kinds: tuple[Kind, ...]) -> bool:
        return self.other is not None and any(self.other.find(called, kind) for kind in kinds)

    def _typedef(self, type_id: int, direct: bool) -> bool:
        """Whether the typedef is in both kernels and needs nothing; else it is declared with the snippet."""
        called = self.blob.name(type_id)
        if called == "bool" or self._has(name(called), (Kind.TYPEDEF,)):
            return True
        bare = self.blob.skip(type_id)
        if self.blob.kind(bare) in COMPOSITES and not self.blob.name(bare):
            raise NoCodeError(called)  # a second definition of an unnamed struct is another type
        self._need(self.blob.ref(type_id), direct)
        self.lines[f"typedef {self.text(self.blob.ref(type_id), called)};"] = None
        return False

    def _composite(self, type_id: int, kind: int, direct: bool) -> None:
        called = self.blob.name(type_id)
        if not called:
            raise NoCodeError("an unnamed struct")
        name(called)
        there = self._has(called, (Kind.STRUCT, Kind.UNION))
        union = kind == Kind.UNION or (kind == Kind.FWD and self.blob.kind_flag(type_id))
        keyword = "union" if union else "struct"
        if direct and not there:
            raise NoCodeError(called)
        if self.complete and not there and kind != Kind.FWD:
            self._swapped[f"{keyword} {called}"] = f"{keyword} {called}___{self.suffix}"
            self.lines[f"{keyword} {called}___{self.suffix} {{ }};"] = None
        elif not there:
            self.lines[f"{keyword} {called};"] = None

    def _enum(self, type_id: int) -> None:
        called = self.blob.name(type_id)
        if not called:
            raise NoCodeError("an unnamed enum")
        name(called)
        if not self._has(called, (Kind.ENUM, Kind.ENUM64)):
            made = f"{called}___{self.suffix}"
            self._swapped[f"enum {called}"] = f"enum {made}"
            self.lines[f"enum {made} {{ {made}_FIRST }};"] = None


def parameters(types: Types, params: tuple[Param, ...]) -> list[tuple[str, str]]:
    """Parameters of a plain function as (name, declaration); unnamed ones get a number. Raises NoCodeError."""
    made = []
    for at, param in enumerate(params, 1):
        if not param.type:
            raise NoCodeError("variable arguments")
        usable = bool(_NAME.fullmatch(param.name)) and (param.name not in RESERVED or param.name == "ctx")
        called = param.name if usable else f"arg{at}"
        made.append((called, types.text(param.type, called)))
    return made


def snippet(*parts: str) -> str:
    """Parts of a snippet with empty lines between. Raises NoCodeError where it grew beyond use."""
    made = "\n\n".join(part.strip("\n") for part in parts if part.strip("\n"))
    if len(made) > MOST_TEXT:
        raise NoCodeError("too long")
    return made


def comment(text: str) -> str:
    """A comment that nothing in the text can end."""
    return f"/* {text.replace('*/', '* /').replace('/*', '/ *')} */"
