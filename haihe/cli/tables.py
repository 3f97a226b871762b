"""Tables for the terminal: columns stay straight though a Chinese character is two columns wide."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

HIDDEN = "—"


def table(heads: Sequence[str], rows: Iterable[Sequence[str | int | float | None]]) -> str:
    """Heads and rows as text, the first column to the left and the others to the right; None is what is not told."""
    cells = [list(heads), *([_cell(value) for value in row] for row in rows)]
    widths = [max(_width(row[n]) for row in cells) for n in range(len(heads))]
    return "\n".join(
        "  "
        + "  ".join(_padded(text, width, n) for n, (text, width) in enumerate(zip(row, widths, strict=True)))
        for row in cells
    )


def _cell(value: str | int | float | None) -> str:
    if value is None:
        return HIDDEN
    return value if isinstance(value, str) else f"{value:,}"


def _padded(text: str, width: int, column: int) -> str:
    space = " " * (width - _width(text))
    return text + space if column == 0 else space + text


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
