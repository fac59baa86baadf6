# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One architecture ahead of the others: its verdicts need not wait until the kernels of all are opened."""

from __future__ import annotations

from dataclasses import replace

from kfuncscope.arch import arch_order
from kfuncscope.model.analysis import Analysis
from kfuncscope.model.unchecked import unfinished
from kfuncscope.session.grouping import arch_told
from kfuncscope.session.session import KernelRef, Session
from kfuncscope.storage.read import Progress
from kfuncscope.upgrade.analyse import analyse


def first_architecture(session: Session) -> tuple[Session, list[str]] | None:
    """What of a session is about its first architecture, and the architectures of all its pairs, that one first.

    None where there is one pair at most, or where a kernel's paths do not tell its architecture: another kernel of the
    same one may then take its place in the whole result.
    """
    old, new = _by_arch(session.old), _by_arch(session.new)
    both = sorted(old.keys() & new.keys(), key=arch_order)
    if len(both) < 2 or "" in old or "" in new:
        return None
    return replace(session, old=[old[both[0]]], new=[new[both[0]]], path=[], infer=False), both


def _by_arch(refs: list[KernelRef]) -> dict[str, KernelRef]:
    """Of several kernels of one architecture the last counts, as in ``paired``."""
    return {ref.arch or arch_told(ref): ref for ref in refs}


def ahead(session: Session, progress: Progress | None = None) -> Analysis | None:
    """The result on the first architecture, with a problem that says what is missing; None where it cannot be told.

    What it finds is kept, so that the analysis of all does not find it again. Raises InputError as ``analyse`` does.
    """
    told = first_architecture(session)
    if told is None:
        return None
    alone, arches = told
    found = analyse(alone, progress)
    if [one.arch for one in found.arches] != arches[:1]:
        return None  # the files say otherwise than their paths
    return replace(found, problems=(unfinished(arches[1:]),))
