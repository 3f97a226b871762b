"""我的订单与消息: what is in use, what is due when, confirming and disputing, and what one has been told."""

from __future__ import annotations

from flask import redirect, request
from werkzeug.wrappers import Response as AnyResponse

from haihe.domain.errors import InvalidInput
from haihe.domain.orders import MOST_DISPUTES, DisputeReason, Phase
from haihe.usecases.dispute_order import dispute_order, withdraw_dispute
from haihe.usecases.inbox import list_messages, read_messages
from haihe.usecases.own_orders import past_orders_of, running_orders_of, show_own_order
from haihe.usecases.run_order import cancel_booking, confirm_order
from haihe.web.bodies import LARGEST_ID
from haihe.web.context import context
from haihe.web.resident.acting import acting_here
from haihe.web.resident.pages.door import MemberPages, member, page

blp = MemberPages("orders", __name__)
A_PAGE = 20
LONGEST_CURSOR = 60
REASONS = {
    DisputeReason.PAID: "我已经付清",
    DisputeReason.RETURNED: "我已经归还",
    DisputeReason.AMOUNT: "金额不对",
    DisputeReason.CAME: "我到场了，或已经取消",
    DisputeReason.NOT_MINE: "这不是我的订单",
    DisputeReason.OTHER: "其他",
}
# Nothing was used or owed where nobody came.
MISSED_REASONS = (DisputeReason.CAME, DisputeReason.NOT_MINE, DisputeReason.OTHER)
USED_REASONS = tuple(r for r in REASONS if r is not DisputeReason.CAME)


@blp.get("/orders")
def orders() -> AnyResponse:
    """What is running first, then what is over."""
    caller = member()
    ctx = context()
    before = request.args.get("before", "")
    cursor = int(before) if before.isdecimal() and 0 < int(before) <= LARGEST_ID else None
    past, following = past_orders_of(ctx, caller.resident_id, cursor, A_PAGE)
    running = running_orders_of(ctx, caller.resident_id) if cursor is None else []
    return page("orders.html", "me", running=running, past=past, following=following, first=cursor is None)


@blp.get("/orders/<int:order_id>")
def order(order_id: int) -> AnyResponse:
    """One order: what was agreed, what is due when, and what can be done."""
    caller = member()
    own = show_own_order(context(), caller.resident_id, order_id)
    return page(
        "order.html",
        "me",
        own=own,
        o=own.order,
        reasons=REASONS,
        fitting=MISSED_REASONS if own.phase is Phase.MISSED else USED_REASONS,
        most=MOST_DISPUTES,
    )


@blp.post("/orders/<int:order_id>/confirm")
def confirm(order_id: int) -> AnyResponse:
    """Agree to it; it begins."""
    caller, ctx = member(), context()
    confirm_order(ctx, caller.resident_id, order_id, ctx.now())
    return redirect(f"/m/orders/{order_id}", 303)


@blp.post("/orders/<int:order_id>/cancel")
def cancel(order_id: int) -> AnyResponse:
    """Not coming after all."""
    caller, ctx = member(), context()
    cancel_booking(ctx, caller.resident_id, order_id, ctx.now())
    return redirect(f"/m/orders/{order_id}", 303)


@blp.post("/orders/<int:order_id>/dispute")
def dispute(order_id: int) -> AnyResponse:
    """Something is not right with it: every clock stops."""
    caller, ctx = member(), context()
    given = request.form.get("reason", "")
    if given not in set(DisputeReason):
        raise InvalidInput("REASON_MISSING", "请选择哪里不对", "reason")
    dispute_order(ctx, caller.resident_id, order_id, DisputeReason(given), ctx.now())
    return redirect(f"/m/orders/{order_id}", 303)


@blp.post("/orders/<int:order_id>/dispute/withdraw")
def take_back(order_id: int) -> AnyResponse:
    """It is settled between the two after all."""
    caller, ctx = member(), context()
    withdraw_dispute(ctx, caller.resident_id, order_id, ctx.now())
    return redirect(f"/m/orders/{order_id}", 303)


@blp.get("/messages")
def messages() -> AnyResponse:
    """What one has been told, newest first. Whoever has opened the page has read it."""
    caller, ctx = member(), context()
    at = ctx.now()
    before = request.args.get("before", "")[:LONGEST_CURSOR] or None
    told, following = list_messages(ctx, caller.resident_id, before, A_PAGE)
    if before is None and acting_here() is None:
        # What a relative has read is still new to whom it was told.
        read_messages(caller.resident_id, at)
    return page("messages.html", "me", messages=told, following=following, first=before is None)
