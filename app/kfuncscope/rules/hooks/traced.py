# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Functions that ftrace cannot patch: no trampoline attaches to them, and kprobe events refuse them too (R-7.9).

Kprobe events ask for a call of ftrace between the first and the last byte of the function, wherever in it the probe
lies; if a copy that the compiler made (``f.constprop.0``) has none, the function under the plain name decides. The
kernel's ``inline`` means ``notrace``, so an inline function that was emitted after all is refused with its copies.
"""

from __future__ import annotations

from typing import NamedTuple

from kfuncscope.kernel.kernel import Kernel
from kfuncscope.model.verdict import Confidence
from kfuncscope.rules.problem import Message, say

BY_EVENT = frozenset({"kprobe", "kretprobe", "ksyscall", "kretsyscall"})
"""Kinds of sections that attach by a kprobe event; all others that attach to functions go through ftrace itself."""


class Untraced(NamedTuple):
    """Why nothing attaches to a function."""

    message: Message
    confidence: Confidence


def untraced(kernel: Kernel, kind: str, name: str) -> Untraced | None:
    """Why programs of a kind of section cannot be attached to a function; None where they can, or nothing tells."""
    anywhere = kernel.option("DYNAMIC_FTRACE") == "n" or kernel.option("KPROBE_EVENTS_ON_NOTRACE") == "y"
    if anywhere and kind in BY_EVENT:
        return None
    traced, plain = kernel.traced(name), name.partition(".")[0]
    if traced is False and kind in BY_EVENT and plain != name and kernel.traced(plain):
        return None
    if traced:
        return None
    path = kernel.knowledge.notrace(name, kernel.arch) or kernel.knowledge.notrace(plain, kernel.arch)
    if traced is False:
        text = "{name} cannot be traced: the image of {kernel} lists no place in it that ftrace patches"
        return Untraced(say(text, name=name), Confidence.HIGH)
    if not path:
        return None
    message = say("{name} cannot be traced ({where}inline, notrace or built without ftrace)", name=name,
                  where=f"{path}: ")  # fmt: skip
    return Untraced(message, Confidence.LOW if kernel.outdated else Confidence.MEDIUM)
