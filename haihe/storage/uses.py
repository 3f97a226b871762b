"""使用情况: how often each merchant asked about each scenario on each day, and what came of it. Counts and no people.

Counted from the decisions and the orders, day by day, so that nobody who looks at a month has to count it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Date, DateTime, ForeignKey, String, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db


class UseOfDay(db.Model):
    """One merchant, one scenario, one day in Tianjin: asked, told yes, orders opened, orders settled in full and in time."""

    __tablename__ = "uses_by_day"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    scenario: Mapped[str] = mapped_column(String(16), primary_key=True)
    asked: Mapped[int]
    eligible: Mapped[int]
    opened: Mapped[int]
    kept: Mapped[int]


class CountedDay(db.Model):
    """Until when a day has been counted."""

    __tablename__ = "counted_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    counted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class QuestionsOfHour(db.Model):
    """How many questions were answered within one hour, at all merchants, and how many of them with yes."""

    __tablename__ = "questions_by_hour"

    hour: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    asked: Mapped[int]
    eligible: Mapped[int]
    counted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class Use:
    """The same over several days."""

    merchant_id: int
    scenario: str
    asked: int
    eligible: int
    opened: int
    kept: int


def count_day(day: date, begin: datetime, end: datetime, at: datetime) -> None:
    """Count one day anew, from its first moment to the first of the next."""
    named = {"day": day, "begin": begin, "end": end, "at": at}
    db.session.execute(text("DELETE FROM uses_by_day WHERE day = :day"), named)
    db.session.execute(_COUNT, named)
    db.session.execute(
        text(
            "INSERT INTO counted_days (day, counted_at) VALUES (:day, :at)"
            " ON CONFLICT (day) DO UPDATE SET counted_at = excluded.counted_at"
        ),
        named,
    )


_COUNT = text(
    "WITH counted AS ("
    " SELECT merchant_id, scenario, count(*) AS asked, count(*) FILTER (WHERE code = 'OK') AS eligible, 0 AS opened, 0 AS kept"
    " FROM decisions WHERE at >= :begin AND at < :end GROUP BY 1, 2"
    " UNION ALL SELECT merchant_id, scenario, 0, 0, count(*), 0"
    " FROM orders WHERE opened_on = :day GROUP BY 1, 2"
    " UNION ALL SELECT merchant_id, scenario, 0, 0, 0, count(*)"
    " FROM orders WHERE settled_on = :day AND state = 'COMPLETED' AND intact AND NOT late GROUP BY 1, 2)"
    " INSERT INTO uses_by_day (day, merchant_id, scenario, asked, eligible, opened, kept)"
    " SELECT :day, c.merchant_id, c.scenario, sum(c.asked), sum(c.eligible), sum(c.opened), sum(c.kept)"
    " FROM counted c JOIN merchants m ON m.id = c.merchant_id WHERE m.sandbox_of IS NULL GROUP BY 2, 3"
)


def count_hour(hour: datetime, end: datetime, at: datetime) -> None:
    """Count one hour anew."""
    db.session.execute(_COUNT_HOUR, {"hour": hour, "end": end, "at": at})


_COUNT_HOUR = text(
    "INSERT INTO questions_by_hour (hour, asked, eligible, counted_at)"
    " SELECT :hour, count(*), count(*) FILTER (WHERE d.code = 'OK'), :at"
    " FROM decisions d JOIN merchants m ON m.id = d.merchant_id"
    " WHERE d.at >= :hour AND d.at < :end AND m.sandbox_of IS NULL"
    " ON CONFLICT (hour) DO UPDATE SET asked = excluded.asked, eligible = excluded.eligible,"
    " counted_at = excluded.counted_at"
)


def hours_since(since: datetime) -> list[QuestionsOfHour]:
    """The hours from this one on that have been counted."""
    query = select(QuestionsOfHour).where(QuestionsOfHour.hour >= since).order_by(QuestionsOfHour.hour)
    return list(db.session.execute(query).scalars())


def use_of_scenarios(since: date) -> list[tuple[str, int, int, int, int]]:
    """What was used from this day on, by scenario: asked, told yes, opened, kept."""
    sums = (func.sum(c) for c in (UseOfDay.asked, UseOfDay.eligible, UseOfDay.opened, UseOfDay.kept))
    query = select(UseOfDay.scenario, *sums).where(UseOfDay.day >= since).group_by(UseOfDay.scenario)
    return [(s, int(a), int(e), int(o), int(k)) for s, a, e, o, k in db.session.execute(query)]


def counted_days(since: date) -> dict[date, datetime]:
    """Which days have been counted, and when."""
    rows = db.session.execute(select(CountedDay.day, CountedDay.counted_at).where(CountedDay.day >= since))
    return dict(rows.all())


def uses_since(since: date) -> list[Use]:
    """What was used from this day on, by merchant and scenario."""
    sums = (func.sum(c) for c in (UseOfDay.asked, UseOfDay.eligible, UseOfDay.opened, UseOfDay.kept))
    query = (
        select(UseOfDay.merchant_id, UseOfDay.scenario, *sums)
        .where(UseOfDay.day >= since)
        .group_by(UseOfDay.merchant_id, UseOfDay.scenario)
    )
    return [Use(*row) for row in db.session.execute(query)]
