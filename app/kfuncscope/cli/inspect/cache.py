# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""``kfuncscope cache``: show or clear the cache."""

from __future__ import annotations

import argparse
from datetime import datetime

from kfuncscope.cli.formats import emit
from kfuncscope.cli.output import clean
from kfuncscope.storage.cache import default_cache, default_root, refusal


def run(arguments: argparse.Namespace) -> int:
    """Show the entries, newest first, with their sizes, or remove them all."""
    cache = default_cache()
    if cache.root != default_root():
        print(f"the cache is not used: {clean(str(default_root()))} {clean(refusal(default_root()))}")
        return 0
    entries = cache.entries()
    if arguments.action == "clear":
        cache.clear()
        print(f"{len(entries)} entries removed from {cache.root}")
        return 0
    rows = [(f"{datetime.fromtimestamp(e.used):%Y-%m-%d %H:%M}", e.size, e.key) for e in entries]
    emit(arguments.format, "The cache", ("used", "bytes", "what"), rows)
    if arguments.format == "table":
        print(f"{len(entries)} entries, {sum(e.size for e in entries)} bytes in {cache.root}")
    return 0
