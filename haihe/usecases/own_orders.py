"""我的订单 and 我的消息: what a resident has in use, what is due when, and what they have been told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, func, select

from haihe.domain.order_clock import dispute_answer_by
from haihe.domain.orders import ALLOWED, MOST_DISPUTES, Deed, Phase
from haihe.storage.db import db
from haihe.storage.decisions import Order
from haihe.storage.notifications import Notification
from haihe.storage.partners import Merchant
from haihe.usecases.context import Context, day_of
from haihe.usecases.order_deeds import find_own_order, phase


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """An order as its resident sees it. `due_fen` is what is still to be paid, None where nothing is known to be."""

    order: Order
    merchant: str
    scenario_name: str
    phase: Phase
    due_fen: int | None
    may_confirm: bool
    may_dispute: bool
    disputes_left: int
    dispute_answer_by: date | None


def list_own_orders(
    ctx: Context, resident_id: int, before: int | None, limit: int
) -> tuple[list[OwnOrder], int | None]:
    """Orders newest first, and the cursor of the next page (None on the last)."""
    query = _orders(resident_id).order_by(Order.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(Order.id < before)
    rows = db.session.execute(query).all()
    ctx.rules.up_to_date()
    page = [_shown(ctx, order, merchant) for order, merchant in rows[:limit]]
    return page, page[-1].order.id if len(rows) > limit else None


def show_own_order(ctx: Context, resident_id: int, order_id: int) -> OwnOrder:
    """One order; NotFound for another resident's as for nobody's."""
    order = find_own_order(resident_id, order_id)
    merchant = db.session.execute(select(Merchant.name).where(Merchant.id == order.merchant_id)).scalar_one()
    ctx.rules.up_to_date()
    return _shown(ctx, order, merchant)


def list_notifications(
    resident_id: int, before: int | None, limit: int
) -> tuple[list[Notification], int | None]:
    """What this resident has been told, newest first, and the cursor of the next page."""
    query = select(Notification).where(Notification.resident_id == resident_id)
    if before is not None:
        query = query.where(Notification.id < before)
    rows = list(db.session.execute(query.order_by(Notification.id.desc()).limit(limit + 1)).scalars())
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def count_unread(resident_id: int) -> int:
    """How many messages have not been read."""
    query = select(func.count()).where(
        Notification.resident_id == resident_id, Notification.read_at.is_(None)
    )
    return db.session.execute(query).scalar_one()


def _orders(resident_id: int) -> Select[tuple[Order, str]]:
    return (
        select(Order, Merchant.name)
        .join(Merchant, Merchant.id == Order.merchant_id)
        .where(Order.resident_id == resident_id)
    )


def _shown(ctx: Context, order: Order, merchant: str) -> OwnOrder:
    scenario, stands = ctx.rules.scenario(order.scenario), phase(order)
    disputed, left = order.disputed_at, MOST_DISPUTES - order.disputes
    return OwnOrder(
        order=order,
        merchant=merchant,
        scenario_name=scenario.name if scenario is not None else order.scenario,
        phase=stands,
        due_fen=order.total_fen if stands is Phase.UNPAID else None,
        may_confirm=stands is Phase.UNCONFIRMED,
        may_dispute=disputed is None and left > 0 and Deed.DISPUTE in ALLOWED[stands],
        disputes_left=left,
        dispute_answer_by=dispute_answer_by(day_of(disputed)) if disputed is not None else None,
    )
