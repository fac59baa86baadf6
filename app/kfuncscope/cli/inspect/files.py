# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope kernel`` and ``kfuncscope object``: what the one offers, what the other needs."""

from __future__ import annotations

import argparse
import hashlib
from typing import Any

from kfuncscope.bpf.needs import program_needs
from kfuncscope.bpf.object import BpfObject, read_object
from kfuncscope.btf.summary import summarize
from kfuncscope.cli.formats import emit
from kfuncscope.cli.given import as_error, objects_of, section_types, shown_paths, tell, without_program
from kfuncscope.cli.output import clean, table
from kfuncscope.elf.tables import read_elf
from kfuncscope.errors import InputError, UsageError
from kfuncscope.intake.kernels import kernel_files
from kfuncscope.kernel.fact_sources import fact_sources, source_lines
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.kernel.kfuncs import told_by
from kfuncscope.kernel.packing import packed
from kfuncscope.knowledge.flags import flag_words
from kfuncscope.rules.checks.faults import kernel_faults
from kfuncscope.session.session import KernelRef
from kfuncscope.storage.files import InputProblem
from kfuncscope.storage.writing import write_file
from kfuncscope.upgrade.known import open_refs

KFUNCS = ("kernel", "kfunc", "flags", "program types", "from")
PACK = "pack"
NEEDS = ("object", "program", "section", "kind", "name")


def run_kernel(arguments: argparse.Namespace) -> int:
    """What each kernel of the files offers, or with ``--gate`` whether it is fit to ship."""
    from kfuncscope.cli.inspect import gate

    if arguments.files[0] == PACK:
        return pack_kernel(arguments)
    if arguments.output:
        raise UsageError("--output", "needs the word pack: kernel pack F... -o K.kpack")
    if arguments.gate:
        return gate.run(arguments)
    gate.refuse_gate_options(arguments)
    kernels, problems = open_refs([KernelRef(list(arguments.files), arch=arguments.arch, release=arguments.release)])
    if not kernels:
        raise as_error(problems)
    for kernel in kernels:
        kernel.modules.read_all()
    told = [describe_kernel(k) for k in kernels]
    problems += [p for kernel in kernels for p in (*kernel.problems, *kernel.modules.unreadable)]
    if arguments.format != "table":
        rows = [(one["label"], name, k["flags_words"], " ".join(k["prog_types"] or ()), k["from"])
                for one in told for name, k in one["kfuncs"].items()]  # fmt: skip
        emit(arguments.format, "kfuncs", KFUNCS, rows, told if len(told) > 1 else told[0])
    else:
        for kernel, facts in zip(kernels, told, strict=True):
            _print_kernel(kernel, facts)
    return tell(problems)


def pack_kernel(arguments: argparse.Namespace) -> int:
    """Pack one kernel into a file; its SHA-256 is the name of what it holds."""
    from kfuncscope.cli.inspect import gate

    gate.refuse_gate_options(arguments)
    if arguments.gate or not arguments.output or len(arguments.files) < 2:
        raise UsageError("kernel pack", "expected files of one kernel and the output: kernel pack F... -o K.kpack")
    found = kernel_files(arguments.files[1:])
    if len(found) != 1:
        raise UsageError("kernel pack", f"{len(found)} kernels were given; pack each of them alone")
    data = packed(found[0], arguments.arch)
    write_file(arguments.output, data)
    print(f"{clean(arguments.output)}: {clean(found[0].label)}, {len(data)} bytes, "
          f"SHA-256 {hashlib.sha256(data).hexdigest()}")  # fmt: skip
    return tell(list(found[0].problems))


def describe_kernel(kernel: Kernel) -> dict[str, Any]:
    """Everything that the table and the JSON show of a kernel."""
    facts: dict[str, Any] = {
        "label": kernel.label, "arch": kernel.arch, "release": kernel.release, "release_from": kernel.release_source,
        "lacks": kernel.lacks, "knowledge": kernel.knowledge.release, "jit": kernel.jit,
        "kfunc_calls": kernel.jit and kernel.caps.kfunc_call, "trampoline": kernel.jit and kernel.caps.trampoline,
        "modules": len(kernel.modules), "struct_ops": kernel.struct_ops, "prog_types": len(kernel.prog_types),
        "map_types": len(kernel.map_types), "attach_types": len(kernel.attach_types), "helpers": len(kernel.helpers),
    }  # fmt: skip
    facts["bpf_as_of"], facts["sources"] = kernel.bpf_as_of, fact_sources(kernel)
    registry = kernel.kfuncs
    if kernel.vmlinux is None or registry is None:
        return {**facts, "btf": None, "kfuncs": {}, "faults": []}
    facts["btf"] = summarize(kernel.vmlinux)._asdict()
    facts["kfuncs_from"] = registry.source
    facts["kfuncs"] = {
        name: {
            "flags": k.flags, "flags_words": flag_words(k.flags, kernel.knowledge), "flags_from": k.flags_source,
            "prog_types": sorted(k.prog_types) if k.prog_types is not None else None, "types_from": k.types_source,
            "from": k.source, "sets": list(k.sets),
        }
        for name, k in sorted(registry.kfuncs.items())
    }  # fmt: skip
    facts["faults"] = [f.message for f in kernel_faults(kernel)]
    return facts


def _print_kernel(kernel: Kernel, facts: dict[str, Any]) -> None:
    print(f"{clean(kernel.label)}: {kernel.arch} {clean(kernel.release)} (release from {facts['release_from']})")
    if facts["btf"] is None:
        print("  no BTF: programs that need types of the kernel do not load, and no kfunc can be called")
        return
    btf = facts["btf"]
    print(f"  BTF: {btf['size']} bytes, {btf['types']} types, {'big' if btf['big_endian'] else 'little'} endian")
    print("  kinds: " + ", ".join(f"{k} {n}" for k, n in btf["kinds"].items()))
    print(f"  kfuncs: {len(facts['kfuncs'])}, from {facts['kfuncs_from']}"
          + ("" if facts["kfunc_calls"] else "; the JIT of this build does not support kfunc calls"))  # fmt: skip
    print(f"  tracepoints {btf['tracepoints']}, LSM hooks {btf['lsm_functions']}, iterators {btf['iter_structs']}, "
          f"struct_ops: {', '.join(facts['struct_ops']) or 'none'}")  # fmt: skip
    if facts["bpf_as_of"]:
        print(f"  {clean(kernel.linux)} by name, BPF as of {facts['bpf_as_of']}")
    for label, kinds in source_lines(facts["sources"].items()):
        print(f"  {label}: {kinds}")
    if facts["lacks"]:
        print(f"  not given: {', '.join(facts['lacks'])}")
    for fault in facts["faults"]:
        print(f"  fault of the build: {clean(fault)}")
    rows = []
    for name, k in facts["kfuncs"].items():
        types = "?" if k["prog_types"] is None else ",".join(k["prog_types"]) or "none"
        sources = [told_by(k[key], kernel.knowledge) for key in ("from", "flags_from", "types_from")]
        rows.append(("  " + name, k["flags_words"], types, *sources))
    table(("  kfunc", "flags", "program types", "is one by", "flags by", "types by"), rows)


def run_object(arguments: argparse.Namespace) -> int:
    """What each object needs."""
    types, told = section_types(arguments), []
    files, problems = objects_of(arguments.objects, arguments)
    for file in files:
        try:
            obj = read_object(file.data, file.name, types, file.loader)
            facts = describe_object(obj) | {"sha256": file.sha256, "places": [p.path for p in file.places]}
            told.append(facts | (_elf(file.data, file.name) if arguments.elf else {}))
            problems += without_program(obj, shown_paths(file, arguments.objects))
        except InputError as error:
            problems.append(InputProblem(error.source, error.reason, error.offset))
    if not told and problems:
        raise as_error(problems)
    if arguments.format != "table":
        rows = [(one["object"], program["name"], program["section"], need["kind"], need["name"])
                for one in told for program in one["programs"] for need in program["needs"]]  # fmt: skip
        emit(arguments.format, "What objects need", NEEDS, rows, told)
    else:
        for facts in told:
            _print_object(facts)
    return tell(problems)


def describe_object(obj: BpfObject) -> dict[str, Any]:
    """Everything that the table and the JSON show of an object."""
    programs = []
    for program in obj.programs:
        section = program.section
        programs.append({
            "name": program.name, "section": section.name, "type": section.prog_type,
            "attach_type": section.attach_type,
            "target": section.target, "sleepable": section.sleepable, "autoload": section.autoload,
            "instructions": sum(len(f.insns) for f in program.functions),
            "core_records": sum(len(f.relos) for f in program.functions),
            "needs": [_need(n) for n in program_needs(obj, program)],
        })  # fmt: skip
    return {
        "object": obj.name, "endian": "little" if obj.endian == "<" else "big", "license": obj.license,
        "programs": programs,
        "maps": [{"name": m.name, "type": m.type, "section": m.section} for m in obj.maps.values()],
        "externs": [{"name": e.name, "kind": e.kind, "weak": e.weak} for e in obj.externs.values()],
        "struct_ops": [{"name": s.name, "type": s.kernel_type} for s in obj.struct_ops], "notes": obj.notes,
    }  # fmt: skip


def _elf(data: bytes, name: str) -> dict[str, Any]:
    from kfuncscope.elf.describe import describe_header, section_rows

    elf = read_elf(data, name)
    return {"elf": {"header": describe_header(elf), "sections": [row._asdict() for row in section_rows(elf)]}}


def _need(need: Any) -> dict[str, Any]:
    sites = []
    for function, index in need.places:
        line = function.line_at(index)
        sites.append({"function": function.name, "insn": index, "file": line.file if line else "",
                      "line": line.line if line else 0})  # fmt: skip
    return {"kind": need.kind, "name": need.name, "strong": need.strong, "tested": need.tested, "sites": sites}


def _print_object(facts: dict[str, Any]) -> None:
    print(f"{clean(facts['object'])}: {facts['endian']} endian, licence {clean(str(facts['license']))}")
    for program in facts["programs"]:
        print(f'  {clean(program["name"])}  SEC("{clean(program["section"])}")  {program["type"] or "type unknown"}')
        for need in program["needs"]:
            strength = {True: "strong", False: "weak, tested" if need["tested"] else "weak", None: ""}[need["strong"]]
            places = ", ".join(f"{s['file'].rsplit('/', 1)[-1]}:{s['line']}" for s in need["sites"][:3] if s["file"])
            print(f"    {need['kind']} {clean(need['name'])}  {strength}  {clean(places)}".rstrip())
    for note in facts["notes"]:
        print(f"  could not check: {clean(note)}")
    if "elf" in facts:
        print(f"  {facts['elf']['header']}")
        rows = [[f"  {value}" if key == "number" else str(value) for key, value in row.items()]
                for row in facts["elf"]["sections"]]  # fmt: skip
        table(("  number", "section", "type", "flags", "bytes", "relocations"), rows)
