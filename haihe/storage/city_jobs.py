"""全市任务: questions about everybody that somebody has asked, how far each has come, and what was found (counts only)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Identity,
    Index,
    String,
    Text,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db

# The first half of an advisory lock's name: "city" in ASCII. The second is the job, or no job: the daily rescore.
LOCKS = 0x63697479
DAILY_RESCORE = 0
UNFINISHED = ("WAITING", "RUNNING")


class CityJob(db.Model):
    """One question about the whole city. `on` is the day it is asked about, None meaning the day on which it is done."""

    __tablename__ = "city_jobs"
    __table_args__ = (
        CheckConstraint("kind IN ('TRY_SCENARIO','TRY_RULEBOOK','REPORT')", name="kind"),
        CheckConstraint("state IN ('WAITING','RUNNING','DONE','FAILED')", name="state"),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
        Index("ix_city_jobs_unfinished", "id", postgresql_where=text("state IN ('WAITING', 'RUNNING')")),
        Index("ix_city_jobs_kind_as_of", "kind", "as_of"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    asked_by: Mapped[str] = mapped_column(String(96), index=True)
    on: Mapped[date | None] = mapped_column("as_of")
    draft: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    progress: Mapped[float] = mapped_column(default=0.0)
    doing: Mapped[str] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(default=0)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_detail: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


def waiting_of(asked_by: str) -> int:
    """How many of somebody's questions are not answered yet."""
    mine = select(func.count()).where(CityJob.asked_by == asked_by, CityJob.state.in_(UNFINISHED))
    return db.session.execute(mine).scalar_one()


def last_report(before: date) -> CityJob | None:
    """The latest finished report of an earlier day."""
    found: CityJob | None = db.session.execute(
        select(CityJob)
        .where(CityJob.kind == "REPORT", CityJob.state == "DONE", CityJob.on < before)
        .order_by(CityJob.on.desc(), CityJob.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return found


def unfinished_report() -> CityJob | None:
    """The oldest report that somebody waits for."""
    found: CityJob | None = db.session.execute(
        select(CityJob)
        .where(CityJob.kind == "REPORT", CityJob.state.in_(UNFINISHED))
        .order_by(CityJob.id)
        .limit(1)
    ).scalar_one_or_none()
    return found


@contextmanager
def daily_rescore_held() -> Iterator[bool]:
    """Whether it is ours until the block ends: of several workers one does the daily rescore, in one go or after the other."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        name = {"group": LOCKS, "job": DAILY_RESCORE}
        ours = connection.execute(text("SELECT pg_try_advisory_lock(:group, :job)"), name).scalar_one()
        try:
            yield bool(ours)
        finally:
            if ours:
                connection.execute(text("SELECT pg_advisory_unlock(:group, :job)"), name)


@contextmanager
def one_job_held() -> Iterator[int | None]:
    """The oldest unfinished job that no living worker holds, ours until the block ends; None where there is none.

    What holds it is a lock of our connection, not a time: when a worker dies its connection ends, and the job is free for
    the next one at once. The row itself stays open to be written, so that its progress can be seen meanwhile.
    """
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        unfinished = select(CityJob.id).where(CityJob.state.in_(UNFINISHED)).order_by(CityJob.id)
        for job_id in connection.execute(unfinished).scalars().all():
            name = {"group": LOCKS, "job": job_id % 2**31}
            if connection.execute(text("SELECT pg_try_advisory_lock(:group, :job)"), name).scalar_one():
                try:
                    still = select(CityJob.state).where(CityJob.id == job_id)
                    if connection.execute(still).scalar_one() in UNFINISHED:
                        yield job_id
                        return
                finally:
                    connection.execute(text("SELECT pg_advisory_unlock(:group, :job)"), name)
    yield None
