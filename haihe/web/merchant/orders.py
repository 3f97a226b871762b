"""订单: a benefit in use."""

from __future__ import annotations

from typing import Any

from flask import g

from haihe.domain.orders import OrderState
from haihe.storage.decisions import Order
from haihe.usecases.context import TIANJIN
from haihe.usecases.orders import end_order, find_order, open_order
from haihe.web.bodies import StrictBlueprint
from haihe.web.context import context
from haihe.web.merchant.schemas import OpenOrder, OrderView
from haihe.web.oauth_lock import require_partner

blp = StrictBlueprint("merchant_orders", __name__, url_prefix="/v1/merchant/orders", description="订单")

SCOPE = "order"
LOCK = [{"oauth2": [SCOPE]}]


@blp.before_request
def locked() -> None:
    """Every order belongs to the merchant whose token opens the door; nothing is read before the door is open."""
    g.partner = require_partner(SCOPE)


@blp.post("")
@blp.doc(summary="凭一次“可以”的判定开立订单", security=LOCK)
@blp.arguments(OpenOrder)
@blp.response(201, OrderView)
@blp.alt_response(409, description="判定已过期、已使用，或商户订单号已用于另一次判定")
def open_one(body: dict[str, str]) -> dict[str, Any]:
    """The same out_order_no with the same decision gives the same order again; the pass has then served."""
    ctx = context()
    return _view(open_order(ctx, g.partner, body["out_order_no"], body["decision_id"], ctx.now()))


@blp.get("/<out_order_no>")
@blp.doc(summary="查询订单", security=LOCK)
@blp.response(200, OrderView)
@blp.alt_response(404, description="没有这个订单号")
def view_one(out_order_no: str) -> dict[str, Any]:
    """An order of this merchant by its own number."""
    return _view(find_order(g.partner, out_order_no))


@blp.post("/<out_order_no>/complete")
@blp.doc(summary="完成订单", security=LOCK)
@blp.response(200, OrderView)
@blp.alt_response(409, description="订单状态不允许完成")
def complete_one(out_order_no: str) -> dict[str, Any]:
    """The benefit has been used and settled; completing twice changes nothing."""
    return _end(out_order_no, OrderState.COMPLETED)


@blp.post("/<out_order_no>/cancel")
@blp.doc(summary="撤销订单", security=LOCK)
@blp.response(200, OrderView)
@blp.alt_response(409, description="订单状态不允许撤销")
def cancel_one(out_order_no: str) -> dict[str, Any]:
    """The benefit was not used after all; the resident's quota is free again."""
    return _end(out_order_no, OrderState.REVOKED)


def _end(out_order_no: str, state: OrderState) -> dict[str, Any]:
    ctx = context()
    return _view(end_order(ctx, g.partner, out_order_no, state, ctx.now()))


def _view(order: Order) -> dict[str, Any]:
    return {
        "out_order_no": order.out_order_no,
        "decision_id": order.decision_id,
        "scenario": order.scenario,
        "state": order.state,
        "benefit": order.benefit,
        "created_at": order.created_at.astimezone(TIANJIN).isoformat(timespec="seconds"),
        "ended_at": order.ended_at and order.ended_at.astimezone(TIANJIN).isoformat(timespec="seconds"),
    }
