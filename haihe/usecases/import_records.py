"""信用记录报送: a department's file becomes records and points; what cannot be taken goes back with a reason per line.

The file is stored in chunks, each with its points, ledger and audit in one transaction. A load that is cut off goes on
after its last chunk when the same file comes again, and a file that has been loaded changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import IO

from haihe.domain.cells import UNPRINTABLE
from haihe.domain.errors import NotFound
from haihe.domain.identity import hide_identity_numbers
from haihe.storage import imports
from haihe.storage.db import db, transaction
from haihe.storage.records import Source
from haihe.storage.withdrawals import withdrawn_file
from haihe.usecases.context import Context, day_of
from haihe.usecases.records_in.checking import Checked, Checker, Refused
from haihe.usecases.records_in.retrying import retry_lines
from haihe.usecases.records_in.storing import Chunk, NamesHeld, store_chunk, withdrawn
from haihe.usecases.records_in.tables import Row, open_table
from haihe.usecases.records_in.taking import Taken, take_in

CHUNK = 2_000
SHOWN_ERRORS = 100
LONGEST_FILE_NAME = 255


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file. `repeated` says that this very file had been loaded before, so that only the lines that had
    been set aside were tried again."""

    import_id: int
    added: int
    changed: int
    unchanged: int
    quarantined: int
    repeated: bool = False
    errors: list[imports.LineError] = field(default_factory=list)

    @property
    def lines(self) -> int:
        """Rows in the file, its header and empty lines aside."""
        return self.added + self.changed + self.unchanged + self.quarantined


def import_records(
    ctx: Context,
    source: str,
    file_name: str,
    stream: IO[bytes],
    at: datetime,
    actor: str,
    on_progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Load a file of one source; raises InvalidInput, with nothing stored, where the file as a whole cannot be read.

    `on_progress` is told after every chunk how many bytes of how many have been gone through.
    """
    entitled = _entitled(source)
    with take_in(stream) as taken:
        table = open_table(taken.plain)
        with transaction():
            header = list(table.header) if table.header is not None else None
            held = imports.open_import(source, taken.sha256, kept_name(file_name), table.format, header, at)
        if withdrawn_file(held.import_id) is not None:
            raise withdrawn()
        if held.finished:
            # What was loaded stays as it is; what was set aside may be good by now.
            retried = retry_lines(ctx, held.import_id, at, actor)
            return _report_of(held.import_id, retried)
        on = day_of(at)
        checker = Checker(ctx, entitled, on, penalties=table.format == "penalties")
        rows = (row for row in table.rows if row.no > held.lines_done)
        names = NamesHeld(ctx.vault)
        for chunk in _ahead(_chunks(rows, checker, taken)):
            store_chunk(ctx, source, held.import_id, chunk, at, actor, names)
            if on_progress is not None:
                on_progress(chunk.position, taken.size)
    with transaction():
        imports.finish_import(held.import_id, source, at, actor)
    return _report_of(held.import_id)


def kept_name(file_name: str) -> str:
    """The name under which the file is listed: without its directories, and without what would name a person."""
    base = file_name.replace("\\", "/").rpartition("/")[2]
    return hide_identity_numbers(UNPRINTABLE.sub("", base))[:LONGEST_FILE_NAME]


def _entitled(source: str) -> list[str]:
    row = db.session.get(Source, source)
    if row is None:
        raise NotFound("SOURCE_UNKNOWN", "没有这个来源部门，请先登记", "source")
    return row.indicators


def _ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The same chunks, the next one being checked while PostgreSQL is busy with the last."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = pool.submit(next, chunks, None)
            yield chunk


def _chunks(rows: Iterator[Row], checker: Checker, taken: Taken) -> Iterator[Chunk]:
    while batch := list(islice(rows, CHUNK)):
        checked: list[Checked] = []
        refused: list[Refused] = []
        for row in batch:
            outcome = checker.check(row)
            if isinstance(outcome, Checked):
                checked.append(outcome)
            else:
                refused.append(outcome)
        yield Chunk(checked, refused, batch[0].no, batch[-1].last_no, taken.plain.tell())


def _report_of(import_id: int, retried: imports.Counts | None = None) -> ImportReport:
    counts = imports.counts_of(import_id)
    errors = imports.line_errors(import_id, SHOWN_ERRORS)
    if retried is not None:
        before = counts.added + counts.changed + counts.unchanged - retried.added - retried.changed
        return ImportReport(
            import_id, retried.added, retried.changed, before, counts.quarantined, True, errors
        )
    return ImportReport(
        import_id, counts.added, counts.changed, counts.unchanged, counts.quarantined, False, errors
    )
