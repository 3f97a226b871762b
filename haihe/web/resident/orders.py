"""我的订单与消息."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from haihe.domain.orders import DisputeReason
from haihe.usecases.dispute_order import dispute_order, withdraw_dispute
from haihe.usecases.inbox import Message, count_new, list_messages, read_messages
from haihe.usecases.own_orders import (
    OwnOrder,
    list_own_orders,
    show_own_order,
)
from haihe.usecases.run_order import cancel_booking, confirm_order
from haihe.web.bodies import LARGEST_ID, Body, Moment, Number, Text
from haihe.web.context import context
from haihe.web.resident.door import LOCKED, Blueprint
from haihe.web.resident.lock import keep_locked, require_bound

blp = Blueprint("resident_orders", description="我的订单与消息")
keep_locked(blp)


class OwnOrderView(Schema):
    """An order as its resident sees it."""

    id = fields.Integer(required=True)
    merchant = fields.String(required=True)
    scenario = fields.String(required=True, metadata={"example": "XYZ-07"})
    scenario_name = fields.String(required=True)
    out_order_no = fields.String(required=True)
    decision_id = fields.String(required=True)
    state = fields.String(required=True)
    state_words = fields.String(required=True, metadata={"example": "进行中"})
    benefit = fields.String(required=True)
    agreed_fen = fields.Integer(required=True)
    total_fen = fields.Integer(required=True, allow_none=True)
    due_fen = fields.Integer(required=True, allow_none=True, metadata={"description": "尚待付清（分）"})
    due_on = fields.Date(required=True, allow_none=True, metadata={"description": "应归还或付清的日期"})
    created_at = Moment(required=True)
    held_until = Moment(required=True, allow_none=True, metadata={"description": "最迟此时确认或开始"})
    ended_at = Moment(required=True, allow_none=True)
    settled_at = Moment(required=True, allow_none=True)
    no_show_on = fields.Date(
        required=True, allow_none=True, metadata={"description": "商户说没有到场的预订是哪一天的"}
    )
    no_show_counts = fields.Boolean(required=True, metadata={"description": "已计入当季未到场的次数"})
    may_confirm = fields.Boolean(required=True)
    may_cancel = fields.Boolean(required=True, metadata={"description": "预订可以自己取消"})
    may_dispute = fields.Boolean(required=True)
    disputes_left = fields.Integer(
        required=True, metadata={"description": "还可以提出几次争议，每笔至多三次"}
    )
    disputed_at = Moment(required=True, allow_none=True)
    dispute_reason = fields.String(required=True, allow_none=True)
    dispute_answer_by = fields.Date(required=True, allow_none=True)


class PageQuery(Body):
    """Which page."""

    before = Number(1, LARGEST_ID, load_default=None, metadata={"description": "上一页给出的 next_before"})
    limit = Number(1, 100, load_default=20)


class MessageQuery(Body):
    """Which page."""

    before = Text(60, required=False, load_default=None, metadata={"description": "上一页给出的 next_before"})
    limit = Number(1, 100, load_default=20)


class OwnOrderList(Schema):
    """One page, newest first."""

    orders = fields.List(fields.Nested(OwnOrderView), required=True)
    next_before = fields.Integer(required=True, allow_none=True)


class DisputeBody(Body):
    """What is not right."""

    reason = Text(
        16,
        validate=validate.OneOf(
            [r.value for r in DisputeReason],
            error="应为其中之一：NOT_MINE 不是我的、AMOUNT 金额不对、RETURNED 已归还、PAID 已付清、CAME 到场了或已取消、OTHER 其他",
        ),
    )


class NotificationView(Schema):
    """One message: what it is about and what fills its text, and the same in words."""

    id = fields.String(required=True)
    kind = fields.String(
        required=True,
        metadata={
            "description": "POINTS_CHANGED、QUESTION_ASKED、OBJECTION_ANSWERED，其余以 ORDER_ 开头",
            "example": "ORDER_REMIND_BEFORE",
        },
    )
    parts = fields.Dict(required=True)
    title = fields.String(required=True, metadata={"example": "明天到期"})
    text = fields.String(required=True)
    at = Moment(required=True)
    new = fields.Boolean(required=True, metadata={"description": "还没有读过"})


class NotificationList(Schema):
    """One page, newest first."""

    notifications = fields.List(fields.Nested(NotificationView), required=True)
    unread = fields.Integer(required=True)
    next_before = fields.String(required=True, allow_none=True)


@blp.get("/v1/me/orders")
@blp.doc(summary="我的订单", **LOCKED)
@blp.arguments(PageQuery, location="query")
@blp.response(200, OwnOrderList, description="由新到旧，一页一页")
@blp.refuses(401, 403, 422)
def orders(query: dict[str, Any]) -> dict[str, Any]:
    """在用的和用过的优惠：状态、约定、何时应还或付清。"""
    caller = require_bound()
    page, following = list_own_orders(context(), caller.resident_id, query["before"], query["limit"])
    return {"orders": [_view(o) for o in page], "next_before": following}


@blp.get("/v1/me/orders/<int:order_id>")
@blp.doc(summary="一笔订单", **LOCKED)
@blp.response(200, OwnOrderView)
@blp.refuses(401, 403, 404)
def order(order_id: int) -> dict[str, Any]:
    """一笔订单的全部情况。"""
    return _view(show_own_order(context(), require_bound().resident_id, order_id))


@blp.post("/v1/me/orders/<int:order_id>/confirm")
@blp.doc(summary="确认订单", **LOCKED)
@blp.response(200, OwnOrderView)
@blp.refuses(401, 403, 404, 409)
def confirm(order_id: int) -> dict[str, Any]:
    """同意后订单开始；再次确认不会改变什么。"""
    caller, ctx = require_bound(), context()
    confirm_order(ctx, caller.resident_id, order_id, ctx.now())
    return _view(show_own_order(ctx, caller.resident_id, order_id))


@blp.post("/v1/me/orders/<int:order_id>/cancel")
@blp.doc(summary="取消预订", **LOCKED)
@blp.response(200, OwnOrderView)
@blp.refuses(401, 403, 404, 409)
def cancel(order_id: int) -> dict[str, Any]:
    """约定的时间以前取消，名额归还，不算未到场；再次取消不会改变什么。"""
    caller, ctx = require_bound(), context()
    cancel_booking(ctx, caller.resident_id, order_id, ctx.now())
    return _view(show_own_order(ctx, caller.resident_id, order_id))


@blp.post("/v1/me/orders/<int:order_id>/dispute")
@blp.doc(summary="对订单有争议", **LOCKED)
@blp.arguments(DisputeBody)
@blp.response(200, OwnOrderView)
@blp.refuses(401, 403, 404, 409, 415, 422)
def dispute(body: dict[str, str], order_id: int) -> dict[str, Any]:
    """从此刻起暂停提醒，也不会产生任何记录，直到争议了结。"""
    caller, ctx = require_bound(), context()
    dispute_order(ctx, caller.resident_id, order_id, DisputeReason(body["reason"]), ctx.now())
    return _view(show_own_order(ctx, caller.resident_id, order_id))


@blp.delete("/v1/me/orders/<int:order_id>/dispute")
@blp.doc(summary="撤回争议", **LOCKED)
@blp.response(200, OwnOrderView)
@blp.refuses(401, 403, 404, 409)
def undispute(order_id: int) -> dict[str, Any]:
    """争议期间的日子补回应还日期。"""
    caller, ctx = require_bound(), context()
    withdraw_dispute(ctx, caller.resident_id, order_id, ctx.now())
    return _view(show_own_order(ctx, caller.resident_id, order_id))


@blp.get("/v1/me/notifications")
@blp.doc(summary="我的消息", **LOCKED)
@blp.arguments(MessageQuery, location="query")
@blp.response(200, NotificationList, description="由新到旧，一页一页")
@blp.refuses(401, 403, 422)
def notifications(query: dict[str, Any]) -> dict[str, Any]:
    """积分变动、谁查过、订单与异议的进展、到期提醒、将要产生的记录。"""
    caller = require_bound()
    page, following = list_messages(context(), caller.resident_id, query["before"], query["limit"])
    return {
        "notifications": [_message(m) for m in page],
        "unread": count_new(caller.resident_id),
        "next_before": following,
    }


@blp.post("/v1/me/notifications/read")
@blp.doc(summary="消息都读过了", **LOCKED)
@blp.response(204)
@blp.refuses(401, 403)
def read() -> None:
    """到此刻为止的消息不再算新消息。"""
    read_messages(require_bound().resident_id, context().now())


def _message(message: Message) -> dict[str, Any]:
    told = message.told
    return {
        "id": message.id,
        "kind": told.kind,
        "parts": told.parts,
        "title": told.title,
        "text": told.text,
        "at": message.at,
        "new": message.new,
    }


def _view(own: OwnOrder) -> dict[str, Any]:
    order = own.order
    shown = {name: getattr(order, name) for name in OwnOrderView().fields if hasattr(order, name)}
    return {
        **shown,
        "benefit": order.benefit["label"],
        "merchant": own.merchant,
        "scenario_name": own.scenario_name,
        "state_words": own.words,
        "due_fen": own.due_fen,
        "may_confirm": own.may_confirm,
        "may_cancel": own.may_cancel,
        "may_dispute": own.may_dispute,
        "disputes_left": own.disputes_left,
        "dispute_answer_by": own.dispute_answer_by,
    }
