"""异议 as filed and answered. What the resident wrote is sealed: it may name anybody and anything."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    String,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db


class Objection(db.Model):
    """One objection against one record; a record has at most one open objection.

    `second_look_of` names the earlier objection that this one asks another person to look at again (PIPL 第二十四条).
    `changed` holds, once answered, what of the record was changed: field → [before, after].
    """

    __tablename__ = "objections"
    __table_args__ = (
        CheckConstraint("state IN ('OPEN','UPHELD','CORRECTED','REMOVED','TAKEN_BACK')", name="state"),
        Index("ix_objections_resident_id", "resident_id", "id"),
        Index("uq_objections_open", "record_id", unique=True, postgresql_where=text("state = 'OPEN'")),
        Index("ix_objections_open", "filed_at", postgresql_where=text("state = 'OPEN'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"))
    record_id: Mapped[int] = mapped_column(ForeignKey("records.id"))
    second_look_of: Mapped[int | None] = mapped_column(ForeignKey("objections.id"), unique=True)
    state: Mapped[str] = mapped_column(String(16))
    key_id: Mapped[str] = mapped_column(String(32))
    reason_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    filed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    extended_because: Mapped[str | None] = mapped_column(String(500))
    answer: Mapped[str | None] = mapped_column(String(2000))
    answered_by: Mapped[str | None] = mapped_column(String(64))
    answered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    changed: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
