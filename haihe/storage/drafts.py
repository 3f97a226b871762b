"""What is not in force yet: drafts of scenarios and rulebooks on their way, and the golden cases they are checked against."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Identity, Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db

OPEN_STATES = ("DRAFT", "RETURNED", "IN_REVIEW", "SCHEDULED")


class Draft(db.Model):
    """草稿: `written` is a scenario's body as the form holds it (faults and all), or a rulebook's YAML text.

    `version` grows with every change, so that of two people who edit at once the second is told. `hands` are all who have
    ever changed it: none of them may approve it. `starts_on` is None where it goes live with the approval.
    """

    __tablename__ = "drafts"
    __table_args__ = (
        CheckConstraint("kind IN ('SCENARIO','RULEBOOK')", name="kind"),
        CheckConstraint(
            "state IN ('DRAFT','RETURNED','IN_REVIEW','SCHEDULED','PUBLISHED','DROPPED')", name="state"
        ),
        Index(
            "uq_drafts_open",
            "kind",
            "code",
            unique=True,
            postgresql_where=text("state IN ('DRAFT', 'RETURNED', 'IN_REVIEW', 'SCHEDULED')"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    code: Mapped[str] = mapped_column(String(32))
    written: Mapped[Any] = mapped_column(JSONB)
    version: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(String(16), default="DRAFT")
    based_on: Mapped[int | None]
    hands: Mapped[list[str]] = mapped_column(JSONB)
    changed_by: Mapped[str] = mapped_column(String(96))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    starts_on: Mapped[date | None]
    submitted_by: Mapped[str | None] = mapped_column(String(96))
    reviewed_by: Mapped[str | None] = mapped_column(String(96))
    reviewed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reason: Mapped[str | None] = mapped_column(Text)
    # The last trial on the whole city, and of which version it was.
    city_job_id: Mapped[int | None] = mapped_column(ForeignKey("city_jobs.id"))
    tried_version: Mapped[int | None]

    @property
    def subject(self) -> str:
        """How the audit trail calls it."""
        return f"{self.kind.lower()}_draft:{self.code}"


class GoldenCaseRow(db.Model):
    """标准案例: a situation with the answer that is expected, as `read_case` takes it. None is deleted, only retired."""

    __tablename__ = "golden_cases"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    written: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(96))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
