"""What every deed of an order has in common: who it belongs to, the locks, the event, the places given back, the points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import select

from haihe.domain.errors import Conflict, NotFound
from haihe.domain.order_clock import Due, next_step, recorded_from
from haihe.domain.orders import Deed, OrderState, Phase, check_allowed, phase_of
from haihe.storage.audit import write_audit
from haihe.storage.copies import lock_residents, next_generation
from haihe.storage.db import db, transaction
from haihe.storage.decisions import Order
from haihe.storage.orders import add_event, give_places_back
from haihe.usecases.context import TIANJIN, Context
from haihe.usecases.publish_rules import configuration_changed
from haihe.usecases.rescore import Rescored, Touched, hold_copies, rescore
from haihe.usecases.rules_in_force import Partner
from haihe.usecases.telling_merchants import tell_merchant

REMINDED_AT = time(9)
ENDED = (OrderState.REVOKED, OrderState.EXPIRED)
# What a dispute leaves open to the merchant: to answer it, or to give way.
DURING_A_DISPUTE = (Deed.END_DISPUTE, Deed.LOWER, Deed.SETTLE, Deed.CANCEL, Deed.DISPUTE)


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, as the audit names them, and how the order is found that is theirs."""

    name: str
    find: Callable[[], Order]


def by_merchant(partner: Partner, out_order_no: str) -> By:
    """A merchant, for an order of its own."""
    return By(f"client:{partner.client_id}", lambda: find_order(partner, out_order_no))


def by_resident(resident_id: int, order_id: int) -> By:
    """A resident, for an order of their own."""
    return By(f"resident:{resident_id}", lambda: find_own_order(resident_id, order_id))


def find_order(partner: Partner, out_order_no: str) -> Order:
    """An order of this merchant; another merchant's is as good as none."""
    query = select(Order).where(Order.merchant_id == partner.merchant_id, Order.out_order_no == out_order_no)
    order = db.session.execute(query).scalar_one_or_none()
    if order is None:
        raise NotFound("ORDER_NOT_FOUND", "没有这个订单号的订单", "out_order_no")
    return order


def find_own_order(resident_id: int, order_id: int) -> Order:
    """An order of this resident; another's is as good as none."""
    query = select(Order).where(Order.id == order_id, Order.resident_id == resident_id)
    order = db.session.execute(query).scalar_one_or_none()
    if order is None:
        raise NotFound("ORDER_NOT_FOUND", "没有这个订单，或不属于您")
    return order


def change_order(
    ctx: Context, by: By, deed: Deed, at: datetime, change: Callable[[Order], Touched | None]
) -> Order:
    """One deed in one transaction, with the resident and the order locked.

    `change` alters the order and says which records it touched; None says that it had been done before just so, and then
    nothing is written.
    """
    rescored, generation = Rescored(), None
    with transaction():
        order = by.find()
        lock_residents([order.resident_id])
        db.session.refresh(order, with_for_update=True)
        touched = change(order)
        if touched is not None:
            reopened = leave_places(order)
            leave_traces(order, deed, by.name, at)
            rescored = rescore(ctx, {order.resident_id: touched}, at)
            # Last of all: whoever reads the rules by the new number must find what this transaction leaves.
            generation = next_generation() if reopened else None
    hold_copies(ctx, rescored)
    if generation is not None:
        configuration_changed(ctx, generation)
    return order


def leave_traces(order: Order, deed: Deed, by: str, at: datetime) -> None:
    """The event, the audit, the word to the merchant, and when the worker must look at the order again."""
    order.look_at = look_at(order)
    db.session.flush()
    add_event(order, deed, by, at)
    write_audit(at, by, f"order_{deed}", f"order:{order.id}", scenario=order.scenario)
    tell_merchant(order, f"order.{deed}", at)


def leave_places(order: Order) -> bool:
    """Give back the places that the order holds no longer; True if a shared quota is open again."""
    over = order.state in ENDED
    if not order.counters or not (over or order.settled_at is not None):
        return False
    given_back, reopened = give_places_back(order.counters, running_only=not over)
    order.counters = [c for c in order.counters if c not in given_back]
    return reopened


def phase(order: Order) -> Phase:
    """Where the order stands."""
    return phase_of(
        OrderState(order.state), order.unconfirmed, order.settled_at is not None, order.no_show_on is not None
    )


def check(order: Order, deed: Deed, at: datetime) -> None:
    """Conflict where the deed may not be done now: the guard table, the time of the hold, an open dispute."""
    check_allowed(phase(order), deed)
    if deed in (Deed.CONFIRM, Deed.START) and order.held_until is not None and at > order.held_until:
        raise Conflict("ORDER_EXPIRED", "预留时间已过，订单即将过期，请重新核验后开立")
    if order.disputed_at is not None and deed not in DURING_A_DISPUTE:
        raise Conflict("ORDER_DISPUTED", "居民对该订单有争议，请先答复争议")


def asked_before(order: Order, deed: Deed, asked: Mapping[str, Any]) -> bool:
    """Whether this very deed has been done with these very words; Conflict names the field that differs."""
    before = order.asked.get(deed)
    if before is None:
        order.asked = {**order.asked, deed: dict(asked)}
        return False
    for field, value in asked.items():
        if before.get(field) != value:
            code = "OUT_ORDER_NO_USED" if deed is Deed.OPEN else "ORDER_DIFFERS"
            raise Conflict(code, f"该订单已办理过这一步，{field} 与当时不同", field)
    return True


def due_of(order: Order) -> Due | None:
    """How the order stands with the calendar; None where nothing is due."""
    if order.due_on is None or phase(order) not in (Phase.DOING, Phase.UNPAID):
        return None
    return Due(order.due_on, order.steps_done, order.last_step_on, order.breach_document is not None)


def look_at(order: Order) -> datetime | None:
    """When the worker must look at it again, unless somebody does something before."""
    if order.state == OrderState.CREATED:
        return order.held_until
    if phase(order) is Phase.MISSED:
        if order.no_show_counts or order.disputed_at is not None or order.last_step_on is None:
            return None
        return morning_of(recorded_from(order.last_step_on))
    due = due_of(order)
    following = next_step(due) if due is not None and order.disputed_at is None else None
    return morning_of(following[1]) if following is not None else None


def morning_of(day: date) -> datetime:
    """Nine in the morning in Tianjin: nobody is woken by a reminder."""
    return datetime.combine(day, REMINDED_AT, TIANJIN)
