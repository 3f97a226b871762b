"""Records that begin with the resident: the level at which the real name was verified, and what they declare themselves.

They are records like a department's, with a source, a number and a history, so points and decisions know no exceptions.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from haihe.domain.records import RecordState
from haihe.storage.db import db
from haihe.storage.records import RecordRow, Source, keep_in_history
from haihe.usecases.context import day_of

REAL_NAME, REAL_NAME_NAME, REAL_NAME_INDICATOR = "JXB", "津心办实名核验", "A01"
SELF, SELF_NAME = "SELF", "居民本人"


def state_record(
    source: str,
    source_name: str,
    indicators: list[str],
    resident_id: int,
    indicator: str,
    level: str,
    at: datetime,
) -> int | None:
    """State one thing about a resident anew; the earlier version stays in history. None if it said just that today.

    Call inside the deed's transaction with the resident locked, and rescore after it.
    """
    record_no = f"{indicator}-{resident_id}"
    db.session.execute(
        upsert(Source).values(code=source, name=source_name, indicators=indicators).on_conflict_do_nothing()
    )
    held = db.session.execute(
        select(RecordRow)
        .where(RecordRow.source == source, RecordRow.record_no == record_no)
        .with_for_update()
    ).scalar_one_or_none()
    on = day_of(at)
    if held is None:
        held = RecordRow(
            source=source,
            record_no=record_no,
            resident_id=resident_id,
            indicator=indicator,
            occurred_on=on,
            issuer=source_name,
            quantity=1,
            level=level,
            state=RecordState.EFFECTIVE,
            received_at=at,
        )
        db.session.add(held)
    else:
        if (held.level, held.occurred_on, held.state) == (level, on, RecordState.EFFECTIVE):
            return None
        keep_in_history(held, at)
        held.level, held.occurred_on, held.state, held.received_at = level, on, RecordState.EFFECTIVE, at
    db.session.flush()
    return held.id


def withdraw_own_statements(resident_id: int, at: datetime) -> None:
    """What the resident declared themselves holds no longer: it was theirs to give and is theirs to take back."""
    rows = db.session.execute(
        select(RecordRow)
        .where(
            RecordRow.source == SELF,
            RecordRow.resident_id == resident_id,
            RecordRow.state == RecordState.EFFECTIVE,
        )
        .with_for_update()
    ).scalars()
    for row in rows:
        keep_in_history(row, at)
        row.state = RecordState.WITHDRAWN
        row.received_at = at
    db.session.flush()
