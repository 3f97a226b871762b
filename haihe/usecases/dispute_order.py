"""争议: a resident says that an order is not right. Reminders and records wait until it is settled between the two."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from haihe.domain.errors import Conflict
from haihe.domain.order_clock import after_dispute, recorded_from
from haihe.domain.orders import MOST_DISPUTES, Deed, DisputeReason, Phase
from haihe.storage.decisions import Order
from haihe.storage.notifications import notify
from haihe.usecases.context import Context, day_of
from haihe.usecases.order_deeds import (
    By,
    by_merchant,
    by_resident,
    change_order,
    check,
    due_of,
    phase,
)
from haihe.usecases.rescore import Touched
from haihe.usecases.rules_in_force import Partner


def dispute_order(
    ctx: Context, resident_id: int, order_id: int, reason: DisputeReason, at: datetime
) -> Order:
    """From this moment nobody is reminded and nothing is recorded; the order's state stays as it is.

    An order can be disputed three times; the resident is told beforehand how often they still may.
    """

    def dispute(order: Order) -> Touched | None:
        if order.disputed_at is not None:
            return None
        check(order, Deed.DISPUTE, at)
        if order.disputes >= MOST_DISPUTES:
            raise Conflict(
                "DISPUTES_USED_UP",
                f"每笔订单最多可以提出 {MOST_DISPUTES} 次争议，本单已经用完。如仍有不符，请与商户联系；"
                "将来若产生记录，您可以对记录提出异议",
            )
        order.disputed_at, order.dispute_reason = at, reason
        order.disputes += 1
        return Touched()

    return change_order(ctx, by_resident(resident_id, order_id), Deed.DISPUTE, at, dispute)


def withdraw_dispute(ctx: Context, resident_id: int, order_id: int, at: datetime) -> Order:
    """The resident takes the dispute back; the clocks go on."""
    return _end(ctx, by_resident(resident_id, order_id), at, tell=False)


def answer_dispute(ctx: Context, partner: Partner, out_order_no: str, at: datetime) -> Order:
    """The merchant has looked into it and holds to what is due; whoever gives way lowers, settles or cancels instead.

    The resident is told and gets back the days of the dispute, and every announcement anew.
    """
    return _end(ctx, by_merchant(partner, out_order_no), at, tell=True)


def _end(ctx: Context, by: By, at: datetime, *, tell: bool) -> Order:
    def end(order: Order) -> Touched | None:
        if order.disputed_at is None and phase(order) is not Phase.UNCONFIRMED:
            return None
        check(order, Deed.END_DISPUTE, at)
        due = due_of(order)
        if due is not None and order.disputed_at is not None:
            due = after_dispute(due, day_of(order.disputed_at), day_of(at))
            order.due_on, order.steps_done, order.last_step_on = (
                due.due_on,
                due.steps_done,
                due.last_step_on,
            )
        order.disputed_at = None
        parts: dict[str, Any] = {"order_id": order.id, "due_on": order.due_on and order.due_on.isoformat()}
        if phase(order) is Phase.MISSED:
            # Announced anew: it counts again only after another time to object.
            order.no_show_counts, order.last_step_on = False, day_of(at)
            parts["counts_from"] = recorded_from(day_of(at)).isoformat()
        if tell:
            about = f"order:{order.id}:dispute-answered:{at.isoformat()}"
            notify(order.resident_id, about, "ORDER_DISPUTE_ANSWERED", parts, at)
        return Touched()

    return change_order(ctx, by, Deed.END_DISPUTE, at, end)
