"""信用记录 as departments sent them: the current version, the earlier ones, and what could not be taken."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Numeric,
    String,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db

# 信用订单 and 沙箱: records under these names are made here; nobody sends them.
MADE_HERE = ("ORDERS", "sandbox")


class Source(db.Model):
    """来源部门: who may supply records, and of which indicators (empty: of every one in the catalogue).

    A source of one `district` is looked after by that district's clerks too. It is expected every `expected_days`, where
    that has been agreed.
    """

    __tablename__ = "sources"

    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    indicators: Mapped[list[str]] = mapped_column(JSONB)
    district: Mapped[str | None] = mapped_column(String(6))
    expected_days: Mapped[int | None]
    last_import_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RecordRow(db.Model):
    """One record in its current version; (source, record_no) names it for ever.

    `undone_by` says that it is out of force only because its file was withdrawn: stated anew, it is in force again.
    """

    __tablename__ = "records"
    __table_args__ = (
        UniqueConstraint("source", "record_no"),
        Index("ix_records_resident_id", "resident_id"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint(
            "state IN ('EFFECTIVE','DISPUTED','CORRECTED','WITHDRAWN','REPAIRED','EXPIRED')", name="state"
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    source: Mapped[str] = mapped_column(ForeignKey("sources.code"))
    record_no: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"))
    indicator: Mapped[str] = mapped_column(String(8))
    occurred_on: Mapped[date]
    document_no: Mapped[str | None] = mapped_column(String(128))
    issuer: Mapped[str | None] = mapped_column(String(128))
    quantity: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    level: Mapped[str | None] = mapped_column(String(32))
    severity: Mapped[str | None] = mapped_column(String(8))
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    state: Mapped[str] = mapped_column(String(16))
    undone_by: Mapped[int | None] = mapped_column(ForeignKey("file_withdrawals.id"))
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id"), index=True)
    line_no: Mapped[int | None]
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class RecordHistory(db.Model):
    """An earlier version of a record, as it was, and until when it was so."""

    __tablename__ = "record_history"

    record_id: Mapped[int] = mapped_column(ForeignKey("records.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    replaced_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Import(db.Model):
    """One file (by its hash) from one source: how far it has been loaded and what became of its lines.

    `header` is the columns of a table, by which a line that was set aside can be read again without the file.
    """

    __tablename__ = "imports"
    __table_args__ = (UniqueConstraint("source", "sha256"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    source: Mapped[str] = mapped_column(ForeignKey("sources.code"))
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    file_name: Mapped[str] = mapped_column(String(255))
    format: Mapped[str] = mapped_column(String(16))
    header: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    lines_done: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    quarantined: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class QuarantinedLine(db.Model):
    """A line that could not be taken: where, which field, why. The line itself is sealed, for it names a person.

    Once it is taken after all it is here no more. One that was `sent_back` is for the source to put right; `note` says how.
    """

    __tablename__ = "quarantine"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    line_no: Mapped[int] = mapped_column(primary_key=True)
    record_no: Mapped[str | None] = mapped_column(String(64))
    field: Mapped[str] = mapped_column(String(32))
    code: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(String(255))
    key_id: Mapped[str] = mapped_column(String(32))
    line_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    sent_back_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    sent_back_by: Mapped[str | None] = mapped_column(String(96))
    note: Mapped[str | None] = mapped_column(String(200))


KEPT_FIELDS = (
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
    "import_id",
    "line_no",
)


def keep_in_history(row: RecordRow, at: datetime) -> None:
    """Keep a record as it is now, before it is changed; what follows is its next version."""
    fields = {name: _plain(getattr(row, name)) for name in KEPT_FIELDS}
    db.session.add(RecordHistory(record_id=row.id, version=row.version, fields=fields, replaced_at=at))
    row.version += 1


def _plain(value: object) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, date) else str(value)
