"""What happened to orders, one line after another, and the shared quotas that they hold places in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    UniqueConstraint,
    cast,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, mapped_column

from haihe.domain.scenarios import SharedPeriod
from haihe.storage.db import db
from haihe.storage.decisions import Order


class OrderEvent(db.Model):
    """订单流水: written with the deed itself and never altered. `sequence` counts the events of one order from 1.

    `state` is the state after the deed; `amounts` is {"agreed_fen", "total_fen", "payments", "discounts"} after it.
    """

    __tablename__ = "order_events"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), index=True)
    what: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    amounts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    by: Mapped[str] = mapped_column(String(96))


class QuotaCounter(db.Model):
    """总量计数: how many orders hold a place, of one scenario, at one merchant (0: anywhere), in one stretch of time.

    PostgreSQL itself refuses one too many: a place is taken by a statement that counts up only below `at_most`.
    """

    __tablename__ = "quota_counters"
    __table_args__ = (
        UniqueConstraint("scenario", "merchant_id", "period", "key"),
        CheckConstraint("used >= 0", name="used"),
        Index("ix_quota_counters_period", "period", "key"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    scenario: Mapped[str] = mapped_column(String(16))
    merchant_id: Mapped[int]
    period: Mapped[str] = mapped_column(String(8))
    key: Mapped[str] = mapped_column(String(10))
    used: Mapped[int]
    at_most: Mapped[int]


def add_event(order: Order, what: str, by: str, at: datetime) -> None:
    """Write the next event of an order that is locked and flushed."""
    last = select(func.max(OrderEvent.sequence)).where(OrderEvent.order_id == order.id)
    amounts = {
        "agreed_fen": order.agreed_fen,
        "total_fen": order.total_fen,
        "payments": order.payments,
        "discounts": order.discounts,
    }
    db.session.add(
        OrderEvent(
            order_id=order.id,
            sequence=(db.session.execute(last).scalar() or 0) + 1,
            merchant_id=order.merchant_id,
            what=what,
            state=order.state,
            amounts=amounts,
            at=at,
            by=by,
        )
    )


def take_place(
    scenario: str, merchant_id: int, period: str, key: str, at_most: int
) -> tuple[int, bool] | None:
    """Take a place: the counter's id, and whether it was the last place; None where there is none left."""
    statement = upsert(QuotaCounter).values(
        scenario=scenario, merchant_id=merchant_id, period=period, key=key, used=1, at_most=at_most
    )
    row = db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["scenario", "merchant_id", "period", "key"],
            set_={"used": QuotaCounter.used + 1, "at_most": statement.excluded.at_most},
            where=QuotaCounter.used < statement.excluded.at_most,
        ).returning(QuotaCounter.id, QuotaCounter.used)
    ).one_or_none()
    return None if row is None else (row.id, row.used >= at_most)


def give_places_back(ids: Sequence[int], running_only: bool) -> tuple[list[int], bool]:
    """Give places back; returns the counters given back to, and whether one of them had been full."""
    query = update(QuotaCounter).where(QuotaCounter.id.in_(ids)).values(used=QuotaCounter.used - 1)
    if running_only:
        query = query.where(QuotaCounter.period == "RUNNING")
    rows = db.session.execute(
        query.returning(QuotaCounter.id, QuotaCounter.used, QuotaCounter.at_most).execution_options(
            synchronize_session=False
        )
    ).all()
    return [row.id for row in rows], any(row.used + 1 >= row.at_most for row in rows)


def places_taken(today: date) -> dict[tuple[str, int, str, str], int]:
    """How many places are taken of what is not over yet: (scenario, merchant, period, key) → number."""
    not_over = or_(*((QuotaCounter.period == p) & (QuotaCounter.key >= p.key(today)) for p in SharedPeriod))
    rows = db.session.execute(
        select(
            QuotaCounter.scenario,
            QuotaCounter.merchant_id,
            QuotaCounter.period,
            QuotaCounter.key,
            QuotaCounter.used,
        ).where(QuotaCounter.used > 0, not_over)
    )
    return {(s, m, p, k): used for s, m, p, k, used in rows}


def miscounted() -> list[tuple[int, int, int]]:
    """Counters that do not equal the orders that hold a place in them: (counter, counted, orders). Always empty."""
    held = func.jsonb_array_elements(Order.counters).table_valued("value").render_derived()
    holding = (
        select(cast(cast(held.c.value, String), Integer).label("counter"), func.count().label("orders"))
        .select_from(Order)
        .join(held, text("true"))
        .group_by("counter")
        .subquery()
    )
    orders = func.coalesce(holding.c.orders, 0)
    rows = db.session.execute(
        select(QuotaCounter.id, QuotaCounter.used, orders)
        .outerjoin(holding, holding.c.counter == QuotaCounter.id)
        .where(QuotaCounter.used != orders)
    )
    return [(counter, used, number) for counter, used, number in rows]
