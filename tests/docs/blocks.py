"""The fenced code blocks of a Markdown page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_HEADING = re.compile(r"^## (?P<title>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: language, text, the first line's number, the ``##`` section it is in, and why it is not run."""

    language: str
    text: str
    line: int
    section: str
    not_run: str | None


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, from the top down."""
    text = page.read_text(encoding="utf-8")
    headings = [(match.start(), match["title"]) for match in _HEADING.finditer(text)]
    found = []
    for match in _BLOCK.finditer(text):
        section = next((title for start, title in reversed(headings) if start < match.start()), "")
        line = text.count("\n", 0, match.start("text")) + 1
        found.append(Block(match["language"], match["text"], line, section, match["reason"]))
    assert text.count("```") == 2 * len(found), f"{page.name} has a block that is not closed, or indented"
    return found
