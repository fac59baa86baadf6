# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What each architecture's BPF JIT can do, and what its Kconfig selects (R-5).

A capability is the architecture's own ``bpf_jit_supports_*`` (the kernel's weak default is false), or code of the JIT
that mentions the instruction.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from kfuncscope import arch
from kfuncscope.knowledge.build.csource.cparse import NotUnderstoodError
from kfuncscope.knowledge.build.csource.ctext import find_function, squeeze
from kfuncscope.knowledge.build.csource.decide import Runner
from kfuncscope.knowledge.build.csource.paths import Open, Sym, Value
from kfuncscope.knowledge.build.csource.tree import Tree

_ONLY_64 = frozenset({"64BIT", "PPC64", "X86_64", "SPARC64", "ARM64", "S390"})
_ONLY_32 = frozenset({"32BIT", "PPC32", "X86_32", "SPARC32"})
_SUPPORTS = ("kfunc_call", "subprog_tailcalls", "arena", "exceptions", "private_stack", "fsession", "stack_args",
             "arena_args")  # those without which a program is refused; others only make programs faster # fmt: skip
_REFUSED = re.compile(r"\bgoto\s+(?:not|unsupp)|notsupp|unsupported|not\s+yet|pr_info_once|pr_err|EOPNOTSUPP|EINVAL")


@dataclass(frozen=True, slots=True)
class Selects:
    """Kconfig symbols an architecture selects: outright, and under a condition."""

    always: tuple[str, ...]
    conditional: dict[str, str]

    def holds(self, symbol: str, bits: int) -> str | None:
        """Empty where the symbol is set for that word size, a condition where that decides, None where not selected."""
        if symbol in self.always:
            return ""
        condition = self.conditional.get(symbol)
        if condition is None:
            return None
        if condition in _ONLY_64:
            return "" if bits == 64 else None
        if condition in _ONLY_32:
            return "" if bits == 32 else None
        return condition


def selects(tree: Tree, folder: str) -> Selects:
    """``select`` lines of the ``config`` block named after the architecture (all of arch/X/Kconfig)."""
    always: list[str] = []
    conditional: dict[str, str] = {}
    block = ""
    for line in tree.raw(f"arch/{folder}/Kconfig").replace("\\\n", " ").splitlines():
        start = re.match(r"(?:menu)?config\s+(\w+)", line)
        if start:
            block = start[1]
        found = re.match(r"\s+select\s+(\w+)(?:\s+if\s+(.*))?", line)
        if not found or block.lower() not in (folder, f"{folder}_64", "riscv", "ppc", "s390"):
            continue
        if not _wanted(found[1]):
            continue
        if found[2]:
            conditional.setdefault(found[1], squeeze(found[2]))
        else:
            always.append(found[1])
    return Selects(tuple(sorted(set(always))), {k: v for k, v in sorted(conditional.items()) if k not in always})


def _always_64(tree: Tree, folder: str) -> bool:
    """Whether the architecture has no 32-bit kernels (its 64BIT is fixed)."""
    return re.search(r"^config 64BIT\n\s+def_bool y\s*$", tree.raw(f"arch/{folder}/Kconfig"), re.M) is not None


_WANTED = (
    "HAVE_DYNAMIC_FTRACE", "HAVE_EBPF", "HAVE_CBPF", "HAVE_KPROBES", "HAVE_KRETPROBES", "HAVE_FPROBE", "HAVE_RETHOOK",
    "HAVE_FUNCTION_GRAPH", "HAVE_SYSCALL_TRACE", "HAVE_FUNCTION_ERROR_INJECTION", "ARCH_HAS_NON_OVERLAPPING",
    "ARCH_WANT_DEFAULT_BPF", "ARCH_HAS_SYSCALL_WRAPPER",
)  # fmt: skip


def _wanted(symbol: str) -> bool:
    return symbol.startswith(_WANTED)


def _files(tree: Tree, folder: str, bits: int) -> list[str]:
    """JIT sources that a word size is built from."""
    found = [p for p in tree.glob(f"arch/{folder}/net/bpf_*") if p.endswith((".c", ".S", ".h"))]
    names = [os.path.basename(path) for path in found]
    has32, has64 = any("32" in n for n in names), any("64" in n for n in names)
    kept = []
    for path, name in zip(found, names, strict=True):
        word = 32 if "32" in name else 64 if "64" in name else 0
        if not word and has32 and not has64 and name.endswith((".c", ".S")) and folder == "x86":
            word = 64  # the file without a number is the 64-bit one where only the 32-bit one has a number
        if word in (0, bits):
            kept.append(path)
    return kept


def _handles(text: str, label: str) -> bool:
    """Whether the code has the case label and does something other than refuse."""
    for found in re.finditer(label, text):
        after = text[found.end() : found.end() + 300]
        statement = re.sub(r"^\s*(?:\w[\w\s|]*)?:|\bcase\s+[\w\s|]+:", " ", after)
        if not _REFUSED.search(statement.split(";", 1)[0]):
            return True
    return False


@dataclass(slots=True)
class _BuildWorld:
    """A kernel built for one word size; other options stay open."""

    bits: int

    def read(self, path: str) -> Value | None:
        """Nothing else is fixed."""
        return None

    def call(self, name: str, args: tuple[Value, ...], text: str, file: str) -> Value | None:
        """IS_ENABLED of the word size is known, of other options open."""
        if name not in ("IS_ENABLED", "IS_BUILTIN") or not isinstance(args[0], Sym):
            return None
        option = args[0].name.removeprefix("CONFIG_")
        if option in _ONLY_64 or option in _ONLY_32:
            return int((option in _ONLY_64) == (self.bits == 64))
        return Open("config", (args[0].name,))


def _supports(tree: Tree, files: list[str], name: str, bits: int) -> tuple[bool, list[str]]:
    """(capability, config options it needs) of one ``bpf_jit_supports_*``."""
    function = f"bpf_jit_supports_{name}"
    place = next((path for path in files if find_function(tree.text(path), function)), None)
    if place is None:
        return False, []
    try:
        results = Runner(tree, _BuildWorld(bits)).run(place, function)
    except NotUnderstoodError:
        return True, []
    ways = [(value, path) for value, path in results if value == 1 or isinstance(value, Open)]
    if not ways:
        return False, []
    conds = [cond for value, path in ways for cond in path.conds]
    conds += [(value.kind, False, value.words) for value, _ in ways if isinstance(value, Open)]
    needs = sorted({words[0] for kind, negated, words in conds if kind == "config" and not negated})
    return True, needs


def _caps(tree: Tree, folder: str, bits: int) -> tuple[list[str], dict[str, list[str]]]:
    files = _files(tree, folder, bits)
    text = "\n".join(tree.text(path) for path in files)
    caps, needs = [], {}
    for name in _SUPPORTS:
        able, options = _supports(tree, files, name, bits)
        if able:
            caps.append(name)
        if options:
            needs[name] = options
    found = find_function(text, "arch_prepare_bpf_trampoline")
    if found and not re.fullmatch(r"\s*return\s+-\w+;\s*", found.body):
        caps.append("trampoline")
    code = "\n".join(tree.text(path) for path in files if path.endswith(".c"))
    if _handles(code, r"\bBPF_MEMSX\b") and _handles(code, r"\bBPF_JMP32\s*\|\s*BPF_JA\b"):
        caps.append("cpuv4")
    if re.search(r"\bBPF_LOAD_ACQ\b", code):
        caps.append("load_acquire_store_release")
    if _handles(code, r"\bcase\s+BPF_STX\s*\|\s*BPF_ATOMIC\s*\|\s*BPF_DW\s*:"):
        caps.append("atomic64")
    if re.search(r"\bBPF_FETCH\b", code):
        caps.append("atomic_fetch")
    if _handles(code, r"\bcase\s+BPF_JMP\s*\|\s*BPF_JA\s*\|\s*BPF_X\s*:"):
        caps.append("indirect_jump")
    return caps, needs


def arch_table(tree: Tree) -> dict[str, Any]:
    """The ``arch`` table: JIT kind, capabilities, what they need, what Kconfig selects."""
    made = {}
    for word, folder, bits in sorted({(row.in_tables, row.folder, row.bits) for row in arch.ARCHES}):
        chosen = selects(tree, folder)
        ebpf, cbpf = chosen.holds("HAVE_EBPF_JIT", bits), chosen.holds("HAVE_CBPF_JIT", bits)
        if bits == 32 and _always_64(tree, folder):
            ebpf = cbpf = None
        caps: list[str] = []
        needs: dict[str, list[str]] = {}
        if ebpf is not None:
            caps, needs = _caps(tree, folder, bits)
        direct = chosen.holds("HAVE_DYNAMIC_FTRACE_WITH_DIRECT_CALLS", bits)
        if "trampoline" in caps and direct is not None:
            caps.append("fentry_on_kernel_functions")
            needs["fentry_on_kernel_functions"] = ["CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"]
        made[word] = {
            "jit": "ebpf" if ebpf is not None else "cbpf" if cbpf is not None else "none",
            "caps": caps,
            "needs": needs,
            "selects": list(chosen.always),
            "selects_if": chosen.conditional,
        }
    return {"archs": made}
