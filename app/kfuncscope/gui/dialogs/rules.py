# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The text of a rule, in a window that ids of rules lead to; rules that it names are links, too."""

from __future__ import annotations

import html
import re

from PySide6.QtCore import Qt, QUrl
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from kfuncscope.gui import theme
from kfuncscope.gui.frame.geometry import within
from kfuncscope.gui.widgets.words import prose_html
from kfuncscope.model import catalogue
from kfuncscope.model.catalogue import Rule

_ID = re.compile(r"R-\d+\.\d+[a-z]?")


def rule_html(rule: Rule) -> str:
    """A rule as rich text."""
    from kfuncscope.report import rulebook  # brings the engine, which a decision has brought by then

    c = theme.look()
    parts = [f"<h3>{html.escape(rule.id)}&nbsp; {html.escape(rule.title)}</h3>", f"<p>{_prose(rule.statement)}</p>"]
    parts.append(f"<p><b>Why.</b> {_prose(rule.why)}</p>")
    if rule.fix:
        parts.append(f"<p><b>What to do.</b> {_prose(rule.fix)}</p>")
    if rule.example:
        family = html.escape(theme.mono().family())
        parts.append(f"<pre style=\"font-family:'{family}'\">{html.escape(rule.example.expandtabs(8))}</pre>")
    facts = [f"<code>{html.escape(place)}</code>" for place in rule.where]
    parts.append(f'<p style="color:{c.muted}">{"<br>".join(facts)}</p>')
    words = [f"{theme.GLYPHS[v]} {theme.WORDS[v]}" for v in rule.verdicts]
    leads = f"Leads to {', '.join(words)}" if words else "Leads to no verdict by itself"
    since = f" · since {html.escape(rule.since)}" if rule.since else ""
    parts.append(f'<p style="color:{c.muted}">{leads}{since}</p>')
    parts += [f'<p style="color:{c.muted}">{_prose(line)}</p>' for line in rulebook.seen(rule)]
    return "".join(parts)


def _prose(text: str) -> str:
    """Text of the catalogue: words between backticks are code, ids of rules are links."""
    return _ID.sub(lambda found: f'<a href="rule:{found[0]}">{found[0]}</a>', prose_html(text))


class RuleDialog(QDialog):
    """One rule at a time; ``show_rule`` moves on to another."""

    def __init__(self, window: QWidget, rule_id: str) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.text = QTextBrowser()
        self.text.setOpenLinks(False)
        self.text.anchorClicked.connect(self._follow)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.addWidget(self.text)
        column.addWidget(buttons)
        within(self, 640, 520)
        self.show_rule(rule_id)

    def show_rule(self, rule_id: str) -> None:
        """Show the text of a rule; an id that the catalogue does not have is said to be unknown."""
        rule = catalogue.rule(rule_id)
        title = f"{rule.id} {rule.title}" if rule is not None else rule_id
        self.setWindowTitle(title)
        self.text.setAccessibleName(title)
        unknown = self.tr("This version has no rule {0}.").format(rule_id)
        self.text.setHtml(rule_html(rule) if rule is not None else f"<p>{html.escape(unknown)}</p>")

    def _follow(self, url: QUrl) -> None:
        if url.scheme() == "rule":
            self.show_rule(url.path())
