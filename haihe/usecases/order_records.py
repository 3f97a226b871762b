"""履约记录: an order kept or broken becomes a record (E01–E04, E11, E12) like any department's, and so points.

Call inside the deed's transaction with the resident locked; the deed rescores afterwards. Only residents who take part
have such records: the order is theirs, and so is the consent.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from haihe.domain.order_clock import breach_counts_until, kept_in_time, overdue_counts_until
from haihe.domain.orders import OrderState
from haihe.domain.records import RecordState
from haihe.domain.scenarios import BenefitType, Scenario
from haihe.storage.db import db
from haihe.storage.decisions import Order
from haihe.storage.reading import JOIN
from haihe.storage.records import RecordRow, Source, keep_in_history
from haihe.usecases.consents import consents_in_force
from haihe.usecases.context import Context
from haihe.usecases.rescore import NEW, REPAIRED, Touched

SOURCE, SOURCE_NAME = "ORDERS", "海河分平台（信用订单）"
KEPT, RETURNED, MEDICAL_PAID, COVERED = "E01", "E02", "E03", "E04"
OVERDUE, BREACH = "E11", "E12"
INDICATORS = [KEPT, RETURNED, MEDICAL_PAID, COVERED, OVERDUE, BREACH]
MEDICAL = "医疗"


def settle_records(ctx: Context, order: Order, on: date, at: datetime) -> Touched:
    """The order is settled (or cancelled): what was recorded against it ends, and if it was kept that is recorded."""
    touched = end_overdue(order, on, at)
    if order.state != OrderState.COMPLETED:
        return touched
    order.settled_at, order.settled_on, order.disputed_at = at, on, None
    if order.late or not kept_in_time(on, order.due_on, order.steps_done):
        return touched
    if JOIN not in consents_in_force(order.resident_id):
        return touched
    scenario = ctx.rules.scenario(order.scenario)
    for indicator in kept_indicators(scenario, order.intact):
        record_id = _state(order, indicator, f"{indicator}-{order.id}", at, occurred_on=on)
        touched.add(indicator, NEW, record_id)
    if scenario is not None and scenario.domain != MEDICAL:
        # One record for each kind of life in which credit was used, renewed with every order kept in it.
        record_no = f"{COVERED}-{order.resident_id}-{scenario.domain}"
        touched.add(COVERED, NEW, _state(order, COVERED, record_no, at, occurred_on=on))
    return touched


def kept_indicators(scenario: Scenario | None, intact: bool) -> tuple[str, ...]:
    """Which indicators an order kept speaks for. A medical one speaks for the sensitive indicator alone, which counts
    only with a consent of its own."""
    if scenario is not None and scenario.domain == MEDICAL:
        return (MEDICAL_PAID,)
    lent = scenario is not None and scenario.benefit_type is BenefitType.DEPOSIT_WAIVER
    return (KEPT, RETURNED) if lent and intact else (KEPT,)


def record_overdue(order: Order, on: date, at: datetime) -> Touched:
    """Overdue for more than a week, three times reminded, announced, and nobody objected."""
    return _against(order, OVERDUE, on, at)


def record_breach(order: Order, on: date, at: datetime) -> Touched:
    """Overdue for more than thirty days, confirmed with evidence and announced. It takes the place of the overdue order."""
    touched = end_overdue(order, on, at)
    breach = _against(order, BREACH, on, at, document_no=order.breach_document)
    for indicator, record_ids in breach.record_ids.items():
        touched.add(indicator, breach.causes[indicator], record_ids[0])
    return touched


def end_overdue(order: Order, on: date, at: datetime) -> Touched:
    """What was recorded against the order ends as the rulebook has it: overdue with the settlement, a breach later."""
    touched = Touched()
    if order.id is None or not order.steps_done:
        return touched
    for indicator, last in ((OVERDUE, overdue_counts_until(on)), (BREACH, breach_counts_until(on))):
        row = _held(f"{indicator}-{order.id}")
        if row is not None and row.state == RecordState.EFFECTIVE and row.valid_to is None:
            keep_in_history(row, at)
            row.valid_to, row.received_at = last, at
            touched.add(indicator, REPAIRED, row.id)
    db.session.flush()
    return touched


def _against(order: Order, indicator: str, on: date, at: datetime, **fields: Any) -> Touched:
    touched = Touched()
    if JOIN in consents_in_force(order.resident_id):
        record_id = _state(order, indicator, f"{indicator}-{order.id}", at, occurred_on=on, **fields)
        touched.add(indicator, NEW, record_id)
    return touched


def _held(record_no: str) -> RecordRow | None:
    query = select(RecordRow).where(RecordRow.source == SOURCE, RecordRow.record_no == record_no)
    return db.session.execute(query.with_for_update()).scalar_one_or_none()


def _state(order: Order, indicator: str, record_no: str, at: datetime, **fields: Any) -> int:
    """State a record, or its next version."""
    source = upsert(Source).values(code=SOURCE, name=SOURCE_NAME, indicators=INDICATORS)
    db.session.execute(source.on_conflict_do_nothing())
    row = _held(record_no)
    if row is None:
        row = RecordRow(
            source=SOURCE,
            record_no=record_no,
            resident_id=order.resident_id,
            indicator=indicator,
            issuer=SOURCE_NAME,
            quantity=1,
        )
        db.session.add(row)
    else:
        keep_in_history(row, at)
    row.state, row.received_at, row.valid_to = RecordState.EFFECTIVE, at, None
    for name, value in fields.items():
        setattr(row, name, value)
    db.session.flush()
    return row.id
