"""What a merchant sends and sees of its orders."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate

from haihe.web.bodies import Body, Moment, Number, Text, YesNo
from haihe.web.merchant.schemas import Benefit

MOST_FEN = 2_000_000_000
ORDER_NO = r"^[0-9A-Za-z_\-|*]{1,32}$"


class Day(fields.Date):
    """A calendar day as 2026-11-20, and nothing else."""

    default_error_messages: ClassVar = {"null": "不能为空", "invalid": "应为日期，如 2026-11-20"}


class AheadOf(fields.AwareDateTime):
    """A moment as RFC 3339 with its offset."""

    default_error_messages: ClassVar = {
        "null": "不能为空",
        "invalid": "应为带时区的时间，如 2026-11-20T18:00:00+08:00",
        "invalid_awareness": "应写明时区，如 +08:00",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> datetime:
        moment: datetime = super()._deserialize(value, attr, data, **more)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise ValidationError("时间超出范围") from None


def fen(**more: Any) -> Number:
    """An amount in whole fen."""
    return Number(0, MOST_FEN, strict=True, **more)


class OpenOrder(Body):
    """Open an order with a decision; `out_order_no` is the merchant's own number."""

    out_order_no = Text(
        32,
        verbatim=True,
        validate=validate.Regexp(ORDER_NO, error="1–32 位字母、数字或 _-|*"),
        metadata={"example": "A-1001"},
    )
    decision_id = Text(40, verbatim=True, metadata={"example": "d0327b4c8f3524d5e59c5b18ffb98014c"})
    amount_fen = fen(
        load_default=None, metadata={"description": "约定金额（分），不超过优惠上限；不写即为上限"}
    )
    held_until = AheadOf(
        load_default=None,
        metadata={"description": "先预留，最迟此时由商户开始（start），逾时过期；不写即直接开始"},
    )
    due_on = Day(load_default=None, metadata={"description": "应归还的日期；没有归还一说的不写"})


class ItemBody(Body):
    """One payment or discount."""

    name = Text(32, metadata={"example": "租金"})
    amount_fen = fen(required=True, metadata={"example": 300})


class CompleteOrder(Body):
    """What is due; nothing where nothing is."""

    payments = fields.List(
        fields.Nested(ItemBody), load_default=[], validate=validate.Length(max=100, error="最多 100 项")
    )
    discounts = fields.List(
        fields.Nested(ItemBody), load_default=[], validate=validate.Length(max=30, error="最多 30 项")
    )
    intact = YesNo(load_default=True, metadata={"description": "免押物品是否完好归还"})


class LowerOrder(Body):
    """The new, lower amount."""

    amount_fen = fen(required=True, metadata={"description": "调低后的金额（分）"})


class CancelOrder(Body):
    """Why."""

    reason = Text(100, required=False, load_default=None)


class SettleOrder(Body):
    """When it was paid, where that was not today."""

    paid_on = Day(load_default=None)


class Breach(Body):
    """The number of the evidence."""

    document_no = Text(64)


class ItemView(Schema):
    """One payment or discount."""

    name = fields.String(required=True)
    amount_fen = fields.Integer(required=True)


class OrderView(Schema):
    """An order as its merchant sees it."""

    out_order_no = fields.String(required=True)
    decision_id = fields.String(required=True)
    scenario = fields.String(required=True)
    state = fields.String(required=True)
    unconfirmed = fields.Boolean(required=True, metadata={"description": "还在等居民确认"})
    benefit = fields.Nested(Benefit, required=True)
    agreed_fen = fields.Integer(required=True, metadata={"description": "约定的上限（分）"})
    payments = fields.List(fields.Nested(ItemView), required=True)
    discounts = fields.List(fields.Nested(ItemView), required=True)
    total_fen = fields.Integer(
        allow_none=True, required=True, metadata={"description": "应付合计（分），完成后才有"}
    )
    created_at = Moment(required=True)
    held_until = Moment(required=True, allow_none=True)
    started_at = Moment(required=True, allow_none=True)
    due_on = fields.Date(required=True, allow_none=True, metadata={"description": "应归还或付清的日期"})
    ended_at = Moment(required=True, allow_none=True)
    settled_at = Moment(required=True, allow_none=True)
    no_show_on = fields.Date(
        required=True, allow_none=True, metadata={"description": "报告了未到场的预订是哪一天的"}
    )
    disputed_at = Moment(required=True, allow_none=True)
    dispute_reason = fields.String(required=True, allow_none=True)
    cancelled_because = fields.String(required=True, allow_none=True)
