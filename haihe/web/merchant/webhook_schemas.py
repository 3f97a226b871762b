"""What a merchant sends and sees of its notices."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from haihe.web.bodies import Body, Moment, Number, Text

STATES = ("WAITING", "DELIVERED", "GIVEN_UP", "DROPPED")


class WebhookBody(Body):
    """Where events are to go, and the public key they are to be sealed with, if any."""

    url = Text(512, verbatim=True, metadata={"example": "https://pay.example.cn/haihe/notices"})
    encryption_key = fields.Dict(
        load_default=None,
        allow_none=True,
        error_messages={"invalid": "应为 JWK 对象"},
        metadata={"description": "加密公钥（JWK：EC 或 RSA）；不填则不加密，只签名"},
    )


class WebhookView(Schema):
    """One endpoint."""

    id = fields.Integer(required=True)
    url = fields.String(required=True)
    encryption_key = fields.Dict(required=True, allow_none=True)
    created_at = Moment(required=True)
    changed_at = Moment(required=True)
    failing_since = Moment(
        required=True, allow_none=True, metadata={"description": "最近一次投递失败时，从何时起失败"}
    )


class WebhookList(Schema):
    """The merchant's endpoints."""

    items = fields.List(fields.Nested(WebhookView), required=True)


class AttemptView(Schema):
    """One attempt."""

    number = fields.Integer(required=True)
    at = Moment(required=True)
    status = fields.Integer(required=True, allow_none=True, metadata={"description": "HTTP 状态码"})
    failure = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "没有得到回答的原因：TIMEOUT、NAME_NOT_FOUND、NOT_CONNECTED、TLS、BROKEN_ANSWER、"
            "ADDRESS_NOT_ALLOWED、HOST_NOT_REGISTERED、OUR_FAULT"
        },
    )
    took_ms = fields.Integer(required=True)
    excerpt = fields.String(
        required=True, metadata={"description": "贵方回答的开头，不超过 200 字，长数字已遮去"}
    )


class DeliveryView(Schema):
    """One event on its way to one endpoint, and every attempt so far."""

    id = fields.Integer(required=True)
    event_id = fields.String(required=True)
    type = fields.String(required=True)
    sequence = fields.Integer(required=True, metadata={"description": "同一订单的第几件事，从 1 起"})
    out_order_no = fields.String(required=True, allow_none=True)
    url = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    replay = fields.Boolean(required=True)
    created_at = Moment(required=True)
    due_at = Moment(required=True, allow_none=True, metadata={"description": "下一次尝试的时间"})
    settled_at = Moment(required=True, allow_none=True)
    attempts = fields.List(fields.Nested(AttemptView), required=True)


class DeliveryPage(Schema):
    """Deliveries, the newest first."""

    items = fields.List(fields.Nested(DeliveryView), required=True)
    next_before = fields.Integer(
        required=True, allow_none=True, metadata={"description": "下一页的 before；没有下一页时为 null"}
    )


class DeliveryQuery(Body):
    """Which deliveries."""

    state = fields.String(
        validate=validate.OneOf(STATES, error="应为 WAITING、DELIVERED、GIVEN_UP 或 DROPPED")
    )
    out_order_no = Text(32, verbatim=True, required=False)
    before = Number(1, 2**63 - 1)


class NoticeKeySet(Schema):
    """RFC 7517 §5."""

    keys = fields.List(fields.Dict(), required=True)
