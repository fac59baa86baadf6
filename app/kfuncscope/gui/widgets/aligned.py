# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two declarations side by side as HTML of the window; which parts stand beside each other says ``model.aligned``."""

from __future__ import annotations

import html
import re

from kfuncscope.gui.widgets import words
from kfuncscope.model.aligned import Row


def table_html(rows: list[Row], heads: tuple[str, str], colours: tuple[str, str, str, str]) -> str:
    """The rows as a table; ``colours`` are those of removed, added, muted words and of lines between."""
    removed, added, muted, line = colours
    head = "".join(f'<td style="color:{muted}">{html.escape(h)}</td>' for h in ("", *heads))
    out = [f"<tr>{head}</tr>"]
    for row in rows:
        old, new = words.marked(row.old, row.new, removed, added) if row.old and row.new else ("", "")
        if row.old and not row.new:
            old, new = f'<span style="background-color:{removed}">{html.escape(row.old)}</span>', "–"
        elif row.new and not row.old:
            old, new = "–", f'<span style="background-color:{added}">{html.escape(row.new)}</span>'
        ink = f"color:{muted};" if row.equal else ""
        cells = "".join(f'<td style="{ink} border-top:1px solid {line}">{_breakable(t)}</td>' for t in (old, new))
        place = html.escape(row.place)
        out.append(f'<tr><td style="color:{muted}; border-top:1px solid {line}">{place}</td>{cells}</tr>')
    return f'<table cellspacing="0" cellpadding="3" width="100%">{"".join(out)}</table>'


def _breakable(marked: str) -> str:
    """Names that may be broken after an underscore, tags left alone."""
    return re.sub(r"_(?![^<]*>)", "_\u200b", marked)
