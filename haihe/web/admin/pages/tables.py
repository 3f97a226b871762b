"""Tables as files: what a page of the console shows, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from flask import Response, request

# What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A table to be opened by a spreadsheet; nothing in it is run there."""
    buffer = io.StringIO()
    buffer.write("\ufeff")
    table = csv.writer(buffer)
    table.writerow(columns)
    for row in rows:
        table.writerow([_harmless("" if cell is None else str(cell)) for cell in row])
    return Response(
        buffer.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def asked(name: str, longest: int = 64) -> str:
    """What the address asks for under this name, without what PostgreSQL would refuse."""
    return request.args.get(name, "").replace("\0", "").strip()[:longest]


def number_of(text: str) -> int | None:
    """A number in an address; None where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
