"""订单: a benefit in use."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import g

from haihe.domain.orders import Item
from haihe.storage.decisions import Order
from haihe.usecases.complete_order import complete_order, settle_order
from haihe.usecases.dispute_order import answer_dispute
from haihe.usecases.open_order import Wish, open_order
from haihe.usecases.order_deeds import find_order
from haihe.usecases.report_no_show import report_no_show
from haihe.usecases.run_order import cancel_order, confirm_breach, lower_order, start_order
from haihe.web.bodies import StrictBlueprint
from haihe.web.context import context
from haihe.web.merchant.order_schemas import (
    Breach,
    CancelOrder,
    CompleteOrder,
    LowerOrder,
    OpenOrder,
    OrderView,
    SettleOrder,
)
from haihe.web.oauth_lock import require_partner


class Blueprint(StrictBlueprint):
    """The door of a merchant's orders."""

    REFUSALS: ClassVar = {
        401: "访问令牌无效",
        403: "令牌没有 order 权限，或不再接入该场景",
        404: "没有这个订单号或判定编号",
        409: "订单状态不允许这一步；或同一编号已用于不同的内容，field 指出不同之处",
        422: "内容不符合要求，见 field 与 errors",
    }


blp = Blueprint("merchant_orders", __name__, url_prefix="/v1/merchant/orders", description="订单")

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
@blp.refuses(401, 403, 404, 409, 422)
def open_one(body: dict[str, Any]) -> Order:
    """The same out_order_no with the same content gives the same order again; the pass has then served.

    It starts at once, unless the resident has to confirm it or `held_until` is given.
    """
    ctx = context()
    wish = Wish(body["decision_id"], body["amount_fen"], body["held_until"], body["due_on"])
    return open_order(ctx, g.partner, body["out_order_no"], wish, ctx.now())


@blp.get("/<out_order_no>")
@blp.doc(summary="查询订单", security=LOCK)
@blp.response(200, OrderView)
@blp.refuses(401, 403, 404)
def view_one(out_order_no: str) -> Order:
    """An order of this merchant by its own number."""
    return find_order(g.partner, out_order_no)


@blp.post("/<out_order_no>/start")
@blp.doc(summary="开始预留的订单", security=LOCK)
@blp.response(200, OrderView)
@blp.refuses(401, 403, 404, 409)
def start_one(out_order_no: str) -> Order:
    """A held order begins; starting twice changes nothing."""
    ctx = context()
    return start_order(ctx, g.partner, out_order_no, ctx.now())


@blp.post("/<out_order_no>/modify")
@blp.doc(summary="调低金额", security=LOCK)
@blp.arguments(LowerOrder)
@blp.response(200, OrderView)
@blp.refuses(401, 403, 404, 409, 422)
def lower_one(body: dict[str, int], out_order_no: str) -> Order:
    """Only downward: before the completion what is agreed, after it what is due."""
    ctx = context()
    return lower_order(ctx, g.partner, out_order_no, body["amount_fen"], ctx.now())


@blp.post("/<out_order_no>/complete")
@blp.doc(summary="完成订单", security=LOCK)
@blp.arguments(CompleteOrder, required=False)
@blp.response(200, OrderView)
@blp.refuses(401, 403, 404, 409, 422)
def complete_one(body: dict[str, Any], out_order_no: str) -> Order:
    """The use has ended. total_fen = Σ payments − Σ discounts; without a body nothing is due and it is settled at once."""
    ctx = context()
    payments, discounts = (
        [Item(i["name"], i["amount_fen"]) for i in body.get(k, ())] for k in ("payments", "discounts")
    )
    return complete_order(
        ctx, g.partner, out_order_no, payments, discounts, body.get("intact", True), ctx.now()
    )


@blp.post("/<out_order_no>/settle")
@blp.doc(summary="结清：居民已付清", security=LOCK)
@blp.arguments(SettleOrder, required=False)
@blp.response(200, OrderView)
@blp.refuses(401, 403, 404, 409, 422)
def settle_one(body: dict[str, Any], out_order_no: str) -> Order:
    """What was due has been paid. No money moves here."""
    ctx = context()
    return settle_order(ctx, g.partner, out_order_no, body.get("paid_on"), ctx.now())


@blp.post("/<out_order_no>/cancel")
@blp.doc(summary="撤销订单", security=LOCK)
@blp.arguments(CancelOrder, required=False)
@blp.response(200, OrderView)
@blp.refuses(401, 403, 404, 409, 422)
def cancel_one(body: dict[str, Any], out_order_no: str) -> Order:
    """The benefit was not used after all; the quotas are free again."""
    ctx = context()
    return cancel_order(ctx, g.partner, out_order_no, body.get("reason"), ctx.now())


@blp.post("/<out_order_no>/no-show")
@blp.doc(summary="报告预订未到场", security=LOCK)
@blp.response(200, OrderView)
@blp.refuses(401, 403, 404, 409)
def no_show_one(out_order_no: str) -> Order:
    """Nobody came for an order that was held until a time agreed. The resident is told and may dispute it before it counts."""
    ctx = context()
    return report_no_show(ctx, g.partner, out_order_no, ctx.now())


@blp.post("/<out_order_no>/dispute/answer")
@blp.doc(summary="答复争议：维持", security=LOCK)
@blp.response(200, OrderView)
@blp.refuses(401, 403, 404, 409)
def answer_one(out_order_no: str) -> Order:
    """The merchant holds to what is due; whoever gives way lowers, settles or cancels the order instead."""
    ctx = context()
    return answer_dispute(ctx, g.partner, out_order_no, ctx.now())


@blp.post("/<out_order_no>/breach")
@blp.doc(summary="确认逾期三十日以上的违约", security=LOCK)
@blp.arguments(Breach)
@blp.response(200, OrderView)
@blp.refuses(401, 403, 404, 409, 422)
def breach_one(body: dict[str, str], out_order_no: str) -> Order:
    """With the number of the evidence. The resident is told and may object before anything counts."""
    ctx = context()
    return confirm_breach(ctx, g.partner, out_order_no, body["document_no"], ctx.now())
