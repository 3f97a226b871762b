"""数据来历: from a record back to the file and the row that stated it, version by version. Whose record it is stays untold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from haihe.domain.errors import NotFound
from haihe.storage.audit import AuditEntry, write_audit
from haihe.storage.db import db, transaction
from haihe.storage.records import Import, RecordHistory, RecordRow, Source
from haihe.usecases.sources import find_source
from haihe.usecases.staff_login import StaffCaller


@dataclass(frozen=True, slots=True)
class Version:
    """What a record said from a moment on, and where that was stated; no file where the change was made here."""

    version: int
    fields: dict[str, Any]
    file: Import | None
    line_no: int | None
    corrected_by: str | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Traced:
    """A record with all its versions, the present one first."""

    record: RecordRow
    source: Source
    versions: tuple[Version, ...]


def find_record(caller: StaffCaller, source: str, record_no: str) -> int | None:
    """The record of a source by its number, among the sources that somebody looks after."""
    find_source(caller, source)
    query = select(RecordRow.id).where(RecordRow.source == source, RecordRow.record_no == record_no)
    return db.session.execute(query).scalar_one_or_none()


def trace_record(caller: StaffCaller, record_id: int, at: datetime) -> Traced:
    """Where a record comes from; the look leaves a trace."""
    with transaction():
        row = db.session.get(RecordRow, record_id) if record_id < 2**63 else None
        if row is None:
            raise NotFound("RECORD_NOT_FOUND", "没有这条记录")
        source = find_source(caller, row.source)
        earlier = db.session.execute(
            select(RecordHistory)
            .where(RecordHistory.record_id == record_id)
            .order_by(RecordHistory.version.desc())
        ).scalars()
        versions = [_version(row.version, _fields(row), row.import_id, row.line_no, None)]
        versions += [
            _version(h.version, h.fields, h.fields.get("import_id"), h.fields.get("line_no"), h.replaced_at)
            for h in earlier
        ]
        write_audit(at, caller.actor, "trace_record", f"record:{record_id}")
        return Traced(row, source, tuple(versions))


SHOWN = (
    "indicator",
    "occurred_on",
    "document_no",
    "issuer",
    "quantity",
    "level",
    "severity",
    "valid_from",
    "valid_to",
    "state",
)


def _fields(row: RecordRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in SHOWN}


def _version(
    number: int, fields: dict[str, Any], import_id: Any, line_no: Any, until: datetime | None
) -> Version:
    held = db.session.get(Import, int(import_id)) if import_id is not None else None
    line = int(line_no) if line_no is not None else None
    shown = {name: fields.get(name) for name in SHOWN}
    return Version(number, shown, held, line, _corrected_by(held, line), until)


def _corrected_by(held: Import | None, line_no: int | None) -> str | None:
    """Who put this line right before it was taken."""
    if held is None or line_no is None:
        return None
    query = (
        select(AuditEntry.actor)
        .where(AuditEntry.subject == f"import:{held.id}", AuditEntry.deed == "correct_quarantined")
        .where(AuditEntry.detail["line"].as_integer() == line_no)
        .where(AuditEntry.detail["changed"].as_string() != "[]")
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )
    return db.session.execute(query).scalar_one_or_none()
