"""办理订单: what a merchant and a resident do with an order while it is held and while it runs."""

from __future__ import annotations

from datetime import datetime

from haihe.domain.errors import Conflict
from haihe.domain.order_clock import breach_may_be_confirmed_on
from haihe.domain.orders import Deed, OrderState, Phase, check_lower
from haihe.storage.decisions import Order
from haihe.usecases.context import Context, day_of
from haihe.usecases.order_deeds import (
    asked_before,
    by_merchant,
    by_resident,
    change_order,
    check,
    phase,
)
from haihe.usecases.order_records import settle_records
from haihe.usecases.rescore import Touched
from haihe.usecases.rules_in_force import Partner


def confirm_order(ctx: Context, resident_id: int, order_id: int, at: datetime) -> Order:
    """The resident agrees to the order; it starts, unless the merchant starts it later."""

    def confirm(order: Order) -> Touched | None:
        if not order.unconfirmed and phase(order) in (Phase.HELD, Phase.DOING, Phase.UNPAID, Phase.SETTLED):
            return None
        check(order, Deed.CONFIRM, at)
        order.unconfirmed = False
        if not order.starts_later:
            _start(order, at)
        return Touched()

    return change_order(ctx, by_resident(resident_id, order_id), Deed.CONFIRM, at, confirm)


def start_order(ctx: Context, partner: Partner, out_order_no: str, at: datetime) -> Order:
    """A held order begins."""

    def start(order: Order) -> Touched | None:
        if order.started_at is not None:
            return None
        check(order, Deed.START, at)
        _start(order, at)
        return Touched()

    return change_order(ctx, by_merchant(partner, out_order_no), Deed.START, at, start)


def lower_order(ctx: Context, partner: Partner, out_order_no: str, amount_fen: int, at: datetime) -> Order:
    """Lower what was agreed or, once completed, what is due. Lowered to nothing it is settled."""

    def lower(order: Order) -> Touched | None:
        present = order.agreed_fen if order.total_fen is None else order.total_fen
        if amount_fen == present:
            return None
        check(order, Deed.LOWER, at)
        check_lower(amount_fen, present)
        if order.total_fen is None:
            order.agreed_fen = amount_fen
            return Touched()
        order.discounts = [*order.discounts, {"name": "调低", "amount_fen": present - amount_fen}]
        order.total_fen = amount_fen
        return Touched() if amount_fen else settle_records(ctx, order, day_of(at), at)

    return change_order(ctx, by_merchant(partner, out_order_no), Deed.LOWER, at, lower)


def cancel_booking(ctx: Context, resident_id: int, order_id: int, at: datetime) -> Order:
    """The resident will not come after all and says so in time: the place is free again and nothing counts."""

    def cancel(order: Order) -> Touched | None:
        if order.state == OrderState.REVOKED:
            return None
        if phase(order) is not Phase.HELD or (order.held_until is not None and at > order.held_until):
            raise Conflict("ORDER_STATE", "只有已预留、还没有到时间的订单可以自己取消，其余请与商户联系")
        order.state, order.ended_at, order.cancelled_because = OrderState.REVOKED, at, "居民取消"
        return Touched()

    return change_order(ctx, by_resident(resident_id, order_id), Deed.CANCEL, at, cancel)


def cancel_order(
    ctx: Context, partner: Partner, out_order_no: str, reason: str | None, at: datetime
) -> Order:
    """The benefit was not used after all; every quota is free again. A no-show is taken back by it."""

    def cancel(order: Order) -> Touched | None:
        if order.state == OrderState.REVOKED:
            return None
        check(order, Deed.CANCEL, at)
        order.state = OrderState.REVOKED
        order.ended_at = at
        order.cancelled_because = reason
        order.disputed_at = None
        order.no_show_on, order.no_show_counts = None, False
        return settle_records(ctx, order, day_of(at), at)

    return change_order(ctx, by_merchant(partner, out_order_no), Deed.CANCEL, at, cancel)


def confirm_breach(
    ctx: Context, partner: Partner, out_order_no: str, document_no: str, at: datetime
) -> Order:
    """The merchant confirms, with the number of its evidence, that an order is more than thirty days overdue.

    Nothing counts yet: the resident is told and has the time to object.
    """

    def confirm(order: Order) -> Touched | None:
        if order.breach_document is not None and asked_before(
            order, Deed.CONFIRM_BREACH, {"document_no": document_no}
        ):
            return None
        check(order, Deed.CONFIRM_BREACH, at)
        if order.due_on is None or day_of(at) < breach_may_be_confirmed_on(order.due_on):
            raise Conflict("BREACH_TOO_EARLY", "逾期超过三十日方可确认违约")
        asked_before(order, Deed.CONFIRM_BREACH, {"document_no": document_no})
        order.breach_document = document_no
        return Touched()

    return change_order(ctx, by_merchant(partner, out_order_no), Deed.CONFIRM_BREACH, at, confirm)


def _start(order: Order, at: datetime) -> None:
    order.state = OrderState.DOING
    order.started_at = at
    order.held_until = None
