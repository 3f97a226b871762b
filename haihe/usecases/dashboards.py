"""看板: what the city looks like in numbers. Whatever is shown has been counted before somebody looks: the last report, the uses by
day, the questions by hour. Nothing here looks at a resident, and no small group is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from haihe.domain.objections import ObjectionState, clock
from haihe.storage.city_jobs import CityJob, last_report, unfinished_report
from haihe.storage.db import db, transaction
from haihe.storage.objections import Objection
from haihe.storage.records import Import
from haihe.storage.uses import QuestionsOfHour, count_hour, hours_since, use_of_scenarios
from haihe.usecases.context import Context, day_of
from haihe.usecases.partner_health import DAYS, FEWEST, FRESH, SETTLES
from haihe.usecases.source_freshness import source_freshness

AN_HOUR = timedelta(hours=1)
HOURS = 24
OBJECTION_DAYS = 90


@dataclass(frozen=True, slots=True)
class UseOfScenario:
    """How one scenario was used in the last thirty days; a small number is told as None."""

    asked: int | None
    eligible: int | None
    opened: int | None
    kept: int | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a source has sent in the last thirty days, and how old its latest data is."""

    name: str
    files: int
    added: int
    changed: int
    quarantined: int
    days: int | None


@dataclass(frozen=True, slots=True)
class ObjectionTimes:
    """Of the objections of the last ninety days: answered within the working days, later, and still open."""

    in_time: int
    late: int
    open: int
    warning: int
    overdue: int

    @property
    def share(self) -> float | None:
        """The part that was answered in time; not told of a few."""
        answered = self.in_time + self.late
        return self.in_time / answered if answered >= FEWEST else None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """All of it. `report` is what the last report found, None before the first; `waiting` is one that is being worked out."""

    report: dict[str, Any] | None
    waiting: CityJob | None
    uses: dict[str, UseOfScenario]
    hours: list[QuestionsOfHour]
    sources: list[Loaded]
    objections: ObjectionTimes


def count_questions(at: datetime) -> int:
    """Count the hours of the last day that are not counted for good yet; returns how many were."""
    now = at.replace(minute=0, second=0, microsecond=0)
    known = {h.hour: h.counted_at for h in hours_since(now - HOURS * AN_HOUR)}
    db.session.rollback()
    done = 0
    for back in range(HOURS, -1, -1):
        hour = now - back * AN_HOUR
        before = known.get(hour)
        if before is not None and (before >= hour + AN_HOUR + SETTLES or at - before < FRESH):
            continue
        with transaction():
            count_hour(hour, hour + AN_HOUR, at)
        done += 1
    return done


def dashboard(ctx: Context, at: datetime) -> Dashboard:
    """What there is to see now."""
    today = day_of(at)
    job = last_report(today + timedelta(days=1))
    since = today - timedelta(days=DAYS)
    return Dashboard(
        report=job.result if job is not None else None,
        waiting=unfinished_report(),
        uses={
            scenario: UseOfScenario(*map(_told, numbers)) for scenario, *numbers in use_of_scenarios(since)
        },
        hours=hours_since(at - HOURS * AN_HOUR),
        sources=_loaded(at),
        objections=_objections(at),
    )


def _told(number: int) -> int | None:
    return None if 0 < number < FEWEST else number


def _loaded(at: datetime) -> list[Loaded]:
    sums = (func.count(), *(func.sum(c) for c in (Import.added, Import.changed, Import.quarantined)))
    query = select(Import.source, *sums).where(Import.started_at >= at - timedelta(days=DAYS))
    found = {row[0]: [int(n) for n in row[1:]] for row in db.session.execute(query.group_by(Import.source))}
    return [
        Loaded(source.name, *found.get(source.code, (0, 0, 0, 0)), days=source.days)
        for source in source_freshness(day_of(at))
    ]


def _objections(at: datetime) -> ObjectionTimes:
    query = select(
        Objection.state, Objection.filed_at, Objection.answered_at, Objection.extended_because
    ).where((Objection.filed_at >= at - timedelta(days=OBJECTION_DAYS)) | (Objection.state == "OPEN"))
    in_time = late = still = warning = overdue = 0
    for state, filed_at, answered_at, because in db.session.execute(query):
        if state == ObjectionState.OPEN:
            time = clock(day_of(filed_at), because is not None, day_of(at))
            still += 1
            warning += time.warning and not time.overdue
            overdue += time.overdue
        elif answered_at is not None:
            answered = day_of(answered_at)
            if answered <= clock(day_of(filed_at), because is not None, answered).answer_by:
                in_time += 1
            else:
                late += 1
    return ObjectionTimes(in_time, late, still, warning, overdue)
