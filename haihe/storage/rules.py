"""Published rules: rulebooks and scenario revisions as data, each immutable once published."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db


class RulebookRow(db.Model):
    """规则集: `body` is what `read_rulebook` takes. The one in force on a day is the latest that has begun by then."""

    __tablename__ = "rulebooks"

    version: Mapped[str] = mapped_column(String(32), primary_key=True)
    in_force_from: Mapped[date] = mapped_column(index=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    published_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class ScenarioRow(db.Model):
    """场景的一个版本: `body` is what `read_scenario` takes. At most one revision of a code is open to the public."""

    __tablename__ = "scenarios"
    __table_args__ = (
        CheckConstraint("state IN ('DRAFT','IN_REVIEW','PUBLISHED','PAUSED','RETIRED')", name="state"),
        Index(
            "uq_scenarios_public",
            "code",
            unique=True,
            postgresql_where=text("state IN ('PUBLISHED', 'PAUSED')"),
        ),
    )

    code: Mapped[str] = mapped_column(String(16), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    published_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
