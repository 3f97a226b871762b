"""异议 as filed and answered. What the resident wrote and attached is sealed: it may name anybody and anything."""

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
    Integer,
    LargeBinary,
    String,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from haihe.storage.db import db

REASON_PURPOSE, ATTACHMENT_PURPOSE, ATTACHMENT_NAME_PURPOSE = "objection", "attachment", "attachment_name"
MESSAGE_PURPOSE = "objection_message"


class Objection(db.Model):
    """One objection against one record; a record has at most one open objection.

    `second_look_of` names the earlier objection that this one asks another person to look at again (PIPL 第二十四条).
    `changed` holds, once answered, what of the record was changed: field → [before, after]. `taken_by` is the officer who
    works on it, None while nobody does.
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
    taken_by: Mapped[str | None] = mapped_column(String(64))
    taken_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    extended_because: Mapped[str | None] = mapped_column(String(500))
    answer: Mapped[str | None] = mapped_column(String(2000))
    answered_by: Mapped[str | None] = mapped_column(String(64))
    answered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    changed: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    attachments: Mapped[list[Attachment]] = relationship(
        lazy="selectin", order_by="Attachment.id", cascade="all, delete-orphan"
    )


class Attachment(db.Model):
    """证据材料: a picture or a PDF that goes with an objection; what it is was looked at and not believed."""

    __tablename__ = "objection_attachments"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    objection_id: Mapped[int] = mapped_column(ForeignKey("objections.id"), index=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"), index=True)
    key_id: Mapped[str] = mapped_column(String(32))
    name_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    media_type: Mapped[str] = mapped_column(String(32))
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    content_sealed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class ObjectionMessage(db.Model):
    """往来: what the officer asked the source department, or what it answered. `written_by` is who wrote it down:
    `staff:…`, or `source:…` where the department answered through its own client."""

    __tablename__ = "objection_messages"
    __table_args__ = (Index("ix_objection_messages_objection_id", "objection_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    objection_id: Mapped[int] = mapped_column(ForeignKey("objections.id"))
    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"), index=True)
    from_source: Mapped[bool]
    written_by: Mapped[str] = mapped_column(String(96))
    document_no: Mapped[str | None] = mapped_column(String(128))
    key_id: Mapped[str] = mapped_column(String(32))
    text_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
