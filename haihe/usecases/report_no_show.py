"""预订未到场: the merchant says that nobody came for a booking. The resident is told, and only later does it count.

It never becomes a record nor costs points: it counts for a calendar quarter, towards the scenarios that ask how often
somebody let a booking lapse. A dispute stops it at once.
"""

from __future__ import annotations

from datetime import datetime

from haihe.domain.errors import Conflict
from haihe.domain.order_clock import NO_SHOW_WITHIN, recorded_from
from haihe.domain.orders import Deed, OrderState
from haihe.storage.decisions import Order
from haihe.storage.notifications import notify
from haihe.usecases.context import Context, day_of
from haihe.usecases.order_deeds import by_merchant, change_order, check
from haihe.usecases.rescore import Touched
from haihe.usecases.rules_in_force import Partner


def report_no_show(ctx: Context, partner: Partner, out_order_no: str, at: datetime) -> Order:
    """Nobody came for what was booked, and nobody cancelled it. To be said within three days of the time agreed."""

    def report(order: Order) -> Touched | None:
        if order.no_show_on is not None:
            return None
        check(order, Deed.NO_SHOW, at)
        if order.held_until is None or order.unconfirmed or not order.starts_later:
            raise Conflict("NOT_A_BOOKING", "该订单没有约定开始的时间（held_until），不是预订")
        if at <= order.held_until:
            raise Conflict("NO_SHOW_TOO_EARLY", "约定的时间还没有过，居民可能还会来")
        if at > order.held_until + NO_SHOW_WITHIN:
            raise Conflict("NO_SHOW_TOO_LATE", f"约定时间过后 {NO_SHOW_WITHIN.days} 天之内可以报告未到场")
        if order.state == OrderState.CREATED:
            order.state, order.ended_at = OrderState.EXPIRED, at
        order.no_show_on, order.last_step_on = day_of(order.held_until), day_of(at)
        parts = {
            "order_id": order.id,
            "merchant": partner.merchant_name,
            "scenario": order.scenario,
            "booked_on": order.no_show_on.isoformat(),
            "counts_from": recorded_from(day_of(at)).isoformat(),
        }
        notify(order.resident_id, f"order:{order.id}:no-show", "ORDER_NO_SHOW", parts, at)
        return Touched()

    return change_order(ctx, by_merchant(partner, out_order_no), Deed.NO_SHOW, at, report)


def let_it_count(order: Order) -> Touched:
    """The resident was told, had the time to dispute it and did not: from now on it counts in its quarter."""
    order.no_show_counts = True
    return Touched()
