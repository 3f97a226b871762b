"""One row of the table that `make bench` prints."""

from __future__ import annotations

import unicodedata
from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class Row:
    """What, how much, beside which yardstick, and the ratio or the goal."""

    what: str
    figure: str
    yardstick: str
    ratio: str


HEADER = Row("项目", "测得", "标尺（同一次运行）", "比值")


def printed(rows: list[Row]) -> str:
    """The rows under each other, Chinese characters counted as two columns."""
    table = [astuple(r) for r in (HEADER, *rows)]
    widths = [max(_width(row[n]) for row in table) for n in range(4)]
    lines = [
        "  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True))
        for row in table
    ]
    return "\n".join((lines[0], "-" * (sum(widths) + 6), *lines[1:]))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
