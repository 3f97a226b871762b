"""完成与结清: what is due is written down, and later that it has been paid. No money moves here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta

from haihe.domain.errors import InvalidInput
from haihe.domain.orders import Deed, Item, OrderState, total_of
from haihe.domain.scenarios import PAY_WITHIN_DAYS
from haihe.storage.decisions import Order
from haihe.usecases.context import Context, day_of
from haihe.usecases.order_deeds import asked_before, by_merchant, change_order, check
from haihe.usecases.order_records import end_overdue, settle_records
from haihe.usecases.rescore import Touched
from haihe.usecases.rules_in_force import Partner


def complete_order(
    ctx: Context,
    partner: Partner,
    out_order_no: str,
    payments: Sequence[Item],
    discounts: Sequence[Item],
    intact: bool,
    at: datetime,
) -> Order:
    """The use has ended. Where nothing is due the order is settled at once; otherwise it waits for its money.

    `intact`: what was lent came back whole.
    """
    ctx.rules.up_to_date()
    asked = {
        "payments": [asdict(p) for p in payments],
        "discounts": [asdict(d) for d in discounts],
        "intact": intact,
    }

    def complete(order: Order) -> Touched | None:
        if order.state == OrderState.COMPLETED and asked_before(order, Deed.COMPLETE, asked):
            return None
        check(order, Deed.COMPLETE, at)
        asked_before(order, Deed.COMPLETE, asked)
        on = day_of(at)
        order.total_fen = total_of(payments, discounts, order.agreed_fen)
        order.payments, order.discounts = asked["payments"], asked["discounts"]
        order.intact = intact
        order.state, order.ended_at = OrderState.COMPLETED, at
        order.late = order.due_on is not None and on > order.due_on
        if order.total_fen == 0:
            return settle_records(ctx, order, on, at)
        touched = end_overdue(order, on, at)
        scenario = ctx.rules.scenario(order.scenario)
        days = scenario.pay_within_days if scenario is not None else PAY_WITHIN_DAYS
        order.due_on, order.steps_done, order.last_step_on = on + timedelta(days), 0, None
        order.breach_document = None
        return touched

    return change_order(ctx, by_merchant(partner, out_order_no), Deed.COMPLETE, at, complete)


def settle_order(
    ctx: Context, partner: Partner, out_order_no: str, paid_on: date | None, at: datetime
) -> Order:
    """The merchant reports that what was due has been paid, today or on an earlier day since the completion."""
    ctx.rules.up_to_date()

    def settle(order: Order) -> Touched | None:
        if order.settled_at is not None:
            asked_before(order, Deed.SETTLE, {"paid_on": paid_on and paid_on.isoformat()})
            return None
        check(order, Deed.SETTLE, at)
        asked_before(order, Deed.SETTLE, {"paid_on": paid_on and paid_on.isoformat()})
        if paid_on is not None and not (order.ended_at and day_of(order.ended_at) <= paid_on <= day_of(at)):
            raise InvalidInput("PAID_ON_INVALID", "付清日期应在完成之日与今天之间", "paid_on")
        return settle_records(ctx, order, paid_on or day_of(at), at)

    return change_order(ctx, by_merchant(partner, out_order_no), Deed.SETTLE, at, settle)
