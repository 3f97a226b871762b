"""What the office itself needs: staff and their sessions, and what Redis still has to be told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.accounts import TwoFactors
from haihe.storage.db import db


class Staff(TwoFactors, db.Model):
    """管理人员: password by argon2, second factor by TOTP; a role, for the city (no districts) or for some districts.

    PROPOSED until a security administrator confirms the post that `proposed_by` has named; only OPEN accounts can log in. A password
    that has expired lets its owner in to change it and to do nothing else.
    """

    __tablename__ = "staff"
    __table_args__ = (CheckConstraint("state IN ('PROPOSED','OPEN','LOCKED','CLOSED')", name="state"),)

    role: Mapped[str] = mapped_column(String(32))
    districts: Mapped[list[str]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(String(16))
    proposed_by: Mapped[str] = mapped_column(String(96))
    password_expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    @property
    def barred(self) -> bool:
        """Locked, closed, or not confirmed yet."""
        return self.state != "OPEN"


class StaffSession(db.Model):
    """A staff login. Only the hash of the token is kept."""

    __tablename__ = "staff_sessions"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    username: Mapped[str] = mapped_column(ForeignKey("staff.username"), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class StaleCopy(db.Model):
    """A resident whose copy in Redis must be made anew: written with the change itself, taken off once it is done.

    `forgotten` says that the old copy was put out of use before the change was committed. Where it was not (Redis did
    not answer), Redis is not vouched for again until it has been. A renewed copy stays on the list for some seconds
    (`renewed_at`), because a Redis that crashes may forget what it was told last.
    """

    __tablename__ = "stale_copies"

    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    forgotten: Mapped[bool]
    renewed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Trust(db.Model):
    """Until when Redis decides who owns a pass. One row. While it lasts, nobody claims a pass in PostgreSQL; the keeper
    writes it before it vouches for Redis, so it outlives every voucher."""

    __tablename__ = "trust"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    until: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Generation(db.Model):
    """How often what every worker holds in memory (rules, scenarios, partners) has changed. One row, `config`."""

    __tablename__ = "generations"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
