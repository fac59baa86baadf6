# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a node of the graph is, in words: for a screen reader, for tooltips, and for the chain through it."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from kfuncscope.gui import theme
from kfuncscope.gui.graph import seals
from kfuncscope.gui.graph.scene import Scene
from kfuncscope.gui.index import AFFECTED, SCALE, Codes, Ints

MOST = 12  # names in one sentence


def tr(text: str) -> str:
    """A sentence in the language of the window."""
    return QCoreApplication.translate("", text)


def name(scene: Scene, node: int) -> str:
    """Kind, name, verdict and the line below the name."""
    kind = (tr("object"), tr("program"), tr("need"))[int(scene.column[node])]
    words = (f"{kind} {scene.labels[node]}", theme.WORDS[SCALE[int(scene.verdict[node])]], scene.subs[node],
             seals.word(int(scene.seal[node])))  # fmt: skip
    return ", ".join(w for w in words if w)


def chain(scene: Scene, node: int) -> str:
    """What stands to the left and to the right of a node, the worst first."""
    column = int(scene.column[node])
    out, into = scene.edges_from(node), scene.edges_to(node)
    words = ((tr("holds {0}"), ""), (tr("needs {0}"), tr("of object {0}")), ("", tr("used by {0}")))[column]
    parts = []
    if len(into) and words[1]:
        parts.append(words[1].format(_names(scene, scene.src[into], scene.edge_verdict[into], column > 1)))
    if len(out) and words[0]:
        parts.append(words[0].format(_names(scene, scene.dst[out], scene.edge_verdict[out], True)))
    return "; ".join(parts)


def _names(scene: Scene, nodes: Ints, verdicts: Codes, told: bool) -> str:
    pairs = sorted(
        zip(nodes.tolist(), verdicts.tolist(), strict=True), key=lambda pair: (-pair[1], float(scene.y[pair[0]]))
    )
    listed = [
        scene.labels[n] + (f" ({theme.WORDS[SCALE[v]]})" if told and v >= AFFECTED else "") for n, v in pairs[:MOST]
    ]
    more = len(pairs) - MOST
    return ", ".join(listed) + (tr(" and {0} more").format(more) if more > 0 else "")


def tip(scene: Scene, node: int) -> str:
    """A node's tooltip."""
    verdict = theme.WORDS[SCALE[int(scene.verdict[node])]]
    said = seals.word(int(scene.seal[node]))
    return "\n".join(x for x in (scene.labels[node], f"{verdict} · {scene.subs[node]}", scene.details[node], said) if x)
