# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What of a graph is lit up."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kfuncscope.gui.index import Ints


@dataclass(slots=True)
class Marks:
    """The chain of nodes and edges, the selected node, the one that is pointed at; ``dim`` fades all others."""

    selected: int = -1
    hover: int = -1
    nodes: frozenset[int] = frozenset()
    edges: Ints = field(default_factory=lambda: np.empty(0, np.int32))
    dim: bool = False
