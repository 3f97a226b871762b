"""Files that came in: how far each has been loaded, what became of its lines, and why some could not be taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from haihe.storage.audit import write_audit
from haihe.storage.db import db
from haihe.storage.records import MADE_HERE, Import, QuarantinedLine, Source

READ_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class OpenImport:
    """An import that may go on after `lines_done`, or is finished."""

    import_id: int
    lines_done: int
    finished: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the lines of one import so far."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class LineError:
    """Why one line was not taken: all that a department is told, and nothing of the line itself."""

    line: int
    record_no: str | None
    field: str
    code: str
    detail: str
    note: str | None = None


def open_import(
    source: str, sha256: bytes, file_name: str, format_: str, header: list[str] | None, at: datetime
) -> OpenImport:
    """Begin an import, or find the one that the same file of the same source began."""
    db.session.execute(
        upsert(Import)
        .values(
            source=source, sha256=sha256, file_name=file_name, format=format_, header=header, started_at=at
        )
        .on_conflict_do_update(index_elements=[Import.source, Import.sha256], set_={"header": header})
    )
    row = db.session.execute(
        select(Import.id, Import.lines_done, Import.finished_at).where(
            Import.source == source, Import.sha256 == sha256
        )
    ).one()
    return OpenImport(row.id, row.lines_done, row.finished_at is not None)


def lock_import(import_id: int) -> int:
    """Make everybody else who loads this file wait; returns the last line that has been dealt with."""
    return db.session.execute(
        select(Import.lines_done).where(Import.id == import_id).with_for_update()
    ).scalar_one()


def advance_import(import_id: int, lines_done: int, counts: Counts) -> None:
    """Note that everything up to this line has been dealt with, and how."""
    db.session.execute(
        update(Import)
        .where(Import.id == import_id)
        .values(
            lines_done=lines_done,
            added=Import.added + counts.added,
            changed=Import.changed + counts.changed,
            unchanged=Import.unchanged + counts.unchanged,
            quarantined=Import.quarantined + counts.quarantined,
        )
        .execution_options(synchronize_session=False)
    )


def finish_import(import_id: int, source: str, at: datetime, actor: str) -> None:
    """The whole file has been dealt with. The source first, then the file, as everybody does who takes both."""
    db.session.execute(
        update(Source)
        .where(Source.code == source)
        .values(last_import_at=at)
        .execution_options(synchronize_session=False)
    )
    db.session.execute(
        update(Import)
        .where(Import.id == import_id)
        .values(finished_at=at)
        .execution_options(synchronize_session=False)
    )
    counts = counts_of(import_id)
    write_audit(
        at,
        actor,
        "finish_import",
        f"import:{import_id}",
        source=source,
        added=counts.added,
        changed=counts.changed,
        unchanged=counts.unchanged,
        quarantined=counts.quarantined,
    )


def counts_of(import_id: int) -> Counts:
    """The counts of an import so far."""
    row = db.session.execute(
        select(Import.added, Import.changed, Import.unchanged, Import.quarantined).where(
            Import.id == import_id
        )
    ).one()
    return Counts(*row)


def quarantine(import_id: int, lines: Sequence[dict[str, Any]]) -> None:
    """Set lines aside that could not be taken."""
    if lines:
        db.session.execute(insert(QuarantinedLine), [{"import_id": import_id, **line} for line in lines])


def line_errors(import_id: int, most: int | None = None) -> list[LineError]:
    """Why lines were not taken, in the order of the file."""
    return list(iter_line_errors(import_id, most))


def iter_line_errors(import_id: int, most: int | None = None) -> Iterator[LineError]:
    """The same, read little by little."""
    last = 0
    while most is None or most > 0:
        rows = db.session.execute(
            select(
                QuarantinedLine.line_no,
                QuarantinedLine.record_no,
                QuarantinedLine.field,
                QuarantinedLine.code,
                QuarantinedLine.detail,
                QuarantinedLine.note,
            )
            .where(QuarantinedLine.import_id == import_id, QuarantinedLine.line_no > last)
            .order_by(QuarantinedLine.line_no)
            .limit(READ_AT_ONCE if most is None else min(most, READ_AT_ONCE))
        ).all()
        if not rows:
            return
        yield from (LineError(*row) for row in rows)
        last = rows[-1].line_no
        most = None if most is None else most - len(rows)


def find_import(import_id: int, source: str | None) -> Import | None:
    """An import by its number; one of another source is not told from one that does not exist."""
    row = db.session.get(Import, import_id)
    return row if row is not None and source in (None, row.source) else None


def list_imports(source: str | None, before: int | None, most: int) -> list[Import]:
    """Imports of one source, or of all, the latest first, beginning below `before`."""
    query = select(Import).order_by(Import.id.desc()).limit(most)
    if source is not None:
        query = query.where(Import.source == source)
    if before is not None:
        query = query.where(Import.id < before)
    return list(db.session.execute(query).scalars())


def list_sources() -> list[Source]:
    """Every source that sends files, by code."""
    query = select(Source).where(Source.code.not_in(MADE_HERE)).order_by(Source.code)
    return list(db.session.execute(query).scalars())
