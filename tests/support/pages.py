# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The pages of the manual as their reader takes them: commands with what they print, files to write, links."""

from __future__ import annotations

import glob
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "resources" / "docs"
PAGES = sorted([*DOCS.glob("*.md"), ROOT / "README.md", ROOT / ".github" / "CONTRIBUTING.md"])
_STATUS = re.compile(r"#\s*exit status (\d)")
_COMMAND = re.compile(r"^(?:- |- run: )?(kfuncscope [a-z].*)")


@dataclass
class Command:
    """A command, the status that the page gives it (0 without a word), and the lines that it is said to print."""

    text: str
    status: int
    output: list[str]

    @property
    def words(self) -> list[str]:
        """As the shell makes them of the text, globs not yet expanded; without the name of the program."""
        return shlex.split(self.text, comments=True)[1:]

    def expanded(self) -> list[str]:
        """The words with every glob of the sample data as the files that it stands for."""
        made = []
        for word in self.words:
            found = sorted(glob.glob(word)) if "sample_data" in word and "*" in word else []
            made += found or [word]
        return made

    @property
    def runs_here(self) -> bool:
        """Whether everything that it needs is in the checkout."""
        words = self.words
        files = [
            w for w in words if re.search(r"\.deb|\.rpm|\.img|\.kcat|[A-Z]{3}|old/|new/|shipped/|build|/boot|\*\.", w)
        ]
        return not files and words[0] not in ("gui", "prove", "census") and words != ["demo"] and "clear" not in words


@dataclass
class Block:
    """A block of code: its language ("" where it has none) and its text."""

    language: str
    text: str

    def named(self) -> str:
        """The file that the first line of a block names: ``# policy.toml``."""
        found = re.match(r"# (\.?[\w.-]+\.\w+)$", self.text.split("\n", 1)[0])
        return found[1] if found else ""


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page in order."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text()):
        if token.type in ("code_block", "fence"):
            yield Block(token.info.strip(), token.content)


def commands(block: Block) -> list[Command]:
    """The commands of a block; lines that follow one are what it prints. Blocks of a language are not commands."""
    found: list[Command] = []
    joined = re.sub(r"\\\n\s*", "", block.text)
    for line in joined.splitlines():
        begins = _COMMAND.match(line.strip())
        if begins:
            status = _STATUS.search(line)
            found.append(Command(begins[1], int(status[1]) if status else 0, []))
        elif found and line.strip() and not block.language:
            found[-1].output.append(" ".join(line.split()))
    return found


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub, GitLab and the rendered manual make them."""
    tokens = MarkdownIt("commonmark").parse(page.read_text())
    heads = (tokens[i + 1].content for i, t in enumerate(tokens) if t.type == "heading_open")
    made: set[str] = set()
    for head in heads:
        kept = "".join(c for c in head.lower() if c.isalnum() or c in " -_")
        made.add(kept.replace(" ", "-"))
    return made


def links(page: Path) -> Iterator[str]:
    """The targets of links and pictures."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text()):
        for child in token.children or ():
            if child.type == "link_open":
                yield str(child.attrs["href"])
            elif child.type == "image":
                yield str(child.attrs["src"])
