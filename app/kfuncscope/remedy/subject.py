# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a remedy is made for: an object, one of its programs, and both kernels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kfuncscope.bpf.object import BpfObject, Function, Program
from kfuncscope.model.verdict import Finding
from kfuncscope.rules.context import Context


class Subject(NamedTuple):
    """One program, or an object as a whole (``program`` is None), on both kernels, with its findings."""

    old: Context
    new: Context
    program: Program | None
    findings: tuple[Finding, ...] = ()

    @property
    def object(self) -> BpfObject:
        """The object."""
        return self.new.obj

    def places(self, finding: Finding) -> Iterator[tuple[Function, int]]:
        """The instructions of a finding's sites."""
        functions = {f.name: f for f in (self.program.functions if self.program is not None else ())}
        for site in finding.sites:
            function = functions.get(site.function)
            if function is not None and site.insn < len(function.insns):
                yield function, site.insn
