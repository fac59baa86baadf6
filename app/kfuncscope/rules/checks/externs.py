# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Strong kernel variables and configuration values: which programs cannot load without them (R-12.14)."""

from __future__ import annotations

from kfuncscope.bpf.externs import Extern
from kfuncscope.model.verdict import NeedKind
from kfuncscope.rules.context import Context
from kfuncscope.rules.problem import Problem

VARIABLES = frozenset({NeedKind.KSYM, NeedKind.KCONFIG})


def users_of(ctx: Context, problem: Problem) -> frozenset[str]:
    """The programs that a refused extern keeps from loading, whichever of the object are switched on.

    The values of all kconfig externs lie in one map, which libbpf does not make where one of them is refused.
    """
    if problem.kind not in VARIABLES:
        return frozenset()
    names = {e.name for e in ctx.obj.externs.values() if _meant(e, problem)}
    if problem.kind == NeedKind.KCONFIG and problem.certain:
        names |= {e.name for e in ctx.obj.externs.values() if e.kind == "kconfig"}
    return frozenset(
        p.name for p in ctx.obj.programs if any(r.name in names for f in p.functions for r in f.refs.values())
    )


def _meant(extern: Extern, problem: Problem) -> bool:
    kind = NeedKind.KSYM if extern.kind == "ksym" else NeedKind.KCONFIG if extern.kind == "kconfig" else NeedKind.KFUNC
    return kind == problem.kind and extern.lookup == problem.name
