"""What a resident is told without asking."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, ForeignKey, Identity, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db


class Notification(db.Model):
    """消息: `kind` says what it is about and `parts` are the words and figures that fill its text.

    `about` names the occasion; whoever tries to tell the same twice tells it once.
    """

    __tablename__ = "notifications"
    __table_args__ = (Index("ix_notifications_resident_id", "resident_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"))
    about: Mapped[str] = mapped_column(String(96), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    parts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    read_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


def notify(resident_id: int, about: str, kind: str, parts: Mapping[str, Any], at: datetime) -> None:
    """Tell a resident; call inside the transaction of what they are told of."""
    db.session.execute(
        upsert(Notification)
        .values(resident_id=resident_id, about=about, kind=kind, parts=dict(parts), at=at)
        .on_conflict_do_nothing(index_elements=[Notification.about])
    )
