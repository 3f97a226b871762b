"""居民: people as departments and the mini-program know them, their consents and their sessions."""

from __future__ import annotations

from datetime import date, datetime

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
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db


class Resident(db.Model):
    """One person. Number and name are sealed; `version` grows with every change that a decision could notice.

    `sandbox_of` marks somebody who does not exist: a test resident of that merchant's sandbox, left out of everything that
    is about the city.

    A row exists for everybody a department has stated something about; only a JOIN consent in force makes it counted.
    There is no column for religion, health, blood type, biometrics, income or property, and there will be none
    (天津市社会信用条例; 征信业管理条例).
    """

    __tablename__ = "residents"
    __table_args__ = (
        Index("ix_residents_sandbox_of", "sandbox_of", postgresql_where=text("sandbox_of IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    id_type: Mapped[str] = mapped_column(String(32))
    key_id: Mapped[str] = mapped_column(String(32))
    id_number_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    id_number_index: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    name_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    birth_date: Mapped[date]
    district: Mapped[str | None] = mapped_column(String(6))
    sandbox_of: Mapped[int | None] = mapped_column(ForeignKey("merchants.id"))
    version: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Account(db.Model):
    """A mini-program account: an openid, bound to a resident once the real name has been verified."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    openid_index: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    resident_id: Mapped[int | None] = mapped_column(ForeignKey("residents.id"), index=True)
    realname_level: Mapped[str | None] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Session(db.Model):
    """A login. Only the hash of the token is kept. `helping_id` is for whom its holder is acting at the moment (亲情代办)."""

    __tablename__ = "sessions"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    helping_id: Mapped[int | None] = mapped_column(ForeignKey("helpings.id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class Consent(db.Model):
    """授权: to join (JOIN), or to one sensitive class (SENSITIVE:MEDICAL); which text, when, until when.

    A withdrawn consent stays as the proof that it had been given (个人信息保护法).
    """

    __tablename__ = "consents"
    __table_args__ = (
        Index(
            "uq_consents_in_force",
            "resident_id",
            "purpose",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        CheckConstraint("withdrawn_at IS NULL OR withdrawn_at >= given_at", name="withdrawn_after_given"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(64))
    text_version: Mapped[str] = mapped_column(String(32))
    text_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    channel: Mapped[str] = mapped_column(String(32))
    given_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    withdrawn_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
