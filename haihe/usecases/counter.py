"""柜台: what a cashier does on the counter page, by the same deeds and the same locks as the merchant's own systems."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import select

from haihe.domain.eligibility import MerchantCode
from haihe.domain.order_clock import NO_SHOW_WITHIN
from haihe.domain.orders import OrderState
from haihe.storage.db import db
from haihe.storage.decisions import Order
from haihe.usecases.answer_question import answer_question
from haihe.usecases.asking import Asker, Question
from haihe.usecases.complete_order import complete_order
from haihe.usecases.context import TIANJIN, Context
from haihe.usecases.open_order import Wish, open_order
from haihe.usecases.order_deeds import find_order
from haihe.usecases.report_no_show import report_no_show
from haihe.usecases.rules_in_force import Partner, counter_of
from haihe.usecases.run_order import cancel_order, start_order


@dataclass(frozen=True, slots=True)
class CounterAnswer:
    """The answer to one scan, as a person at the counter is told it."""

    yes: bool
    code: MerchantCode
    decision_id: str
    expires_at: datetime
    label: str | None
    ceiling_fen: int | None


def ask_at_counter(ctx: Context, partner: Partner, scenario: str, code: str, at: datetime) -> CounterAnswer:
    """May the person behind this code have this benefit now?"""
    client_id = counter_of(partner.merchant_id or 0)
    told = orjson.loads(answer_question(ctx, Question(Asker(client_id), code, scenario, at)))
    context, benefit = told["context"], told["context"]["benefit"] or {}
    return CounterAnswer(
        yes=told["decision"],
        code=MerchantCode(context["code"]),
        decision_id=context["decision_id"],
        expires_at=datetime.fromisoformat(context["expires_at"]),
        label=benefit.get("label"),
        ceiling_fen=benefit.get("ceiling_fen"),
    )


def draw_order_number(at: datetime) -> str:
    """A number for an order opened at the counter: when, and four digits of chance."""
    return f"G{at.astimezone(TIANJIN):%y%m%d%H%M%S}{secrets.randbelow(10_000):04d}"


def open_at_counter(
    ctx: Context, partner: Partner, out_order_no: str, decision_id: str, at: datetime
) -> Order:
    """Open an order with a yes; sending the form twice gives the same order."""
    return open_order(ctx, partner, out_order_no, Wish(decision_id), at)


def complete_at_counter(ctx: Context, partner: Partner, out_order_no: str, at: datetime) -> Order:
    """The benefit has been used; nothing is left to pay."""
    return complete_order(ctx, partner, out_order_no, (), (), True, at)


def cancel_at_counter(ctx: Context, partner: Partner, out_order_no: str, at: datetime) -> Order:
    """The benefit was not used after all."""
    return cancel_order(ctx, partner, out_order_no, None, at)


def start_at_counter(ctx: Context, partner: Partner, out_order_no: str, at: datetime) -> Order:
    """Whoever booked has come."""
    return start_order(ctx, partner, out_order_no, at)


def no_show_at_counter(ctx: Context, partner: Partner, out_order_no: str, at: datetime) -> Order:
    """Nobody came for what was booked."""
    return report_no_show(ctx, partner, out_order_no, at)


def may_be_no_show(order: Order, at: datetime) -> bool:
    """Whether nobody having come can be said of it now."""
    held = order.held_until
    booked = order.starts_later and not order.unconfirmed and order.no_show_on is None
    over = order.state in (OrderState.CREATED, OrderState.EXPIRED)
    return booked and over and held is not None and held < at <= held + NO_SHOW_WITHIN


def order_at_counter(partner: Partner, out_order_no: str) -> Order:
    """An order of this merchant; another merchant's is as good as none."""
    return find_order(partner, out_order_no)


def running_orders(partner: Partner, most: int = 20) -> list[Order]:
    """The orders that are still open, the latest first."""
    open_states = (OrderState.CREATED, OrderState.DOING)
    query = (
        select(Order)
        .where(Order.merchant_id == partner.merchant_id, Order.state.in_(open_states))
        .order_by(Order.id.desc())
        .limit(most)
    )
    return list(db.session.execute(query).scalars())


def list_orders(merchant_id: int, before: int | None, limit: int) -> list[Order]:
    """A merchant's orders, the latest first."""
    query = select(Order).where(Order.merchant_id == merchant_id).order_by(Order.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Order.id < before)
    return list(db.session.execute(query).scalars())
