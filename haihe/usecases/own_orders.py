"""我的订单: what a resident has in use, and what is due when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, select

from haihe.domain.order_clock import dispute_answer_by
from haihe.domain.orders import ALLOWED, MOST_DISPUTES, Deed, Phase
from haihe.storage.db import db
from haihe.storage.decisions import RUNNING, Order
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
    words: str
    may_confirm: bool
    may_cancel: bool
    may_dispute: bool
    disputes_left: int
    dispute_answer_by: date | None


def list_own_orders(
    ctx: Context, resident_id: int, before: int | None, limit: int
) -> tuple[list[OwnOrder], int | None]:
    """Orders newest first, and the cursor of the next page (None on the last)."""
    return _page(ctx, _orders(resident_id), before, limit)


def show_own_order(ctx: Context, resident_id: int, order_id: int) -> OwnOrder:
    """One order; NotFound for another resident's as for nobody's."""
    order = find_own_order(resident_id, order_id)
    merchant = db.session.execute(select(Merchant.name).where(Merchant.id == order.merchant_id)).scalar_one()
    ctx.rules.up_to_date()
    return _shown(ctx, order, merchant)


def running_orders_of(ctx: Context, resident_id: int) -> list[OwnOrder]:
    """What is in use or still to be paid: what waits for the resident first, then by what is due soonest."""
    rows = db.session.execute(_orders(resident_id).where(RUNNING).order_by(Order.id.desc())).all()
    ctx.rules.up_to_date()
    shown = [_shown(ctx, order, merchant) for order, merchant in rows]
    return sorted(shown, key=lambda o: (not o.may_confirm, o.order.due_on or date.max))


def past_orders_of(
    ctx: Context, resident_id: int, before: int | None, limit: int
) -> tuple[list[OwnOrder], int | None]:
    """What is over, newest first, and the cursor of the next page (None on the last)."""
    return _page(ctx, _orders(resident_id).where(~RUNNING), before, limit)


def order_of_decision(ctx: Context, resident_id: int, decision_id: str) -> OwnOrder | None:
    """The order that was opened with a yes; None until it is."""
    row = db.session.execute(_orders(resident_id).where(Order.decision_id == decision_id)).first()
    if row is None:
        return None
    ctx.rules.up_to_date()
    return _shown(ctx, *row)


def _orders(resident_id: int) -> Select[tuple[Order, str]]:
    return (
        select(Order, Merchant.name)
        .join(Merchant, Merchant.id == Order.merchant_id)
        .where(Order.resident_id == resident_id)
    )


def _page(
    ctx: Context, query: Select[tuple[Order, str]], before: int | None, limit: int
) -> tuple[list[OwnOrder], int | None]:
    query = query.order_by(Order.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(Order.id < before)
    rows = db.session.execute(query).all()
    ctx.rules.up_to_date()
    page = [_shown(ctx, order, merchant) for order, merchant in rows[:limit]]
    return page, page[-1].order.id if len(rows) > limit else None


def _shown(ctx: Context, order: Order, merchant: str) -> OwnOrder:
    scenario, stands = ctx.rules.scenario(order.scenario), phase(order)
    disputed, left = order.disputed_at, MOST_DISPUTES - order.disputes
    return OwnOrder(
        order=order,
        merchant=merchant,
        scenario_name=scenario.name if scenario is not None else order.scenario,
        phase=stands,
        due_fen=order.total_fen if stands is Phase.UNPAID else None,
        words="有争议，等待商户答复" if disputed else stands.value,
        may_confirm=stands is Phase.UNCONFIRMED,
        may_cancel=stands is Phase.HELD,
        may_dispute=disputed is None and left > 0 and Deed.DISPUTE in ALLOWED[stands],
        disputes_left=left,
        dispute_answer_by=dispute_answer_by(day_of(disputed)) if disputed is not None else None,
    )
