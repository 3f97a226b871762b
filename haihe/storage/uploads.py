"""代为上传: a file that a clerk handed in for a source, kept sealed until the worker has loaded it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    String,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db

# A worker that is at it says so again with every chunk; one that has died is followed by another after so long.
LEASE = timedelta(minutes=2)


class Upload(db.Model):
    """One file on its way in: how many bytes of how many have been gone through, and what became of it."""

    __tablename__ = "uploads"
    __table_args__ = (
        CheckConstraint("state IN ('WAITING','DONE','FAILED')", name="state"),
        Index("ix_uploads_waiting", "id", postgresql_where=text("state = 'WAITING'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    source: Mapped[str] = mapped_column(ForeignKey("sources.code"))
    file_name: Mapped[str] = mapped_column(String(255))
    sent_by: Mapped[str] = mapped_column(String(96))
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    size: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16), default="WAITING")
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    plain_size: Mapped[int] = mapped_column(BigInteger, default=0)
    leased_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id"))
    code: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str | None] = mapped_column(String(400))


class UploadPart(db.Model):
    """A piece of such a file, sealed; gone once the file has been loaded or refused."""

    __tablename__ = "upload_parts"

    upload_id: Mapped[int] = mapped_column(ForeignKey("uploads.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(String(32))
    part_sealed: Mapped[bytes] = mapped_column(LargeBinary)


def lease_upload(at: datetime) -> int | None:
    """The oldest file that waits and that nobody is at; it is ours for a while."""
    free = (
        select(Upload.id)
        .where(Upload.state == "WAITING", (Upload.leased_until.is_(None)) | (Upload.leased_until < at))
        .order_by(Upload.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return db.session.execute(
        update(Upload)
        .where(Upload.id == free)
        .values(leased_until=at + LEASE)
        .returning(Upload.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()


def sealed_part(upload_id: int, number: int) -> tuple[str, bytes] | None:
    """One piece, sealed as it is."""
    row = db.session.execute(
        select(UploadPart.key_id, UploadPart.part_sealed).where(
            UploadPart.upload_id == upload_id, UploadPart.number == number
        )
    ).one_or_none()
    return None if row is None else (row.key_id, row.part_sealed)
