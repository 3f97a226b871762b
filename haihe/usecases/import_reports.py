"""What became of the files of a source: for the department itself, or for the staff who look after all of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from haihe.domain.errors import NotFound
from haihe.storage import imports
from haihe.storage.records import Import, Source

COLUMNS = ("line", "record_no", "field", "code", "detail", "note")
LARGEST_ID = 2**63 - 1
# What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@")


def find_import(import_id: int, source: str | None) -> Import:
    """One import, of this source (None: of any); NotFound as well where it is somebody else's."""
    found = imports.find_import(import_id, source) if import_id <= LARGEST_ID else None
    if found is None:
        raise NotFound("IMPORT_NOT_FOUND", "没有这次导入")
    return found


def list_imports(source: str | None, before: int | None, most: int) -> tuple[list[Import], int | None]:
    """A page of imports, the latest first, and where the next page begins."""
    rows = imports.list_imports(source, before, most + 1)
    return rows[:most], rows[most - 1].id if len(rows) > most else None


def list_sources() -> list[Source]:
    """Every source that may send files, by code."""
    return imports.list_sources()


def report_csv(import_id: int) -> Iterator[str]:
    """Every line that was not taken, as a table for a spreadsheet; read little by little."""
    buffer = io.StringIO()
    table = csv.writer(buffer)
    buffer.write("\ufeff")
    table.writerow(COLUMNS)
    for error in imports.iter_line_errors(import_id):
        record_no = error.record_no or ""
        if record_no.startswith(FORMULA):
            record_no = f"'{record_no}"
        note = error.note or ""
        note = f"'{note}" if note.startswith(FORMULA) else note
        table.writerow((error.line, record_no, error.field, error.code, error.detail, note))
        if buffer.tell() > io.DEFAULT_BUFFER_SIZE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
