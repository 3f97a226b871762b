"""海河分 as last computed, and the ledger of every change of it."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Identity, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db


class ScoreRow(db.Model):
    """The latest `Score` of one resident. `last_day` is the last day on which it holds if nothing new comes in.

    `parts` are what the total is made of, by name: "B" is where dimension B starts, "B01" what that indicator gives,
    "B!" what the dimension's bounds take or add. They always add up to the total; the ledger is written from them.
    """

    __tablename__ = "scores"

    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"), primary_key=True)
    total: Mapped[int]
    grade: Mapped[str] = mapped_column(String(8))
    dimensions: Mapped[dict[str, int]] = mapped_column(JSONB)
    parts: Mapped[dict[str, int]] = mapped_column(JSONB)
    on: Mapped[date] = mapped_column("as_of")
    last_day: Mapped[date | None] = mapped_column(index=True)
    rulebook: Mapped[str] = mapped_column(String(32))
    computed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class LedgerEntry(db.Model):
    """积分变动: one step from before to after, for one part of the score (see `ScoreRow.parts`), with its cause.

    Entries of one resident form a chain: each begins where the last ended. They are only ever written together with the
    resident's score, under the resident's lock; looking the resident up for each of a hundred million entries once more
    would be most of the work of rescoring a city (docs/decisions/0008).
    """

    __tablename__ = "ledger"
    __table_args__ = (
        Index("ix_ledger_resident_id", "resident_id", "id"),
        CheckConstraint("after = before + delta", name="adds_up"),
        CheckConstraint(
            "cause IN ('NEW','EXPIRED','ACCRUED','REPAIRED','DISPUTED','CORRECTED','RULE_CHANGE','CONSENT')",
            name="cause",
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    resident_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    on: Mapped[date] = mapped_column("as_of")
    before: Mapped[int]
    after: Mapped[int]
    delta: Mapped[int]
    part: Mapped[str] = mapped_column(String(8))
    cause: Mapped[str] = mapped_column(String(16))
    record_ids: Mapped[list[int]] = mapped_column(JSONB)
    rulebook: Mapped[str] = mapped_column(String(32))


class RescoreRun(db.Model):
    """How far a rescore of everybody has come, so that an interrupted one goes on where it stopped."""

    __tablename__ = "rescore_runs"

    on: Mapped[date] = mapped_column("as_of", primary_key=True)
    rulebook: Mapped[str] = mapped_column(String(32), primary_key=True)
    last_resident_id: Mapped[int] = mapped_column(BigInteger, default=0)
    residents_done: Mapped[int] = mapped_column(default=0)
    residents_changed: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
