# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Print a type or function as the C that a kernel developer would write.

A type is printed as two halves, what stands before a name and what stands after it: ``int (*`` and ``)(void)``.
Whatever a file holds can be printed: nesting that goes too deep or grows too big ends in ``/* ... */``.
"""

from __future__ import annotations

from kfuncscope.btf.blob import Blob, Member
from kfuncscope.btf.layout import COMPOSITES, ENUMS, MODIFIERS_AND_TYPEDEF, Kind
from kfuncscope.btf.table import MAX_DEPTH
from kfuncscope.errors import BtfError

# Kernels stay below 10 levels, 700 parts and 300 members a struct (80,000 in all).
MAX_NESTING = 16  # protos in protos, anonymous structs in structs; each is a level of recursion here
MAX_NODES = 4000  # parts of one declaration below its own members
MAX_NAME = 512  # KSYM_NAME_LEN: longer names are nobody's and are clipped
MAX_FLAT = 1 << 14  # members of one struct, flattened
MAX_FLAT_TOTAL = 1 << 19  # members of all structs of a blob, flattened
CUT = "/* ... */"

# Compilers name integers in DWARF's order of words; people write them in this one.
SPELLING = {
    "long int": "long", "long unsigned int": "unsigned long", "short int": "short",
    "short unsigned int": "unsigned short", "long long int": "long long",
    "long long unsigned int": "unsigned long long", "__int128 unsigned": "unsigned __int128",
}  # fmt: skip
# Type tags that have a macro in the kernel or in bpf_helpers.h; other tags print as the attribute.
TAG_MACROS = frozenset({"user", "rcu", "percpu", "kptr", "kptr_untrusted", "percpu_kptr", "uptr"})
QUALIFIERS = {Kind.CONST: "const", Kind.VOLATILE: "volatile", Kind.RESTRICT: "restrict"}
KEYWORDS = {Kind.STRUCT: "struct", Kind.UNION: "union", Kind.ENUM: "enum", Kind.ENUM64: "enum"}

Halves = tuple[str, str]


def type_text(blob: Blob, type_id: int, name: str = "") -> str:
    """A type on one line, around ``name`` if given: ``int (*fn)(void)``. Anonymous structs are spelled out."""
    if not name:
        known = blob.texts.get(type_id)
        if known is not None:
            return known[0] + known[1]
    return _join(_Printer(blob).halves(type_id), name)


def prototype(blob: Blob, func_id: int) -> str:
    """A FUNC as its prototype, without a semicolon: ``int bpf_foo(struct task_struct *p, u64 x)``."""
    return type_text(blob, blob.ref(func_id), _name(blob, func_id))


def declare(blob: Blob, type_id: int, *, offsets: bool = False) -> str:
    """The full declaration of a type, with a comment of each member's place where ``offsets`` is set.

    Structs, unions and enums come with all members, functions as prototypes; an unnamed type as ``type_text``.
    Places are ``byte`` or ``byte:bit`` from the start of the outermost struct.
    """
    return _Printer(blob, offsets=offsets).declaration(type_id)


def members_flat(blob: Blob, struct_id: int) -> tuple[Member, ...]:
    """The named members of a struct or union, seen through anonymous structs and unions, in order of the file.

    Offsets are in bits from the start of the outer struct. BtfError where the nesting is cyclic or out of all size.
    """
    return _flatten(blob, struct_id, 0)[1]


def _flatten(blob: Blob, struct_id: int, depth: int) -> tuple[int, tuple[Member, ...]]:
    """Levels of anonymous structs, and the members. Both are kept, and None where there is no result."""
    known = blob.flat.get(struct_id)
    if known is not None:
        return known
    if struct_id in blob.flat or depth > MAX_NESTING:
        raise _unflat(blob, struct_id)
    blob.flat[struct_id] = None  # to be met again further down in a cycle
    try:
        levels, found = _gather(blob, struct_id, depth)
    except BtfError:
        if depth:  # too deep from above, perhaps not by itself
            del blob.flat[struct_id]
        raise
    if len(found) > MAX_FLAT or levels > MAX_NESTING:
        raise _unflat(blob, struct_id)
    blob.flat_total += len(found)
    if blob.flat_total > MAX_FLAT_TOTAL:
        raise BtfError(blob.source, f"more than {MAX_FLAT_TOTAL} members through anonymous structs in all")
    made = blob.flat[struct_id] = levels, tuple(found)
    return made


def _gather(blob: Blob, struct_id: int, depth: int) -> tuple[int, list[Member]]:
    levels, found = 0, []
    for member in blob.members(struct_id):
        if member.name:
            found.append(member)
        elif blob.kind(inner := blob.skip(member.type)) in COMPOSITES:
            below, members = _flatten(blob, inner, depth + 1)
            levels, start = max(levels, below + 1), member.bit_offset
            found += [Member(name, of, start + at, bits) for name, of, at, bits in members]
        if len(found) > MAX_FLAT:
            break
    return levels, found


def _unflat(blob: Blob, struct_id: int) -> BtfError:
    limits = f"nested deeper than {MAX_NESTING}, in a cycle, or with more than {MAX_FLAT} members"
    return BtfError(blob.source, f"type {struct_id}: anonymous structs {limits}")


def _name(blob: Blob, type_id: int) -> str:
    name = blob.name(type_id)
    return name if len(name) <= MAX_NAME else name[:MAX_NAME] + "..."


def _join(halves: Halves, name: str) -> str:
    before, after = halves
    if not name:
        return before + after
    return f"{before}{name}{after}" if before.endswith(("*", "(")) else f"{before} {name}{after}"


class _Printer:
    """One declaration in the making: counts what it prints, so that hostile nesting stays small."""

    def __init__(self, blob: Blob, *, offsets: bool = False) -> None:
        self.blob = blob
        self.offsets = offsets
        self.nodes = 0
        self.start = 0  # where the struct being printed lies in the outermost one, in bits
        self.plain = True  # nothing cut and no anonymous struct so far: the text may be kept

    # -- halves of a declarator

    def halves(self, type_id: int, nesting: int = 0, indent: int | None = None) -> Halves:
        """What stands before and after a name of this type; ``indent`` spreads anonymous structs over lines."""
        known = self.blob.texts.get(type_id)
        if known is not None:
            return known
        blob, outer = self.blob, self.plain
        self.plain = True
        chain: list[tuple[int, int]] = []  # the derived types down to the base, outermost first
        kind = blob.kind(type_id)
        inner = type_id
        while kind in (Kind.PTR, Kind.ARRAY, Kind.FUNC_PROTO, Kind.TYPE_TAG) or kind in QUALIFIERS:
            if len(chain) == MAX_DEPTH:
                break
            chain.append((kind, inner))
            inner = blob.array(inner).type if kind == Kind.ARRAY else blob.ref(inner)
            kind = blob.kind(inner)
        start = self.start
        if any(kind == Kind.PTR for kind, _ in chain):
            self.start = 0  # what is pointed to lies elsewhere
        self.nodes += len(chain)
        before, after = self._base(inner, kind, nesting, indent) if len(chain) < MAX_DEPTH else (self._cut(), "")
        self.start = start
        pointer = False
        for kind, at in reversed(chain):
            pointer = kind == Kind.PTR or (pointer and kind != Kind.FUNC_PROTO)
            if kind in QUALIFIERS:
                before = self._qualify(QUALIFIERS[Kind(kind)], before, after, pointer)
            else:
                before, after = self._derive(kind, at, before, after, nesting)
        if self.plain:
            blob.texts[type_id] = before, after
        self.plain &= outer
        return before, after

    def _derive(self, kind: int, type_id: int, before: str, after: str, nesting: int) -> Halves:
        """Put a pointer, array, function or tag around the halves of what it is made from."""
        if kind == Kind.PTR:
            if after[:1] in ("[", "("):
                return _join((before, ""), "(*"), f"){after}"
            return before + ("*" if before.endswith("*") else " *"), after
        if kind == Kind.ARRAY:
            return before, f"[{self.blob.array(type_id).nelems or ''}]{after}"
        if kind == Kind.FUNC_PROTO:
            return before, f"({self._params(type_id, nesting)}){after}"
        return self._append(before, self._tag(type_id)), after

    def _qualify(self, word: str, before: str, after: str, pointer: bool) -> str:
        """A pointer's qualifier stands behind its star, any other in front; one of a function says nothing."""
        if after.startswith("("):
            return before
        return self._append(before, word) if pointer else f"{word} {before}"

    def _append(self, before: str, word: str) -> str:
        return before + word if before.endswith("*") else f"{before} {word}"

    def _tag(self, type_id: int) -> str:
        name = _name(self.blob, type_id)
        if not self.blob.kind_flag(type_id):
            return f"__{name}" if name in TAG_MACROS else f'__attribute__((btf_type_tag("{name}")))'
        return "__arena" if name == "address_space(1)" else f"__attribute__(({name}))"

    def _params(self, type_id: int, nesting: int) -> str:
        params = self.blob.params(type_id)
        if not params:
            return "void"
        if nesting >= MAX_NESTING:
            return self._cut()
        parts = []
        for i, param in enumerate(params):
            if self._full():
                parts.append(CUT)
                break
            if param.type == 0 and i == len(params) - 1:
                parts.append("...")
            else:
                parts.append(_join(self.halves(param.type, nesting + 1), param.name[:MAX_NAME]))
        return ", ".join(parts)

    def _base(self, type_id: int, kind: int, nesting: int, indent: int | None) -> Halves:
        """The type at the bottom of a declarator."""
        name = _name(self.blob, type_id)
        if kind == Kind.VOID:
            return "void", ""
        if kind == Kind.FWD:
            return f"{'union' if self.blob.kind_flag(type_id) else 'struct'} {name}", ""
        if kind in KEYWORDS:
            if name:
                return f"{KEYWORDS[Kind(kind)]} {name}", ""
            if nesting >= MAX_NESTING or self._full():
                return f"{KEYWORDS[Kind(kind)]} {{ {self._cut()} }}", ""
            self.plain = False
            return self._definition(type_id, nesting, indent), ""
        return (SPELLING.get(name, name) if kind == Kind.INT else name) or f"/* kind {kind} */", ""

    def _full(self) -> bool:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._cut()
            return True
        return False

    def _cut(self) -> str:
        self.plain = False
        return CUT

    # -- definitions

    def _definition(self, type_id: int, nesting: int, indent: int | None, *, top: bool = False) -> str:
        """Keyword, name and body of a struct, union or enum, over lines where ``indent`` is given."""
        kind = Kind(self.blob.kind(type_id))
        name = _name(self.blob, type_id)
        head = f"{KEYWORDS[kind]} {name} {{" if name else f"{KEYWORDS[kind]} {{"
        inner = None if indent is None else indent + 1
        if kind in ENUMS:
            lines = self._enumerators(type_id, top)
        else:
            lines = self._members(type_id, nesting, inner, top)
        tail = " __packed" if kind in ENUMS and self.blob.ref(type_id) < 4 else ""
        if indent is None:
            return f"{head} {' '.join(lines)} }}{tail}" if lines else f"{head} }}{tail}"
        tabs = "\t" * (indent + 1)
        body = "".join(f"{tabs}{line}\n" for line in lines)
        closing = "\t" * indent + "}"
        return f"{head}\n{body}{closing}{tail}"

    def _members(self, type_id: int, nesting: int, indent: int | None, top: bool) -> list[str]:
        lines = []
        members = self.blob.members(type_id)
        flexible = len(members) - 1 if self.blob.kind(type_id) == Kind.STRUCT and len(members) > 1 else -1
        for at, member in enumerate(members):
            if not top and self._full():
                lines.append(CUT)
                break
            self.start += member.bit_offset
            text = _join(self.halves(member.type, nesting + 1, indent), member.name[:MAX_NAME])
            self.start -= member.bit_offset
            if text.endswith("[]") and at != flexible:
                text = text[:-1] + "0]"  # C has flexible arrays only at the end of a struct
            bits = f":{member.bit_size}" if member.bit_size else ""
            lines.append(f"{text}{bits};{self._place(member)}")
        return lines

    def _place(self, member: Member) -> str:
        if not self.offsets:
            return ""
        byte, bit = divmod(self.start + member.bit_offset, 8)
        return f" /* {byte:#x}:{bit} */" if member.bit_size or bit else f" /* {byte:#x} */"

    def _enumerators(self, type_id: int, top: bool) -> list[str]:
        lines = []
        for name, value in self.blob.enumerators(type_id):
            if not top and self._full():
                lines.append(CUT)
                break
            lines.append(f"{name[:MAX_NAME]} = {value if value < 1 << 31 else hex(value)},")
        return lines

    # -- whole declarations

    def declaration(self, type_id: int) -> str:
        """See ``declare``."""
        blob, kind, name = self.blob, self.blob.kind(type_id), _name(self.blob, type_id)
        if kind in KEYWORDS:
            return self._definition(type_id, 0, 0, top=True) + ";"
        if kind == Kind.FWD:
            return _join(self.halves(type_id), "") + ";"
        if kind == Kind.TYPEDEF:
            return f"typedef {_join(self.halves(blob.ref(type_id), 0, 0), name)};"
        if kind == Kind.FUNC:
            return _join(self.halves(blob.ref(type_id)), name) + ";"
        if kind == Kind.VAR:
            storage = {0: "static ", 2: "extern "}.get(blob.linkage(type_id), "")
            return f"{storage}{_join(self.halves(blob.ref(type_id), 0, 0), name)};"
        if kind == Kind.DATASEC:
            return self._section(type_id, name)
        if kind == Kind.DECL_TAG:
            text = name if blob.kind_flag(type_id) else f'btf_decl_tag("{name}")'
            return f"__attribute__(({text})) /* of {self._tagged(type_id)} */"
        if kind in (Kind.INT, Kind.FLOAT):
            return f"{_join(self.halves(type_id), '')}; /* {blob.ref(type_id)} bytes */"
        return _join(self.halves(type_id, 0, 0), "")

    def _section(self, type_id: int, name: str) -> str:
        """A DATASEC as the variables in it, one a line."""
        lines = [f'/* section "{name}", {self.blob.ref(type_id)} bytes */']
        for entry in self.blob.secvars(type_id):
            if self.blob.kind(entry.type) not in (Kind.VAR, Kind.FUNC):
                lines.append(f"/* type {entry.type} is not a variable */")
                continue
            place = f" /* {entry.offset:#x}: {entry.size} bytes */" if self.offsets else ""
            lines.append(self.declaration(entry.type) + place)
        return "\n".join(lines)

    def _tagged(self, type_id: int) -> str:
        """What a declaration tag is on: the name, and which member or parameter."""
        blob = self.blob
        target, component = blob.ref(type_id), blob.component(type_id)
        name = _name(blob, target) or _join(self.halves(target), "")
        if component < 0:
            return name
        if blob.kind(target) in MODIFIERS_AND_TYPEDEF or blob.kind(target) == Kind.VAR:
            return f"{name}, component {component}"
        parts = blob.members(target) if blob.kind(target) in COMPOSITES else blob.params(target)
        return f"{name}, {parts[component].name or component}" if component < len(parts) else f"{name}, {component}"
