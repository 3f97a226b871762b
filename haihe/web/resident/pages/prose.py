"""Consent texts on a page: the little of Markdown that they use (headings, paragraphs, lists), as blocks for a template."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a paragraph, or a list."""

    kind: str
    lines: tuple[str, ...]


def paragraphs(markdown: str) -> list[Block]:
    """The text as blocks; the first heading is the page's own and is left out."""
    blocks = []
    for chunk in markdown.strip().split("\n\n"):
        lines = tuple(line.strip() for line in chunk.strip().splitlines())
        if lines[0].startswith("# "):
            continue
        if lines[0].startswith("## "):
            blocks.append(Block("heading", (lines[0][3:],)))
            lines = lines[1:]
        if lines and all(line.startswith("- ") for line in lines):
            blocks.append(Block("list", tuple(line[2:] for line in lines)))
        elif lines:
            blocks.append(Block("text", ("".join(lines),)))
    return blocks
