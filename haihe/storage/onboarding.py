"""入驻: what a merchant applied with, and the people who may act for it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Integer, LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.accounts import TwoFactors
from haihe.storage.db import db

CONTACT_PURPOSE, PHONE_PURPOSE, DOCUMENT_PURPOSE = "contact", "phone", "document"


class Application(db.Model):
    """入驻申请: what was asked for, by whom, and what was decided. The state itself is the merchant's.

    `entered_by` wrote it down and `vouched_by` answered for a code whose check sign is wrong; neither may approve it. `reason` is
    what the merchant is told about a return, a refusal or a suspension.
    """

    __tablename__ = "applications"

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(32))
    contact_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    phone_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    districts: Mapped[list[str]] = mapped_column(JSONB)
    scenarios: Mapped[list[str]] = mapped_column(JSONB)
    uscc_checks: Mapped[bool]
    vouched_by: Mapped[str | None] = mapped_column(String(96))
    vouched_reason: Mapped[str | None] = mapped_column(String(400))
    entered_by: Mapped[str] = mapped_column(String(96))
    applied_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    decided_by: Mapped[str | None] = mapped_column(String(96))
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reason: Mapped[str | None] = mapped_column(String(400))


class Document(db.Model):
    """申请材料: a business licence or the like, sealed; what it is was looked at and not believed."""

    __tablename__ = "documents"

    id: Mapped[int] = mapped_column(primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), index=True)
    name: Mapped[str] = mapped_column(String(128))
    media_type: Mapped[str] = mapped_column(String(32))
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[str] = mapped_column(String(32))
    content_sealed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class MerchantStaff(TwoFactors, db.Model):
    """商户员工: 店员 (cashier) at the counter, or 店长 (manager), who also sees orders, statements and keys."""

    __tablename__ = "merchant_staff"
    __table_args__ = (CheckConstraint("role IN ('cashier','manager')", name="role"),)

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class MerchantSession(db.Model):
    """A login of a merchant's person. Only the hash of the token is kept; left alone for long enough it ends."""

    __tablename__ = "merchant_sessions"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    username: Mapped[str] = mapped_column(ForeignKey("merchant_staff.username"), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
