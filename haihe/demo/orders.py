"""Orders that are there when the demo city begins, each with the decision that it rests on and what has happened to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from haihe.domain.eligibility import MerchantCode
from haihe.domain.order_clock import LONGEST_HOLD
from haihe.domain.orders import Deed, DisputeReason, OrderState
from haihe.domain.scenarios import Scenario
from haihe.storage.db import db
from haihe.storage.decisions import DecisionRow, Order
from haihe.storage.notifications import notify
from haihe.storage.orders import add_event
from haihe.storage.partners import Admission, Merchant
from haihe.usecases.context import day_of
from haihe.usecases.order_deeds import look_at
from haihe.usecases.rules_in_force import RulesInForce

WORKER, SHOP = "worker:orders", "client:demo"
DAY = timedelta(days=1)
BOOKED_AHEAD = timedelta(minutes=10)
RUNNING = "进行中"


def open_orders(
    orders: Sequence[tuple[str, str]], key: str, resident_id: int, rules: RulesInForce, at: datetime
) -> None:
    """Store these orders (scenario, how it stands) of one resident, each with the first merchant admitted to it."""
    for n, (code, standing) in enumerate(orders, 1):
        scenario = rules.scenario(code)
        merchant = db.session.execute(
            select(Merchant.id, Merchant.name)
            .join(Admission, Admission.merchant_id == Merchant.id)
            .where(Admission.scenario == code)
            .order_by(Merchant.id)
        ).first()
        if scenario is None or merchant is None:
            continue
        order = _opened(
            scenario, f"{key}-{n}", merchant.id, resident_id, rules, at, timedelta(minutes=30 + n)
        )
        LIVES[standing](order, at)
        order.look_at = look_at(order)
        if order.unconfirmed and order.state == OrderState.CREATED:
            parts = {"order_id": order.id, "merchant": merchant.name, "scenario": scenario.name}
            notify(resident_id, f"order:{order.id}:confirm", "ORDER_TO_CONFIRM", parts, order.created_at)


def _opened(
    scenario: Scenario,
    name: str,
    merchant_id: int,
    resident_id: int,
    rules: RulesInForce,
    at: datetime,
    ago: timedelta,
) -> Order:
    """An order that runs since a little while ago."""
    opened_at = at - ago
    offer = scenario.offers[-1]
    decision_id = "d" + hashlib.sha256(f"{name}:{scenario.code}".encode()).hexdigest()[:32]
    db.session.add(
        DecisionRow(
            decision_id=decision_id,
            at=opened_at,
            merchant_id=merchant_id,
            resident_id=resident_id,
            scenario=scenario.code,
            revision=scenario.revision,
            rulebook=rules.rulebook(day_of(at)).version,
            code=MerchantCode.OK,
            offer=len(scenario.offers) - 1,
        )
    )
    order = Order(
        merchant_id=merchant_id,
        out_order_no=f"DEMO-{name}",
        decision_id=decision_id,
        resident_id=resident_id,
        scenario=scenario.code,
        revision=scenario.revision,
        benefit={"label": offer.label, "ceiling_fen": offer.ceiling_fen},
        state=OrderState.DOING,
        agreed_fen=offer.ceiling_fen,
        opened_on=day_of(opened_at),
        created_at=opened_at,
        started_at=opened_at,
        payments=[],
        discounts=[],
    )
    db.session.add(order)
    db.session.flush()
    return order


def _happens(order: Order, deed: Deed, at: datetime, by: str = SHOP, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(order, name, value)
    db.session.flush()
    add_event(order, deed, by, at)
    db.session.flush()


def _running(order: Order, at: datetime) -> None:
    _happens(order, Deed.OPEN, order.created_at)


def _unconfirmed(order: Order, at: datetime) -> None:
    held = {"state": OrderState.CREATED, "started_at": None, "held_until": at + LONGEST_HOLD}
    _happens(order, Deed.OPEN, order.created_at, unconfirmed=True, **held)


def _held(order: Order, at: datetime) -> None:
    held = {"state": OrderState.CREATED, "started_at": None, "held_until": at + LONGEST_HOLD}
    _happens(order, Deed.OPEN, order.created_at, starts_later=True, **held)


def _due(order: Order, at: datetime) -> None:
    _happens(order, Deed.OPEN, order.created_at, due_on=day_of(at) + 3 * DAY)


def _unpaid(order: Order, at: datetime) -> None:
    _running(order, at)
    due_fen = min(2_600, order.agreed_fen)
    _happens(
        order,
        Deed.COMPLETE,
        at,
        state=OrderState.COMPLETED,
        ended_at=at,
        payments=[{"name": "服务费", "amount_fen": due_fen}],
        total_fen=due_fen,
        due_on=day_of(at) + 2 * DAY,
    )


def _disputed(order: Order, at: datetime) -> None:
    _unpaid(order, at)
    why = {"disputed_at": at, "dispute_reason": DisputeReason.AMOUNT, "disputes": 1}
    _happens(order, Deed.DISPUTE, at, f"resident:{order.resident_id}", **why)


def _settled(order: Order, at: datetime) -> None:
    _unpaid(order, at)
    _happens(order, Deed.SETTLE, at, settled_at=at, settled_on=day_of(at))


def _revoked(order: Order, at: datetime) -> None:
    _running(order, at)
    _happens(order, Deed.CANCEL, at, state=OrderState.REVOKED, ended_at=at, cancelled_because="改日再来")


def _expired(order: Order, at: datetime) -> None:
    _unconfirmed(order, at)
    _happens(order, Deed.EXPIRE, at, WORKER, state=OrderState.EXPIRED, ended_at=at)


def _missed(order: Order, at: datetime) -> None:
    booked = {"state": OrderState.CREATED, "started_at": None, "held_until": order.created_at + BOOKED_AHEAD}
    _happens(order, Deed.OPEN, order.created_at, starts_later=True, **booked)
    missed = {"no_show_on": day_of(order.created_at + BOOKED_AHEAD), "last_step_on": day_of(at)}
    _happens(order, Deed.NO_SHOW, at, state=OrderState.EXPIRED, ended_at=at, **missed)


LIVES: Mapping[str, Callable[[Order, datetime], None]] = {
    RUNNING: _running,
    "待确认": _unconfirmed,
    "已预留": _held,
    "待归还": _due,
    "待付清": _unpaid,
    "有争议": _disputed,
    "已结清": _settled,
    "已撤销": _revoked,
    "已过期": _expired,
    "预订未到场": _missed,
}
EVERY_STANDING = tuple(
    zip(
        ("XYZ-16", "XYZ-02", "XYZ-08", "XYZ-15", "XYZ-11", "XYZ-14", "XYZ-09", "XYZ-12", "XYZ-02", "XYZ-17"),
        LIVES,
        strict=True,
    )
)
