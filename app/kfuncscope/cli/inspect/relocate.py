# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope relocate``: one row for each CO-RE record of objects on a kernel."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from kfuncscope.bpf.object import BpfObject, read_object
from kfuncscope.cli.formats import emit
from kfuncscope.cli.given import as_error, objects_of, section_types, shown_paths, tell, without_program
from kfuncscope.errors import InputError, UsageError
from kfuncscope.kernel.kernel import Kernel
from kfuncscope.kernel.modules import Modules
from kfuncscope.rules.context import Context
from kfuncscope.rules.core.spec import KIND_NAMES, SpecError, parse_spec, spec_text
from kfuncscope.session.session import KernelRef
from kfuncscope.storage.files import InputProblem
from kfuncscope.upgrade.known import open_refs

HEAD = ("object", "program", "section", "record", "kind", "spec", "outcome", "old", "new")


def run(arguments: argparse.Namespace) -> int:
    """Print the records; ``record`` is the index within the section of .BTF.ext, as libbpf counts."""
    types = section_types(arguments)
    files, problems = objects_of(arguments.objects, arguments)
    ref = KernelRef(list(arguments.kernel), arch=arguments.arch, release=arguments.release)
    kernels, bad = open_refs([ref])
    if not kernels:
        raise as_error(bad)
    if len(kernels) > 1:
        raise UsageError("--kernel", f"expected one kernel, but these files make {len(kernels)}")
    problems += bad
    if arguments.no_modules:
        kernels[0].modules = Modules({}, kernels[0].vmlinux)
    problems += kernels[0].modules.read_all()
    rows: list[tuple[str, ...]] = []
    for file in files:
        try:
            obj = read_object(file.data, file.name, types, file.loader)
            found = list(_rows(obj, kernels[0]))
            problems += without_program(obj, shown_paths(file, arguments.objects))
            rows += [(path, *row) for path in shown_paths(file, arguments.objects) for row in found]
        except InputError as error:
            problems.append(InputProblem(error.source, error.reason, error.offset))
    emit(arguments.format, "CO-RE records", HEAD, rows)
    return tell(problems)


def _rows(obj: BpfObject, kernel: Kernel) -> Iterator[tuple[str, ...]]:
    ctx = Context(obj, kernel)
    btf = obj.btf
    if btf is None:
        return
    for function in obj.functions.values():
        relocs = ctx.relocs(function)
        for number, relo in function.relos:
            reloc = relocs.get(relo.insn_off // 8 - function.start)
            if reloc is None:
                continue
            try:
                spec = spec_text(parse_spec(btf, relo))
            except SpecError:
                spec = f"{btf.name(relo.type_id)} {relo.access}"
            shown = reloc.outcome in ("patched", "absent")
            yield (function.name, function.section, str(number), KIND_NAMES.get(relo.kind, str(relo.kind)),
                   spec, reloc.outcome, str(reloc.old), str(reloc.new) if shown else "")  # fmt: skip
