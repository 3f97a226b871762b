"""积分曲线: how a resident's points have moved, day by day, as the ledger has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from haihe.domain.dates import add_months
from haihe.storage.db import db
from haihe.storage.scores import LedgerEntry
from haihe.usecases.context import day_of

SHOWN_MONTHS = 24


@dataclass(frozen=True, slots=True)
class PointsOn:
    """The total with which a day ended."""

    on: date
    total: int


def points_over_time(resident_id: int, at: datetime) -> tuple[PointsOn, ...]:
    """The last two years: the total at their start (if there was one by then) and after every day on which it changed."""
    today = day_of(at)
    since = add_months(today, -SHOWN_MONTHS)
    entries = select(LedgerEntry.on, LedgerEntry.after).where(LedgerEntry.resident_id == resident_id)
    earlier = db.session.execute(
        entries.where(LedgerEntry.on <= since).order_by(LedgerEntry.id.desc()).limit(1)
    ).first()
    ends = {since: earlier.after} if earlier else {}
    ends |= {
        row.on: row.after
        for row in db.session.execute(entries.where(LedgerEntry.on > since).order_by(LedgerEntry.id))
    }
    return tuple(PointsOn(on, total) for on, total in sorted(ends.items()))
