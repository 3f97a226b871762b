"""告警: a merchant used up what it may ask; the administrator is told how often and when, never about whom."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from haihe.storage.alarms import Alarm, AlarmKind
from haihe.storage.db import db, transaction
from haihe.storage.partners import Merchant
from haihe.usecases.context import day_of


def raise_alarm(merchant_id: int, kind: AlarmKind, at: datetime) -> None:
    """Count it once more for this day; in a sandbox there is nobody to be alarmed for."""
    if db.session.execute(select(Merchant.sandbox_of).where(Merchant.id == merchant_id)).scalar() is not None:
        return
    statement = upsert(Alarm).values(
        merchant_id=merchant_id, kind=kind, on_day=day_of(at), count=1, first_at=at, last_at=at
    )
    with transaction():
        db.session.execute(
            statement.on_conflict_do_update(
                index_elements=[Alarm.merchant_id, Alarm.kind, Alarm.on_day],
                set_={"count": Alarm.count + 1, "last_at": func.greatest(Alarm.last_at, at)},
            )
        )
