"""Objections of the demo city: every disputed record has the objection that it is disputed by, from nearly overdue to fresh."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import exists, select

from haihe.domain.objections import ObjectionState
from haihe.domain.records import RecordState
from haihe.storage.db import db
from haihe.storage.objections import REASON_PURPOSE, Objection
from haihe.storage.records import RecordRow
from haihe.usecases.context import Context

REASONS = (
    "这件事不是我做的，当天我在外地，有车票可以证明。",
    "决定书已经被撤销，复议决定在附件里，请核对。",
    "日期写错了，应当是上一年。",
    "同一件事记了两次。",
    "款项早已缴清，请向原单位核实。",
)
# They came in one after the other over so many days; the oldest are about to be overdue.
DAYS = 7


def file_objections(ctx: Context, at: datetime) -> int:
    """Give every disputed record that has no open objection its own; returns how many. Inside the city's transaction."""
    has_one = exists().where(Objection.record_id == RecordRow.id, Objection.state == ObjectionState.OPEN)
    disputed = select(RecordRow.id, RecordRow.resident_id).where(
        RecordRow.state == RecordState.DISPUTED, ~has_one
    )
    rows = db.session.execute(disputed.order_by(RecordRow.id)).all()
    for n, (record_id, resident_id) in enumerate(rows):
        sealed = ctx.vault.seal(REASONS[n % len(REASONS)], REASON_PURPOSE)
        db.session.add(
            Objection(
                resident_id=resident_id,
                record_id=record_id,
                state=ObjectionState.OPEN,
                key_id=sealed.key_id,
                reason_sealed=sealed.ciphertext,
                filed_at=at - timedelta(days=DAYS - 1 - n % DAYS, hours=n % 5),
            )
        )
    db.session.flush()
    return len(rows)
