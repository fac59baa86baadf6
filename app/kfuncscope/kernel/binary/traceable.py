# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Functions that ftrace can patch, as the image lists them: what fentry, fexit and kprobe events attach to (R-7.9).

``__mcount_loc`` is an array of addresses, one for each call that the compiler left at the start of a function: at its
first byte, behind ENDBR or BTI, or, where arm64 keeps room before the function, 8 bytes before it. It is the longest
run of words in the image that are addresses of its functions. Functions of ``.init.text`` are gone when programs
attach.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from kfuncscope.kernel.binary.addresses import ImageSymbols, among, in_order

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kfuncscope.kernel.binary.addresses import Addresses
else:
    from kfuncscope.deferred import numpy as np

CALLS_AT = {"x86_64": (0, 4), "arm64": (0, 4, -8)}
"""Architecture → bytes from a function's address to the call that ftrace patches, as kernels are built for it."""

_FEWEST = 4096  # functions; the smallest kernel with ftrace has tens of thousands
_LONGEST_GAP = 512  # words between two of the run: places in functions without a symbol, as weak ones that lost


def traceable_functions(symbols: ImageSymbols, calls_at: tuple[int, ...]) -> frozenset[str] | None:
    """Names of the functions of the image that can be traced; None where it does not tell."""
    is_code = symbols.code()
    patched = _patched_places(symbols, in_order(symbols.addresses[is_code]), calls_at)
    if patched is None:
        return None
    first, end = symbols.place("_sinittext"), symbols.place("_einittext")
    if first is not None and end is not None:
        is_code &= (symbols.addresses < first) | (symbols.addresses >= end)
    found = np.zeros(len(is_code), dtype=np.bool_)
    for distance in calls_at:
        found |= is_code & among(symbols.addresses + distance, in_order(patched))
    return frozenset(symbols.name(at) for at in np.flatnonzero(found).tolist())


def _patched_places(symbols: ImageSymbols, functions: Addresses, calls_at: tuple[int, ...]) -> Addresses | None:
    """The places that ftrace patches, as addresses of symbols count; None where the image lists none."""
    wanted = in_order(np.concatenate([functions + distance for distance in calls_at]))
    words = symbols.words()
    best: Addresses | None = None
    for base in symbols.bases:
        at = np.flatnonzero((words >= wanted[0] + base) & (words <= wanted[-1] + base))
        values = words[at].astype(np.int64) - base
        hits = among(values, wanted)
        for run in _runs(at[hits]):
            found = values[hits][run]
            if len(found) >= _FEWEST and (best is None or len(found) > len(best)):
                best = found
    return best


def _runs(places: npt.NDArray[np.intp]) -> Iterator[slice]:
    """Stretches of words that are near each other."""
    edges = np.flatnonzero(np.diff(places) > _LONGEST_GAP) + 1
    for first, end in pairwise([0, *edges.tolist(), len(places)]):
        yield slice(first, end)
