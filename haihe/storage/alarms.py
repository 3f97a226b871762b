"""告警: what an administrator should look into about a merchant. Nothing in it is about any resident."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, DateTime, ForeignKey, Identity, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db


class AlarmKind(StrEnum):
    """A merchant asked about one resident too often; it tried too many codes that are nobody's."""

    ASKED_TOO_OFTEN = "ASKED_TOO_OFTEN"
    UNKNOWN_CODES = "UNKNOWN_CODES"


class Alarm(db.Model):
    """How often it happened on one day in Tianjin, and when it did first and last."""

    __tablename__ = "alarms"
    __table_args__ = (UniqueConstraint("merchant_id", "kind", "on_day"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    kind: Mapped[str] = mapped_column(String(32))
    on_day: Mapped[date]
    count: Mapped[int]
    first_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
