"""照看订单: what time does to orders. Holds run out; residents are reminded; only then does anything count.

Each order is looked after in a transaction of its own, by what it says when it is locked. So the work may be interrupted
anywhere and done by several at once: whoever comes second finds nothing left to do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from haihe.domain.order_clock import STEPS, Step, next_step, recorded_from
from haihe.domain.orders import Deed, OrderState, Phase
from haihe.storage.audit import write_audit
from haihe.storage.copies import lock_residents, next_generation
from haihe.storage.db import db, transaction
from haihe.storage.decisions import Order
from haihe.storage.notifications import notify
from haihe.storage.partners import Merchant
from haihe.usecases.context import Context, day_of
from haihe.usecases.order_deeds import due_of, leave_places, leave_traces, look_at, phase
from haihe.usecases.order_records import BREACH, OVERDUE, record_breach, record_overdue
from haihe.usecases.publish_rules import configuration_changed
from haihe.usecases.report_no_show import let_it_count
from haihe.usecases.rescore import Rescored, Touched, hold_copies, rescore

WORKER = "worker:orders"
ANNOUNCED = {Step.ANNOUNCE_OVERDUE: OVERDUE, Step.ANNOUNCE_BREACH: BREACH}
RECORDS = {Step.RECORD_OVERDUE: record_overdue, Step.RECORD_BREACH: record_breach}


def never() -> bool:
    """Nobody asks to stop."""
    return False


def look_after_orders(ctx: Context, at: datetime, most: int = 500, stop: Callable[[], bool] = never) -> int:
    """Do what is due with at most so many orders, the longest waiting first; returns how many were waiting.

    Between two orders it ends early where `stop` says so; the rest waits for the next time.
    """
    waiting = db.session.execute(
        select(Order.id).where(Order.look_at <= at).order_by(Order.look_at).limit(most)
    ).scalars()
    ids = list(waiting)
    db.session.rollback()
    ctx.rules.up_to_date()
    for order_id in ids:
        if stop():
            break
        _look_after(ctx, order_id, at)
    return len(ids)


def _look_after(ctx: Context, order_id: int, at: datetime) -> None:
    rescored, generation = Rescored(), None
    with transaction():
        order = db.session.get_one(Order, order_id)
        lock_residents([order.resident_id])
        db.session.refresh(order, with_for_update=True)
        if order.look_at is None or order.look_at > at:
            return
        if order.state == OrderState.CREATED:
            order.state, order.ended_at = OrderState.EXPIRED, at
            reopened = leave_places(order)
            leave_traces(order, Deed.EXPIRE, WORKER, at)
            rescored = rescore(ctx, {order.resident_id: Touched()}, at)
            generation = next_generation() if reopened else None
        else:
            touched = _take_step(order, at)
            order.look_at = look_at(order)
            if touched is not None:
                rescored = rescore(ctx, {order.resident_id: touched}, at)
    hold_copies(ctx, rescored)
    if generation is not None:
        configuration_changed(ctx, generation)


def _take_step(order: Order, at: datetime) -> Touched | None:
    """One reminder, announcement or record; what it did to the resident's facts, if anything."""
    if phase(order) is Phase.MISSED:
        write_audit(at, WORKER, "order_no_show_counts", f"order:{order.id}", scenario=order.scenario)
        return let_it_count(order)
    due, on = due_of(order), day_of(at)
    following = next_step(due) if due is not None and order.disputed_at is None else None
    if following is None or following[1] > on:
        return None
    step = following[0]
    order.steps_done, order.last_step_on = STEPS.index(step) + 1, on
    touched = None
    if step in RECORDS:
        touched = RECORDS[step](order, on, at)
        write_audit(at, WORKER, f"order_{step.lower()}", f"order:{order.id}", scenario=order.scenario)
    _tell(order, step, at)
    return touched


def _tell(order: Order, step: Step, at: datetime) -> None:
    parts: dict[str, object] = {
        "order_id": order.id,
        "merchant": db.session.execute(
            select(Merchant.name).where(Merchant.id == order.merchant_id)
        ).scalar_one(),
        "scenario": order.scenario,
        "due_on": order.due_on and order.due_on.isoformat(),
        "due_fen": order.total_fen,
    }
    if step in ANNOUNCED:
        parts |= {"indicator": ANNOUNCED[step], "recorded_from": recorded_from(day_of(at)).isoformat()}
    about = f"order:{order.id}:{step}:{order.due_on}:{day_of(at)}"
    notify(order.resident_id, about, f"ORDER_{step}", parts, at)
