# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One object on one kernel: externs resolved, CO-RE records relocated, constants known; worked out once, on demand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from kfuncscope.bpf.externs import Extern
from kfuncscope.bpf.loader import LIBBPF
from kfuncscope.bpf.object import BpfObject, Function, Program
from kfuncscope.btf.blob import Blob
from kfuncscope.btf.layout import ENUMS, Kind
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.kernel.kfuncs import Kfunc
from kfuncscope.knowledge import names
from kfuncscope.knowledge.versions import Fact, since
from kfuncscope.rules.core.compat import types_are_compat
from kfuncscope.rules.core.relocate import Matcher, Reloc, relocate
from kfuncscope.rules.flow.arith import NONZERO, Value
from kfuncscope.rules.flow.reachability import Reachable
from kfuncscope.rules.flow.shared import reachability
from kfuncscope.rules.problem import Message

# kconfig externs whose values libbpf makes up itself.
VIRTUAL = frozenset({"LINUX_KERNEL_VERSION", "LINUX_HAS_BPF_COOKIE", "LINUX_HAS_SYSCALL_WRAPPER"})


ExternStatus = Literal["found", "missing", "incompatible", "unknown"]


class Resolved(NamedTuple):
    """What libbpf finds for an extern. ``status``: found, missing, incompatible, or unknown (modules not given)."""

    extern: Extern
    status: ExternStatus
    module: str = ""
    blob: Blob | None = None
    type: int = 0
    kfunc: Kfunc | None = None


class Context:
    """An object beside the kernel that it is judged on."""

    def __init__(
        self, obj: BpfObject, kernel: Kernel, use_rodata: bool = True, targets: Mapping[str, list[Any]] | None = None
    ) -> None:
        self.obj, self.kernel, self.use_rodata = obj, kernel, use_rodata
        self.targets = targets or {}  # functions of the set that programs may replace, by name; see checks.replace
        self.read_rodata = False
        self._matcher: Matcher | None = None
        self._relocs: dict[tuple[str, int], dict[int, Reloc]] = {}
        self._externs: dict[str, Resolved] = {}
        self._reaches: dict[tuple[str, int], Reachable] = {}
        self.typed: dict[tuple[str, int], Any] = {}  # see checks.typed_access
        self.map_faults: dict[str, Message] | None = None  # see checks.map

    @property
    def release(self) -> tuple[int, int]:
        """The kernel's (major, minor)."""
        return self.kernel.version

    @property
    def bpf_object(self) -> BpfObject:
        """The object."""
        return self.obj

    def reachable(self, program: Program) -> Reachable:
        """What of a program can run here; worked out once."""
        key = (program.function.section, program.function.start)
        known = self._reaches.get(key)
        if known is None:
            self.read_rodata = False
            known = reachability(self, program)
            known.hangs_on_rodata = self.read_rodata
            self._reaches[key] = known
        return known

    def without_rodata(self) -> Context:
        """The same, but without trust in ``.rodata``: ``const volatile`` values are only defaults (R-3.11)."""
        plain = Context(self.obj, self.kernel, use_rodata=False, targets=self.targets)
        plain._matcher, plain._relocs, plain._externs = self._matcher, self._relocs, self._externs
        return plain

    # -- CO-RE

    def relocs(self, function: Function) -> dict[int, Reloc]:
        """What each CO-RE record of a function becomes, by instruction index."""
        key = (function.section, function.start)
        known = self._relocs.get(key)
        if known is None:
            known = self._relocate(function)
            self._relocs[key] = known
        return known

    def _relocate(self, function: Function) -> dict[int, Reloc]:
        if not function.relos or self.obj.btf is None:
            return {}
        if self._matcher is None:
            self._matcher = self._new_matcher(self.obj.btf)
        made = _relocated(self._matcher, function)
        if any(r.outcome == "error" and r.rule == "R-3.7" for r in made.values()):
            # Ambiguous by itself; libbpf may have left out candidates at an earlier record of the function.
            made = _relocated(self._new_matcher(self.obj.btf, narrow=True), function)
        return made

    def _new_matcher(self, btf: Blob, narrow: bool = False) -> Matcher:
        targets = [self.kernel.vmlinux] if self.kernel.vmlinux else []
        return Matcher(btf, targets, self.kernel.modules, narrow)

    def type_seen(self, function: Function, index: int) -> bool:
        """Whether a record's root type was found, or would have been: types may live in modules not given (R-3.1)."""
        if self.kernel.modules_given or self._matcher is None or self.kernel.vmlinux is None:
            return True
        return bool(self._matcher.candidates(function.relos[function.core[index]][1].type_id))

    def candidates(self, root: int) -> list[tuple[Blob, int]]:
        """Types of the kernel that may stand for a root type of the object's records."""
        return self._matcher.candidates(root) if self._matcher is not None else []

    # -- externs

    def extern(self, name: str) -> Resolved | None:
        """How libbpf resolves an extern on this kernel; None for names that are not externs."""
        if name not in self._externs:
            extern = self.obj.externs.get(name)
            if extern is None:
                return None
            self._externs[name] = self._kfunc(extern) if extern.kind == "kfunc" else self._variable(extern)
        return self._externs[name]

    def _kfunc(self, extern: Extern) -> Resolved:
        """R-2.8, R-2.10: any FUNC of the essential name, vmlinux first, then modules; prototypes must fit."""
        found = self.kernel.functions(extern.lookup)
        if not found:
            return Resolved(extern, "missing" if self._all_seen(extern.lookup) else "unknown")
        module, blob, func = found[0]
        btf = self.obj.btf
        assert btf is not None
        # kfunc prototypes are compared as they stand.
        if not types_are_compat(btf, btf.ref(extern.type), blob, blob.ref(func)):
            return Resolved(extern, "incompatible", module, blob, func)
        return Resolved(extern, "found", module, blob, func, self.kernel.kfunc(module, func))

    def _all_seen(self, name: str) -> bool:
        """Whether "not in these BTFs" means "not in the kernel": some kfuncs live in modules that were not given."""
        if self.kernel.partial or self.kernel.modules.refused(name):
            return False
        if self.kernel.modules_given or self.kernel.vmlinux is None:
            return True
        fact = self.kernel.knowledge.kfuncs.get(name)
        if fact is None:
            return known_name(name)
        config = self.kernel.config
        return not any(config.get(o) == "m" for o in fact.config) if config else False

    def _variable(self, extern: Extern) -> Resolved:
        if extern.kind == "kconfig":
            return Resolved(extern, self._kconfig_status(extern))
        if not extern.typed:
            return self._symbol(extern)
        found = self.kernel.types(extern.name, Kind.VAR)
        if not found:
            return Resolved(extern, "missing" if self.kernel.modules_given and not self.kernel.partial else "unknown")
        module, blob, var = found[0]
        btf = self.obj.btf
        assert btf is not None
        # both sides without modifiers first.
        if not types_are_compat(btf, btf.skip(extern.type), blob, blob.skip(blob.ref(var))):
            return Resolved(extern, "incompatible", module, blob, var)
        return Resolved(extern, "found", module, blob, var)

    def _symbol(self, extern: Extern) -> Resolved:
        """A typeless variable: looked up in kallsyms (R-2.12)."""
        symbols = self.kernel.symbols
        if symbols is None:
            return Resolved(extern, "unknown")
        if symbols.types(extern.name):
            return Resolved(extern, "found")
        if not symbols.has_data and self.kernel.option("KALLSYMS_ALL") == "y":
            return Resolved(extern, "unknown")
        return Resolved(extern, "missing")

    def _kconfig_status(self, extern: Extern) -> ExternStatus:
        """How libbpf takes a ``.kconfig`` extern (R-2.13): found, missing, or incompatible: refused though weak."""
        name = extern.name
        if name in VIRTUAL:
            return "incompatible" if self._versionless(name) else "found"  # its value may be unknown all the same
        if not name.startswith(("CONFIG_", "LINUX_")):
            return "incompatible"
        if not name.startswith("CONFIG_") or self.kernel.config is None or name not in self.kernel.config:
            return "missing"
        return "found" if self._takes(extern, self.kernel.config[name]) else "incompatible"

    def _versionless(self, name: str) -> bool:
        """Whether libbpf refuses LINUX_KERNEL_VERSION, as the kernel says two numbers alone (R-12.29)."""
        return name == "LINUX_KERNEL_VERSION" and self.kernel.unnumbered and self.obj.loaded_by in ("", LIBBPF)

    def _takes(self, extern: Extern, value: str) -> bool:
        """Whether an extern's type can hold a value: tristates, numbers and texts go into different ones."""
        btf = self.obj.btf
        assert btf is not None
        type_id = btf.skip(extern.type)
        kind = btf.kind(type_id)
        number = kind == Kind.INT and not btf.int_(type_id).bool_
        if value[:1] == '"':
            return kind == Kind.ARRAY
        if value in ("y", "m", "n"):
            narrow = kind == Kind.INT and btf.size(type_id) == 1
            return kind in ENUMS or (narrow and (number or value != "m"))
        try:
            told = int(value, 0) & 0xFFFFFFFFFFFFFFFF
        except ValueError:
            return False
        return number and _holds(btf, type_id, told)

    def kconfig(self, extern: Extern) -> int | None:
        """Value of a ``.kconfig`` extern as a number (R-2.13); None where it is unknown or absent."""
        name, kernel = extern.name, self.kernel
        if name == "LINUX_KERNEL_VERSION":
            parts = [int(part) for part in kernel.linux.split(".")] if kernel.linux else []
            if len(parts) != 3:
                return None  # only the series is known
            return (parts[0] << 16) + (parts[1] << 8) + min(parts[2], 255)
        if name == "LINUX_HAS_BPF_COOKIE":
            known = since(Fact.BPF_COOKIE, kernel.version)
            return None if known is None else int(known)
        if name == "LINUX_HAS_SYSCALL_WRAPPER":
            return self._syscall_wrapper()
        if not name.startswith("CONFIG_"):
            return 0 if extern.weak else None
        if kernel.config is None:
            return None
        value = kernel.config.get(name)
        if value is None:
            return 0 if extern.weak else None
        return self._option(extern, value)

    def _syscall_wrapper(self) -> int | None:
        """LINUX_HAS_SYSCALL_WRAPPER: libbpf asks for the function; None where no file could list it."""
        kernel = self.kernel
        name = f"{kernel.syscall_prefix}sys_bpf"
        if not kernel.syscall_prefix:
            return 0
        if kernel.vmlinux is None and kernel.symbols is None:
            return None
        return int(bool(kernel.functions(name)) or (kernel.symbols is not None and kernel.symbols.is_function(name)))

    def _option(self, extern: Extern, value: str) -> int | None:
        btf = self.obj.btf
        assert btf is not None
        type_id = btf.skip(extern.type)
        if value in ("y", "m", "n"):
            if btf.kind(type_id) in ENUMS:
                return {"n": 0, "y": 1, "m": 2}[value]
            char = btf.kind(type_id) == Kind.INT and btf.size(type_id) == 1 and not btf.int_(type_id).bool_
            return ord(value) if char else int(value == "y")
        try:
            return int(value, 0)
        except ValueError:
            return None

    # -- rules.flow.reachability.Environment

    def immediate(self, function: Function, index: int) -> int | None:
        """The immediate after CO-RE (poisoned instructions keep theirs: they are reported where reached)."""
        if index not in function.core:
            return None
        reloc = self.relocs(function).get(index)
        return reloc.new if reloc is not None and reloc.outcome in ("patched", "absent") else None

    def address(self, function: Function, index: int) -> Value:
        """What a relocated ld_imm64 loads (R-2.11, R-11.12)."""
        ref = function.refs[index]
        if ref.kind == "data":
            return ("data", ref.name, ref.offset) if ref.name.startswith(".rodata") else NONZERO
        if ref.kind == "kconfig":
            return ("kconfig", ref.name, 0)
        if ref.kind in ("kfunc", "ksym"):
            resolved = self.extern(ref.name)
            if resolved is None or resolved.status == "unknown":
                return None
            if resolved.status != "found":
                return 0
            if ref.kind == "kfunc":
                return NONZERO if since(Fact.KFUNC_ADDRESS, self.kernel.version) else None
            return None if resolved.extern.typed else NONZERO
        return NONZERO if ref.kind == "map" else None

    def load(self, pointer: tuple[object, ...], size: int) -> int | None:
        """Initial content of read-only data; values of kconfig externs."""
        kind, name, offset = pointer
        assert isinstance(name, str) and isinstance(offset, int)
        order: Literal["little", "big"] = "little" if self.obj.endian == "<" else "big"
        if kind == "data":
            self.read_rodata = True
            if not self.use_rodata:
                return None
            raw = self.obj.data_of(name)[offset : offset + size] if offset >= 0 else b""
        elif kind == "kconfig":
            extern = self.obj.externs[name]
            value = self.kconfig(extern)
            btf = self.obj.btf
            if value is None or btf is None:
                return None
            width = btf.size(extern.type)
            raw = (value & ((1 << 8 * width) - 1)).to_bytes(width, order)[offset : offset + size]
        else:
            return None
        return int.from_bytes(raw, order) if len(raw) == size else None


def _holds(btf: Blob, type_id: int, value: int) -> bool:
    """Whether an integer type has room for a number of 64 bits (libbpf's is_kcfg_value_in_range)."""
    bits = 8 * btf.size(type_id)
    if btf.int_(type_id).signed:
        value = (value + (1 << bits - 1)) & 0xFFFFFFFFFFFFFFFF
    return value < 1 << bits


def _relocated(matcher: Matcher, function: Function) -> dict[int, Reloc]:
    """Every record of a function, in the order of its instructions."""
    made, insns = {}, function.insns
    for index, position in sorted(function.core.items()):
        following = insns[index + 1] if index + 1 < len(insns) else None
        made[index] = relocate(matcher, function.relos[position][1], insns[index], following)
    return made


def known_name(name: str) -> bool:
    """Whether any table of any release knows this kfunc: then its absence means that it is gone."""
    return bool(names.first_release("kfunc", name)) or name in names.renames() or names.last_with(name) is not None
