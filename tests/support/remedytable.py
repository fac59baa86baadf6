# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Remedies over many objects and pairs of kernels: by failure code how many there are, of the right kind, compile, and
work on both kernels once they are applied.

``python -m support.remedytable [PAIR...]`` prints the table for the corpus (KFUNCSCOPE_CORPUS); a pair is OLD:NEW.
"""

from __future__ import annotations

import itertools
import os
import re
import sys
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from kfuncscope.bpf.object import read_object
from kfuncscope.errors import InputError
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Finding, ObjectVerdict
from kfuncscope.remedy.remedies import ASKS, remedied
from kfuncscope.resources import sample
from kfuncscope.rules.changes.change import compare
from kfuncscope.rules.judge import judge
from support.applied import Sides, Way, apply
from support.corpus import kernel
from support.snippets import compiler, loader

# By failure code, or by the first rule where nothing fails: what a remedy of the right kind does; a code and a rule
# where the rule has a kind of its own. What cannot be mended in the program says what to build or to leave out.
KINDS: dict[str, str] = {
    "kfunc_not_found": r"bpf_ksym_exists",
    "kfunc_not_registered": r"bpf_ksym_exists",
    "kfunc_not_allowed": r"program of a type|SEC\(",
    "kfunc_address": r"set_autoload",
    "jit_no_kfunc": r"leave the program out|CONFIG_",
    "jit_capability": r"leave the program out|CONFIG_",
    "ksym_not_found": r"__ksym __weak|weak",
    "kconfig_not_found": r"__kconfig __weak|weak",
    "core_reloc_poisoned": r"bpf_core_(?:field|type|enum_value)_exists",
    "attach_btf_not_found": r"set_autoload|tp_btf/|CONFIG_",
    "attach_failed": r"set_autoload|tracepoint|CONFIG_|autocreate",
    "attach_target_rejected": r"set_autoload|tracepoint|SEC\(|CONFIG_",
    "attach_hook_unsupported": r"set_autoload|CONFIG_|SEC\(|Switch the program off",
    "null_check_missing": r"NULL",
    "typed_access_rejected R-12.6": r"CO-RE|BITFIELD",  # a member
    "typed_access_rejected R-12.4": r"prototype",  # an argument that is another one now: no read serves both prototypes
    "typed_access_rejected R-12.30": r"fixed number",
    "kfunc_not_allowed R-12.3": r"not between them",
    "kfunc_not_allowed R-12.31": r"bpf_rcu_read_lock",
    "kfunc_not_allowed R-4.5": r"not between them|SEC\(|program of a type",
    "helper_not_available R-4.5": r"not between them",
    "attach_failed R-12.8": r"CO-RE",
    "ctx_access_rejected": r"prototype|set_autoload",
    "helper_not_available": r"bpf_core_enum_value_exists|Leave bpf_|SEC\(",
    "type_unsupported": r"set_autoload|Switch the program off|CONFIG_",
    "map_not_created": r"autocreate|map_flags",
    "struct_ops_mismatch": r"flavour|set_autocreate|SEC\(",
    "prog_array_owner": r"prog array",
    "tail_call_in_subprogs": r"inline",
    "licence": r"GPL",
    "R-3.13": r"BITFIELD",
    "R-3.5": r"bpf_core_type_exists|bpf_core_enum_value",
    "R-7.10": r"set_autoload|bpf_get_func_ret|prototype",
    "R-7.3": r"prototype",
    "R-7.8": r"CO-RE",
    "R-12.16": r"with a k(?:ret)?probe|Probe the functions",
    "R-12.6": r"preserve_access_index",
    "R-4.6": r"NULL",
    "R-12.10": r"bpf_core_enum_value",
    "R-4.7": r"fit both",
    "R-4.5": r"\w",  # the table of flags says what, and a test holds that it has each
    **dict.fromkeys(("R-7.6", "R-7.9", "R-12.4", "R-12.5"), r"prototype"),
}
NONE = r"(?!)"  # no remedy is of the right kind for a code that has no row


def pairs() -> list[tuple[str, str]]:
    """All pairs of the corpus, older and newer, of one architecture."""
    names = [p.name for p in Path(os.environ["KFUNCSCOPE_CORPUS"], "kernels").iterdir() if p.is_dir()]

    def release(name: str) -> tuple[int, ...]:
        return tuple(map(int, name.partition("-")[0].split(".")))

    ordered = sorted(names, key=lambda n: (n.partition("-")[2], release(n)))
    return [(a, b) for a, b in itertools.combinations(ordered, 2) if a.partition("-")[2] == b.partition("-")[2]]


@cache
def objects(arch: str) -> tuple[tuple[str, bytes], ...]:
    """Cases, samples and Debian's objects for an architecture: its own build where there is one, else that for
    amd64."""
    root = Path(os.environ["KFUNCSCOPE_CORPUS"])
    found = [(f"cases/{p.parent.name}/{p.name}", p.read_bytes()) for p in sorted((root / "cases").rglob("*.o"))]
    built = sample("objects", "s390x") if arch == "s390x" else sample("objects")
    found += [(f"samples/{p.name}", p.read_bytes()) for p in sorted(built.glob("*.bpf.o"))]
    folder = f"./debian-{arch}/" if arch in ("arm64", "s390x") else "./debian/"
    with tarfile.open(root / "oracle" / "objects.tar.xz") as archive:
        for member in archive:
            data = archive.extractfile(member) if member.isfile() and member.name.startswith(folder) else None
            if data is not None:
                found.append((member.name, data.read()))
    return tuple(found)


# What the samples' own header adds to the kernel's types.
_OWN = "#define count(counter) __sync_fetch_and_add(&(counter), 1)\n#define TC_ACT_OK 0\n"


def source(name: str) -> str:
    """The source of a case or a sample, to be compiled beside a vmlinux.h; empty for objects of packages."""
    kind, _, rest = name.partition("/")
    if kind == "samples":
        path = sample("programs", rest.removesuffix(".o") + ".c")
        return _OWN + re.sub(r'#include "kernel.h"', "", path.read_text())
    path = Path(os.environ["KFUNCSCOPE_CORPUS"], "cases", rest.removesuffix(".o") + ".c")
    if kind != "cases" or not path.is_file():
        return ""
    text = path.read_text()
    if 'k.h"' in text:
        text = '#define PAI\nchar LICENSE[] SEC("license") = "GPL";\nvolatile u64 out;\n' + text
    return re.sub(r"^#include .*$", "", text, flags=re.MULTILINE)


def verdicts(old: str, new: str, opened: tuple[Kernel, Kernel] | None = None) -> Iterator[ObjectVerdict]:
    """The objects of the corpus on one pair, with remedies; on ``opened`` where packages tell more of its kernels."""
    first, second = opened or (kernel(old), kernel(new))
    for name, data in objects(new.partition("-")[2]):
        try:
            obj = read_object(data, name)
        except InputError:
            continue
        if obj.endian == second.endian:
            before, after = judge(obj, first), judge(obj, second)
            yield remedied(compare(before, after, "", ""), before, after)


def asking(verdict: ObjectVerdict) -> Iterator[Finding]:
    """The findings of an object that ask for a remedy."""
    for listed in (verdict.findings, *(p.findings for p in verdict.programs)):
        yield from (f for f in listed if f.verdict in ASKS)


def code_of(finding: Finding) -> str:
    """What the table counts a finding by."""
    return finding.failure.value or (finding.rules[0] if finding.rules else "")


def of_kind(finding: Finding) -> bool:
    """Whether the remedy is of the kind that its code asks for."""
    remedy = finding.remedy
    if remedy is None:
        return False
    said = "\n".join((remedy.text, remedy.code, remedy.loader))
    code = code_of(finding)
    wanted = [KINDS[f"{code} {rule}"] for rule in finding.rules if f"{code} {rule}" in KINDS] or [KINDS.get(code, NONE)]
    return all(re.search(one, said) for one in wanted)


def pasted(findings: Iterable[Finding]) -> tuple[str, str]:
    """All C of some findings in one file for the programs and one for the loader, each snippet once."""
    remedies = [f.remedy for f in findings if f.remedy is not None]
    return tuple("\n\n".join(dict.fromkeys(filter(None, texts))) for texts in  # type: ignore[return-value]
                 ((r.code for r in remedies), (r.loader for r in remedies)))  # fmt: skip


@dataclass
class Table:
    """Counts by failure code; ``errors`` are what clang says of what does not compile."""

    findings: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    snippets: Counter[str] = field(default_factory=Counter)
    compiled: Counter[str] = field(default_factory=Counter)
    ways: Counter[tuple[str, Way]] = field(default_factory=Counter)
    worked: Counter[tuple[str, Way]] = field(default_factory=Counter)
    limited: Counter[tuple[str, Way]] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    files: int = 0
    errors: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)


def fill(table: Table, old: str, new: str) -> None:
    """Add one pair.

    Each object's C is compiled as one file beside each kernel's vmlinux.h; one by one where that fails.
    """
    compilers = compiler(kernel(old)), compiler(kernel(new))
    sides = Sides(kernel(old), kernel(new), compilers)
    held = dict(objects(new.partition("-")[2]))
    done: dict[str, str] = {}
    for verdict in verdicts(old, new):
        listed = list(asking(verdict))
        code, loads = pasted(listed)
        whole = ""
        if code and code not in done:
            done[code] = "".join(c.program(code) for c in compilers)
        if loads and loads not in done:
            done[loads] = loader(loads)
        whole = done.get(code, "") + done.get(loads, "")
        table.files += bool(code) + bool(loads)
        if whole:
            table.errors.append(f"{old} {new} {verdict.object}\n{whole[:2000]}")
        seen: dict[str, set[str]] = defaultdict(set)
        for finding in listed:
            key = code_of(finding)
            table.findings[key] += 1
            table.kinds[key] += of_kind(finding)
            if not of_kind(finding):
                said = finding.remedy.text if finding.remedy else "no remedy"
                table.strange.append(f"{key}: {finding.name}: {finding.message} -> {said}")
            pieces = [p for _, p in finding.remedy.snippets] if finding.remedy else []
            for piece in pieces:
                if piece not in seen[key]:
                    seen[key].add(piece)
                    table.snippets[key] += 1
                    table.compiled[key] += not whole
        for program, section, finding in placed(verdict):
            one = apply(held[verdict.object], source(verdict.object), program, finding, sides)
            table.ways[code_of(finding), one.way] += 1
            table.worked[code_of(finding), one.way] += one.ok and not one.limited
            table.limited[code_of(finding), one.way] += one.limited
            if not one.ok and one.way is not Way.TEXT:
                where = f"{old} {new} {verdict.object} {program} [{section}]"
                table.failed.append(f"{code_of(finding)} {one.way}: {where}: {finding.name}: {one.why}")


def placed(verdict: ObjectVerdict) -> Iterator[tuple[str, str, Finding]]:
    """(program, its section, finding) of what asks for a remedy; an object's own findings have no program."""
    yield from (("", "", f) for f in verdict.findings if f.verdict in ASKS and f.remedy is not None)
    for one in verdict.programs:
        yield from ((one.program, one.section, f) for f in one.findings if f.verdict in ASKS and f.remedy is not None)


def text(table: Table) -> str:
    """The table as lines; of what was applied in each way ``worked/applied``, or ``worked+limited/applied`` where
    something else keeps some from working."""
    ways = (Way.SOURCE, Way.FRAME, Way.LOADER, Way.TEXT)
    heads = " ".join(f"{way:>16}" for way in ways)
    lines = [f"{'code':28} {'findings':>8} {'of kind':>8} {'snippets':>8} {'compile':>8} {heads}"]
    counters = (table.findings, table.kinds, table.snippets, table.compiled)

    def applied(keys: Iterable[str], way: Way) -> str:
        done, well, rest = (sum(c[key, way] for key in keys) for c in (table.ways, table.worked, table.limited))
        said = f"{well}+{rest}/{done}" if rest else f"{well}/{done}"
        return f"{done if way is Way.TEXT else said if done else '':>16}"

    for key in [*sorted(table.findings), ""]:
        keys = [key] if key else list(table.findings)
        counts = " ".join(f"{sum(c[k] for k in keys):8}" for c in counters)
        lines.append(f"{key or 'all':28} {counts} " + " ".join(applied(keys, way) for way in ways))
    return "\n".join([*lines, f"{table.files} files, {len(table.errors)} do not compile"])


def main(wanted: list[str]) -> int:
    """Print the table, and what is wrong; the table so far after each pair, for whoever does not wait for the end."""
    table = Table()
    for old, new in [tuple(w.split(":")) for w in wanted] or pairs():
        fill(table, old, new)
        print(f"up to {old} {new}\n{text(table)}", file=sys.stderr, flush=True)
    print(text(table))
    print("\n".join([*table.errors, *sorted(set(table.strange)), *table.failed]))
    return 1 if table.errors or table.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
